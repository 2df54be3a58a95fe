//! Disks that are full, over a limit or read-only: what waits, what goes on, and that it is over when the cause is.

use std::fs::{self, File, Permissions};
use std::io::{Write, stderr};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use serde_json::Value;
use tempfile::{TempDir, tempdir};

use crate::backup::{refusal, seeded};
use crate::schedule::until;
use crate::server::{Client, Server, patron, run};

/// Says what was not tried, so that it shows beside the outcome of tests that passed.
fn skipped(what: &str) {
    let _ = writeln!(stderr(), "SKIPPED: {what}");
}

/// What can be made to take no more.
pub enum Disk {
    /// A file system of its own.
    Mounted(TempDir),
    /// A limit on the size of a file, for who may not mount.
    Limited(TempDir),
}

fn succeeds(program: &str, arguments: &[&str]) -> bool {
    Command::new(program).args(arguments).output().is_ok_and(|output| output.status.success())
}

impl Disk {
    pub fn of_memory(size: &str) -> Option<Self> {
        let directory = tempdir().unwrap();
        let options = format!("size={size}");
        let mounted = succeeds("mount", &["-t", "tmpfs", "-o", &options, "tmpfs", directory.path().to_str().unwrap()]);
        if !mounted {
            skipped("a full tmpfs: this user may not mount one");
        }
        mounted.then_some(Self::Mounted(directory))
    }

    /// In a file, as a real disk.
    pub fn of_ext4(size: u64) -> Option<Self> {
        let (directory, image) = (tempdir().unwrap(), tempfile::NamedTempFile::new().unwrap());
        image.as_file().set_len(size).unwrap();
        let path = image.path().to_str().unwrap();
        let made = succeeds("mkfs.ext4", &["-q", "-F", "-m", "0", "-b", "4096", path])
            && succeeds("mount", &["-o", "loop,errors=remount-ro", path, directory.path().to_str().unwrap()]);
        if !made {
            skipped("ext4 in a file: this user may not mount one");
        }
        made.then_some(Self::Mounted(directory))
    }

    fn limited() -> Self {
        Self::Limited(tempdir().unwrap())
    }

    pub fn path(&self) -> &Path {
        match self {
            Self::Mounted(directory) | Self::Limited(directory) => directory.path(),
        }
    }

    pub fn db(&self) -> PathBuf {
        self.path().join("patron.db")
    }

    /// A server whose log is on another disk, so that it can be read.
    pub fn attempt(&self, logs: &Path) -> Result<Server, String> {
        let log = logs.join("patron.log");
        let _ = fs::remove_file(&log);
        let mut command = patron(&self.db());
        if let Self::Limited(_) = self {
            // The system kills who writes past the limit and does not say that it knows better.
            command = Command::new("sh");
            command.args(["-c", "trap '' XFSZ; exec \"$0\"", env!("CARGO_BIN_EXE_patron")]);
            command.env_clear().env("PATRON_DB", self.db()).env("PATRON_LISTEN", "127.0.0.1:0");
        }
        Server::attempt(&mut command, log)
    }

    /// Takes all room but so many pages.
    pub fn fill(&self, server: Option<&Server>, pages: u64) {
        match (self, server) {
            (Self::Mounted(_), _) => {
                let file = File::create(self.path().join("fill")).unwrap();
                while (&file).write_all(&[1; 4096]).is_ok() {}
                // What is written is on its way to the disk only, and room for it may be found wanting there.
                let _ = file.sync_all();
                let len = file.metadata().unwrap().len();
                file.set_len(len.saturating_sub(pages * 4096)).unwrap();
                file.sync_all().unwrap();
            }
            (Self::Limited(_), Some(server)) => {
                let len = |suffix: &str| self.path().join(format!("patron.db{suffix}")).metadata().unwrap().len();
                Self::limit(server, &(len("").max(len("-wal")) + pages * 4096).to_string());
            }
            (Self::Limited(_), None) => {}
        }
    }

    pub fn free(&self, server: Option<&Server>) {
        match (self, server) {
            (Self::Mounted(_), _) => fs::remove_file(self.path().join("fill")).unwrap(),
            (Self::Limited(_), Some(server)) => Self::limit(server, "unlimited"),
            (Self::Limited(_), None) => {}
        }
    }

    fn limit(server: &Server, bytes: &str) {
        assert!(succeeds("prlimit", &["--pid", &server.pid().to_string(), &format!("--fsize={bytes}:unlimited")]));
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if let Self::Mounted(directory) = self {
            // Lazily: a server of a test that failed may have it open.
            succeeds("umount", &["-l", directory.path().to_str().unwrap()]);
        }
    }
}

/// Creates large customers, several at once, until there is no room for another. Gives those that were acknowledged.
fn create_until_full(server: &Server, client: &Client, round: usize) -> Vec<Value> {
    let text = "x".repeat(200);
    let until_full = |thread: usize| {
        let mut acknowledged = Vec::new();
        let mut refused = 0;
        for number in 0.. {
            let notes = (0..15).map(|note| format!(r#""{note}":"{text}""#)).collect::<Vec<_>>().join(",");
            let contact = format!("{}", 10_000_000 + round * 1_000_000 + thread * 100_000 + number);
            let json = format!(r#"{{"name":"Full Disk","contact":"{contact}","notes":{{{notes}}}}}"#);
            let answer = server.ask("POST", "", client, &json);
            let body = answer.split_once("\r\n\r\n").unwrap().1;
            let body: Value = serde_json::from_str(body).unwrap_or_else(|_| panic!("{answer}"));
            if answer.starts_with("HTTP/1.1 200 ") {
                acknowledged.push(body);
                continue;
            }
            assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("\r\nretry-after: "), "{answer}");
            assert_eq!(body["error"]["code"], "SERVER_ERROR");
            refused += 1;
            if refused == 5 {
                break;
            }
        }
        acknowledged
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..3).map(|thread| scope.spawn(move || until_full(thread))).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    })
}

fn has_all(client: &Client, acknowledged: &[Value]) {
    for customer in acknowledged {
        let (status, found) = client.get(&format!("/{}", customer["id"].as_str().unwrap())).unwrap();
        assert_eq!((status, &found), (200, customer));
    }
}

#[test]
fn on_a_full_disk_edits_wait_for_room_reads_go_on_and_nothing_acknowledged_is_lost() {
    let disks = [Disk::of_memory("4m"), Disk::of_ext4(12 << 20), Some(Disk::limited())];
    thread::scope(|scope| {
        for disk in disks.into_iter().flatten() {
            scope.spawn(move || edits_wait_for_room(&disk));
        }
    });
}

fn edits_wait_for_room(disk: &Disk) {
    let logs = tempdir().unwrap();
    let mut server = disk.attempt(logs.path()).unwrap();
    let client = Client::new(&server, &disk.db());
    let mut acknowledged = Vec::new();
    for (round, room) in [0, 1, 5, 20, 60, 130].into_iter().enumerate() {
        let client = client.moved(&server);
        disk.fill(Some(&server), room);
        let created = create_until_full(&server, &client, round);
        assert!(room < 60 || !created.is_empty(), "none is created in {room} pages");
        acknowledged.extend(created);
        assert_eq!(client.get("?count=100").unwrap().0, 200, "reads go on");
        has_all(&client, &acknowledged);
        if round % 2 == 1 {
            // A power cut in the midst of it; and a start without room, which serves or says why not.
            server.kill();
            match disk.attempt(logs.path()) {
                Ok(started) => has_all(&client.moved(&started), &acknowledged),
                Err(said) => assert!(is_of_room(&said), "{said}"),
            }
            disk.free(None);
            server = disk.attempt(logs.path()).unwrap();
        } else {
            disk.free(Some(&server));
        }
        let client = client.moved(&server);
        acknowledged
            .push(client.post(&format!(r#"{{"name":"Room Again","contact":"{}"}}"#, 80_000_000 + round)).unwrap().1);
        has_all(&client, &acknowledged);
    }
    if let Disk::Mounted(_) = disk {
        disk.fill(Some(&server), 0);
        create_until_full(&server, &client.moved(&server), 9);
        disk.free(Some(&server));
        until("writing again", || fs::read_to_string(&server.log).unwrap().contains("writing again"));
        assert!(fs::read_to_string(&server.log).unwrap().contains("nothing can be written cause=\"the disk is full\""));
    }
    assert_eq!(server.stop(), Some(0));
    let checked = run(&disk.db(), &["check"]);
    assert!(checked.status.success(), "{checked:?}");
}

/// Whether a refusal to start is for want of room, in one sentence after what was printed.
fn is_of_room(said: &str) -> bool {
    let mut lines = said.lines().rev();
    let (how, last) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    how == "exit status: 1"
        && last.starts_with("patron: ")
        && ["the disk is full", "its disk takes nothing more", "or its disk is full"]
            .iter()
            .any(|words| last.contains(words))
}

#[test]
fn a_first_start_without_room_is_refused_in_a_sentence_and_leaves_nothing_in_the_way() {
    let Some(disk) = Disk::of_memory("1m") else { return };
    let logs = tempdir().unwrap();
    let mut refused = 0;
    for room in [0, 1, 2, 4, 6, 8, 9, 10, 12, 16, 24, 32, 40, 48, 56, 64, 72, 80, 88, 96, 128, 160, 192, 224] {
        disk.fill(None, room);
        let first = disk.attempt(logs.path());
        let (started, printed) = match first {
            Ok(server) => (true, server.printed.clone()),
            Err(said) => (false, said),
        };
        assert!(started || is_of_room(&printed), "with {room} pages: {printed}");
        refused += u32::from(!started);
        disk.free(None);
        let server = disk.attempt(logs.path()).unwrap();
        assert!(printed.contains("key secret") != server.printed.contains("key secret"), "a key is shown, and once");
        Client::new(&server, &disk.db()).create(r#"{"name":"Room Again"}"#);
        assert_eq!(server.stop(), Some(0));
        for entry in fs::read_dir(disk.path()).unwrap() {
            fs::remove_file(entry.unwrap().path()).unwrap();
        }
    }
    assert!((8..24).contains(&refused), "{refused}");
}

#[test]
fn a_log_that_nobody_takes_holds_nothing_up() {
    let directory = tempdir().unwrap();
    let db = directory.path().join("patron.db");
    let mut command = patron(&db);
    command.args(["--log-level", "debug"]);
    let link = directory.path().join("full");
    std::os::unix::fs::symlink("/dev/full", &link).unwrap();
    let server = Server::run(&mut command, link);
    let client = Client::new(&server, &db);
    for number in 0..100 {
        client.create(&format!(r#"{{"name":"No Log","contact":"{}"}}"#, 10_000_000 + number));
    }
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn backups_on_a_full_disk_fail_alone_and_are_made_when_there_is_room() {
    let Some(disk) = Disk::of_memory("1m") else { return };
    let (_directory, db) = seeded(100);
    disk.fill(None, 20);
    let dir = disk.path().to_str().unwrap();
    let server = Server::start_with(&db, &["--backup-dir", dir, "--backup-every", "1s", "--keep-free", "0"]);
    let client = Client::new(&server, &db);
    let said = |words: &str| fs::read_to_string(&server.log).unwrap().contains(words);
    until("a failure", || said("a backup failed why=\"cannot back up to ") && said("the disk is full; make room"));
    client.create(r#"{"name":"Goes On"}"#);
    let names = || fs::read_dir(disk.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect::<Vec<_>>();
    disk.free(None);
    until("a backup", || said("a backup is made and verified"));
    assert_eq!(server.stop(), Some(0));
    let backups: Vec<PathBuf> = names().iter().map(|name| disk.path().join(name)).collect();
    assert!(!backups.is_empty());
    for backup in backups {
        assert!(run(&backup, &["check"]).status.success(), "{}", backup.display());
    }
}

#[test]
fn what_is_made_read_only_beneath_a_server_waits_and_reads_go_on() {
    let Some(disk) = Disk::of_ext4(12 << 20) else { return };
    let logs = tempdir().unwrap();
    let server = disk.attempt(logs.path()).unwrap();
    let client = Client::new(&server, &disk.db());
    let id = client.create(r#"{"name":"Acknowledged"}"#);
    let edit = || server.ask("PUT", &format!("/{id}"), &client, r#"{"name":"Refused"}"#);
    let waits = || {
        for _ in 0..3 {
            let answer = edit();
            assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("\r\nretry-after: "), "{answer}");
        }
        assert_eq!(client.get(&format!("/{id}")).unwrap().1["name"], "Acknowledged");
        assert_eq!(client.get("?count=5").unwrap().0, 200);
    };
    let log = disk.path().join("patron.db-wal");
    if succeeds("chattr", &["+i", log.to_str().unwrap()]) {
        waits();
        assert!(succeeds("chattr", &["-i", log.to_str().unwrap()]));
        assert_eq!(client.put(&id, r#"{"name":"Acknowledged"}"#).unwrap().0, 200, "it is over");
    } else {
        skipped("a file that nobody may change: this user may not make one");
    }

    // As the system does by itself when a disk fails.
    let mounted = fs::read_to_string("/proc/mounts").unwrap();
    let device = mounted.lines().find(|line| line.contains(disk.path().to_str().unwrap())).unwrap();
    let device = device.split(' ').next().unwrap().strip_prefix("/dev/").unwrap();
    fs::write(format!("/sys/fs/ext4/{device}/trigger_fs_error"), "1").unwrap();
    waits();
    server.signal("USR1");
    until("that it cannot be saved there", || {
        fs::read_to_string(&server.log).unwrap().contains("it is on a read-only file system; choose another place")
    });
    let refused = run(&disk.db(), &["key", "create", "--mode", "test"]);
    assert!(refusal(&refused).contains("it is on a read-only file system"), "{refused:?}");
    let log = server.log.clone();
    server.kill();
    let log = fs::read_to_string(log).unwrap();
    assert!(log.contains("the file is read-only (") || log.contains("its disk takes nothing more; look"), "{log}");

    // A start serves reads, and says why no more. There is a WAL from before, and edits in it.
    let server = disk.attempt(logs.path()).unwrap();
    let client = client.moved(&server);
    assert_eq!(client.get(&format!("/{id}")).unwrap().1["name"], "Acknowledged");
    assert_eq!(client.get("?count=5").unwrap().0, 200);
    let answer = server.ask("PUT", &format!("/{id}"), &client, r#"{"name":"Refused"}"#);
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("\r\nretry-after: "), "{answer}");
    let ready = server.speak(b"GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert!(ready.contains(" 503 ") && ready.contains("the database file is in doubt"), "{ready}");
    assert!(refusal(&run(&disk.db(), &[])).contains("another patron serves it"));
    let way_out = "its file system is read-only: make it writable and start again";
    let log = server.log_with(way_out);
    assert!(log.contains(way_out), "{log}");
    assert_eq!(server.stop(), Some(0));
}

/// A file system that is read-only from the start, on which a server had ended in order: SQLite can create nothing there.
#[test]
fn a_start_on_a_read_only_file_system_serves_reads() {
    let Some(disk) = Disk::of_memory("4m") else { return };
    let logs = tempdir().unwrap();
    let server = disk.attempt(logs.path()).unwrap();
    let client = Client::new(&server, &disk.db());
    let id = client.create(r#"{"name":"Acknowledged"}"#);
    assert_eq!(server.stop(), Some(0));
    for is_bare in [false, true] {
        if is_bare {
            for suffix in ["-wal", "-shm", ".lock"] {
                let _ = fs::remove_file(disk.path().join(format!("patron.db{suffix}")));
            }
        }
        let remount = |how: &str| succeeds("mount", &["-o", &format!("remount,{how}"), disk.path().to_str().unwrap()]);
        assert!(remount("ro"));
        let server = disk.attempt(logs.path()).unwrap();
        let client = client.moved(&server);
        assert_eq!(client.get(&format!("/{id}")).unwrap().1["name"], "Acknowledged");
        assert_eq!(status_of_edit(&server, &client, &id), 503);
        assert!(run(&disk.db(), &["check"]).status.success());
        assert_eq!(server.stop(), Some(0));
        assert!(remount("rw"));
        let server = disk.attempt(logs.path()).unwrap();
        assert_eq!(status_of_edit(&server, &client.moved(&server), &id), 200);
        assert_eq!(server.stop(), Some(0));
    }
}

fn status_of_edit(server: &Server, client: &Client, id: &str) -> u16 {
    let answer = server.ask("PUT", &format!("/{id}"), client, r#"{"name":"Acknowledged"}"#);
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

#[test]
fn where_nothing_can_be_made_beside_the_file_it_is_not_served() {
    let (directory, db) = seeded(5);
    // The superuser may do anything: run as somebody else, to whom it all belongs.
    let somebody = 65_534;
    for name in ["patron.db", "patron.db-wal", "patron.db-shm"] {
        let path = directory.path().join(name);
        if path.exists() && std::os::unix::fs::chown(path, Some(somebody), Some(somebody)).is_err() {
            return skipped("a directory that one may not write: this user is not the superuser");
        }
    }
    let close = |mode| fs::set_permissions(directory.path(), Permissions::from_mode(mode)).unwrap();
    close(0o555);
    let output = patron(&db).uid(somebody).gid(somebody).output().unwrap();
    let said = refusal(&output);
    assert!(said.contains("patron.db.lock: this user may not read and write it"), "{said}");
    close(0o777);
    let server = Server::run(patron(&db).uid(somebody).gid(somebody), directory.path().join("patron.log"));
    let client = Client::new(&server, &db);
    close(0o555);
    // What it needs is open already.
    assert_eq!(client.post(r#"{"name":"Goes On"}"#).unwrap().0, 200);
    assert_eq!(server.stop(), Some(0));
    close(0o755);
}
