//! `patron seed`: plausible customers, also beside a server.

use std::path::Path;

use patron::service::Seed;
use patron::store::Use;

use super::{Done, print, progress_bar, sentence, with_services};
use crate::config;

pub fn run(db: &Path, settings: &config::Seed) -> Done {
    let config::Seed { count, mode, seed } = *settings;
    with_services(db, Use::Fill, async |services| {
        let bar = progress_bar(count, "customers");
        let added = services.seed(Seed { mode, count, seed }, |done| bar.set_position(done)).await.map_err(sentence)?;
        bar.finish_and_clear();
        print(&format!("{added} customers added to {}.", mode.as_str()))?;
        if added < count {
            print(&format!("{} were there already: another --seed gives others.", count - added))?;
        }
        Ok(())
    })
}
