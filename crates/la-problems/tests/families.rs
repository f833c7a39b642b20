//! Families of definite matrices: names, sizes, seeds, definiteness.

#[allow(dead_code, reason = "signs of eigenvalues are enough here")]
mod dense;

use la_problems::{DefiniteClass, DefiniteFamily};

#[test]
fn every_family_gives_definite_matrices_of_about_the_size() {
    for family in DefiniteFamily::all() {
        let n = if family.name().starts_with("neuralif") {
            1000
        } else {
            100
        };
        let a = family.matrix(n, 1).unwrap();
        let name = family.name();
        assert!((60..=130).contains(&a.rows()), "{name}: {} rows", a.rows());
        for (value, (i, j)) in a.iter() {
            let mirror = a.get(j as usize, i as usize).unwrap();
            assert!((value - mirror).abs() <= 1e-12 * value.abs(), "{name}");
        }
        assert!(dense::inertia(&a).1 == 0, "{name}");
    }
}

#[test]
fn seeds_matter_where_the_family_says_so() {
    for family in DefiniteFamily::all() {
        let matrix = |seed| family.matrix(300, seed).unwrap();
        assert_eq!(matrix(3), matrix(3));
        assert_eq!(
            matrix(3) != matrix(4),
            family.is_random(),
            "{}",
            family.name()
        );
    }
}

#[test]
fn names_and_classes() {
    let count = |class| {
        let all = DefiniteFamily::all().iter();
        all.filter(|family| family.class() == class).count()
    };
    assert_eq!(count(DefiniteClass::Ordered), 16);
    assert_eq!(count(DefiniteClass::Shuffled), 5);
    assert_eq!(count(DefiniteClass::Other), 6);
    for family in DefiniteFamily::all() {
        assert_eq!(DefiniteFamily::named(family.name()), Some(*family));
    }
    assert!(DefiniteFamily::named("poisson4 natural").is_none());
    // Only M-matrices and meshes have few positive entries.
    for family in DefiniteFamily::all() {
        let a = family.matrix(2000, 2).unwrap();
        let (mut positive, mut all) = (0.0, 0.0);
        for (value, (i, j)) in a.iter().filter(|(_, (i, j))| i != j) {
            let root = |i: u32| a.get(i as usize, i as usize).unwrap().sqrt();
            let scaled = value / (root(i) * root(j));
            positive += scaled.max(0.0);
            all += scaled.abs();
        }
        let mostly_negative = positive < 0.05 * all;
        assert_eq!(
            mostly_negative,
            family.class() != DefiniteClass::Other,
            "{}: {}",
            family.name(),
            positive / all
        );
    }
}
