//! The room on a disk.

use std::io;
use std::path::Path;

/// The file system that something is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disk {
    /// The bytes that a user without privileges may still write.
    pub free: u64,
    /// The size in bytes.
    pub total: u64,
}

impl Disk {
    /// The file system of a file or a directory that exists.
    pub fn of(path: &Path) -> io::Result<Self> {
        let disk = rustix::fs::statvfs(path)?;
        let bytes = |blocks: u64| blocks.saturating_mul(disk.f_frsize);
        Ok(Self { free: bytes(disk.f_bavail), total: bytes(disk.f_blocks) })
    }
}
