//! Ctrl-C as a flag: whoever computes ends its step, saves and returns.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

static FLAG: AtomicBool = AtomicBool::new(false);
static INSTALLED: OnceLock<()> = OnceLock::new();

/// Turns the first Ctrl-C into a flag; the second ends the program.
pub(crate) fn install() {
    INSTALLED.get_or_init(|| {
        let handler = || {
            if FLAG.swap(true, Ordering::SeqCst) {
                std::process::exit(130);
            }
            eprintln!("\ninterrupted: finishing the step and saving (Ctrl-C again to end at once)");
        };
        if let Err(error) = ctrlc::set_handler(handler) {
            eprintln!("Ctrl-C will end the program without a checkpoint: {error}");
        }
    });
}

/// Whether Ctrl-C was pressed.
pub(crate) fn requested() -> bool {
    FLAG.load(Ordering::SeqCst)
}
