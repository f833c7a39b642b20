//! What an agent remembers, and its part of an extrapolation.

use super::memory::Memory;
use super::sums::Sums;

/// Numbers of an agent beside the columns, in n.
const HEAD: usize = 12;

/// Where things are in the numbers of an agent.
#[derive(Clone, Copy)]
pub(super) struct Layout {
    pub(super) n: usize,
    pub(super) memory: usize,
}

impl Layout {
    /// Numbers of an agent.
    pub(super) fn stride(self) -> usize {
        (HEAD + 5 * self.memory) * self.n
    }

    fn delta_f(self, column: usize) -> usize {
        (HEAD + 2 * column) * self.n
    }

    fn delta_w(self, column: usize) -> usize {
        (HEAD + 2 * self.memory + 3 * column) * self.n
    }
}

/// Which u is next.
pub(super) enum Next {
    /// W(u).
    Plain,
    /// W(u) − ΔW θ.
    Extrapolated,
    /// The same, and W(u) is where to go back to.
    First,
    /// The W(u) before.
    Back,
    /// W where extrapolations began.
    Return,
}

/// The numbers of an agent: u (2 n), f before (2 n), W before (3 n), f (2 n), W to go back to (3 n), ΔF, ΔW.
pub(super) fn measure_agent(
    own: &mut [f64],
    layout: Layout,
    memory: &Memory,
    columns: usize,
    w: [&[f64]; 3],
    weight: f64,
    sums: &mut Sums,
) {
    let (n, m) = (layout.n, layout.memory);
    let (head, history) = own.split_at_mut(HEAD * n);
    let (u, rest) = head.split_at_mut(2 * n);
    let (f_before, rest) = rest.split_at_mut(2 * n);
    let (w_before, rest) = rest.split_at_mut(3 * n);
    let f = &mut rest[..2 * n];
    for k in 0..2 * n {
        f[k] = w[k / n][k % n] - u[k];
    }
    let at = |index: usize| index - HEAD * n;
    let new = at(layout.delta_f(memory.next));
    if memory.known {
        for k in 0..2 * n {
            history[new + k] = f[k] - f_before[k];
        }
        let column = at(layout.delta_w(memory.next));
        for k in 0..3 * n {
            history[column + k] = w[k / n][k % n] - w_before[k];
        }
    }
    let inverse = 1.0 / weight;
    let product = |a: &[f64], b: &[f64]| {
        let dot = |r: std::ops::Range<usize>| -> f64 {
            a[r.clone()].iter().zip(&b[r]).map(|(a, b)| a * b).sum()
        };
        weight * dot(0..n) + inverse * dot(n..2 * n)
    };
    for j in 0..columns {
        let column = &history[at(layout.delta_f(j))..][..2 * n];
        if memory.known {
            sums.add(j, product(column, &history[new..][..2 * n]));
        }
        sums.add(m + j, product(column, f));
    }
    sums.add(2 * m, product(f, f));
}

pub(super) fn write_agent(
    own: &mut [f64],
    layout: Layout,
    next: &Next,
    theta: &[f64],
    v: &mut [f64],
    g: &mut [f64],
    lambda: &mut [f64],
) {
    let n = layout.n;
    let (head, history) = own.split_at_mut(HEAD * n);
    let (u, rest) = head.split_at_mut(2 * n);
    let (f_before, rest) = rest.split_at_mut(2 * n);
    let (w_before, rest) = rest.split_at_mut(3 * n);
    let (f, begin) = rest.split_at_mut(2 * n);
    let state = [v, g, lambda];
    let back: Option<&[f64]> = match next {
        Next::Back => Some(w_before),
        Next::Return => Some(begin),
        _ => None,
    };
    if let Some(back) = back {
        for (part, back) in state.into_iter().zip(back.chunks_exact(n)) {
            part.copy_from_slice(back);
        }
        u.copy_from_slice(&back[..2 * n]);
        return;
    }
    f_before.copy_from_slice(f);
    for (p, part) in state.into_iter().enumerate() {
        w_before[p * n..(p + 1) * n].copy_from_slice(part);
        if matches!(next, Next::First) {
            begin[p * n..(p + 1) * n].copy_from_slice(part);
        }
        if !matches!(next, Next::Plain) {
            for (j, t) in theta.iter().enumerate() {
                let column = &history[layout.delta_w(j) - HEAD * n + p * n..][..n];
                for (x, d) in part.iter_mut().zip(column) {
                    *x -= t * d;
                }
            }
        }
        if p < 2 {
            u[p * n..(p + 1) * n].copy_from_slice(part);
        }
    }
}
