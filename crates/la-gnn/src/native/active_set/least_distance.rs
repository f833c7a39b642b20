//! The network on the constraints of the least-distance form.

use super::super::panel::{Left, Panel, add_product};
use super::Element;
use super::leaky::{add_leaky, leaky};
use super::operators::{RowOperators, fill_features};
use crate::GnnError;
use crate::active_set::{ActiveSetConfig, LeastDistanceConfig, Parameters};

#[derive(Debug, Clone)]
struct Layer<T> {
    own: Panel<T>,
    /// One for each operator.
    received: Vec<Panel<T>>,
    features: Panel<T>,
    bias: Panel<T>,
}

/// A network that guesses the active set of least-distance problems with m rows and n variables: see [`LeastDistanceConfig`].
///
/// With K operators and c channels a layer costs `2 (1 + K) m n c + 2 K n c² + 2 m c²` operations, the steps of splitting before `4 m n` each; other rows cost what [`RowOperators`] says.
///
/// # Examples
/// ```
/// use la_gnn::active_set::{LeastDistanceConfig, Parameters};
/// use la_gnn::native::active_set::LeastDistanceGnn;
///
/// let parameters = Parameters::initialize(&LeastDistanceConfig::default(), 0)?;
/// let mut network = LeastDistanceGnn::<f64>::new(&parameters, 2, &[1.0, 0.0, 0.0, 1.0, 0.6, 0.8])?;
/// let logits = network.logits(&[-1.0, 0.5, -0.2])?;
/// assert_eq!(logits.len(), 3);
/// // Nothing is violated: nothing is active.
/// assert_eq!(network.logits(&[1.0, 0.5, 0.2])?, [f64::NEG_INFINITY; 3]);
/// # Ok::<(), la_gnn::GnnError>(())
/// ```
#[derive(Debug, Clone)]
pub struct LeastDistanceGnn<T> {
    config: LeastDistanceConfig,
    operators: RowOperators<T>,
    encoder: (Panel<T>, Panel<T>),
    layers: Vec<Layer<T>>,
    decoder: (Panel<T>, Panel<T>),
    features: Vec<T>,
    state: Panel<T>,
    next: Panel<T>,
    image: Panel<T>,
    mixed: Panel<T>,
    last: Panel<T>,
    logits: Vec<T>,
}

impl<T: Element> LeastDistanceGnn<T> {
    /// A network for these rows, m × n, each of length 1 or 0.
    ///
    /// # Errors
    /// As [`Parameters::check`] and [`RowOperators::new`].
    pub fn new(
        parameters: &Parameters<LeastDistanceConfig>,
        variables: usize,
        rows: &[T],
    ) -> Result<Self, GnnError> {
        parameters.check()?;
        let config = parameters.config.clone();
        let operators = RowOperators::new(&config, variables, rows)?;
        let (m, n, c, x) = (
            operators.num_rows(),
            variables,
            config.width,
            config.features(),
        );
        let specs = config.parameters();
        let bias = |name: &str, outputs: usize| {
            let bias = parameters.tensor(&specs, name);
            Panel::from_fn(1, outputs, |_, o| bias[o].into())
        };
        let layer = |k: usize| {
            let weight = parameters.tensor(&specs, &format!("layer.{k}.weight"));
            let inputs = weight.len() / c;
            let block = |from: usize, len: usize| {
                Panel::from_fn(len, c, |i, o| weight[o * inputs + from + i].into())
            };
            let received = (0..config.operators()).map(|k| block((1 + k) * c, c));
            Layer {
                own: block(0, c),
                received: received.collect(),
                features: block(inputs - x, x),
                bias: bias(&format!("layer.{k}.bias"), c),
            }
        };
        let linear = |name: &str, outputs: usize, inputs: usize| {
            let weight = parameters.tensor(&specs, &format!("{name}.weight"));
            (
                Panel::transposed(weight, outputs, inputs),
                bias(&format!("{name}.bias"), outputs),
            )
        };
        Ok(Self {
            encoder: linear("encoder", c, x),
            layers: (0..config.layers).map(layer).collect(),
            decoder: linear("decoder", 1, c),
            features: vec![T::ZERO; m * x],
            state: Panel::zeros(m, c),
            next: Panel::zeros(m, c),
            image: Panel::zeros(n, c),
            mixed: Panel::zeros(n, c),
            last: Panel::zeros(m, 1),
            logits: vec![T::ZERO; m],
            operators,
            config,
        })
    }

    /// What the network is.
    #[must_use]
    pub fn config(&self) -> &LeastDistanceConfig {
        &self.config
    }

    /// Number of variables, n.
    #[must_use]
    pub fn num_variables(&self) -> usize {
        self.operators.num_variables()
    }

    /// Number of rows, m.
    #[must_use]
    pub fn num_rows(&self) -> usize {
        self.operators.num_rows()
    }

    /// Other rows of the same number.
    ///
    /// # Errors
    /// As [`RowOperators::set_rows`].
    pub fn set_rows(&mut self, rows: &[T]) -> Result<(), GnnError> {
        self.operators.set_rows(rows)
    }

    /// Logits of the constraints from the slacks d of the unconstrained minimiser (`M u ≤ d` at u = 0); −∞ everywhere if none is negative.
    ///
    /// # Errors
    /// As [`fill_features`].
    pub fn logits(&mut self, slacks: &[T]) -> Result<&[T], GnnError> {
        if !fill_features(
            &mut self.operators,
            self.config.steps,
            slacks,
            &mut self.features,
        )? {
            self.logits.fill(T::from_f64(f64::NEG_INFINITY));
            return Ok(&self.logits);
        }
        let Self {
            operators,
            encoder,
            layers,
            decoder,
            features,
            state,
            next,
            image,
            mixed,
            last,
            ..
        } = self;
        let features = Left {
            data: features,
            row: self.config.features(),
            inner: 1,
        };
        state.fill_rows(&encoder.1);
        add_product(features, &encoder.0, state);
        leaky(state);
        for layer in layers {
            next.fill_rows(&layer.bias);
            add_product(features, &layer.features, next);
            add_product(Left::of(state), &layer.own, next);
            image.data.fill([T::ZERO; 8]);
            add_product(Left::transpose(&operators.rows), state, image);
            for (weight, factor) in layer.received.iter().zip(&operators.factors) {
                mixed.data.fill([T::ZERO; 8]);
                add_product(Left::of(image), weight, mixed);
                add_product(Left::of(factor), mixed, next);
            }
            add_leaky(next, state);
        }
        last.fill_rows(&decoder.1);
        add_product(Left::of(state), &decoder.0, last);
        for (logit, row) in self.logits.iter_mut().zip(&last.data) {
            *logit = row[0];
        }
        Ok(&self.logits)
    }
}
