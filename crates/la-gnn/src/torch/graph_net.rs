//! One GraphNet step: new arc states, aggregated at the receiving node, new node states.
//!
//! ```text
//! e'_ij = MLP_e([x_i, x_j, u_ij])        i receives
//! m_i   = mean or sum of e'_ij over the arcs of i
//! x'_i  = MLP_n([x_i, m_i])
//! ```
//! With a state g of the graph, it is the first input of both perceptrons, and
//! `g' = MLP_g([mean of x', mean of e', g])`.
//!
//! P. Battaglia et al., *Relational inductive biases, deep learning, and graph networks*, 2018.

use tch::Tensor;

use super::activation::{apply, slope};
use super::batch::GraphBatch;
use super::mlp::{Mlp, MlpTape, column_sums};
use super::segment::{Arcs, End};
use super::tensors::Tch;
use crate::neuralif::{Activation, ParameterSpec};

/// How arc states are collected at a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Aggregation {
    Mean,
    Sum,
}

/// Everything about a step that is not learned.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StepShape {
    /// The end of an arc that receives.
    pub(crate) receiver: End,
    pub(crate) aggregation: Aggregation,
    pub(crate) activation: Activation,
}

/// Parameters of a step (or their gradients): views of a flat vector.
#[derive(Debug)]
pub(crate) struct GraphNetStep {
    pub(crate) edge: Mlp,
    pub(crate) node: Mlp,
    /// Update of the state of the graph, if there is one.
    pub(crate) global: Option<Mlp>,
}

/// What goes into a step. Shapes: `x` nodes × d, `e` arcs × k, `skip` arcs × 1, `g` graphs × f.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StepInput<'a> {
    pub(crate) x: &'a Tensor,
    pub(crate) e: &'a Tensor,
    pub(crate) skip: Option<&'a Tensor>,
    pub(crate) g: Option<&'a Tensor>,
}

/// What comes out: new states of the arcs, of the nodes and of the graphs. Also their gradients.
#[derive(Debug)]
pub(crate) struct States {
    pub(crate) e: Tensor,
    pub(crate) x: Option<Tensor>,
    pub(crate) g: Option<Tensor>,
}

/// What the backward pass needs.
#[derive(Debug)]
pub(crate) struct StepTape {
    x: Tensor,
    e: Tensor,
    skip: Option<Tensor>,
    g: Option<Tensor>,
    hidden: Tensor,
    node: Option<MlpTape>,
    global: Option<MlpTape>,
}

/// Gradients of what went into a step; of the arc states only if wanted.
#[derive(Debug)]
pub(crate) struct InputGradients {
    pub(crate) x: Tensor,
    pub(crate) e: Option<Tensor>,
    pub(crate) g: Option<Tensor>,
}

/// Columns `start .. start + len` of a matrix.
fn columns(w: &Tensor, start: i64, len: i64) -> Tch<Tensor> {
    w.f_narrow(1, start, len)
}

/// `e Wᵀ`, by an outer product where `e` has one column (a matrix product is slower there).
fn arc_map(e: &Tensor, w: &Tensor) -> Tch<Tensor> {
    if e.size()[1] == 1 {
        e.f_mul(&w.f_reshape([1, -1])?)
    } else {
        e.f_mm(&w.f_tr()?)
    }
}

impl GraphNetStep {
    pub(crate) fn take<'a>(
        flat: &Tensor,
        specs: &mut impl Iterator<Item = &'a ParameterSpec>,
        with_global: bool,
    ) -> Tch<Self> {
        Ok(Self {
            edge: Mlp::take(flat, specs)?,
            node: Mlp::take(flat, specs)?,
            global: match with_global {
                true => Some(Mlp::take(flat, specs)?),
                false => None,
            },
        })
    }

    /// Width of the state of a graph.
    fn global_width(&self) -> i64 {
        self.global.as_ref().map_or(0, |mlp| mlp.w2.size()[0])
    }

    /// New arc states, new states of nodes and graphs (unless they are not wanted) and the tape.
    pub(crate) fn forward(
        &self,
        shape: StepShape,
        batch: &GraphBatch,
        arcs: &Arcs,
        input: StepInput<'_>,
        nodes_wanted: bool,
    ) -> Tch<(States, StepTape)> {
        let StepInput { x, e, skip, g } = input;
        let (f, d, k) = (self.global_width(), x.size()[1], e.size()[1]);
        let w = &self.edge.w1;
        // W_r x_i + W_g g + b and W_o x_j once per node, then gathered.
        let mut receiving = x.f_linear(&columns(w, f, d)?, Some(&self.edge.b1))?;
        if let Some(g) = g {
            let of_graph = g.f_mm(&columns(w, 0, f)?.f_tr()?)?;
            let _ = receiving.f_add_(&batch.at_nodes(&of_graph)?)?;
        }
        let other = x.f_linear::<&Tensor>(&columns(w, f + d, d)?, None)?;
        let mut hidden = arcs.gather(&receiving, shape.receiver)?;
        let _ = hidden.f_add_(&arcs.gather(&other, shape.receiver.other())?)?;
        let _ = hidden.f_add_(&arc_map(e, &columns(w, f + 2 * d, k)?)?)?;
        if let Some(a) = skip {
            let _ = hidden.f_add_(&arc_map(a, &columns(w, f + 2 * d + k, 1)?)?)?;
        }
        let hidden = apply(shape.activation, hidden)?;
        let e_new = hidden.f_linear(&self.edge.w2, Some(&self.edge.b2))?;
        let mut out = States {
            e: e_new,
            x: None,
            g: None,
        };
        let (mut node, mut global) = (None, None);
        if nodes_wanted {
            let mut m = arcs.sum(&out.e, shape.receiver)?;
            if shape.aggregation == Aggregation::Mean {
                let _ = m.f_mul_(arcs.inverse_count(shape.receiver))?;
            }
            let input = match g {
                Some(g) => Tensor::f_cat(&[&batch.spread(g)?, x, &m], 1)?,
                None => Tensor::f_cat(&[x, &m], 1)?,
            };
            let (x_new, tape) = self.node.forward(input, shape.activation)?;
            node = Some(tape);
            if let (Some(mlp), Some(g)) = (&self.global, g) {
                let input = Tensor::f_cat(
                    &[
                        &batch.graph_means(&x_new)?,
                        &arc_means(batch, arcs, &out.e)?,
                        g,
                    ],
                    1,
                )?;
                let (g_new, tape) = mlp.forward(input, shape.activation)?;
                global = Some(tape);
                out.g = Some(g_new);
            }
            out.x = Some(x_new);
        }
        let tape = StepTape {
            x: x.shallow_clone(),
            e: e.shallow_clone(),
            skip: skip.map(Tensor::shallow_clone),
            g: g.map(Tensor::shallow_clone),
            hidden,
            node,
            global,
        };
        Ok((out, tape))
    }

    /// Writes the gradient of the parameters to `grad`; returns those of the input.
    ///
    /// `g_out.x` and `g_out.g` are ignored where the forward pass made no such states.
    #[expect(
        clippy::too_many_arguments,
        reason = "one value per symbol of the formula"
    )]
    pub(crate) fn backward(
        &self,
        shape: StepShape,
        batch: &GraphBatch,
        arcs: &Arcs,
        tape: StepTape,
        g_out: States,
        grad: &mut GraphNetStep,
        g_e_wanted: bool,
    ) -> Tch<InputGradients> {
        let (f, d, k) = (self.global_width(), tape.x.size()[1], tape.e.size()[1]);
        let States {
            e: mut g_e,
            x: mut g_x,
            g: g_g,
        } = g_out;
        let (mut g_x_in, mut g_g_in) = (None, None);
        if let (Some(mlp), Some(grad), Some(tape), Some(g_g)) =
            (&self.global, &mut grad.global, &tape.global, g_g)
        {
            let g_input = mlp.backward(tape, &g_g, shape.activation, grad)?;
            let width = g_e.size()[1];
            // A mean spreads its gradient evenly.
            let of_nodes = batch.mean_gradient(&columns(&g_input, 0, d)?)?;
            g_x = Some(match g_x {
                Some(g) => g.f_add(&of_nodes)?,
                None => of_nodes,
            });
            let of_arcs = columns(&g_input, d, width)?.f_mul(&inverse_arcs(batch, arcs)?)?;
            g_e = g_e.f_add(&arcs.gather(&batch.spread(&of_arcs)?, End::Row)?)?;
            g_g_in = Some(columns(&g_input, d + width, f)?);
        }
        if let (Some(node), Some(g_x)) = (&tape.node, g_x) {
            let g_input = self
                .node
                .backward(node, &g_x, shape.activation, &mut grad.node)?;
            if f > 0 {
                g_g_in = added(
                    g_g_in,
                    batch.graph_sums(&columns(&g_input, 0, f)?.f_contiguous()?)?,
                )?;
            }
            g_x_in = Some(columns(&g_input, f, d)?);
            let mut g_m = columns(&g_input, f + d, g_input.size()[1] - f - d)?.f_contiguous()?;
            if shape.aggregation == Aggregation::Mean {
                let _ = g_m.f_mul_(arcs.inverse_count(shape.receiver))?;
            }
            g_e = g_e.f_add(&arcs.gather(&g_m, shape.receiver)?)?;
        }
        let back = EdgeBackward {
            step: self,
            arcs,
            slope: slope(shape.activation, &tape.hidden)?,
            receiver: shape.receiver,
            before: f + 2 * d,
            k,
        };
        let (g_r, g_o, g_e_in) = if g_e.size()[1] == 1 {
            back.scalar(&tape, &g_e, grad, g_e_wanted)?
        } else {
            back.wide(&tape, &g_e, grad, g_e_wanted)?
        };
        // The bias enters every arc through its receiving node, and so does the state of the graph.
        grad.edge.b1.f_copy_(&column_sums(&g_r)?)?;
        columns(&grad.edge.w1, f, d)?.f_copy_(&g_r.f_tr()?.f_mm(&tape.x)?)?;
        columns(&grad.edge.w1, f + d, d)?.f_copy_(&g_o.f_tr()?.f_mm(&tape.x)?)?;
        let w = &self.edge.w1;
        if let Some(g) = &tape.g {
            let per_graph = batch.graph_sums(&g_r)?;
            columns(&grad.edge.w1, 0, f)?.f_copy_(&per_graph.f_tr()?.f_mm(g)?)?;
            g_g_in = added(g_g_in, per_graph.f_mm(&columns(w, 0, f)?)?)?;
        }
        let mut g_nodes = g_r.f_mm(&columns(w, f, d)?)?;
        let _ = g_nodes.f_add_(&g_o.f_mm(&columns(w, f + d, d)?)?)?;
        if let Some(g) = g_x_in {
            let _ = g_nodes.f_add_(&g)?;
        }
        Ok(InputGradients {
            x: g_nodes,
            e: g_e_in,
            g: g_g_in,
        })
    }
}

fn added(sum: Option<Tensor>, term: Tensor) -> Tch<Option<Tensor>> {
    Ok(Some(match sum {
        Some(sum) => sum.f_add(&term)?,
        None => term,
    }))
}

/// 1 / (number of arcs) of every graph, as a column.
fn inverse_arcs(batch: &GraphBatch, arcs: &Arcs) -> Tch<Tensor> {
    let counts = arcs.inverse_count(End::Row).f_reciprocal()?;
    batch.graph_sums(&counts)?.f_reciprocal()
}

/// Mean over the arcs of every graph; every row has an arc, its diagonal.
fn arc_means(batch: &GraphBatch, arcs: &Arcs, e: &Tensor) -> Tch<Tensor> {
    batch
        .graph_sums(&arcs.sum(e, End::Row)?)?
        .f_mul(&inverse_arcs(batch, arcs)?)
}

/// The part of the backward pass that runs over arcs.
struct EdgeBackward<'a> {
    step: &'a GraphNetStep,
    arcs: &'a Arcs,
    /// Derivative of the nonlinearity, arcs × h.
    slope: Tensor,
    receiver: End,
    /// Inputs of the perceptron before the arc state.
    before: i64,
    k: i64,
}

/// Gradients of the gathered receiving part, of the gathered other part, and of the arc states.
type EdgeGradients = (Tensor, Tensor, Option<Tensor>);

impl EdgeBackward<'_> {
    /// Scalar new arc states: with g_ij scalar, the gradient before the nonlinearity is g_ij w₂ ∘ σ'_ij. It is never
    /// formed: g_ij weights the sums over arcs, and w₂ is applied to their results.
    fn scalar(
        &self,
        tape: &StepTape,
        g_e: &Tensor,
        grad: &mut GraphNetStep,
        g_e_wanted: bool,
    ) -> Tch<EdgeGradients> {
        let g = g_e.f_reshape([-1])?;
        let w2 = self.step.edge.w2.f_reshape([-1])?;
        let hidden_t = tape.hidden.f_tr()?;
        let slope_t = self.slope.f_tr()?;
        grad.edge.w2.f_copy_(&hidden_t.f_mv(&g)?.f_unsqueeze(0)?)?;
        grad.edge
            .b2
            .f_copy_(&g.f_sum(g.f_kind()?)?.f_reshape([1])?)?;
        let sum =
            |end| -> Tch<Tensor> { self.arcs.sum_rows(&self.slope, Some(&g), end)?.f_mul_(&w2) };
        let (g_r, g_o) = (sum(self.receiver)?, sum(self.receiver.other())?);
        let w_rest = &grad.edge.w1;
        for c in 0..self.k {
            let ge = g.f_mul(&tape.e.f_select(1, c)?)?;
            w_rest
                .f_select(1, self.before + c)?
                .f_copy_(&slope_t.f_mv(&ge)?.f_mul_(&w2)?)?;
        }
        if let Some(a) = &tape.skip {
            let ga = g.f_mul(&a.f_reshape([-1])?)?;
            w_rest
                .f_select(1, self.before + self.k)?
                .f_copy_(&slope_t.f_mv(&ga)?.f_mul_(&w2)?)?;
        }
        let g_e_in = if g_e_wanted {
            let w_e = columns(&self.step.edge.w1, self.before, self.k)?;
            Some(
                self.slope
                    .f_mm(&w_e.f_mul(&w2.f_unsqueeze(1)?)?)?
                    .f_mul_(g_e)?,
            )
        } else {
            None
        };
        Ok((g_r, g_o, g_e_in))
    }

    /// New arc states of any width.
    fn wide(
        &self,
        tape: &StepTape,
        g_e: &Tensor,
        grad: &mut GraphNetStep,
        g_e_wanted: bool,
    ) -> Tch<EdgeGradients> {
        grad.edge.w2.f_copy_(&g_e.f_tr()?.f_mm(&tape.hidden)?)?;
        grad.edge.b2.f_copy_(&column_sums(g_e)?)?;
        let g_pre = g_e.f_mm(&self.step.edge.w2)?.f_mul_(&self.slope)?;
        let g_r = self.arcs.sum_rows(&g_pre, None, self.receiver)?;
        let g_o = self.arcs.sum_rows(&g_pre, None, self.receiver.other())?;
        let g_pre_t = g_pre.f_tr()?;
        columns(&grad.edge.w1, self.before, self.k)?.f_copy_(&g_pre_t.f_mm(&tape.e)?)?;
        if let Some(a) = &tape.skip {
            columns(&grad.edge.w1, self.before + self.k, 1)?.f_copy_(&g_pre_t.f_mm(a)?)?;
        }
        let g_e_in = if g_e_wanted {
            Some(g_pre.f_mm(&columns(&self.step.edge.w1, self.before, self.k)?)?)
        } else {
            None
        };
        Ok((g_r, g_o, g_e_in))
    }
}
