//! Distributed ADMM with learned parts: parity with an independent implementation, golden runs, symmetries, allocations.
#![expect(
    clippy::needless_range_loop,
    reason = "one index runs over several arrays; iterators hide the formula"
)]

mod admm_support;
mod fixture;

use admm_support::{configurations, files, instances, random_problem, shaken, stored, variant};
use fixture::distance;
use la_gnn::admm::{AdmmConfig, EdgeWeights, Parameters, Relaxation, StepSizes, Tail};
use la_gnn::native::admm::{AdmmEngine, AdmmNetwork, AgentGraph, QuadraticProblem, Unrolled};
use la_gnn::training::Engine;
use la_gnn::training::admm::AdmmLoss;

#[test]
fn iterates_equal_those_of_an_independent_implementation() {
    let files = files();
    for file in &files {
        let (class, config) = variant(&file.name);
        let (problems, naive) = instances(class);
        let network = AdmmNetwork::new(&stored(file, &config)).unwrap();
        let (mut x, mut y, mut lambda, mut alpha) = (vec![], vec![], vec![], vec![]);
        let (mut apart, mut objective, mut weights) = (vec![], vec![], vec![]);
        let mut memory = Unrolled::default();
        for problem in &problems {
            network
                .run(problem, 20, &mut memory, |after| {
                    x.extend_from_slice(after.x);
                    y.extend_from_slice(after.y);
                    lambda.extend_from_slice(after.lambda);
                    alpha.extend_from_slice(after.step_sizes);
                    apart.push(problem.distance(after.x));
                    objective.push(problem.objective(after.x));
                })
                .unwrap();
            let graph = problem.graph();
            let mut dense = vec![0.0; 64];
            for i in 0..8 {
                for (e, &j) in graph.edges(i).zip(graph.neighbours(i)) {
                    dense[8 * i + j as usize] = memory.edge_weights()[e];
                }
            }
            weights.extend(dense);
        }
        if file.name.ends_with("baseline") {
            let after_ten = x.chunks(320).flat_map(|x| x[144..160].to_vec());
            assert!(distance(after_ten, &naive) < 1e-12);
        }
        for (name, got) in [
            ("x", x),
            ("y", y),
            ("lambda", lambda),
            ("alpha", alpha),
            ("distance", apart),
            ("objective", objective),
            ("weights", weights),
        ] {
            let error = distance(got, &file.f64(name));
            assert!(error < 1e-12, "{}: {name} {error:e}", file.name);
        }
    }
    assert!(files.is_empty() || files.len() == 14);
}

/// Golden run T1 of the specification, and the over-relaxed method with its copies z_ij kept.
#[test]
fn runs_by_hand() {
    let path = AgentGraph::from_edges(4, [(0, 1), (1, 2), (2, 3)]).unwrap();
    let problem = QuadraticProblem::consensus(path, 1, &[4.0, -2.0, 6.0, 0.0]).unwrap();
    let plain = Parameters::initialize(&AdmmConfig::baseline(1), 0).unwrap();
    let plain = AdmmNetwork::new(&plain).unwrap();
    let mut xs = Vec::new();
    plain
        .run(&problem, 3, &mut Unrolled::default(), |after| {
            xs.push(after.x.to_vec());
        })
        .unwrap();
    let golden = [1.480_902_777_8, 1.164_062_5, 1.539_062_5, 1.342_013_888_9];
    assert_eq!(xs[0], [2.0, -0.5, 1.5, 0.0]);
    assert!(distance(xs[2].clone(), &golden) < 1e-10);
}

#[test]
fn relaxation_is_that_of_the_method_with_all_copies() {
    let problem = random_problem(7, 2, 3);
    let (graph, m, n) = (problem.graph(), 7, 2);
    let config = AdmmConfig::baseline(2)
        .with_edges(EdgeWeights::ScaleFree)
        .with_relaxation(Relaxation::Constant { gamma: 1.7 })
        .with_tail(Tail::Constant {
            alpha: 0.6,
            gamma: 0.8,
        })
        .with_learned_iterations(3);
    let network = AdmmNetwork::new(&Parameters::initialize(&config, 4).unwrap()).unwrap();
    let w = network.edge_weights(graph);
    let mut a = vec![vec![0.0; m]; m];
    for i in 0..m {
        for (e, &j) in graph.edges(i).zip(graph.neighbours(i)) {
            a[i][j as usize] = -w[e];
            a[i][i] += w[e];
        }
    }
    // z[i][j] in R^n for every entry of row i.
    let mut z = vec![vec![vec![0.0; n]; m]; m];
    let (mut x, mut lambda) = (vec![0.0; m * n], vec![0.0; m * n]);
    let mut expected = Vec::new();
    for k in 0..6 {
        let (alpha, gamma) = if k < 3 { (1.0, 1.7) } else { (0.6, 0.8) };
        for i in 0..m {
            // H x − c + Σ_j A_ji λ_j + α Σ_j A_ji (A_ji x − z_ji) = 0, by Cramer's rule.
            let h = &problem.hessians()[i * 4..][..4];
            let norm: f64 = (0..m).map(|j| a[j][i] * a[j][i]).sum();
            let right = |d: usize| {
                problem.linear()[i * n + d]
                    + (0..m)
                        .map(|j| a[j][i] * (alpha * z[j][i][d] - lambda[j * n + d]))
                        .sum::<f64>()
            };
            let (p, q, r) = (h[0] + alpha * norm, h[1], h[3] + alpha * norm);
            let (s, t) = (right(0), right(1));
            let determinant = p * r - q * q;
            x[i * n] = (r * s - q * t) / determinant;
            x[i * n + 1] = (p * t - q * s) / determinant;
        }
        for i in 0..m {
            let members: Vec<usize> = (0..m).filter(|&j| a[i][j] != 0.0).collect();
            for d in 0..n {
                for &j in &members {
                    z[i][j][d] = gamma * a[i][j] * x[j * n + d] + (1.0 - gamma) * z[i][j][d];
                }
                let y = members.iter().map(|&j| z[i][j][d]).sum::<f64>() / members.len() as f64;
                for &j in &members {
                    z[i][j][d] -= y;
                }
                lambda[i * n + d] += alpha * y;
            }
        }
        expected.extend_from_slice(&x);
        expected.extend_from_slice(&lambda);
    }
    let mut got = Vec::new();
    network
        .run(&problem, 6, &mut Unrolled::default(), |after| {
            got.extend_from_slice(after.x);
            got.extend_from_slice(after.lambda);
        })
        .unwrap();
    assert!(distance(got, &expected) < 1e-12);
}

#[test]
fn renamed_nodes_have_renamed_iterates() {
    let (m, n) = (9, 2);
    let problem = random_problem(m, n, 8);
    let to = |i: usize| (4 * i + 3) % m;
    let graph = problem.graph();
    let edges = (0..m).flat_map(|i| {
        graph
            .neighbours(i)
            .iter()
            .map(move |&j| (to(i), to(j as usize)))
    });
    let renamed = AgentGraph::from_edges(m, edges).unwrap();
    let move_rows = |values: &[f64], width: usize| {
        let mut moved = vec![0.0; values.len()];
        for i in 0..m {
            moved[to(i) * width..][..width].copy_from_slice(&values[i * width..][..width]);
        }
        moved
    };
    let hessians = move_rows(problem.hessians(), n * n);
    let linear = move_rows(problem.linear(), n);
    let renamed = QuadraticProblem::new(renamed, n, hessians, linear, 0.0).unwrap();
    for config in configurations() {
        let network = AdmmNetwork::new(&shaken(&config, 2)).unwrap();
        let (mut first, mut second) = (Vec::new(), Vec::new());
        let mut memory = Unrolled::default();
        network
            .run(&problem, 8, &mut memory, |after| {
                first.extend(move_rows(after.x, n));
                first.extend(move_rows(after.step_sizes, 1));
            })
            .unwrap();
        network
            .run(&renamed, 8, &mut memory, |after| {
                second.extend_from_slice(after.x);
                second.extend_from_slice(after.step_sizes);
            })
            .unwrap();
        let error = distance(first, &second);
        assert!(error < 1e-10, "{config:?}: {error:e}");
    }
}

/// Whatever the learned iterations did, the tail converges to the solution.
#[test]
fn every_run_ends_in_the_solution() {
    let problem = random_problem(8, 2, 4);
    for config in configurations() {
        if config.steps == StepSizes::Constant {
            continue;
        }
        let tail = Tail::Constant {
            alpha: 0.05,
            gamma: 1.5,
        };
        let config = config.with_tail(tail);
        let network = AdmmNetwork::new(&shaken(&config, 6)).unwrap();
        let distances = network
            .distances(&problem, 3000, &mut Unrolled::default())
            .unwrap();
        assert!(distances[2999] < 1e-16, "{config:?}: {}", distances[2999]);
    }
}

#[test]
fn runs_and_gradients_do_not_allocate() {
    let problems: Vec<_> = (0..3).map(|k| random_problem(8, 2, k)).collect();
    let config = AdmmConfig::new(2)
        .with_edges(EdgeWeights::Profile)
        .with_relaxation(Relaxation::Schedule);
    let p = Parameters::initialize(&config, 0).unwrap();
    let network = AdmmNetwork::new(&p).unwrap();
    let mut memory = Unrolled::default();
    let mut engine = AdmmEngine::new(&config, &AdmmLoss::published(10), problems.clone()).unwrap();
    let mut gradient = vec![0.0; p.values.len()];
    for round in 0..2 {
        let info = allocation_counter::measure(|| {
            for problem in &problems {
                network.run(problem, 20, &mut memory, |_| ()).unwrap();
            }
            engine
                .loss_and_gradient(&p.values, &[0, 1, 2], 0, &mut gradient)
                .unwrap();
            let mut alpha = [0.0; 4];
            network.step_sizes(3, &[0.5; 44], &mut alpha).unwrap();
        });
        assert!(round == 0 || info.count_total == 0, "{info:?}");
    }
}

#[test]
fn step_sizes_outside_the_loop_are_those_inside() {
    let problem = random_problem(6, 2, 5);
    let graph = problem.graph();
    let trained = shaken(&AdmmConfig::new(2).with_steps(StepSizes::Mean), 1);
    let mean = AdmmNetwork::new(&trained).unwrap();
    let node = AdmmNetwork::new(&trained.clone().read_as(StepSizes::Node).unwrap()).unwrap();
    let degree: Vec<f64> = (0..6).map(|i| graph.degree(i) as f64).collect();
    let mut states = vec![(vec![0.0; 12], vec![0.0; 12], vec![0.0; 12])];
    let mut used = Vec::new();
    mean.run(&problem, 4, &mut Unrolled::default(), |after| {
        states.push((after.x.to_vec(), after.y.to_vec(), after.lambda.to_vec()));
        used.push(after.step_sizes.to_vec());
    })
    .unwrap();
    for k in 1..4 {
        let (x, y, lambda) = &states[k];
        let mut features = Vec::new();
        for i in 0..6 {
            let own = |v: &[f64]| v[2 * i..2 * i + 2].to_vec();
            let sent = |v: &[f64], d: usize| -> f64 {
                let from = graph.neighbours(i).iter();
                -from.map(|&j| v[2 * j as usize + d]).sum::<f64>()
            };
            features.extend(own(x));
            features.extend(own(y));
            features.extend([sent(y, 0), sent(y, 1)]);
            features.extend(own(lambda));
            features.extend([sent(lambda, 0), sent(lambda, 1)]);
            features.push(degree[i]);
        }
        let mut alpha = [0.0; 6];
        node.step_sizes(k, &features, &mut alpha).unwrap();
        let average = alpha.iter().sum::<f64>() / 6.0;
        assert!(distance(used[k].clone(), &[average; 6]) < 1e-13);
        let one = node.step_size(k, &features[11..22]).unwrap();
        assert_eq!(one, alpha[1]);
    }
}

#[test]
fn problems_of_another_dimension_are_refused() {
    let network = AdmmNetwork::new(&shaken(&AdmmConfig::new(3), 0)).unwrap();
    let problem = random_problem(4, 2, 0);
    let refused = network.run(&problem, 1, &mut Unrolled::default(), |_| ());
    let text = refused.unwrap_err().to_string();
    assert!(text.contains("2 numbers"), "{text}");
    let config = AdmmConfig::new(3);
    assert!(AdmmEngine::new(&config, &AdmmLoss::published(2), vec![problem.clone()]).is_err());
    let mut engine =
        AdmmEngine::new(&AdmmConfig::new(2), &AdmmLoss::published(2), vec![problem]).unwrap();
    assert!(engine.losses(&[0.0; 3]).is_err());
    let values = shaken(&AdmmConfig::new(2), 0).values;
    let mut gradient = vec![0.0; values.len()];
    assert!(
        engine
            .loss_and_gradient(&values, &[1], 0, &mut gradient)
            .is_err()
    );
}
