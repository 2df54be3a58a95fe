//! What is counted, as Prometheus reads it from the running binary, and that the dashboard asks for what is there.

use std::collections::BTreeSet;
use std::path::Path;

use crate::server::{Client, Server};

/// The value of a line, which is named as it stands there, with its labels.
fn value(text: &str, name: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {name} in {text}")).parse().unwrap()
}

#[test]
fn a_day_of_work_is_counted_and_no_value_of_anybodys_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let db = directory.path().join("patron.db");
    let server = Server::start_with(&db, &["--metrics-listen", "127.0.0.1:0"]);
    let client = Client::new(&server, &db);
    let id = client.create(r#"{"name":"Gaurav Kumar","email":"gaurav@private.example","contact":"9123456780"}"#);
    assert_eq!(client.put(&id, r#"{"name":"Asha Rao"}"#).unwrap().0, 200);
    assert_eq!(client.get(&format!("/{id}")).unwrap().0, 200);
    assert_eq!(client.get("/cust_gaurav@private.example").unwrap().0, 400);

    let address = server.printed.lines().find_map(|line| line.strip_prefix("metrics on ")).unwrap().to_owned();
    let mut answer = ureq::get(&address).call().unwrap();
    let media_type = answer.headers().get("content-type").unwrap().to_str().unwrap().to_owned();
    assert_eq!(media_type, "application/openmetrics-text; version=1.0.0; charset=utf-8");
    let text = answer.body_mut().read_to_string().unwrap();
    let of = |method: &str, route: &str, status: u16| {
        let labels = format!(r#"{{method="{method}",route="{route}",status="{status}"}}"#);
        value(&text, &format!("patron_http_request_duration_seconds_count{labels}"))
    };
    assert_eq!(of("POST", "/v1/customers", 200), 1.0);
    assert_eq!(of("PUT", "/v1/customers/{id}", 200), 1.0);
    assert_eq!(of("GET", "/v1/customers/{id}", 200), 1.0);
    assert_eq!(of("GET", "/v1/customers/{id}", 400), 1.0);
    assert!(value(&text, "patron_commit_acts_count") >= 2.0);
    assert!(value(&text, "patron_commit_duration_seconds_sum") > 0.0);
    assert_eq!(value(&text, "patron_commits_lost_total"), 0.0);
    assert_eq!(value(&text, r#"patron_verifications_total{from="hash"}"#), 1.0);
    assert_eq!(value(&text, r#"patron_verifications_total{from="memory"}"#), 3.0);
    assert_eq!(value(&text, "patron_verifications_remembered"), 1.0);
    // One of the house's may have waited at that moment.
    let waiting = || {
        let text = ureq::get(&address).call().unwrap().body_mut().read_to_string().unwrap();
        value(&text, "patron_write_queue_acts")
    };
    assert!(value(&text, "patron_write_queue_acts") == 0.0 || (0..100).any(|_| waiting() == 0.0));
    assert!(value(&text, "patron_database_size_bytes") + value(&text, "patron_wal_size_bytes") > 100_000.0);
    assert_eq!(value(&text, "patron_backup_failing"), 0.0);
    assert!(!text.contains("private") && !text.contains(&id) && !text.contains("rzp_"), "{text}");
    assert!(text.ends_with("# EOF\n"));

    // Nothing else is there, and the doors do not have it.
    let other = ureq::get(address.replace("/metrics", "/v1/customers")).config().http_status_as_error(false).build();
    assert_eq!(other.call().unwrap().status(), 404);
    let door = ureq::get(format!("http://{}/metrics", server.address))
        .config()
        .http_status_as_error(false)
        .max_redirects(0)
        .build();
    assert_ne!(door.call().unwrap().status(), 200);

    let dashboard = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/grafana.json")).unwrap();
    assert!(serde_json::from_str::<serde_json::Value>(&dashboard).is_ok());
    let names: BTreeSet<&str> = dashboard
        .split(|char: char| !char.is_ascii_alphanumeric() && char != '_')
        .filter(|word| word.starts_with("patron_"))
        .collect();
    assert!(names.len() > 10);
    for name in names {
        assert!(text.contains(&format!("{name} ")) || text.contains(&format!("{name}{{")), "{name} is nowhere");
    }
}
