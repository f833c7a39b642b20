//! Permutations and scalings around a pair of factors.

use la_krylov::Real;

/// `P_r D_r A D_c P_cᵀ` is what was factored. Empty arrays stand for the identity.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Frame {
    /// Row of `A` at each position.
    pub(crate) rows: Vec<u32>,
    /// Column of `A` at each position.
    pub(crate) cols: Vec<u32>,
    /// `D_r`, by rows of `A`.
    pub(crate) row_scale: Vec<f64>,
    /// `D_c`, by columns of `A`.
    pub(crate) col_scale: Vec<f64>,
}

impl Frame {
    /// This frame around what another frame, which stands inside it, was put around.
    pub(crate) fn around(&self, inner: &Frame) -> Frame {
        let through = |outer: &[u32], inner: &[u32]| match (outer.is_empty(), inner.is_empty()) {
            (true, _) => inner.to_vec(),
            (_, true) => outer.to_vec(),
            _ => inner.iter().map(|&k| outer[k as usize]).collect(),
        };
        // Inner scalings are numbered by positions of the outer frame.
        let scale = |outer: &[f64], inner: &[f64], order: &[u32]| {
            if inner.is_empty() {
                return outer.to_vec();
            }
            let mut all = if outer.is_empty() {
                vec![1.0; inner.len()]
            } else {
                outer.to_vec()
            };
            for (k, &s) in inner.iter().enumerate() {
                all[order.get(k).map_or(k, |&o| o as usize)] *= s;
            }
            all
        };
        Frame {
            rows: through(&self.rows, &inner.rows),
            cols: through(&self.cols, &inner.cols),
            row_scale: scale(&self.row_scale, &inner.row_scale, &self.rows),
            col_scale: scale(&self.col_scale, &inner.col_scale, &self.cols),
        }
    }
}

/// A frame in the form in which it is applied.
#[derive(Debug, Clone)]
pub(crate) struct AppliedFrame {
    frame: Frame,
    /// Scaling of the row at each position.
    scale_at: Vec<f64>,
    /// The cycles of the column permutation one after the other, fixed points left out.
    cycles: Vec<u32>,
    /// End of each cycle in `cycles`.
    cycle_ends: Vec<u32>,
}

impl AppliedFrame {
    pub(crate) fn new(frame: Frame) -> Self {
        let scale_at = if frame.rows.is_empty() || frame.row_scale.is_empty() {
            frame.row_scale.clone()
        } else {
            let at = |&p: &u32| frame.row_scale[p as usize];
            frame.rows.iter().map(at).collect()
        };
        let (mut cycles, mut cycle_ends) = (Vec::new(), Vec::new());
        let mut seen = vec![false; frame.cols.len()];
        for start in 0..frame.cols.len() {
            if seen[start] || frame.cols[start] as usize == start {
                continue;
            }
            let mut k = start;
            while !seen[k] {
                seen[k] = true;
                cycles.push(k as u32);
                k = frame.cols[k] as usize;
            }
            cycle_ends.push(cycles.len() as u32);
        }
        Self {
            frame,
            scale_at,
            cycles,
            cycle_ends,
        }
    }

    pub(crate) fn frame(&self) -> &Frame {
        &self.frame
    }

    /// `z = P_r D_r r`.
    pub(crate) fn gather<S: Real>(&self, r: &[S], z: &mut [S]) {
        if self.frame.rows.is_empty() {
            z.copy_from_slice(r);
        } else {
            for (z, &p) in z.iter_mut().zip(&self.frame.rows) {
                *z = r[p as usize];
            }
        }
        for (z, &scale) in z.iter_mut().zip(&self.scale_at) {
            *z = S::from_f64(z.to_f64() * scale);
        }
    }

    /// `z = D_c P_cᵀ z`, in place: entries wander along the cycles of the permutation.
    pub(crate) fn scatter<S: Real>(&self, z: &mut [S]) {
        let mut start = 0;
        for &end in &self.cycle_ends {
            let cycle = &self.cycles[start..end as usize];
            let mut carried = z[cycle[cycle.len() - 1] as usize];
            for &k in cycle {
                std::mem::swap(&mut carried, &mut z[k as usize]);
            }
            start = end as usize;
        }
        for (z, &scale) in z.iter_mut().zip(&self.frame.col_scale) {
            *z = S::from_f64(z.to_f64() * scale);
        }
    }
}
