//! Tridiagonal matrices: constant diagonals, and sets whose bidiagonal Cholesky factors are known in closed form.

mod factor;
mod semiseparable;
mod switch;
mod toeplitz;
mod twins;

pub use factor::{Bidiagonal, FactorSample, FactorTarget, SymmetricTridiagonal};
pub use semiseparable::{GeneratorLaw, SemiseparableFactors};
pub use switch::SwitchFactors;
pub use toeplitz::TridiagonalToeplitz;
pub use twins::FactorTwins;
