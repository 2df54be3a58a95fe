//! A customer's name: people write them in every script, so letters are Unicode's, and little else is let in.

use unicode_general_category::{GeneralCategory as Category, get_general_category};

use super::Invalid;

/// A name of 3 to 50 characters: letters of any script with their marks, ASCII digits, space and `. ' - _ / @ ( )`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name(String);

impl Name {
    /// The fewest characters (Unicode scalar values) of a name.
    pub const LEN_MIN: usize = 3;
    /// The most characters of a name.
    pub const LEN_MAX: usize = 50;

    const TOO_LONG: Invalid = Invalid::new("The name may not be greater than 50 characters.");
    const FORMAT: Invalid = Invalid::new("The name format is invalid.");

    /// Reads a name. Its length is judged before its format; a name that is too short counts as badly formed.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let len = text.chars().count();
        if len > Self::LEN_MAX {
            return Err(Self::TOO_LONG);
        }
        if len < Self::LEN_MIN || !is_well_formed(text) {
            return Err(Self::FORMAT);
        }
        Ok(Self(text.to_owned()))
    }

    /// A name as the store kept it: it was parsed when it was written.
    pub fn stored(text: String) -> Self {
        Self(text)
    }

    /// The name as it was typed.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Starts with a letter, a digit, `.` or `)`, ends with one, and holds nothing but what a name may hold, each mark and
/// joiner where it belongs.
fn is_well_formed(text: &str) -> bool {
    let kinds: Vec<Kind> = text.chars().map(Kind::of).collect();
    let ends_well = |kind: &Kind| matches!(kind, Kind::Letter | Kind::Digit | Kind::End);
    // A mark belongs to the letter before it, so the last letter's marks are passed over.
    let last = kinds.iter().rev().find(|kind| **kind != Kind::Mark);
    kinds.first().is_some_and(ends_well)
        && last.is_some_and(ends_well)
        && kinds.iter().enumerate().all(|(at, kind)| match kind {
            Kind::Other => false,
            Kind::Mark => follows_letter(&kinds[..at]),
            // U+200C and U+200D choose between forms of a conjunct: half a letter on both sides, or none of their business.
            Kind::Joiner => follows_letter(&kinds[..at]) && kinds.get(at + 1) == Some(&Kind::Letter),
            Kind::Letter | Kind::Digit | Kind::End | Kind::Middle => true,
        })
}

fn follows_letter(before: &[Kind]) -> bool {
    before.iter().rev().find(|kind| **kind != Kind::Mark) == Some(&Kind::Letter)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Letter,
    Mark,
    Digit,
    /// `.` and `)`, which may also stand first and last.
    End,
    /// Space and `' - _ / @ (`, which may not.
    Middle,
    Joiner,
    Other,
}

impl Kind {
    fn of(char: char) -> Self {
        match char {
            'a'..='z' | 'A'..='Z' => Self::Letter,
            '0'..='9' => Self::Digit,
            '.' | ')' => Self::End,
            ' ' | '\'' | '-' | '_' | '/' | '@' | '(' => Self::Middle,
            '\u{200C}' | '\u{200D}' => Self::Joiner,
            // Fillers of Hangul syllables: letters to Unicode, and nothing at all to the eye. A name of them looks empty.
            '\u{115F}' | '\u{1160}' | '\u{3164}' | '\u{FFA0}' => Self::Other,
            _ => match get_general_category(char) {
                Category::UppercaseLetter
                | Category::LowercaseLetter
                | Category::TitlecaseLetter
                | Category::ModifierLetter
                | Category::OtherLetter => Self::Letter,
                Category::NonspacingMark | Category::SpacingMark | Category::EnclosingMark => Self::Mark,
                _ => Self::Other,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_and_shops_have_names() {
        for name in [
            "José",
            "Jose\u{301}",
            "गौरव कुमार",
            "O'Brien (Jr.)",
            "A/B @ Co.",
            "Gaurav Kumar",
            "3M India",
            "...",
            ".NET Shop)",
            "Anne-Marie",
            "snake_case",
            "李小龍",
            "김민수",
            "ශ්\u{200D}රී ලංකා",
            "a)b",
            "محمد علي",
        ] {
            assert_eq!(Name::parse(name).map(|name| name.0), Ok(name.to_owned()));
        }
    }

    #[test]
    fn other_things_are_not_names() {
        for text in [
            "Bob;",
            "Bob 😀",
            "😀😀😀",
            " Bob",
            "Bob ",
            "Bob\t",
            "Bob\n",
            "Bo\u{0}b",
            "Bob\u{202E}",
            "a\u{202E}bc",
            "(Bob)x(",
            "(Bob)",
            "-Bob",
            "Bob-",
            "Bob'",
            "Bob@",
            "Bo,b",
            "Bo&b",
            "Bo+b",
            "Bo\"b",
            "<b>Bob",
            "\u{301}Bob",
            "1\u{301}ab",
            "Bob \u{301}x",
            "a\u{200D}1b",
            "ab\u{200D}",
            "\u{200C}abc",
            "a\u{200D}\u{200D}bc",
            "Ⅳ Henry",
            "١٢٣",
            "Bob\u{a0}Ray",
            "e\u{2019}a",
            "\u{3164}\u{3164}\u{3164}",
            "\u{115F}\u{1160}\u{FFA0}",
            "김\u{3164}수",
        ] {
            assert_eq!(Name::parse(text), Err(Name::FORMAT), "{text:?}");
        }
    }

    #[test]
    fn limits_count_characters_not_bytes() {
        assert_eq!(Name::parse("ab"), Err(Name::FORMAT));
        assert!(Name::parse("abc").is_ok());
        assert!(Name::parse("गौर").is_ok());
        assert!(Name::parse(&"é".repeat(50)).is_ok());
        assert_eq!(Name::parse(&"é".repeat(51)), Err(Name::TOO_LONG));
    }

    #[test]
    fn length_is_judged_before_format() {
        assert_eq!(Name::parse(&";".repeat(51)), Err(Name::TOO_LONG));
        assert_eq!(Name::parse(&";".repeat(50)), Err(Name::FORMAT));
    }
}
