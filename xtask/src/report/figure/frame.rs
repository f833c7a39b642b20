//! The frame of a plot: title, legend, axes with ticks, and the way from values to the canvas.
use super::axis::Axis;
use super::canvas::{Anchor, Canvas, fit, text_width};
use super::palette::{GRID, INK, SOFT, Style};

pub(super) const WIDTH: f64 = 480.0;
pub(super) const TEXT: f64 = 12.0;
const EDGE: f64 = 12.0;
const ROW: f64 = 18.0;

/// A legend entry: a line with a marker, or what the plot makes of it, and its text.
pub(super) type Entry = (String, Style);

/// Places legend entries in rows: offsets of each from the left edge and the row's number, and the height of all rows.
fn rows(entries: &[Entry]) -> (Vec<(f64, usize, String)>, f64) {
    let (mut x, mut row) = (EDGE, 0);
    let mut places = Vec::new();
    for (name, _) in entries {
        let text = fit(name, TEXT, WIDTH - 2.0 * EDGE - 30.0);
        let needed = 26.0 + text_width(&text, TEXT);
        if x > EDGE && x + needed > WIDTH - EDGE {
            (x, row) = (EDGE, row + 1);
        }
        places.push((x, row, text));
        x += needed + 14.0;
    }
    (
        places,
        if entries.is_empty() {
            0.0
        } else {
            (row + 1) as f64 * ROW
        },
    )
}

/// Height of title and legend.
pub(super) fn head_height(entries: &[Entry]) -> f64 {
    32.0 + rows(entries).1 + 6.0
}

/// Draws the title and below it the legend.
pub(super) fn head(canvas: &mut Canvas<'_>, title: &str, entries: &[Entry]) {
    canvas.bold(
        (EDGE, 18.0),
        &fit(title, 14.5, WIDTH - 2.0 * EDGE),
        13.5,
        INK,
    );
    for ((x, row, text), (_, style)) in rows(entries).0.into_iter().zip(entries) {
        let y = 32.0 + (row as f64 + 0.5) * ROW;
        stroke(canvas, &[(x, y), (x + 20.0, y)], *style, 2.0);
        canvas.marker((x + 10.0, y), 3.4, style.marker, style.colour, 1.0);
        canvas.text((x + 26.0, y), &text, TEXT, INK, Anchor::Start);
    }
}

/// A line in the style of a method.
pub(super) fn stroke(canvas: &mut Canvas<'_>, points: &[(f64, f64)], style: Style, width: f64) {
    if style.dashed {
        canvas.dashes(points, (7.0, 4.0), style.colour, width);
    } else {
        canvas.line(points, style.colour, width, 1.0);
    }
}

/// Says that there is nothing to show.
pub(super) fn nothing(canvas: &mut Canvas<'_>, height: f64) {
    canvas.text(
        (WIDTH / 2.0, height / 2.0),
        "nothing to show",
        TEXT,
        SOFT,
        Anchor::Middle,
    );
}

/// The rectangle between the axes.
pub(super) struct Frame {
    pub(super) left: f64,
    pub(super) right: f64,
    pub(super) top: f64,
    pub(super) bottom: f64,
    pub(super) x: Axis,
    pub(super) y: Axis,
}

impl Frame {
    /// Leaves room on the left for the tick labels of `y` and its name.
    pub(super) fn new(top: f64, bottom: f64, x: Axis, y: Axis) -> Self {
        let mut frame = Self {
            left: 0.0,
            right: WIDTH - 18.0,
            top,
            bottom,
            x,
            y,
        };
        let widest = frame
            .y_ticks()
            .iter()
            .map(|(_, label)| text_width(label, TEXT))
            .fold(0.0, f64::max);
        frame.left = EDGE + 16.0 + widest + 8.0;
        frame
    }

    pub(super) fn y_ticks(&self) -> Vec<(f64, String)> {
        self.y.ticks(((self.bottom - self.top) / 30.0).max(2.0))
    }

    pub(super) fn at_x(&self, value: f64) -> Option<f64> {
        self.x
            .position(value)
            .map(|p| self.left + p.clamp(0.0, 1.0) * (self.right - self.left))
    }

    pub(super) fn at_y(&self, value: f64) -> Option<f64> {
        self.y
            .position(value)
            .map(|p| self.bottom - p.clamp(0.0, 1.0) * (self.bottom - self.top))
    }

    /// Where a point stands on the canvas; values beyond an axis stand at its end.
    pub(super) fn at(&self, (x, y): (f64, f64)) -> Option<(f64, f64)> {
        self.at_x(x).zip(self.at_y(y))
    }

    /// Vertical lines, tick labels and the name below.
    pub(super) fn draw_x(&self, canvas: &mut Canvas<'_>, name: &str) {
        for (value, label) in self.x.ticks(6.0) {
            let Some(x) = self.at_x(value) else { continue };
            canvas.line(&[(x, self.top), (x, self.bottom)], GRID, 1.0, 1.0);
            let half = text_width(&label, TEXT) / 2.0;
            let x = x.clamp(half + 2.0, WIDTH - half - 2.0);
            canvas.text((x, self.bottom + 12.0), &label, TEXT, SOFT, Anchor::Middle);
        }
        canvas.line(
            &[(self.left, self.bottom), (self.right, self.bottom)],
            SOFT,
            1.2,
            1.0,
        );
        let name = fit(name, TEXT, WIDTH - 2.0 * EDGE);
        let half = text_width(&name, TEXT) / 2.0;
        let middle = ((self.left + self.right) / 2.0)
            .clamp(half + 4.0, (WIDTH - half - 4.0).max(half + 4.0));
        canvas.text(
            (middle, self.bottom + 31.0),
            &name,
            TEXT,
            INK,
            Anchor::Middle,
        );
    }

    /// Horizontal lines, tick labels and the name on the left, reading upwards.
    pub(super) fn draw_y(&self, canvas: &mut Canvas<'_>, name: &str) {
        for (value, label) in self.y_ticks() {
            let Some(y) = self.at_y(value) else { continue };
            canvas.line(&[(self.left, y), (self.right, y)], GRID, 1.0, 1.0);
            canvas.text((self.left - 7.0, y), &label, TEXT, SOFT, Anchor::End);
        }
        let name = fit(name, TEXT, self.bottom - self.top + 20.0);
        canvas.upward(
            (EDGE + 4.0, (self.top + self.bottom) / 2.0),
            &name,
            TEXT,
            INK,
        );
    }
}
