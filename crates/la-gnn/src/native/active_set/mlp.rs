//! The perceptron.

use super::super::panel::{Left, Panel, add_product};
use super::leaky::leaky;
use super::{Element, expect_len};
use crate::GnnError;
use crate::active_set::{ActiveSetConfig, MlpConfig, Parameters};

/// A perceptron that guesses the active set of problems of one size: see [`MlpConfig`].
///
/// Costs `2 (inputs · hidden + hidden² + hidden · outputs)` operations; the weights stand in memory in the order in which they are used.
///
/// # Examples
/// ```
/// use la_gnn::active_set::{MlpConfig, Parameters};
/// use la_gnn::native::active_set::ActiveSetMlp;
///
/// let parameters = Parameters::initialize(&MlpConfig::new(2, 3), 0)?;
/// let mut network = ActiveSetMlp::<f32>::new(&parameters)?;
/// let (f, b) = ([1.0, -1.0], [0.5, 0.5, 2.0]);
/// let logits = network.logits(&[&f, &b])?;
/// assert_eq!(logits.len(), 3);
/// # Ok::<(), la_gnn::GnnError>(())
/// ```
#[derive(Debug, Clone)]
pub struct ActiveSetMlp<T> {
    config: MlpConfig,
    mean: Vec<T>,
    scale: Vec<T>,
    input: Vec<T>,
    layers: [(Panel<T>, Panel<T>); 3],
    states: [Panel<T>; 3],
}

impl<T: Element> ActiveSetMlp<T> {
    /// A network ready to run.
    ///
    /// # Errors
    /// As [`Parameters::check`].
    pub fn new(parameters: &Parameters<MlpConfig>) -> Result<Self, GnnError> {
        parameters.check()?;
        let config = parameters.config.clone();
        let specs = config.parameters();
        let widths = [
            config.inputs(),
            config.hidden,
            config.hidden,
            config.outputs(),
        ];
        let layer = |k: usize| {
            let weight = parameters.tensor(&specs, &format!("lin{}.weight", k + 1));
            let bias = parameters.tensor(&specs, &format!("lin{}.bias", k + 1));
            let (inputs, outputs) = (widths[k], widths[k + 1]);
            (
                Panel::transposed(weight, outputs, inputs),
                Panel::from_fn(1, outputs, |_, o| bias[o].into()),
            )
        };
        let numbers = |values: &[f32]| values.iter().map(|&v| T::from_f64(v.into())).collect();
        let (mean, scale) = parameters
            .statistics
            .split_at(parameters.statistics.len() / 2);
        Ok(Self {
            mean: numbers(mean),
            scale: numbers(scale),
            input: vec![T::ZERO; config.inputs()],
            layers: std::array::from_fn(layer),
            states: std::array::from_fn(|k| Panel::zeros(1, widths[k + 1])),
            config,
        })
    }

    /// What the network is.
    #[must_use]
    pub fn config(&self) -> &MlpConfig {
        &self.config
    }

    /// Logits of all outputs, for an input that stands in several pieces: f, b, or vec H, vec A, f, b by rows.
    ///
    /// # Errors
    /// [`GnnError::Matrix`] if the pieces have the wrong total length. Numbers that are not finite give logits that are not.
    pub fn logits(&mut self, input: &[&[T]]) -> Result<&[T], GnnError> {
        let len = input.iter().map(|piece| piece.len()).sum();
        expect_len("input of the network", len, self.input.len())?;
        let mut at = 0;
        for piece in input {
            self.input[at..at + piece.len()].copy_from_slice(piece);
            at += piece.len();
        }
        for ((x, &mean), &scale) in self.input.iter_mut().zip(&self.mean).zip(&self.scale) {
            *x = (*x - mean) * scale;
        }
        let [first, second, last] = &mut self.states;
        let [l1, l2, l3] = &self.layers;
        first.fill_rows(&l1.1);
        add_product(Left::vector(&self.input), &l1.0, first);
        leaky(first);
        second.fill_rows(&l2.1);
        add_product(Left::vector(&first.flat()[..l2.0.rows]), &l2.0, second);
        leaky(second);
        last.fill_rows(&l3.1);
        add_product(Left::vector(&second.flat()[..l3.0.rows]), &l3.0, last);
        Ok(&last.flat()[..self.config.outputs()])
    }

    /// Logits of the constraints: those of all outputs but for variables.
    ///
    /// # Errors
    /// As [`logits`](Self::logits).
    pub fn constraint_logits(&mut self, input: &[&[T]]) -> Result<&[T], GnnError> {
        let skip = self.config.skipped_outputs();
        Ok(&self.logits(input)?[skip..])
    }
}
