//! Files that commands write for their user: into what is not a plain file, through links, whole or not at all.

use std::fs;
use std::io::Read;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use rustix::fs::{CWD, FileType, Mode, mknodat};
use tempfile::tempdir;

use crate::backup::{refusal, seeded};
use crate::server::{Server, patron, run, run_bounded};

pub fn fifo(path: &Path) {
    mknodat(CWD, path, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
}

/// Runs a command while another process reads from a FIFO. Returns what it read.
fn read_from(fifo: &Path, run: impl FnOnce() -> Output) -> (Output, String) {
    let mut reader = Command::new("cat").arg(fifo).stdout(Stdio::piped()).spawn().unwrap();
    let output = run();
    // A command that wrote nothing never opened its end.
    if !output.status.success() {
        drop(fs::OpenOptions::new().write(true).open(fifo));
    }
    let mut text = String::new();
    reader.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    reader.wait().unwrap();
    (output, text)
}

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o777
}

#[test]
fn an_export_is_written_into_what_is_not_a_plain_file() {
    let (directory, db) = seeded(20);
    let at = |name: &str| directory.path().join(name);
    let export = |out: &str| run(&db, &["export", "--mode", "test", "--out", out, "--force"]);
    let whole = String::from_utf8(run(&db, &["export", "--mode", "test"]).stdout).unwrap();
    fifo(&at("fifo"));
    let (output, text) = read_from(&at("fifo"), || export(at("fifo").to_str().unwrap()));
    assert!(output.status.success() && text == whole, "{output:?}");
    assert!(!at("fifo").metadata().unwrap().is_file());
    assert_eq!(String::from_utf8(export("/dev/stdout").stdout).unwrap(), whole);
    // As by `> file` and `>> file`.
    fs::write(at("appended"), "before\n").unwrap();
    let appended = fs::OpenOptions::new().append(true).open(at("appended")).unwrap();
    let output = patron(&db).args(["export", "--mode", "test", "--out", "/dev/stdout"]).stdout(appended).status();
    assert!(output.unwrap().success());
    assert_eq!(fs::read_to_string(at("appended")).unwrap(), format!("before\n{whole}"));
    assert!(export("/dev/null").status.success() && !Path::new("/dev/null").metadata().unwrap().is_file());
    let full = refusal(&export("/dev/full"));
    assert!(full.contains("cannot write /dev/full: the disk is full"), "{full}");
}

#[test]
fn a_file_that_is_replaced_keeps_its_permissions_and_links_stay_links() {
    let (directory, db) = seeded(20);
    let at = |name: &str| directory.path().join(name);
    let export = |name: &str| run(&db, &["export", "--mode", "test", "--out", at(name).to_str().unwrap(), "--force"]);
    let whole = run(&db, &["export", "--mode", "test"]).stdout;
    assert!(export("new").status.success());
    assert_eq!(mode(&at("new")), 0o600);
    fs::set_permissions(at("new"), fs::Permissions::from_mode(0o640)).unwrap();
    symlink("new", at("link")).unwrap();
    symlink("nothing-yet", at("dangling")).unwrap();
    for (name, target, permissions) in [("link", "new", 0o640), ("dangling", "nothing-yet", 0o600)] {
        assert!(export(name).status.success());
        assert!(at(name).is_symlink() && fs::read(at(target)).unwrap() == whole, "{name}");
        assert_eq!(mode(&at(target)), permissions, "{name}");
    }
    let refused = run(&db, &["export", "--mode", "test", "--out", at("link").to_str().unwrap()]);
    assert!(refusal(&refused).contains("link is there already; --force replaces it"));
    assert!(refusal(&export(".")).contains("it is a directory; give the name of a file in it"));
    assert!(refusal(&export("no/such")).contains("no does not exist; make it, or choose another place"));
    assert!(refusal(&export("new/file")).contains("new is not a directory"));
    symlink("round", at("round")).unwrap();
    assert!(refusal(&export("round")).contains("cannot write"));
}

#[test]
fn on_a_full_disk_the_file_before_stays() {
    let (_directory, db) = seeded(3_000);
    let small = tempdir().unwrap();
    let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=64k", "tmpfs"]).arg(small.path()).output();
    if !mounted.is_ok_and(|mounted| mounted.status.success()) {
        eprintln!("not tried: this user may not mount a small file system");
        return;
    }
    let out = small.path().join("out.csv");
    fs::write(&out, "before").unwrap();
    let output = run(&db, &["export", "--mode", "test", "--force", "--out", out.to_str().unwrap()]);
    let (left, names) = (fs::read_to_string(&out).unwrap(), fs::read_dir(small.path()).unwrap().count());
    assert!(Command::new("umount").arg(small.path()).status().unwrap().success());
    assert!(refusal(&output).contains("the disk is full; make room or choose another place"), "{output:?}");
    assert_eq!((left.as_str(), names), ("before", 1));
}

#[test]
fn refused_rows_go_into_a_fifo_once() {
    let (directory, db) = seeded(1);
    let at = |name: &str| directory.path().join(name);
    fs::write(at("in.csv"), "name,email\nNew Person,new@example.com\nx,bad@example.com\n").unwrap();
    let import = |file: &str, refused: &Path, more: &str| {
        let arguments = ["import", file, "--mode", "test", "--refused", refused.to_str().unwrap(), more];
        run(&db, &arguments)
    };
    let file = at("in.csv");
    let file = file.to_str().unwrap();
    fifo(&at("fifo"));
    for more in ["--dry-run", "--yes"] {
        let (output, text) = read_from(&at("fifo"), || import(file, &at("fifo"), more));
        assert!(output.status.success(), "{output:?}");
        assert_eq!((text.lines().count(), text.contains("bad@example.com")), (2, true), "{text}");
    }
    assert!(refusal(&import(file, directory.path(), "--yes")).contains("it is a directory"));
}

#[test]
fn manual_pages_follow_links_and_keep_permissions() {
    let directory = tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    let db = at("patron.db");
    fs::write(at("kept"), "a page of before").unwrap();
    fs::set_permissions(at("kept"), fs::Permissions::from_mode(0o644)).unwrap();
    symlink("kept", at("patron.1")).unwrap();
    assert!(run(&db, &["man", directory.path().to_str().unwrap()]).status.success());
    assert!(at("patron.1").is_symlink() && fs::read_to_string(at("kept")).unwrap().contains(".TH patron 1"));
    assert_eq!(mode(&at("kept")), 0o644);
    assert!(at("patron-key-create.1").is_file());
}

#[test]
fn a_file_in_the_place_of_the_erasures_is_not_written_over() {
    let (directory, db) = seeded(3);
    let folder = directory.path().join("backups");
    fs::create_dir(&folder).unwrap();
    let server = Server::start_with(&db, &["--backup-dir", folder.to_str().unwrap()]);
    assert_eq!(server.stop(), Some(0));
    let place = folder.join("patron-erasures.txt");
    let precious = directory.path().join("precious");
    fs::write(&precious, "no line of erasures\nand no end of a line").unwrap();
    let _ = fs::remove_file(&place);
    symlink(&precious, &place).unwrap();
    let list = String::from_utf8(run(&db, &["export", "--mode", "test", "--format", "jsonl"]).stdout).unwrap();
    let start = list.find("cust_").unwrap();
    let id = &list[start..start + 19];
    let erase = || refusal(&run_bounded(&db, &["customer", "erase", id, "--yes"]));
    let refused = erase();
    assert!(refused.contains("it is not a plain file with one name") && refused.contains("nothing was erased"));
    fs::remove_file(&place).unwrap();
    fs::copy(&precious, &place).unwrap();
    assert!(erase().contains("is not a file of erasures"));
    assert_eq!(fs::read_to_string(&place).unwrap(), fs::read_to_string(&precious).unwrap());
    fs::remove_file(&place).unwrap();
    // A file of erasures of another name, which a link or a second name would change.
    fs::write(&precious, "# ours\n").unwrap();
    symlink(&precious, &place).unwrap();
    assert!(erase().contains("it is not a plain file with one name"));
    fs::remove_file(&place).unwrap();
    fs::hard_link(&precious, &place).unwrap();
    assert!(erase().contains("it is not a plain file with one name"));
    assert_eq!(fs::read_to_string(&precious).unwrap(), "# ours\n");
    fs::remove_file(&place).unwrap();
    fs::write(&place, "").unwrap();
    let held = fs::File::open(&place).unwrap();
    held.lock().unwrap();
    assert!(erase().contains("another program keeps it locked"));
    drop(held);
    fs::remove_file(&place).unwrap();
    fifo(&place);
    assert!(erase().contains("it is not a plain file"));
    let backups = directory.path().join("fifo");
    fifo(&backups);
    let server = Server::start_with(&db, &["--backup-dir", backups.to_str().unwrap()]);
    crate::schedule::until("the server to say so", || {
        fs::read_to_string(&server.log).unwrap().contains("it is not a directory")
    });
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn a_file_of_the_user_called_partial_stays() {
    let (directory, db) = seeded(20);
    let at = |name: &str| directory.path().join(name);
    let text = |name: &str| at(name).to_str().unwrap().to_owned();
    fs::write(at("in.csv"), "name,email\nx,bad@example.com\n").unwrap();
    let names = ["r.csv", "refused.csv", "copy.db", "patron.1"];
    for name in names {
        fs::write(at(&format!("{name}.partial")), "precious").unwrap();
        fs::write(at(&format!("{name}.partial-journal")), "precious").unwrap();
    }
    let left = at("r.csv.patron-0123456789ab.partial");
    fs::write(&left, "left by a killed process").unwrap();
    fifo(&at("r.csv.patron-ba9876543210.partial"));
    for command in [
        &["export", "--mode", "test", "--out", &text("r.csv")][..],
        &["import", &text("in.csv"), "--mode", "test", "--dry-run", "--refused", &text("refused.csv")],
        &["backup", &text("copy.db")],
        &["man", directory.path().to_str().unwrap()],
    ] {
        let output = run_bounded(&db, command);
        assert!(output.status.code().is_some_and(|code| code != 124), "{output:?}");
    }
    for name in names {
        assert!(at(name).is_file(), "{name}");
        assert_eq!(fs::read_to_string(at(&format!("{name}.partial"))).unwrap(), "precious");
        assert_eq!(fs::read_to_string(at(&format!("{name}.partial-journal"))).unwrap(), "precious");
    }
    assert!(!left.exists() && at("r.csv.patron-ba9876543210.partial").exists());
}
