//! The form with a copy on each edge: the textbook's iteration, the right optimum with everything the engine has, and fewer messages.
#![cfg(feature = "admm")]

use la_opt::admm::{
    Adapt, Admm, AdmmOptions, AdmmStatus, Anderson, EdgeWeights, FirstOrder, FirstOrderMethod,
    Form, LeastSquares, Network, Schedule, Separable, SeparableQuadratic, SquaredDistance,
    Variables,
};

fn grid(side: usize) -> Network {
    let right = (0..side * side).filter(|i| (i + 1) % side != 0);
    let below = 0..side * (side - 1);
    let edges = right
        .map(|i| (i, i + 1))
        .chain(below.map(|i| (i, i + side)));
    Network::from_edges(side * side, edges).unwrap()
}

fn squares(agents: usize) -> Vec<LeastSquares> {
    (0..agents)
        .map(|i| {
            let t = i as f64;
            let matrix = vec![1.0 + t.sin().abs(), t.cos(), (0.3 * t).sin(), 1.5];
            LeastSquares::new(2, matrix, vec![t.cos(), 2.0 * t.sin()]).unwrap()
        })
        .collect()
}

/// What all agents together want, by plain ADMM far beyond the tolerances of the tests.
fn optimum(network: &Network) -> Vec<f64> {
    let options = AdmmOptions::default()
        .with_adapt(Adapt::spectral())
        .with_tolerances(1e-13, 1e-13)
        .with_max_iters(100_000);
    let mut admm = Admm::new(network, squares(network.agents()), options).unwrap();
    assert_eq!(admm.solve().status, AdmmStatus::Converged);
    admm.mean()
}

#[test]
fn it_is_the_textbooks_iteration() {
    let network = grid(4);
    for alpha in [0.2, 1.0, 3.0] {
        let options = AdmmOptions::plain(alpha).with_form(Form::Edges);
        let mut ours = Admm::new(&network, squares(16), options).unwrap();
        let method = FirstOrderMethod::EdgeAdmm {
            penalty: alpha / 2.0,
        };
        let mut theirs = FirstOrder::new(&network, squares(16), method).unwrap();
        for k in 0..50 {
            ours.iterate(1).unwrap();
            theirs.iterate(1).unwrap();
            for i in 0..16 {
                for (a, b) in ours.x(i).iter().zip(theirs.x(i)) {
                    assert!((a - b).abs() <= 1e-11 * (1.0 + b.abs()), "{k} {i}: {a} {b}");
                }
            }
        }
    }
}

#[test]
fn all_that_the_engine_has_leads_to_the_optimum() {
    let plain = grid(5);
    let expected = optimum(&plain);
    let metropolis = grid(5).with_weights(EdgeWeights::Metropolis).unwrap();
    let options = AdmmOptions::default()
        .with_form(Form::Edges)
        .with_tolerances(1e-9, 1e-9);
    let cases = [
        ("constant", options.clone()),
        ("no relaxation", options.clone().with_gamma(1.0)),
        ("balance", options.clone().with_adapt(Adapt::balance())),
        ("spectral", options.clone().with_adapt(Adapt::spectral())),
        (
            "anderson",
            options.clone().with_acceleration(Some(Anderson::default())),
        ),
        ("pipelined", options.clone().with_pipelined(true)),
        ("sums in any order", options.with_deterministic(false)),
    ];
    for (name, options) in cases {
        for network in [&plain, &metropolis] {
            let mut admm = Admm::new(network, squares(25), options.clone()).unwrap();
            let report = admm.solve();
            assert_eq!(report.status, AdmmStatus::Converged, "{name}");
            assert_eq!(report.rounds, report.iterations, "{name}");
            for i in 0..25 {
                for (x, e) in admm.x(i).iter().zip(&expected) {
                    assert!((x - e).abs() < 1e-5, "{name}: {x} {e}");
                }
            }
        }
    }
}

#[test]
fn residuals_are_true() {
    let network = grid(4);
    let options = AdmmOptions::default()
        .with_form(Form::Edges)
        .with_max_iters(7)
        .with_check_every(7);
    let mut admm = Admm::new(&network, squares(16), options).unwrap();
    let report = admm.solve();
    let mut distance = 0.0;
    for i in 0..16 {
        for &j in network.neighbours(i) {
            let pairs = admm.x(i).iter().zip(admm.x(j as usize));
            distance += pairs.map(|(a, b)| (a - b).powi(2) / 4.0).sum::<f64>();
        }
    }
    assert!((report.primal - distance.sqrt()).abs() < 1e-12 * report.primal);
    assert!(report.dual > 0.0 && report.dual.is_finite());
}

#[test]
fn it_sends_less() {
    let network = grid(6);
    let expected = optimum(&network);
    let rounds = |form: Form, per_iteration: usize| {
        let best = [0.03, 0.1, 0.3, 1.0, 3.0, 10.0].into_iter().map(|alpha| {
            let options = AdmmOptions::default().with_form(form).with_alpha(alpha);
            let mut admm = Admm::new(&network, squares(36), options).unwrap();
            let near = |admm: &Admm<LeastSquares>| {
                let each = admm
                    .states()
                    .chunks_exact(2)
                    .flat_map(|x| x.iter().zip(&expected));
                each.map(|(x, e)| (x - e).abs()).fold(0.0, f64::max) < 1e-4
            };
            let mut count = 0;
            while !near(&admm) && count < 5000 {
                admm.iterate(1).unwrap();
                count += 1;
            }
            count * per_iteration
        });
        best.min().unwrap()
    };
    let (nodes, edges) = (rounds(Form::Nodes, 2), rounds(Form::Edges, 1));
    assert!(3 * edges < nodes, "{edges} {nodes}");
}

#[test]
fn constraints_starts_and_policies() {
    let network = grid(4);
    let agents = || {
        let each = (0..16).map(|i| {
            let t = f64::from(i);
            let linear = vec![t.sin(), t.cos()];
            let hessian = vec![2.0, 0.3, 0.3, 1.0];
            let term = Separable::Box {
                lower: vec![0.0; 2],
                upper: vec![0.2; 2],
            };
            SeparableQuadratic::new(hessian, linear, 0.0, term).unwrap()
        });
        each.collect::<Vec<_>>()
    };
    let tight = AdmmOptions::default().with_tolerances(1e-10, 1e-10);
    let mut nodes = Admm::new(&network, agents(), tight.clone()).unwrap();
    assert_eq!(nodes.solve().status, AdmmStatus::Converged);
    let edges = tight.with_form(Form::Edges);
    let policy = Schedule::new(vec![(0.4, 1.5), (2.0, 1.9), (0.7, 1.0)]);
    let mut admm = Admm::new(&network, agents(), edges)
        .unwrap()
        .with_policy(policy);
    let far: Vec<f64> = (0..32).map(|k| f64::from(k % 7)).collect();
    for start in [None, Some(far)] {
        if let Some(start) = start {
            admm.start_from(&start).unwrap();
        }
        assert_eq!(admm.solve().status, AdmmStatus::Converged);
        for (a, b) in admm.states().iter().zip(nodes.states()) {
            assert!((a - b).abs() < 1e-6, "{a} {b}");
        }
    }
}

#[test]
fn agents_with_some_of_the_variables() {
    let path = Network::from_edges(3, [(0, 1), (1, 2)]).unwrap();
    let lists = [vec![0, 1], vec![0, 1, 2], vec![1, 2]];
    let variables = Variables::new(&path, 3, lists).unwrap();
    let agents = vec![
        LeastSquares::new(2, vec![1.0, 0.0], vec![5.0]).unwrap(),
        LeastSquares::new(3, vec![-1.0, 1.0, 0.0], vec![1.0]).unwrap(),
        LeastSquares::new(2, vec![-1.0, 1.0], vec![2.0]).unwrap(),
    ];
    let options = AdmmOptions::default().with_form(Form::Edges);
    let mut admm = Admm::general(&variables, agents, options).unwrap();
    assert_eq!(admm.solve().status, AdmmStatus::Converged);
    for (x, e) in admm.x(1).iter().zip([5.0, 6.0, 8.0]) {
        assert!((x - e).abs() < 1e-4);
    }
}

#[test]
fn a_single_agent_and_two() {
    for agents in [1usize, 2] {
        let network = Network::from_edges(agents, (1..agents).map(|i| (0, i))).unwrap();
        let functions = (0..agents).map(|i| SquaredDistance::new(vec![i as f64]).unwrap());
        let options = AdmmOptions::default().with_form(Form::Edges);
        let mut admm = Admm::new(&network, functions.collect(), options).unwrap();
        assert_eq!(admm.solve().status, AdmmStatus::Converged);
        let mean = (agents - 1) as f64 / 2.0;
        assert!((admm.x(0)[0] - mean).abs() < 1e-5);
    }
}

#[cfg(feature = "serde")]
#[test]
fn a_checkpoint_belongs_to_its_form() {
    let network = grid(3);
    let options = AdmmOptions::default().with_form(Form::Edges);
    let start = || Admm::new(&network, squares(9), options.clone()).unwrap();
    let mut first = start();
    first.iterate(7).unwrap();
    let saved = first.checkpoint();
    first.iterate(7).unwrap();
    let mut second = start();
    second.restore(&saved).unwrap();
    second.iterate(7).unwrap();
    assert_eq!(first.states(), second.states());
    let mut other = Admm::new(&network, squares(9), AdmmOptions::default()).unwrap();
    let error = other.restore(&saved).unwrap_err();
    assert!(error.to_string().contains("form"), "{error}");
}
