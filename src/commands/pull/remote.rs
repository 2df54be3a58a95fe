//! The server that customers are copied from: its list, a page at a time, asked again where it is busy or away.

use std::cell::Cell;
use std::fmt;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::thread::sleep;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use patron::domain::{KeyId, Secret};
use patron::http::read_pem;
use serde::Deserialize;
use serde_json::value::RawValue;
use ureq::http::{Response, StatusCode, Uri};
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Body};
use zeroize::Zeroizing;

use super::super::plain;

/// How many customers a page has: the most that the API gives.
pub const PAGE_LEN: u64 = 100;
/// How long one question may take.
const WITHIN: Duration = Duration::from_secs(60);
/// How often a question is asked, and the longest pause before it is asked again.
const ATTEMPTS: u32 = 8;
/// The same where no server was ever heard from there: the address may be wrong.
const ATTEMPTS_AT_FIRST: u32 = 3;
const PAUSE_MAX: Duration = Duration::from_secs(60);
/// The longest that a server may ask to be left alone; past it one comes back another time.
const REST_MAX: Duration = Duration::from_secs(300);
/// The most bytes of a page: a hundred customers have some 800 KB at most, by the rules.
const LEN_MAX: u64 = 16 * 1024 * 1024;

/// A server with the API, and the key by which one is let in.
pub struct Remote {
    agent: Agent,
    list: String,
    authorization: Zeroizing<String>,
    /// Whether anything was ever answered.
    is_heard: Cell<bool>,
}

/// A customer as the list has it.
pub struct Item {
    /// Its id, whatever it looks like.
    pub id: String,
    /// The object.
    pub text: String,
}

#[derive(Deserialize)]
struct Collection {
    items: Vec<Box<RawValue>>,
}

#[derive(Deserialize)]
struct Named {
    id: String,
}

/// Why a question was not answered, where it is worth to ask again: and after how long, where the server says so.
struct Again {
    why: String,
    after: Option<Duration>,
}

impl Remote {
    /// A server at this address, which has certificates of its own where a file of them is given.
    pub fn new(base: &str, key: &KeyId, secret: &Secret, ca: Option<&Path>) -> Result<Self, String> {
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(WITHIN))
            // The key is for this address, and for no other that it may name.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(concat!("patron/", env!("CARGO_PKG_VERSION")));
        // A proxy is elsewhere, and would look for it there.
        if is_here(base) {
            config = config.proxy(None);
        }
        if let Some(ca) = ca {
            config = config.tls_config(TlsConfig::builder().root_certs(roots(ca)?).build());
        }
        let pair = Zeroizing::new(format!("{}:{}", key.as_str(), secret.reveal()));
        let authorization = Zeroizing::new(format!("Basic {}", BASE64_STANDARD.encode(pair.as_bytes())));
        Ok(Self {
            agent: config.build().new_agent(),
            list: format!("{base}/v1/customers"),
            authorization,
            is_heard: Cell::new(false),
        })
    }

    /// The customers after so many, newest first. Waits and asks again where the server is busy, away, or fails; `waits` is told
    /// why, and for how long. The error is a sentence.
    pub fn page(&self, skip: u64, waits: &dyn Fn(&str, Duration)) -> Result<Vec<Item>, String> {
        let mut pause = Duration::from_secs(1);
        let mut attempt = 0;
        loop {
            attempt += 1;
            let Again { why, after } = match self.ask(skip) {
                Ok(items) => return items,
                Err(again) => again,
            };
            if attempt >= if self.is_heard.get() { ATTEMPTS } else { ATTEMPTS_AT_FIRST } {
                return Err(format!("{why}, {attempt} times: the same command goes on where this one ends"));
            }
            let rest = after.unwrap_or(pause);
            if rest > REST_MAX {
                let day = Duration::from_secs(24 * 60 * 60);
                let long = || humantime::format_duration(rest).to_string();
                let rest = if rest > day { "more than a day".to_owned() } else { long() };
                return Err(format!("{why} and asks to be left alone for {rest}: the same command goes on after that"));
            }
            waits(&why, rest);
            sleep(rest);
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    fn ask(&self, skip: u64) -> Result<Result<Vec<Item>, String>, Again> {
        let asked = self.agent.get(format!("{}?count={PAGE_LEN}&skip={skip}", self.list));
        let answer =
            asked.header("Authorization", self.authorization.as_str()).header("Accept", "application/json").call();
        let mut answer = match answer {
            Ok(answer) => answer,
            Err(error) if is_for_good(&error) => return Ok(Err(format!("{} cannot be asked: {error}", self.list))),
            Err(error) => return Err(Again { why: format!("{} cannot be reached ({error})", self.list), after: None }),
        };
        self.is_heard.set(true);
        let status = answer.status();
        if status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() {
            return Err(Again { why: format!("the server answers {}", status.as_u16()), after: retry_after(&answer) });
        }
        let body = answer.body_mut().with_config().limit(LEN_MAX).read_to_string();
        let body = body.map_err(|error| Again { why: format!("an answer breaks off ({error})"), after: None })?;
        Ok(match status {
            StatusCode::OK => items(&body),
            StatusCode::UNAUTHORIZED => {
                Err("the server does not accept the key: its id, its secret, or both are wrong there".into())
            }
            _ if status.is_redirection() => Err(redirected(&answer)),
            _ => Err(format!("the server answers {}: {}", status.as_u16(), description(&body))),
        })
    }
}

/// Whether an address is of this machine, so that nothing crosses a network.
pub fn is_here(base: &str) -> bool {
    let address: Option<Uri> = base.parse().ok();
    address.as_ref().and_then(Uri::host).is_some_and(|host| {
        let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
        address.map_or(host.eq_ignore_ascii_case("localhost"), |address| address.is_loopback())
    })
}

/// Whether asking again would change nothing.
fn is_for_good(error: &ureq::Error) -> bool {
    use ureq::Error::{BadUri, InvalidProxyUrl, Rustls, Tls, TlsRequired};
    matches!(error, BadUri(_) | InvalidProxyUrl | Rustls(_) | Tls(_) | TlsRequired)
        || matches!(error, ureq::Error::Io(error) if error.get_ref().is_some_and(|inner| inner.to_string().contains("certificate")))
}

fn items(body: &str) -> Result<Vec<Item>, String> {
    let not_a_list =
        |error: &dyn fmt::Display| format!("the answer is no list of customers ({error}): is --base-url right?");
    let collection: Collection = serde_json::from_str(body).map_err(|error| not_a_list(&error))?;
    let item = |raw: Box<RawValue>| {
        let Named { id } = serde_json::from_str(raw.get()).map_err(|error| not_a_list(&error))?;
        Ok(Item { id, text: raw.get().to_owned() })
    };
    collection.items.into_iter().map(item).collect()
}

fn redirected(answer: &Response<Body>) -> String {
    let to = answer.headers().get("location").and_then(|to| to.to_str().ok()).unwrap_or("elsewhere");
    let to = plain(to.split("/v1/").next().unwrap_or_default());
    format!("the server sends one to {to}: where that is right, give it as --base-url")
}

/// What an error of the API says, or that there is nothing.
fn description(body: &str) -> String {
    let error = serde_json::from_str::<serde_json::Value>(body).ok();
    let said = error.as_ref().and_then(|error| error["error"]["description"].as_str()).map(plain);
    said.unwrap_or_else(|| "is --base-url right?".to_owned())
}

fn retry_after(answer: &Response<Body>) -> Option<Duration> {
    answer.headers().get("retry-after")?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

/// The certificates in a file, which are trusted in place of those that browsers trust.
fn roots(file: &Path) -> Result<RootCerts, String> {
    let pem = read_pem(file).map_err(|why| format!("cannot read {}: {why}", file.display()))?;
    let certificates: Vec<_> = parse_pem(&pem)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    if certificates.is_empty() {
        return Err(format!("there is no certificate in {}: it is to have them in PEM", file.display()));
    }
    Ok(RootCerts::Specific(Arc::new(certificates)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_of_this_machine_is_here() {
        for here in ["http://127.0.0.1:8080", "http://127.9.9.9", "http://LOCALHOST", "http://[::1]:1/x"] {
            assert!(is_here(here), "{here}");
        }
        for elsewhere in
            ["http://127.example.com", "http://localhost.example.com", "http://[::2]", "http://10.0.0.1", "no"]
        {
            assert!(!is_here(elsewhere), "{elsewhere}");
        }
    }
}
