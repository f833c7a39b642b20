"""Fifty iterations of scikit-learn's coordinate descent: peer.py FOLDER; prints seconds and error."""

import pathlib
import sys
import time
import warnings

import numpy as np
import scipy.sparse
from sklearn.decomposition import non_negative_factorization

folder = pathlib.Path(sys.argv[1])
m, n, r, iterations = np.fromfile(folder / "shape", dtype=np.uint64).astype(int)
read = lambda name, kind=np.float64: np.fromfile(folder / name, dtype=kind)
if (folder / "pointers").exists():
    parts = read("values"), read("columns", np.uint64).astype(np.int32), read("pointers", np.uint64).astype(np.int32)
    V = scipy.sparse.csr_matrix(parts, shape=(m, n))
else:
    V = read("values").reshape(m, n)
W, H = read("w").reshape(m, r), read("h").reshape(n, r).T.copy()
warnings.simplefilter("ignore")
start = time.perf_counter()
W, H, _ = non_negative_factorization(
    V, W, H, n_components=r, init="custom", solver="cd", tol=0.0, max_iter=iterations
)
seconds = time.perf_counter() - start
if scipy.sparse.issparse(V):
    square = V.multiply(V).sum() - 2.0 * np.sum((V.T @ W) * H.T) + np.sum((W.T @ W) * (H @ H.T))
else:
    square = np.sum((V - W @ H) ** 2)
print(seconds, np.sqrt(square / (m * n)))
