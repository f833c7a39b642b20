//! `train compensated-ic`: by an evolution strategy, and by gradients.
#![cfg(feature = "runner")]

use std::path::Path;

use assert_cmd::Command;
use la_gnn::Weights;
use la_gnn::compensation::Parameters;

/// A run of seconds that writes `name` in `folder`.
fn train(folder: &Path, name: &str, more: &[&str]) -> Command {
    let mut command = Command::cargo_bin("runner").unwrap();
    command.current_dir(folder);
    command.args(["train", "compensated-ic", "--n", "64", "--updates", "2"]);
    command.args(["--seed", "5", "--output", name]).args(more);
    command
}

fn refused(mut command: Command) -> String {
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(!text.contains("panicked"), "{text}");
    text
}

#[test]
fn it_trains_without_gradients() {
    let folder = tempfile::tempdir().unwrap();
    let run = |name: &str, more: &[&str]| {
        let mut command = train(folder.path(), name, &["--pairs", "1"]);
        command.args(more);
        command
    };
    run("a.safetensors", &["--data", "definite-m"])
        .assert()
        .success();
    run("b.safetensors", &["--data", "definite-m", "--threads", "1"])
        .assert()
        .success();
    let load = |name: &str| Weights::load(folder.path().join(name)).unwrap();
    let (a, b) = (load("a.safetensors"), load("b.safetensors"));
    assert_eq!(a.tensors, b.tensors);
    Parameters::from_weights(&a).unwrap();
    let story = a.provenance;
    assert_eq!(story.recipe["options"]["generations"], 2);
    assert_eq!(story.data["families"].as_array().unwrap().len(), 21);
    assert!(!story.commit.is_empty());
    for (more, part) in [
        (["--data", "poisson"], "definite-m"),
        (["--exponents", "1,9"], "unsupported_exponent"),
        (["--samples", "200"], "--samples has no meaning"),
        (["--validation", "5"], "--validation has no meaning"),
        (["--validate-every", "9"], "--validate-every has no meaning"),
        (["--batch", "1"], "--batch has no meaning"),
        (["--schedule", "cosine"], "--schedule has no meaning"),
        (["--learning-rate", "1"], "--learning-rate has no meaning"),
        (["--engine", "torch"], "--engine has no meaning"),
        (["--device", "cpu"], "--device has no meaning"),
    ] {
        let text = refused(run("c.safetensors", &more));
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn it_trains_with_gradients() {
    let folder = tempfile::tempdir().unwrap();
    let run = |name: &str, more: &[&str]| {
        let mut command = train(folder.path(), name, &["--loss", "cg:3"]);
        command.args(["--data", "definite-ordered"]).args(more);
        command
    };
    let from = ["--from", "compensated-ic-ordered", "--batch", "4"];
    let output = run("a.safetensors", &from).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{output:?}");
    assert!(text.contains("update 2: ") && text.contains("of the iterations of IC(0)"));
    let weights = Weights::load(folder.path().join("a.safetensors")).unwrap();
    let start = Weights::bundled("compensated-ic-ordered").unwrap();
    // The network that it starts from, a little further.
    let [start, end] = [&start, &weights].map(|w| Parameters::from_weights(w).unwrap());
    assert_eq!(start.config, end.config);
    let moved = start
        .values
        .iter()
        .zip(&end.values)
        .map(|(a, b)| (a - b).abs());
    let moved = moved.fold(0.0f32, f32::max);
    assert!(moved > 1e-3 && moved < 1e-2, "{moved}");
    let story = weights.provenance;
    assert_eq!(story.recipe["loss"], "cg:3");
    assert_eq!(story.recipe["options"]["batch"], 4);
    assert_eq!(story.data["n"], serde_json::json!([8, 16, 32, 64]));
    assert!(!folder.path().join("a.checkpoint").exists());
    for (more, part) in [
        (["--loss", "l_max"], "cg:M"),
        (["--loss", "cg:0"], "cg:M"),
        (["--spread", "0.5"], "--spread has no meaning"),
        (["--pairs", "2"], "--pairs has no meaning"),
        (["--samples", "200"], "--samples has no meaning"),
    ] {
        let mut command = train(folder.path(), "c.safetensors", &[]);
        if more[0] != "--loss" {
            command.args(["--loss", "cg:3"]);
        }
        command.args(more);
        let text = refused(command);
        assert!(text.contains(part), "{text}");
    }
}
