//! What is played: each scene starts its servers, loads them, and tells its figures.

mod beside;
mod credential;
mod emulator;
mod fairness;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use rusqlite::Connection;

use crate::floor;
use crate::report::{Limit, Report};
use crate::server::{self, Fixture, Server};
use crate::wire::{Ask, Figures, Load, Random, flood, load};

/// How many ask at once, where not said otherwise.
const CONNECTIONS: usize = 64;
/// Requests a second at a pace that leaves the machine idle for the most part.
const STEADY: f64 = 500.0;

pub struct Scene {
    pub fixture: Fixture,
    pub lasts: Duration,
    pub rounds: usize,
}

type Play = fn(&Scene, &mut Report);

/// Every scene, in order.
pub const ALL: [(&str, Play); 12] = [
    ("start", Scene::start),
    ("throughput", Scene::throughput),
    ("one", Scene::one),
    ("feeding", Scene::feeding),
    ("page", Scene::page),
    ("search", Scene::search),
    ("list", Scene::list),
    ("credential", Scene::credential),
    ("flood", Scene::flood),
    ("fairness", Scene::fairness),
    ("beside", Scene::beside),
    ("emulator", Scene::emulator),
];

impl Scene {
    /// How fast it starts, and how large it is then.
    fn start(&self, report: &mut Report) {
        let starts = self.rounds_of(|| Server::patron(&self.fixture.db).started_in.as_secs_f64() * 1_000.0);
        report.hold("start to listening", median(starts), "ms", Limit::AtMost(30.0));
        report.hold("the binary", server::binary_size(), "MB", Limit::AtMost(20.0));
        let server = Server::patron(&self.fixture.db);
        load(&server.address, Load { connections: 1, ..self.load(1) }, &self.get());
        drop(server);
        let server = Server::patron(&self.fixture.db);
        std::thread::sleep(Duration::from_secs(2));
        report.hold("memory, idle", server.memory(), "MB", Limit::AtMost(12.0));
    }

    /// Reads and edits by many, beside what the parts can do. The rounds go through all of them, so that what else the
    /// machine does falls on all alike.
    fn throughput(&self, report: &mut Report) {
        let bare = Server::of_this_program(&["bare"]);
        let reading = Server::of_this_program(&["reading", self.db()]);
        let mut raw = [Vec::new(), Vec::new()];
        let [mut constant, mut read, mut gets, mut puts, mut names, mut mixed] = [(); 6].map(|()| Vec::new());
        let mut memory: f64 = 0.0;
        for _ in 0..self.rounds {
            constant.push(load(&bare.address, self.load(CONNECTIONS), &self.get()));
            read.push(load(&reading.address, self.load(CONNECTIONS), &self.get()));
            for (rates, per_commit) in raw.iter_mut().zip([1, 32]) {
                rates.push(floor::edits(&floor::writer(&self.fixture.db), &self.fixture.ids, per_commit, self.lasts));
            }
            // Else the first of them pays for what the round before has left to be indexed.
            let server = self.caught_up();
            for (figures, ask) in [
                (&mut gets, self.get()),
                (&mut puts, self.put()),
                (&mut names, self.put_name()),
                (&mut mixed, self.mix()),
            ] {
                figures.push(load(&server.address, self.load(CONNECTIONS), &ask));
                memory = memory.max(server.memory());
            }
        }
        let constant = middle(constant);
        report.load("bare actix, 64", &constant);
        let [one, many] = raw.map(median);
        report.tell("raw SQLite, 1 a commit: rate", one, "/s");
        report.tell("raw SQLite, 32 a commit: rate", many, "/s");
        let [read, gets, puts, names, mixed] = [read, gets, puts, names, mixed].map(middle);
        report.load("actix that reads the rows and nothing else, 64", &read);
        report.tell("actix that reads the rows / bare actix", read.rate / constant.rate, "");
        report.load("GET, 64", &gets);
        report.hold("GET / bare actix", gets.rate / constant.rate, "", Limit::AtLeast(0.60));
        report.hold("GET / actix that reads the rows", gets.rate / read.rate, "", Limit::AtLeast(0.75));
        report.hold("GET p99", gets.ms(0.99), "ms", Limit::AtMost(4.0));
        report.load("PUT, 64", &puts);
        report.hold("PUT / raw SQLite, 1 a commit", puts.rate / one, "", Limit::AtLeast(2.6));
        report.hold("PUT p99", puts.ms(0.99), "ms", Limit::AtMost(10.0));
        report.load("PUT of the name, 64", &names);
        report.hold("PUT of the name / raw SQLite, 1 a commit", names.rate / one, "", Limit::AtLeast(4.0));
        report.load("9 GET and 1 PUT, 64", &mixed);
        report.hold("9 GET and 1 PUT / bare actix", mixed.rate / constant.rate, "", Limit::AtLeast(0.36));
        report.hold("memory, under load", memory, "MB", Limit::AtMost(50.0));

        let server = self.caught_up();
        for (name, ask) in [("GET", self.get()), ("PUT", self.put())] {
            for connections in [1, 16, 256] {
                report.load(&format!("{name}, {connections}"), &load(&server.address, self.load(connections), &ask));
            }
        }
    }

    /// One that edits alone waits for its commit and for little else.
    fn one(&self, report: &mut Report) {
        let (mut raw, mut ours) = (Vec::new(), Vec::new());
        for _ in 0..self.rounds {
            raw.push(floor::edits(&floor::writer(&self.fixture.db), &self.fixture.ids, 1, self.lasts));
            let server = Server::patron(&self.fixture.db);
            ours.push(load(&server.address, self.load(1), &self.put()).rate);
        }
        report.hold("PUT, one connection, time / raw commit", median(raw) / median(ours), "", Limit::AtMost(1.3));
    }

    /// What keeping the search current costs the edits.
    fn feeding(&self, report: &mut Report) {
        let (mut with, mut without) = (Vec::new(), Vec::new());
        for _ in 0..self.rounds {
            // Nothing is ever fed to an index that has more revisions than there are.
            let connection = Connection::open(&self.fixture.db).unwrap();
            let mark: i64 = connection.query_row("SELECT revision FROM search_mark", [], |row| row.get(0)).unwrap();
            let set = |mark: i64| connection.execute("UPDATE search_mark SET revision = ?1", [mark]).unwrap();
            set(i64::MAX);
            let server = Server::patron(&self.fixture.db);
            without.push(load(&server.address, self.load(CONNECTIONS), &self.put()).rate);
            drop(server);
            set(mark);
            let server = Server::patron(&self.fixture.db);
            with.push(load(&server.address, self.load(CONNECTIONS), &self.put()).rate);
        }
        report.hold("PUT with search / without", median(with) / median(without), "", Limit::AtLeast(0.9));
    }

    /// A page of the console, its server's time: nobody else asks.
    fn page(&self, report: &mut Report) {
        let server = self.caught_up();
        let cookie = server.cookie();
        let ids = &self.fixture.ids;
        for (name, path) in [
            ("home", "/test".to_owned()),
            ("customers", "/test/customers".to_owned()),
            ("customers, deep", format!("/test/customers?older={}", ids[ids.len() / 2])),
            ("a record", format!("/test/customers/{}", ids[ids.len() / 3])),
            ("activity", "/test/activity".to_owned()),
            ("requests", "/test/requests".to_owned()),
        ] {
            let figures = load(&server.address, self.load(1), &page(&cookie, vec![path]));
            report.load(&format!("page: {name}"), &figures);
            report.hold(format!("page: {name}, median"), figures.ms(0.5), "ms", Limit::AtMost(10.0));
        }
    }

    /// The search, for words that many have, few have and nobody has.
    fn search(&self, report: &mut Report) {
        let server = self.caught_up();
        let cookie = server.cookie();
        for (name, words) in words(&self.fixture.db) {
            let paths = words.iter().map(|word| format!("/test/customers?q={}", encoded(word))).collect();
            let figures = load(&server.address, self.load(2), &page(&cookie, paths));
            report.load(&format!("search: {name}"), &figures);
            report.hold(format!("search: {name}, median"), figures.ms(0.5), "ms", Limit::AtMost(20.0));
            report.hold(format!("search: {name}, p99"), figures.ms(0.99), "ms", Limit::AtMost(50.0));
        }
    }

    /// Lists of a hundred, however many customers are left out before.
    fn list(&self, report: &mut Report) {
        let server = Server::patron(&self.fixture.db);
        let all = self.fixture.ids.len();
        let mut nearest = None;
        for skip in [0, 900, all / 100 + 321, all / 10 + 321, all / 2 + 321, all / 10 * 9 + 321] {
            let ask =
                self.ask(move |_, head| format!("GET /v1/customers?count=100&skip={skip} HTTP/1.1\r\n{head}\r\n"));
            let figures = load(&server.address, self.load(2), &ask);
            report.load(&format!("list, skip {skip}"), &figures);
            let nearest = *nearest.get_or_insert(figures.ms(0.5));
            report.hold(format!("list, skip {skip} / skip 0"), figures.ms(0.5) / nearest, "", Limit::AtMost(3.0));
        }
    }

    /// A good key while others try wrong secrets for it.
    fn flood(&self, report: &mut Report) {
        let server = Server::patron(&self.fixture.db);
        let steady = Load { pace: Some(STEADY), ..self.load(16) };
        let id = self.fixture.key_id.clone();
        let wrong: Ask = Arc::new(move |random, request| {
            use base64::Engine;
            let pair = format!("{id}:wrong{:x}", random.next());
            let credentials = base64::prelude::BASE64_STANDARD.encode(pair);
            request.extend_from_slice(
                format!("GET /v1/customers HTTP/1.1\r\nhost: bench\r\nauthorization: Basic {credentials}\r\n\r\n")
                    .as_bytes(),
            );
        });
        let (mut quiet, mut flooded) = (Vec::new(), Vec::new());
        for _ in 0..self.rounds {
            quiet.push(load(&server.address, steady, &self.get()));
            let stop = Arc::new(AtomicBool::new(false));
            let others = flood(&server.address, 16, stop.clone(), wrong.clone());
            flooded.push(load(&server.address, steady, &self.get()));
            stop.store(true, Ordering::Relaxed);
            others.join().unwrap();
        }
        let (quiet, flooded) = (middle(quiet), middle(flooded));
        report.load("GET at a steady pace", &quiet);
        report.load("GET at a steady pace, in a flood of wrong secrets", &flooded);
        let ratio = flooded.ms(0.99) / quiet.ms(0.99);
        report.hold("GET p99 in a flood / quiet", ratio, "", Limit::AtMost(2.0));
    }

    /// The same few loads at another number of customers.
    pub fn curve(&self, customers: u64, report: &mut Report) {
        let server = self.caught_up();
        for (name, ask) in [("GET", self.get()), ("PUT", self.put())] {
            let figures = middle(self.rounds_of(|| load(&server.address, self.load(CONNECTIONS), &ask)));
            report.load(&format!("{customers}: {name}, 64"), &figures);
        }
        drop(server);
        let server = self.caught_up();
        let skip = self.fixture.ids.len() / 2 + 321;
        let list = self.ask(move |_, head| format!("GET /v1/customers?count=100&skip={skip} HTTP/1.1\r\n{head}\r\n"));
        report.load(&format!("{customers}: list, skip {skip}"), &load(&server.address, self.load(2), &list));
        let cookie = server.cookie();
        for (name, words) in words(&self.fixture.db) {
            let paths = words.iter().map(|word| format!("/test/customers?q={}", encoded(word))).collect();
            let figures = load(&server.address, self.load(2), &page(&cookie, paths));
            report.load(&format!("{customers}: search, {name}"), &figures);
        }
    }

    fn load(&self, connections: usize) -> Load {
        Load { connections, lasts: self.lasts, pace: None }
    }

    fn rounds_of<T>(&self, round: impl FnMut() -> T) -> Vec<T> {
        std::iter::repeat_with(round).take(self.rounds).collect()
    }

    fn db(&self) -> &str {
        self.fixture.db.to_str().unwrap()
    }

    /// A server whose search index has all that was written before.
    fn caught_up(&self) -> Server {
        let server = Server::patron(&self.fixture.db);
        let connection = Connection::open(&self.fixture.db).unwrap();
        let began = Instant::now();
        let behind = || -> i64 {
            const SQL: &str = "SELECT (SELECT max(number) FROM revisions) - (SELECT revision FROM search_mark)";
            connection.query_row(SQL, [], |row| row.get(0)).unwrap()
        };
        while behind() > 0 {
            assert!(began.elapsed() < Duration::from_secs(900), "{} revisions are not indexed", behind());
            std::thread::sleep(Duration::from_millis(100));
        }
        server
    }

    /// Requests that are written from a random customer's id and the head that all have.
    fn of_customer(&self, write: impl Fn(&mut Random, &str, &str) -> String + Send + Sync + 'static) -> Ask {
        let ids = self.fixture.ids.clone();
        self.ask(move |random, head| {
            let id = &ids[random.below(ids.len())];
            write(random, id, head)
        })
    }

    fn ask(&self, write: impl Fn(&mut Random, &str) -> String + Send + Sync + 'static) -> Ask {
        let head = format!("host: bench\r\nauthorization: {}\r\n", self.fixture.authorization);
        Arc::new(move |random, request| request.extend_from_slice(write(random, &head).as_bytes()))
    }

    fn get(&self) -> Ask {
        self.of_customer(|_, id, head| format!("GET /v1/customers/{id} HTTP/1.1\r\n{head}\r\n"))
    }

    fn put(&self) -> Ask {
        self.of_customer(put)
    }

    fn put_name(&self) -> Ask {
        self.of_customer(|random, id, head| put_body(id, head, &format!(r#"{{"name":"Asha {}"}}"#, letters(random))))
    }

    fn mix(&self) -> Ask {
        self.of_customer(|random, id, head| {
            if random.below(10) == 0 {
                put(random, id, head)
            } else {
                format!("GET /v1/customers/{id} HTTP/1.1\r\n{head}\r\n")
            }
        })
    }
}

/// An edit of name, email and contact, all of them new.
fn put(random: &mut Random, id: &str, head: &str) -> String {
    let (name, email, contact) = (letters(random), random.next(), random.next() % 10_000_000_000);
    let body = format!(r#"{{"name":"Asha {name}","email":"p{email:x}@example.com","contact":"+91{contact:010}"}}"#);
    put_body(id, head, &body)
}

fn put_body(id: &str, head: &str, body: &str) -> String {
    format!(
        "PUT /v1/customers/{id} HTTP/1.1\r\n{head}content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn letters(random: &mut Random) -> String {
    (0..8).map(|_| char::from(b'a' + (random.next() % 26) as u8)).collect()
}

/// One of these pages, signed in.
fn page(cookie: &str, paths: Vec<String>) -> Ask {
    let cookie = cookie.to_owned();
    Arc::new(move |random, request| {
        let path = &paths[random.below(paths.len())];
        request.extend_from_slice(format!("GET {path} HTTP/1.1\r\nhost: bench\r\ncookie: {cookie}\r\n\r\n").as_bytes());
    })
}

fn encoded(word: &str) -> String {
    form_urlencoded::byte_serialize(word.as_bytes()).collect()
}

/// What people look for, of customers that are there, and of nobody.
fn words(db: &Path) -> Vec<(&'static str, Vec<String>)> {
    let connection = Connection::open(db).unwrap();
    let column = |sql: &str| -> Vec<String> {
        let mut statement = connection.prepare(sql).unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    };
    let of_some = |column: &str| {
        format!(
            "SELECT {column} FROM customers WHERE number % (1 + (SELECT max(number) FROM customers) / 200) = 0
             AND {column} IS NOT NULL"
        )
    };
    let contacts = column(&of_some("contact"));
    let spelled = contacts.iter().filter_map(|contact| {
        let digits = contact.trim_start_matches('+').trim_start_matches("91");
        Some(format!("{} {}", digits.get(..5)?, digits.get(5..)?))
    });
    vec![
        ("a whole email", column(&of_some("email"))),
        ("a part of an email", column(&of_some("substr(email, 2, 9)"))),
        ("a contact, spelled with a space", spelled.collect()),
        ("a name that many have", ["kumar", "asha", "an", "kum"].map(str::to_owned).to_vec()),
        ("two names", column(&of_some("name"))),
        ("a note that many have", ["pune", "mumbai", "chennai"].map(str::to_owned).to_vec()),
        ("what nobody has", ["zzqxvk", "nobody at all", "kumarxq", "98765 00000 1"].map(str::to_owned).to_vec()),
    ]
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The round whose rate is the median, with the latencies of all rounds.
fn middle(mut rounds: Vec<Figures>) -> Figures {
    rounds.sort_by(|one, other| one.rate.total_cmp(&other.rate));
    let mut latency = Histogram::new_from(&rounds[0].latency);
    for round in &rounds {
        latency.add(&round.latency).unwrap();
    }
    let failures = rounds.iter().map(|round| round.failures).sum();
    Figures { rate: rounds[rounds.len() / 2].rate, latency, failures }
}
