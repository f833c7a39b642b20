//! The words of the report.

use anyhow::Result;
use xtask::report::{Key, Measurement, Page, Unit};

use super::super::Request;
use super::cases::Case;
use super::rows::{Failure, Row};
use super::settings::ProfileSettings;
use super::sides::Side;
use super::{air, tables, totals};

/// The methods that the paper compares, by our names.
pub(super) const RIVALS: [&str; 6] = ["gnp", "ilutp", "amg", "jacobi", "gmres", "none"];

/// The methods that a network has to beat, and the networks by what they are.
pub(super) struct Sides<'a> {
    /// Everything without a network, the control with the constant direction left out.
    pub(super) classical: Vec<&'a str>,
    /// Trained networks.
    pub(super) trained: Vec<&'a str>,
    /// Trained networks other than the paper's.
    pub(super) improved: Vec<&'a str>,
}

impl<'a> Sides<'a> {
    pub(super) fn new(settings: &'a ProfileSettings, rows: &'a [Row]) -> Self {
        let classical: Vec<&str> = settings
            .classical
            .iter()
            .map(String::as_str)
            .filter(|m| *m != "const")
            .collect();
        let trained: Vec<&str> = tables::methods(rows)
            .into_iter()
            .filter(|m| m.starts_with("gnp") && !m.contains('@'))
            .collect();
        let improved = trained.iter().copied().filter(|m| *m != "gnp").collect();
        Self {
            classical,
            trained,
            improved,
        }
    }
}

/// All tables as text.
pub(super) fn overview(settings: &ProfileSettings, rows: &[Row], cases: &[Case]) -> String {
    let sides = Sides::new(settings, rows);
    let mut parts = vec![tables::failures(rows), tables::times(rows)];
    for side in [Side::Ones, Side::Gaussian] {
        if !settings.sides.contains(&side) {
            continue;
        }
        if sides.trained.contains(&"gnp") {
            parts.push(tables::ratios(rows, side, "gnp", &RIVALS));
        }
        parts.push(tables::best(rows, side, &RIVALS));
    }
    parts.push(tables::breakdown(rows, Side::Ones, &RIVALS, cases));
    let mut columns = vec!["none", "const"];
    columns.extend(
        tables::methods(rows)
            .into_iter()
            .filter(|m| m.starts_with("gnp")),
    );
    columns.extend(["ilut-matched", "ilutp", "amg"]);
    parts.push(tables::controls(rows, &columns));
    if sides.trained.contains(&"gnp") && !sides.improved.is_empty() {
        parts.push(tables::changes(rows, &sides.improved));
    }
    parts.extend(air::table(rows, cases));
    parts.join("\n")
}

/// Numbers over all matrices.
pub(super) fn measurements(settings: &ProfileSettings, rows: &[Row]) -> Result<Vec<Measurement>> {
    let sides = Sides::new(settings, rows);
    let mut list = Vec::new();
    for method in tables::methods(rows) {
        let own: Vec<&Row> = rows.iter().filter(|r| r.method == method).collect();
        for (quantity, failure) in [
            ("construction_failures", Failure::Construction),
            ("solution_failures", Failure::Solution),
        ] {
            let percent = tables::failed_percent(&own, failure);
            let key = Key::new("all matrices", method, quantity);
            list.push(Measurement::from_value(key, Unit::Percent, percent)?);
        }
    }
    for method in &sides.improved {
        if let Some((ratio, _)) = totals::residual_ratio(rows, Side::Gaussian, method, "gnp") {
            let key = Key::new("all matrices", *method, "residual_over_gnp");
            list.push(Measurement::from_value(key, Unit::Ratio, ratio)?);
        }
    }
    if !sides.trained.is_empty() {
        for solves in totals::SOLVES {
            let share = totals::share(
                rows,
                Side::Gaussian,
                solves,
                &sides.trained,
                &sides.classical,
            );
            let key = Key::new("all matrices", "networks", format!("fastest_of_{solves}"));
            let percent = 100.0 * share.learned as f64 / share.matrices.max(1) as f64;
            list.push(Measurement::from_value(key, Unit::Percent, percent)?);
        }
    }
    Ok(list)
}

/// Coefficient of determination of the straight line through the points; none for fewer than three.
pub(super) fn linearity(points: &[(f64, f64)]) -> Option<f64> {
    let n = points.len() as f64;
    let (x, y) = points
        .iter()
        .fold((0.0, 0.0), |(x, y), p| (x + p.0 / n, y + p.1 / n));
    let sum = |f: &dyn Fn(&(f64, f64)) -> f64| points.iter().map(f).sum::<f64>();
    let xx = sum(&|p| (p.0 - x).powi(2));
    let yy = sum(&|p| (p.1 - y).powi(2));
    let xy = sum(&|p| (p.0 - x) * (p.1 - y));
    let r2 = xy * xy / (xx * yy);
    (points.len() > 2 && r2.is_finite()).then_some(r2)
}

/// Puts the report together; figures and notes come from elsewhere.
pub(super) fn page(
    request: &Request,
    settings: &ProfileSettings,
    rows: &[Row],
    cases: &[Case],
) -> Page {
    let sides = Sides::new(settings, rows);
    Page {
        title: format!(
            "Graph neural preconditioners, profile {}",
            request.profile.name()
        ),
        overview: overview(settings, rows, cases),
        summary: tables::study(rows, &sides.improved, &sides.trained, &sides.classical),
        command: command(request),
        deviations: deviations(),
        ..Page::default()
    }
}

/// The command that gives this report.
fn command(request: &Request) -> String {
    let mut command = format!(
        "cargo xtask reproduce gnp --profile {}",
        request.profile.name()
    );
    if request.seed != 0 {
        command += &format!(" --seed {}", request.seed);
    }
    for (option, names) in [
        ("matrices", &request.matrices),
        ("methods", &request.methods),
    ] {
        if !names.is_empty() {
            command += &format!(" --{option} {}", names.join(","));
        }
    }
    if request.peers {
        command += " --peers";
    }
    command
}

fn deviations() -> Vec<String> {
    [
        "The matrices are those of the local data folder that meet the paper's selection rule, not its 867; families of near-equal \
         matrices are among them.",
        "ILUT and ILUTP are ours, with SuperLU's default drop tolerance (1e-4) and fill (10) behind matching and scaling, which the \
         paper's ILU does not have; AMG is our smoothed aggregation with its defaults. Failures of the paper's table 2 are those of \
         SuperLU and PyAMG.",
        "Everything but training runs on one thread of the processor, and training on all; the paper used a V100 where supported.",
        "A solve that ends early without having arrived is continued at its last residual in both areas.",
        "The time limit of a matrix is the longest solve of 100 iterations, but no more than the profile allows.",
        "A complete factorisation (`lu`) is not in the paper; it counts among the classical methods where total times are compared.",
        "The fixed direction of `const` is 1 in the first step of each cycle.",
    ]
    .map(String::from)
    .to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_linear() {
        let line: Vec<(f64, f64)> = (0..5).map(f64::from).map(|x| (x, 2.0 * x + 1.0)).collect();
        assert!((linearity(&line).unwrap() - 1.0).abs() < 1e-12);
        // y = x² on −2 … 2 has no slope.
        let bowl: Vec<(f64, f64)> = (-2..=2).map(f64::from).map(|x| (x, x * x)).collect();
        assert!(linearity(&bowl).unwrap() < 1e-12);
        assert_eq!(linearity(&line[..2]), None);
    }
}
