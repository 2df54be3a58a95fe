//! What the doctor finds of the file and of the machine it is on.

use std::time::Duration;

use super::{Finding, Verdict, found};
use crate::domain::REINDEX;
use crate::service::figures::{date, size};
use crate::store::Examined;

/// Room that edits need for a while, in bytes; and below which there is hardly any.
const ROOM: u64 = 256 * 1024 * 1024;
const ROOM_LEAST: u64 = 64 * 1024 * 1024;
/// A log that is larger is held up by somebody.
const LOG_MAX: u64 = 64 * 1024 * 1024;
/// A sync that takes longer is felt in each edit.
const SYNC_SLOW: Duration = Duration::from_millis(20);
/// No disk is as fast as this: what is synced so is not on one.
const SYNC_UNLIKELY: Duration = Duration::from_micros(10);
/// 2020: no clock that is right says less.
const CLOCK_LEAST: i64 = 1_577_836_800;

/// All of it; `least` is how much of the disk imports, seeds and backups leave free.
pub(super) fn findings(examined: &Examined, least: u64, now: i64) -> Vec<Finding> {
    vec![
        found("SQLite", Verdict::Fine, examined.sqlite),
        settings(examined),
        integrity(examined),
        log(examined),
        disk(examined, least),
        syncs(examined),
        clock(examined, now),
        files(examined),
    ]
}

fn settings(examined: &Examined) -> Finding {
    let other: Vec<String> = examined
        .pragmas
        .iter()
        .filter(|(_, is, wanted)| is != wanted)
        .map(|(name, is, wanted)| format!("{name} is {is}, not {wanted}"))
        .collect();
    match other.as_slice() {
        [] => {
            let all: Vec<String> = examined.pragmas.iter().map(|(name, is, _)| format!("{name}={is}")).collect();
            found("Settings", Verdict::Fine, all.join(" "))
        }
        // As after a restore.
        [one] if one.starts_with("journal_mode is delete") => {
            found("Settings", Verdict::Look, "the file is not in WAL mode; the next start of `patron` sees to that")
        }
        others => found(
            "Settings",
            Verdict::Wrong,
            format!("{}: an edit may be lost; put the file on a disk of this machine", others.join(", ")),
        ),
    }
}

fn integrity(examined: &Examined) -> Finding {
    match examined.faults.as_deref() {
        None => found("Integrity", Verdict::Fine, "not looked at with --quick; `patron check` reads everything"),
        Some([]) => found(
            "Integrity",
            Verdict::Fine,
            "every page is well-formed; `patron check` also reads histories and the search",
        ),
        Some(faults @ [first, ..]) => {
            let words = match faults.iter().find(|fault| !fault.is_of_index()) {
                Some(other) => format!("{other}: stop the server, and restore a backup with `patron restore FILE`"),
                None => format!("{first}: {REINDEX}"),
            };
            found("Integrity", Verdict::Wrong, words.replace('\n', " "))
        }
    }
}

fn log(examined: &Examined) -> Finding {
    let sizes = format!("{} and a log of {}", size(examined.bytes), size(examined.log_bytes));
    if examined.log_bytes > LOG_MAX.max(examined.bytes / 2) {
        let words = format!("{sizes}: somebody reads for so long that it cannot begin anew; end that program");
        found("Size", Verdict::Look, words)
    } else {
        found("Size", Verdict::Fine, sizes)
    }
}

fn disk(examined: &Examined, least: u64) -> Finding {
    let reserve = match examined.reserved {
        0 => "no reserve for a full disk: a server sets it aside where there is room".to_owned(),
        bytes => format!("a reserve of {} for a full disk", size(bytes)),
    };
    let free = format!("{} free, {reserve}", size(examined.disk.free));
    if examined.disk.free < ROOM_LEAST {
        found("Disk", Verdict::Wrong, format!("{free}: make room now; without it, edits are refused"))
    } else if examined.disk.free < least {
        let words =
            format!("{free}; imports, seeds and backups are refused while less than {} is: make room", size(least));
        found("Disk", Verdict::Look, words)
    } else if examined.disk.free < examined.bytes + ROOM {
        found("Disk", Verdict::Look, format!("{free}: too little to restore a backup beside the database; make room"))
    } else {
        found("Disk", Verdict::Fine, free)
    }
}

fn syncs(examined: &Examined) -> Finding {
    let times = match &examined.syncs {
        Ok(times) => times,
        Err(why) => {
            return found("Sync", Verdict::Look, format!("nothing could be written beside the database: {why}"));
        }
    };
    let at = |index: usize| times.get(index).copied().unwrap_or_default();
    let (middle, longest) = (at(times.len() / 2), at(times.len().saturating_sub(1)));
    let words = format!("a page is on the disk after {}, at worst {}", shown(middle), shown(longest));
    if middle < SYNC_UNLIKELY {
        let words = format!("{words}: no disk is so fast, so a power cut may lose edits; use a disk that keeps them");
        found("Sync", Verdict::Look, words)
    } else if middle > SYNC_SLOW {
        found("Sync", Verdict::Look, format!("{words}: each edit waits for that; use a faster disk"))
    } else {
        found("Sync", Verdict::Fine, words)
    }
}

fn clock(examined: &Examined, now: i64) -> Finding {
    let is = format!("it is {}", date(now));
    if let Some(newest) = examined.newest.filter(|newest| now + 60 < *newest) {
        let words =
            format!("{is}, before the newest edit of {}: set the clock, and keep it right by NTP", date(newest));
        found("Clock", Verdict::Wrong, words)
    } else if now < CLOCK_LEAST {
        found("Clock", Verdict::Wrong, format!("{is}: set the clock, and keep it right by NTP"))
    } else if let Some(disk) = examined.disk_time.filter(|disk| disk.abs_diff(now) > 5) {
        found("Clock", Verdict::Look, format!("{is}, and by the disk's clock {}: find out which is right", date(disk)))
    } else {
        found("Clock", Verdict::Fine, is)
    }
}

fn files(examined: &Examined) -> Finding {
    let open: Vec<String> = examined
        .modes
        .iter()
        .filter(|(_, mode)| mode & 0o077 != 0)
        .map(|(path, mode)| format!("{} ({mode:04o})", path.display()))
        .collect();
    if open.is_empty() {
        return found("Files", Verdict::Fine, "for their owner alone (0600)");
    }
    let words = format!("other users of this machine may use {}; `chmod 600` each", open.join(", "));
    found("Files", Verdict::Wrong, words)
}

/// A short time as `159 µs` or `16.1 ms`.
pub(super) fn shown(time: Duration) -> String {
    let micros = time.as_micros();
    if micros < 1_000 { format!("{micros} µs") } else { format!("{}.{} ms", micros / 1_000, micros % 1_000 / 100) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Disk;

    fn examined() -> Examined {
        Examined {
            sqlite: "3",
            pragmas: vec![("journal_mode", "wal".into(), "wal"), ("synchronous", "2".into(), "2")],
            faults: Some(Vec::new()),
            bytes: 1_000_000_000,
            log_bytes: 0,
            disk: Disk { free: 10_000_000_000, total: 100_000_000_000 },
            reserved: 16 << 20,
            syncs: Ok(vec![Duration::from_millis(1); 3]),
            disk_time: None,
            newest: None,
            modes: Vec::new(),
        }
    }

    #[track_caller]
    fn says(found: Finding, verdict: Verdict, words: &str) {
        assert!(found.verdict == verdict && found.words.contains(words), "{found:?}");
    }

    #[test]
    fn a_disk_is_judged_by_what_edits_and_a_restore_need() {
        let total = examined().disk.total;
        let free = |free| disk(&Examined { disk: Disk { free, total }, ..examined() }, 200_000_000);
        says(free(ROOM_LEAST - 1), Verdict::Wrong, ": make room now; without it, edits are refused");
        says(free(200_000_000 - 1), Verdict::Look, "imports, seeds and backups are refused while less than 200 MB is");
        says(free(200_000_000), Verdict::Look, "too little to restore a backup beside the database");
        says(free(1_000_000_000 + ROOM), Verdict::Fine, "1,268 MB free, a reserve of 16 MB for a full disk");
    }

    #[test]
    fn a_sync_is_neither_too_slow_nor_too_good_to_be_true() {
        let took = |micros| syncs(&Examined { syncs: Ok(vec![Duration::from_micros(micros); 3]), ..examined() });
        says(took(9), Verdict::Look, "after 9 µs, at worst 9 µs: no disk is so fast");
        says(took(10), Verdict::Fine, "after 10 µs");
        says(took(20_000), Verdict::Fine, "after 20.0 ms");
        says(took(20_001), Verdict::Look, "each edit waits for that");
        let cannot = Examined { syncs: Err("read-only".into()), ..examined() };
        says(syncs(&cannot), Verdict::Look, "nothing could be written beside the database: read-only");
    }

    #[test]
    fn a_log_that_cannot_begin_anew_and_settings_that_lose_edits_are_told_of() {
        let long = |log_bytes| log(&Examined { log_bytes, ..examined() });
        says(long(500_000_000), Verdict::Fine, "1,000 MB and a log of 500 MB");
        says(long(500_000_001), Verdict::Look, "end that program");
        let set =
            |name, is: &str, wanted| settings(&Examined { pragmas: vec![(name, is.into(), wanted)], ..examined() });
        says(set("synchronous", "1", "2"), Verdict::Wrong, "synchronous is 1, not 2: an edit may be lost");
        says(set("journal_mode", "delete", "wal"), Verdict::Look, "the next start of `patron` sees to that");
        says(settings(&examined()), Verdict::Fine, "journal_mode=wal synchronous=2");
    }

    #[test]
    fn a_clock_before_its_time_is_wrong() {
        says(clock(&examined(), CLOCK_LEAST - 1), Verdict::Wrong, "set the clock");
        says(clock(&examined(), CLOCK_LEAST), Verdict::Fine, "it is 2020-01-01T00:00:00Z");
        let newest = Some(CLOCK_LEAST + 60);
        says(clock(&Examined { newest, ..examined() }, CLOCK_LEAST), Verdict::Fine, "it is");
    }
}
