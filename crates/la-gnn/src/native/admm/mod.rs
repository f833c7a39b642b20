//! Distributed ADMM with learned step sizes, relaxation and edge weights: inference, and training through the iterations.
//!
//! [`AdmmNetwork`] gives α, γ and w to whatever runs the method. For agents with quadratic functions ([`QuadraticProblem`]) the method itself is here
//! ([`AdmmNetwork::run`]), with the gradient of a loss through all of it by hand ([`AdmmEngine`]).
//!
//! # The method
//! Agents minimise `Σ_i f_i(x)`. With weights w_ij = w_ji > 0 let A be the weighted Laplacian, `A_ij = −w_ij`, `A_ii = w_i = Σ_j w_ij`,
//! `M_i = w_i² + Σ_j w_ij²` and d_i the number of neighbours. From x = y = λ = v = 0, with α_i > 0 and 0 < γ < 2,
//!
//! ```text
//! x_i ← argmin_x  f_i(x) + ⟨(A λ)_i, x⟩ + ½ α_i M_i ‖x − v_i‖²
//! y_i ← γ (A x)_i / (d_i + 1)
//! v_i ← γ x_i + (1 − γ) v_i − (A y)_i / M_i
//! λ_i ← λ_i + α_i y_i
//! ```
//!
//! This is ADMM on `x_i = … = x_j` split row by row of A x = 0, with the copies z_ij = A_ij x_j condensed into v: `M_i v_i = Σ_j A_ji z_ji`. At γ = 1 it is
//! term by term the method of A. Makhdoumi, A. Ozdaglar, *IEEE Trans. Automatic Control* 62(10), 5082–5095, 2017, where `v_i = x_i − (A y)_i / M_i`;
//! other γ are the over-relaxation of J. Eckstein, D. P. Bertsekas, *Math. Programming* 55, 293–318, 1992.
//! Where `y` vanishes, `∇f_i(x_i) + (A λ)_i = 0`, and since the columns of A sum to zero the x_i, all equal, are a solution: whatever the α_i.

mod backward;
mod dense;
pub(crate) mod edges;
mod graph;
pub(crate) mod loss;
mod network;
mod perceptron;
mod problem;
mod train;
mod unroll;

pub use graph::{AgentGraph, DegreeProfile};
pub use network::{AdmmNetwork, StepRule};
pub use problem::QuadraticProblem;
pub use train::AdmmEngine;
pub use unroll::{Iterate, Unrolled};
