//! What is written can be read, and what is read has been looked at.
#![cfg(feature = "serde")]

use la_opt::qp::{
    Elimination, Hessian, Pricing, QpOptions, QpSolution, QpStatus, QuadraticProgram, SparseRows,
    solve,
};

const INF: f64 = f64::INFINITY;

fn problems() -> [QuadraticProgram; 2] {
    let dense = QuadraticProgram::new(Hessian::Dense(vec![2.0, 1.0, 1.0, 2.0]), vec![-3.0, -1.0])
        .unwrap()
        .with_bounds(vec![0.0], vec![INF])
        .unwrap()
        .with_rows(vec![1.0, 1.0, 0.0, 1.0], vec![-INF, -0.1], vec![1.0, INF])
        .unwrap()
        .with_soft(&[2])
        .unwrap();
    let p = SparseRows::new(2, vec![0, 1, 2], vec![0, 1], vec![1.0, 0.5]).unwrap();
    let a = SparseRows::new(2, vec![0, 2], vec![0, 1], vec![1.0, -0.1]).unwrap();
    let sparse = QuadraticProgram::new(Hessian::Sparse(p), vec![-1.0, 0.3])
        .unwrap()
        .with_sparse_rows(a, vec![-INF], vec![0.25])
        .unwrap();
    [dense, sparse]
}

#[test]
fn problems_options_and_solutions_survive_json() {
    for problem in problems() {
        let text = serde_json::to_string(&problem).unwrap();
        let back: QuadraticProgram = serde_json::from_str(&text).unwrap();
        assert_eq!(back, problem, "{text}");
        let solution = solve(&problem, &QpOptions::default()).unwrap();
        assert!(solution.status.is_optimal());
        let text = serde_json::to_string(&solution).unwrap();
        let back: QpSolution = serde_json::from_str(&text).unwrap();
        assert_eq!(back, solution, "{text}");
    }
    for options in [
        QpOptions::default(),
        QpOptions::default()
            .with_pricing(Pricing::LargestViolation)
            .with_elimination(Elimination::Never)
            .with_objective_bound(3.5)
            .with_time_limit(Some(std::time::Duration::from_millis(20))),
    ] {
        let text = serde_json::to_string(&options).unwrap();
        assert_eq!(serde_json::from_str::<QpOptions>(&text).unwrap(), options);
    }
    assert_eq!(
        serde_json::from_str::<QpOptions>("{}").unwrap(),
        QpOptions::default()
    );
    for status in [
        QpStatus::Optimal,
        QpStatus::PrimalInfeasible,
        QpStatus::Inaccurate,
    ] {
        let text = serde_json::to_string(&status).unwrap();
        assert_eq!(serde_json::from_str::<QpStatus>(&text).unwrap(), status);
    }
}

#[test]
fn problems_that_do_not_fit_are_refused() {
    let text = serde_json::to_string(&problems()[0]).unwrap();
    for (from, to) in [
        ("\"linear\":[-3.0,-1.0]", "\"linear\":[-3.0]"),
        ("\"bounds\":1", "\"bounds\":9"),
        ("\"soft\":[2]", "\"soft\":[7]"),
        ("\"lower\":[0.0,", "\"lower\":["),
    ] {
        let wrong = text.replacen(from, to, 1);
        assert_ne!(wrong, text, "{from}");
        assert!(
            serde_json::from_str::<QuadraticProgram>(&wrong).is_err(),
            "{to}"
        );
    }
    let text = serde_json::to_string(&problems()[1]).unwrap();
    let wrong = text.replacen("\"indices\":[0,1]", "\"indices\":[1,0]", 2);
    assert_ne!(wrong, text);
    assert!(serde_json::from_str::<QuadraticProgram>(&wrong).is_err());
}
