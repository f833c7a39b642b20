//! Structural features against tables computed by an independent implementation.

use std::path::Path;

use la_graph::{Pattern, lower_triangle, structural_features, two_hop};
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

fn check(path: &Path, prefix: &str) {
    let bytes = std::fs::read(path).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let n = f64s(&file, "features").len() / 8;
    let a = matrix(&file, prefix, n);
    check_features(path, &a, &f64s(&file, "features"));
    if file.tensor("features_stored_only").is_ok() {
        let stored = file.tensor("edge.stored").unwrap().data().to_vec();
        let (mut rows, mut cols, mut values) = (Vec::new(), Vec::new(), Vec::new());
        let entries = indices(&file, "edge.row")
            .into_iter()
            .zip(indices(&file, "edge.col"));
        for ((entry, value), stored) in entries.zip(f64s(&file, "edge.val")).zip(stored) {
            if stored == 1 {
                rows.push(entry.0);
                cols.push(entry.1);
                values.push(value);
            }
        }
        let a = TriMatI::from_triplets((n, n), rows, cols, values).to_csr();
        check_features(path, &a, &f64s(&file, "features_stored_only"));
    }
    if file.tensor("l.row").is_ok() {
        let l = lower_triangle(a.view()).unwrap();
        let (rows, cols) = (indices(&file, "l.row"), indices(&file, "l.col"));
        let expected: Vec<_> = rows.into_iter().zip(cols).collect();
        assert_eq!(entries(&l), expected, "{}", path.display());
    }
}

fn entries(a: &CsMatI<f64, u32>) -> Vec<(u32, u32)> {
    let pattern = Pattern::borrow(a.view()).unwrap();
    pattern
        .entries()
        .map(|(i, j)| (i as u32, j as u32))
        .collect()
}

fn check_features(path: &Path, a: &CsMatI<f64, u32>, expected: &[f64]) {
    let found: Vec<f64> = structural_features(a.view()).unwrap();
    assert_eq!(found.len(), expected.len());
    for (k, (x, y)) in found.iter().zip(expected).enumerate() {
        assert!(
            (x - y).abs() <= 1e-12 * y.abs().max(1.0),
            "{}: row {}, feature {}: {x} against {y}",
            path.display(),
            k / 8,
            k % 8
        );
    }
    let single: Vec<f32> = structural_features(a.view()).unwrap();
    for (x, y) in single.iter().zip(expected) {
        assert!((f64::from(*x) - y).abs() <= 1e-6 * y.abs().max(1.0));
    }
}

#[test]
fn bundled_systems() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    check(&folder.join("n12_system.safetensors"), "a");
    check(&folder.join("hand12_system.safetensors"), "edge");
}

#[test]
fn two_hop_patterns_of_the_data_folder() {
    let Ok(folder) = std::env::var("LA_DATA_DIR") else {
        println!("skipped: LA_DATA_DIR is not set");
        return;
    };
    let folder = Path::new(&folder).join("fixtures/neuralif");
    for (name, n) in [("n12", 12), ("n60", 60)] {
        let system = std::fs::read(folder.join(format!("{name}_system.safetensors"))).unwrap();
        let a = matrix(&SafeTensors::deserialize(&system).unwrap(), "a", n);
        let run = std::fs::read(folder.join(format!("{name}_gn_tanh_twohop.safetensors"))).unwrap();
        let run = SafeTensors::deserialize(&run).unwrap();
        let relaxed = lower_triangle(two_hop(a.view()).unwrap().view()).unwrap();
        let (rows, cols) = (indices(&run, "l.row"), indices(&run, "l.col"));
        let expected: Vec<_> = rows.into_iter().zip(cols).collect();
        assert_eq!(entries(&relaxed), expected, "{name}");
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
