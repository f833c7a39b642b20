//! Several pictures in one.
use super::svg::Svg;
use crate::report::{ReportError, escape};

/// Puts pictures side by side, `columns` in a row, into one file. Rows are as high as their highest picture.
///
/// # Errors
/// [`ReportError::Svg`] if a picture does not say its width and height, or there are none.
///
/// # Examples
/// ```
/// use xtask::report::figure::{Svg, panels};
/// let dot = r#"<svg xmlns="http://www.w3.org/2000/svg" width="4" height="3"><circle r="1"/></svg>"#;
/// let dot = Svg::parse("dot", dot)?;
/// let four = panels("four dots", &[dot.clone(), dot.clone(), dot.clone(), dot], 2)?;
/// assert!(four.as_str().contains(r#"width="8" height="6""#));
/// # Ok::<(), xtask::report::ReportError>(())
/// ```
pub fn panels(title: &str, pictures: &[Svg], columns: usize) -> Result<Svg, ReportError> {
    let failed = |reason: &str| ReportError::Svg {
        what: title.to_owned(),
        reason: reason.to_owned(),
    };
    let (mut body, mut width, mut y) = (String::new(), 0.0_f64, 0.0);
    for row in pictures.chunks(columns.max(1)) {
        let (mut x, mut height) = (0.0, 0.0_f64);
        for picture in row {
            let size = attribute(picture, "width").zip(attribute(picture, "height"));
            let (w, h) = size.ok_or_else(|| failed("a picture without width and height"))?;
            let inside = picture.as_str().trim_start_matches("<svg");
            body += &format!("<svg x=\"{x}\" y=\"{y}\"{inside}");
            x += w;
            height = height.max(h);
        }
        width = width.max(x);
        y += height;
    }
    if width <= 0.0 {
        return Err(failed("no pictures"));
    }
    let label = escape(title);
    Svg::parse(
        title,
        &format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{y}\" viewBox=\"0 0 {width} {y}\" \
             role=\"img\" aria-label=\"{label}\"><title>{label}</title>{body}</svg>"
        ),
    )
}

/// A number in the opening tag.
fn attribute(picture: &Svg, name: &str) -> Option<f64> {
    let tag = picture.as_str().split('>').next()?;
    let value = tag.split(&format!(" {name}=\"")).nth(1)?;
    value.split('"').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn box_of(width: &str, height: &str) -> Svg {
        let text = format!("<svg xmlns=\"x\" {width} {height} viewBox=\"0 0 1 1\"><g/></svg>");
        Svg::parse("box", &text).unwrap()
    }

    #[test]
    fn rows_are_as_high_as_their_highest_picture() {
        let (low, high) = (
            box_of("width=\"10\"", "height=\"4\""),
            box_of("width=\"7.5\"", "height=\"6\""),
        );
        let all = panels("all", &[low.clone(), high.clone(), low], 2).unwrap();
        let text = all.as_str();
        assert!(text.contains("viewBox=\"0 0 17.5 10\""), "{text}");
        assert!(text.contains("<svg x=\"10\" y=\"0\""), "{text}");
        assert!(text.contains("<svg x=\"0\" y=\"6\""), "{text}");
    }

    #[test]
    fn sizes_are_needed() {
        assert!(panels("none", &[], 2).is_err());
        assert!(panels("one", &[box_of("", "height=\"4\"")], 2).is_err());
    }
}
