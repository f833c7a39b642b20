//! Grouping the nodes of a graph into aggregates.

/// Marks a node that belongs to no aggregate.
pub(crate) const ALONE: u32 = u32::MAX;

/// A graph of strong connections: rows of neighbours. The node itself may be among them.
#[derive(Debug, Clone)]
pub(crate) struct Graph {
    pub(crate) starts: Vec<u32>,
    pub(crate) neighbours: Vec<u32>,
}

/// Which aggregate each node belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Aggregates {
    /// Aggregate of each node, or [`ALONE`].
    pub(crate) of: Vec<u32>,
    /// Number of aggregates.
    pub(crate) count: usize,
}

/// Standard aggregation.
///
/// Pass 1 makes an aggregate of every node none of whose neighbours is taken, with all of them;
/// pass 2 gives what is left to the aggregate of the first neighbour that pass 1 took; pass 3, which
/// only graphs that are not symmetric reach, makes aggregates of what is left after that. Nodes
/// without neighbours stay alone. O(arcs).
///
/// P. Vaněk, J. Mandel, M. Brezina, *Computing* 56, 179–196, 1996, algorithm 5.1.
pub(crate) fn standard(starts: &[u32], neighbours: &[u32]) -> Aggregates {
    const FREE: u32 = u32::MAX - 1;
    // Set in pass 2, so that the nodes it places do not attract others.
    const SECOND: u32 = 1 << 31;
    let n = starts.len() - 1;
    let row = |i: usize| &neighbours[starts[i] as usize..starts[i + 1] as usize];
    let mut of = vec![FREE; n];
    let mut count = 0_u32;
    for i in 0..n {
        if of[i] != FREE {
            continue;
        }
        let (mut has_neighbour, mut near_aggregate) = (false, false);
        for &j in row(i) {
            if j as usize != i {
                has_neighbour = true;
                if of[j as usize] != FREE {
                    near_aggregate = true;
                    break;
                }
            }
        }
        if !has_neighbour {
            of[i] = ALONE;
        } else if !near_aggregate {
            of[i] = count;
            for &j in row(i) {
                of[j as usize] = count;
            }
            count += 1;
        }
    }
    for i in 0..n {
        if of[i] == FREE {
            let first = row(i).iter().map(|&j| of[j as usize]).find(|x| *x < SECOND);
            if let Some(aggregate) = first {
                of[i] = aggregate | SECOND;
            }
        }
    }
    for aggregate in &mut of {
        if *aggregate < FREE {
            *aggregate &= !SECOND;
        }
    }
    for i in 0..n {
        if of[i] == FREE {
            of[i] = count;
            for &j in row(i) {
                if of[j as usize] == FREE {
                    of[j as usize] = count;
                }
            }
            count += 1;
        }
    }
    Aggregates {
        of,
        count: count as usize,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(n: u32) -> (Vec<u32>, Vec<u32>) {
        let (mut starts, mut neighbours) = (vec![0], vec![]);
        for i in 0..n {
            neighbours.extend((i.saturating_sub(1)..(i + 2).min(n)).collect::<Vec<_>>());
            starts.push(neighbours.len() as u32);
        }
        (starts, neighbours)
    }

    #[test]
    fn a_path_by_hand() {
        // Roots 0, 3, 6 take their neighbours; node 8 of 9 is free, its neighbour 7 belongs to 2.
        let (starts, neighbours) = path(9);
        let aggregates = standard(&starts, &neighbours);
        assert_eq!(aggregates.of, [0, 0, 1, 1, 1, 2, 2, 2, 2]);
        assert_eq!(aggregates.count, 3);
    }

    #[test]
    fn nodes_without_neighbours_stay_alone() {
        let aggregates = standard(&[0, 1, 3, 5, 5], &[0, 1, 2, 1, 2]);
        assert_eq!(aggregates.of, [ALONE, 0, 0, ALONE]);
        assert_eq!(aggregates.count, 1);
        assert_eq!(standard(&[0], &[]).count, 0);
    }

    #[test]
    fn third_pass_on_a_one_way_graph() {
        // 0 is alone; 1 points at it, so no root; 2 points at 1 and at 0.
        let aggregates = standard(&[0, 0, 1, 3], &[0, 0, 1]);
        assert_eq!(aggregates.of, [ALONE, 0, 1]);
        let aggregates = standard(&[0, 0, 2, 3], &[0, 2, 0]);
        assert_eq!(aggregates.of, [ALONE, 0, 0]);
    }
}
