//! The four fields of text, and passwords: what is taken is kept as it came, and what is refused is told in documented words.

use patron::domain::{Contact, Email, Gstin, Invalid, Name, password};

use super::{rules, text};

/// Each parser takes what the documented pattern takes, and no other text.
pub fn fields(data: &[u8]) {
    let text = &*text(data);
    let name = if rules::NAME.is_too_long(text) {
        Some("The name may not be greater than 50 characters.")
    } else {
        (!rules::is_name(text)).then_some("The name format is invalid.")
    };
    judge(text, Name::parse(text).as_ref().map(Name::as_str), name);

    let email = if rules::EMAIL.is_too_long(text) {
        Some("The email may not be greater than 64 characters.")
    } else {
        (!rules::EMAIL.is_kept(text)).then_some("The email must be a valid email address.")
    };
    let parsed = Email::parse(text);
    judge(text, parsed.as_ref().map(Email::as_str), email);
    if let Ok(email) = parsed {
        // Whoever types it in another case is the same person.
        let upper = Email::parse(&text.to_ascii_uppercase()).map(|email| email.key());
        assert_eq!(upper.as_ref(), Ok(&email.key()));
    }

    let digits = text.strip_prefix('+').unwrap_or(text);
    let contact = if digits.chars().any(|char| !char.is_ascii_digit()) {
        Some("Contact number contains invalid characters, only digits and + symbol are allowed")
    } else if digits.len() < 8 {
        Some("Contact number should be at least 8 digits, including country code")
    } else {
        (!rules::CONTACT.is_kept(text))
            .then_some("Contact number should not be greater than 15 digits, including country code")
    };
    judge(text, Contact::parse(text).as_ref().map(Contact::as_str), contact);

    let gstin = (!rules::GSTIN.is_kept(text)).then_some("The gstin field is invalid.");
    judge(text, Gstin::parse(text).as_ref().map(Gstin::as_str), gstin);

    if let Ok(secret) = password::parse(text, "gaurav.kumar@example.com") {
        assert_eq!(secret.reveal(), text);
        assert!((12..=256).contains(&text.chars().count()));
        assert!(!["gaurav", "kumar"].iter().any(|part| text.to_lowercase() == part.repeat(3)));
    }
}

/// What a parser made of a text: the same text where nothing is wrong, else these words.
fn judge(text: &str, parsed: Result<&str, &Invalid>, wrong: Option<&str>) {
    assert_eq!(parsed.map_err(Invalid::words), wrong.map_or(Ok(text), Err), "{text:?}");
}
