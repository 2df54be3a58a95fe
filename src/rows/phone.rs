//! Telephone numbers as people type them into sheets, and what sheets make of them.

/// What a number is without what people put between digits: spaces, hyphens, dots, slashes, brackets, and the marks that
/// nobody sees which address books leave around a number.
pub(super) fn cleaned(text: &str) -> String {
    // A sheet that took it for a fraction wrote `9123456780.0`: the zero is none of its digits.
    let text = match text.split_once('.') {
        Some((whole, zeros)) if is_digits(whole) && zeros.bytes().all(|byte| byte == b'0') => whole,
        _ => text,
    };
    text.chars().filter(|char| !is_separator(*char)).collect()
}

fn is_separator(char: char) -> bool {
    char.is_whitespace()
        || matches!(char, '-' | '.' | '/' | '(' | ')' | '\u{2010}'..='\u{2015}' | '\u{2212}')
        || matches!(char, '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// Whether a sheet took a number for a large one and wrote it as `9.19E+11`: its last digits are gone.
pub(super) fn is_shortened(text: &str) -> bool {
    let Some((number, exponent)) = text.split_once(['E', 'e']) else { return false };
    let digits = number.strip_prefix('+').unwrap_or(number).replacen(['.', ','], "", 1);
    is_digits(&digits) && is_digits(exponent.strip_prefix('+').unwrap_or(exponent))
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_between_digits_goes_and_nothing_else() {
        for (typed, clean) in [
            ("+91 98765-43210", "+919876543210"),
            ("(022) 2345.6789", "02223456789"),
            ("\u{202a}+91\u{a0}98765\u{2011}43210\u{202c}", "+919876543210"),
            ("9876543210.0", "9876543210"),
            ("01.23.45.67.00", "0123456700"),
            ("98765 43210 ext 5", "9876543210ext5"),
        ] {
            assert_eq!(cleaned(typed), clean);
        }
    }

    #[test]
    fn a_shortened_number_is_seen() {
        for text in ["9.19E+11", "9,19E+11", "9.19123e+11", "9E11", "+9.1E+11"] {
            assert!(is_shortened(text), "{text}");
        }
        for text in ["919876543210", "E", "9E", "E11", "Eve", "1.2.3E+4", ""] {
            assert!(!is_shortened(text), "{text}");
        }
    }
}
