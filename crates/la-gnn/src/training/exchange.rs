//! What processes that train one model together tell each other.

use crate::GnnError;

/// The processes that train one model together, each with a part of every batch.
///
/// Sums are all that is needed of them. [`Alone`] is one process; `Ranks`, with feature `mpi`, are those of an MPI program. Every process makes the same
/// calls in the same order.
///
/// # Examples
/// ```
/// use la_gnn::training::{Alone, Exchange};
/// let mut values = [1.0, 2.0];
/// Alone.sum(&mut values)?;
/// assert_eq!((Alone.size(), values), (1, [1.0, 2.0]));
/// # Ok::<(), la_gnn::GnnError>(())
/// ```
pub trait Exchange {
    /// Number of this process, from 0. Process 0 reads and writes checkpoints, and its initial parameters are those of all.
    fn rank(&self) -> usize;

    /// Number of processes, at least 1.
    fn size(&self) -> usize;

    /// Replaces `values` by their sums over all processes, entry by entry: the same bits on every process. Collective, with equal lengths.
    ///
    /// # Errors
    /// Where the connection breaks, if the implementation has an error for that.
    fn sum(&self, values: &mut [f64]) -> Result<(), GnnError>;

    /// The lowest process that says it has failed. Collective; called before all of them end.
    ///
    /// # Errors
    /// As [`Exchange::sum`].
    fn first_failed(&self, failed: bool) -> Result<Option<usize>, GnnError> {
        let said = words(self, u64::from(failed))?;
        Ok(said.iter().position(|word| *word != 0))
    }
}

/// One process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Alone;

impl Exchange for Alone {
    fn rank(&self) -> usize {
        0
    }
    fn size(&self) -> usize {
        1
    }
    fn sum(&self, _: &mut [f64]) -> Result<(), GnnError> {
        Ok(())
    }
}

/// Turns the result of every process into one that all agree on: `Ok` everywhere or `Err` everywhere, so that none goes on and waits for another. Collective.
///
/// # Errors
/// The process's own error, or [`GnnError::OtherRank`] on those that had none.
pub fn agree<T>(exchange: &dyn Exchange, result: Result<T, GnnError>) -> Result<T, GnnError> {
    if exchange.size() == 1 {
        return result;
    }
    match (exchange.first_failed(result.is_err())?, result) {
        (Some(rank), Ok(_)) => Err(GnnError::OtherRank { rank }),
        (_, result) => result,
    }
}

/// A number of every process. Halves of 32 bits are sums without rounding.
fn words(exchange: &(impl Exchange + ?Sized), own: u64) -> Result<Vec<u64>, GnnError> {
    let mut halves = vec![0.0; 2 * exchange.size()];
    halves[2 * exchange.rank()] = f64::from(own as u32);
    halves[2 * exchange.rank() + 1] = f64::from((own >> 32) as u32);
    exchange.sum(&mut halves)?;
    let join = |pair: &[f64]| pair[0] as u64 | (pair[1] as u64) << 32;
    Ok(halves.chunks_exact(2).map(join).collect())
}

/// Checks that all processes have the same number.
pub(super) fn same(
    exchange: &dyn Exchange,
    what: &'static str,
    update: usize,
    own: impl FnOnce() -> u64,
) -> Result<(), GnnError> {
    if exchange.size() == 1 {
        return Ok(());
    }
    let said = words(exchange, own())?;
    let others = (0..said.len()).filter(|&rank| said[rank] != said[0]);
    let ranks: Vec<usize> = others.collect();
    if ranks.is_empty() {
        return Ok(());
    }
    Err(GnnError::RanksDiffer {
        what,
        update,
        ranks,
    })
}

/// The bytes of process 0; the others give none.
pub(super) fn from_first(exchange: &dyn Exchange, own: &[u8]) -> Result<Vec<u8>, GnnError> {
    let first = exchange.rank() == 0;
    let mut len = [if first { own.len() as f64 } else { 0.0 }];
    exchange.sum(&mut len)?;
    let len = len[0] as usize;
    let mut numbers = vec![0.0; len.div_ceil(4)];
    if first {
        for (number, bytes) in numbers.iter_mut().zip(own.chunks(4)) {
            let mut word = [0; 4];
            word[..bytes.len()].copy_from_slice(bytes);
            *number = f64::from(u32::from_le_bytes(word));
        }
    }
    exchange.sum(&mut numbers)?;
    let bytes = numbers.iter().flat_map(|n| (*n as u32).to_le_bytes());
    Ok(bytes.take(len).collect())
}
