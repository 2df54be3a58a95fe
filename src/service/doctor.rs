//! Whether all is well, in words that tell the way out: looked at when a person asks, and never on the way of a request.

use std::collections::HashMap;
use std::time::{Duration, Instant, UNIX_EPOCH};

use super::backups::LastBackups;
use super::{LastUse, OldSecret, Refused, Services};
use crate::domain::{Key, KeyId, Role, Secret};
use crate::store::{Examined, StaffListed};

const DAY: i64 = super::DAY_SECONDS;
/// A key that nothing has used for so long is looked at.
const UNUSED_AFTER: i64 = 90 * DAY;
/// A backup that is older is looked at.
const BACKUP_OLD_AFTER: i64 = 2 * DAY;
/// Room that edits need for a while, in bytes; and below which there is hardly any.
const ROOM: u64 = 256 * 1024 * 1024;
const ROOM_LEAST: u64 = 64 * 1024 * 1024;
/// A log that is larger is held up by somebody.
const LOG_MAX: u64 = 64 * 1024 * 1024;
/// A sync that takes longer is felt in each edit.
const SYNC_SLOW: Duration = Duration::from_millis(20);
/// No disk is as fast as this: what is synced so is not on one.
const SYNC_UNLIKELY: Duration = Duration::from_micros(10);
/// A hash that takes longer is felt at each first request of a key, and while somebody guesses.
const HASH_SLOW: Duration = Duration::from_millis(250);
/// 2020: no clock that is right says less.
const CLOCK_LEAST: i64 = 1_577_836_800;
/// How many of a kind are named.
const NAMED: usize = 3;

/// How something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// As it should be.
    Fine,
    /// Somebody should look at it some time.
    Look,
    /// Somebody should do something now.
    Wrong,
}

impl Verdict {
    /// In words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fine => "ok",
            Self::Look => "look at this",
            Self::Wrong => "wrong",
        }
    }
}

/// One thing that was looked at.
#[derive(Clone, Debug)]
pub struct Finding {
    /// What it is.
    pub what: &'static str,
    /// How it is.
    pub verdict: Verdict,
    /// What was found, and what to do where something is to be done.
    pub words: String,
}

/// All findings as a text of a line each.
pub fn report(findings: &[Finding]) -> String {
    let line = |finding: &Finding| {
        let Finding { what, verdict, words } = finding;
        format!("{:<13} {what:<12} {words}", verdict.as_str())
    };
    findings.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn found(what: &'static str, verdict: Verdict, words: impl Into<String>) -> Finding {
    Finding { what, verdict, words: words.into() }
}

impl Services {
    /// Looks at everything; `quick` leaves out the reading of every page. One at a time: whoever comes second is told that it is
    /// busy.
    pub async fn examine(&self, quick: bool) -> Result<Vec<Finding>, Refused> {
        let _only = self.examining.try_lock().map_err(|_| Refused::Busy)?;
        let store = self.store.clone();
        let examined = tokio::task::spawn_blocking(move || store.examine(quick)).await;
        let examined = examined.map_err(|_| Refused::Failed)??;
        let now = self.now();
        let mut findings = vec![
            found("SQLite", Verdict::Fine, examined.sqlite),
            settings(&examined),
            integrity(&examined),
            log(&examined),
            disk(&examined),
            syncs(&examined),
            clock(&examined, now),
            files(&examined),
        ];
        let keys = self.access.list().await.map_err(|_| Refused::Failed)?;
        let uses = self.access.last_uses().await?;
        findings.push(rotations(&keys, &uses, now));
        findings.push(unused_keys(&keys, &uses, now));
        findings.push(staff(&self.staff.list().await?, now));
        findings.push(backups(&self.backups.last().await?, now));
        findings.push(self.hashing().await);
        Ok(findings)
    }

    async fn hashing(&self) -> Finding {
        let began = Instant::now();
        self.access.hash_for_nothing(Secret::given("what a hash costs".into())).await;
        let took = began.elapsed();
        let words = format!("a secret takes {} to verify the first time", shown(took));
        if took < HASH_SLOW {
            found("argon2", Verdict::Fine, words)
        } else {
            let words = format!("{words}: this machine is slow or busy, and so is each first request of a key");
            found("argon2", Verdict::Look, words)
        }
    }
}

fn rotations(keys: &[Key], uses: &HashMap<KeyId, LastUse>, now: i64) -> Finding {
    let pending = keys.iter().filter(|key| key.is_live(now));
    let pending: Vec<(&Key, i64)> =
        pending.filter_map(|key| Some((key, key.previous.as_ref()?.1))).filter(|(_, ends_at)| now < *ends_at).collect();
    let uses_old = |(key, ends_at): &&(&Key, i64)| {
        let used_at = uses.get(&key.id).and_then(|last| last.previous);
        used_at.is_some_and(|at| at > ends_at - OldSecret::A_DAY)
    };
    let late: Vec<String> = pending.iter().filter(uses_old).map(|(key, at)| until(key, *at)).collect();
    let all = pending.iter().map(|(key, at)| until(key, *at)).collect();
    match (pending.is_empty(), late.is_empty()) {
        (true, _) => found("Rotations", Verdict::Fine, "none is pending"),
        (_, true) => found("Rotations", Verdict::Fine, format!("two secrets work for {}", named(all))),
        _ => found(
            "Rotations",
            Verdict::Look,
            format!("the old secret is still in use of {}: give its application the new one before", named(late)),
        ),
    }
}

fn unused_keys(keys: &[Key], uses: &HashMap<KeyId, LastUse>, now: i64) -> Finding {
    let live: Vec<&Key> = keys.iter().filter(|key| key.is_live(now)).collect();
    let is_unused = |key: &&&Key| {
        let used_at = uses.get(&key.id).and_then(LastUse::any);
        used_at.unwrap_or(key.created_at) < now - UNUSED_AFTER
    };
    let unused: Vec<String> = live.iter().filter(is_unused).map(|key| name(key)).collect();
    if unused.is_empty() {
        found("Keys", Verdict::Fine, format!("{} work, each used within 90 days or new", live.len()))
    } else {
        let words = format!("not used for 90 days: {}; end what nobody needs, `patron key revoke ID`", named(unused));
        found("Keys", Verdict::Look, words)
    }
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
        Some([]) => found("Integrity", Verdict::Fine, "every page is well-formed; `patron check` also reads histories"),
        Some([first, ..]) => {
            let words = format!("{first}: stop the server, and restore a backup with `patron restore FILE`");
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

fn disk(examined: &Examined) -> Finding {
    let free = format!("{} free", size(examined.free));
    if examined.free < ROOM_LEAST {
        found("Disk", Verdict::Wrong, format!("{free}: make room now; without it, edits are refused"))
    } else if examined.free < examined.bytes + ROOM {
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

fn staff(listed: &[StaffListed], now: i64) -> Finding {
    let able: Vec<&StaffListed> =
        listed.iter().filter(|each| each.staff.disabled_at.is_none() && each.staff.password.is_some()).collect();
    let owners = able.iter().filter(|each| each.staff.role == Role::Owner).count();
    let never = listed.iter().filter(|each| {
        each.staff.disabled_at.is_none()
            && each.staff.password.is_none()
            && each.link_ends_at.is_none_or(|ends_at| ends_at <= now)
    });
    let never: Vec<String> = never.map(|each| each.staff.email.as_str().to_owned()).collect();
    if owners == 0 {
        let words = "no owner can sign in; `patron staff add EMAIL --role owner` makes one";
        found("Staff", Verdict::Look, words)
    } else if !never.is_empty() {
        let words =
            format!("invited, and never came: {}; send a new link or disable them, on the Staff page", named(never));
        found("Staff", Verdict::Look, words)
    } else {
        found("Staff", Verdict::Fine, format!("{} can sign in, {owners} as owner", able.len()))
    }
}

fn backups(last: &LastBackups, now: i64) -> Finding {
    let good = last.verified.as_ref().map(|backup| format!("{}, {}", date(backup.at), backup.path.display()));
    if let Some(failed) = &last.failed {
        let good = good.map_or("there is no good one".to_owned(), |good| format!("the last good one is of {good}"));
        return found("Backup", Verdict::Wrong, format!("failed {}: {}; {good}", date(failed.at), failed.why));
    }
    let (Some(backup), Some(good)) = (&last.verified, good) else {
        let words = "never; start the server with --backup-dir, on another disk than the database's";
        return found("Backup", Verdict::Look, words);
    };
    if backup.path.try_exists().is_ok_and(|is_there| !is_there) {
        found("Backup", Verdict::Look, format!("{good}: it is not there any more; make another"))
    } else if backup.at < now - BACKUP_OLD_AFTER {
        found("Backup", Verdict::Look, format!("{good}: that is long ago; --backup-dir makes them on time"))
    } else {
        found("Backup", Verdict::Fine, format!("verified {good}"))
    }
}

fn name(key: &Key) -> String {
    if key.label.is_empty() { key.id.as_str().to_owned() } else { format!("{} ({})", key.label, key.id.as_str()) }
}

fn until(key: &Key, ends_at: i64) -> String {
    format!("{} until {}", name(key), date(ends_at))
}

/// Some of many, and how many more.
fn named(mut all: Vec<String>) -> String {
    let more = all.len().saturating_sub(NAMED);
    all.truncate(NAMED);
    if more > 0 { format!("{} and {more} more", all.join(", ")) } else { all.join(", ") }
}

fn size(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{} KB", bytes.div_ceil(1_000)),
        1_000_000..10_000_000_000 => format!("{} MB", bytes / 1_000_000),
        _ => format!("{} GB", bytes / 1_000_000_000),
    }
}

fn shown(time: Duration) -> String {
    let micros = time.as_micros();
    if micros < 1_000 { format!("{micros} µs") } else { format!("{}.{} ms", micros / 1_000, micros % 1_000 / 100) }
}

fn date(at: i64) -> String {
    const LAST: u64 = 253_402_300_799;
    let since_1970 = Duration::from_secs(u64::try_from(at).unwrap_or_default().min(LAST));
    humantime::format_rfc3339_seconds(UNIX_EPOCH + since_1970).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn examined() -> Examined {
        Examined {
            sqlite: "3",
            pragmas: vec![("journal_mode", "wal".into(), "wal"), ("synchronous", "2".into(), "2")],
            faults: Some(Vec::new()),
            bytes: 1_000_000_000,
            log_bytes: 0,
            free: 10_000_000_000,
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
        let free = |free| disk(&Examined { free, ..examined() });
        says(free(ROOM_LEAST - 1), Verdict::Wrong, "67 MB free: make room now");
        says(free(ROOM_LEAST), Verdict::Look, "too little to restore a backup beside the database");
        says(free(1_000_000_000 + ROOM), Verdict::Fine, "1268 MB free");
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
        says(long(500_000_000), Verdict::Fine, "1000 MB and a log of 500 MB");
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

    #[test]
    fn of_many_only_some_are_named() {
        let names = |count: usize| named((1..=count).map(|number| number.to_string()).collect());
        assert_eq!([1, 3, 5].map(names), ["1", "1, 2, 3", "1, 2, 3 and 2 more"]);
    }
}
