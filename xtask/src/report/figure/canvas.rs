//! Drawing with plotters in fractions of a unit.
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::palette::{Colour, Marker};
use super::svg::{Svg, is_xml_char};
use crate::report::ReportError;

/// Pixels of the backend per unit: it knows whole pixels only, and a `viewBox` scales them back.
const SCALE: f64 = 10.0;
const FONTS: &str = "Helvetica, Arial, Liberation Sans, DejaVu Sans, sans-serif";
/// The SVG backend divides font sizes by this.
const BACKEND_FONT: f64 = 1.24;

#[derive(Clone, Copy)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// A picture being drawn, in units from the top left corner.
pub(super) struct Canvas<'a> {
    area: DrawingArea<SVGBackend<'a>, plotters::coord::Shift>,
    error: Option<String>,
}

/// Draws a picture of the given size on white, with a title for people who cannot see it.
pub(super) fn picture(
    title: &str,
    (width, height): (f64, f64),
    draw: impl FnOnce(&mut Canvas<'_>),
) -> Result<Svg, ReportError> {
    let drawing = |message| ReportError::Drawing {
        what: title.to_owned(),
        message,
    };
    let mut text = String::new();
    let size = ((width * SCALE) as u32, (height * SCALE) as u32);
    {
        let area = SVGBackend::with_string(&mut text, size).into_drawing_area();
        let mut canvas = Canvas { area, error: None };
        canvas.rectangle((0.0, 0.0), (width, height), (255, 255, 255), 1.0);
        draw(&mut canvas);
        let outcome = canvas.area.present();
        canvas.put(outcome);
        canvas.error.take().map_or(Ok(()), Err).map_err(drawing)?;
    }
    // The backend's own opening tag fixes the size in pixels; ours scales and carries the title.
    let body = text
        .find('>')
        .map(|end| &text[end + 1..])
        .ok_or_else(|| drawing("no opening tag".to_owned()))?;
    let label = crate::report::escape(title);
    let element = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {} {}\" \
         role=\"img\" aria-label=\"{label}\" stroke-linejoin=\"round\"><title>{label}</title>{}",
        size.0,
        size.1,
        body.trim_end()
    );
    Svg::parse(title, &element)
}

impl Canvas<'_> {
    fn put<E: std::fmt::Display>(&mut self, outcome: Result<(), E>) {
        if let (Err(error), None) = (outcome, &self.error) {
            self.error = Some(error.to_string());
        }
    }

    pub(super) fn rectangle(
        &mut self,
        from: (f64, f64),
        to: (f64, f64),
        colour: Colour,
        opacity: f64,
    ) {
        let style = rgb(colour).mix(opacity).filled();
        let outcome = self
            .area
            .draw(&Rectangle::new([pixel(from), pixel(to)], style));
        self.put(outcome);
    }

    pub(super) fn line(&mut self, points: &[(f64, f64)], colour: Colour, width: f64, opacity: f64) {
        if points.len() > 1 {
            let style = rgb(colour)
                .mix(opacity)
                .stroke_width((width * SCALE) as u32);
            let outcome = self.area.draw(&PathElement::new(
                points.iter().map(|&p| pixel(p)).collect::<Vec<_>>(),
                style,
            ));
            self.put(outcome);
        }
    }

    /// A filled area inside a closed line.
    pub(super) fn area(&mut self, points: &[(f64, f64)], colour: Colour, opacity: f64) {
        if points.len() > 2 {
            let points: Vec<_> = points.iter().map(|&p| pixel(p)).collect();
            let style = rgb(colour).mix(opacity).filled();
            let outcome = self.area.draw(&Polygon::new(points, style));
            self.put(outcome);
        }
    }

    /// A line of dashes and gaps of the given lengths.
    pub(super) fn dashes(
        &mut self,
        points: &[(f64, f64)],
        (on, off): (f64, f64),
        colour: Colour,
        width: f64,
    ) {
        let (mut left, mut drawing) = (on, true);
        // Far outside the picture there is nothing to see, and no end of dashes to draw.
        let near = |v: f64| v.clamp(-100.0, 2000.0);
        let points: Vec<_> = points.iter().map(|&(x, y)| (near(x), near(y))).collect();
        let mut dash: Vec<(f64, f64)> = points.first().copied().into_iter().collect();
        for pair in points.windows(2) {
            let ((mut x, mut y), (x1, y1)) = (pair[0], pair[1]);
            let mut length = (x1 - x).hypot(y1 - y);
            while length > left {
                let t = left / length;
                (x, y, length) = (x + t * (x1 - x), y + t * (y1 - y), length - left);
                dash.push((x, y));
                if drawing {
                    self.line(&dash, colour, width, 1.0);
                }
                dash = vec![(x, y)];
                drawing = !drawing;
                left = if drawing { on } else { off };
            }
            left -= length;
            dash.push((x1, y1));
        }
        if drawing {
            self.line(&dash, colour, width, 1.0);
        }
    }

    pub(super) fn marker(
        &mut self,
        (x, y): (f64, f64),
        radius: f64,
        marker: Marker,
        colour: Colour,
        opacity: f64,
    ) {
        let r = radius;
        let corners: &[(f64, f64)] = match marker {
            Marker::Disc | Marker::Ring => &[],
            Marker::Square => &[(-0.85, -0.85), (0.85, -0.85), (0.85, 0.85), (-0.85, 0.85)],
            Marker::Triangle => &[(0.0, -1.15), (1.05, 0.75), (-1.05, 0.75)],
            Marker::Diamond => &[(0.0, -1.2), (1.2, 0.0), (0.0, 1.2), (-1.2, 0.0)],
        };
        let fill = rgb(colour).mix(opacity);
        let size = (r * SCALE) as i32;
        let outcome = match marker {
            Marker::Disc => self
                .area
                .draw(&Circle::new(pixel((x, y)), size, fill.filled())),
            Marker::Ring => {
                self.put(
                    self.area
                        .draw(&Circle::new(pixel((x, y)), size, WHITE.filled())),
                );
                self.area.draw(&Circle::new(
                    pixel((x, y)),
                    size,
                    fill.stroke_width((1.4 * SCALE) as u32),
                ))
            }
            _ => {
                let points: Vec<_> = corners
                    .iter()
                    .map(|&(dx, dy)| pixel((x + r * dx, y + r * dy)))
                    .collect();
                self.area.draw(&Polygon::new(points, fill.filled()))
            }
        };
        self.put(outcome);
    }

    pub(super) fn text(
        &mut self,
        at: (f64, f64),
        text: &str,
        size: f64,
        colour: Colour,
        anchor: Anchor,
    ) {
        self.write(
            at,
            text,
            size,
            colour,
            anchor,
            FontStyle::Normal,
            FontTransform::None,
        );
    }

    pub(super) fn bold(&mut self, at: (f64, f64), text: &str, size: f64, colour: Colour) {
        self.write(
            at,
            text,
            size,
            colour,
            Anchor::Start,
            FontStyle::Bold,
            FontTransform::None,
        );
    }

    /// Text that reads upwards, its middle at the point.
    pub(super) fn upward(&mut self, at: (f64, f64), text: &str, size: f64, colour: Colour) {
        self.write(
            at,
            text,
            size,
            colour,
            Anchor::Middle,
            FontStyle::Normal,
            FontTransform::Rotate270,
        );
    }

    #[allow(
        clippy::too_many_arguments,
        reason = "the three public faces above fill them in"
    )]
    fn write(
        &mut self,
        at: (f64, f64),
        text: &str,
        size: f64,
        colour: Colour,
        anchor: Anchor,
        style: FontStyle,
        transform: FontTransform,
    ) {
        let horizontal = match anchor {
            Anchor::Start => HPos::Left,
            Anchor::Middle => HPos::Center,
            Anchor::End => HPos::Right,
        };
        let text: String = text
            .chars()
            .map(|c| if is_xml_char(c) { c } else { '\u{fffd}' })
            .collect();
        let font = FontDesc::new(FontFamily::Name(FONTS), size * SCALE * BACKEND_FONT, style)
            .transform(transform);
        let style = font
            .color(&rgb(colour))
            .pos(Pos::new(horizontal, VPos::Center));
        let outcome = self.area.draw(&Text::new(text, pixel(at), style));
        self.put(outcome);
    }
}

fn rgb((r, g, b): Colour) -> RGBColor {
    RGBColor(r, g, b)
}

fn pixel((x, y): (f64, f64)) -> (i32, i32) {
    // Saturates; far outside the picture is as good as just outside.
    (
        (x * SCALE).round().clamp(-1e6, 1e6) as i32,
        (y * SCALE).round().clamp(-1e6, 1e6) as i32,
    )
}

/// Width of a text in a sans-serif font, on the safe side.
pub(super) fn text_width(text: &str, size: f64) -> f64 {
    let em: f64 = text
        .chars()
        .map(|c| match c {
            'i' | 'j' | 'l' | '.' | ',' | ':' | ';' | '|' | '\'' | '!' => 0.29,
            ' ' | 'f' | 't' | 'r' | '(' | ')' | '-' | '/' | 'I' | '[' | ']' => 0.36,
            'm' | 'w' | 'M' | 'W' | '%' | '@' | '→' | '←' => 0.95,
            c if c.is_ascii_uppercase() => 0.72,
            '⁰'..='⁹' | '¹' | '²' | '³' | '⁻' => 0.4,
            c if c.is_ascii() || (c as u32) < 0x250 => 0.58,
            _ => 0.8,
        })
        .sum();
    em * size
}

/// The text, or its beginning with an ellipsis where it is wider than `limit`.
pub(super) fn fit(text: &str, size: f64, limit: f64) -> String {
    if text_width(text, size) <= limit {
        return text.to_owned();
    }
    let mut short: String = text.to_owned();
    while !short.is_empty() && text_width(&short, size) + text_width("…", size) > limit {
        short.pop();
    }
    short + "…"
}
