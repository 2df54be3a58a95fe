//! Completions and manual pages: every command and setting is in them, and the programs that they are for read them.

use std::collections::BTreeSet;
use std::fs::{read_dir, read_to_string};
use std::path::Path;
use std::process::{Command, Output};

use tempfile::tempdir;

use crate::server::run;
use crate::tidy::config;

/// What a command prints.
fn printed(arguments: &[&str]) -> String {
    let output = run(Path::new("nowhere.db"), arguments);
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The names under "Commands:" of a help text.
fn commands(arguments: &[&str]) -> Vec<String> {
    let help = printed(&[arguments, &["-h"]].concat());
    let Some((_, listed)) = help.split_once("\nCommands:\n") else { return Vec::new() };
    let lines = listed.lines().take_while(|line| !line.is_empty());
    let names = lines.filter_map(|line| line.strip_prefix("  ")?.split(' ').next().filter(|name| !name.is_empty()));
    names.filter(|name| *name != "help").map(str::to_owned).collect()
}

#[test]
fn bash_completes_commands_and_settings() {
    let directory = tempdir().unwrap();
    let script = directory.path().join("patron.bash");
    std::fs::write(&script, printed(&["completions", "bash"])).unwrap();
    let completed = |words: &str, last: &str, count: usize| {
        let line = format!(
            "set -u; source '{}'; COMP_WORDS=({words}); COMP_CWORD={count}; _patron patron {last} ''; echo \"${{COMPREPLY[@]}}\"",
            script.display()
        );
        let output = Command::new("bash").args(["-c", &line]).output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    assert_eq!(completed("patron se", "se", 1), "serve seed");
    assert_eq!(completed("patron key r", "r", 2), "rotate revoke");
    assert_eq!(completed("patron serve --backup-", "--backup-", 2), "--backup-dir --backup-every --backup-keep");
}

#[test]
fn every_shell_has_every_command() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = printed(&["completions", shell]);
        for command in commands(&[]) {
            assert!(script.contains(&command), "{command} for {shell}");
        }
    }
    assert_eq!(run(Path::new("nowhere.db"), &["completions", "csh"]).status.code(), Some(2));
}

#[test]
fn every_command_has_a_page_and_every_setting_stands_in_one() {
    let directory = tempdir().unwrap();
    assert_eq!(printed(&["man", directory.path().to_str().unwrap()]), "");
    let mut wanted = BTreeSet::from(["patron.1".to_owned()]);
    for command in commands(&[]) {
        wanted.insert(format!("patron-{command}.1"));
        wanted.extend(commands(&[&command]).iter().map(|below| format!("patron-{command}-{below}.1")));
    }
    let pages: BTreeSet<String> =
        read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(pages, wanted);
    let all: String = pages.iter().map(|page| read_to_string(directory.path().join(page)).unwrap()).collect();
    let config = config();
    for setting in config.split("env = \"").skip(1).map(|rest| rest.split('"').next().unwrap()) {
        assert!(all.contains(setting), "{setting}");
    }
    assert!(printed(&["man"]).contains("Exit codes: 0 done, 1 refused or failed"));

    for page in &pages {
        let man = Command::new("man").args(["--warnings", "-E", "UTF-8", "-l", page]).current_dir(&directory).output();
        let Ok(Output { status, stdout, stderr }) = man else { return println!("SKIPPED: man is not installed") };
        assert!(status.success() && stderr.is_empty(), "{page}: {}", String::from_utf8_lossy(&stderr));
        assert!(String::from_utf8(stdout).unwrap().contains("NAME"), "{page}");
    }
}

#[test]
fn pages_go_into_a_directory_that_is_there() {
    let output = run(Path::new("nowhere.db"), &["man", "/nowhere/at/all"]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(said, "patron: there is no directory /nowhere/at/all; make it, or choose another\n");
}
