//! Whether all is well, in words that tell the way out: looked at when a person asks, and never on the way of a request.

mod machine;

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::backups::LastBackups;
use super::figures::date;
use super::{KeyRefused, LastUse, OldSecret, Refused, Services, Worlds};
use crate::domain::{Key, KeyId, Role, Secret, StaffListed};

const DAY: i64 = super::DAY_SECONDS;
/// A key that nothing has used for so long is looked at.
const UNUSED_AFTER: i64 = 90 * DAY;
/// A backup that is older is looked at.
const BACKUP_OLD_AFTER: i64 = 2 * DAY;
/// A hash that takes longer is felt at each first request of a key, and while somebody guesses.
const HASH_SLOW: Duration = Duration::from_millis(250);
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
        let now = self.now();
        let mut findings = match self.store.doubt() {
            // What else is found at its path is not what is open.
            Some(words) => vec![found("Files", Verdict::Wrong, words)],
            None => {
                let store = self.store.clone();
                let examined = tokio::task::spawn_blocking(move || store.examine(quick)).await;
                let examined = examined.map_err(|_| Refused::Failed)??;
                machine::findings(&examined, self.room.keep().of(examined.disk.total), now)
            }
        };
        let left = self.store.left_doubt();
        findings.extend(left.map(|why| {
            let words = format!(
                "{why}: edits wait until the server's own check has passed; where it does not, stop the server and restore a backup \
                 with `patron restore FILE`"
            );
            found("Content", Verdict::Wrong, words)
        }));
        let keys = self.access.list().await.map_err(|_| Refused::Failed)?;
        let uses = self.access.last_uses().await?;
        findings.push(rotations(&keys, &uses, now));
        findings.push(unused_keys(&keys, &uses, now));
        findings.extend(known_key(&keys, now).map(|words| found("Keys", Verdict::Wrong, words)));
        findings.push(staff(&self.staff.list().await?, now));
        findings.push(backups(&self.backups.last().await?, now));
        findings.push(erasures(self.erasures.count().await?));
        findings.extend(interrupted(&self.imports.interrupted().await?));
        findings.push(self.hashing().await);
        Ok(findings)
    }

    /// Why the file must not be served to others: a key opens it whose secret everybody knows. The error is the store's.
    pub async fn known_key(&self) -> Result<Option<String>, KeyRefused> {
        Ok(known_key(&self.access.list().await?, self.now()))
    }

    /// Whether another process serves the file.
    pub fn is_served(&self) -> bool {
        self.store.is_served_by_another()
    }

    /// Lets commands on the same file know where this server is reached. Without that they name the default.
    pub fn announce(&self, address: &str) {
        if let Err(error) = self.store.announce(address) {
            tracing::warn!(%error, "commands will not know the address of this server");
        }
    }

    /// Where another process that serves the file is reached, as far as it has said so.
    pub fn served_at(&self) -> Option<String> {
        self.store.served_at()
    }

    async fn hashing(&self) -> Finding {
        let began = Instant::now();
        self.access.hash_for_nothing(Secret::given("what a hash costs".into())).await;
        let took = began.elapsed();
        let words = format!("a secret takes {} to verify the first time", machine::shown(took));
        if took < HASH_SLOW {
            found("argon2", Verdict::Fine, words)
        } else {
            let words = format!("{words}: this machine is slow or busy, and so is each first request of a key");
            found("argon2", Verdict::Look, words)
        }
    }
}

/// Nothing, where no import was: most houses have none.
fn interrupted(imports: &[i64]) -> Option<Finding> {
    let [first, rest @ ..] = imports else { return None };
    let more = if rest.is_empty() { String::new() } else { format!(", and {} more,", rest.len()) };
    let words = format!(
        "import {first}{more} was interrupted: `patron import resume {first}` goes on with it, `undo` takes it back"
    );
    Some(found("Imports", Verdict::Look, words))
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

/// Nothing, where the file was not made by an emulator.
fn known_key(keys: &[Key], now: i64) -> Option<String> {
    keys.iter().find(|key| Worlds::is_known(&key.id) && key.is_live(now))?;
    Some(format!(
        "{0} is the emulator's, whose secret everybody knows: `patron key revoke {0}`, or leave this file to tests",
        Worlds::KEY_ID
    ))
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

fn erasures((all, due): (u64, u64)) -> Finding {
    match (all, due) {
        (0, _) => found("Erasures", Verdict::Fine, "nobody was erased"),
        (_, 0) => found("Erasures", Verdict::Fine, format!("of {all} that were made nothing is left in the files")),
        _ => {
            let words = format!(
                "of {due} something may be left in the files: a server that runs takes it away, when nobody reads what is older"
            );
            found("Erasures", Verdict::Look, words)
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_only_some_are_named() {
        let names = |count: usize| named((1..=count).map(|number| number.to_string()).collect());
        assert_eq!([1, 3, 5].map(names), ["1", "1, 2, 3", "1, 2, 3 and 2 more"]);
    }
}
