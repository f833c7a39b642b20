//! Several matrices as one block-diagonal graph on a device.

use std::ops::Range;

use tch::{Device as TchDevice, Kind, Tensor};

use super::host_graph::{HostPattern, full_row, lower_row, two_hop_lower_row};
use super::sample::Sample;
use super::segment::{Arcs, RowMatrix};
use super::tensors::{Context, Tch, indices, reals};
use crate::GnnError;
use crate::native::LowerGraph;
use crate::training::lu::LuSystem;

/// Which arcs the network works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Pattern {
    /// The lower triangle of A with its diagonal.
    Lower,
    /// The lower triangle of the pattern of A², entries outside A being 0.
    LowerTwoHop,
    /// All entries of A; the pattern must be symmetric. The factor has the pattern of the lower triangle.
    Full,
    /// All entries of any square A. The factors L and U have one value per entry: of L on the diagonal and below it, of U above
    /// it.
    General,
    /// All entries of any square A. The factor has the pattern of the lower triangle.
    GeneralLower,
}

/// The graph of a matrix that need not be symmetric.
#[derive(Debug)]
pub(crate) struct GeneralGraph {
    /// The arcs, where they are not those of the factor.
    arcs: Option<Arcs>,
    /// Entry of A and position code (−1 below the diagonal, 0 on it, +1 above it) of every arc, and the entry of ILU(0) where
    /// there is one.
    pub(crate) edge_features: Tensor,
    /// Entries of ILU(0).
    pub(crate) base: Option<Tensor>,
    /// Arcs that carry an entry of the factor, where not all do.
    pub(crate) own: Option<Tensor>,
    /// The matrices, for losses of LU factors; empty where the factor is triangular.
    pub(crate) systems: Vec<LuSystem>,
}

/// The graph with both triangles, and how the factor is read off it.
#[derive(Debug)]
pub(crate) struct FullGraph {
    pub(crate) arcs: Arcs,
    /// Entries of A, one column.
    pub(crate) values: Tensor,
    /// Arc (i, j) and arc (j, i) of every entry of the lower triangle.
    pub(crate) own: Tensor,
    pub(crate) mirrored: Tensor,
    /// Entry of the lower triangle that every arc contributes to.
    pub(crate) entry: Tensor,
}

/// The block-diagonal union of the graphs of several matrices, with everything that a network and a loss need, on a device.
///
/// Arcs are sorted by row, then column: the order of the factor's entries, see [`GraphBatch::factor_rows`].
#[derive(Debug)]
pub struct GraphBatch {
    pub(crate) kind: Kind,
    device: TchDevice,
    /// Nodes × width, double precision.
    pub(crate) features: Tensor,
    node_graph: Tensor,
    graph_pointer: Tensor,
    inverse_sizes: Tensor,
    node_offsets: Vec<usize>,
    /// The arcs of the factor, and of networks on the lower triangle.
    pub(crate) factor: Arcs,
    /// Entries of A on these arcs, one column.
    pub(crate) factor_values: Tensor,
    /// Positions of the diagonal among the arcs.
    pub(crate) diagonal: Tensor,
    /// The whole matrix.
    pub(crate) matrix: RowMatrix,
    pub(crate) full: Option<FullGraph>,
    pub(crate) general: Option<GeneralGraph>,
    /// Diagonal of A.
    pub(crate) matrix_diagonal: Tensor,
    pub(crate) pair: Option<(Tensor, Tensor)>,
    nonpositive_row: Option<usize>,
    pub(crate) matrix_rows: Vec<i64>,
    host: HostPattern,
}

impl GeneralGraph {
    fn upload(
        matrix: &HostPattern,
        pattern: Pattern,
        systems: Vec<LuSystem>,
        base: Option<Vec<f64>>,
        kind: Kind,
        device: TchDevice,
    ) -> Tch<Self> {
        let arcs = || (0..matrix.col.len()).map(|k| (matrix.row[k], matrix.col[k]));
        let mut features: Vec<f64> = Vec::with_capacity(3 * matrix.col.len());
        for (k, (i, j)) in arcs().enumerate() {
            features.extend([matrix.val[k], (j - i).signum() as f64]);
            features.extend(base.iter().map(|b| b[k]));
        }
        let width = 2 + i64::from(base.is_some());
        let (own, whole) = match pattern {
            Pattern::GeneralLower => {
                let own: Vec<i64> = (0i64..)
                    .zip(arcs())
                    .filter(|(_, (i, j))| j <= i)
                    .map(|(k, _)| k)
                    .collect();
                let whole = Arcs::upload(matrix, kind, device)?;
                (Some(indices(&own, device)?), Some(whole))
            }
            _ => (None, None),
        };
        Ok(Self {
            arcs: whole,
            edge_features: reals(&features, kind, device)?.f_reshape([-1, width])?,
            base: match base {
                Some(base) => Some(reals(&base, kind, device)?),
                None => None,
            },
            own,
            systems,
        })
    }

    /// The arcs that messages are passed on.
    pub(crate) fn arcs<'a>(&'a self, batch: &'a GraphBatch) -> &'a Arcs {
        self.arcs.as_ref().unwrap_or(&batch.factor)
    }
}

impl GraphBatch {
    /// Puts the union of `samples` on a device.
    ///
    /// # Errors
    /// [`GnnError::Matrix`] if there is no sample, the feature widths differ, or [`Pattern::Full`] meets a matrix whose
    /// pattern is not symmetric; [`GnnError::Torch`] if LibTorch refuses, for
    /// example for want of memory.
    pub fn new(
        samples: &[&Sample],
        pattern: Pattern,
        kind: Kind,
        device: TchDevice,
    ) -> Result<Self, GnnError> {
        let Some(first) = samples.first() else {
            return Err(GnnError::Matrix {
                reason: "a batch needs at least one sample".into(),
            });
        };
        let width = first.feature_width();
        let mut factor = HostPattern::default();
        let mut matrix = HostPattern::default();
        let mut features = Vec::new();
        let mut offsets = vec![0];
        let mut diagonal_values = Vec::new();
        for sample in samples {
            if sample.feature_width() != width {
                return Err(GnnError::Matrix {
                    reason: format!(
                        "one sample has {} node features, another {width}",
                        sample.feature_width()
                    ),
                });
            }
            let a = sample.matrix();
            let n = a.rows();
            match pattern {
                Pattern::Lower | Pattern::Full | Pattern::GeneralLower => {
                    factor.append((0..n).map(|i| lower_row(a, i)));
                }
                Pattern::General => factor.append((0..n).map(|i| full_row(a, i))),
                Pattern::LowerTwoHop => {
                    let mut seen = vec![false; n];
                    factor.append((0..n).map(|i| two_hop_lower_row(a, i, &mut seen)));
                }
            }
            matrix.append((0..n).map(|i| full_row(a, i)));
            features.extend_from_slice(sample.features());
            diagonal_values.extend((0..n).map(|i| a.get(i, i).copied().unwrap_or(0.0)));
            offsets.push(offsets[offsets.len() - 1] + n);
        }
        let mirror = match pattern {
            Pattern::Full => Some(matrix.mirror().map_err(|(i, j)| GnnError::Matrix {
                reason: format!("entry ({i}, {j}) is stored, its mirror image is not"),
            })?),
            _ => None,
        };
        let systems = match pattern {
            Pattern::General => samples
                .iter()
                .map(|s| s.lu_system())
                .collect::<Result<Vec<_>, _>>()?,
            _ => Vec::new(),
        };
        let pair = joined_pair(samples);
        let base = match pattern {
            Pattern::General => joined_base(samples),
            _ => None,
        };
        let upload = move || -> Tch<Self> {
            let sizes: Vec<f64> = offsets
                .windows(2)
                .map(|w| 1.0 / (w[1] - w[0]) as f64)
                .collect();
            let node_graph: Vec<i64> = offsets
                .windows(2)
                .enumerate()
                .flat_map(|(g, w)| std::iter::repeat_n(g as i64, w[1] - w[0]))
                .collect();
            let graph_pointer: Vec<i64> = offsets.iter().map(|&o| o as i64).collect();
            let diagonal: Vec<i64> = (0..factor.col.len())
                .filter(|&k| factor.row[k] == factor.col[k])
                .map(|k| k as i64)
                .collect();
            let general = match pattern {
                Pattern::General | Pattern::GeneralLower => Some(GeneralGraph::upload(
                    &matrix, pattern, systems, base, kind, device,
                )?),
                _ => None,
            };
            Ok(Self {
                kind,
                device,
                features: reals(&features, Kind::Double, device)?.f_reshape([-1, width as i64])?,
                node_graph: indices(&node_graph, device)?,
                graph_pointer: indices(&graph_pointer, device)?,
                inverse_sizes: reals(&sizes, Kind::Double, device)?.f_unsqueeze(1)?,
                node_offsets: offsets,
                factor: Arcs::upload(&factor, kind, device)?,
                factor_values: reals(&factor.val, kind, device)?.f_unsqueeze(1)?,
                diagonal: indices(&diagonal, device)?,
                matrix: RowMatrix::upload(&matrix, kind, device)?,
                full: match &mirror {
                    None => None,
                    Some(m) => Some(FullGraph {
                        arcs: Arcs::upload(&matrix, kind, device)?,
                        values: reals(&matrix.val, kind, device)?.f_unsqueeze(1)?,
                        own: indices(&m.own, device)?,
                        mirrored: indices(&m.mirrored, device)?,
                        entry: indices(&m.entry, device)?,
                    }),
                },
                general,
                matrix_rows: matrix.row,
                matrix_diagonal: reals(&diagonal_values, kind, device)?,
                pair: match pair {
                    Some((x, b)) => Some((reals(&x, kind, device)?, reals(&b, kind, device)?)),
                    None => None,
                },
                nonpositive_row: diagonal_values.iter().position(|&v| v <= 0.0),
                host: factor,
            })
        };
        upload().context("moving a batch of graphs to the device")
    }

    /// Nodes of all graphs together.
    #[must_use]
    pub fn num_nodes(&self) -> usize {
        self.host.num_nodes()
    }

    /// Number of graphs.
    #[must_use]
    pub fn num_graphs(&self) -> usize {
        self.node_offsets.len() - 1
    }

    /// First node of every graph, and the number of nodes.
    #[must_use]
    pub fn node_offsets(&self) -> &[usize] {
        &self.node_offsets
    }

    /// Entries of the factor of all graphs together.
    #[must_use]
    pub fn factor_nnz(&self) -> usize {
        self.host.col.len()
    }

    /// Row of every entry of the factor.
    #[must_use]
    pub fn factor_rows(&self) -> &[i64] {
        &self.host.row
    }

    /// Column of every entry of the factor.
    #[must_use]
    pub fn factor_columns(&self) -> &[i64] {
        &self.host.col
    }

    /// The lower triangle of every matrix, without node features, with its range of nodes and of entries of the factor.
    pub(crate) fn host_graphs(
        &self,
    ) -> impl Iterator<Item = (LowerGraph<f64>, Range<usize>, Range<usize>)> + '_ {
        self.node_offsets.windows(2).map(|w| {
            let pointers = &self.host.row_pointer[w[0]..=w[1]];
            let first = pointers[0];
            let entries = first as usize..pointers[w[1] - w[0]] as usize;
            let graph = LowerGraph {
                row_ptr: pointers.iter().map(|p| (p - first) as u32).collect(),
                col: self.host.col[entries.clone()]
                    .iter()
                    .map(|c| (*c as usize - w[0]) as u32)
                    .collect(),
                value: self.host.val[entries.clone()].to_vec(),
                features: Vec::new(),
                scale: Vec::new(),
                whole: None,
            };
            (graph, w[0]..w[1], entries)
        })
    }

    /// Columns of the node features.
    #[must_use]
    pub fn feature_width(&self) -> usize {
        self.features.size()[1] as usize
    }

    /// Scalar type of the network.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Where the tensors are.
    #[must_use]
    pub fn device(&self) -> TchDevice {
        self.device
    }

    /// A vector that comes from outside must have the right length, scalar type and device.
    pub(crate) fn check_vector(&self, what: &str, v: &Tensor, len: usize) -> Result<(), GnnError> {
        if v.size() != [len as i64] {
            return Err(GnnError::Matrix {
                reason: format!("needs {what} of length {len}, not of shape {:?}", v.size()),
            });
        }
        self.check_kind(v.kind(), v.device())
    }

    /// A network must have the batch's scalar type and device.
    pub(crate) fn check_kind(&self, kind: Kind, device: TchDevice) -> Result<(), GnnError> {
        if (kind, device) == (self.kind, self.device) {
            return Ok(());
        }
        Err(GnnError::Config {
            field: "kind",
            reason: format!(
                "the batch is {:?} on {:?}, what it is used with {kind:?} on {device:?}",
                self.kind, self.device
            ),
        })
    }

    /// Needed to scale rows to the diagonal of A.
    pub(crate) fn check_positive_diagonal(&self) -> Result<(), GnnError> {
        match self.nonpositive_row {
            None => Ok(()),
            Some(row) => Err(GnnError::Matrix {
                reason: format!("the diagonal entry of row {row} is not positive"),
            }),
        }
    }

    /// Sum over the nodes of every graph.
    pub(crate) fn graph_sums(&self, x: &Tensor) -> Tch<Tensor> {
        if self.num_graphs() == 1 {
            return x.f_sum_dim_intlist(0, true, x.f_kind()?);
        }
        let none: Option<&Tensor> = None;
        Tensor::f_segment_reduce(
            x,
            "sum",
            none,
            none,
            Some(&self.graph_pointer),
            0,
            true,
            0.0,
        )
    }

    /// Mean over the nodes of every graph.
    pub(crate) fn graph_means(&self, x: &Tensor) -> Tch<Tensor> {
        self.graph_sums(x)?
            .f_mul(&self.inverse_sizes.f_to_kind(x.f_kind()?)?)
    }

    /// Gradient of [`GraphBatch::graph_means`]: one row per node.
    pub(crate) fn mean_gradient(&self, g: &Tensor) -> Tch<Tensor> {
        self.spread(&g.f_mul(&self.inverse_sizes.f_to_kind(g.f_kind()?)?)?)
    }

    /// Values of every graph, one row per node even where there is one graph only.
    pub(crate) fn spread(&self, x: &Tensor) -> Tch<Tensor> {
        x.f_index_select(0, &self.node_graph)
    }

    /// Values of every graph, repeated for its nodes.
    pub(crate) fn at_nodes(&self, x: &Tensor) -> Tch<Tensor> {
        if self.num_graphs() == 1 {
            return Ok(x.shallow_clone());
        }
        x.f_index_select(0, &self.node_graph)
    }
}

/// The pairs of all samples one below the other, if every sample has one.
fn joined_pair(samples: &[&Sample]) -> Option<(Vec<f64>, Vec<f64>)> {
    let (mut x, mut b) = (Vec::new(), Vec::new());
    for sample in samples {
        let (sx, sb) = sample.pair()?;
        x.extend_from_slice(sx);
        b.extend_from_slice(sb);
    }
    Some((x, b))
}

/// Entries of ILU(0) of all samples, if every sample has them.
fn joined_base(samples: &[&Sample]) -> Option<Vec<f64>> {
    let mut joined = Vec::new();
    for sample in samples {
        joined.extend_from_slice(sample.base()?);
    }
    Some(joined)
}
