"""Does the work of `bench` in another program: one command a line, one answer a line.

The first argument names the module that knows the program. It has `versions()`, `load(name, indptr, indices, data,
rhs, block, modes)`, `forget(name)` and `once(work, name, number)`, which gives seconds, a count (iterations, or entries) and a relative residual
that was computed after the clock had stopped; the last may be left out.

load NAME FOLDER BLOCK    reads indptr, indices, data and rhs (NumPy files) as a CSR matrix with BLOCK unknowns per node, and
                          modes, the near-null space, if it is there: one vector after the other
time WORK NAME [NUMBER]   does WORK once and answers its seconds, the count and the residual (nan without one)
open NAME FOLDER SIZES... reads a batch of problems (`open_batch` of the module)
forget NAME               releases the matrix and all that was made of it
keep NAME FOLDER          writes the IC(0) factor computed last as indptr, indices and data

Answers begin with `ok` or `error`.
"""

import gc
import importlib
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))


def said(failure):
    return f"{type(failure).__name__}: {failure}".replace("\n", " ")


def main():
    try:
        import numpy as np

        program = importlib.import_module(sys.argv[1])
        print("ok", program.versions(), flush=True)
    except Exception as failure:
        print("error", said(failure), flush=True)
        return
    for line in sys.stdin:
        words = line.rstrip("\n").split("\t")
        try:
            answer = ""
            if words[0] == "load":
                parts = [
                    np.load(os.path.join(words[2], part + ".npy"))
                    for part in ("indptr", "indices", "data", "rhs")
                ]
                modes = os.path.join(words[2], "modes.npy")
                modes = np.load(modes).reshape(-1, len(parts[3])) if os.path.exists(modes) else None
                program.load(words[1], *parts, int(words[3]), modes)
            elif words[0] == "open":
                program.open_batch(*words[1:])
            elif words[0] == "forget":
                program.forget(words[1])
            elif words[0] == "keep":
                program.keep(*words[1:])
            elif words[0] == "time":
                gc.collect()
                gc.disable()
                seconds, count, *residual = program.once(*words[1:3], words[3] if len(words) > 3 else "1")
                answer = "%.9e %d %.6e" % (seconds, count, residual[0] if residual else float("nan"))
                gc.enable()
            else:
                raise ValueError(f"unknown command {words[0]}")
            print("ok", answer, flush=True)
        except Exception as failure:  # said to the other side, which decides
            print("error", said(failure), flush=True)


main()
