//! Numbers, sizes and times as people read them, wherever they are told.

use std::time::{Duration, UNIX_EPOCH};

/// A number as `124,816`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number of bytes as `312 MB`.
pub fn size(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{} KB", bytes.div_ceil(1_000)),
        1_000_000..10_000_000_000 => format!("{} MB", grouped(bytes / 1_000_000)),
        _ => format!("{} GB", grouped(bytes / 1_000_000_000)),
    }
}

/// A Unix time as `2026-11-23T16:32:00Z`; far-off ones as the last that can be written.
pub fn date(seconds: i64) -> String {
    const LAST: u64 = 253_402_300_799;
    let since_1970 = Duration::from_secs(u64::try_from(seconds).unwrap_or_default().min(LAST));
    humantime::format_rfc3339_seconds(UNIX_EPOCH + since_1970).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_readable() {
        assert_eq!([0, 999, 1_000, 124_816, 1_000_000].map(grouped), ["0", "999", "1,000", "124,816", "1,000,000"]);
        assert_eq!([1, 999_999, 312_400_000, 12_000_000_000].map(size), ["1 KB", "1000 KB", "312 MB", "12 GB"]);
        assert_eq!([-1, 1_795_474_824].map(date), ["1970-01-01T00:00:00Z", "2026-11-23T23:00:24Z"]);
        assert_eq!(date(i64::MAX), "9999-12-31T23:59:59Z");
    }
}
