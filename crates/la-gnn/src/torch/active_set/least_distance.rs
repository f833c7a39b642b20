//! The network on the constraints of the least-distance form.

use tch::{Kind, Tensor};

use super::super::tensors::{Context, Tch};
use super::{ActiveSetNetwork, Stacked, Views, labels, leaky, tensor};
use crate::GnnError;
use crate::active_set::LeastDistanceConfig;
use crate::native::active_set::{RowOperators, fill_features};
use crate::training::active_set::LeastDistanceGroup;

/// Features and operators of least-distance problems of one size.
#[derive(Debug)]
pub struct StackedRows {
    /// count × m × features.
    features: Tensor,
    /// Mᵀ, 1 × n × m or count × n × m.
    rows: Tensor,
    /// B of each operator, 1 × m × n or count × m × n.
    factors: Vec<Tensor>,
    shared: bool,
}

impl ActiveSetNetwork for LeastDistanceConfig {
    type Group = LeastDistanceGroup;
    type Stacked = StackedRows;

    fn measure(&self, _: &[LeastDistanceGroup]) -> Result<Vec<f32>, GnnError> {
        Ok(Vec::new())
    }

    /// Problems without a negative slack are left out: no network is asked about them.
    fn stack(
        &self,
        _: &[f32],
        group: &LeastDistanceGroup,
        kind: Kind,
    ) -> Result<Stacked<StackedRows>, GnnError> {
        group.check()?;
        let (n, m, width) = (group.variables, group.constraints, self.features());
        let shared = group.rows.len() == 1;
        let mut operators = RowOperators::<f64>::new(self, n, &group.rows[0])?;
        let mut rows = Vec::new();
        let mut factors = vec![Vec::new(); self.operators()];
        let (mut features, mut active) = (Vec::new(), Vec::new());
        let mut own = vec![0.0; m * width];
        let mut remember = |operators: &RowOperators<f64>, group_rows: &[f64]| {
            rows.extend((0..n * m).map(|at| group_rows[at % m * n + at / m]));
            for (k, factor) in factors.iter_mut().enumerate() {
                factor.extend(operators.factor(k));
            }
        };
        if shared {
            remember(&operators, &group.rows[0]);
        }
        for k in 0..group.len() {
            if !shared {
                operators.set_rows(&group.rows[k])?;
            }
            let range = k * m..(k + 1) * m;
            if !fill_features(
                &mut operators,
                self.steps,
                &group.slacks[range.clone()],
                &mut own,
            )? {
                continue;
            }
            features.extend_from_slice(&own);
            active.extend_from_slice(&group.active[range]);
            if !shared {
                remember(&operators, &group.rows[k]);
            }
        }
        let count = active.len() / m.max(1);
        let make = || -> Tch<_> {
            let matrices = if shared { 1 } else { count };
            let factors = factors.iter().map(|f| tensor(f, &[matrices, m, n], kind));
            let data = StackedRows {
                features: tensor(&features, &[count, m, width], kind)?,
                rows: tensor(&rows, &[matrices, n, m], kind)?,
                factors: factors.collect::<Tch<_>>()?,
                shared,
            };
            Ok(Stacked {
                data,
                labels: labels(&active, 0, m, kind)?,
                count,
                skip: 0,
            })
        };
        make().context("problems as tensors")
    }

    fn forward(&self, flat: &Tensor, stacked: &StackedRows, batch: &Tensor) -> Tch<Tensor> {
        let views = Views::new(self, flat);
        let of_batch = |x: &Tensor| {
            if stacked.shared {
                Ok(x.shallow_clone())
            } else {
                x.f_index_select(0, batch)
            }
        };
        let x = stacked.features.f_index_select(0, batch)?;
        let rows = of_batch(&stacked.rows)?;
        let factors = stacked.factors.iter().map(of_batch);
        let factors = factors.collect::<Tch<Vec<Tensor>>>()?;
        let mut h = leaky(&views.linear("encoder", &x)?)?;
        for k in 0..self.layers {
            let image = rows.f_matmul(&h)?;
            let mut inputs = vec![h.shallow_clone()];
            for factor in &factors {
                inputs.push(factor.f_matmul(&image)?);
            }
            inputs.push(x.shallow_clone());
            let inputs = Tensor::f_cat(&inputs, 2)?;
            let change = leaky(&views.linear(&format!("layer.{k}"), &inputs)?)?;
            h = h.f_add(&change)?;
        }
        views.linear("decoder", &h)?.f_squeeze_dim(2)
    }
}
