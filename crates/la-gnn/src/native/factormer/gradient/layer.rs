//! One layer forward with everything kept, and backward.

use super::super::super::Element;
use super::super::super::panel::{Left, Panel, add_product};
use super::norm::{NormTape, normalise, normalise_back};
use super::weights::{
    Head, LayerSlopes, LayerWeights, Map, add, add_rows, apply, apply_back, product, transposed,
};
use crate::factormer::{FactormerConfig, UpdateRule};

/// What the way back needs of n targets and m sources.
#[derive(Debug, Clone)]
pub(super) struct LayerTape<T> {
    /// d × m: the sources' features.
    columns: Panel<T>,
    /// n × d.
    query: Panel<T>,
    heads: Vec<HeadTape<T>>,
    first: NormTape<T>,
    second: Option<NormTape<T>>,
    /// n × d and n × hidden units.
    normed: Panel<T>,
    hidden: Panel<T>,
}

#[derive(Debug, Clone)]
struct HeadTape<T> {
    /// n × (d + 1): what the products of features and V's entry are worth.
    worth: Panel<T>,
    /// n × d: effective queries over the temperature.
    effective: Panel<T>,
    /// n × m.
    attention: Panel<T>,
    /// n × d: mean features of the sources.
    means: Panel<T>,
    /// n × (d + 1): these times the target's, and the mean entry of V.
    edges: Panel<T>,
}

/// Channels of a head inside a panel of all heads.
fn slice<T: Element>(panel: &Panel<T>, h: usize, p: usize) -> Left<'_, T> {
    Left {
        data: &panel.flat()[h * p..],
        row: panel.stride(),
        inner: 1,
    }
}

/// The same as columns.
fn slice_transposed<T: Element>(panel: &Panel<T>, h: usize, p: usize) -> Left<'_, T> {
    Left {
        data: &panel.flat()[h * p..],
        row: 1,
        inner: panel.stride(),
    }
}

/// Adds channels of a head.
fn add_slice<T: Element>(part: &Panel<T>, h: usize, to: &mut Panel<T>) {
    let p = part.columns;
    for r in 0..part.rows {
        add(&part.row(r)[..p], &mut to.row_mut(r)[h * p..(h + 1) * p]);
    }
}

/// New features of the targets, n × d. `entries` is n × m, a row of V's entries for each target.
pub(super) fn forward<T: Element>(
    weights: &LayerWeights<T>,
    config: &FactormerConfig,
    sources: &Panel<T>,
    targets: &Panel<T>,
    entries: &Panel<T>,
    last_norm: bool,
) -> (Panel<T>, LayerTape<T>) {
    let p = config.width / config.heads;
    let columns = transposed(sources);
    let query = apply(&weights.query, targets);
    let mut message = Panel::zeros(targets.rows, config.width);
    for bias in &weights.value_biases {
        for r in 0..message.rows {
            add(bias.row(0), message.row_mut(r));
        }
    }
    let mut heads = Vec::with_capacity(config.heads);
    for (h, head) in weights.heads.iter().enumerate() {
        let asked = slice(&query, h, p);
        let tape = attend(head, config, asked, sources, &columns, targets, entries);
        let mut part = product(Left::of(&tape.means), targets.rows, &head.value_node.down);
        add_product(Left::of(&tape.edges), &head.value_edge.down, &mut part);
        add_slice(&part, h, &mut message);
        heads.push(tape);
    }
    let mut normed = targets.clone();
    add(message.flat(), normed.data.as_flattened_mut());
    let first = normalise(&mut normed, &weights.norms[0]);
    let mut hidden = apply(&weights.hidden, &normed);
    for x in hidden.data.as_flattened_mut() {
        *x = if *x > T::ZERO { *x } else { T::ZERO };
    }
    let mut new = apply(&weights.output, &hidden);
    let kept = match config.update {
        UpdateRule::Eq15 => targets,
        UpdateRule::Alg3 => &message,
        UpdateRule::PostNorm => &normed,
    };
    add(kept.flat(), new.data.as_flattened_mut());
    let second = last_norm.then(|| normalise(&mut new, &weights.norms[1]));
    let tape = LayerTape {
        columns,
        query,
        heads,
        first,
        second,
        normed,
        hidden,
    };
    (new, tape)
}

fn attend<T: Element>(
    head: &Head<Map<T>>,
    config: &FactormerConfig,
    query: Left<'_, T>,
    sources: &Panel<T>,
    columns: &Panel<T>,
    targets: &Panel<T>,
    entries: &Panel<T>,
) -> HeadTape<T> {
    let (n, m, d) = (targets.rows, sources.rows, config.width);
    let inverse = T::from_f64(1.0 / config.temperature());
    let worth = product(query, n, &head.key_edge.up);
    let mut effective = product(query, n, &head.key_node.up);
    for j in 0..n {
        let products = worth.row(j).iter().zip(&targets.row(j)[..d]);
        for (c, (&g, &x)) in effective.row_mut(j).iter_mut().zip(products) {
            *c = (*c + g * x) * inverse;
        }
    }
    let mut attention = product(Left::of(&effective), n, columns);
    let mut edges = Panel::zeros(n, d + 1);
    for j in 0..n {
        let entry = worth.row(j)[d] * inverse;
        let scores = &mut attention.row_mut(j)[..m];
        edges.row_mut(j)[d] = super::super::layer::softmax(scores, entry, entries.row(j));
    }
    let means = product(Left::of(&attention), n, sources);
    for j in 0..n {
        let both = means.row(j)[..d].iter().zip(targets.row(j));
        for (to, (&a, &x)) in edges.row_mut(j).iter_mut().zip(both) {
            *to = a * x;
        }
    }
    HeadTape {
        worth,
        effective,
        attention,
        means,
        edges,
    }
}

/// A layer and what went into it.
pub(super) struct Step<'a, T> {
    pub(super) weights: &'a LayerWeights<T>,
    pub(super) config: &'a FactormerConfig,
    pub(super) tape: &'a LayerTape<T>,
    pub(super) sources: &'a Panel<T>,
    pub(super) targets: &'a Panel<T>,
    pub(super) entries: &'a Panel<T>,
}

/// Backward through [`forward`]: adds to the derivatives of weights and sources, and makes that of the targets of that of the result.
pub(super) fn backward<T: Element>(
    step: &Step<'_, T>,
    mut slope: Panel<T>,
    source_slope: &mut Panel<T>,
    slopes: &mut LayerSlopes<T>,
) -> Panel<T> {
    let Step {
        weights,
        config,
        tape,
        ..
    } = step;
    if let Some(second) = &tape.second {
        normalise_back(
            second,
            &weights.norms[1][0],
            &mut slope,
            &mut slopes.norms[1],
        );
    }
    let mut hidden_slope = apply_back(&weights.output, &tape.hidden, &slope, &mut slopes.output);
    let hidden = tape.hidden.flat().iter();
    for (s, &x) in hidden_slope.data.as_flattened_mut().iter_mut().zip(hidden) {
        *s = if x > T::ZERO { *s } else { T::ZERO };
    }
    let mut normed_slope = apply_back(
        &weights.hidden,
        &tape.normed,
        &hidden_slope,
        &mut slopes.hidden,
    );
    if config.update == UpdateRule::PostNorm {
        add(slope.flat(), normed_slope.data.as_flattened_mut());
    }
    normalise_back(
        &tape.first,
        &weights.norms[0][0],
        &mut normed_slope,
        &mut slopes.norms[0],
    );
    // Of the sum of old features and message, which is that of both; and what the second residual adds to one of them.
    let mut message_slope = normed_slope.clone();
    let mut target_slope = normed_slope;
    match config.update {
        UpdateRule::Eq15 => add(slope.flat(), target_slope.data.as_flattened_mut()),
        UpdateRule::Alg3 => add(slope.flat(), message_slope.data.as_flattened_mut()),
        UpdateRule::PostNorm => {}
    }
    for bias in &mut slopes.value_biases {
        add_rows(&message_slope, bias);
    }
    let mut query_slope = Panel::zeros(target_slope.rows, config.width);
    for h in 0..config.heads {
        let part = attend_back(
            step,
            h,
            &message_slope,
            &mut target_slope,
            source_slope,
            &mut slopes.heads[h],
        );
        add_slice(&part, h, &mut query_slope);
    }
    let through = apply_back(
        &weights.query,
        step.targets,
        &query_slope,
        &mut slopes.query,
    );
    add(through.flat(), target_slope.data.as_flattened_mut());
    target_slope
}

/// Backward through a head; returns the derivative of its queries, n × p.
fn attend_back<T: Element>(
    step: &Step<'_, T>,
    h: usize,
    message_slope: &Panel<T>,
    target_slope: &mut Panel<T>,
    source_slope: &mut Panel<T>,
    slopes: &mut Head<Panel<T>>,
) -> Panel<T> {
    let (config, targets) = (step.config, step.targets);
    let (head, tape) = (&step.weights.heads[h], &step.tape.heads[h]);
    let (n, m, d) = (targets.rows, step.sources.rows, config.width);
    let p = d / config.heads;
    let inverse = T::from_f64(1.0 / config.temperature());
    let (rows, columns) = (
        slice(message_slope, h, p),
        slice_transposed(message_slope, h, p),
    );
    add_product(columns, &tape.means, &mut slopes.value_node);
    add_product(columns, &tape.edges, &mut slopes.value_edge);
    let edge_slope = product(rows, n, &head.value_edge.up);
    let mut mean_slope = product(rows, n, &head.value_node.up);
    for j in 0..n {
        let (edge, means) = (edge_slope.row(j), tape.means.row(j));
        let here = target_slope.row_mut(j)[..d].iter_mut().zip(targets.row(j));
        for (((to, &x), mean), (&e, &a)) in
            here.zip(mean_slope.row_mut(j)).zip(edge.iter().zip(means))
        {
            *to += e * a;
            *mean += e * x;
        }
    }
    add_product(Left::transpose(&tape.attention), &mean_slope, source_slope);
    // Of the attention, then of the scores; zero in the padding, where attention is zero.
    let mut score_slope = product(Left::of(&mean_slope), n, &step.tape.columns);
    let mut worth_slope = Panel::zeros(n, d + 1);
    for j in 0..n {
        let entry = edge_slope.row(j)[d];
        let entries = &step.entries.row(j)[..m];
        let scores = &mut score_slope.row_mut(j)[..m];
        let attention = &tape.attention.row(j)[..m];
        let mut along = T::ZERO;
        for ((s, &v), &a) in scores.iter_mut().zip(entries).zip(attention) {
            *s += entry * v;
            along += *s * a;
        }
        let mut worth = T::ZERO;
        for ((s, &v), &a) in scores.iter_mut().zip(entries).zip(attention) {
            *s = (*s - along) * a;
            worth += *s * v;
        }
        worth_slope.row_mut(j)[d] = worth * inverse;
    }
    add_product(Left::transpose(&score_slope), &tape.effective, source_slope);
    let mut effective_slope = product(Left::of(&score_slope), n, step.sources);
    for j in 0..n {
        let worth = tape.worth.row(j)[..d].iter().zip(worth_slope.row_mut(j));
        let here = target_slope.row_mut(j).iter_mut().zip(targets.row(j));
        for ((c, (&g, to_worth)), (to, &x)) in
            effective_slope.row_mut(j).iter_mut().zip(worth).zip(here)
        {
            *c = *c * inverse;
            *to += *c * g;
            *to_worth = *c * x;
        }
    }
    let asked = slice_transposed(&step.tape.query, h, p);
    add_product(asked, &effective_slope, &mut slopes.key_node);
    add_product(asked, &worth_slope, &mut slopes.key_edge);
    let mut query_slope = product(Left::of(&effective_slope), n, &head.key_node.down);
    add_product(
        Left::of(&worth_slope),
        &head.key_edge.down,
        &mut query_slope,
    );
    query_slope
}
