//! The words of the report.

use xtask::report::{Control, Figure, Page, Results};

use super::super::Request;

/// Puts the report together.
pub(super) fn page(
    request: &Request,
    results: &Results,
    figures: Vec<Figure>,
    controls: Vec<Control>,
    notes: Vec<String>,
) -> Page {
    Page {
        title: format!("NeuralIF, profile {}", request.profile.name()),
        overview: super::digest::overview(results),
        summary: headline(results),
        figures,
        controls,
        command: command(request),
        deviations: deviations(),
        notes,
    }
}

/// The headline in numbers that stand in the table.
fn headline(results: &Results) -> String {
    let value = |method: &str, quantity: &str| {
        results
            .measurements
            .iter()
            .find(|m| {
                m.problem.starts_with("synthetic-n") && m.method == method && m.quantity == quantity
            })
            .and_then(|m| m.value)
    };
    let mut text = String::new();
    if let (Some(iterations), Some(total)) = (
        value("neuralif", "iterations_ratio_to_ic0@1e-3"),
        value("neuralif", "total_ratio_to_ic0@1e-3"),
    ) {
        text += &format!(
            "On the synthetic set the trained network needs {iterations:.3} of the iterations of IC(0) to a relative \
             residual of 1e-3, and {total:.3} of its total time (set-up and solve, one thread)."
        );
    }
    if let (Some(six), Some(eight)) = (
        value("neuralif", "iterations_ratio_to_ic0@1e-6"),
        value("neuralif", "iterations_ratio_to_ic0@1e-8"),
    ) {
        text += &format!(" To 1e-6 and 1e-8 the ratios of iterations are {six:.3} and {eight:.3}.");
    }
    if let (Some(learned), Some(classical)) = (
        value("neuralif-sp", "total_ratio_to_ic0@1e-3"),
        value("ic0-sp", "total_ratio_to_ic0@1e-3"),
    ) {
        text += &format!(
            " With small entries dropped the total times are {learned:.3} (network) and {classical:.3} (IC(0)) of IC(0)'s."
        );
    }
    if let (Some(learned), Some(classical), Some(ssor)) = (
        value("neuralif-thin", "total_ratio_to_ic0@1e-3"),
        value("ic0-thin", "total_ratio_to_ic0@1e-3"),
        value("ssor-thin", "total_ratio_to_ic0@1e-3"),
    ) {
        text += &format!(
            " On the matrix without its small entries they are {learned:.3} (network), {classical:.3} (IC(0)) and {ssor:.3} (SSOR)."
        );
    }
    if let Some(shifted) = value("ic0-shifted", "total_ratio_to_ic0@1e-3") {
        text += &format!(
            " The cheap alternative, IC(0) of a slightly shifted diagonal, takes {shifted:.3}."
        );
    }
    text
}

/// The command that gives this report.
fn command(request: &Request) -> String {
    let mut command = format!(
        "cargo xtask reproduce neuralif --profile {}",
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
        "The paper's tables could not be read; its numbers are digitised from the authors' conference poster, its \
         settings are those of the authors' code and of a public reproduction.",
        "Random numbers are ChaCha8 and not NumPy's: the distribution is the published one, the matrices are not.",
        "The bundled weights use the `equilibrated` variant: the published network with its 1870 parameters sees the \
         matrix scaled to unit diagonal, and its rows are scaled back.",
        "They were trained with the loss `kaporin_power`, log(tr(Bᵐ)/n)/m + log(det(L Lᵀ))/n with B = L⁻¹AL⁻ᵀ and m = 16, in \
         place of ‖L Lᵀz − Az‖, with which no trained network needed fewer iterations than 0.97 of IC(0)'s at n = 10 000.",
        "Weights were trained on a CPU with gradients computed without LibTorch; both engines agree to rounding.",
        "IC(0) is the L Lᵀ form. The authors' test script uses ILU(0), which needs a few per cent more iterations.",
        "Ratios are means over matrices of ratios on the same matrix; times are on one thread for both sides.",
    ]
    .map(String::from)
    .to_vec()
}
