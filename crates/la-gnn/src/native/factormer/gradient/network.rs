//! A network forward with everything kept, and backward.

use super::super::super::Element;
use super::super::super::panel::Panel;
use super::layer::{LayerTape, Step, backward, forward};
use super::weights::{LayerSlopes, Slopes, Weights, add, apply, apply_back};
use crate::factormer::FactormerConfig;

/// V by rows and by columns.
#[derive(Debug, Clone)]
pub(super) struct Entries<T> {
    /// m × n.
    pub(super) rows: Panel<T>,
    /// n × m.
    pub(super) columns: Panel<T>,
}

/// What the way back through a network needs. Pairs are of W and of H.
#[derive(Debug, Clone)]
pub(super) struct NetworkTape<T> {
    inputs: [Panel<T>; 2],
    /// After the embedding and after each pair.
    states: Vec<[Panel<T>; 2]>,
    /// Of the update of H and of that of W.
    layers: Vec<[LayerTape<T>; 2]>,
    /// What the network proposes, m × r and n × r.
    pub(super) outputs: [Panel<T>; 2],
}

/// Runs the network on what nodes know at first.
pub(super) fn propose<T: Element>(
    weights: &Weights<T>,
    config: &FactormerConfig,
    v: &Entries<T>,
    inputs: [Panel<T>; 2],
) -> NetworkTape<T> {
    let mut states = vec![[
        apply(&weights.embed, &inputs[0]),
        apply(&weights.embed, &inputs[1]),
    ]];
    let mut layers = Vec::with_capacity(config.pairs);
    for pair in 0..config.pairs {
        let [wide, tall] = &states[pair];
        let last = config.normalises(pair);
        let at = |half| &weights.layers[config.layer(pair, half)];
        let (new_tall, down) = forward(at(0), config, wide, tall, &v.columns, last);
        let (new_wide, up) = forward(at(1), config, &new_tall, wide, &v.rows, last);
        states.push([new_wide, new_tall]);
        layers.push([down, up]);
    }
    let extract = |side: usize| {
        let mut out = apply(&weights.extract, &states[config.pairs][side]);
        for r in 0..out.rows {
            let row = out.row_mut(r)[..config.rank].iter_mut();
            for (to, &given) in row.zip(&inputs[side].row(r)[config.skip_from()..]) {
                if config.skip {
                    *to += given;
                }
                // NaN stays, so that the update is skipped.
                *to = if *to < T::ZERO { T::ZERO } else { *to };
            }
        }
        out
    };
    let outputs = [extract(0), extract(1)];
    NetworkTape {
        inputs,
        states,
        layers,
        outputs,
    }
}

/// Backward through [`propose`]: adds to the derivatives of the weights and returns those of the inputs. With `revive` a zero that the loss would have larger takes its derivative
/// as if it were not cut off.
pub(super) fn propose_back<T: Element>(
    weights: &Weights<T>,
    config: &FactormerConfig,
    v: &Entries<T>,
    tape: &NetworkTape<T>,
    mut slope: [Panel<T>; 2],
    revive: bool,
    slopes: &mut Slopes<T>,
) -> [Panel<T>; 2] {
    for (slope, output) in slope.iter_mut().zip(&tape.outputs) {
        for (s, &x) in slope.data.as_flattened_mut().iter_mut().zip(output.flat()) {
            let passes = x > T::ZERO || (revive && *s < T::ZERO);
            *s = if passes { *s } else { T::ZERO };
        }
    }
    let last = &tape.states[config.pairs];
    let mut wide = apply_back(&weights.extract, &last[0], &slope[0], &mut slopes.extract);
    let mut tall = apply_back(&weights.extract, &last[1], &slope[1], &mut slopes.extract);
    for pair in (0..config.pairs).rev() {
        let before = &tape.states[pair];
        let after = &tape.states[pair + 1];
        for half in [1, 0] {
            let k = config.layer(pair, half);
            let layer_slopes: &mut LayerSlopes<T> = &mut slopes.layers[k];
            let (sources, targets, entries) = match half {
                0 => (&before[0], &before[1], &v.columns),
                _ => (&after[1], &before[0], &v.rows),
            };
            let step = Step {
                weights: &weights.layers[k],
                config,
                tape: &tape.layers[pair][half],
                sources,
                targets,
                entries,
            };
            (wide, tall) = match half {
                0 => {
                    let tall = backward(&step, tall, &mut wide, layer_slopes);
                    (wide, tall)
                }
                _ => {
                    let wide = backward(&step, wide, &mut tall, layer_slopes);
                    (wide, tall)
                }
            };
        }
    }
    let mut inputs = [
        apply_back(&weights.embed, &tape.inputs[0], &wide, &mut slopes.embed),
        apply_back(&weights.embed, &tape.inputs[1], &tall, &mut slopes.embed),
    ];
    if config.skip {
        for (input, slope) in inputs.iter_mut().zip(&slope) {
            for r in 0..input.rows {
                add(
                    &slope.row(r)[..config.rank],
                    &mut input.row_mut(r)[config.skip_from()..],
                );
            }
        }
    }
    inputs
}
