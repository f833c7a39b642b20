//! Orders of the unknowns.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use crate::error::{ProblemError, require};
use crate::finite_difference::Grid;
use crate::system::{CsrMatrix, LinearSystem, csr};

/// The matrix `P A Pᵀ`: its row `i` is row `order[i]` of `a`. O(nnz log).
///
/// # Errors
/// [`ProblemError::InvalidOption`] if `order` is not a permutation of the rows of `a`, or `a` is not square.
///
/// # Examples
/// ```
/// use la_problems::{Grid, Poisson, permuted};
///
/// let a = Poisson::new(Grid::line(3)).generate()?.matrix;
/// let b = permuted(&a, &[2, 0, 1])?;
/// assert_eq!((b.get(0, 1), b.get(0, 2)), (None, Some(&-1.0)));
/// # Ok::<(), la_problems::ProblemError>(())
/// ```
pub fn permuted(a: &CsrMatrix, order: &[usize]) -> Result<CsrMatrix, ProblemError> {
    let n = a.rows();
    let wrong = |value: usize| {
        let requirement = "a permutation of the rows of a square matrix";
        require(false, "order", value as f64, requirement)
    };
    if a.cols() != n || order.len() != n {
        wrong(order.len())?;
    }
    const FREE: u32 = u32::MAX;
    let mut place = vec![FREE; n];
    for (new, &old) in order.iter().enumerate() {
        if place.get(old) != Some(&FREE) {
            wrong(old)?;
        }
        place[old] = new as u32;
    }
    let mut pointers = Vec::with_capacity(n + 1);
    pointers.push(0);
    let (mut indices, mut data) = (Vec::with_capacity(a.nnz()), Vec::with_capacity(a.nnz()));
    let mut entries = Vec::new();
    for &old in order {
        entries.clear();
        if let Some(row) = a.outer_view(old) {
            entries.extend(row.iter().map(|(j, &value)| (place[j], value)));
        }
        entries.sort_unstable_by_key(|entry| entry.0);
        indices.extend(entries.iter().map(|entry| entry.0));
        data.extend(entries.iter().map(|entry| entry.1));
        pointers.push(indices.len() as u32);
    }
    Ok(csr(n, n, pointers, indices, data))
}

impl LinearSystem {
    /// The same system with its unknowns and equations in another order; see [`permuted`].
    ///
    /// # Errors
    /// As [`permuted`].
    pub fn permuted(&self, order: &[usize]) -> Result<Self, ProblemError> {
        let matrix = permuted(&self.matrix, order)?;
        let rhs = order
            .iter()
            .filter_map(|&i| self.rhs.get(i))
            .copied()
            .collect();
        Ok(Self::new(matrix, rhs))
    }
}

/// A random order of `n` unknowns.
///
/// # Examples
/// ```
/// let order = la_problems::random_order(10, 3);
/// assert_eq!(order, la_problems::random_order(10, 3));
/// assert_eq!(order.iter().sum::<usize>(), 45);
/// ```
#[must_use]
pub fn random_order(n: usize, seed: u64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..n).collect();
    order.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
    order
}

/// Unknowns by colours: the first colour first, each colour in the given order. Greedy: every row gets the smallest colour that no earlier
/// neighbour has, so that there are at most as many colours as the largest row has entries.
///
/// Unknowns of one colour do not depend on each other: an elimination without fill-in has few levels in such an order, and makes a poor
/// preconditioner. O(nnz).
///
/// # Examples
/// ```
/// use la_problems::{Grid, Poisson, colouring_order};
///
/// let a = Poisson::new(Grid::line(4)).generate()?.matrix;
/// assert_eq!(colouring_order(&a), [0, 2, 1, 3]);
/// # Ok::<(), la_problems::ProblemError>(())
/// ```
#[must_use]
pub fn colouring_order(a: &CsrMatrix) -> Vec<usize> {
    let n = a.rows();
    const NONE: usize = usize::MAX;
    let mut colour = vec![NONE; n];
    // By colours, the last row that saw it at a neighbour.
    let mut seen: Vec<usize> = Vec::new();
    let mut classes: Vec<Vec<usize>> = Vec::new();
    for (i, row) in a.outer_iterator().enumerate() {
        for (j, _) in row.iter().filter(|(j, _)| *j < n && *j != i) {
            if let Some(seen) = seen.get_mut(colour[j]) {
                *seen = i;
            }
        }
        let own = seen.iter().position(|seen| *seen != i);
        let own = own.unwrap_or(classes.len());
        if own == classes.len() {
            classes.push(Vec::new());
            seen.push(NONE);
        }
        colour[i] = own;
        classes[own].push(i);
    }
    classes.concat()
}

/// The reverse Cuthill–McKee order of a symmetric pattern: small bandwidth and profile.
///
/// Components one after the other, each from a pseudo-peripheral node; neighbours by increasing degree. O(nnz log).
///
/// # Examples
/// ```
/// use la_problems::{permuted, random_order, reverse_cuthill_mckee, Grid, Poisson};
///
/// let a = permuted(&Poisson::new(Grid::line(50)).generate()?.matrix, &random_order(50, 1))?;
/// let a = permuted(&a, &reverse_cuthill_mckee(&a))?;
/// assert!(a.iter().all(|(_, (i, j))| i.abs_diff(j) <= 1)); // a path again
/// # Ok::<(), la_problems::ProblemError>(())
/// ```
///
/// # References
/// E. Cuthill, J. McKee, *Proc. 24th ACM National Conference*, 157–172, 1969; A. George, J. W. H. Liu, *ACM Trans. Math.
/// Software* 5(3), 284–295, 1979 (the node to start from).
#[must_use]
pub fn reverse_cuthill_mckee(a: &CsrMatrix) -> Vec<usize> {
    let n = a.rows();
    let pointers = a.indptr();
    let neighbours = |i: usize| &a.indices()[pointers.outer_inds_sz(i)];
    let degree: Vec<usize> = (0..n).map(|i| neighbours(i).len()).collect();
    let mut starts: Vec<usize> = (0..n).collect();
    starts.sort_by_key(|&i| degree[i]);
    let mut order: Vec<usize> = Vec::with_capacity(n);
    let mut level = vec![0_u32; n];
    let mut stamp = 0;
    let mut placed = vec![false; n];
    // Nodes of a component by levels, and the number of levels.
    let mut search = |start: usize| {
        stamp += 1;
        let mut queue = vec![start];
        level[start] = stamp;
        let (mut last, mut depth) = (0..0, 0);
        while last.end < queue.len() {
            last = last.end..queue.len();
            for at in last.clone() {
                for &j in neighbours(queue[at]) {
                    if level[j as usize] != stamp {
                        level[j as usize] = stamp;
                        queue.push(j as usize);
                    }
                }
            }
            depth += 1;
        }
        let far = queue[last].iter().copied().min_by_key(|&i| degree[i]);
        (far.unwrap_or(start), depth)
    };
    for &candidate in &starts {
        if placed[candidate] {
            continue;
        }
        let (mut start, mut depth) = (candidate, 0);
        loop {
            let (far, deeper) = search(start);
            if deeper <= depth {
                break;
            }
            depth = deeper;
            start = far;
        }
        let mut head = order.len();
        order.push(start);
        placed[start] = true;
        while head < order.len() {
            let first_new = order.len();
            for &j in neighbours(order[head]) {
                if !placed[j as usize] {
                    placed[j as usize] = true;
                    order.push(j as usize);
                }
            }
            order[first_new..].sort_by_key(|&i| degree[i]);
            head += 1;
        }
    }
    order.reverse();
    order
}

impl Grid {
    /// Nested dissection: the two halves of the grid, each dissected in turn, then the plane between them.
    ///
    /// The longest direction is cut in the middle; parts of up to eight points keep their order.
    ///
    /// # Examples
    /// ```
    /// let order = la_problems::Grid::rectangle(7, 3).nested_dissection_order();
    /// assert_eq!(order[18..], [3, 10, 17]); // the middle column comes last
    /// ```
    #[must_use]
    pub fn nested_dissection_order(&self) -> Vec<usize> {
        let mut order = Vec::with_capacity(self.num_points());
        let mut sizes = [1; 3];
        sizes[..self.dimension()].copy_from_slice(self.shape());
        dissect(sizes, [0; 3], sizes, &mut order);
        order
    }

    /// Points with an even sum of coordinates first, then the others.
    ///
    /// # Examples
    /// ```
    /// assert_eq!(la_problems::Grid::rectangle(3, 2).red_black_order(), [0, 2, 4, 1, 3, 5]);
    /// ```
    #[must_use]
    pub fn red_black_order(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.num_points()).collect();
        order.sort_by_key(|&i| self.cell(i).iter().sum::<usize>() % 2);
        order
    }
}

fn dissect(grid: [usize; 3], from: [usize; 3], sizes: [usize; 3], order: &mut Vec<usize>) {
    let points: usize = sizes.iter().product();
    // Ties go to the slowest direction.
    let axis = (0..3)
        .rev()
        .fold(2, |best, d| if sizes[d] > sizes[best] { d } else { best });
    if points <= 8 || sizes[axis] < 3 {
        natural(grid, from, sizes, order);
        return;
    }
    let middle = sizes[axis] / 2;
    for (start, size) in [
        (0, middle),
        (middle + 1, sizes[axis] - middle - 1),
        (middle, 1),
    ] {
        let (mut part_from, mut part_sizes) = (from, sizes);
        part_from[axis] += start;
        part_sizes[axis] = size;
        if size == 1 && start == middle {
            natural(grid, part_from, part_sizes, order);
        } else {
            dissect(grid, part_from, part_sizes, order);
        }
    }
}

/// The points of a part in their order.
fn natural(grid: [usize; 3], from: [usize; 3], sizes: [usize; 3], order: &mut Vec<usize>) {
    for z in from[2]..from[2] + sizes[2] {
        for y in from[1]..from[1] + sizes[1] {
            for x in from[0]..from[0] + sizes[0] {
                order.push(x + grid[0] * (y + grid[1] * z));
            }
        }
    }
}
