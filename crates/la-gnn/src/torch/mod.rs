//! Training (and inference) with LibTorch, on CPU or CUDA. Feature `torch`.
//!
//! | module | holds |
//! | --- | --- |
//! | [`Sample`], [`GraphBatch`] | a system with node features; several of them as one block-diagonal graph on a device |
//! | [`Device`] | `auto`, `cpu`, `cuda:0`; CUDA is opened at run time |
//! | [`NeuralIf`], [`NeuralPcg`], [`LearnedLu`] | networks: forward and backward pass ([`Model`]) |
//! | [`fn@loss`], [`LossOptions`] | objectives of triangular factors, with gradients on the pattern of the factor |
//! | [`BatchLoss`] | what training minimises: these, or [`crate::training::lu::LuLoss`] for LU factors |
//! | [`GnpNetwork`], [`GnpTrainer`], [`GnpSamples`] | graph neural preconditioners: in use, in training, training columns drawn on the device |
//! | [`SparseProduct`] | products of a fixed sparse matrix and of its transpose with blocks of columns |
//! | [`Mpgnn`], [`MpgnnTrainer`] | message-passing networks for edge regression on [`ArcGraph`]s, six node models; their training |
//! | [`admm`] | distributed ADMM with learned parts as two message-passing layers, dense and sparse |
//! | [`active_set`] | training of networks that guess active sets of quadratic programs |
//! | [`factormer`] | training of networks that improve nonnegative factorisations, with the solver unrolled |
//! | [`TorchEngine`] | loss and gradient of batches for [`crate::training::train`] |
//!
//! # How gradients are computed
//! The networks here are short chains of GraphNet steps, and their gradients are written out by hand as
//! tensor operations instead of being recorded by LibTorch's autograd. The reason is the gather of node
//! states at the arcs: LibTorch differentiates it into `index_add`, which is slow on the CPU and adds in no
//! fixed order on CUDA. By hand, every sum over arcs is a segment sum (`embedding_bag` for rows of width
//! h, `segment_reduce` for scalars) over arcs sorted by row or, through a permutation, by column: each output
//! entry is summed by one thread in a fixed order, on either device.
//!
//! The first linear map of an edge perceptron, W [x_i, x_j, u], is applied once per node and gathered,
//! W_r x_i + W_o x_j + W_u u, so that no (arcs × inputs) concatenation exists.
//!
//! Exceptions, on the host alone, are [`active_set`] and [`admm`]: small dense products whose gradients are LibTorch's.

mod activation;
pub mod active_set;
pub mod admm;
mod batch;
mod cuda_library;
mod device;
mod engine;
mod factor;
pub mod factormer;
mod general_sample;
mod gnp;
mod graph_net;
mod graph_norm;
mod host_graph;
mod learned_lu;
mod loss;
mod lu_objective;
mod memory;
mod mlp;
mod model;
mod mpgnn;
mod neuralif;
mod neuralpcg;
mod rows_product;
mod sample;
mod segment;
mod sparse_product;
mod tensors;

pub use batch::{GraphBatch, Pattern};
pub use device::Device;
pub use engine::{BatchLoss, Generated, SampleSource, TorchEngine};
pub use factor::{factor_values, keep_mask};
pub use gnp::{GnpNetwork, GnpSamples, GnpTrainer};
pub use learned_lu::{LearnedLu, LearnedLuTape};
pub use loss::{DENSE_LIMIT, LossOptions, LossValue, Objective, Power, loss};
pub use model::Model;
pub use mpgnn::{
    ArcGraph, EdgeSample, EdgeSamples, Mpgnn, MpgnnBatch, MpgnnTape, MpgnnTrained, MpgnnTrainer,
    NodeGradients, NodeLayer, NodeLayerTape,
};
pub use neuralif::{NeuralIf, NeuralIfTape};
pub use neuralpcg::{NeuralPcg, NeuralPcgTape};
pub use sample::Sample;
pub use sparse_product::{ProductEngine, SparseProduct};
pub use tch;
