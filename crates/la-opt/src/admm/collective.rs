//! What all processes decide together.

use super::exchange::Exchange;
use super::objective::{LocalObjective, require_length};
use super::{AdmmError, AdmmOptions, ExactSum, Shard};

/// Ends in an error on all processes where there is one on any. Collective.
pub(super) fn agree<T>(
    own: Result<T, AdmmError>,
    exchange: &mut impl Exchange,
) -> Result<T, AdmmError> {
    let mut wrong = [i64::from(own.is_err())];
    exchange.start_sum_integers(&wrong);
    exchange.finish_sum_integers(&mut wrong);
    match wrong {
        [0] => own,
        _ => own.and(Err(AdmmError::Elsewhere)),
    }
}

/// What all processes know of each other.
#[derive(Clone, Copy)]
pub(super) struct Agreed {
    /// Variables that agents agree on.
    pub(super) variables: usize,
    /// Numbers of all agents.
    pub(super) total: usize,
    /// Of graph, weights and variables.
    pub(super) fingerprint: u64,
}

/// The number of variables, which a process without agents learns from the others, and the fingerprint.
pub(super) fn agree_on<F: LocalObjective>(
    shard: &Shard,
    agents: usize,
    objectives: &[F],
    exchange: &mut impl Exchange,
) -> Result<Agreed, AdmmError> {
    let own = own_dimension(shard, objectives);
    let (owned, n) = (shard.owned() as i64, *own.as_ref().unwrap_or(&0) as i64);
    let numbers = match shard.shared() {
        None => owned * n,
        Some((slots, _)) => slots.len() as i64,
    };
    let (high, low) = shard.fingerprints();
    // By Cauchy and Schwarz the third and the fourth belong to equal dimensions alone.
    let wrong = i64::from(own.is_err());
    let squares = (owned * n).wrapping_mul(n);
    let mut sums = [wrong, owned, owned * n, squares, numbers, high, low];
    exchange.start_sum_integers(&sums);
    exchange.finish_sum_integers(&mut sums);
    own?;
    let [wrong, all, first, second, numbers, high, low] = sums;
    let n = first / all.max(1);
    if wrong > 0 || n * all != first || n.wrapping_mul(first) != second {
        return Err(AdmmError::Elsewhere);
    }
    require_length("list of agents of all processes", all as usize, agents)?;
    Ok(Agreed {
        variables: n.max(1) as usize,
        total: numbers as usize,
        fingerprint: (high as u64).rotate_left(32).wrapping_add(low as u64),
    })
}

/// The number of variables as own agents know it, 0 where there are none.
fn own_dimension<F: LocalObjective>(shard: &Shard, objectives: &[F]) -> Result<usize, AdmmError> {
    require_length("list of local functions", objectives.len(), shard.owned())?;
    if let Some((_, holders)) = shard.shared() {
        for (i, f) in objectives.iter().enumerate() {
            let expected = shard.nodes(i..i + 1).len();
            if f.dim() != expected {
                return Err(AdmmError::Arguments {
                    agent: shard.ids()[i] as usize,
                    dim: f.dim(),
                    expected,
                });
            }
        }
        return Ok(holders.len());
    }
    let n = objectives.first().map_or(0, LocalObjective::dim);
    match objectives.iter().position(|f| f.dim() != n || f.dim() == 0) {
        None => Ok(n),
        Some(agent) => Err(AdmmError::Dimension {
            agent: shard.ids()[agent] as usize,
            dim: objectives[agent].dim(),
            expected: n,
        }),
    }
}

/// The sum of numbers of own agents over all processes.
pub(super) fn total(
    terms: impl Iterator<Item = f64>,
    options: &AdmmOptions,
    exchange: &mut impl Exchange,
) -> f64 {
    if !options.deterministic {
        let mut sum = [terms.sum::<f64>()];
        exchange.start_sum(&sum);
        exchange.finish_sum(&mut sum);
        return sum[0];
    }
    let mut sum = ExactSum::default();
    terms.for_each(|term| sum.add(term));
    if exchange.ranks() == 1 {
        return sum.value();
    }
    let mut words = [0; ExactSum::WORDS];
    sum.limbs(&mut words);
    exchange.start_sum_integers(&words);
    exchange.finish_sum_integers(&mut words);
    ExactSum::from_limbs(&words).value()
}
