//! Reference counts of single families.

/// Iterations at n = 1e5 with IC(0), RIC(.97), MIC, MIC + D⁻² and DRIC.
pub(crate) const LARGE: [(&str, [u32; 5]); 12] = [
    ("poisson2 natural", [286, 131, 83, 80, 83]),
    ("poisson2 dissection", [337, 252, 694, 483, 197]),
    ("poisson2 random", [421, 447, 533, 3000, 533]),
    ("poisson3 natural", [54, 29, 38, 37, 38]),
    ("blocks2 natural", [651, 324, 119, 154, 221]),
    ("blocks3 natural", [140, 89, 89, 83, 94]),
    ("white2:1 natural", [380, 187, 99, 95, 88]),
    ("white2:2 natural", [538, 437, 179, 166, 190]),
    ("white3:2 natural", [89, 69, 80, 77, 63]),
    ("delaunay rcm", [342, 209, 321, 177, 165]),
    ("delaunay random", [458, 471, 635, 1167, 814]),
    ("graph rcm", [334, 253, 142, 145, 184]),
];
