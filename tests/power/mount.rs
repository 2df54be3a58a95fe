//! The simulated disk as a FUSE file system. Reads and memory maps use the kernel's page cache; writes go through it immediately,
//! since the writeback cache is off. Locks are local to the kernel.

use std::ffi::OsStr;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fuser::{
    BackgroundSession, BsdFileFlags, Config, Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags, Generation,
    INodeNo, LockOwner, MountOption, OpenFlags, RenameFlags, ReplyAttr, ReplyCreate, ReplyData, ReplyDirectory,
    ReplyEmpty, ReplyEntry, ReplyOpen, ReplyStatfs, ReplyWrite, Request, TimeOrNow, WriteFlags,
};
use tempfile::TempDir;

use crate::disk::{BACKUPS, Disk, PAGE, ROOT, Result, SECTOR};

/// How long the kernel may remember attributes and names: every change passes through it.
const TTL: Duration = Duration::from_secs(3600);
const NEW: Generation = Generation(0);
const HANDLE: FileHandle = FileHandle(0);

/// A mounted disk. Dropped, the power is off and it is unmounted; no process may use it any more.
pub struct Mount {
    pub directory: TempDir,
    disk: Arc<Mutex<Disk>>,
    session: Option<BackgroundSession>,
}

impl Mount {
    pub fn new(disk: Disk) -> io::Result<Self> {
        let directory = TempDir::with_prefix("power-")?;
        let owner = directory.path().metadata()?;
        let disk = Arc::new(Mutex::new(disk));
        let files = Files { disk: disk.clone(), owner: (owner.uid(), owner.gid()) };
        let mut config = Config::default();
        config.mount_options = vec![MountOption::FSName("patron-power".into()), MountOption::NoAtime];
        let session = Some(fuser::spawn_mount(files, directory.path(), &config)?);
        Ok(Self { directory, disk, session })
    }

    pub fn disk(&self) -> MutexGuard<'_, Disk> {
        lock(&self.disk)
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        self.disk().cut();
        if self.session.take().is_some_and(|session| session.umount_and_join().is_err()) {
            // A process still has it open: it disappears now, and ends with that process.
            let umount = Command::new("umount").arg("-l").arg(self.directory.path()).stderr(Stdio::null()).status();
            assert!(umount.is_ok(), "{umount:?}");
        }
    }
}

fn lock(disk: &Mutex<Disk>) -> MutexGuard<'_, Disk> {
    disk.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Files {
    disk: Arc<Mutex<Disk>>,
    owner: (u32, u32),
}

/// Sends what succeeded, or the error.
macro_rules! answer {
    ($done:expr, $reply:ident, $value:pat => $sent:expr) => {
        match $done {
            Ok($value) => $sent,
            Err(error) => $reply.error(error),
        }
    };
}

impl Files {
    fn attributes(&self, disk: &Disk, number: u64) -> Result<FileAttr> {
        let is_directory = number <= BACKUPS;
        let (size, perm) = if is_directory {
            disk.powered()?;
            (PAGE, 0o700)
        } else {
            let file = disk.file(number)?;
            (file.data.len(), file.mode)
        };
        Ok(FileAttr {
            ino: INodeNo(number),
            size: size as u64,
            blocks: size.div_ceil(SECTOR) as u64,
            atime: UNIX_EPOCH,
            mtime: UNIX_EPOCH,
            ctime: UNIX_EPOCH,
            crtime: UNIX_EPOCH,
            kind: if is_directory { FileType::Directory } else { FileType::RegularFile },
            perm,
            nlink: if is_directory { 2 } else { disk.links(number) as u32 },
            uid: self.owner.0,
            gid: self.owner.1,
            rdev: 0,
            blksize: PAGE as u32,
            flags: 0,
        })
    }
}

impl Filesystem for Files {
    fn lookup(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let disk = lock(&self.disk);
        let number = if parent.0 == ROOT && name == "backups" { Ok(BACKUPS) } else { disk.number_of(parent.0, name) };
        let found = number.and_then(|number| self.attributes(&disk, number));
        answer!(found, reply, attributes => reply.entry(&TTL, &attributes, NEW));
    }

    fn getattr(&self, _: &Request, number: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        answer!(self.attributes(&lock(&self.disk), number.0), reply, attributes => reply.attr(&TTL, &attributes));
    }

    fn setattr(
        &self,
        _: &Request,
        number: INodeNo,
        mode: Option<u32>,
        _: Option<u32>,
        _: Option<u32>,
        size: Option<u64>,
        _: Option<TimeOrNow>,
        _: Option<TimeOrNow>,
        _: Option<SystemTime>,
        _: Option<FileHandle>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        let mut disk = lock(&self.disk);
        let resized = size.map_or(Ok(()), |size| disk.resize(number.0, size as usize));
        let moded = mode.map_or(Ok(()), |mode| disk.set_mode(number.0, (mode & 0o7777) as u16));
        let changed = resized.and(moded).and_then(|()| self.attributes(&disk, number.0));
        answer!(changed, reply, attributes => reply.attr(&TTL, &attributes));
    }

    fn create(&self, _: &Request, parent: INodeNo, name: &OsStr, mode: u32, umask: u32, _: i32, reply: ReplyCreate) {
        let mut disk = lock(&self.disk);
        let created = disk.create(parent.0, name, (mode & !umask & 0o7777) as u16);
        let created = created.and_then(|number| self.attributes(&disk, number));
        answer!(created, reply, attributes => reply.created(&TTL, &attributes, NEW, HANDLE, FopenFlags::FOPEN_KEEP_CACHE));
    }

    fn open(&self, _: &Request, _: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        answer!(lock(&self.disk).powered(), reply, () => reply.opened(HANDLE, FopenFlags::FOPEN_KEEP_CACHE));
    }

    fn link(&self, _: &Request, number: INodeNo, new_parent: INodeNo, new_name: &OsStr, reply: ReplyEntry) {
        let mut disk = lock(&self.disk);
        let linked = disk.link(number.0, (new_parent.0, new_name.to_owned()));
        let linked = linked.and_then(|()| self.attributes(&disk, number.0));
        answer!(linked, reply, attributes => reply.entry(&TTL, &attributes, NEW));
    }

    fn unlink(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        answer!(lock(&self.disk).unlink(parent.0, name), reply, () => reply.ok());
    }

    fn rename(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        new_parent: INodeNo,
        new_name: &OsStr,
        flags: RenameFlags,
        reply: ReplyEmpty,
    ) {
        let (from, to) = ((parent.0, name.to_owned()), (new_parent.0, new_name.to_owned()));
        if flags.intersects(!RenameFlags::RENAME_NOREPLACE) {
            return reply.error(Errno::EINVAL);
        }
        answer!(lock(&self.disk).rename(from, to, flags.is_empty()), reply, () => reply.ok());
    }

    fn read(
        &self,
        _: &Request,
        number: INodeNo,
        _: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let disk = lock(&self.disk);
        let (start, end) = (offset as usize, offset as usize + size as usize);
        let data = disk.file(number.0).map(|file| &file.data[start.min(file.data.len())..end.min(file.data.len())]);
        answer!(data, reply, data => reply.data(data));
    }

    fn write(
        &self,
        _: &Request,
        number: INodeNo,
        _: FileHandle,
        offset: u64,
        bytes: &[u8],
        _: WriteFlags,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        let written = lock(&self.disk).write(number.0, offset as usize, bytes);
        answer!(written, reply, () => reply.written(bytes.len() as u32));
    }

    fn fsync(&self, _: &Request, number: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        answer!(lock(&self.disk).sync(number.0), reply, () => reply.ok());
    }

    fn fsyncdir(&self, _: &Request, number: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        answer!(lock(&self.disk).sync_directory(number.0), reply, () => reply.ok());
    }

    fn readdir(&self, _: &Request, number: INodeNo, _: FileHandle, offset: u64, mut reply: ReplyDirectory) {
        let mut entries = lock(&self.disk).names_in(number.0);
        if number.0 == ROOT {
            entries.push(("backups".into(), BACKUPS));
        }
        for (position, (name, number)) in entries.into_iter().enumerate().skip(offset as usize) {
            let kind = if number == BACKUPS { FileType::Directory } else { FileType::RegularFile };
            if reply.add(INodeNo(number), position as u64 + 1, kind, name) {
                break;
            }
        }
        reply.ok();
    }

    fn statfs(&self, _: &Request, _: INodeNo, reply: ReplyStatfs) {
        const BLOCKS: u64 = 1 << 24;
        reply.statfs(BLOCKS, BLOCKS, BLOCKS, 1 << 20, 1 << 20, PAGE as u32, 255, PAGE as u32);
    }
}
