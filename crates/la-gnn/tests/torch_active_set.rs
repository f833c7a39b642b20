//! Training of networks that guess active sets: losses and gradients of an independent implementation, finite differences, agreement
//! with inference in pure Rust, learning.
#![cfg(feature = "torch")]

mod fixture;

use std::ops::ControlFlow;

use fixture::{Fixture, distance, folder};
use la_gnn::active_set::{
    ActiveSetConfig, GnnConfig, GnnFeatures, LeastDistanceConfig, MlpConfig, Parameters,
};
use la_gnn::native::active_set::{ActiveSetGnn, ActiveSetMlp, LeastDistanceGnn, probability};
use la_gnn::torch::active_set::{ActiveSetNetwork, logits, loss_and_gradient, train};
use la_gnn::torch::tch::Kind;
use la_gnn::training::active_set::{
    ActiveSetTrainOptions, Kept, LeastDistanceGroup, LossNodes, ProblemGroup,
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// One problem of a parity file.
fn stored_problem(file: &Fixture, g: usize) -> ProblemGroup {
    let read = |what: &str| file.f64(&format!("g{g}.{what}"));
    let (linear, upper) = (read("f"), read("b"));
    let labels = file.ids(&format!("g{g}.label"));
    ProblemGroup {
        variables: linear.len(),
        constraints: upper.len(),
        matrices: vec![(read("H"), read("A"))],
        active: labels[linear.len()..].iter().map(|l| *l == 1).collect(),
        linear,
        lower: Vec::new(),
        upper,
    }
}

#[test]
fn losses_and_gradients_agree_with_the_reference() {
    let Some(dir) = folder("qp") else { return };
    let file = Fixture::open(&dir.join("gnn_one_sided.safetensors"));
    let config = GnnConfig::default();
    let specs = config.parameters();
    let values = specs
        .iter()
        .flat_map(|s| file.f64(&format!("w.{}", s.name)));
    let parameters = Parameters {
        values: values.map(|v| v as f32).collect(),
        statistics: Vec::new(),
        config: config.clone(),
    };
    let options = ActiveSetTrainOptions::default().with_nodes(LossNodes::All);
    let priced = options.clone().with_sparsity(0.1);
    for g in 0..3 {
        let group = stored_problem(&file, g);
        let group = [group];
        let (loss, gradient) =
            loss_and_gradient(&parameters, &group, &options, Kind::Double).unwrap();
        let expected = file.f64(&format!("g{g}.loss.weighted_bce"))[0];
        assert!((loss - expected).abs() < 1e-10 * expected, "{loss}");
        let (loss, _) = loss_and_gradient(&parameters, &group, &priced, Kind::Double).unwrap();
        let expected = file.f64(&format!("g{g}.loss.with_sparsity_penalty"))[0];
        assert!((loss - expected).abs() < 1e-10 * expected, "{loss}");
        let own = logits(&parameters, &group[0], Kind::Double).unwrap();
        let out = own.iter().map(|&l| probability(l));
        assert!(distance(out, &file.f64(&format!("g{g}.out"))) < 1e-11);
        let own = logits(&parameters, &group[0], Kind::Float).unwrap();
        let out = own.iter().map(|&l| probability(l));
        assert!(distance(out, &file.f64(&format!("g{g}.out_f32"))) < 1e-5);
        let mut seen = 0;
        for spec in &specs {
            let name = format!("g{g}.grad.{}", spec.name);
            if file.has(&name) {
                let own = gradient[spec.offset..spec.offset + spec.len].iter();
                let apart = distance(own.copied(), &file.f64(&name));
                assert!(apart < 1e-9, "{name}: {apart:e}");
                seen += 1;
            }
        }
        assert_eq!(seen, if g == 0 { 16 } else { 0 });
    }
}

/// Problems drawn at random, with labels drawn at random.
fn random_problems(
    n: usize,
    m: usize,
    count: usize,
    shared: bool,
    two_sided: bool,
) -> ProblemGroup {
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    let mut draw =
        |count: usize| -> Vec<f64> { (0..count).map(|_| rng.random_range(-1.0..1.0)).collect() };
    let matrices = (0..if shared { 1 } else { count }).map(|_| (draw(n * n), draw(m * n)));
    let matrices = matrices
        .map(|(h, a)| {
            let symmetric = |at: usize| h[at] + h[at % n * n + at / n];
            ((0..n * n).map(symmetric).collect(), a)
        })
        .collect();
    ProblemGroup {
        variables: n,
        constraints: m,
        matrices,
        linear: draw(count * n),
        lower: if two_sided {
            draw(count * m)
        } else {
            Vec::new()
        },
        upper: draw(count * m),
        active: draw(count * m).iter().map(|v| *v > 0.4).collect(),
    }
}

fn random_rows(n: usize, m: usize, count: usize, shared: bool) -> LeastDistanceGroup {
    let mut rng = ChaCha8Rng::seed_from_u64(10);
    let mut rows = || {
        let mut rows: Vec<f64> = (0..m * n).map(|_| rng.random_range(-1.0..1.0)).collect();
        for row in rows.chunks_exact_mut(n) {
            let norm = row.iter().map(|v| v * v).sum::<f64>().sqrt();
            row.iter_mut().for_each(|v| *v /= norm);
        }
        rows
    };
    let rows = (0..if shared { 1 } else { count })
        .map(|_| rows())
        .collect();
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    LeastDistanceGroup {
        variables: n,
        constraints: m,
        rows,
        slacks: (0..count * m)
            .map(|_| rng.random_range(-1.0..2.0))
            .collect(),
        active: (0..count * m).map(|_| rng.random_bool(0.3)).collect(),
    }
}

/// The derivative along a random direction against a central difference.
fn check_gradient<C: ActiveSetNetwork>(config: &C, groups: &[C::Group]) {
    let options = ActiveSetTrainOptions::default()
        .with_nodes(LossNodes::All)
        .with_sparsity(0.05);
    let parameters = Parameters::initialize(config, 4).unwrap();
    let at = |p: &Parameters<C>| loss_and_gradient(p, groups, &options, Kind::Double).unwrap();
    let (_, gradient) = at(&parameters);
    let mut rng = ChaCha8Rng::seed_from_u64(12);
    for _ in 0..3 {
        let (mut above, mut below) = (parameters.clone(), parameters.clone());
        for (up, down) in above.values.iter_mut().zip(&mut below.values) {
            let step = rng.random_range(-3e-6f32..3e-6);
            *up += step;
            *down -= step;
        }
        // The steps as they were rounded.
        let steps = above.values.iter().zip(&below.values);
        let expected: f64 = steps
            .zip(&gradient)
            .map(|((up, down), g)| (f64::from(*up) - f64::from(*down)) * g)
            .sum();
        let difference = at(&above).0 - at(&below).0;
        let size = gradient.iter().map(|g| g * g).sum::<f64>().sqrt() * 3e-6;
        assert!(
            (difference - expected).abs() < 2e-3 * size,
            "{difference} {expected}"
        );
    }
}

#[test]
fn gradients_are_those_of_finite_differences() {
    for shared in [true, false] {
        let group = [random_problems(4, 6, 3, shared, false)];
        check_gradient(&GnnConfig::default().with_width(16).with_layers(4), &group);
        check_gradient(&MlpConfig::published(4, 6).with_hidden(16), &group);
        let sizes = [group[0].clone(), random_problems(2, 5, 2, shared, false)];
        check_gradient(&GnnConfig::default().with_width(16), &sizes);
        let config = LeastDistanceConfig::default()
            .with_ridges(vec![0.03, 1.0])
            .with_width(8);
        check_gradient(&config, &[random_rows(4, 7, 3, shared)]);
    }
    let two_sided = GnnConfig::default()
        .with_width(16)
        .with_features(GnnFeatures::TwoSided);
    check_gradient(&two_sided, &[random_problems(3, 5, 2, true, true)]);
}

/// The first problems of a group, and the others.
fn split(group: &ProblemGroup, at: usize) -> [ProblemGroup; 2] {
    let (n, m) = (group.variables, group.constraints);
    [0..at, at..group.len()].map(|range| ProblemGroup {
        linear: group.linear[range.start * n..range.end * n].to_vec(),
        upper: group.upper[range.start * m..range.end * m].to_vec(),
        active: group.active[range.start * m..range.end * m].to_vec(),
        ..group.clone()
    })
}

#[test]
fn a_batch_of_several_groups_is_one_batch() {
    let group = random_problems(4, 6, 5, true, false);
    let gnn = Parameters::initialize(&GnnConfig::default().with_width(16), 4).unwrap();
    for nodes in [LossNodes::All, LossNodes::Constraints] {
        let options = ActiveSetTrainOptions::published()
            .with_nodes(nodes)
            .with_sparsity(0.1);
        let at = |groups: &[ProblemGroup]| {
            loss_and_gradient(&gnn, groups, &options, Kind::Double).unwrap()
        };
        let whole = at(std::slice::from_ref(&group));
        let parts = at(&split(&group, 2));
        assert!((whole.0 - parts.0).abs() < 1e-12 * whole.0.abs());
        assert!(distance(whole.1.iter().copied(), &parts.1) < 1e-11);
    }
}

#[test]
fn sizes_are_mixed_where_that_is_asked_for() {
    la_gnn::torch::tch::set_num_threads(1);
    let groups = [
        random_problems(2, 3, 20, true, false),
        random_problems(3, 4, 12, true, false),
    ];
    let start = Parameters::initialize(&GnnConfig::default().with_width(16), 1).unwrap();
    let options = ActiveSetTrainOptions::default()
        .with_epochs(2)
        .with_batch(8);
    let run = |options: &ActiveSetTrainOptions| {
        train(&start, &groups, &groups, options, &mut |_| {
            ControlFlow::Continue(())
        })
        .unwrap()
    };
    let (by_size, mixed) = (run(&options), run(&options.clone().with_mixed_sizes(true)));
    // In an epoch 3 batches of 20 problems and 2 of 12; 4 of 32.
    assert_eq!((by_size.log.updates, mixed.log.updates), (10, 8));
    assert_ne!(by_size.parameters, mixed.parameters);
    let again = run(&options.with_mixed_sizes(true));
    assert_eq!(again.parameters, mixed.parameters);
    let none = loss_and_gradient(&start, &[], &ActiveSetTrainOptions::default(), Kind::Double);
    assert!(none.unwrap_err().to_string().contains("no problems"));
}

#[test]
fn inference_in_rust_agrees() {
    for shared in [true, false] {
        let (n, m, count) = (5, 9, 4);
        let group = random_problems(n, m, count, shared, false);
        let of = |k: usize, x: &[f64], len: usize| x[k * len..(k + 1) * len].to_vec();
        let mlp = MlpConfig::new(n, m).with_hidden(16);
        let mut parameters = Parameters::initialize(&mlp, 1).unwrap();
        parameters.statistics = mlp.measure(std::slice::from_ref(&group)).unwrap();
        let expected = logits(&parameters, &group, Kind::Double).unwrap();
        let mut network = ActiveSetMlp::<f64>::new(&parameters).unwrap();
        for (k, expected) in expected.chunks_exact(m).enumerate() {
            let input = [of(k, &group.linear, n), of(k, &group.upper, m)];
            let own = network.logits(&[&input[0], &input[1]]).unwrap();
            assert!(distance(own.iter().copied(), expected) < 1e-12);
        }
        // Batches of one, since a batch is standardised as a whole.
        let gnn = Parameters::initialize(&GnnConfig::default().with_width(16), 1).unwrap();
        for k in 0..count {
            let (h, a) = group.matrices[if shared { 0 } else { k }].clone();
            let one = ProblemGroup {
                matrices: vec![(h.clone(), a.clone())],
                linear: of(k, &group.linear, n),
                upper: of(k, &group.upper, m),
                active: group.active[k * m..(k + 1) * m].to_vec(),
                ..group.clone()
            };
            let expected = logits(&gnn, &one, Kind::Double).unwrap();
            let mut network = ActiveSetGnn::<f64>::new(&gnn, n, &h, &a).unwrap();
            let own = network.logits(&one.linear, &[], &one.upper).unwrap();
            assert!(distance(own.iter().copied(), &expected) < 1e-11);
        }
        let rows = random_rows(n, m, count, shared);
        let config = LeastDistanceConfig::default().with_ridges(vec![0.03, 1.0]);
        let parameters = Parameters::initialize(&config, 1).unwrap();
        let expected = logits(&parameters, &rows, Kind::Double).unwrap();
        let mut network = LeastDistanceGnn::<f64>::new(&parameters, n, &rows.rows[0]).unwrap();
        for (k, expected) in expected.chunks_exact(m).enumerate() {
            if !shared {
                network.set_rows(&rows.rows[k]).unwrap();
            }
            let own = network.logits(&of(k, &rows.slacks, m)).unwrap();
            assert!(distance(own.iter().copied(), expected) < 1e-11);
        }
    }
}

#[test]
fn training_learns_repeats_and_stops() {
    la_gnn::torch::tch::set_num_threads(1);
    let (n, m, count) = (2, 3, 200);
    let mut group = random_problems(n, m, count, true, false);
    for (k, active) in group.active.iter_mut().enumerate() {
        *active = group.upper[k] < group.linear[k / m * n];
    }
    let config = MlpConfig::new(n, m).with_hidden(32);
    let start = Parameters::initialize(&config, 1).unwrap();
    let options = ActiveSetTrainOptions::default()
        .with_epochs(40)
        .with_batch(16);
    let groups = [group];
    let run = |options: &ActiveSetTrainOptions| {
        train(&start, &groups, &groups, options, &mut |_| {
            ControlFlow::Continue(())
        })
        .unwrap()
    };
    let trained = run(&options);
    let log = &trained.log;
    assert!(log.best().unwrap().1 < 0.25 * log.validations[0], "{log:?}");
    assert_eq!(run(&options).parameters, trained.parameters);
    let mut epochs = 0;
    let stopped = train(&start, &groups, &groups, &options, &mut |_| {
        epochs += 1;
        match epochs {
            2 => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        }
    });
    assert_eq!(stopped.unwrap().log.losses.len(), 2);
    // A step that only makes matters worse: patience ends the run, and the best parameters are early ones.
    let wild = options.with_learning_rate(30.0).with_patience(3);
    let best = run(&wild);
    assert!(best.log.losses.len() < 40);
    let last = run(&wild.with_keep(Kept::Last));
    assert_ne!(best.parameters, last.parameters);
    let none: [ProblemGroup; 0] = [];
    let empty = train(
        &start,
        &none,
        &groups,
        &ActiveSetTrainOptions::default(),
        &mut |_| ControlFlow::Continue(()),
    );
    assert!(empty.unwrap_err().to_string().contains("training"));
}
