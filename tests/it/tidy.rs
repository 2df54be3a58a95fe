//! The shape of the source, by reading it: which layer may name what, what every file opens with, what the README holds.

use std::fs::{read_dir, read_to_string};
use std::path::{Path, PathBuf};

/// Names that only the places behind them may say. A place is a prefix of a path under `src`.
const ONLY: &[(&str, &[&str])] = &[
    ("rusqlite", &["store/sqlite/"]),
    ("r2d2", &["store/sqlite/"]),
    ("actix_web", &["http/", "commands/emulate.rs", "commands/serve.rs"]),
    ("governor", &["http/limits.rs"]),
    ("utoipa", &["http/api/description/"]),
    ("argon2::", &["service/hashing.rs"]),
    ("serde", &["http/", "json", "rows/", "store/sqlite/columns.rs", "commands/"]),
    ("clap", &["config/", "main.rs", "commands/manual.rs"]),
    ("SystemTime::now", &["service/ambient.rs", "log.rs"]),
    ("getrandom", &["service/ambient.rs"]),
    ("crate::http", &["http/"]),
    ("crate::service", &["http/", "service/"]),
    ("crate::store", &["service/", "store/"]),
    ("crate::json", &["http/", "rows/", "store/sqlite/columns.rs"]),
    ("crate::rows", &["http/", "service/"]),
    ("ureq", &["commands/doctor.rs", "commands/pull/remote.rs"]),
];

/// The crates that the domain may name, besides `std`.
const DOMAIN_MAY: &[&str] = &["unicode_general_category", "unicode_normalization", "zeroize"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust file below a folder of the project, with its text.
fn sources(folder: &str) -> Vec<(String, String)> {
    let mut folders = vec![root().join(folder)];
    let mut files: Vec<PathBuf> = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    let name = |path: &Path| path.strip_prefix(root().join(folder)).unwrap().to_str().unwrap().to_owned();
    let rust = files.into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
    rust.map(|path| (name(&path), read_to_string(path).unwrap())).collect()
}

/// The files in which every setting is defined, one behind the other.
pub fn config() -> String {
    sources("src/config").into_iter().map(|(_, text)| text).collect()
}

/// The code of a file, without its comments and its tests.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.split("#[cfg(test)]").next().unwrap().lines().filter(|line| !line.trim_start().starts_with("//"))
}

/// What in these sources points the wrong way.
fn wrong_arrows(sources: &[(String, String)]) -> Vec<String> {
    let mut wrong = Vec::new();
    for (file, text) in sources {
        for line in code(text) {
            for (name, places) in ONLY {
                if line.contains(name) && !places.iter().any(|place| file.starts_with(place)) {
                    wrong.push(format!("{file} says {name}: {line}"));
                }
            }
            let named = line.strip_prefix("use ").map(|path| path.split("::").next().unwrap_or_default());
            let foreign =
                named.is_some_and(|name| !["std", "super", "crate"].contains(&name) && !DOMAIN_MAY.contains(&name));
            if file.starts_with("domain/") && foreign {
                wrong.push(format!("{file} names a crate: {line}"));
            }
            if file.starts_with("domain/")
                && line.contains("crate::")
                && !line.contains("crate::domain")
                && !line.contains("pub(crate)")
            {
                wrong.push(format!("{file} names another module: {line}"));
            }
        }
    }
    wrong
}

#[test]
fn arrows_point_one_way() {
    assert_eq!(wrong_arrows(&sources("src")), Vec::<String>::new());
}

#[test]
fn a_broken_arrow_is_found() {
    for (file, line) in [
        ("service/customers.rs", "use rusqlite::Connection;"),
        ("http/api/mod.rs", "use crate::store::Store;"),
        ("domain/name.rs", "use serde::Serialize;"),
        ("domain/name.rs", "use crate::service::Services;"),
        ("store/mod.rs", "use crate::service::Services;"),
        ("http/watch.rs", "let now = std::time::SystemTime::now();"),
    ] {
        assert!(!wrong_arrows(&[(file.to_owned(), line.to_owned())]).is_empty(), "{file}: {line}");
    }
}

#[test]
fn every_file_says_what_it_is_for() {
    for folder in ["src", "tests", "benches", "fuzz/src", "fuzz/fuzz_targets"] {
        if root().join(folder).exists() {
            for (file, text) in sources(folder) {
                assert!(text.starts_with("//! "), "{folder}/{file}");
            }
        }
    }
}

#[test]
fn every_setting_stands_in_the_readme() {
    let config = config();
    let readme = read_to_string(root().join("README.md")).unwrap();
    let settings: Vec<&str> = config.split("env = \"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    assert!(settings.len() >= 4);
    for setting in settings {
        let flag = format!("--{}", setting.trim_start_matches("PATRON_").to_lowercase().replace('_', "-"));
        assert!(readme.contains(setting) && readme.contains(&flag), "{setting} or {flag} is not in the README");
    }
}

#[test]
fn every_dependency_says_why_it_is_here() {
    let manifest = read_to_string(root().join("Cargo.toml")).unwrap();
    let dependencies =
        manifest.split("dependencies]\n").skip(1).flat_map(|part| part.split("\n\n").next().unwrap().lines());
    for line in dependencies {
        assert!(line.contains(" # "), "{line}");
    }
}

/// The tests that a table of Markdown names in its last column.
fn named_tests(markdown: &str) -> Vec<&str> {
    let rows = markdown.lines().filter(|line| line.starts_with("| "));
    let last = rows.filter_map(|row| row.trim_end_matches(['|', ' ']).rsplit(" | ").next());
    let named = last.flat_map(|cell| cell.split('`').skip(1).step_by(2));
    named.filter(|name| name.contains("::") || name.contains(".mjs: ")).collect()
}

/// Which of these are no tests: `module::test` of this folder or of `src`, or `file: title` of the browser's.
fn no_tests<'a>(named: &[&'a str], rust: &[(String, String)]) -> Vec<&'a str> {
    let is_test = |name: &str| match name.split_once("::") {
        Some((module, test)) => rust.iter().any(|(file, text)| {
            let is_here = file.trim_end_matches("/mod.rs").trim_end_matches(".rs").rsplit('/').next() == Some(module);
            let before = text.split_once(&format!("fn {test}(")).map(|(before, _)| before.trim_end());
            is_here
                && before.is_some_and(|before| {
                    let attribute = before.trim_end_matches("async").trim_end().lines().last().unwrap_or_default();
                    attribute.trim_start().starts_with("#[") && attribute.contains("test")
                })
        }),
        None => name.split_once(": ").is_some_and(|(file, title)| {
            let text = read_to_string(root().join("tests/browser").join(file)).unwrap_or_default();
            text.contains(&format!("test('{title}'"))
        }),
    };
    named.iter().copied().filter(|name| !is_test(name)).collect()
}

#[test]
fn every_test_that_security_rests_on_exists() {
    let security = read_to_string(root().join("SECURITY.md")).unwrap();
    let rust = [sources("tests/it"), sources("tests/power"), sources("src")].concat();
    let named = named_tests(&security);
    assert!(named.len() > 100, "{} tests are named", named.len());
    assert_eq!(no_tests(&named, &rust), Vec::<&str>::new());

    let made_up =
        ["tidy::no_such_test", "nowhere::every_test_that_security_rests_on_exists", "door.test.mjs: no such title"];
    assert_eq!(no_tests(&made_up, &rust), made_up);
}

#[test]
fn every_misfortune_has_its_test() {
    let misfortunes = read_to_string(root().join("docs/misfortunes.md")).unwrap();
    let rows = misfortunes.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| misfortune |"));
    let rows: Vec<&str> = rows.filter(|line| !line.starts_with("| ---")).collect();
    for row in &rows {
        assert!(!named_tests(row).is_empty(), "no test is named: {row}");
    }
    let rust = [sources("tests/it"), sources("src")].concat();
    assert_eq!(no_tests(&named_tests(&misfortunes), &rust), Vec::<&str>::new());
}
