"""SciPy (with SuperLU), ILU++ and PyAMG."""

import os
import time
import warnings

import numpy as np
import scipy
import scipy.sparse as sp
from scipy.sparse.linalg import cg, spilu

try:
    import ilupp
except Exception as failure:  # a broken extension module may raise anything
    ilupp = None
    why_no_ilupp = f"{type(failure).__name__}: {failure}"
try:
    import pyamg
except Exception as failure:
    pyamg = None
    why_no_pyamg = f"{type(failure).__name__}: {failure}"

clock = time.perf_counter
matrices = {}
results = {}


def versions():
    from importlib.metadata import version

    found = f"numpy {np.__version__}, scipy {scipy.__version__}"
    found += f", ilupp {version('ilupp')}" if ilupp else ""
    return found + (f", pyamg {version('pyamg')}" if pyamg else "")


def load(name, indptr, indices, data, rhs, block, modes):
    n = len(indptr) - 1
    a = sp.csr_matrix((data, indices, indptr), shape=(n, n))
    a.has_sorted_indices = True
    matrices[name] = (a, rhs)
    if modes is not None:
        # Blocks are how PyAMG is told which unknowns belong together.
        results["modes " + name] = (a.tobsr((block, block)), np.ascontiguousarray(modes.T))


def forget(name):
    matrices.pop(name, None)
    for key in [key for key in results if key == name or key.endswith(" " + name)]:
        del results[key]


def need_ilupp():
    if ilupp is None:
        raise RuntimeError(why_no_ilupp)


def residual(a, b, x):
    relative = np.linalg.norm(b - a @ x) / np.linalg.norm(b)
    if not np.isfinite(relative):
        raise RuntimeError("the result is not finite")
    return relative


def run_cg(a, b, rtol, limit, m):
    count = 0

    def step(_):
        nonlocal count
        count += 1

    start = clock()
    if m == "ic0":
        m = ilupp.IChol0Preconditioner(a)
    x, _ = cg(a, b, rtol=rtol, atol=0.0, maxiter=limit, M=m, callback=step)
    return clock() - start, count, residual(a, b, x)


def run_pyamg(work, name, a, b, number):
    if pyamg is None:
        raise RuntimeError(why_no_pyamg)
    if work == "pyamg-setup":
        results.pop("pyamg " + name, None)
        blocks, modes = results.get("modes " + name, (a, None))
        start = clock()
        hierarchy = pyamg.smoothed_aggregation_solver(blocks, B=modes)
        seconds = clock() - start
        results["pyamg " + name] = hierarchy
        return seconds, len(hierarchy.levels)
    norms = []
    hierarchy = results["pyamg " + name]
    start = clock()
    x = hierarchy.solve(b, tol=float(number), accel="cg", maxiter=1000, residuals=norms)
    return clock() - start, len(norms) - 1, residual(a, b, x)


def run_spilu(name, a, b, number):
    drop, fill = map(float, number.split(","))
    columns = results.get("csc " + name)
    if columns is None:
        columns = results["csc " + name] = a.tocsc()
    start = clock()
    factor = spilu(columns, drop_tol=drop, fill_factor=fill, permc_spec="NATURAL", diag_pivot_thresh=0.0)
    seconds = clock() - start
    # Both of its triangles store their diagonal; it counts once, as in the others.
    return seconds, factor.nnz - len(b), residual(a, b, factor.solve(b))


def run_ilut(a, b, number):
    need_ilupp()
    drop, fill = number.split(",")
    start = clock()
    factor = ilupp.ILUTPreconditioner(a, fill_in=int(fill), threshold=float(drop))
    seconds = clock() - start
    return seconds, factor.total_nnz, residual(a, b, factor @ b)


def fgmres(a, b, apply, rtol=1e-8, restart=10, limit=100):
    """Flexible GMRES by one pass of modified Gram-Schmidt; a tracked residual that is not the true one is an error."""
    x, count = np.zeros_like(b), 0
    r, norm = b.copy(), np.linalg.norm(b)
    beta = norm
    while True:
        v, z = [r / beta], []
        h = np.zeros((restart + 1, restart))
        for j in range(restart):
            z.append(apply(v[j]))
            w = a @ z[j]
            before = np.linalg.norm(w)
            for k in range(j + 1):
                h[k, j] = v[k] @ w
                w = w - h[k, j] * v[k]
            h[j + 1, j] = np.linalg.norm(w)
            if not np.isfinite(before) or before == 0.0:
                raise RuntimeError("the preconditioner returned zero or no number")
            g = np.zeros(j + 2)
            g[0] = beta
            y = np.linalg.lstsq(h[: j + 2, : j + 1], g, rcond=None)[0]
            tracked = np.linalg.norm(g - h[: j + 2, : j + 1] @ y)
            count += 1
            end = tracked < rtol * norm or count == limit
            if end or j + 1 == restart or h[j + 1, j] <= 1e-15 * before:
                break
            v.append(w / h[j + 1, j])
        x = x + np.column_stack(z) @ y
        r = b - a @ x
        beta = np.linalg.norm(r)
        if not abs(tracked - beta) <= 1e-8 + 1e-5 * beta:
            raise RuntimeError("residual mismatch")
        if end or beta < rtol * norm:
            return x, count


def run_gnp(work, name, a, b):
    """The ILU and the AMG of the paper on graph neural preconditioners: SuperLU and PyAMG as they choose themselves, and AIR for what is not symmetric."""
    key = work.removesuffix("-setup") + " " + name
    if work.endswith("-setup"):
        results.pop(key, None)
        if work.startswith("gnp-ilu"):
            columns = a.tocsc()
            start = clock()
            results[key] = spilu(columns).solve
        else:
            if pyamg is None:
                raise RuntimeError(why_no_pyamg)
            start = clock()
            configuration = pyamg.blackbox.solver_configuration(a, verb=False)
            if work.startswith("gnp-air") and configuration["symmetry"] == "nonsymmetric":
                smoothers = {name: configuration[name] for name in ("presmoother", "postsmoother")}
                solver = pyamg.classical.air_solver(a, **smoothers)
            else:
                solver = pyamg.blackbox.solver(a, configuration)
            results[key] = solver.aspreconditioner().matvec
        return clock() - start, 0
    apply = results[key]
    start = clock()
    x, count = fgmres(a, b, apply)
    return clock() - start, count, residual(a, b, x)


def once(work, name, number):
    a, b = matrices[name]
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
    if work == "cg-ic0":
        need_ilupp()
        return run_cg(a, b, float(number), 100_000, "ic0")
    if work == "cg-steps":
        seconds, count, _ = run_cg(a, b, 0.0, int(number), None)
        return seconds / max(count, 1), count
    if work in ("pyamg-setup", "pyamg-solve"):
        return run_pyamg(work, name, a, b, number)
    if work == "spilu":
        return run_spilu(name, a, b, number)
    if work.startswith("gnp-"):
        return run_gnp(work, name, a, b)
    if work == "ilut":
        return run_ilut(a, b, number)
    raise ValueError(f"unknown work {work}")


def keep(name, folder):
    lower = sp.csr_matrix(results[name])
    lower.sort_indices()
    for part in ("indptr", "indices", "data"):
        np.save(os.path.join(folder, part + ".npy"), getattr(lower, part).astype(np.float64))


# What a warning says, the count and the residual say too.
warnings.simplefilter("ignore")
