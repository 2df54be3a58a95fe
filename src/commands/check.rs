//! `patron check`: whether the file is whole, also beside a server.

use std::path::Path;

use patron::service::Progress;
use patron::store::Use;

use super::{Done, print, progress_bar, sentence, with_services};

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
        };
        let checked = services.check(progress).await.map_err(sentence)?;
        bar.finish_and_clear();
        for fault in &checked.faults {
            print(fault)?;
        }
        if !checked.faults.is_empty() {
            return Err(format!(
                "{} is damaged: {} faults, listed above; restore a backup",
                db.display(),
                checked.faults.len()
            ));
        }
        print(&format!("{} is whole: {} customers, {} revisions.", db.display(), checked.customers, checked.revisions))
    })
}
