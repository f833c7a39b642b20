//! Matrices, and where every method starts on them.

use std::time::Instant;

use anyhow::{Context, Result};
use la_opt::nmf::{Data, Factors, Initializer, Nndsvd};
use la_problems::nmf::{DenseSet, NonnegativeSet, SyntheticFactors, ValidationSize};
use serde::Deserialize;

/// Columns of the factors.
pub(super) const RANK: usize = 10;

/// Matrices that are reported together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum SetName {
    /// 15 to 35 rows and columns, without noise
    Small,
    /// 50 to 200
    Large,
    /// Faces, 4096 × 165
    Yale,
    /// A picture in 198 colours, 10 000 × 198
    JasperRidge,
    /// A random matrix of the training law
    #[serde(rename = "synthetic-2000x1000")]
    Tall,
}

impl SetName {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Small => "small",
            Self::Large => "large",
            Self::Yale => "yale",
            Self::JasperRidge => "jasper-ridge",
            Self::Tall => "synthetic-2000x1000",
        }
    }

    pub(super) fn is_one_matrix(self) -> bool {
        !matches!(self, Self::Small | Self::Large)
    }

    /// The set; of a synthetic one so many matrices at most.
    pub(super) fn read(self, matrices: usize) -> Result<Vec<Matrix>> {
        let real = |set: NonnegativeSet| -> Result<Vec<Matrix>> {
            let folder = std::env::var("LA_DATA_DIR").context(
                "LA_DATA_DIR is not set: it is the folder that holds `nmf` with the paper's real matrices",
            )?;
            let (set, _) = set
                .read(std::path::Path::new(&folder).join("nmf"))?
                .scaled();
            Ok(vec![Matrix::new(
                set.rows,
                set.columns,
                set.values.clone(),
                Some(set),
            )?])
        };
        match self {
            Self::Small | Self::Large => {
                let size = match self {
                    Self::Small => ValidationSize::Small,
                    _ => ValidationSize::Large,
                };
                let samples = size.generate(0)?.into_iter().take(matrices);
                samples
                    .map(|s| Matrix::new(s.rows, s.columns, s.values, None))
                    .collect()
            }
            Self::Yale => real(NonnegativeSet::Yale),
            Self::JasperRidge => real(NonnegativeSet::JasperRidge),
            Self::Tall => {
                let sample = SyntheticFactors::training().generate(2000, 1000, 0)?;
                Ok(vec![Matrix::new(
                    sample.rows,
                    sample.columns,
                    sample.values,
                    None,
                )?])
            }
        }
    }
}

/// A matrix of mean about 1 with its NNDSVD.
pub(super) struct Matrix {
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) values: Vec<f64>,
    pub(super) start: Factors,
    /// Of the NNDSVD.
    pub(super) seconds: f64,
    /// Of pixels, if rows are such; without its values.
    pub(super) source: Option<DenseSet>,
}

impl Matrix {
    fn new(
        rows: usize,
        columns: usize,
        values: Vec<f64>,
        source: Option<DenseSet>,
    ) -> Result<Self> {
        let began = Instant::now();
        let start = {
            let data = Data::dense(rows, columns, &values[..])?;
            Nndsvd::default().start(&data, RANK)?
        };
        let source = source.map(|mut set| {
            set.values = Vec::new();
            set
        });
        Ok(Self {
            rows,
            columns,
            values,
            start,
            seconds: began.elapsed().as_secs_f64(),
            source,
        })
    }

    pub(super) fn data(&self) -> Result<Data<'_>> {
        Ok(Data::dense(self.rows, self.columns, &self.values[..])?)
    }
}
