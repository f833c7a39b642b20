//! One layer: targets attend to all sources.

use tch::{Kind, Tensor};

use super::super::tensors::Tch;
use super::network::FactormerNetwork;
use crate::factormer::UpdateRule;

/// Added to variances.
const LAYER_NORM_EPS: f64 = 1e-5;

/// How a layer is computed. Both forms give the same numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LayerForm {
    /// By dense products: scores `⟨c_j, x_i⟩ + g_j V_ij` with effective queries; `O(h m n)` numbers.
    #[default]
    Dense,
    /// With a key and a value for every arc, `O(d m n)` numbers: by the formulas.
    EdgeList,
}

/// New features of the targets, n × d. `sources` is m × d, `targets` n × d, `entries` n × m: a row of V's entries for each target.
///
/// # Errors
/// Those of LibTorch.
pub fn layer(
    network: &FactormerNetwork<'_>,
    k: usize,
    sources: &Tensor,
    targets: &Tensor,
    entries: &Tensor,
    normalise: bool,
) -> Tch<Tensor> {
    let config = network.config();
    let message = match network.form() {
        LayerForm::Dense => dense(network, k, sources, targets, entries)?,
        LayerForm::EdgeList => edge_list(network, k, sources, targets, entries)?,
    };
    let name = |part: &str| format!("layer.{k}.{part}");
    let y = norm(network, &name("norm1"), &targets.f_add(&message)?)?;
    let inner = network.linear(&name("ffn1"), &y)?.f_relu()?;
    let change = network.linear(&name("ffn2"), &inner)?;
    let kept = match config.update {
        UpdateRule::Eq15 => targets,
        UpdateRule::Alg3 => &message,
        UpdateRule::PostNorm => &y,
    };
    let new = kept.f_add(&change)?;
    match normalise {
        true => norm(network, &name("norm2"), &new),
        false => Ok(new),
    }
}

fn norm(network: &FactormerNetwork<'_>, name: &str, x: &Tensor) -> Tch<Tensor> {
    let (weight, bias) = (
        network.get(&format!("{name}.weight"))?,
        network.get(&format!("{name}.bias"))?,
    );
    let width = [network.config().width as i64];
    x.f_layer_norm(width, Some(weight), Some(bias), LAYER_NORM_EPS, false)
}

fn dense(
    network: &FactormerNetwork<'_>,
    k: usize,
    sources: &Tensor,
    targets: &Tensor,
    entries: &Tensor,
) -> Tch<Tensor> {
    let config = network.config();
    let (d, h) = (config.width as i64, config.heads as i64);
    let (p, n) = (d / h, targets.size()[0]);
    let name = |part: &str| format!("layer.{k}.{part}");
    // Slices of the maps by heads, h × p × inputs; the last input of those of an arc is the entry of V.
    let slices = |part: &str, inputs: i64| -> Tch<Tensor> {
        network.get(&name(part))?.f_view([h, p, inputs])
    };
    let query = network.linear(&name("q"), targets)?;
    let query = query.f_view([n, h, p])?.f_transpose(0, 1)?;
    let worth = query.f_bmm(&slices("key_edge.weight", d + 1)?)?;
    let products = worth.f_narrow(2, 0, d)?.f_mul(targets)?;
    let effective = query
        .f_bmm(&slices("key_node.weight", d)?)?
        .f_add(&products)?;
    let scores = effective
        .f_matmul(&sources.f_transpose(0, 1)?)?
        .f_add(&worth.f_narrow(2, d, 1)?.f_mul(entries)?)?
        .f_div_scalar(config.temperature())?;
    let attention = scores.f_softmax(2, None::<Kind>)?;
    let means = attention.f_matmul(sources)?;
    let entry =
        attention
            .f_mul(entries)?
            .f_sum_dim_intlist([2i64].as_slice(), true, None::<Kind>)?;
    let edges = Tensor::f_cat(&[means.f_mul(targets)?, entry], 2)?;
    let transposed = |part: &str, inputs: i64| slices(part, inputs)?.f_transpose(1, 2);
    means
        .f_bmm(&transposed("value_node.weight", d)?)?
        .f_add(&edges.f_bmm(&transposed("value_edge.weight", d + 1)?)?)?
        .f_transpose(0, 1)?
        .f_reshape([n, d])?
        .f_add(network.get(&name("value_node.bias"))?)?
        .f_add(network.get(&name("value_edge.bias"))?)
}

fn edge_list(
    network: &FactormerNetwork<'_>,
    k: usize,
    sources: &Tensor,
    targets: &Tensor,
    entries: &Tensor,
) -> Tch<Tensor> {
    let config = network.config();
    let (d, h) = (config.width as i64, config.heads as i64);
    let (p, n, m) = (d / h, targets.size()[0], sources.size()[0]);
    let linear = |part: &str, x: &Tensor| network.linear(&format!("layer.{k}.{part}"), x);
    // [x_i ⊙ x_j, V_ij], n × m × (d + 1).
    let products = targets.f_unsqueeze(1)?.f_mul(&sources.f_unsqueeze(0)?)?;
    let edges = Tensor::f_cat(&[products, entries.f_unsqueeze(2)?], 2)?;
    let keys = linear("key_edge", &edges)?.f_add(&linear("key_node", sources)?)?;
    let values = linear("value_edge", &edges)?.f_add(&linear("value_node", sources)?)?;
    let query = linear("q", targets)?.f_view([n, 1, h, p])?;
    let scores = keys
        .f_view([n, m, h, p])?
        .f_mul(&query)?
        .f_sum_dim_intlist([3i64].as_slice(), true, None::<Kind>)?
        .f_div_scalar(config.temperature())?;
    scores
        .f_softmax(1, None::<Kind>)?
        .f_mul(&values.f_view([n, m, h, p])?)?
        .f_sum_dim_intlist([1i64].as_slice(), false, None::<Kind>)?
        .f_reshape([n, d])
}
