//! What is typed, read as the values that settings take. An error says what to give.

use std::time::Duration;

use patron::domain::{CustomerId, Email, KeyId, Mode, Query, Role};
use patron::rows::Format;
use patron::service::{KeepFree, OldSecret};

pub(super) fn every(text: &str) -> Result<Duration, String> {
    let every = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    if every < Duration::from_secs(1) { Err("give a second or more".into()) } else { Ok(every) }
}

/// A size such as `64MB`: units of 1,000 and of 1,024.
pub(super) fn keep_free(text: &str) -> Result<KeepFree, &'static str> {
    const WORDS: &str = "give a size such as 64MB, 1GB or 512MiB, or 0 to keep nothing free";
    const UNITS: [(&str, u64); 9] = [
        ("kib", 1 << 10),
        ("mib", 1 << 20),
        ("gib", 1 << 30),
        ("tib", 1 << 40),
        ("kb", 1_000),
        ("mb", 1_000_000),
        ("gb", 1_000_000_000),
        ("tb", 1_000_000_000_000),
        ("b", 1),
    ];
    let text = text.trim().to_ascii_lowercase();
    let unit = UNITS.iter().find_map(|(name, bytes)| Some((text.strip_suffix(name)?, *bytes)));
    let (number, bytes) = unit.unwrap_or((&text, 1));
    // Digits alone: no sign.
    let digits = Some(number.trim_end()).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
    let number: u64 = digits.ok_or(WORDS)?.parse().map_err(|_| WORDS)?;
    number.checked_mul(bytes).map(KeepFree::Bytes).ok_or(WORDS)
}

pub(super) fn mode(text: &str) -> Result<Mode, &'static str> {
    match text {
        "test" => Ok(Mode::Test),
        "live" => Ok(Mode::Live),
        _ => Err("give test or live"),
    }
}

pub(super) fn file_format(text: &str) -> Result<Format, &'static str> {
    Format::parse(text).ok_or("give csv or jsonl")
}

pub(super) fn search(text: &str) -> Result<Query, &'static str> {
    Query::parse(text).ok_or("give something to look for")
}

pub(super) fn old_secret(text: &str) -> Result<OldSecret, &'static str> {
    match text {
        "now" => Ok(OldSecret::EndsNow),
        "24h" => Ok(OldSecret::EndsInADay),
        _ => Err("give now or 24h"),
    }
}

pub(super) fn email(text: &str) -> Result<Email, String> {
    Email::parse(text).map_err(|invalid| invalid.words().to_owned())
}

pub(super) fn role(text: &str) -> Result<Role, &'static str> {
    Role::parse(text).ok_or("give owner, editor or viewer")
}

/// Scheme and host, without the slash behind them.
pub(super) fn public_url(text: &str) -> Result<String, &'static str> {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let host = host.map(|host| host.strip_suffix('/').unwrap_or(host));
    let is_host = |host: &str| !host.is_empty() && !host.contains(['/', '?', '#', '@', ' ']);
    match host.filter(|host| is_host(host)) {
        Some(_) => Ok(text.trim_end_matches('/').to_ascii_lowercase()),
        None => Err("give scheme and host alone, such as https://patron.example"),
    }
}

/// Scheme and host, with or without what every address of the API begins with.
pub(super) fn base_url(text: &str) -> Result<String, &'static str> {
    public_url(text.trim_end_matches('/').trim_end_matches("/v1"))
}

pub(super) fn customer_id(text: &str) -> Result<CustomerId, &'static str> {
    CustomerId::parse(text).map_err(|_| "a customer's id is cust_ and 14 letters and digits")
}

pub(super) fn key_id(text: &str) -> Result<KeyId, &'static str> {
    KeyId::parse(text).ok_or("a key id is rzp_test_ or rzp_live_ and 14 letters and digits")
}
