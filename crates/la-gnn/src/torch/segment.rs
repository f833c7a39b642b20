//! Gathers and sums over the arcs of a pattern.

use tch::{Kind, Tensor};

use super::host_graph::HostPattern;
use super::tensors::{Tch, indices, reals};

/// Which end of an arc (row, col) is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// The row.
    Row,
    /// The column.
    Column,
}

impl End {
    /// The other end.
    pub(crate) fn other(self) -> Self {
        match self {
            Self::Row => Self::Column,
            Self::Column => Self::Row,
        }
    }
}

/// One grouping of the arcs: by row or by column.
#[derive(Debug)]
struct Group {
    /// Node of each arc, in storage order.
    node: Tensor,
    /// First arc of each node, and the number of arcs.
    pointer: Tensor,
    /// Arcs in the order of the grouping.
    order: Tensor,
    /// True if `order` is the storage order.
    stored: bool,
    /// 1 / (arcs of the node), as a column; 0 where there are none.
    inverse_count: Tensor,
}

/// Arcs (row, col) sorted by row, then column, on a device.
#[derive(Debug)]
pub(crate) struct Arcs {
    num_nodes: i64,
    rows: Group,
    columns: Group,
}

impl Arcs {
    pub(crate) fn upload(pattern: &HostPattern, kind: Kind, device: tch::Device) -> Tch<Self> {
        let group = |node: &[i64], pointer: &[i64], order: Tensor, stored| -> Tch<Group> {
            let inverse: Vec<f64> = pointer
                .windows(2)
                .map(|w| {
                    if w[1] > w[0] {
                        1.0 / (w[1] - w[0]) as f64
                    } else {
                        0.0
                    }
                })
                .collect();
            Ok(Group {
                node: indices(node, device)?,
                pointer: indices(pointer, device)?,
                order,
                stored,
                inverse_count: reals(&inverse, kind, device)?.f_unsqueeze(1)?,
            })
        };
        let arange = Tensor::f_arange(pattern.col.len() as i64, (Kind::Int64, device))?;
        let (column_pointer, order) = pattern.by_column();
        Ok(Self {
            num_nodes: pattern.num_nodes() as i64,
            rows: group(&pattern.row, &pattern.row_pointer, arange, true)?,
            columns: group(
                &pattern.col,
                &column_pointer,
                indices(&order, device)?,
                false,
            )?,
        })
    }

    fn group(&self, end: End) -> &Group {
        match end {
            End::Row => &self.rows,
            End::Column => &self.columns,
        }
    }

    /// Node values at one end of every arc; `x` has one row per node.
    pub(crate) fn gather(&self, x: &Tensor, end: End) -> Tch<Tensor> {
        x.f_index_select(0, &self.group(end).node)
    }

    /// Column vector of 1 / (number of arcs) of every node.
    pub(crate) fn inverse_count(&self, end: End) -> &Tensor {
        &self.group(end).inverse_count
    }

    /// Sum over the arcs of every node of a scalar per arc; `v` has length arcs, the result length nodes.
    pub(crate) fn sum_scalars(&self, v: &Tensor, end: End) -> Tch<Tensor> {
        let group = self.group(end);
        let sorted = if group.stored {
            v.shallow_clone()
        } else {
            v.f_index_select(0, &group.order)?
        };
        let none: Option<&Tensor> = None;
        Tensor::f_segment_reduce(
            &sorted,
            "sum",
            none,
            none,
            Some(&group.pointer),
            0,
            true,
            0.0,
        )
    }

    /// Sum over the arcs of every node of a row per arc, times a weight per arc: (arcs × h) to (nodes × h).
    pub(crate) fn sum_rows(&self, v: &Tensor, weights: Option<&Tensor>, end: End) -> Tch<Tensor> {
        let group = self.group(end);
        let permuted;
        let weights = match weights {
            Some(w) if !group.stored => {
                permuted = w.f_index_select(0, &group.order)?;
                Some(&permuted)
            }
            other => other,
        };
        let offsets = group.pointer.f_narrow(0, 0, self.num_nodes)?;
        const SUM: i64 = 0;
        let (sum, _, _, _) =
            Tensor::f_embedding_bag(v, &group.order, &offsets, false, SUM, false, weights, false)?;
        Ok(sum)
    }

    /// Sum over the arcs of every node of the rows of `v`; widths above 1 go through [`Arcs::sum_rows`].
    pub(crate) fn sum(&self, v: &Tensor, end: End) -> Tch<Tensor> {
        if v.size()[1] == 1 {
            self.sum_scalars(&v.f_reshape([-1])?, end)?.f_unsqueeze(1)
        } else {
            self.sum_rows(v, None, end)
        }
    }

    /// Maximum over the arcs of every row, of a scalar per arc or of each channel; −∞ where there are none.
    pub(crate) fn maximum(&self, v: &Tensor) -> Tch<Tensor> {
        let none: Option<&Tensor> = None;
        let pointer = Some(&self.rows.pointer);
        Tensor::f_segment_reduce(v, "max", none, none, pointer, 0, true, f64::NEG_INFINITY)
    }

    /// Weighted sum over the arcs of every row of the node values at their columns: (nodes × h) to (nodes × h).
    pub(crate) fn weighted(&self, x: &Tensor, weights: &Tensor) -> Tch<Tensor> {
        let offsets = self.rows.pointer.f_narrow(0, 0, self.num_nodes)?;
        const SUM: i64 = 0;
        let at = &self.columns.node;
        let (sum, _, _, _) =
            Tensor::f_embedding_bag(x, at, &offsets, false, SUM, false, Some(weights), false)?;
        Ok(sum)
    }

    /// Product of the matrix with these arcs and `values` with the vector `x`.
    pub(crate) fn product(&self, values: &Tensor, x: &Tensor) -> Tch<Tensor> {
        self.sum_scalars(&self.gather(x, End::Column)?.f_mul_(values)?, End::Row)
    }

    /// Product of the transposed matrix with these arcs and `values` with the vector `x`.
    pub(crate) fn transposed_product(&self, values: &Tensor, x: &Tensor) -> Tch<Tensor> {
        self.sum_scalars(&self.gather(x, End::Row)?.f_mul_(values)?, End::Column)
    }
}

/// A fixed matrix by rows, for products only.
#[derive(Debug)]
pub(crate) struct RowMatrix {
    column: Tensor,
    pointer: Tensor,
    values: Tensor,
}

impl RowMatrix {
    pub(crate) fn upload(pattern: &HostPattern, kind: Kind, device: tch::Device) -> Tch<Self> {
        Ok(Self {
            column: indices(&pattern.col, device)?,
            pointer: indices(&pattern.row_pointer, device)?,
            values: reals(&pattern.val, kind, device)?,
        })
    }

    /// `A x`.
    pub(crate) fn product(&self, x: &Tensor) -> Tch<Tensor> {
        let terms = x.f_index_select(0, &self.column)?.f_mul_(&self.values)?;
        let none: Option<&Tensor> = None;
        Tensor::f_segment_reduce(&terms, "sum", none, none, Some(&self.pointer), 0, true, 0.0)
    }

    /// A as a dense n × n tensor in double precision.
    pub(crate) fn dense(&self, rows: &[i64]) -> Tch<Tensor> {
        let n = self.pointer.size()[0] - 1;
        let place = indices(rows, self.column.device())?
            .f_mul_scalar(n)?
            .f_add(&self.column)?;
        Tensor::f_zeros([n * n], (Kind::Double, self.column.device()))?
            .f_index_copy_(0, &place, &self.values.f_to_kind(Kind::Double)?)?
            .f_reshape([n, n])
    }
}
