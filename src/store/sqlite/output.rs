//! A file that a command writes for its user, under the name that the user gives.
//!
//! A plain file is written under another name and renamed once it is whole and on the disk: so a full disk or a kill leaves the file
//! before. It keeps the permissions and owner of that one; a new file is for its owner alone. A link is followed. What is not a
//! plain file, such as a device, a FIFO or `/dev/stdout`, is written into.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::partial::Partial;
use super::paths::directory_of;
use super::{backup, paths};

/// A file that is being written.
pub struct Output(Way);

enum Way {
    /// Renamed in the end; whether over a file that is there.
    Whole { partial: Partial, replaces: bool },
    /// Written into as it is.
    Into(File),
}

/// The place that a name leads to.
enum Place {
    New(PathBuf),
    Plain(PathBuf, Metadata),
    Other,
}

impl Place {
    /// The error is the reason, for a sentence that begins with the name.
    fn of(path: &Path) -> Result<Self, String> {
        let found = match path.metadata() {
            Ok(found) => found,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let real = paths::real(path).map_err(|error| backup::reason_of(&error, path))?;
                return Ok(Self::New(real));
            }
            Err(error) => return Err(backup::reason_of(&error, path)),
        };
        if found.is_dir() {
            Err("it is a directory; give the name of a file in it".into())
        } else if found.is_file() && !is_descriptor(path) {
            let real = path.canonicalize().map_err(|error| backup::reason_of(&error, path))?;
            Ok(Self::Plain(real, found))
        } else {
            Ok(Self::Other)
        }
    }
}

/// Returns whether a name stands for a file that this process has open, such as `/dev/stdout`.
fn is_descriptor(path: &Path) -> bool {
    const LINKS_MAX: usize = 40;
    let mut path = path.to_owned();
    for _ in 0..LINKS_MAX {
        if directory_of(&path).canonicalize().is_ok_and(|directory| directory.starts_with("/proc")) {
            return true;
        }
        let Ok(target) = path.read_link() else { return false };
        path = directory_of(&path).join(target);
    }
    false
}

impl Output {
    /// Returns whether a name is that of a plain file, which would be replaced, or of a link that leads nowhere yet: who may
    /// create links in a shared directory does not choose where rows go.
    pub fn is_taken(path: &Path) -> bool {
        matches!(Place::of(path), Ok(Place::Plain(..))) || (path.is_symlink() && !path.exists())
    }

    /// Returns whether a name leads to a device, a FIFO or the like, to which what is written stays written.
    pub fn is_written_into(path: &Path) -> bool {
        matches!(Place::of(path), Ok(Place::Other))
    }

    /// Looks whether a file can be written, before there is anything to write. The error is one sentence.
    pub fn look(path: &Path) -> Result<(), String> {
        match Place::of(path) {
            Ok(_) => Ok(()),
            Err(reason) => Err(format!("cannot write {}: {reason}", path.display())),
        }
    }

    /// Begins to write. The caller decides before whether a file that is there may be replaced; one that appears later is not,
    /// unless `replaces` says so. The error is one sentence.
    pub fn open(path: &Path, replaces: bool) -> Result<Self, String> {
        let cannot = |reason: String| format!("cannot write {}: {reason}", path.display());
        let failed = |error: io::Error| cannot(backup::reason_of(&error, path));
        Ok(Self(match Place::of(path).map_err(cannot)? {
            Place::New(_) if !replaces && path.is_symlink() => return Err(failed(ErrorKind::AlreadyExists.into())),
            Place::New(real) => Way::Whole { partial: Partial::beside(&real).map_err(failed)?, replaces },
            Place::Plain(..) if !replaces => return Err(failed(ErrorKind::AlreadyExists.into())),
            Place::Plain(real, found) => {
                let partial = Partial::beside(&real).map_err(failed)?;
                // First to whom it belongs, who may be somebody else than this user: then nobody else may read it.
                if partial.give_to_owner_of(&real).is_ok() || found.uid() == rustix::process::geteuid().as_raw() {
                    partial.set_mode(found.permissions().mode() & 0o777).map_err(failed)?;
                }
                Way::Whole { partial, replaces }
            }
            // At the end of a file that was opened so, as by `>>`.
            Place::Other => Way::Into(OpenOptions::new().append(true).open(path).map_err(failed)?),
        }))
    }

    /// Ends: what was written is on the disk, and has its name.
    pub fn finish(self) -> io::Result<()> {
        match self.0 {
            Way::Whole { partial, replaces } => {
                partial.sync()?;
                if replaces { partial.replace() } else { partial.name() }
            }
            Way::Into(mut file) => file.flush(),
        }
    }

    /// The sentence for an error while it was written.
    pub fn failure(path: &Path, error: &io::Error) -> String {
        let reason = match error.kind() {
            ErrorKind::AlreadyExists => "a file of this name was created in the meantime".to_owned(),
            _ => backup::reason_of(error, path),
        };
        format!("cannot write {}: {reason}", path.display())
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.0 {
            Way::Whole { partial, .. } => partial.write(bytes),
            Way::Into(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.0 {
            Way::Whole { partial, .. } => partial.flush(),
            Way::Into(file) => file.flush(),
        }
    }
}
