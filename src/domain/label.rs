//! Names that people give to things, such as keys and files: which characters mislead, and how each is called.
//!
//! A direction control makes `gnp.exe` out of `exe.png`, and a character that shows nothing makes two names look like one.

use unicode_general_category::{GeneralCategory as Category, get_general_category};

/// Returns the first character that no name of a thing may hold: a control or format character, a line separator, or another
/// that shows nothing. A joiner (U+200C, U+200D) may follow a letter or an emoji, since several scripts need it; but not ASCII,
/// where it shows nothing.
pub fn misleading(text: &str) -> Option<char> {
    let mut before = ' ';
    text.chars().find(|char| {
        let joins = matches!(char, '\u{200C}' | '\u{200D}') && !before.is_ascii() && !is_invisible(before);
        before = *char;
        is_invisible(*char) && !joins
    })
}

/// Says what is wrong with the name of a thing, after its subject: `can't contain U+202E, a text direction control`.
pub fn fault(text: &str, len_max: usize) -> Option<String> {
    let words = misleading(text).map(|char| format!("can't contain {}", describe(char)));
    words.or_else(|| (text.chars().count() > len_max).then(|| format!("may have at most {len_max} characters")))
}

/// Returns whether a character shows nothing or only moves others. Tab and ends of lines count.
pub fn is_invisible(char: char) -> bool {
    match char {
        ' '..='~' => false,
        // The fillers of Hangul, the empty Braille pattern, and the grapheme joiner, whatever their categories.
        '\u{115F}' | '\u{1160}' | '\u{3164}' | '\u{FFA0}' | '\u{2800}' | '\u{34F}' => true,
        // Format characters that show: signs of Arabic, Syriac and Kaithi around numbers.
        '\u{600}'..='\u{605}' | '\u{6DD}' | '\u{70F}' | '\u{890}' | '\u{891}' | '\u{8E2}' => false,
        '\u{110BD}' | '\u{110CD}' => false,
        // Not assigned, and ignored by whatever shows text.
        '\u{2065}' | '\u{FFF0}'..='\u{FFF8}' | '\u{E0000}'..='\u{E0FFF}' => true,
        _ => matches!(
            get_general_category(char),
            Category::Control | Category::Format | Category::LineSeparator | Category::ParagraphSeparator
        ),
    }
}

/// Names a character in a sentence: `“&”`, `“—” (U+2014)`, `U+202E, a text direction control`.
pub fn describe(char: char) -> String {
    let code = format!("U+{:04X}", u32::from(char));
    let kind = match char {
        '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{200E}' | '\u{200F}' | '\u{61C}' => {
            "a text direction control"
        }
        '\u{2028}' | '\u{2029}' => "a line separator",
        '\n' | '\r' => "a line break",
        '\t' => "a tab",
        '\u{200C}' | '\u{200D}' => "a joiner",
        '\u{200B}' | '\u{2060}' | '\u{FEFF}' => "a space without width",
        '\u{AD}' => "a soft hyphen",
        '\u{E0000}'..='\u{E007F}' => "a tag character",
        _ if char.is_control() => "a control character",
        _ if is_invisible(char) => "an invisible character",
        ' ' => return "a space".into(),
        '!'..='~' => return format!("“{char}”"),
        _ if char.is_whitespace() => "a special space",
        _ => {
            return match get_general_category(char) {
                Category::NonspacingMark | Category::SpacingMark | Category::EnclosingMark => {
                    format!("“\u{25CC}{char}” ({code})")
                }
                _ => format!("“{char}” ({code})"),
            };
        }
    };
    format!("{code}, {kind}")
}

/// Returns what a typewriter has in the place of a typographic apostrophe, hyphen or space; any other character as it is.
pub fn typewritten(char: char) -> char {
    match char {
        '\u{2018}' | '\u{2019}' | '\u{201B}' => '\'',
        '\u{2010}'..='\u{2013}' | '\u{2212}' => '-',
        _ if char.is_whitespace() && get_general_category(char) == Category::SpaceSeparator => ' ',
        _ => char,
    }
}

/// Replaces the typographic apostrophes, hyphens and spaces that phones and word processors put into names.
pub fn tidied(text: &str) -> String {
    text.chars().map(typewritten).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_misleads_is_found_and_named() {
        for (text, named) in [
            ("Shop\u{202E}", "U+202E, a text direction control"),
            ("\u{2066}Shop", "U+2066, a text direction control"),
            ("Sh\u{200F}op", "U+200F, a text direction control"),
            ("a\u{61C}b", "U+061C, a text direction control"),
            ("a\u{2028}b", "U+2028, a line separator"),
            ("a\nb", "U+000A, a line break"),
            ("a\tb", "U+0009, a tab"),
            ("a\u{85}b", "U+0085, a control character"),
            ("a\u{feff}b", "U+FEFF, a space without width"),
            ("a\u{ad}b", "U+00AD, a soft hyphen"),
            ("a\u{e0041}b", "U+E0041, a tag character"),
            ("a\u{3164}b", "U+3164, an invisible character"),
            ("a\u{2800}b", "U+2800, an invisible character"),
            ("Sh\u{200D}op", "U+200D, a joiner"),
            ("क\u{200D}\u{200D}", "U+200D, a joiner"),
        ] {
            assert_eq!(misleading(text).map(describe).as_deref(), Some(named));
        }
        for text in ["Shop & Söhne", "दुकान", "കുമാര്\u{200D}", "ش\u{200C}ک", "👩\u{200D}💻 laptop", "日本\u{3000}語", ""]
        {
            assert_eq!(misleading(text), None, "{text}");
        }
    }

    #[test]
    fn characters_that_show_are_quoted() {
        for (char, named) in [
            ('&', "“&”"),
            (' ', "a space"),
            ('—', "“—” (U+2014)"),
            ('\u{301}', "“\u{25CC}\u{301}” (U+0301)"),
            ('\u{a0}', "U+00A0, a special space"),
        ] {
            assert_eq!(describe(char), named);
        }
    }

    #[test]
    fn typography_is_replaced_and_letters_are_not() {
        assert_eq!(tidied("O’Brien\u{a0}Anne‑Marie – ‘x’\u{202f}y"), "O'Brien Anne-Marie - 'x' y");
        assert_eq!(tidied("Пʼять José — \t"), "Пʼять José — \t");
    }
}
