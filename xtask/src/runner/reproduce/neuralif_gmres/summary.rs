//! The words of the report.

use xtask::report::{Control, Figure, Page, Results};

use super::super::Request;
use super::super::digest as shared;

/// Columns of the overview.
pub(super) const QUANTITIES: [(&str, &str); 9] = [
    ("iterations@1e-6", "it 1e-6"),
    ("fill_ratio", "fill"),
    ("setup_seconds", "set-up s"),
    ("solve_seconds", "solve s"),
    ("total_seconds", "total s"),
    ("iterations_ratio_to_ilu0", "it/ilu0"),
    ("setup_ratio_to_ilu0", "set-up/ilu0"),
    ("total_ratio_to_ilu0", "total/ilu0"),
    ("total_ratio_to_ilut", "total/ilut"),
];

/// Puts the report together.
pub(super) fn page(
    request: &Request,
    results: &Results,
    figures: Vec<Figure>,
    controls: Vec<Control>,
    notes: Vec<String>,
) -> Page {
    Page {
        title: format!("Learned LU for GMRES, profile {}", request.profile.name()),
        overview: shared::overview(results, &QUANTITIES),
        summary: headline(results),
        figures,
        controls,
        command: command(request),
        deviations: deviations(),
        notes,
    }
}

/// The headline in numbers that stand in the table: for each set the best network against the best classical factorisation.
fn headline(results: &Results) -> String {
    let mut sets: Vec<&str> = Vec::new();
    for m in &results.measurements {
        if !sets.contains(&m.problem.as_str()) {
            sets.push(&m.problem);
        }
    }
    let lines = sets.iter().filter_map(|set| {
        let totals = results.measurements.iter().filter(|m| {
            m.problem == **set && m.quantity == "total_seconds" && m.value.is_some()
        });
        let (learned, classical): (Vec<_>, Vec<_>) =
            totals.partition(|m| m.method.starts_with("learned-"));
        let least = |list: Vec<&'_ xtask::report::Measurement>| {
            list.into_iter()
                .filter_map(|m| Some((m.method.clone(), m.value?)))
                .min_by(|a, b| a.1.total_cmp(&b.1))
        };
        let (classical_name, classical) = least(classical)?;
        let Some((name, seconds)) = least(learned) else {
            return Some(format!("{set}: {classical_name} takes {classical:.4} s; no network solved all of it."));
        };
        Some(format!(
            "{set}: the fastest network, {name}, takes {:.2} of the total time of the fastest classical method, \
             {classical_name} ({seconds:.4} s and {classical:.4} s, set-up and solve to 1e-6, one thread).",
            seconds / classical
        ))
    });
    lines.collect::<Vec<_>>().join(" ")
}

/// The command that gives this report.
fn command(request: &Request) -> String {
    let mut command = format!(
        "cargo xtask reproduce neuralif-gmres --profile {}",
        request.profile.name()
    );
    if request.train {
        command += " --train";
    }
    if request.device != "auto" {
        command += &format!(" --device {}", request.device);
    }
    if request.seed != 0 {
        command += &format!(" --seed {}", request.seed);
    }
    command
}

fn deviations() -> Vec<String> {
    [
        "The default test set is a Poisson matrix plus sparse uniform noise: the text of the paper (noise from N(0, 1) on every \
         nonzero, `perturbed-nonzeros` here) contradicts its own table, whose norms, singular values and iteration counts \
         are those of the sparse noise.",
        "Random numbers are ChaCha8 and not NumPy's: the distribution is meant to be the published one, the matrices are not.",
        "GMRES keeps its basis in place and the small least-squares problem by Givens rotations, and orthogonalises by classical \
         Gram–Schmidt, twice where needed; the authors' code grows the basis by copies and repeats the small factorisation from scratch in \
         every iteration, which dominates the published times of slow methods. Iteration counts are comparable, times are not.",
        "Times of the paper were taken on another machine: ratios to ILU(0) are the numbers to compare.",
        "ILU(0) is ours, not ILU++'s; both are without fill. ILUT is not in the paper; its drop tolerance and fill are chosen on \
         validation matrices of each set.",
        "The samples around the reservoir matrices (ORSIRR 1, ORSIRR 2, ORSREG 1) have their values times exp(0.1 z), z from N(0, 1).",
        "Ratios are means over matrices of ratios on the same matrix; times are medians of interleaved repetitions on one thread; a \
         method that takes more than 5 s is measured once.",
    ]
    .map(String::from)
    .to_vec()
}
