//! `train --ranks`: the run of one process.

use std::path::Path;
use std::process::{Command, Output};

use la_gnn::Weights;
use la_mpi::Launcher;

/// Runs `train` on so many ranks; `None` if there is no mpirun.
fn train_on(folder: &Path, ranks: usize, args: &[&str]) -> Option<Output> {
    let Some(launcher) = Launcher::find() else {
        println!("skipped: no mpirun on PATH");
        return None;
    };
    let mut command = launcher.command(ranks, env!("CARGO_BIN_EXE_runner"));
    command.current_dir(folder).arg("train").args(args);
    command.arg("--ranks").arg(ranks.to_string());
    Some(command.output().unwrap())
}

fn train(folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_runner"));
    command.current_dir(folder).arg("train").args(args);
    command.output().unwrap()
}

fn shown(output: &Output) -> String {
    let both = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8_lossy(&both).into_owned()
}

/// Losses and validations of a log.
fn log(path: &Path) -> Vec<Vec<f64>> {
    let text = std::fs::read_to_string(path).unwrap();
    let rows = text.lines().skip(1);
    rows.map(|row| row.split(',').map(|v| v.parse().unwrap_or(0.0)).collect())
        .collect()
}

/// Small runs of models with different engines, losses and ways to validate.
const RUNS: [(&str, &[&str]); 4] = [
    (
        "neuralif",
        &[
            "--n",
            "150",
            "--samples",
            "5",
            "--batch",
            "3",
            "--validation",
            "3",
        ],
    ),
    (
        "neuralif-gmres",
        &[
            "--n",
            "100",
            "--samples",
            "4",
            "--batch",
            "4",
            "--validation",
            "3",
            "--loss",
            "l_com",
            "--pairs",
            "2",
        ],
    ),
    (
        "ilu-relaxation",
        &[
            "--n",
            "100",
            "--samples",
            "4",
            "--batch",
            "3",
            "--validation",
            "2",
        ],
    ),
    (
        "admm",
        &["--network", "relaxed-schedule+edges", "--samples", "40"],
    ),
];

#[test]
fn losses_and_validations_are_those_of_one_process() {
    let folder = tempfile::tempdir().unwrap();
    for (model, options) in RUNS {
        let common = ["--updates", "6", "--validate-every", "3"];
        let args = |name| [&[model][..], options, &common, &["--output", name]].concat();
        let output = train(folder.path(), &args("one.safetensors"));
        assert!(output.status.success(), "{model}: {}", shown(&output));
        for ranks in [2, 3] {
            let many = args("many.safetensors");
            let Some(output) = train_on(folder.path(), ranks, &many) else {
                return;
            };
            let text = shown(&output);
            assert!(output.status.success(), "{model}: {text}");
            assert_eq!(
                text.matches("wrote many").count(),
                1,
                "one rank writes: {text}"
            );
            assert_eq!(
                text.matches("update 3:").count(),
                1,
                "one rank speaks: {text}"
            );
            let one = log(&folder.path().join("one.log.csv"));
            let many = log(&folder.path().join("many.log.csv"));
            assert_eq!(one.len(), 6, "{model}");
            for (a, b) in many.concat().iter().zip(one.concat()) {
                assert!((a - b).abs() <= 1e-5 * b.abs(), "{model}, {ranks}: {a} {b}");
            }
            let weights = Weights::load(folder.path().join("many.safetensors")).unwrap();
            assert_eq!(weights.provenance.recipe["options"]["updates"], 6);
            assert!(!folder.path().join("many.checkpoint").exists());
        }
    }
}

#[test]
fn what_does_not_fit_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let small = ["neuralif", "--n", "30", "--samples", "2", "--updates", "1"];
    for (args, part) in [
        (
            &["compensated-ic"][..],
            "--ranks has no meaning for compensated-ic",
        ),
        (
            &["gnp", "--data", "a.mtx"],
            "--ranks has no meaning for gnp",
        ),
        (&[&small[..], &["--batch", "1"]].concat(), "`batch`"),
    ] {
        let Some(output) = train_on(folder.path(), 2, args) else {
            return;
        };
        let text = shown(&output);
        assert!(!output.status.success(), "{args:?}: {text}");
        assert!(text.contains(part), "{args:?}: {text}");
        assert!(!text.contains("panicked"), "{args:?}: {text}");
    }
    // As many ranks as the option says, or none.
    let output = train(folder.path(), &[&small[..], &["--ranks", "2"]].concat());
    assert!(!output.status.success());
    assert!(shown(&output).contains("mpirun -n 2"), "{}", shown(&output));
}
