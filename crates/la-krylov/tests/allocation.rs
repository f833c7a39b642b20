//! Solving in a workspace allocates nothing.

mod common;

use allocation_counter::measure;
use common::{Absolute, Diagonal, convection, laplacian, rhs};
use la_krylov::{
    BicgstabOptions, BicgstabWorkspace, CgOptions, CgWorkspace, FcgOptions, FcgWorkspace,
    FgmresOptions, FgmresWorkspace, GmresOptions, GmresWorkspace, History, Host,
    IdentityPreconditioner, MinresOptions, MinresWorkspace, Side, bicgstab_with, cg_with, fcg_with,
    fgmres_with, gmres_with, minres_with,
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

#[test]
fn gmres_in_a_workspace() {
    let a = convection(30, 2.0);
    let b = rhs(900);
    let right = GmresOptions::default().with_history(History::ResidualsAndTimes);
    let left = right.clone().with_side(Side::Left);
    let (m, identity) = (Diagonal::of(&a), IdentityPreconditioner::new(900));
    let mut workspace = GmresWorkspace::<Host>::new_in(Host::sequential(900), &right);
    let mut iterations = 0;
    let allocations = measure(|| {
        for options in [&right, &left] {
            iterations += gmres_with(&mut workspace, &a, &b, &m, options)
                .unwrap()
                .iterations;
            iterations += gmres_with(&mut workspace, &a, &b, &identity, options)
                .unwrap()
                .iterations;
        }
    });
    assert!(iterations > 100);
    assert_eq!(allocations.count_total, 0);
    // Cycles of many vectors in a small space.
    let options = GmresOptions::default().with_restart(5000);
    let mut workspace = GmresWorkspace::<Host>::new_in(Host::sequential(900), &options);
    let allocations = measure(|| {
        iterations = gmres_with(&mut workspace, &a, &b, &m, &options)
            .unwrap()
            .iterations;
    });
    assert!(iterations > 30);
    assert_eq!(allocations.count_total, 0);
}

#[test]
fn fgmres_in_a_workspace() {
    let a = convection(30, 2.0);
    let b = rhs(900);
    let options = FgmresOptions::default().with_restart(12);
    let m = Diagonal::of(&a);
    let mut workspace = FgmresWorkspace::<Host>::new_in(Host::sequential(900), &options);
    let mut iterations = 0;
    let allocations = measure(|| {
        iterations = fgmres_with(&mut workspace, &a, &b, &m, &options)
            .unwrap()
            .iterations;
    });
    assert!(iterations > 30);
    assert_eq!(allocations.count_total, 0);
}

#[test]
fn short_recurrences_in_a_workspace() {
    let (symmetric, general) = (laplacian(30, -0.3), convection(30, 2.0));
    let b = rhs(900);
    let m = Absolute(Diagonal::of(&symmetric));
    let identity = IdentityPreconditioner::new(900);
    let (minres, bicgstab) = (MinresOptions::default(), BicgstabOptions::default());
    let mut first = MinresWorkspace::<Host>::new_in(Host::sequential(900), &minres);
    let mut second = BicgstabWorkspace::<Host>::new_in(Host::sequential(900), &bicgstab);
    let mut iterations = 0;
    let allocations = measure(|| {
        let mut add = |n: usize| iterations += n;
        add(minres_with(&mut first, &symmetric, &b, &m, &minres)
            .unwrap()
            .iterations);
        add(minres_with(&mut first, &symmetric, &b, &identity, &minres)
            .unwrap()
            .iterations);
        add(bicgstab_with(&mut second, &general, &b, &m, &bicgstab)
            .unwrap()
            .iterations);
        add(
            bicgstab_with(&mut second, &general, &b, &identity, &bicgstab)
                .unwrap()
                .iterations,
        );
    });
    assert!(iterations > 100);
    assert_eq!(allocations.count_total, 0);
}
