//! The Krylov methods by name.

use std::time::Duration;

use anyhow::Result;
use la_krylov::{
    BicgstabOptions, BicgstabWorkspace, CgOptions, CgWorkspace, FcgOptions, FcgWorkspace,
    FgmresOptions, FgmresWorkspace, GmresOptions, GmresWorkspace, Host, MinresOptions,
    MinresWorkspace, Preconditioner, Solution, bicgstab_monitored, cg_monitored, fcg_monitored,
    fgmres_monitored, gmres_monitored, minres_monitored,
};

use super::args::{Method, Plan};
use super::system::System;
use super::watch::Watch;

type Apply<'a> = Box<dyn Preconditioner<Host<f64>> + 'a>;

/// Solves from `guess`, in the time that is left.
pub(super) fn solve(
    method: Method,
    system: &System,
    plan: &Plan,
    m: &Apply<'_>,
    guess: Option<&[f64]>,
    left: Option<Duration>,
    watch: &mut Watch<'_>,
) -> Result<Solution> {
    /// The methods differ in the types of options and workspace only.
    macro_rules! run {
        ($options:ty, $workspace:ident, $solve:ident) => {{
            let mut options = <$options>::default()
                .with_rtol(plan.rtol)
                .with_max_iters(plan.max_iters);
            options.time_limit = left;
            let mut workspace = $workspace::<Host<f64>>::new(system.b.len(), &options);
            if let Some(guess) = guess {
                workspace.set_initial_guess(guess)?;
            }
            $solve(&mut workspace, &system.a, &system.b, m, &options, watch)?;
            workspace.into_solution()
        }};
    }
    Ok(match method {
        Method::Auto | Method::Cg => run!(CgOptions, CgWorkspace, cg_monitored),
        Method::Fcg => run!(FcgOptions, FcgWorkspace, fcg_monitored),
        Method::Minres => run!(MinresOptions, MinresWorkspace, minres_monitored),
        Method::Gmres => run!(GmresOptions, GmresWorkspace, gmres_monitored),
        Method::Fgmres => run!(FgmresOptions, FgmresWorkspace, fgmres_monitored),
        Method::Bicgstab => run!(BicgstabOptions, BicgstabWorkspace, bicgstab_monitored),
    })
}
