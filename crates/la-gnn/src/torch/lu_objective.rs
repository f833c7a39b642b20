//! Losses of LU factors on batches.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tch::Tensor;

use super::batch::GraphBatch;
use super::engine::BatchLoss;
use super::loss::LossValue;
use super::tensors::{Context, reals, to_f64};
use crate::GnnError;
use crate::training::Joining;
use crate::training::lu::{LuLoss, LuLossWorkspace};

/// On [`Pattern::General`](super::Pattern::General) batches: the mean over the graphs. Evaluated on the host in double precision: the
/// triangular solves are sequential, and the rest costs little beside the network.
impl BatchLoss for LuLoss {
    fn validate(&self) -> Result<(), GnnError> {
        LuLoss::validate(self)
    }

    fn evaluate(
        &self,
        batch: &GraphBatch,
        l: &Tensor,
        z: &Tensor,
        seed: u64,
        first: usize,
    ) -> Result<LossValue, GnnError> {
        let systems = match &batch.general {
            Some(graph) if !graph.systems.is_empty() => &graph.systems,
            _ => {
                return Err(GnnError::Matrix {
                    reason:
                        "was put into a batch of one triangular factor; losses of LU factors need `Pattern::General`"
                            .into(),
                });
            }
        };
        batch.check_vector("the factor", l, batch.factor_nnz())?;
        batch.check_vector("the probe", z, batch.num_nodes())?;
        let copied = || Ok((to_f64(l)?, to_f64(z)?));
        let (factor, probe) = copied().context("copying factors to the host")?;
        let mut gradient = vec![0.0; factor.len()];
        let mut memory = LuLossWorkspace::default();
        let (mut value, mut entry, mut node) = (0.0, 0, 0);
        for (position, system) in systems.iter().enumerate() {
            let entries = entry..entry + system.nnz();
            let nodes = node..node + system.dimension();
            (entry, node) = (entries.end, nodes.end);
            let pairs = system.pairs();
            let pair = (!pairs.is_empty()).then(|| {
                // Streams below 2^32 are those of the probes.
                let mut rng = ChaCha8Rng::seed_from_u64(seed);
                rng.set_stream((1 << 32) + (first + position) as u64);
                &pairs[rng.random_range(0..pairs.len())]
            });
            value += self.gradient(
                system,
                &factor[entries.clone()],
                &probe[nodes],
                pair,
                &mut memory,
                &mut gradient[entries],
            )?;
        }
        let scale = 1.0 / systems.len() as f64;
        gradient.iter_mut().for_each(|g| *g *= scale);
        Ok(LossValue {
            value: value * scale,
            gradient: reals(&gradient, batch.kind(), batch.device())
                .context("moving a gradient to the device")?,
        })
    }

    fn joining(&self) -> Option<Joining> {
        Some(Joining::Mean)
    }
}
