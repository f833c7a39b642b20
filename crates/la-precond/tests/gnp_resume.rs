//! Training of graph neural preconditioners that breaks off and goes on.
#![cfg(feature = "learned")]

use std::ops::ControlFlow;

use la_gnn::gnp::{GnpConfig, Parameters};
use la_gnn::native::gnp::Matrix;
use la_gnn::training::gnp::Ended;
use la_precond::learned::gnp::{GnpBuilder, OnPolicy, Selection};
use la_problems::{ConvectionDiffusion, Grid};

/// One half of a training in one process and the rest in another, held-out columns and visited vectors included.
#[test]
fn an_interrupted_training_goes_on_to_the_same_network() {
    let system = ConvectionDiffusion::default().with_grid(Grid::rectangle(8, 8));
    let a = system.generate().unwrap().matrix;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.checkpoint");
    let native = |_: la_precond::sprs::CsMatViewI<'_, f64, u32>,
                  graph: &std::sync::Arc<Matrix>,
                  start: &Parameters| {
        let trainer = la_gnn::native::gnp::Trainer::new(start, std::sync::Arc::clone(graph))?;
        Ok(Box::new(trainer) as Box<dyn la_gnn::training::gnp::GnpEngine>)
    };
    let start = Parameters::initialize(&GnpConfig::paper(), 0).unwrap();
    let builder = GnpBuilder::improved()
        .with_steps(40)
        .with_on_policy(OnPolicy::Share {
            share: 0.5,
            every: 10,
        })
        .with_selection(Selection::HeldOut {
            columns: 4,
            every: 5,
        });
    let until = |last: usize, builder: &GnpBuilder, path: Option<&std::path::Path>| {
        builder.train_with(
            a.view(),
            &start,
            native,
            path,
            &mut |seen| match seen.step + 1 == last {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            },
        )
    };
    let (whole, report) = until(0, &builder, None).unwrap();
    let (_, part) = until(20, &builder, Some(&path)).unwrap();
    assert_eq!((part.ended, part.losses.len()), (Ended::Interrupted, 20));
    let (again, rest) = until(0, &builder, Some(&path)).unwrap();
    assert_eq!(rest.losses, report.losses);
    assert_eq!(rest.held_out, report.held_out);
    assert_eq!(again.parameters(), whole.parameters());
    // Another seed is another run.
    let error = until(0, &builder.clone().with_seed(1), Some(&path)).unwrap_err();
    assert!(error.to_string().contains("belongs to"), "{error}");
}
