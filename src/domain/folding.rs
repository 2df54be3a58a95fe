//! Text as the search compares it, and text that Unicode takes for the same.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::{canonical_combining_class, decompose_canonical, decompose_compatible};

use super::label::{is_invisible, typewritten};

/// Appends `value` as the search compares it:
///
/// 1. Compatibility decomposition with marks in canonical order (NFKD). A character that this would turn into text with a space,
///    as ´ is a space and an accent, is decomposed canonically (NFD): a word stays one word.
/// 2. U+0300 to U+036F are dropped, so accents do not count. Other marks stay: vowel signs of Devanagari are marks.
/// 3. Case folding: each character in lower, upper and lower case again. That folds ß to ss, ς and Σ to σ, and ı and İ to i.
/// 4. Characters that show nothing are dropped, typographic apostrophes and hyphens become `'` and `-`.
/// 5. Control characters become ends of lines.
pub(super) fn push_folded(text: &mut String, value: &str) {
    if value.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_control()) {
        let begin = text.len();
        text.push_str(value);
        text[begin..].make_ascii_lowercase();
    } else {
        fold(value, |_, char| text.push(char));
    }
}

/// `value` as [`push_folded`] appends it.
pub(super) fn folded(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    push_folded(&mut text, value);
    text
}

/// Calls `put` with each folded character and the position of the character that it is from.
pub(super) fn fold(value: &str, mut put: impl FnMut(usize, char)) {
    // Marks after the last letter, with their combining classes.
    let mut marks: Vec<(u8, usize, char)> = Vec::new();
    for (at, char) in value.chars().enumerate() {
        if char.is_ascii() {
            flush(&mut marks, &mut put);
            put(at, fold_ascii(char as u8));
            continue;
        }
        decompose(char, |part| match plain(part) {
            '\u{300}'..='\u{36F}' => {}
            part if part.is_control() || part.is_whitespace() => {
                flush(&mut marks, &mut put);
                put(at, if part == ' ' { ' ' } else { '\n' });
            }
            part if is_invisible(part) => {}
            part => match canonical_combining_class(part) {
                0 => {
                    flush(&mut marks, &mut put);
                    // Up and down again: several lower characters may share an upper one, as σ and ς do.
                    let folded = part.to_lowercase().flat_map(char::to_uppercase).flat_map(char::to_lowercase);
                    folded.for_each(|folded| put(at, folded));
                }
                class => marks.push((class, at, part)),
            },
        });
    }
    flush(&mut marks, &mut put);
}

fn flush(marks: &mut Vec<(u8, usize, char)>, put: &mut impl FnMut(usize, char)) {
    marks.sort_by_key(|(class, ..)| *class);
    marks.drain(..).for_each(|(_, at, mark)| put(at, mark));
}

fn fold_ascii(byte: u8) -> char {
    if byte.is_ascii_control() { '\n' } else { char::from(byte.to_ascii_lowercase()) }
}

fn decompose(char: char, put: impl FnMut(char)) {
    let mut gains_space = false;
    decompose_compatible(char, |part| gains_space |= part.is_whitespace());
    if gains_space && !char.is_whitespace() { decompose_canonical(char, put) } else { decompose_compatible(char, put) }
}

/// The letter apostrophe is a letter in names, and nobody types it in a search.
fn plain(char: char) -> char {
    if char == '\u{2BC}' { '\'' } else { typewritten(char) }
}

/// Returns whether Unicode takes two texts for the same (canonical equivalence): macOS decomposes the é that Windows composes.
pub fn is_same_text(one: &str, other: &str) -> bool {
    one == other || (!one.is_ascii() && !other.is_ascii() && one.nfc().eq(other.nfc()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_does_not_count_in_any_script() {
        for char in (' '..='\u{2FFF}').chain('\u{A640}'..='\u{ABFF}').chain('\u{10400}'..='\u{1E943}') {
            // The iota below is an accent (U+0345) in ᾳ, and a letter in its upper case ΑΙ.
            let mut has_iota = false;
            decompose_canonical(char, |part| has_iota |= part == '\u{345}');
            if !has_iota {
                let alone = folded(&char.to_string());
                assert_eq!(folded(&char.to_uppercase().to_string()), alone, "{char}");
                assert_eq!(folded(&char.to_lowercase().to_string()), alone, "{char}");
            }
        }
    }

    #[test]
    fn every_normal_form_folds_alike_and_only_once() {
        for char in '\0'..=char::MAX {
            let text = format!("a{char}b");
            let alone = folded(&text);
            assert_eq!(folded(&alone), alone, "{:x}", u32::from(char));
            assert_eq!(folded(&text.nfc().collect::<String>()), alone, "{:x}", u32::from(char));
            assert_eq!(folded(&text.nfd().collect::<String>()), alone, "{:x}", u32::from(char));
            assert_eq!(alone.contains(char::is_whitespace), char.is_whitespace() || char.is_control());
        }
        // A nukta (class 7) and a virama (class 9), both ways round.
        assert_eq!(folded("क\u{94D}\u{93C}ष"), folded("क\u{93C}\u{94D}ष"));
    }

    #[test]
    fn accents_case_width_and_invisible_characters_do_not_count() {
        for (text, expected) in [
            ("Mun\u{303}oz MUÑOZ", "munoz munoz"),
            ("İstanbul IŞIK ışık", "istanbul isik isik"),
            ("Straße STRASSE ΟΔΟΣ οδος", "strasse strasse οδοσ οδοσ"),
            ("\u{fb01}x ９８７ ＠ H₂O", "fix 987 @ h2o"),
            ("O\u{2019}Brien Anne\u{2011}Marie O´Neil", "o'brien anne-marie o´neil"),
            ("\u{202a}+91\u{202c} so\u{ad}ft ശ്രീ\u{200d}", "+91 soft ശ്രീ"),
            ("कि कु", "कि कु"),
            ("a\u{98}b\tc", "a\nb\nc"),
        ] {
            assert_eq!(folded(text), expected);
        }
    }

    #[test]
    fn normal_forms_are_the_same_text_and_accents_are_not() {
        assert!(is_same_text("José Muñoz", "Jose\u{301} Mun\u{303}oz") && is_same_text("Å", "\u{212b}"));
        for (one, other) in [("Jose", "José"), ("ﬁ", "fi"), ("", "\u{301}")] {
            assert!(!is_same_text(one, other), "{one} {other}");
        }
    }
}
