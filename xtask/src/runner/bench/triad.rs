//! The physical limit of memory-bound work on this machine, measured in the same run.

use anyhow::Result;
use rayon::prelude::*;
use xtask::report::{Summary, Unit};

use super::clock;
use super::record::Record;

/// Entries of each array: three times 64 MB, more than any cache holds.
const LENGTH: usize = 1 << 23;

/// `a = b + s c` on arrays that no cache holds.
pub(super) struct Triad {
    a: Vec<f64>,
    b: Vec<f64>,
    c: Vec<f64>,
}

impl Triad {
    pub(super) fn new() -> Self {
        Self {
            a: vec![0.0; LENGTH],
            b: vec![1.0; LENGTH],
            c: vec![2.0; LENGTH],
        }
    }

    /// Bytes a second of one pass, on the threads of the current pool.
    ///
    /// Counts 24 bytes an element, as J. D. McCalpin's STREAM does; the read that precedes the write of `a` is not
    /// counted.
    pub(super) fn bandwidth(&mut self) -> f64 {
        let part = LENGTH.div_ceil(rayon::current_num_threads());
        let (b, c) = (&self.b, &self.c);
        let seconds = clock::seconds(|| {
            self.a
                .par_chunks_mut(part)
                .zip(b.par_chunks(part))
                .zip(c.par_chunks(part))
                .for_each(|((a, b), c)| {
                    for ((a, b), c) in a.iter_mut().zip(b).zip(c) {
                        *a = b + 3.0 * c;
                    }
                });
        });
        std::hint::black_box(&self.a);
        24.0 * LENGTH as f64 / seconds
    }

    /// Records the median of several passes, in gigabytes a second, and gives it in bytes a second.
    pub(super) fn record(&mut self, record: &mut Record) -> Result<f64> {
        let passes: Vec<f64> = (0..8).map(|_| self.bandwidth()).collect();
        // The first pass also asks for the pages.
        let median = Summary::of("triad", &passes[1..])?.median;
        let name = "gigabytes_per_second";
        record.value("machine", "triad", name, Unit::Dimensionless, median / 1e9)?;
        Ok(median)
    }
}
