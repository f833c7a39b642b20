//! One layer: targets attend to all sources.

use super::super::Element;
use super::super::panel::{Left, Panel, add_product};
use crate::factormer::{FactormerConfig, Parameters, UpdateRule};
use crate::network::NetworkConfig;

/// Added to variances.
pub(super) const LAYER_NORM_EPS: f64 = 1e-5;

/// Targets of a block.
const BLOCK: usize = 32;

/// A linear map with its bias.
#[derive(Debug, Clone)]
pub(super) struct Linear<T> {
    /// Inputs × outputs.
    weight: Panel<T>,
    /// 1 × outputs.
    bias: Panel<T>,
}

impl<T: Element> Linear<T> {
    pub(super) fn read(parameters: &Parameters<FactormerConfig>, name: &str) -> Self {
        let specs = parameters.config.parameters();
        let weight = parameters.tensor(&specs, &format!("{name}.weight"));
        let bias = parameters.tensor(&specs, &format!("{name}.bias"));
        let outputs = bias.len();
        Self {
            weight: Panel::transposed(weight, outputs, weight.len() / outputs.max(1)),
            bias: Panel::from_fn(1, outputs, |_, o| bias[o].into()),
        }
    }

    pub(super) fn apply(&self, x: Left<'_, T>, out: &mut Panel<T>) {
        out.fill_rows(&self.bias);
        add_product(x, &self.weight, out);
    }
}

/// What a head does, with p channels of d.
#[derive(Debug, Clone)]
struct Head<T> {
    /// p × d: from queries to what a source's features are worth, and what their products with the target's are.
    key_node: Panel<T>,
    key_edge: Panel<T>,
    /// p × 1: what `V_ij` is worth.
    key_entry: Panel<T>,
    /// d × p: from means of features to messages.
    value_node: Panel<T>,
    value_edge: Panel<T>,
    /// p each: from the mean of V, and biases.
    value_entry: Vec<T>,
    value_bias: Vec<T>,
}

/// Weights of a layer. Biases of keys are the same for all sources of a target and cancel in the softmax.
#[derive(Debug, Clone)]
pub(super) struct Layer<T> {
    query: Linear<T>,
    heads: Vec<Head<T>>,
    hidden: Linear<T>,
    output: Linear<T>,
    norms: [(Vec<T>, Vec<T>); 2],
}

impl<T: Element> Layer<T> {
    pub(super) fn read(parameters: &Parameters<FactormerConfig>, k: usize) -> Self {
        let config = &parameters.config;
        let (d, p) = (config.width, config.width / config.heads);
        let specs = config.parameters();
        let get = |name: &str| parameters.tensor(&specs, &format!("layer.{k}.{name}"));
        let (key_node, key_edge) = (get("key_node.weight"), get("key_edge.weight"));
        let (value_node, value_edge) = (get("value_node.weight"), get("value_edge.weight"));
        let (node_bias, edge_bias) = (get("value_node.bias"), get("value_edge.bias"));
        let cast = |x: f32| T::from_f64(x.into());
        let head = |h: usize| {
            let row = |r: usize| h * p + r;
            Head {
                key_node: Panel::from_fn(p, d, |r, c| key_node[row(r) * d + c].into()),
                key_edge: Panel::from_fn(p, d, |r, c| key_edge[row(r) * (d + 1) + c].into()),
                key_entry: Panel::from_fn(p, 1, |r, _| key_edge[row(r) * (d + 1) + d].into()),
                value_node: Panel::from_fn(d, p, |c, r| value_node[row(r) * d + c].into()),
                value_edge: Panel::from_fn(d, p, |c, r| value_edge[row(r) * (d + 1) + c].into()),
                value_entry: (0..p)
                    .map(|r| cast(value_edge[row(r) * (d + 1) + d]))
                    .collect(),
                value_bias: (0..p)
                    .map(|r| f64::from(node_bias[row(r)]) + f64::from(edge_bias[row(r)]))
                    .map(T::from_f64)
                    .collect(),
            }
        };
        let norm = |name: &str| {
            let part = |part: &str| {
                get(&format!("{name}.{part}"))
                    .iter()
                    .map(|&x| cast(x))
                    .collect()
            };
            (part("weight"), part("bias"))
        };
        Self {
            query: Linear::read(parameters, &format!("layer.{k}.q")),
            heads: (0..config.heads).map(head).collect(),
            hidden: Linear::read(parameters, &format!("layer.{k}.ffn1")),
            output: Linear::read(parameters, &format!("layer.{k}.ffn2")),
            norms: [norm("norm1"), norm("norm2")],
        }
    }

    /// Updates the targets in place. `entries` has a row of V's entries for each target, one for each source.
    pub(super) fn update(
        &self,
        config: &FactormerConfig,
        sources: &Panel<T>,
        targets: &mut Panel<T>,
        entries: &[T],
        normalise: bool,
        room: &mut Room<T>,
    ) {
        let m = sources.rows;
        if m == 0 {
            return;
        }
        room.take_sources(sources);
        let stride = targets.stride();
        let blocks = targets.data.as_flattened_mut().chunks_mut(BLOCK * stride);
        for (rows, entries) in blocks.zip(entries.chunks(BLOCK * m)) {
            room.begin(rows);
            self.message(config, sources, entries, room);
            self.take(config, normalise, room);
            rows.copy_from_slice(&room.x.flat()[..rows.len()]);
        }
    }

    /// The messages to the targets of a block.
    fn message(
        &self,
        config: &FactormerConfig,
        sources: &Panel<T>,
        entries: &[T],
        room: &mut Room<T>,
    ) {
        let (d, p, m) = (config.width, config.width / config.heads, sources.rows);
        let inverse = T::from_f64(1.0 / config.temperature());
        self.query.apply(Left::of(&room.x), &mut room.query);
        for (h, head) in self.heads.iter().enumerate() {
            let query = Left {
                data: &room.query.flat()[h * p..],
                row: room.query.stride(),
                inner: 1,
            };
            for (weights, out) in [
                (&head.key_node, &mut room.effective),
                (&head.key_edge, &mut room.products),
                (&head.key_entry, &mut room.worth),
            ] {
                out.clear();
                add_product(query, weights, out);
            }
            for j in 0..room.x.rows {
                let products = room.products.row(j).iter().zip(room.x.row(j));
                for (c, (&g, &x)) in room.effective.row_mut(j).iter_mut().zip(products) {
                    *c = (*c + g * x) * inverse;
                }
            }
            room.scores.clear();
            add_product(Left::of(&room.effective), &room.columns, &mut room.scores);
            for (j, entries) in entries.chunks_exact(m).enumerate() {
                let worth = room.worth.row(j)[0] * inverse;
                room.entry[j] = softmax(&mut room.scores.row_mut(j)[..m], worth, entries);
            }
            // Means of the sources' features, and of their products with the target's.
            room.effective.clear();
            add_product(Left::of(&room.scores), sources, &mut room.effective);
            for j in 0..room.x.rows {
                let means = room.effective.row(j).iter().zip(room.x.row(j));
                for (e, (&a, &x)) in room.products.row_mut(j).iter_mut().zip(means) {
                    *e = a * x;
                }
            }
            room.part.clear();
            add_product(Left::of(&room.effective), &head.value_node, &mut room.part);
            add_product(Left::of(&room.products), &head.value_edge, &mut room.part);
            for j in 0..room.x.rows {
                let values = head.value_entry.iter().zip(&head.value_bias);
                let part = room.part.row(j).iter().zip(values);
                let message = &mut room.message.row_mut(j)[h * p..(h + 1) * p];
                for (to, (&part, (&entry, &bias))) in message.iter_mut().zip(part) {
                    *to = part + entry * room.entry[j] + bias;
                }
            }
        }
        debug_assert_eq!(d, self.heads.len() * p);
    }

    /// The new features of the targets of a block, from their messages.
    fn take(&self, config: &FactormerConfig, normalise: bool, room: &mut Room<T>) {
        let d = config.width;
        for j in 0..room.x.rows {
            let old = room.x.row(j).iter().zip(room.message.row(j));
            for (y, (&x, &m)) in room.normed.row_mut(j).iter_mut().zip(old) {
                *y = x + m;
            }
            layer_norm(&mut room.normed.row_mut(j)[..d], &self.norms[0]);
        }
        self.hidden.apply(Left::of(&room.normed), &mut room.hidden);
        for x in room.hidden.data.as_flattened_mut() {
            *x = if *x > T::ZERO { *x } else { T::ZERO };
        }
        self.output
            .apply(Left::of(&room.hidden), &mut room.effective);
        for j in 0..room.x.rows {
            let kept = match config.update {
                UpdateRule::Eq15 => None,
                UpdateRule::Alg3 => Some(room.message.row(j)),
                UpdateRule::PostNorm => Some(room.normed.row(j)),
            };
            let x = room.x.row_mut(j);
            if let Some(kept) = kept {
                x.copy_from_slice(kept);
            }
            for (x, &change) in x.iter_mut().zip(room.effective.row(j)) {
                *x += change;
            }
            if normalise {
                layer_norm(&mut x[..d], &self.norms[1]);
            }
        }
    }
}

/// Room for the updates from so many sources.
#[derive(Debug, Clone)]
pub(super) struct Room<T> {
    /// The sources' features, d × m.
    columns: Panel<T>,
    /// Old and then new features of a block of targets, and what leads there; block × d.
    x: Panel<T>,
    query: Panel<T>,
    effective: Panel<T>,
    products: Panel<T>,
    message: Panel<T>,
    normed: Panel<T>,
    /// Block × p, block × 1, block × hidden units, block × m.
    part: Panel<T>,
    worth: Panel<T>,
    hidden: Panel<T>,
    scores: Panel<T>,
    /// Mean of V's entries for each target.
    entry: Vec<T>,
}

impl<T: Element> Room<T> {
    pub(super) fn new(config: &FactormerConfig, sources: usize) -> Self {
        let d = config.width;
        let wide = || Panel::zeros(BLOCK, d);
        Self {
            columns: Panel::zeros(d, sources),
            x: wide(),
            query: wide(),
            effective: wide(),
            products: wide(),
            message: wide(),
            normed: wide(),
            part: Panel::zeros(BLOCK, d / config.heads),
            worth: Panel::zeros(BLOCK, 1),
            hidden: Panel::zeros(BLOCK, config.hidden),
            scores: Panel::zeros(BLOCK, sources),
            entry: vec![T::ZERO; BLOCK],
        }
    }

    fn take_sources(&mut self, sources: &Panel<T>) {
        let stride = self.columns.stride();
        let columns = self.columns.data.as_flattened_mut();
        for i in 0..sources.rows {
            for (c, &value) in sources.row(i)[..sources.columns].iter().enumerate() {
                columns[c * stride + i] = value;
            }
        }
    }

    /// A block of targets, rows of their panel.
    fn begin(&mut self, rows: &[T]) {
        self.x.data.as_flattened_mut()[..rows.len()].copy_from_slice(rows);
        let count = rows.len() / self.x.stride();
        for panel in [
            &mut self.x,
            &mut self.query,
            &mut self.effective,
            &mut self.products,
            &mut self.message,
            &mut self.normed,
            &mut self.part,
            &mut self.worth,
            &mut self.hidden,
            &mut self.scores,
        ] {
            panel.rows = count;
        }
    }
}

/// Replaces scores s by the softmax of `s + worth V` over sources; returns the mean of V with these weights.
pub(super) fn softmax<T: Element>(scores: &mut [T], worth: T, entries: &[T]) -> T {
    let mut most = T::from_f64(f64::NEG_INFINITY);
    for (s, &v) in scores.iter_mut().zip(entries) {
        *s += worth * v;
        if *s > most {
            most = *s;
        }
    }
    let (mut total, mut mean) = (T::ZERO, T::ZERO);
    for (s, &v) in scores.iter_mut().zip(entries) {
        *s = (*s - most).exp();
        total += *s;
        mean += *s * v;
    }
    let inverse = T::ONE / total;
    for s in scores.iter_mut() {
        *s = *s * inverse;
    }
    mean * inverse
}

/// Normalises over channels.
pub(super) fn layer_norm<T: Element>(x: &mut [T], (weight, bias): &(Vec<T>, Vec<T>)) {
    let count = x.len().max(1) as f64;
    let mean = x.iter().map(|x| x.to_f64()).sum::<f64>() / count;
    let squares = x.iter().map(|x| (x.to_f64() - mean).powi(2));
    let scale = 1.0 / (squares.sum::<f64>() / count + LAYER_NORM_EPS).sqrt();
    for (x, (&weight, &bias)) in x.iter_mut().zip(weight.iter().zip(bias)) {
        *x = T::from_f64((x.to_f64() - mean) * scale) * weight + bias;
    }
}
