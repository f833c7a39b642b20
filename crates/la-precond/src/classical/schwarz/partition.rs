//! Subdomains: disjoint parts of the unknowns, and their extension by layers of neighbours.

use std::collections::VecDeque;

use sprs::SpIndex;

use super::super::input::Rows;
use crate::PrecondError;

/// How the unknowns are divided into subdomains.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Partition {
    /// So many runs of consecutive unknowns of about equal length, at least 1.
    Contiguous(usize),
    /// About so many connected parts of about equal size, grown breadth first along the couplings; more
    /// where the matrix falls apart. At least 1.
    Grown(usize),
    /// The subdomain of each unknown, counted from 0; none may be empty.
    Given(Vec<u32>),
}

impl Partition {
    /// The unknowns of each subdomain, increasing.
    pub(super) fn parts<T, I: SpIndex>(
        &self,
        a: &Rows<'_, T, I>,
        n: usize,
    ) -> Result<Vec<Vec<u32>>, PrecondError> {
        match self {
            Self::Contiguous(0) | Self::Grown(0) => Err(PrecondError::InvalidOption {
                option: "partition",
                value: 0.0,
                expected: "at least one subdomain",
            }),
            Self::Contiguous(count) => {
                let count = (*count).min(n);
                let start = |k: usize| (k * n / count.max(1)) as u32;
                Ok((0..count)
                    .map(|k| (start(k)..start(k + 1)).collect())
                    .collect())
            }
            Self::Grown(count) => Ok(grow(a, n, n.div_ceil(*count))),
            Self::Given(of) => given(of, n),
        }
    }
}

fn given(of: &[u32], n: usize) -> Result<Vec<Vec<u32>>, PrecondError> {
    if of.len() != n {
        return Err(PrecondError::DimensionMismatch {
            what: "partition",
            found: of.len(),
            expected: n,
        });
    }
    let count = of.iter().max().map_or(0, |m| *m as usize + 1);
    let mut parts = vec![Vec::new(); count.min(n + 1)];
    for (i, &part) in of.iter().enumerate() {
        match parts.get_mut(part as usize) {
            Some(part) => part.push(i as u32),
            // More subdomains than unknowns: some are empty.
            None => return Err(empty(n)),
        }
    }
    match parts.iter().position(Vec::is_empty) {
        Some(k) => Err(empty(k)),
        None => Ok(parts),
    }
}

fn empty(part: usize) -> PrecondError {
    PrecondError::InvalidOption {
        option: "partition",
        value: part as f64,
        expected: "every subdomain to have an unknown, this one has none",
    }
}

/// Breadth-first parts of `size` unknowns.
fn grow<T, I: SpIndex>(a: &Rows<'_, T, I>, n: usize, size: usize) -> Vec<Vec<u32>> {
    let mut taken = vec![false; n];
    let mut parts = Vec::new();
    let mut queue = VecDeque::new();
    // What the last part left in its queue starts the next one, so that parts lie side by side.
    let mut front: VecDeque<usize> = VecDeque::new();
    let mut next = 0;
    loop {
        let seed = loop {
            match front.pop_front() {
                Some(i) if !taken[i] => break Some(i),
                Some(_) => {}
                None => {
                    while next < n && taken[next] {
                        next += 1;
                    }
                    break (next < n).then_some(next);
                }
            }
        };
        let Some(seed) = seed else {
            return parts;
        };
        let mut part = Vec::with_capacity(size);
        queue.push_back(seed);
        while let Some(i) = queue.pop_front() {
            if taken[i] {
                continue;
            }
            if part.len() == size {
                front.push_back(i);
                continue;
            }
            taken[i] = true;
            part.push(i as u32);
            let free = a.row(i).0.iter().map(|j| j.index());
            queue.extend(free.filter(|&j| !taken[j]));
        }
        part.sort_unstable();
        parts.push(part);
    }
}

/// Adds `layers` of neighbours to a part. `mark` has one entry per unknown, all `false` before and
/// after.
pub(super) fn extend<T, I: SpIndex>(
    a: &Rows<'_, T, I>,
    part: &[u32],
    layers: usize,
    mark: &mut [bool],
) -> Vec<u32> {
    let mut all = part.to_vec();
    for &i in part {
        mark[i as usize] = true;
    }
    let mut start = 0;
    for _ in 0..layers {
        let end = all.len();
        if start == end {
            // Nothing is left to reach.
            break;
        }
        for k in start..end {
            for j in a.row(all[k] as usize).0 {
                if !mark[j.index()] {
                    mark[j.index()] = true;
                    all.push(j.index() as u32);
                }
            }
        }
        start = end;
    }
    for &i in &all {
        mark[i as usize] = false;
    }
    all.sort_unstable();
    all
}
