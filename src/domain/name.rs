//! A customer's name: people write them in every script, so letters are Unicode's, and little else is let in.

use unicode_general_category::{GeneralCategory as Category, get_general_category};
use unicode_normalization::char::canonical_combining_class;

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

    /// All viramas, for the pattern of a name.
    pub fn viramas() -> String {
        ('\0'..=char::MAX).filter(|char| Kind::of(*char) == Kind::Virama).collect()
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

fn is_well_formed(text: &str) -> bool {
    fault(text).is_none()
}

/// What makes a text no name, apart from its length.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// A character that no name holds.
    Stray(char),
    /// A mark or a joiner that belongs to no letter.
    Loose(char),
    /// A character that no name starts with.
    Start(char),
    /// A character that no name ends with.
    End(char),
}

/// Finds the first fault. A name starts and ends with a letter, a digit, `.` or `)`; each mark and joiner is where it belongs.
pub(super) fn fault(text: &str) -> Option<Fault> {
    let kinds: Vec<(Kind, char)> = text.chars().map(|char| (Kind::of(char), char)).collect();
    let stray = kinds.iter().find(|(kind, _)| *kind == Kind::Other).map(|(_, char)| Fault::Stray(*char));
    let loose = || {
        let is_loose = |(at, (kind, _)): &(usize, &(Kind, char))| match kind {
            Kind::Virama if *at > 0 && joins_virama(&kinds, at - 1) => false,
            Kind::Mark | Kind::Virama => !follows_letter(&kinds[..*at]),
            Kind::Joiner => !joins(&kinds, *at),
            Kind::Letter | Kind::Digit | Kind::End | Kind::Middle | Kind::Other => false,
        };
        kinds.iter().enumerate().find(is_loose).map(|(_, (_, char))| Fault::Loose(*char))
    };
    let ends_well = |kind: &Kind| matches!(kind, Kind::Letter | Kind::Digit | Kind::End);
    let start = || kinds.first().filter(|(kind, _)| !ends_well(kind)).map(|(_, char)| Fault::Start(*char));
    // Marks and joiners belong to the letter before them.
    let last = || kinds.iter().rev().find(|(kind, _)| !kind.belongs_to_letter());
    let end = || last().filter(|(kind, _)| !ends_well(kind)).map(|(_, char)| Fault::End(*char));
    stray.or_else(loose).or_else(start).or_else(end)
}

/// Returns whether a joiner is where RFC 5892, appendix A, has it: after a virama, where it chooses between forms of a half
/// letter, also at the end of a word; else between letters. Also before a virama, as [`joins_virama`] says.
fn joins(kinds: &[(Kind, char)], at: usize) -> bool {
    match kinds[..at].last() {
        Some((Kind::Virama, _)) => true,
        _ => follows_letter(&kinds[..at]) && is_letter(kinds, at + 1) || joins_virama(kinds, at),
    }
}

/// Returns whether a joiner stands between a letter and a virama with another letter: the Unicode Standard, chapter 12, writes
/// Bengali ra with ya-phalaa so, and Kannada ra before another letter.
fn joins_virama(kinds: &[(Kind, char)], at: usize) -> bool {
    kinds[at].0 == Kind::Joiner
        && follows_letter(&kinds[..at])
        && kinds.get(at + 1).is_some_and(|(kind, _)| *kind == Kind::Virama)
        && is_letter(kinds, at + 2)
}

fn is_letter(kinds: &[(Kind, char)], at: usize) -> bool {
    kinds.get(at).is_some_and(|(kind, _)| *kind == Kind::Letter)
}

fn follows_letter(before: &[(Kind, char)]) -> bool {
    let last = before.iter().rev().find(|(kind, _)| !matches!(kind, Kind::Mark | Kind::Virama));
    last.is_some_and(|(kind, _)| *kind == Kind::Letter)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Letter,
    Mark,
    /// The mark that takes the vowel from a letter of an Indic script.
    Virama,
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
                Category::NonspacingMark | Category::SpacingMark | Category::EnclosingMark => {
                    if is_virama(char) {
                        Self::Virama
                    } else {
                        Self::Mark
                    }
                }
                _ => Self::Other,
            },
        }
    }

    fn belongs_to_letter(self) -> bool {
        matches!(self, Self::Mark | Self::Virama | Self::Joiner)
    }
}

/// Returns whether a mark has the canonical combining class of viramas.
fn is_virama(char: char) -> bool {
    canonical_combining_class(char) == 9
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
            // Malayalam, Devanagari and Sinhala words end in a half letter.
            "അനിവര്\u{200D} കുമാര്\u{200D}",
            "प्रवीण्\u{200C}",
            "ක්\u{200D} ක",
            "ക്\u{200D}.",
            "നമ\u{200C}സ്തെ",
            // Rachel in Bengali, and Kannada.
            "র\u{200D}\u{9CD}যাচেল",
            "ರ\u{200D}\u{CCD}ಕಾಶ್",
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
            "കമ\u{200D}",
            "കമി\u{200D}",
            "കമ്\u{200D}\u{200D}",
            "കമ\u{200D}്",
            "abc്\u{200D}ാ",
            "র\u{200D}\u{9CD}",
            "রা র\u{200D}\u{9CD}",
            "র\u{200D}\u{9CD} যাচেল",
            "র\u{200D}\u{200D}\u{9CD}যা",
            "র\u{200D}\u{9CD}\u{9CD}যা",
            "র\u{200D}\u{9BE}যাচেল",
            "1\u{200D}\u{9CD}যাচেল",
            "\u{200D}\u{9CD}যাচেল",
            "abc \u{200D}",
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
