//! The methods that are compared.

use std::cmp::Ordering;

use anyhow::{Context, Result};
use la_gnn::Weights;
use la_gnn::neuralif::Parameters;
use la_krylov::{Host, IdentityPreconditioner, Preconditioner};
use la_precond::classical::{FillLimit, Ic0, Ict, Jacobi, ShiftStrategy, Ssor, Thinned};
use la_precond::learned::{NeuralIf, NeuralPcg};
use la_precond::{IncompleteCholesky, IncompleteCholeskyBuilder};
use la_problems::CsrMatrix;

use super::settings::IctSettings;

/// One method: how its preconditioner is set up.
pub(super) struct Method {
    pub(super) name: String,
    pub(super) kind: Kind,
    /// Slow methods run on the first matrices only.
    pub(super) matrices: usize,
    /// Whether the factor is stored in single precision; vectors and sums are in double all the same.
    single_precision: bool,
}

/// Kinds of set-up.
pub(super) enum Kind {
    None,
    Jacobi,
    Ssor {
        omega: f64,
    },
    /// IC(0) of `A + shift diag(A)`: the cheap alternative to learning.
    Ic0 {
        shift: f64,
        drop_tol: Option<f64>,
    },
    /// IC(0) of the matrix without its small entries.
    Ic0Thin {
        tau: f64,
    },
    /// One sweep of SSOR there and back over the matrix without its small entries, as a factor.
    SsorThin {
        omega: f64,
        tau: f64,
    },
    Ict(IctSettings),
    NeuralIf(Box<NeuralIf>),
    NeuralPcg(Box<NeuralPcg>),
}

/// A preconditioner that is ready, and the entries of its factor.
pub(super) struct Ready<'a> {
    pub(super) preconditioner: Box<dyn Preconditioner<Host> + 'a>,
    pub(super) nnz: Option<usize>,
    /// Diagonal shifts that a breakdown made necessary.
    pub(super) shifts: usize,
}

impl Method {
    pub(super) fn new(name: &str, kind: Kind) -> Self {
        Self {
            name: name.into(),
            kind,
            matrices: usize::MAX,
            single_precision: false,
        }
    }

    /// The same on the first `matrices` only.
    pub(super) fn on_first(mut self, matrices: usize) -> Self {
        self.matrices = matrices;
        self
    }

    /// The same with the entries of the factor stored in single precision.
    pub(super) fn in_single_precision(mut self) -> Self {
        self.single_precision = true;
        self
    }

    /// NeuralIF with bundled weights or those of a file.
    pub(super) fn neuralif(name: &str, weights: &str, drop_tol: Option<f64>) -> Result<Self> {
        let parameters = Parameters::from_weights(&Weights::named_or_file(weights)?)?;
        Self::with_parameters(name, &parameters, drop_tol)
    }

    /// NeuralIF with parameters in memory.
    pub(super) fn with_parameters(
        name: &str,
        parameters: &Parameters,
        drop_tol: Option<f64>,
    ) -> Result<Self> {
        let mut builder = NeuralIf::from_parameters(parameters)?;
        if let Some(tau) = drop_tol {
            builder = builder.with_drop_tol(tau);
        }
        Ok(Self::new(name, Kind::NeuralIf(Box::new(builder))))
    }

    /// NeuralPCG, the paper's other learned baseline, with bundled weights or those of a file.
    pub(super) fn neuralpcg(name: &str, weights: &str) -> Result<Self> {
        let builder = NeuralPcg::new(&Weights::named_or_file(weights)?)?;
        Ok(Self::new(name, Kind::NeuralPcg(Box::new(builder))))
    }

    /// Sets the preconditioner up.
    pub(super) fn set_up<'a>(&'a self, a: &'a CsrMatrix) -> Result<Ready<'a>> {
        let plain = |preconditioner| Ready {
            preconditioner,
            nnz: None,
            shifts: 0,
        };
        let ready = match &self.kind {
            Kind::None => plain(Box::new(IdentityPreconditioner::new(a.rows()))),
            Kind::Jacobi => plain(Box::new(Jacobi::<f64>::new(a.view())?)),
            Kind::Ssor { omega } => plain(Box::new(Ssor::new(a.view(), *omega)?)),
            Kind::Ic0 { shift, drop_tol } => {
                let mut options = Ic0::default();
                if let Some(tau) = drop_tol {
                    options = options.with_drop_tol(*tau);
                }
                let factor = if *shift == 0.0 {
                    options.factor(a.view())?
                } else {
                    options.factor(shifted(a, *shift).view())?
                };
                self.factored(factor)?
            }
            Kind::Ic0Thin { tau } => {
                self.factored(Thinned::new(Ic0::default(), *tau).build(a.view())?)?
            }
            Kind::SsorThin { omega, tau } => self.factored(sweep_factor(a, *omega, *tau)?)?,
            Kind::Ict(settings) => {
                // A growing shift repeats the factorisation; larger steps repeat it less often.
                let shift = ShiftStrategy::Diagonal {
                    start: 1e-2,
                    growth: 2.0,
                    max_attempts: 12,
                };
                let options = Ict::default()
                    .with_drop_tol(settings.drop_tol)
                    .with_fill(FillLimit::Factor(settings.fill_factor))
                    .with_shift(shift);
                self.factored(options.factor(a.view())?)?
            }
            Kind::NeuralIf(builder) => self.factored(builder.build(a.view())?)?,
            Kind::NeuralPcg(builder) => self.factored(builder.build(a.view())?)?,
        };
        Ok(ready)
    }

    fn factored(&self, factor: IncompleteCholesky) -> Result<Ready<'static>> {
        let (nnz, shifts) = (factor.nnz(), factor.stats().shift_attempts);
        let preconditioner: Box<dyn Preconditioner<Host>> = if self.single_precision {
            Box::new(factor.cast::<f32>()?)
        } else {
            Box::new(factor)
        };
        Ok(Ready {
            preconditioner,
            nnz: Some(nnz),
            shifts,
        })
    }
}

/// `A + shift diag(A)`.
fn shifted(a: &CsrMatrix, shift: f64) -> CsrMatrix {
    let mut a = a.clone();
    for i in 0..a.rows() {
        if let Some(d) = a.get_mut(i, i) {
            *d *= 1.0 + shift;
        }
    }
    a
}

/// `(D/ω + L) (D/ω)^-1/2` of the thinned matrix `L + D + Lᵀ`: SSOR as a factorisation.
fn sweep_factor(a: &CsrMatrix, omega: f64, tau: f64) -> Result<IncompleteCholesky> {
    let thinned = Thinned::new((), tau).matrix(a.view())?;
    let n = thinned.rows();
    let (mut indptr, mut diagonal) = (Vec::with_capacity(n + 1), Vec::with_capacity(n));
    let (mut indices, mut data) = (Vec::new(), Vec::new());
    indptr.push(0);
    for (i, row) in thinned.outer_iterator().enumerate() {
        for (j, &value) in row.iter() {
            match j.cmp(&i) {
                Ordering::Less => {
                    indices.push(j as u32);
                    data.push(value / diagonal[j]);
                }
                Ordering::Equal => diagonal.push((value / omega).sqrt()),
                Ordering::Greater => break,
            }
        }
        indptr.push(indices.len() as u32);
    }
    Ok(IncompleteCholesky::from_parts(
        indptr, indices, data, diagonal,
    )?)
}

/// The network before training, as a control.
pub(super) fn untrained(name: &str, like: &str, seed: u64) -> Result<Method> {
    let trained = Parameters::from_weights(&Weights::named_or_file(like)?)?;
    let parameters = Parameters::initialize(&trained.config, seed)
        .context("initialising the untrained network")?;
    Method::with_parameters(name, &parameters, None)
}
