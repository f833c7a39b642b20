//! Results: what is written is what was measured, and what is read is checked.
#![cfg(feature = "runner")]

use std::path::PathBuf;

use proptest::prelude::*;
use xtask::report::{
    Centre, Environment, Key, Measurement, Reference, ReportError, Results, TABLE_WIDTH, Tolerance,
    Unit, Verdict, table,
};

fn empty() -> Results {
    let mut environment =
        Environment::capture("/nonexistent".as_ref(), 2, Some("2.11.0".to_owned()));
    environment.commit = "0123456789abcdef0123456789abcdef01234567".to_owned();
    environment.cpu = "Example CPU @ 2.50GHz".to_owned();
    environment.started = "2026-03-01T12:34:56Z".to_owned();
    environment.seconds = 412.0;
    Results::new("neuralif", "quick", 0, "cpu", environment)
}

fn filled() -> Result<Results, ReportError> {
    let mut results = empty();
    let on = |problem: &str, method: &str, quantity: &str| Key::new(problem, method, quantity);
    let band = |paper| {
        Reference::new(
            paper,
            "independent runs, mean of 5",
            Tolerance::Relative(0.02),
        )
    };
    let large = "synthetic-n10000";
    results.push(
        Measurement::from_samples(
            on(large, "none", "iterations@1e-3"),
            Unit::Iterations,
            &[910.0, 922.0, 917.5],
            Centre::Mean,
        )?
        .compare(band(917.0)?),
    )?;
    results.push(
        Measurement::from_samples(
            on(large, "ic0", "iterations@1e-3"),
            Unit::Iterations,
            &[270.0, 266.0, 281.0, 275.0],
            Centre::Mean,
        )?
        .compare(band(258.0)?),
    )?;
    results.push(
        Measurement::from_value(
            on(large, "neuralif", "total-time-ratio"),
            Unit::Ratio,
            0.9012345,
        )?
        .compare(Reference::new(
            0.85,
            "poster, strip plot",
            Tolerance::AtMost(1.05),
        )?),
    )?;
    results.push(
        Measurement::failed(on(large, "ict", "iterations@1e-3"), Unit::Iterations)?
            .compare(band(200.0)?),
    )?;
    results.push(Measurement::from_samples(
        on(
            "poisson",
            "neuralif-with-a-long-variant-name",
            "setup-seconds",
        ),
        Unit::Seconds,
        &[3.8e-5, 4.2e-5, 4.0e-5],
        Centre::Median,
    )?)?;
    results.push(
        Measurement::from_value(on("network", "neuralif", "parameters"), Unit::Count, 1870.0)?
            .compare(Reference::new(
                1870.0,
                "section 4",
                Tolerance::Relative(0.0),
            )?),
    )?;
    results.push(
        Measurement::from_value(
            on("network", "neuralif", "speedup-over-training"),
            Unit::Dimensionless,
            3.25e11,
        )?
        .compare(Reference::new(2.0, "Figure 3", Tolerance::AtLeast(1.0))?),
    )?;
    Ok(results)
}

#[test]
fn schema_is_the_documented_one() -> Result<(), ReportError> {
    insta::assert_snapshot!(filled()?.to_json()?);
    Ok(())
}

#[test]
fn table_is_readable() -> Result<(), ReportError> {
    insta::assert_snapshot!(table(&filled()?));
    insta::assert_snapshot!("table_empty", table(&empty()));
    Ok(())
}

#[test]
fn a_round_trip_changes_nothing() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("deep/results.json");
    for results in [filled()?, empty()] {
        results.write(&path)?;
        assert_eq!(Results::read(&path)?, results);
    }
    Ok(())
}

#[test]
fn verdicts_are_counted() -> Result<(), ReportError> {
    let results = filled()?;
    assert_eq!(results.count(Verdict::Met), 4);
    assert_eq!(results.count(Verdict::NotMet), 2);
    assert_eq!(results.count(Verdict::NoReference), 1);
    assert!(results.has_unmet());
    assert!(!empty().has_unmet());
    Ok(())
}

#[test]
fn a_measurement_is_recorded_once_and_in_one_unit() -> Result<(), ReportError> {
    let mut results = filled()?;
    let again = Measurement::from_value(
        Key::new("network", "neuralif", "parameters"),
        Unit::Count,
        1.0,
    )?;
    assert_eq!(
        results.push(again).unwrap_err().to_string(),
        "network / neuralif / parameters: recorded twice"
    );
    let other =
        Measurement::from_value(Key::new("network", "other", "parameters"), Unit::Bytes, 1.0)?;
    assert_eq!(
        results.push(other).unwrap_err().to_string(),
        "network / other / parameters: unit is bytes but must be count"
    );
    Ok(())
}

#[test]
fn what_json_cannot_hold_is_not_written() -> Result<(), Box<dyn std::error::Error>> {
    let mut results = filled()?;
    results.environment.seconds = f64::NAN;
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("results.json");
    assert!(matches!(
        results.write(&path),
        Err(ReportError::NotFinite { .. })
    ));
    assert!(!path.exists());
    results.environment.seconds = 1.0;
    results.measurements[0].value = Some(f64::INFINITY);
    assert!(matches!(
        results.write(&path),
        Err(ReportError::NotFinite { .. })
    ));
    Ok(())
}

#[test]
fn bad_files_are_refused() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let path: PathBuf = folder.path().join("results.json");
    let good = filled()?.to_json()?;
    let read = |text: &str| -> Result<ReportError, Box<dyn std::error::Error>> {
        std::fs::write(&path, text)?;
        Ok(Results::read(&path).unwrap_err())
    };
    let newer = read(&good.replace("\"schema\": 1", "\"schema\": 2"))?;
    assert!(
        matches!(newer, ReportError::Schema { found: 2, .. }),
        "{newer}"
    );
    for (from, to) in [
        ("\"unit\": \"count\"", "\"unit\": \"furlongs\""),
        ("\"profile\"", "\"profil\""),
        ("\"value\": 1870.0", "\"value\": 1e999"),
        ("\"verdict\": \"met\"", "\"verdict\": \"perfect\""),
    ] {
        assert!(good.contains(from), "{from}");
        let error = read(&good.replace(from, to))?;
        assert!(matches!(error, ReportError::Json { .. }), "{from}: {error}");
    }
    let error = read(&good[..good.len() / 2])?;
    assert!(matches!(error, ReportError::Json { .. }), "{error}");
    let forged = read(&good.replace("\"verdict\": \"not met\"", "\"verdict\": \"met\""))?;
    assert!(
        matches!(forged, ReportError::WrongVerdict { .. }),
        "{forged}"
    );
    std::fs::remove_file(&path)?;
    let error = Results::read(&path).unwrap_err();
    assert!(
        matches!(error, ReportError::Io { action: "read", .. }),
        "{error}"
    );
    Ok(())
}

proptest! {
    #[test]
    fn floats_are_exact(value in any::<f64>().prop_filter("finite", |v| v.is_finite())) {
        let mut results = empty();
        let key = Key::new("p", "m", "loss");
        results.push(Measurement::from_value(key, Unit::Dimensionless, value).unwrap()).unwrap();
        let back: Results = serde_json::from_str(&results.to_json().unwrap()).unwrap();
        prop_assert_eq!(back.measurements[0].value.map(f64::to_bits), Some(value.to_bits()));
    }

    #[test]
    fn table_fits_whatever_the_names(
        problem in "[^\\s].{0,150}", method in "[a-z].{0,60}", quantity in "[a-z].{0,60}",
        value in any::<f64>().prop_filter("finite", |v| v.is_finite()), paper in -1e300..1e300_f64, band in 0.0..1e300_f64,
    ) {
        let mut results = empty();
        let key = Key::new(problem, method, quantity);
        if let Ok(m) = Measurement::from_samples(key, Unit::Dimensionless, &[value, 1.5], Centre::Median) {
            let m = m.compare(Reference::new(paper, "s", Tolerance::Relative(band)).unwrap());
            results.push(m).unwrap();
        }
        for line in table(&results).lines() {
            prop_assert!(line.chars().count() <= TABLE_WIDTH, "{line}");
        }
    }
}
