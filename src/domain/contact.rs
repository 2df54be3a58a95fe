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

    /// A contact as the store kept it: it was parsed when it was written.
    pub fn stored(text: String) -> Self {
        Self(text)
    }

    /// The contact as it was sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
