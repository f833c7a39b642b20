//! Graph neural preconditioners: set-up and solve beside what their paper compares with, and the time of an application.

use std::hint::black_box;

use anyhow::{Context, Result};
use faer::Mat;
use faer::linalg::matmul::matmul;
use la_krylov::{Host, Preconditioner};
use la_precond::learned::gnp::{Gnp, GnpBuilder};
use la_problems::{CsrMatrix, LinearSystem};
use xtask::report::Unit;

use super::contest::{Contest, Outcome, Rival};
use super::peers::{Peers, Program};
use super::record::Record;
use super::{Args, Size, clock};
use crate::reproduce::gnp::{
    Case, Classical, Limit, Ready, Resettable, Side, System, named, solve,
};

/// Iterations of a solve at most, as in the paper.
const ITERATIONS: Limit = Limit::Iterations(100);
/// Seed of the solution.
const SEED: u64 = 1;
/// An application at 40 % of the rate of a dense product.
const GOAL: f64 = 2.5;
/// Order of the dense product.
const DENSE: usize = 512;

/// Classical methods by the names they have in `reproduce gnp`.
const CLASSICAL: [&str; 4] = ["gmres", "ilutp", "amg", "none"];
/// Work of the other programs: set-up, solve, and what they are called.
const OTHERS: [(&str, &str, &str); 2] = [
    ("gnp-ilu-setup", "gnp-ilu", "superlu-ilu"),
    ("gnp-amg-setup", "gnp-amg", "pyamg"),
];

pub(super) fn run(args: &Args, record: &mut Record) -> Result<()> {
    let steps = match args.size {
        Size::Smoke => 10,
        Size::Small => 200,
        Size::Full => 2000,
    };
    record.note(format!(
        "gnp: {steps} steps of training are its set-up, once; everybody in FGMRES(10), random solution, to 1e-8 or 100 iterations \
         (final_residual says which); superlu-ilu and pyamg choose themselves, their FGMRES is this project's in NumPy; \
         a ratio of solve_seconds compares solves of different length"
    ));
    let peers = Peers::start(args, record);
    for case in cases(args.size, record)? {
        eprintln!("gnp: {}, n = {}, {} entries", case.name, case.n, case.nnz);
        let a = case.load()?.a;
        measure(
            args,
            record,
            &peers,
            &format!("gnp-{}", case.name),
            &a,
            steps,
        )?;
    }
    Ok(())
}

fn cases(size: Size, record: &mut Record) -> Result<Vec<Case>> {
    let (generated, files) = match size {
        Size::Smoke => ("convection-10", &[][..]),
        Size::Small => ("convection-20", &["cage8"][..]),
        Size::Full => ("convection-45", &["cage8", "ldc_stab_F", "west1505"][..]),
    };
    let mut cases = vec![Case::generated(generated)?];
    if std::env::var_os("LA_DATA_DIR").is_some() && !files.is_empty() {
        cases.extend(named(files)?);
    } else if !files.is_empty() {
        record.note("gnp: LA_DATA_DIR is not set: a generated matrix only");
    }
    Ok(cases)
}

fn measure(
    args: &Args,
    record: &mut Record,
    peers: &Peers,
    name: &str,
    a: &CsrMatrix,
    steps: usize,
) -> Result<()> {
    let system = System::new(a, Side::Gaussian, SEED);
    peers.load(name, &LinearSystem::new(a.clone(), system.b.clone()))?;
    let builder = GnpBuilder::paper().with_steps(steps);
    let (gnp, report) = builder.train(a.view())?;
    let other = |work, method| {
        let program = (Program::Scipy, method);
        Rival::peer(peers, program, name, (work, "1".into()), None)
    };

    let contest = Contest {
        problem: name,
        method: "gnp",
        quantity: "setup_seconds",
        repetitions: args.repetitions.min(5),
        rtol: None,
    };
    let mut rivals = Vec::new();
    for method in ["ilutp", "amg"] {
        let kind = Classical::parse(method)?;
        rivals.push(Rival::ours(method, None, move || {
            let (ready, seconds) = clock::timed(|| kind.build(a));
            ready.map(|_| Outcome::timed(seconds))
        }));
    }
    rivals.extend(OTHERS.map(|(setup, _, method)| other(setup, method)));
    contest.run(record, None, || Ok(Outcome::timed(report.seconds)), rivals)?;

    let classical = CLASSICAL
        .iter()
        .map(|method| Ok((*method, Classical::parse(method)?.build(a))))
        .collect::<Result<Vec<_>>>()?;
    #[cfg(feature = "torch")]
    let torch = torch::OnTorch::new(a, &gnp)?;
    let mut rivals: Vec<Option<Rival<'_>>> = Vec::new();
    #[cfg(feature = "torch")]
    rivals.push(Rival::ours("gnp-libtorch", None, || {
        outcome(a, &system, &torch)
    }));
    for (method, ready) in &classical {
        // Why it is not there has been said at its set-up.
        let Ok(ready) = ready else { continue };
        let system = &system;
        rivals.push(Rival::ours(method, None, move || {
            outcome(a, system, &**ready)
        }));
    }
    rivals.extend(OTHERS.map(|(_, work, method)| other(work, method)));
    let contest = Contest {
        quantity: "solve_seconds",
        ..contest
    };
    let last = contest.run(record, None, || outcome(a, &system, &gnp), rivals)?;
    for (method, outcome) in last {
        let count = outcome.count as f64;
        record.value(name, &method, "iterations", Unit::Iterations, count)?;
        let residual = outcome.residual;
        record.value(
            name,
            &method,
            "final_residual",
            Unit::Dimensionless,
            residual,
        )?;
    }
    #[cfg(feature = "torch")]
    let torch = Some(&torch as &dyn Preconditioner<Host<f64>>);
    #[cfg(not(feature = "torch"))]
    let torch = None;
    application(args, record, name, a, &gnp, torch)?;
    columns(args, record, name, a, &gnp)?;
    peers.forget(name)
}

/// One solve.
fn outcome(a: &CsrMatrix, system: &System, ready: &dyn Resettable) -> Result<Outcome> {
    let solved = solve(a, system, ready, ITERATIONS)?;
    Ok(Outcome {
        seconds: solved.seconds,
        count: solved.iterations as u64,
        residual: solved.residual,
    })
}

/// Seconds of an application to `b`.
fn applied(m: &dyn Preconditioner<Host<f64>>, b: &[f64]) -> Result<Outcome> {
    let (space, mut z) = (Host::sequential(b.len()), vec![0.0; b.len()]);
    let mut done = Ok(());
    let seconds = clock::short(|| {
        if let Err(error) = m.apply(&space, b, &mut z) {
            done = Err(error);
        }
        black_box(&z);
    });
    done?;
    Ok(Outcome::timed(seconds))
}

/// An application beside one of inner GMRES, and as many multiply-adds in dense products in single precision.
fn application(
    args: &Args,
    record: &mut Record,
    name: &str,
    a: &CsrMatrix,
    gnp: &Gnp,
    torch: Option<&dyn Preconditioner<Host<f64>>>,
) -> Result<()> {
    let b = System::new(a, Side::Gaussian, SEED).b;
    let inner: Ready<'_> = Classical::InnerGmres.build(a)?;
    let [left, right] =
        [0.5_f32, 0.25].map(|v| Mat::from_fn(DENSE, DENSE, |i, j| v + (i ^ j) as f32));
    let mut product = Mat::<f32>::zeros(DENSE, DENSE);
    // Of the network as published.
    let work = (9280 * a.rows() + 128 * a.nnz()) as f64;
    let share = work / (DENSE * DENSE * DENSE) as f64;
    let mut dense = || {
        let seconds = clock::short(|| {
            let par = faer::Par::Seq;
            matmul(&mut product, faer::Accum::Replace, &left, &right, 1.0, par);
            black_box(&product);
        });
        Ok(Outcome::timed(seconds * share))
    };
    let contest = Contest {
        problem: name,
        method: "gnp",
        quantity: "application_seconds",
        repetitions: args.repetitions,
        rtol: None,
    };
    let goal = (args.threads == 1).then_some(GOAL);
    let b = &b;
    let mut rivals = vec![
        Rival::ours("dense-f32-product", goal, &mut dense),
        Rival::ours("gmres", None, || applied(&*inner, b)),
    ];
    rivals.extend(torch.map(|torch| Rival::ours("gnp-libtorch", None, move || applied(torch, b))));
    contest.run(record, None, || applied(gnp, b), rivals)?;
    record.note(
        "gnp: dense-f32-product is the time of the network's 9280 n + 128 nnz multiply-adds in a product of order 512 on one thread",
    );
    Ok(())
}

/// Seconds per column of an application to several.
fn columns(args: &Args, record: &mut Record, name: &str, a: &CsrMatrix, gnp: &Gnp) -> Result<()> {
    let n = a.rows();
    let r: Vec<f64> = (0..10)
        .flat_map(|seed| System::new(a, Side::Gaussian, seed).b)
        .collect();
    let several = |count: usize| -> Result<Outcome> {
        let (r, mut z) = (&r[..n * count], vec![0.0; n * count]);
        let mut done = Ok(());
        let seconds = clock::short(|| {
            if let Err(error) = gnp.apply_columns(r, &mut z, count) {
                done = Err(error);
            }
            black_box(&z);
        });
        done.context("several columns")?;
        Ok(Outcome::timed(seconds / count as f64))
    };
    let contest = Contest {
        problem: name,
        method: "gnp-1-column",
        quantity: "seconds_per_column",
        repetitions: args.repetitions,
        rtol: None,
    };
    let rivals = [
        Rival::ours("gnp-4-columns", None, || several(4)),
        Rival::ours("gnp-10-columns", None, || several(10)),
    ];
    contest.run(record, None, || several(1), rivals).map(drop)
}

#[cfg(feature = "torch")]
mod torch {
    //! The same network in LibTorch.

    use anyhow::Result;
    use la_gnn::torch::tch::{Device, Kind, Tensor};
    use la_gnn::torch::{GnpNetwork, SparseProduct};
    use la_krylov::{Host, Preconditioner, PreconditionerError, PreconditionerKind};
    use la_precond::learned::gnp::Gnp;
    use la_problems::CsrMatrix;

    use crate::reproduce::gnp::Resettable;

    /// Vectors go to LibTorch and back in each application.
    pub(super) struct OnTorch {
        n: usize,
        network: GnpNetwork,
        product: SparseProduct,
    }

    impl OnTorch {
        /// `a` is prescaled.
        pub(super) fn new(a: &CsrMatrix, gnp: &Gnp) -> Result<Self> {
            Ok(Self {
                n: a.rows(),
                network: GnpNetwork::new(gnp.parameters(), Kind::Float, Device::Cpu)?,
                product: SparseProduct::new(a.view(), Kind::Float, Device::Cpu)?,
            })
        }
    }

    impl Preconditioner<Host<f64>> for OnTorch {
        fn dimension(&self) -> usize {
            self.n
        }

        fn apply(
            &self,
            _: &Host<f64>,
            r: &[f64],
            z: &mut [f64],
        ) -> Result<(), PreconditionerError> {
            let failed = |message: String| PreconditionerError { message };
            let b = Tensor::f_from_slice(r)
                .and_then(|b| b.f_view([self.n as i64, 1]))
                .map_err(|e| failed(e.to_string()))?;
            let y = self.network.apply(&self.product, &b);
            let y = y.map_err(|e| failed(e.to_string()))?;
            y.f_copy_data(z, self.n).map_err(|e| failed(e.to_string()))
        }

        fn kind(&self) -> PreconditionerKind {
            PreconditionerKind::Variable
        }
    }

    impl Resettable for OnTorch {}

    #[cfg(test)]
    mod tests {
        use la_precond::learned::gnp::GnpBuilder;

        use super::*;
        use crate::reproduce::gnp::Case;

        #[test]
        fn both_apply_the_same_network() {
            let a = Case::generated("convection-8").unwrap().load().unwrap().a;
            let (gnp, _) = GnpBuilder::paper().with_steps(3).train(a.view()).unwrap();
            let torch = OnTorch::new(&a, &gnp).unwrap();
            let r: Vec<f64> = (0..64).map(|i| f64::from(i * i % 17) - 8.0).collect();
            let space = Host::sequential(64);
            let [mut ours, mut theirs] = [vec![0.0; 64], vec![0.0; 64]];
            gnp.apply(&space, &r, &mut ours).unwrap();
            torch.apply(&space, &r, &mut theirs).unwrap();
            let largest = ours.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
            assert!(largest > 0.0);
            for (a, b) in ours.iter().zip(&theirs) {
                assert!((a - b).abs() < 1e-5 * largest, "{a} {b}");
            }
        }
    }
}
