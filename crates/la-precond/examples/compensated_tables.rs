//! Compensated incomplete Cholesky factorisations on 27 families of matrices, beside reference values.
//!
//! `cargo run --release -p la-precond --example compensated_tables -- [n] [seed]` (default 10000 0; from n = 50000 on the
//! families of the second reference table only).

use std::f64::consts::PI;

use la_krylov::{CgOptions, cg};
use la_precond::IncompleteCholeskyBuilder;
use la_precond::classical::{CompensatedIc, FillLimit, Ic0, Ict};
use la_problems::{
    AnisotropicDiffusion, Biharmonic, BilinearDiffusion, Coefficient, CsrMatrix, DelaunayPoisson,
    Diffusion, EdgeWeights, Grid, NeuralIfSynthetic, PlaneElasticity, PointCloud, Poisson,
    RandomGeometricGraph, permuted, random_order, reverse_cuthill_mckee,
};
use rand::{Rng, SeedableRng};
use rand_distr::StandardNormal;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// Iterations at n = 1e5 with IC(0), RIC(.97), MIC, MIC + D⁻² and DRIC.
type Large = Option<[u32; 5]>;

/// Name, class (0 ordered M-matrices, 1 random and red-black orders, 2 the others) and reference.
const FAMILIES: [(&str, usize, Large); 27] = [
    ("poisson2 natural", 0, Some([286, 131, 83, 80, 83])),
    ("poisson2 rcm", 0, None),
    ("poisson2 dissection", 0, Some([337, 252, 694, 483, 197])),
    ("poisson2 random", 1, Some([421, 447, 533, 3000, 533])),
    ("poisson2 red-black", 1, None),
    ("poisson3 natural", 0, Some([54, 29, 38, 37, 38])),
    ("poisson3 rcm", 0, None),
    ("poisson3 random", 1, None),
    ("blocks2 natural", 0, Some([651, 324, 119, 154, 221])),
    ("blocks3 natural", 0, Some([140, 89, 89, 83, 94])),
    ("white2:1 natural", 0, Some([380, 187, 99, 95, 88])),
    ("white2:2 natural", 0, Some([538, 437, 179, 166, 190])),
    ("white2:2 dissection", 0, None),
    ("white2:2 random", 1, None),
    ("white3:2 natural", 0, Some([89, 69, 80, 77, 63])),
    ("aligned:100 natural", 0, None),
    ("aligned:0.001 natural", 0, None),
    ("rotated:6:0.01 natural", 2, None),
    ("rotated:5:0.001 natural", 2, None),
    ("delaunay rcm", 0, Some([342, 209, 321, 177, 165])),
    ("delaunay random", 1, Some([458, 471, 635, 1167, 814])),
    ("gaussian rcm", 0, None),
    ("graph rcm", 0, Some([334, 253, 142, 145, 184])),
    ("neuralif natural", 2, None),
    ("elasticity rcm", 2, None),
    ("elasticity random", 2, None),
    ("biharmonic natural", 2, None),
];

/// Geometric mean (and largest) of iterations over those of IC(0) at n = 1e4, by class, and families with a breakdown.
const REFERENCE: [(&str, [f64; 3], [f64; 3], Option<usize>); 9] = [
    ("ric 0.97", [0.704, 1.14, 0.65], [1.01, 1.61, 1.50], Some(4)),
    ("ric 0.99", [0.672, 1.35, 0.66], [1.01, 2.55, 1.57], Some(4)),
    ("mic", [0.785, 1.97, 0.67], [3.34, 4.88, 1.64], Some(9)),
    (
        "mic + D^-2",
        [0.721, 5.67, 0.64],
        [1.84, 9.61, 1.41],
        Some(4),
    ),
    ("dric", [0.702, 1.90, 0.66], [1.04, 3.40, 1.75], Some(7)),
    ("aj", [1.10, 1.12, 0.78], [f64::NAN; 3], Some(0)),
    (
        "ict, same fill",
        [0.928, 0.964, 0.74],
        [f64::NAN; 3],
        Some(3),
    ),
    (
        "supported mic",
        [0.707, 1.007, 0.75],
        [1.02, 1.04, 1.45],
        Some(2),
    ),
    (
        "best ric or ic0",
        [0.600, 0.994, 0.542],
        [f64::NAN; 3],
        None,
    ),
];

fn matrix(name: &str, n: usize, seed: u64) -> Outcome<CsrMatrix> {
    let (side, edge) = (
        (n as f64).sqrt().round() as usize,
        (n as f64).cbrt().round() as usize,
    );
    let (square, cube) = (Grid::rectangle(side, side), Grid::cuboid(edge, edge, edge));
    let (kind, order) = name.split_once(' ').ok_or("a family has two words")?;
    let mut parts = kind.split(':');
    let kind = parts.next().ok_or("a family has a kind")?;
    let numbers = parts.map(str::parse).collect::<Result<Vec<f64>, _>>()?;
    let grid = if kind.ends_with('3') { cube } else { square };
    let points = (if kind == "blocks3" {
        edge / 4
    } else {
        side / 8
    })
    .max(2);
    let blocks = Coefficient::Blocks {
        points,
        low: 1.0,
        high: 1e3,
    };
    let diffusion = |coefficient| {
        Diffusion::default()
            .with_grid(grid)
            .with_coefficient(coefficient)
            .matrix(seed)
    };
    let aligned = AnisotropicDiffusion::default().with_grid(square);
    let a = match kind {
        "poisson2" | "poisson3" => Poisson::new(grid).matrix()?,
        "blocks2" | "blocks3" => diffusion(blocks)?,
        "white2" | "white3" => diffusion(Coefficient::WhiteLogNormal { sigma: numbers[0] })?,
        "aligned" => aligned.with_epsilon(numbers[0]).matrix()?,
        "rotated" => BilinearDiffusion::new(square)
            .with_angle(PI / numbers[0])
            .with_epsilon(numbers[1])
            .matrix()?,
        "delaunay" => {
            DelaunayPoisson::default()
                .with_points(n)
                .generate(seed)?
                .matrix
        }
        "gaussian" => {
            DelaunayPoisson::default()
                .with_points(n)
                .with_cloud(PointCloud::Gaussian)
                .generate(seed)?
                .matrix
        }
        "graph" => {
            let graph = RandomGeometricGraph::default()
                .with_n(n)
                .with_mean_degree(8.0)
                .with_shift(1e-3);
            graph
                .with_weights(EdgeWeights::LogNormal { sigma: 1.0 })
                .generate(seed)?
                .matrix
        }
        "neuralif" => {
            NeuralIfSynthetic::default()
                .with_n(n / 10)
                .generate(seed)?
                .matrix
        }
        "elasticity" => {
            PlaneElasticity::default()
                .with_points(n / 2)
                .with_width(2.5)
                .generate(seed)?
                .matrix
        }
        "biharmonic" => {
            let m = (n as f64 / 2.0).sqrt().round() as usize;
            Biharmonic::new(Grid::rectangle(m, 2 * m)).matrix()?
        }
        other => return Err(other.into()),
    };
    let order = match order {
        "dissection" => grid.nested_dissection_order(),
        "red-black" => grid.red_black_order(),
        "random" => random_order(a.rows(), seed),
        "rcm" => reverse_cuthill_mckee(&a),
        _ => return Ok(a),
    };
    Ok(permuted(&a, &order)?)
}

/// Iterations to 1e-8, the last one as a fraction, at most 3000; and repeated factorisations.
fn iterations(
    a: &CsrMatrix,
    b: &[f64],
    builder: &dyn IncompleteCholeskyBuilder,
) -> Outcome<(f64, usize)> {
    let factor = builder.build(a.view())?;
    let s = cg(
        a,
        b,
        &factor,
        &CgOptions::default().with_rtol(1e-8).with_max_iters(3000),
    )?;
    let mut count = s.iterations as f64;
    if let (true, [.., before, last]) = (s.status.is_converged(), &s.history[..]) {
        let (before, last) = (before.recurrence_norm, last.recurrence_norm);
        count += (last / (1e-8 * s.rhs_norm)).ln() / (before / last).ln();
    }
    Ok((count, factor.stats().shift_attempts))
}

fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    let n = arguments.next().map_or(Ok(10_000), |n| n.parse())?;
    let seed = arguments.next().map_or(Ok(0), |seed| seed.parse())?;
    let (ric, large) = (CompensatedIc::relaxed, n >= 50_000);
    let same = Ict::default()
        .with_drop_tol(0.0)
        .with_fill(FillLimit::Factor(1.0));
    let (m, p, d) = (
        CompensatedIc::modified(),
        CompensatedIc::perturbed(),
        CompensatedIc::dynamically_relaxed(),
    );
    let (aj, supported) = (CompensatedIc::ajiz_jennings(), CompensatedIc::supported());
    let (r97, r99) = (ric(0.97), ric(0.99));
    let methods: [&dyn IncompleteCholeskyBuilder; 8] =
        [&r97, &r99, &m, &p, &d, &aj, &same, &supported];
    let mut ratios = vec![[const { Vec::new() }; 3]; REFERENCE.len()];
    let mut restarted = [0; REFERENCE.len()];
    println!(
        "| family | n | ic0 | ric .97 | ric .99 | mic | mic + D^-2 | dric | aj | ict | supported | best ric | reference |"
    );
    for (name, class, reference) in FAMILIES.into_iter().filter(|f| !large || f.2.is_some()) {
        let a = matrix(name, n, seed)?;
        let rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed + 1);
        let b: Vec<f64> = rng.sample_iter(StandardNormal).take(a.rows()).collect();
        let (base, shifts) = iterations(&a, &b, &Ic0::default())?;
        let mark = |shifts: usize| if shifts > 0 { "*" } else { "" };
        let mut line = format!("| {name} | {} | {base:.1}{}", a.rows(), mark(shifts));
        let mut best = base;
        for (k, method) in methods.iter().enumerate() {
            let (count, shifts) = iterations(&a, &b, *method)?;
            ratios[k][class].push(count / base);
            restarted[k] += usize::from(shifts > 0);
            line += &format!(" | {count:.1}{}", mark(shifts));
            best = if k < 3 { best.min(count) } else { best };
        }
        for omega in if large {
            &[][..]
        } else {
            &[0.5, 0.8, 0.9, 0.95]
        } {
            best = best.min(iterations(&a, &b, &ric(*omega))?.0);
        }
        ratios[8][class].push(best / base);
        println!(
            "{line} | {best:.1} | {} |",
            reference.map_or(String::new(), |r| format!("{r:?}"))
        );
    }
    if large {
        return Ok(());
    }
    println!(
        "\n| method | ordered: ours | reference | random: ours | reference | others: ours | reference | restarted | reference |"
    );
    for (k, (name, means, worst, restarts)) in REFERENCE.into_iter().enumerate() {
        let mut line = format!("| {name}");
        for class in 0..3 {
            let r = &ratios[k][class];
            let mean = (r.iter().map(|x: &f64| x.ln()).sum::<f64>() / r.len() as f64).exp();
            let top = r.iter().copied().fold(0.0, f64::max);
            line += &format!(
                " | {mean:.3} ({top:.2}) | {:.3} ({:.2})",
                means[class], worst[class]
            );
        }
        println!(
            "{line} | {} | {} |",
            restarted[k],
            restarts.map_or("-".to_owned(), |r| r.to_string())
        );
    }
    Ok(())
}
