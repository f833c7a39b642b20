//! Axes: from values to fractions of a length, and the ticks people read them by.
use crate::report::format_number;

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Scale {
    Linear,
    Log,
}

#[derive(Debug, Clone)]
pub(super) struct Axis {
    scale: Scale,
    min: f64,
    max: f64,
}

impl Axis {
    /// A linear axis over the finite values, rounded outwards to ticks. `zero` makes it include 0.
    pub(super) fn linear(values: impl Iterator<Item = f64>, zero: bool) -> Self {
        let (mut min, mut max) = range(values.filter(|v| v.is_finite()));
        if zero {
            (min, max) = (min.min(0.0), max.max(0.0));
        }
        // Keeps differences and steps finite and above rounding.
        (min, max) = (min.max(-1e300), max.min(1e300));
        if max - min <= 1e-9 * max.abs().max(min.abs()) {
            let pad = if max == 0.0 { 1.0 } else { 0.05 * max.abs() };
            (min, max) = if zero {
                (min.min(0.0), max + pad)
            } else {
                (min - pad, max + pad)
            };
        }
        let step = step(max - min, 5.0);
        let outward = Self {
            scale: Scale::Linear,
            min: (min / step).floor() * step,
            max: (max / step).ceil() * step,
        };
        if outward.max > outward.min {
            outward
        } else {
            Self {
                scale: Scale::Linear,
                min: 0.0,
                max: 1.0,
            }
        }
    }

    /// A logarithmic axis over the positive values.
    pub(super) fn log(values: impl Iterator<Item = f64>) -> Self {
        let (min, max) = range(values.filter(|v| v.is_finite() && *v > 0.0).map(f64::log10));
        let (min, max) = if max - min < 1.0 {
            let pad = 0.08 + 0.1 * (max - min);
            (min - pad, max + pad)
        } else {
            // Outwards to half a decade: a residual just below 10⁻⁸ does not open a decade of nothing.
            (
                (2.0 * min + 1e-9).floor() / 2.0,
                (2.0 * max - 1e-9).ceil() / 2.0,
            )
        };
        Self {
            scale: Scale::Log,
            min,
            max,
        }
    }

    /// Logarithmic where values span more than a factor of 30, linear from 0 elsewhere.
    pub(super) fn automatic(values: impl Iterator<Item = f64> + Clone) -> Self {
        let (min, max) = range(values.clone().filter(|v| v.is_finite()));
        if min > 0.0 && max / min > 30.0 {
            Self::log(values)
        } else {
            Self::linear(values, true)
        }
    }

    /// A linear axis from 0 to the last value, not rounded outwards.
    pub(super) fn tight(values: impl Iterator<Item = f64>) -> Self {
        let (min, max) = range(values.filter(|v| v.is_finite()));
        let (min, max) = (min.clamp(-1e300, 0.0), max.min(1e300));
        Self {
            scale: Scale::Linear,
            min,
            max: if max > min { max } else { min + 1.0 },
        }
    }

    /// Position of a value, 0 at the low end and 1 at the high end; `None` where the axis cannot show it.
    pub(super) fn position(&self, value: f64) -> Option<f64> {
        let value = match self.scale {
            Scale::Linear => value,
            Scale::Log if value > 0.0 => value.log10(),
            Scale::Log => return None,
        };
        value
            .is_finite()
            .then(|| (value - self.min) / (self.max - self.min))
    }

    /// Whether a value lies on the axis.
    pub(super) fn shows(&self, value: f64) -> bool {
        self.position(value)
            .is_some_and(|p| (-1e-9..=1.0 + 1e-9).contains(&p))
    }

    /// Labelled ticks, at most about `count`.
    pub(super) fn ticks(&self, count: f64) -> Vec<(f64, String)> {
        if self.scale == Scale::Linear {
            return self.even(self.min, self.max, count);
        }
        if self.max - self.min < 1.0 {
            return self.even(10f64.powf(self.min), 10f64.powf(self.max), count);
        }
        if self.max - self.min <= 2.5 {
            // Few decades: 1, 2 and 5 in each.
            let decades = self.min.floor() as i32..=self.max.ceil() as i32;
            return decades
                .flat_map(|e| [1.0, 2.0, 5.0].map(|m| m * 10f64.powi(e)))
                .filter(|&value| self.shows(value))
                .map(|value| (value, format_number(value)))
                .collect();
        }
        let every = [1.0, 2.0, 3.0, 4.0, 5.0, 10.0, 20.0, 50.0, 100.0]
            .into_iter()
            .find(|every| (self.max - self.min) / every <= count)
            .unwrap_or(200.0);
        let plain = self.min >= -2.0 && self.max <= 4.0;
        let first = (self.min / every).ceil() as i32;
        let last = (self.max / every).floor() as i32;
        (first..=last)
            .map(|i| {
                let exponent = i * every as i32;
                let value = 10f64.powi(exponent);
                (
                    value,
                    if plain {
                        format_number(value)
                    } else {
                        format!("10{}", superscript(exponent))
                    },
                )
            })
            .collect()
    }

    fn even(&self, min: f64, max: f64, count: f64) -> Vec<(f64, String)> {
        let step = step(max - min, count);
        let first = (min / step - 1e-6).ceil() as i64;
        let last = (max / step + 1e-6).floor() as i64;
        let decimals = (-step.log10().floor()).clamp(0.0, 6.0) as usize;
        let large = max.abs().max(min.abs());
        (first..=last.min(first.saturating_add(20)))
            .map(|i| {
                let value = i as f64 * step;
                let plain = (1e-4..1e6).contains(&large);
                (
                    value,
                    if plain {
                        format!("{value:.decimals$}")
                    } else {
                        format_number(value)
                    },
                )
            })
            .filter(|(value, _)| self.shows(*value))
            .collect()
    }
}

fn range(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (min, max) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), v| {
        (a.min(v), b.max(v))
    });
    if min <= max { (min, max) } else { (0.0, 1.0) }
}

/// The step among 1, 2, 5 times a power of ten that gives at most `count` steps.
fn step(span: f64, count: f64) -> f64 {
    let raw = (span / count).clamp(1e-300, 1e300);
    let power = 10f64.powf(raw.log10().floor());
    let factor = [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .find(|f| f * power >= raw * (1.0 - 1e-9))
        .unwrap_or(10.0);
    factor * power
}

fn superscript(exponent: i32) -> String {
    exponent
        .to_string()
        .chars()
        .map(|c| match c {
            '-' => '⁻',
            '1' => '¹',
            '2' => '²',
            '3' => '³',
            c => c
                .to_digit(10)
                .and_then(|d| char::from_u32(0x2070 + d))
                .unwrap_or(c),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis) -> Vec<String> {
        axis.ticks(5.0)
            .into_iter()
            .map(|(_, label)| label)
            .collect()
    }

    #[test]
    fn ticks_are_round_numbers() {
        assert_eq!(
            labels(&Axis::linear([0.0, 97.0].into_iter(), true)),
            ["0", "20", "40", "60", "80", "100"]
        );
        assert_eq!(
            labels(&Axis::linear([0.71, 0.88].into_iter(), false)),
            ["0.70", "0.75", "0.80", "0.85", "0.90"]
        );
        assert_eq!(
            labels(&Axis::log([1e-8, 1.0].into_iter())),
            ["10⁻⁸", "10⁻⁶", "10⁻⁴", "10⁻²", "10⁰"]
        );
        assert_eq!(
            labels(&Axis::log([0.1, 100.0].into_iter())),
            ["0.1", "1", "10", "100"]
        );
    }

    #[test]
    fn few_decades_have_ticks_between() {
        assert_eq!(
            labels(&Axis::log([100.0, 450.0, 1200.0].into_iter())),
            ["100", "200", "500", "1000", "2000"]
        );
    }

    #[test]
    fn strange_values_leave_an_axis() {
        for values in [
            vec![],
            vec![f64::NAN],
            vec![0.0],
            vec![f64::MAX, -f64::MAX],
            vec![5e-324],
            vec![3.0, 3.0],
        ] {
            for axis in [
                Axis::linear(values.iter().copied(), false),
                Axis::linear(values.iter().copied(), true),
                Axis::log(values.iter().copied()),
                Axis::automatic(values.iter().copied()),
                Axis::tight(values.iter().copied()),
            ] {
                assert!(
                    axis.max > axis.min && axis.ticks(5.0).len() <= 21,
                    "{values:?} {axis:?}"
                );
            }
        }
    }
}
