//! Local extremum convolution: a graph convolution that can see where a node is above or below its neighbours.

use sprs::CsMatViewI;

use super::Element;
use crate::GnnError;

/// The layer `x'_i = W₃ x_i + b₃ + Σ_j e_ij (W₁ x_j + b₁ − W₂ x_i)`, `e_ij` the weight of the arc from j to i; of matrices,
///
/// ```text
/// X' = K (X W₁ᵀ + 1 b₁ᵀ) − diag(K 1) X W₂ᵀ + X W₃ᵀ + 1 b₃ᵀ,   K = (e_ij)
/// ```
///
/// With K the matrix of the optimality conditions of a quadratic program it is the layer of a network that predicts active sets. Nonlinearity
/// and normalisation belong to the network. Costs O(n · inputs · outputs + nnz(K) · outputs) time and one n × outputs block of memory.
///
/// # Examples
/// ```
/// use la_gnn::native::leconv::LeConv;
/// use sprs::CsMatI;
///
/// // W₁ = W₂ = 1, all else zero, on the path 1 - 2 - 3: sums of differences to the neighbours.
/// let layer = LeConv::new(1, 1, vec![1.0, 0.0, 1.0, 0.0, 0.0])?;
/// let (starts, columns) = (vec![0, 1, 3, 4], vec![1, 0, 2, 1]);
/// let path = CsMatI::<f64, u32>::new((3, 3), starts, columns, vec![1.0; 4]);
/// assert_eq!(layer.forward(path.view(), &[1.0, 5.0, 2.0])?, [4.0, -7.0, 3.0]);
/// # Ok::<(), la_gnn::GnnError>(())
/// ```
///
/// # References
/// E. Ranjan, S. Sanyal, P. Talukdar, *ASAP: Adaptive Structure Aware Pooling for Learning Hierarchical Graph Representations*, AAAI 2020,
/// section 4.3.
#[derive(Debug, Clone, PartialEq)]
pub struct LeConv<T = f64> {
    inputs: usize,
    outputs: usize,
    /// W₁ (outputs × inputs), b₁, W₂, W₃, b₃.
    values: Vec<T>,
}

/// Gradients of a loss with respect to everything that enters a [`LeConv`].
#[derive(Debug, Clone, PartialEq)]
pub struct LeConvGradients<T = f64> {
    /// Of the parameters, in their order.
    pub values: Vec<T>,
    /// Of the states of the nodes, n × inputs.
    pub nodes: Vec<T>,
    /// Of the weights of the arcs, in the order in which K stores them.
    pub arcs: Vec<T>,
}

impl<T: Element> LeConv<T> {
    /// A layer from its parameters: W₁ (outputs × inputs, row-major), b₁, W₂, W₃, b₃ one after the other.
    ///
    /// # Errors
    /// [`GnnError::Config`] if a width is zero or the number of parameters does not fit, [`GnnError::NonFinite`].
    ///
    /// # Examples
    /// See [`LeConv`].
    pub fn new(inputs: usize, outputs: usize, values: Vec<T>) -> Result<Self, GnnError> {
        let expected = Self::parameter_count(inputs, outputs);
        if inputs == 0 || outputs == 0 || values.len() != expected {
            return Err(GnnError::Config {
                field: "values",
                reason: format!(
                    "{} parameters for {inputs} inputs and {outputs} outputs, expected {expected}",
                    values.len()
                ),
            });
        }
        if let Some(position) = values.iter().position(|v| !v.to_f64().is_finite()) {
            return Err(GnnError::NonFinite {
                what: "`values`".into(),
                position,
            });
        }
        Ok(Self {
            inputs,
            outputs,
            values,
        })
    }

    /// Number of parameters.
    #[must_use]
    pub fn parameter_count(inputs: usize, outputs: usize) -> usize {
        3 * inputs * outputs + 2 * outputs
    }

    /// W₁, b₁, W₂, W₃, b₃.
    fn parts(&self) -> [&[T]; 5] {
        let (w, o) = (self.inputs * self.outputs, self.outputs);
        let (w1, rest) = self.values.split_at(w);
        let (b1, rest) = rest.split_at(o);
        let (w2, rest) = rest.split_at(w);
        let (w3, b3) = rest.split_at(w);
        [w1, b1, w2, w3, b3]
    }

    /// New states of the nodes.
    ///
    /// # Shapes
    /// `k`: n × n by rows, row i holds the arcs that node i receives; `x`: n × inputs, row-major; result: n × outputs.
    ///
    /// # Errors
    /// [`GnnError::Matrix`] if `k` is not square, not by rows, or does not fit `x`.
    ///
    /// # Examples
    /// See [`LeConv`].
    pub fn forward(&self, k: CsMatViewI<'_, T, u32>, x: &[T]) -> Result<Vec<T>, GnnError> {
        let n = self.check(&k, x)?;
        let (o, [w1, b1, w2, w3, b3]) = (self.outputs, self.parts());
        let mut z = vec![T::ZERO; n * o];
        for (z, x) in z.chunks_exact_mut(o).zip(x.chunks_exact(self.inputs)) {
            z.copy_from_slice(b1);
            add_product(w1, x, T::ONE, z);
        }
        let mut y = vec![T::ZERO; n * o];
        let rows = y.chunks_exact_mut(o).zip(x.chunks_exact(self.inputs));
        for ((y, x), row) in rows.zip(k.outer_iterator()) {
            y.copy_from_slice(b3);
            add_product(w3, x, T::ONE, y);
            let mut sum = T::ZERO;
            for (j, &e) in row.iter() {
                sum += e;
                for (y, &z) in y.iter_mut().zip(&z[j * o..(j + 1) * o]) {
                    *y += e * z;
                }
            }
            add_product(w2, x, T::ZERO - sum, y);
        }
        Ok(y)
    }

    /// Gradients from the gradient `g` of the result.
    ///
    /// # Shapes
    /// As in [`forward`](Self::forward); `g`: n × outputs.
    ///
    /// # Errors
    /// As [`forward`](Self::forward), also if `g` does not fit.
    ///
    /// # Examples
    /// ```
    /// use la_gnn::native::leconv::LeConv;
    /// use sprs::CsMatI;
    ///
    /// let layer = LeConv::new(1, 1, vec![1.0, 0.0, 1.0, 0.0, 0.0])?;
    /// let arc = CsMatI::<f64, u32>::new((2, 2), vec![0, 1, 1], vec![1], vec![1.0]);
    /// // x'_1 = e (x_2 − x_1)
    /// let gradients = layer.backward(arc.view(), &[1.0, 5.0], &[1.0, 0.0])?;
    /// assert_eq!((gradients.nodes, gradients.arcs), (vec![-1.0, 1.0], vec![4.0]));
    /// # Ok::<(), la_gnn::GnnError>(())
    /// ```
    pub fn backward(
        &self,
        k: CsMatViewI<'_, T, u32>,
        x: &[T],
        g: &[T],
    ) -> Result<LeConvGradients<T>, GnnError> {
        let n = self.check(&k, x)?;
        let (c, o, [w1, b1, w2, w3, _]) = (self.inputs, self.outputs, self.parts());
        if g.len() != n * o {
            let reason = format!("gradient of {} values for {n} x {o} outputs", g.len());
            return Err(GnnError::Matrix { reason });
        }
        // K' g, and the gradients of the arcs: e_ij multiplies W₁ x_j + b₁ − W₂ x_i.
        let mut at_source = vec![T::ZERO; n * o];
        let mut sums = vec![T::ZERO; n];
        let mut arcs = Vec::with_capacity(k.nnz());
        let (mut own, mut term) = (vec![T::ZERO; o], vec![T::ZERO; o]);
        for (i, row) in k.outer_iterator().enumerate() {
            let g = &g[i * o..(i + 1) * o];
            own.fill(T::ZERO);
            add_product(w2, &x[i * c..(i + 1) * c], T::ONE, &mut own);
            for (j, &e) in row.iter() {
                sums[i] += e;
                term.copy_from_slice(b1);
                add_product(w1, &x[j * c..(j + 1) * c], T::ONE, &mut term);
                let mut slope = T::ZERO;
                let targets = at_source[j * o..(j + 1) * o].iter_mut();
                for (((to, &g), &t), &w) in targets.zip(g).zip(&term).zip(&own) {
                    *to += e * g;
                    slope += g * (t - w);
                }
                arcs.push(slope);
            }
        }
        let mut nodes = vec![T::ZERO; n * c];
        let mut values = vec![T::ZERO; self.values.len()];
        let (d_w1, rest) = values.split_at_mut(c * o);
        let (d_b1, rest) = rest.split_at_mut(o);
        let (d_w2, rest) = rest.split_at_mut(c * o);
        let (d_w3, d_b3) = rest.split_at_mut(c * o);
        for i in 0..n {
            let (x, d_x) = (&x[i * c..(i + 1) * c], &mut nodes[i * c..(i + 1) * c]);
            let (g, source) = (&g[i * o..(i + 1) * o], &at_source[i * o..(i + 1) * o]);
            let less = T::ZERO - sums[i];
            for p in 0..o {
                let (g1, g2, g3) = (source[p], less * g[p], g[p]);
                d_b1[p] += g1;
                d_b3[p] += g3;
                for q in 0..c {
                    let at = p * c + q;
                    d_w1[at] += g1 * x[q];
                    d_w2[at] += g2 * x[q];
                    d_w3[at] += g3 * x[q];
                    d_x[q] += g1 * w1[at] + g2 * w2[at] + g3 * w3[at];
                }
            }
        }
        Ok(LeConvGradients {
            values,
            nodes,
            arcs,
        })
    }

    fn check(&self, k: &CsMatViewI<'_, T, u32>, x: &[T]) -> Result<usize, GnnError> {
        let n = k.rows();
        if k.is_csr() && k.cols() == n && x.len() == n * self.inputs {
            return Ok(n);
        }
        let reason = format!(
            "{} x {} arcs and {} states of {} inputs a node; a square matrix by rows is needed",
            n,
            k.cols(),
            x.len(),
            self.inputs
        );
        Err(GnnError::Matrix { reason })
    }
}

/// `y += s W x`.
fn add_product<T: Element>(w: &[T], x: &[T], s: T, y: &mut [T]) {
    for (y, w) in y.iter_mut().zip(w.chunks_exact(x.len())) {
        let mut sum = T::ZERO;
        for (&w, &x) in w.iter().zip(x) {
            sum += w * x;
        }
        *y += s * sum;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_named() {
        assert!(LeConv::new(2, 1, vec![0.0; 7]).is_err());
        assert!(LeConv::new(0, 1, vec![0.0; 2]).is_err());
        let text = LeConv::new(1, 1, vec![0.0, f64::NAN, 0.0, 0.0, 0.0]);
        assert!(text.unwrap_err().to_string().contains("position 1"));
        let layer = LeConv::new(2, 1, vec![1.0; 8]).unwrap();
        let k = sprs::CsMatI::<f64, u32>::zero((3, 3));
        assert!(layer.forward(k.view(), &[0.0; 5]).is_err());
        assert!(layer.backward(k.view(), &[0.0; 6], &[0.0; 2]).is_err());
        assert_eq!(layer.forward(k.view(), &[0.0; 6]).unwrap(), [1.0; 3]);
    }
}
