//! The ranks of an MPI program.

use la_mpi::{MpiError, World};

use super::Exchange;
use crate::GnnError;

/// The ranks of an MPI program, as those who train a model together.
///
/// Sums are in double precision and in one message. Their order is that of `MPI_Iallreduce`, which in the usual libraries depends on the number of ranks and the
/// length of the message and not on who comes first; the MPI standard recommends it and does not promise it. That all ranks have the same bits afterwards is
/// checked along the way, by comparing parameters.
///
/// # Examples
/// ```no_run
/// use la_gnn::admm::{AdmmConfig, Parameters};
/// use la_gnn::native::admm::{AdmmEngine, QuadraticProblem};
/// use la_gnn::training::admm::{AdmmLoss, published};
/// use la_gnn::training::{NoHooks, Ranks, la_mpi, train_on};
/// # fn problems() -> Vec<QuadraticProblem> { Vec::new() }
///
/// fn main() -> std::process::ExitCode {
///     la_mpi::run(|world| {
///         let config = AdmmConfig::new(2);
///         let start = Parameters::initialize(&config, 0)?;
///         let mut engine = AdmmEngine::new(&config, &AdmmLoss::published(10), problems())?;
///         let model = serde_json::json!("my network");
///         let (ranks, options) = (Ranks::new(world), published(900, 0));
///         train_on(&ranks, &mut engine, &model, start.values, &options, None, &mut NoHooks)?;
///         Ok::<(), la_gnn::GnnError>(())
///     })
/// }
/// ```
#[derive(Debug, Clone)]
pub struct Ranks {
    world: World,
}

impl Ranks {
    /// All ranks of the program.
    #[must_use]
    pub fn new(world: &World) -> Self {
        Self {
            world: world.clone(),
        }
    }
}

impl Exchange for Ranks {
    fn rank(&self) -> usize {
        self.world.rank()
    }

    fn size(&self) -> usize {
        self.world.size()
    }

    /// Never fails: a connection that breaks ends every rank.
    fn sum(&self, values: &mut [f64]) -> Result<(), GnnError> {
        self.world.all_sum(values);
        Ok(())
    }

    /// Through [`World::agree`], so that the rank with the reason speaks first.
    fn first_failed(&self, failed: bool) -> Result<Option<usize>, GnnError> {
        let own = MpiError::OtherRank { rank: self.rank() };
        let result = if failed { Err(own) } else { Ok(()) };
        Ok(match self.world.agree(result) {
            Ok(()) => None,
            Err(MpiError::OtherRank { rank }) => Some(rank),
            Err(_) => Some(self.rank()),
        })
    }
}
