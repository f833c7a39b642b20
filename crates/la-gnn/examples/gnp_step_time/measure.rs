//! Medians of interleaved repetitions.

use std::time::Instant;

/// Median time of each piece of work in milliseconds: one after the other, round after round, after two rounds that do not count.
pub(crate) fn interleaved(rounds: usize, work: &mut [&mut dyn FnMut()]) -> Vec<f64> {
    let mut times = vec![Vec::new(); work.len()];
    for round in 0..rounds + 2 {
        for (work, times) in work.iter_mut().zip(&mut times) {
            let start = Instant::now();
            work();
            if round >= 2 {
                times.push(start.elapsed().as_secs_f64() * 1e3);
            }
        }
    }
    times
        .iter_mut()
        .map(|times| {
            times.sort_by(f64::total_cmp);
            times[times.len() / 2]
        })
        .collect()
}
