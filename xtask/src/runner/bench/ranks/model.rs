//! What an iteration of ADMM would take on more ranks than there are here, from what was measured.

use anyhow::Result;
use xtask::report::Unit;

use super::Bench;
use super::messages::Costs;

/// Ranks of the model.
const RANKS: [usize; 4] = [2, 16, 128, 1024];
/// Numbers of an agent.
const WIDTH: usize = 2;
/// How much dearer messages are than here: through the memory of one machine, and as if over a slow network.
const DEARER: [f64; 2] = [1.0, 10.0];

/// Agents on a square grid that is cut into square blocks.
pub(super) struct Model {
    pub(super) costs: Costs,
    /// Seconds of an iteration for each agent, on one rank.
    pub(super) agent: f64,
    /// Iterations from one look at the residuals to the next.
    pub(super) check_every: usize,
    /// Ranks of the measured sums.
    pub(super) ranks: usize,
}

impl Model {
    /// Seconds of an iteration; nothing is hidden behind anything.
    fn seconds(&self, agents: f64, ranks: usize, dearer: f64) -> f64 {
        let own = agents / ranks as f64;
        let bytes = (8 * WIDTH) as f64 * own.sqrt();
        let message = dearer * (self.costs.latency + bytes * self.costs.byte);
        // Four neighbours, twice; a tree of sums.
        let depth = (ranks as f64).log2() / (self.ranks as f64).log2().max(1.0);
        let sums = dearer * self.costs.sums * depth / self.check_every as f64;
        own * self.agent + 8.0 * message + sums
    }

    /// The same agents on more ranks, and as many for each rank.
    pub(super) fn record(&self, bench: &mut Bench<'_>, agents: usize) -> Result<()> {
        for dearer in DEARER {
            for ranks in RANKS {
                let method = format!("{ranks} ranks, messages x {dearer}");
                for (problem, all) in [
                    ("model-same-agents", agents as f64),
                    ("model-agents-for-each-rank", (agents * ranks) as f64),
                ] {
                    let seconds = self.seconds(all, ranks, dearer);
                    let efficiency = all * self.agent / (ranks as f64 * seconds);
                    let record = &mut bench.record;
                    record.value(problem, &method, "model_seconds", Unit::Seconds, seconds)?;
                    let percent = 100.0 * efficiency;
                    record.value(problem, &method, "efficiency", Unit::Percent, percent)?;
                }
            }
        }
        bench.record.note(format!(
            "model: {agents} agents in all, or on each rank, in square blocks of a grid; {:.1} ns an agent, {:.2} µs an exchange and {:.2} ns a byte, {:.1} µs the sums, \
             every {} iterations; four neighbours, two exchanges, nothing overlaps",
            1e9 * self.agent,
            1e6 * self.costs.latency,
            1e9 * self.costs.byte,
            1e6 * self.costs.sums,
            self.check_every
        ));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_shares_scale_and_small_ones_do_not() {
        let model = Model {
            costs: Costs {
                latency: 1e-6,
                byte: 1e-10,
                sums: 1e-5,
            },
            agent: 1e-8,
            check_every: 10,
            ranks: 2,
        };
        let efficiency = |agents: f64, ranks: usize| {
            agents * model.agent / (ranks as f64 * model.seconds(agents, ranks, 1.0))
        };
        assert!(efficiency(1e9, 1024) > 0.95);
        assert!(efficiency(1e5, 1024) < 0.2);
        assert!(efficiency(1e5, 2) > efficiency(1e5, 16));
    }
}
