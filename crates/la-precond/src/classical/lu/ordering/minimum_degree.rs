//! Minimum degree orderings of faer.

use faer::dyn_stack::{MemBuffer, MemStack};
use faer::sparse::SymbolicSparseColMatRef;
use faer::sparse::linalg::{amd, colamd};

use super::Graph;
use crate::PrecondError;

/// AMD of a symmetric pattern.
pub(super) fn amd(graph: &Graph) -> Result<Vec<u32>, PrecondError> {
    let n = graph.n();
    let columns = wide(graph);
    let (mut order, mut inverse) = (vec![0_u64; n], vec![0_u64; n]);
    let scratch = amd::order_scratch::<u64>(n, graph.indices.len());
    let mut memory = MemBuffer::try_new(scratch).map_err(|_| failed("amd", "out of memory"))?;
    let pattern = SymbolicSparseColMatRef::new_checked(n, n, &columns.0, None, &columns.1);
    let control = amd::Control::default();
    let stack = MemStack::new(&mut memory);
    amd::order(&mut order, &mut inverse, pattern, control, stack)
        .map_err(|error| failed("amd", &error.to_string()))?;
    Ok(order.into_iter().map(|k| k as u32).collect())
}

/// COLAMD of the transpose, whose columns are the rows of the pattern.
pub(super) fn colamd(graph: &Graph) -> Result<Vec<u32>, PrecondError> {
    let n = graph.n();
    if n == 0 {
        return Ok(Vec::new());
    }
    let columns = wide(graph);
    let (mut order, mut inverse) = (vec![0_u64; n], vec![0_u64; n]);
    let scratch = colamd::order_scratch::<u64>(n, n, graph.indices.len());
    let mut memory = MemBuffer::try_new(scratch).map_err(|_| failed("colamd", "out of memory"))?;
    let pattern = SymbolicSparseColMatRef::new_checked(n, n, &columns.0, None, &columns.1);
    let control = colamd::Control::default();
    let stack = MemStack::new(&mut memory);
    colamd::order(&mut order, &mut inverse, pattern, control, stack)
        .map_err(|error| failed("colamd", &error.to_string()))?;
    Ok(order.into_iter().map(|k| k as u32).collect())
}

/// Sorted indices in the width that leaves room for the work of the orderings. COLAMD of faer 0.24
/// goes wrong when they are not sorted.
fn wide(graph: &Graph) -> (Vec<u64>, Vec<u64>) {
    let indptr = graph.indptr.iter().map(|&p| p as u64).collect();
    let mut indices: Vec<u64> = graph.indices.iter().map(|&j| u64::from(j)).collect();
    for range in graph.indptr.windows(2) {
        indices[range[0]..range[1]].sort_unstable();
    }
    (indptr, indices)
}

fn failed(builder: &str, message: &str) -> PrecondError {
    PrecondError::Builder {
        builder: builder.to_owned(),
        message: message.to_owned(),
    }
}
