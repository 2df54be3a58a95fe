//! The emulator for tests: until its first answer, and a reset.

use std::time::{Duration, Instant};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use patron::service::Worlds;

use super::{Scene, median};
use crate::report::{Limit, Report};
use crate::server::Server;

/// How often it is started, and reset, in a round.
const TIMES: usize = 10;
/// How many customers a test leaves behind.
const CUSTOMERS: usize = 100;

impl Scene {
    pub(super) fn emulator(&self, report: &mut Report) {
        let ms = |time: Duration| time.as_secs_f64() * 1_000.0;
        let starts = (0..self.rounds * TIMES).map(|_| {
            let began = Instant::now();
            let server = Server::emulator();
            ask(&server, "GET", "/v1/customers", "");
            ms(began.elapsed())
        });
        report.hold("emulator: start to first answer", median(starts.collect()), "ms", Limit::AtMost(50.0));
        let server = Server::emulator();
        let customers: Vec<String> = (0..CUSTOMERS).map(|number| format!(r#"{{"name":"Number {number}"}}"#)).collect();
        let resets = (0..self.rounds * TIMES).map(|_| {
            ask(&server, "PUT", "/_emulator/seed", &format!("[{}]", customers.join(",")));
            let began = Instant::now();
            ask(&server, "POST", "/_emulator/reset", "");
            ms(began.elapsed())
        });
        report.hold("emulator: reset", median(resets.collect()), "ms", Limit::AtMost(5.0));
    }
}

fn ask(server: &Server, method: &str, path: &str, body: &str) {
    let pair = BASE64_STANDARD.encode(format!("{}:{}", Worlds::KEY_ID, Worlds::SECRET));
    let request = ureq::http::Request::builder().method(method).uri(format!("http://{}{path}", server.address));
    let request = request.header("authorization", format!("Basic {pair}")).body(body.to_owned()).unwrap();
    let answer = ureq::run(request).unwrap();
    assert_eq!(answer.status(), 200);
}
