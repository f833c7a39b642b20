//! Training columns, drawn on the device.

use tch::{Device, Kind, Tensor};

use super::super::sparse_product::SparseProduct;
use super::super::tensors::{Context, Tch, reals};
use crate::GnnError;

/// Draws the columns b of a batch on the device, from a seed and the number of the step alone.
///
/// The first columns are `b = S ε` with ε ~ N(0, I) and S the directions given by
/// [`with_subspace`](Self::with_subspace), the others `b = A x` with x ~ N(0, I), products in double precision. With
/// `S = V_{m+1} W_m` from m Arnoldi steps `A V_m = V_{m+1} H`, `H = W S_m Zᵀ`, the first kind is A times the samples
/// `V_m Z S_m⁻¹ ε` of equation 5, without the product and without the division by small singular values.
///
/// Normal numbers come from a counter: entry i of step t is a hash of (seed, t, i) put through the Box–Muller transform, in integer
/// and double arithmetic that is the same on every device. No generator of LibTorch is touched.
///
/// # References
/// J. Chen, ICLR 2025, equations 4 and 5. The hash: G. L. Steele, D. Lea, C. H. Flood, *Fast splittable pseudorandom number
/// generators*, OOPSLA 2014, its finalising mixer (variant 13 of D. Stafford).
#[derive(Debug)]
pub struct GnpSamples {
    a: SparseProduct,
    seed: u64,
    subspace: Option<(Tensor, usize)>,
}

impl GnpSamples {
    /// Columns `A x`, x ~ N(0, I). `a` is in double precision.
    ///
    /// # Errors
    /// [`GnnError::Config`] if `a` is not in double precision; [`GnnError::Matrix`] if it is not square.
    pub fn new(a: SparseProduct, seed: u64) -> Result<Self, GnnError> {
        super::check_square(&a)?;
        if a.kind() != Kind::Double {
            return Err(GnnError::Config {
                field: "a",
                reason: "is in single precision; samples need double".into(),
            });
        }
        Ok(Self {
            a,
            seed,
            subspace: None,
        })
    }

    /// Draws the first `columns` columns of every batch as S ε; `directions` holds S, n × m, column-major. The paper has m = 40 and
    /// 8 columns of 16.
    ///
    /// # Errors
    /// [`GnnError::Config`] if `directions` is empty or no multiple of n; [`GnnError::NonFinite`] for an entry that is not finite;
    /// [`GnnError::Torch`] if LibTorch refuses.
    pub fn with_subspace(mut self, directions: &[f64], columns: usize) -> Result<Self, GnnError> {
        let n = self.a.rows();
        if directions.is_empty() || n == 0 || !directions.len().is_multiple_of(n) {
            return Err(GnnError::Config {
                field: "directions",
                reason: format!(
                    "has {} entries, must be a positive multiple of the order {n}",
                    directions.len()
                ),
            });
        }
        if let Some(position) = directions.iter().position(|v| !v.is_finite()) {
            return Err(GnnError::NonFinite {
                what: "`directions`".into(),
                position,
            });
        }
        let m = (directions.len() / n) as i64;
        let s = reals(directions, Kind::Double, self.a.device())
            .and_then(|s| s.f_view([m, n as i64])?.f_tr())
            .context("moving directions to the device")?;
        self.subspace = Some((s, columns));
        Ok(self)
    }

    /// Order of the matrix.
    #[must_use]
    pub fn order(&self) -> usize {
        self.a.rows()
    }

    /// The batch of this step, (n, `columns`) in double precision on the device. The same for the same arguments.
    ///
    /// # Errors
    /// [`GnnError::Torch`] if LibTorch refuses.
    pub fn batch(&self, step: usize, columns: usize) -> Result<Tensor, GnnError> {
        self.draw(step as u64, columns as i64)
            .context("drawing a batch")
    }

    fn draw(&self, step: u64, columns: i64) -> Tch<Tensor> {
        let device = self.a.device();
        let first = match &self.subspace {
            Some((s, count)) => {
                let count = (*count as i64).min(columns);
                let e = normal([s.size()[1], count], stream(self.seed, 1, step), device)?;
                Some((s.f_mm(&e)?, count))
            }
            None => None,
        };
        let rest = columns - first.as_ref().map_or(0, |(_, count)| *count);
        let x = normal(
            [self.a.columns() as i64, rest],
            stream(self.seed, 2, step),
            device,
        )?;
        let second = self.a.times(&x)?;
        match first {
            Some((b, _)) => Tensor::f_cat(&[b, second], 1),
            None => Ok(second),
        }
    }
}

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
const FIRST: u64 = 0xbf58_476d_1ce4_e5b9;
const SECOND: u64 = 0x94d0_49bb_1331_11eb;

/// The mixer, on the host.
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(FIRST);
    z = (z ^ (z >> 27)).wrapping_mul(SECOND);
    z ^ (z >> 31)
}

/// Start of the counter of a step.
fn stream(seed: u64, kind: u64, step: u64) -> u64 {
    mix(mix(mix(seed.wrapping_add(GOLDEN)) ^ kind).wrapping_add(step.wrapping_mul(GOLDEN)))
}

/// The mixer, entry by entry; integers are two's complement, products wrap.
fn mix_all(mut z: Tensor) -> Tch<Tensor> {
    let shifted = |z: &Tensor, by: i64| -> Tch<Tensor> {
        // The shift keeps the sign; the mask takes it away again.
        z.f_bitwise_right_shift_tensor_scalar(by)?
            .f_bitwise_and((1i64 << (64 - by)) - 1)
    };
    for (by, factor) in [(30, Some(FIRST)), (27, Some(SECOND)), (31, None)] {
        let high = shifted(&z, by)?;
        z = z.f_bitwise_xor_tensor_(&high)?;
        if let Some(factor) = factor {
            z = z.f_mul_scalar_(factor as i64)?;
        }
    }
    Ok(z)
}

/// Uniform in (0, 1), `count` from counter `start` on.
fn uniform(start: u64, count: i64, device: Device) -> Tch<Tensor> {
    let counter = Tensor::f_arange(count, (Kind::Int64, device))?
        .f_mul_scalar_(GOLDEN as i64)?
        .f_add_scalar_(start as i64)?;
    mix_all(counter)?
        .f_bitwise_right_shift_tensor_scalar_(11)?
        .f_bitwise_and((1i64 << 53) - 1)?
        .f_to_kind(Kind::Double)?
        .f_add_scalar_(0.5)?
        .f_mul_scalar_((-53f64).exp2())
}

/// Standard normal numbers of this shape.
fn normal(shape: [i64; 2], start: u64, device: Device) -> Tch<Tensor> {
    let count = shape[0] * shape[1];
    let half = count.div_euclid(2) + count % 2;
    let radius = uniform(start, half, device)?
        .f_log_()?
        .f_mul_scalar_(-2.0)?
        .f_sqrt_()?;
    let angle = uniform(mix(start), half, device)?.f_mul_scalar_(std::f64::consts::TAU)?;
    let both = [
        angle.f_cos()?.f_mul_(&radius)?,
        angle.f_sin()?.f_mul_(&radius)?,
    ];
    Tensor::f_cat(&both, 0)?
        .f_narrow(0, 0, count)?
        .f_view(shape)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_on_the_device_are_those_of_the_host() {
        let start = stream(3, 2, 17);
        let counter = Tensor::arange(50, (Kind::Int64, Device::Cpu)) * GOLDEN as i64 + start as i64;
        let all = Vec::<i64>::try_from(mix_all(counter).unwrap()).unwrap();
        for (i, got) in all.iter().enumerate() {
            let z = start.wrapping_add((i as u64).wrapping_mul(GOLDEN));
            assert_eq!(*got as u64, mix(z), "{i}");
        }
        // First output of the published generator for seed 0.
        assert_eq!(mix(GOLDEN), 0xe220_a839_7b1d_cdaf);
    }

    #[test]
    fn normal_numbers_have_the_moments_of_normal_numbers() {
        let z = normal([101, 1001], stream(0, 2, 0), Device::Cpu).unwrap();
        let count = 101_101f64;
        let moment = |p: i64| z.pow_tensor_scalar(p).mean(Kind::Double).double_value(&[]);
        // Five standard deviations of each moment.
        assert!(moment(1).abs() < 5.0 / count.sqrt());
        assert!((moment(2) - 1.0).abs() < 5.0 * (2.0 / count).sqrt());
        assert!(moment(3).abs() < 5.0 * (15.0 / count).sqrt());
        assert!((moment(4) - 3.0).abs() < 5.0 * (96.0 / count).sqrt());
        let other = normal([101, 1001], stream(0, 2, 1), Device::Cpu).unwrap();
        let product = (&z * &other).mean(Kind::Double).double_value(&[]);
        assert!(product.abs() < 5.0 / count.sqrt());
    }
}
