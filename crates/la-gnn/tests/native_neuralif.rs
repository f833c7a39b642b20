//! Native NeuralIF against parity data of the reference network.

mod fixture;

use fixture::{Fixture, distance, lower_graph, neuralif_files};
use la_gnn::native::neuralif::{GradientWorkspace, Loss, LossWorkspace, NeuralIf, Workspace};
use la_gnn::native::{Element, LowerGraph};

fn graph<T: Element>(system: &Fixture, variant: &Fixture) -> LowerGraph<T> {
    let holder = if variant.has("l.row") {
        variant
    } else {
        system
    };
    lower_graph(system, &holder.ids("l.row"), &holder.ids("l.col"))
}

#[test]
fn factors_match_in_double_precision() {
    for (system, variant) in neuralif_files() {
        let graph: LowerGraph<f64> = graph(&system, &variant);
        let model = NeuralIf::new(&variant.neuralif_parameters()).unwrap();
        let mut ws = Workspace::default();
        let d = distance(
            model.factor(&graph, &mut ws).unwrap().iter().copied(),
            &variant.f64("l_val"),
        );
        assert!(d < 1e-10, "{}: {d:e}", variant.name);
    }
}

#[test]
fn factors_match_in_single_precision() {
    for (system, variant) in neuralif_files() {
        let graph: LowerGraph<f32> = graph(&system, &variant);
        let model = NeuralIf::new(&variant.neuralif_parameters()).unwrap();
        let mut ws = Workspace::default();
        let d = distance(
            model
                .factor(&graph, &mut ws)
                .unwrap()
                .iter()
                .map(|v| f64::from(*v)),
            &variant.f64("l_val"),
        );
        assert!(d < 1e-5, "{}: {d:e}", variant.name);
    }
}

#[test]
fn states_match_step_by_step() {
    let mut compared = 0;
    for (system, variant) in neuralif_files() {
        let graph: LowerGraph<f64> = graph(&system, &variant);
        let model = NeuralIf::new(&variant.neuralif_parameters()).unwrap();
        let mut ws = GradientWorkspace::default();
        ws.forward(&model, &graph);
        let mut check = |name: String, got: Vec<f64>| {
            if variant.has(&name) {
                let d = distance(got, &variant.f64(&name));
                assert!(d < 1e-10, "{} {name}: {d:e}", variant.name);
                compared += 1;
            }
        };
        check(
            "state.graph_norm.node".into(),
            ws.node_states(0).unwrap().as_flattened().to_vec(),
        );
        for s in 0..6 {
            let prefix = format!("state.block{}.step{}", s / 2, s % 2 + 1);
            check(
                format!("{prefix}.node"),
                ws.node_states(s + 1).unwrap().as_flattened().to_vec(),
            );
            check(
                format!("{prefix}.edge"),
                ws.arc_states(s + 1).unwrap().to_vec(),
            );
        }
    }
    assert!(
        compared > 100 || std::env::var_os("LA_DATA_DIR").is_none(),
        "{compared} states compared"
    );
}

#[test]
fn losses_and_gradients_match() {
    for (system, variant) in neuralif_files() {
        let graph: LowerGraph<f64> = graph(&system, &variant);
        let parameters = variant.neuralif_parameters();
        let model = NeuralIf::new(&parameters).unwrap();
        let z = system.f64("z");
        let mut ws = GradientWorkspace::default();
        ws.forward(&model, &graph);
        let mut grad_factor = vec![0.0; graph.num_arcs()];
        let mut loss_ws = LossWorkspace::default();
        let parts = Loss::Default.gradient(&graph, ws.factor(), &z, &mut loss_ws, &mut grad_factor);
        let (value, scale) = Loss::Default.combine(&[parts]);
        let close = |got: f64, name: &str| {
            let expected = variant.f64(name)[0];
            assert!(
                (got - expected).abs() <= 1e-10 * expected.abs(),
                "{} {name}: {got} {expected}",
                variant.name
            );
        };
        close(value, "loss.default");
        close(Loss::Normalized.combine(&[parts]).0, "loss.normalized");
        grad_factor.iter_mut().for_each(|g| *g *= scale);
        if variant.has("grad.l_val") {
            let d = distance(grad_factor.iter().copied(), &variant.f64("grad.l_val"));
            assert!(d < 1e-9, "{} grad.l_val: {d:e}", variant.name);
        }
        let mut gradient = vec![0.0; parameters.values.len()];
        ws.backward(&model, &graph, &mut grad_factor, &mut gradient);
        for spec in parameters.config.parameters() {
            let expected = variant.f64(&format!("grad.{}", spec.name));
            let got = &gradient[spec.offset..spec.offset + spec.len];
            let scale = expected.iter().fold(0.0f64, |m, v| m.max(v.abs()));
            for (g, e) in got.iter().zip(&expected) {
                let allowed = 1e-9 * scale + 1e-12;
                assert!(
                    (g - e).abs() <= allowed,
                    "{} grad.{}: {g} {e}",
                    variant.name,
                    spec.name
                );
            }
        }
    }
}

#[test]
fn diagonal_normalisation_matches() {
    for (system, variant) in neuralif_files()
        .into_iter()
        .filter(|(_, v)| v.has("normalize_diag.l_val"))
    {
        let graph: LowerGraph<f64> = graph(&system, &variant);
        let mut parameters = variant.neuralif_parameters();
        parameters.config.normalize_diag = true;
        let model = NeuralIf::new(&parameters).unwrap();
        let mut ws = Workspace::default();
        let d = distance(
            model.factor(&graph, &mut ws).unwrap().iter().copied(),
            &variant.f64("normalize_diag.l_val"),
        );
        assert!(d < 1e-10, "{}: {d:e}", variant.name);
    }
}
