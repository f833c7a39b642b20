//! Distributed ADMM: agents on a grid, on one rank and on all.

use anyhow::{Result, anyhow, ensure};
use la_opt::admm::{
    Adapt, Admm, AdmmOptions, Exchange, LocalFailure, Network, Ranks, SquaredDistance,
};
use la_problems::consensus::AgentGraphLaw;
use xtask::report::Unit;

use super::super::{Size, clock};
use super::model::Model;
use super::turns::Triad;
use super::{Bench, Rounds, median, messages};

/// Share of the speed-up of a triad.
const GOAL: f64 = 0.85;
/// Iterations that are timed at once.
const STRETCH: usize = 20;
/// Three arrays that no cache holds, on each rank.
const MEMORY: usize = 192 << 20;
/// What an agent with two numbers on a grid holds: six vectors, four edges, function and lists.
const AGENT: usize = 240;

pub(super) fn run(bench: &mut Bench<'_>) -> Result<()> {
    let side = match bench.args.size {
        Size::Smoke => 40,
        Size::Small => 100,
        Size::Full => 317,
    };
    let agents = side * side;
    let problem = format!("grid-{agents}");
    let edges = AgentGraphLaw::Grid { rows: side }.draw(agents, 0)?;
    let network = Network::from_edges(agents, edges)?;
    same_bits(bench, &network, &problem)?;
    if bench.timed {
        let seconds = timed(bench, &network, &problem)?;
        let model = Model {
            costs: messages::run(bench)?,
            agent: seconds / agents as f64,
            check_every: AdmmOptions::default().check_every,
            ranks: bench.world().size(),
        };
        if bench.world().size() > 1 {
            model.record(bench, agents)?;
        }
    }
    Ok(())
}

fn function(agent: u32) -> Result<SquaredDistance> {
    let t = f64::from(agent);
    Ok(SquaredDistance::new(vec![
        10.0 * t.sin(),
        10.0 * (0.7 * t).cos(),
    ])?)
}

fn alone(network: &Network, options: AdmmOptions) -> Result<Admm<SquaredDistance>> {
    let functions = (0..network.agents() as u32).map(function);
    let functions = functions.collect::<Result<Vec<_>>>()?;
    Ok(Admm::new(network, functions, options)?)
}

type OnRanks = Admm<SquaredDistance, Ranks>;

fn together(bench: &Bench<'_>, network: &Network, options: AdmmOptions) -> Result<OnRanks> {
    let (agents, ranks) = (network.agents(), bench.world().size());
    // Stripes of the grid; parts of other graphs come from `la_graph::partition`.
    let owner: Vec<u32> = (0..agents).map(|i| (i * ranks / agents) as u32).collect();
    let (shard, exchange) = Ranks::new(bench.world(), network, &owner)?;
    let own = shard.ids()[..shard.owned()].iter();
    let functions = own.map(|&i| function(i)).collect::<Result<Vec<_>>>()?;
    Ok(Admm::on(shard, agents, functions, options, exchange)?)
}

/// α that residuals choose: every decision hangs on sums over all agents.
fn same_bits(bench: &mut Bench<'_>, network: &Network, problem: &str) -> Result<()> {
    let options = AdmmOptions::default()
        .with_adapt(Adapt::balance())
        .with_max_iters(300);
    let mut all = together(bench, network, options.clone())?;
    let report = all.solve();
    let ids: Vec<u64> = all.shard().ids()[..all.shard().owned()]
        .iter()
        .map(|&i| u64::from(i))
        .collect();
    let world = bench.world();
    let (ids, states) = (world.gather(0, &ids), world.gather(0, all.states()));
    if !world.is_root() {
        return Ok(());
    }
    let mut single = alone(network, options)?;
    let expected = single.solve();
    let mut other = 0;
    for (ids, states) in ids.iter().zip(&states) {
        for (&i, x) in ids.iter().zip(states.chunks_exact(2)) {
            let same = |(a, b): (&f64, &f64)| a.to_bits() == b.to_bits();
            other += usize::from(!x.iter().zip(single.x(i as usize)).all(same));
        }
    }
    ensure!(
        report.iterations == expected.iterations,
        "{} iterations on ranks, {} alone",
        report.iterations,
        expected.iterations
    );
    bench.record.note(format!(
        "{problem}: {} iterations with residual balancing on {} ranks and on one",
        report.iterations,
        world.size()
    ));
    let quantity = "agents_with_other_bits";
    let method = "residual balancing";
    (bench.record).agreement(problem, method, quantity, other as f64, 0.0)
}

/// Seconds of an iteration on one rank.
fn timed(bench: &mut Bench<'_>, network: &Network, problem: &str) -> Result<f64> {
    let world = bench.world();
    let options = AdmmOptions::default();
    let mut single = match world.is_root() {
        true => Some(alone(network, options.clone())?),
        false => None,
    };
    let mut all = together(bench, network, options)?;
    let small = AGENT * network.agents();
    let mut triads = [Triad::new(MEMORY), Triad::new(small / world.size())];
    let mut whole = Triad::new(small);
    let (mut solver, mut memory, mut cache) =
        (Rounds::default(), Rounds::default(), Rounds::default());
    let start = all.exchange().traffic();
    let (mut spent, mut waited) = (0.0, 0.0);
    for round in 0..=bench.args.repetitions {
        let turns = &bench.turns;
        let seconds = [
            turns.alone(|| match &mut single {
                Some(single) => iterations(single),
                None => Ok(0.0),
            })?,
            turns.together(|| {
                let before = all.exchange().traffic().waiting;
                let seconds = iterations(&mut all)?;
                spent += seconds;
                waited += (all.exchange().traffic().waiting - before).as_secs_f64();
                Ok::<_, anyhow::Error>(seconds)
            })?,
            turns.alone(|| Ok::<_, anyhow::Error>(triads[0].passes(1)))?,
            turns.together(|| Ok::<_, anyhow::Error>(triads[0].passes(1)))?,
            turns.alone(|| Ok::<_, anyhow::Error>(whole.passes(STRETCH)))?,
            turns.together(|| Ok::<_, anyhow::Error>(triads[1].passes(STRETCH)))?,
        ];
        if round > 0 {
            let per = STRETCH as f64;
            solver.alone.push(seconds[0] / per);
            solver.together.push(seconds[1] / per);
            memory.alone.push(seconds[2]);
            memory.together.push(seconds[3]);
            cache.alone.push(seconds[4] / per);
            // As many bytes on all ranks together as alone.
            cache.together.push(seconds[5] / per * world.size() as f64);
        }
    }
    bench.triad("triad, 192 MiB a rank", &memory)?;
    bench.triad("triad, size of the agents", &cache)?;
    let method = "constant step";
    bench.speed_up(problem, method, &solver, &memory, GOAL)?;
    let own = solver.speed_up(1.0)?;
    let quantity = "share_of_triad_of_its_size";
    bench.share(problem, method, quantity, (&own, &cache), None)?;

    let traffic = all.exchange().traffic();
    let steps = f64::from(bench.args.repetitions + 1) * STRETCH as f64;
    let bytes = (traffic.bytes - start.bytes) as f64 / steps;
    for (rank, row) in world
        .all_gather(&[waited / spent, bytes])
        .iter()
        .enumerate()
    {
        let method = format!("rank {rank}");
        let (waited, bytes) = (100.0 * row[0], row[1]);
        (bench.record).value(problem, &method, "waiting", Unit::Percent, waited)?;
        (bench.record).value(problem, &method, "sent_an_iteration", Unit::Bytes, bytes)?;
    }
    median(&solver.alone)
}

fn iterations<E: Exchange>(admm: &mut Admm<SquaredDistance, E>) -> Result<f64> {
    let (result, seconds) = clock::timed(|| admm.iterate(STRETCH));
    result.map_err(|(agent, why): (usize, LocalFailure)| anyhow!("agent {agent}: {why}"))?;
    Ok(seconds)
}
