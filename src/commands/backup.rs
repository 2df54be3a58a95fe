//! `patron backup`: a copy that was read again, also beside a server.

use std::path::Path;

use patron::domain::NotCopied;
use patron::service::KeepFree;
use patron::store::Use;
use serde::Serialize;

use super::{Done, copying_bar, damaged, found, print, way_out, with_room};
use crate::config;

#[derive(Serialize)]
struct Made<'a> {
    file: &'a Path,
    bytes: u64,
    customers: Customers,
    revisions: u64,
    blake2b: &'a str,
}

#[derive(Serialize)]
struct Customers {
    live: u64,
    test: u64,
}

pub fn run(db: &Path, keep: KeepFree, settings: &config::Backup) -> Done {
    let file = &settings.file;
    with_room(db, Use::Read, keep, async |services| {
        let (bar, progress) = copying_bar();
        let copied = services.backups.make(file, progress);
        bar.finish_and_clear();
        let copied = copied.map_err(|why| match why {
            NotCopied::Damaged(faults) => damaged(db, &faults, way_out(&faults)),
            why => why.to_string(),
        })?;
        if settings.json {
            let customers = Customers { live: copied.live, test: copied.test };
            let (bytes, revisions, blake2b) = (copied.bytes, copied.revisions, copied.digest.as_str());
            let json = serde_json::to_string(&Made { file, bytes, customers, revisions, blake2b });
            return print(&json.map_err(|error| error.to_string())?);
        }
        print(&format!("{} is backed up to {}.\n{}", db.display(), file.display(), found(&copied)))?;
        // Of this file alone: not even a copy of the same rows has the same.
        print(&format!("BLAKE2b-512 {}", copied.digest))
    })
}
