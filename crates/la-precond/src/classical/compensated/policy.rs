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
    /// What is known of the dropped fill of a row.
    type Sums: Copy + Default;

    /// Whether [`drop`](Self::drop) is to be told the part that remaining paths support.
    const SUPPORT: bool = false;
    /// Whether [`pivot`](Self::pivot) looks at `outward`.
    const OUTWARD: bool = false;
    /// Whether [`pair`](Self::pair) and [`neighbour`](Self::neighbour) do something.
    const WATCHES: bool = false;

    /// A sweep begins.
    fn begin(&mut self) {}

    /// Adds the dropped `f` to the sums of one of its two rows; `supported` is in [0, 1].
    fn drop(&self, sums: &mut Self::Sums, f: T, supported: T);

    /// The pivot of row `k`: `plain` is that of IC(0) given the same earlier rows,
    /// `a_kk − Σ_j l_kj²`; `outward` is `Σ_{i>k} |s_ik|`.
    fn pivot(&mut self, k: usize, plain: T, sums: Self::Sums, outward: T) -> Pivot<T>;

    /// Sees each dropped `f` once, with its two rows.
    fn pair(&mut self, _i: u32, _j: u32, _f: T, _supported: T) {}

    /// Sees each later neighbour of the row of the last pivot, with its entry `s`.
    fn neighbour(&mut self, _sums: &mut Self::Sums, _s: T) {}
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
    type Sums = Sum<T>;

    #[inline(always)]
    fn drop(&self, sums: &mut Sum<T>, f: T, _supported: T) {
        sums.0 += f;
    }

    #[inline(always)]
    fn pivot(&mut self, _k: usize, plain: T, sums: Sum<T>, _outward: T) -> Pivot<T> {
        Pivot::plain(plain - self.omega * sums.0)
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
    type Sums = Sum<T>;
    const OUTWARD: bool = true;

    #[inline(always)]
    fn drop(&self, sums: &mut Sum<T>, f: T, _supported: T) {
        sums.0 += f;
    }

    #[inline(always)]
    fn pivot(&mut self, _k: usize, plain: T, sums: Sum<T>, outward: T) -> Pivot<T> {
        floored(plain - sums.0, self.eta, plain, outward)
    }
}

/// AJ: `d = δ + Σ |f|`.
pub(super) struct Add;

impl<T: Real> Policy<T> for Add {
    type Sums = Sum<T>;

    #[inline(always)]
    fn drop(&self, sums: &mut Sum<T>, f: T, _supported: T) {
        sums.0 += f.abs();
    }

    #[inline(always)]
    fn pivot(&mut self, _k: usize, plain: T, sums: Sum<T>, _outward: T) -> Pivot<T> {
        Pivot::plain(plain + sums.0)
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
    type Sums = Sum<T>;
    const WATCHES: bool = true;

    fn begin(&mut self) {
        (self.negative, self.all) = (T::ZERO, T::ZERO);
    }

    #[inline(always)]
    fn drop(&self, sums: &mut Sum<T>, f: T, supported: T) {
        Add.drop(sums, f, supported);
    }

    #[inline(always)]
    fn pivot(&mut self, k: usize, plain: T, sums: Sum<T>, outward: T) -> Pivot<T> {
        Add.pivot(k, plain, sums, outward)
    }

    #[inline(always)]
    fn pair(&mut self, i: u32, j: u32, f: T, _supported: T) {
        let size = f.abs() * self.inverse_root[i as usize] * self.inverse_root[j as usize];
        self.all += size;
        if f < T::ZERO {
            self.negative += size;
        }
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
    type Sums = SplitSums<T>;
    const SUPPORT: bool = true;
    const OUTWARD: bool = true;

    #[inline(always)]
    fn drop(&self, sums: &mut SplitSums<T>, f: T, supported: T) {
        if f > T::ZERO {
            sums.supported += supported * f;
            sums.unsupported += f - supported * f;
        } else {
            sums.negative -= f;
        }
    }

    #[inline(always)]
    fn pivot(&mut self, _k: usize, plain: T, sums: SplitSums<T>, outward: T) -> Pivot<T> {
        let taken = self.supported * sums.supported + self.unsupported * sums.unsupported;
        floored(plain - taken + sums.negative, T::ZERO, plain, outward)
    }
}
