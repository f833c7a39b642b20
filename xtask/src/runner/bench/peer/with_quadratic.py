"""DAQP, PIQP, quadprog, OSQP and Clarabel, on batches of quadratic programs."""

import os
import time

import numpy as np
import scipy.sparse as sp

clock = time.perf_counter
packages = {}
for package in ("daqp", "piqp", "quadprog", "osqp", "clarabel"):
    try:
        packages[package] = __import__(package)
    except Exception as failure:  # a broken extension module may raise anything
        packages[package] = f"{type(failure).__name__}: {failure}"

# The same for everybody whose tolerance is a residual.
TOLERANCE = 1e-6
# DAQP takes this for infinity.
FAR = 1e30
batches = {}
models = {}


def versions():
    from importlib.metadata import version

    return ", ".join(f"{name} {version(name)}" for name, it in packages.items() if not isinstance(it, str))


def module(name):
    found = packages[name]
    if isinstance(found, str):
        raise RuntimeError(found)
    return found


class Batch:
    """Minimise x'Px/2 + q'x, l <= Gx <= u, G = [I 0; A]; many q, l, u for the same P and A."""

    def __init__(self, folder, n, m, bounds):
        part = lambda name: np.load(os.path.join(folder, name + ".npy"))
        self.n, self.m, self.bounds = n, m, bounds
        self.p = np.ascontiguousarray(part("hessian").reshape(n, n))
        self.a = np.ascontiguousarray(part("rows").reshape(m - bounds, n))
        self.q = part("linear").reshape(-1, n)
        self.l = part("lower").reshape(-1, m)
        self.u = part("upper").reshape(-1, m)
        self.objective = part("objective")
        self.g = np.vstack([np.eye(n)[:bounds], self.a])
        # Sparse forms, made before the clock starts; entries that are zero are left out for those who want sparse matrices.
        self.p_upper = sp.csc_matrix(np.triu(self.p))
        self.g_sparse = sp.csc_matrix(self.g)
        # Rows with a finite side, for those who take one side only.
        self.above = np.isfinite(self.u).any(axis=0)
        self.below = np.isfinite(self.l).any(axis=0)
        self.equal = (self.l == self.u).all(axis=0)

    def error(self, k, x):
        value = 0.5 * x @ self.p @ x + self.q[k] @ x
        return abs(value - self.objective[k]) / max(1.0, abs(self.objective[k]))

    def violation(self, k, x):
        gx = self.g @ x
        return max(0.0, np.max(gx - self.u[k]), np.max(self.l[k] - gx))


def open_batch(name, folder, n, m, bounds):
    batches[name] = Batch(folder, int(n), int(m), int(bounds))


def forget(name):
    batches.pop(name, None)


def daqp(batch, k):
    bounded = lambda x: np.ascontiguousarray(np.clip(x, -FAR, FAR))
    sense = np.where(batch.equal, 5, 0).astype(np.int32)
    x, _, flag, info = module("daqp").solve(
        batch.p, batch.q[k], batch.a, bounded(batch.u[k]), bounded(batch.l[k]), sense
    )
    if flag < 1:
        raise RuntimeError(f"problem {k}: flag {flag}")
    return info["setup_time"] + info["solve_time"], info["iterations"], x


def daqp_setup(batch, k):
    bounded = lambda x: np.ascontiguousarray(np.clip(x, -FAR, FAR))
    sense = np.where(batch.equal, 5, 0).astype(np.int32)
    model = module("daqp").Model()
    flag, seconds = model.setup(batch.p, batch.q[k], batch.a, bounded(batch.u[k]), bounded(batch.l[k]), sense)
    if flag < 0:
        raise RuntimeError(f"problem {k}: flag {flag}")
    return seconds


def piqp(batch, k):
    piqp = module("piqp")
    solver = piqp.DenseSolver()
    solver.settings.compute_timings = True
    solver.settings.eps_abs = solver.settings.eps_rel = TOLERANCE
    solver.settings.check_duality_gap = True
    solver.settings.eps_duality_gap_abs = solver.settings.eps_duality_gap_rel = TOLERANCE
    low, high = batch.l[k].copy(), batch.u[k].copy()
    s, equal = batch.bounds, batch.equal[batch.bounds :]
    limits = [np.full(batch.n, np.inf) for _ in range(2)]
    limits[0][:s], limits[1][:s] = -low[:s], high[:s]
    rows, l, u = batch.a, low[s:], high[s:]
    solver.setup(
        batch.p, batch.q[k], rows[equal], l[equal], rows[~equal], l[~equal], u[~equal], -limits[0], limits[1]
    )
    status = solver.solve()
    if status != piqp.PIQP_SOLVED:
        raise RuntimeError(f"problem {k}: {status}")
    info = solver.result.info
    return info.setup_time + info.solve_time, info.iter, solver.result.x


def quadprog(batch, k):
    solve = module("quadprog").solve_qp
    above, below, equal = batch.above & ~batch.equal, batch.below & ~batch.equal, batch.equal
    g = batch.g
    c = np.ascontiguousarray(np.vstack([g[equal], -g[above], g[below]]).T)
    b = np.concatenate([batch.l[k][equal], -batch.u[k][above], batch.l[k][below]])
    if not np.isfinite(b).all():
        b = np.clip(b, -FAR, FAR)
    p, a = batch.p.copy(), -batch.q[k]
    start = clock()
    x, _, _, iterations, _, _ = solve(p, a, c, b, int(equal.sum()))
    return clock() - start, int(iterations[0]), x


def osqp(batch, k):
    solver = module("osqp").OSQP()
    solver.setup(
        P=batch.p_upper,
        q=batch.q[k],
        A=batch.g_sparse,
        l=batch.l[k],
        u=batch.u[k],
        eps_abs=TOLERANCE,
        eps_rel=TOLERANCE,
        max_iter=100_000,
        verbose=False,
    )
    result = solver.solve()
    if result.info.status != "solved":
        raise RuntimeError(f"problem {k}: {result.info.status}")
    return result.info.setup_time + result.info.solve_time, result.info.iter, result.x


def clarabel(batch, k):
    clarabel = module("clarabel")
    above, below, equal = batch.above & ~batch.equal, batch.below & ~batch.equal, batch.equal
    g, high, low = batch.g, batch.u[k], batch.l[k]
    above, below = above & np.isfinite(high), below & np.isfinite(low)
    rows = sp.csc_matrix(np.vstack([g[equal], g[above], -g[below]]))
    sides = np.concatenate([high[equal], high[above], -low[below]])
    cones = [clarabel.ZeroConeT(int(equal.sum()))] if equal.any() else []
    cones.append(clarabel.NonnegativeConeT(int(above.sum() + below.sum())))
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.max_threads = 1
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = TOLERANCE
    start = clock()
    solution = clarabel.DefaultSolver(batch.p_upper, batch.q[k], rows, sides, cones, settings).solve()
    seconds = clock() - start
    if str(solution.status) != "Solved":
        raise RuntimeError(f"problem {k}: {solution.status}")
    return seconds, solution.iterations, np.array(solution.x)


COLD = {"qp-daqp": daqp, "qp-piqp": piqp, "qp-quadprog": quadprog, "qp-osqp": osqp, "qp-clarabel": clarabel}


def daqp_sequence(batch):
    """Update and solve, from the last working set; the first solve is not counted."""
    bounded = lambda x: np.ascontiguousarray(np.clip(x, -FAR, FAR))
    model = module("daqp").Model()
    sense = np.where(batch.equal, 5, 0).astype(np.int32)
    model.setup(batch.p, batch.q[0], batch.a, bounded(batch.u[0]), bounded(batch.l[0]), sense)
    model.solve()
    seconds, count, worst = 0.0, 0, 0.0
    sides = [(bounded(u), bounded(l)) for u, l in zip(batch.u, batch.l)]
    for k in range(1, len(batch.q)):
        # The package has no clock of its own around `update`; a call that changes nothing is what a call costs.
        start = clock()
        model.update()
        between = clock()
        model.update(f=batch.q[k], bupper=sides[k][0], blower=sides[k][1])
        end = clock()
        x, _, flag, info = model.solve()
        if flag < 1:
            raise RuntimeError(f"problem {k}: flag {flag}")
        seconds += max(0.0, (end - between) - (between - start)) + info["solve_time"]
        count += info["iterations"]
        worst = max(worst, batch.error(k, x))
    return seconds / (len(batch.q) - 1), count, worst


def cold(batch, solve):
    seconds, count, worst = 0.0, 0, 0.0
    for k in range(len(batch.q)):
        time_, iterations, x = solve(batch, k)
        seconds += time_
        count += int(iterations)
        worst = max(worst, batch.error(k, x), batch.violation(k, x))
    return seconds / len(batch.q), count, worst


def once(work, name, number):
    """Mean seconds of a problem, iterations of all, largest relative error of an objective; of the second of two times, the first fills the caches."""
    batch = batches[name]
    if work == "qp-daqp-setup":
        do = lambda: (sum(daqp_setup(batch, k) for k in range(len(batch.q))) / len(batch.q), 0)
    elif work == "qp-daqp-sequence":
        do = lambda: daqp_sequence(batch)
    else:
        do = lambda: cold(batch, COLD[work])
    do()
    return do()
