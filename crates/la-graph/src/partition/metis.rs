//! The same by METIS.

use std::sync::{Mutex, PoisonError};

use metis::option::{Seed, UFactor};
use metis::{Graph as MetisGraph, Idx};

use super::PartitionOptions;
use super::graph::Graph;
use crate::error::GraphError;

/// METIS draws from the one generator of the C library: two calls at a time would disturb each other.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Up to here recursive bisection cuts fewer edges; above it costs more than it brings.
const BISECTED: usize = 8;

/// Labels of `parts` parts. The graph has more nodes than parts.
pub(super) fn cut(
    graph: &Graph,
    parts: usize,
    options: &PartitionOptions,
) -> Result<Vec<u32>, GraphError> {
    let (starts, others, weights) = graph.raw();
    let starts = narrow("the number of edges, both directions", starts)?;
    let others = narrow("the number of nodes", others)?;
    // Where nothing weighs anything, nodes are what there is to balance.
    let weights = match graph.total() {
        0 => vec![1; graph.len()],
        _ => narrow("a weight", weights)?,
    };
    // METIS adds weights up in the same 32 bits.
    if graph.total() > Idx::MAX as u64 {
        return Err(overflow("the sum of weights", graph.total()));
    }
    let count = Idx::try_from(parts).map_err(|_| overflow("the number of parts", parts as u64))?;
    // Thousandths, at least one.
    let thousandths = (options.imbalance * 1000.0).clamp(1.0, 1e6) as Idx;
    let seed = (options.seed % 0x7fff_ffff) as Idx;

    let failed = |error: &dyn std::fmt::Display| GraphError::Library {
        library: "METIS",
        message: error.to_string(),
    };
    let mut labels = vec![0; graph.len()];
    let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let problem = MetisGraph::new(1, count, &starts, &others).map_err(|e| failed(&e))?;
    let problem = problem
        .set_vwgt(&weights)
        .set_option(Seed(seed))
        .set_option(UFactor(thousandths));
    let cut = if parts <= BISECTED {
        problem.part_recursive(&mut labels)
    } else {
        problem.part_kway(&mut labels)
    };
    cut.map_err(|e| failed(&e))?;
    Ok(labels.into_iter().map(|label| label as u32).collect())
}

fn narrow(what: &'static str, values: &[u32]) -> Result<Vec<Idx>, GraphError> {
    let each = values.iter().map(|value| Idx::try_from(*value));
    let narrowed: Result<Vec<Idx>, _> = each.collect();
    narrowed.map_err(|_| overflow(what, values.iter().copied().max().unwrap_or(0).into()))
}

fn overflow(what: &'static str, value: u64) -> GraphError {
    GraphError::IndexOverflow { what, value }
}
