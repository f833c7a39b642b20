//! Stiffness of one rectangular or box-shaped element.

/// Most nodes of an element.
const MAX_NODES: usize = 8;

/// Stiffness of a bilinear (2-D) or trilinear (3-D) element of an isotropic material.
///
/// Node `a` of the element lies at the upper end of axis d if bit d of `a` is set.
#[derive(Debug, Clone)]
pub(super) struct Element {
    /// The d × d block for each pair of nodes, in a 3 × 3 array.
    blocks: Vec<[[f64; 3]; 3]>,
}

impl Element {
    /// Integrates `λ div u div v + 2 μ ε(u) : ε(v)` over a box with sides `h`, exactly, with two Gauss
    /// points along each axis. In 2-D this is plane strain.
    pub(super) fn new(h: &[f64], lame: f64, shear: f64) -> Self {
        let dimension = h.len();
        let nodes = 1 << dimension;
        let point = 1.0 / 3.0_f64.sqrt();
        let weight: f64 = h.iter().map(|h| 0.5 * h).product();
        let mut blocks = vec![[[0.0; 3]; 3]; MAX_NODES * MAX_NODES];
        for quadrature in 0..nodes {
            let gradients: Vec<[f64; 3]> = (0..nodes)
                .map(|node| gradient(node, quadrature, h, point))
                .collect();
            for (a, ga) in gradients.iter().enumerate() {
                for (b, gb) in gradients.iter().enumerate() {
                    let dot: f64 = ga.iter().zip(gb).map(|(x, y)| x * y).sum();
                    let block = &mut blocks[a * MAX_NODES + b];
                    for r in 0..dimension {
                        for c in 0..dimension {
                            let shear_part = if r == c { dot } else { 0.0 };
                            // λ ∂_r N_a ∂_c N_b + μ ∂_c N_a ∂_r N_b + δ_rc μ ∇N_a · ∇N_b
                            block[r][c] += weight
                                * (lame * (ga[r] * gb[c])
                                    + shear * (ga[c] * gb[r])
                                    + shear * shear_part);
                        }
                    }
                }
            }
        }
        Self { blocks }
    }

    /// The block that couples nodes `a` and `b`.
    pub(super) fn block(&self, a: usize, b: usize) -> &[[f64; 3]; 3] {
        &self.blocks[a * MAX_NODES + b]
    }
}

/// Gradient of the shape function `Π_d (1 ± ξ_d) / 2` of `node` at a Gauss point.
fn gradient(node: usize, quadrature: usize, h: &[f64], point: f64) -> [f64; 3] {
    let sign = |bits: usize, d: usize| if bits >> d & 1 == 1 { 1.0 } else { -1.0 };
    let mut gradient = [0.0; 3];
    for (d, g) in gradient.iter_mut().enumerate().take(h.len()) {
        *g = sign(node, d) / h[d];
        for e in (0..h.len()).filter(|e| *e != d) {
            *g *= 0.5 * (1.0 + sign(node, e) * sign(quadrature, e) * point);
        }
    }
    gradient
}

#[cfg(test)]
mod tests {
    use approx::assert_relative_eq;

    use super::*;

    #[test]
    fn laplacian_part_by_hand() {
        // λ = 0, μ = 1 on the unit square: the xx block of node 0 with itself is
        // ∫ 2 (∂_x N)² + (∂_y N)² = 3 / 3.
        let element = Element::new(&[1.0, 1.0], 0.0, 1.0);
        assert_relative_eq!(element.block(0, 0)[0][0], 1.0, max_relative = 1e-14);
        // ∫ ∂_y N_0 ∂_x N_0 = 1/4
        assert_relative_eq!(element.block(0, 0)[0][1], 0.25, max_relative = 1e-14);
    }
}
