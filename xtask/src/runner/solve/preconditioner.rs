//! Building the preconditioners by name.

use std::cell::RefCell;

use anyhow::{Context, Result, bail};
use la_gnn::gnp::Parameters;
use la_krylov::{
    Definiteness, Host, IdentityPreconditioner, Preconditioner, PreconditionerError,
    PreconditionerKind,
};
use la_precond::classical::{
    Complete, Ic0, Ict, Ilu, Ilut, Jacobi, Reordered, SmoothedAggregation, Ssor,
};
use la_precond::learned::gnp::{GnpBuilder, fingerprint};
use la_precond::learned::{LearnedCompensation, NeuralIf, NeuralPcg, Weights};
use la_precond::{FactorStats, IncompleteCholesky, IncompleteLu};
use la_problems::CsrMatrix;

use super::args::{Plan, Precond, Scaling};
use crate::train::gnp_reading;

/// A preconditioner ready to be applied, and what is known of its making.
pub(super) struct Built<'a> {
    pub(super) apply: Box<dyn Preconditioner<Host<f64>> + 'a>,
    /// Of incomplete Cholesky factors.
    pub(super) stats: Option<FactorStats>,
    /// Entries of the factors over those of the matrix.
    pub(super) fill_ratio: Option<f64>,
}

impl<'a> Built<'a> {
    fn plain(apply: impl Preconditioner<Host<f64>> + 'a) -> Self {
        Self {
            apply: Box::new(apply),
            stats: None,
            fill_ratio: None,
        }
    }

    fn lu(factor: IncompleteLu) -> Self {
        let fill_ratio = factor.fill_ratio();
        Self {
            fill_ratio,
            ..Self::plain(factor)
        }
    }

    fn factor(factor: IncompleteCholesky) -> Self {
        Self {
            stats: Some(*factor.stats()),
            fill_ratio: factor.fill_ratio(),
            apply: Box::new(factor),
        }
    }

    /// Builds `kind` from `a`.
    pub(super) fn new(kind: Precond, plan: &Plan, a: &'a CsrMatrix) -> Result<Self> {
        let view = a.view();
        Ok(match kind {
            Precond::Ic0 => {
                // A drop tolerance belongs to the preconditioner that was asked for, not to a fallback.
                let own = plan.chain.first() == Some(&kind);
                let options = match plan.drop_tol.filter(|_| own) {
                    Some(tau) => Ic0::default().with_drop_tol(tau),
                    None => Ic0::default(),
                };
                Self::factor(options.factor(view)?)
            }
            Precond::None => Self::plain(IdentityPreconditioner::new(a.rows())),
            Precond::Jacobi => Self::plain(Jacobi::new(view)?),
            Precond::Ssor => Self::plain(Ssor::new(view, 1.0)?),
            Precond::Ict => {
                let options = match plan.drop_tol {
                    Some(tau) => Ict::default().with_drop_tol(tau),
                    None => Ict::default(),
                };
                Self::factor(options.factor(view)?)
            }
            Precond::Amg => Self::plain(SmoothedAggregation::default().build(view)?),
            Precond::Ilu0 => Self::lu(Reordered::new(Ilu::default()).factor(view)?),
            Precond::Ilut => {
                let options = match plan.drop_tol {
                    Some(tau) => Ilut::default().with_drop_tol(tau),
                    None => Ilut::default(),
                };
                Self::lu(Reordered::new(options).factor(view)?)
            }
            Precond::Lu => Self::plain(Complete::default().factor(view)?),
            Precond::Neuralif | Precond::Neuralpcg | Precond::CompensatedIc => {
                Self::factor(Network::load(kind, plan)?.factor(a)?)
            }
            Precond::Gnp => {
                let Network::Gnp(builder, parameters, of) = Network::load(kind, plan)? else {
                    bail!("--precond gnp has loaded another network");
                };
                if of.is_some_and(|of| of != fingerprint(view)) {
                    eprintln!("note: the network was trained for another matrix");
                }
                Self::plain(builder.from_parameters(view, &parameters)?)
            }
        })
    }

    /// The same for `S A S`, to be applied to residuals of `A`: `z = S M⁻¹ S r`.
    pub(super) fn unscaled(self, scale: Vec<f64>) -> Self {
        let inner = self.apply;
        let buffer = RefCell::new(vec![0.0; scale.len()]);
        Self {
            apply: Box::new(Rescaled {
                inner,
                scale,
                buffer,
            }),
            stats: self.stats,
            fill_ratio: self.fill_ratio,
        }
    }
}

/// The network of a plan.
pub(super) enum Network {
    NeuralIf(Box<NeuralIf>),
    NeuralPcg(Box<NeuralPcg>),
    Compensation(Box<LearnedCompensation>),
    /// With the fingerprint of the matrix that it was trained for.
    Gnp(Box<GnpBuilder>, Box<Parameters>, Option<u64>),
}

impl Network {
    /// The network of a learned preconditioner, with the plan's weights and drop tolerance.
    pub(super) fn load(kind: Precond, plan: &Plan) -> Result<Self> {
        let pcg = kind == Precond::Neuralpcg;
        let default = match kind {
            Precond::Neuralpcg => "neuralpcg-synthetic",
            Precond::CompensatedIc => "compensated-ic-descent",
            _ => "neuralif-synthetic-s0",
        };
        let name = plan.weights.as_deref().unwrap_or(default);
        let wrong = || format!("--weights {name}: give a bundled name or a weight file");
        let weights = Weights::named_or_file(name).with_context(wrong)?;
        if kind == Precond::Gnp {
            let parameters = Parameters::from_weights(&weights).with_context(wrong)?;
            let story = &weights.provenance;
            let variant = story.recipe["variant"].as_str().unwrap_or("paper");
            let builder = gnp_reading(variant).with_context(wrong)?;
            let of = story.data["fingerprint"].as_str();
            let of = of.and_then(|of| u64::from_str_radix(of, 16).ok());
            return Ok(Self::Gnp(Box::new(builder), Box::new(parameters), of));
        }
        if kind == Precond::CompensatedIc {
            let builder = LearnedCompensation::new(&weights).with_context(wrong)?;
            return Ok(Self::Compensation(Box::new(builder)));
        }
        Ok(if pcg {
            let builder = NeuralPcg::new(&weights).with_context(wrong)?;
            Self::NeuralPcg(Box::new(match plan.drop_tol {
                Some(tau) => builder.with_drop_tol(tau),
                None => builder,
            }))
        } else {
            let builder = NeuralIf::new(&weights).with_context(wrong)?;
            Self::NeuralIf(Box::new(match plan.drop_tol {
                Some(tau) => builder.with_drop_tol(tau),
                None => builder,
            }))
        })
    }

    fn factor(&self, a: &CsrMatrix) -> Result<IncompleteCholesky> {
        Ok(match self {
            Self::NeuralIf(builder) => builder.factor(a.view())?,
            Self::NeuralPcg(builder) => builder.factor(a.view())?,
            Self::Compensation(builder) => builder.factor(a.view())?,
            Self::Gnp(..) => bail!("a graph neural preconditioner is no factor"),
        })
    }
}

/// Whether `kind` is built from the scaled matrix. Only networks see a difference worth it:
/// Jacobi, SSOR and the incomplete factorisations of `S A S` are those of `A`, scaled.
pub(super) fn scales(plan: &Plan, kind: Precond) -> bool {
    match plan.scaling {
        Scaling::None => false,
        Scaling::Jacobi => true,
        Scaling::Auto => kind.has_learned_entries(),
    }
}

/// `S A S` and the diagonal of S: the powers of two nearest to `1/√a_ii`, so that no entry is rounded
/// and the diagonal lies in [1/2, 2].
pub(super) fn jacobi_scaled(a: &CsrMatrix) -> (CsrMatrix, Vec<f64>) {
    let scale: Vec<f64> = (0..a.rows())
        .map(|i| {
            let d = a.get(i, i).copied().unwrap_or(1.0);
            (-0.5 * d.log2()).round().exp2()
        })
        .collect();
    let mut scaled = a.clone();
    for (i, mut row) in scaled.outer_iterator_mut().enumerate() {
        for (j, value) in row.iter_mut() {
            *value *= scale[i] * scale[j];
        }
    }
    (scaled, scale)
}

/// `z = S M⁻¹ S r`. CG with it takes the steps of CG on `S A S`, and sees the residuals of `A`.
struct Rescaled<'a> {
    inner: Box<dyn Preconditioner<Host<f64>> + 'a>,
    scale: Vec<f64>,
    buffer: RefCell<Vec<f64>>,
}

impl Preconditioner<Host<f64>> for Rescaled<'_> {
    fn dimension(&self) -> usize {
        self.scale.len()
    }

    fn apply(
        &self,
        space: &Host<f64>,
        r: &[f64],
        z: &mut [f64],
    ) -> Result<(), PreconditionerError> {
        let mut scaled = self.buffer.borrow_mut();
        for ((out, r), s) in scaled.iter_mut().zip(r).zip(&self.scale) {
            *out = r * s;
        }
        self.inner.apply(space, &scaled, z)?;
        z.iter_mut().zip(&self.scale).for_each(|(z, s)| *z *= s);
        Ok(())
    }

    fn kind(&self) -> PreconditionerKind {
        self.inner.kind()
    }

    fn definiteness(&self) -> Definiteness {
        self.inner.definiteness()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scaling_is_exact_and_brings_the_diagonal_near_one() {
        let a = CsrMatrix::new(
            (2, 2),
            vec![0, 2, 4],
            vec![0, 1, 0, 1],
            vec![3e12, 7.0, 7.0, 5e-9],
        );
        let (scaled, scale) = jacobi_scaled(&a);
        for i in 0..2 {
            assert!((0.5..=2.0).contains(scaled.get(i, i).unwrap()));
            for j in 0..2 {
                let back = scaled.get(i, j).unwrap() / scale[i] / scale[j];
                assert_eq!(back, *a.get(i, j).unwrap());
            }
        }
    }

    #[test]
    fn a_rescaled_jacobi_is_the_jacobi_of_the_matrix() {
        let a = CsrMatrix::new((2, 2), vec![0, 1, 2], vec![0, 1], vec![300.0, 0.02]);
        let (scaled, scale) = jacobi_scaled(&a);
        let m = Built::plain(Jacobi::new(scaled.view()).unwrap()).unscaled(scale);
        let (space, mut z) = (Host::new(2), [0.0; 2]);
        m.apply.apply(&space, &[600.0, 0.1], &mut z).unwrap();
        assert!((z[0] - 2.0).abs() < 1e-14 && (z[1] - 5.0).abs() < 1e-14);
    }
}
