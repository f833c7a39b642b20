//! A layer by its formulas, arc by arc of the graph: to read, and to compare with.

use la_graph::AugmentedLineDigraph;

use super::super::Element;
use super::layer::layer_norm;
use crate::GnnError;
use crate::factormer::{FactormerConfig, NetworkConfig, Parameters, UpdateRule};

/// What a layer says of its targets, and how it came to that.
#[derive(Debug, Clone, PartialEq)]
pub struct EdgeListLayer<T> {
    /// New features, n × d.
    pub features: Vec<T>,
    /// Messages, n × d.
    pub messages: Vec<T>,
    /// α by arc and head: sums to one over the arcs into a target.
    pub attention: Vec<T>,
}

/// Applies layer `k` of a network along the arcs of a graph, whose node features are those of the sources and targets: key and value of every
/// arc from `[x_i ⊙ x_j, V_ij]`, softmax over the arcs into a target.
///
/// # Errors
/// [`GnnError::Matrix`] if the features do not have the width of the network; [`GnnError::Config`] if there is no such layer or parameters are out of range.
pub fn apply<T: Element>(
    parameters: &Parameters<FactormerConfig>,
    k: usize,
    graph: &AugmentedLineDigraph<'_, T>,
    normalise: bool,
) -> Result<EdgeListLayer<T>, GnnError> {
    parameters.check()?;
    let config = &parameters.config;
    let (d, heads) = (config.width, config.heads);
    if graph.rank() != d {
        return Err(GnnError::Matrix {
            reason: format!("nodes have {} features, expected {d}", graph.rank()),
        });
    }
    if k >= config.layers() {
        return Err(GnnError::Config {
            field: "pairs",
            reason: format!("there are {} layers, not layer {k}", config.layers()),
        });
    }
    let specs = config.parameters();
    let tensor = |name: &str| -> Vec<T> {
        let values = parameters.tensor(&specs, &format!("layer.{k}.{name}"));
        values.iter().map(|&v| T::from_f64(v.into())).collect()
    };
    let linear = |name: &str| {
        let (weight, bias) = (
            tensor(&format!("{name}.weight")),
            tensor(&format!("{name}.bias")),
        );
        move |x: &[T]| -> Vec<T> {
            let rows = weight.chunks_exact(x.len()).zip(&bias);
            rows.map(|(row, &b)| {
                let terms = row.iter().zip(x).map(|(&w, &x)| w * x);
                terms.fold(b, |sum, term| sum + term)
            })
            .collect()
        }
    };
    let norm = |name: &str| {
        (
            tensor(&format!("{name}.weight")),
            tensor(&format!("{name}.bias")),
        )
    };
    let (query, key_node, key_edge) = (linear("q"), linear("key_node"), linear("key_edge"));
    let (value_node, value_edge) = (linear("value_node"), linear("value_edge"));
    let (sources, targets) = (graph.source_features(), graph.target_features());
    let row = |features: &[T], i: usize| features[i * d..(i + 1) * d].to_vec();
    let temperature = T::from_f64(config.temperature());
    // Scores and values of every arc.
    let arcs: Vec<(usize, usize, T)> = graph.arcs().collect();
    let (mut scores, mut values) = (Vec::new(), Vec::new());
    for &(i, j, entry) in &arcs {
        let (from, to) = (row(sources, i), row(targets, j));
        let mut edge: Vec<T> = from.iter().zip(&to).map(|(&a, &b)| a * b).collect();
        edge.push(entry);
        let sum =
            |a: Vec<T>, b: Vec<T>| -> Vec<T> { a.iter().zip(&b).map(|(&a, &b)| a + b).collect() };
        let key = sum(key_node(&from), key_edge(&edge));
        values.push(sum(value_node(&from), value_edge(&edge)));
        let (q, p) = (query(&to), d / heads);
        for h in 0..heads {
            let terms = (h * p..(h + 1) * p).map(|c| q[c] * key[c]);
            scores.push(terms.fold(T::ZERO, |sum, term| sum + term) / temperature);
        }
    }
    let n = graph.num_targets();
    let attention = softmax_over_sources(&arcs, &scores, heads, n);
    let mut messages = vec![T::ZERO; n * d];
    for (arc, &(_, j, _)) in arcs.iter().enumerate() {
        for c in 0..d {
            let weight = attention[arc * heads + c / (d / heads)];
            messages[j * d + c] += weight * values[arc][c];
        }
    }
    let (norm1, norm2) = (norm("norm1"), norm("norm2"));
    let (hidden, output) = (linear("ffn1"), linear("ffn2"));
    let mut features = Vec::new();
    for j in 0..n {
        let (x, message) = (row(targets, j), row(&messages, j));
        let mut y: Vec<T> = x.iter().zip(&message).map(|(&x, &m)| x + m).collect();
        layer_norm(&mut y, &norm1);
        let mut inner = hidden(&y);
        for t in &mut inner {
            *t = if *t > T::ZERO { *t } else { T::ZERO };
        }
        let kept = match config.update {
            UpdateRule::Eq15 => x,
            UpdateRule::Alg3 => message,
            UpdateRule::PostNorm => y,
        };
        let mut new: Vec<T> = output(&inner)
            .iter()
            .zip(&kept)
            .map(|(&f, &k)| f + k)
            .collect();
        if normalise {
            layer_norm(&mut new, &norm2);
        }
        features.extend(new);
    }
    Ok(EdgeListLayer {
        features,
        messages,
        attention,
    })
}

fn softmax_over_sources<T: Element>(
    arcs: &[(usize, usize, T)],
    scores: &[T],
    heads: usize,
    targets: usize,
) -> Vec<T> {
    let mut most = vec![T::from_f64(f64::NEG_INFINITY); targets * heads];
    let mut totals = vec![T::ZERO; targets * heads];
    let by_arc = || {
        let arcs = arcs.iter().zip(scores.chunks_exact(heads));
        arcs.flat_map(|(&(_, j, _), scores)| {
            let each = scores.iter().enumerate();
            each.map(move |(h, &score)| (j * heads + h, score))
        })
    };
    for (at, score) in by_arc() {
        if score > most[at] {
            most[at] = score;
        }
    }
    for (at, score) in by_arc() {
        totals[at] += (score - most[at]).exp();
    }
    by_arc()
        .map(|(at, score)| (score - most[at]).exp() / totals[at])
        .collect()
}
