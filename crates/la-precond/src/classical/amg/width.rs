//! Block sizes, known to the compiler where they are common.

/// Largest block size and number of candidates.
pub(crate) const MAX_WIDTH: usize = 16;

/// The size of a block in one direction.
pub(crate) trait Width: Copy {
    /// The size, at most [`MAX_WIDTH`].
    fn get(self) -> usize;
}

/// A size that kernels are compiled for.
#[derive(Clone, Copy)]
pub(crate) struct Fixed<const N: usize>;

impl<const N: usize> Width for Fixed<N> {
    #[inline(always)]
    fn get(self) -> usize {
        N
    }
}

/// Any other size.
#[derive(Clone, Copy)]
pub(crate) struct Any(pub(crate) usize);

impl Width for Any {
    #[inline(always)]
    fn get(self) -> usize {
        self.0
    }
}

/// Evaluates `$body` with `$w` bound to a [`Width`] of size `$size`.
macro_rules! with_width {
    ($size:expr, $w:ident => $body:expr) => {{
        use $crate::classical::amg::width::{Any, Fixed};
        match $size {
            1 => {
                let $w = Fixed::<1>;
                $body
            }
            2 => {
                let $w = Fixed::<2>;
                $body
            }
            3 => {
                let $w = Fixed::<3>;
                $body
            }
            6 => {
                let $w = Fixed::<6>;
                $body
            }
            other => {
                let $w = Any(other);
                $body
            }
        }
    }};
}
pub(crate) use with_width;

/// Evaluates `$body` with two [`Width`]s: pairs that scalar problems and elasticity lead to are
/// compiled, the rest is dynamic.
macro_rules! with_two_widths {
    ($first:expr, $second:expr, ($v:ident, $w:ident) => $body:expr) => {{
        use $crate::classical::amg::width::{Any, Fixed};
        match ($first, $second) {
            (1, 1) => {
                let ($v, $w) = (Fixed::<1>, Fixed::<1>);
                $body
            }
            (2, 3) => {
                let ($v, $w) = (Fixed::<2>, Fixed::<3>);
                $body
            }
            (3, 3) => {
                let ($v, $w) = (Fixed::<3>, Fixed::<3>);
                $body
            }
            (3, 6) => {
                let ($v, $w) = (Fixed::<3>, Fixed::<6>);
                $body
            }
            (6, 6) => {
                let ($v, $w) = (Fixed::<6>, Fixed::<6>);
                $body
            }
            (first, second) => {
                let ($v, $w) = (Any(first), Any(second));
                $body
            }
        }
    }};
}
pub(crate) use with_two_widths;
