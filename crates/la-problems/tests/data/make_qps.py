# Writes problems of the data folder in fixed MPS format, numbers rounded to what a field holds (NumPy 2): python3 make_qps.py HS118 QAFIRO
import numpy as np, os, sys
folder=os.environ['LA_DATA_DIR']
for name in sys.argv[1:]:
    z=np.load(f'{folder}/qp/maros/{name}.npz')
    n=len(z['q']);m=len(z['l'])
    def num(v):
        s=f'{float(v) if abs(v)>1e-14 else 0.0:.11g}'
        assert len(s)<=12 and abs(float(s)-v)<=1e-11*max(1,abs(v)),(s,v); return s.rjust(12)
    out=[f'* {name} of the Maros-Meszaros collection',f'NAME          {name}','ROWS',' N  COST']
    kinds=[]
    for i,(l,u) in enumerate(zip(z['l'],z['u'])):
        k='E' if l==u else 'R' if np.isfinite(l) and np.isfinite(u) else 'L' if np.isfinite(u) else 'G'
        kinds.append(k); out.append(f' {"G" if k=="R" else k}  R{i+1:04d}')
    out.append('COLUMNS')
    for j in range(n):
        ent=([('COST',z['q'][j])] if z['q'][j]!=0 else [])+[(f'R{z["A_indices"][k]+1:04d}',z['A_data'][k]) for k in range(z['A_indptr'][j],z['A_indptr'][j+1])]
        if not ent: ent=[('COST',0.0)]
        for a in range(0,len(ent),2):
            line=f'    C{j+1:04d}     '+f'{ent[a][0]:<8}  {num(ent[a][1])}'
            if a+1<len(ent): line+=f'   {ent[a+1][0]:<8}  {num(ent[a+1][1])}'
            out.append(line)
    out.append('RHS')
    if z['r'][0]!=0: out.append(f'    B         {"COST":<8}  {num(-z["r"][0])}')
    for i,k in enumerate(kinds):
        v=z['u'][i] if k in 'EL' else z['l'][i]
        if v!=0: out.append(f'    B         R{i+1:04d}     {num(v)}')
    if 'R' in kinds:
        out.append('RANGES')
        for i,k in enumerate(kinds):
            if k=='R': out.append(f'    RNG       R{i+1:04d}     {num(z["u"][i]-z["l"][i])}')
    out.append('BOUNDS')
    for j,(l,u) in enumerate(zip(z['lb'],z['ub'])):
        c=f'C{j+1:04d}'
        if l==-np.inf and u==np.inf: out.append(f' FR BND       {c}')
        elif l==u: out.append(f' FX BND       {c}     {num(l)}')
        else:
            if l==-np.inf: out.append(f' MI BND       {c}')
            elif l!=0: out.append(f' LO BND       {c}     {num(l)}')
            if u!=np.inf: out.append(f' UP BND       {c}     {num(u)}')
    out.append('QUADOBJ')
    for j in range(n):
        for k in range(z['P_indptr'][j],z['P_indptr'][j+1]):
            i=z['P_indices'][k]
            if i>=j: out.append(f'    C{j+1:04d}     C{i+1:04d}     {num(z["P_data"][k])}')
    out.append('ENDATA')
    open(f'{name.lower()}.qps','w').write('\n'.join(out)+'\n')
