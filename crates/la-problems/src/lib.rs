#![doc = include_str!("../README.md")]
#![warn(clippy::print_stdout, clippy::print_stderr)]

pub mod consensus;
mod elasticity;
mod error;
mod families;
mod fem;
mod finite_difference;
pub mod io;
mod laplacian;
#[cfg(feature = "mpi")]
pub mod mpi;
mod neuralif;
pub mod nmf;
mod nonsymmetric;
mod order;
pub mod quadratic;
mod right_hand_side;
mod sequence;
mod singular;
mod system;
mod tridiagonal;
mod zero_diagonal;

pub use elasticity::{LinearElasticity, Support};
pub use error::ProblemError;
pub use families::{DefiniteClass, DefiniteFamily};
pub use fem::{
    BilinearDiffusion, DelaunayPoisson, FemProblem, MeshChoice, MeshFamily, PlaneElasticity,
    PointCloud, PoissonFem, TriangleMesh, assemble_poisson,
};
pub use finite_difference::{
    AnisotropicDiffusion, Biharmonic, Coefficient, ConvectionDiffusion, Diffusion, Grid, Poisson,
    Scheme, Wind,
};
pub use laplacian::{EdgeWeights, RandomGeometricGraph, RandomRegularGraph, TriangularGrid};
pub use neuralif::{Density, NeuralIfSynthetic, Shift, Split};
pub use nonsymmetric::{
    ConvectionSamples, DiagonalEntries, Perturbation, PerturbedPoisson, PerturbedValues,
    SchemeChoice, ValueNoise, WindChoice,
};
pub use order::{colouring_order, permuted, random_order, reverse_cuthill_mckee};
pub use right_hand_side::RightHandSide;
pub use sequence::{
    HeatEquation, HeatSteps, NewtonSteps, NonlinearFlow, Nonlinearity, SystemSequence,
};
pub use singular::{NearlySingular, diagonal};
pub use sprs;
pub use system::{CsrMatrix, LinearSystem};
pub use tridiagonal::{
    Bidiagonal, FactorSample, FactorTarget, FactorTwins, GeneratorLaw, SemiseparableFactors,
    SwitchFactors, SymmetricTridiagonal, TridiagonalToeplitz,
};
pub use zero_diagonal::{Circuit, PermutedDominant, Pressure, StokesCavity, StructurallySingular};
