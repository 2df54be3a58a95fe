//! Every page of the console in every state, as it goes out, one file a state: `keys@empty` is `templates/keys.html` where
//! there are no keys. A template that no state shows is found here, and so is each piece of one: the two sides of an `if`,
//! the body of a loop. Who changes a page on purpose runs `INSTA_UPDATE=always cargo test --test it pages` and reads the diff.

use std::fs::{read_dir, read_to_string};
use std::path::Path;

use crate::world::Answer;

/// What differs with each state that is added before, not with what is shown: what stands before it, how many letters and
/// digits it has, and what it becomes, with a number by which it is known again within the page.
const MASKED: [(&str, usize, &str); 12] = [
    ("cust_", 14, ""),
    ("staff_", 14, ""),
    ("rzp_live_", 14, ""),
    ("rzp_test_", 14, ""),
    ("req_", 14, ""),
    ("/requests/", 19, ""),
    ("/.tmp", 6, ""),
    ("/link/", 43, "link-"),
    ("/static/", 16, "hash-"),
    (r#"name="token" value=""#, 96, "token-"),
    (r#"name="session" value=""#, 64, "session-"),
    (r#"id="key-secret">"#, 24, "secret-"),
];

/// Keeps a state: the status, the title and what is between the frame, or all of it for a frame itself.
pub fn keep(state: &str, answer: &Answer) {
    let body = mask(&answer.body);
    let template = state.split('@').next().unwrap();
    let text = read_to_string(folder("templates").join(format!("{template}.html"))).unwrap();
    assert!(Template(&text).has_rendered(&body), "{state} is not rendered from {template}.html: {answer}");
    let shown = if Template(&text).is_frame() {
        body
    } else {
        let part = |from: &str, to: &str| {
            let (start, end) = (body.find(from).unwrap(), body.find(to).unwrap());
            body[start..end + to.len()].to_owned()
        };
        format!("{}\n{}", part("<title>", "</title>"), part("<main", "</main>"))
    };
    let shown = format!("{}\n{shown}", answer.status.as_u16());
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!(state, shown);
    });
}

fn mask(body: &str) -> String {
    let mut masked = body.replace(concat!("Patron ", env!("CARGO_PKG_VERSION")), "Patron 1.2.3");
    if let Some((start, rest)) = masked.split_once("<dt>Database</dt><dd>") {
        // A file is as large as the tables in it make it.
        let (_, end) = rest.split_once("</dd>").unwrap();
        masked = format!("{start}<dt>Database</dt><dd>1 MB</dd>{end}");
    }
    for (before, len, name) in MASKED {
        let mut found: Vec<String> = Vec::new();
        for rest in masked.split(before).skip(1) {
            let text: String = rest.chars().take_while(char::is_ascii_alphanumeric).collect();
            if text.len() == len && !found.contains(&text) {
                found.push(text);
            }
        }
        for (at, text) in found.iter().enumerate() {
            masked = masked.replace(text, &format!("{name}{}", at + 1));
        }
    }
    masked
}

/// The text of a file in `templates/`.
struct Template<'a>(&'a str);

impl Template<'_> {
    /// Whether it is a whole page, for others to stand in.
    fn is_frame(&self) -> bool {
        self.0.starts_with("<!doctype")
    }

    /// Whether it makes pages, rather than parts that templates take in.
    fn is_page(&self) -> bool {
        self.is_frame() || self.0.starts_with("{% extends")
    }

    /// What stands between the tags, in order, and whether it stands there whatever happens.
    fn pieces(&self) -> Vec<(String, bool)> {
        let (mut pieces, mut depth) = (Vec::new(), 0);
        for part in self.0.split("{%") {
            let (tag, rest) = part.split_once("%}").unwrap_or(("", part));
            match tag.trim_matches(['-', ' ']).split_whitespace().next().unwrap_or_default() {
                "if" | "for" | "match" | "macro" => depth += 1,
                "endif" | "endfor" | "endmatch" | "endmacro" => depth -= 1,
                _ => {}
            }
            let texts = rest.split("{{").map(|text| text.split_once("}}").map_or(text, |(_, text)| text));
            pieces.extend(texts.map(|text| (in_one_line(text), depth == 0)));
        }
        pieces.retain(|(text, _)| text.chars().any(char::is_alphanumeric));
        pieces
    }

    /// Whether all that stands in it whatever happens stands in a page, in this order.
    fn has_rendered(&self, page: &str) -> bool {
        let page = in_one_line(page);
        let mut rest = page.as_str();
        self.pieces().iter().filter(|(_, always)| *always).all(|(text, _)| match rest.split_once(text.as_str()) {
            Some((_, after)) => {
                rest = after;
                true
            }
            None => false,
        })
    }
}

fn in_one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What of these templates is in none of these snapshots, both by name.
fn unseen(templates: &[(String, String)], snapshots: &[(String, String)]) -> Vec<String> {
    let mut unseen = Vec::new();
    for (file, text) in templates {
        let (template, name) = (Template(text), file.split('.').next().unwrap());
        let its = |state: &str| state.split('@').next() == Some(name);
        let shown = snapshots.iter().filter(|(state, _)| its(state) || !template.is_page());
        let shown: Vec<String> = shown.map(|(_, shown)| in_one_line(shown)).collect();
        if shown.is_empty() {
            unseen.push(format!("{file}: all of it"));
            continue;
        }
        let pieces = template.pieces().into_iter().map(|(piece, _)| piece);
        let pieces = pieces.filter(|piece| !shown.iter().any(|shown| shown.contains(piece)));
        unseen.extend(pieces.map(|piece| format!("{file}: {piece}")));
    }
    unseen
}

fn folder(path: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The files of a folder whose names end so, without that end, and their texts.
fn files(path: &str, end: &str) -> Vec<(String, String)> {
    let paths = read_dir(folder(path)).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
    let named = paths.filter_map(|path| {
        let name = path.file_name().unwrap().to_str().unwrap().strip_suffix(end)?;
        Some((name.to_owned(), read_to_string(&path).unwrap()))
    });
    named.collect()
}

#[test]
fn each_template_is_shown_in_each_state() {
    assert_eq!(unseen(&files("templates", ""), &files("tests/it/snapshots", ".snap")), Vec::<String>::new());
}

#[test]
fn what_no_state_shows_is_found() {
    let file = |name: &str, text: &str| (name.to_owned(), text.to_owned());
    let page = r#"{% extends "base.html" %}<p>One {{ word }}</p>{% if more %}<p>Two {{ word }} three</p>{% endif %}"#;
    let (one, all) = (file("a@one", "<p>One x</p>"), file("a@two", "<p>One x</p>\n<p>Two\n x three</p>"));
    let templates = [file("a.html", page)];
    assert_eq!(unseen(&templates, std::slice::from_ref(&one)), ["a.html: <p>Two", "a.html: three</p>"]);
    assert_eq!(unseen(&templates, &[one, all.clone()]), Vec::<String>::new());
    assert_eq!(unseen(&[file("b.html", page)], std::slice::from_ref(&all)), ["b.html: all of it"]);
    assert_eq!(unseen(&[file("parts.html", "{% macro x() %}<p>One{% endmacro %}")], &[all]), Vec::<String>::new());
    assert!(Template(page).has_rendered("<p>One day</p>") && !Template(page).has_rendered("<p>Once</p>"));
}

#[test]
fn each_snapshot_is_of_a_state_that_is_kept() {
    let sources: String = files("tests/it", ".rs").into_iter().map(|(_, text)| text).collect();
    for (state, _) in files("tests/it/snapshots", ".snap") {
        assert!(sources.contains(&format!("\"{state}\"")), "no test keeps {state}: remove its file");
    }
}

#[test]
fn what_is_masked_is_known_again_within_a_page() {
    let (one, two) = ("cust_EIECESKRDE2Hl5", "cust_EIECESKRDE2Hl6");
    let page = format!(r#"<a href="/{two}">{one} {two}</a> cust_short"#);
    assert_eq!(mask(&page), r#"<a href="/cust_1">cust_2 cust_1</a> cust_short"#);
}
