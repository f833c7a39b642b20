//! Generates one sample of every family, prints its facts, and writes one of them as a Matrix Market file.
//!
//! `cargo run -p la-problems --example generate_family [-- FILE.mtx[.gz]]`

use std::time::Instant;

use la_problems::io::{Symmetry, write_matrix_market_file};
use la_problems::{
    AnisotropicDiffusion, Circuit, Coefficient, ConvectionDiffusion, Diffusion, Grid, HeatEquation,
    LinearSystem, NearlySingular, NeuralIfSynthetic, NonlinearFlow, PermutedDominant, Poisson,
    PoissonFem, ProblemError, RandomGeometricGraph, RandomRegularGraph, Split, StokesCavity,
    StructurallySingular, SystemSequence, Wind,
};

type Generator = Box<dyn Fn() -> Result<LinearSystem, ProblemError>>;

fn main() -> anyhow::Result<()> {
    let square = Grid::rectangle(100, 100);
    let field = Coefficient::LogNormal {
        sigma: 1.0,
        correlation_length: 0.1,
    };
    let families: Vec<(&str, Generator)> = vec![
        (
            "NeuralIF synthetic",
            Box::new(|| NeuralIfSynthetic::default().generate(Split::Test.seed(0))),
        ),
        (
            "Poisson, finite elements",
            Box::new(|| Ok(PoissonFem::training().generate(0)?.system)),
        ),
        (
            "Poisson, 2-D",
            Box::new(move || Poisson::new(square).generate()),
        ),
        (
            "Poisson, 3-D",
            Box::new(|| Poisson::new(Grid::cuboid(20, 20, 20)).generate()),
        ),
        (
            "anisotropic, rotated",
            Box::new(|| AnisotropicDiffusion::default().with_angle(0.5).generate()),
        ),
        (
            "log-normal diffusion",
            Box::new(move || {
                Diffusion::default()
                    .with_grid(square)
                    .with_coefficient(field)
                    .generate(0)
            }),
        ),
        (
            "recirculating flow",
            Box::new(|| {
                ConvectionDiffusion::default()
                    .with_wind(Wind::Recirculating)
                    .generate()
            }),
        ),
        (
            "geometric graph",
            Box::new(|| RandomGeometricGraph::default().generate(0)),
        ),
        (
            "regular graph",
            Box::new(|| RandomRegularGraph::default().generate(0)),
        ),
        (
            "almost singular",
            Box::new(|| NearlySingular::default().generate()),
        ),
        (
            "heat equation, first step",
            Box::new(move || {
                let steps = HeatEquation::default().with_grid(square).start(0)?;
                Ok(steps.system().clone())
            }),
        ),
        (
            "Bratu's problem, first step",
            Box::new(|| Ok(NonlinearFlow::default().start()?.system().clone())),
        ),
        (
            "permuted rows",
            Box::new(|| PermutedDominant::default().generate(0)),
        ),
        (
            "Stokes flow",
            Box::new(|| StokesCavity::default().with_cells(50).generate()),
        ),
        ("circuit", Box::new(|| Circuit::default().generate(0))),
        (
            "structurally singular",
            Box::new(|| StructurallySingular::default().generate(0)),
        ),
    ];
    println!("{:<26} {:>8} {:>10} {:>9}", "family", "n", "nonzeros", "ms");
    for (name, generate) in &families {
        let start = Instant::now();
        let system = generate()?;
        let ms = 1e3 * start.elapsed().as_secs_f64();
        println!(
            "{name:<26} {:>8} {:>10} {ms:>9.1}",
            system.n(),
            system.matrix.nnz()
        );
    }
    if let Some(path) = std::env::args_os().nth(1) {
        let system = families[0].1()?;
        write_matrix_market_file(path, system.matrix.view(), Symmetry::Symmetric)?;
    }
    Ok(())
}
