//! After a power cut: the surviving files are put into a directory, the server starts there, and the record is compared with it.

use std::error::Error;
use std::fs;
use std::path::Path;

use rusqlite::{Connection, OptionalExtension};
use tempfile::TempDir;

use crate::disk::{BACKUPS, Image};
use crate::load::{Import, ROWS, Record};
use crate::server::{Client, Server, patron, run};

/// Writes an image into a directory.
pub fn materialize(image: &Image) -> TempDir {
    let target = TempDir::with_prefix("power-cut-").unwrap();
    fs::create_dir(target.path().join("backups")).unwrap();
    for ((directory, name), data) in image {
        let directory = target.path().join(if *directory == BACKUPS { "backups" } else { "" });
        fs::write(directory.join(name), data).unwrap();
    }
    target
}

/// Compares an image with the record, which then holds what was found. Returns how many imports had been interrupted, or the first fault.
pub fn verify(image: &Image, client: &Client, record: &mut Record) -> Result<usize, Box<dyn Error>> {
    let directory = materialize(image);
    let db = directory.path().join("patron.db");
    let server = Server::attempt(&mut patron(&db), directory.path().join("log"))?;
    let client = client.moved(&server);
    for edited in &mut record.edited {
        let (status, customer) = client.get(&format!("/{}", edited.id))?;
        let found = customer["notes"]["n"].as_u64().unwrap_or(0);
        // An edit without an answer may be there or not.
        if status != 200 || !(edited.acknowledged..=edited.sent).contains(&found) {
            return Err(format!("{status}: edit {found} of {} acknowledged", edited.acknowledged).into());
        }
        (edited.sent, edited.acknowledged) = (found, found);
    }
    if server.stop() != Some(0) {
        return Err("the server does not stop".into());
    }
    is_whole(&db)?;

    let mut interrupted = 0;
    for import in &mut record.imports {
        interrupted += usize::from(settle(&db, import)?);
    }
    record.imports.retain(|import| import.is_acknowledged || import.interrupted.is_some());
    is_whole(&db)?;

    let connection = Connection::open(&db)?;
    let mut version = connection.prepare("SELECT version FROM customers WHERE id = ?1")?;
    let edited = record.edited.iter().map(|edited| (&edited.id, edited.acknowledged + 1));
    for (id, expected) in edited.chain(record.created.iter().map(|id| (id, 1))) {
        let found: Option<u64> = version.query_row([id], |row| row.get(0)).optional()?;
        if found != Some(expected) {
            return Err(format!("{id} is lost: version {found:?} of {expected}").into());
        }
    }
    backups(&directory.path().join("backups"), record)?;
    Ok(interrupted)
}

pub fn is_whole(db: &Path) -> Result<(), String> {
    let output = run(db, &["check"]);
    if output.status.success() { Ok(()) } else { Err(format!("{}: {output:?}", db.display())) }
}

/// Resumes an import that was interrupted. All of its rows are there then, or none if it had not begun.
fn settle(db: &Path, import: &mut Import) -> Result<bool, Box<dyn Error>> {
    let connection = Connection::open(db)?;
    let find = "SELECT number, state FROM imports WHERE file = ?1";
    let found: Option<(u64, String)> =
        connection.query_row(find, [&import.name], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    let state = found.as_ref().map_or("none", |(_, state)| state);
    let is_interrupted = state == "applying";
    import.interrupted = None;
    if let Some((number, _)) = found.as_ref().filter(|_| is_interrupted) {
        import.interrupted = Some(*number);
        let output = run(db, &["import", "resume", &number.to_string()]);
        if !output.status.success() {
            return Err(format!("{}: {output:?}", import.name).into());
        }
    }
    let has_begun = is_interrupted || state == "applied";
    let count = "SELECT count(*) FROM customers WHERE email LIKE ?1 || '%'";
    let rows: usize = connection.query_row(count, [&import.name], |row| row.get(0))?;
    if rows != if has_begun { ROWS } else { 0 } || import.is_acknowledged && state != "applied" {
        return Err(format!("{} is {state} with {rows} of {ROWS} rows", import.name).into());
    }
    import.is_acknowledged |= state == "applied";
    Ok(is_interrupted)
}

/// Every file with the name of a finished backup is whole, and every backup that was reported is there.
fn backups(directory: &Path, record: &mut Record) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(directory)? {
        let name = entry?.file_name().into_string().unwrap();
        if !name.ends_with(".db") {
            continue;
        }
        let path = directory.join(&name);
        is_whole(&path)?;
        let created: usize =
            Connection::open(&path)?
                .query_row("SELECT count(*) FROM customers WHERE name = 'Created'", [], |row| row.get(0))?;
        if record.backups.remove(&name).is_some_and(|before| created < before) {
            return Err(format!("{name} has {created} customers, fewer than were acknowledged before it").into());
        }
    }
    match record.backups.keys().next() {
        Some(name) => Err(format!("{name} was reported, and is lost").into()),
        None => Ok(()),
    }
}
