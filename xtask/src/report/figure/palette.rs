//! One colour and one marker per method, the same in every figure of a report.

/// Red, green and blue, 0 to 255.
pub type Colour = (u8, u8, u8);

pub(super) const INK: Colour = (0x22, 0x26, 0x2b);
pub(super) const SOFT: Colour = (0x5a, 0x62, 0x6b);
pub(super) const GRID: Colour = (0xe3, 0xe6, 0xea);
pub(super) const GUIDE: Colour = (0x9a, 0xa2, 0xab);

/// Colours that people with any common colour blindness tell apart, dark enough for thin lines on white.
///
/// M. Okabe, K. Ito, *Color Universal Design*, 2008; the yellow, too light for lines, is left out and the orange darkened.
const COLOURS: [Colour; 6] = [
    (0x00, 0x72, 0xb2),
    (0xd5, 0x5e, 0x00),
    (0x00, 0x9e, 0x73),
    (0xb8, 0x5c, 0x95),
    (0xc7, 0x86, 0x00),
    (0x3d, 0x9c, 0xd4),
];
const MARKERS: [Marker; 5] = [
    Marker::Disc,
    Marker::Square,
    Marker::Triangle,
    Marker::Diamond,
    Marker::Ring,
];

/// Shape of a data point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Marker {
    /// Filled circle.
    Disc,
    /// Filled square.
    Square,
    /// Filled triangle, point up.
    Triangle,
    /// Filled square on its corner.
    Diamond,
    /// Circle.
    Ring,
}

/// How a method looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Style {
    /// Colour of lines, boxes and points.
    pub colour: Colour,
    /// Shape of points, so that colour is never the only difference.
    pub marker: Marker,
    /// Whether lines are dashed: after six methods the colours repeat.
    pub dashed: bool,
}

/// Looks of the methods of a report, by the order in which they are named.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Palette {
    methods: Vec<String>,
}

impl Palette {
    /// Gives each method its look. `none`, the unpreconditioned baseline, is grey and takes no colour from the others.
    ///
    /// # Examples
    /// ```
    /// use xtask::report::figure::Palette;
    /// let palette = Palette::new(["none", "jacobi", "ic0"]);
    /// assert_eq!(palette.style("ic0"), Palette::new(["jacobi", "ic0"]).style("ic0"));
    /// ```
    pub fn new<M: Into<String>>(methods: impl IntoIterator<Item = M>) -> Self {
        let mut palette = Self::default();
        for method in methods {
            let method = method.into();
            if method != "none" && !palette.methods.contains(&method) {
                palette.methods.push(method);
            }
        }
        palette
    }

    /// The look of a method; methods that were never named, and `none`, are grey.
    #[must_use]
    pub fn style(&self, method: &str) -> Style {
        match self.methods.iter().position(|m| m == method) {
            Some(i) => Style {
                colour: COLOURS[i % COLOURS.len()],
                marker: MARKERS[i % MARKERS.len()],
                dashed: (i / COLOURS.len()) % 2 == 1,
            },
            None => Style {
                colour: (0x70, 0x76, 0x7d),
                marker: Marker::Ring,
                dashed: method != "none",
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thirty_methods_look_different() {
        let names: Vec<String> = (0..30).map(|i| format!("m{i}")).collect();
        let palette = Palette::new(names.clone());
        for (i, a) in names.iter().enumerate() {
            for b in &names[..i] {
                assert_ne!(palette.style(a), palette.style(b), "{a} {b}");
            }
        }
    }
}
