//! The tree of dependencies as docs/dependencies.md tells it, held against Cargo.toml and Cargo.lock.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::read_to_string;
use std::path::Path;

fn text(file: &str) -> String {
    read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap()
}

/// The rows of the first table after a heading, without its own heading: the cells of each, unquoted.
fn table(document: &str, heading: &str) -> Vec<Vec<String>> {
    let section =
        document.split_once(&format!("\n## {heading}\n")).unwrap().1.split("\n## ").next().unwrap().to_owned();
    let rows = section.lines().filter(|line| line.starts_with('|')).skip(2);
    rows.map(|row| row.trim_matches('|').split('|').map(|cell| cell.trim().replace('`', "")).collect()).collect()
}

/// The names in the tables of dependencies of a manifest.
fn direct(manifest: &str) -> BTreeSet<String> {
    let tables = manifest.split("dependencies]\n").skip(1).flat_map(|part| part.split("\n\n").next().unwrap().lines());
    tables.filter_map(|line| Some(line.split_once(" = ")?.0.to_owned())).collect()
}

/// A version as far as others go together with it: `1` of 1.5.0, `0.2` of 0.2.17.
fn generation(version: &str) -> String {
    let (major, rest) = version.split_once('.').unwrap();
    if major == "0" { format!("0.{}", rest.split('.').next().unwrap()) } else { major.to_owned() }
}

/// The crates of a lock file that stand there more than once, with what tells their versions apart.
fn twice(lock: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut crates: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for package in lock.split("[[package]]\n").skip(1) {
        let value = |key: &str| {
            let line = package.lines().find(|line| line.starts_with(&format!("{key} = "))).unwrap();
            line.split('"').nth(1).unwrap().to_owned()
        };
        let versions = crates.entry(value("name")).or_default();
        assert!(versions.insert(generation(&value("version"))), "two of a kind: {package}");
    }
    crates.retain(|_, versions| versions.len() > 1);
    crates
}

#[test]
fn every_direct_dependency_is_told() {
    let told = table(&text("docs/dependencies.md"), "Direct dependencies").into_iter().map(|row| row[0].clone());
    assert_eq!(told.collect::<BTreeSet<_>>(), direct(&text("Cargo.toml")));
}

#[test]
fn every_crate_that_is_there_twice_is_told() {
    let told = table(&text("docs/dependencies.md"), "The same crate twice").into_iter();
    let told = told.map(|row| (row[0].clone(), row[1].split(", ").map(str::to_owned).collect()));
    assert_eq!(told.collect::<BTreeMap<_, BTreeSet<_>>>(), twice(&text("Cargo.lock")));
}

#[test]
fn everything_comes_from_one_registry_and_has_a_checksum() {
    for lock in ["Cargo.lock", "fuzz/Cargo.lock"] {
        let lock = text(lock);
        for package in lock.split("[[package]]\n").skip(1) {
            let ours = ["name = \"patron\"\n", "name = \"patron-fuzz\"\n"].iter().any(|name| package.starts_with(name));
            let from = package.lines().find(|line| line.starts_with("source = "));
            let registry = from.is_some_and(|from| from.starts_with("source = \"registry+"));
            assert!(ours || registry && package.contains("\nchecksum = \""), "{package}");
        }
    }
}

/// The crates of a lock file, by name and version, without those that are ours.
fn locked(lock: &str) -> BTreeSet<String> {
    let packages = lock.split("[[package]]\n").skip(1).filter(|package| package.contains("\nsource = "));
    packages.map(|package| package.lines().take(2).collect::<Vec<_>>().join(" ")).collect()
}

#[test]
fn what_is_fuzzed_is_what_is_shipped() {
    let (ours, fuzzed) = (text("Cargo.lock"), text("fuzz/Cargo.lock"));
    let foreign: Vec<String> = locked(&fuzzed).difference(&locked(&ours)).cloned().collect();
    let fuzzing = ["arbitrary", "jobserver", "libfuzzer-sys"];
    let is_of_fuzzing = |package: &String| fuzzing.iter().any(|name| package.contains(&format!("\"{name}\"")));
    let patron = fuzzed.split("[[package]]\n").find(|package| package.starts_with("name = \"patron\"")).unwrap();
    let manifest = text("Cargo.toml");
    let missing: Vec<String> = direct(manifest.split("[dev-dependencies]").next().unwrap())
        .into_iter()
        .filter(|name| !patron.contains(&format!("\n \"{name}")))
        .collect();
    assert!(
        foreign.iter().all(is_of_fuzzing) && missing.is_empty(),
        "fuzz/Cargo.lock has {foreign:?} and lacks {missing:?}: cp Cargo.lock fuzz/ && cargo metadata --manifest-path fuzz/Cargo.toml"
    );
}
