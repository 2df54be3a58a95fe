//! `patron doctor`: whether all is well, on one screen.

use std::path::Path;

use patron::service::doctor::{Verdict, report};
use patron::store::Use;

use super::{Done, print, sentence, with_services};

pub fn run(db: &Path, quick: bool) -> Done {
    with_services(db, Use::Read, async |services| {
        let findings = services.examine(quick).await.map_err(sentence)?;
        print(&report(&findings))?;
        match findings.iter().filter(|finding| finding.verdict == Verdict::Wrong).count() {
            0 => Ok(()),
            1 => Err("one thing above is wrong".into()),
            wrong => Err(format!("{wrong} things above are wrong")),
        }
    })
}
