//! Weight files: what is refused, and why.

use std::sync::LazyLock;

use la_gnn::neuralif::{NeuralIfConfig, Parameters};
use la_gnn::{GnnError, Provenance, Weights};
use proptest::prelude::*;
use safetensors::{Dtype, tensor::TensorView};

fn weights() -> Weights {
    let config = NeuralIfConfig::default().with_blocks(1).with_hidden(2);
    let parameters = Parameters::initialize(&config, 3).unwrap();
    parameters.to_weights(Provenance {
        recipe: serde_json::json!({ "updates": 4 }),
        commit: "abc".into(),
        ..Provenance::default()
    })
}

static BYTES: LazyLock<Vec<u8>> = LazyLock::new(|| weights().to_bytes().unwrap());

#[test]
fn weights_come_back_with_their_story() {
    let back = Weights::from_bytes(&BYTES).unwrap();
    assert_eq!(back, weights());
    assert_eq!(back.provenance.architecture, "neuralif");
    assert_eq!(back.provenance.commit, "abc");
}

#[test]
fn every_truncation_is_refused() {
    for length in 0..BYTES.len() {
        let error = Weights::from_bytes(&BYTES[..length]).unwrap_err();
        assert!(
            matches!(error, GnnError::WeightsFormat { .. }),
            "{length} bytes: {error}"
        );
    }
}

#[test]
fn another_architecture_is_named() {
    let mut foreign = weights();
    foreign.provenance.architecture = "gnp".into();
    let error = Parameters::from_weights(&foreign).unwrap_err();
    assert!(matches!(error, GnnError::WeightsMismatch { .. }), "{error}");
    assert!(error.to_string().contains("`gnp`"), "{error}");
}

#[test]
fn an_unreadable_configuration_is_refused() {
    for config in [
        serde_json::json!({ "blocks": "many" }),
        serde_json::json!({ "no_such_field": 1 }),
        serde_json::json!({ "hidden": 0 }),
        serde_json::json!({ "blocks": 1_000_000 }),
    ] {
        let mut foreign = weights();
        foreign.provenance.config = config;
        let error = Parameters::from_weights(&foreign).unwrap_err();
        assert!(
            matches!(
                error,
                GnnError::WeightsFormat { .. } | GnnError::Config { .. }
            ),
            "{error}"
        );
    }
}

#[test]
fn numbers_that_are_not_finite_are_placed() {
    for bad in [f32::NAN, f32::INFINITY] {
        let mut sick = weights();
        sick.tensors.get_mut("graph_norm.gamma").unwrap().data[5] = bad;
        let error = Weights::from_bytes(&sick.to_bytes().unwrap()).unwrap_err();
        assert!(
            matches!(&error, GnnError::NonFinite { what, position: 5 } if what.contains("graph_norm.gamma")),
            "{error}"
        );
    }
}

#[test]
fn wrong_shapes_are_all_listed() {
    let mut wrong = weights();
    wrong.tensors.get_mut("graph_norm.gamma").unwrap().shape = vec![2, 4];
    let lost = wrong.tensors.remove("graph_norm.alpha").unwrap();
    wrong.tensors.insert("graph_norm.delta".into(), lost);
    let error = Parameters::from_weights(&wrong).unwrap_err();
    let GnnError::WeightsMismatch { differences, .. } = &error else {
        panic!("{error}");
    };
    assert_eq!(differences.len(), 3, "{error}");

    // A shape that does not fit the data cannot be written at all.
    let mut torn = weights();
    torn.tensors.get_mut("graph_norm.gamma").unwrap().data.pop();
    assert!(matches!(
        torn.to_bytes(),
        Err(GnnError::WeightsFormat { .. })
    ));
}

#[test]
fn foreign_safetensors_are_told_from_weights() {
    let data = 1.0f64.to_le_bytes();
    let view = || TensorView::new(Dtype::F64, vec![1], &data).unwrap();
    let bare = safetensors::serialize([("x", view())], None).unwrap();
    let error = Weights::from_bytes(&bare).unwrap_err();
    assert!(error.to_string().contains("no format version"), "{error}");

    let with = |pairs: &[(&str, &str)]| {
        let meta = pairs
            .iter()
            .map(|(k, v)| (k.to_string(), v.to_string()))
            .collect();
        let bytes = safetensors::serialize([("x", view())], Some(meta)).unwrap();
        Weights::from_bytes(&bytes).unwrap_err().to_string()
    };
    assert!(with(&[("format", "99")]).contains("99"));
    assert!(with(&[("format", "1")]).contains("`config` is missing"));
    let broken = [("format", "1"), ("config", "{")];
    assert!(with(&broken).contains("`config`"));
    let full = [
        ("format", "1"),
        ("config", "{}"),
        ("recipe", "{}"),
        ("data", "{}"),
        ("results", "{}"),
    ];
    assert!(with(&full).contains("`x` is F64"));
}

#[test]
fn what_cannot_be_read_or_found_is_named() {
    let error = Weights::load("no/such/file").unwrap_err();
    assert!(
        matches!(error, GnnError::Io { .. }) && error.to_string().contains("no/such/file"),
        "{error}"
    );
    let error = Weights::named_or_file("no-such-name").unwrap_err();
    assert!(matches!(error, GnnError::UnknownWeights { .. }), "{error}");
    assert!(error.to_string().contains("no-such-name"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    /// Bytes changed anywhere, the header above all, give weights or an error, never a panic.
    #[test]
    fn mutated_bytes_never_panic(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<bool>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
        truncate in any::<bool>(),
    ) {
        let mut bytes = BYTES.clone();
        let header = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize + 8;
        for (at, in_header, byte) in changes {
            let length = if in_header { header } else { bytes.len() };
            bytes[at.index(length)] = byte;
        }
        if truncate {
            bytes.truncate(cut.index(bytes.len()));
        }
        if let Ok(weights) = Weights::from_bytes(&bytes)
            && let Ok(parameters) = Parameters::from_weights(&weights)
        {
            prop_assert!(parameters.values.iter().all(|v| v.is_finite()));
        }
    }

    #[test]
    fn noise_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(Weights::from_bytes(&bytes).is_err());
    }
}
