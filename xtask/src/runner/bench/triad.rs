//! The physical limit of memory-bound work on this machine, measured in the same run.

use rayon::prelude::*;

use super::clock;

/// Bytes a second of `a = b + s c` on arrays that no cache holds, best of several passes, on the threads of the
/// current pool.
///
/// Counts 24 bytes an element, as J. D. McCalpin's STREAM does; the read that precedes the write of `a` is not counted.
pub(super) fn bandwidth() -> f64 {
    let n = 1 << 23;
    let (mut a, b, c) = (vec![0.0f64; n], vec![1.0f64; n], vec![2.0f64; n]);
    let part = n.div_ceil(rayon::current_num_threads());
    let best = (0..7)
        .map(|_| {
            clock::seconds(|| {
                a.par_chunks_mut(part)
                    .zip(b.par_chunks(part))
                    .zip(c.par_chunks(part))
                    .for_each(|((a, b), c)| {
                        for ((a, b), c) in a.iter_mut().zip(b).zip(c) {
                            *a = b + 3.0 * c;
                        }
                    });
            })
        })
        .fold(f64::INFINITY, f64::min);
    std::hint::black_box(&a);
    24.0 * n as f64 / best
}
