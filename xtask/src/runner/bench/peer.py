"""Does the work of `bench` in SciPy and ILU++: one command a line, one answer a line.

load NAME FOLDER          reads indptr, indices, data and rhs (NumPy files) as a CSR matrix
time WORK NAME [NUMBER]   does WORK once and answers its seconds and a count (iterations, or entries)
keep NAME FOLDER          writes the IC(0) factor computed last as indptr, indices and data

Answers begin with `ok` or `error`.
"""

import gc
import os
import sys
import time

import numpy as np
import scipy
import scipy.sparse as sp
from scipy.sparse.linalg import cg

try:
    import ilupp
except Exception as failure:  # a broken extension module may raise anything
    ilupp = None
    why_not = f"{type(failure).__name__}: {failure}"

matrices = {}
results = {}


def version(name):
    from importlib.metadata import version as of

    return of(name)


def load(name, folder):
    part = lambda p: np.load(os.path.join(folder, p + ".npy"))
    indptr, indices, data, rhs = map(part, ["indptr", "indices", "data", "rhs"])
    n = len(indptr) - 1
    a = sp.csr_matrix((data, indices, indptr), shape=(n, n))
    a.has_sorted_indices = True
    matrices[name] = (a, rhs)


def need_ilupp():
    if ilupp is None:
        raise RuntimeError(why_not)


def run_cg(a, b, rtol, limit, m):
    count = 0

    def step(_):
        nonlocal count
        count += 1

    start = time.perf_counter()
    if m == "ic0":
        m = ilupp.IChol0Preconditioner(a)
    cg(a, b, rtol=rtol, atol=0.0, maxiter=limit, M=m, callback=step)
    return time.perf_counter() - start, count


def once(work, name, number):
    a, b = matrices[name]
    clock = time.perf_counter
    if work == "ichol0":
        need_ilupp()
        results.pop(name, None)
        start = clock()
        factor = ilupp.ichol0(a)
        seconds = clock() - start
        results[name] = factor
        return seconds, factor.nnz
    if work == "ichol0-preconditioner":
        need_ilupp()
        start = clock()
        m = ilupp.IChol0Preconditioner(a)
        return clock() - start, m.shape[0]
    if work == "ichol0-apply":
        need_ilupp()
        m = results.get("apply " + name)
        if m is None:
            m = results["apply " + name] = ilupp.IChol0Preconditioner(a)
        start = clock()
        for _ in range(int(number)):
            m.matvec(b)
        return (clock() - start) / int(number), int(number)
    if work == "matvec":
        start = clock()
        for _ in range(int(number)):
            a @ b
        return (clock() - start) / int(number), int(number)
    if work == "cg":
        return run_cg(a, b, float(number), 100_000, None)
    if work == "cg-ic0":
        need_ilupp()
        return run_cg(a, b, float(number), 100_000, "ic0")
    if work == "cg-steps":
        return run_cg(a, b, 0.0, int(number), None)
    raise ValueError(f"unknown work {work}")


def keep(name, folder):
    lower = sp.csr_matrix(results[name])
    lower.sort_indices()
    for part in ("indptr", "indices", "data"):
        np.save(os.path.join(folder, part + ".npy"), getattr(lower, part).astype(np.float64))


def main():
    found = f"numpy {np.__version__}, scipy {scipy.__version__}"
    found += f", ilupp {version('ilupp')}" if ilupp else ""
    print("ok", found, flush=True)
    for line in sys.stdin:
        words = line.rstrip("\n").split("\t")
        try:
            if words[0] == "load":
                load(*words[1:])
                answer = ""
            elif words[0] == "keep":
                keep(*words[1:])
                answer = ""
            elif words[0] == "time":
                gc.collect()
                gc.disable()
                answer = "%.9e %d" % once(words[1], words[2], words[3] if len(words) > 3 else "1")
                gc.enable()
            else:
                raise ValueError(f"unknown command {words[0]}")
            print("ok", answer, flush=True)
        except Exception as failure:  # said to the other side, which decides
            text = f"{type(failure).__name__}: {failure}".replace("\n", " ")
            print("error", text, flush=True)


main()
