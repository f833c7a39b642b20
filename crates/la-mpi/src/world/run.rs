//! The body of `main`.

use std::fmt;
use std::process::ExitCode;
use std::time::Duration;

use super::World;

/// How long a rank that failed because another one did waits for that one to say why.
const COURTESY: Duration = Duration::from_secs(3);

/// Runs `program` on the ranks that `mpirun` started: the body of `main`.
///
/// An error on one rank is printed with its rank and ends every rank; otherwise one rank would leave and the
/// others wait for it.
///
/// # Examples
/// ```no_run
/// use la_mpi::{MpiError, World};
///
/// fn main() -> std::process::ExitCode {
///     la_mpi::run(|world: &World| {
///         let total = world.all_gather(&[world.rank() as u64]);
///         assert_eq!(total.len(), world.size());
///         Ok::<(), MpiError>(())
///     })
/// }
/// ```
pub fn run<E: fmt::Display>(program: impl FnOnce(&World) -> Result<(), E>) -> ExitCode {
    let world = match World::init() {
        Ok(world) => world,
        Err(error) => {
            crate::say(&error.to_string());
            return ExitCode::FAILURE;
        }
    };
    if let Err(error) = program(&world) {
        if world.told() {
            // The rank with the reason speaks first, and ends this one.
            std::thread::sleep(COURTESY);
        }
        crate::say(&format!(
            "rank {} of {}: {error:#}; all ranks end",
            world.rank(),
            world.size()
        ));
        world.abort(1);
    }
    ExitCode::SUCCESS
}
