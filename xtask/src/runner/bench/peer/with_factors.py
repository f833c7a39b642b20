"""scikit-learn and nimfa, on nonnegative matrices."""

import os
import time
import warnings

import numpy as np
import scipy.sparse as sp

clock = time.perf_counter
packages = {}
for package, module in (("scikit-learn", "sklearn.decomposition"), ("nimfa", "nimfa")):
    try:
        __import__(module)
        packages[package] = __import__(module, fromlist=["*"])
    except Exception as failure:  # a broken package may raise anything
        packages[package] = f"{type(failure).__name__}: {failure}"
matrices = {}


def versions():
    from importlib.metadata import version

    return ", ".join(f"{name} {version(name)}" for name, it in packages.items() if not isinstance(it, str))


def module(name):
    found = packages[name]
    if isinstance(found, str):
        raise RuntimeError(found)
    return found


def open_batch(name, folder, m, n, rank, iterations):
    m, n, rank = int(m), int(n), int(rank)
    part = lambda name: np.load(os.path.join(folder, name + ".npy"))
    if os.path.exists(os.path.join(folder, "pointers.npy")):
        parts = part("values"), part("columns").astype(np.int32), part("pointers").astype(np.int32)
        v = sp.csr_matrix(parts, shape=(m, n))
    else:
        v = part("values").reshape(m, n)
    factors = lambda w, h: (part(w).reshape(m, rank), np.ascontiguousarray(part(h).reshape(n, rank).T))
    matrices[name] = v, factors("w", "h"), factors("w_filled", "h_filled"), rank, int(iterations)


def forget(name):
    matrices.pop(name, None)


def rmse(v, w, h):
    m, n = v.shape
    if sp.issparse(v):
        square = v.multiply(v).sum() - 2.0 * np.sum((v.T @ w) * h.T) + np.sum((w.T @ w) * (h @ h.T))
    else:
        square = np.sum((v - w @ h) ** 2)
    return np.sqrt(max(square, 0.0) / (m * n))


def divergence(v, w, h):
    stored = sp.coo_matrix(v)
    q = np.einsum("kr,rk->k", w[stored.row], h[:, stored.col])
    x = stored.data
    return np.sum(x * np.log(x / q)) - np.sum(x) + np.sum(w.sum(axis=0) * h.sum(axis=1))


def once(work, name, number):
    v, start, filled, rank, iterations = matrices[name]
    warnings.simplefilter("ignore")
    if work in ("nmf-cd", "nmf-mu"):
        factorise = module("scikit-learn").non_negative_factorization
        w, h = (x.copy() for x in (start if work == "nmf-cd" else filled))
        began = clock()
        w, h, count = factorise(
            v, w, h, n_components=rank, init="custom", solver=work[4:], tol=0.0, max_iter=iterations
        )
        seconds = clock() - began
        return seconds, count, rmse(v, w, h)
    if work == "nmf-kl":
        factorise = module("scikit-learn").non_negative_factorization
        w, h = (x.copy() for x in filled)
        began = clock()
        w, h, count = factorise(
            v,
            w,
            h,
            n_components=rank,
            init="custom",
            solver="mu",
            beta_loss="kullback-leibler",
            tol=0.0,
            max_iter=iterations,
        )
        seconds = clock() - began
        return seconds, count, divergence(v, w, h)
    if work == "nmf-nimfa":
        # Projected gradients with line search; its own random start.
        method = module("nimfa").Lsnmf(np.asarray(v) if not sp.issparse(v) else v, rank=rank, max_iter=iterations)
        began = clock()
        fit = method().fit
        seconds = clock() - began
        return seconds, fit.n_iter, rmse(v, np.asarray(fit.basis()), np.asarray(fit.coef()))
    raise ValueError(f"unknown work {work}")
