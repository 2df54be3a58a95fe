//! `patron check`: whether the file is whole, also beside a server.

use std::path::Path;

use patron::domain::CheckProgress;
use patron::store::Use;

use super::{Done, damaged, print, progress_bar, sentence, way_out, with_services};

pub fn run(db: &Path) -> Done {
    with_services(db, Use::Read, async |services| {
        let bar = progress_bar(0, "histories");
        let shown = bar.clone();
        let progress = move |progress| {
            let (message, done, total) = match progress {
                CheckProgress::Pages => ("pages and indexes, then histories", 0, 0),
                CheckProgress::Histories { done, total } => ("histories", done, total),
                CheckProgress::Search { done, total } => ("the search", done, total),
            };
            shown.set_message(message);
            shown.set_length(total);
            shown.set_position(done);
        };
        let checked = services.check(progress).await.map_err(sentence)?;
        bar.finish_and_clear();
        if !checked.faults.is_empty() {
            return Err(damaged(db, &checked.faults, way_out(&checked.faults)));
        }
        print(&format!("{} is whole: {} customers, {} revisions.", db.display(), checked.customers, checked.revisions))
    })
}
