//! Solves quadratic programs from files: `cargo run --release -p la-opt --example qp_files -- FILE.npz ...`

use la_opt::qp::{Certificate, Hessian, Pricing, QpOptions, QpWorkspace, QuadraticProgram};
use la_problems::quadratic::QuadraticFile;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("file n m status iterations outer objective primal dual set-up/ms solve/ms");
    let mut args = std::env::args().skip(1).peekable();
    let mut options = QpOptions::default();
    if args.next_if(|arg| arg == "--largest-violation").is_some() {
        options = options.with_pricing(Pricing::LargestViolation);
    }
    if args.next_if(|arg| arg == "--weight").is_some() {
        let weight = args.next().ok_or("--weight needs a number")?;
        options = options.with_proximal_weight(weight.parse()?);
    }
    for path in args {
        let file = QuadraticFile::open(&path)?;
        let hessian = match file.diagonal_hessian() {
            Some(diagonal) if diagonal.iter().all(|&p| p == 0.0) => Hessian::Zero,
            Some(diagonal) => Hessian::Diagonal(diagonal),
            None => Hessian::Dense(file.dense_hessian()),
        };
        let problem = QuadraticProgram::new(hessian, file.linear.clone())?
            .with_bounds(file.lower_bounds.clone(), file.upper_bounds.clone())?
            .with_rows(file.dense_rows(), file.lower.clone(), file.upper.clone())?;
        let (n, m) = (file.linear.len(), file.lower.len());
        match QpWorkspace::new(problem, options.clone()) {
            Err(error) => println!("{path} {n} {m} {error}"),
            Ok(mut workspace) => {
                let s = workspace.solve();
                let certificate = match &s.certificate {
                    None => "",
                    Some(Certificate::Farkas(_)) => "Farkas",
                    Some(Certificate::Ray(_)) => "ray",
                    Some(_) => "crossed",
                };
                println!(
                    "{path} {n} {m} {:?} {} {} {:.10e} {:.1e} {:.1e} {:.2} {:.2} {certificate}",
                    s.status,
                    s.iterations,
                    s.outer_iterations,
                    s.objective + file.constant,
                    s.kkt.primal,
                    s.kkt.dual,
                    s.setup_time.as_secs_f64() * 1e3,
                    s.solve_time.as_secs_f64() * 1e3,
                );
            }
        }
    }
    Ok(())
}
