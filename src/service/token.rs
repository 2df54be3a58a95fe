//! Tokens that open a session or a link, and what a session's forms carry.

use std::fmt;

use blake2::digest::consts::U32;
use blake2::digest::{FixedOutput, Mac};
use blake2::{Blake2b, Blake2bMac, Digest};

use crate::domain::Secret;

/// A long random text that opens a session or a link. Only its hash is stored. It is wiped when it is dropped, as a
/// [`Secret`] is, and shows itself as little:
///
/// ```
/// let token = patron::service::Token::given("open sesame".into());
/// assert_eq!(format!("{token:?}"), "Token");
/// ```
///
/// ```compile_fail,E0277
/// let token = patron::service::Token::given("open sesame".into());
/// format!("{token}");
/// ```
#[derive(Clone)]
pub struct Token(Secret);

impl fmt::Debug for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Token")
    }
}

impl Token {
    /// Base-62 characters: 256 bits.
    pub(super) const LEN: usize = 43;

    /// Returns whether a text has the form of a token.
    pub fn is_well_formed(text: &str) -> bool {
        text.len() == Self::LEN && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
    }

    /// Whatever somebody claims to be a token.
    pub fn given(text: String) -> Self {
        Self(Secret::given(text))
    }

    /// The token in the clear: for the cookie or the link.
    pub fn reveal(&self) -> &str {
        self.0.reveal()
    }

    /// What is stored of it. Fast, since the token has 256 bits of its own.
    pub(super) fn hash(&self) -> String {
        hex(&Blake2b::<U32>::digest(self.reveal().as_bytes()))
    }

    /// What the forms of a page carry: nobody without the cookie can make it, and it does not give the cookie away. Each page
    /// has a salt of its own: a text that were the same in every page could be guessed from the lengths of compressed ones
    /// (BREACH).
    pub(super) fn form_token(&self, salt: [u8; 16]) -> String {
        hex(&salt) + &hex(&self.form_mac(&salt).finalize_fixed())
    }

    /// Whether this is a form token of this session, in constant time.
    pub fn is_form_token(&self, claimed: &str) -> bool {
        let Some((salt, mac)) = claimed.split_at_checked(32) else { return false };
        let Some((salt, mac)) = unhex::<16>(salt).zip(unhex::<32>(mac)) else { return false };
        self.form_mac(&salt).verify(&mac.into()).is_ok()
    }

    fn form_mac(&self, salt: &[u8; 16]) -> Blake2bMac<U32> {
        let key = Blake2b::<U32>::digest(self.reveal().as_bytes());
        let mac = <Blake2bMac<U32> as Mac>::new_from_slice(&key).expect("32 bytes are a key for BLAKE2b");
        mac.chain_update(b"form").chain_update(salt)
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex<const LEN: usize>(text: &str) -> Option<[u8; LEN]> {
    let digits = text.bytes().map(|byte| char::from(byte).to_digit(16)).collect::<Option<Vec<_>>>()?;
    let bytes: Vec<u8> = digits.chunks_exact(2).filter_map(|pair| u8::try_from(pair[0] * 16 + pair[1]).ok()).collect();
    bytes.try_into().ok().filter(|_| digits.len() == 2 * LEN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_token_belongs_to_its_session_and_no_two_pages_have_the_same() {
        let (one, two) = (Token::given("one".into()), Token::given("two".into()));
        let (token, another) = (one.form_token([1; 16]), one.form_token([2; 16]));
        assert_ne!(token[32..], another[32..]);
        assert!(one.is_form_token(&token) && one.is_form_token(&another));
        assert!(!two.is_form_token(&token));
        let resalted = another[..32].to_owned() + &token[32..];
        for nonsense in ["", "00", &"é".repeat(48), &"zz".repeat(48), &one.hash(), &resalted, &(token.clone() + "0")] {
            assert!(!one.is_form_token(nonsense), "{nonsense}");
        }
    }
}
