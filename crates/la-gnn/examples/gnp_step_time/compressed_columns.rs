//! The peer: a training step as the paper's published code makes it. The matrix is in compressed columns, in single precision for the
//! network and in double precision for the loss; products and everything else are differentiated by LibTorch's autograd; the optimiser
//! is LibTorch's Adam.

use la_gnn::gnp::{GnpConfig, NORM_EPS, NORM_MOMENTUM, Parameters};
use la_gnn::sprs::CsMatI;
use la_gnn::torch::tch::nn::{self, OptimizerConfig};
use la_gnn::torch::tch::{Device, Kind, TchError, Tensor};

/// The matrix as LibTorch's compressed columns.
pub(crate) fn upload(a: &CsMatI<f64, u32>, kind: Kind) -> Result<Tensor, TchError> {
    let by_columns = a.to_csc();
    let indices = |data: &[u32]| -> Result<Tensor, TchError> {
        let wide: Vec<i64> = data.iter().map(|&i| i64::from(i)).collect();
        Tensor::f_from_slice(&wide)
    };
    Tensor::f_sparse_csc_tensor_ccol_row_value_size(
        &indices(by_columns.indptr().as_slice().unwrap_or(&[]))?,
        &indices(by_columns.indices())?,
        &Tensor::f_from_slice(by_columns.data())?.f_to_kind(kind)?,
        [a.rows() as i64, a.cols() as i64],
        (kind, Device::Cpu),
    )
}

/// Network, matrices, optimiser.
pub(crate) struct CompressedColumns {
    config: GnpConfig,
    single: Tensor,
    double: Tensor,
    /// In the order of the configuration.
    tensors: Vec<Tensor>,
    statistics: Vec<(Tensor, Tensor)>,
    optimizer: nn::Optimizer,
    _store: nn::VarStore,
}

impl CompressedColumns {
    pub(crate) fn new(a: &CsMatI<f64, u32>, start: &Parameters) -> Result<Self, TchError> {
        let store = nn::VarStore::new(Device::Cpu);
        let config = start.config.clone();
        let tensors = config
            .parameters()
            .iter()
            .map(|spec| {
                let shape: Vec<i64> = spec.shape.iter().map(|&s| s as i64).collect();
                let data =
                    Tensor::f_from_slice(&start.values[spec.offset..spec.offset + spec.len])?;
                let name = spec.name.replace('.', "_");
                store
                    .root()
                    .f_var_copy(&name, &data.f_view(shape.as_slice())?)
            })
            .collect::<Result<Vec<_>, _>>()?;
        let d = config.width as i64;
        let options = (Kind::Float, Device::Cpu);
        let statistics = (0..config.layers)
            .map(|_| {
                Ok((
                    Tensor::f_zeros([d], options)?,
                    Tensor::f_ones([d], options)?,
                ))
            })
            .collect::<Result<Vec<_>, TchError>>()?;
        Ok(Self {
            single: upload(a, Kind::Float)?,
            double: upload(a, Kind::Double)?,
            optimizer: nn::Adam::default().build(&store, 1e-3)?,
            config,
            tensors,
            statistics,
            _store: store,
        })
    }

    fn network(&self, b: &Tensor) -> Result<Tensor, TchError> {
        let (n, k) = (b.size()[0], b.size()[1]);
        let d = self.config.width as i64;
        let mut rest = self.tensors.iter();
        let mut next = || rest.next().expect("the layout has as many tensors");
        let scaling = b
            .f_norm_scalaropt_dim(2, [0], false)?
            .f_div_scalar((n as f64).sqrt())?;
        let mut x = b.f_div(&scaling)?.f_view([n, k, 1])?;
        for _ in 0..self.config.mlp_layers {
            let (w, bias) = (next(), next());
            x = x.f_linear(w, Some(bias))?.f_relu()?;
        }
        for (mean, var) in &self.statistics {
            let (gw, gb, sw, sb) = (next(), next(), next(), next());
            let (weight, bias) = (next(), next());
            let product = self.single.f_mm(&x.f_view([n, k * d])?)?;
            let sum = product
                .f_view([n, k, d])?
                .f_linear(gw, Some(gb))?
                .f_add(&x.f_linear(sw, Some(sb))?)?;
            let rows = sum.f_view([n * k, d])?;
            x = rows
                .f_batch_norm(
                    Some(weight),
                    Some(bias),
                    Some(mean),
                    Some(var),
                    true,
                    NORM_MOMENTUM,
                    NORM_EPS,
                    false,
                )?
                .f_view([n, k, d])?
                .f_relu()?;
        }
        for map in 0..self.config.mlp_layers {
            let (w, bias) = (next(), next());
            x = x.f_linear(w, Some(bias))?;
            if map + 1 < self.config.mlp_layers {
                x = x.f_relu()?;
            }
        }
        x.f_view([n, k])?.f_mul(&scaling)
    }

    /// One step on the columns of `b` (n, k): its loss.
    pub(crate) fn step(&mut self, b: &Tensor) -> Result<f64, TchError> {
        let b = b.f_to_kind(Kind::Float)?;
        let z = self.network(&b)?;
        let residual = self.double.f_mm(&z.f_to_kind(Kind::Double)?)?;
        let loss = residual
            .f_to_kind(Kind::Float)?
            .f_l1_loss(&b, la_gnn::torch::tch::Reduction::Mean)?;
        self.optimizer.zero_grad();
        loss.f_backward()?;
        self.optimizer.step();
        loss.f_double_value(&[])
    }
}
