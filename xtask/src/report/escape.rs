//! Text inside HTML and XML.
use super::figure::is_xml_char;

/// Escapes text for an element or a quoted attribute of HTML or XML; characters that XML forbids become U+FFFD.
///
/// # Examples
/// ```
/// assert_eq!(xtask::report::escape("a < b & \"c\""), "a &lt; b &amp; &quot;c&quot;");
/// ```
#[must_use]
pub fn escape(text: &str) -> String {
    text.chars()
        .fold(String::with_capacity(text.len()), |mut out, c| {
            match c {
                '<' => out.push_str("&lt;"),
                '>' => out.push_str("&gt;"),
                '&' => out.push_str("&amp;"),
                '"' => out.push_str("&quot;"),
                '\'' => out.push_str("&#39;"),
                c if is_xml_char(c) => out.push(c),
                _ => out.push('\u{fffd}'),
            }
            out
        })
}
