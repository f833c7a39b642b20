//! Figures and the page: well-formed, escaped, and calm about strange data.
#![cfg(feature = "runner")]

use std::error::Error;
use std::path::Path;

use proptest::prelude::*;
use xtask::report::figure::{
    Abscissa, BoxPlot, BoxSample, Convergence, History, Palette, RatioPlot, RatioPoint, Scatter,
    ScatterSeries, Svg, TrainingCurve,
};
use xtask::report::{
    Centre, Control, Environment, Figure, Key, Measurement, Page, Reference, ReportError, Results,
    Tolerance, Unit, write_folder,
};

const METHODS: [&str; 5] = ["none", "jacobi", "ic0", "neuralif", "neuralif-sp"];

fn palette() -> Palette {
    Palette::new(METHODS)
}

/// Every kind of figure over the same numbers.
fn all_figures(values: &[f64], name: &str) -> Result<Vec<Svg>, ReportError> {
    let pairs: Vec<(f64, f64)> = values
        .iter()
        .enumerate()
        .map(|(i, &v)| (i as f64, v))
        .collect();
    let swapped: Vec<(f64, f64)> = pairs.iter().map(|&(x, y)| (y, x)).collect();
    let (title, method) = (name.to_owned(), name.to_owned());
    let mut svgs = Vec::new();
    for points in [&pairs, &swapped] {
        let histories = vec![History {
            method: method.clone(),
            points: points.clone(),
        }];
        let plot = Convergence {
            title: title.clone(),
            abscissa: Abscissa::Seconds,
            histories,
        };
        svgs.push(plot.draw(&palette())?);
        let series = vec![ScatterSeries {
            method: method.clone(),
            points: points.clone(),
        }];
        let plot = Scatter {
            title: title.clone(),
            x: title.clone(),
            y: title.clone(),
            series,
        };
        svgs.push(plot.draw(&palette())?);
        let plot = TrainingCurve {
            title: title.clone(),
            method: method.clone(),
            loss: values.to_vec(),
            validation: points.clone(),
            baseline: values.first().map(|&v| (method.clone(), v)),
        };
        svgs.push(plot.draw(&palette())?);
    }
    let samples = vec![BoxSample {
        method: method.clone(),
        values: values.to_vec(),
    }];
    svgs.push(
        BoxPlot {
            title: title.clone(),
            axis: title.clone(),
            samples,
        }
        .draw(&palette())?,
    );
    let points = values
        .iter()
        .map(|&ratio| RatioPoint {
            problem: title.clone(),
            method: method.clone(),
            ratio,
            quartiles: Some((ratio, values[0])),
            paper: Some(ratio),
        })
        .collect();
    svgs.push(
        RatioPlot {
            title: title.clone(),
            axis: title.clone(),
            points,
        }
        .draw(&palette())?,
    );
    Ok(svgs)
}

/// Parses a picture and checks that the ends of all coordinates stand inside it.
fn check_picture(svg: &Svg) {
    let text = svg.to_document();
    let document = roxmltree::Document::parse(&text).expect("well-formed");
    let number = |node: &roxmltree::Node<'_, '_>, name: &str| -> f64 {
        node.attribute(name)
            .and_then(|v| v.parse().ok())
            .expect("a finite number")
    };
    let size = document
        .root_element()
        .attribute("viewBox")
        .expect("viewBox");
    let size: Vec<f64> = size
        .split(' ')
        .map(|v| v.parse().expect("number"))
        .collect();
    for node in document
        .descendants()
        .filter(|n| n.has_tag_name(("http://www.w3.org/2000/svg", "text")))
    {
        let (x, y) = (number(&node, "x"), number(&node, "y"));
        assert!(
            (0.0..=size[2]).contains(&x) && (0.0..=size[3]).contains(&y),
            "{node:?} outside {size:?}"
        );
    }
    for node in document
        .descendants()
        .filter(|n| n.is_element() && n.tag_name().name() == "polyline")
    {
        for point in node.attribute("points").unwrap_or("").split_whitespace() {
            let (x, y) = point.split_once(',').expect("pair");
            let (x, y): (f64, f64) = (x.parse().expect("x"), y.parse().expect("y"));
            assert!(
                (-9.0..=size[2] + 9.0).contains(&x) && (-9.0..=size[3] + 9.0).contains(&y),
                "{point} {size:?}"
            );
        }
    }
    assert!(!text.contains("NaN") && !text.contains("inf\""), "{text}");
}

#[test]
fn strange_data_draws_a_picture() -> Result<(), ReportError> {
    let cases: [&[f64]; 10] = [
        &[],
        &[1.0],
        &[0.0, 0.0, 0.0],
        &[f64::NAN, f64::INFINITY, -1.0],
        &[1.0, f64::NAN, 1e-3],
        &[5e-324, 1e-300],
        &[f64::MAX, f64::MAX],
        &[f64::MAX, f64::MIN, 5e-324],
        &[1e-12, 1.0, 1e12],
        &[0.5; 3000],
    ];
    for values in cases {
        for svg in all_figures(values, "m <&> \u{0} \"é\" 'α'")? {
            check_picture(&svg);
        }
    }
    Ok(())
}

#[test]
fn nothing_is_said_in_words() -> Result<(), ReportError> {
    for svg in all_figures(&[], "empty")? {
        let says = svg.as_str().contains("nothing to show");
        assert!(
            says || svg.as_str().contains(">\nempty"),
            "{}",
            svg.as_str()
        );
    }
    let empty = BoxPlot {
        title: "t".into(),
        axis: "a".into(),
        samples: vec![],
    }
    .draw(&palette())?;
    assert!(empty.as_str().contains("nothing to show"));
    Ok(())
}

#[test]
fn a_method_keeps_its_colour() -> Result<(), ReportError> {
    let (r, g, b) = palette().style("neuralif").colour;
    let colour = format!("#{r:02X}{g:02X}{b:02X}");
    for svg in all_figures(&[1.0, 0.5, 0.25, 0.125], "neuralif")? {
        assert!(svg.as_str().contains(&colour));
    }
    Ok(())
}

fn results() -> Result<Results, ReportError> {
    let mut environment =
        Environment::capture("/nonexistent".as_ref(), 2, Some("2.11.0".to_owned()));
    environment.commit = "0123456789abcdef0123456789abcdef01234567-dirty".to_owned();
    environment.cpu = "Example CPU @ 2.50GHz".to_owned();
    environment.started = "2026-03-01T12:34:56Z".to_owned();
    environment.seconds = 412.0;
    let mut results = Results::new("neuralif", "quick", 0, "cpu", environment);
    let papers = [
        ("none", 917.0),
        ("jacobi", 678.0),
        ("ic0", 258.0),
        ("neuralif", 266.0),
    ];
    for (problem, factor) in [("synthetic-n10000", 1.0), ("synthetic-n1000", 1.005)] {
        for (method, paper) in papers {
            let samples: Vec<f64> = (0..20)
                .map(|i| (factor * paper * (0.99 + 0.001 * f64::from(i))).round())
                .collect();
            let key = Key::new(problem, method, "iterations@1e-3");
            let m = Measurement::from_samples(key, Unit::Iterations, &samples, Centre::Mean)?;
            let reference = Reference::new(
                paper,
                "independent runs, mean over 5 matrices",
                Tolerance::Relative(0.02),
            )?;
            results.push(m.compare(reference))?;
        }
    }
    let m = Measurement::from_value(
        Key::new("synthetic-n10000", "neuralif", "total-time-ratio"),
        Unit::Ratio,
        0.913,
    )?;
    results.push(m.compare(Reference::new(
        0.85,
        "poster, strip plot",
        Tolerance::AtMost(1.0),
    )?))?;
    results.push(Measurement::from_samples(
        Key::new("synthetic-n10000", "neuralif", "setup-seconds"),
        Unit::Seconds,
        &[0.0121, 0.0118, 0.0131],
        Centre::Median,
    )?)?;
    results.push(
        Measurement::failed(
            Key::new("synthetic-n10000", "ict", "iterations@1e-3"),
            Unit::Iterations,
        )?
        .compare(Reference::new(200.0, "Table 9", Tolerance::Relative(0.1))?),
    )?;
    Ok(results)
}

/// Deterministic noise in [-1, 1].
fn noise(i: usize) -> f64 {
    2.0 * ((i as f64 * 12.9898).sin() * 43_758.547).fract()
}

fn figures() -> Result<Vec<Figure>, ReportError> {
    let rates = [
        ("none", 0.9925),
        ("jacobi", 0.9898),
        ("ic0", 0.9735),
        ("neuralif", 0.972),
        ("neuralif-sp", 0.9745),
    ];
    let history = |per: f64| {
        rates
            .map(|(method, rate): (&str, f64)| {
                let steps = ((1e-8f64).ln() / rate.ln()) as usize;
                let points = (0..=steps)
                    .map(|i| {
                        (
                            per * i as f64,
                            rate.powi(i as i32) * (0.35 * noise(i / 3)).exp(),
                        )
                    })
                    .collect();
                History {
                    method: method.to_owned(),
                    points,
                }
            })
            .to_vec()
    };
    let boxes = |scale: f64| {
        rates
            .map(|(method, rate)| BoxSample {
                method: method.to_owned(),
                values: (0..40)
                    .map(|i| scale * -7.0 / rate.ln() * (1.0 + 0.06 * noise(i)))
                    .collect(),
            })
            .to_vec()
    };
    let ratio = |problem: &str, method: &str, ratio: f64, paper| RatioPoint {
        problem: problem.to_owned(),
        method: method.to_owned(),
        ratio,
        quartiles: Some((0.96 * ratio, 1.05 * ratio)),
        paper,
    };
    let p = palette();
    let pattern = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 80 40\"><rect width=\"80\" height=\"40\" fill=\"#fff\"/>\
        <path d=\"M8 6h4v4h-4zM16 14h4v4h-4zM24 22h4v4h-4zM8 22h4v4h-4zM24 6h4v4h-4z\" fill=\"#0072b2\"/>\
        <path d=\"M50 10L70 10L60 30Z\" fill=\"none\" stroke=\"#d55e00\"/></svg>";
    Ok(vec![
        Figure::new(
            "pattern",
            "A matrix and its graph.",
            Svg::parse("pattern", pattern)?,
        )?,
        Figure::new(
            "convergence-iterations",
            "Relative residual against iterations, one solve per method. Invented data.",
            Convergence {
                title: "Synthetic, n = 10 000".into(),
                abscissa: Abscissa::Iterations,
                histories: history(1.0),
            }
            .draw(&p)?,
        )?,
        Figure::new(
            "convergence-seconds",
            "The same solves against time.",
            Convergence {
                title: "Synthetic, n = 10 000".into(),
                abscissa: Abscissa::Seconds,
                histories: history(0.0007),
            }
            .draw(&p)?,
        )?,
        Figure::new(
            "iterations",
            "Iterations to a relative residual of 10⁻³ on 40 matrices.",
            BoxPlot {
                title: "Iterations to 10⁻³".into(),
                axis: "iterations".into(),
                samples: boxes(1.0),
            }
            .draw(&p)?,
        )?,
        Figure::new(
            "total-time",
            "Set-up and solve together.",
            BoxPlot {
                title: "Total time".into(),
                axis: "seconds".into(),
                samples: boxes(0.0017),
            }
            .draw(&p)?,
        )?,
        Figure::new(
            "ratio",
            "Total time over that of IC(0). Left of the line is faster.",
            RatioPlot {
                title: "Total time against IC(0)".into(),
                axis: "total time / total time of IC(0)".into(),
                points: vec![
                    ratio("synthetic-n10000", "none", 1.72, Some(1.99)),
                    ratio("synthetic-n10000", "jacobi", 1.28, Some(1.32)),
                    ratio("synthetic-n10000", "neuralif", 0.91, Some(0.85)),
                    ratio("synthetic-n10000", "neuralif-sp", 0.88, Some(0.74)),
                    ratio("poisson", "neuralif", 1.09, Some(1.05)),
                ],
            }
            .draw(&p)?,
        )?,
        Figure::new(
            "training",
            "Loss after each update, and mean validation iterations.",
            TrainingCurve {
                title: "Training".into(),
                method: "neuralif".into(),
                loss: (0..2400)
                    .map(|i| {
                        (108.0 + 280.0 * (-(i as f64) / 300.0).exp()) * (0.15 * noise(i)).exp()
                    })
                    .collect(),
                validation: (1..=12)
                    .map(|k| {
                        (
                            200.0 * f64::from(k),
                            252.0 + 90.0 * (-0.4 * f64::from(k)).exp(),
                        )
                    })
                    .collect(),
                baseline: Some(("ic0".into(), 258.0)),
            }
            .draw(&p)?,
        )?,
        Figure::new(
            "setup",
            "Set-up time against nonzeros.",
            Scatter {
                title: "Set-up time".into(),
                x: "nonzeros of A, millions".into(),
                y: "seconds".into(),
                series: [("ic0", 0.076, -0.01), ("neuralif", 0.0296, 0.002)]
                    .map(|(method, slope, intercept)| ScatterSeries {
                        method: method.into(),
                        points: (10..60)
                            .map(|i| {
                                (
                                    0.05 * i as f64,
                                    slope * 0.05 * i as f64 + intercept + 0.008 * noise(i),
                                )
                            })
                            .collect(),
                    })
                    .to_vec(),
            }
            .draw(&p)?,
        )?,
    ])
}

fn page() -> Result<Page, ReportError> {
    Ok(Page {
        title: "Neural incomplete factorization for conjugate gradients".into(),
        overview: String::new(),
        summary: "Invented numbers, to see the layout. NeuralIF needs 3 % more \
                  iterations than IC(0) at n = 10 000 and is 9 % faster in total time."
            .into(),
        figures: figures()?,
        controls: vec![
            Control {
                name: "untrained network".into(),
                outcome: "expected more iterations than Jacobi; 911 against 678".into(),
                passed: true,
            },
            Control {
                name: "shuffled pattern".into(),
                outcome: "expected a refusal; the factor was accepted".into(),
                passed: false,
            },
        ],
        command: "cargo xtask reproduce neuralif --profile quick --seed 0 --device cpu".into(),
        deviations: vec![
            "Trained at n = 1 000 and applied at n = 10 000.".into(),
            "Loss is the unsquared norm, as in the authors' code.".into(),
        ],
        notes: vec!["Times are medians of interleaved repetitions.".into()],
    })
}

#[test]
fn the_folder_is_complete_and_well_formed() -> Result<(), Box<dyn Error>> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("report");
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    let (results, page) = (results()?, page()?);
    write_folder(&folder, &results, &page)?;
    assert_eq!(Results::read(&folder.join("results.json"))?, results);
    for figure in &page.figures {
        let text = std::fs::read_to_string(folder.join(format!("{}.svg", figure.name)))?;
        roxmltree::Document::parse(&text)?;
        if figure.name != "pattern" {
            check_picture(&figure.svg);
        }
    }
    let html = std::fs::read_to_string(folder.join("report.html"))?;
    let options = roxmltree::ParsingOptions {
        allow_dtd: true,
        ..Default::default()
    };
    let document = roxmltree::Document::parse_with_options(&html, options)?;
    let count = |name: &str| {
        document
            .descendants()
            .filter(|n| n.tag_name().name() == name)
            .count()
    };
    assert_eq!(count("svg"), page.figures.len());
    assert_eq!(count("figcaption"), page.figures.len());
    assert_eq!(count("td"), 5 * results.measurements.len());
    assert_eq!(count("script") + count("link") + count("img"), 0);
    let ids: Vec<&str> = document
        .descendants()
        .filter_map(|n| n.attribute("id"))
        .collect();
    assert!(
        ids.iter().enumerate().all(|(i, id)| !ids[..i].contains(id)),
        "{ids:?}"
    );
    Ok(())
}

#[test]
fn the_text_of_the_page() -> Result<(), Box<dyn Error>> {
    let html = page()?.to_html(&results()?);
    let options = roxmltree::ParsingOptions {
        allow_dtd: true,
        ..Default::default()
    };
    let document = roxmltree::Document::parse_with_options(&html, options)?;
    let mut lines = Vec::new();
    for node in document.descendants().filter(roxmltree::Node::is_text) {
        let inside = |name: &str| node.ancestors().any(|a| a.tag_name().name() == name);
        let text = node.text().unwrap_or("").trim();
        if !text.is_empty() && !inside("style") && !inside("svg") {
            lines.push(text.to_owned());
        }
    }
    insta::assert_snapshot!(lines.join("\n"));
    Ok(())
}

#[test]
fn an_empty_experiment_has_a_page() -> Result<(), Box<dyn Error>> {
    let mut results = results()?;
    results.measurements.clear();
    let html = Page::default().to_html(&results);
    let options = roxmltree::ParsingOptions {
        allow_dtd: true,
        ..Default::default()
    };
    roxmltree::Document::parse_with_options(&html, options)?;
    assert!(html.contains("No measurements."));
    Ok(())
}

#[test]
fn figure_names_are_file_names() -> Result<(), ReportError> {
    let svg = Svg::parse("dot", "<svg xmlns=\"http://www.w3.org/2000/svg\"/>")?;
    for name in ["", "../up", "a b", "a.svg", "é"] {
        let error = Figure::new(name, "", svg.clone()).unwrap_err();
        assert!(matches!(error, ReportError::FileName { .. }), "{error}");
    }
    let folder = tempfile::tempdir().expect("a folder");
    let figure = Figure::new("a", "", svg)?;
    let page = Page {
        figures: vec![figure.clone(), figure],
        ..Page::default()
    };
    let error = write_folder(folder.path(), &results()?, &page).unwrap_err();
    assert_eq!(error.to_string(), "figure a: recorded twice");
    assert_eq!(
        std::fs::read_dir(folder.path()).expect("readable").count(),
        0
    );
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn text_is_escaped_wherever_it_stands(text in any::<String>(), tail in "[<>&\"']{1,6}[a-z<>/]{0,9}") {
        let text = format!("{text}{tail}");
        let mut results = results().unwrap();
        let name = format!("x{text}");
        let measurement = Measurement::from_value(
            Key::new(name.as_str(), name.as_str(), format!("{name}!")), Unit::Dimensionless, 1.0,
        ).unwrap().compare(Reference::new(1.0, name.as_str(), Tolerance::AtMost(1.0)).unwrap());
        results.push(measurement).unwrap();
        results.paper = text.clone();
        results.environment.cpu = text.clone();
        let svg = BoxPlot { title: text.clone(), axis: text.clone(), samples: vec![BoxSample { method: text.clone(), values: vec![1.0] }] }
            .draw(&Palette::new([text.as_str()])).unwrap();
        let page = Page {
            title: text.clone(), overview: text.clone(), summary: text.clone(), command: text.clone(),
            figures: vec![Figure::new("f", text.as_str(), svg).unwrap()],
            controls: vec![Control { name: text.clone(), outcome: text.clone(), passed: true }],
            deviations: vec![text.clone()], notes: vec![text.clone()],
        };
        let html = page.to_html(&results);
        let options = roxmltree::ParsingOptions { allow_dtd: true, ..Default::default() };
        let document = roxmltree::Document::parse_with_options(&html, options).unwrap();
        let heading = document.descendants().find(|n| n.tag_name().name() == "h1").unwrap();
        let shown: String = heading.text().unwrap_or("").chars().filter(|c| *c != '\u{fffd}').collect();
        let given: String = text.chars().filter(|&c| c == '\t' || c == '\n' || (!c.is_ascii_control() || c == '\u{7f}') && !matches!(c, '\u{fffd}' | '\u{fffe}' | '\u{ffff}')).collect();
        prop_assert_eq!(shown, given);
    }

    #[test]
    fn any_numbers_draw_well_formed_pictures(values in prop::collection::vec(any::<f64>(), 0..12)) {
        for svg in all_figures(&values, "m").unwrap() {
            check_picture(&svg);
        }
    }
}
