//! Losses of the native NeuralIF: gradients against finite differences, and known values.

use la_gnn::native::LowerGraph;
use la_gnn::native::neuralif::{InversePair, Loss, LossWorkspace};

const ALL: [Loss; 8] = [
    Loss::Default,
    Loss::Normalized,
    Loss::Squared,
    Loss::Kaporin,
    Loss::KaporinPower(2),
    Loss::KaporinPower(5),
    Loss::BothEnds(1),
    Loss::BothEnds(4),
];

/// Tridiagonal plus, where `far` is given, the entries (i, i − far): diagonally dominant.
fn graph(n: usize, far: Option<usize>) -> LowerGraph<f64> {
    let (mut row_ptr, mut col, mut value) = (vec![0u32], vec![], vec![]);
    for i in 0..n {
        if let Some(j) = far.and_then(|f| i.checked_sub(f)) {
            col.push(j as u32);
            value.push(0.4 * (i as f64).sin());
        }
        if i > 0 {
            col.push(i as u32 - 1);
            value.push(-0.7 + 0.1 * (i as f64).cos());
        }
        col.push(i as u32);
        value.push(2.5 + 0.3 * (2.0 * i as f64).sin());
        row_ptr.push(col.len() as u32);
    }
    LowerGraph::new(row_ptr, col, value, vec![0.0; n * 8]).unwrap()
}

fn wave(n: usize, frequency: f64) -> Vec<f64> {
    (0..n).map(|i| (frequency * i as f64 + 0.3).sin()).collect()
}

/// A factor that is not the Cholesky factor, with a positive diagonal.
fn perturbed(g: &LowerGraph<f64>) -> Vec<f64> {
    let mut k = 0.0;
    let mut entries: Vec<f64> = g.values().iter().map(|v| 0.6 * v).collect();
    for v in &mut entries {
        k += 1.0;
        *v += 0.1 * f64::sin(k);
    }
    entries
}

fn value(loss: Loss, g: &LowerGraph<f64>, l: &[f64], z: &[f64], pairs: &[InversePair]) -> f64 {
    let mut grad = vec![0.0; l.len()];
    let mut ws = LossWorkspace::default();
    loss.combine(&[loss.gradient_with_pairs(g, l, z, pairs, &mut ws, &mut grad)])
        .0
}

#[test]
fn gradients_match_finite_differences() {
    let g = graph(17, Some(5));
    let (l, z) = (perturbed(&g), wave(17, 1.7));
    let pairs: Vec<_> = [0.9, 2.3]
        .iter()
        .map(|&f| InversePair {
            x: wave(17, f),
            y: wave(17, f + 0.02),
        })
        .collect();
    for loss in ALL {
        for pairs in [&pairs[..1], &pairs[..], &[]] {
            let mut grad = vec![f64::NAN; l.len()];
            let mut ws = LossWorkspace::default();
            let part = loss.gradient_with_pairs(&g, &l, &z, pairs, &mut ws, &mut grad);
            let scale = loss.combine(&[part]).1;
            for k in 0..l.len() {
                let step = 1e-5;
                let (mut up, mut down) = (l.clone(), l.clone());
                up[k] += step;
                down[k] -= step;
                let expected = (value(loss, &g, &up, &z, pairs)
                    - value(loss, &g, &down, &z, pairs))
                    / (2.0 * step);
                let got = scale * grad[k];
                assert!(
                    (got - expected).abs() <= 1e-7 * (1.0 + expected.abs()),
                    "{loss:?}, {} pairs, entry {k}: {got} against {expected}",
                    pairs.len()
                );
            }
        }
    }
}

#[test]
fn spectral_losses_ignore_the_scale_of_the_factor() {
    let g = graph(17, Some(5));
    let (l, z, x) = (perturbed(&g), wave(17, 1.7), wave(17, 0.9));
    let doubled: Vec<f64> = l.iter().map(|v| 2.0 * v).collect();
    let pairs = [InversePair { x: x.clone(), y: x }];
    for loss in &ALL[3..] {
        let (a, b) = (
            value(*loss, &g, &l, &z, &pairs),
            value(*loss, &g, &doubled, &z, &pairs),
        );
        assert!((a - b).abs() < 1e-12, "{loss:?}: {a} and {b}");
    }
}

/// On a tridiagonal matrix the Cholesky factor has the pattern of A, so B = I and both traces are n.
#[test]
fn both_ends_vanish_at_the_cholesky_factor() {
    let n = 12;
    let g = graph(n, None);
    let mut l = g.values().to_vec();
    for i in 0..n {
        let last = g.row_ptr()[i + 1] as usize - 1;
        if i > 0 {
            l[last - 1] /= l[g.row_ptr()[i] as usize - 1];
            l[last] -= l[last - 1] * l[last - 1];
        }
        l[last] = l[last].sqrt();
    }
    // Column i of A⁻¹ by the two substitutions, paired with √n e_i: the estimate of the trace is exact.
    let pairs: Vec<_> = (0..n)
        .map(|i| {
            let mut y = vec![0.0; n];
            y[i] = (n as f64).sqrt();
            let mut x = y.clone();
            for r in 0..n {
                let last = g.row_ptr()[r + 1] as usize - 1;
                if r > 0 {
                    x[r] -= l[last - 1] * x[r - 1];
                }
                x[r] /= l[last];
            }
            for r in (0..n).rev() {
                let last = g.row_ptr()[r + 1] as usize - 1;
                x[r] /= l[last];
                if r > 0 {
                    x[r - 1] -= l[last - 1] * x[r];
                }
            }
            InversePair { x, y }
        })
        .collect();
    let ones = vec![1.0; n];
    for power in [1, 3] {
        let exact = value(Loss::BothEnds(power), &g, &l, &ones, &pairs);
        assert!(exact.abs() < 1e-12, "{exact}");
        let mut worse = l.clone();
        worse.iter_mut().step_by(2).for_each(|v| *v *= 0.7);
        assert!(value(Loss::BothEnds(power), &g, &worse, &ones, &pairs) > 0.01);
    }
}

#[test]
fn without_usable_pairs_both_ends_is_the_kaporin_power() {
    let g = graph(17, Some(5));
    let (l, z, x) = (perturbed(&g), wave(17, 1.7), wave(17, 0.9));
    let expected = value(Loss::KaporinPower(3), &g, &l, &z, &[]);
    let negative = [InversePair {
        y: x.iter().map(|v| -v).collect(),
        x,
    }];
    for pairs in [&[][..], &negative] {
        assert_eq!(value(Loss::BothEnds(3), &g, &l, &z, pairs), expected);
    }
    assert_eq!(
        value(Loss::KaporinPower(1), &g, &l, &z, &[]),
        value(Loss::Kaporin, &g, &l, &z, &[])
    );
}
