//! Directed graphs, one or several side by side, with arcs sorted by the node that receives.

use tch::{Device, Kind, Tensor};

use super::super::host_graph::HostPattern;
use super::super::segment::{Arcs, End};
use super::super::tensors::{Context, Tch, indices, reals};
use crate::GnnError;

/// The arcs of one or several graphs on a device, ready for sums at either end.
///
/// An arc goes from its source j to its target i, where messages are collected. Arcs are stored by target, arcs of one target in the order
/// in which they were given; [`order`](Self::order) says which arc stands where. For the entries of a matrix, by rows, target = row
/// and source = column, that is the order of the entries.
#[derive(Debug)]
pub struct ArcGraph {
    pub(super) arcs: Arcs,
    order: Vec<usize>,
    sizes: Vec<usize>,
    num_nodes: usize,
    kind: Kind,
    device: Device,
    /// 1 where a node receives something, as a column; none if all do.
    pub(super) receives: Option<Tensor>,
    pub(super) rooms: Rooms,
}

/// How the rows of nodes are laid out as a block (graphs × most nodes × channels).
#[derive(Debug)]
pub(super) struct Rooms {
    graphs: i64,
    most: i64,
    /// Row of every place of the block, one past the last for an empty one; and place of every row. None if no place is empty.
    uneven: Option<(Tensor, Tensor)>,
    /// 1 / (nodes of the graph), graphs × 1 × 1.
    pub(super) inverse_sizes: Tensor,
}

impl Rooms {
    fn new(sizes: &[usize], kind: Kind, device: Device) -> Tch<Self> {
        let most = sizes.iter().copied().max().unwrap_or(0);
        let total: usize = sizes.iter().sum();
        let uneven = if sizes.iter().all(|s| *s == most) {
            None
        } else {
            let (mut rows, mut places, mut first) = (Vec::new(), Vec::new(), 0);
            for (g, &size) in sizes.iter().enumerate() {
                places.extend((0..size).map(|i| (g * most + i) as i64));
                rows.extend((0..most).map(|i| if i < size { first + i } else { total } as i64));
                first += size;
            }
            Some((indices(&rows, device)?, indices(&places, device)?))
        };
        let inverse: Vec<f64> = sizes.iter().map(|s| 1.0 / (*s).max(1) as f64).collect();
        Ok(Self {
            graphs: sizes.len() as i64,
            most: most as i64,
            uneven,
            inverse_sizes: reals(&inverse, kind, device)?.f_reshape([-1, 1, 1])?,
        })
    }

    /// (nodes × c) as (graphs × most nodes × c); empty places are zero.
    pub(super) fn block(&self, x: &Tensor) -> Tch<Tensor> {
        let width = x.size()[1];
        let rows = match &self.uneven {
            None => x.shallow_clone(),
            Some((rows, _)) => {
                let zero = Tensor::f_zeros([1, width], (x.f_kind()?, x.device()))?;
                Tensor::f_cat(&[x, &zero], 0)?.f_index_select(0, rows)?
            }
        };
        rows.f_reshape([self.graphs, self.most, width])
    }

    /// Back from the block to the rows of nodes.
    pub(super) fn rows(&self, block: &Tensor) -> Tch<Tensor> {
        let flat = block.f_reshape([self.graphs * self.most, -1])?;
        match &self.uneven {
            None => Ok(flat),
            Some((_, places)) => flat.f_index_select(0, places),
        }
    }
}

impl ArcGraph {
    /// Graphs of `sizes` nodes each, nodes numbered through, with arcs from `sources` to `targets`.
    ///
    /// # Errors
    /// [`GnnError::Matrix`] if the lists differ in length, an end is no node, or an arc goes from one graph to another;
    /// [`GnnError::Torch`] if LibTorch refuses.
    pub fn new(
        sizes: &[usize],
        sources: &[u32],
        targets: &[u32],
        kind: Kind,
        device: Device,
    ) -> Result<Self, GnnError> {
        let bad = |reason: String| Err(GnnError::Matrix { reason });
        if sources.len() != targets.len() {
            let (s, t) = (sources.len(), targets.len());
            return bad(format!("{s} sources and {t} targets"));
        }
        let mut graph = Vec::new();
        for (g, &size) in sizes.iter().enumerate() {
            graph.resize(graph.len() + size, g);
        }
        let num_nodes = graph.len();
        for (k, (&s, &t)) in sources.iter().zip(targets).enumerate() {
            let (s, t) = (s as usize, t as usize);
            if s >= num_nodes || t >= num_nodes {
                return bad(format!("arc {k} from {s} to {t} among {num_nodes} nodes"));
            }
            if graph[s] != graph[t] {
                return bad(format!("arc {k} from {s} to {t} joins two graphs"));
            }
        }
        let mut order: Vec<usize> = (0..targets.len()).collect();
        order.sort_by_key(|&k| targets[k]);
        let mut counts = vec![0i64; num_nodes + 1];
        for &t in targets {
            counts[t as usize + 1] += 1;
        }
        let lonely = counts[1..].contains(&0);
        let receives: Vec<f64> = counts[1..].iter().map(|c| f64::from(*c > 0)).collect();
        for i in 0..num_nodes {
            counts[i + 1] += counts[i];
        }
        let pattern = HostPattern {
            row: order.iter().map(|&k| targets[k].into()).collect(),
            col: order.iter().map(|&k| sources[k].into()).collect(),
            val: Vec::new(),
            row_pointer: counts,
        };
        let upload = || -> Tch<_> {
            let receives = reals(&receives, kind, device)?.f_unsqueeze(1)?;
            Ok((
                Arcs::upload(&pattern, kind, device)?,
                lonely.then_some(receives),
                Rooms::new(sizes, kind, device)?,
            ))
        };
        let (arcs, receives, rooms) = upload().context("moving a graph to the device")?;
        Ok(Self {
            arcs,
            order,
            sizes: sizes.to_vec(),
            num_nodes,
            kind,
            device,
            receives,
            rooms,
        })
    }

    /// Nodes of each graph.
    #[must_use]
    pub fn sizes(&self) -> &[usize] {
        &self.sizes
    }

    /// Number of nodes of all graphs.
    #[must_use]
    pub fn num_nodes(&self) -> usize {
        self.num_nodes
    }

    /// Number of arcs of all graphs.
    #[must_use]
    pub fn num_arcs(&self) -> usize {
        self.order.len()
    }

    /// Place in the given lists of every stored arc.
    #[must_use]
    pub fn order(&self) -> &[usize] {
        &self.order
    }

    /// Scalar type of what the graph works on.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Where the graph is.
    #[must_use]
    pub fn device(&self) -> Device {
        self.device
    }

    /// Softmax over the arcs of each target; of a scalar per arc, or of each channel of rows.
    pub(super) fn softmax(&self, scores: &Tensor) -> Tch<Tensor> {
        let most = self.arcs.gather(&self.arcs.maximum(scores)?, End::Row)?;
        let terms = scores.f_sub(&most)?.f_exp_()?;
        let sums = self.arcs.gather(&self.sum(&terms)?, End::Row)?;
        terms.f_div(&sums)
    }

    /// Gradient of the scores from that of their softmax `p`: `p ∘ (g − Σ p ∘ g)`. Overwrites `g`.
    pub(super) fn softmax_gradient(&self, p: &Tensor, mut g: Tensor) -> Tch<Tensor> {
        let means = self.sum(&p.f_mul(&g)?)?;
        let _ = g.f_sub_(&self.arcs.gather(&means, End::Row)?)?;
        g.f_mul_(p)
    }

    /// Sum over the arcs of each target, of scalars or rows.
    fn sum(&self, v: &Tensor) -> Tch<Tensor> {
        if v.dim() == 1 {
            self.arcs.sum_scalars(v, End::Row)
        } else {
            self.arcs.sum(v, End::Row)
        }
    }
}
