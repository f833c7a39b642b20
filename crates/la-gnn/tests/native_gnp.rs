//! Inference of graph neural preconditioners: against parity data, against the network written down plainly, and its symmetries.

mod fixture;
mod gnp_support;

use fixture::{Fixture, distance, folder};
use gnp_support::*;
use la_gnn::GnnError;
use la_gnn::gnp::{Activation, GnpConfig, Parameters};
use la_gnn::native::Element;
use la_gnn::native::gnp::{self, Network, Workspace};
use la_gnn::sprs::TriMatI;

#[test]
fn outputs_and_features_match_parity_data() {
    let Some(dir) = folder("gnp") else {
        return;
    };
    let mut features = 0;
    for matrix in ["random200", "mahindas"] {
        let file = Fixture::open(&dir.join(format!("{matrix}_network.safetensors")));
        let a = stored_matrix(&file);
        let p = stored_parameters(&file);
        let b = by_columns(&file.f64("batch.b"));
        let exact = outputs::<f64>(&a, &p, &b);
        let d = distance(exact.iter().copied(), &by_columns(&file.f64("eval.output")));
        assert!(d < 1e-10, "{matrix}: {d:e}");
        for name in ["eval.output", "eval.output_f32"] {
            let d = distance(outputs::<f32>(&a, &p, &b), &by_columns(&file.f64(name)));
            assert!(d < 1e-5, "{matrix} {name}: {d:e}");
        }
        if file.has("eval.features_column0.encoder") {
            let network = Network::<f64>::in_precision(&p).unwrap();
            let prepared = gnp::Matrix::in_precision(a.view()).unwrap();
            let states = network.features(&prepared, &b[..a.rows()]).unwrap();
            assert_eq!(states.len(), 9);
            for (k, state) in states.iter().enumerate() {
                let name = match k {
                    0 => "encoder".to_string(),
                    l => format!("layer{}", l - 1),
                };
                let expected = file.f64(&format!("eval.features_column0.{name}"));
                let d = distance(state.iter().copied(), &expected);
                assert!(d < 1e-10, "{matrix} {name}: {d:e}");
                features += 1;
            }
        }
    }
    assert_eq!(features, 9);
}

fn outputs<T: Element>(a: &Matrix, p: &Parameters, b: &[f64]) -> Vec<f64> {
    let network = Network::<T>::in_precision(p).unwrap();
    let a = gnp::Matrix::<T>::in_precision(a.view()).unwrap();
    let mut z = vec![f64::NAN; b.len()];
    let columns = b.len() / a.order();
    network
        .apply_columns(&a, b, &mut z, columns, &mut Workspace::default())
        .unwrap();
    z
}

#[test]
fn every_configuration_matches_the_plain_network() {
    // Tiles hold six nodes: orders around multiples of six, and one of several shares.
    for (n, config) in [1, 5, 6, 7, 30, 47, 30, 31]
        .into_iter()
        .zip(configurations())
    {
        let a = random_matrix(n, 4, n as u64);
        let p = lively(&config, 3);
        let b = random_vector(3 * n, 5);
        let (expected, _) = plain(
            &a,
            &config,
            &doubles(&p.values),
            &doubles(&p.statistics),
            &b,
            Mode::Running,
        );
        let d = distance(outputs::<f64>(&a, &p, &b), &expected);
        assert!(d < 1e-12, "{config:?}: {d:e}");
        let d = distance(outputs::<f32>(&a, &p, &b), &expected);
        assert!(d < 1e-5, "{config:?}: {d:e}");
    }
}

#[test]
fn scaling_a_column_scales_the_output() {
    let a = random_matrix(200, 5, 1);
    let p = lively(&GnpConfig::paper(), 1);
    let b = random_vector(200, 2);
    let z = outputs::<f32>(&a, &p, &b);
    for alpha in [1e-12, 1e-3, 7.0, 1e9, 1e-300, 1e300] {
        let scaled: Vec<f64> = b.iter().map(|v| alpha * v).collect();
        let expected: Vec<f64> = z.iter().map(|v| alpha * v).collect();
        let d = distance(outputs::<f32>(&a, &p, &scaled), &expected);
        assert!(d < 1e-5, "{alpha:e}: {d:e}");
    }
    for alpha in [2f64.powi(-40), 2.0, 2f64.powi(100)] {
        let scaled: Vec<f64> = b.iter().map(|v| alpha * v).collect();
        let expected: Vec<f64> = z.iter().map(|v| alpha * v).collect();
        assert_eq!(outputs::<f32>(&a, &p, &scaled), expected, "{alpha:e}");
    }
}

#[test]
fn numbering_the_nodes_anew_numbers_the_output_anew() {
    let n = 100;
    let a = random_matrix(n, 5, 1);
    // i → 37 i + 11 mod 100.
    let to = |i: usize| (37 * i + 11) % n;
    let mut permuted = TriMatI::new((n, n));
    for (v, (i, j)) in &a {
        permuted.add_triplet(to(i as usize), to(j as usize), *v);
    }
    let permuted: Matrix = permuted.to_csr();
    let p = lively(&GnpConfig::paper(), 1);
    let b = random_vector(n, 2);
    let mut permuted_b = vec![0.0; n];
    let mut expected = vec![0.0; n];
    let z = outputs::<f64>(&a, &p, &b);
    for i in 0..n {
        permuted_b[to(i)] = b[i];
        expected[to(i)] = z[i];
    }
    let d = distance(outputs::<f64>(&permuted, &p, &permuted_b), &expected);
    assert!(d < 1e-13, "{d:e}");
}

#[test]
fn without_biases_an_odd_network_is_odd_and_any_is_free_of_constants() {
    let a = random_matrix(60, 5, 1);
    let b = random_vector(60, 2);
    let minus: Vec<f64> = b.iter().map(|v| -v).collect();
    let tanh = GnpConfig::paper().with_activation(Activation::Tanh);
    let p = lively(&tanh, 1).without_biases();
    let expected: Vec<f64> = outputs::<f64>(&a, &p, &b).iter().map(|v| -v).collect();
    let d = distance(outputs::<f64>(&a, &p, &minus), &expected);
    assert!(d < 1e-14, "{d:e}");
    // A node without entries in its row or in b has output 0: nothing shifts.
    let p = lively(&GnpConfig::paper(), 1).without_biases();
    let empty: Matrix = Matrix::zero((60, 60));
    let mut b = b;
    b[7] = 0.0;
    let z = outputs::<f32>(&empty, &p, &b);
    assert!(z[7] == 0.0 && z.iter().any(|v| *v != 0.0));
}

#[test]
fn columns_do_not_see_each_other_and_threads_change_nothing() {
    // 2000 nodes are more than one share of a thread.
    let n = 2000;
    let a = random_matrix(n, 5, 1);
    let p = lively(&GnpConfig::paper(), 1);
    let mut b = random_vector(3 * n, 2);
    b[n..2 * n].fill(0.0);
    let together = outputs::<f32>(&a, &p, &b);
    assert!(together[n..2 * n].iter().all(|v| *v == 0.0));
    for threads in [1, 2, 3] {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| {
            assert_eq!(outputs::<f32>(&a, &p, &b), together);
            for k in 0..3 {
                let column = k * n..(k + 1) * n;
                assert_eq!(outputs::<f32>(&a, &p, &b[column.clone()]), together[column]);
            }
        });
    }
}

#[test]
fn bad_input_is_refused_by_name() {
    let a = random_matrix(10, 3, 1);
    let p = Parameters::initialize(&GnpConfig::paper(), 1).unwrap();
    let network = Network::new(&p).unwrap();
    let matrix = gnp::Matrix::new(a.view()).unwrap();
    let mut memory = Workspace::default();
    let mut z = [0.0; 20];
    let mut b = [1.0; 20];
    b[13] = f64::NAN;
    let error = network
        .apply_columns(&matrix, &b, &mut z, 2, &mut memory)
        .unwrap_err();
    assert!(
        matches!(error, GnnError::NonFinite { position: 13, .. }),
        "{error}"
    );
    let error = network
        .apply(&matrix, &b[..9], &mut z[..9], &mut memory)
        .unwrap_err();
    assert!(matches!(error, GnnError::Matrix { .. }), "{error}");
    assert!(network.features(&matrix, &b[..9]).is_err());
    let wide = GnpConfig::paper().with_width(17);
    let error = Network::new(&Parameters::initialize(&wide, 1).unwrap()).unwrap_err();
    assert!(error.to_string().contains("`width`"), "{error}");
    let empty: Matrix = Matrix::zero((0, 0));
    let matrix = gnp::Matrix::new(empty.view()).unwrap();
    network.apply(&matrix, &[], &mut [], &mut memory).unwrap();
}
