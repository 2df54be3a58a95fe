//! `patron seed`: plausible customers, also beside a server.

use std::cell::Cell;
use std::path::Path;

use patron::service::{KeepFree, Refused, Seed};
use patron::store::Use;

use super::{Done, counted, print, progress_bar, sentence, with_room};
use crate::config;

pub fn run(db: &Path, keep: KeepFree, settings: &config::Seed) -> Done {
    let config::Seed { count, mode, seed } = *settings;
    with_room(db, Use::Fill, keep, async |services| {
        let (bar, done) = (progress_bar(count, "customers"), Cell::new(0));
        let progress = |now| {
            bar.set_position(now);
            done.set(now);
        };
        let added = services.seed(Seed { mode, count, seed }, progress).await;
        bar.finish_and_clear();
        let added = added.map_err(|refused| match (&refused, done.get()) {
            (Refused::Full | Refused::NoRoom(_), 0) => format!("cannot seed: {}; nothing was added", sentence(refused)),
            (Refused::Full | Refused::NoRoom(_), done) => format!(
                "cannot seed more: {}; {} of {count} are done and stay, and the same command does the rest",
                sentence(refused),
                counted(done, "customer")
            ),
            _ => sentence(refused),
        })?;
        print(&format!("{added} customers added to {}.", mode.as_str()))?;
        if added < count {
            print(&format!("{} were there already: another --seed gives others.", count - added))?;
        }
        Ok(())
    })
}
