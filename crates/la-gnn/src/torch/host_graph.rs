//! Patterns of a matrix as arcs, in memory of the host.

use sprs::CsMatI;

type Matrix = CsMatI<f64, u32>;

/// Arcs sorted by row, then column.
#[derive(Debug, Clone, Default)]
pub(crate) struct HostPattern {
    pub(crate) row: Vec<i64>,
    pub(crate) col: Vec<i64>,
    pub(crate) val: Vec<f64>,
    pub(crate) row_pointer: Vec<i64>,
}

impl HostPattern {
    pub(crate) fn num_nodes(&self) -> usize {
        self.row_pointer.len().saturating_sub(1)
    }

    /// Appends the next block of a block-diagonal union.
    pub(crate) fn append(&mut self, rows: impl Iterator<Item = Vec<(usize, f64)>>) {
        if self.row_pointer.is_empty() {
            self.row_pointer.push(0);
        }
        let shift = self.num_nodes() as i64;
        for (i, entries) in rows.enumerate() {
            for (j, v) in entries {
                self.row.push(shift + i as i64);
                self.col.push(shift + j as i64);
                self.val.push(v);
            }
            self.row_pointer.push(self.col.len() as i64);
        }
    }

    /// Column pointer and the arcs ordered by column, then row.
    pub(crate) fn by_column(&self) -> (Vec<i64>, Vec<i64>) {
        let n = self.num_nodes();
        let mut pointer = vec![0i64; n + 1];
        for &c in &self.col {
            pointer[c as usize + 1] += 1;
        }
        for i in 0..n {
            pointer[i + 1] += pointer[i];
        }
        let mut next = pointer.clone();
        let mut order = vec![0i64; self.col.len()];
        for (k, &c) in self.col.iter().enumerate() {
            let place = &mut next[c as usize];
            order[*place as usize] = k as i64;
            *place += 1;
        }
        (pointer, order)
    }
}

/// All entries of one row.
pub(crate) fn full_row(a: &Matrix, i: usize) -> Vec<(usize, f64)> {
    a.outer_view(i)
        .map(|r| r.iter().map(|(j, &v)| (j, v)).collect())
        .unwrap_or_default()
}

/// The entries of one row up to the diagonal.
pub(crate) fn lower_row(a: &Matrix, i: usize) -> Vec<(usize, f64)> {
    let mut row = full_row(a, i);
    row.retain(|&(j, _)| j <= i);
    row
}

/// One row of the lower triangle on the pattern of A + A²; entries that are not in A have value 0.
///
/// `seen` has one entry per row of the matrix and is left as it was found: all false.
pub(crate) fn two_hop_lower_row(a: &Matrix, i: usize, seen: &mut [bool]) -> Vec<(usize, f64)> {
    let mut row = full_row(a, i);
    for &(j, _) in &row {
        seen[j] = true;
    }
    for hop in 0..row.len() {
        let (middle, _) = row[hop];
        for (j, _) in full_row(a, middle) {
            if j < i && !seen[j] {
                seen[j] = true;
                row.push((j, 0.0));
            }
        }
    }
    for &(j, _) in &row {
        seen[j] = false;
    }
    row.retain(|&(j, _)| j <= i);
    row.sort_unstable_by_key(|&(j, _)| j);
    row
}

/// How a factor is read off a symmetric pattern with both triangles.
#[derive(Debug, Clone)]
pub(crate) struct Mirror {
    /// Arc (i, j) of every entry (i, j) of the lower triangle.
    pub(crate) own: Vec<i64>,
    /// Arc (j, i) of every entry (i, j) of the lower triangle.
    pub(crate) mirrored: Vec<i64>,
    /// Entry of the lower triangle that every arc contributes to.
    pub(crate) entry: Vec<i64>,
}

impl HostPattern {
    /// Relates a full pattern to its lower triangle; the first arc without its mirror image otherwise.
    pub(crate) fn mirror(&self) -> Result<Mirror, (i64, i64)> {
        // Arcs ordered by column, then row, are the transpose in storage order.
        let (_, order) = self.by_column();
        let mut mirror = Mirror {
            own: Vec::new(),
            mirrored: Vec::new(),
            entry: vec![-1; self.col.len()],
        };
        for (k, (&i, &j)) in self.row.iter().zip(&self.col).enumerate() {
            let t = order[k] as usize;
            if (self.col[t], self.row[t]) != (i, j) {
                return Err((i, j));
            }
            if j <= i {
                let entry = mirror.own.len() as i64;
                mirror.own.push(k as i64);
                mirror.mirrored.push(t as i64);
                mirror.entry[k] = entry;
                mirror.entry[t] = entry;
            }
        }
        Ok(mirror)
    }
}
