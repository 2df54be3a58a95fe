//! A customer's email address: the HTML standard's grammar, with a dot in the domain.

use super::Invalid;

/// An address of at most 64 characters, kept as typed and compared without regard to ASCII case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Email(String);

impl Email {
    /// The most characters of an address.
    pub const LEN_MAX: usize = 64;

    const TOO_LONG: Invalid = Invalid::new("The email may not be greater than 64 characters.");
    const FORMAT: Invalid = Invalid::new("The email must be a valid email address.");

    /// Reads an address. Its length is judged before its format.
    ///
    /// The format is the "valid email address" of the HTML standard, which browsers apply to `type=email`, and the
    /// domain has at least two labels: `root@localhost` is valid HTML and reaches nobody.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        if text.chars().count() > Self::LEN_MAX {
            return Err(Self::TOO_LONG);
        }
        match text.rsplit_once('@') {
            Some((local, domain)) if is_local(local) && is_domain(domain) => Ok(Self(text.to_owned())),
            _ => Err(Self::FORMAT),
        }
    }

    /// An address as the store kept it: it was parsed when it was written.
    pub fn stored(text: String) -> Self {
        Self(text)
    }

    /// The address as it was typed.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What addresses are compared by: the address in ASCII lower case.
    pub fn key(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

pub(super) fn is_of_local(char: char) -> bool {
    char.is_ascii_alphanumeric() || ".!#$%&'*+/=?^_`{|}~-".contains(char)
}

pub(super) fn is_of_domain(char: char) -> bool {
    char.is_ascii_alphanumeric() || char == '-' || char == '.'
}

fn is_local(local: &str) -> bool {
    !local.is_empty() && local.chars().all(is_of_local)
}

fn is_domain(domain: &str) -> bool {
    domain.contains('.') && domain.split('.').all(is_label)
}

fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && !label.starts_with('-')
        && !label.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_kept_as_typed() {
        for text in
            ["gaurav.kumar@example.com", "A+b@Example.CO.in", "o'brien@x.ie", "a@b.c", "..@1.2", "{x}@a-b.example"]
        {
            assert_eq!(Email::parse(text).map(|email| email.0), Ok(text.to_owned()));
        }
        assert_eq!(Email::parse("Ab@C.dE").map(|email| email.key()), Ok("ab@c.de".to_owned()));
    }

    #[test]
    fn other_things_are_not_addresses() {
        for text in [
            "gaurav",
            "@example.com",
            "a@",
            "a@b",
            "a@localhost",
            "a@b..c",
            "a@.b",
            "a@b.",
            "a@-b.c",
            "a@b-.c",
            "a b@c.d",
            "a@b.c ",
            " a@b.c",
            "a@@b.c",
            "a@b@c.d",
            "josé@example.com",
            "a@exämple.com",
            "a@b.c\0",
            "<a@b.c>",
            "a@b_c.d",
            "\"a b\"@c.d",
            "a,b@c.d",
        ] {
            assert_eq!(Email::parse(text), Err(Email::FORMAT), "{text:?}");
        }
    }

    #[test]
    fn each_limit_has_two_sides_and_length_comes_first() {
        let of_len = |len: usize| format!("{}@example.com", "a".repeat(len - 12));
        assert!(Email::parse(&of_len(64)).is_ok());
        assert_eq!(Email::parse(&of_len(65)), Err(Email::TOO_LONG));
        assert_eq!(Email::parse(&"x".repeat(65)), Err(Email::TOO_LONG));
        assert_eq!(Email::parse(&"é".repeat(64)), Err(Email::FORMAT));
        assert!(is_label(&"a".repeat(63)));
        assert!(!is_label(&"a".repeat(64)));
    }
}
