//! Several problems as tensors, and sums over neighbours in them.

use tch::{Device, Kind, Tensor};

use super::super::tensors::{Context, Tch, indices};
use super::MessageForm;
use crate::GnnError;
use crate::admm::{AdmmConfig, EdgeWeights};
use crate::native::admm::edges::{MOST, inputs, metropolis};
use crate::native::admm::{AgentGraph, QuadraticProblem};

/// Who is whose neighbour.
#[derive(Debug)]
pub(super) enum Wiring {
    /// Adjacency, batch × m × m.
    Dense(Tensor),
    /// Directed edges of all graphs side by side.
    Sparse {
        receiver: Tensor,
        sender: Tensor,
        /// Position of the opposite edge.
        reverse: Tensor,
        /// Graph of every node.
        graph: Tensor,
        /// Nodes of every graph, graphs × 1.
        sizes: Tensor,
    },
}

/// Problems of one dimension n. `nodes` stands for batch × m in dense form, for all nodes in sparse form; `edges` for batch × m × m and all directed edges.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) wiring: Wiring,
    /// edges × inputs, and Metropolis weights, edges; where edges have a perceptron.
    pub(super) edge_inputs: Option<(Tensor, Tensor)>,
    /// nodes × n × n.
    pub(super) hessians: Tensor,
    /// nodes × n.
    pub(super) linear: Tensor,
    /// nodes × n, every node of a graph the same.
    pub(super) solutions: Tensor,
    /// Sum of the constants of the f_i, graphs.
    pub(super) constants: Tensor,
    /// Nodes of each graph, graphs.
    pub(super) sizes: Tensor,
    /// d_i + 1, nodes × 1.
    pub(super) degrees_plus_one: Tensor,
}

impl Batch {
    pub(super) fn new(
        config: &AdmmConfig,
        problems: &[&QuadraticProblem],
        form: MessageForm,
        kind: Kind,
    ) -> Result<Self, GnnError> {
        let bad = |reason: String| Err(GnnError::Matrix { reason });
        let Some(first) = problems.first() else {
            return bad("there are no problems".into());
        };
        let (n, m) = (first.dimension(), first.graph().nodes());
        if problems.iter().any(|p| p.dimension() != n) {
            return bad("problems of a batch have one n".into());
        }
        if form == MessageForm::Dense && problems.iter().any(|p| p.graph().nodes() != m) {
            return bad("graphs of a batch in dense form have one size".into());
        }
        let graphs: Vec<&AgentGraph> = problems.iter().map(|p| p.graph()).collect();
        let nodes: Vec<i64> = match form {
            MessageForm::Dense => vec![problems.len() as i64, m as i64],
            MessageForm::Sparse => vec![graphs.iter().map(|g| g.nodes() as i64).sum()],
        };
        let collect = |part: &dyn Fn(&QuadraticProblem) -> Vec<f64>, inner: &[i64]| {
            let values: Vec<f64> = problems.iter().flat_map(|p| part(p)).collect();
            tensor(&values, &[&nodes[..], inner].concat(), kind)
        };
        let size = n as i64;
        let sizes: Vec<f64> = graphs.iter().map(|g| g.nodes() as f64).collect();
        let constants: Vec<f64> = problems.iter().map(|p| p.constant()).collect();
        let count = problems.len() as i64;
        let make = || -> Tch<_> {
            Ok(Self {
                wiring: match form {
                    MessageForm::Dense => adjacency(&graphs, kind)?,
                    MessageForm::Sparse => edge_list(&graphs, kind)?,
                },
                edge_inputs: match config.edges {
                    EdgeWeights::Unit => None,
                    _ => Some(edge_inputs(config, &graphs, form, kind)?),
                },
                hessians: collect(&|p| p.hessians().to_vec(), &[size, size])?,
                linear: collect(&|p| p.linear().to_vec(), &[size])?,
                solutions: collect(&|p| p.solution().repeat(p.graph().nodes()), &[size])?,
                degrees_plus_one: collect(
                    &|p| {
                        let g = p.graph();
                        (0..g.nodes()).map(|i| g.degree(i) as f64 + 1.0).collect()
                    },
                    &[1],
                )?,
                constants: tensor(&constants, &[count], kind)?,
                sizes: tensor(&sizes, &[count], kind)?,
            })
        };
        make().context("problems as tensors")
    }

    /// `Σ_j w_ij values_j`; weights per edge, values nodes × any.
    pub(super) fn gather(&self, weights: &Tensor, values: &Tensor) -> Tch<Tensor> {
        match &self.wiring {
            Wiring::Dense(_) => Tensor::f_einsum("bij,bjd->bid", &[weights, values], None::<i64>),
            Wiring::Sparse {
                receiver, sender, ..
            } => {
                let messages = values
                    .f_index_select(0, sender)?
                    .f_mul(&weights.f_unsqueeze(-1)?)?;
                values.f_zeros_like()?.f_index_add(0, receiver, &messages)
            }
        }
    }

    /// The value of the opposite edge.
    pub(super) fn reverse(&self, values: &Tensor) -> Tch<Tensor> {
        match &self.wiring {
            Wiring::Dense(_) => values.f_transpose(1, 2),
            Wiring::Sparse { reverse, .. } => values.f_index_select(0, reverse),
        }
    }

    /// 1 for every edge.
    pub(super) fn unit_weights(&self) -> Tch<Tensor> {
        match &self.wiring {
            Wiring::Dense(adjacency) => Ok(adjacency.shallow_clone()),
            Wiring::Sparse { receiver, .. } => {
                receiver.f_ones_like()?.f_to_kind(self.linear.f_kind()?)
            }
        }
    }

    /// The mean over each graph of a number per node, nodes × 1, in a shape that fits nodes × 1.
    pub(super) fn mean(&self, values: &Tensor) -> Tch<Tensor> {
        match &self.wiring {
            Wiring::Dense(_) => values.f_mean_dim(1, true, values.f_kind()?),
            Wiring::Sparse { graph, sizes, .. } => sizes
                .f_zeros_like()?
                .f_index_add(0, graph, values)?
                .f_div(sizes)?
                .f_index_select(0, graph),
        }
    }

    /// The sum over each graph of all of nodes × any: graphs.
    pub(super) fn total(&self, values: &Tensor) -> Tch<Tensor> {
        let rows = values.f_sum_dim_intlist(-1, true, values.f_kind()?)?;
        match &self.wiring {
            Wiring::Dense(_) => rows
                .f_sum_dim_intlist(1, false, rows.f_kind()?)?
                .f_squeeze_dim(-1),
            Wiring::Sparse { graph, sizes, .. } => sizes
                .f_zeros_like()?
                .f_index_add(0, graph, &rows)?
                .f_squeeze_dim(-1),
        }
    }
}

pub(super) fn tensor(values: &[f64], shape: &[i64], kind: Kind) -> Tch<Tensor> {
    Tensor::f_from_slice(values)?
        .f_to_kind(kind)?
        .f_reshape(shape)
}

fn adjacency(graphs: &[&AgentGraph], kind: Kind) -> Tch<Wiring> {
    let m = graphs[0].nodes();
    let mut dense = vec![0.0; graphs.len() * m * m];
    for (block, graph) in dense.chunks_exact_mut(m * m).zip(graphs) {
        for i in 0..m {
            for &j in graph.neighbours(i) {
                block[i * m + j as usize] = 1.0;
            }
        }
    }
    let shape = [graphs.len() as i64, m as i64, m as i64];
    Ok(Wiring::Dense(tensor(&dense, &shape, kind)?))
}

fn edge_list(graphs: &[&AgentGraph], kind: Kind) -> Tch<Wiring> {
    let (mut receiver, mut sender, mut reverse) = (Vec::new(), Vec::new(), Vec::new());
    let (mut owner, mut sizes) = (Vec::new(), Vec::new());
    for (number, graph) in graphs.iter().enumerate() {
        let (nodes, edges) = (owner.len() as i64, receiver.len() as i64);
        for i in 0..graph.nodes() {
            owner.push(number as i64);
            for &j in graph.neighbours(i) {
                receiver.push(nodes + i as i64);
                sender.push(nodes + i64::from(j));
            }
        }
        reverse.extend(graph.reverse().iter().map(|&e| edges + i64::from(e)));
        sizes.push(graph.nodes() as f64);
    }
    Ok(Wiring::Sparse {
        receiver: indices(&receiver, Device::Cpu)?,
        sender: indices(&sender, Device::Cpu)?,
        reverse: indices(&reverse, Device::Cpu)?,
        graph: indices(&owner, Device::Cpu)?,
        sizes: tensor(&sizes, &[sizes.len() as i64, 1], kind)?,
    })
}

/// Inputs of the perceptron of edges, receiver first, and Metropolis weights; in dense form for all pairs, of which those without an edge are masked later.
fn edge_inputs(
    config: &AdmmConfig,
    graphs: &[&AgentGraph],
    form: MessageForm,
    kind: Kind,
) -> Tch<(Tensor, Tensor)> {
    let width = config.edge_inputs();
    let (mut read, mut base) = (Vec::new(), Vec::new());
    let mut pair = |graph: &AgentGraph, i: usize, j: usize| {
        let (u, v) = (graph.profile(i), graph.profile(j));
        let numbers: [f64; MOST] = inputs(config.edges, &u, &v);
        read.extend_from_slice(&numbers[..width]);
        base.push(metropolis(&u, &v));
    };
    for graph in graphs {
        for i in 0..graph.nodes() {
            match form {
                MessageForm::Dense => (0..graph.nodes()).for_each(|j| pair(graph, i, j)),
                MessageForm::Sparse => {
                    let neighbours = graph.neighbours(i).iter();
                    neighbours.for_each(|&j| pair(graph, i, j as usize));
                }
            }
        }
    }
    let m = graphs[0].nodes() as i64;
    let shape = match form {
        MessageForm::Dense => vec![graphs.len() as i64, m, m],
        MessageForm::Sparse => vec![base.len() as i64],
    };
    let with_inputs = [&shape[..], &[width as i64]].concat();
    Ok((
        tensor(&read, &with_inputs, kind)?,
        tensor(&base, &shape, kind)?,
    ))
}
