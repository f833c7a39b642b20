//! Fresh parameters, and what weight files say besides.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use super::{AdmmConfig, NetworkConfig, Parameters, StepSizes};
use crate::GnnError;

/// Deviation of a standard normal number that is drawn again beyond ±2.
const TRUNCATED_DEVIATION: f64 = 0.879_625_661_034_239_8;

/// Linear maps normal with variance 1 / inputs, cut at two deviations before they are scaled (Y. LeCun, L. Bottou, G. Orr, K.-R. Müller, *Efficient BackProp*,
/// 1998), biases and free numbers 0: schedules and tail begin at α = γ = 1. All perceptrons of one shape begin alike, as published.
pub(super) fn initial_values(config: &AdmmConfig, seed: u64) -> Vec<f32> {
    let mut values = vec![0.0; config.parameter_count()];
    for spec in config.parameters() {
        let [_, inputs] = spec.shape[..] else {
            continue;
        };
        // Streams tell first maps from second ones, and edges from steps.
        let stream = 2 * u64::from(spec.name.starts_with("edge."))
            + u64::from(spec.name.ends_with("lin2.weight"));
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(stream);
        let scale = 1.0 / (inputs as f64).sqrt() / TRUNCATED_DEVIATION;
        for value in &mut values[spec.offset..spec.offset + spec.len] {
            let draw = loop {
                let draw: f64 = StandardNormal.sample(&mut rng);
                if draw.abs() <= 2.0 {
                    break draw;
                }
            };
            *value = (scale * draw) as f32;
        }
    }
    values
}

impl Parameters<AdmmConfig> {
    /// The same perceptrons read as node-wise or averaged step sizes, whichever they were trained as: the published *combined* variant is trained with
    /// [`StepSizes::Mean`] and tested as [`StepSizes::Node`].
    ///
    /// # Errors
    /// [`GnnError::Config`] unless both readings are of perceptrons.
    ///
    /// # Examples
    /// ```
    /// use la_gnn::admm::{AdmmConfig, Parameters, StepSizes};
    /// let trained = Parameters::initialize(&AdmmConfig::new(2).with_steps(StepSizes::Mean), 0)?;
    /// let tested = trained.clone().read_as(StepSizes::Node)?;
    /// assert_eq!(tested.values, trained.values);
    /// # Ok::<(), la_gnn::GnnError>(())
    /// ```
    pub fn read_as(mut self, steps: StepSizes) -> Result<Self, GnnError> {
        if steps != self.config.steps && !(steps.has_network() && self.config.steps.has_network()) {
            return Err(GnnError::Config {
                field: "steps",
                reason: format!(
                    "are {:?} and cannot be read as {steps:?}: only perceptrons have two readings",
                    self.config.steps
                ),
            });
        }
        self.config.steps = steps;
        Ok(self)
    }

    /// Least and greatest degree of the graphs that these parameters were trained on, where that is known. Outside of it a caller should not trust
    /// [`EdgeWeights::Profile`](super::EdgeWeights::Profile).
    #[must_use]
    pub fn degree_range(&self) -> Option<[usize; 2]> {
        match self.statistics[..] {
            [low, high] if high > 0.0 => Some([low as usize, high as usize]),
            _ => None,
        }
    }

    /// Sets least and greatest degree of the training set.
    #[must_use]
    pub fn with_degree_range(mut self, range: [usize; 2]) -> Self {
        self.statistics = range.iter().map(|&d| d as f32).collect();
        self
    }
}

#[cfg(test)]
mod tests {
    use super::super::{EdgeWeights, Relaxation, Tail};
    use super::*;
    use crate::weights::{Provenance, Weights};

    #[test]
    fn published_counts_and_names() {
        let c = AdmmConfig::new(2);
        for (config, count) in [
            (c.clone(), 3753),
            (c.clone().with_steps(StepSizes::Mean), 3753),
            (AdmmConfig::baseline(2), 0),
            (
                AdmmConfig::baseline(2).with_edges(EdgeWeights::Profile),
                385,
            ),
            (c.clone().with_edges(EdgeWeights::Profile), 4138),
            (c.clone().with_shared(true), 417),
            (c.clone().with_steps(StepSizes::Schedule), 10),
            (
                c.clone()
                    .with_steps(StepSizes::Schedule)
                    .with_relaxation(Relaxation::Schedule),
                20,
            ),
            (AdmmConfig::baseline(2).with_tail(Tail::Learned), 2),
            (AdmmConfig::all_learned(2), 3753 + 417 + 10 + 2),
        ] {
            assert_eq!(config.parameter_count(), count, "{config:?}");
        }
        let names: Vec<_> = c.parameters().into_iter().map(|s| s.name).collect();
        assert_eq!(names[0], "step1.lin1.weight");
        assert_eq!(names[35], "step9.lin2.bias");
        assert_eq!((c.step_network(0), c.step_network(10)), (None, None));
    }

    #[test]
    fn perceptrons_begin_alike_and_as_published() {
        let config = AdmmConfig::new(2)
            .with_hidden(128)
            .with_learned_iterations(9);
        let p = Parameters::initialize(&config, 5).unwrap();
        let len = config.parameter_count() / 8;
        let first = &p.values[..len];
        assert!(p.values.chunks(len).all(|other| other == first));
        let weight: Vec<f64> = first[..11 * 128].iter().map(|&v| f64::from(v)).collect();
        let variance = weight.iter().map(|v| v * v).sum::<f64>() / weight.len() as f64;
        assert!((variance * 11.0 - 1.0).abs() < 0.1, "{variance}");
        let bound = 2.0 / TRUNCATED_DEVIATION / 11f64.sqrt();
        assert!(weight.iter().all(|v| v.abs() <= bound + 1e-6));
        assert!(first[11 * 128..12 * 128].iter().all(|&b| b == 0.0));
        assert_ne!(p, Parameters::initialize(&config, 6).unwrap());
    }

    #[test]
    fn weight_files_keep_configuration_and_degrees() {
        let config = AdmmConfig::new(3)
            .with_edges(EdgeWeights::ScaleFree)
            .with_relaxation(Relaxation::Constant { gamma: 1.7 })
            .with_tail(Tail::Learned);
        let p = Parameters::initialize(&config, 1).unwrap();
        assert_eq!(p.degree_range(), None);
        let p = p.with_degree_range([1, 7]);
        let bytes = p.to_weights(Provenance::default()).to_bytes().unwrap();
        let read = Parameters::<AdmmConfig>::from_weights(&Weights::from_bytes(&bytes).unwrap());
        assert_eq!(read.unwrap(), p);
        assert_eq!(p.degree_range(), Some([1, 7]));
        assert!(p.clone().read_as(StepSizes::Mean).is_ok());
        let text = p.read_as(StepSizes::Schedule).unwrap_err().to_string();
        assert!(text.contains("steps"), "{text}");
    }

    #[test]
    fn fields_out_of_range_are_named() {
        let c = AdmmConfig::default();
        for (config, field) in [
            (AdmmConfig::new(0), "dimension"),
            (c.clone().with_learned_iterations(0), "learned_iterations"),
            (c.clone().with_hidden(129), "hidden"),
            (
                c.clone()
                    .with_relaxation(Relaxation::Constant { gamma: 2.0 }),
                "relaxation",
            ),
            (
                c.clone().with_tail(Tail::Constant {
                    alpha: f64::NAN,
                    gamma: 1.0,
                }),
                "tail",
            ),
        ] {
            let text = config.validate().unwrap_err().to_string();
            assert!(text.contains(field), "{text}");
        }
    }
}
