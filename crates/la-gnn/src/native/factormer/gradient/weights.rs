//! Where the parameters of a network stand in a flat vector, and the tree of its maps.

use super::super::super::Element;
use super::super::super::panel::{Left, Panel, add_product};
use crate::factormer::FactormerConfig;
use crate::network::NetworkConfig;

/// Rows of a stored matrix.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    offset: usize,
    rows: usize,
    columns: usize,
}

/// A network with something for every linear map (`M`) and every vector (`V`): where it stands, what it is, or its derivative.
#[derive(Debug, Clone)]
pub(super) struct Tree<M, V> {
    pub(super) embed: (M, V),
    pub(super) extract: (M, V),
    pub(super) layers: Vec<LayerTree<M, V>>,
}

/// Biases of keys are left out: they cancel in the softmax, and their derivatives are zero.
#[derive(Debug, Clone)]
pub(super) struct LayerTree<M, V> {
    pub(super) query: (M, V),
    pub(super) heads: Vec<Head<M>>,
    /// Of nodes and of arcs.
    pub(super) value_biases: [V; 2],
    pub(super) hidden: (M, V),
    pub(super) output: (M, V),
    /// Weight and bias.
    pub(super) norms: [[V; 2]; 2],
}

/// Maps of a head: p outputs; d inputs for nodes, d + 1 for arcs, the last of them the entry of V.
#[derive(Debug, Clone)]
pub(super) struct Head<M> {
    pub(super) key_node: M,
    pub(super) key_edge: M,
    pub(super) value_node: M,
    pub(super) value_edge: M,
}

pub(super) type Places = Tree<Place, Place>;
pub(super) type Weights<T> = Tree<Map<T>, Panel<T>>;
pub(super) type LayerWeights<T> = LayerTree<Map<T>, Panel<T>>;
/// Derivatives: matrices by outputs.
pub(super) type Slopes<T> = Tree<Panel<T>, Panel<T>>;
pub(super) type LayerSlopes<T> = LayerTree<Panel<T>, Panel<T>>;

impl Places {
    pub(super) fn new(config: &FactormerConfig) -> Self {
        let specs = config.parameters();
        let whole = |name: &str| -> Place {
            let spec = specs.iter().find(|spec| spec.name == name);
            // Every name below is one of the configuration's own.
            spec.map_or_else(
                || unreachable!("no tensor {name}"),
                |spec| match spec.shape[..] {
                    [rows, columns] => Place {
                        offset: spec.offset,
                        rows,
                        columns,
                    },
                    _ => Place {
                        offset: spec.offset,
                        rows: 1,
                        columns: spec.len,
                    },
                },
            )
        };
        let linear = |name: &str| {
            (
                whole(&format!("{name}.weight")),
                whole(&format!("{name}.bias")),
            )
        };
        let p = config.width / config.heads;
        let layer = |k: usize| {
            let name = |part: &str| format!("layer.{k}.{part}");
            let head = |h: usize| {
                let slice = |part: &str| {
                    let all = whole(&name(part));
                    Place {
                        offset: all.offset + h * p * all.columns,
                        rows: p,
                        columns: all.columns,
                    }
                };
                Head {
                    key_node: slice("key_node.weight"),
                    key_edge: slice("key_edge.weight"),
                    value_node: slice("value_node.weight"),
                    value_edge: slice("value_edge.weight"),
                }
            };
            let norm = |part: &str| {
                let (weight, bias) = linear(&name(part));
                [weight, bias]
            };
            LayerTree {
                query: linear(&name("q")),
                heads: (0..config.heads).map(head).collect(),
                value_biases: [
                    whole(&name("value_node.bias")),
                    whole(&name("value_edge.bias")),
                ],
                hidden: linear(&name("ffn1")),
                output: linear(&name("ffn2")),
                norms: [norm("norm1"), norm("norm2")],
            }
        };
        Self {
            embed: linear("embed"),
            extract: linear("extract"),
            layers: (0..config.layers()).map(layer).collect(),
        }
    }

    /// The parameters.
    pub(super) fn read<T: Element>(&self, values: &[f32]) -> Weights<T> {
        self.map(
            &|place: &Place| Map::new(place.read(values)),
            &|place: &Place| place.read(values),
        )
    }

    /// Derivatives that are zero.
    pub(super) fn zeros<T: Element>(&self) -> Slopes<T> {
        let zeros = |place: &Place| Panel::zeros(place.rows, place.columns);
        self.map(&zeros, &zeros)
    }

    /// Adds derivatives, times a factor, to a flat gradient.
    pub(super) fn add_to<T: Element>(&self, slopes: &Slopes<T>, factor: f64, gradient: &mut [f64]) {
        for (place, slope) in self.all().into_iter().zip(slopes.all()) {
            let rows = gradient[place.offset..].chunks_exact_mut(place.columns);
            for (r, to) in rows.take(place.rows).enumerate() {
                for (to, x) in to.iter_mut().zip(slope.row(r)) {
                    *to += factor * x.to_f64();
                }
            }
        }
    }
}

impl Place {
    fn read<T: Element>(&self, values: &[f32]) -> Panel<T> {
        let mut panel = Panel::zeros(self.rows, self.columns);
        let rows = values[self.offset..].chunks_exact(self.columns);
        for (r, row) in rows.take(self.rows).enumerate() {
            for (to, &x) in panel.row_mut(r).iter_mut().zip(row) {
                *to = T::from_f64(x.into());
            }
        }
        panel
    }
}

impl<M, V> Tree<M, V> {
    fn map<A, B>(&self, map: &impl Fn(&M) -> A, vector: &impl Fn(&V) -> B) -> Tree<A, B> {
        let both = |(m, v): &(M, V)| (map(m), vector(v));
        let two = |[a, b]: &[V; 2]| [vector(a), vector(b)];
        let head = |head: &Head<M>| Head {
            key_node: map(&head.key_node),
            key_edge: map(&head.key_edge),
            value_node: map(&head.value_node),
            value_edge: map(&head.value_edge),
        };
        let layer = |layer: &LayerTree<M, V>| LayerTree {
            query: both(&layer.query),
            heads: layer.heads.iter().map(head).collect(),
            value_biases: two(&layer.value_biases),
            hidden: both(&layer.hidden),
            output: both(&layer.output),
            norms: [two(&layer.norms[0]), two(&layer.norms[1])],
        };
        Tree {
            embed: both(&self.embed),
            extract: both(&self.extract),
            layers: self.layers.iter().map(layer).collect(),
        }
    }
}

impl<X> Tree<X, X> {
    /// Everything, in an order of its own.
    fn all(&self) -> Vec<&X> {
        let mut all = vec![
            &self.embed.0,
            &self.embed.1,
            &self.extract.0,
            &self.extract.1,
        ];
        for layer in &self.layers {
            for (map, bias) in [&layer.query, &layer.hidden, &layer.output] {
                all.extend([map, bias]);
            }
            for head in &layer.heads {
                let nodes = [&head.key_node, &head.value_node];
                all.extend(nodes.into_iter().chain([&head.key_edge, &head.value_edge]));
            }
            all.extend(&layer.value_biases);
            all.extend(layer.norms.iter().flatten());
        }
        all
    }
}

/// A matrix in both orientations, because rows are what products run along.
#[derive(Debug, Clone)]
pub(super) struct Map<T> {
    /// Outputs × inputs.
    pub(super) up: Panel<T>,
    /// Inputs × outputs.
    pub(super) down: Panel<T>,
}

impl<T: Element> Map<T> {
    fn new(up: Panel<T>) -> Self {
        Self {
            down: transposed(&up),
            up,
        }
    }
}

/// The transpose.
pub(super) fn transposed<T: Element>(panel: &Panel<T>) -> Panel<T> {
    let mut out = Panel::zeros(panel.columns, panel.rows);
    let stride = out.stride();
    let to = out.data.as_flattened_mut();
    for r in 0..panel.rows {
        for (c, &x) in panel.row(r)[..panel.columns].iter().enumerate() {
            to[c * stride + r] = x;
        }
    }
    out
}

/// `x Wᵀ + b`.
pub(super) fn apply<T: Element>((map, bias): &(Map<T>, Panel<T>), x: &Panel<T>) -> Panel<T> {
    let mut out = Panel::zeros(x.rows, map.up.rows);
    out.fill_rows(bias);
    add_product(Left::of(x), &map.down, &mut out);
    out
}

/// Backward through [`apply`]: adds to the derivatives of the map and returns that of x.
pub(super) fn apply_back<T: Element>(
    (map, _): &(Map<T>, Panel<T>),
    x: &Panel<T>,
    slope: &Panel<T>,
    (map_slope, bias_slope): &mut (Panel<T>, Panel<T>),
) -> Panel<T> {
    add_product(Left::transpose(slope), x, map_slope);
    add_rows(slope, bias_slope);
    product(Left::of(slope), slope.rows, &map.up)
}

/// `a b`, with so many rows.
pub(super) fn product<T: Element>(a: Left<'_, T>, rows: usize, b: &Panel<T>) -> Panel<T> {
    let mut out = Panel::zeros(rows, b.columns);
    add_product(a, b, &mut out);
    out
}

/// Adds the sum of all rows.
pub(super) fn add_rows<T: Element>(x: &Panel<T>, sum: &mut Panel<T>) {
    for r in 0..x.rows {
        add(x.row(r), sum.row_mut(0));
    }
}

/// `to += x`.
pub(super) fn add<T: Element>(x: &[T], to: &mut [T]) {
    for (to, &x) in to.iter_mut().zip(x) {
        *to += x;
    }
}
