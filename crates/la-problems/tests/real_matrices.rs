//! Every real matrix of the collection in `LA_DATA_DIR` is read and compared with its manifest.

use std::path::PathBuf;

use la_problems::io::{ReadOptions, Symmetry, read_matrix};

/// Cuts a line of comma-separated values with quoted fields.
fn cut(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut quoted = false;
    for c in line.chars() {
        match c {
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(String::new()),
            _ => fields.last_mut().expect("never empty").push(c),
        }
    }
    fields
}

#[test]
fn every_file_agrees_with_the_manifest() {
    let Some(root) = std::env::var_os("LA_DATA_DIR").map(|dir| PathBuf::from(dir).join("matrices"))
    else {
        eprintln!("skipped: LA_DATA_DIR is not set");
        return;
    };
    let manifest =
        std::fs::read_to_string(root.join("manifest.csv")).expect("manifest.csv is readable");
    let mut lines = manifest.lines();
    let header = cut(lines.next().expect("the manifest has a header"));
    let column = |name: &str| {
        header
            .iter()
            .position(|h| h == name)
            .expect("column is in the manifest")
    };
    let (name, n, nnz) = (column("name"), column("n"), column("nnz"));
    let (symmetric, file) = (column("symmetric"), column("file"));
    let mut read = 0;
    for line in lines {
        let row = cut(line);
        let matrix = read_matrix(root.join(&row[file]), &ReadOptions::default())
            .unwrap_or_else(|error| panic!("{}: {error}", row[name]));
        assert_eq!(matrix.matrix.rows().to_string(), row[n], "{}", row[name]);
        assert_eq!(matrix.matrix.cols().to_string(), row[n], "{}", row[name]);
        assert_eq!(matrix.matrix.nnz().to_string(), row[nnz], "{}", row[name]);
        assert_eq!(
            matrix.info.symmetry == Symmetry::Symmetric,
            row[symmetric] == "yes",
            "{}",
            row[name]
        );
        let same = matrix.matrix == matrix.matrix.transpose_view().to_csr();
        assert_eq!(same, row[symmetric] == "yes", "{}", row[name]);
        assert!(matrix.info.compressed);
        read += 1;
    }
    assert!(read > 100, "only {read} matrices in the manifest");
}
