"""Writes the matrix files of tests/data/broken and tests/data/good (Python 3, standard library only)."""

import gzip
import pathlib
import re

FOLDER = pathlib.Path(__file__).parent / "broken"
BANNER = "%%MatrixMarket matrix coordinate real general\n"

MATRIX_MARKET = {
    "empty": "",
    "banner-missing": "2 2 1\n1 1 1.0\n",
    "banner-one-percent": "%MatrixMarket matrix coordinate real general\n2 2 1\n1 1 1.0\n",
    "banner-short": "%%MatrixMarket matrix coordinate real\n2 2 1\n1 1 1.0\n",
    "object-vector": "%%MatrixMarket vector coordinate real general\n2 2 1\n",
    "format-elemental": "%%MatrixMarket matrix elemental real general\n2 2 1\n",
    "field-complex": "%%MatrixMarket matrix coordinate complex general\n1 1 1\n1 1 1.0 0.0\n",
    "field-pattern-array": "%%MatrixMarket matrix array pattern general\n1 1\n",
    "symmetry-unknown": "%%MatrixMarket matrix coordinate real diagonal\n1 1 1\n1 1 1.0\n",
    "size-missing": BANNER + "% only comments\n\n",
    "size-short": BANNER + "2 2\n1 1 1.0\n",
    "size-long": BANNER + "2 2 1 7\n1 1 1.0\n",
    "size-negative": BANNER + "-2 2 1\n1 1 1.0\n",
    "size-overflow": BANNER + "2 2 99999999999999999999\n1 1 1.0\n",
    "size-huge-rows": BANNER + "4000000000 2 1\n1 1 1.0\n",
    "size-huge-entries": BANNER + "2 2 18446744073709551615\n1 1 1.0\n",
    "size-huge-array": "%%MatrixMarket matrix array real general\n9999999999 9999999999\n1.0\n",
    "symmetric-rectangular": "%%MatrixMarket matrix coordinate real symmetric\n2 3 1\n1 1 1.0\n",
    "row-zero": BANNER + "2 2 2\n% comment\n1 1 1.0\n0 1 1.0\n",
    "row-too-large": BANNER + "2 2 2\n1 1 1.0\n3 1 1.0\n",
    "column-too-large": BANNER + "2 2 2\n1 1 1.0\n1 3 1.0\n",
    "index-is-real": BANNER + "2 2 1\n1.0 1 1.0\n",
    "value-missing": BANNER + "2 2 1\n1 1\n",
    "value-not-a-number": BANNER + "2 2 1\n1 1 one\n",
    "value-nan": BANNER + "2 2 1\n1 1 NaN\n",
    "value-infinite": BANNER + "2 2 1\n1 1 -inf\n",
    "value-overflow": BANNER + "2 2 1\n1 1 1D999\n",
    "value-in-pattern": "%%MatrixMarket matrix coordinate pattern general\n2 2 1\n1 1 1.0\n",
    "value-complex": BANNER + "2 2 1\n1 1 1.0 2.0\n",
    "value-real-in-integer": "%%MatrixMarket matrix coordinate integer general\n2 2 1\n1 1 1.5\n",
    "entries-too-few": BANNER + "2 2 3\n1 1 1.0\n2 2 1.0\n",
    "entries-too-many": BANNER + "2 2 1\n1 1 1.0\n2 2 1.0\n",
    "duplicate": BANNER + "2 2 3\n1 1 1.0\n\n2 2 1.0\n% comment\n1 1 3.0\n",
    "duplicate-mirrored": "%%MatrixMarket matrix coordinate real symmetric\n2 2 2\n2 1 1.0\n1 2 1.0\n",
    "skew-diagonal": "%%MatrixMarket matrix coordinate real skew-symmetric\n2 2 1\n2 2 1.0\n",
    "array-too-short": "%%MatrixMarket matrix array real general\n2 2\n1.0\n2.0\n3.0\n",
    "array-too-long": "%%MatrixMarket matrix array real symmetric\n2 2\n1.0\n2.0\n3.0\n4.0\n",
    "not-a-matrix": "<!DOCTYPE html>\n<html><body>404 Not Found</body></html>\n",
}


def card(title, counts, kind, sizes, formats, rest, rhs=""):
    lines = [title.ljust(72) + "KEY".ljust(8), "".join("%14d" % c for c in counts)]
    lines.append(kind.ljust(14) + "".join("%14d" % s for s in sizes))
    lines.append(formats[0].ljust(16) + formats[1].ljust(16) + formats[2].ljust(20) + "".join(formats[3:]))
    return "\n".join(lines + ([rhs] if rhs else []) + rest) + "\n"


FORMATS = ["(16I5)", "(16I5)", "(3E16.8)"]
POINTERS = "    1    3    4"
INDICES = "    1    2    2"
VALUES = "  2.00000000E+00 -1.00000000E+00  2.00000000E+00"
COUNTS = [3, 1, 1, 1, 0]
SIZES = [2, 2, 3, 0]

HARWELL_BOEING = {
    "complex": card("t", COUNTS, "CUA", SIZES, FORMATS, [POINTERS, INDICES, VALUES]),
    "elemental": card("t", COUNTS, "RSE", SIZES, FORMATS, [POINTERS, INDICES, VALUES]),
    "counts-short": card("t", [3, 1], "RUA", SIZES, FORMATS, [POINTERS, INDICES, VALUES]),
    "counts-text": card("t", COUNTS, "RUA", SIZES, FORMATS, []).replace("             3", "           abc", 1),
    "sizes-short": card("t", COUNTS, "RUA", [2, 2], FORMATS, [POINTERS, INDICES, VALUES]),
    "symmetric-rectangular": card("t", COUNTS, "RSA", [3, 2, 3, 0], FORMATS, [POINTERS, INDICES, VALUES]),
    "pointer-format": card("t", COUNTS, "RUA", SIZES, ["(16E5.1)"] + FORMATS[1:], [POINTERS, INDICES, VALUES]),
    "value-format": card("t", COUNTS, "RUA", SIZES, FORMATS[:2] + ["(3A16)"], [POINTERS, INDICES, VALUES]),
    "no-values": card("t", [2, 1, 1, 0, 0], "RUA", SIZES, FORMATS, [POINTERS, INDICES]),
    "ends-in-header": card("t", COUNTS, "RUA", SIZES, FORMATS, []).rsplit("\n", 2)[0] + "\n",
    "pointer-start": card("t", COUNTS, "RUA", SIZES, FORMATS, ["    2    3    4", INDICES, VALUES]),
    "pointer-decreases": card("t", COUNTS, "RUA", [2, 3, 3, 0], FORMATS, ["    1    3    2    4", INDICES, VALUES]),
    "pointer-end": card("t", COUNTS, "RUA", SIZES, FORMATS, ["    1    3    9", INDICES, VALUES]),
    "pointer-missing": card("t", COUNTS, "RUA", SIZES, FORMATS, ["    1    3", INDICES, VALUES]),
    "index-range": card("t", COUNTS, "RUA", SIZES, FORMATS, [POINTERS, "    1    3    2", VALUES]),
    "index-text": card("t", COUNTS, "RUA", SIZES, FORMATS, [POINTERS, "    1    x    2", VALUES]),
    "index-duplicate": card("t", COUNTS, "RUA", SIZES, FORMATS, [POINTERS, "    1    1    2", VALUES]),
    "skew-diagonal": card("t", COUNTS, "RZA", SIZES, FORMATS, [POINTERS, INDICES, VALUES]),
    "value-text": card("t", COUNTS, "RUA", SIZES, FORMATS, [POINTERS, INDICES, VALUES.replace("-1.0", "-1,0")]),
    "value-nan": card("t", COUNTS, "RUA", SIZES, FORMATS, [POINTERS, INDICES, "             NaN" * 3]),
    "values-cut": card("t", COUNTS, "RUA", SIZES, FORMATS, [POINTERS, INDICES, VALUES[:32]]),
    "values-absent": card("t", COUNTS, "RUA", SIZES, FORMATS, [POINTERS, INDICES]),
    "rhs-sparse": card("t", [4, 1, 1, 1, 1], "RUA", SIZES, FORMATS + ["(3E16.8)"],
                       [POINTERS, INDICES, VALUES, VALUES], "M".ljust(14) + "%14d%14d" % (1, 3)),
    "rhs-absent": card("t", [4, 1, 1, 1, 1], "RUA", SIZES, FORMATS + ["(3E16.8)"],
                       [POINTERS, INDICES, VALUES], "F".ljust(14) + "%14d%14d" % (1, 0)),
    "sizes-huge": card("t", COUNTS, "RUA", [4000000000, 2, 3, 0], FORMATS, [POINTERS, INDICES, VALUES]),
    "entries-huge": card("t", COUNTS, "RUA", [2, 2, 9000000000000, 0], FORMATS, [POINTERS, INDICES, VALUES]),
}

FOLDER.mkdir(exist_ok=True)
for name, text in MATRIX_MARKET.items():
    (FOLDER / f"mm-{name}.mtx").write_bytes(text.encode())
for name, text in HARWELL_BOEING.items():
    (FOLDER / f"hb-{name}.hb").write_bytes(text.encode())
(FOLDER / "mm-binary-garbage.mtx").write_bytes(bytes((i * 37 + 11) % 256 for i in range(600)))
(FOLDER / "mm-binary-entry.mtx").write_bytes(BANNER.encode() + b"2 2 1\n\xff\xfe\x00 1 1\n")
whole = gzip.compress((BANNER + "300 300 300\n" + "".join(f"{i} {i} {i}.5\n" for i in range(1, 301))).encode(), mtime=0)
(FOLDER / "gz-truncated.mtx.gz").write_bytes(whole[: len(whole) // 2])
(FOLDER / "gz-header-only.mtx.gz").write_bytes(whole[:10])
damaged = bytearray(whole)
damaged[-6] ^= 0xFF
(FOLDER / "gz-checksum.mtx.gz").write_bytes(bytes(damaged))
(FOLDER / "gz-of-nothing.mtx.gz").write_bytes(gzip.compress(b"", mtime=0))


def fixed(items, fortran, text):
    per_line, width = map(int, re.match(r"\((?:1P,?)?(\d+)[IEDF](\d+)", fortran).groups())
    cells = [text(item, width).rjust(width) for item in items]
    return ["".join(cells[k : k + per_line]) for k in range(0, len(cells), per_line)]


def good(name, kind, rows, pointers, indices, values, formats, rhs=()):
    """Writes one file; `formats` are those of pointers, indices, values and right-hand sides."""

    def real(value, width):
        if "I" in formats[2]:
            return str(value)
        if "F" in formats[2]:
            return "%.3f" % value
        return ("%.*E" % (width - 8, value)).replace("E", "D" if "D" in formats[2] else "E")

    parts = [fixed(pointers, formats[0], lambda i, _: str(i)), fixed(indices, formats[1], lambda i, _: str(i))]
    parts += [fixed(v, f, real) if v else [] for v, f in ((values, formats[2]), (rhs, formats[3] if rhs else ""))]
    counts = [sum(map(len, parts))] + [len(part) for part in parts][: 3 if kind[0].islower() else 4]
    sizes = [rows, len(pointers) - 1, len(indices), 0]
    padded = [f.ljust(20) if k >= 2 else f for k, f in enumerate(formats)]
    third = "F".ljust(14) + "%14d%14d" % (len(rhs) // rows, 0) if rhs else ""
    text = card("TEST MATRIX", counts, kind, sizes, padded, sum(parts, []), third)
    (FOLDER.parent / "good" / name).write_text(text)


I = "(16I5)"
good("symmetric.rsa", "RSA", 3, [1, 3, 5, 6], [1, 2, 2, 3, 3], [4.0, -1.0, 4.0, -2.0, 5.0],
     [I, I, "(1P5E16.8)", "(1P5E16.8)"], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
good("unsymmetric.rua", "RUA", 3, [1, 3, 4, 6], [1, 3, 2, 1, 3], [1.0, 2.0, 3.0, 4.0, 5.5], ["(2I6)", "(4I4)", "(2D20.12)"])
good("skew.rza", "RZA", 3, [1, 3, 4, 4], [2, 3, 3], [1.5, -2.0, 3.0], [I, I, "(10F8.3)"])
good("pattern.psa", "PSA", 3, [1, 3, 4, 5], [1, 3, 2, 3], [], [I, I, ""])
good("pattern.pua", "PUA", 3, [1, 2, 3, 4], [2, 3, 1], [], [I, I, ""])
good("rectangular.rra", "RRA", 2, [1, 2, 3, 4], [1, 2, 1], [1.0, 2.0, 3.0], [I, I, "(5E16.8)"])
good("integer.rb", "iua", 2, [1, 3, 4], [1, 2, 2], [7, -8, 9], ["(26I3)", "(26I3)", I])
good("rutherford.rb", "rsa", 2, [1, 3, 4], [1, 2, 2], [2.0, -1.0, 2.0], ["(26I3)", "(26I3)", "(3E25.15)"])
