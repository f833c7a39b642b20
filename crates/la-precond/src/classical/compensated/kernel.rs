//! One elimination sweep, for every rule of compensation.

use la_krylov::Real;

use super::graph::{Graph, Side};
use super::policy::Policy;
use crate::classical::columns::Columns;

/// Pivots at most this large, relative to the entry of the matrix, count as breakdown.
const SMALLEST_PIVOT: f64 = 1e-10;

/// Columns with more later neighbours get no support search.
const LONGEST_SEARCH: usize = 20;

/// Support from which on dropped fill counts as supported entirely.
const FULL_SUPPORT: f64 = 0.45;

/// The numbers of one attempt; kept between attempts.
pub(crate) struct Sweep<T, P: Policy<T>> {
    /// Schur entries `s_ik`, in the places of the columns of `A`; for eliminated columns final.
    pub(crate) values: Vec<T>,
    /// Pivots `d_k = l_kk²`.
    pub(crate) pivots: Vec<T>,
    /// Pivots that were raised to their floor.
    pub(crate) raised: usize,
    sums: Vec<P::Sums>,
    /// Eliminated neighbours of each row; kept where support is searched.
    eliminated: Vec<u32>,
}

impl<T: Real, P: Policy<T>> Sweep<T, P> {
    pub(crate) fn new() -> Self {
        Self {
            values: Vec::new(),
            pivots: Vec::new(),
            raised: 0,
            sums: Vec::new(),
            eliminated: Vec::new(),
        }
    }

    /// Eliminates `A + shift · diag(A)` on its own pattern, right-looking:
    ///
    /// ```text
    /// d_k  = pivot of the policy from δ_k, the sums of row k and Σ_{i>k} |s_ik|
    /// s_ij ← s_ij − f,   f = s_ik s_jk / d_k        (i > j > k, both neighbours of k, (i, j) stored)
    /// sums of rows i and j ← sums + f               (i > j > k, both neighbours of k, (i, j) not stored)
    /// δ_j  ← δ_j − s_jk² / d_k
    /// ```
    ///
    /// # Errors
    /// The row whose pivot is too small.
    pub(crate) fn run(
        &mut self,
        a: &Columns<T>,
        graph: &Graph<'_>,
        policy: &mut P,
        shift: f64,
    ) -> Result<(), usize> {
        let n = a.diagonal.len();
        let (weight, smallest) = (T::from_f64(1.0 + shift), T::from_f64(SMALLEST_PIVOT));
        self.values.clear();
        self.values.extend_from_slice(&a.values);
        self.pivots.clear();
        self.pivots.extend(a.diagonal.iter().map(|&d| d * weight));
        self.sums.clear();
        self.sums.resize(n, P::Sums::default());
        self.raised = 0;
        self.eliminated.clear();
        if P::SUPPORT {
            self.eliminated.resize(n, 0);
        }
        policy.begin();
        for k in 0..n {
            let (start, end) = (a.starts[k] as usize, a.starts[k + 1] as usize);
            let rows = &a.rows[start..end];
            let (done, later) = self.values.split_at_mut(end);
            let column = &done[start..];
            let mut outward = T::ZERO;
            if P::OUTWARD {
                for s in column {
                    outward += s.abs();
                }
            }
            let pivot = policy.pivot(k, self.pivots[k], self.sums[k], outward);
            let d = pivot.value;
            let inverse = T::ONE / d;
            if !(d > a.diagonal[k] * smallest && d.is_finite() && inverse.is_finite()) {
                return Err(k);
            }
            self.raised += usize::from(pivot.raised);
            self.pivots[k] = d;
            if P::SUPPORT {
                for &i in rows {
                    self.eliminated[i as usize] += 1;
                }
            }
            for (p, (&j, &s)) in rows.iter().zip(column).enumerate() {
                let l = s * inverse;
                self.pivots[j as usize] -= s * l;
                if P::WATCHES {
                    policy.neighbour(&mut self.sums[j as usize], s);
                }
                let (rest, values) = (&rows[p + 1..], &column[p + 1..]);
                if rest.is_empty() {
                    break;
                }
                let (from, to) = (
                    a.starts[j as usize] as usize,
                    a.starts[j as usize + 1] as usize,
                );
                let (kept, offset) = (&a.rows[from..to], from - end);
                let mut at = 0;
                for (&i, &value) in rest.iter().zip(values) {
                    let f = l * value;
                    while at < kept.len() && kept[at] < i {
                        at += 1;
                    }
                    if at < kept.len() && kept[at] == i {
                        later[offset + at] -= f;
                        continue;
                    }
                    let mut supported = T::ONE;
                    if P::SUPPORT && f > T::ZERO {
                        supported = T::ZERO;
                        if rows.len() <= LONGEST_SEARCH {
                            let left = |i: u32| graph.left(i, self.eliminated[i as usize]);
                            supported = support(left(i), left(j), later, end, f);
                        }
                    }
                    if P::WATCHES {
                        policy.pair(i, j, f, supported);
                    }
                    policy.drop(&mut self.sums[i as usize], f, supported);
                    policy.drop(&mut self.sums[j as usize], f, supported);
                }
            }
        }
        Ok(())
    }
}

/// How well paths `i – m – j` over nodes that are left can stand in for a dropped edge of weight `f > 0`, in [0, 1].
///
/// With conductances `h = max(0, −s)`, the paths have together `g = Σ_m h_im h_jm / (h_im + h_jm)`;
/// the result is `min(1, g / (g + f) / 0.45)`. `values` begins with the edge whose place is `first`; `j < i`.
#[inline]
fn support<T: Real>(i: Side<'_>, j: Side<'_>, values: &[T], first: usize, f: T) -> T {
    let enough = f * T::from_f64(FULL_SUPPORT / (1.0 - FULL_SUPPORT) * (1.0 + 1e-12));
    let mut g = T::ZERO;
    // Whether that is enough.
    let mut join = |of_i: usize, of_j: usize| {
        let (h_i, h_j) = (-values[of_i - first], -values[of_j - first]);
        if h_i > T::ZERO && h_j > T::ZERO {
            // h h' / (h + h'), without overflow of the product
            g += h_i / (T::ONE + h_i / h_j);
        }
        g >= enough
    };
    // With j < i: nodes before j, between j and i, after i.
    let mut paths = || {
        let (p, _) = common(i.before, j.before, |p, q| {
            join(i.slots[p] as usize, j.slots[q] as usize)
        })?;
        let between = &i.slots[p..];
        let (_, q) = common(&i.before[p..], j.after, |p, q| {
            join(between[p] as usize, j.first + q)
        })?;
        common(i.after, &j.after[q..], |p, r| {
            join(i.first + p, j.first + q + r)
        })
    };
    if paths().is_none() {
        return T::ONE;
    }
    let ratio = g / (g + f) / T::from_f64(FULL_SUPPORT);
    if ratio < T::ONE { ratio } else { T::ONE }
}

/// Shows the places of what two increasing lists have in common, and returns where one of them ended. `None` if told to stop.
#[inline(always)]
fn common(
    a: &[u32],
    b: &[u32],
    mut stop: impl FnMut(usize, usize) -> bool,
) -> Option<(usize, usize)> {
    let (mut p, mut q) = (0, 0);
    while p < a.len() && q < b.len() {
        let (x, y) = (a[p], b[q]);
        if x == y && stop(p, q) {
            return None;
        }
        p += usize::from(x <= y);
        q += usize::from(y <= x);
    }
    Some((p, q))
}
