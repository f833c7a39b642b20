//! What a hierarchy consists of.

use std::fmt;

/// One level of a hierarchy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct LevelStats {
    /// Unknowns.
    pub rows: usize,
    /// Unknowns per node.
    pub block: usize,
    /// Stored entries of the matrix, explicit zeros of blocks included.
    pub nnz: usize,
}

/// What a multigrid hierarchy consists of, and what making it took.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct MultigridStats {
    /// The levels, finest first.
    pub levels: Vec<LevelStats>,
    /// Time of the whole set-up, seconds.
    pub setup_seconds: f64,
    /// Memory of the hierarchy and of its work vectors, bytes.
    pub bytes: usize,
}

impl MultigridStats {
    /// Entries of all levels relative to those of the finest, at least 1: the cost of a V-cycle in
    /// units of work on the finest level. 0 if the matrix is empty.
    #[must_use]
    pub fn operator_complexity(&self) -> f64 {
        ratio(self.levels.iter().map(|l| l.nnz))
    }

    /// Unknowns of all levels relative to those of the finest, at least 1. 0 if the matrix is empty.
    #[must_use]
    pub fn grid_complexity(&self) -> f64 {
        ratio(self.levels.iter().map(|l| l.rows))
    }
}

fn ratio(mut sizes: impl Iterator<Item = usize> + Clone) -> f64 {
    let all: usize = sizes.clone().sum();
    match sizes.next() {
        Some(finest) if finest > 0 => all as f64 / finest as f64,
        _ => 0.0,
    }
}

impl fmt::Display for MultigridStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} levels, operator complexity {:.2}, grid complexity {:.2}, {:.1} MB, set-up {:.3} s",
            self.levels.len(),
            self.operator_complexity(),
            self.grid_complexity(),
            self.bytes as f64 / 1e6,
            self.setup_seconds
        )?;
        for (k, level) in self.levels.iter().enumerate() {
            write!(
                f,
                "\n  level {k}: {} rows, {} nonzeros",
                level.rows, level.nnz
            )?;
            if level.block > 1 {
                write!(f, ", {} unknowns per node", level.block)?;
            }
        }
        Ok(())
    }
}
