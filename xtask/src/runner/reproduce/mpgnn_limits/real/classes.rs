//! Which of K-optimal and IC(0) is better, counted as in the paper's figure.

use anyhow::Result;
use xtask::report::figure::{BoxPlot, BoxSample, Palette, ShareBars, ShareRow};
use xtask::report::{Figure, Key, Measurement, Unit};

use super::methods::{OPTIMAL, PLAIN, Row};

/// A difference below this share is none.
const TIE: f64 = 0.01;

/// Outcomes of the comparison on one system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    OnlyOptimal,
    OptimalFewer,
    Tie,
    PlainFewer,
    OnlyPlain,
    BothFailed,
}

impl Class {
    /// In the order of bars, the paper's four classes and two more.
    pub(super) const ALL: [Self; 6] = [
        Self::OnlyOptimal,
        Self::OptimalFewer,
        Self::Tie,
        Self::PlainFewer,
        Self::OnlyPlain,
        Self::BothFailed,
    ];

    fn of(optimal: Option<usize>, plain: Option<usize>) -> Self {
        match (optimal, plain) {
            (None, None) => Self::BothFailed,
            (Some(_), None) => Self::OnlyOptimal,
            (None, Some(_)) => Self::OnlyPlain,
            (Some(k), Some(i)) if (k.abs_diff(i) as f64) < TIE * k.max(i) as f64 || k == i => {
                Self::Tie
            }
            (Some(k), Some(i)) if k < i => Self::OptimalFewer,
            (Some(_), Some(_)) => Self::PlainFewer,
        }
    }

    /// Name of the number of systems.
    fn quantity(self) -> &'static str {
        match self {
            Self::OnlyOptimal => "only_k_optimal",
            Self::OptimalFewer => "k_optimal_fewer",
            Self::Tie => "tie",
            Self::PlainFewer => "ic0_fewer",
            Self::OnlyPlain => "only_ic0",
            Self::BothFailed => "both_failed",
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::OnlyOptimal => "K-optimal only",
            Self::OptimalFewer => "both, K-optimal fewer",
            Self::Tie => "tie (below 1 %)",
            Self::PlainFewer => "both, IC(0) fewer",
            Self::OnlyPlain => "IC(0) only",
            Self::BothFailed => "both failed",
        }
    }
}

/// Counts of one set of systems.
#[derive(Debug, Clone)]
pub(super) struct Count {
    pub(super) problem: String,
    counts: [usize; 6],
    /// Iterations with K-optimal over those with IC(0) where both solve.
    ratios: Vec<f64>,
}

impl Count {
    /// Counts pairs of rows, K-optimal and IC(0), for one right-hand side.
    pub(super) fn new<'r>(
        problem: String,
        side: usize,
        pairs: impl Iterator<Item = (&'r Row, &'r Row)>,
    ) -> Self {
        let (mut counts, mut ratios) = ([0; 6], Vec::new());
        for (optimal, plain) in pairs {
            let (k, i) = (optimal.iterations(side), plain.iterations(side));
            let class = Class::of(k, i);
            for (count, _) in counts
                .iter_mut()
                .zip(Class::ALL)
                .filter(|(_, c)| *c == class)
            {
                *count += 1;
            }
            if let (Some(k), Some(i)) = (k, i) {
                ratios.push(k.max(1) as f64 / i.max(1) as f64);
            }
        }
        Self {
            problem,
            counts,
            ratios,
        }
    }

    pub(super) fn of(&self, class: Class) -> usize {
        let found = Class::ALL.iter().position(|c| *c == class);
        found.map_or(0, |k| self.counts[k])
    }

    pub(super) fn measurements(&self) -> Result<Vec<Measurement>> {
        let key = |quantity: &str| Key::new(&self.problem, OPTIMAL, quantity);
        let number = |quantity, value: f64| {
            // Differences may be negative.
            Measurement::from_value(key(quantity), Unit::Dimensionless, value)
        };
        let mut list = Vec::new();
        for class in Class::ALL {
            list.push(number(class.quantity(), self.of(class) as f64)?);
        }
        // The paper's text: better in general, and a small subset favours IC(0).
        let better = self.of(Class::OnlyOptimal) + self.of(Class::OptimalFewer);
        let worse = self.of(Class::OnlyPlain) + self.of(Class::PlainFewer);
        list.push(number("better_minus_worse", better as f64 - worse as f64)?);
        let only = self.of(Class::OnlyOptimal) as f64 - self.of(Class::OnlyPlain) as f64;
        list.push(number("only_minus_only_ic0", only)?);
        if !self.ratios.is_empty() {
            let logs: f64 = self.ratios.iter().map(|r| r.ln()).sum();
            let value = (logs / self.ratios.len() as f64).exp();
            list.push(Measurement::from_value(
                key("iterations_over_ic0"),
                Unit::Ratio,
                value,
            )?);
        }
        Ok(list)
    }

    /// One line of a table, columns as in [`Class::ALL`].
    pub(super) fn line(&self) -> String {
        let counts: String = self.counts.iter().map(|c| format!("{c:>8}")).collect();
        format!("{:<32}{counts}", self.problem)
    }
}

/// The head of the table of [`Count::line`].
pub(super) fn head() -> String {
    let columns = ["only K", "K fewer", "tie", "IC fewer", "only IC", "neither"];
    let columns: String = columns.iter().map(|c| format!("{c:>8}")).collect();
    format!("{:<32}{columns}", "K-optimal beside IC(0)")
}

/// The classes as bars, and the ratios where both work.
pub(super) fn figures(counts: &[Count]) -> Result<Vec<Figure>> {
    let methods: Vec<String> = Class::ALL.iter().map(|c| c.title().to_owned()).collect();
    let bars = ShareBars {
        title: "K-optimal and IC(0) on definite matrices".into(),
        methods: methods.clone(),
        rows: counts
            .iter()
            .map(|count| ShareRow {
                name: count.problem.clone(),
                counts: count.counts.to_vec(),
            })
            .collect(),
    };
    let boxes = BoxPlot {
        title: "Where both work".into(),
        axis: "iterations with K-optimal over those with IC(0)".into(),
        samples: counts
            .iter()
            .map(|count| BoxSample {
                method: count.problem.clone(),
                values: count.ratios.clone(),
            })
            .collect(),
    };
    let problems = Palette::new(counts.iter().map(|c| c.problem.clone()));
    Ok(vec![
        Figure::new(
            "real-classes",
            "How often each factor of the lower triangle solves at all and needs fewer iterations; no shifts.",
            bars.draw(&Palette::new(methods))?,
        )?,
        Figure::new(
            "real-ratios",
            format!(
                "Iterations with {OPTIMAL} over those with {PLAIN} on the matrices that both solve."
            ),
            boxes.draw(&problems)?,
        )?,
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_those_of_the_figure() {
        let class = Class::of;
        assert_eq!(class(Some(5), None), Class::OnlyOptimal);
        assert_eq!(class(None, Some(5)), Class::OnlyPlain);
        assert_eq!(class(None, None), Class::BothFailed);
        assert_eq!(class(Some(90), Some(100)), Class::OptimalFewer);
        assert_eq!(class(Some(100), Some(99)), Class::PlainFewer);
        assert_eq!(class(Some(200), Some(201)), Class::Tie);
        assert_eq!(class(Some(1), Some(1)), Class::Tie);
        assert_eq!(class(Some(0), Some(0)), Class::Tie);
    }
}
