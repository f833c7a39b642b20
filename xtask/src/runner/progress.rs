//! Progress bars with rate and time left; silent where the output is no terminal.

use indicatif::{ProgressBar, ProgressStyle};

/// A bar for work of known length.
pub(crate) fn bar(what: &'static str, length: u64) -> ProgressBar {
    let bar = ProgressBar::new(length);
    if let Ok(style) = ProgressStyle::with_template(
        "{prefix:>18} [{bar:30}] {pos}/{len}  {per_sec}  {eta} left  {msg}",
    ) {
        bar.set_style(style.progress_chars("=> "));
    }
    bar.set_prefix(what);
    bar
}

/// A line above the bar, or simply a line where no bar is drawn.
pub(crate) fn line(bar: &ProgressBar, text: &str) {
    if bar.is_hidden() {
        println!("{text}");
    } else {
        bar.println(text);
    }
}
