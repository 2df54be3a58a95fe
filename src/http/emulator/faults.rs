//! What goes wrong in a world on purpose: rules by method and path, each for the next few requests, for a fraction of them, or
//! for all.

use std::sync::Mutex;
use std::time::Duration;

use actix_web::http::{Method, StatusCode};
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::inject::Injected;
use super::{Emulator, sent};
use crate::http::api::{Answer, Problem, answers};
use crate::service::emulation::fraction;
use crate::service::{Caller, World};

/// The most rules of a world.
const RULES_MAX: usize = 64;
/// The longest that a request is held up, in milliseconds: longer than any client waits.
const LATENCY_MAX: u64 = 60_000;
/// The requests that a rule is about where it does not say.
const PATH: &str = "/v1/**";
const METHODS: [&str; 6] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];

/// The rules of a world, the first that is due happens.
#[derive(Default)]
pub(super) struct Faults(Mutex<Vec<Rule>>);

/// What happens to which requests, and how often it did.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    #[serde(skip_serializing_if = "Option::is_none")]
    method: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    latency_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    drop: Option<Dropped>,
    #[serde(skip_serializing_if = "Option::is_none")]
    times: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fraction: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<u64>,
    /// How many requests it was about.
    #[serde(skip_deserializing)]
    matched: u64,
    /// To how many of them it happened.
    #[serde(skip_deserializing)]
    fired: u64,
}

/// When the connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
enum Dropped {
    /// Before anything is done.
    Before,
    /// When all is done, in place of the answer.
    After,
}

/// What happens to a request.
pub(super) struct Fault {
    pub(super) latency: Option<Duration>,
    pub(super) answer: Option<Injected>,
    pub(super) drops_answer: bool,
}

impl Faults {
    /// What happens to this request, if anything does.
    pub(super) fn next(&self, method: &Method, path: &str) -> Option<Fault> {
        let mut rules = self.0.lock().ok()?;
        if path.split('/').find(|segment| !segment.is_empty()) == Some("_emulator") {
            return None;
        }
        rules.iter_mut().find_map(|rule| (rule.is_about(method, path) && rule.is_due()).then(|| rule.fault()))
    }

    pub(super) fn clear(&self) {
        self.set(Vec::new());
    }

    fn set(&self, new: Vec<Rule>) {
        if let Ok(mut rules) = self.0.lock() {
            *rules = new;
        }
    }

    fn answer(&self) -> HttpResponse {
        #[derive(Serialize)]
        struct Shown {
            faults: Vec<Rule>,
        }
        answers::json(&Shown { faults: self.0.lock().map(|rules| rules.clone()).unwrap_or_default() })
    }
}

impl Rule {
    fn read(sent: &RawValue) -> Result<Self, Problem> {
        let rule: Self = sent::object(sent.get().as_bytes())?;
        rule.judge().map_err(|words| Problem::input(None, words))?;
        Ok(rule)
    }

    fn judge(&self) -> Result<(), String> {
        let is_status = |status: u16| (200..600).contains(&status);
        let answers = self.body.is_some() || self.description.is_some() || self.retry_after.is_some();
        Err(if self.status.is_none() && self.latency_ms.is_none() && self.drop.is_none() {
            "nothing happens by it: give a status, a latency_ms or a drop".to_owned()
        } else if self.status.is_some() && self.drop.is_some() {
            "an answer has a status, or is dropped: give one of them".to_owned()
        } else if self.status.is_some_and(|status| !is_status(status)) {
            "a status is 200 to 599".to_owned()
        } else if answers && self.status.is_none() {
            "body, description and retry_after go with a status".to_owned()
        } else if self.body.is_some() && self.description.is_some() {
            "give a body or a description, not both".to_owned()
        } else if self.latency_ms.is_some_and(|latency| latency > LATENCY_MAX) {
            format!("latency_ms is at most {LATENCY_MAX}")
        } else if self.fraction.is_some_and(|fraction| !(0.0..=1.0).contains(&fraction)) {
            "a fraction is 0 to 1".to_owned()
        } else if self.seed.is_some() && self.fraction.is_none() {
            "a seed goes with a fraction".to_owned()
        } else if self.method.as_ref().is_some_and(|method| !METHODS.contains(&method.as_str())) {
            format!("a method is one of {}", METHODS.join(", "))
        } else if self.path.as_ref().is_some_and(|path| !path.starts_with('/')) {
            "a path begins with /, such as /v1/customers/*".to_owned()
        } else {
            return Ok(());
        })
    }

    fn is_about(&self, method: &Method, path: &str) -> bool {
        self.method.as_ref().is_none_or(|wanted| wanted == method.as_str())
            && matches(self.path.as_deref().unwrap_or(PATH), path)
    }

    /// Counts the request, and says whether it is one of those that it happens to.
    fn is_due(&mut self) -> bool {
        let place = self.matched;
        self.matched += 1;
        let is_left = self.times.is_none_or(|times| self.fired < times);
        let is_drawn = self.fraction.is_none_or(|part| fraction(self.seed.unwrap_or_default(), place) < part);
        let is_due = is_left && is_drawn;
        self.fired += u64::from(is_due);
        is_due
    }

    fn fault(&self) -> Fault {
        let answer = match (self.status, self.drop) {
            (Some(status), _) => Some(self.injected(StatusCode::from_u16(status).unwrap_or(StatusCode::IM_A_TEAPOT))),
            (None, Some(Dropped::Before)) => Some(Injected::Nothing),
            (None, _) => None,
        };
        Fault {
            latency: self.latency_ms.map(Duration::from_millis),
            answer,
            drops_answer: self.drop == Some(Dropped::After),
        }
    }

    fn injected(&self, status: StatusCode) -> Injected {
        match (&self.body, &self.description) {
            (Some(body), _) => Injected::Body(status, body.get().to_owned(), self.retry_after),
            (None, description) => Injected::Problem(Problem::made(status, description.clone(), self.retry_after)),
        }
    }
}

/// Whether a pattern is of a path: `*` is any segment, `**` at its end any number of them.
fn matches(pattern: &str, path: &str) -> bool {
    let mut segments = path.split('/').filter(|segment| !segment.is_empty());
    for wanted in pattern.split('/').filter(|segment| !segment.is_empty()) {
        match (wanted, segments.next()) {
            ("**", _) => return true,
            (_, None) => return false,
            (wanted, Some(segment)) if wanted != "*" && wanted != segment => return false,
            _ => {}
        }
    }
    segments.next().is_none()
}

pub(super) async fn show(_: Caller, own: Data<World>, emulator: Data<Emulator>) -> Answer {
    Ok(emulator.faults_of(&own.key).answer())
}

pub(super) async fn set(
    _: Caller,
    request: HttpRequest,
    payload: Payload,
    own: Data<World>,
    emulator: Data<Emulator>,
) -> Answer {
    let bytes = sent::bytes(&request, payload).await?;
    let sent = sent::list(&bytes, "faults")?;
    if sent.len() > RULES_MAX {
        return Err(Problem::input(None, format!("There may be {RULES_MAX} faults at most.")));
    }
    let rules = (0..)
        .zip(sent)
        .map(|(place, sent)| Rule::read(sent).map_err(|problem| problem.at(&format!("faults[{place}]"))));
    let rules = rules.collect::<Result<Vec<_>, _>>()?;
    for world in emulator.asked_for(request.query_string(), &own).await? {
        emulator.faults_of(&world.key).set(rules.clone());
    }
    Ok(emulator.faults_of(&own.key).answer())
}

pub(super) async fn clear(_: Caller, request: HttpRequest, own: Data<World>, emulator: Data<Emulator>) -> Answer {
    for world in emulator.asked_for(request.query_string(), &own).await? {
        emulator.faults_of(&world.key).clear();
    }
    Ok(emulator.faults_of(&own.key).answer())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_go_by_segments() {
        for (pattern, path, is_of) in [
            ("/v1/**", "/v1/customers", true),
            ("/v1/**", "/v1/customers/cust_x/", true),
            ("/v1/**", "/healthz", false),
            ("/v1/customers", "/v1/customers/", true),
            ("/v1/customers", "//v1/customers", true),
            ("/v1/customers", "/v1/customers/x", false),
            ("/v1/customers/*", "/v1/customers/x", true),
            ("/v1/customers/*", "/v1/customers", false),
            ("/v1/customers/*", "/v1/customers/x/revisions", false),
            ("/v1/*/x", "/v1/customers/x", true),
            ("/**", "/", true),
        ] {
            assert_eq!(matches(pattern, path), is_of, "{pattern} {path}");
        }
    }

    #[test]
    fn a_rule_that_says_nothing_or_too_much_is_refused() {
        let judged = |text: &str| {
            let raw = RawValue::from_string(text.to_owned()).unwrap();
            Rule::read(&raw).map(drop).map_err(|problem| problem.to_string())
        };
        assert_eq!(judged(r#"{"status":503,"times":2,"latency_ms":5}"#), Ok(()));
        for (text, words) in [
            ("{}", "nothing happens by it"),
            (r#"{"status":500,"drop":"after"}"#, "give one of them"),
            (r#"{"status":199}"#, "200 to 599"),
            (r#"{"latency_ms":1,"body":{}}"#, "go with a status"),
            (r#"{"status":500,"body":{},"description":"x"}"#, "not both"),
            (r#"{"latency_ms":60001}"#, "at most 60000"),
            (r#"{"status":500,"fraction":1.5}"#, "0 to 1"),
            (r#"{"status":500,"seed":1}"#, "goes with a fraction"),
            (r#"{"status":500,"method":"put"}"#, "one of GET"),
            (r#"{"status":500,"path":"v1"}"#, "begins with /"),
            (r#"{"status":500,"often":1}"#, "unknown field `often`"),
            (r#"{"drop":"now"}"#, "unknown variant `now`"),
            ("3", "invalid type"),
        ] {
            assert!(judged(text).unwrap_err().contains(words), "{text}: {:?}", judged(text));
        }
    }
}
