//! What is refused, and in which words.
#![cfg(feature = "admm")]

mod admm_common;

use admm_common::ring;
use la_graph::Pattern;
use la_opt::admm::{
    Adapt, Admm, AdmmError, AdmmOptions, EdgeWeights, GeneralizedLinear, LeastSquares, Link,
    LocalObjective, LocalProgram, Network, Quadratic, Separable, SeparableQuadratic,
    SquaredDistance,
};

#[track_caller]
fn refused<T>(result: Result<T, AdmmError>, words: &str) {
    let Err(error) = result else {
        panic!("accepted, but not {words}");
    };
    assert_eq!(error.to_string(), words);
}

#[test]
fn networks() {
    refused(
        Network::from_edges(5, [(0, 1), (2, 3), (3, 4)]),
        "agents 0 and 2 are not joined by a path: the communication graph has 2 components",
    );
    refused(
        Network::from_edges(2, [(0, 1), (1, 1)]),
        "agent 1 lists agent 1 as a neighbour, but the graph must be undirected and without loops",
    );
    refused(
        Network::from_edges(2, [(0, 2)]),
        "list of agents named by an edge has length 3 but must have 2",
    );
    let one_way = Pattern::from_coordinates(3, 3, vec![(0, 1), (1, 0), (1, 2)]).unwrap();
    refused(
        Network::new(one_way),
        "agent 1 lists agent 2 as a neighbour, but the graph must be undirected and without loops",
    );
    let wide = Pattern::from_coordinates(2, 3, vec![(0, 1), (1, 0)]).unwrap();
    refused(
        Network::new(wide),
        "row of the pattern has length 3 but must have 2",
    );
    refused(
        ring(3).with_weights(EdgeWeights::Given(vec![1.0; 5])),
        "edge weights has length 5 but must have 6",
    );
    for weight in [0.0, -1.0, f64::NAN, f64::INFINITY, 2.0] {
        let mut weights = vec![1.0; 6];
        weights[0] = weight;
        let error = ring(3)
            .with_weights(EdgeWeights::Given(weights))
            .unwrap_err();
        assert!(
            matches!(error, AdmmError::Weight { from: 0, to: 1, .. }),
            "{error}"
        );
    }
}

#[test]
fn local_functions() {
    refused(
        SquaredDistance::new(vec![0.0, f64::NAN]),
        "entry 1 of the point is NaN",
    );
    refused(
        LeastSquares::new(2, vec![1.0; 5], vec![1.0; 2]),
        "matrix has length 5 but must have 4",
    );
    refused(
        LeastSquares::new(1, vec![f64::INFINITY], vec![1.0]),
        "entry 0 of the matrix is inf",
    );
    let error = Quadratic::new(&[1.0, 2.0, 2.0, 1.0], vec![0.0; 2], 0.0).unwrap_err();
    assert!(
        matches!(error, AdmmError::NotConvex { eigenvalue } if (eigenvalue + 1.0).abs() < 1e-12)
    );
    refused(
        Quadratic::new(&[1.0; 3], vec![0.0; 2], 0.0),
        "Hessian has length 3 but must have 4",
    );
    refused(
        Quadratic::new(&[1.0], vec![0.0], f64::NAN),
        "entry 0 of the constant is NaN",
    );
    refused(
        SeparableQuadratic::lasso(1, &[1.0], &[1.0], -1.0),
        "option `weight` is -1 but must be finite and at least 0",
    );
    let bounds = |lower: f64, upper: f64| {
        let bounds = Separable::Box {
            lower: vec![0.0, lower],
            upper: vec![1.0, upper],
        };
        SeparableQuadratic::new(vec![1.0, 0.0, 0.0, 1.0], vec![0.0; 2], 0.0, bounds)
    };
    refused(
        bounds(2.0, 1.0),
        "coordinate 1 is bounded below by 2 and above by 1",
    );
    for (lower, upper) in [
        (f64::NAN, 1.0),
        (f64::INFINITY, f64::INFINITY),
        (f64::NEG_INFINITY, f64::NEG_INFINITY),
    ] {
        let error = bounds(lower, upper).unwrap_err();
        assert!(
            matches!(error, AdmmError::Bounds { coordinate: 1, .. }),
            "{error}"
        );
    }
    let glm = |link, target, ridge| GeneralizedLinear::new(link, 1, vec![1.0], vec![target], ridge);
    refused(
        glm(Link::Logistic, 0.0, 0.0).map(|_| ()),
        "option `targets` is 0 but must be 1 or -1",
    );
    refused(
        glm(Link::Huber { delta: 0.0 }, 0.0, 0.0).map(|_| ()),
        "option `delta` is 0 but must be positive",
    );
    refused(
        glm(Link::Logistic, 1.0, -1.0).map(|_| ()),
        "option `ridge` is -1 but must be finite and at least 0",
    );
    assert!(LocalProgram::simplex(vec![1.0; 3], vec![0.0; 2]).is_err());
}

/// A refused change leaves the old data.
#[test]
fn new_data() {
    let mut x = [0.0];
    let mut f = LeastSquares::new(1, vec![1.0], vec![2.0]).unwrap();
    refused(
        f.set_rhs(&[1.0, 2.0]),
        "right-hand side has length 2 but must have 1",
    );
    refused(
        f.set_rhs(&[f64::NAN]),
        "entry 0 of the right-hand side is NaN",
    );
    f.prox(2.0, &[2.0], &mut x).unwrap();
    assert_eq!(x, [2.0]);
    let mut f = Quadratic::new(&[1.0], vec![1.0], 0.0).unwrap();
    refused(
        f.set_linear(&[], 0.0),
        "linear term has length 0 but must have 1",
    );
    let mut f = SquaredDistance::new(vec![1.0]).unwrap();
    refused(f.set_point(&[f64::INFINITY]), "entry 0 of the point is inf");
    let mut f = GeneralizedLinear::new(Link::Logistic, 1, vec![1.0], vec![1.0], 0.1).unwrap();
    refused(
        f.set_targets(&[2.0]),
        "option `targets` is 2 but must be 1 or -1",
    );
    refused(f.set_targets(&[]), "targets has length 0 but must have 1");
}

#[test]
fn solvers() {
    let agents = |dims: &[usize]| {
        let list = dims
            .iter()
            .map(|&n| SquaredDistance::new(vec![1.0; n]).unwrap());
        list.collect::<Vec<_>>()
    };
    let new = |dims: &[usize], options: AdmmOptions| {
        Admm::new(&ring(3), agents(dims), options).map(|_| ())
    };
    let options = AdmmOptions::default();
    refused(
        new(&[1, 1], options.clone()),
        "list of local functions has length 2 but must have 3",
    );
    refused(
        new(&[2, 2, 3], options.clone()),
        "the function of agent 2 has dimension 3, but 2 is that of others",
    );
    for (options, words) in [
        (
            options.clone().with_alpha(0.0),
            "option `alpha` is 0 but must be positive",
        ),
        (
            options.clone().with_gamma(2.0),
            "option `gamma` is 2 but must be in (0, 2)",
        ),
        (
            options.clone().with_tolerances(-1.0, 0.0),
            "option `eps_abs` is -1 but must be at least 0",
        ),
        (
            options.clone().with_tolerances(0.0, f64::NAN),
            "option `eps_rel` is NaN but must be at least 0",
        ),
        (
            options.clone().with_max_iters(0),
            "option `max_iters` is 0 but must be at least 1",
        ),
        (
            options.clone().with_check_every(0),
            "option `check_every` is 0 but must be at least 1",
        ),
        (
            options.clone().with_adapt(Adapt::Balance {
                ratio: 0.5,
                factor: 2.0,
                relative: true,
            }),
            "option `ratio` is 0.5 but must be at least 1",
        ),
        (
            options
                .clone()
                .with_adapt(Adapt::Spectral { correlation: 1.0 }),
            "option `correlation` is 1 but must be in [0, 1)",
        ),
    ] {
        refused(new(&[1, 1, 1], options), words);
    }
    let mut admm = Admm::new(&ring(3), agents(&[1, 1, 1]), options).unwrap();
    refused(
        admm.start_from(&[0.0; 2]),
        "starting point has length 2 but must have 3",
    );
    refused(
        admm.start_from(&[0.0, f64::NAN, 0.0]),
        "entry 1 of the starting point is NaN",
    );
    admm.iterate(1).unwrap();
}
