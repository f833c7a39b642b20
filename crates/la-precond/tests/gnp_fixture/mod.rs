//! Reads the reference data of graph neural preconditioners (`LA_DATA_DIR/fixtures/gnp`) and real matrices.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::path::PathBuf;

use la_precond::sprs::TriMatI;
use safetensors::SafeTensors;

use crate::common::Csr;

/// The folder of the test data, or `None` with a printed line.
pub(crate) fn data() -> Option<PathBuf> {
    let root = std::env::var_os("LA_DATA_DIR").map(PathBuf::from);
    if root.is_none() {
        println!("skipped: LA_DATA_DIR is not set");
    }
    root
}

/// A file of tensors.
pub(crate) struct Fixture(Vec<u8>);

impl Fixture {
    /// The file of this name, or `None` with a printed line where there is no data.
    pub(crate) fn read(name: &str) -> Option<Self> {
        let path = data()?.join(format!("fixtures/gnp/{name}.safetensors"));
        Some(Self(
            std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display())),
        ))
    }

    pub(crate) fn tensors(&self) -> SafeTensors<'_> {
        SafeTensors::deserialize(&self.0).expect("the file is readable")
    }

    /// Values of a tensor, `f64` or `f32`, row-major.
    pub(crate) fn doubles(&self, name: &str) -> Vec<f64> {
        let file = self.tensors();
        let tensor = file.tensor(name).unwrap_or_else(|e| panic!("{name}: {e}"));
        let data = tensor.data();
        match tensor.dtype() {
            safetensors::Dtype::F64 => data
                .chunks_exact(8)
                .map(|c| f64::from_le_bytes(c.try_into().expect("eight bytes")))
                .collect(),
            safetensors::Dtype::F32 => data
                .chunks_exact(4)
                .map(|c| f64::from(f32::from_le_bytes(c.try_into().expect("four bytes"))))
                .collect(),
            other => panic!("{name} has type {other:?}"),
        }
    }

    fn integers(&self, name: &str) -> Vec<usize> {
        let file = self.tensors();
        let tensor = file.tensor(name).unwrap_or_else(|e| panic!("{name}: {e}"));
        let data = tensor.data();
        match tensor.dtype() {
            safetensors::Dtype::I64 => data
                .chunks_exact(8)
                .map(|c| i64::from_le_bytes(c.try_into().expect("eight bytes")) as usize)
                .collect(),
            _ => data
                .chunks_exact(4)
                .map(|c| i32::from_le_bytes(c.try_into().expect("four bytes")) as usize)
                .collect(),
        }
    }

    /// The matrix `a.row`, `a.col`, `a.val`.
    pub(crate) fn matrix(&self) -> Csr {
        let (rows, cols) = (self.integers("a.row"), self.integers("a.col"));
        let n = rows.iter().max().expect("entries") + 1;
        let mut t = TriMatI::new((n, n));
        for ((i, j), value) in rows.into_iter().zip(cols).zip(self.doubles("a.val")) {
            t.add_triplet(i, j, value);
        }
        t.to_csr()
    }
}
