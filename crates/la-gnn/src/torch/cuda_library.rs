//! Opens the CUDA part of LibTorch at run time.
//!
//! LibTorch's CPU library finds CUDA through registrations that `libtorch_cuda.so` makes when it is loaded with global symbols.
#![expect(
    unsafe_code,
    reason = "the dynamic loader has no safe interface in the standard library"
)]

use std::sync::OnceLock;

/// Opens the library, once; says why not.
pub(super) fn open() -> Result<(), String> {
    static OPENED: OnceLock<Result<(), String>> = OnceLock::new();
    OPENED.get_or_init(platform::open).clone()
}

#[cfg(target_os = "linux")]
mod platform {
    use std::ffi::{CStr, CString, c_char, c_int, c_void};
    use std::os::unix::ffi::OsStrExt;
    use std::path::{Path, PathBuf};

    const RTLD_NOW: c_int = 2;
    const RTLD_GLOBAL: c_int = 0x100;

    unsafe extern "C" {
        fn dlopen(file: *const c_char, flags: c_int) -> *mut c_void;
        fn dlerror() -> *const c_char;
    }

    /// The folder that `libtorch_cpu.so` of this process was loaded from.
    fn folder() -> Option<PathBuf> {
        let maps = std::fs::read_to_string("/proc/self/maps").ok()?;
        maps.lines()
            .filter_map(|line| line.find('/').map(|at| Path::new(&line[at..])))
            .find(|path| {
                path.file_name()
                    .is_some_and(|name| name == "libtorch_cpu.so")
            })
            .and_then(Path::parent)
            .map(Path::to_path_buf)
    }

    pub(super) fn open() -> Result<(), String> {
        let folder = folder().ok_or("the folder of LibTorch was not found")?;
        let library = folder.join("libtorch_cuda.so");
        if !library.is_file() {
            return Err(format!(
                "{} holds LibTorch for the CPU only (no libtorch_cuda.so)",
                folder.display()
            ));
        }
        let name = CString::new(library.as_os_str().as_bytes())
            .map_err(|_| "the folder of LibTorch has a zero byte in its name")?;
        // SAFETY: `name` is a valid C string that outlives the call. Loading runs the initialisers of LibTorch's own CUDA
        // library, which is made to be loaded this way; the handle is never closed.
        let handle = unsafe { dlopen(name.as_ptr(), RTLD_NOW | RTLD_GLOBAL) };
        if !handle.is_null() {
            return Ok(());
        }
        // SAFETY: after a failed `dlopen`, `dlerror` returns null or a C string that is valid until the next call of the
        // loader on this thread; it is copied before that.
        let reason = unsafe {
            let text = dlerror();
            if text.is_null() {
                "no reason given".to_string()
            } else {
                CStr::from_ptr(text).to_string_lossy().into_owned()
            }
        };
        Err(format!("libtorch_cuda.so does not load: {reason}"))
    }
}

#[cfg(not(target_os = "linux"))]
mod platform {
    pub(super) fn open() -> Result<(), String> {
        Err("CUDA is opened at run time on Linux only".into())
    }
}
