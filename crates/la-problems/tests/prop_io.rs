//! Round trips, and readers fed with mutated bytes.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use la_problems::CsrMatrix;
use la_problems::io::{
    MatrixFile, ReadError, ReadOptions, Symmetry, read_harwell_boeing, read_matrix,
    read_matrix_market, read_matrix_market_dense, write_matrix_market, write_matrix_market_dense,
};
use proptest::prelude::*;

/// Any finite number, extreme exponents and subnormals included.
fn finite() -> impl Strategy<Value = f64> {
    any::<u64>()
        .prop_map(f64::from_bits)
        .prop_filter("finite", |x| x.is_finite())
}

/// A matrix from entries at unique positions.
fn matrix(rows: usize, cols: usize, entries: &[(u32, u32, f64)]) -> CsrMatrix {
    let mut entries = entries.to_vec();
    entries.sort_by_key(|&(i, j, _)| (i, j));
    entries.dedup_by_key(|&mut (i, j, _)| (i, j));
    let mut pointers = vec![0_u32; rows + 1];
    for &(i, _, _) in &entries {
        pointers[i as usize + 1] += 1;
    }
    for i in 0..rows {
        pointers[i + 1] += pointers[i];
    }
    let indices = entries.iter().map(|e| e.1).collect();
    let data = entries.iter().map(|e| e.2).collect();
    CsrMatrix::new((rows, cols), pointers, indices, data)
}

fn any_matrix(square: bool) -> impl Strategy<Value = (usize, usize, Vec<(u32, u32, f64)>)> {
    (1_usize..12, 1_usize..12).prop_flat_map(move |(rows, cols)| {
        let cols = if square { rows } else { cols };
        let entry = (0..rows as u32, 0..cols as u32, finite());
        (Just(rows), Just(cols), prop::collection::vec(entry, 0..40))
    })
}

fn bits(matrix: &CsrMatrix) -> Vec<u64> {
    matrix.data().iter().map(|v| v.to_bits()).collect()
}

fn write(matrix: &CsrMatrix, symmetry: Symmetry) -> Vec<u8> {
    let mut text = Vec::new();
    write_matrix_market(&mut text, matrix.view(), symmetry).expect("the matrix can be written");
    text
}

fn mirrored(entries: &[(u32, u32, f64)], sign: f64) -> Vec<(u32, u32, f64)> {
    let lower = entries
        .iter()
        .filter(|e| e.0 > e.1 || (e.0 == e.1 && sign > 0.0));
    let mut unique: Vec<_> = lower.copied().collect();
    unique.sort_by_key(|&(i, j, _)| (i, j));
    unique.dedup_by_key(|&mut (i, j, _)| (i, j));
    let upper: Vec<_> = unique
        .iter()
        .map(|&(i, j, v)| (j, i, if i == j { v } else { sign * v }))
        .collect();
    unique.into_iter().chain(upper).collect()
}

proptest! {
    #[test]
    fn general_matrices_come_back_bit_by_bit((rows, cols, entries) in any_matrix(false)) {
        let a = matrix(rows, cols, &entries);
        let text = write(&a, Symmetry::General);
        let back = read_matrix_market(text.as_slice(), &ReadOptions::default()).unwrap().matrix;
        prop_assert!(back.indptr() == a.indptr());
        prop_assert_eq!(back.indices(), a.indices());
        prop_assert_eq!(bits(&back), bits(&a));
        prop_assert_eq!(back.shape(), a.shape());
    }

    #[test]
    fn symmetric_storage_comes_back((n, _, entries) in any_matrix(true)) {
        for (symmetry, sign) in [(Symmetry::Symmetric, 1.0), (Symmetry::SkewSymmetric, -1.0)] {
            let a = matrix(n, n, &mirrored(&entries, sign));
            let text = write(&a, symmetry);
            let file = read_matrix_market(text.as_slice(), &ReadOptions::default()).unwrap();
            prop_assert_eq!(file.info.symmetry, symmetry);
            prop_assert_eq!(&file.matrix, &a);
        }
    }

    #[test]
    fn order_of_entries_does_not_matter(
        (rows, cols, entries) in any_matrix(false), seed in any::<u64>(),
    ) {
        let a = matrix(rows, cols, &entries);
        let text = String::from_utf8(write(&a, Symmetry::General)).unwrap();
        let mut lines: Vec<&str> = text.lines().collect();
        lines[2..].sort_by_key(|line| line.bytes().fold(seed, |h, b| (h ^ u64::from(b)).wrapping_mul(0x100000001b3)));
        let shuffled = lines.join("\n");
        let back = read_matrix_market(shuffled.as_bytes(), &ReadOptions::default()).unwrap().matrix;
        prop_assert_eq!(back, a);
    }

    #[test]
    fn dense_columns_come_back(values in prop::collection::vec(finite(), 1..30)) {
        let mut text = Vec::new();
        write_matrix_market_dense(&mut text, &values, 1).unwrap();
        let back = read_matrix_market_dense(text.as_slice(), &ReadOptions::default()).unwrap();
        // A matrix in between does not store zeros, so -0 comes back as 0: compare as numbers.
        prop_assert_eq!(back.values, values);
    }
}

const MATRIX_MARKET: [&str; 4] = [
    "%%MatrixMarket matrix coordinate real symmetric\n% c\n3 3 4\n1 1 2.5\n2 1 -1D0\n2 2 2.0\n3 3 1\n",
    "%%MatrixMarket matrix array real general\n2 2\n1\n2\n3\n4\n",
    "%%MatrixMarket matrix coordinate pattern skew-symmetric\n3 3 2\n2 1\n3 1\n",
    "%%MatrixMarket matrix coordinate integer general\n2 4 2\n1 4 17\n2 1 -3\n",
];
const HARWELL_BOEING: [&str; 3] = [
    include_str!("data/good/symmetric.rsa"),
    include_str!("data/good/unsymmetric.rua"),
    include_str!("data/good/rutherford.rb"),
];

/// Overwrites, inserts, removes or cuts.
#[derive(Debug, Clone)]
enum Mutation {
    Set(usize, u8),
    Insert(usize, u8),
    Remove(usize, usize),
    Repeat(usize, usize),
    Cut(usize),
}

fn mutations() -> impl Strategy<Value = Vec<Mutation>> {
    let byte = || {
        prop_oneof![
            any::<u8>(),
            prop::sample::select(b"0123456789 \n\t-+.,%eEDI()PRSUZA".to_vec())
        ]
    };
    let at = || any::<u16>().prop_map(usize::from);
    let one = prop_oneof![
        4 => (at(), byte()).prop_map(|(i, b)| Mutation::Set(i, b)),
        3 => (at(), byte()).prop_map(|(i, b)| Mutation::Insert(i, b)),
        2 => (at(), 1_usize..20).prop_map(|(i, n)| Mutation::Remove(i, n)),
        2 => (at(), 1_usize..40).prop_map(|(i, n)| Mutation::Repeat(i, n)),
        1 => at().prop_map(Mutation::Cut),
    ];
    prop::collection::vec(one, 1..6)
}

fn mutate(bytes: &[u8], mutations: &[Mutation]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for mutation in mutations {
        let len = bytes.len();
        if len == 0 {
            break;
        }
        match *mutation {
            Mutation::Set(i, b) => bytes[i % len] = b,
            Mutation::Insert(i, b) => bytes.insert(i % len, b),
            Mutation::Remove(i, n) => drop(bytes.drain(i % len..(i % len + n).min(len))),
            Mutation::Repeat(i, n) => {
                let part = bytes[i % len..(i % len + n).min(len)].to_vec();
                bytes.splice(i % len..i % len, part);
            }
            Mutation::Cut(i) => bytes.truncate(i % len),
        }
    }
    bytes
}

/// Whatever is read must be sound; whatever is not must say something.
fn check(result: Result<MatrixFile, ReadError>) {
    match result {
        Ok(file) => {
            file.matrix
                .check_compressed_structure()
                .expect("sorted, unique indices in range");
            assert!(file.matrix.data().iter().all(|v| v.is_finite()));
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("writing to memory");
    encoder.finish().expect("writing to memory")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn mutated_matrix_market_never_panics(which in 0..4_usize, mutations in mutations()) {
        let bytes = mutate(MATRIX_MARKET[which].as_bytes(), &mutations);
        // A small limit keeps memory small when a mutation makes a dimension large.
        let options = ReadOptions::default().with_max_dimension(1 << 16);
        check(read_matrix_market(bytes.as_slice(), &options));
        if let Err(error) = read_matrix_market_dense(bytes.as_slice(), &options) {
            prop_assert!(!error.to_string().is_empty());
        }
    }

    #[test]
    fn mutated_harwell_boeing_never_panics(which in 0..3_usize, mutations in mutations()) {
        let bytes = mutate(HARWELL_BOEING[which].as_bytes(), &mutations);
        let options = ReadOptions::default().with_max_dimension(1 << 16);
        check(read_harwell_boeing(bytes.as_slice(), &options));
    }

    #[test]
    fn mutated_gzip_never_panics(which in 0..4_usize, mutations in mutations()) {
        let bytes = mutate(&gzip(MATRIX_MARKET[which].as_bytes()), &mutations);
        let options = ReadOptions::default().with_max_dimension(1 << 16);
        check(read_matrix_market(bytes.as_slice(), &options));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn format_detection_never_panics(which in 0..7_usize, mutations in mutations()) {
        let sources = MATRIX_MARKET.iter().chain(&HARWELL_BOEING);
        let text = sources.clone().nth(which).expect("seven sources");
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), mutate(text.as_bytes(), &mutations)).unwrap();
        check(read_matrix(file.path(), &ReadOptions::default().with_max_dimension(1 << 16)));
    }
}
