//! What systemd hears of the service, on a socket as it has one.

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::{TempDir, tempdir};

use crate::server::{Server, patron};

struct Manager {
    directory: TempDir,
    socket: UnixDatagram,
}

impl Manager {
    fn new() -> Self {
        let directory = tempdir().unwrap();
        let socket = UnixDatagram::bind(directory.path().join("notify")).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        Self { directory, socket }
    }

    fn start(&self, db: &Path, watchdog_usec: Option<u64>) -> Server {
        let mut command = patron(db);
        command.env("NOTIFY_SOCKET", self.directory.path().join("notify"));
        if let Some(usec) = watchdog_usec {
            command.env("WATCHDOG_USEC", usec.to_string());
        }
        Server::run(&mut command, db.with_extension("log"))
    }

    fn hears(&self) -> String {
        let mut buffer = [0; 4096];
        let len = self.socket.recv(&mut buffer).unwrap();
        String::from_utf8(buffer[..len].to_vec()).unwrap()
    }

    /// How many times in so long it hears that the process is alive.
    fn beats(&self, within: Duration) -> usize {
        let (began, mut beats) = (Instant::now(), 0);
        let mut buffer = [0; 4096];
        while let Some(left) = within.checked_sub(began.elapsed()).filter(|left| !left.is_zero()) {
            self.socket.set_read_timeout(Some(left)).unwrap();
            beats += usize::from(self.socket.recv(&mut buffer).is_ok_and(|len| &buffer[..len] == b"WATCHDOG=1\n"));
        }
        beats
    }
}

#[test]
fn it_hears_of_the_start_of_reading_files_again_and_of_the_stop() {
    let manager = Manager::new();
    let server = manager.start(&manager.directory.path().join("patron.db"), None);
    assert_eq!(manager.hears(), format!("READY=1\nSTATUS=listening on http://{}\n", server.address));
    server.signal("HUP");
    let reloading = manager.hears();
    let clock = reloading.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").unwrap_or_else(|| panic!("{reloading}"));
    assert!(clock.trim_end().parse::<u64>().unwrap() > 0);
    assert!(manager.hears().starts_with("READY=1\n"));
    assert!(server.speak(b"GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").contains(" 200 OK"));
    assert_eq!(server.stop(), Some(0));
    assert_eq!(manager.hears(), "STOPPING=1\nSTATUS=finishing what is in flight\n");
}

#[test]
fn where_nobody_sees_what_is_printed_no_key_and_no_link_are_made() {
    let manager = Manager::new();
    let db = manager.directory.path().join("patron.db");
    let mut command = patron(&db);
    command.env("NOTIFY_SOCKET", manager.directory.path().join("notify"));
    let log = db.with_extension("log");
    let mut child = command.stdout(Stdio::null()).stderr(fs::File::create(&log).unwrap()).spawn().unwrap();
    assert!(manager.hears().starts_with("READY=1\n"));
    let end = Command::new("kill").arg(child.id().to_string()).status().unwrap();
    assert!(end.success() && child.wait().unwrap().success());
    let rows = rusqlite::Connection::open(&db).unwrap();
    let count = "SELECT (SELECT count(*) FROM keys) + (SELECT count(*) FROM links)";
    assert_eq!(rows.query_one(count, [], |row| row.get::<_, u64>(0)).unwrap(), 0);
    let log = fs::read_to_string(&log).unwrap();
    for command in ["key create --mode test`", "staff add EMAIL --role owner`"] {
        assert!(log.contains(command), "{log}");
    }
}

#[test]
fn it_hears_that_the_process_is_alive_also_where_nothing_can_be_written() {
    let manager = Manager::new();
    let db = manager.directory.path().join("patron.db");
    let server = manager.start(&db, Some(400_000));
    assert!(manager.hears().starts_with("READY=1\n"));
    assert!(manager.beats(Duration::from_secs(2)) >= 5);
    // Edits wait until the file is back.
    fs::rename(&db, manager.directory.path().join("elsewhere.db")).unwrap();
    assert!(manager.beats(Duration::from_secs(2)) >= 5);
    assert!(server.speak(b"GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").contains(" 503 "));
    fs::rename(manager.directory.path().join("elsewhere.db"), &db).unwrap();
    // A process that stands still says nothing.
    server.signal("STOP");
    manager.beats(Duration::from_millis(500));
    assert_eq!(manager.beats(Duration::from_secs(1)), 0);
    server.signal("CONT");
    assert!(manager.beats(Duration::from_secs(2)) >= 5);
}

#[test]
fn without_a_watchdog_and_without_systemd_nothing_is_said() {
    let manager = Manager::new();
    let db = manager.directory.path().join("patron.db");
    let server = manager.start(&db, None);
    assert!(manager.hears().starts_with("READY=1\n"));
    assert_eq!(manager.beats(Duration::from_millis(700)), 0);
    drop(server);
    let server = Server::start(&db);
    assert_eq!(server.stop(), Some(0));
    assert!(!fs::read_to_string(db.with_extension("log")).unwrap().contains("systemd"));
}
