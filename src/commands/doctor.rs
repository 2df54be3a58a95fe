//! `patron doctor`: whether all is well, on one screen.

use std::path::Path;
use std::time::Duration;

use patron::service::doctor::{Finding, Verdict, report};
use patron::service::{KeepFree, Services};
use patron::store::Use;
use ureq::Agent;
use ureq::tls::TlsConfig;

use super::serve::reachable;
use super::{Done, print, sentence, with_room};
use crate::config;

/// How long a server may take to say that it is ready: it is on this machine.
const WITHIN: Duration = Duration::from_secs(5);

pub fn run(db: &Path, keep: KeepFree, settings: &config::Doctor) -> Done {
    with_room(db, Use::Read, keep, async |services| {
        let mut findings = services.examine(settings.quick).await.map_err(sentence)?;
        let tls = settings.tls.open();
        let unusable = |words| Finding { what: "Certificate", verdict: Verdict::Wrong, words };
        findings.extend(tls.map_or_else(|why| Some(unusable(why)), |tls| tls.map(|tls| tls.finding(services.now()))));
        if settings.served {
            findings.push(server(services, settings));
        }
        print(&report(&findings))?;
        match findings.iter().filter(|finding| finding.verdict == Verdict::Wrong).count() {
            0 => Ok(()),
            1 => Err("one thing above is wrong".into()),
            wrong => Err(format!("{wrong} things above are wrong")),
        }
    })
}

/// Whether a server of this file runs, and answers where it is to listen.
fn server(services: &Services, settings: &config::Doctor) -> Finding {
    let url = format!("{}/readyz", reachable(settings.listen, settings.tls.tls_cert.is_some()));
    let (verdict, words) = match services.is_served().then(|| ready(&url)) {
        None => (Verdict::Wrong, "nobody serves the file: start `patron`".to_owned()),
        Some(Ok(())) => (Verdict::Fine, format!("{url} answers that it is ready")),
        Some(Err(why)) => {
            let words = format!("{url} {why}: read the server's log, and start it again or give its --listen");
            (Verdict::Wrong, words)
        }
    };
    Finding { what: "Server", verdict, words }
}

fn ready(url: &str) -> Result<(), String> {
    // A certificate is for a name, and this is an address; nothing secret is sent there.
    let tls = TlsConfig::builder().disable_verification(true).build();
    let config = Agent::config_builder().http_status_as_error(false).timeout_global(Some(WITHIN)).max_redirects(0);
    // No proxy stands between a server and its own machine.
    let agent = config.max_redirects_will_error(false).proxy(None).tls_config(tls).build().new_agent();
    match agent.get(url).call() {
        Ok(answer) if answer.status().is_success() => Ok(()),
        Ok(answer) => Err(format!("answers {}", answer.status().as_u16())),
        Err(error) => Err(format!("does not answer ({error})")),
    }
}
