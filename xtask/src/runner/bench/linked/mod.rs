//! Other Rust libraries, linked into this program with feature `peers`.

#[cfg(feature = "peers")]
mod with_faer;
#[cfg(feature = "peers")]
mod with_kryst;

use anyhow::Result;
use la_problems::LinearSystem;

use super::Args;
use super::contest::{Outcome, Rival};
use super::record::Record;

/// A library. What it makes of our arrays beforehand is not timed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Library {
    /// faer: its sparse product and `matrix_free::conjugate_gradient`.
    Faer,
    /// kryst: `CsrOp` and `KspContext`.
    Kryst,
}

/// What a library is to do.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(not(feature = "peers"), allow(dead_code))]
pub(super) enum Work {
    /// `A b`, for about 20 ms.
    Product,
    /// So many iterations of plain conjugate gradients.
    Steps(usize),
    /// Conjugate gradients with the diagonal, to a relative tolerance.
    CgJacobi(f64),
    /// Conjugate gradients with ILU(0), which for a symmetric matrix is IC(0) in other words.
    CgIlu0(f64),
    /// GMRES(30) with ILU(0) from the right.
    GmresIlu0(f64),
}

/// Does work on one system.
#[cfg_attr(not(feature = "peers"), allow(dead_code))]
trait Worker {
    fn once(&self, work: Work) -> Result<Outcome>;
}

/// The libraries with their copies of a system, or why they are not there. Without `--peers` there is none.
pub(super) struct Linked<'a>(Vec<(Library, Present<'a>)>);

type Present<'a> = Result<Box<dyn Worker + 'a>, String>;

impl<'a> Linked<'a> {
    /// Hands a system over, if peers are asked for.
    pub(super) fn load(args: &Args, record: &mut Record, system: &'a LinearSystem) -> Self {
        if !args.peers {
            return Self(Vec::new());
        }
        #[cfg(feature = "peers")]
        {
            record.note(versions());
            let faer = with_faer::Faer::new(system, args.threads.into());
            let kryst = with_kryst::Kryst::new(system);
            Self(vec![
                (Library::Faer, Ok(Box::new(faer))),
                (Library::Kryst, Ok(Box::new(kryst))),
            ])
        }
        #[cfg(not(feature = "peers"))]
        {
            let _ = (record, system);
            let why = || Err("the runner was built without feature `peers`".to_owned());
            Self(vec![(Library::Faer, why()), (Library::Kryst, why())])
        }
    }

    /// A library in a contest; none where nobody asked for it.
    pub(super) fn rival<'r>(
        &'r self,
        (library, method): (Library, &'static str),
        work: Work,
        goal: Option<f64>,
    ) -> Option<Rival<'r>> {
        let (_, worker) = self.0.iter().find(|(l, _)| *l == library)?;
        Rival::linked(method, goal, move || match worker {
            Ok(worker) => worker.once(work),
            Err(why) => Err(anyhow::anyhow!("{why}")),
        })
    }
}

/// Names and versions, from the lock file that this program was built with.
#[cfg(feature = "peers")]
fn versions() -> String {
    let lock = include_str!("../../../../../Cargo.lock");
    let version = |name: &str| {
        let start = format!("name = \"{name}\"\nversion = \"");
        let rest = lock.split_once(&start).map_or("", |(_, rest)| rest);
        rest.split('"').next().unwrap_or_default().to_owned()
    };
    format!(
        "peers: faer {}, kryst {}, in this process; kryst has no incomplete Cholesky, its conjugate gradients take ILU(0), \
         the same operator for a symmetric matrix, but its elimination leaves out the updates left of the diagonal, of \
         which there are none on grids",
        version("faer"),
        version("kryst")
    )
}

#[cfg(all(test, feature = "peers"))]
mod tests {
    use la_problems::{ConvectionDiffusion, Grid, Poisson};

    use super::super::krylov::relative_residual;
    use super::*;

    fn workers(system: &LinearSystem) -> [Box<dyn Worker + '_>; 2] {
        [
            Box::new(with_faer::Faer::new(system, 1)),
            Box::new(with_kryst::Kryst::new(system)),
        ]
    }

    #[test]
    fn both_solve_what_they_say_they_solve() -> Result<()> {
        let system = Poisson::new(Grid::rectangle(20, 20)).generate()?;
        for worker in workers(&system) {
            let outcome = worker.once(Work::CgJacobi(1e-9))?;
            assert!(outcome.residual <= 1e-9, "{outcome:?}");
            assert!((20..100).contains(&outcome.count), "{outcome:?}");
            assert!(worker.once(Work::Product)?.seconds > 0.0);
            assert_eq!(worker.once(Work::Steps(7))?.count, 7);
        }
        Ok(())
    }

    #[test]
    fn kryst_has_incomplete_factors_and_faer_has_not() -> Result<()> {
        let system = Poisson::new(Grid::rectangle(20, 20)).generate()?;
        let [faer, kryst] = workers(&system);
        assert!(faer.once(Work::CgIlu0(1e-9)).is_err());
        let (ilu, jacobi) = (
            kryst.once(Work::CgIlu0(1e-9))?,
            kryst.once(Work::CgJacobi(1e-9))?,
        );
        assert!(ilu.residual <= 1e-9 && 2 * ilu.count < jacobi.count + 10);
        let system = ConvectionDiffusion::default().generate()?;
        let [_, kryst] = workers(&system);
        let outcome = kryst.once(Work::GmresIlu0(1e-9))?;
        assert!(outcome.residual <= 1e-9, "{outcome:?}");
        // The residual of zero is that of the right-hand side.
        assert_eq!(relative_residual(&system, &vec![0.0; system.n()]), 1.0);
        Ok(())
    }

    #[test]
    fn versions_are_found() {
        assert!(versions().contains("faer 0."));
        assert!(!versions().contains("kryst ,"));
    }
}
