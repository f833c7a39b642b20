//! What can go wrong in this crate.

/// Errors of `la-gnn`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GnnError {
    /// A configuration value is outside its range.
    #[error("configuration field `{field}`: {reason}")]
    Config {
        /// Name of the field.
        field: &'static str,
        /// Why it is refused, and what is allowed.
        reason: String,
    },
    /// The matrix has the wrong shape or structure for the model.
    #[error("matrix: {reason}")]
    Matrix {
        /// What is wrong, naming the row where there is one.
        reason: String,
    },
    /// The graph of the matrix could not be built.
    #[error("graph of the matrix")]
    Graph(#[from] la_graph::GraphError),
    /// A value that must be finite is not.
    #[error("{what} has a value that is not finite at position {position}")]
    NonFinite {
        /// What was looked at.
        what: String,
        /// Position in the flat array.
        position: usize,
    },
    /// The weights belong to another architecture, or are incomplete.
    #[error("weights do not fit `{architecture}`: {}", differences.join("; "))]
    WeightsMismatch {
        /// Architecture that was asked for.
        architecture: String,
        /// Every difference found.
        differences: Vec<String>,
    },
    /// The bytes are no readable weight file.
    #[error("weight file is not readable: {reason}")]
    WeightsFormat {
        /// What the reader met.
        reason: String,
    },
    /// No weights of this name are part of the crate.
    #[error("no bundled weights are called `{name}`; available: {}", available.join(", "))]
    UnknownWeights {
        /// Name that was asked for.
        name: String,
        /// Names that exist.
        available: Vec<String>,
    },
    /// A file could not be read or written.
    #[error("{action} {path}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: String,
        /// The system's answer.
        #[source]
        source: std::io::Error,
    },
    /// LibTorch refused an operation.
    #[cfg(feature = "torch")]
    #[error("LibTorch: {context}")]
    Torch {
        /// What was being done.
        context: String,
        /// LibTorch's answer.
        #[source]
        source: tch::TchError,
    },
    /// Training met a loss or gradient that is not finite and could not go on.
    #[error("training diverged at update {update}: {reason}")]
    Diverged {
        /// Update at which it happened.
        update: usize,
        /// What was seen.
        reason: String,
    },
    /// Another process of the same training had the error that matters.
    #[error("rank {rank} could not go on; its own message says why")]
    OtherRank {
        /// The lowest with an error of its own.
        rank: usize,
    },
    /// Processes that train one model have come to differ.
    #[error(
        "rank {} differs from rank 0 after update {update} in its {what}",
        .ranks.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    )]
    RanksDiffer {
        /// What is not the same.
        what: &'static str,
        /// Updates done.
        update: usize,
        /// Those that differ from the first.
        ranks: Vec<usize>,
    },
}
