//! `patron restore`: a backup in the place of the database.

use std::path::Path;

use patron::service::{Ambient, restore};
use patron::store::is_plain_copy;

use super::{Done, copying_bar, found, leaving_nothing, not_copied, note, print};
use crate::config;

pub fn run(db: &Path, settings: &config::Restore) -> Done {
    let restored = leaving_nothing(db, |_| {
        let (bar, progress) = copying_bar();
        let restored = restore(&settings.file, db, settings.erasures.as_deref(), &Ambient::of_system(), progress);
        bar.finish_and_clear();
        restored.map_err(|why| not_copied(why, &settings.file, "restore another backup"))
    })?;
    print(&format!("{} is restored from {}.\n{}", db.display(), settings.file.display(), found(&restored.copied)))?;
    if is_plain_copy(&settings.file) {
        note(&format!(
            "Warning: {} is a plain copy of a database and not a backup. If it was copied while the database was in use, the edits \
             that were only in its -wal are missing. Files of `patron backup` and `litestream restore` are complete.",
            settings.file.display()
        ));
    }
    if let Some(aside) = restored.aside {
        print(&format!("The file before is kept as {}.", aside.display()))?;
    }
    match restored.erasures {
        (0, _) => print("No erasure is known of: whoever was erased since the backup was made is back.")?,
        (known, again) => {
            print(&format!("Of {known} customers that are known to be erased the backup had {again}, erased again."))?
        }
    }
    if restored.imports != (0, 0) {
        let (imports, rows) = restored.imports;
        print(&format!(
            "Imports may hold somebody who was erased since: those that were not applied are dropped ({imports}), and rows of the \
             others are emptied ({rows}). Import what you still need again.",
        ))?;
    }
    print(
        "Keys, staff and their passwords are those of the backup: look at `patron key list` and `patron staff list`, and end \
         again what was ended since.",
    )
}
