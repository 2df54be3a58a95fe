//! `patron reindex`: the index of the search made anew, also beside a server.

use std::path::Path;

use patron::store::Use;

use super::{Done, print, progress_bar, sentence, with_services};

pub fn run(db: &Path) -> Done {
    with_services(db, Use::Existing, async |services| {
        let bar = progress_bar(0, "revisions");
        let progress = |fed, newest| {
            bar.set_length(newest);
            bar.set_position(fed);
        };
        services.reindex(progress).await.map_err(sentence)?;
        bar.finish_and_clear();
        print(&format!("The index of the search in {} is made anew.", db.display()))
    })
}
