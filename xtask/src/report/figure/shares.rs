//! Stacked bars: who is best how often.
use super::canvas::{Anchor, fit, picture, text_width};
use super::frame::{Entry, TEXT, WIDTH, head, head_height, nothing};
use super::palette::{INK, Palette, SOFT, Style};
use super::svg::Svg;
use crate::report::ReportError;

const ROW: f64 = 30.0;
const BAR: f64 = 18.0;

/// One bar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShareRow {
    /// What it stands for, `"Iter-AUC"` or `"n below 2000"`.
    pub name: String,
    /// How often each method is best, in the order of [`ShareBars::methods`].
    pub counts: Vec<usize>,
}

/// One bar per row, all of one length, cut in proportion to how often each method is best; the number of cases stands
/// at the end of the bar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShareBars {
    /// Title.
    pub title: String,
    /// The methods from left to right.
    pub methods: Vec<String>,
    /// The bars from top to bottom; those that count nothing are left out.
    pub rows: Vec<ShareRow>,
}

impl ShareBars {
    /// Draws the picture.
    ///
    /// # Errors
    /// [`ReportError::Drawing`] if the backend fails.
    pub fn draw(&self, palette: &Palette) -> Result<Svg, ReportError> {
        let rows: Vec<&ShareRow> = self
            .rows
            .iter()
            .filter(|row| row.counts.iter().sum::<usize>() > 0)
            .collect();
        let entries: Vec<Entry> = self
            .methods
            .iter()
            .map(|method| {
                let style = Style {
                    dashed: false,
                    ..palette.style(method)
                };
                (method.clone(), style)
            })
            .collect();
        let top = head_height(&entries);
        let height = top + ROW * rows.len().max(2) as f64 + 12.0;
        picture(&self.title, (WIDTH, height), |canvas| {
            head(canvas, &self.title, &entries);
            if rows.is_empty() {
                return nothing(canvas, height);
            }
            let widest = rows
                .iter()
                .map(|r| text_width(&r.name, TEXT))
                .fold(0.0, f64::max);
            let (left, right) = (20.0 + widest.min(170.0), WIDTH - 44.0);
            for (k, row) in rows.iter().enumerate() {
                let y = top + (k as f64 + 0.5) * ROW;
                let total: usize = row.counts.iter().sum();
                canvas.text(
                    (left - 8.0, y),
                    &fit(&row.name, TEXT, 172.0),
                    TEXT,
                    INK,
                    Anchor::End,
                );
                let mut x = left;
                for (count, (_, style)) in row.counts.iter().zip(&entries) {
                    let width = (right - left) * *count as f64 / total as f64;
                    if *count == 0 {
                        continue;
                    }
                    let (from, to) = ((x, y - BAR / 2.0), (x + width, y + BAR / 2.0));
                    canvas.rectangle(from, to, style.colour, 0.75);
                    // A white seam, so that equal colours stay apart.
                    canvas.line(
                        &[(to.0, from.1), (to.0, to.1)],
                        (0xff, 0xff, 0xff),
                        1.2,
                        1.0,
                    );
                    let label = count.to_string();
                    if text_width(&label, TEXT) + 4.0 <= width {
                        canvas.text((x + width / 2.0, y), &label, TEXT, INK, Anchor::Middle);
                    }
                    x += width;
                }
                canvas.text(
                    (WIDTH - 10.0, y),
                    &total.to_string(),
                    TEXT,
                    SOFT,
                    Anchor::End,
                );
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_rows_are_left_out() {
        let bars = |counts: Vec<usize>| ShareBars {
            title: "who".into(),
            methods: vec!["a".into(), "b".into()],
            rows: vec![
                ShareRow {
                    name: "first".into(),
                    counts,
                },
                ShareRow {
                    name: "second".into(),
                    counts: vec![0, 0],
                },
            ],
        };
        let palette = Palette::new(["a", "b"]);
        let svg = bars(vec![3, 1]).draw(&palette).unwrap();
        assert!(svg.as_str().contains("first") && !svg.as_str().contains("second"));
        let svg = bars(vec![0, 0]).draw(&palette).unwrap();
        assert!(svg.as_str().contains("nothing to show"));
    }
}
