//! Structural features against tables computed by an independent implementation.

use std::path::Path;

use la_graph::structural_features;
use safetensors::SafeTensors;
use sprs::{CsMatI, TriMatI};

fn f64s(file: &SafeTensors<'_>, name: &str) -> Vec<f64> {
    let data = file.tensor(name).expect(name);
    data.data()
        .chunks_exact(8)
        .map(|b| f64::from_le_bytes(b.try_into().unwrap()))
        .collect()
}

fn indices(file: &SafeTensors<'_>, name: &str) -> Vec<u32> {
    let data = file.tensor(name).expect(name);
    data.data()
        .chunks_exact(4)
        .map(|b| u32::try_from(i32::from_le_bytes(b.try_into().unwrap())).unwrap())
        .collect()
}

fn matrix(file: &SafeTensors<'_>, prefix: &str, n: usize) -> CsMatI<f64, u32> {
    TriMatI::from_triplets(
        (n, n),
        indices(file, &format!("{prefix}.row")),
        indices(file, &format!("{prefix}.col")),
        f64s(file, &format!("{prefix}.val")),
    )
    .to_csr()
}

/// Largest deviation, relative to the largest entry of the tensor.
fn check(path: &Path, prefix: &str) {
    let bytes = std::fs::read(path).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let expected = f64s(&file, "features");
    let a = matrix(&file, prefix, expected.len() / 8);
    let found: Vec<f64> = structural_features(a.view()).unwrap();
    assert_eq!(found.len(), expected.len());
    for (k, (x, y)) in found.iter().zip(&expected).enumerate() {
        assert!(
            (x - y).abs() <= 1e-12 * y.abs().max(1.0),
            "{}: row {}, feature {}: {x} against {y}",
            path.display(),
            k / 8,
            k % 8
        );
    }
    let single: Vec<f32> = structural_features(a.view()).unwrap();
    for (x, y) in single.iter().zip(&expected) {
        assert!((f64::from(*x) - y).abs() <= 1e-6 * y.abs().max(1.0));
    }
}

#[test]
fn every_system_of_the_data_folder() {
    let Ok(folder) = std::env::var("LA_DATA_DIR") else {
        println!("skipped: LA_DATA_DIR is not set");
        return;
    };
    let mut checked = 0;
    for (family, prefix) in [("neuralif", "a"), ("neuralif-gmres", "edge")] {
        let folder = Path::new(&folder).join("fixtures").join(family);
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.to_string_lossy().ends_with("_system.safetensors") {
                check(&path, prefix);
                checked += 1;
            }
        }
    }
    assert!(checked >= 4, "only {checked} systems found");
}
