//! One minus the cosine between outputs and wanted values, graph by graph.

use tch::{Device, Kind, Tensor};

use super::super::tensors::{Tch, indices, reals};

/// Squared norms never get smaller.
const TINY: f64 = 1e-300;

/// The wanted values of several graphs, each of norm 1, in double precision.
#[derive(Debug)]
pub(super) struct Cosine {
    unit: Tensor,
    /// Graph of every output, first output of each graph and their number.
    graph: Tensor,
    pointer: Tensor,
    graphs: usize,
}

impl Cosine {
    /// `counts` outputs of each graph, with these wanted values.
    pub(super) fn new(counts: &[usize], wanted: &[f64], device: Device) -> Tch<Self> {
        let (mut pointer, mut graph, mut unit) = (vec![0i64], Vec::new(), Vec::new());
        let mut first = 0;
        for (g, &count) in counts.iter().enumerate() {
            let own = &wanted[first..first + count];
            let norm = own.iter().map(|v| v * v).sum::<f64>().sqrt();
            unit.extend(own.iter().map(|v| if norm > 0.0 { v / norm } else { 0.0 }));
            graph.resize(graph.len() + count, g as i64);
            first += count;
            pointer.push(first as i64);
        }
        Ok(Self {
            unit: reals(&unit, Kind::Double, device)?,
            graph: indices(&graph, device)?,
            pointer: indices(&pointer, device)?,
            graphs: counts.len(),
        })
    }

    /// The same counts with other wanted values, already of norm 1.
    pub(super) fn with(&self, unit: Tensor) -> Self {
        Self {
            unit,
            graph: self.graph.shallow_clone(),
            pointer: self.pointer.shallow_clone(),
            graphs: self.graphs,
        }
    }

    pub(super) fn graphs(&self) -> usize {
        self.graphs
    }

    fn sum(&self, v: &Tensor) -> Tch<Tensor> {
        let none: Option<&Tensor> = None;
        Tensor::f_segment_reduce(v, "sum", none, none, Some(&self.pointer), 0, true, 0.0)
    }

    /// Cosine of every graph, outputs divided by their norms, and one over the norms.
    fn parts(&self, y: &Tensor) -> Tch<(Tensor, Tensor, Tensor)> {
        let y = y.f_to_kind(Kind::Double)?;
        let inverse = self.sum(&y.f_square()?)?.f_clamp_min_(TINY)?.f_rsqrt_()?;
        let unit = y.f_mul(&inverse.f_index_select(0, &self.graph)?)?;
        Ok((self.sum(&unit.f_mul(&self.unit)?)?, unit, inverse))
    }

    /// Cosine of every graph.
    pub(super) fn cosines(&self, y: &Tensor) -> Tch<Tensor> {
        Ok(self.parts(y)?.0)
    }

    /// Mean of `1 − cos` over the graphs, and its gradient in the precision of the outputs: `−(t − cos ŷ)/(‖y‖ graphs)`.
    pub(super) fn loss(&self, y: &Tensor) -> Tch<(Tensor, Tensor)> {
        let (cosines, unit, inverse) = self.parts(y)?;
        let along = unit.f_mul(&cosines.f_index_select(0, &self.graph)?)?;
        let scale = inverse.f_mul_scalar(1.0 / self.graphs as f64)?;
        let gradient = along
            .f_sub(&self.unit)?
            .f_mul_(&scale.f_index_select(0, &self.graph)?)?;
        let loss = cosines.f_mean(Kind::Double)?.f_neg()?.f_add_scalar_(1.0)?;
        Ok((loss, gradient.f_to_kind(y.f_kind()?)?))
    }
}
