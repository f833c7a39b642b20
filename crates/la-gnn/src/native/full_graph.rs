//! Both triangles of a symmetric matrix as the graph a network runs on.

use la_graph::structural_features;
use sprs::{CsMatI, CsMatViewI, SpIndex};

use super::{Element, equilibrate};
use crate::GnnError;
use crate::neuralif::NODE_WIDTH;
use crate::neuralpcg::NeuralPcgConfig;

/// A symmetric n × n matrix in CSR with its node features, and where each entry's mirror image stands.
///
/// Entry (i, j) is the arc that node i receives from node j.
#[derive(Debug, Clone, PartialEq)]
pub struct FullGraph<T> {
    pub(crate) row_ptr: Vec<u32>,
    pub(crate) col: Vec<u32>,
    pub(crate) value: Vec<T>,
    pub(crate) features: Vec<T>,
    pub(crate) feature_width: usize,
    /// `√a_ii` of the matrix that the network sees.
    pub(crate) root_diagonal: Vec<T>,
    /// Lower triangle, the diagonal last in every row.
    pub(crate) lower_ptr: Vec<u32>,
    pub(crate) lower_col: Vec<u32>,
    /// Position among the arcs of (j, i) for every entry (i, j) of the lower triangle.
    pub(crate) mirrored: Vec<u32>,
    scale: Vec<f64>,
}

fn wrong<T>(reason: String) -> Result<T, GnnError> {
    Err(GnnError::Matrix { reason })
}

impl<T: Element> FullGraph<T> {
    /// A graph from a matrix whose pattern is symmetric and its node features.
    ///
    /// # Shapes
    /// `a`: n × n, sorted rows, a positive diagonal entry in every row; `features`: n × width, row-major.
    ///
    /// # Errors
    /// [`GnnError::Matrix`] if the matrix is not square, naming the first row without a positive diagonal
    /// entry or the first entry whose mirror image is not stored, or if the features are not a whole number of
    /// columns; [`GnnError::NonFinite`] for values or features that are NaN or infinite, also after rounding to `T`.
    pub fn new<I: SpIndex, P: SpIndex>(
        a: CsMatViewI<'_, f64, I, P>,
        features: Vec<T>,
    ) -> Result<Self, GnnError> {
        if !a.is_csr() {
            return Self::new(a.to_csr().view(), features);
        }
        let n = a.rows();
        if a.cols() != n {
            return wrong(format!("is {n} x {}, must be square", a.cols()));
        }
        if u32::try_from(a.nnz().max(n)).is_err() {
            return wrong(format!(
                "has {} entries, more than 32 bits can count",
                a.nnz()
            ));
        }
        let feature_width = features.len().checked_div(n).unwrap_or(NODE_WIDTH);
        if feature_width * n != features.len() || feature_width == 0 {
            return wrong(format!(
                "has {n} rows, but there are {} feature values",
                features.len()
            ));
        }
        let mut graph = Self {
            row_ptr: Vec::with_capacity(n + 1),
            col: Vec::with_capacity(a.nnz()),
            value: Vec::with_capacity(a.nnz()),
            features,
            feature_width,
            root_diagonal: Vec::with_capacity(n),
            lower_ptr: Vec::with_capacity(n + 1),
            lower_col: Vec::with_capacity((a.nnz() + n) / 2),
            mirrored: Vec::new(),
            scale: Vec::new(),
        };
        graph.row_ptr.push(0);
        graph.lower_ptr.push(0);
        for (i, row) in a.outer_iterator().enumerate() {
            let columns = row.indices();
            let left = columns.partition_point(|j| j.index() < i);
            let diagonal = match columns.get(left) {
                Some(j) if j.index() == i => row.data()[left],
                _ => return wrong(format!("row {i} has no diagonal entry")),
            };
            if diagonal <= 0.0 {
                return wrong(format!(
                    "row {i} has the diagonal entry {diagonal}, expected a positive one"
                ));
            }
            graph.root_diagonal.push(T::from_f64(diagonal.sqrt()));
            graph.col.extend(columns.iter().map(|j| j.index() as u32));
            graph
                .value
                .extend(row.data().iter().map(|v| T::from_f64(*v)));
            graph.row_ptr.push(graph.col.len() as u32);
            graph
                .lower_col
                .extend(columns[..=left].iter().map(|j| j.index() as u32));
            graph.lower_ptr.push(graph.lower_col.len() as u32);
        }
        for (what, list) in [("matrix", &graph.value), ("node features", &graph.features)] {
            if let Some(position) = list.iter().position(|v| !v.is_finite()) {
                return Err(GnnError::NonFinite {
                    what: what.into(),
                    position,
                });
            }
        }
        graph.mirrored = graph.mirror()?;
        Ok(graph)
    }

    /// Walks over the lower triangle row by row: the mirror images of its column j are then met in the order in which row j
    /// stores them.
    fn mirror(&self) -> Result<Vec<u32>, GnnError> {
        let n = self.num_nodes();
        let missing = |i: u32, j: u32| {
            wrong(format!(
                "entry ({i}, {j}) is stored, its mirror image is not"
            ))
        };
        // First entry of row j right of its diagonal.
        let mut next: Vec<u32> = (0..n)
            .map(|j| self.row_ptr[j] + self.lower_ptr[j + 1] - self.lower_ptr[j])
            .collect();
        let mut mirrored = Vec::with_capacity(self.lower_col.len());
        for i in 0..n {
            let row = self.lower_ptr[i] as usize..self.lower_ptr[i + 1] as usize;
            for &j in &self.lower_col[row] {
                let j = j as usize;
                if j == i {
                    mirrored.push(next[i] - 1);
                    continue;
                }
                let at = next[j];
                let found = (at < self.row_ptr[j + 1]).then(|| self.col[at as usize]);
                match found {
                    Some(c) if c as usize == i => next[j] += 1,
                    // Row j has an entry left of column i that row c did not ask for.
                    Some(c) if (c as usize) < i => return missing(j as u32, c),
                    _ => return missing(i as u32, j as u32),
                }
                mirrored.push(at);
            }
        }
        for (j, at) in next.iter().enumerate() {
            if *at < self.row_ptr[j + 1] {
                return missing(j as u32, self.col[*at as usize]);
            }
        }
        Ok(mirrored)
    }

    /// The graph that a network of this configuration runs on: structural node features, equilibrated if it asks
    /// for that.
    ///
    /// # Errors
    /// As [`FullGraph::new`]; [`GnnError::Config`] naming `node_features` if the network does not take the eight
    /// structural ones; [`GnnError::Graph`] if the matrix is not square or has entries that are not finite.
    pub fn prepare<I: SpIndex, P: SpIndex>(
        a: CsMatViewI<'_, f64, I, P>,
        config: &NeuralPcgConfig,
    ) -> Result<Self, GnnError> {
        config.validate_symmetric()?;
        if config.node_features != NODE_WIDTH {
            return Err(GnnError::Config {
                field: "node_features",
                reason: format!(
                    "is {}: only networks that take the {NODE_WIDTH} structural features run on a matrix alone",
                    config.node_features
                ),
            });
        }
        let (seen, scale) = seen_by(a, config)?;
        let graph = match &seen {
            Some(scaled) => Self::new(scaled.view(), structural_features(scaled.view())?)?,
            None => Self::new(a, structural_features(a)?)?,
        };
        Ok(Self { scale, ..graph })
    }

    /// The graph of a system A x = b for networks whose only node feature is the entry of b, equilibrated if the
    /// configuration asks for that (b then becomes `D^-1/2 b`).
    ///
    /// # Errors
    /// As [`FullGraph::new`]; [`GnnError::Config`] naming `node_features` if the network takes more than one.
    pub fn prepare_system<I: SpIndex, P: SpIndex>(
        a: CsMatViewI<'_, f64, I, P>,
        b: &[f64],
        config: &NeuralPcgConfig,
    ) -> Result<Self, GnnError> {
        config.validate_symmetric()?;
        if config.node_features != 1 {
            return Err(GnnError::Config {
                field: "node_features",
                reason: format!(
                    "is {}: only networks with one node feature take a right-hand side",
                    config.node_features
                ),
            });
        }
        if b.len() != a.rows() {
            return wrong(format!(
                "has {} rows, but the right-hand side has length {}",
                a.rows(),
                b.len()
            ));
        }
        let (seen, scale) = seen_by(a, config)?;
        let reciprocal = |i: usize| scale.get(i).map_or(1.0, |s| 1.0 / s);
        let features = (0..b.len())
            .map(|i| T::from_f64(b[i] * reciprocal(i)))
            .collect();
        let graph = match &seen {
            Some(scaled) => Self::new(scaled.view(), features)?,
            None => Self::new(a, features)?,
        };
        Ok(Self { scale, ..graph })
    }

    /// Factor by which row i of the network's output has to be multiplied (`√a_ii`), if the matrix was
    /// equilibrated.
    #[must_use]
    pub fn scale(&self) -> Option<&[f64]> {
        (!self.scale.is_empty()).then_some(&self.scale)
    }

    /// Number of rows.
    #[must_use]
    pub fn num_nodes(&self) -> usize {
        self.row_ptr.len() - 1
    }

    /// Number of stored entries of both triangles.
    #[must_use]
    pub fn num_arcs(&self) -> usize {
        self.col.len()
    }

    /// Columns of the node features.
    #[must_use]
    pub fn feature_width(&self) -> usize {
        self.feature_width
    }

    /// Row pointers of the factor, n + 1.
    #[must_use]
    pub fn factor_row_ptr(&self) -> &[u32] {
        &self.lower_ptr
    }

    /// Column indices of the factor, ascending in each row, the diagonal last.
    #[must_use]
    pub fn factor_columns(&self) -> &[u32] {
        &self.lower_col
    }
}

/// The scaled matrix and its scale, if the configuration asks for that.
type Seen<I, P> = (Option<CsMatI<f64, I, P>>, Vec<f64>);

fn seen_by<I: SpIndex, P: SpIndex>(
    a: CsMatViewI<'_, f64, I, P>,
    config: &NeuralPcgConfig,
) -> Result<Seen<I, P>, GnnError> {
    if !config.equilibrate {
        return Ok((None, Vec::new()));
    }
    let (scaled, scale) = equilibrate(a)?;
    Ok((Some(scaled), scale))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matrix(entries: &[(usize, usize, f64)], n: usize) -> CsMatI<f64, u32> {
        let mut a = sprs::TriMatI::new((n, n));
        for &(i, j, v) in entries {
            a.add_triplet(i, j, v);
        }
        a.to_csr()
    }

    #[test]
    fn mirror_images_are_found() {
        let a = matrix(
            &[
                (0, 0, 4.0),
                (0, 1, 1.0),
                (0, 2, 2.0),
                (1, 0, 1.0),
                (1, 1, 9.0),
                (2, 0, 2.0),
                (2, 2, 1.0),
            ],
            3,
        );
        let g = FullGraph::<f64>::new(a.view(), vec![0.0; 3]).unwrap();
        assert_eq!(g.factor_row_ptr(), [0, 1, 3, 5]);
        assert_eq!(g.factor_columns(), [0, 0, 1, 0, 2]);
        // (0,0) (1,0)->(0,1) (1,1) (2,0)->(0,2) (2,2)
        assert_eq!(g.mirrored, [0, 1, 4, 2, 6]);
        assert_eq!(g.root_diagonal, [2.0, 3.0, 1.0]);
        assert_eq!((g.feature_width(), g.num_arcs()), (1, 7));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let message = |entries: &[(usize, usize, f64)], features: usize| {
            FullGraph::<f32>::new(matrix(entries, 3).view(), vec![0.0; features])
                .unwrap_err()
                .to_string()
        };
        let d = [(0, 0, 1.0), (1, 1, 1.0), (2, 2, 1.0)];
        let with = |extra: &[(usize, usize, f64)]| [&d[..], extra].concat();
        for (entries, features, text) in [
            (
                with(&[(0, 2, 1.0)]),
                3,
                "matrix: entry (0, 2) is stored, its mirror image is not",
            ),
            (
                with(&[(2, 0, 1.0)]),
                3,
                "matrix: entry (2, 0) is stored, its mirror image is not",
            ),
            (
                with(&[(0, 1, 1.0), (0, 2, 1.0), (2, 0, 1.0)]),
                3,
                "matrix: entry (0, 1) is stored, its mirror image is not",
            ),
            (d[..2].to_vec(), 3, "matrix: row 2 has no diagonal entry"),
            (
                vec![d[0], d[1], (2, 2, -1.0)],
                3,
                "matrix: row 2 has the diagonal entry -1, expected a positive one",
            ),
            (
                d.to_vec(),
                4,
                "matrix: has 3 rows, but there are 4 feature values",
            ),
            (
                with(&[(0, 1, 1e300), (1, 0, 1e300)]),
                3,
                "matrix has a value that is not finite at position 1",
            ),
        ] {
            assert_eq!(message(&entries, features), text);
        }
        let wide = CsMatI::<f64, u32>::zero((2, 3));
        assert!(FullGraph::<f32>::new(wide.view(), vec![0.0; 2]).is_err());
    }

    #[test]
    fn the_configuration_decides_about_features() {
        let a = matrix(&[(0, 0, 4.0), (1, 1, 9.0)], 2);
        let one = NeuralPcgConfig::default().with_equilibrate(true);
        let g = FullGraph::<f64>::prepare_system(a.view(), &[2.0, 3.0], &one).unwrap();
        assert_eq!(
            (&g.features[..], g.scale().unwrap()),
            (&[1.0, 1.0][..], &[2.0, 3.0][..])
        );
        assert!(matches!(
            FullGraph::<f64>::prepare(a.view(), &one),
            Err(GnnError::Config {
                field: "node_features",
                ..
            })
        ));
        let eight = NeuralPcgConfig::equilibrated();
        assert_eq!(
            FullGraph::<f64>::prepare(a.view(), &eight).unwrap().value,
            [1.0, 1.0]
        );
        assert!(FullGraph::<f64>::prepare_system(a.view(), &[1.0], &one).is_err());
        assert!(FullGraph::<f64>::prepare_system(a.view(), &[1.0, 1.0], &eight).is_err());
    }
}
