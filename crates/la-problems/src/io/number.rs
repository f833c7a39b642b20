//! Numbers as Fortran and C programs write them.

use super::error::{ReadErrorKind, excerpt};

/// Splits a line into fields separated by blanks or tabs.
pub(crate) fn fields(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(|b| b.is_ascii_whitespace())
        .filter(|field| !field.is_empty())
}

/// Parses an unsigned whole number, a leading `+` allowed.
pub(crate) fn parse_index(field: &'static str, text: &[u8]) -> Result<u64, ReadErrorKind> {
    let digits = text.strip_prefix(b"+").unwrap_or(text);
    let mut value = 0_u64;
    for &byte in digits {
        let next = match byte {
            b'0'..=b'9' => value
                .checked_mul(10)
                .and_then(|v| v.checked_add(u64::from(byte - b'0'))),
            _ => None,
        };
        value = next.ok_or_else(|| ReadErrorKind::BadInteger {
            field,
            found: excerpt(text),
        })?;
    }
    if digits.is_empty() {
        Err(ReadErrorKind::BadInteger {
            field,
            found: excerpt(text),
        })
    } else {
        Ok(value)
    }
}

/// Parses a whole number with sign into the nearest `f64`.
pub(crate) fn parse_integer_value(field: &'static str, text: &[u8]) -> Result<f64, ReadErrorKind> {
    let digits = text
        .strip_prefix(b"+")
        .or_else(|| text.strip_prefix(b"-"))
        .unwrap_or(text);
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(ReadErrorKind::BadInteger {
            field,
            found: excerpt(text),
        });
    }
    parse_real(field, text)
}

/// Parses a real number; accepts the Fortran forms `1.5D+03`, `1.5+103`, `1.` and `.5`.
pub(crate) fn parse_real(field: &'static str, text: &[u8]) -> Result<f64, ReadErrorKind> {
    let bad = || ReadErrorKind::BadReal {
        field,
        found: excerpt(text),
    };
    let direct = std::str::from_utf8(text)
        .ok()
        .and_then(|s| s.parse::<f64>().ok());
    let value = match direct {
        Some(value) => value,
        None => parse_fortran_real(text).ok_or_else(bad)?,
    };
    if value.is_finite() {
        Ok(value)
    } else {
        Err(ReadErrorKind::NonFinite {
            field,
            found: excerpt(text),
        })
    }
}

/// Rewrites `D`, `Q` or an omitted exponent letter to `e` and parses again.
fn parse_fortran_real(text: &[u8]) -> Option<f64> {
    const LONGEST: usize = 64;
    if text.is_empty() || text.len() >= LONGEST {
        return None;
    }
    let mut plain = String::with_capacity(LONGEST);
    for (i, &byte) in text.iter().enumerate() {
        match byte {
            b'D' | b'd' | b'Q' | b'q' => plain.push('e'),
            b'+' | b'-' if i > 0 && (text[i - 1].is_ascii_digit() || text[i - 1] == b'.') => {
                plain.push('e');
                plain.push(byte as char);
            }
            b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E' => plain.push(byte as char),
            _ => return None,
        }
    }
    plain.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn real_numbers_in_every_dialect() {
        let cases: [(&[u8], f64); 10] = [
            (b"1.5", 1.5),
            (b"-2", -2.0),
            (b"+3.", 3.0),
            (b".5", 0.5),
            (b"1.5D+03", 1500.0),
            (b"1.5d-3", 0.0015),
            (b"1.5+003", 1500.0),
            (b"-0.25-100", -0.25e-100),
            (b"1E5", 1e5),
            (b"4.9e-324", 4.9e-324),
        ];
        for (text, value) in cases {
            assert_eq!(
                parse_real("value", text).unwrap(),
                value,
                "{}",
                excerpt(text)
            );
        }
    }

    #[test]
    fn not_finite_and_not_a_number_are_told_apart() {
        for text in [
            &b"nan"[..],
            b"NaN",
            b"inf",
            b"-Infinity",
            b"1e999",
            b"1D999",
        ] {
            assert!(
                matches!(
                    parse_real("value", text),
                    Err(ReadErrorKind::NonFinite { .. })
                ),
                "{}",
                excerpt(text)
            );
        }
        for text in [
            &b"abc"[..],
            b"",
            b"1,5",
            b"1.5.2",
            b"--1",
            b"1e",
            b"\xff\xfe",
            b"0x10",
            b"D",
            b"1_000",
        ] {
            assert!(
                matches!(
                    parse_real("value", text),
                    Err(ReadErrorKind::BadReal { .. })
                ),
                "{}",
                excerpt(text)
            );
        }
    }

    #[test]
    fn indices_do_not_overflow() {
        assert_eq!(parse_index("row index", b"0012").unwrap(), 12);
        assert_eq!(
            parse_index("row index", b"18446744073709551615").unwrap(),
            u64::MAX
        );
        for text in [
            &b"18446744073709551616"[..],
            b"",
            b"-1",
            b"+",
            b"1.0",
            b"1e3",
        ] {
            assert!(parse_index("row index", text).is_err());
        }
    }

    #[test]
    fn integer_values() {
        assert_eq!(parse_integer_value("value", b"-17").unwrap(), -17.0);
        assert!(parse_integer_value("value", b"1.5").is_err());
        assert!(parse_integer_value("value", b"-").is_err());
    }
}
