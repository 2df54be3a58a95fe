//! Power cuts under load, and the proof that they can fail: the same on a disk that ignores syncs.

use std::env;
use std::io::{Write, stderr};
use std::time::UNIX_EPOCH;

use crate::disk::{Disk, Fate, Image, Kind, ROOT, Random};
use crate::load::{self, Record};
use crate::mount::Mount;
use crate::verify;

/// After so many cuts a new disk is used, so that the database stays small.
const CUTS_PER_DISK: usize = 10;

/// Shows a line next to the outcome of tests that passed.
pub fn report(line: &str) {
    let _ = writeln!(stderr(), "{line}");
}

fn number_from(variable: &str) -> Option<u64> {
    env::var(variable).ok().map(|value| value.parse().unwrap())
}

/// The number of cuts in each test.
pub fn cuts() -> usize {
    number_from("POWER_CUTS").unwrap_or(5) as usize
}

pub fn seed() -> u64 {
    number_from("POWER_SEED").unwrap_or_else(|| UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64)
}

/// Mounts a disk. `None` where the system does not allow it, which is reported.
pub fn mounted(disk: Disk) -> Option<Mount> {
    match Mount::new(disk) {
        Ok(mount) => Some(mount),
        Err(error) => {
            report(&format!("SKIPPED: power cuts: no FUSE file system can be mounted here: {error}"));
            None
        }
    }
}

pub fn fate(random: &mut Random) -> Fate {
    [Fate::Kept, Fate::Forgotten, Fate::Torn, Fate::Torn, Fate::Torn][random.below(5)]
}

/// The operation at which the power goes. Some kinds are rare, and have more than their share.
fn moment(random: &mut Random) -> (Kind, usize) {
    match random.below(6) {
        0 => (Kind::Name, random.below(16)),
        1 => (Kind::Database, random.below(400)),
        2 => (Kind::Backup, random.below(400)),
        _ => (Kind::Any, random.below(12_000)),
    }
}

#[test]
fn nothing_acknowledged_is_lost() {
    let (cuts, seed) = (cuts(), seed());
    let mut random = Random(seed);
    let (first, client, new) = load::prepare();
    let (mut image, mut record) = (Image::new(), Record::default());
    let (mut writes, mut imports, mut resumed, mut backups) = (0, 0, 0, 0);
    for cut in 0..cuts {
        if cut % CUTS_PER_DISK == 0 {
            (image, record) = (first.clone(), new.clone());
        }
        let fate = fate(&mut random);
        // The first on each disk is well into the load.
        let at = if cut % CUTS_PER_DISK == 0 { (Kind::Any, 6_000) } else { moment(&mut random) };
        let disk = Disk::new(image, Random(seed ^ cut as u64), fate, at, false);
        let Some(mount) = mounted(disk) else { return };
        let (writes_before, imports_before) = (record.writes(), record.imported());
        load::until_cut(&mount, &client, &mut record, random.below(2) == 0, &cut.to_string());
        writes += record.writes() - writes_before;
        imports += record.imported() - imports_before;
        backups += record.backups.len();
        image = mount.disk().take_survivors();
        drop(mount);
        match verify::verify(&image, &client, &mut record) {
            Ok(interrupted) => resumed += interrupted,
            Err(fault) => {
                let left = verify::materialize(&image).keep();
                let left = left.display();
                panic!("cut {cut} at {at:?}, the rest {fate:?}: {fault}; the disk is in {left}; POWER_SEED={seed}");
            }
        }
        // Verified; a new disk needs no old copies.
        image.retain(|(directory, _), _| *directory == ROOT);
    }
    assert!(writes > cuts, "{writes} writes are too few to be a load");
    report(&format!(
        "power: {cuts} cuts, {writes} acknowledged edits and creates, {imports} imports, {backups} backups: 0 lost; {resumed} imports \
         were interrupted and resumed; POWER_SEED={seed}"
    ));
}

#[test]
fn a_disk_that_ignores_syncs_loses_acknowledged_writes() {
    for fate in [Fate::Forgotten, Fate::Torn] {
        let (image, client, mut record) = load::prepare();
        let disk = Disk::new(image, Random(seed()), fate, (Kind::Any, 6_000), true);
        let Some(mount) = mounted(disk) else { return };
        load::until_cut(&mount, &client, &mut record, false, "lies");
        let image = mount.disk().take_survivors();
        drop(mount);
        assert!(record.writes() > 0);
        let fault = verify::verify(&image, &client, &mut record).unwrap_err();
        report(&format!("power: a disk that ignores syncs, {fate:?}: {fault}"));
    }
}
