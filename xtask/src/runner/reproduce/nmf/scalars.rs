//! The cheap opponent of a network: a few scalars of a classical method, fitted to the training matrices.

use anyhow::Result;
use la_gnn::training::{EvolutionOptions, Landscape, NoHooks, evolve};
use la_opt::nmf::{
    AoAdmm, Data, Extrapolation, Initializer, Method, NmfOptions, NmfWorkspace, Nndsvd, Rho,
};
use la_problems::nmf::SizeLaw;
use serde::{Deserialize, Serialize};

use super::set::RANK;

/// Training matrices of a generation.
const MATRICES: u32 = 24;
/// Iterations that errors are compared at; all count alike, by their logarithms.
const AT: [usize; 3] = [5, 10, 20];

/// What is fitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    /// ρ of AO-ADMM from the arithmetic and the geometric mean of the Gram matrix's eigenvalues
    Admm,
    /// The four numbers of the extrapolation of HALS
    Hals,
}

/// Fitted numbers, in the order of the family's method.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Scalars {
    values: Vec<f32>,
    pub(super) seconds: f64,
}

impl Family {
    /// Where fitting starts: at the defaults, or close to them.
    fn start(self) -> Vec<f32> {
        match self {
            Self::Admm => vec![0.0, -2.0],
            Self::Hals => vec![0.0, -4.6, 0.0, -0.7],
        }
    }

    pub(super) fn method(self, scalars: &Scalars) -> Method {
        self.with(&scalars.values)
    }

    /// Free numbers to what methods admit.
    fn with(self, values: &[f32]) -> Method {
        let x = |k: usize| f64::from(values[k]).clamp(-20.0, 20.0);
        let share = |x: f64| 1.0 / (1.0 + (-x).exp());
        match self {
            Self::Admm => Method::AoAdmm(AoAdmm::default().with_rho(Rho::Means {
                scale: x(0).exp(),
                power: share(x(1)),
            })),
            Self::Hals => {
                let excess = x(1).min(2.0).exp();
                let mut steps = Extrapolation::default();
                steps.beta = share(x(0));
                steps.growth = 1.0 + excess;
                steps.bound_growth = 1.0 + excess * share(x(2));
                steps.shrink = steps.growth + x(3).exp();
                Method::ExtrapolatedHals {
                    sweeps: 1,
                    extrapolation: steps,
                }
            }
        }
    }

    /// Fits the numbers on matrices of the training law.
    pub(super) fn fit(self, generations: usize) -> Result<Scalars> {
        let options = EvolutionOptions::default().with_generations(generations);
        let fit = Fit(self);
        let model = serde_json::json!(format!("{self:?}"));
        let found = evolve(&fit, &model, self.start(), &options, None, &mut NoHooks)?;
        Ok(Scalars {
            values: found.values,
            seconds: found.log.seconds,
        })
    }
}

impl Scalars {
    /// The numbers of a method, for people.
    pub(super) fn told(&self, family: Family) -> String {
        match family.method(self) {
            Method::ExtrapolatedHals {
                extrapolation: e, ..
            } => format!(
                "β = {:.3}, growth {:.4}, of the bound {:.4}, shrink {:.3}",
                e.beta, e.growth, e.bound_growth, e.shrink
            ),
            Method::AoAdmm(AoAdmm {
                rho: Rho::Means { scale, power },
                ..
            }) => format!("scale {scale:.3}, power {power:.3}"),
            other => format!("{other:?}"),
        }
    }
}

struct Fit(Family);

impl Fit {
    fn errors(&self, method: &Method, generation: usize) -> Result<f64> {
        let mut sum = 0.0;
        for k in 0..MATRICES {
            // One of every part of the law, others in every generation.
            let place = k * (SizeLaw.count() / MATRICES)
                + (generation as u32 * 7919) % (SizeLaw.count() / MATRICES);
            let sample = SizeLaw.sample(place, 2)?;
            let data = Data::dense(sample.rows, sample.columns, &sample.values[..])?;
            let start = Nndsvd::default().start(&data, RANK)?;
            let options = NmfOptions::default().with_method(method.clone());
            let mut run = NmfWorkspace::new(&data, &start, options)?;
            for t in 1..=AT[AT.len() - 1] {
                run.step();
                if AT.contains(&t) {
                    sum += run.rmse().max(1e-9).ln();
                }
            }
        }
        Ok(sum / f64::from(MATRICES))
    }
}

impl Landscape for Fit {
    fn score(&self, values: &[f32], generation: usize) -> f64 {
        // Not finite is reported by the strategy.
        self.errors(&self.0.with(values), generation)
            .unwrap_or(f64::NAN)
    }

    fn deviations(&self) -> Vec<f64> {
        vec![0.3; self.0.start().len()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_the_numbers_are_the_method_is_valid_and_the_start_is_nearly_the_default() {
        for family in [Family::Admm, Family::Hals] {
            let count = family.start().len();
            for x in [-1e9, -3.0, 0.0, 3.0, 1e9] {
                let method = family.with(&vec![x; count]);
                assert!(
                    NmfOptions::default().with_method(method).validate().is_ok(),
                    "{x}"
                );
            }
        }
        let Method::ExtrapolatedHals { extrapolation, .. } =
            Family::Hals.with(&Family::Hals.start())
        else {
            panic!("not HALS");
        };
        let usual = Extrapolation::default();
        assert!((extrapolation.growth - usual.growth).abs() < 1e-3);
        assert!((extrapolation.bound_growth - usual.bound_growth).abs() < 1e-3);
        assert!((extrapolation.shrink - usual.shrink).abs() < 0.01);
        assert_eq!(extrapolation.beta, usual.beta);
    }

    #[test]
    fn fitting_lowers_errors() {
        let fitted = Family::Admm.fit(12).unwrap();
        let fit = Fit(Family::Admm);
        let unseen = 10_000;
        assert!(fit.score(&fitted.values, unseen) < fit.score(&Family::Admm.start(), unseen));
    }
}
