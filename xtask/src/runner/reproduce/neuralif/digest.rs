//! What is printed at the end: a line for each method, then the numbers that have something to compare with.

use xtask::report::Results;

use super::super::digest as shared;

const QUANTITIES: [(&str, &str); 9] = [
    ("iterations@1e-3", "it 1e-3"),
    ("iterations@1e-6", "1e-6"),
    ("iterations@1e-8", "1e-8"),
    ("setup_seconds", "set-up s"),
    ("setup_ratio_to_ic0", "set-up/ic0"),
    ("total_seconds@1e-3", "total 1e-3 s"),
    ("iterations_ratio_to_ic0@1e-3", "it/ic0"),
    ("total_ratio_to_ic0@1e-3", "total/ic0"),
    ("total_ratio_to_ic0@1e-8", "to 1e-8"),
];

/// The overview, and the judged measurements.
pub(super) fn digest(results: &Results) -> String {
    shared::digest(results, &QUANTITIES)
}

/// One block per problem set, one line per method.
pub(super) fn overview(results: &Results) -> String {
    shared::overview(results, &QUANTITIES)
}
