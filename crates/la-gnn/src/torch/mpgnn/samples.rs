//! Graphs to learn from, kept on the device as batches that are ready to use.

use std::rc::Rc;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use tch::{Device, Kind, Tensor};

use super::super::tensors::{Context, Tch, indices, reals};
use super::graph::ArcGraph;
use super::loss::Cosine;
use super::network::MpgnnBatch;
use crate::GnnError;
use crate::mpgnn::NodeInput;

/// One graph with features, and the values that are wanted on some of its arcs.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct EdgeSample {
    /// Number of nodes.
    pub num_nodes: usize,
    /// Source of every arc.
    pub sources: Vec<u32>,
    /// Target of every arc; ascending.
    pub targets: Vec<u32>,
    /// Features of nodes, row by row.
    pub nodes: Vec<f64>,
    /// Features of arcs, row by row.
    pub edges: Vec<f64>,
    /// Arcs whose outputs are wanted; ascending.
    pub outputs: Vec<usize>,
    /// What they are to be, up to a common factor.
    pub wanted: Vec<f64>,
}

impl EdgeSample {
    /// The graph of a symmetric matrix, `input` at every node, entries at arcs, and the entries of its lower triangle in row order as
    /// outputs, with the entries that a factor is to have there.
    ///
    /// # Errors
    /// [`GnnError::Matrix`] if `a` is not square and by rows, or `factor` has not one value for each entry of its lower triangle.
    pub fn of_matrix(
        a: sprs::CsMatViewI<'_, f64, u32>,
        factor: &[f64],
        input: NodeInput,
    ) -> Result<Self, GnnError> {
        let bad = |reason: String| Err(GnnError::Matrix { reason });
        if !a.is_csr() || a.rows() != a.cols() {
            return bad(format!("{} x {}, by rows is needed", a.rows(), a.cols()));
        }
        let mut sample = Self {
            num_nodes: a.rows(),
            nodes: match input {
                NodeInput::Ones => vec![1.0; a.rows()],
                NodeInput::Diagonal => (0..a.rows())
                    .map(|i| a.get(i, i).copied().unwrap_or(0.0))
                    .collect(),
            },
            edges: a.data().to_vec(),
            wanted: factor.to_vec(),
            ..Self::default()
        };
        for (i, row) in a.outer_iterator().enumerate() {
            for (j, _) in row.iter() {
                if j <= i {
                    sample.outputs.push(sample.targets.len());
                }
                sample.targets.push(i as u32);
                sample.sources.push(j as u32);
            }
        }
        if sample.outputs.len() != factor.len() {
            return bad(format!(
                "{} entries in the lower triangle, {} values",
                sample.outputs.len(),
                factor.len()
            ));
        }
        Ok(sample)
    }

    fn check(&self) -> Result<(), GnnError> {
        let bad = |reason: String| Err(GnnError::Matrix { reason });
        if !self.targets.is_sorted() {
            return bad("arcs of a sample must be sorted by target".into());
        }
        if self.outputs.len() != self.wanted.len() || self.outputs.is_empty() {
            let (o, w) = (self.outputs.len(), self.wanted.len());
            return bad(format!("{o} outputs and {w} wanted values"));
        }
        let arcs = self.targets.len();
        let in_order = self.outputs.windows(2).all(|w| w[0] < w[1]);
        if !in_order || self.outputs.last().is_some_and(|k| *k >= arcs) {
            return bad(format!("outputs must be ascending places of {arcs} arcs"));
        }
        if self.num_nodes == 0 || !self.nodes.len().is_multiple_of(self.num_nodes) {
            let (f, n) = (self.nodes.len(), self.num_nodes);
            return bad(format!("{f} features for {n} nodes"));
        }
        if self.targets.is_empty() || !self.edges.len().is_multiple_of(self.targets.len()) {
            let (f, e) = (self.edges.len(), self.targets.len());
            return bad(format!("{f} features for {e} arcs"));
        }
        for (what, values) in [
            ("node features", &self.nodes),
            ("arc features", &self.edges),
            ("wanted values", &self.wanted),
        ] {
            if let Some(position) = values.iter().position(|v| !v.is_finite()) {
                return Err(GnnError::NonFinite {
                    what: what.into(),
                    position,
                });
            }
        }
        Ok(())
    }

    fn same_graph(&self, other: &Self) -> bool {
        self.num_nodes == other.num_nodes
            && self.sources == other.sources
            && self.targets == other.targets
            && self.outputs == other.outputs
    }
}

/// A batch and what is wanted of it.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) batch: MpgnnBatch,
    pub(super) cosine: Cosine,
}

/// Several graphs fused into one.
#[derive(Debug)]
struct Fused {
    graph: Rc<ArcGraph>,
    outputs: Rc<Tensor>,
    cosine: Cosine,
}

fn fuse(samples: &[&EdgeSample], kind: Kind, device: Device) -> Result<Fused, GnnError> {
    let sizes: Vec<usize> = samples.iter().map(|s| s.num_nodes).collect();
    let (mut sources, mut targets) = (Vec::new(), Vec::new());
    let (mut outputs, mut counts) = (Vec::new(), Vec::new());
    let mut first = 0u32;
    for s in samples {
        outputs.extend(s.outputs.iter().map(|&k| (targets.len() + k) as i64));
        counts.push(s.outputs.len());
        sources.extend(s.sources.iter().map(|&j| first + j));
        targets.extend(s.targets.iter().map(|&i| first + i));
        first += s.num_nodes as u32;
    }
    let graph = Rc::new(ArcGraph::new(&sizes, &sources, &targets, kind, device)?);
    let wanted: Vec<f64> = samples.iter().flat_map(|s| s.wanted.clone()).collect();
    let upload = || -> Tch<_> {
        Ok((
            Rc::new(indices(&outputs, device)?),
            Cosine::new(&counts, &wanted, device)?,
        ))
    };
    let (outputs, cosine) = upload().context("moving samples to the device")?;
    Ok(Fused {
        graph,
        outputs,
        cosine,
    })
}

/// A set of samples on a device, in batches.
///
/// Where all samples have the same graph, one fused graph serves every batch of that size, features lie on the device once, and every
/// epoch draws its batches anew. Otherwise batches are put together once, and an epoch changes their order. Either way a
/// step of training asks nothing of the host.
#[derive(Debug)]
pub struct EdgeSamples {
    count: usize,
    form: Form,
}

#[derive(Debug)]
enum Form {
    Shared(Box<Shared>),
    Fixed(Vec<Prepared>),
}

#[derive(Debug)]
struct Shared {
    /// For full batches, and for what is left over.
    full: Fused,
    rest: Option<Fused>,
    batch: usize,
    /// Samples × features.
    nodes: Tensor,
    edges: Tensor,
    wanted: Tensor,
    widths: [i64; 2],
}

impl EdgeSamples {
    /// Puts samples on a device in batches of `batch`; `seed` decides which come together where graphs differ.
    ///
    /// # Errors
    /// [`GnnError::Matrix`] or [`GnnError::NonFinite`] for a sample that is none, [`GnnError::Config`] for no samples, an empty batch
    /// or features of different widths, [`GnnError::Torch`] if LibTorch refuses.
    pub fn new(
        samples: &[EdgeSample],
        batch: usize,
        seed: u64,
        kind: Kind,
        device: Device,
    ) -> Result<Self, GnnError> {
        samples.iter().try_for_each(EdgeSample::check)?;
        let Some(first) = samples.first().filter(|_| batch > 0) else {
            return Err(GnnError::Config {
                field: "samples",
                reason: format!("{} samples in batches of {batch}", samples.len()),
            });
        };
        let widths =
            |s: &EdgeSample| [s.nodes.len() / s.num_nodes, s.edges.len() / s.targets.len()];
        if samples.iter().any(|s| widths(s) != widths(first)) {
            return Err(GnnError::Config {
                field: "samples",
                reason: "have features of different widths".into(),
            });
        }
        let widths = widths(first).map(|w| w as i64);
        let form = if samples.iter().all(|s| s.same_graph(first)) {
            Form::Shared(Box::new(Shared::new(samples, batch, widths, kind, device)?))
        } else {
            let mut order: Vec<&EdgeSample> = samples.iter().collect();
            order.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
            let prepare = |group: &[&EdgeSample]| prepare(group, widths, kind, device);
            Form::Fixed(order.chunks(batch).map(prepare).collect::<Result<_, _>>()?)
        };
        Ok(Self {
            count: samples.len(),
            form,
        })
    }

    /// Number of samples.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there are none; never true.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Batches of an epoch.
    #[must_use]
    pub fn batches(&self) -> usize {
        match &self.form {
            Form::Shared(shared) => self.count.div_ceil(shared.batch),
            Form::Fixed(batches) => batches.len(),
        }
    }

    /// Calls `use_it` with every batch: in the order of `rng`, or in that of the samples (of the batches, where graphs differ).
    pub(super) fn each(
        &self,
        rng: Option<&mut ChaCha8Rng>,
        mut use_it: impl FnMut(&Prepared) -> Result<(), GnnError>,
    ) -> Result<(), GnnError> {
        match &self.form {
            Form::Shared(shared) => {
                let mut order: Vec<i64> = (0..self.count as i64).collect();
                if let Some(rng) = rng {
                    order.shuffle(rng);
                }
                let order = indices(&order, shared.nodes.device()).context("order of an epoch")?;
                for k in 0..self.batches() {
                    let start = k * shared.batch;
                    let len = shared.batch.min(self.count - start);
                    let prepared = order
                        .f_narrow(0, start as i64, len as i64)
                        .and_then(|chosen| shared.take(&chosen, len))
                        .context("features of a batch")?;
                    use_it(&prepared)?;
                }
                Ok(())
            }
            Form::Fixed(batches) => {
                let mut order: Vec<usize> = (0..batches.len()).collect();
                if let Some(rng) = rng {
                    order.shuffle(rng);
                }
                order.iter().try_for_each(|&k| use_it(&batches[k]))
            }
        }
    }
}

fn prepare(
    group: &[&EdgeSample],
    widths: [i64; 2],
    kind: Kind,
    device: Device,
) -> Result<Prepared, GnnError> {
    let fused = fuse(group, kind, device)?;
    let upload = |values: &dyn Fn(&EdgeSample) -> &[f64], width: i64| {
        let values: Vec<f64> = group
            .iter()
            .flat_map(|s| values(s).iter().copied())
            .collect();
        reals(&values, kind, device)?.f_view([-1, width])
    };
    let batch = || {
        Ok(MpgnnBatch {
            nodes: upload(&|s| &s.nodes, widths[0])?,
            edges: upload(&|s| &s.edges, widths[1])?,
            graph: fused.graph,
            outputs: Some(fused.outputs),
        })
    };
    Ok(Prepared {
        batch: batch().context("moving samples to the device")?,
        cosine: fused.cosine,
    })
}

impl Shared {
    fn new(
        samples: &[EdgeSample],
        batch: usize,
        widths: [i64; 2],
        kind: Kind,
        device: Device,
    ) -> Result<Self, GnnError> {
        let batch = batch.min(samples.len());
        let some: Vec<&EdgeSample> = samples.iter().take(batch).collect();
        let rest = samples.len() % batch;
        let count = samples.len() as i64;
        let upload = |values: &dyn Fn(&EdgeSample) -> &[f64], kind| -> Tch<Tensor> {
            let values: Vec<f64> = samples
                .iter()
                .flat_map(|s| values(s).iter().copied())
                .collect();
            reals(&values, kind, device)?.f_view([count, -1])
        };
        let tensors = || -> Tch<_> {
            let wanted = upload(&|s| &s.wanted, Kind::Double)?;
            let norms = wanted
                .f_square()?
                .f_sum_dim_intlist(1, true, Kind::Double)?
                .f_sqrt()?;
            Ok((
                upload(&|s| &s.nodes, kind)?,
                upload(&|s| &s.edges, kind)?,
                wanted.f_div(&norms)?,
            ))
        };
        let (nodes, edges, wanted) = tensors().context("moving samples to the device")?;
        Ok(Self {
            full: fuse(&some, kind, device)?,
            rest: match rest {
                0 => None,
                rest => Some(fuse(&some[..rest], kind, device)?),
            },
            batch,
            nodes,
            edges,
            wanted,
            widths,
        })
    }

    fn take(&self, chosen: &Tensor, len: usize) -> Tch<Prepared> {
        let fused = match &self.rest {
            Some(rest) if len < self.batch => rest,
            _ => &self.full,
        };
        let rows = |x: &Tensor, width| x.f_index_select(0, chosen)?.f_view([-1, width]);
        Ok(Prepared {
            batch: MpgnnBatch {
                graph: Rc::clone(&fused.graph),
                nodes: rows(&self.nodes, self.widths[0])?,
                edges: rows(&self.edges, self.widths[1])?,
                outputs: Some(Rc::clone(&fused.outputs)),
            },
            cosine: fused
                .cosine
                .with(self.wanted.f_index_select(0, chosen)?.f_view([-1])?),
        })
    }
}
