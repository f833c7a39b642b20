//! What happens to dropped fill.

use la_krylov::Real;

/// One pivot, computed.
pub(crate) struct Pivot<T> {
    pub(crate) value: T,
    /// Whether it is a floor instead of the result of the formula.
    pub(crate) raised: bool,
}

impl<T> Pivot<T> {
    pub(crate) fn plain(value: T) -> Self {
        Self {
            value,
            raised: false,
        }
    }
}

/// A rule that compensates dropped fill on the diagonal.
///
/// When row `k` is eliminated, a pair of later neighbours `i`, `j` that has no place in the pattern
/// drops `f = l_ik l_jk`. The rule adds it to sums of rows `i` and `j`, and looks at the sum of a row
/// once, when its pivot is computed.
pub(crate) trait Policy<T> {
    /// What is known of a row.
    type Row: Copy + Default;
    /// What a row is told by the rows before it.
    type Heard: Copy + Default;

    /// Whether [`drop`](Self::drop) is to be told the part that remaining paths support.
    const SUPPORT: bool = false;
    /// Whether [`pivot`](Self::pivot) looks at `outward`.
    const OUTWARD: bool = false;
    /// Whether [`hear`](Self::hear) does something.
    const WATCHES: bool = false;
    /// Whether pivots gain from vector instructions.
    const WIDE: bool = false;

    /// A sweep over `n` rows begins.
    fn begin(&mut self, rows: &mut Vec<Self::Row>, n: usize) {
        rows.clear();
        rows.resize(n, Self::Row::default());
    }

    /// Adds the `f` that is dropped at `(i, j)` to the sums of both rows; `supported` is in [0, 1].
    fn drop(&mut self, rows: &mut [Self::Row], at: [u32; 2], f: T, supported: T);

    /// The pivot of a row: `plain` is that of IC(0) given the same earlier rows,
    /// `a_kk − Σ_j l_kj²`; `outward` is `Σ_{i>k} |s_ik|`. `FMA`: the processor multiplies and adds at once.
    fn pivot<const FMA: bool>(&mut self, row: &mut Self::Row, plain: T, outward: T) -> Pivot<T>;

    /// Listens to the eliminated row to which `|l|` connects.
    fn hear(_heard: &mut Self::Heard, _row: &Self::Row, _l: T) {}

    /// What the next row whose pivot is asked for has heard.
    fn heard(&mut self, _heard: Self::Heard) {}
}

/// The sum of a row; `Default` for any scalar.
#[derive(Clone, Copy)]
pub(super) struct Sum<T>(T);

impl<T: Real> Default for Sum<T> {
    fn default() -> Self {
        Self(T::ZERO)
    }
}

/// RIC(ω): `d = δ − ω Σ f`; MIC for ω = 1.
pub(super) struct Relax<T> {
    pub(super) omega: T,
}

impl<T: Real> Policy<T> for Relax<T> {
    type Row = Sum<T>;
    type Heard = ();

    #[inline(always)]
    fn drop(&mut self, rows: &mut [Sum<T>], at: [u32; 2], f: T, _supported: T) {
        for i in at {
            rows[i as usize].0 += f;
        }
    }

    #[inline(always)]
    fn pivot<const FMA: bool>(&mut self, row: &mut Sum<T>, plain: T, _outward: T) -> Pivot<T> {
        Pivot::plain(plain - self.omega * row.0)
    }
}

/// DRIC: `d = max(δ − Σ f, min((1 + η) u, δ))`.
pub(super) struct Floor<T> {
    pub(super) eta: T,
}

/// `max(pivot, min((1 + η) u, δ))`.
#[inline(always)]
pub(crate) fn floored<T: Real>(pivot: T, eta: T, plain: T, outward: T) -> Pivot<T> {
    let wanted = (T::ONE + eta) * outward;
    let floor = if wanted < plain { wanted } else { plain };
    if pivot < floor {
        Pivot {
            value: floor,
            raised: true,
        }
    } else {
        Pivot::plain(pivot)
    }
}

impl<T: Real> Policy<T> for Floor<T> {
    type Row = Sum<T>;
    type Heard = ();
    const OUTWARD: bool = true;

    #[inline(always)]
    fn drop(&mut self, rows: &mut [Sum<T>], at: [u32; 2], f: T, _supported: T) {
        for i in at {
            rows[i as usize].0 += f;
        }
    }

    #[inline(always)]
    fn pivot<const FMA: bool>(&mut self, row: &mut Sum<T>, plain: T, outward: T) -> Pivot<T> {
        floored(plain - row.0, self.eta, plain, outward)
    }
}

/// AJ: `d = δ + Σ |f|`.
pub(super) struct Add;

impl<T: Real> Policy<T> for Add {
    type Row = Sum<T>;
    type Heard = ();

    #[inline(always)]
    fn drop(&mut self, rows: &mut [Sum<T>], at: [u32; 2], f: T, _supported: T) {
        for i in at {
            rows[i as usize].0 += f.abs();
        }
    }

    #[inline(always)]
    fn pivot<const FMA: bool>(&mut self, row: &mut Sum<T>, plain: T, _outward: T) -> Pivot<T> {
        Pivot::plain(plain + row.0)
    }
}

/// [`Add`], with the share of negative fill in all that is dropped.
pub(super) struct Tally<'a, T> {
    /// `a_ii^(−1/2)`: fill counts as in the equilibrated matrix.
    inverse_root: &'a [T],
    negative: T,
    all: T,
}

impl<'a, T: Real> Tally<'a, T> {
    pub(super) fn new(inverse_root: &'a [T]) -> Self {
        Self {
            inverse_root,
            negative: T::ZERO,
            all: T::ZERO,
        }
    }

    /// In [0, 1]; 0 if nothing was dropped.
    pub(super) fn negative_share(&self) -> f64 {
        if self.all > T::ZERO {
            (self.negative / self.all).to_f64()
        } else {
            0.0
        }
    }
}

impl<T: Real> Policy<T> for Tally<'_, T> {
    type Row = Sum<T>;
    type Heard = ();

    fn begin(&mut self, rows: &mut Vec<Sum<T>>, n: usize) {
        (self.negative, self.all) = (T::ZERO, T::ZERO);
        Add.begin(rows, n);
    }

    #[inline(always)]
    fn drop(&mut self, rows: &mut [Sum<T>], at: [u32; 2], f: T, supported: T) {
        Add.drop(rows, at, f, supported);
        let [i, j] = at;
        let size = f.abs() * self.inverse_root[i as usize] * self.inverse_root[j as usize];
        self.all += size;
        if f < T::ZERO {
            self.negative += size;
        }
    }

    #[inline(always)]
    fn pivot<const FMA: bool>(&mut self, row: &mut Sum<T>, plain: T, outward: T) -> Pivot<T> {
        Add.pivot::<FMA>(row, plain, outward)
    }
}

/// Fill `f > 0` split by support ρ: `d = max(δ − ω_s Σ ρ f − ω_u Σ (1 − ρ) f + Σ |f⁻|, min(u, δ))`.
pub(super) struct Split<T> {
    pub(super) supported: T,
    pub(super) unsupported: T,
}

/// The sums of [`Split`].
#[derive(Clone, Copy)]
pub(super) struct SplitSums<T> {
    supported: T,
    unsupported: T,
    negative: T,
}

impl<T: Real> Default for SplitSums<T> {
    fn default() -> Self {
        Self {
            supported: T::ZERO,
            unsupported: T::ZERO,
            negative: T::ZERO,
        }
    }
}

impl<T: Real> Policy<T> for Split<T> {
    type Row = SplitSums<T>;
    type Heard = ();
    const SUPPORT: bool = true;
    const OUTWARD: bool = true;

    #[inline(always)]
    fn drop(&mut self, rows: &mut [SplitSums<T>], at: [u32; 2], f: T, supported: T) {
        for i in at {
            let sums = &mut rows[i as usize];
            if f > T::ZERO {
                sums.supported += supported * f;
                sums.unsupported += f - supported * f;
            } else {
                sums.negative -= f;
            }
        }
    }

    #[inline(always)]
    fn pivot<const FMA: bool>(&mut self, row: &mut SplitSums<T>, plain: T, outward: T) -> Pivot<T> {
        let taken = self.supported * row.supported + self.unsupported * row.unsupported;
        floored(plain - taken + row.negative, T::ZERO, plain, outward)
    }
}
