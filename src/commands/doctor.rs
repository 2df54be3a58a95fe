//! `patron doctor`: whether all is well, on one screen.

use std::path::Path;

use patron::service::doctor::{Finding, Verdict, report};
use patron::store::Use;

use super::{Done, print, sentence, with_services};
use crate::config;

pub fn run(db: &Path, settings: &config::Doctor) -> Done {
    with_services(db, Use::Read, async |services| {
        let mut findings = services.examine(settings.quick).await.map_err(sentence)?;
        let tls = settings.tls.open();
        let unusable = |words| Finding { what: "Certificate", verdict: Verdict::Wrong, words };
        findings.extend(tls.map_or_else(|why| Some(unusable(why)), |tls| tls.map(|tls| tls.finding(services.now()))));
        print(&report(&findings))?;
        match findings.iter().filter(|finding| finding.verdict == Verdict::Wrong).count() {
            0 => Ok(()),
            1 => Err("one thing above is wrong".into()),
            wrong => Err(format!("{wrong} things above are wrong")),
        }
    })
}
