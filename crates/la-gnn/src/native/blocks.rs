//! Rows spread over threads.

/// Fewest arcs a thread is given.
pub(super) const ARCS_PER_THREAD: usize = 32_768;

/// Consecutive row ranges with about equally many arcs, at most as many as the current pool has threads.
pub(super) fn row_blocks(row_ptr: &[u32]) -> Vec<(usize, usize)> {
    let n = row_ptr.len() - 1;
    let arcs = row_ptr[n] as usize;
    let count = rayon::current_num_threads()
        .min(arcs / ARCS_PER_THREAD)
        .max(1);
    let mut first = 0;
    let mut blocks = Vec::with_capacity(count);
    for b in 1..=count {
        let target = (arcs * b / count) as u32;
        let last = if b == count {
            n
        } else {
            row_ptr.partition_point(|p| *p < target).clamp(first, n)
        };
        if last > first {
            blocks.push((first, last));
            first = last;
        }
    }
    blocks
}

/// Splits a slice into consecutive parts of the given lengths.
pub(super) fn split<T>(mut rest: &mut [T], lengths: impl Iterator<Item = usize>) -> Vec<&mut [T]> {
    let mut parts = Vec::new();
    for length in lengths {
        let (part, tail) = rest.split_at_mut(length);
        parts.push(part);
        rest = tail;
    }
    parts
}
