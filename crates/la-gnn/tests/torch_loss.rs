//! Losses against the parity fixtures, and their gradients against finite differences.
#![cfg(feature = "torch")]

mod torch_support;

use la_gnn::GnnError;
use la_gnn::sprs::TriMat;
use la_gnn::torch::tch::{Device, Kind, Tensor};
use la_gnn::torch::{
    GraphBatch, LossOptions, Model, NeuralIf, Objective, Pattern, Power, Sample, loss,
};
use torch_support::{Fixture, assert_close, network_files, neuralif_folder, small_sample};

fn values(t: &Tensor) -> Vec<f64> {
    Vec::<f64>::try_from(t.to_kind(Kind::Double).contiguous().view([-1])).unwrap()
}

const OBJECTIVES: [Objective; 6] = [
    Objective::Default,
    Objective::Normalized,
    Objective::Frobenius,
    Objective::Supervised,
    Objective::Inverted,
    Objective::Combined,
];

#[test]
fn losses_and_gradients_match_the_fixtures() {
    let Some(folder) = neuralif_folder() else {
        return;
    };
    for name in network_files(&folder) {
        let fixture = Fixture::load(&folder, &name);
        let system = Fixture::load(
            &folder,
            &format!("{}_system", name.split('_').next().unwrap()),
        );
        let sample = system.sample();
        let z = Tensor::from_slice(system.get("z"));
        let model = NeuralIf::new(&fixture.parameters(), Kind::Double, Device::Cpu).unwrap();
        let batch =
            GraphBatch::new(&[&sample], model.pattern(), Kind::Double, Device::Cpu).unwrap();
        let l = Tensor::from_slice(fixture.get("l_val"));
        let at = |options: &LossOptions| loss(&batch, &l, &z, options).unwrap();
        for (objective, key) in [
            (Objective::Default, "loss.default"),
            (Objective::Normalized, "loss.normalized"),
            (Objective::Frobenius, "loss.frobenius"),
            (Objective::Supervised, "loss.supervised"),
        ] {
            let got = at(&LossOptions::default().with_objective(objective));
            assert_close(
                &format!("{name} {key}"),
                &[got.value],
                fixture.get(key),
                1e-10,
            );
            if let (Objective::Default, Some(expected)) = (objective, fixture.find("grad.l_val")) {
                assert_close(
                    &format!("{name} gradient"),
                    &values(&got.gradient),
                    expected,
                    1e-9,
                );
            }
        }
        let plain = at(&LossOptions::default()).value;
        let penalty = at(&LossOptions::default().with_l1(1.0)).value - plain;
        assert_close(
            &format!("{name} l1"),
            &[penalty],
            fixture.get("loss.l1_penalty"),
            1e-8,
        );

        // Single precision: the network and the loss together.
        let model = NeuralIf::new(&fixture.parameters(), Kind::Float, Device::Cpu).unwrap();
        let batch = GraphBatch::new(&[&sample], model.pattern(), Kind::Float, Device::Cpu).unwrap();
        let l = model.forward(&batch).unwrap().0;
        let got = loss(&batch, &l, &z.to_kind(Kind::Float), &LossOptions::default()).unwrap();
        assert_close(
            &format!("{name} f32"),
            &[got.value],
            fixture.get("loss.default"),
            1e-5,
        );
    }
}

#[test]
fn every_gradient_is_that_of_finite_differences() {
    let samples = [small_sample(5, 1), small_sample(7, 2)];
    let batch = GraphBatch::new(
        &[&samples[0], &samples[1]],
        Pattern::Lower,
        Kind::Double,
        Device::Cpu,
    )
    .unwrap();
    let (n, nnz) = (batch.num_nodes(), batch.factor_nnz());
    let z: Vec<f64> = (0..n).map(|i| ((i * 7 + 3) as f64).sin()).collect();
    let l: Vec<f64> = (0..nnz).map(|k| 0.4 + ((k * 5 + 1) as f64).cos()).collect();
    let z = Tensor::from_slice(&z);
    for objective in OBJECTIVES {
        for power in [Power::Norm, Power::HalfSquare] {
            let options = LossOptions::default()
                .with_objective(objective)
                .with_power(power)
                .with_l1(0.3);
            let at = |l: &[f64]| loss(&batch, &Tensor::from_slice(l), &z, &options).unwrap();
            let gradient = values(&at(&l).gradient);
            let h = 1e-6;
            let differences: Vec<f64> = (0..nnz)
                .map(|k| {
                    let shifted = |by: f64| {
                        let mut l = l.clone();
                        l[k] += by;
                        at(&l).value
                    };
                    (shifted(h) - shifted(-h)) / (2.0 * h)
                })
                .collect();
            // Central differences: error h² and rounding 1e-16/h.
            assert_close(
                &format!("{objective:?} {power:?}"),
                &gradient,
                &differences,
                1e-6,
            );
        }
    }
}

#[test]
fn losses_on_the_spectrum_have_the_gradient_of_finite_differences() {
    let samples = [small_sample(5, 1), small_sample(7, 2)];
    let both = [&samples[0], &samples[1]];
    let batch = GraphBatch::new(&both, Pattern::Lower, Kind::Double, Device::Cpu).unwrap();
    let z: Vec<f64> = (0..12).map(|i| f64::from(i * 7 + 3).sin()).collect();
    let l: Vec<f64> = batch
        .factor_rows()
        .iter()
        .zip(batch.factor_columns())
        .map(|(&i, &j)| {
            if i == j {
                1.5
            } else {
                0.3 * ((i * 5 + j) as f64).cos()
            }
        })
        .collect();
    let mut gradients = Vec::new();
    for objective in [
        Objective::Kaporin,
        Objective::KaporinPower(1),
        Objective::KaporinPower(3),
    ] {
        let options = LossOptions::default()
            .with_objective(objective)
            .with_l1(0.3);
        let at = |z: &[f64], l: &[f64]| {
            let (l, z) = (Tensor::from_slice(l), Tensor::from_slice(z));
            loss(&batch, &l, &z, &options).unwrap()
        };
        let gradient = values(&at(&z, &l).gradient);
        let h = 1e-6;
        let differences: Vec<f64> = (0..l.len())
            .map(|k| {
                let shifted = |by: f64| {
                    let mut l = l.clone();
                    l[k] += by;
                    at(&z, &l).value
                };
                (shifted(h) - shifted(-h)) / (2.0 * h)
            })
            .collect();
        assert_close(&format!("{objective:?}"), &gradient, &differences, 1e-6);
        gradients.push(gradient);
    }
    // The power 1 is Kaporin's number itself; another one is not.
    assert_eq!(gradients[0], gradients[1]);
    assert_ne!(gradients[0], gradients[2]);
}

#[test]
fn an_exact_factor_has_loss_and_gradient_zero() {
    // A = diag(4, 9), L = diag(2, 3).
    let mut a = TriMat::new((2, 2));
    a.add_triplet(0, 0, 4.0);
    a.add_triplet(1, 1, 9.0);
    let a = a.to_csr::<usize>();
    let sample = Sample::new(a.view(), vec![0.0; 16])
        .unwrap()
        .with_pair(vec![1.0, 2.0], vec![4.0, 18.0])
        .unwrap();
    let batch = GraphBatch::new(&[&sample], Pattern::Lower, Kind::Double, Device::Cpu).unwrap();
    let (l, z) = (
        Tensor::from_slice(&[2.0, 3.0]),
        Tensor::from_slice(&[1.0, -1.0]),
    );
    for objective in OBJECTIVES {
        let got = loss(
            &batch,
            &l,
            &z,
            &LossOptions::default().with_objective(objective),
        )
        .unwrap();
        assert!(got.value.abs() < 1e-14, "{objective:?}: {}", got.value);
        assert!(
            values(&got.gradient).iter().all(|g| g.is_finite()),
            "{objective:?}"
        );
    }
    // One step away: L = diag(2, 4), r = (0, −7), gradient of ‖r‖ at l₂₂: 2·4.
    let l = Tensor::from_slice(&[2.0, 4.0]);
    let got = loss(&batch, &l, &z, &LossOptions::default()).unwrap();
    assert_eq!(got.value, 7.0);
    assert_eq!(values(&got.gradient), [0.0, 8.0]);
    let half = LossOptions::default().with_power(Power::HalfSquare);
    assert_eq!(loss(&batch, &l, &z, &half).unwrap().value, 24.5);
}

#[test]
fn wrong_calls_are_refused() {
    let mut plain = TriMat::new((1, 1));
    plain.add_triplet(0, 0, 1.0);
    let plain = plain.to_csr::<usize>();
    let sample = Sample::new(plain.view(), vec![0.0; 8]).unwrap();
    let batch = GraphBatch::new(&[&sample], Pattern::Lower, Kind::Double, Device::Cpu).unwrap();
    let one = Tensor::from_slice(&[1.0]);
    let supervised = LossOptions::default().with_objective(Objective::Supervised);
    assert!(matches!(
        loss(&batch, &one, &one, &supervised),
        Err(GnnError::Matrix { .. })
    ));
    let negative = LossOptions::default().with_l1(f64::NAN);
    assert!(matches!(
        loss(&batch, &one, &one, &negative),
        Err(GnnError::Config { field: "l1", .. })
    ));
    let squared = LossOptions::default()
        .with_objective(Objective::Kaporin)
        .with_power(Power::HalfSquare);
    assert!(matches!(
        loss(&batch, &one, &one, &squared),
        Err(GnnError::Config { field: "power", .. })
    ));
    let no_power = LossOptions::default().with_objective(Objective::KaporinPower(0));
    assert!(matches!(
        no_power.validate(),
        Err(GnnError::Config {
            field: "objective",
            ..
        })
    ));
    let long = Tensor::from_slice(&[1.0, 2.0, 3.0]);
    let default = LossOptions::default();
    assert!(matches!(
        loss(&batch, &long, &one, &default),
        Err(GnnError::Matrix { .. })
    ));
    assert!(matches!(
        loss(&batch, &one, &long, &default),
        Err(GnnError::Matrix { .. })
    ));
    let single = one.to_kind(Kind::Float);
    assert!(matches!(
        loss(&batch, &single, &one, &default),
        Err(GnnError::Config { field: "kind", .. })
    ));
}
