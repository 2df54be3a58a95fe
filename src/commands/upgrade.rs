//! `patron upgrade`: what this binary does to the file of an older one, told before and done after a copy.

use std::path::Path;
use std::time::Duration;

use patron::service::figures::size;
use patron::service::{Ambient, KeepFree, back_up_as_it_is, try_upgrade};
use patron::store::{Ahead, Store, Use, look_ahead};
use serde::Serialize;

use super::{Done, confirmed, copying_bar, date, not_copied, print};
use crate::config;

pub fn run(db: &Path, keep: KeepFree, settings: &config::Upgrade) -> Done {
    let ahead = look_ahead(db).map_err(|unusable| unusable.to_string())?;
    if settings.check { check(db, keep, settings, &ahead) } else { upgrade(db, keep, settings, &ahead) }
}

fn check(db: &Path, keep: KeepFree, settings: &config::Upgrade, ahead: &Ahead) -> Done {
    let tries = !settings.quick && !ahead.steps.is_empty() && ahead.has_room_for_a_copy(keep.on(db));
    let took = if tries { Some(tried(db, keep)?) } else { None };
    if settings.json {
        let json = serde_json::to_string(&Told::of(db, ahead, took));
        return print(&json.map_err(|error| error.to_string())?);
    }
    print(&told(db, keep, ahead, took))
}

fn upgrade(db: &Path, keep: KeepFree, settings: &config::Upgrade, ahead: &Ahead) -> Done {
    print(&told(db, keep, ahead, None))?;
    if ahead.steps.is_empty() {
        return Ok(());
    }
    if ahead.is_served {
        return Err("a server has the database; stop it first, then run this again; nothing was changed".into());
    }
    if !settings.no_backup && !ahead.has_room_for_a_copy(keep.on(db)) {
        return Err(
            "there is no room for a copy beside the database; make room, or say --no-backup where another copy is \
                    known to be good; nothing was changed"
                .into(),
        );
    }
    let otherwise = "an older patron cannot use the database afterwards";
    confirmed("An older patron cannot use the database afterwards. Upgrade it?", settings.yes, otherwise)?;
    if !settings.no_backup {
        let (bar, progress) = copying_bar();
        let copy = back_up_as_it_is(db, &Ambient::of_system(), keep, progress);
        bar.finish_and_clear();
        let copy = copy.map_err(|why| not_copied(why, db, "nothing was changed; restore a backup made before"))?;
        print(&format!(
            "It is copied as it is to {0}; `patron restore {0}` with the older patron goes back.",
            copy.display()
        ))?;
    }
    // As a start of the server does it.
    let store = Store::open(db, Use::Serve).map_err(|unusable| unusable.to_string())?;
    store.close();
    print(&format!("{} has schema {} now.", db.display(), ahead.newest))
}

/// How long the steps took on a copy.
fn tried(db: &Path, keep: KeepFree) -> Result<Duration, String> {
    let (bar, progress) = copying_bar();
    let took = try_upgrade(db, keep, progress);
    bar.finish_and_clear();
    took.map_err(|why| not_copied(why, db, "the upgrade would not go well; restore a backup made before"))
}

fn told(db: &Path, keep: KeepFree, ahead: &Ahead, took: Option<Duration>) -> String {
    let Ahead { schema, newest, steps, bytes, disk, is_served, backup } = ahead;
    let mut lines = vec![format!("{} has schema {schema}; this patron, {}, has {newest}.", db.display(), version())];
    if steps.is_empty() {
        lines.push("There is nothing to upgrade.".into());
        return lines.join("\n");
    }
    lines.push("A start of it, or `patron upgrade`, takes these steps, each whole or not at all:".into());
    lines.extend(steps.iter().map(|(to, words)| format!("  to {to}: {words}")));
    lines.push(format!("The file and its log have {}; {} are free on the disk.", size(*bytes), size(disk.free)));
    lines.push(match took {
        Some(took) => {
            format!("Tried on a copy, which was whole afterwards and is removed: the steps took {}.", shown(took))
        }
        None if ahead.has_room_for_a_copy(keep.on(db)) => "It was not tried on a copy.".into(),
        None => "There is no room to try it on a copy: make room before.".into(),
    });
    lines.push(match backup {
        Some(backup) if backup.path.exists() => {
            format!("The last backup that it knows of was made {}: {}.", date(backup.at), backup.path.display())
        }
        Some(backup) => {
            format!("The last backup that it knows of is not in its place any more: {}.", backup.path.display())
        }
        None => "It knows of no backup; `patron upgrade` makes a copy before.".into(),
    });
    lines.push(match is_served {
        true => "A server has it: stop that one before, since an older one does not know the new schema.".into(),
        false => "No server has it.".into(),
    });
    lines.push("An older patron cannot use it afterwards.".into());
    lines.join("\n")
}

fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

fn shown(took: Duration) -> String {
    format!("{:.2} seconds", took.as_secs_f64())
}

/// The same for programs.
#[derive(Serialize)]
struct Told<'a> {
    file: &'a Path,
    patron: &'static str,
    schema: usize,
    newest: usize,
    steps: Vec<Step>,
    bytes: u64,
    free: u64,
    served: bool,
    backup: Option<Known<'a>>,
    tried_seconds: Option<f64>,
}

#[derive(Serialize)]
struct Step {
    to: usize,
    does: &'static str,
}

#[derive(Serialize)]
struct Known<'a> {
    at: i64,
    file: &'a Path,
    exists: bool,
}

impl<'a> Told<'a> {
    fn of(file: &'a Path, ahead: &'a Ahead, took: Option<Duration>) -> Self {
        let Ahead { schema, newest, bytes, disk, is_served, .. } = *ahead;
        let backup = ahead.backup.as_ref();
        Self {
            file,
            patron: version(),
            schema,
            newest,
            steps: ahead.steps.iter().map(|&(to, does)| Step { to, does }).collect(),
            bytes,
            free: disk.free,
            served: is_served,
            backup: backup.map(|known| Known { at: known.at, file: &known.path, exists: known.path.exists() }),
            tried_seconds: took.map(|took| took.as_secs_f64()),
        }
    }
}
