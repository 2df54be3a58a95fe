//! Phone numbers as people paste them: what stands between the digits of one number is dropped, and anything else is refused.
//!
//! A text is first read into groups of digits. Then the groups are judged: a short group at the end may be an extension, two long
//! ones may be two numbers, and `.0` at the end is what pandas and spreadsheets write behind a whole number. Joining those would
//! store a number that does not exist.

use super::Contact;

/// The fewest digits of a local number without its area code.
const LOCAL_MIN: usize = 7;
/// The fewest digits of a number with its area code.
const NATIONAL_MIN: usize = 10;
/// The fewest digits of a group that no group of one or two digits follows.
const LONG: usize = 5;

const SEVERAL: &str =
    "The phone number may be two numbers, or one with an extension: give one number, and the rest as a note.";
const DECIMAL: &str = "The phone number is written as a decimal number: give its digits alone.";
const DATE: &str =
    "The phone number looks like a date: give one number, in the digits 0 to 9 with at most a + in front.";
const SHORTENED: &str = "A spreadsheet has shortened this number to one like 9.19E+11, and its digits are gone: format the column \
                         as text there, fill it in again, and save.";

impl Contact {
    /// Tidies a phone number as people paste it: `+91 (22) 2345-6789` is `+912223456789`. The length is for [`Contact::parse`].
    ///
    /// Drops blanks and hyphens, dots between digits, brackets round a leading group, marks that show nothing, and the `.0` of a
    /// decimal number. Nothing else is dropped: a slash, a word or a second `+` may separate two numbers. Blank text is empty text.
    ///
    /// # Errors
    ///
    /// A sentence that names the first character that cannot be dropped, or says what the digits may be. It has no digit of the
    /// number.
    pub fn tidy(text: &str) -> Result<String, String> {
        let text: String = text.chars().filter(|char| !is_invisible(*char)).collect();
        let text = text.trim();
        // Spreadsheets and Shopify mark text by an apostrophe in front.
        let text = text
            .strip_prefix('\'')
            .filter(|rest| rest.starts_with(['+', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9']))
            .unwrap_or(text);
        if is_shortened(text) {
            return Err(SHORTENED.into());
        }
        let mut number = Number::parse(text)?;
        if number.has_zero_fraction()? {
            number.drop_last();
        }
        if number.is_date() {
            return Err(DATE.into());
        }
        if number.is_several() { Err(SEVERAL.into()) } else { Ok(number.digits) }
    }

    /// Returns each number that a text may hold: itself, tidied, or where that fails each row of groups that is long enough.
    pub fn numbers_in(text: &str) -> Vec<String> {
        if let Ok(number) = Self::tidy(text) {
            return vec![number].into_iter().filter(|number| !number.is_empty()).collect();
        }
        let is_part = |char: char| char.is_ascii_digit() || is_separator(char) || "+.()".contains(char);
        text.split(|char| !is_part(char)).flat_map(rows_of_groups).collect()
    }
}

/// Each row of neighbouring groups of digits that is as long as a number, with the `+` that leads it.
fn rows_of_groups(text: &str) -> Vec<String> {
    let spaced = text.replace('+', " +");
    let groups: Vec<&str> = spaced.split(|char: char| char != '+' && !char.is_ascii_digit()).collect();
    let groups: Vec<&str> =
        groups.into_iter().filter(|group| group.ends_with(|last: char| last.is_ascii_digit())).collect();
    let mut rows = Vec::new();
    for at in 0..groups.len() {
        let mut row = String::new();
        for group in &groups[at..] {
            if !row.is_empty() && group.starts_with('+') || row.len() + group.len() > Contact::LEN_MAX {
                break;
            }
            row.push_str(group);
            if row.trim_start_matches('+').len() >= Contact::DIGITS_MIN {
                rows.push(row.clone());
            }
        }
    }
    rows
}

/// A number in groups.
#[derive(Default)]
struct Number {
    /// All digits, and the leading `+`.
    digits: String,
    groups: Vec<Group>,
}

/// Digits without anything between them.
struct Group {
    len: usize,
    gap: Gap,
}

/// The separator before a group.
#[derive(Clone, Copy, Default)]
struct Gap {
    has_blank: bool,
    /// The last mark that is no blank.
    mark: Option<char>,
}

impl Number {
    fn parse(text: &str) -> Result<Self, String> {
        let mut number = Self::default();
        let (mut is_open, mut brackets, mut gap) = (false, 0, Some(Gap::default()));
        for (at, char) in text.char_indices() {
            let rest = text[at + char.len_utf8()..].trim_start();
            let is_between = number.digits.ends_with(|last: char| last.is_ascii_digit())
                && rest.starts_with(|next: char| next == '(' || next.is_ascii_digit());
            match char {
                '0'..='9' => {
                    number.digits.push(char);
                    if let Some(gap) = gap.take() {
                        number.groups.push(Group { len: 0, gap });
                    }
                    number.groups.last_mut().into_iter().for_each(|group| group.len += 1);
                    continue;
                }
                '+' if number.digits.is_empty() => {
                    number.digits.push(char);
                    continue;
                }
                '(' if !is_open && brackets == 0 && is_leading(&number.digits, rest) => (is_open, brackets) = (true, 1),
                ')' if is_open => is_open = false,
                '.' if is_between => {}
                // Longer dashes also mean "to": `2345678–79` is two numbers.
                '\u{2013}'..='\u{2015}' | '\u{2212}'
                    if is_between && rest.bytes().take_while(u8::is_ascii_digit).count() <= 2 =>
                {
                    return Err(stray(char));
                }
                _ if is_blank(char) => {
                    gap.get_or_insert_default().has_blank = true;
                    continue;
                }
                _ if is_separator(char) && is_between => {}
                _ => return Err(stray(char)),
            }
            gap.get_or_insert_default().mark = Some(char);
        }
        if is_open { Err(stray('(')) } else { Ok(number) }
    }

    /// Returns whether the last group is the zeros of a decimal number, as in `9123456780.0`.
    ///
    /// # Errors
    ///
    /// A sentence, where the number is decimal and not whole, or may end in these zeros.
    fn has_zero_fraction(&self) -> Result<bool, String> {
        let [.., whole, fraction] = self.groups.as_slice() else { return Ok(false) };
        let is_after_dot = |group: &&Group| group.gap.mark == Some('.');
        if !is_after_dot(&fraction) || fraction.gap.has_blank || self.groups.iter().filter(is_after_dot).count() > 1 {
            return Ok(false);
        }
        let is_zero = self.digits.bytes().rev().take(fraction.len).all(|digit| digit == b'0');
        let is_below_one = self.groups.len() == 2 && whole.len == 1 && self.digits.starts_with('0');
        // Zeros that are no fraction end a number like `98765.00000`.
        let (is_decimal, is_exact) = match fraction.len {
            1 => (true, true),
            2 => (is_zero || whole.len >= LONG, whole.len >= LONG),
            _ if whole.len >= Contact::DIGITS_MIN => (true, true),
            _ => (is_below_one || is_zero && whole.len > LONG, false),
        };
        match is_decimal {
            true if is_zero && is_exact => Ok(true),
            true => Err(DECIMAL.into()),
            false => Ok(false),
        }
    }

    fn drop_last(&mut self) {
        let last = self.groups.pop().map_or(0, |group| group.len);
        self.digits.truncate(self.digits.len() - last);
    }

    /// Returns whether three groups are a day, as `2024-01-15` or `15.01.2024`.
    fn is_date(&self) -> bool {
        let [first, second, third] = self.groups.as_slice() else { return false };
        let (one, two) = (second.gap, third.gap);
        if one.has_blank || two.has_blank || one.mark != two.mark || !matches!(one.mark, Some('-' | '.')) {
            return false;
        }
        let value = |from: usize, len: usize| self.digits.get(from..from + len).and_then(|digits| digits.parse().ok());
        let (year, month, day): (Option<u32>, Option<u32>, Option<u32>) = match (first.len, second.len, third.len) {
            (4, 2, 2) => (value(0, 4), value(4, 2), value(6, 2)),
            (2, 2, 4) => (value(4, 4), value(2, 2), value(0, 2)),
            _ => return false,
        };
        let is_day = |day: Option<u32>| day.is_some_and(|day| (1..=31).contains(&day));
        // Month first, too.
        year.is_some_and(|year| (1900..2100).contains(&year))
            && is_day(month)
            && is_day(day)
            && month.min(day) <= Some(12)
    }

    /// Returns whether the groups may be two numbers, or a number and its extension.
    fn is_several(&self) -> bool {
        let lens: Vec<usize> = self.groups.iter().map(|group| group.len).collect();
        let [before @ .., last] = lens.as_slice() else { return false };
        let Some(previous) = before.last() else { return false };
        // Groups without a blank between them.
        let mut words: Vec<usize> = Vec::new();
        for group in &self.groups {
            match words.last_mut().filter(|_| !group.gap.has_blank) {
                Some(word) => *word += group.len,
                None => words.push(group.len),
            }
        }
        // A country code may be one with the group behind it.
        let code = if self.digits.starts_with("00") { 4 } else { 2 * usize::from(self.digits.starts_with('+')) };
        let goes_on = |lens: &[usize], whole: usize| {
            let whole = |at: usize| if at == 0 { whole + code } else { whole };
            (1..lens.len()).any(|at| lens[at - 1] >= whole(at - 1))
        };
        let are_two = |lens: &[usize]| lens.iter().filter(|len| **len >= LOCAL_MIN).count() > 1;
        let is_trunk = self.digits.starts_with('0') && code == 0;
        let is_short =
            *last <= 2 && (*previous >= LONG || *previous >= 4 && before.iter().sum::<usize>() >= NATIONAL_MIN);
        is_short
            || are_two(&lens)
            || are_two(&words)
            || goes_on(&lens, Contact::DIGITS_MIN)
            || goes_on(&words, NATIONAL_MIN)
            // An area code with its trunk prefix, then the whole number: `022-2345678-179`.
            || is_trunk && (2..=LONG).contains(&lens[0]) && lens.len() > 2 && lens[1] >= LOCAL_MIN
    }
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

/// Returns whether a character is a hyphen, a dot or a blank, which may stand between groups of digits.
fn is_separator(char: char) -> bool {
    is_blank(char)
        || matches!(char, '-' | '.' | '\u{ad}' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe63}' | '\u{ff0d}')
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
            ("+44 20 7946 0958", "+442079460958"),
            ("+44-1234 567890", "+441234567890"),
            ("+919876543 210", "+919876543210"),
            ("0091987654 3210", "00919876543210"),
            ("+91.9876543210", "+919876543210"),
            ("0711 123 456 78", "071112345678"),
            ("+46 8 123 456 78", "+46812345678"),
            ("+380 44 123 45 67", "+380441234567"),
            ("8 912 345-67-89", "89123456789"),
            ("1-800-555-1234", "18005551234"),
            ("9876543 210", "9876543210"),
            ("12 34 56 78", "12345678"),
            ("1234-56-78", "12345678"),
            ("098765.43210", "09876543210"),
            ("98765.00000", "9876500000"),
            ("9876543210.0", "9876543210"),
            ("9876543210.00000", "9876543210"),
            ("+91 9876543210.0", "+919876543210"),
            ("98765 43210.0", "9876543210"),
            ("9800000001.00", "9800000001"),
            ("2345678.0", "2345678"),
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
            ("9800000001.50", "a decimal number"),
            ("9800000001.001", "a decimal number"),
            ("2345678.000", "a decimal number"),
            ("2345678.79", "a decimal number"),
            ("01 23 45 67.00", "a decimal number"),
            ("0.12345678", "a decimal number"),
            ("022-2345678-79", "may be two numbers"),
            ("022-2345678-179", "may be two numbers"),
            ("98000 00001-2", "may be two numbers"),
            ("98000 00001 2", "may be two numbers"),
            ("9800000001-02", "may be two numbers"),
            ("9800000001-123", "may be two numbers"),
            ("+919800000001-123", "may be two numbers"),
            ("98000-00001 123", "may be two numbers"),
            ("022-2345-6789-79", "may be two numbers"),
            ("22345678 101", "may be two numbers"),
            ("12345678-9", "may be two numbers"),
            ("2345678 2345679", "may be two numbers"),
            ("2345678-2345679", "may be two numbers"),
            ("234-5678 234-5679", "may be two numbers"),
            ("9800000001#12", "the character # "),
            ("9800000001;9800000002", "the character ; "),
            ("+91+9800000001", "the character + "),
            ("９８００００００01", "the character ９ (U+FF19) "),
            ("2024-01-15", "looks like a date"),
            ("15.01.2024", "looks like a date"),
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
    fn every_number_that_a_text_may_hold_is_listed() {
        for (text, numbers) in [
            ("+91 98765-43210", vec!["+919876543210"]),
            ("98000 00001 / 98000 00002", vec!["9800000001", "9800000002"]),
            ("12345678-9", vec!["12345678", "123456789"]),
            ("+91 98000 00001 +91 98000 00002", vec!["+919800000001", "9800000001", "+919800000002", "9800000002"]),
            ("N/A", vec![]),
            ("", vec![]),
        ] {
            let found = Contact::numbers_in(text);
            assert!(numbers.iter().all(|number| found.iter().any(|each| each == number)), "{text}: {found:?}");
            assert_eq!(numbers.is_empty(), found.is_empty(), "{text}: {found:?}");
        }
    }
}
