//! The methods that are compared.

use anyhow::{Context, Result, bail};
use la_gnn::Weights;
use la_gnn::learned_lu::{ARCHITECTURE, Parameters};
use la_gnn::relaxation;
use la_krylov::{Host, IdentityPreconditioner, Preconditioner};
use la_precond::classical::{Complete, CompleteFactor, Ilu, Ilut, Jacobi, LuFill};
use la_precond::learned::{LearnedLu, LearnedRelaxation, NeuralPcg};
use la_precond::sprs::CsMatI;
use la_precond::{IncompleteCholesky, IncompleteCholeskyBuilder, IncompleteLu};
use la_problems::CsrMatrix;

/// One method: how its preconditioner is set up.
pub(super) struct Method {
    pub(super) name: String,
    kind: Kind,
    /// Runs on the first matrices only.
    pub(super) matrices: usize,
}

/// Kinds of set-up.
pub(super) enum Kind {
    None,
    /// Factors L = U = I: has to do what no preconditioner does.
    Identity,
    Jacobi,
    Ilu0,
    Ilut {
        drop_tol: f64,
        fill: f64,
    },
    /// ILU(0) with this part of the fill that it leaves out on the diagonal.
    Rilu {
        omega: f64,
    },
    /// A complete sparse factorisation.
    Complete,
    /// Relaxed ILU(0) with a factor for each row.
    Relaxation(Box<LearnedRelaxation>),
    LearnedLu(Box<LearnedLu>),
    /// One triangular factor L, `P = L Lᵀ`.
    LearnedIc(Box<NeuralPcg>),
}

/// A preconditioner P that is ready.
pub(super) enum Ready {
    None(IdentityPreconditioner),
    Jacobi(Jacobi, Vec<f64>),
    Lu(IncompleteLu),
    Cholesky(IncompleteCholesky),
    Complete(Box<CompleteFactor>, CsrMatrix),
}

/// Memory of a complete factorisation: at n = 10 000 that of a random matrix is all but dense.
const COMPLETE_BYTES: usize = 512 << 20;

impl Method {
    pub(super) fn new(name: &str, kind: Kind) -> Self {
        Self {
            name: name.into(),
            kind,
            matrices: usize::MAX,
        }
    }

    /// The same on the first `matrices` only.
    pub(super) fn on_first(mut self, matrices: usize) -> Self {
        self.matrices = matrices;
        self
    }

    /// A learned factorisation with bundled weights or those of a file, whatever of the networks they are of.
    pub(super) fn learned(name: &str, source: &str) -> Result<Self> {
        let weights = Weights::named_or_file(source)?;
        let kind = match weights.provenance.architecture.as_str() {
            relaxation::ARCHITECTURE => {
                Kind::Relaxation(Box::new(LearnedRelaxation::new(&weights)?))
            }
            ARCHITECTURE => Kind::LearnedLu(Box::new(LearnedLu::new(&weights)?)),
            _ => Kind::LearnedIc(Box::new(NeuralPcg::new(&weights)?)),
        };
        Ok(Self::new(name, kind))
    }

    /// Whether a relaxation network makes its factors.
    pub(super) fn is_relaxation(&self) -> bool {
        matches!(self.kind, Kind::Relaxation(_))
    }

    /// The network of the paper before training, as a control.
    pub(super) fn untrained(name: &str, seed: u64) -> Result<Self> {
        let parameters = Parameters::initialize(&Default::default(), seed)
            .context("initialising the untrained network")?;
        let builder = LearnedLu::from_parameters(&parameters)?;
        Ok(Self::new(name, Kind::LearnedLu(Box::new(builder))))
    }

    /// The relaxation network before training.
    pub(super) fn untrained_relaxation(name: &str, seed: u64) -> Result<Self> {
        let parameters = relaxation::Parameters::initialize(&Default::default(), seed)
            .context("initialising the untrained network")?;
        let builder = LearnedRelaxation::from_parameters(&parameters)?;
        Ok(Self::new(name, Kind::Relaxation(Box::new(builder))))
    }

    /// Sets the preconditioner up.
    pub(super) fn set_up(&self, a: &CsrMatrix) -> Result<Ready> {
        Ok(match &self.kind {
            Kind::None => Ready::None(IdentityPreconditioner::new(a.rows())),
            Kind::Identity => {
                let eye = CsMatI::<f64, u32>::eye(a.rows());
                Ready::Lu(IncompleteLu::from_triangles(eye.view(), eye.view())?)
            }
            Kind::Jacobi => {
                let entry = |i| a.get(i, i).copied().unwrap_or(0.0);
                let diagonal = (0..a.rows()).map(entry).collect();
                Ready::Jacobi(Jacobi::new(a.view())?, diagonal)
            }
            Kind::Ilu0 => Ready::Lu(Ilu::default().factor(a.view())?),
            Kind::Ilut { drop_tol, fill } => {
                let options = Ilut::default()
                    .with_drop_tol(*drop_tol)
                    .with_fill(LuFill::Total(*fill));
                Ready::Lu(options.factor(a.view())?)
            }
            Kind::Rilu { omega } => {
                Ready::Lu(Ilu::default().with_relaxation(*omega).factor(a.view())?)
            }
            Kind::Complete => {
                let factor = Complete::default()
                    .with_memory_limit(COMPLETE_BYTES)
                    .factor(a.view())?;
                Ready::Complete(Box::new(factor), a.clone())
            }
            Kind::Relaxation(builder) => Ready::Lu(builder.factor(a.view())?),
            Kind::LearnedLu(builder) => Ready::Lu(builder.factor(a.view())?),
            Kind::LearnedIc(builder) => Ready::Cholesky(builder.build(a.view())?),
        })
    }
}

impl Ready {
    /// What GMRES applies.
    pub(super) fn preconditioner(&self) -> &dyn Preconditioner<Host> {
        match self {
            Self::None(m) => m,
            Self::Jacobi(m, _) => m,
            Self::Lu(m) => m,
            Self::Cholesky(m) => m,
            Self::Complete(m, _) => &**m,
        }
    }

    /// Entries of the factors; a symmetric factor counts twice, since both sweeps pass through it.
    pub(super) fn nnz(&self) -> Option<usize> {
        match self {
            Self::Lu(factor) => Some(factor.nnz()),
            Self::Cholesky(factor) => Some(2 * factor.nnz() - factor.dimension()),
            Self::None(_) | Self::Jacobi(..) | Self::Complete(..) => None,
        }
    }

    /// P itself as a sparse matrix.
    pub(super) fn matrix(&self) -> Result<CsrMatrix> {
        Ok(match self {
            Self::None(m) => CsrMatrix::eye(Preconditioner::<Host>::dimension(m)),
            Self::Jacobi(_, diagonal) => {
                let mut p = CsrMatrix::eye(diagonal.len());
                p.data_mut().copy_from_slice(diagonal);
                p
            }
            Self::Complete(_, a) => a.clone(),
            Self::Lu(factor) => {
                if factor.row_order().is_some() || factor.column_order().is_some() {
                    bail!("factors of a permuted matrix");
                }
                &factor.to_lower() * &factor.to_upper()
            }
            Self::Cholesky(factor) => {
                let lower = factor.to_lower();
                &lower * &lower.transpose_view().to_csr()
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use la_gnn::Provenance;
    use la_gnn::neuralpcg::{self, NeuralPcgConfig};
    use la_problems::{ConvectionDiffusion, Grid};

    use super::*;

    fn methods() -> Vec<Method> {
        vec![
            Method::new("none", Kind::None),
            Method::new("identity", Kind::Identity),
            Method::new("jacobi", Kind::Jacobi),
            Method::new("ilu0", Kind::Ilu0),
            Method::new(
                "ilut",
                Kind::Ilut {
                    drop_tol: 0.01,
                    fill: 2.0,
                },
            ),
            Method::untrained("untrained", 0).unwrap(),
            learned_ic(),
        ]
    }

    fn learned_ic() -> Method {
        let parameters = neuralpcg::Parameters::initialize(&NeuralPcgConfig::general(), 0).unwrap();
        let builder = NeuralPcg::from_parameters(&parameters).unwrap();
        Method::new("learned-ic", Kind::LearnedIc(Box::new(builder)))
    }

    #[test]
    fn the_matrix_is_what_the_preconditioner_inverts() {
        // Untrained factors are so badly conditioned that on larger matrices nothing would be left to compare.
        let grid = Grid::rectangle(3, 3);
        let a = ConvectionDiffusion::default()
            .with_grid(grid)
            .matrix()
            .unwrap();
        let n = a.rows();
        for method in methods() {
            let ready = method.set_up(&a).unwrap();
            let p = ready.matrix().unwrap();
            let v: Vec<f64> = (0..n).map(|i| (0.3 * i as f64).sin()).collect();
            let pv: Vec<f64> = p
                .outer_iterator()
                .map(|row| row.iter().map(|(j, x)| x * v[j]).sum())
                .collect();
            let mut back = vec![0.0; n];
            ready
                .preconditioner()
                .apply(&Host::new(n), &pv, &mut back)
                .unwrap();
            let size = v.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
            let error = v
                .iter()
                .zip(&back)
                .fold(0.0_f64, |m, (v, b)| m.max((v - b).abs()));
            assert!(error <= 1e-6 * size, "{}: {error}", method.name);
        }
    }

    #[test]
    fn files_of_either_network_are_rows() {
        let folder = tempfile::tempdir().unwrap();
        let a = ConvectionDiffusion::default().matrix().unwrap();
        let save = |name: &str, weights: Weights| {
            let path = folder.path().join(name);
            weights.save(&path).unwrap();
            path.display().to_string()
        };
        let parameters = Parameters::initialize(&Default::default(), 5).unwrap();
        let lu = save("lu", parameters.to_weights(Provenance::default()));
        let general = NeuralPcgConfig::general();
        let ic = neuralpcg::Parameters::initialize(&general, 5).unwrap();
        let ic = save("ic", ic.to_weights(Provenance::default()));
        let ready = Method::learned("learned", &lu).unwrap().set_up(&a).unwrap();
        assert!(matches!(ready, Ready::Lu(_)));
        let ready = Method::learned("learned", &ic).unwrap().set_up(&a).unwrap();
        assert!(matches!(ready, Ready::Cholesky(_)));
        assert_eq!(ready.nnz(), Some(a.nnz()));
    }

    #[test]
    fn weights_that_are_not_there_are_named() {
        let error = Method::learned("learned-x", "no-such-weights")
            .err()
            .unwrap()
            .to_string();
        assert!(error.contains("no-such-weights"), "{error}");
    }
}
