//! The known facts of the sets of nonsymmetric samples.

use approx::assert_relative_eq;
use la_problems::{
    ConvectionSamples, CsrMatrix, DiagonalEntries, Grid, Perturbation, PerturbedPoisson,
    PerturbedValues, Poisson, ProblemError, RightHandSide, Scheme, SchemeChoice, Split, ValueNoise,
    Wind, WindChoice,
};

mod checks;

use checks::{assert_eigenpair, assert_symmetric, is_m_matrix, multiply, norm};

fn sparse_uniform(side: usize, entries_per_row: f64) -> PerturbedPoisson {
    PerturbedPoisson::default()
        .with_grid(Grid::rectangle(side, side))
        .with_perturbation(Perturbation::SparseUniform { entries_per_row })
}

/// `A - the Poisson matrix`, with the entries that only one of the two has.
fn noise(a: &CsrMatrix, side: usize) -> CsrMatrix {
    let poisson = Poisson::new(Grid::rectangle(side, side)).matrix().unwrap();
    &a.view() - &poisson.view()
}

fn frobenius(a: &CsrMatrix) -> f64 {
    norm(a.data())
}

/// `‖A‖₂` by power iteration on `Aᵀ A`.
fn largest_singular_value(a: &CsrMatrix) -> f64 {
    let t = a.transpose_view().to_csr();
    let mut x = vec![1.0; a.cols()];
    let mut sigma = 0.0;
    for _ in 0..100 {
        let length = norm(&x);
        x.iter_mut().for_each(|x| *x /= length);
        let y = multiply(a, &x);
        sigma = norm(&y);
        x = multiply(&t, &y);
    }
    sigma
}

#[test]
fn the_default_has_the_norms_of_the_paper() {
    // Table 1 of the paper: 255.26, 205.83, 20.70 as means of ten matrices.
    for index in 0..3 {
        let system = PerturbedPoisson::default()
            .generate(Split::Test.seed(index))
            .unwrap();
        let a = &system.matrix;
        assert!((109_500..111_000).contains(&a.nnz()), "{}", a.nnz());
        let mut less_identity = a.clone();
        let mut less_diagonal = a.clone();
        for i in 0..2500 {
            *less_identity.get_mut(i, i).unwrap() -= 1.0;
            *less_diagonal.get_mut(i, i).unwrap() = 0.0;
        }
        assert_relative_eq!(frobenius(&less_identity), 255.26, max_relative = 0.01);
        assert_relative_eq!(frobenius(&less_diagonal), 205.83, max_relative = 0.01);
        assert_relative_eq!(largest_singular_value(a), 20.70, max_relative = 0.03);
    }
}

#[test]
fn sparse_noise_is_uniform_without_repetition() {
    let (side, n) = (20, 400);
    let a = sparse_uniform(side, 39.5).generate(5).unwrap().matrix;
    let s = noise(&a, side);
    let entries: Vec<(f64, (u32, u32))> = s
        .iter()
        .map(|(&v, p)| (v, p))
        .filter(|e| e.0 != 0.0)
        .collect();
    assert_eq!(entries.len(), 15_800, "positions are different ones");
    assert!(entries.iter().all(|e| (0.0..1.0).contains(&e.0)));
    let mean: f64 = entries.iter().map(|e| e.0).sum::<f64>() / entries.len() as f64;
    // Standard deviation of the mean: 1/√(12 · 15 800) = 0.0023.
    assert!((mean - 0.5).abs() < 0.01, "{mean}");
    // Each quarter of the matrix holds a quarter of the entries; standard deviation 0.0034.
    for (bottom, right) in [(false, false), (false, true), (true, false), (true, true)] {
        let quarter = |&&(_, (i, j)): &&(f64, (u32, u32))| {
            ((i >= n / 2) == bottom) && ((j >= n / 2) == right)
        };
        let share = entries.iter().filter(quarter).count() as f64 / entries.len() as f64;
        assert!((share - 0.25).abs() < 0.015, "{share}");
    }
}

#[test]
fn noise_at_its_limits() {
    let poisson = Poisson::new(Grid::rectangle(6, 6)).matrix().unwrap();
    let without = sparse_uniform(6, 0.0).generate(1).unwrap().matrix;
    assert_eq!(without, poisson);
    assert_symmetric(&without);
    // Half of all positions, of which many are drawn more than once.
    let half = sparse_uniform(6, 18.0).generate(1).unwrap().matrix;
    let s = noise(&half, 6);
    assert_eq!(s.data().iter().filter(|v| **v != 0.0).count(), 6 * 6 * 18);
    let one = sparse_uniform(1, 0.0).generate(0).unwrap();
    assert_eq!((one.matrix.data(), one.rhs.len()), (&[4.0][..], 1));
}

#[test]
fn noise_on_the_nonzeros_keeps_the_pattern() {
    let family = PerturbedPoisson::default().with_perturbation(Perturbation::Nonzeros);
    let a = family.generate(Split::Test.seed(0)).unwrap().matrix;
    let poisson = Poisson::new(Grid::rectangle(50, 50)).matrix().unwrap();
    assert_eq!(a.nnz(), 12_300);
    assert_eq!(a.indices(), poisson.indices());
    let z: Vec<f64> = a
        .data()
        .iter()
        .zip(poisson.data())
        .map(|(a, p)| a - p)
        .collect();
    let (mean, variance) = (
        z.iter().sum::<f64>() / z.len() as f64,
        z.iter().map(|z| z * z).sum::<f64>() / z.len() as f64,
    );
    // Standard deviations: 0.009 and 0.013.
    assert!(
        mean.abs() < 0.04 && (variance - 1.0).abs() < 0.06,
        "{mean} {variance}"
    );
}

#[test]
fn strength_scales_the_noise_and_nothing_else() {
    for perturbation in [
        Perturbation::Nonzeros,
        Perturbation::SparseUniform {
            entries_per_row: 10.0,
        },
    ] {
        let family = PerturbedPoisson::default()
            .with_grid(Grid::rectangle(12, 12))
            .with_perturbation(perturbation);
        let draw = |strength| {
            let system = family.clone().with_strength(strength).generate(5).unwrap();
            system.matrix
        };
        let (none, one, three) = (draw(0.0), draw(1.0), draw(3.0));
        for (value, (i, j)) in one.iter() {
            let at = |m: &CsrMatrix| m.get(i as usize, j as usize).copied().unwrap();
            let noise = value - at(&none);
            assert!((at(&three) - at(&none) - 3.0 * noise).abs() < 1e-14);
        }
        let poisson = Poisson::new(Grid::rectangle(12, 12)).matrix().unwrap();
        let size = |m: &CsrMatrix| m.data().iter().map(|v| v * v).sum::<f64>();
        assert_eq!(size(&none), size(&poisson));
        assert!(family.clone().with_strength(f64::NAN).generate(5).is_err());
    }
}

#[test]
fn diagonal_entries_are_zeroed_or_removed() {
    let family = sparse_uniform(20, 39.5);
    let kept = family.generate(9).unwrap().matrix;
    let zeroed = family
        .clone()
        .with_diagonal(DiagonalEntries::Zero(0.3))
        .generate(9)
        .unwrap()
        .matrix;
    let missing = family
        .with_diagonal(DiagonalEntries::Missing(0.3))
        .generate(9)
        .unwrap()
        .matrix;
    assert_eq!(zeroed.indices(), kept.indices());
    let zeros: Vec<usize> = (0..400)
        .filter(|&i| zeroed.get(i, i) == Some(&0.0))
        .collect();
    let gone: Vec<usize> = (0..400).filter(|&i| missing.get(i, i).is_none()).collect();
    // Standard deviation 9.2.
    assert!((75..=165).contains(&zeros.len()), "{}", zeros.len());
    assert_eq!(zeros, gone, "one seed, one choice");
    assert_eq!(missing.nnz(), kept.nnz() - gone.len());
    for (&value, (i, j)) in kept.iter() {
        if i != j {
            assert_eq!(missing.get(i as usize, j as usize), Some(&value));
        }
    }
}

#[test]
fn right_hand_sides_are_what_they_say() {
    let family = sparse_uniform(9, 5.0);
    let smooth = family.generate(2).unwrap().rhs;
    assert_eq!(smooth, family.generate(3).unwrap().rhs);
    let at = |i: usize, j: usize| {
        let wave = |k: usize| (std::f64::consts::PI * k as f64 / 10.0).sin();
        wave(i + 1) * wave(j + 1)
    };
    for i in 0..9 {
        for j in 0..9 {
            assert_relative_eq!(smooth[i + 9 * j], at(i, j), epsilon = 1e-15);
        }
    }
    // The slowest mode of the Laplacian.
    let poisson = Poisson::new(Grid::rectangle(9, 9));
    let slowest = poisson.eigenvalue([1, 1, 1]);
    assert_eigenpair(&poisson.matrix().unwrap(), slowest, &smooth);
    let gaussian = RightHandSide::Gaussian.vector(&Grid::line(10_000), 4);
    let mean = gaussian.iter().sum::<f64>() / 1e4;
    let variance = gaussian.iter().map(|b| b * b).sum::<f64>() / 1e4;
    assert!(
        mean.abs() < 0.05 && (variance - 1.0).abs() < 0.06,
        "{mean} {variance}"
    );
    assert!(RightHandSide::Smooth.vector(&Grid::line(0), 0).is_empty());
}

#[test]
fn winds_and_numbers_vary_within_their_ranges() {
    let family = ConvectionSamples::default()
        .with_cell_peclet(0.5, 8.0)
        .with_scheme(SchemeChoice::Either);
    let (mut vortices, mut central, mut below) = (0, 0, 0);
    for seed in 0..400 {
        let sample = family.sample(seed).unwrap();
        let speed = match sample.wind {
            Wind::Constant([x, y, z]) => {
                assert_relative_eq!(x.hypot(y), 1.0, epsilon = 1e-14);
                assert_eq!(z, 0.0);
                1.0
            }
            _ => {
                vortices += 1;
                2.0
            }
        };
        let cell = sample.peclet * speed / 51.0;
        assert!(
            (0.5 * (1.0 - 1e-12)..8.0 * (1.0 + 1e-12)).contains(&cell),
            "{cell}"
        );
        below += usize::from(cell < 2.0);
        central += usize::from(sample.scheme == Scheme::Central);
    }
    // 200 expected each, standard deviation 10; below 2 is half of the range of the logarithm.
    for count in [vortices, central, below] {
        assert!((150..=250).contains(&count), "{vortices} {central} {below}");
    }
}

#[test]
fn upwind_samples_are_m_matrices_of_one_pattern() {
    let poisson = Poisson::new(Grid::rectangle(12, 9)).matrix().unwrap();
    let family = ConvectionSamples::default().with_grid(Grid::rectangle(12, 9));
    let m_matrices = |family: &ConvectionSamples| {
        (0..20)
            .map(|seed| family.generate(seed).unwrap().matrix)
            .filter(|a| {
                assert_eq!(
                    (a.indptr(), a.indices()),
                    (poisson.indptr(), poisson.indices())
                );
                is_m_matrix(a)
            })
            .count()
    };
    assert_eq!(m_matrices(&family), 20);
    let central = family
        .with_scheme(SchemeChoice::Fixed(Scheme::Central))
        .with_wind(WindChoice::Direction);
    assert_eq!(m_matrices(&central.clone().with_cell_peclet(0.1, 1.9)), 20);
    // |cos| or |sin| of an angle is above 0.7, so that a cell Péclet number of 3 makes a positive entry.
    assert_eq!(m_matrices(&central.with_cell_peclet(3.0, 10.0)), 0);
}

#[test]
fn values_are_perturbed_and_nothing_else() {
    let base = ConvectionSamples::default().generate(0).unwrap().matrix;
    let family = PerturbedValues::new(base.clone());
    assert_eq!(
        family
            .clone()
            .with_noise(ValueNoise::Normal(0.0))
            .generate(3)
            .unwrap()
            .matrix,
        base
    );
    assert_eq!(
        family
            .clone()
            .with_noise(ValueNoise::LogNormal(0.0))
            .generate(3)
            .unwrap()
            .matrix,
        base
    );
    let spread = |a: &CsrMatrix, f: fn(f64) -> f64| {
        let z = a
            .data()
            .iter()
            .zip(base.data())
            .map(|(a, b)| f(a / b).powi(2));
        (z.sum::<f64>() / base.nnz() as f64).sqrt()
    };
    // 12 300 numbers: the standard deviation is met within 3 standard deviations of 0.6 %.
    let log_normal = family.with_noise(ValueNoise::LogNormal(0.2));
    let a = log_normal.generate(3).unwrap().matrix;
    assert_relative_eq!(spread(&a, f64::ln), 0.2, max_relative = 0.02);
    let normal = PerturbedValues::new(base.clone()).with_noise(ValueNoise::Normal(0.05));
    let relative = spread(&normal.generate(3).unwrap().matrix, |ratio| ratio - 1.0);
    assert_relative_eq!(relative, 0.05, max_relative = 0.02);

    let mut scaled = base;
    scaled.data_mut().iter_mut().for_each(|v| *v *= 1024.0);
    let b = PerturbedValues::new(scaled)
        .with_noise(ValueNoise::LogNormal(0.2))
        .generate(3)
        .unwrap()
        .matrix;
    assert!(a.data().iter().zip(b.data()).all(|(a, b)| 1024.0 * a == *b));
}

#[test]
fn options_are_checked() {
    let invalid = |result: Result<_, ProblemError>, name: &str| match result {
        Err(ProblemError::InvalidOption { option, .. }) => assert_eq!(option, name),
        other => panic!("{other:?}"),
    };
    invalid(sparse_uniform(4, 8.1).generate(0), "entries_per_row");
    invalid(sparse_uniform(4, f64::NAN).generate(0), "entries_per_row");
    invalid(sparse_uniform(0, 0.0).generate(0), "grid.nx");
    let line = PerturbedPoisson::default().with_grid(Grid::line(100));
    invalid(line.generate(0), "grid.dimension");
    for part in [-0.1, 1.1, f64::NAN] {
        let family = PerturbedPoisson::default().with_diagonal(DiagonalEntries::Zero(part));
        invalid(family.generate(0), "diagonal");
    }
    let huge = sparse_uniform(20_000, 39.5).generate(0);
    assert!(matches!(huge, Err(ProblemError::TooLarge { .. })));

    let winds = |low, high| {
        ConvectionSamples::default()
            .with_cell_peclet(low, high)
            .generate(0)
    };
    invalid(winds(0.0, 1.0), "cell_peclet[0]");
    invalid(winds(2.0, 1.0), "cell_peclet[1]");
    invalid(winds(1.0, f64::INFINITY), "cell_peclet[1]");
    let solid = ConvectionSamples::default().with_grid(Grid::cuboid(3, 3, 3));
    invalid(solid.generate(0), "grid.dimension");

    let values = |matrix| PerturbedValues::new(matrix);
    let eye: CsrMatrix = CsrMatrix::eye(3);
    invalid(
        values(eye.clone())
            .with_noise(ValueNoise::Normal(-1.0))
            .generate(0),
        "noise",
    );
    invalid(
        values(eye.clone())
            .with_noise(ValueNoise::LogNormal(f64::NAN))
            .generate(0),
        "noise",
    );
    invalid(values(CsrMatrix::zero((2, 3))).generate(0), "base.cols");
    let mut bad = eye;
    bad.data_mut()[1] = f64::NAN;
    assert!(matches!(
        values(bad).generate(0),
        Err(ProblemError::NotFinite { index: 1, .. })
    ));
}

#[test]
fn eddies_and_directions_in_three_dimensions() {
    for wind in [WindChoice::Eddies, WindChoice::Direction] {
        let family = ConvectionSamples::default()
            .with_grid(Grid::cuboid(7, 7, 7))
            .with_wind(wind);
        let samples: Vec<_> = (0..6).map(|s| family.generate(s).unwrap().matrix).collect();
        assert_ne!(samples[0], samples[1]);
        for a in &samples {
            assert_eq!((a.rows(), a.nnz()), (343, 7 * 343 - 6 * 49));
            for (i, row) in a.outer_iterator().enumerate() {
                assert!(row.iter().all(|(j, &v)| (v > 0.0) == (i == j)));
                assert!(row.data().iter().sum::<f64>() >= -1e-12);
            }
        }
    }
}
