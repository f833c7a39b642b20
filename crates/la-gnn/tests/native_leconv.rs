//! Local extremum convolution against parity data of an independent implementation.

mod fixture;

use fixture::{Fixture, folder};
use la_gnn::native::leconv::LeConv;
use sprs::{CsMatI, TriMatI};

fn near(what: &str, own: &[f64], expected: &[f64], limit: f64) {
    assert_eq!(own.len(), expected.len(), "{what}");
    let scale = expected.iter().fold(0.0f64, |m, v| m.max(v.abs()));
    let pairs = own.iter().zip(expected);
    let d = pairs.fold(0.0f64, |m, (a, b)| m.max((a - b).abs()));
    assert!(d <= limit * scale, "{what}: {:e}", d / scale);
}

#[test]
fn outputs_and_gradients() {
    let Some(dir) = folder("layers") else {
        return;
    };
    let file = Fixture::open(&dir.join("leconv.safetensors"));
    for (which, n) in [("g7", 7), ("g40", 40)] {
        let ends = file.ids(&format!("{which}.edge_index"));
        let (sources, targets) = ends.split_at(ends.len() / 2);
        // Places of the arcs as the matrix stores them.
        let mut places = TriMatI::<f64, u32>::new((n, n));
        for (k, (&j, &i)) in sources.iter().zip(targets).enumerate() {
            places.add_triplet(i as usize, j as usize, k as f64);
        }
        let places: CsMatI<f64, u32> = places.to_csr();
        assert_eq!(places.nnz(), sources.len(), "no arc twice");
        for variant in ["weighted", "unweighted"] {
            let p = format!("{which}.{variant}");
            let read = |name: &str| file.f64(&format!("{p}.{name}"));
            let weighted = variant == "weighted";
            let weights = match weighted {
                true => read("in.edge_weight"),
                false => vec![1.0; sources.len()],
            };
            let k = places.map(|&place| weights[place as usize]);
            let names = ["w1.weight", "w1.bias", "w2.weight", "w3.weight", "w3.bias"];
            let flat = |prefix: &str| -> Vec<f64> {
                let parts = names.iter().map(|name| read(&format!("{prefix}{name}")));
                parts.collect::<Vec<_>>().concat()
            };
            let (x, g) = (read("in.x"), read("cotangent"));
            let layer = LeConv::new(x.len() / n, g.len() / n, flat("w.")).unwrap();
            let out = layer.forward(k.view(), &x).unwrap();
            near(&format!("{p}.out"), &out, &read("out"), 1e-13);
            let gradients = layer.backward(k.view(), &x, &g).unwrap();
            near(
                &format!("{p} x"),
                &gradients.nodes,
                &read("grad.in.x"),
                1e-12,
            );
            near(
                &format!("{p} w"),
                &gradients.values,
                &flat("grad.w."),
                1e-12,
            );
            if weighted {
                let mut arcs = vec![0.0; sources.len()];
                for (&place, &slope) in places.data().iter().zip(&gradients.arcs) {
                    arcs[place as usize] = slope;
                }
                near(
                    &format!("{p} arcs"),
                    &arcs,
                    &read("grad.in.edge_weight"),
                    1e-12,
                );
            }
        }
    }
}
