//! What comes before SQLite opens a database: its path and what is beside it are looked at, and a server takes its locks.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;

use super::lock_file::{self, Note, ServerLock};
use super::open::{Unusable, Use, reason_of};
use super::{files, paths};

/// What is ready for SQLite.
pub(super) struct Prepared {
    /// What a server holds: the lock, and the database as it has it open itself.
    pub(super) server: Option<(ServerLock, File)>,
    /// Whether a server can only read.
    pub(super) is_read_only: bool,
    /// What the server before left in its lock file.
    pub(super) note: Note,
}

/// Makes sure that the file is there and ours to write, before SQLite has it open: closing a descriptor of our own later
/// would drop SQLite's locks. Takes the locks that a server holds.
pub(super) fn prepare(path: &Path, use_: Use) -> Result<Prepared, Unusable> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    if let Some(directory) = directory.filter(|directory| !directory.is_dir()) {
        let reason =
            format!("the directory {} does not exist; make it, or choose another place with --db", directory.display());
        return Err(Unusable::because(path, &reason));
    }
    let failed = |error: io::Error| Unusable::because(path, &reason_of(&error));
    let real = paths::real(path).map_err(failed)?;
    lock_file::judge_kinds(path, &real, use_ != Use::Read)?;
    let note = Note::read(&real);
    files::judge(path, &real, &note)?;
    if let (Use::Fill | Use::Existing, Some(doubt)) = (use_, &note.doubt) {
        let reason = format!(
            "its server found that {doubt}, and lets no edit in until it is checked: `patron check` lists what is wrong; restore a \
             backup with `patron restore FILE`, or one of this file to go on as it is"
        );
        return Err(Unusable::because(path, &reason));
    }
    let flags = OFlags::NOFOLLOW.bits().cast_signed();
    let open = |writes: bool| {
        let mut options = OpenOptions::new();
        let creates = writes && matches!(use_, Use::Serve | Use::Fill);
        options.read(true).write(writes).create(creates).mode(0o600).custom_flags(flags).open(&real)
    };
    let (database, is_read_only) = match open(use_ != Use::Read) {
        Err(error) if use_ == Use::Serve && error.kind() == ErrorKind::ReadOnlyFilesystem && real.exists() => {
            (open(false).map_err(failed)?, true)
        }
        opened => (opened.map_err(failed)?, false),
    };
    let server = match use_ {
        Use::Serve => {
            let lock = ServerLock::take(path, &real, &database, is_read_only)?;
            remove_second_name(&real, &database);
            Some((lock, database))
        }
        _ => None,
    };
    Ok(Prepared { server, is_read_only, note })
}

/// Removes the other name that an interrupted restore gave the database, which it then left in its place.
fn remove_second_name(real: &Path, database: &File) {
    let Ok(own) = database.metadata().map(|found| paths::identity_of(&found)) else { return };
    for aside in paths::put_aside(real) {
        if aside.symlink_metadata().is_ok_and(|found| paths::identity_of(&found) == own) {
            match fs::remove_file(&aside) {
                Ok(()) => {
                    tracing::info!(file = %aside.display(), "a restore was interrupted: its second name of the database is removed")
                }
                Err(error) => {
                    tracing::warn!(%error, file = %aside.display(), "an interrupted restore left a second name of the database")
                }
            }
        }
    }
}
