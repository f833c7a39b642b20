//! Iterates of AO-ADMM against an independent implementation.
#![cfg(feature = "nmf")]

mod nmf_common;

use la_opt::nmf::{AoAdmm, DualStart, Factors, Method, NmfWorkspace, Rho};
use nmf_common::{assert_close, dense, fixed};
use safetensors::SafeTensors;

fn numbers(file: &SafeTensors<'_>, name: &str) -> Vec<f64> {
    let data = file.tensor(name).unwrap().data().to_vec();
    let chunks = data.chunks_exact(8);
    chunks
        .map(|b| f64::from_le_bytes(b.try_into().unwrap()))
        .collect()
}

#[test]
fn iterates_duals_and_errors_are_those_of_the_reference() {
    let Ok(folder) = std::env::var("LA_DATA_DIR") else {
        println!("skipped: LA_DATA_DIR is not set");
        return;
    };
    let rules = [("one", Rho::Fixed(1.0)), ("trace", Rho::TraceOverRank)];
    let duals = [("cold", DualStart::Cold), ("warm", DualStart::Warm)];
    for (size, m, n, r) in [("7x5_r4", 7, 5, 4), ("30x20_r10", 30, 20, 10)] {
        let bytes =
            std::fs::read(format!("{folder}/fixtures/nmf/ao_admm_{size}.safetensors")).unwrap();
        let file = SafeTensors::deserialize(&bytes).unwrap();
        let data = dense(m, n, &numbers(&file, "V"));
        let start = Factors::new(r, numbers(&file, "W0"), numbers(&file, "H0")).unwrap();
        for (rho_name, rho) in rules {
            for (dual_name, dual) in duals {
                let name = format!("{dual_name}.{rho_name}");
                let admm = AoAdmm::published(dual).with_rho(rho);
                let options = fixed(30).with_method(Method::AoAdmm(admm));
                let mut steps = NmfWorkspace::new(&data, &start, options.clone()).unwrap();
                for k in 1..=5 {
                    steps.step();
                    if k == 1 || k == 2 || k == 5 {
                        let now = steps.factors();
                        assert_close(
                            &now.w,
                            &numbers(&file, &format!("{name}.w{k}")),
                            1e-10,
                            &name,
                        );
                        assert_close(
                            &now.h,
                            &numbers(&file, &format!("{name}.h{k}")),
                            1e-10,
                            &name,
                        );
                    }
                }
                match steps.duals() {
                    Some([w, h]) => {
                        assert_eq!(dual, DualStart::Warm);
                        assert_close(
                            &w,
                            &numbers(&file, &format!("{name}.dual_w5")),
                            1e-10,
                            &name,
                        );
                        assert_close(
                            &h,
                            &numbers(&file, &format!("{name}.dual_h5")),
                            1e-10,
                            &name,
                        );
                    }
                    None => assert_eq!(dual, DualStart::Cold),
                }
                let solution = NmfWorkspace::new(&data, &start, options).unwrap().solve();
                let errors: Vec<f64> = solution.history.iter().map(|step| step.rmse).collect();
                assert_close(
                    &errors,
                    &numbers(&file, &format!("{name}.rmse")),
                    1e-9,
                    &name,
                );
            }
        }
    }
}
