//! What a person sees: notes on standard error, progress bars.

use std::path::Path;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// A note about what is going on; results go to standard output instead.
pub(crate) fn say(text: &str) {
    eprintln!("{text}");
}

/// A bar that counts bytes, with rate and time left; it hides itself where there is no terminal.
pub(crate) fn bytes_bar(total: u64, what: &str) -> ProgressBar {
    let style = ProgressStyle::with_template(
        "{msg:32!} [{bar:30}] {bytes}/{total_bytes}  {bytes_per_sec}  {eta} left",
    )
    .unwrap_or_else(|_| ProgressStyle::default_bar())
    .progress_chars("=> ");
    let bar = ProgressBar::new(total)
        .with_style(style)
        .with_message(what.to_owned());
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// Whether the process with this number is running.
pub(crate) fn process_runs(pid: &str) -> bool {
    Path::new("/proc").join(pid).exists()
}
