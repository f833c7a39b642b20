//! `train`: small runs of the runner, resuming, and what is refused.
#![cfg(feature = "runner")]

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use assert_cmd::Command;
use la_gnn::neuralif::Parameters;
use la_gnn::training::{Checkpoint, TrainOptions};
use la_gnn::{GnnError, Weights};

fn runner() -> Command {
    Command::cargo_bin("runner").unwrap()
}

/// A run of seconds that writes `name` in `folder`.
fn train(folder: &Path, name: &str, more: &[&str]) -> Command {
    let mut command = runner();
    command.current_dir(folder).args([
        "train",
        "neuralif",
        "--n",
        "200",
        "--samples",
        "3",
        "--updates",
        "4",
        "--validation",
        "1",
        "--validate-every",
        "2",
        "--threads",
        "1",
        "--output",
        name,
    ]);
    command.args(more);
    command
}

/// The message of a run that must fail with exit code 1.
fn refused(mut command: Command) -> String {
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(!text.contains("panicked"), "{text}");
    text
}

#[test]
fn help_of_train() {
    let output = runner().args(["train", "--help"]).output().unwrap();
    assert!(output.status.success());
    insta::assert_snapshot!("help_train", String::from_utf8(output.stdout).unwrap());
}

#[test]
fn a_run_writes_weights_with_their_story() {
    let folder = tempfile::tempdir().unwrap();
    train(folder.path(), "deep/er/w.safetensors", &[])
        .assert()
        .success();
    let path = folder.path().join("deep/er/w.safetensors");
    let weights = Weights::load(&path).unwrap();
    Parameters::from_weights(&weights).unwrap();
    let story = weights.provenance;
    assert_eq!(story.architecture, "neuralif");
    assert_eq!(story.recipe["options"]["updates"], 4);
    assert_eq!(story.recipe["engine"], "native");
    assert_eq!(story.data["n"], 200);
    assert_eq!(story.data["samples"], 3);
    assert!(!story.commit.is_empty());
    assert_eq!(
        story.results["validation_iterations_at_1e-3"]
            .as_array()
            .unwrap()
            .len(),
        2
    );

    // The log stands beside it, the checkpoint of the finished run does not.
    let log = std::fs::read_to_string(path.with_extension("log.csv")).unwrap();
    assert_eq!(
        log.lines().next(),
        Some("update,loss,validation_iterations")
    );
    assert_eq!(log.lines().count(), 5);
    assert!(!path.with_extension("checkpoint").exists());
}

/// The baseline: with LibTorch it trains, starts from its own weights and validates; without, it says what is missing.
#[test]
fn neuralpcg_trains_where_libtorch_is_built_in() {
    let folder = tempfile::tempdir().unwrap();
    let run = |more: &[&str]| {
        let mut command = runner();
        command.current_dir(folder.path()).args([
            "train",
            "neuralpcg",
            "--n",
            "60",
            "--samples",
            "2",
            "--updates",
            "3",
            "--validation",
            "1",
            "--validate-every",
            "3",
            "--threads",
            "1",
        ]);
        command.args(more);
        command
    };
    let native = refused(run(&["--engine", "native", "--output", "w.safetensors"]));
    assert!(native.contains("LibTorch only"), "{native}");
    if !cfg!(feature = "torch") {
        let message = refused(run(&["--output", "w.safetensors"]));
        assert!(message.contains("without LibTorch"), "{message}");
        return;
    }
    for (variant, name) in [
        ("paper", "p.safetensors"),
        ("equilibrated", "e.safetensors"),
    ] {
        run(&["--variant", variant, "--output", name])
            .assert()
            .success();
        let weights = Weights::load(folder.path().join(name)).unwrap();
        let read = la_gnn::neuralpcg::Parameters::from_weights(&weights).unwrap();
        let features = if variant == "paper" { 1 } else { 8 };
        assert_eq!(read.config.node_features, features);
        // A failed validation would count the limit of 3000 iterations.
        let score = weights.provenance.results["validation_iterations_at_1e-3"][0][1].as_f64();
        assert!(score.unwrap() < 3000.0, "{score:?}");
    }
    let again = ["--variant", "equilibrated", "--from", "e.safetensors"];
    run(&[&again[..], &["--output", "f.safetensors"]].concat())
        .assert()
        .success();
    let message = refused(run(&[
        "--from",
        "e.safetensors",
        "--output",
        "g.safetensors",
    ]));
    assert!(message.contains("--variant"), "{message}");
}

/// A run of learned LU of seconds.
fn train_lu(folder: &Path, name: &str, more: &[&str]) -> Command {
    let mut command = runner();
    command.current_dir(folder).args([
        "train",
        "neuralif-gmres",
        "--n",
        "100",
        "--samples",
        "3",
        "--updates",
        "4",
        "--validation",
        "2",
        "--validate-every",
        "2",
        "--threads",
        "1",
        "--output",
        name,
    ]);
    command.args(more);
    command
}

#[test]
fn learned_lu_trains_with_every_loss() {
    let folder = tempfile::tempdir().unwrap();
    for (loss, pairs, more) in [
        ("l_max", 0, &[][..]),
        ("l_min", 32, &["--scale", "matrix"][..]),
        ("l_min_hat", 1, &["--graph-norm"]),
        ("l_com", 2, &["--alpha", "0.5", "--pairs", "2"]),
        ("log_both", 32, &["--base", "ilu0"]),
        ("log_max", 0, &["--base", "ilu0", "--scale", "rows"]),
    ] {
        let name = format!("{loss}.safetensors");
        train_lu(folder.path(), &name, &[&["--loss", loss], more].concat())
            .assert()
            .success();
        let weights = Weights::load(folder.path().join(&name)).unwrap();
        la_gnn::learned_lu::Parameters::from_weights(&weights).unwrap();
        let story = weights.provenance;
        assert_eq!(story.recipe["loss"]["pairs"], pairs, "{loss}");
        assert_eq!(story.recipe["engine"], "native");
        assert_eq!(story.recipe["options"]["weight_decay"], 0.0);
        assert_eq!(story.data["family"], "sparse-uniform");
        assert_eq!(story.data["n"], 100);
        let scores = story.results["validation_iterations_at_1e-6"].as_array();
        assert_eq!(scores.unwrap().len(), 2, "{loss}");
        let ilu0 = story.results["ilu0_iterations_at_1e-6"].as_f64().unwrap();
        assert!(ilu0 < 60.0, "{ilu0}");
    }
    // Hardly anything is trained yet: on top of ILU(0), iterations are its own.
    let weights = Weights::load(folder.path().join("log_max.safetensors")).unwrap();
    let results = weights.provenance.results;
    let score = results["validation_iterations_at_1e-6"][0][1].as_f64();
    let ilu0 = results["ilu0_iterations_at_1e-6"].as_f64();
    assert!((score.unwrap() - ilu0.unwrap()).abs() < 5.0);
}

#[test]
fn options_without_meaning_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    for (arguments, part) in [
        (&["--loss", "kaporin"][..], "l_com"),
        (&["--loss", "l_max", "--pairs", "4"], "--pairs"),
        (&["--blocks", "2"], "--blocks"),
        (&["--variant", "equilibrated"], "--variant equilibrated"),
        (&["--scale", "nonsense"], "nonsense"),
        (&["--base", "nonsense"], "nonsense"),
        (&["--eps", "0"], "eps"),
        (&["--hidden", "99"], "hidden"),
        (
            &["--engine", "native", "--device", "cuda:0"],
            "--engine torch",
        ),
    ] {
        let message = refused(train_lu(folder.path(), "w.safetensors", arguments));
        assert!(message.contains(part), "{arguments:?}: {message}");
    }
    for option in [
        &["--scale", "rows"][..],
        &["--alpha", "1"],
        &["--graph-norm"],
    ] {
        let message = refused(train(folder.path(), "w.safetensors", option));
        assert!(message.contains("no meaning"), "{option:?}: {message}");
    }
    assert!(!folder.path().join("w.safetensors").exists());
}

#[test]
fn unknown_names_are_refused_with_what_there_is() {
    let folder = tempfile::tempdir().unwrap();
    for (arguments, expected) in [
        (["--loss", "nonsense"], ["nonsense", "kaporin"]),
        (["--data", "nonsense"], ["nonsense", "poisson"]),
        (["--engine", "nonsense"], ["nonsense", "native"]),
        (["--schedule", "nonsense"], ["nonsense", "cosine"]),
        (["--variant", "nonsense"], ["nonsense", "equilibrated"]),
        (["--from", "nonsense"], ["nonsense", "cannot start from"]),
        (["--updates", "0"], ["updates", "at least 1"]),
        (["--samples", "0"], ["samples", "0"]),
    ] {
        let mut command = runner();
        command.current_dir(folder.path());
        command.args(["train", "neuralif", "--n", "30", "--validation", "0"]);
        command.args(["--output", "w.safetensors"]).args(arguments);
        let message = refused(command);
        assert!(
            expected.iter().all(|word| message.contains(word)),
            "{arguments:?}: {message}"
        );
    }
    assert!(!folder.path().join("w.safetensors").exists());
}

#[test]
fn truncated_weights_are_no_start() {
    let folder = tempfile::tempdir().unwrap();
    train(folder.path(), "w.safetensors", &[])
        .assert()
        .success();
    let whole = std::fs::read(folder.path().join("w.safetensors")).unwrap();
    std::fs::write(
        folder.path().join("torn.safetensors"),
        &whole[..whole.len() / 2],
    )
    .unwrap();
    let message = refused(train(
        folder.path(),
        "v.safetensors",
        &["--from", "torn.safetensors"],
    ));
    assert!(message.contains("torn.safetensors"), "{message}");
    assert!(!folder.path().join("v.safetensors").exists());

    // The whole file is one; weights of the other variant are not.
    train(folder.path(), "v.safetensors", &["--from", "w.safetensors"])
        .assert()
        .success();
    let other = ["--from", "w.safetensors", "--variant", "equilibrated"];
    let message = refused(train(folder.path(), "u.safetensors", &other));
    assert!(message.contains("--variant"), "{message}");
}

/// The values of a weight file.
fn values(path: &Path) -> Vec<f32> {
    Parameters::from_weights(&Weights::load(path).unwrap())
        .unwrap()
        .values
}

/// Stops a run that writes to `part.safetensors` once its first checkpoint is there.
fn stop_after_first_checkpoint(folder: &Path, arguments: &[&str]) -> PathBuf {
    let checkpoint = folder.join("part.checkpoint");
    // On a busy machine the run may end before it is stopped: once more, then.
    for _ in 0..10 {
        let mut child = std::process::Command::new(assert_cmd::cargo::cargo_bin("runner"))
            .current_dir(folder)
            .args(arguments)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        while !checkpoint.is_file() && child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(1));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        if checkpoint.is_file() {
            return checkpoint;
        }
    }
    panic!("no run could be stopped before its end");
}

#[test]
fn a_stopped_run_ends_where_an_uninterrupted_one_does() {
    let folder = tempfile::tempdir().unwrap();
    // A checkpoint is written every 200 updates: the run is stopped after the first.
    let options = [
        "train",
        "neuralif",
        "--n",
        "30",
        "--samples",
        "3",
        "--updates",
        "1000",
        "--validation",
        "0",
        "--threads",
        "1",
        "--output",
    ];
    let with =
        |name: &'static str| -> Vec<&str> { options.iter().copied().chain([name]).collect() };
    runner()
        .current_dir(folder.path())
        .args(with("whole.safetensors"))
        .assert()
        .success();
    let checkpoint = stop_after_first_checkpoint(folder.path(), &with("part.safetensors"));

    // Another command does not go on from it, and says what to do.
    let mut other = runner();
    other
        .current_dir(folder.path())
        .args(with("part.safetensors"));
    other.args(["--learning-rate", "0.5"]);
    let message = refused(other);
    assert!(
        message.contains("part.checkpoint") && message.contains("remove it"),
        "{message}"
    );
    assert!(message.contains("other training options"), "{message}");
    let mut other = runner();
    other
        .current_dir(folder.path())
        .args(with("part.safetensors"))
        .args(["--loss", "squared"]);
    assert!(refused(other).contains("it belongs to"));
    assert!(checkpoint.is_file(), "a refused checkpoint is kept");

    let mut rest = runner();
    rest.current_dir(folder.path())
        .args(with("part.safetensors"));
    let output = rest.output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(String::from_utf8_lossy(&output.stdout).contains("going on from part.checkpoint"));
    assert_eq!(
        values(&folder.path().join("part.safetensors")),
        values(&folder.path().join("whole.safetensors"))
    );
}

#[test]
fn a_torn_checkpoint_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.checkpoint");
    std::fs::write(&path, b"half of a file").unwrap();
    let error = Checkpoint::load(&path, &serde_json::Value::Null, &TrainOptions::default());
    assert!(matches!(error, Err(GnnError::WeightsFormat { .. })));
    let message = refused(train(folder.path(), "w.safetensors", &[]));
    assert!(
        message.contains("w.checkpoint") && message.contains("remove it"),
        "{message}"
    );
}

/// A process whose files may not grow beyond a few hundred bytes: what a full disk looks like.
#[cfg(unix)]
#[test]
fn a_full_disk_leaves_the_weights_of_before() {
    let folder = tempfile::tempdir().unwrap();
    train(folder.path(), "w.safetensors", &[])
        .assert()
        .success();
    let path = folder.path().join("w.safetensors");
    let before = std::fs::read(&path).unwrap();
    let program = runner().get_program().to_owned();
    // With the signal ignored, a write beyond the limit is an error like that of a full disk.
    let mut limited = Command::new("sh");
    limited
        .current_dir(folder.path())
        .args(["-c", "trap '' XFSZ; ulimit -f 1; exec \"$0\" \"$@\""])
        .arg(program)
        .args(train(folder.path(), "w.safetensors", &["--seed", "1"]).get_args());
    let message = refused(limited);
    assert!(message.contains("w."), "names the file: {message}");
    assert_eq!(std::fs::read(&path).unwrap(), before);
    Weights::load(&path).unwrap();
    // Nothing half-written is left where a later run would trust it: the run can be repeated.
    train(folder.path(), "w.safetensors", &["--seed", "1"])
        .assert()
        .success();
    assert_ne!(std::fs::read(&path).unwrap(), before);
}

/// A run of seconds that writes `name` in `folder`.
fn train_admm(folder: &Path, name: &str, more: &[&str]) -> Command {
    let mut command = runner();
    command.current_dir(folder);
    command.args(["train", "admm", "--samples", "20", "--updates", "10"]);
    command
        .args(["--threads", "1", "--output", name])
        .args(more);
    command
}

#[test]
fn networks_of_distributed_admm_are_trained_and_load() {
    let folder = tempfile::tempdir().unwrap();
    let everywhere = ["--data", "least-squares", "--seed", "3"];
    for (name, options) in [
        ("a.safetensors", &["--network", "alpha+edges"][..]),
        ("e.safetensors", &everywhere),
        (
            "f.safetensors",
            &[&everywhere[..], &["--from", "e.safetensors"]].concat(),
        ),
    ] {
        train_admm(folder.path(), name, options).assert().success();
        let path = folder.path().join(name);
        let weights = Weights::load(&path).unwrap();
        la_opt::admm::learned::LearnedAdmm::from_weights(&weights).unwrap();
        let story = weights.provenance;
        assert_eq!(story.architecture, "distributed-admm");
        assert_eq!(story.recipe["options"]["updates"], 10);
        assert_eq!(
            story.results["root_validation_loss"]
                .as_array()
                .unwrap()
                .len(),
            10
        );
        let log = std::fs::read_to_string(path.with_extension("log.csv")).unwrap();
        assert_eq!(log.lines().count(), 11);
        assert!(!path.with_extension("checkpoint").exists());
    }
    for (options, part) in [
        (&["--network", "nonsense"][..], "alpha+edges"),
        (&["--data", "nonsense"], "least-squares"),
        (
            &["--from", "e.safetensors", "--network", "mean"],
            "another configuration",
        ),
        (&["--samples", "1"], "at least 2"),
        (&["--loss", "default"], "no meaning for admm"),
        (&["--engine", "torch"], "no meaning for admm"),
        (&["--variant", "equilibrated"], "no meaning for admm"),
    ] {
        let mut command = runner();
        command.current_dir(folder.path()).args(["train", "admm"]);
        command.args(["--output", "x.safetensors"]).args(options);
        let message = refused(command);
        assert!(message.contains(part), "{options:?}: {message}");
    }
    let message = refused(train(
        folder.path(),
        "x.safetensors",
        &["--network", "mean"],
    ));
    assert!(message.contains("no meaning for neuralif"), "{message}");
}
