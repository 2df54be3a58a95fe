//! A time on a page: UTC in the text, marked as such; a script rewrites it to the reader's hours.

use std::time::{Duration, UNIX_EPOCH};

/// A Unix second, to be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment(pub(crate) i64);

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

const MONTHS_IN_FULL: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const WEEKDAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

impl Moment {
    /// `23 Nov 2026`
    pub(crate) fn day(self) -> String {
        let (date, _) = self.parts();
        self.element("day", &format!("{} {}", day_and_month(&date), &date[..4]))
    }

    /// `23 Nov 2026 11:02 UTC`
    pub(crate) fn minute(self) -> String {
        let (date, time) = self.parts();
        self.element("minute", &format!("{} {} {} UTC", day_and_month(&date), &date[..4], &time[..5]))
    }

    /// `23 Nov 11:02:37 UTC`
    pub(crate) fn second(self) -> String {
        let (date, time) = self.parts();
        self.element("second", &format!("{} {time} UTC", day_and_month(&date)))
    }

    /// How far off it is, either way: `6 days`, `an hour`.
    pub(crate) fn away(self, now: i64) -> String {
        const MINUTE: u64 = 60;
        const HOUR: u64 = 60 * MINUTE;
        const DAY: u64 = 24 * HOUR;
        match self.0.abs_diff(now) {
            ..=119 => "a minute".to_owned(),
            seconds @ ..HOUR => format!("{} minutes", seconds / MINUTE),
            seconds if seconds < 2 * HOUR => "an hour".to_owned(),
            seconds if seconds < 2 * DAY => format!("{} hours", seconds / HOUR),
            // To the nearest: a key for 30 days ends in 30 days for half of its first day.
            seconds => format!("{} days", (seconds + DAY / 2) / DAY),
        }
    }

    /// `23 Nov`, for a day that is one in UTC.
    pub(crate) fn short_day(self) -> String {
        day_and_month(&self.parts().0)
    }

    /// `Monday 23 November`
    pub(crate) fn weekday(self) -> String {
        // 1970 began on a Thursday.
        let day = usize::try_from((self.0.div_euclid(86_400) + 3).rem_euclid(7)).unwrap_or_default();
        let (date, _) = self.parts();
        let month = date[5..7].parse().ok().and_then(|month: usize| MONTHS_IN_FULL.get(month.wrapping_sub(1)));
        let text = format!("{} {} {}", WEEKDAYS[day], date[8..].trim_start_matches('0'), month.unwrap_or(&""));
        self.element("weekday", &text)
    }

    fn element(self, precision: &str, text: &str) -> String {
        let (date, time) = self.parts();
        format!(r#"<time datetime="{date}T{time}Z" data-as="{precision}" title="{date} {time} UTC">{text}</time>"#)
    }

    /// `2026-11-23` and `11:02:37`. What is before 1970 or after 9999 is not shown as anything else.
    fn parts(self) -> (String, String) {
        const LAST: u64 = 253_402_300_799;
        let since_1970 = Duration::from_secs(u64::try_from(self.0).unwrap_or_default().min(LAST));
        let text = humantime::format_rfc3339_seconds(UNIX_EPOCH + since_1970).to_string();
        let (date, time) = text.split_once('T').unwrap_or((&text, "00:00:00Z"));
        (date.to_owned(), time.trim_end_matches('Z').to_owned())
    }
}

fn day_and_month(date: &str) -> String {
    let month = date[5..7].parse().ok().and_then(|month: usize| MONTHS.get(month.wrapping_sub(1)));
    format!("{} {}", date[8..].trim_start_matches('0'), month.unwrap_or(&""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_shown_in_utc_and_marked_so() {
        let moment = Moment(1_582_033_731);
        let start = r#"<time datetime="2020-02-18T13:48:51Z" data-as=""#;
        assert_eq!(
            moment.minute(),
            format!(r#"{start}minute" title="2020-02-18 13:48:51 UTC">18 Feb 2020 13:48 UTC</time>"#)
        );
        assert!(moment.day().ends_with(">18 Feb 2020</time>"));
        assert!(moment.second().ends_with(">18 Feb 13:48:51 UTC</time>"));
        assert!(moment.weekday().ends_with(">Tuesday 18 February</time>"));
        assert!(Moment(0).weekday().ends_with(">Thursday 1 January</time>"));
        assert_eq!(moment.short_day(), "18 Feb");
        assert!(Moment(-5).day().ends_with(">1 Jan 1970</time>"));
        assert!(Moment(i64::MAX).day().ends_with(">31 Dec 9999</time>"));
    }

    #[test]
    fn what_is_far_off_is_said_roughly() {
        let away = |seconds: i64| Moment(1_000_000 + seconds).away(1_000_000);
        assert_eq!([0, 119, 120, 3_599].map(away), ["a minute", "a minute", "2 minutes", "59 minutes"]);
        assert_eq!([3_600, 7_200, 172_799].map(away), ["an hour", "2 hours", "47 hours"]);
        assert_eq!([172_800, 30 * 86_400 - 1, -6 * 86_400].map(away), ["2 days", "30 days", "6 days"]);
    }
}
