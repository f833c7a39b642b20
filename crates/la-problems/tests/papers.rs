//! The generators against numbers of the papers' data sets.

use la_problems::{CsrMatrix, MeshChoice, MeshFamily, NeuralIfSynthetic, PoissonFem, Split};

mod cg;

/// Mean over the first samples of the test split, scaled down to n = 1000.
fn mean_iterations(count: u64, solve: impl Fn(&CsrMatrix, &[f64]) -> usize) -> f64 {
    let options = NeuralIfSynthetic::default().with_n(1000);
    let iterations = |i| {
        let system = options
            .generate(Split::Test.seed(i))
            .expect("valid options");
        solve(&system.matrix, &system.rhs)
    };
    (0..count).map(iterations).sum::<usize>() as f64 / count as f64
}

/// Measured with the authors' generator scaled to n = 1000 (10 entries per row of M, 20 matrices): plain CG takes 799
/// iterations to a relative residual of 1e-3 in the mean. Tolerance 5 %: both means are over 20 samples.
#[test]
fn synthetic_systems_are_as_hard_as_the_published_ones() {
    let mean = mean_iterations(20, |a, b| {
        cg::solve(a, b, 1e-3).expect("positive definite").1
    });
    assert!((mean / 799.0 - 1.0).abs() < 0.05, "{mean}");
}

/// The Poisson test set has 100 000 to 500 000 unknowns; its largest matrices have about 3.2 million nonzeros.
#[test]
fn poisson_test_sizes_are_reached_by_every_family() {
    for family in MeshFamily::ALL {
        let options = PoissonFem::testing().with_family(MeshChoice::Fixed(family));
        let problem = options
            .generate(Split::Test.seed(0))
            .expect("a mesh of that size exists");
        let nnz = problem.system.matrix.nnz();
        assert!((650_000..3_500_000).contains(&nnz), "{family:?}: {nnz}");
    }
}
