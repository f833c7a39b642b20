//! The published graph network.

use sprs::CsMatViewI;

use super::super::panel::{Left, Panel, add_product};
use super::leaky::leaky;
use super::messages::Messages;
use super::{Element, expect_finite, expect_len};
use crate::GnnError;
use crate::active_set::{ActiveSetConfig, GnnConfig, GnnFeatures, Parameters};

/// Added to variances in the normalisation of channels.
const NORM_EPS: f64 = 1e-5;
/// Added to deviations in the standardisation of features.
const DEVIATION_EPS: f64 = 1e-6;

#[derive(Debug, Clone)]
struct Layer<T> {
    w1: Panel<T>,
    b1: Panel<T>,
    w2: Panel<T>,
    w3: Panel<T>,
    b3: Panel<T>,
}

/// The published graph network on problems with the same H and A: see [`GnnConfig`].
///
/// K and K 1 are computed at construction. A prediction costs `2 (N² c + 3 N c²)` operations for each layer between the first and the last, which are
/// cheap, for N = n + m nodes, with the number of entries of K that are not zero in place of N² where there are few.
///
/// # Examples
/// ```
/// use la_gnn::active_set::{GnnConfig, Parameters};
/// use la_gnn::native::active_set::ActiveSetGnn;
///
/// let parameters = Parameters::initialize(&GnnConfig::default().with_width(16), 0)?;
/// let (hessian, rows) = ([2.0, 0.0, 0.0, 2.0], [1.0, 1.0]);
/// let mut network = ActiveSetGnn::<f64>::new(&parameters, 2, &hessian, &rows)?;
/// let logits = network.logits(&[1.0, -1.0], &[], &[0.5])?;
/// assert_eq!(logits.len(), 3);
/// # Ok::<(), la_gnn::GnnError>(())
/// ```
#[derive(Debug, Clone)]
pub struct ActiveSetGnn<T> {
    config: GnnConfig,
    variables: usize,
    messages: Messages<T>,
    sums: Vec<T>,
    layers: [Layer<T>; 3],
    norms: [(Vec<T>, Vec<T>); 2],
    /// Mean and scale of each feature; empty: those of the nodes at hand.
    moments: Vec<[f64; 2]>,
    features: Panel<T>,
    state: Panel<T>,
    sent: Panel<T>,
    /// K X of the features.
    received: Panel<T>,
    /// −diag(K 1) X.
    scaled: Panel<T>,
    next: Panel<T>,
    last_sent: Panel<T>,
    last: Panel<T>,
    logits: Vec<T>,
}

impl<T: Element> ActiveSetGnn<T> {
    /// A network for this H (n × n) and A (m × n), by rows.
    ///
    /// # Errors
    /// As [`Parameters::check`]; [`GnnError::Matrix`] if a length does not fit, [`GnnError::NonFinite`].
    pub fn new(
        parameters: &Parameters<GnnConfig>,
        variables: usize,
        hessian: &[T],
        rows: &[T],
    ) -> Result<Self, GnnError> {
        parameters.check()?;
        let n = variables;
        if n == 0 || !rows.len().is_multiple_of(n) {
            return Err(GnnError::Matrix {
                reason: format!(
                    "A has {} entries, which are no rows of {n} variables",
                    rows.len()
                ),
            });
        }
        let nodes = n + rows.len() / n;
        let config = parameters.config.clone();
        let (c, specs) = (config.width, config.parameters());
        let layer = |k: usize| {
            let inputs = if k == 0 { config.features.len() } else { c };
            let outputs = if k == 2 { 1 } else { c };
            let weight = |part: &str| {
                let name = format!("conv{}.{part}.weight", k + 1);
                Panel::transposed(parameters.tensor(&specs, &name), outputs, inputs)
            };
            let bias = |part: &str| {
                let name = format!("conv{}.{part}.bias", k + 1);
                let bias = parameters.tensor(&specs, &name);
                Panel::from_fn(1, outputs, |_, o| bias[o].into())
            };
            Layer {
                w1: weight("w1"),
                b1: bias("w1"),
                w2: weight("w2"),
                w3: weight("w3"),
                b3: bias("w3"),
            }
        };
        let norm = |k: usize| {
            let part = |part: &str| {
                let name = format!("norm{}.{part}", k + 1);
                let values = parameters.tensor(&specs, &name).iter();
                values.map(|&v| T::from_f64(v.into())).collect()
            };
            (part("weight"), part("bias"))
        };
        let mut network = Self {
            variables: n,
            messages: Messages::none(),
            sums: vec![T::ZERO; nodes],
            layers: std::array::from_fn(layer),
            norms: std::array::from_fn(norm),
            moments: Vec::new(),
            features: Panel::zeros(nodes, config.features.len()),
            state: Panel::zeros(nodes, c),
            sent: Panel::zeros(nodes, c),
            received: Panel::zeros(nodes, config.features.len()),
            scaled: Panel::zeros(nodes, c),
            next: Panel::zeros(nodes, c),
            last_sent: Panel::zeros(nodes, 1),
            last: Panel::zeros(nodes, 1),
            logits: vec![T::ZERO; nodes],
            config,
        };
        network.set_matrices(hessian, rows)?;
        Ok(network)
    }

    /// What the network is.
    #[must_use]
    pub fn config(&self) -> &GnnConfig {
        &self.config
    }

    /// Standardises with these moments instead of those of the problem at hand: mean and deviation of each feature, as over the nodes of a batch.
    ///
    /// # Errors
    /// [`GnnError::Matrix`] if there is not one pair for each feature.
    pub fn set_moments(&mut self, moments: &[[f64; 2]]) -> Result<(), GnnError> {
        expect_len("moments", moments.len(), self.config.features.len())?;
        self.moments = moments.to_vec();
        Ok(())
    }

    /// Other H and A of the same sizes.
    ///
    /// # Errors
    /// [`GnnError::Matrix`] if a length does not fit, [`GnnError::NonFinite`].
    pub fn set_matrices(&mut self, hessian: &[T], rows: &[T]) -> Result<(), GnnError> {
        let (n, nodes) = (self.variables, self.logits.len());
        expect_len("H", hessian.len(), n * n)?;
        expect_len("A", rows.len(), n * (nodes - n))?;
        expect_finite("H", hessian)?;
        expect_finite("A", rows)?;
        let entry = |i: usize, j: usize| match (i < n, j < n) {
            (true, true) => hessian[i * n + j],
            (false, true) => rows[(i - n) * n + j],
            (true, false) => rows[(j - n) * n + i],
            (false, false) => T::ZERO,
        };
        let filled = hessian.iter().filter(|v| **v != T::ZERO).count()
            + 2 * rows.iter().filter(|v| **v != T::ZERO).count();
        for (i, sum) in self.sums.iter_mut().enumerate() {
            *sum = T::ZERO;
            for j in 0..nodes {
                *sum += entry(i, j);
            }
        }
        self.messages = Messages::from_fn(nodes, filled, entry);
        Ok(())
    }

    /// Other messages altogether: K in place of `[H Aᵀ; A 0]`.
    ///
    /// # Errors
    /// [`GnnError::Matrix`] if K is not square by rows of the number of nodes, [`GnnError::NonFinite`].
    pub fn set_messages(&mut self, k: CsMatViewI<'_, T, u32>) -> Result<(), GnnError> {
        let nodes = self.logits.len();
        if !k.is_csr() || k.rows() != nodes || k.cols() != nodes {
            return Err(GnnError::Matrix {
                reason: format!(
                    "messages are {} x {}, expected {nodes} x {nodes} by rows",
                    k.rows(),
                    k.cols()
                ),
            });
        }
        expect_finite("messages", k.data())?;
        for (row, sum) in k.outer_iterator().zip(&mut self.sums) {
            *sum = T::ZERO;
            for &value in row.data() {
                *sum += value;
            }
        }
        self.messages = Messages::of_rows(k);
        Ok(())
    }

    /// Logits of all nodes, n variables and then m constraints: for `A x ≤ upper` (then `lower` is empty) or `lower ≤ A x ≤ upper`, as the
    /// features of the network are.
    ///
    /// # Errors
    /// [`GnnError::Matrix`] if a length does not fit. Numbers that are not finite give logits that are not.
    pub fn logits(&mut self, linear: &[T], lower: &[T], upper: &[T]) -> Result<&[T], GnnError> {
        let n = self.variables;
        let m = self.logits.len() - n;
        expect_len("linear term", linear.len(), n)?;
        expect_len("upper bounds", upper.len(), m)?;
        let lowers = match self.config.features {
            GnnFeatures::OneSided => 0,
            GnnFeatures::TwoSided => m,
        };
        expect_len("lower bounds", lower.len(), lowers)?;
        self.fill_features(linear, lower, upper);
        standardise(&mut self.features, &self.moments);
        self.run();
        Ok(&self.logits)
    }

    /// Logits of the constraints.
    ///
    /// # Errors
    /// As [`logits`](Self::logits).
    pub fn constraint_logits(
        &mut self,
        linear: &[T],
        lower: &[T],
        upper: &[T],
    ) -> Result<&[T], GnnError> {
        let n = self.variables;
        Ok(&self.logits(linear, lower, upper)?[n..])
    }

    fn fill_features(&mut self, linear: &[T], lower: &[T], upper: &[T]) {
        let n = self.variables;
        for (i, &f) in linear.iter().enumerate() {
            let row = self.features.row_mut(i);
            row.fill(T::ZERO);
            row[0] = f;
        }
        for (j, &u) in upper.iter().enumerate() {
            let row = self.features.row_mut(n + j);
            row.fill(T::ZERO);
            match self.config.features {
                GnnFeatures::OneSided => (row[1], row[3]) = (u, T::ONE),
                GnnFeatures::TwoSided => {
                    (row[1], row[2], row[3]) = (lower[j], T::ONE, u);
                    (row[4], row[5]) = (T::from_f64(2.0), T::ONE);
                }
            }
        }
    }

    fn run(&mut self) {
        let Self {
            messages,
            sums,
            layers,
            norms,
            features,
            state,
            sent,
            received,
            scaled,
            next,
            ..
        } = self;
        let [first, middle, last] = &*layers;
        convolve_features(first, messages, sums, features, [received, scaled, next]);
        normalise(next, &norms[0]);
        leaky(next);
        std::mem::swap(state, next);
        for _ in 0..self.config.layers - 2 {
            convolve(middle, messages, sums, state, [sent, scaled, next]);
            normalise(next, &norms[1]);
            leaky(next);
            std::mem::swap(state, next);
        }
        let one = [&mut self.last_sent, scaled, &mut self.last];
        convolve(last, messages, sums, state, one);
        for (logit, row) in self.logits.iter_mut().zip(&self.last.data) {
            *logit = row[0];
        }
    }
}

/// `next = K (X W₁ᵀ + 1 b₁ᵀ) − diag(K 1) X W₂ᵀ + X W₃ᵀ + 1 b₃ᵀ`.
fn convolve<T: Element>(
    layer: &Layer<T>,
    messages: &Messages<T>,
    sums: &[T],
    x: &Panel<T>,
    [sent, scaled, next]: [&mut Panel<T>; 3],
) {
    keep(layer, sums, x, [scaled, next]);
    sent.fill_rows(&layer.b1);
    add_product(Left::of(x), &layer.w1, sent);
    messages.add_to(sent, next);
}

/// The same as `(K X) W₁ᵀ + (K 1) b₁ᵀ + …`, for X with fewer columns than `next`.
fn convolve_features<T: Element>(
    layer: &Layer<T>,
    messages: &Messages<T>,
    sums: &[T],
    x: &Panel<T>,
    [received, scaled, next]: [&mut Panel<T>; 3],
) {
    keep(layer, sums, x, [scaled, next]);
    for (i, &sum) in sums.iter().enumerate() {
        for (to, &bias) in next.row_mut(i).iter_mut().zip(layer.b1.row(0)) {
            *to += sum * bias;
        }
    }
    received.clear();
    messages.add_to(x, received);
    add_product(Left::of(received), &layer.w1, next);
}

/// What a node keeps: `next = X W₃ᵀ + 1 b₃ᵀ − diag(K 1) X W₂ᵀ`.
fn keep<T: Element>(
    layer: &Layer<T>,
    sums: &[T],
    x: &Panel<T>,
    [scaled, next]: [&mut Panel<T>; 2],
) {
    next.fill_rows(&layer.b3);
    add_product(Left::of(x), &layer.w3, next);
    let inputs = x.stride();
    for (i, &sum) in sums.iter().enumerate() {
        let less = T::ZERO - sum;
        let to = &mut scaled.row_mut(i)[..inputs];
        for (to, &x) in to.iter_mut().zip(x.row(i)) {
            *to = less * x;
        }
    }
    add_product(Left::of(scaled), &layer.w2, next);
}

/// Normalisation over the channels of each node.
fn normalise<T: Element>(x: &mut Panel<T>, (weight, bias): &(Vec<T>, Vec<T>)) {
    let count = T::from_f64(x.columns as f64);
    for r in 0..x.rows {
        let columns = x.columns;
        let row = &mut x.row_mut(r)[..columns];
        let (mut mean, mut square) = (T::ZERO, T::ZERO);
        for &v in &*row {
            mean += v;
        }
        mean = mean / count;
        for &v in &*row {
            square += (v - mean) * (v - mean);
        }
        let deviation = ((square / count).to_f64() + NORM_EPS).sqrt();
        let scale = T::from_f64(1.0 / deviation);
        for ((v, &w), &b) in row.iter_mut().zip(weight).zip(bias) {
            *v = (*v - mean) * scale * w + b;
        }
    }
}

/// Each feature minus its mean over the nodes, divided by its deviation; or with moments that are given.
fn standardise<T: Element>(x: &mut Panel<T>, moments: &[[f64; 2]]) {
    let nodes = x.rows as f64;
    for c in 0..x.columns {
        let [mean, deviation] = moments.get(c).copied().unwrap_or_else(|| {
            let mean = (0..x.rows).map(|r| x.row(r)[c].to_f64()).sum::<f64>() / nodes;
            let square = (0..x.rows)
                .map(|r| (x.row(r)[c].to_f64() - mean).powi(2))
                .sum::<f64>();
            [mean, (square / (nodes - 1.0).max(1.0)).sqrt()]
        });
        for r in 0..x.rows {
            let value = &mut x.row_mut(r)[c];
            *value = T::from_f64((value.to_f64() - mean) / (deviation + DEVIATION_EPS));
        }
    }
}
