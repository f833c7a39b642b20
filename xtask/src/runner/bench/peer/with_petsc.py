"""PETSc through petsc4py, in one process: real numbers, 32-bit indices, default options but those set here."""

import glob
import sys
import time

import numpy as np

# Debian keeps its builds side by side, and the link that chooses one may be missing.
BUILDS = "/usr/lib/petscdir/petsc[0-9]*/*-real/lib/python3/dist-packages"
try:
    import petsc4py
except ImportError:
    sys.path.extend(sorted(glob.glob(BUILDS), reverse=True)[:1])
    import petsc4py

petsc4py.init(["bench"])
from petsc4py import PETSc

if PETSc.ScalarType is not np.float64:
    raise RuntimeError("this PETSc was not built for real double precision")

clock = time.perf_counter
matrices = {}


def versions():
    return "PETSc " + ".".join(map(str, PETSc.Sys.getVersion()))


def load(name, indptr, indices, data, rhs, block, modes):
    index = PETSc.IntType
    n = len(indptr) - 1
    csr = (indptr.astype(index), indices.astype(index), data)
    a = PETSc.Mat().createAIJ((n, n), bsize=block, csr=csr, comm=PETSc.COMM_SELF)
    b = a.createVecLeft()
    if modes is not None:
        # It asks for orthonormal vectors.
        vectors = [b.duplicate() for _ in modes]
        for vector, values in zip(vectors, np.linalg.qr(modes.T)[0].T):
            vector.setArray(values)
        a.setNearNullSpace(PETSc.NullSpace().create(vectors=vectors, comm=PETSc.COMM_SELF))
    b.setArray(rhs)
    matrices[name] = (a, b)


def forget(name):
    for thing in matrices.pop(name, ()):
        thing.destroy()


def solve(a, b, method, preconditioner, rtol, limit=100_000):
    """Set-up and solve, stopped by the norm of the unpreconditioned residual."""
    x = b.duplicate()
    start = clock()
    ksp = PETSc.KSP().create(PETSc.COMM_SELF)
    ksp.setOperators(a)
    ksp.setType(method)
    pc = ksp.getPC()
    pc.setType(preconditioner)
    if preconditioner in ("icc", "ilu"):
        pc.setFactorLevels(0)
    if method == "gmres":
        ksp.setGMRESRestart(30)
        ksp.setPCSide(PETSc.PC.Side.RIGHT)
    ksp.setNormType(PETSc.KSP.NormType.UNPRECONDITIONED)
    ksp.setTolerances(rtol=rtol, atol=0.0, divtol=1e10, max_it=limit)
    ksp.solve(b, x)
    seconds = clock() - start
    count = ksp.getIterationNumber()
    r = b.duplicate()
    a.mult(x, r)
    r.aypx(-1.0, b)
    residual = r.norm() / b.norm()
    reason = ksp.getConvergedReason()
    for thing in (ksp, x, r):
        thing.destroy()
    if not np.isfinite(residual):
        raise RuntimeError(f"the result is not finite (reason {reason})")
    return seconds, count, residual


SOLVES = {
    "cg-jacobi": ("cg", "jacobi"),
    "cg-ic0": ("cg", "icc"),
    "gmres-ilu0": ("gmres", "ilu"),
    "cg-gamg": ("cg", "gamg"),
    "cg-hypre": ("cg", "hypre"),
}


def once(work, name, number):
    a, b = matrices[name]
    if work == "matvec":
        y = b.duplicate()
        start = clock()
        for _ in range(int(number)):
            a.mult(b, y)
        return (clock() - start) / int(number), int(number)
    if work == "cg-steps":
        seconds, count, _ = solve(a, b, "cg", "none", 1e-300, int(number))
        return seconds / max(count, 1), count
    if work in SOLVES:
        return solve(a, b, *SOLVES[work], float(number))
    raise ValueError(f"unknown work {work}")
