//! Proximal steps whose coordinates have weights of their own.
#![cfg(feature = "admm")]

mod admm_common;

use admm_common::{close, numbers};
use la_opt::admm::{
    GeneralizedLinear, LeastSquares, Link, LocalObjective, LocalProgram, Quadratic, Separable,
    SeparableQuadratic, SquaredDistance,
};

const N: usize = 4;

fn functions() -> Vec<(&'static str, Box<dyn LocalObjective>)> {
    let (b, t) = (numbers(3 * N, 1), numbers(3, 2));
    let signs = t.iter().map(|t| t.signum()).collect();
    let linear = numbers(N, 3);
    let bounds = Separable::Box {
        lower: vec![-0.1; N],
        upper: vec![0.2; N],
    };
    let mut hessian = vec![0.0; N * N];
    for row in b.chunks(N) {
        for i in 0..N {
            for j in 0..N {
                hessian[i * N + j] += row[i] * row[j];
            }
        }
    }
    let glm = |link, targets| GeneralizedLinear::new(link, N, b.clone(), targets, 0.1).unwrap();
    let huber = Link::Huber { delta: 0.1 };
    let lasso = SeparableQuadratic::lasso(N, &b, &t, 0.4).unwrap();
    let boxed = SeparableQuadratic::new(hessian.clone(), linear.clone(), 0.0, bounds).unwrap();
    let quadratic = Quadratic::new(&hessian, linear.clone(), 0.5).unwrap();
    vec![
        (
            "distance",
            Box::new(SquaredDistance::new(linear.clone()).unwrap()),
        ),
        ("quadratic", Box::new(quadratic)),
        (
            "least squares",
            Box::new(LeastSquares::new(N, b.clone(), t.clone()).unwrap()),
        ),
        ("lasso", Box::new(lasso)),
        ("box", Box::new(boxed)),
        ("logistic", Box::new(glm(Link::Logistic, signs))),
        ("huber", Box::new(glm(huber, t))),
        (
            "simplex",
            Box::new(LocalProgram::simplex(hessian, linear).unwrap()),
        ),
    ]
}

/// No step of any length in any of many directions lowers the function with its proximal term.
#[test]
fn nothing_is_lower() {
    for (name, mut f) in functions() {
        assert!(f.takes_scales());
        let mut x = vec![0.0; N];
        // A new weight, then other scales.
        for (k, scales) in [
            [1.0, 30.0, 0.02, 3.0],
            [1.0, 30.0, 0.02, 3.0],
            [0.5, 0.01, 2.0, 2.0],
        ]
        .into_iter()
        .enumerate()
        {
            let weight = [0.4, 7.0, 0.9][k];
            let centre = numbers(N, 20 + k as u64);
            f.prox_scaled(weight, &scales, &centre, &mut x).unwrap();
            let total = |x: &[f64]| {
                let far = x.iter().zip(&centre).zip(scales);
                f.value(x) + 0.5 * weight * far.map(|((x, v), s)| s * (x - v).powi(2)).sum::<f64>()
            };
            let least = total(&x);
            assert!(least.is_finite(), "{name}");
            for seed in 0..300 {
                let mut direction = numbers(N, 100 + seed);
                // Along the simplex, and one coordinate at a time.
                match seed % 3 {
                    0 => {
                        let mean = direction.iter().sum::<f64>() / N as f64;
                        direction.iter_mut().for_each(|d| *d -= mean);
                    }
                    1 => {
                        direction = (0..N)
                            .map(|j| f64::from(u8::from(seed as usize / 3 % N == j)))
                            .collect()
                    }
                    _ => {}
                }
                for length in [-1e-2, 1e-2, -1e-4, 1e-4] {
                    let moved: Vec<f64> = x
                        .iter()
                        .zip(&direction)
                        .map(|(x, d)| x + length * d)
                        .collect();
                    let drop = least - total(&moved);
                    assert!(
                        drop <= 1e-13 * (1.0 + least.abs()),
                        "{name}: {drop:e} lower"
                    );
                }
            }
        }
    }
}

/// Equal scales are a weight.
#[test]
fn equal_scales() {
    for (name, mut f) in functions() {
        let (mut x, mut y) = (vec![0.0; N], vec![0.0; N]);
        let centre = numbers(N, 9);
        f.prox_scaled(0.3, &[4.0; N], &centre, &mut x).unwrap();
        f.prox(1.2, &centre, &mut y).unwrap();
        eprintln!("{name}");
        close(&x, &y, 1e-10);
        // And back again.
        f.prox_scaled(0.3, &[4.0; N], &centre, &mut y).unwrap();
        close(&x, &y, 1e-10);
    }
}
