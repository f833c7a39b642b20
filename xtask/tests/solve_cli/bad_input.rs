//! What is refused: exit code 1, and a message with the place and the remedy.

use super::{poisson, solve, stderr, write};

const GENERAL: &str = "%%MatrixMarket matrix coordinate real general";
const SYMMETRIC: &str = "%%MatrixMarket matrix coordinate real symmetric";

/// Asserts that `args` are refused, and that the message holds every part.
fn refused(folder: &tempfile::TempDir, args: &[&str], parts: &[&str]) {
    let output = solve(folder.path(), args);
    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{args:?}: {text}");
    for part in parts {
        assert!(text.contains(part), "{args:?}: `{part}` is not in: {text}");
    }
    assert!(output.stdout.is_empty(), "{args:?}");
    assert!(!folder.path().join("out/solve.json").exists(), "{args:?}");
}

#[test]
fn matrices_that_are_no_definite_systems() {
    let folder = tempfile::tempdir().unwrap();
    let file = |lines: &[&str]| {
        write(folder.path(), "a.mtx", lines);
    };
    refused(&folder, &["nowhere.mtx"], &["nowhere.mtx", "cannot open"]);

    file(&[GENERAL, "2 3 1", "1 1 1.0"]);
    refused(&folder, &["a.mtx"], &["a.mtx", "2x3", "square"]);

    file(&[GENERAL, "0 0 0"]);
    refused(&folder, &["a.mtx"], &["a.mtx", "no rows"]);

    // What a method asks of the matrix is said with what to do instead.
    file(&[GENERAL, "2 2 3", "1 1 2.0", "2 2 2.0", "2 1 1.0"]);
    for options in [
        ["--method", "cg"],
        ["--precond", "ic0"],
        ["--method", "minres"],
    ] {
        refused(
            &folder,
            &[&["a.mtx"], &options[..]].concat(),
            &[
                "a.mtx",
                "row 2, column 1",
                "mirror image is 0",
                "--method gmres",
            ],
        );
    }

    file(&[SYMMETRIC, "2 2 2", "1 1 nan", "2 2 2.0"]);
    refused(&folder, &["a.mtx"], &["a.mtx", "nan"]);

    file(&[SYMMETRIC, "2 2 2", "1 1 2.0", "2 1 1.0"]);
    refused(
        &folder,
        &["a.mtx", "--method", "cg"],
        &["a.mtx", "row 2", "diagonal entry is 0", "--method gmres"],
    );

    file(&[SYMMETRIC, "2 2 2", "1 1 2.0", "2 2 -1.0"]);
    refused(
        &folder,
        &["a.mtx", "--precond", "ssor"],
        &["row 2", "diagonal entry is -1"],
    );

    file(&[SYMMETRIC, "2 2 2", "1 1 -2.0", "2 2 -1.0"]);
    refused(
        &folder,
        &["a.mtx", "--method", "cg", "--negate", "never"],
        &["--negate"],
    );

    file(&["3 lines of prose"]);
    refused(&folder, &["a.mtx"], &["a.mtx", "unknown file format"]);
}

#[test]
fn right_hand_sides_that_do_not_fit() {
    let folder = tempfile::tempdir().unwrap();
    poisson(folder.path(), "a.mtx", 2);
    let head = "%%MatrixMarket matrix array real general";
    let rhs = |value: &str, parts: &[&str]| {
        refused(
            &folder,
            &["a.mtx", "--rhs", value, "--output", "out"],
            parts,
        );
    };
    write(folder.path(), "short.mtx", &[head, "3 1", "1", "2", "3"]);
    rhs("short.mtx", &["short.mtx", "3 entries", "4 rows"]);
    let eight = ["1"; 8];
    write(
        folder.path(),
        "two.mtx",
        &[&[head, "4 2"], &eight[..]].concat(),
    );
    rhs("two.mtx", &["two.mtx", "2 right-hand sides"]);
    write(
        folder.path(),
        "nan.mtx",
        &[head, "4 1", "1", "nan", "3", "4"],
    );
    rhs("nan.mtx", &["nan.mtx", "nan"]);
    rhs(
        "nowhere.mtx",
        &["nowhere.mtx", "cannot open", "solution-random:SEED"],
    );
    rhs("stored", &["holds no right-hand side", "--rhs ones"]);
    rhs("random:x", &["--rhs", "seed `x`"]);
    rhs("random", &["random:0"]);
}

#[test]
fn options_out_of_range() {
    let folder = tempfile::tempdir().unwrap();
    poisson(folder.path(), "a.mtx", 2);
    let cases: &[(&[&str], &[&str])] = &[
        (&["--method", "gauss"], &["gauss", "possible values", "fcg"]),
        (
            &["--precond", "magic"],
            &["magic", "possible values", "ict"],
        ),
        (&["--rtol", "-1"], &["--rtol"]),
        (&["--rtol=NaN"], &["--rtol", "between 0 and 1"]),
        (&["--threads", "0"], &["--threads", "at least 1"]),
        (&["--time-limit", "0"], &["--time-limit", "positive"]),
        (&["--drop-tol", "0.1"], &["--drop-tol", "choose ict"]),
        (
            &["--precond", "ict", "--drop-tol=-1"],
            &["--drop-tol -1", "not negative"],
        ),
        (
            &["--weights", "x"],
            &["--weights", "add --precond neuralif"],
        ),
        (
            &["--precond", "neuralif", "--weights", "nobody"],
            &["nobody", "give a bundled name or a weight file"],
        ),
        (&["--output", "a.mtx"], &["--output a.mtx", "name another"]),
        (&["--table", "definite"], &["--table"]),
    ];
    for (options, parts) in cases {
        refused(&folder, &[&["a.mtx"], *options].concat(), parts);
    }
    write(folder.path(), "damaged.safetensors", &["no tensors"]);
    let damaged = ["--precond", "neuralif", "--weights", "damaged.safetensors"];
    refused(
        &folder,
        &[&["a.mtx"], &damaged[..]].concat(),
        &["damaged.safetensors"],
    );
    refused(&folder, &[], &["A.mtx"]);
    refused(&folder, &["--table", "definite"], &["--output"]);
}
