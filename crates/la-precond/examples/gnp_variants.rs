//! Which improvements of graph neural preconditioners help: each alone and together, on real matrices, solutions Gaussian and one.
//!
//! Every line is the final relative residual of FGMRES(10) after at most 100 iterations, geometric mean over Gaussian solutions, and that with
//! the solution 1. Results are appended to a file as they come; what is in there already is not done again.
//!
//! ```sh
//! LA_DATA_DIR=... cargo run --release -p la-precond --features learned --example gnp_variants -- results.csv 300
//! ```

use std::collections::HashSet;
use std::error::Error;
use std::io::Write;
use std::path::PathBuf;

use la_gnn::gnp::{Activation, GnpConfig, Parameters};
use la_krylov::{IdentityPreconditioner, LinearOperator, Preconditioner, ResidualCheck, fgmres};
use la_precond::learned::gnp::{
    Base, ColumnScale, Equilibration, GnpBuilder, OnPolicy, Selection, StepLength, paper_options,
    prescaled,
};
use la_precond::sprs::CsMatI;
use la_problems::io::{ReadOptions, read_matrix};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

type Csr = CsMatI<f64, u32>;

/// Real matrices of different origin, at most 3000 rows.
const MATRICES: [&str; 10] = [
    "HB/gre_1107",
    "YZhou/circuit204",
    "HB/mahindas",
    "HB/pores_2",
    "HB/west1505",
    "DRIVCAV/cavity05",
    "Bai/cryg2500",
    "Hamm/add20",
    "Bai/pde2961",
    "Mallya/lhr02",
];

/// What a line is made with.
enum Kind {
    /// No preconditioner.
    None,
    /// A network that is not trained.
    Untrained,
    /// The base alone: a network of zeros.
    BaseAlone,
    Trained,
}

fn variants() -> Vec<(&'static str, GnpBuilder, Kind)> {
    let paper = GnpBuilder::paper;
    let odd = GnpConfig::paper()
        .with_bias(false)
        .with_batch_norm(false)
        .with_activation(Activation::Tanh);
    let held_out = Selection::HeldOut {
        columns: 16,
        every: 25,
    };
    let visits = OnPolicy::Share {
        share: 0.5,
        every: 100,
    };
    let scaled = |equilibration| {
        paper()
            .with_equilibration(equilibration)
            .with_scale(ColumnScale::Unit)
    };
    let with = |equilibration, base| {
        scaled(equilibration)
            .with_base(base)
            .with_step_length(StepLength::MinimalResidual)
    };
    let (ruiz, matching) = (Equilibration::Ruiz, Equilibration::Matching);
    let strong = Base::Ilut {
        drop_tol: 1e-3,
        fill: 10.0,
    };
    let alone = |name, equilibration, base| (name, with(equilibration, base), Kind::BaseAlone);
    let trained = |name, builder| (name, builder, Kind::Trained);
    vec![
        ("none", paper(), Kind::None),
        ("untrained", paper(), Kind::Untrained),
        alone("ruiz, identity alone", ruiz, Base::Identity),
        alone("ruiz, jacobi alone", ruiz, Base::Jacobi),
        alone("ruiz, ilu0 alone", ruiz, Base::Ilu0),
        alone("matching, identity alone", matching, Base::Identity),
        alone("matching, ilu0 alone", matching, Base::Ilu0),
        alone("matching, ilut alone", matching, strong),
        trained("paper", paper()),
        trained("ruiz", paper().with_equilibration(ruiz)),
        trained("ruiz, ilu0 + network", with(ruiz, Base::Ilu0)),
        trained("ruiz, jacobi + network", with(ruiz, Base::Jacobi)),
        trained("matching", paper().with_equilibration(matching)),
        trained("matching, ilu0 + network", with(matching, Base::Ilu0)),
        trained("unit columns", paper().with_scale(ColumnScale::Unit)),
        trained("on-policy", paper().with_on_policy(visits)),
        trained("held-out", paper().with_selection(held_out)),
        trained("odd network", paper().with_network(odd)),
        trained("ruiz, on-policy", scaled(ruiz).with_on_policy(visits)),
        trained("matching, ilut + network", with(matching, strong)),
        trained("improved", GnpBuilder::improved()),
    ]
}

/// Final relative residual and iterations for `b = A x`.
fn solve(a: &Csr, x: &[f64], m: &dyn Preconditioner) -> Result<(f64, usize), Box<dyn Error>> {
    let mut b = vec![0.0; x.len()];
    a.apply(&la_krylov::Host::new(x.len()), x, &mut b);
    let options = paper_options().with_residual_check(ResidualCheck::Restart);
    let solution = fgmres(a, &b, m, &options)?;
    Ok((solution.relative_residual(), solution.iterations))
}

fn line(a: &Csr, builder: &GnpBuilder, kind: &Kind) -> Result<String, Box<dyn Error>> {
    let mut network = Parameters::initialize(&builder.network, builder.seed)?;
    let (mut ratio, mut seconds) = (f64::NAN, 0.0);
    let m: Box<dyn Preconditioner> = match kind {
        Kind::None => Box::new(IdentityPreconditioner::new(a.rows())),
        Kind::Untrained => Box::new(builder.from_parameters(a.view(), &network)?),
        Kind::BaseAlone => {
            network.values.fill(0.0);
            let builder = builder.clone().with_step_length(StepLength::One);
            Box::new(builder.from_parameters(a.view(), &network)?)
        }
        Kind::Trained => {
            let (m, report) = builder.train(a.view())?;
            (ratio, seconds) = (report.final_ratio(50), report.seconds);
            Box::new(m)
        }
    };
    let n = a.rows();
    let (ones, _) = solve(a, &vec![1.0; n], &*m)?;
    let (mut log, mut iterations) = (0.0, 0);
    for seed in 1000..1003 {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let x: Vec<f64> = (0..n).map(|_| random.sample(StandardNormal)).collect();
        let (residual, steps) = solve(a, &x, &*m)?;
        log += residual.log10() / 3.0;
        iterations += steps;
    }
    let gaussian = 10f64.powf(log);
    Ok(format!(
        "{gaussian:.3e};{};{ones:.3e};{ratio:.4};{seconds:.1}",
        iterations / 3
    ))
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("name a file for the results")?;
    let steps: usize = arguments.next().unwrap_or("300".into()).parse()?;
    let root = std::env::var_os("LA_DATA_DIR").ok_or("LA_DATA_DIR is not set")?;
    let known = std::fs::read_to_string(&path).unwrap_or_default();
    let done: HashSet<(&str, &str)> = known
        .lines()
        .filter_map(|line| {
            line.split_once(';')
                .and_then(|(m, rest)| Some((m, rest.split_once(';')?.0)))
        })
        .collect();
    let mut file = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(&path)?;
    if known.is_empty() {
        writeln!(
            file,
            "matrix;variant;gaussian;iterations;ones;loss ratio;seconds"
        )?;
    }
    let mut systems = Vec::new();
    for name in MATRICES {
        let path = PathBuf::from(&root).join(format!("matrices/{name}.mtx.gz"));
        let matrix = read_matrix(&path, &ReadOptions::default())?.matrix;
        systems.push((name, prescaled(matrix.view())?.0));
    }
    for (variant, builder, kind) in variants() {
        let builder = builder.with_steps(steps);
        for (name, a) in &systems {
            if done.contains(&(*name, variant)) {
                continue;
            }
            let result = line(a, &builder, &kind).unwrap_or_else(|error| format!("# {error}"));
            writeln!(file, "{name};{variant};{result}")?;
            println!("{name:20} {variant:28} {result}");
        }
    }
    Ok(())
}
