//! Problems whose agents have quadratic functions.

use super::dense::{factor, solve};
use super::graph::AgentGraph;
use crate::GnnError;

/// `min Σ_i f_i(x)` with `f_i(x) = ½ xᵀ H_i x − c_iᵀ x + const_i`, agents on a graph.
///
/// # Examples
/// ```
/// use la_gnn::native::admm::{AgentGraph, QuadraticProblem};
/// let path = AgentGraph::from_edges(3, [(0, 1), (1, 2)])?;
/// // Agreement on the mean of (0, 0), (3, 0), (0, 6).
/// let problem = QuadraticProblem::consensus(path, 2, &[0.0, 0.0, 3.0, 0.0, 0.0, 6.0])?;
/// assert_eq!(problem.solution(), [1.0, 2.0]);
/// assert_eq!(problem.objective(&[1.0, 2.0, 1.0, 2.0, 1.0, 2.0]), 30.0);
/// # Ok::<(), la_gnn::GnnError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct QuadraticProblem {
    pub(super) graph: AgentGraph,
    pub(super) dimension: usize,
    /// m × n × n.
    pub(super) hessians: Vec<f64>,
    /// m × n.
    pub(super) linear: Vec<f64>,
    constant: f64,
    solution: Vec<f64>,
}

impl QuadraticProblem {
    /// A problem from its parts.
    ///
    /// # Shapes
    /// `hessians` m × n × n, symmetric positive semidefinite (the lower triangles are read), `linear` m × n, `constant` the sum of the constants.
    ///
    /// # Errors
    /// [`GnnError::Matrix`] for lengths that do not fit the graph, n = 0, or a sum of the H_i that is not positive definite; [`GnnError::NonFinite`].
    pub fn new(
        graph: AgentGraph,
        dimension: usize,
        hessians: Vec<f64>,
        linear: Vec<f64>,
        constant: f64,
    ) -> Result<Self, GnnError> {
        let (m, n) = (graph.nodes(), dimension);
        if n == 0 || m == 0 {
            let reason = format!("{m} agents of {n} numbers: both must be at least 1");
            return Err(GnnError::Matrix { reason });
        }
        for (what, values, expected) in [
            ("H", &hessians, m * n * n),
            ("linear terms", &linear, m * n),
        ] {
            if values.len() != expected {
                let reason = format!("{what} has length {}, expected {expected}", values.len());
                return Err(GnnError::Matrix { reason });
            }
            if let Some(position) = values.iter().position(|v| !v.is_finite()) {
                let what = what.to_owned();
                return Err(GnnError::NonFinite { what, position });
            }
        }
        let sum = |values: &[f64], len: usize| -> Vec<f64> {
            (0..len)
                .map(|p| values.iter().skip(p).step_by(len).sum())
                .collect()
        };
        let mut whole = vec![0.0; n * n];
        factor(&sum(&hessians, n * n), 0.0, n, &mut whole);
        if let Some(row) = (0..n).find(|&i| !(whole[i * n + i] > 0.0 && whole[i * n + i] < 1e300)) {
            let reason = format!("the sum of the H_i is not positive definite (pivot {row})");
            return Err(GnnError::Matrix { reason });
        }
        let mut solution = sum(&linear, n);
        solve(&whole, n, &mut solution);
        Ok(Self {
            graph,
            dimension,
            hessians,
            linear,
            constant,
            solution,
        })
    }

    /// `f_i(x) = ‖x − b_i‖²`; `b` m × n.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn consensus(graph: AgentGraph, dimension: usize, b: &[f64]) -> Result<Self, GnnError> {
        let (m, n) = (graph.nodes(), dimension);
        let entry = |p: usize| if p / n % n == p % n { 2.0 } else { 0.0 };
        let hessians = (0..m * n * n).map(entry).collect();
        let constant = b.iter().map(|b| b * b).sum();
        Self::new(
            graph,
            n,
            hessians,
            b.iter().map(|b| 2.0 * b).collect(),
            constant,
        )
    }

    /// `f_i(x) = ‖B_i x − b_i‖²`; `matrices` m × rows × n, `b` m × rows.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn least_squares(
        graph: AgentGraph,
        dimension: usize,
        rows: usize,
        matrices: &[f64],
        b: &[f64],
    ) -> Result<Self, GnnError> {
        let (m, n) = (graph.nodes(), dimension);
        for (what, len, expected) in [
            ("B", matrices.len(), m * rows * n),
            ("b", b.len(), m * rows),
        ] {
            if len != expected {
                let reason = format!("{what} has length {len}, expected {expected}");
                return Err(GnnError::Matrix { reason });
            }
        }
        let (mut hessians, mut linear) = (Vec::new(), Vec::new());
        for i in 0..m {
            let entry = |r: usize, c: usize| matrices[(i * rows + r) * n + c];
            for p in 0..n {
                let products = |q: usize| (0..rows).map(move |r| entry(r, p) * entry(r, q));
                hessians.extend((0..n).map(|q| 2.0 * products(q).sum::<f64>()));
            }
            let right = |p: usize| {
                (0..rows)
                    .map(|r| entry(r, p) * b[i * rows + r])
                    .sum::<f64>()
            };
            linear.extend((0..n).map(|p| 2.0 * right(p)));
        }
        let constant = b.iter().map(|b| b * b).sum();
        Self::new(graph, n, hessians, linear, constant)
    }

    /// The graph.
    #[must_use]
    pub fn graph(&self) -> &AgentGraph {
        &self.graph
    }

    /// n.
    #[must_use]
    pub fn dimension(&self) -> usize {
        self.dimension
    }

    /// x*.
    #[must_use]
    pub fn solution(&self) -> &[f64] {
        &self.solution
    }

    /// H_i of all agents, m × n × n.
    #[must_use]
    pub fn hessians(&self) -> &[f64] {
        &self.hessians
    }

    /// c_i of all agents, m × n.
    #[must_use]
    pub fn linear(&self) -> &[f64] {
        &self.linear
    }

    /// Sum of the constants of the f_i.
    #[must_use]
    pub fn constant(&self) -> f64 {
        self.constant
    }

    /// Mean over the agents of ‖x_i − x*‖², x m × n.
    #[must_use]
    pub fn distance(&self, x: &[f64]) -> f64 {
        self.squares(x, &self.solution) / self.graph.nodes() as f64
    }

    /// Mean over the agents of ‖x_i − x̄‖², x̄ their mean.
    #[must_use]
    pub fn disagreement(&self, x: &[f64]) -> f64 {
        let (m, n) = (self.graph.nodes() as f64, self.dimension);
        let mean = |d: usize| x.iter().skip(d).step_by(n).sum::<f64>() / m;
        let mean: Vec<f64> = (0..n).map(mean).collect();
        self.squares(x, &mean) / m
    }

    fn squares(&self, x: &[f64], centre: &[f64]) -> f64 {
        let pairs = x.iter().zip(centre.iter().cycle());
        pairs.map(|(x, c)| (x - c) * (x - c)).sum()
    }

    /// `Σ_i f_i(x_i)`.
    #[must_use]
    pub fn objective(&self, x: &[f64]) -> f64 {
        let n = self.dimension;
        let mut sum = self.constant;
        for ((x, h), c) in x
            .chunks_exact(n)
            .zip(self.hessians.chunks_exact(n * n))
            .zip(self.linear.chunks_exact(n))
        {
            for p in 0..n {
                let row: f64 = (0..n).map(|q| h[p * n + q] * x[q]).sum();
                sum += x[p] * (0.5 * row - c[p]);
            }
        }
        sum
    }

    /// `|Σ_i f_i(x_i) − F*| / |F*|`.
    #[must_use]
    pub fn relative_objective(&self, x: &[f64]) -> f64 {
        let optimum = self.objective(&self.solution.repeat(self.graph.nodes()));
        (self.objective(x) - optimum).abs() / optimum.abs()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair() -> AgentGraph {
        AgentGraph::from_edges(2, [(0, 1)]).unwrap()
    }

    #[test]
    fn least_squares_agrees_with_its_definition() {
        // T3 of the specification's golden runs has this solution for three agents.
        let star = AgentGraph::from_edges(3, [(0, 1), (0, 2)]).unwrap();
        let matrices = [1.0, 0.0, 0.5, 1.0, 0.2, 0.9, 0.8, 0.1, 0.6, 0.3, 0.1, 0.7];
        let b = [1.0, 2.0, -3.0, 4.0, 5.0, -6.0];
        let p = QuadraticProblem::least_squares(star, 2, 2, &matrices, &b).unwrap();
        assert!((p.solution()[0] - 4.406_764_594_8).abs() < 1e-9);
        assert!((p.solution()[1] + 3.104_513_433_6).abs() < 1e-9);
        let x = [1.0, -1.0, 2.0, 0.5, -0.5, 3.0];
        let mut sum = 0.0;
        for i in 0..3 {
            for r in 0..2 {
                let row = &matrices[(2 * i + r) * 2..][..2];
                let residual = row[0] * x[2 * i] + row[1] * x[2 * i + 1] - b[2 * i + r];
                sum += residual * residual;
            }
        }
        assert!((p.objective(&x) - sum).abs() < 1e-12);
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let text = |result: Result<QuadraticProblem, GnnError>| result.unwrap_err().to_string();
        assert!(text(QuadraticProblem::consensus(pair(), 2, &[0.0; 3])).contains("length 3"));
        let nan = QuadraticProblem::consensus(pair(), 1, &[0.0, f64::NAN]);
        assert!(text(nan).contains("position 1"));
        let flat = QuadraticProblem::least_squares(pair(), 2, 1, &[1.0; 4], &[0.0; 2]);
        assert!(text(flat).contains("not positive definite"));
        let short = QuadraticProblem::least_squares(pair(), 2, 1, &[1.0; 3], &[0.0; 2]);
        assert!(text(short).contains("B has length 3"));
        let none = AgentGraph::from_edges(0, []).unwrap();
        assert!(text(QuadraticProblem::consensus(none, 2, &[])).contains("0 agents"));
    }

    #[test]
    fn distances_by_hand() {
        let p = QuadraticProblem::consensus(pair(), 1, &[0.0, 2.0]).unwrap();
        assert_eq!(p.distance(&[0.0, 4.0]), 5.0);
        assert_eq!(p.disagreement(&[0.0, 4.0]), 4.0);
        assert_eq!(p.relative_objective(&[1.0, 3.0]), 0.0);
        assert_eq!(p.relative_objective(&[2.0, 4.0]), 3.0);
    }
}
