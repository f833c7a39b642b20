//! Solving in a workspace allocates nothing.

mod common;

use allocation_counter::measure;
use common::{Diagonal, laplacian, rhs};
use la_krylov::{
    CgOptions, CgWorkspace, FcgOptions, FcgWorkspace, History, Host, IdentityPreconditioner,
    cg_with, fcg_with,
};

#[test]
fn cg_in_a_workspace() {
    let a = laplacian(30, 0.0);
    let b = rhs(900);
    let options = CgOptions::default().with_history(History::ResidualsAndTimes);
    let (m, identity) = (Diagonal::of(&a), IdentityPreconditioner::new(900));
    let mut workspace = CgWorkspace::<Host>::new_in(Host::sequential(900), &options);
    let mut iterations = 0;
    let allocations = measure(|| {
        iterations += cg_with(&mut workspace, &a, &b, &m, &options)
            .unwrap()
            .iterations;
        iterations += cg_with(&mut workspace, &a, &b, &identity, &options)
            .unwrap()
            .iterations;
    });
    assert!(iterations > 100);
    assert_eq!(allocations.count_total, 0);
}

#[test]
fn fcg_in_a_workspace() {
    let a = laplacian(30, 0.0);
    let b = rhs(900);
    let options = FcgOptions::default()
        .with_memory(3)
        .with_history(History::ResidualsAndTimes);
    let m = Diagonal::of(&a);
    let mut workspace = FcgWorkspace::<Host>::new_in(Host::sequential(900), &options);
    let mut iterations = 0;
    let allocations = measure(|| {
        iterations = fcg_with(&mut workspace, &a, &b, &m, &options)
            .unwrap()
            .iterations;
    });
    assert!(iterations > 50);
    assert_eq!(allocations.count_total, 0);
}
