//! Where to compute.

use std::fmt;
use std::str::FromStr;

use super::cuda_library;
use crate::GnnError;

/// A device: the CPU, or one CUDA GPU.
///
/// Programs link only the CPU libraries of LibTorch. The first time CUDA is asked for, `libtorch_cuda.so` is opened from the folder
/// that LibTorch was loaded from.
///
/// # Examples
/// ```
/// use la_gnn::torch::Device;
/// assert_eq!(Device::parse("cpu")?, Device::Cpu);
/// assert_eq!(Device::Cuda(1).to_string(), "cuda:1");
/// assert!(Device::parse("gpu").is_err());
/// # Ok::<(), la_gnn::GnnError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Device {
    /// The CPU.
    Cpu,
    /// The CUDA GPU of this number.
    Cuda(usize),
}

fn refuse(reason: String) -> GnnError {
    GnnError::Config {
        field: "device",
        reason,
    }
}

impl Device {
    /// `cpu`, `cuda` (the first GPU), `cuda:N`, or `auto`: the first GPU where CUDA works, otherwise the CPU.
    ///
    /// # Errors
    /// [`GnnError::Config`] for another word, or if CUDA is asked for by name and not available; it says why.
    pub fn parse(text: &str) -> Result<Self, GnnError> {
        let number = match text {
            "cpu" => return Ok(Self::Cpu),
            "auto" => {
                return Ok(match cuda_devices() {
                    Ok(count) if count > 0 => Self::Cuda(0),
                    _ => Self::Cpu,
                });
            }
            "cuda" => 0,
            _ => text
                .strip_prefix("cuda:")
                .and_then(|n| n.parse::<usize>().ok())
                .ok_or_else(|| {
                    refuse(format!(
                        "is `{text}`, must be `auto`, `cpu`, `cuda` or `cuda:N`"
                    ))
                })?,
        };
        match cuda_devices() {
            Ok(count) if number < count => Ok(Self::Cuda(number)),
            Ok(count) => Err(refuse(format!(
                "is `{text}`, but LibTorch sees {count} CUDA devices"
            ))),
            Err(reason) => Err(refuse(format!("is `{text}`, but {reason}"))),
        }
    }

    /// The device as LibTorch names it.
    #[must_use]
    pub fn to_tch(self) -> tch::Device {
        match self {
            Self::Cpu => tch::Device::Cpu,
            Self::Cuda(number) => tch::Device::Cuda(number),
        }
    }
}

impl FromStr for Device {
    type Err = GnnError;
    fn from_str(text: &str) -> Result<Self, GnnError> {
        Self::parse(text)
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(number) => write!(f, "cuda:{number}"),
        }
    }
}

/// Number of CUDA devices, or why there is no CUDA.
fn cuda_devices() -> Result<usize, String> {
    // LibTorch looks for its CUDA part once, at the first question, so the library is opened before.
    cuda_library::open()?;
    if !tch::Cuda::is_available() {
        return Err("LibTorch finds no usable GPU (see `nvidia-smi` for the driver)".into());
    }
    Ok(usize::try_from(tch::Cuda::device_count()).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_understood_or_refused() {
        assert_eq!(Device::parse("cpu").unwrap(), Device::Cpu);
        for word in ["", "CPU", "cuda:", "cuda:-1", "cuda:x", "mps"] {
            let text = Device::parse(word).unwrap_err().to_string();
            assert!(text.contains("`auto`, `cpu`, `cuda` or `cuda:N`"), "{text}");
        }
    }

    #[test]
    fn auto_always_gives_a_device_and_cuda_a_device_or_a_reason() {
        let auto = Device::parse("auto").unwrap();
        match Device::parse("cuda:0") {
            Ok(device) => assert_eq!(auto, device),
            Err(error) => {
                assert_eq!(auto, Device::Cpu);
                assert!(error.to_string().contains("cuda:0"), "{error}");
            }
        }
    }
}
