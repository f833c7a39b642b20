//! What users get from the registry: the packaged crates work outside the workspace, without LibTorch.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

const CRATES: [&str; 7] = [
    "la-mpi",
    "la-graph",
    "la-problems",
    "la-krylov",
    "la-gnn",
    "la-precond",
    "la-opt",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("xtask lies in the workspace")
        .into()
}

/// A target folder of its own, kept between runs: cargo locks the one this test was started from.
fn target() -> PathBuf {
    let own = Path::new(env!("CARGO_TARGET_TMPDIR"));
    own.parent().unwrap_or(own).join("packaging")
}

/// Cargo on a machine without LibTorch.
fn cargo(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO"));
    command
        .current_dir(folder)
        .env("CARGO_TARGET_DIR", target());
    for name in [
        "LIBTORCH",
        "LIBTORCH_USE_PYTORCH",
        "LD_LIBRARY_PATH",
        "RUSTFLAGS",
    ] {
        command.env_remove(name);
    }
    command
}

fn succeed(mut command: Command) -> String {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().expect("cargo starts");
    let errors = String::from_utf8_lossy(&stderr);
    assert!(status.success(), "{command:?}\n{errors}");
    String::from_utf8_lossy(&stdout).into_owned()
}

/// Packages the crates, once for all tests, and unpacks them in `folder`.
fn unpack_crates(folder: &Path) {
    static PACKAGED: OnceLock<()> = OnceLock::new();
    PACKAGED.get_or_init(|| {
        let mut package = cargo(&root());
        package.args(["package", "--no-verify", "--allow-dirty", "--quiet"]);
        for name in CRATES {
            package.args(["--package", name]);
        }
        succeed(package);
    });
    for name in CRATES {
        let file = target().join(format!(
            "package/{name}-{}.crate",
            env!("CARGO_PKG_VERSION")
        ));
        let mut tar = Command::new("tar");
        tar.arg("-xzf").arg(file).arg("-C").arg(folder);
        succeed(tar);
    }
}

fn unpacked(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}-{}", env!("CARGO_PKG_VERSION")))
}

#[test]
fn packaged_crates_solve_a_system_outside_the_workspace() {
    let temp = tempfile::tempdir().unwrap();
    unpack_crates(temp.path());
    let outside = temp.path().join("outside");
    fs::create_dir_all(outside.join("src")).unwrap();
    fs::write(
        outside.join("src/main.rs"),
        include_str!("outside/program.rs"),
    )
    .unwrap();
    // The same versions of everything else as in the workspace.
    fs::copy(root().join("Cargo.lock"), outside.join("Cargo.lock")).unwrap();
    let version = env!("CARGO_PKG_VERSION");
    let mut manifest = format!(
        "[package]\nname = \"outside\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n\
         [dependencies]\nla-krylov = \"{version}\"\n\
         la-precond = {{ version = \"{version}\", features = [\"learned\"] }}\n\n[patch.crates-io]\n"
    );
    for name in CRATES {
        let path = unpacked(temp.path(), name);
        manifest.push_str(&format!("{name} = {{ path = {path:?} }}\n"));
    }
    fs::write(outside.join("Cargo.toml"), manifest).unwrap();
    let mut run = cargo(&outside);
    run.args(["run", "--quiet"]);
    let output = succeed(run);
    assert!(output.starts_with("ic0: solved\n"), "{output}");
}

#[test]
fn packages_are_complete() {
    let temp = tempfile::tempdir().unwrap();
    unpack_crates(temp.path());
    for name in CRATES {
        for file in [
            "README.md",
            "CHANGELOG.md",
            "LICENSE-MIT",
            "LICENSE-APACHE",
            "src/lib.rs",
        ] {
            let path = unpacked(temp.path(), name).join(file);
            assert!(path.is_file(), "{name} is packaged without {file}");
            assert!(
                fs::metadata(&path).unwrap().len() > 0,
                "{name}: {file} is empty"
            );
        }
    }
}

#[test]
fn libtorch_bindings_are_not_pulled_in() {
    for features in [
        &["-p", "la-krylov"][..],
        &["-p", "la-precond", "--features", "learned"],
    ] {
        let mut tree = cargo(&root());
        tree.args(["tree", "--edges", "normal,build", "--prefix", "none"])
            .args(features);
        let tree = succeed(tree);
        assert!(tree.starts_with("la-"), "{tree}");
        assert!(
            !tree
                .lines()
                .any(|line| line.starts_with("tch ") || line.starts_with("torch-sys "))
        );
    }
}

#[test]
fn a_release_would_be_accepted() {
    let mut publish = cargo(&root());
    // In a folder of its own: it writes the same files as the packages of the other tests.
    publish.env("CARGO_TARGET_DIR", target().join("release"));
    publish.args([
        "publish",
        "--workspace",
        "--dry-run",
        "--no-verify",
        "--allow-dirty",
    ]);
    let output = publish.output().expect("cargo starts");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    for name in CRATES {
        assert!(
            text.contains(&format!("Uploading {name} ")),
            "{name} is not published:\n{text}"
        );
    }
    assert!(!text.contains("Uploading xtask"), "{text}");
    assert!(
        !text.contains("no documentation, homepage or repository"),
        "{text}"
    );
}
