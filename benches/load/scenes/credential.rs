//! What it costs to know a secret again that was right before, by itself: without the row of its key.

use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use actix_web::rt::System;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use patron::domain::{KeyId, Secret};
use patron::service::{Ambient, Services};
use patron::store::{Store, Use};

use super::{Scene, median};
use crate::report::{Limit, Report};

/// How often it is asked in a round.
const TIMES: u32 = 50_000;

impl Scene {
    pub(super) fn credential(&self, report: &mut Report) {
        let pair = BASE64_STANDARD.decode(self.fixture.authorization.trim_start_matches("Basic ")).unwrap();
        let (id, secret) = std::str::from_utf8(&pair).unwrap().split_once(':').unwrap();
        let key_id = KeyId::parse(id).unwrap();
        let open = || Store::open(&self.fixture.db, Use::Read).unwrap_or_else(|unusable| panic!("{unusable}"));
        let (store, services) = (open(), Services::new(open(), Ambient::of_system()));
        let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let each = |time: Duration| time.as_secs_f64() * 1e6 / f64::from(TIMES);
        System::new().block_on(async {
            let check = || services.access.check(id, Secret::given(secret.to_owned()), address, None);
            assert!(check().await.is_ok(), "from here on it is remembered");
            let mut beside_row = Vec::new();
            for _ in 0..self.rounds {
                let began = Instant::now();
                for _ in 0..TIMES {
                    assert!(check().await.is_ok());
                }
                let checked = began.elapsed();
                let began = Instant::now();
                for _ in 0..TIMES {
                    assert!(store.find_key(&key_id).await.unwrap().is_some());
                }
                beside_row.push(each(checked) - each(began.elapsed()));
            }
            report.hold("a remembered secret, without its key's row", median(beside_row), "us", Limit::AtMost(2.0));
        });
    }
}
