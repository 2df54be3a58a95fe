//! What is shipped besides the binary, held against the programs that read it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::tempdir;

use crate::tidy::config;

/// How exposed a service may be at most, from 0 to 10, as systemd counts it.
const EXPOSURE_MAX: f64 = 1.5;

fn packaging(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging").join(file)
}

/// What a program of systemd's says; nothing where there is no systemd.
fn analyze(arguments: &[&str]) -> Option<Output> {
    let output = Command::new("systemd-analyze").args(arguments).output().ok();
    if output.is_none() {
        println!("SKIPPED: systemd-analyze is not installed");
    }
    output
}

#[test]
fn the_unit_is_one_that_systemd_takes_and_keeps_nearly_everything_from_the_service() {
    let directory = tempdir().unwrap();
    let unit = directory.path().join("patron.service");
    let text = fs::read_to_string(packaging("patron.service")).unwrap();
    // It must be there to be verified.
    fs::write(&unit, text.replace("/usr/bin/patron", env!("CARGO_BIN_EXE_patron"))).unwrap();
    let unit = unit.to_str().unwrap();
    let Some(verified) = analyze(&["verify", "--man=no", unit]) else { return };
    assert!(verified.status.success() && verified.stderr.is_empty(), "{verified:?}");
    let security = analyze(&["security", "--offline=true", "--no-pager", unit]).unwrap();
    let said = String::from_utf8(security.stdout).unwrap();
    let level = said.split("exposure level for patron.service: ").nth(1).unwrap_or_else(|| panic!("{said}"));
    let level: f64 = level.split(' ').next().unwrap().parse().unwrap();
    assert!(level <= EXPOSURE_MAX, "{said}");
}

#[test]
fn the_settings_of_the_service_are_settings_of_the_program() {
    let config = config();
    let mut settings = 0;
    for file in ["patron.default", "patron.service"] {
        let text = fs::read_to_string(packaging(file)).unwrap();
        for name in text.split("PATRON_").skip(1).map(|rest| rest.split('=').next().unwrap()) {
            assert!(config.contains(&format!("env = \"PATRON_{name}\"")), "{file}: PATRON_{name}");
            settings += 1;
        }
    }
    assert!(settings > 8);
}
