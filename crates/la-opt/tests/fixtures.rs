//! Twenty small problems against an independent implementation of the same method, with its iteration counts.

use std::fs;

use la_opt::qp::{
    Hessian, Pricing, QpOptions, QpStatus, QpWorkspace, QuadraticProgram, Side, WarmStart,
};
use safetensors::{Dtype, SafeTensors};

struct File<'a>(SafeTensors<'a>);

impl File<'_> {
    fn has(&self, name: &str) -> bool {
        self.0.tensor(name).is_ok()
    }

    fn numbers(&self, name: &str) -> Vec<f64> {
        let tensor = self.0.tensor(name).unwrap();
        let data = tensor.data();
        match tensor.dtype() {
            Dtype::F64 => data
                .chunks_exact(8)
                .map(|b| f64::from_le_bytes(b.try_into().unwrap()))
                .collect(),
            Dtype::I32 => data
                .chunks_exact(4)
                .map(|b| f64::from(i32::from_le_bytes(b.try_into().unwrap())))
                .collect(),
            other => panic!("{name}: {other:?}"),
        }
    }

    fn problem(&self, k: usize) -> QuadraticProgram {
        let get = |what: &str| self.numbers(&format!("qp{k:02}.{what}"));
        let (h, f, a) = (get("H"), get("f"), get("A"));
        let infinite = |x: Vec<f64>| -> Vec<f64> {
            let open = |x: f64| {
                if x.abs() >= 1e30 {
                    x.signum() * f64::INFINITY
                } else {
                    x
                }
            };
            x.into_iter().map(open).collect()
        };
        let (upper, lower) = (infinite(get("bupper")), infinite(get("blower")));
        let n = f.len();
        let bounds = upper.len() - a.len() / n;
        QuadraticProgram::new(Hessian::Dense(h), f)
            .unwrap()
            .with_bounds(lower[..bounds].to_vec(), upper[..bounds].to_vec())
            .unwrap()
            .with_rows(a, lower[bounds..].to_vec(), upper[bounds..].to_vec())
            .unwrap()
    }
}

fn fixture() -> Option<Vec<u8>> {
    let Ok(folder) = std::env::var("LA_DATA_DIR") else {
        println!("skipped: LA_DATA_DIR is not set");
        return None;
    };
    Some(fs::read(format!("{folder}/fixtures/qp/daqp.safetensors")).unwrap())
}

/// Multipliers are not unique where a vertex has more constraints than it needs.
const DEGENERATE: [usize; 3] = [9, 10, 18];

#[test]
fn solutions_and_iterations_are_those_of_the_reference() {
    let Some(bytes) = fixture() else { return };
    let file = File(SafeTensors::deserialize(&bytes).unwrap());
    for pricing in [Pricing::LargestViolation, Pricing::SteepestEdge] {
        for k in 0..20 {
            let get = |what: &str| file.numbers(&format!("qp{k:02}.{what}"));
            let (exit, iterations) = (get("exit")[0] as i32, get("iterations")[0] as usize);
            let options = QpOptions::default().with_pricing(pricing);
            let mut workspace = QpWorkspace::new(file.problem(k), options).unwrap();
            let solution = workspace.solve();
            if pricing == Pricing::LargestViolation && exit != -6 {
                assert_eq!(solution.iterations, iterations, "qp{k:02}");
            }
            if exit < 0 {
                assert_eq!(solution.status, QpStatus::PrimalInfeasible, "qp{k:02}");
                assert!(solution.certificate.is_some());
                continue;
            }
            assert_eq!(
                solution.status,
                QpStatus::Optimal,
                "qp{k:02}: {:?}",
                solution.kkt
            );
            let close = |a: &[f64], b: &[f64], what: &str| {
                let size = b.iter().fold(1e-300, |m: f64, x| m.max(x.abs()));
                for (a, b) in a.iter().zip(b) {
                    assert!((a - b).abs() <= 1e-7 * size, "qp{k:02} {what}: {a} {b}");
                }
            };
            close(&solution.x, &get("x"), "x");
            close(&[solution.objective], &get("fval"), "objective");
            if !DEGENERATE.contains(&k) {
                close(&solution.multipliers, &get("lambda"), "multipliers");
            }
        }
    }
}

#[test]
fn guesses_take_the_iterations_of_the_reference() {
    let Some(bytes) = fixture() else { return };
    let file = File(SafeTensors::deserialize(&bytes).unwrap());
    let mut seen = 0;
    for k in 0..20 {
        for guess in ["warm_oracle", "warm_wrong"] {
            if !file.has(&format!("qp{k:02}.{guess}.sense")) {
                continue;
            }
            let get = |what: &str| file.numbers(&format!("qp{k:02}.{guess}.{what}"));
            let (sense, exit) = (get("sense"), get("exit")[0] as i32);
            let active: Vec<(usize, Side)> = sense
                .iter()
                .enumerate()
                .filter(|(_, s)| **s as i32 & 1 == 1)
                .map(|(j, &s)| {
                    (
                        j,
                        if s as i32 & 2 == 2 {
                            Side::Lower
                        } else {
                            Side::Upper
                        },
                    )
                })
                .collect();
            let options = QpOptions::default().with_pricing(Pricing::LargestViolation);
            let mut workspace = QpWorkspace::new(file.problem(k), options).unwrap();
            workspace.warm_start(WarmStart::Active(&active)).unwrap();
            let solution = workspace.solve();
            assert_eq!(solution.status, QpStatus::Optimal, "qp{k:02} {guess}");
            if exit == 1 {
                assert_eq!(
                    solution.iterations,
                    get("iterations")[0] as usize,
                    "qp{k:02} {guess}"
                );
                seen += 1;
            }
        }
    }
    assert!(seen > 20, "{seen}");
}
