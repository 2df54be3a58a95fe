//! A customer's GSTIN, India's tax number of a business.

use super::Invalid;

/// 15 ASCII letters and digits, the first two of them digits (the state's code).
///
/// Deliberately no stricter: the documented sample, `29XAbbA4369J1PA`, is in mixed case and fails the official check digit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gstin(String);

impl Gstin {
    /// The characters of a GSTIN, no more and no fewer.
    pub const LEN: usize = 15;

    const FORMAT: Invalid = Invalid::new("The gstin field is invalid.");

    /// Reads a GSTIN.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let bytes = text.as_bytes();
        let well_formed = bytes.len() == Self::LEN
            && bytes.iter().all(u8::is_ascii_alphanumeric)
            && bytes[..2].iter().all(u8::is_ascii_digit);
        if well_formed { Ok(Self(text.to_owned())) } else { Err(Self::FORMAT) }
    }

    /// A GSTIN as the store kept it: it was parsed when it was written.
    pub fn stored(text: String) -> Self {
        Self(text)
    }

    /// The GSTIN as it was sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fifteen_letters_and_digits_the_first_two_digits() {
        for text in ["29XAbbA4369J1PA", "29AAGCB7383J1Z4", "000000000000000"] {
            assert!(Gstin::parse(text).is_ok(), "{text}");
        }
        for text in [
            "29XAbbA4369J1P",
            "29XAbbA4369J1PAA",
            "X9XAbbA4369J1PA",
            "2XXAbbA4369J1PA",
            "29XAbbA4369J1P-",
            "29XAbbA4369J1é",
            "29XAbbA4369J1P\0",
        ] {
            assert_eq!(Gstin::parse(text), Err(Gstin::FORMAT), "{text}");
        }
    }
}
