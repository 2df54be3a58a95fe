//! What can be found out about the file and the disk it is on, for a person who wonders whether all is well. Nothing of it is on
//! the way of any request.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use rusqlite::config::DbConfig;

use super::check::{self, fault_of, unreadable};
use super::disk::Disk;
use super::{Error, Store, file_watch, open, paths, schema};
use crate::domain::{CheckProgress, CheckReport, IntegrityFault};

/// How often the disk is made to sync: enough to know the middle.
const SYNCS: u64 = 32;
const PAGE: [u8; 4096] = [0; 4096];
/// Faults past this many are not listed.
const FAULTS_MAX: u32 = 10;

/// What was found.
#[derive(Clone, Debug)]
pub struct Examined {
    /// The version of SQLite.
    pub sqlite: &'static str,
    /// Settings of the connection that writes: the name, what is in force, and what should be.
    pub pragmas: Vec<(&'static str, String, &'static str)>,
    /// What SQLite's quick check complains of; `None` where it was not asked.
    pub faults: Option<Vec<IntegrityFault>>,
    /// The size of the database in bytes.
    pub bytes: u64,
    /// The size of its log in bytes.
    pub log_bytes: u64,
    /// The disk it is on.
    pub disk: Disk,
    /// The bytes that are set aside for a full disk.
    pub reserved: u64,
    /// How long it takes until a page is on the disk, the shortest first; or why that cannot be found out.
    pub syncs: Result<Vec<Duration>, String>,
    /// What the disk takes for the time, in Unix seconds.
    pub disk_time: Option<i64>,
    /// When the newest revision was made, in Unix seconds.
    pub newest: Option<i64>,
    /// The files, and the bits of their modes that say who may use them.
    pub modes: Vec<(PathBuf, u32)>,
}

impl Store {
    /// Reads the whole file, and holds every history and the index of the search against the customers as they stand. Slow;
    /// `progress` is called with each part.
    pub async fn check(&self, progress: impl Fn(CheckProgress) + Send + 'static) -> Result<CheckReport, Error> {
        let own = self.readers.another()?;
        // The terms of the index are read by a table in its temporary database.
        own.pragma_update(None, "query_only", false)?;
        let newest = self.left_newest;
        let check = move |_: &_| {
            let mut report = check::all(&own, &progress)?;
            report.faults.extend(file_watch::find_missing_edits(&own, newest)?);
            Ok(report)
        };
        self.readers.away(check).await
    }

    /// Looks at the file and its disk; `quick` leaves out the reading of every page. Holds up whoever calls it.
    pub fn examine(&self, quick: bool) -> Result<Examined, Error> {
        let reader = self.readers.another()?;
        let faults = if quick { None } else { Some(quick_check(&reader)?) };
        let newest = "SELECT max(at) FROM (SELECT at FROM revisions ORDER BY number DESC LIMIT 100)";
        let newest = reader.query_row(newest, [], |row| row.get(0))?;
        let failed = |error: io::Error| Error::Failed(format!("{}: {error}", self.path.display()));
        let real = self.path.canonicalize().map_err(failed)?;
        let disk = Disk::of(&real).map_err(failed)?;
        let len = |path: &Path| path.metadata().map_or(0, |metadata| metadata.len());
        let (syncs, disk_time) = match sync_times(&real) {
            Ok((syncs, time)) => (Ok(syncs), Some(time)),
            Err(error) => (Err(error.to_string()), None),
        };
        Ok(Examined {
            sqlite: rusqlite::version(),
            pragmas: self.pragmas(&reader)?,
            faults,
            bytes: len(&real),
            log_bytes: len(&paths::beside(&real, "-wal")),
            disk,
            reserved: self.reserved(),
            syncs,
            disk_time,
            newest,
            modes: modes(&real),
        })
    }

    /// Of the server's own connection where this is the server; of one like it where it is a command. A file that is not in
    /// WAL mode yet is not changed by looking at it.
    fn pragmas(&self, reader: &Connection) -> Result<Vec<(&'static str, String, &'static str)>, Error> {
        let journal_mode = pragma(reader, "journal_mode")?;
        if journal_mode != "wal" {
            return Ok(vec![("journal_mode", journal_mode, "wal")]);
        }
        if self.feeder.is_some() {
            return self.writer.act_and_wait(|connection| Ok(pragmas(connection)?));
        }
        let connection = open::writer(&self.path)?;
        // To write the WAL back is not for a command that only reads.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        Ok(pragmas(&connection)?)
    }
}

fn pragmas(connection: &Connection) -> rusqlite::Result<Vec<(&'static str, String, &'static str)>> {
    const WANTED: [(&str, &str); 5] = [
        ("journal_mode", "wal"),
        ("synchronous", "2"),
        ("foreign_keys", "1"),
        ("trusted_schema", "0"),
        ("secure_delete", "1"),
    ];
    WANTED.iter().map(|(name, wanted)| Ok((*name, pragma(connection, name)?, *wanted))).collect()
}

fn pragma(connection: &Connection, name: &str) -> rusqlite::Result<String> {
    use rusqlite::types::Value;
    let value = connection.pragma_query_value(None, name, |row| row.get::<_, Value>(0))?;
    Ok(match value {
        Value::Text(text) => text,
        Value::Integer(number) => number.to_string(),
        other => format!("{other:?}"),
    })
}

/// Every page, but not whether indexes and tables agree: `patron check` is for that.
fn quick_check(connection: &Connection) -> rusqlite::Result<Vec<IntegrityFault>> {
    let faults = schema::differences(connection)?;
    if !faults.is_empty() {
        return Ok(faults.into_iter().map(IntegrityFault::Schema).collect());
    }
    let mut statement = connection.prepare(&format!("PRAGMA quick_check({FAULTS_MAX})"))?;
    let said = statement.query_map([], |row| row.get::<_, String>(0))?.collect::<rusqlite::Result<Vec<_>>>();
    match said {
        Ok(said) => Ok(said.into_iter().filter(|line| line != "ok").map(fault_of).collect()),
        // So damaged that the check itself does not get through.
        Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseCorrupt) => {
            Ok(vec![unreadable(&error)])
        }
        Err(error) => Err(error),
    }
}

/// How long a page takes to be on the disk, tried beside the database in a file that has no name any more; and the time that
/// the disk gave the file.
fn sync_times(real: &Path) -> io::Result<(Vec<Duration>, i64)> {
    let path = paths::beside(real, &format!(".doctor-{}", std::process::id()));
    let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path)?;
    fs::remove_file(&path)?;
    let mut times = Vec::new();
    for page in 0..SYNCS {
        let began = Instant::now();
        file.write_all_at(&PAGE, page * PAGE.len() as u64)?;
        file.sync_data()?;
        times.push(began.elapsed());
    }
    times.sort();
    Ok((times, file.metadata()?.mtime()))
}

fn modes(real: &Path) -> Vec<(PathBuf, u32)> {
    let paths = ["", "-wal", "-shm", ".lock", paths::RESERVE].map(|suffix| paths::beside(real, suffix));
    let mode = |path: PathBuf| Some((path.metadata().ok()?.permissions().mode() & 0o777, path));
    paths.into_iter().filter_map(mode).map(|(mode, path)| (path, mode)).collect()
}
