//! What must hold for arbitrary bytes, held against the seeds of fuzzing, and against each of them cut short and bent: the same in
//! every run.

use std::collections::BTreeSet;
use std::fs::{read, read_dir, read_to_string};
use std::path::{Path, PathBuf};

#[path = "../../fuzz/src/lib.rs"]
mod patron_fuzz;

use patron_fuzz::{PROPERTIES, Property};

/// In how many places a seed is cut and bent.
const PLACES_MAX: usize = 40;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}

/// The names in a folder, in order.
fn names(folder: &str) -> BTreeSet<String> {
    read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

fn seeds(name: &str) -> Vec<(String, Vec<u8>)> {
    let folder = format!("seeds/{name}");
    names(&folder).into_iter().map(|seed| (seed.clone(), read(root().join(&folder).join(seed)).unwrap())).collect()
}

/// What becomes of a seed where its end is lost, or one bit of it; of a long one, in some places only.
fn bent(seed: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let places = || (0..seed.len()).step_by(seed.len().div_ceil(PLACES_MAX).max(1));
    let cut = places().map(|len| seed[..len].to_owned());
    let flipped = places().map(|at| {
        let mut seed = seed.to_owned();
        seed[at] ^= 1 << (at % 8);
        seed
    });
    cut.chain(flipped)
}

fn hold(name: &str, bends: bool) {
    let property: Property = PROPERTIES.iter().find(|(each, _)| *each == name).unwrap().1;
    for (seed, data) in seeds(name) {
        // What panics says so in its own words; this tells where.
        eprintln!("{name}/{seed}");
        property(&data);
        if bends {
            bent(&data).for_each(|data| property(&data));
        }
    }
}

#[test]
fn credentials() {
    hold("credentials", true);
}

#[test]
fn fields() {
    hold("fields", true);
}

#[test]
fn form() {
    hold("form", true);
}

#[test]
fn ids() {
    hold("ids", true);
}

#[test]
fn json() {
    hold("json", true);
}

#[test]
fn query() {
    hold("query", true);
}

#[test]
fn routes() {
    hold("routes", false);
}

#[test]
fn search() {
    hold("search", true);
}

#[test]
fn every_property_has_a_target_and_seeds() {
    let properties: BTreeSet<String> = PROPERTIES.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names("seeds"), properties);
    let targets = names("fuzz_targets").into_iter().map(|file| file.trim_end_matches(".rs").to_owned());
    assert_eq!(targets.collect::<BTreeSet<_>>(), properties);
    let manifest = read_to_string(root().join("Cargo.toml")).unwrap();
    assert!(properties.iter().all(|name| manifest.contains(&format!("path = \"fuzz_targets/{name}.rs\""))));
    assert!(properties.iter().all(|name| seeds(name).len() >= 10));
}
