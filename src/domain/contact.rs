//! A customer's contact: a telephone number, kept exactly as it was sent.

use super::Invalid;

/// A number of at least 8 digits and at most 15 characters, with an optional leading `+`.
///
/// Contacts compare verbatim: `+919123456780` and `9123456780` differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact(String);

impl Contact {
    /// The fewest digits of a contact.
    pub const DIGITS_MIN: usize = 8;
    /// The most characters of a contact, a leading `+` included.
    pub const LEN_MAX: usize = 15;

    const CHARACTERS: Invalid =
        Invalid::new("Contact number contains invalid characters, only digits and + symbol are allowed");
    const TOO_SHORT: Invalid = Invalid::new("Contact number should be at least 8 digits, including country code");
    const TOO_LONG: Invalid =
        Invalid::new("Contact number should not be greater than 15 digits, including country code");

    /// Reads a contact: first its characters are judged, then whether it is too short, then whether it is too long.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let digits = text.strip_prefix('+').unwrap_or(text);
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Self::CHARACTERS);
        }
        if digits.len() < Self::DIGITS_MIN {
            return Err(Self::TOO_SHORT);
        }
        if text.len() > Self::LEN_MAX {
            return Err(Self::TOO_LONG);
        }
        Ok(Self(text.to_owned()))
    }

    /// Tidies a phone number as people paste it: `+91 (22) 2345-6789` is `+912223456789`. The length is for [`Contact::parse`].
    ///
    /// Drops blanks and hyphens, dots between digits, brackets round a leading group, and marks that show nothing. Nothing else is
    /// dropped: a slash, a word or a second `+` may separate two numbers. Blank text is empty text.
    ///
    /// # Errors
    ///
    /// A sentence that names the first character that cannot be dropped, and no digit.
    pub fn tidy(text: &str) -> Result<String, String> {
        let text: String = text.chars().filter(|char| !is_invisible(*char)).collect();
        let text = text.trim();
        // Spreadsheets and Shopify mark text by an apostrophe in front.
        let text = text
            .strip_prefix('\'')
            .filter(|rest| rest.starts_with(['+', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9']))
            .unwrap_or(text);
        if is_shortened(text) {
            return Err("A spreadsheet has shortened this number to one like 9.19E+11, and its digits are gone: format the column \
                        as text there, fill it in again, and save."
                .into());
        }
        if let Some((whole, fraction)) = text.split_once('.')
            && whole.len() >= Self::DIGITS_MIN
            && is_digits(whole.strip_prefix('+').unwrap_or(whole))
            && is_digits(fraction)
        {
            // Spreadsheets and pandas write a whole number as `9123456780.0`.
            let words = "The phone number is written as a decimal number: give its digits alone.";
            return if fraction == "0" { Ok(whole.to_owned()) } else { Err(words.into()) };
        }
        without_separators(text)
    }

    /// A contact as the store kept it: it was parsed when it was written.
    pub fn stored(text: String) -> Self {
        Self(text)
    }

    /// The contact as it was sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The digits of a number, and its leading `+`.
fn without_separators(text: &str) -> Result<String, String> {
    let mut number = String::with_capacity(text.len());
    let (mut is_open, mut brackets) = (false, 0);
    for (at, char) in text.char_indices() {
        let rest = text[at + char.len_utf8()..].trim_start();
        let is_between = number.ends_with(|last: char| last.is_ascii_digit())
            && rest.starts_with(|next: char| next == '(' || next.is_ascii_digit());
        match char {
            '0'..='9' => number.push(char),
            '+' if number.is_empty() => number.push(char),
            '(' if !is_open && brackets == 0 && is_leading(&number, rest) => (is_open, brackets) = (true, 1),
            ')' if is_open => is_open = false,
            '-' | '.' | '\u{ad}' | '\u{2010}'..='\u{2012}' | '\u{fe63}' | '\u{ff0d}' if is_between => {}
            // Longer dashes also mean "to": `2345678–79` is two numbers.
            '\u{2013}'..='\u{2015}' | '\u{2212}'
                if is_between && rest.bytes().take_while(u8::is_ascii_digit).count() > 2 => {}
            _ if is_blank(char) => {}
            _ => return Err(stray(char)),
        }
    }
    if is_open { Err(stray('(')) } else { Ok(number) }
}

/// Returns whether a bracket that opens after `number` is round a leading group: the first, or the one after the country code
/// unless it begins with the 0 that only calls within the country need.
fn is_leading(number: &str, rest: &str) -> bool {
    let is_country = number.strip_prefix('+').is_some_and(|code| (1..=3).contains(&code.len()));
    let group = rest.split(')').next().unwrap_or_default();
    group.contains(|char: char| char.is_ascii_digit()) && (number.is_empty() || is_country && !rest.starts_with('0'))
}

/// Returns whether a character is a blank within a line; a line break or a tab may separate two numbers.
fn is_blank(char: char) -> bool {
    char.is_whitespace() && !char.is_control() && !matches!(char, '\u{2028}' | '\u{2029}')
}

/// Returns whether a character shows nothing and keeps the order of digits: address books put such marks round a number.
fn is_invisible(char: char) -> bool {
    matches!(
        char,
        '\u{200b}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{202a}'
            | '\u{202c}'
            | '\u{202d}'
            | '\u{2060}'
            | '\u{2066}'
            | '\u{2068}'
            | '\u{2069}'
            | '\u{feff}'
    )
}

/// Returns whether a spreadsheet took a number for a large one and wrote it as `9.19E+11`: its last digits are gone.
fn is_shortened(text: &str) -> bool {
    let Some((number, exponent)) = text.split_once(['E', 'e']) else { return false };
    let digits = number.strip_prefix('+').unwrap_or(number).replacen(['.', ','], "", 1);
    is_digits(&digits) && is_digits(exponent.strip_prefix('+').unwrap_or(exponent))
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn stray(char: char) -> String {
    let name = match char {
        '\n' | '\r' | '\u{2028}' | '\u{2029}' => "a line break".to_owned(),
        '\t' => "a tab".to_owned(),
        '!'..='~' => format!("the character {char}"),
        _ if char.is_alphanumeric() => format!("the character {char} (U+{:04X})", u32::from(char)),
        _ => format!("the character U+{:04X}", u32::from(char)),
    };
    format!(
        "The phone number has {name} where it cannot be dropped: give one number, in the digits 0 to 9 with at most a + in front."
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tidy_drops_what_carries_no_meaning() {
        for (pasted, tidied) in [
            ("9123456780", "9123456780"),
            (" +91 98765-43210\n", "+919876543210"),
            ("(022) 2345-6789", "02223456789"),
            ("(022) 2345.6789", "02223456789"),
            ("(+91) 98765 43210", "+919876543210"),
            ("+1 (415) 555-2671", "+14155552671"),
            ("\u{202a}+91\u{a0}98765\u{2011}43210\u{202c}", "+919876543210"),
            ("022 - 2345 6789", "02223456789"),
            ("98765–43210", "9876543210"),
            ("9876543210.0", "9876543210"),
            ("01.23.45.67.00", "0123456700"),
            ("0091 98000 00010", "00919800000010"),
            ("'+919876543210", "+919876543210"),
            ("0", "0"),
            ("\u{200e} ", ""),
        ] {
            assert_eq!(Contact::tidy(pasted).as_deref(), Ok(tidied), "{pasted:?}");
        }
    }

    #[test]
    fn tidy_names_what_it_cannot_drop() {
        for (pasted, named) in [
            ("022-2345678/79", "the character / "),
            ("9800000001, 9800000002", "the character , "),
            ("9800000001 ext 12", "the character e "),
            ("9800000001x12", "the character x "),
            ("tel:+919800000001", "the character t "),
            ("N/A", "the character N "),
            ("+919800000001 +919800000002", "the character + "),
            ("2345678\n2345679", "a line break "),
            ("2345678\t2345679", "a tab "),
            ("+91 (0) 98000 00011", "the character ( "),
            ("98000 (00011)", "the character ( "),
            ("(022) (2345) 6789", "the character ( "),
            ("(022 23456789", "the character ( "),
            ("022) 23456789", "the character ) "),
            ("() 23456789", "the character ( "),
            ("-9800000001", "the character - "),
            ("9800000001-", "the character - "),
            ("9800000001.", "the character . "),
            ("2345678–79", "the character U+2013 "),
            ("९८००००००००", "the character ९ (U+096F) "),
            ("\u{202e}9800000001", "the character U+202E "),
            ("9800000001.5", "a decimal number"),
            ("9800000001.00", "a decimal number"),
        ] {
            let words = Contact::tidy(pasted).unwrap_err();
            assert!(words.contains(named), "{pasted:?}: {words}");
        }
        for text in ["9.19E+11", "9,19E+11", "9.19123e+11", "9E11", "+9.1E+11"] {
            assert!(Contact::tidy(text).unwrap_err().contains("shortened"), "{text}");
        }
        for text in ["E", "9E", "E11", "Eve", "1.2.3E+4"] {
            assert!(!Contact::tidy(text).unwrap_err().contains("shortened"), "{text}");
        }
    }

    #[test]
    fn a_plus_may_lead_and_is_kept() {
        for text in ["9123456780", "+919123456780", "12345678", "+12345678", "123456789012345", "+12345678901234"] {
            assert_eq!(Contact::parse(text).map(|contact| contact.0), Ok(text.to_owned()));
        }
    }

    #[test]
    fn each_limit_has_two_sides() {
        assert_eq!(Contact::parse("1234567"), Err(Contact::TOO_SHORT));
        assert_eq!(Contact::parse("+1234567"), Err(Contact::TOO_SHORT));
        assert_eq!(Contact::parse("+"), Err(Contact::TOO_SHORT));
        assert_eq!(Contact::parse("1234567890123456"), Err(Contact::TOO_LONG));
        assert_eq!(Contact::parse("+123456789012345"), Err(Contact::TOO_LONG));
    }

    #[test]
    fn characters_are_judged_first() {
        for text in [
            "12a",
            "12345+678",
            "++12345678",
            "98765 43210",
            "98765-43210",
            "٩٨٧٦٥٤٣٢",
            "12345678\0",
            "1234567890123456x",
        ] {
            assert_eq!(Contact::parse(text), Err(Contact::CHARACTERS), "{text:?}");
        }
    }
}
