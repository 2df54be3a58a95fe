//! The shape of the source, by reading it: which layer may name what, what every file opens with, what the README holds.

use std::collections::{BTreeMap, BTreeSet};
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

/// Adds each path of a tree such as `a::{b, c::{d, e}}`.
fn expand(prefix: &str, tree: &str, paths: &mut Vec<String>) {
    let Some((head, body)) = tree.split_once('{') else {
        return paths.push(format!("{prefix}{}", tree.split(" as ").next().unwrap().trim_end_matches("::self")));
    };
    let (mut depth, mut start) = (0, 0);
    for (at, char) in body.char_indices() {
        let ends = depth == 0 && (char == ',' || char == '}');
        if ends && !body[start..at].trim().is_empty() {
            let name = body[start..at].trim();
            let prefix = format!("{prefix}{head}");
            let (prefix, name) = if name == "self" { ("", prefix.trim_end_matches("::")) } else { (&*prefix, name) };
            expand(prefix, name, paths);
        }
        start = if ends { at + 1 } else { start };
        depth += i32::from(char == '{') - i32::from(char == '}');
    }
}

/// The modules of the store, named by their paths such as `sqlite::imports`, each with its imports and its re-exports.
struct Modules(BTreeMap<String, (Vec<String>, Vec<String>)>);

impl Modules {
    fn read(sources: &[(String, String)]) -> Self {
        let module = |(file, text): &(String, String)| {
            let name = file.trim_end_matches(".rs").trim_end_matches("mod").trim_end_matches('/').replace('/', "::");
            let code = code(text).collect::<Vec<_>>().join("\n");
            let (mut imports, mut exports) = (Vec::new(), Vec::new());
            for statement in code.split(';') {
                let is_tree =
                    |tree: &str| tree.chars().all(|char| char.is_alphanumeric() || "_:{}, \n*".contains(char));
                let used = statement.rsplit_once("use ").filter(|(_, tree)| is_tree(tree));
                let before = used.map_or(statement, |(before, _)| before);
                if let Some((_, tree)) = used {
                    let is_public = before.lines().last().is_some_and(|line| line.starts_with("pub"));
                    let tree = tree.split_whitespace().collect::<Vec<_>>().join(" ");
                    expand("", &tree, if is_public { &mut exports } else { &mut imports });
                }
                let lines = before.lines().filter(|line| !line.contains("pub(in"));
                let words =
                    lines.flat_map(|line| line.split(|char: char| !char.is_alphanumeric() && !"_:".contains(char)));
                imports.extend(words.filter(|word| word.contains("::") && !word.ends_with("::")).map(str::to_owned));
            }
            (name, (imports, exports))
        };
        Self(sources.iter().map(module).collect())
    }

    /// Returns the modules that a path in one of them leads to: through re-exports, to where the item is.
    fn resolve(&self, from: &str, path: &str) -> Vec<String> {
        let child =
            |module: &str, name: &str| if module.is_empty() { name.to_owned() } else { format!("{module}::{name}") };
        let mut names = path.split("::").peekable();
        let mut module = from.to_owned();
        if path.starts_with("crate::store::") {
            (module, _, _) = (String::new(), names.next(), names.next());
        } else if path.starts_with("super::") {
            while names.next_if_eq(&"super").is_some() {
                module = module.rsplit_once("::").map_or(String::new(), |(parent, _)| parent.to_owned());
            }
        } else if !self.0.contains_key(&child(from, names.peek().unwrap())) {
            return Vec::new();
        }
        for name in names {
            if self.0.contains_key(&child(&module, name)) {
                module = child(&module, name);
                continue;
            }
            let (imports, exports) = &self.0[&module];
            let named = exports.iter().chain(imports).filter(|path| path.rsplit("::").next() == Some(name));
            let mut found = named.map(|path| self.resolve(&module, path)).filter(|found| !found.is_empty());
            return found.next().unwrap_or(vec![module.clone()]);
        }
        let exports = self.0[&module].1.iter().flat_map(|path| self.resolve(&module, path));
        exports.chain([module.clone()]).collect()
    }

    fn arrows(&self) -> BTreeMap<&str, BTreeSet<String>> {
        let to = |from: &str, imports: &[String]| imports.iter().flat_map(|path| self.resolve(from, path)).collect();
        let arrow = |(from, (imports, _)): (&'_ String, &(Vec<String>, Vec<String>))| {
            let mut to: BTreeSet<String> = to(from, imports);
            to.remove(from);
            to
        };
        self.0.iter().map(|each| (each.0.as_str(), arrow(each))).collect()
    }

    /// Returns the modules that import each other, directly or through others.
    fn circles(&self) -> Vec<String> {
        let mut left = self.arrows();
        loop {
            let ends: Vec<&str> = left
                .iter()
                .filter(|(_, to)| !to.iter().any(|to| left.contains_key(to.as_str())))
                .map(|each| *each.0)
                .collect();
            if ends.is_empty() {
                return left.into_iter().map(|(from, to)| format!("{from} -> {to:?}")).collect();
            }
            left.retain(|from, _| !ends.contains(from));
        }
    }
}

#[test]
fn no_files_of_the_store_import_each_other() {
    assert_eq!(Modules::read(&sources("src/store")).circles(), Vec::<String>::new());
    let circle = [
        ("sqlite/mod.rs", "mod a;\nmod b;"),
        ("sqlite/a.rs", "use super::{b::{C, D}};"),
        ("sqlite/b.rs", "use super::a;"),
    ];
    let circle = circle.map(|(file, text)| (file.to_owned(), text.to_owned()));
    assert_eq!(Modules::read(&circle).circles().len(), 2);
}

#[test]
fn no_file_of_the_store_imports_a_later_group() {
    let mods = read_to_string(root().join("src/store/sqlite/mod.rs")).unwrap();
    let groups: Vec<&str> = mods.split("\n\n").filter(|group| group.contains("\nmod ")).collect();
    assert!(groups.len() >= 4);
    let group = |module: &str| {
        let name = module.strip_prefix("sqlite::")?.split("::").next()?;
        groups.iter().position(|group| group.lines().any(|line| line == format!("mod {name};")))
    };
    for (from, to) in Modules::read(&sources("src/store")).arrows() {
        for to in to {
            let is_later = group(from).zip(group(&to)).is_some_and(|(from, to)| from < to);
            assert!(!is_later, "{from} imports {to}");
        }
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
