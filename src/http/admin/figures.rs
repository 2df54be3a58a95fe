//! Numbers as people read them.

/// `124,816`
pub(crate) fn grouped(number: u64) -> String {
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

/// `312 MB`
pub(crate) fn size(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{} KB", bytes.div_ceil(1_000)),
        1_000_000..10_000_000_000 => format!("{} MB", grouped(bytes / 1_000_000)),
        _ => format!("{} GB", grouped(bytes / 1_000_000_000)),
    }
}

/// `2.1 ms`
pub(crate) fn took(micros: u64) -> String {
    if micros < 100_000 {
        format!("{}.{} ms", micros / 1_000, micros % 1_000 / 100)
    } else {
        format!("{} ms", grouped(micros / 1_000))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_readable() {
        assert_eq!([0, 999, 1_000, 124_816, 1_000_000].map(grouped), ["0", "999", "1,000", "124,816", "1,000,000"]);
        assert_eq!([1, 999_999, 312_400_000, 12_000_000_000].map(size), ["1 KB", "1000 KB", "312 MB", "12 GB"]);
        assert_eq!([49, 2_149, 99_999, 5_004_000].map(took), ["0.0 ms", "2.1 ms", "99.9 ms", "5,004 ms"]);
    }
}
