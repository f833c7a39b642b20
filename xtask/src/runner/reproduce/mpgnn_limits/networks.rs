//! The networks by name, their training, and the factors that they make.

use anyhow::{Context, Result, bail};
use la_gnn::mpgnn::{GenNorm, MpgnnConfig, NodeInput, NodeModel};
use serde::Deserialize;

#[cfg(feature = "torch")]
use super::metrics::Quality;

/// A network of the table.
#[derive(Debug, Clone)]
#[cfg_attr(
    not(feature = "torch"),
    allow(dead_code, reason = "names are checked, LibTorch trains")
)]
pub(super) struct Network {
    /// `<model>[-edges][-diagonal][-layer]-<blocks>`.
    pub(super) name: String,
    pub(super) config: MpgnnConfig,
    pub(super) input: NodeInput,
}

/// How networks are trained.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(not(feature = "torch"), expect(dead_code, reason = "for LibTorch"))]
pub(in super::super) struct Training {
    /// Matrices, of which `validation` are split off for early stopping.
    pub(super) matrices: u64,
    pub(super) validation: u64,
    pub(super) batch: usize,
    pub(super) epochs: usize,
    pub(super) learning_rate: f64,
    /// The step shrinks by 0.6 every so many epochs.
    pub(super) decay_epochs: usize,
    pub(super) patience: usize,
    /// Seeds 0, 1, … of initialisation and order.
    pub(super) seeds: u64,
}

/// One trained network on all test matrices.
#[cfg(feature = "torch")]
#[derive(Debug, Clone, serde::Serialize, Deserialize)]
pub(super) struct Trained {
    pub(super) seed: u64,
    pub(super) parameters: usize,
    pub(super) qualities: Vec<Quality>,
    /// Epochs that were run, and the one whose network is reported.
    pub(super) epochs: usize,
    pub(super) best_epoch: usize,
    pub(super) updates: usize,
    pub(super) seconds: f64,
    /// 1 − validation loss of every epoch.
    pub(super) validations: Vec<f64>,
}

impl Network {
    /// Reads a name such as `message-passing-3` or `gen-edges-layer-3`.
    pub(super) fn parse(name: &str) -> Result<Self> {
        let (mut rest, blocks) = name
            .rsplit_once('-')
            .with_context(|| format!("`{name}` does not end in a number of blocks"))?;
        let blocks = blocks
            .parse()
            .with_context(|| format!("`{name}` does not end in a number of blocks"))?;
        let mut take = |suffix: &str| match rest.strip_suffix(suffix) {
            Some(before) => {
                rest = before;
                true
            }
            None => false,
        };
        let (layer, diagonal, edges) = (take("-layer"), take("-diagonal"), take("-edges"));
        let node_model = match (rest, edges, layer) {
            ("mlp", false, false) => NodeModel::Mlp,
            ("gatv2", edges, false) => NodeModel::GatV2 { edges },
            ("gen", edges, layer) => NodeModel::Gen {
                edges,
                norm: if layer {
                    GenNorm::Layer
                } else {
                    GenNorm::Batch
                },
                bias: false,
            },
            ("message-passing", false, false) => NodeModel::MessagePassing,
            ("transformer", false, false) => NodeModel::TRANSFORMER,
            ("sgformer", false, false) => NodeModel::SGFORMER,
            _ => bail!("`{name}` is no network of this experiment"),
        };
        let config = MpgnnConfig::default()
            .with_node_model(node_model)
            .with_blocks(blocks);
        config.validate()?;
        Ok(Self {
            name: name.to_owned(),
            config,
            input: if diagonal {
                NodeInput::Diagonal
            } else {
                NodeInput::Ones
            },
        })
    }
}

#[cfg(feature = "torch")]
pub(super) use with_torch::{Data, train};

#[cfg(feature = "torch")]
mod with_torch {
    use std::ops::ControlFlow;
    use std::path::Path;

    use anyhow::{Result, bail};
    use la_gnn::mpgnn::Parameters;
    use la_gnn::torch::tch::{self, Device, Kind};
    use la_gnn::torch::{EdgeSample, EdgeSamples, Mpgnn, MpgnnTrainer};
    use la_gnn::training::mpgnn::{MpgnnEnded, MpgnnTrainOptions};
    use la_problems::{FactorSample, Split};

    use super::super::metrics::Sample;
    use super::super::sets::Set;
    use super::{Network, Trained, Training};
    use crate::experiment::interrupt;

    /// Training and validation matrices of a set, in memory of the host.
    pub(in super::super) struct Data {
        training: Vec<FactorSample>,
        validation: Vec<FactorSample>,
    }

    impl Data {
        pub(in super::super) fn draw(set: &Set, settings: &Training) -> Result<Self> {
            let draw = |split, count| -> Result<Vec<FactorSample>> {
                (0..count).map(|i| set.pair(split, i)).collect()
            };
            let training = settings.matrices.saturating_sub(settings.validation);
            Ok(Self {
                training: draw(Split::Train, training)?,
                validation: draw(Split::Validation, settings.validation)?,
            })
        }
    }

    impl Network {
        fn place(&self, pairs: &[FactorSample], batch: usize, seed: u64) -> Result<EdgeSamples> {
            let one = |p: &FactorSample| {
                EdgeSample::of_matrix(
                    p.matrix.matrix().view(),
                    p.factor.matrix().data(),
                    self.input,
                )
            };
            let samples = pairs.iter().map(one).collect::<Result<Vec<_>, _>>()?;
            Ok(EdgeSamples::new(
                &samples,
                batch,
                seed,
                Kind::Float,
                Device::Cpu,
            )?)
        }

        /// Entries of the factor: outputs of the network, times the factor that gives them the norm of the target. The loss leaves
        /// that factor free, and neither cosines nor iterations depend on it; pivots are compared after it.
        fn entries(&self, network: &Mpgnn, sample: &Sample) -> Result<Vec<f64>> {
            let wanted = sample.target.data();
            let one = EdgeSample::of_matrix(sample.a.view(), wanted, self.input)?;
            let one = EdgeSamples::new(&[one], 1, 0, Kind::Float, Device::Cpu)?;
            let y = network.outputs(&one)?;
            let norm = |x: &[f64]| x.iter().map(|v| v * v).sum::<f64>().sqrt();
            let scale = norm(wanted) / norm(&y).max(f64::MIN_POSITIVE);
            Ok(y.iter().map(|v| v * scale).collect())
        }
    }

    /// Trains one network, on the current thread, and judges its factors of the test matrices.
    pub(in super::super) fn train(
        network: &Network,
        data: &Data,
        tests: &[Sample],
        solves: u64,
        settings: &Training,
        seed: u64,
        checkpoint: &Path,
    ) -> Result<Trained> {
        // Tensors of a batch are too small to share between threads.
        tch::set_num_threads(1);
        let training = network.place(&data.training, settings.batch, seed)?;
        let validation = network.place(&data.validation, 100, seed)?;
        let options = MpgnnTrainOptions::default()
            .with_epochs(settings.epochs)
            .with_learning_rate(settings.learning_rate)
            .with_decay_epochs(settings.decay_epochs)
            .with_patience(settings.patience)
            .with_seed(seed);
        let start = Parameters::initialize(&network.config, seed)?;
        let mut trainer = MpgnnTrainer::new(&start, Device::Cpu)?;
        let mut watch = |_: &_| match interrupt::requested() {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        };
        let trained = trainer.run(
            &training,
            &validation,
            &options,
            Some(checkpoint),
            &mut watch,
        )?;
        if trained.ended == MpgnnEnded::Interrupted {
            bail!("interrupted; the same command goes on where it stopped");
        }
        let ready = Mpgnn::new(&trained.parameters, Kind::Float, Device::Cpu)?;
        let numbered = (0..).zip(tests);
        let qualities = numbered.map(|(i, sample)| {
            let entries = network.entries(&ready, sample)?;
            sample.quality(&entries, Some(i).filter(|i| *i < solves))
        });
        Ok(Trained {
            seed,
            parameters: network.config.parameter_count(),
            qualities: qualities.collect::<Result<_>>()?,
            epochs: trained.log.losses.len(),
            best_epoch: trained.log.best().map_or(0, |(epoch, _)| epoch + 1),
            updates: trained.log.updates,
            seconds: trained.log.seconds,
            validations: trained.log.validations.iter().map(|l| 1.0 - l).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_a_network_is() {
        let network = Network::parse("gen-edges-diagonal-layer-7").unwrap();
        assert_eq!(
            (network.config.blocks, network.input),
            (7, NodeInput::Diagonal)
        );
        let gen_edges = NodeModel::Gen {
            edges: true,
            norm: GenNorm::Layer,
            bias: false,
        };
        assert_eq!(network.config.node_model, gen_edges);
        assert_eq!(
            Network::parse("mlp-3").unwrap().config.parameter_count(),
            5697
        );
        assert_eq!(
            Network::parse("message-passing-1")
                .unwrap()
                .config
                .parameter_count(),
            3553
        );
        for bad in [
            "mlp",
            "mlp-x",
            "mlp-edges-3",
            "message-passing-0",
            "magic-3",
        ] {
            assert!(Network::parse(bad).is_err(), "{bad}");
        }
    }
}
