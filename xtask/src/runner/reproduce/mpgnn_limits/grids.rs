//! K-optimal factors of grids: cosine to them, K, and what counts, iterations.

use anyhow::{Context, Result};
use la_precond::classical::{FixedPointIc0, Ic0, KOptimal, LocalKOptimal, ShiftStrategy};
use la_precond::quality::{FactorDistance, log_k};
use la_precond::{IncompleteCholesky, IncompleteCholeskyBuilder};
use la_problems::{CsrMatrix, Grid, RightHandSide, Split, TriangularGrid, permuted, random_order};
use rayon::prelude::*;
use serde::Deserialize;

use super::course::Course;
use super::metrics::Quality;
use super::tridiagonal::measurements;
use crate::experiment::measure::iterations;

/// What a profile asks of this chapter.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Settings {
    /// Matrices of each set.
    matrices: u64,
    sets: Vec<GridSet>,
    /// Radii of the balls of local K-optimal columns.
    hops: Vec<usize>,
    /// Fixed-point sweeps of IC(0).
    sweeps: Vec<usize>,
}

/// Square grids with one diagonal in each cell, log-normal conductances.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct GridSet {
    /// Points in either direction.
    points: usize,
    /// Standard deviation of the logarithm of a conductance.
    sigma: f64,
    /// Added to the diagonal.
    shift: f64,
    /// Whether the order of the unknowns is random.
    random_order: bool,
}

impl GridSet {
    fn name(&self) -> String {
        let order = if self.random_order {
            "random"
        } else {
            "natural"
        };
        format!("grid-{0}x{0}-s{1}-{order}", self.points, self.sigma)
    }

    fn matrix(&self, index: u64) -> Result<CsrMatrix> {
        let seed = Split::Test.seed(index);
        let grid = TriangularGrid::default()
            .with_points(self.points, self.points)
            .with_sigma(self.sigma)
            .with_shift(self.shift);
        let a = grid.generate(seed)?;
        Ok(match self.random_order {
            true => permuted(&a, &random_order(a.rows(), seed))?,
            false => a,
        })
    }
}

/// Runs the chapter.
pub(super) fn run(settings: &Settings, course: &mut Course<'_>) -> Result<()> {
    let builders = builders(settings);
    for set in &settings.sets {
        let problem = set.name();
        let samples = (0..settings.matrices)
            .map(|i| {
                let a = set.matrix(i)?;
                let optimal = KOptimal::default().factor(a.view())?;
                Ok((i, a, optimal))
            })
            .collect::<Result<Vec<_>>>()?;
        for (method, builder) in &builders {
            let rows = course.part(&format!("{problem}/{method}"), || {
                let of = |(i, a, optimal): &(u64, CsrMatrix, IncompleteCholesky)| {
                    quality(*i, a, optimal, builder.as_ref())
                };
                samples.par_iter().map(of).collect::<Result<Vec<_>>>()
            })?;
            for measurement in measurements(&problem, method, &[&rows])? {
                course.push(measurement)?;
            }
        }
        course.publish()?;
    }
    Ok(())
}

type Builder = Box<dyn IncompleteCholeskyBuilder + Send + Sync>;

fn builders(settings: &Settings) -> Vec<(String, Builder)> {
    let mut list: Vec<(String, Builder)> = vec![
        ("k-optimal".into(), Box::new(KOptimal::default())),
        (
            "ic0".into(),
            Box::new(Ic0::default().with_shift(ShiftStrategy::None)),
        ),
    ];
    for &sweeps in &settings.sweeps {
        let builder = FixedPointIc0::default()
            .with_sweeps(sweeps)
            .with_shift(ShiftStrategy::None);
        list.push((format!("ic0-sweeps-{sweeps}"), Box::new(builder)));
    }
    for &hops in &settings.hops {
        let builder = LocalKOptimal::default().with_hops(hops);
        list.push((format!("k-optimal-{hops}-hops"), Box::new(builder)));
    }
    list
}

fn quality(
    index: u64,
    a: &CsrMatrix,
    optimal: &IncompleteCholesky,
    builder: &dyn IncompleteCholeskyBuilder,
) -> Result<Quality> {
    let factor = builder
        .build(a.view())
        .with_context(|| format!("{} of matrix {index}", builder.name()))?;
    let distance = FactorDistance::new(a.view(), &factor, optimal)?;
    let b = RightHandSide::Gaussian.vector(&Grid::line(a.rows()), index);
    Ok(Quality {
        cosine: distance.cosine,
        scaled_cosine: distance.scaled_cosine,
        log_pivot_rms: Some(distance.log_pivot_rms),
        log_k: Some(log_k(a.view(), &factor)?),
        iterations: Some(iterations(a, &b, &factor, 1e-8, 2000)?),
        breakdown: false,
    })
}
