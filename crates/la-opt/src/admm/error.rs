//! Errors: the call was wrong, or an agent could not answer. Not having converged is an [`AdmmStatus`](super::AdmmStatus).

/// Why agents could not be put together, or a local problem could not be posed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum AdmmError {
    /// Something has the wrong length.
    #[error("{what} has length {len} but must have {expected}")]
    Length {
        /// Which: `"right-hand side"`, `"edge weights"`, ...
        what: &'static str,
        /// Its length.
        len: usize,
        /// The length that fits the rest.
        expected: usize,
    },
    /// An entry is NaN or infinite where it may not be.
    #[error("entry {index} of the {what} is {value}")]
    NonFinite {
        /// Which data.
        what: &'static str,
        /// Position in it.
        index: usize,
        /// The entry.
        value: f64,
    },
    /// Agent `agent` lists `neighbour`, but not the other way round, or lists itself.
    #[error(
        "agent {agent} lists agent {neighbour} as a neighbour, but the graph must be undirected and without loops"
    )]
    NotUndirected {
        /// Whose list.
        agent: usize,
        /// Who is in it.
        neighbour: usize,
    },
    /// Agents that can never agree, because no path joins them.
    #[error(
        "agents 0 and {agent} are not joined by a path: the communication graph has {components} components"
    )]
    Disconnected {
        /// An agent that agent 0 does not reach.
        agent: usize,
        /// Number of connected components.
        components: usize,
    },
    /// Edge weights must be positive and the same in both directions.
    #[error(
        "the weight of the edge from agent {from} to agent {to} is {weight}: weights must be positive, finite and the same in both directions"
    )]
    Weight {
        /// One end.
        from: usize,
        /// The other.
        to: usize,
        /// The weight that was given.
        weight: f64,
    },
    /// The agents of a process have local functions of different dimensions.
    #[error("the function of agent {agent} has dimension {dim}, but {expected} is that of others")]
    Dimension {
        /// The agent.
        agent: usize,
        /// Its dimension.
        dim: usize,
        /// That of the first agent of its process.
        expected: usize,
    },
    /// An agent has another number of variables than its function.
    #[error(
        "the function of agent {agent} has dimension {dim}, but the agent has {expected} variables"
    )]
    Arguments {
        /// The agent.
        agent: usize,
        /// Dimension of its function.
        dim: usize,
        /// Number of its variables.
        expected: usize,
    },
    /// An agent without variables.
    #[error("agent {agent} has no variables")]
    NoVariables {
        /// The agent.
        agent: usize,
    },
    /// An agent names a variable that there is not.
    #[error("agent {agent} has variable {variable}, but there are {count}")]
    NoSuchVariable {
        /// The agent.
        agent: usize,
        /// What it names.
        variable: usize,
        /// Number of variables.
        count: usize,
    },
    /// An agent names a variable twice.
    #[error("agent {agent} has variable {variable} twice")]
    RepeatedVariable {
        /// The agent.
        agent: usize,
        /// The variable.
        variable: usize,
    },
    /// No agent has a variable.
    #[error("no agent has variable {variable}")]
    UnusedVariable {
        /// The variable.
        variable: usize,
    },
    /// Two agents have a variable that they can never agree on.
    #[error(
        "agents {first} and {agent} have variable {variable}, but are not joined by a path of agents that have it"
    )]
    VariableApart {
        /// The variable.
        variable: usize,
        /// The first agent that has it.
        first: usize,
        /// An agent that this one does not reach.
        agent: usize,
    },
    /// An option is outside its range.
    #[error("option `{option}` is {value} but must be {requirement}")]
    InvalidOption {
        /// Name of the field.
        option: &'static str,
        /// Its value.
        value: f64,
        /// The range it must be in.
        requirement: &'static str,
    },
    /// A local function is not convex or not bounded below.
    #[error("the local function is not convex: an eigenvalue of its Hessian is {eigenvalue:e}")]
    NotConvex {
        /// The smallest eigenvalue.
        eigenvalue: f64,
    },
    /// The lower bound of a coordinate lies above its upper bound.
    #[error("coordinate {coordinate} is bounded below by {lower} and above by {upper}")]
    Bounds {
        /// The coordinate.
        coordinate: usize,
        /// Its lower bound.
        lower: f64,
        /// Its upper bound.
        upper: f64,
    },
    /// A local problem could not be posed to the quadratic programming solver.
    #[error(transparent)]
    Local(#[from] crate::OptError),
    /// A process has another graph, other weights, variables or owners of agents than process 0.
    #[error(
        "rank {rank} has another communication graph, other weights, variables or owners than rank 0"
    )]
    DifferentNetwork {
        /// The first such process.
        rank: usize,
    },
    /// Another process has an error of its own, or functions of another dimension.
    #[error("another process has an error, or functions of another dimension")]
    Elsewhere,
    /// A function without a gradient in a method that needs one.
    #[error("the function of agent {agent} has no gradient")]
    NoGradient {
        /// The agent.
        agent: usize,
    },
    /// An agent had no answer.
    #[error("agent {agent}: {failure}")]
    Agent {
        /// The agent.
        agent: usize,
        /// Why.
        #[source]
        failure: LocalFailure,
    },
    /// A checkpoint could not be written or read.
    #[cfg(feature = "serde")]
    #[error(transparent)]
    Checkpoint(#[from] super::CheckpointError),
    /// What MPI says.
    #[error("{0}")]
    Mpi(String),
    /// A learned network does not fit.
    #[error("network for consensus: {0}")]
    Network(String),
    /// Eigenvalues could not be computed.
    #[error("the eigenvalues of a local Hessian did not converge")]
    Eigenvalues,
}

/// Why an agent has no answer to its local problem.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum LocalFailure {
    /// An inner iteration did not reach its tolerance.
    #[error("the inner iteration did not reach its tolerance in {iterations} steps")]
    NotConverged {
        /// Steps it did.
        iterations: usize,
    },
    /// The local constraints contradict each other.
    #[error("the local constraints are infeasible")]
    Infeasible,
    /// The answer is not finite.
    #[error("the local solution is not finite")]
    NonFinite,
    /// What a function of the user's says.
    #[error("{0}")]
    Other(String),
}
