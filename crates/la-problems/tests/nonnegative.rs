//! Matrices for nonnegative factorisation: their laws, and the data folder.

use la_problems::nmf::{FactorLaw, SizeLaw, SyntheticFactors, ValidationSize};

fn moments(values: &[f64]) -> (f64, f64) {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let square = values.iter().map(|x| (x - mean).powi(2)).sum::<f64>();
    (mean, square / values.len() as f64)
}

#[test]
fn entries_have_mean_one_and_the_variance_of_the_law() {
    // Exponential: r ((2/r)² − (1/r)²) = 3 / r. Uniform: r ((4/3r)² − 1/r²) = 7 / (9 r).
    for (law, expected) in [
        (FactorLaw::Exponential, 0.3),
        (FactorLaw::Uniform, 7.0 / 90.0),
    ] {
        let law = SyntheticFactors::default().with_law(law);
        let sample = law.generate(1500, 1500, 1).unwrap();
        let (mean, variance) = moments(&sample.values);
        // Rows share factors: the standard error is that of some thousand draws.
        assert!((mean - 1.0).abs() < 0.04, "{mean}");
        assert!((variance / expected - 1.0).abs() < 0.15, "{variance}");
    }
}

#[test]
fn noise_is_clamped_and_of_its_size() {
    let sample = SyntheticFactors::default()
        .with_sigma(0.5)
        .generate(200, 200, 3)
        .unwrap();
    let clean = SyntheticFactors::default().generate(200, 200, 3).unwrap();
    assert_eq!((&sample.w, &sample.h), (&clean.w, &clean.h));
    assert!(sample.values.iter().all(|&v| v >= 0.0));
    let noise = sample
        .values
        .iter()
        .zip(&clean.values)
        .filter(|(v, _)| **v > 0.0);
    let noise: Vec<f64> = noise.map(|(v, c)| v - c).collect();
    let (_, variance) = moments(&noise);
    assert!((variance.sqrt() / 0.5 - 1.0).abs() < 0.1, "{variance}");
}

#[test]
fn sizes_are_those_of_the_table() {
    assert_eq!(SizeLaw.count(), 15_000);
    let groups = [
        (0..10_000, [10, 35], [10, 35]),
        (10_000..12_000, [30, 70], [30, 70]),
        (12_000..13_500, [30, 100], [10, 35]),
        (13_500..15_000, [10, 35], [30, 100]),
    ];
    for (indices, rows, columns) in groups {
        let sizes: Vec<(usize, usize)> = indices.map(|k| SizeLaw.size(k, 0)).collect();
        let range = |f: fn(&(usize, usize)) -> usize| {
            [
                sizes.iter().map(f).min().unwrap(),
                sizes.iter().map(f).max().unwrap(),
            ]
        };
        // Both ends appear.
        assert_eq!(range(|s| s.0), rows);
        assert_eq!(range(|s| s.1), columns);
    }
}

#[test]
fn the_same_seed_gives_the_same_matrices() {
    for set in [ValidationSize::Small, ValidationSize::Large] {
        let (a, b, c) = (
            set.generate(5).unwrap(),
            set.generate(5).unwrap(),
            set.generate(6).unwrap(),
        );
        assert_eq!(a, b);
        assert_ne!(a[0].values, c[0].values);
        assert_ne!(a[0].w[0], a[1].w[0]);
    }
    assert_eq!(
        SizeLaw.sample(77, 1).unwrap(),
        SizeLaw.sample(77, 1).unwrap()
    );
    assert_ne!(
        SizeLaw.sample(77, 1).unwrap().w,
        SizeLaw.sample(78, 1).unwrap().w
    );
    let large = ValidationSize::Large.generate(0).unwrap();
    assert!(
        large
            .iter()
            .all(|s| (50..=200).contains(&s.rows) && (50..=200).contains(&s.columns))
    );
}

#[test]
fn bad_options_have_names() {
    let bad = [
        SyntheticFactors::default().with_rank(0).generate(2, 2, 0),
        SyntheticFactors::default()
            .with_sigma(f64::NAN)
            .generate(2, 2, 0),
        SyntheticFactors::default().generate(0, 2, 0),
        SyntheticFactors::default().generate(2, 0, 0),
    ];
    let names = ["rank", "sigma", "rows", "columns"];
    for (result, name) in bad.into_iter().zip(names) {
        assert!(result.unwrap_err().to_string().contains(name));
    }
}

#[cfg(feature = "npz")]
mod folder {
    use la_problems::nmf::{NonnegativeSet, reuters};

    fn folder() -> Option<String> {
        let folder = std::env::var("LA_DATA_DIR")
            .ok()
            .map(|f| format!("{f}/nmf"));
        if folder.is_none() {
            println!("skipped: LA_DATA_DIR is not set");
        }
        folder
    }

    #[test]
    fn sets_have_their_shapes_and_means() {
        let Some(folder) = folder() else { return };
        let known = [(4096, 165, 96.720), (10_000, 198, 1194.143)];
        for (set, (rows, columns, mean)) in NonnegativeSet::ALL.into_iter().zip(known) {
            let (data, found) = set.read(&folder).unwrap().scaled();
            assert_eq!((data.rows, data.columns), (rows, columns));
            assert!((found - mean).abs() < 5e-4, "{found}");
            let sum: f64 = data.values.iter().sum();
            assert!((sum / data.values.len() as f64 - 1.0).abs() < 1e-12);
        }
        for set in NonnegativeSet::ALL {
            let data = set.read(&folder).unwrap();
            assert_eq!(data.values.len(), data.rows * data.columns);
            assert!(data.values.iter().all(|&v| v >= 0.0));
            if let Some((height, width, _)) = data.picture {
                assert_eq!(height * width, data.rows);
            }
        }
    }

    #[test]
    fn pixels_of_yale_stand_by_columns() {
        let Some(folder) = folder() else { return };
        let yale = NonnegativeSet::Yale.read(&folder).unwrap();
        let numbers: Vec<f64> = (0..4096).map(f64::from).collect();
        let lines = yale.lines(&numbers).unwrap();
        // Pixel p is at row p mod 64, column p div 64.
        assert_eq!((lines[1], lines[64]), (64.0, 1.0));
        assert!(yale.lines(&numbers[1..]).is_none());
    }

    #[test]
    fn texts_are_sparse() {
        let Some(folder) = folder() else { return };
        let counts = reuters(&folder).unwrap();
        assert_eq!(
            (counts.rows(), counts.cols(), counts.nnz()),
            (8293, 8450, 362_529)
        );
        assert!(counts.data().iter().all(|&c| c >= 1.0));
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let error = NonnegativeSet::Yale.read("nowhere").unwrap_err();
        assert!(error.to_string().contains("yale_64x64_u8.npy"));
    }
}
