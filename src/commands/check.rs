//! `patron check`: whether the file is whole, also beside a server.

use std::path::Path;

use patron::service::Progress;
use patron::store::Use;

use super::{Done, damaged, print, progress_bar, sentence, with_services};

pub fn run(db: &Path) -> Done {
    with_services(db, Use::Read, async |services| {
        let bar = progress_bar(0, "histories");
        let shown = bar.clone();
        let progress = move |progress| match progress {
            Progress::Pages => shown.set_message("pages and indexes, then histories"),
            Progress::Histories { done, total } => {
                shown.set_length(total);
                shown.set_position(done);
            }
            Progress::Search => shown.set_message("the index of the search"),
        };
        let checked = services.check(progress).await.map_err(sentence)?;
        bar.finish_and_clear();
        if !checked.faults.is_empty() {
            return Err(damaged(db, &checked.faults, "restore a backup"));
        }
        print(&format!("{} is whole: {} customers, {} revisions.", db.display(), checked.customers, checked.revisions))
    })
}
