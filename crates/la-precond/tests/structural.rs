//! Structural matrices, on which IC(0) needs large shifts. Needs `LA_DATA_DIR`.

use std::path::PathBuf;

use la_krylov::{CgOptions, cg};
use la_precond::IncompleteCholeskyBuilder;
use la_precond::classical::{CompensatedIc, Ic0, ShiftLadder};
use la_problems::io::{ReadOptions, read_matrix};
use rand::{Rng, SeedableRng};

#[test]
fn ajiz_jennings_and_the_ladder_beat_large_shifts() {
    let Some(root) = std::env::var_os("LA_DATA_DIR").map(PathBuf::from) else {
        eprintln!("skipped: LA_DATA_DIR is not set");
        return;
    };
    // Measured: 60 against 14, 270 against 92, 2929 against 403.
    for (name, gain) in [("bcsstk03", 3.0), ("nos1", 2.0), ("nos2", 5.0)] {
        let path = root.join("matrices/HB").join(format!("{name}.mtx.gz"));
        let a = read_matrix(&path, &ReadOptions::default()).unwrap().matrix;
        let rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
        let b: Vec<f64> = rng
            .sample_iter(rand_distr::StandardNormal)
            .take(a.rows())
            .collect();
        let count = |builder: &dyn IncompleteCholeskyBuilder| {
            let factor = builder.build(a.view()).unwrap();
            let options = CgOptions::default().with_rtol(1e-8).with_max_iters(10_000);
            let solution = cg(&a, &b, &factor, &options).unwrap();
            assert!(solution.status.is_converged(), "{name} {}", builder.name());
            (solution.iterations as f64, factor.stats().shift_attempts)
        };
        let (plain, repeated) = count(&Ic0::default());
        let (aj, none) = count(&CompensatedIc::ajiz_jennings());
        let (ladder, rungs) = count(&ShiftLadder::default());
        assert!(aj * gain < plain, "{name}: {aj} {plain}");
        assert!(
            ladder <= plain && none == 0 && rungs < repeated,
            "{name}: {ladder}"
        );
        // Beams drop negative fill alone, and the ladder can see it.
        if name.starts_with("nos") {
            let early = ShiftLadder::default().with_negative_share(Some(0.55));
            assert_eq!(count(&early), (aj, 1), "{name}");
        }
    }
}
