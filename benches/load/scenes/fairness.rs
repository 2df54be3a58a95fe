//! A polite key at a steady pace while another asks as fast as it is answered.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{CONNECTIONS, STEADY, Scene, middle, put};
use crate::report::{Limit, Report};
use crate::server::Server;
use crate::wire::{Ask, Figures, Load, flood, load};

/// So that a polite key is far below it, and a flood far above.
const LIMIT: &str = "1000/s";

impl Scene {
    /// Every kind of request at a steady pace in a flood of every kind, beside a server with nothing behind it in the same
    /// flood: what is left of the machine is the same for both.
    pub(super) fn fairness(&self, report: &mut Report) {
        let bare = Server::of_this_program(&["bare"]);
        let [quiet, flooded] = self.steady(&bare, &self.get(), &self.get());
        report.load("bare actix at a steady pace", &quiet);
        report.load("bare actix at a steady pace, in a flood", &flooded);
        report.tell("bare actix p99 in a flood / quiet", flooded.ms(0.99) / quiet.ms(0.99), "");
        drop(bare);

        let other = Self { fixture: self.fixture.with_another_key(), lasts: self.lasts, rounds: self.rounds };
        let server = Server::patron(&self.fixture.db);
        let kinds =
            |scene: &Self| [("GET", scene.get()), ("PUT", scene.of_customer(put)), ("list", scene.list_first())];
        for (polite, ask) in kinds(self) {
            for (flooding, others) in kinds(&other) {
                self.hold_fair(report, &format!("{polite} in a flood of {flooding}"), &server, &ask, &others);
            }
        }
        drop(server);
        let server = Server::patron_with(&self.fixture.db, &["--rate-limit-key", LIMIT]);
        let what = format!("GET in a flood of GET, {LIMIT} a key");
        self.hold_fair(report, &what, &server, &self.get(), &other.get());
    }

    fn hold_fair(&self, report: &mut Report, what: &str, server: &Server, ask: &Ask, others: &Ask) {
        let [quiet, flooded] = self.steady(server, ask, others);
        report.load(what, &flooded);
        report.hold(format!("{what}: p99 / quiet"), flooded.ms(0.99) / quiet.ms(0.99), "", Limit::AtMost(2.0));
    }

    /// One that asks at a steady pace: alone, and in a flood of others.
    fn steady(&self, server: &Server, ask: &Ask, others: &Ask) -> [Figures; 2] {
        let steady = Load { pace: Some(STEADY), ..self.load(16) };
        let (mut quiet, mut flooded) = (Vec::new(), Vec::new());
        for _ in 0..self.rounds {
            quiet.push(load(&server.address, steady, ask));
            let stop = Arc::new(AtomicBool::new(false));
            let others = flood(&server.address, CONNECTIONS, stop.clone(), others.clone());
            flooded.push(load(&server.address, steady, ask));
            stop.store(true, Ordering::Relaxed);
            others.join().unwrap();
        }
        [middle(quiet), middle(flooded)]
    }

    fn list_first(&self) -> Ask {
        self.ask(|_, head| format!("GET /v1/customers?count=100 HTTP/1.1\r\n{head}\r\n"))
    }
}
