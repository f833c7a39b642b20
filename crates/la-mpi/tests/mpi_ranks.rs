//! Exchanges and reductions on 1 to 4 ranks against what one process computes.

use la_mpi::testing::on_ranks;
use la_mpi::{Halo, MpiError, Ownership, Ranges, World};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

const RANKS: [usize; 4] = [1, 2, 3, 4];

/// A random symmetric graph with a random owner for every node, the same on every rank.
struct Network {
    neighbours: Vec<Vec<usize>>,
    owners: Vec<u32>,
}

impl Network {
    fn random(nodes: usize, edges: usize, ranks: usize, seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut neighbours = vec![Vec::new(); nodes];
        for _ in 0..edges {
            let (a, b) = (rng.random_range(0..nodes), rng.random_range(0..nodes));
            if a != b && !neighbours[a].contains(&b) {
                neighbours[a].push(b);
                neighbours[b].push(a);
            }
        }
        let owners = (0..nodes).map(|_| rng.random_range(0..ranks) as u32);
        let owners = owners.collect();
        Self { neighbours, owners }
    }

    fn owned(&self, rank: usize) -> Vec<usize> {
        let all = 0..self.owners.len();
        all.filter(|id| self.owners[*id] as usize == rank).collect()
    }

    /// In the order in which they are met, which is no order.
    fn ghosts(&self, rank: usize) -> Vec<usize> {
        let mut ghosts = Vec::new();
        for id in self.owned(rank) {
            for other in &self.neighbours[id] {
                if self.owners[*other] as usize != rank && !ghosts.contains(other) {
                    ghosts.push(*other);
                }
            }
        }
        ghosts
    }
}

fn value(id: usize, round: usize, k: usize) -> f64 {
    ((id * 31 + round * 7 + k) as f64).sin()
}

fn values(ids: &[usize], round: usize, width: usize) -> Vec<f64> {
    let each = ids
        .iter()
        .flat_map(|id| (0..width).map(move |k| value(*id, round, k)));
    each.collect()
}

#[test]
fn ghosts_are_what_their_owners_have() {
    on_ranks("ghosts_are_what_their_owners_have", &RANKS, |world| {
        for seed in 0..6 {
            let network = Network::random(60, 40 * seed as usize, world.size(), seed);
            let (owned, ghosts) = (network.owned(world.rank()), network.ghosts(world.rank()));
            let mut halo: Halo = Halo::new(world, &owned, &ghosts, &network.owners).unwrap();
            let mut single = halo.with_scalar::<f32>();
            for (round, width) in [1, 3, 1, 2, 0].into_iter().enumerate() {
                let mut came = vec![f64::NAN; width * ghosts.len()];
                let own = values(&owned, round, width);
                halo.exchange(&own, width, &mut came);
                assert_eq!(came, values(&ghosts, round, width));
                let own: Vec<f32> = own.iter().map(|v| *v as f32).collect();
                let mut halves = vec![f32::NAN; came.len()];
                single.exchange(&own, width, &mut halves);
                assert!(halves.iter().zip(&came).all(|(h, c)| *h == *c as f32));
            }
            assert_eq!(halo.counters().rounds, 5);
            let sent: usize = halo.neighbours().map(|n| n.sends).sum();
            assert_eq!(halo.counters().bytes_sent, (8 * 7 * sent) as u64);
            let boundary = halo.boundary().iter().map(|at| owned[*at as usize]);
            let needed = owned.iter().copied().filter(|id| {
                let owner = |id: &usize| network.owners[*id];
                network.neighbours[*id]
                    .iter()
                    .any(|o| owner(o) != owner(id))
            });
            assert_eq!(boundary.collect::<Vec<_>>(), needed.collect::<Vec<_>>());
        }
    });
}

#[test]
fn the_way_back_adds_up() {
    on_ranks("the_way_back_adds_up", &RANKS, |world| {
        let network = Network::random(50, 150, world.size(), 3);
        let (owned, ghosts) = (network.owned(world.rank()), network.ghosts(world.rank()));
        let mut halo: Halo = Halo::new(world, &owned, &ghosts, &network.owners).unwrap();
        let width = 2;
        let mut own = values(&owned, 0, width);
        // A ghost says which rank it comes from: the sum shows who has added.
        let weight = |rank: usize| 10f64.powi(rank as i32);
        let back = vec![weight(world.rank()); width * ghosts.len()];
        halo.reverse(&back, width, &mut own);
        for (at, id) in owned.iter().enumerate() {
            let mut expected = [value(*id, 0, 0), value(*id, 0, 1)];
            for rank in 0..world.size() {
                if network.ghosts(rank).contains(id) {
                    expected.iter_mut().for_each(|e| *e += weight(rank));
                }
            }
            assert_eq!(own[width * at..][..width], expected);
        }
    });
}

#[test]
fn exchanges_overlap_with_work_and_with_each_other() {
    on_ranks(
        "exchanges_overlap_with_work_and_with_each_other",
        &RANKS,
        |world| {
            let blocks = Ranges::even(4000, world.size());
            let owned: Vec<usize> = blocks.range(world.rank()).collect();
            let others = (0..4000).filter(|id| blocks.owner(*id) != Some(world.rank()));
            let ghosts: Vec<usize> = others.collect();
            let mut first: Halo = Halo::new(world, &owned, &ghosts, &blocks).unwrap();
            let mut second: Halo = Halo::new(world, &owned, &ghosts, &blocks).unwrap();
            let mut norms = world.pending();
            let mut came = vec![0.0; ghosts.len()];
            for round in 0..20 {
                first.start(&values(&owned, round, 1), 1);
                norms.start_sum(&[round as f64, 1.0]);
                second.start(&values(&owned, round + 100, 1), 1);
                second.finish(&mut came);
                assert_eq!(came, values(&ghosts, round + 100, 1));
                while !norms.test() {}
                assert_eq!(
                    norms.wait(),
                    [(round * world.size()) as f64, world.size() as f64]
                );
                first.test();
                first.finish(&mut came);
                assert_eq!(came, values(&ghosts, round, 1));
            }
            // Started, never finished: dropping waits for it.
            first.start(&values(&owned, 0, 1), 1);
        },
    );
}

#[test]
fn reductions() {
    on_ranks("reductions", &RANKS, |world| {
        let (rank, size) = (world.rank() as f64, world.size() as f64);
        let mut sums = [rank, 0.1 * rank, 1.0];
        world.all_sum(&mut sums);
        assert_eq!(sums[0], size * (size - 1.0) / 2.0);
        assert_eq!(sums[2], size);
        let bits: Vec<u64> = sums.iter().map(|s| s.to_bits()).collect();
        assert!(world.all_gather(&bits).iter().all(|other| *other == bits));

        let mut ends = [rank, -rank];
        world.all_max(&mut ends);
        assert_eq!(ends, [size - 1.0, 0.0]);
        let mut ends = [rank, -rank];
        world.all_min(&mut ends);
        assert_eq!(ends, [0.0, 1.0 - size]);

        let mut exact = [i64::MAX / 8, -(world.rank() as i64)];
        world.all_sum_integers(&mut exact);
        assert_eq!(exact[0], (i64::MAX / 8) * world.size() as i64);
        let mut ends = [world.rank() as i64];
        world.all_max_integers(&mut ends);
        assert_eq!(ends[0], world.size() as i64 - 1);
        world.all_min_integers(&mut ends);
        assert!(world.any(world.rank() == world.size() - 1));
        assert!(!world.any(false));

        let mut low = world.pending::<i64>();
        low.start_min(&[world.rank() as i64 + 5]);
        assert!(low.is_under_way());
        assert_eq!(low.wait(), [5]);
        assert!(!low.is_under_way());
        world.all_sum(&mut []);
    });
}

#[test]
fn lists_and_broadcasts() {
    on_ranks("lists_and_broadcasts", &RANKS, |world| {
        let (rank, size) = (world.rank(), world.size());
        let lists: Vec<Vec<u32>> = (0..size)
            .map(|to| vec![(rank * 10 + to) as u32; to])
            .collect();
        let came = world.all_to_all(&lists).unwrap();
        for (from, list) in came.iter().enumerate() {
            assert_eq!(*list, vec![(from * 10 + rank) as u32; rank]);
        }
        let mut values = if rank == size - 1 {
            [1.5, 2.5]
        } else {
            [0.0; 2]
        };
        world.broadcast(size - 1, &mut values);
        assert_eq!(values, [1.5, 2.5]);
        let rows = world.gather(0, &[rank as u64]);
        assert_eq!(rows.len(), if rank == 0 { size } else { 0 });
        world.barrier();
    });
}

#[test]
fn faults_are_seen_on_every_rank() {
    on_ranks("faults_are_seen_on_every_rank", &[3], |world| {
        let blocks = Ranges::even(30, 3);
        let owned: Vec<usize> = blocks.range(world.rank()).collect();
        let plan = |ghosts: &[usize], owners: &dyn Ownership| {
            Halo::<f64>::new(world, &owned, ghosts, &|id| owners.owner(id)).map(|_| ())
        };
        let on_rank_1 = |ghosts: &'static [usize]| if world.rank() == 1 { ghosts } else { &[] };
        let expect = |result: Result<(), MpiError>, own: MpiError| match (world.rank(), result) {
            (1, Err(error)) => assert_eq!(error, own),
            (_, Err(error)) => assert_eq!(error, MpiError::OtherRank { rank: 1 }),
            (_, Ok(())) => panic!("no error"),
        };
        let (what, id) = ("ghost", 2);
        expect(
            plan(on_rank_1(&[2, 2]), &blocks),
            MpiError::Repeated { what, id },
        );
        expect(
            plan(on_rank_1(&[12]), &blocks),
            MpiError::GhostIsOwned { id: 12 },
        );
        expect(
            plan(on_rank_1(&[30]), &blocks),
            MpiError::NoOwner { id: 30 },
        );
        let beyond = |_: usize| Some(7);
        let no_such = MpiError::NoSuchRank {
            id: 3,
            owner: 7,
            ranks: 3,
        };
        expect(plan(on_rank_1(&[3]), &beyond), no_such);
        // Rank 0 believes that rank 1 owns id 25.
        let wrong = |_: usize| Some(1);
        let ghosts: &[usize] = if world.rank() == 0 { &[25] } else { &[] };
        expect(plan(ghosts, &wrong), MpiError::NotOwned { rank: 0, id: 25 });
    });
}

#[test]
fn exchanges_and_reductions_do_not_allocate() {
    on_ranks(
        "exchanges_and_reductions_do_not_allocate",
        &[2],
        |world: &World| {
            let blocks = Ranges::even(1000, 2);
            let owned: Vec<usize> = blocks.range(world.rank()).collect();
            let ghosts: Vec<usize> = blocks.range(1 - world.rank()).take(40).collect();
            let mut halo: Halo = Halo::new(world, &owned, &ghosts, &blocks).unwrap();
            let mut norms = world.pending();
            let own = values(&owned, 0, 2);
            let mut came = vec![0.0; 2 * ghosts.len()];
            let mut round = || {
                halo.start(&own, 2);
                norms.start_sum(&[1.0, 2.0, 3.0]);
                halo.finish(&mut came);
                norms.wait();
                let mut sums = [1.0; 4];
                world.all_sum(&mut sums);
            };
            round();
            // Counts what goes through Rust's allocator: all that is ours.
            let counted = allocation_counter::measure(round);
            assert_eq!(counted.count_total, 0);
        },
    );
}
