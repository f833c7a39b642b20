//! The Python wheels that hold LibTorch: pinned by checksum, fetched with pip, kept in a cache.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::VERSION;
use crate::pip;

/// One pinned wheel and the part of it that is needed.
#[derive(Debug)]
pub(crate) struct Wheel {
    /// What pip downloads.
    pub(crate) package: pip::Package,
    /// A folder inside the wheel that is taken whole, as `include`.
    pub(crate) headers: Option<&'static str>,
    /// The folder inside the wheel that holds the libraries.
    pub(crate) library_folder: &'static str,
    /// The libraries that are taken.
    pub(crate) libraries: &'static [&'static str],
}

/// A complete CPU LibTorch. The CPU library was built with the profiler, hence the two CUDA libraries:
/// they are loaded, and never asked for a device.
pub(crate) const WHEELS: &[Wheel] = &[
    Wheel {
        package: pip::Package {
            name: "torch",
            version: VERSION,
            platform: "manylinux_2_28_x86_64",
            file: "torch-2.11.0-cp312-cp312-manylinux_2_28_x86_64.whl",
            sha256: "0f68f4ac6d95d12e896c3b7a912b5871619542ec54d3649cf48cc1edd4dd2756",
            bytes: 530_712_279,
        },
        headers: Some("torch/include/"),
        library_folder: "torch/lib/",
        libraries: &["libtorch_cpu.so", "libc10.so", "libgomp.so.1"],
    },
    Wheel {
        package: pip::Package {
            name: "nvidia-cuda-runtime",
            version: "13.0.96",
            platform: "manylinux2014_x86_64",
            file: "nvidia_cuda_runtime-13.0.96-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
            sha256: "7f82250d7782aa23b6cfe765ecc7db554bd3c2870c43f3d1821f1d18aebf0548",
            bytes: 2_243_632,
        },
        headers: None,
        library_folder: "nvidia/cu13/lib/",
        libraries: &["libcudart.so.13"],
    },
    Wheel {
        package: pip::Package {
            name: "nvidia-cuda-cupti",
            version: "13.0.85",
            platform: "manylinux_2_25_x86_64",
            file: "nvidia_cuda_cupti-13.0.85-py3-none-manylinux_2_25_x86_64.whl",
            sha256: "4eb01c08e859bf924d222250d2e8f8b8ff6d3db4721288cf35d14252a4d933c8",
            bytes: 10_715_597,
        },
        headers: None,
        library_folder: "nvidia/cu13/lib/",
        libraries: &["libcupti.so.13"],
    },
];

/// The wheel in the cache, downloaded if it is not there yet. Its checksum is verified either way.
pub(crate) fn obtain(wheel: &Wheel, cache: &Path) -> Result<PathBuf> {
    let package = &wheel.package;
    pip::obtain(package, cache).with_context(|| {
        format!(
            "LibTorch cannot be provisioned. Without a network, do one of these and run the command again:\n  \
             - copy {} (SHA-256 {}) into {}\n  \
             - set LIBTORCH to a folder with LibTorch {VERSION}\n  \
             - install Python's torch=={VERSION} and set LIBTORCH_USE_PYTORCH=1",
            package.file,
            package.sha256,
            cache.display()
        )
    })
}
