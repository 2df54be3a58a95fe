//! When a customer was created, in each of the forms in which files have it.

use super::mapping::Dates;

/// The first and the last second that may be given, as where the API lists by time: the year 2000, and 2120.
pub(super) const SECONDS: std::ops::RangeInclusive<i64> = 946_684_800..=4_765_046_400;
/// What India's clocks are ahead of UTC, in seconds.
const INDIA: i64 = (5 * 60 + 30) * 60;

/// Unix seconds of a time, which is one of: Unix seconds; RFC 3339, as `2020-02-18T13:48:51Z` or with an offset, also `+0530`;
/// `2020-02-18 13:48:51`, `2020-02-18 13:48` or `2020-02-18`, in UTC. By the form of its column also `18/02/2020 19:18:51`, day
/// first, as the hosted dashboard writes it, on India's clocks; `02/18/2020 13:48:51`, month first, in UTC; Unix milliseconds. A
/// comma may follow the date, and AM or PM the time. The error is a sentence without the value.
pub(super) fn parse(text: &str, dates: Dates) -> Result<i64, String> {
    let text = without_fraction(text.trim());
    let seconds = if text.bytes().all(|byte| byte.is_ascii_digit()) {
        let number: i64 = text.parse().map_err(|_| OUT_OF_SPAN.to_owned())?;
        if dates == Dates::Milliseconds { number / 1_000 } else { number }
    } else {
        let is_undecided = exchangeable(text).is_some() && !matches!(dates, Dates::DayFirst | Dates::MonthFirst);
        let words = if is_undecided {
            "The date can be day first or month first: say which for the column, with created_at:dmy or created_at:mdy."
        } else {
            "The time is none that is read: give Unix seconds, 2020-02-18T13:48:51Z, 2020-02-18 13:48:51 (UTC), or 18/02/2020 19:18:51 (IST)."
        };
        of_date(text, dates).ok_or(words)?
    };
    if SECONDS.contains(&seconds) {
        return Ok(seconds);
    }
    let is_milliseconds = SECONDS.contains(&(seconds / 1_000));
    Err(if is_milliseconds { "The time is in milliseconds: give seconds." } else { OUT_OF_SPAN }.to_owned())
}

/// The separators of a date and its time.
const BEHIND_DATE: [char; 4] = ['T', 't', ' ', ','];
const OUT_OF_SPAN: &str = "The time is before the year 2000 or after 2120.";

/// A whole number without the `.0` that pandas writes behind it, and any other text as it is.
pub(super) fn without_fraction(text: &str) -> &str {
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    text.split_once('.')
        .filter(|(whole, zeros)| is_digits(whole) && zeros.bytes().all(|zero| zero == b'0'))
        .map_or(text, |(whole, _)| whole)
}

/// Returns whether a time is read, whatever the form of its column is.
pub(super) fn is_read(text: &str) -> bool {
    [Dates::DayFirst, Dates::MonthFirst, Dates::Milliseconds].into_iter().any(|dates| parse(text, dates).is_ok())
}

/// The first two numbers of a date like `18/02/2020`, of which either may be the month.
pub(super) fn exchangeable(text: &str) -> Option<(i64, i64)> {
    let date = text.split(BEHIND_DATE).next()?;
    let [first, second, year] = ['/', '-', '.'].into_iter().find_map(|between| numbers(date, between))?;
    (first < 100 && second < 100 && year > 999).then_some((first, second))
}

fn of_date(text: &str, dates: Dates) -> Option<i64> {
    let (date, time) = text.split_once(BEHIND_DATE).map_or((text, "00:00:00"), |(date, time)| (date, time.trim()));
    if let Some((first, second)) = exchangeable(date) {
        let year = date.rsplit(['/', '-', '.']).next()?.parse().ok()?;
        return match dates {
            Dates::DayFirst => Some(days(year, second, first)? * 86_400 + of_time(time)? - INDIA),
            Dates::MonthFirst => Some(days(year, first, second)? * 86_400 + of_time(time)?),
            Dates::Plain | Dates::Milliseconds => None,
        };
    }
    let [year, month, day] = numbers(date, '-')?;
    let (time, ahead) = with_offset(time)?;
    Some(days(year, month, day)? * 86_400 + of_time(time)? - ahead)
}

/// A time without its offset, and that offset in seconds.
fn with_offset(time: &str) -> Option<(&str, i64)> {
    let time = time.strip_suffix("UTC").map_or(time, str::trim_end);
    if let Some(time) = time.strip_suffix(['Z', 'z']) {
        return Some((time, 0));
    }
    let Some(at) = time.find(['+', '-']) else { return Some((time, 0)) };
    let offset = &time[at + 1..];
    let [hours, minutes] = numbers(offset, ':').or_else(|| {
        // Salesforce writes `+0000`, and PostgreSQL `+00`.
        let [number] = numbers(offset, ':')?;
        match offset.len() {
            4 => Some([number / 100, number % 100]),
            2 => Some([number, 0]),
            _ => None,
        }
    })?;
    let ahead = (hours * 60 + minutes) * 60;
    let ahead = if time[at..].starts_with('-') { -ahead } else { ahead };
    (hours < 24 && minutes < 60).then_some((time[..at].trim_end(), ahead))
}

/// A time without the AM or PM behind it, and whether that is PM.
fn without_half(time: &str) -> (&str, Option<bool>) {
    for (half, is_pm) in [("AM", false), ("PM", true), ("a.m.", false), ("p.m.", true)] {
        let at = time.len().saturating_sub(half.len());
        if time.get(at..).is_some_and(|end| end.eq_ignore_ascii_case(half)) {
            return (time[..at].trim_end(), Some(is_pm));
        }
    }
    (time, None)
}

/// The second of the day; a fraction of a second is left out.
fn of_time(time: &str) -> Option<i64> {
    let (time, is_pm) = without_half(time);
    let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let [hour, minute, second] =
        numbers(time, ':').or_else(|| numbers(time, ':').map(|[hour, minute]| [hour, minute, 0]))?;
    let hour = match is_pm {
        Some(is_pm) if (1..=12).contains(&hour) => hour % 12 + 12 * i64::from(is_pm),
        Some(_) => return None,
        None => hour,
    };
    (hour < 24 && minute < 60 && second <= 60).then_some((hour * 60 + minute) * 60 + second)
}

/// So many numbers of up to four digits, and nothing else.
fn numbers<const COUNT: usize>(text: &str, between: char) -> Option<[i64; COUNT]> {
    let number = |part: &str| {
        let is_number = (1..=4).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| part.parse().ok())?
    };
    let numbers: Option<Vec<i64>> = text.split(between).map(number).collect();
    numbers?.try_into().ok()
}

/// Days since 1970 of a day that there is.
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let last = match month {
        2 => 28 + i64::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if year < 1_000 || !(1..=last).contains(&day) {
        return None;
    }
    // Years begin in March, so that a leap day is the last of its year.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    Some(year * 365 + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1 - 719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_read() {
        for text in [
            "1582033731",
            " 1582033731 ",
            "1582033731.0",
            "2020-02-18T13:48:51Z",
            "2020-02-18t13:48:51.999z",
            "2020-02-18T19:18:51+05:30",
            "2020-02-18T05:48:51-08:00",
            "2020-02-18 13:48:51",
            "2020-02-18 13:48:51 UTC",
            "2020-02-18T13:48:51.000+0000",
            "2020-02-18 13:48:51+00",
            "2020-02-18 19:18:51 +0530",
            "2020-02-18, 13:48:51",
            "2020-02-18,13:48:51",
            "2020-02-18 01:48:51 PM",
        ] {
            assert_eq!(parse(text, Dates::Plain), Ok(1_582_033_731), "{text}");
        }
        assert_eq!(parse("2020-02-18 13:48", Dates::Plain), Ok(1_582_033_680));
        assert_eq!(parse("2020-02-18", Dates::DayFirst), Ok(1_581_984_000));
        assert_eq!(parse("29/02/2024 05:30:00", Dates::DayFirst), Ok(1_709_164_800));
        for text in [
            "18/02/2020 19:18:51",
            "18-02-2020 19:18:51",
            "18.2.2020 19:18:51",
            "18/02/2020, 19:18:51",
            "18/02/2020, 7:18:51 p.m.",
        ] {
            assert_eq!(parse(text, Dates::DayFirst), Ok(1_582_033_731), "{text}");
            assert!(parse(text, Dates::Plain).unwrap_err().contains("created_at:dmy"), "{text}");
            assert!(parse(text, Dates::MonthFirst).is_err(), "{text}");
        }
        for text in
            ["02/18/2020 13:48:51", "2/18/2020 1:48:51 PM", "2/18/2020, 1:48:51\u{202f}pm", "2/18/2020 1:48:51PM"]
        {
            assert_eq!(parse(text, Dates::MonthFirst), Ok(1_582_033_731), "{text}");
        }
        for (text, hour) in [("12:00 AM", 0), ("12:59 am", 0), ("1:00 AM", 1), ("12:00 PM", 12), ("11:00 PM", 23)] {
            assert_eq!(of_time(text).map(|second| second / 3_600), Some(hour), "{text}");
        }
        assert_eq!(parse("1582033731999", Dates::Milliseconds), Ok(1_582_033_731));
    }

    #[test]
    fn what_is_no_time_is_refused_in_a_sentence() {
        for text in [
            "",
            "yesterday",
            "02-18-2020",
            "18.02.2020",
            "2020-13-01",
            "2019-02-29",
            "31/04/2020",
            "2020-02-18 25:00",
            "2020-02-18T10:00:00+99:00",
            "18/02/20 10:00",
            "2020-02-18 13:48:51 IST",
            "2020-02-18 13:48 PM",
            "2020-02-18 0:48 AM",
            "2020-02-18T10:00:00+530",
            "2020-02-18T10:00:00+05:3a",
        ] {
            assert!(parse(text, Dates::Plain).is_err(), "{text}");
        }
        assert_eq!(parse("1582033731000", Dates::Plain).unwrap_err(), "The time is in milliseconds: give seconds.");
        for text in ["0", "946684799", "4765046401", "99999999999999999999", "1999-12-31"] {
            assert_eq!(parse(text, Dates::Plain).unwrap_err(), OUT_OF_SPAN, "{text}");
        }
    }
}
