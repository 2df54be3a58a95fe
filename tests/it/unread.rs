//! Output that nothing reads: full pipes, a stopped terminal, a service manager that does not receive. The program goes on and
//! stops as ever.

use std::fs::File;
use std::io::{ErrorKind, PipeReader, PipeWriter, Read, Write, pipe};
use std::net::TcpListener;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Action, Winsize, tcflow, tcsetwinsize};
use serde_json::Value;
use tempfile::tempdir;

use crate::server::{Client, Server, patron, run};

/// A pipe without room.
fn full_pipe() -> (PipeReader, PipeWriter) {
    let (reader, mut writer) = pipe().unwrap();
    let flags = fcntl_getfl(&writer).unwrap();
    fcntl_setfl(&writer, flags | OFlags::NONBLOCK).unwrap();
    while writer.write(&[b'\n'; 4096]).is_ok() {}
    while writer.write(b"\n").is_ok() {}
    fcntl_setfl(&writer, flags).unwrap();
    (reader, writer)
}

/// The other side of a terminal that is stopped, as by Ctrl+S, and the terminal.
fn stopped_terminal() -> (OwnedFd, File) {
    let manager = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&manager).unwrap();
    unlockpt(&manager).unwrap();
    let name = ptsname(&manager, Vec::new()).unwrap();
    let open =
        rustix::fs::open(name.as_c_str(), OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, rustix::fs::Mode::empty());
    let terminal = File::from(open.unwrap());
    tcsetwinsize(&terminal, Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
    tcflow(&terminal, Action::OOff).unwrap();
    (manager, terminal)
}

/// Waits for the end of a process that might never come.
pub fn end(mut child: Child, what: &str) -> ExitStatus {
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(60) {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        thread::sleep(Duration::from_millis(20));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    panic!("it did not end: {what}");
}

pub fn signal(child: &Child, name: &str) {
    assert!(Command::new("kill").args([&format!("-{name}"), &child.id().to_string()]).status().unwrap().success());
}

/// An address where nothing listens now.
fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

/// A client that gives up.
fn client() -> ureq::Agent {
    ureq::Agent::config_builder().timeout_global(Some(Duration::from_secs(30))).build().new_agent()
}

/// Waits until something answers there with 200.
fn answers(address: &str, path: &str) {
    let (began, client) = (Instant::now(), client());
    while client.get(format!("http://{address}{path}")).call().is_err() {
        assert!(began.elapsed() < Duration::from_secs(60), "{address} does not answer");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_server_serves_and_stops_while_its_output_is_not_read() {
    let directory = tempdir().unwrap();
    let db = directory.path().join("patron.db");
    for command in ["serve", "emulate"] {
        let (address, (_out, stdout), (_err, stderr)) = (free_address(), full_pipe(), full_pipe());
        let mut server = patron(&db);
        server.args([command, "--listen", &address]).stdout(stdout).stderr(stderr);
        let child = server.spawn().unwrap();
        answers(&address, "/healthz");
        let client = client();
        for _ in 0..1_000 {
            client.get(format!("http://{address}/readyz")).call().unwrap();
        }
        signal(&child, "TERM");
        assert_eq!(end(child, command).code(), Some(0), "{command}");
    }
}

#[test]
fn log_lines_that_are_not_read_are_dropped_and_counted() {
    const EACH: usize = 2_500;
    let directory = tempdir().unwrap();
    let db = directory.path().join("patron.db");
    let (address, metrics) = (free_address(), free_address());
    let (mut reader, stderr) = full_pipe();
    let mut command = patron(&db);
    command.args(["serve", "--log-format", "json", "--listen", &address, "--metrics-listen", &metrics]);
    let child = command.stdout(Stdio::null()).stderr(stderr).spawn().unwrap();
    drop(command);
    answers(&metrics, "/metrics");
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let agent = client();
                for number in 0..EACH {
                    let request = agent.get(format!("http://{address}/healthz"));
                    request.header("X-Request-Id", format!("{number:064}")).call().unwrap();
                }
            });
        }
    });
    let text = client().get(format!("http://{metrics}/metrics")).call().unwrap().body_mut().read_to_string().unwrap();
    let counted = text.lines().find_map(|line| line.strip_prefix("patron_log_lines_dropped_total ")).unwrap();
    let counted: usize = counted.parse().unwrap();
    assert!(counted > 0, "nothing was dropped");

    // Once they are read, the log says how many are missing, and goes on.
    let log = thread::spawn(move || {
        let mut log = String::new();
        reader.read_to_string(&mut log).unwrap();
        log
    });
    thread::sleep(Duration::from_millis(500));
    client().get(format!("http://{address}/readyz")).call().unwrap();
    signal(&child, "TERM");
    assert_eq!(end(child, "a server").code(), Some(0));
    let log = log.join().unwrap();
    let lines: Vec<Value> = log
        .lines()
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("half a line: {line}")))
        .collect();
    let dropped: u64 = lines.iter().filter_map(|line| line["lines"].as_u64()).sum();
    assert_eq!(dropped, counted as u64);
    let kept = lines.iter().filter(|line| line["route"] == "/healthz").count();
    assert_eq!(kept + counted, 4 * EACH);
    assert!(lines.iter().any(|line| line["route"] == "/readyz"), "the log does not go on");
    assert_eq!(lines.last().unwrap()["message"], "stopped");
}

/// Runs commands that report on standard error and draw bars there, each to its end.
fn commands_end(stderr: impl AsFd) {
    let directory = tempdir().unwrap();
    let file = |name: &str| directory.path().join(name).display().to_string();
    let db = directory.path().join("patron.db");
    std::fs::write(file("customers.csv"), "name,email\nGaurav Kumar,gaurav@example.com\n").unwrap();
    let (csv, copy, json) = (file("customers.csv"), file("copy.db"), file("customers.jsonl"));
    let commands: [(&[&str], i32); 9] = [
        (&["seed", "--count", "5000"], 0),
        (&["import", &csv, "--mode", "live", "--yes"], 0),
        (&["check"], 0),
        (&["backup", &copy], 0),
        (&["export", "--mode", "test", "--out", &json], 0),
        (&["reindex"], 0),
        (&["restore", &copy], 0),
        // These report a fault that is not read.
        (&["restore", &csv], 1),
        (&["seed", "--number", "1"], 2),
    ];
    for (arguments, status) in commands {
        let mut command = patron(&db);
        command.args(arguments).stdout(Stdio::null()).stderr(stderr.as_fd().try_clone_to_owned().unwrap());
        assert_eq!(end(command.spawn().unwrap(), &arguments.join(" ")).code(), Some(status), "{arguments:?}");
    }
}

#[test]
fn commands_end_while_standard_error_is_a_full_pipe() {
    let (_reader, stderr) = full_pipe();
    commands_end(stderr);
}

#[test]
fn commands_end_while_their_terminal_is_stopped() {
    let (_manager, terminal) = stopped_terminal();
    commands_end(terminal);
}

#[test]
fn a_command_says_that_the_reader_of_its_output_ended() {
    let directory = tempdir().unwrap();
    let db = directory.path().join("patron.db");
    run(&db, &["seed", "--count", "1000"]);
    run(&db, &["key", "create", "--mode", "test"]);
    for arguments in
        [&["export", "--mode", "test"][..], &["openapi"], &["key", "list"], &["man"], &["completions", "bash"]]
    {
        let (reader, stdout) = pipe().unwrap();
        drop(reader);
        let output = patron(&db).args(arguments).stdout(stdout).stderr(Stdio::piped()).spawn().unwrap();
        let output = output.wait_with_output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(said, "patron: cannot write to standard output: its reader ended before it had all of it\n");
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
    }
}

#[test]
fn an_export_that_is_not_read_ends_at_the_first_signal() {
    let directory = tempdir().unwrap();
    let db = directory.path().join("patron.db");
    let server = Server::start(&db);
    let client = Client::new(&server, &db);
    let id = client.create(r#"{"name":"Meera"}"#);
    let ((_out, stdout), (_err, stderr)) = (full_pipe(), full_pipe());
    let mut command = patron(&db);
    let child = command.args(["export", "--mode", "test"]).stdout(stdout).stderr(stderr).spawn().unwrap();
    wait_for_write(&child);
    // Nor does it hold up edits.
    assert_eq!(client.put(&id, r#"{"name":"Asha Rao"}"#).unwrap().0, 200);
    signal(&child, "TERM");
    assert_eq!(end(child, "export").code(), None);
}

/// Waits until a thread of the process is blocked in a write to a pipe.
fn wait_for_write(child: &Child) {
    let path = format!("/proc/{}/wchan", child.id());
    let began = Instant::now();
    while !std::fs::read_to_string(&path).unwrap_or_default().contains("pipe") && began.elapsed().as_secs() < 5 {
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_service_manager_that_does_not_receive_holds_up_nothing() {
    let directory = tempdir().unwrap();
    let db = directory.path().join("patron.db");
    let path = directory.path().join("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    fill(&path);
    let mut command = patron(&db);
    command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "100000");
    let server = Server::run(&mut command, db.with_extension("log"));
    answers(&server.address, "/healthz");
    for _ in 0..10 {
        server.signal("HUP");
        thread::sleep(Duration::from_millis(100));
    }
    answers(&server.address, "/healthz");
    // What waits is sent once it is received, in its order.
    let mut buffer = [0; 4096];
    let first = loop {
        let len = manager.recv(&mut buffer).unwrap();
        if buffer[..len] != *b"x" {
            break String::from_utf8_lossy(&buffer[..len]).into_owned();
        }
    };
    assert!(first.starts_with("READY=1\nSTATUS=listening on "), "{first}");
    fill(&path);
    assert_eq!(server.stop(), Some(0));
}

/// Sends datagrams until the receiver has no room.
fn fill(path: &Path) {
    let sender = UnixDatagram::unbound().unwrap();
    sender.set_nonblocking(true).unwrap();
    let error = (0..100_000).find_map(|_| sender.send_to(b"x", path).err()).unwrap();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
}
