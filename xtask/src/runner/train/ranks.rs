//! `train --ranks`: the same on the ranks of an MPI program.

use std::process::ExitCode;

use anyhow::{Result, bail};

use super::Args;

/// On the ranks that `mpirun` started.
#[cfg(feature = "mpi")]
pub(super) fn run(ranks: usize, args: Args) -> Result<ExitCode> {
    use la_gnn::training::{Ranks, la_mpi};
    let mut ended = None;
    let code = la_mpi::run(|world| -> Result<()> {
        if world.size() != ranks {
            bail!(
                "--ranks {ranks} on {} rank(s); `cargo xtask train` starts as many as that says, and so does mpirun -n {ranks}",
                world.size()
            );
        }
        ended = Some(super::run_on(&Ranks::new(world), args)?);
        Ok(())
    });
    Ok(ended.unwrap_or(code))
}

#[cfg(not(feature = "mpi"))]
pub(super) fn run(ranks: usize, _: Args) -> Result<ExitCode> {
    bail!(
        "--ranks {ranks}: this program was built without MPI; `cargo xtask train` builds it with it"
    )
}
