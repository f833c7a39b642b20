//! The proximal steps of local functions, each against conditions of optimality that are worked out here.
#![cfg(feature = "admm")]

mod admm_common;

use admm_common::{close, numbers};
use la_opt::admm::{
    GeneralizedLinear, LeastSquares, Link, LocalObjective, LocalProgram, Quadratic, Separable,
    SeparableQuadratic, SquaredDistance,
};
use la_opt::qp::{Hessian, QpOptions, QuadraticProgram};

const WEIGHTS: [f64; 4] = [1e-3, 0.7, 40.0, 1e5];

/// `Bᵀ B` times a factor, from B (p × n).
fn gram(n: usize, b: &[f64], factor: f64) -> Vec<f64> {
    let mut h = vec![0.0; n * n];
    for row in b.chunks(n) {
        for (i, a) in row.iter().enumerate() {
            for (j, c) in row.iter().enumerate() {
                h[i * n + j] += factor * a * c;
            }
        }
    }
    h
}

fn product(n: usize, h: &[f64], x: &[f64]) -> Vec<f64> {
    h.chunks(n)
        .map(|row| row.iter().zip(x).map(|(h, x)| h * x).sum())
        .collect()
}

/// The gradient by central differences.
fn slope(f: &impl LocalObjective, x: &[f64]) -> Vec<f64> {
    let step = 1e-5;
    (0..x.len())
        .map(|j| {
            let at = |d: f64| {
                let mut x = x.to_vec();
                x[j] += d;
                f.value(&x)
            };
            (at(step) - at(-step)) / (2.0 * step)
        })
        .collect()
}

/// Checks `∇f(x) + weight (x − centre) = 0` after a step for several weights, and the gradient against differences of values.
fn smooth(f: &mut impl LocalObjective, seed: u64, tolerance: f64) {
    let n = f.dim();
    let (mut x, mut gradient) = (vec![0.0; n], vec![0.0; n]);
    for (k, weight) in WEIGHTS.into_iter().enumerate() {
        let centre: Vec<f64> = numbers(n, seed + k as u64)
            .iter()
            .map(|c| 5.0 * c)
            .collect();
        f.prox(weight, &centre, &mut x).unwrap();
        assert!(f.gradient(&x, &mut gradient));
        let scale = gradient.iter().fold(1.0_f64, |a, g| a.max(g.abs()))
            + weight * centre.iter().fold(1.0_f64, |a, c| a.max(c.abs()));
        for j in 0..n {
            let total = gradient[j] + weight * (x[j] - centre[j]);
            assert!(
                total.abs() <= tolerance * scale,
                "{total:e} at weight {weight}"
            );
        }
        close(&slope(f, &x), &gradient, 1e-6);
    }
}

#[test]
fn smooth_functions() {
    let (p, n) = (7, 4);
    smooth(&mut SquaredDistance::new(numbers(n, 1)).unwrap(), 10, 1e-14);
    let b = numbers(p * n, 2);
    let h = gram(n, &b, 1.0);
    smooth(
        &mut Quadratic::new(&h, numbers(n, 3), 2.0).unwrap(),
        20,
        1e-13,
    );
    smooth(
        &mut LeastSquares::new(n, b.clone(), numbers(p, 4)).unwrap(),
        30,
        1e-13,
    );
    // More columns than rows: the function has directions without curvature.
    let wide = LeastSquares::new(n, numbers(2 * n, 5), numbers(2, 6));
    smooth(&mut wide.unwrap(), 40, 1e-13);
    let signs: Vec<f64> = numbers(p, 7).iter().map(|t| t.signum()).collect();
    for scale in [1.0, 30.0] {
        let b: Vec<f64> = b.iter().map(|b| scale * b).collect();
        for ridge in [0.0, 0.3] {
            let f = GeneralizedLinear::new(Link::Logistic, n, b.clone(), signs.clone(), ridge);
            smooth(&mut f.unwrap(), 50, 1e-9);
            let link = Link::Huber { delta: 0.2 };
            let f = GeneralizedLinear::new(link, n, b.clone(), numbers(p, 8), ridge);
            smooth(&mut f.unwrap(), 60, 1e-9);
        }
    }
}

/// A step far away, where values are large beside what a step gains.
#[test]
fn generalized_linear_from_far() {
    let (p, n) = (9, 3);
    let signs: Vec<f64> = numbers(p, 1).iter().map(|t| t.signum()).collect();
    for link in [Link::Logistic, Link::Huber { delta: 0.1 }] {
        let mut f = GeneralizedLinear::new(link, n, numbers(p * n, 2), signs.clone(), 0.0).unwrap();
        for size in [1e3, 1e6] {
            for weight in [1e-6, 1.0, 1e6] {
                let centre: Vec<f64> = numbers(n, 3).iter().map(|c| size * c).collect();
                let (mut x, mut gradient) = (vec![0.0; n], vec![0.0; n]);
                f.prox(weight, &centre, &mut x).unwrap();
                f.gradient(&x, &mut gradient);
                for j in 0..n {
                    let total = gradient[j] + weight * (x[j] - centre[j]);
                    assert!(
                        total.abs() <= 1e-9 * (1.0 + weight * size),
                        "{link:?} {size} {weight}"
                    );
                }
            }
        }
    }
}

/// `0 ∈ H x − c + weight (x − centre) + μ ∂|x|`.
#[test]
fn lasso() {
    let (p, n) = (5, 6);
    let (b, rhs) = (numbers(p * n, 1), numbers(p, 2));
    let mu = 0.8;
    let mut f = SeparableQuadratic::lasso(n, &b, &rhs, mu).unwrap();
    let h = gram(n, &b, 2.0);
    let linear: Vec<f64> = (0..n)
        .map(|j| 2.0 * (0..p).map(|k| b[k * n + j] * rhs[k]).sum::<f64>())
        .collect();
    let mut x = vec![0.0; n];
    let mut zeros = 0;
    for weight in WEIGHTS {
        for seed in 0..5 {
            let centre = numbers(n, 10 + seed);
            f.prox(weight, &centre, &mut x).unwrap();
            let slope = product(n, &h, &x);
            for j in 0..n {
                let slope = slope[j] - linear[j] + weight * (x[j] - centre[j]);
                if x[j] == 0.0 {
                    zeros += 1;
                    assert!(slope.abs() <= mu + 1e-10 * weight);
                } else {
                    assert!((slope + mu * x[j].signum()).abs() <= 1e-10 * (1.0 + weight));
                }
            }
            let residual: f64 = (b.chunks(n).zip(&rhs))
                .map(|(row, t)| (row.iter().zip(&x).map(|(a, x)| a * x).sum::<f64>() - t).powi(2))
                .sum();
            let value = residual + mu * x.iter().map(|x| x.abs()).sum::<f64>();
            assert!((f.value(&x) - value).abs() < 1e-12 * (1.0 + value));
        }
    }
    assert!(zeros > 0, "no coordinate was zero");
}

/// Where a bound holds, the slope points outwards; elsewhere it is zero.
#[test]
fn bounds() {
    let n = 6;
    let h = gram(n, &numbers(4 * n, 1), 1.0);
    let c = numbers(n, 2);
    let (lower, upper) = (vec![-0.2; n], vec![0.3, 0.2, f64::INFINITY, 0.1, 0.3, -0.2]);
    let bounds = Separable::Box {
        lower: lower.clone(),
        upper: upper.clone(),
    };
    let mut f = SeparableQuadratic::new(h.clone(), c.clone(), 1.0, bounds).unwrap();
    let program = QuadraticProgram::new(Hessian::Dense(h.clone()), c.iter().map(|c| -c).collect())
        .unwrap()
        .with_bounds(lower.clone(), upper.clone())
        .unwrap();
    let mut program = LocalProgram::new(program, QpOptions::default()).unwrap();
    let mut x = vec![0.0; n];
    let mut y = vec![0.0; n];
    let mut held = 0;
    for weight in WEIGHTS {
        let centre = numbers(n, 3);
        f.prox(weight, &centre, &mut x).unwrap();
        let slope = product(n, &h, &x);
        for j in 0..n {
            let slope = slope[j] - c[j] + weight * (x[j] - centre[j]);
            let slack = 1e-10 * (1.0 + weight);
            assert!(lower[j] <= x[j] && x[j] <= upper[j]);
            held += usize::from(x[j] == lower[j] || x[j] == upper[j]);
            assert!(x[j] == lower[j] || slope <= slack);
            assert!(x[j] == upper[j] || slope >= -slack);
        }
        // The active-set solver says the same.
        program.prox(weight, &centre, &mut y).unwrap();
        close(&y, &x, 1e-9);
        assert!((f.value(&x) - program.value(&y) - 1.0).abs() < 1e-9);
    }
    assert!(held > 4, "bounds did not matter");
    x[0] = 0.4;
    assert_eq!(
        (f.value(&x), program.value(&x)),
        (f64::INFINITY, f64::INFINITY)
    );
}

/// The nearest point of a simplex by sorting, used as the projection of a gradient method.
fn nearest_of_simplex(v: &[f64]) -> Vec<f64> {
    let mut sorted = v.to_vec();
    sorted.sort_by(|a, b| b.total_cmp(a));
    let (mut sum, mut shift) = (0.0, 0.0);
    for (k, s) in sorted.iter().enumerate() {
        sum += s;
        let candidate = (sum - 1.0) / (k + 1) as f64;
        if s - candidate > 0.0 {
            shift = candidate;
        }
    }
    v.iter().map(|v| (v - shift).max(0.0)).collect()
}

#[test]
fn simplex_beside_projected_gradients() {
    let n = 5;
    let h = gram(n, &numbers(3 * n, 1), 1.0);
    let q = numbers(n, 2);
    let mut f = LocalProgram::simplex(h.clone(), q.clone()).unwrap();
    let mut x = vec![0.0; n];
    for (k, weight) in [0.3, 2.0, 2.0, 50.0, 0.3].into_iter().enumerate() {
        let centre = numbers(n, 5 + k as u64);
        f.prox(weight, &centre, &mut x).unwrap();
        let step = 1.0 / (weight + (0..n).map(|i| h[i * n + i]).sum::<f64>());
        let mut z = vec![0.2; n];
        for _ in 0..20_000 {
            let slope = product(n, &h, &z);
            let moved: Vec<f64> = (0..n)
                .map(|j| z[j] - step * (slope[j] + q[j] + weight * (z[j] - centre[j])))
                .collect();
            z = nearest_of_simplex(&moved);
        }
        close(&x, &z, 1e-9);
        assert!(f.value(&x).is_finite() && f.value(&centre).is_infinite());
    }
}

/// New data in an old function are those of a new function, bit for bit where nothing is iterated.
#[test]
fn data_are_replaced() {
    let (p, n) = (6, 3);
    let (b, old, new) = (numbers(p * n, 1), numbers(p, 2), numbers(p, 3));
    let centre = numbers(n, 4);
    let step = |f: &mut dyn LocalObjective| {
        let mut x = vec![0.0; n];
        f.prox(0.6, &centre, &mut x).unwrap();
        (x.clone(), f.value(&x))
    };
    let mut f = LeastSquares::new(n, b.clone(), old.clone()).unwrap();
    f.set_rhs(&new).unwrap();
    assert_eq!(
        step(&mut f),
        step(&mut LeastSquares::new(n, b.clone(), new.clone()).unwrap())
    );

    let h = gram(n, &b, 1.0);
    let mut f = Quadratic::new(&h, old[..n].to_vec(), 1.0).unwrap();
    f.set_linear(&new[..n], 2.0).unwrap();
    assert_eq!(
        step(&mut f),
        step(&mut Quadratic::new(&h, new[..n].to_vec(), 2.0).unwrap())
    );

    let mut f = SquaredDistance::new(old[..n].to_vec()).unwrap();
    f.set_point(&new[..n]).unwrap();
    assert_eq!(
        step(&mut f),
        step(&mut SquaredDistance::new(new[..n].to_vec()).unwrap())
    );

    let mut f = LocalProgram::simplex(h.clone(), old[..n].to_vec()).unwrap();
    step(&mut f);
    f.set_linear(&new[..n]).unwrap();
    let fresh = step(&mut LocalProgram::simplex(h.clone(), new[..n].to_vec()).unwrap());
    close(&step(&mut f).0, &fresh.0, 1e-12);

    let lasso = |linear: &[f64]| {
        let separable = Separable::L1 { weight: 0.1 };
        SeparableQuadratic::new(h.clone(), linear.to_vec(), 0.0, separable).unwrap()
    };
    let mut f = lasso(&old[..n]);
    f.set_linear(&new[..n], 0.0).unwrap();
    assert_eq!(step(&mut f), step(&mut lasso(&new[..n])));

    let huber = |targets: &[f64]| {
        let link = Link::Huber { delta: 0.3 };
        GeneralizedLinear::new(link, n, b.clone(), targets.to_vec(), 0.1).unwrap()
    };
    let mut f = huber(&old);
    f.set_targets(&new).unwrap();
    assert_eq!(step(&mut f), step(&mut huber(&new)));
}

#[test]
fn values() {
    let f = SquaredDistance::new(vec![1.0, 2.0]).unwrap();
    assert_eq!(f.value(&[4.0, 6.0]), 25.0);
    let f = Quadratic::new(&[2.0, 1.0, 1.0, 4.0], vec![1.0, -1.0], 3.0).unwrap();
    assert!((f.value(&[1.0, 2.0]) - (1.0 + 8.0 + 2.0 + 1.0 + 3.0)).abs() < 1e-12);
    let f = GeneralizedLinear::new(Link::Logistic, 1, vec![1000.0, 1.0], vec![-1.0, 1.0], 0.0);
    // Where exp would overflow.
    assert!((f.unwrap().value(&[1.0]) - 1000.0 - (1.0 + (-1.0_f64).exp()).ln()).abs() < 1e-12);
    let link = Link::Huber { delta: 1.0 };
    let f = GeneralizedLinear::new(link, 1, vec![1.0, 1.0], vec![0.5, -2.0], 4.0).unwrap();
    assert!((f.value(&[1.0]) - (0.125 + 2.5 + 2.0)).abs() < 1e-15);
}
