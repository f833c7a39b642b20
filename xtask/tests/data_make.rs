//! `data make`, as other programs see it.
#![cfg(feature = "runner")]

use std::fs;
use std::path::Path;

use assert_cmd::Command;

fn make(output: &Path) -> std::process::Output {
    Command::cargo_bin("runner")
        .unwrap()
        .args(["data", "make", "mpgnn-limits", "--output"])
        .arg(output)
        .args([
            "--n",
            "8",
            "--train",
            "3",
            "--validation",
            "2",
            "--test",
            "2",
            "--sparse",
            "2",
        ])
        .output()
        .unwrap()
}

/// Shape and values of a NumPy file of 64-bit floats.
fn array(path: &Path) -> (String, Vec<f64>) {
    let bytes = fs::read(path).unwrap();
    let header = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let text = String::from_utf8_lossy(&bytes[10..header]).into_owned();
    let values = bytes[header..].chunks_exact(8);
    let values = values
        .map(|b| f64::from_le_bytes(b.try_into().unwrap()))
        .collect();
    (text, values)
}

#[test]
fn a_folder_that_explains_itself() {
    let temp = tempfile::tempdir().unwrap();
    let (first, second) = (temp.path().join("a"), temp.path().join("b"));
    for folder in [&first, &second] {
        let output = make(folder);
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    // The same bytes again, as the checksums say.
    let sums = fs::read_to_string(first.join("checksums.sha256")).unwrap();
    assert_eq!(
        sums,
        fs::read_to_string(second.join("checksums.sha256")).unwrap()
    );
    for line in sums.lines() {
        let (sum, name) = line.split_once("  ").unwrap();
        assert!(sum.len() == 64 && first.join(name).is_file(), "{name}");
    }
    assert!(
        fs::read_to_string(first.join("README.md"))
            .unwrap()
            .contains("2502.01397")
    );
    // L Lᵀ = A, read without our code.
    for law in ["half-normal", "uniform", "switch"] {
        let read =
            |part: &str| array(&first.join(format!("tridiagonal/{law}-n8/train-{part}.npy")));
        let ((shape, a), (_, b)) = (read("a-diagonal"), read("a-below"));
        let ((_, l), (_, m)) = (read("l-diagonal"), read("l-below"));
        assert!(shape.contains("(3, 8)") && a.len() == 24 && b.len() == 21);
        for k in 0..3 {
            for i in 0..8 {
                let left = if i > 0 { m[7 * k + i - 1] } else { 0.0 };
                let diagonal = l[8 * k + i] * l[8 * k + i] + left * left;
                assert!((diagonal / a[8 * k + i] - 1.0).abs() < 1e-13);
                if i > 0 {
                    let below = left * l[8 * k + i - 1];
                    assert!((below / b[7 * k + i - 1] - 1.0).abs() < 1e-13);
                }
            }
        }
    }
    let table = fs::read_to_string(first.join("sparse/gram-n250/index.csv")).unwrap();
    assert_eq!(table.lines().count(), 3);
    // What is there is not written over.
    let again = make(&first);
    assert_eq!(again.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&again.stderr).contains("is not empty"));
}
