//! A simulated disk with a write cache. It holds two views of each file and directory: what was written, and what was synced.
//! A power cut leaves what was synced, and of the rest what a real disk might leave.
//!
//! - File data: after `fsync` or `fdatasync`, all of the file's data and its length survive. Of what was written since, each page
//!   (4 KiB), or each sector (512 bytes) of a torn page, is found as it was at some moment since the sync, independently of the others.
//! - Length: as it was at some moment since the sync. A hole reads as zeros. A write that follows a lost truncation is lost as well.
//! - Names: the strict reading of POSIX. A create, link, rename or unlink survives for certain only after `fsync` of its directory; a sync
//!   of the file is not enough. Name changes are atomic and survive in their order, as in the journal of ext4 and XFS.
//!
//! The cut happens at an operation counted in advance; from then on every operation fails.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::mem::take;

use fuser::Errno;

pub const SECTOR: usize = 512;
pub const PAGE: usize = 4096;

/// The directories, by inode number. No others can be created.
pub const ROOT: u64 = 1;
pub const BACKUPS: u64 = 2;

pub type Result<T> = std::result::Result<T, Errno>;
/// A name in a directory.
pub type Name = (u64, OsString);
/// The content of each file that has a name.
pub type Image = BTreeMap<Name, Vec<u8>>;

/// A random number generator (SplitMix64).
#[derive(Clone)]
pub struct Random(pub u64);

impl Random {
    /// A number below this one, which is not 0.
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % bound as u64) as usize
    }
}

/// The fate of what was not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Kept,
    Forgotten,
    Torn,
}

/// The operations among which a cut is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Any operation that changes or syncs something.
    Any,
    /// Writes and syncs of the database: a checkpoint.
    Database,
    /// Writes and syncs of backups.
    Backup,
    /// Creates, links, renames and unlinks; the cut is right after it, before the directory is synced.
    Name,
}

#[derive(Default)]
pub struct File {
    pub data: Vec<u8>,
    pub mode: u16,
    synced: Vec<u8>,
    unsynced: Vec<Change>,
    is_database: bool,
    is_backup: bool,
}

enum Change {
    Write(usize, Vec<u8>),
    Resize(usize),
}

impl Change {
    fn apply(&self, data: &mut Vec<u8>) {
        match self {
            Self::Write(at, bytes) => {
                data.resize(data.len().max(at + bytes.len()), 0);
                data[*at..at + bytes.len()].copy_from_slice(bytes);
            }
            Self::Resize(len) => data.resize(*len, 0),
        }
    }
}

/// Changes of names that are one step: a rename is two.
type Step = Vec<(Name, Option<u64>)>;

pub struct Disk {
    files: BTreeMap<u64, File>,
    names: BTreeMap<Name, u64>,
    synced_names: BTreeMap<Name, u64>,
    unsynced_names: Vec<Step>,
    next: u64,
    /// Whether it reports each sync as done and does nothing.
    lies: bool,
    /// The operation before which the power goes, counted from now.
    cut_at: (Kind, usize),
    fate: Fate,
    random: Random,
    /// What survived the power cut, once it happened.
    survivors: Option<Image>,
}

impl Disk {
    pub fn new(image: Image, random: Random, fate: Fate, cut_at: (Kind, usize), lies: bool) -> Self {
        let mut disk = Self {
            files: BTreeMap::new(),
            names: BTreeMap::new(),
            synced_names: BTreeMap::new(),
            unsynced_names: Vec::new(),
            next: BACKUPS + 1,
            lies,
            cut_at,
            fate,
            random,
            survivors: None,
        };
        for (name, data) in image {
            let number = disk.add_file(&name, 0o600);
            disk.names.insert(name, number);
            let file = disk.files.get_mut(&number).unwrap();
            (file.synced, file.data) = (data.clone(), data);
        }
        disk.synced_names = disk.names.clone();
        disk
    }

    fn add_file(&mut self, (directory, name): &Name, mode: u16) -> u64 {
        let number = self.next;
        self.next += 1;
        let is_database = *directory == ROOT && name.as_encoded_bytes().ends_with(b".db");
        self.files.insert(number, File { mode, is_database, is_backup: *directory == BACKUPS, ..File::default() });
        number
    }

    /// Fails once the power is off, and turns it off if its moment has come.
    fn count(&mut self, is_counted: bool) -> Result<()> {
        if is_counted && self.survivors.is_none() {
            match self.cut_at.1.checked_sub(1) {
                Some(left) => self.cut_at.1 = left,
                None if self.cut_at.0 == Kind::Name => self.cut_at = (Kind::Any, 0),
                None => self.cut(),
            }
        }
        self.powered()
    }

    fn count_on_file(&mut self, number: u64) -> Result<()> {
        self.powered()?;
        let file = self.files.get(&number).ok_or(Errno::ENOENT)?;
        let is_counted = match self.cut_at.0 {
            Kind::Any => true,
            Kind::Database => file.is_database,
            Kind::Backup => file.is_backup,
            Kind::Name => false,
        };
        self.count(is_counted)
    }

    pub fn powered(&self) -> Result<()> {
        if self.survivors.is_some() { Err(Errno::EIO) } else { Ok(()) }
    }

    /// Turns the power off.
    pub fn cut(&mut self) {
        if self.survivors.is_some() {
            return;
        }
        let steps = self.moment(self.unsynced_names.len());
        let mut names = take(&mut self.synced_names);
        self.unsynced_names.drain(..steps).for_each(|step| apply_names(&mut names, step));
        // Two names of one file have the same content.
        let mut found = BTreeMap::new();
        for (number, file) in take(&mut self.files) {
            found.insert(number, self.survivor(&file));
        }
        self.survivors = Some(names.into_iter().map(|(name, number)| (name, found[&number].clone())).collect());
    }

    /// What survived. The power must be off.
    pub fn take_survivors(&mut self) -> Image {
        take(self.survivors.as_mut().unwrap())
    }

    /// A moment between the last sync and now, as the number of changes before it.
    fn moment(&mut self, changes: usize) -> usize {
        match (self.fate, self.random.below(3)) {
            (Fate::Forgotten, _) | (Fate::Torn, 0) => 0,
            (Fate::Kept, _) | (Fate::Torn, 1) => changes,
            (Fate::Torn, _) => self.random.below(changes + 1),
        }
    }

    fn survivor(&mut self, file: &File) -> Vec<u8> {
        let changes = &file.unsynced;
        // Before this moment, changes of the length survive. A write after a truncation that is lost would be in other blocks.
        let of_length = self.moment(changes.len());
        let truncation = changes[of_length..].iter().position(|change| matches!(change, Change::Resize(_)));
        let last = truncation.map_or(changes.len(), |position| of_length + position);
        let end = |change: &Change| match change {
            Change::Write(at, bytes) => at + bytes.len(),
            Change::Resize(len) => *len,
        };
        let longest = changes.iter().map(end).fold(file.synced.len(), usize::max);
        let mut of_sector = Vec::new();
        while of_sector.len() * SECTOR < longest {
            let (is_torn, whole) = (self.random.below(4) == 0, self.moment(last));
            of_sector.extend((0..PAGE / SECTOR).map(|_| if is_torn { self.moment(last) } else { whole }));
        }
        let (mut data, mut len) = (file.synced.clone(), file.synced.len());
        for (number, change) in changes.iter().enumerate() {
            match change {
                Change::Write(at, bytes) => {
                    let mut start = 0;
                    while start < bytes.len() {
                        let sector = (at + start) / SECTOR;
                        let end = ((sector + 1) * SECTOR - at).min(bytes.len());
                        if number < of_sector[sector] {
                            Change::Write(at + start, bytes[start..end].to_vec()).apply(&mut data);
                        }
                        start = end;
                    }
                    if number < of_length {
                        len = len.max(at + bytes.len());
                    }
                }
                Change::Resize(new) if number < of_length => {
                    change.apply(&mut data);
                    len = *new;
                }
                Change::Resize(_) => {}
            }
        }
        data.resize(len, 0);
        data
    }

    pub fn file(&self, number: u64) -> Result<&File> {
        self.powered()?;
        self.files.get(&number).ok_or(Errno::ENOENT)
    }

    pub fn set_mode(&mut self, number: u64, mode: u16) -> Result<()> {
        self.powered()?;
        self.files.get_mut(&number).ok_or(Errno::ENOENT)?.mode = mode;
        Ok(())
    }

    pub fn number_of(&self, directory: u64, name: &OsStr) -> Result<u64> {
        self.powered()?;
        self.names.get(&(directory, name.to_owned())).copied().ok_or(Errno::ENOENT)
    }

    pub fn links(&self, number: u64) -> usize {
        self.names.values().filter(|named| **named == number).count()
    }

    pub fn names_in(&self, directory: u64) -> Vec<(OsString, u64)> {
        let inside = self.names.iter().filter(|((parent, _), _)| *parent == directory);
        inside.map(|((_, name), number)| (name.clone(), *number)).collect()
    }

    pub fn write(&mut self, number: u64, at: usize, bytes: &[u8]) -> Result<()> {
        self.change(number, Change::Write(at, bytes.to_vec()))
    }

    pub fn resize(&mut self, number: u64, len: usize) -> Result<()> {
        self.change(number, Change::Resize(len))
    }

    fn change(&mut self, number: u64, change: Change) -> Result<()> {
        self.count_on_file(number)?;
        let file = self.files.get_mut(&number).ok_or(Errno::ENOENT)?;
        change.apply(&mut file.data);
        file.unsynced.push(change);
        Ok(())
    }

    pub fn sync(&mut self, number: u64) -> Result<()> {
        self.count_on_file(number)?;
        let file = self.files.get_mut(&number).ok_or(Errno::ENOENT)?;
        if !self.lies {
            file.unsynced.drain(..).for_each(|change| change.apply(&mut file.synced));
        }
        Ok(())
    }

    fn change_names(&mut self, step: Step) -> Result<()> {
        self.count(matches!(self.cut_at.0, Kind::Any | Kind::Name))?;
        apply_names(&mut self.names, step.clone());
        self.unsynced_names.push(step);
        Ok(())
    }

    pub fn create(&mut self, directory: u64, name: &OsStr, mode: u16) -> Result<u64> {
        let name = (directory, name.to_owned());
        let number = self.add_file(&name, mode);
        self.change_names(vec![(name, Some(number))])?;
        Ok(number)
    }

    pub fn link(&mut self, number: u64, to: Name) -> Result<()> {
        self.powered()?;
        if self.names.contains_key(&to) {
            return Err(Errno::EEXIST);
        }
        self.change_names(vec![(to, Some(number))])
    }

    pub fn unlink(&mut self, directory: u64, name: &OsStr) -> Result<()> {
        self.number_of(directory, name)?;
        self.change_names(vec![((directory, name.to_owned()), None)])
    }

    pub fn rename(&mut self, from: Name, to: Name, may_replace: bool) -> Result<()> {
        let number = self.number_of(from.0, &from.1)?;
        if !may_replace && self.names.contains_key(&to) {
            return Err(Errno::EEXIST);
        }
        self.change_names(vec![(from, None), (to, Some(number))])
    }

    pub fn sync_directory(&mut self, directory: u64) -> Result<()> {
        self.count(self.cut_at.0 == Kind::Any)?;
        if !self.lies {
            let is_inside = |step: &mut Step| step.iter().any(|((parent, _), _)| *parent == directory);
            for step in self.unsynced_names.extract_if(.., is_inside) {
                apply_names(&mut self.synced_names, step);
            }
        }
        Ok(())
    }
}

fn apply_names(names: &mut BTreeMap<Name, u64>, step: Step) {
    for (name, number) in step {
        match number {
            Some(number) => names.insert(name, number),
            None => names.remove(&name),
        };
    }
}

#[test]
fn a_cut_leaves_what_was_synced_and_some_moment_of_the_rest() {
    let name = |name: &str| (ROOT, OsString::from(name));
    let (mut lengths, mut renamed, mut torn) = (Vec::new(), 0, 0);
    for seed in 0..200 {
        let mut disk = Disk::new(Image::new(), Random(seed), Fate::Torn, (Kind::Any, usize::MAX), false);
        let number = disk.create(ROOT, OsStr::new("a"), 0o600).unwrap();
        disk.sync_directory(ROOT).unwrap();
        disk.write(number, 0, &[1; 2 * PAGE]).unwrap();
        disk.sync(number).unwrap();
        disk.write(number, 0, &[2; PAGE]).unwrap();
        disk.write(number, 0, &[3; PAGE + 1]).unwrap();
        disk.rename(name("a"), name("b"), false).unwrap();
        disk.create(ROOT, OsStr::new("c"), 0o600).unwrap();
        disk.resize(number, PAGE).unwrap();
        disk.write(number, PAGE, &[4]).unwrap();
        disk.cut();
        assert!(disk.write(number, 0, &[5]).is_err(), "the power is off");
        let survivors = disk.take_survivors();
        assert!(survivors.contains_key(&name("a")) != survivors.contains_key(&name("b")), "a rename is one step");
        assert!(!survivors.contains_key(&name("c")) || survivors.contains_key(&name("b")), "names change in order");
        renamed += u64::from(survivors.contains_key(&name("b")));
        let data = survivors.get(&name("a")).or(survivors.get(&name("b"))).unwrap();
        lengths.push(data.len());
        for sector in data[..PAGE].chunks(SECTOR) {
            assert!((1..=3).any(|value| sector == [value; SECTOR]), "a sector is as it was at some moment");
        }
        torn += u64::from(data[..PAGE].windows(2).any(|pair| pair[0] != pair[1]));
        let after = (data.len(), data.get(PAGE), data.get(PAGE + 1));
        let shapes = [
            (2 * PAGE, Some(&1), Some(&1)),
            (2 * PAGE, Some(&3), Some(&1)),
            (PAGE, None, None),
            (PAGE + 1, Some(&4), None),
            (PAGE + 1, Some(&0), None),
        ];
        assert!(shapes.contains(&after), "{after:?}");
    }
    assert!([PAGE, PAGE + 1, 2 * PAGE].iter().all(|len| lengths.contains(len)));
    assert!((20..180).contains(&renamed) && torn > 10, "{renamed} renamed, {torn} torn");
}
