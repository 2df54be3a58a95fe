//! Settings as people write them, on the command line and in variables.

use std::ffi::OsStr;
use std::net::TcpListener;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use tempfile::tempdir;

use crate::server::{Server, patron, run, said};

/// Every variable of a setting, as `--help` tells them.
fn variables() -> Vec<String> {
    let mut found = Vec::new();
    for command in ["serve", "emulate", "doctor", "openapi"] {
        let help = run(Path::new("patron.db"), &[command, "--help"]);
        for part in said(&help).split("[env: ").skip(1) {
            found.push(part.split(['=', ']']).next().unwrap().to_owned());
        }
    }
    found.sort();
    found.dedup();
    found
}

#[test]
fn an_empty_variable_is_none_for_every_setting() {
    let variables = variables();
    assert!(variables.len() >= 16, "{variables:?}");
    let directory = tempdir().unwrap();
    for empty in ["", " "] {
        let mut command = patron(&directory.path().join("unused.db"));
        command.current_dir(directory.path()).args(["serve", "--listen", "127.0.0.1:0"]);
        for name in &variables {
            command.env(name, empty);
        }
        let server = Server::run(&mut command, directory.path().join("log"));
        assert!(directory.path().join("patron.db").exists(), "the default");
        assert_eq!(server.stop(), Some(0));
    }
    let mut command = patron(Path::new("unused.db"));
    command.current_dir(directory.path()).env("PATRON_PUBLIC_URL", "").arg("openapi");
    assert!(said(&command.output().unwrap()).contains("http://127.0.0.1:8080"));
}

#[test]
fn an_error_in_a_variable_names_the_variable() {
    let serve = |variables: &[(&str, &str)], arguments: &[&str]| {
        let mut command = patron(Path::new("/nowhere/patron.db"));
        command.args(arguments).envs(variables.iter().copied());
        said(&command.output().unwrap())
    };
    for (name, value, words) in [
        ("PATRON_LISTEN", "nonsense", "such as 127.0.0.1:8080"),
        ("PATRON_LISTEN", "8080", "127.0.0.1:8080 for this machine alone"),
        ("PATRON_METRICS_LISTEN", "127.0.0.1", "the port is missing"),
        ("PATRON_TRUSTED_PROXY", "10.0.0.0/8,proxy.example", "proxy.example is no network: give 10.0.0.0/8"),
        ("PATRON_PUBLIC_URL", "patron.example", "such as https://patron.example"),
        ("PATRON_RATE_LIMIT_KEY", "lots", "such as 200/s"),
        ("PATRON_RATE_LIMIT_ADDRESS", "1/0s", "whole seconds"),
        ("PATRON_BACKUP_EVERY", "often", "such as 15m, 1h or 1d"),
        ("PATRON_BACKUP_KEEP", "0", "0"),
        ("PATRON_LOG_FORMAT", "xml", "text, json"),
        ("PATRON_LOG_LEVEL", "loud", "loud"),
    ] {
        let error = serve(&[(name, value)], &[]);
        assert!(error.contains(&format!("for '{name}'")) && error.contains(words), "{name}={value}: {error}");
    }
    let error = serve(&[("PATRON_STRICT", "flase")], &["emulate"]);
    assert!(error.contains("for 'PATRON_STRICT': give true or false"), "{error}");
    let error = serve(&[("PATRON_WORLDS", "many")], &["emulate"]);
    assert!(error.contains("for 'PATRON_WORLDS'"), "{error}");
    let error = serve(&[("PATRON_TLS_CERT", "cert.pem")], &[]);
    assert!(error.contains("--tls-key <FILE> (or PATRON_TLS_KEY)"), "{error}");
    // The command line goes first, and its errors name what is there.
    for arguments in [["--listen=nonsense", "--log-level=info"], ["--listen", "nonsense"]] {
        let error = serve(&[("PATRON_LISTEN", "127.0.0.1:0")], &arguments);
        assert!(error.contains("for '--listen <ADDRESS>'"), "{error}");
    }
    let mut command = patron(Path::new("/nowhere/patron.db"));
    let error = said(&command.env("PATRON_BACKUP_EVERY", OsStr::from_bytes(b"\xff")).output().unwrap());
    assert!(error.contains("the value of PATRON_BACKUP_EVERY is not UTF-8"), "{error}");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let error = serve(&[("PATRON_LISTEN", &taken.local_addr().unwrap().to_string())], &[]);
    assert!(error.contains("with --listen or PATRON_LISTEN"), "{error}");
}

#[test]
fn a_misspelt_variable_is_warned_of() {
    let directory = tempdir().unwrap();
    let db = directory.path().join("patron.db");
    let mut command = patron(&db);
    command.env("PATRON_BACKUPDIR", "/mnt/copies").env("PATRON_SERVICE_HOST", "10.0.0.1").env("PATRON_PORT", "tcp://x");
    let server = Server::run(&mut command, db.with_extension("log"));
    let log = server.log_with("PATRON_BACKUPDIR");
    server.stop();
    assert!(log.contains("PATRON_BACKUPDIR") && !log.contains("/mnt/copies"), "{log}");
    assert!(!log.contains("PATRON_SERVICE_HOST") && !log.contains("PATRON_PORT"), "{log}");
}

#[test]
fn addresses_are_taken_as_people_write_them() {
    let directory = tempdir().unwrap();
    for (place, (listen, bound)) in (0..).zip([
        ("localhost:0", "127.0.0.1:"),
        (" LocalHost:0 ", "127.0.0.1:"),
        (":0", "0.0.0.0:"),
        ("*:0", "0.0.0.0:"),
        ("0.0.0.0:0", "0.0.0.0:"),
    ]) {
        let db = directory.path().join(format!("{place}.db"));
        let proxies = ["10.0.0.1", " 10.0.0.1/8 , ::1,", "::ffff:10.0.0.0/104 192.0.2.0/24", ","];
        let mut arguments =
            vec!["--listen", listen, "--metrics-listen", listen, "--public-url", "HTTPS://Patron.Example:443/"];
        arguments.extend(proxies.iter().flat_map(|proxy| ["--trusted-proxy", proxy]));
        let server = Server::start_with(&db, &arguments);
        assert!(server.address.starts_with(bound), "{listen}: {}", server.address);
        assert!(server.printed.contains(&format!("metrics on http://{bound}")), "{}", server.printed);
        assert!(server.printed.contains("  https://patron.example/link/"), "{}", server.printed);
        assert_eq!(server.stop(), Some(0));
    }
}

/// Returns the output of a command to standard error where that is a terminal.
fn on_terminal(variables: &[(&str, &str)], arguments: &[&str]) -> String {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    use std::io::Read;
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&terminal).unwrap();
    unlockpt(&terminal).unwrap();
    let name = ptsname(&terminal, Vec::new()).unwrap();
    let end = std::fs::OpenOptions::new().read(true).write(true).open(OsStr::from_bytes(name.as_bytes())).unwrap();
    let mut command = patron(Path::new("unused.db"));
    command.args(arguments).envs(variables.iter().copied()).stderr(end).status().unwrap();
    drop(command);
    let mut bytes = Vec::new();
    // A terminal that no process has open any more is an error at its end.
    let _ = std::fs::File::from(terminal).read_to_end(&mut bytes);
    String::from_utf8(bytes).unwrap()
}

#[test]
fn an_empty_variable_of_the_system_is_an_unset_one() {
    let colored = |variables: &[(&str, &str)]| on_terminal(variables, &["no-such-command"]).contains("\u{1b}[");
    assert!(colored(&[]) && colored(&[("NO_COLOR", "")]) && !colored(&[("NO_COLOR", "1")]));
    let directory = tempdir().unwrap();
    let mut command = patron(&directory.path().join("patron.db"));
    command.arg("serve").env("NOTIFY_SOCKET", "").env("PATRON_NO_SUCH", "");
    let server = Server::run(&mut command, directory.path().join("log"));
    let log = server.log.clone();
    assert_eq!(server.stop(), Some(0));
    let log = std::fs::read_to_string(log).unwrap();
    assert!(!log.contains("systemd") && !log.contains("PATRON_NO_SUCH"), "{log}");
}
