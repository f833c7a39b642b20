//! What nodes send each other.

use sprs::CsMatViewI;

use super::super::panel::{Left, Panel, add_product};
use super::Element;

/// Share of entries of K that are not zero below which products go over these entries only.
const SPARSE: f64 = 0.25;

/// The matrix K of the messages, `[H Aᵀ; A 0]` or another one.
#[derive(Debug, Clone)]
pub(super) enum Messages<T> {
    Dense(Panel<T>),
    /// Starts of the rows, columns, entries.
    Sparse(Vec<usize>, Vec<u32>, Vec<T>),
}

impl<T: Element> Messages<T> {
    /// No messages between no nodes.
    pub(super) fn none() -> Self {
        Self::Sparse(vec![0], Vec::new(), Vec::new())
    }

    /// Between so many nodes; so many entries are not zero.
    pub(super) fn from_fn(nodes: usize, filled: usize, entry: impl Fn(usize, usize) -> T) -> Self {
        if filled as f64 >= SPARSE * (nodes * nodes) as f64 {
            return Self::Dense(Panel::from_fn(nodes, nodes, |i, j| entry(i, j).to_f64()));
        }
        let (mut starts, mut columns, mut values) = (vec![0], Vec::new(), Vec::new());
        for i in 0..nodes {
            for j in 0..nodes {
                let value = entry(i, j);
                if value != T::ZERO {
                    columns.push(j as u32);
                    values.push(value);
                }
            }
            starts.push(columns.len());
        }
        Self::Sparse(starts, columns, values)
    }

    /// Of a matrix stored by rows.
    pub(super) fn of_rows(k: CsMatViewI<'_, T, u32>) -> Self {
        let (mut starts, mut columns, mut values) = (vec![0], Vec::new(), Vec::new());
        for row in k.outer_iterator() {
            columns.extend_from_slice(row.indices());
            values.extend_from_slice(row.data());
            starts.push(columns.len());
        }
        Self::Sparse(starts, columns, values)
    }

    /// `to += K from`.
    pub(super) fn add_to(&self, from: &Panel<T>, to: &mut Panel<T>) {
        let (starts, columns, values) = match self {
            Self::Dense(k) => return add_product(Left::of(k), from, to),
            Self::Sparse(starts, columns, values) => (starts, columns, values),
        };
        for (i, range) in starts.windows(2).enumerate() {
            let to = &mut to.data[i * from.groups..(i + 1) * from.groups];
            let entries = range[0]..range[1];
            for (&j, &value) in columns[entries.clone()].iter().zip(&values[entries]) {
                let from = &from.data[j as usize * from.groups..];
                for (to, from) in to.iter_mut().zip(from) {
                    for (to, &from) in to.iter_mut().zip(from) {
                        *to += value * from;
                    }
                }
            }
        }
    }
}
