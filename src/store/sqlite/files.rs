//! Whether the files that a process has open are still the ones that are found at their paths.
//!
//! A file that is removed or replaced lives on for whoever has it open, and what is written into it is gone with that process:
//! no commit may be answered that lies in such a file. The log and the index of the log are compared too: an edit is in the log
//! first, and without the same index two processes do not see each other's locks.
//!
//! By path alone: opening a file and closing it again would drop SQLite's locks on it. Three looks cost 3 microseconds, where a
//! commit that is synced costs some hundred.
//!
//! A server that finds its files gone writes down which, in the file that is its lock: so whatever is in their place is not
//! served by the next one as if nothing had happened. It writes the address there at which it is reached, too, for commands on the
//! same file. The address counts only while the lock is held. Files that were changed in place are [`FileWatch`]'s.
//!
//! While anybody has the database open, its log stays where it is: so whoever writes beside these must keep a reader open.

use std::fs::{File, Metadata};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rusqlite::{Connection, Error, ffi};

use super::file_watch::{Change, FileWatch};
use super::lock_file::{self, NewLockFile, Note, ServerLock};
use super::open::Unusable;
use super::paths::{Identity, SUFFIXES, beside, identity, identity_of};
use super::{generation, trouble};

/// The files of an open database, and which they were when it was opened.
pub(super) struct Files {
    opened: Vec<(PathBuf, Identity)>,
    /// A server's.
    server: Option<Server>,
    /// A server's database, to sync. Closed when no connection that is in use has it open: closing it drops SQLite's locks on it.
    database: Option<Arc<File>>,
    /// Whether syncing it has failed.
    is_unsure: AtomicBool,
    /// This is a command that marks each of its commits.
    marks_all: bool,
}

/// What a server has beside the connections.
struct Server {
    lock: ServerLock,
    /// `None` on a file system that is read-only.
    watch: Option<Arc<FileWatch>>,
    /// Whether the lock file says that a file is gone, and that the content is in doubt.
    is_marked: AtomicBool,
    is_doubted: AtomicBool,
}

impl Files {
    /// Of rows that are in memory: nothing that anybody could remove.
    pub(super) fn none() -> Self {
        Self { opened: Vec::new(), server: None, database: None, is_unsure: AtomicBool::new(false), marks_all: false }
    }

    /// Of a server on a file system that is read-only.
    pub(super) fn read_only(lock: ServerLock, database: File) -> Self {
        let server =
            Server { lock, watch: None, is_marked: AtomicBool::new(false), is_doubted: AtomicBool::new(false) };
        Self { server: Some(server), database: Some(Arc::new(database)), ..Self::none() }
    }

    /// The files of what `open` opens. Looked at before, so that what is opened is what was seen. A server gives its lock and the
    /// database, which it has opened before SQLite.
    pub(super) fn around(
        path: &Path,
        server: Option<(ServerLock, File)>,
        open: impl FnOnce() -> Result<Connection, Unusable>,
    ) -> Result<(Connection, Self), Unusable> {
        let failed = |error: io::Error| Unusable::because(path, &error.to_string());
        let real = path.canonicalize().map_err(failed)?;
        let database = identity(path).map_err(failed)?;
        let connection = open()?;
        if let Some((lock, _)) = &server {
            let begun = generation::begin(&connection, &real, database, lock, true);
            begun.map_err(|error| Unusable::of(path, &error))?;
        }
        let companion = |suffix| {
            let path = beside(&real, suffix);
            let identity = identity(&path).map_err(failed)?;
            Ok((path, identity))
        };
        let [_, log, index] = SUFFIXES;
        let mut files =
            Self { opened: vec![(path.to_owned(), database), companion(log)?, companion(index)?], ..Self::none() };
        if let Some((lock, file)) = server {
            let (file, note) = (Arc::new(file), lock.note());
            let watch = FileWatch::new(&real, file.clone(), note.generations, (note.doubt.clone(), note.newest))
                .map_err(failed)?;
            files.database = Some(file);
            let (is_marked, is_doubted) = (AtomicBool::new(false), AtomicBool::new(note.doubt.is_some()));
            let server = Server { lock, watch: Some(Arc::new(watch)), is_marked, is_doubted };
            files.server = Some(server);
            files.note_generation(&connection);
        }
        if let Err(error) = files.check_place() {
            drop(connection);
            return Err(Unusable::because(path, &error.to_string()));
        }
        Ok((connection, files))
    }

    /// Begins a generation for a command that writes where no server does. Gives the lock file, where that is new.
    pub(super) fn begin_command(
        &mut self,
        path: &Path,
        connection: &Connection,
    ) -> Result<Option<NewLockFile>, Unusable> {
        let (Some((_, database)), false) = (self.opened.first(), lock_file::is_served(path)) else { return Ok(None) };
        let real = path.canonicalize().map_err(|error| Unusable::because(path, &error.to_string()))?;
        let Some((lock, new)) = ServerLock::take_for_a_moment(path, &real, *database) else { return Ok(None) };
        let begun = generation::begin(connection, &real, *database, &lock, false);
        // Before the lock file may be removed, which takes the lock.
        drop(lock);
        begun.map_err(|error| Unusable::of(path, &error))?;
        self.marks_all = true;
        Ok(new)
    }

    /// Syncs what was written into the database, so that SQLite has less to.
    pub(super) fn sync_database(&self) {
        if let Some(Err(error)) = self.database.as_ref().map(|database| database.sync_data()) {
            self.doubt(&error);
        }
    }

    /// A sync of the database has failed. A system takes for written then what it could not write, and tells of it once: so this
    /// process writes back no more of the log, which has all of it, and the next start reads that from its beginning.
    pub(super) fn doubt(&self, error: &(dyn std::error::Error + 'static)) {
        if !self.is_unsure.swap(true, Ordering::Relaxed) {
            tracing::error!(
                error,
                "the database cannot be synced: its log is kept for the next start, and grows until then"
            );
        }
    }

    /// Whether the log may be written back into the database.
    pub(super) fn may_be_written_back(&self) -> bool {
        !self.is_unsure.load(Ordering::Relaxed) && self.check().is_ok()
    }

    /// Writes down the address at which this server is reached.
    pub(super) fn announce(&self, address: &str) -> io::Result<()> {
        let Some(server) = &self.server else { return Ok(()) };
        server.lock.change(|note| note.address = Some(address.to_owned()))
    }

    /// An error, as SQLite would give it, where nothing may be written: another file or none is at one of the paths, or a server's
    /// own file was changed in place or is damaged.
    pub(super) fn check(&self) -> rusqlite::Result<()> {
        let found = self.check_place()?;
        let Some(server) = &self.server else { return Ok(()) };
        let Some(watch) = &server.watch else {
            return Err(refusal("its file system is read-only: make it writable and start again".to_owned()));
        };
        let Some([database, log]) = found else { return Ok(()) };
        let why = watch.look(Change::of(&database), log.len());
        if server.is_doubted.swap(why.is_some(), Ordering::Relaxed) != why.is_some() {
            let (doubt, newest) = watch.doubt().unzip();
            server.note(|note| (note.doubt, note.newest) = (doubt, newest.unwrap_or_default()));
        }
        why.map_or(Ok(()), |why| Err(refusal(why)))
    }

    /// The same of where the files are alone: what still can be read may be read. Gives how the database and its log were found.
    pub(super) fn check_place(&self) -> rusqlite::Result<Option<[Metadata; 2]>> {
        let mut found = Vec::with_capacity(SUFFIXES.len());
        let gone = self.opened.iter().zip(SUFFIXES).find_map(|((path, opened), suffix)| {
            let how = match path.metadata() {
                Ok(metadata) if identity_of(&metadata) == *opened => {
                    found.push(metadata);
                    return None;
                }
                Ok(_) => "was replaced by another file".to_owned(),
                Err(error) if error.kind() == ErrorKind::NotFound => "was removed or has another name".to_owned(),
                Err(error) => format!("cannot be looked at: {error}"),
            };
            Some((path, how, (suffix, *opened)))
        });
        if let Some(server) = &self.server
            && server.is_marked.swap(gone.is_some(), Ordering::Relaxed) != gone.is_some()
        {
            server.note(|note| note.moved = gone.as_ref().map(|(.., moved)| *moved));
        }
        let Some((path, how, _)) = gone else {
            return Ok(<[Metadata; 3]>::try_from(found).ok().map(|[database, log, _]| [database, log]));
        };
        let mut sentence = format!("{} {how} while it was open", path.display());
        if self.server.is_some() {
            let pid = std::process::id();
            sentence += &format!(
                "; put it back, or save what is open to a new file beside it with `kill -USR1 {pid}`, stop the server, and \
                 restore that file with `patron restore`"
            );
        }
        Err(refusal(sentence))
    }

    /// Marks a transaction for [`generation`], where a checkpoint has begun since the last one that is marked.
    pub(super) fn mark(&self, connection: &Connection) -> rusqlite::Result<()> {
        if self.marks_all || self.watch().is_some_and(|watch| watch.take_mark()) {
            generation::count(connection)?;
        }
        Ok(())
    }

    /// Looks into an error. A page that makes no sense is noted: a server then lets no edit in until it has checked the file. Gives
    /// another error where it is for what another program has done to the files.
    pub(super) fn see(&self, error: &rusqlite::Error) -> Option<rusqlite::Error> {
        let is_damage = trouble::is_damage(error) && !trouble::is_of_index(error);
        if !is_damage && !trouble::is_of_reading(error) {
            return None;
        }
        let refused = self.check().err();
        if self.watch().is_some_and(|watch| watch.is_of_another_program()) {
            return refused;
        }
        if is_damage {
            self.see_damage(&error.to_string());
        }
        None
    }

    /// Notes damage that was met.
    pub(super) fn see_damage(&self, error: &str) {
        if let Some(watch) = self.watch() {
            watch.saw_damage(error);
        }
    }

    /// Notes damage that was met, unless another program has done something to the files.
    pub(super) fn see_damage_of(&self, cause: &str) {
        // Where it has, that is noted already.
        let _ = self.check();
        self.see_damage(cause);
    }

    fn watch(&self) -> Option<&Arc<FileWatch>> {
        self.server.as_ref()?.watch.as_ref()
    }

    /// Does now and then what a server does for its files: looks at them, checks them where they are in doubt, and creates a lock
    /// file again that was removed. Gives whether they are as they should be. `newest` is a revision that the file must have.
    pub(super) fn tend(&self, connection: &Connection, newest: i64) -> bool {
        let Some(server) = &self.server else { return true };
        server.lock.restore_file();
        let is_sound = self.check().is_ok();
        self.note_generation(connection);
        if let Some(watch) = &server.watch {
            watch.settle(connection, newest);
        }
        is_sound
    }

    /// Notes that the file has its newest generation and no other, once that is so.
    fn note_generation(&self, connection: &Connection) {
        let (Some(server), Some(watch)) = (&self.server, self.watch()) else { return };
        if self.is_unsure.load(Ordering::Relaxed) {
            return;
        }
        match watch.find_generation(connection) {
            Ok(Some(newest)) => server.note(|note| note.generations = vec![newest]),
            Ok(None) => {}
            Err(error) => self.doubt(&error),
        }
    }

    /// Ends a check under way.
    pub(super) fn stop(&self) {
        if let Some(watch) = self.watch() {
            watch.stop();
        }
    }

    /// Leaves word that the server has ended in order.
    pub(super) fn end(&self) {
        if let Some(server) = &self.server {
            server.note(|note| {
                note.is_running = false;
                // It is removed now, and its inode number may be another file's next.
                note.wal = note.wal.filter(|_| note.doubt.is_some() || note.moved.is_some());
            });
        }
    }
}

impl Server {
    fn note(&self, change: impl FnOnce(&mut Note)) {
        if let Err(error) = self.lock.change(change) {
            tracing::warn!(%error, "the next start will not know of it");
        }
    }
}

fn refusal(sentence: String) -> Error {
    Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_READONLY_DBMOVED), Some(sentence))
}

/// Whether a file may be used, as far as what a server has left beside it tells: it was not replaced under that one, whose log it
/// would take for its own, and it is not a new one where there is a log with edits in it.
pub(super) fn judge(path: &Path, real: &Path, note: &Note) -> Result<(), Unusable> {
    let lock = beside(real, ".lock");
    if let Some((suffix, opened)) = note.moved {
        let file = beside(real, suffix);
        // The index is made anew from the log.
        if suffix != "-shm" && identity(&file).ok() != Some(opened) {
            let reason = format!(
                "{} is not the file that was served: that one was removed or replaced while it was open, with what was \
                 acknowledged last; put it back, or restore what was saved of it with `patron restore`, or remove {} to use \
                 what is here",
                file.display(),
                lock.display()
            );
            return Err(Unusable::because(path, &reason));
        }
    }
    let log = beside(real, "-wal");
    if !real.exists() && log.metadata().is_ok_and(|log| log.len() > 0) {
        let reason = format!(
            "it is not there, but its log {} is, with edits in it; put the file back, or restore a backup with `patron \
             restore`, or move the log away to begin anew",
            log.display()
        );
        return Err(Unusable::because(path, &reason));
    }
    match identity(real) {
        Ok(database) => generation::judge(path, real, database, note),
        // There is none yet, or what opens it says why.
        Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::open;
    use super::*;

    #[test]
    fn each_file_is_missed_and_recognised_again() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("t.db");
        fs::File::create(&path).unwrap();
        let open = || {
            let connection = open::writer(&path).unwrap();
            connection.execute_batch("CREATE TABLE t (number INTEGER)").unwrap();
            Ok(connection)
        };
        let (_connection, files) = Files::around(&path, None, open).unwrap();
        let says = |words: &str| {
            let error = files.check().unwrap_err();
            assert_eq!(error.sqlite_error().unwrap().extended_code, ffi::SQLITE_READONLY_DBMOVED);
            assert!(error.to_string().contains(words), "{error}");
        };
        assert!(files.check().is_ok());
        for suffix in ["", "-wal", "-shm"] {
            let (file, aside) = (beside(&path, suffix), beside(&path, ".aside"));
            fs::rename(&file, &aside).unwrap();
            says(&format!("t.db{suffix} was removed or has another name while it was open"));
            fs::copy(&aside, &file).unwrap();
            says(&format!("t.db{suffix} was replaced by another file while it was open"));
            fs::rename(&aside, &file).unwrap();
            assert!(files.check().is_ok());
        }
        let away = directory.path().with_extension("away");
        fs::rename(directory.path(), &away).unwrap();
        says("t.db was removed");
        fs::rename(&away, directory.path()).unwrap();
        assert!(files.check().is_ok());
    }

    #[test]
    fn where_the_database_cannot_be_synced_its_log_stays() {
        // No device that could be synced.
        let database = Some(Arc::new(File::open("/dev/null").unwrap()));
        let files = Files { database, ..Files::none() };
        assert!(files.may_be_written_back());
        files.sync_database();
        assert!(!files.may_be_written_back() && files.check().is_ok());
    }

    #[test]
    fn what_is_replaced_while_it_is_opened_is_not_taken_for_what_was_opened() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("t.db");
        fs::File::create(&path).unwrap();
        let open = || {
            let connection = open::writer(&path).unwrap();
            connection.execute_batch("CREATE TABLE t (number INTEGER)").unwrap();
            fs::copy(&path, beside(&path, ".new")).unwrap();
            fs::rename(beside(&path, ".new"), &path).unwrap();
            Ok(connection)
        };
        let refused = Files::around(&path, None, open).err().unwrap();
        assert!(refused.to_string().contains("t.db was replaced by another file while it was open"), "{refused}");
    }
}
