//! scratch
use la_gnn::Weights;
use la_krylov::{GmresOptions, Host, Preconditioner, gmres};
use la_precond::IncompleteLu;
use la_precond::classical::Ilu;
use la_precond::learned::LearnedLu;
use la_problems::{Grid, PerturbedPoisson, Split};
use sprs::{CsMat, TriMat};

fn pa(f: &IncompleteLu, a: &CsMat<f64>) -> f64 {
    let n = a.rows();
    let l: CsMat<f64> = f.to_lower().to_other_types();
    let u: CsMat<f64> = f.to_upper().to_other_types();
    let p = &l * &u;
    let d = &p - a;
    let _ = (n, TriMat::<f64>::new((1, 1)));
    d.data().iter().map(|v| v * v).sum::<f64>().sqrt()
}

fn its<M: Preconditioner<Host>>(a: &CsMat<f64>, b: &[f64], m: &M) -> usize {
    let n = b.len();
    let o = GmresOptions::default()
        .with_rtol(1e-6)
        .with_restart(n)
        .with_max_iters(n);
    gmres(a, b, m, &o).unwrap().iterations
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let side: usize = args[1].parse().unwrap();
    let count: u64 = args[2].parse().unwrap();
    let fam = PerturbedPoisson::default().with_grid(Grid::rectangle(side, side));
    for w in std::iter::once("ilu0").chain(args[3..].iter().map(String::as_str)) {
        let (mut si, mut sf, mut sm) = (0.0, 0.0, f64::INFINITY);
        let mut list = vec![];
        for k in 0..count {
            let s = fam.generate(Split::Test.seed(k)).unwrap();
            let a: CsMat<f64> = s.matrix.to_other_types();
            let f = if w == "ilu0" {
                Ilu::default().factor(s.matrix.view()).unwrap()
            } else {
                LearnedLu::new(&Weights::named_or_file(w).unwrap())
                    .unwrap()
                    .factor(s.matrix.view())
                    .unwrap()
            };
            let i = its(&a, &s.rhs, &f);
            list.push(i);
            si += i as f64;
            sf += pa(&f, &a);
            sm = sm.min(f.stats().smallest_pivot.unwrap_or(f64::NAN));
        }
        let c = count as f64;
        println!(
            "{w}: its {:.1} {list:?} |P-A| {:.2} pivot {sm:.2e}",
            si / c,
            sf / c
        );
    }
}
