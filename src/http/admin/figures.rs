//! Numbers as people read them.

pub(crate) use crate::service::figures::{grouped, size};

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
    fn lengths_of_time_are_readable() {
        assert_eq!([49, 2_149, 99_999, 5_004_000].map(took), ["0.0 ms", "2.1 ms", "99.9 ms", "5,004 ms"]);
    }
}
