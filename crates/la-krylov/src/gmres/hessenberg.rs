//! The small least-squares problem of GMRES, `min ‖β e₁ − H̄ y‖`, by Givens rotations.

/// Upper Hessenberg matrix H̄ under construction, column by column, with its QR factorization.
#[derive(Debug, Default)]
pub(crate) struct Hessenberg {
    /// Columns there is room for.
    room: usize,
    /// Columns so far.
    k: usize,
    /// H̄ as it came, columns of `room + 1` entries.
    entries: Vec<f64>,
    /// The same columns after the rotations: R above the diagonal.
    r: Vec<f64>,
    cos: Vec<f64>,
    sin: Vec<f64>,
    /// The rotated right-hand side; entry `k` is the residual.
    g: Vec<f64>,
    y: Vec<f64>,
}

impl Hessenberg {
    /// Makes room for `room` columns.
    pub(crate) fn make_room(&mut self, room: usize) {
        if self.room >= room {
            return;
        }
        *self = Self {
            room,
            k: 0,
            entries: vec![0.0; (room + 1) * room],
            r: vec![0.0; (room + 1) * room],
            cos: vec![0.0; room],
            sin: vec![0.0; room],
            g: vec![0.0; room + 1],
            y: vec![0.0; room],
        };
    }

    /// Forgets the columns; the right-hand side becomes `beta e₁`.
    pub(crate) fn start(&mut self, beta: f64) {
        self.k = 0;
        self.g[0] = beta;
    }

    /// Columns so far.
    pub(crate) fn columns(&self) -> usize {
        self.k
    }

    /// `min ‖β e₁ − H̄ y‖` over the columns so far.
    pub(crate) fn residual(&self) -> f64 {
        self.g[self.k].abs()
    }

    /// Entries on and above the diagonal of the next column, to be filled before [`Self::push`].
    pub(crate) fn next_column(&mut self) -> &mut [f64] {
        let start = self.k * (self.room + 1);
        &mut self.entries[start..=start + self.k]
    }

    /// Completes the next column with the entry below the diagonal. Returns the diagonal entry of R.
    pub(crate) fn push(&mut self, below: f64) -> f64 {
        let (k, start) = (self.k, self.k * (self.room + 1));
        self.entries[start + k + 1] = below;
        let column = &mut self.r[start..=start + k];
        column.copy_from_slice(&self.entries[start..=start + k]);
        for i in 0..k {
            let (upper, lower) = (column[i], column[i + 1]);
            column[i] = self.cos[i] * upper + self.sin[i] * lower;
            column[i + 1] = self.cos[i] * lower - self.sin[i] * upper;
        }
        let (cos, sin, length) = rotation(column[k], below);
        (self.cos[k], self.sin[k], column[k]) = (cos, sin, length);
        (self.g[k], self.g[k + 1]) = (cos * self.g[k], -sin * self.g[k]);
        self.k += 1;
        length
    }

    /// Takes the last column back.
    pub(crate) fn pop(&mut self) {
        self.k -= 1;
        let (cos, sin, k) = (self.cos[self.k], self.sin[self.k], self.k);
        self.g[k] = cos * self.g[k] - sin * self.g[k + 1];
    }

    /// `scale · y` for the y that minimises, unless it is not finite.
    pub(crate) fn solve(&mut self, scale: f64) -> Option<&[f64]> {
        let k = self.k;
        for i in (0..k).rev() {
            let mut sum = self.g[i];
            for j in i + 1..k {
                sum -= self.r[j * (self.room + 1) + i] * self.y[j];
            }
            self.y[i] = sum / self.r[i * (self.room + 1) + i];
        }
        let y = &mut self.y[..k];
        y.iter_mut().for_each(|y| *y *= scale);
        y.iter().all(|y| y.is_finite()).then_some(&*y)
    }

    /// Copies the square part of H̄, column by column.
    pub(crate) fn copy_square_to(&self, target: &mut Vec<f64>) {
        target.clear();
        for j in 0..self.k {
            let column = &self.entries[j * (self.room + 1)..];
            // Zero below the subdiagonal.
            target.extend((0..self.k).map(|i| if i <= j + 1 { column[i] } else { 0.0 }));
        }
    }
}

/// Cosine, sine and length of the rotation that turns `(a, b)` into `(length, 0)`, without overflow
/// of the squares.
pub(crate) fn rotation(a: f64, b: f64) -> (f64, f64, f64) {
    let scale = a.abs().max(b.abs());
    if scale == 0.0 {
        return (1.0, 0.0, 0.0);
    }
    let (a, b) = (a / scale, b / scale);
    let length = (a * a + b * b).sqrt();
    (a / length, b / length, scale * length)
}

#[cfg(test)]
mod tests {
    use approx::assert_relative_eq;

    use super::*;

    #[test]
    fn three_by_two_by_hand() {
        // H̄ = [3 1; 4 2; 0 5], β = 5: rotation one has cos 3/5, sin 4/5.
        let mut h = Hessenberg::default();
        h.make_room(2);
        h.start(5.0);
        h.next_column().copy_from_slice(&[3.0]);
        assert_relative_eq!(h.push(4.0), 5.0, max_relative = 1e-15);
        assert_relative_eq!(h.residual(), 4.0, max_relative = 1e-15);
        assert_relative_eq!(h.solve(1.0).unwrap()[0], 0.6, max_relative = 1e-15);
        h.next_column().copy_from_slice(&[1.0, 2.0]);
        h.push(5.0);
        // Normal equations: [25 11; 11 30] y = [15; 5].
        let y = h.solve(2.0).unwrap();
        let determinant = 25.0 * 30.0 - 121.0;
        assert_relative_eq!(y[0], 2.0 * 395.0 / determinant, max_relative = 1e-14);
        assert_relative_eq!(y[1], 2.0 * -40.0 / determinant, max_relative = 1e-14);
        h.pop();
        assert_relative_eq!(h.residual(), 4.0, max_relative = 1e-15);
        let mut square = Vec::new();
        h.copy_square_to(&mut square);
        assert_eq!(square, [3.0]);
    }

    #[test]
    fn rotations_of_any_size() {
        for scale in [1.0, 1e-300, 1e300] {
            let (c, s, length) = rotation(-3.0 * scale, 4.0 * scale);
            assert_relative_eq!(c, -0.6, max_relative = 1e-15);
            assert_relative_eq!(s, 0.8, max_relative = 1e-15);
            assert_relative_eq!(length, 5.0 * scale, max_relative = 1e-15);
        }
        assert_eq!(rotation(0.0, 0.0), (1.0, 0.0, 0.0));
    }
}
