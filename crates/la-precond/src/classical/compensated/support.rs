//! Whether what is left of the graph can carry a dropped edge.

use la_krylov::Real;

use super::triangle::{Entry, Triangle};

/// Support from which on dropped fill counts as supported entirely.
pub(crate) const FULL_SUPPORT: f64 = 0.45;

/// Neighbours of a node that are left, and the values of their edges.
#[derive(Clone, Copy)]
pub(super) struct Side<'a, T> {
    /// Those before the node ...
    before: &'a [u32],
    values: &'a [T],
    /// ... and those after it.
    after: &'a [Entry],
}

impl<'a, T> Side<'a, T> {
    /// Neighbours of `i` after the one at `place` among the entries by rows.
    #[inline(always)]
    pub(super) fn new(triangle: &'a Triangle, values: &'a [T], i: u32, place: u32) -> Self {
        let left = place as usize + 1..triangle.pattern.indptr[i as usize + 1] as usize;
        Self {
            before: &triangle.pattern.indices[left.clone()],
            values: &values[left],
            after: triangle.column(i as usize),
        }
    }
}

/// How well paths `i – m – j` over nodes that are left can stand in for a dropped edge of weight `f > 0`, in [0, 1]; `j < i`.
///
/// With conductances `h = max(0, −s)`, the paths have together `g = Σ_m h_im h_jm / (h_im + h_jm)`;
/// the result is `min(1, g / (g + f) / 0.45)`. `values` are the entries by rows.
#[inline(always)]
pub(super) fn support<T: Real>(i: Side<'_, T>, j: Side<'_, T>, values: &[T], f: T) -> T {
    let enough = f * T::from_f64(FULL_SUPPORT / (1.0 - FULL_SUPPORT) * (1.0 + 1e-12));
    let mut g = T::ZERO;
    // Whether that is enough.
    let mut join = |of_i: T, of_j: T| {
        let (h_i, h_j) = (-of_i, -of_j);
        if h_i > T::ZERO && h_j > T::ZERO {
            // h h' / (h + h'), without overflow of the product
            g += h_i / (T::ONE + h_i / h_j);
        }
        g >= enough
    };
    let value = |entry: Entry| values[entry.place as usize];
    // Nodes before j, between j and i, after i.
    let mut paths = || {
        let (p, _) = common(
            i.before,
            j.before,
            |p| p,
            |q| q,
            |p, q| join(i.values[p], j.values[q]),
        )?;
        let between = &i.values[p..];
        let (_, q) = common(
            &i.before[p..],
            j.after,
            |p| p,
            |q| q.row,
            |p, q| join(between[p], value(j.after[q])),
        )?;
        let rest = &j.after[q..];
        common(
            i.after,
            rest,
            |p| p.row,
            |q| q.row,
            |p, q| join(value(i.after[p]), value(rest[q])),
        )
    };
    if paths().is_none() {
        return T::ONE;
    }
    let ratio = g / (g + f) / T::from_f64(FULL_SUPPORT);
    if ratio < T::ONE { ratio } else { T::ONE }
}

/// Shows the places of what two increasing lists have in common, and returns where one of them ended. `None` if told to stop.
#[inline(always)]
fn common<A: Copy, B: Copy>(
    a: &[A],
    b: &[B],
    node_a: impl Fn(A) -> u32,
    node_b: impl Fn(B) -> u32,
    mut stop: impl FnMut(usize, usize) -> bool,
) -> Option<(usize, usize)> {
    let (mut p, mut q) = (0, 0);
    while p < a.len() && q < b.len() {
        let (x, y) = (node_a(a[p]), node_b(b[q]));
        if x == y && stop(p, q) {
            return None;
        }
        p += usize::from(x <= y);
        q += usize::from(y <= x);
    }
    Some((p, q))
}
