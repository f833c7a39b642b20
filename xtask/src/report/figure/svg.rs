//! A picture that may stand inside a page.
use crate::report::ReportError;

/// One well-formed, self-contained SVG element without scripts and without links to elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Svg(String);

impl Svg {
    /// Takes a picture drawn elsewhere (the pattern of a matrix, its graph); an XML declaration, a document type and
    /// comments before the element are dropped. `what` names the picture in errors.
    ///
    /// # Errors
    /// [`ReportError::Svg`] if the text is not one balanced `<svg>` element, or holds scripts, event handlers,
    /// foreign objects, style sheets or references to other files.
    ///
    /// # Examples
    /// ```
    /// use xtask::report::figure::Svg;
    /// assert!(Svg::parse("dot", r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 2 2"><circle r="1"/></svg>"#).is_ok());
    /// assert!(Svg::parse("evil", "<svg><script>alert(1)</script></svg>").is_err());
    /// ```
    pub fn parse(what: &str, text: &str) -> Result<Self, ReportError> {
        match check(text) {
            Ok(element) => Ok(Self(element.to_owned())),
            Err(reason) => Err(ReportError::Svg {
                what: what.to_owned(),
                reason,
            }),
        }
    }

    /// The element, from `<svg` to `</svg>`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A file of its own: the element after an XML declaration.
    #[must_use]
    pub fn to_document(&self) -> String {
        format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{}\n", self.0)
    }
}

/// Elements that could run code, style the page around, or load something.
const REFUSED: [&str; 9] = [
    "script",
    "foreignobject",
    "style",
    "iframe",
    "image",
    "use",
    "a",
    "set",
    "animate",
];

fn check(text: &str) -> Result<&str, String> {
    let start = text.find("<svg").ok_or("no <svg> element")?;
    let element = text[start..].trim_end();
    let before = text[..start].trim_start_matches('\u{feff}').trim();
    if !(before.is_empty() || before.starts_with("<?xml") || before.starts_with("<!")) {
        return Err("text before the <svg> element".to_owned());
    }
    if let Some(c) = element.chars().find(|&c| !is_xml_char(c)) {
        return Err(format!("character {:?} is not allowed in XML", c));
    }
    let mut open: Vec<&str> = Vec::new();
    let mut rest = element;
    while let Some(position) = rest.find('<') {
        check_text(&rest[..position])?;
        if open.is_empty() && rest.len() != element.len() {
            return Err("more than one element".to_owned());
        }
        let tail = &rest[position + 1..];
        let end = tag_end(tail).ok_or("a tag does not end")?;
        let tag = &tail[..end];
        rest = &tail[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            if open.pop() != Some(name.trim_end()) {
                return Err(format!("</{}> closes nothing", name.trim_end()));
            }
            continue;
        }
        let empty = tag.ends_with('/');
        let body = tag.trim_end_matches('/');
        let (name, attributes) =
            body.split_at(body.find(char::is_whitespace).unwrap_or(body.len()));
        let good = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if name.is_empty()
            || !name.chars().all(good)
            || !name.starts_with(|c: char| c.is_ascii_alphabetic())
        {
            return Err(format!("<{name}> is not allowed"));
        }
        if REFUSED.contains(&name.to_ascii_lowercase().as_str()) {
            return Err(format!("<{name}> is not allowed"));
        }
        check_attributes(attributes)?;
        if !empty {
            open.push(name);
        } else if open.is_empty() {
            return if rest.is_empty() {
                Ok(element)
            } else {
                Err("more than one element".to_owned())
            };
        }
    }
    match open.last() {
        Some(name) => Err(format!("<{name}> is not closed")),
        None if rest.is_empty() => Ok(element),
        None => Err("text after the <svg> element".to_owned()),
    }
}

pub(crate) fn is_xml_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

/// Position of the `>` that ends a tag, which may stand in quotes before.
fn tag_end(tail: &str) -> Option<usize> {
    let mut quote = None;
    tail.char_indices().find_map(|(i, c)| {
        match (quote, c) {
            (None, '>') => return Some(i),
            (None, '"' | '\'') => quote = Some(c),
            (Some(q), _) if q == c => quote = None,
            _ => {}
        }
        None
    })
}

fn check_attributes(mut rest: &str) -> Result<(), String> {
    let mut seen: Vec<&str> = Vec::new();
    loop {
        let trimmed = rest.trim_start();
        if trimmed.is_empty() {
            return Ok(());
        }
        let (name, tail) = trimmed.split_once('=').ok_or("an attribute has no value")?;
        let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | ':' | '.');
        if rest.len() == trimmed.len()
            || name.is_empty()
            || !name.chars().all(good)
            || seen.contains(&name)
        {
            return Err(format!("attribute {name:?} is malformed or repeated"));
        }
        seen.push(name);
        let quote = tail
            .chars()
            .next()
            .filter(|c| matches!(c, '"' | '\''))
            .ok_or("an attribute is not quoted")?;
        let (value, after) = tail[1..].split_once(quote).ok_or("a quote does not end")?;
        if value.contains('<') {
            return Err(format!("attribute {name:?} holds a bare <"));
        }
        check_text(value)?;
        let (lower, content) = (name.to_ascii_lowercase(), value.to_ascii_lowercase());
        let colon = lower.contains(':') && lower != "xml:space" && lower != "xml:lang";
        let handler =
            lower.starts_with("on") || lower.ends_with("href") || lower == "style" || colon;
        let outside = content.contains("url(") && !content.trim_start().starts_with("url(#");
        if handler || outside || (lower != "xmlns" && content.contains("javascript:")) {
            return Err(format!("attribute {name:?} is not allowed"));
        }
        rest = after;
    }
}

/// Only the five entities of XML and numeric ones; anything else means something in HTML alone.
fn check_text(text: &str) -> Result<(), String> {
    for part in text.split('&').skip(1) {
        let entity = part
            .split_once(';')
            .map(|(name, _)| name)
            .ok_or("a bare &")?;
        let numeric = entity.strip_prefix('#').is_some_and(|digits| {
            let value = match digits.strip_prefix('x') {
                Some(hex) => u32::from_str_radix(hex, 16).ok(),
                None => digits.parse().ok(),
            };
            value.and_then(char::from_u32).is_some_and(is_xml_char)
        });
        if !numeric && !["lt", "gt", "amp", "quot", "apos"].contains(&entity) {
            return Err(format!("entity &{entity}; is unknown"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_from_elsewhere() {
        let text = "<?xml version=\"1.0\"?>\n<!-- made by x -->\n<svg viewBox='0 0 1 1'><g><path d=\"M0,0 > 1\"/></g>\n<text>a &lt; b &#x3b1;</text></svg>\n";
        let svg = Svg::parse("ok", text).unwrap();
        assert!(svg.as_str().starts_with("<svg viewBox") && svg.as_str().ends_with("</svg>"));
        assert!(roxmltree::Document::parse(&svg.to_document()).is_ok());
    }

    #[test]
    fn unsafe_or_broken_pictures_are_refused() {
        for text in [
            "",
            "plain",
            "<svg>",
            "<svg></g></svg>",
            "<svg></svg><svg></svg>",
            "<svg></svg>tail",
            "<svg/><p/>",
            "x<svg></svg>",
            "<svg onload=\"f()\"></svg>",
            "<svg><a href=\"x\"></a></svg>",
            "<svg><g xlink:href=\"x\"/></svg>",
            "<svg><foreignObject></foreignObject></svg>",
            "<svg><SCRIPT></SCRIPT></svg>",
            "<svg><g fill=\"url(http://x)\"/></svg>",
            "<svg><g fill=red></g></svg>",
            "<svg><g a=\"1\" a=\"2\"/></svg>",
            "<svg>a & b</svg>",
            "<svg>&nbsp;</svg>",
            "<svg>\u{0}</svg>",
            "<svg><!-- c --></svg>",
            "<svg><style>*{display:none}</style></svg>",
        ] {
            assert!(Svg::parse("bad", text).is_err(), "{text:?}");
        }
    }
}
