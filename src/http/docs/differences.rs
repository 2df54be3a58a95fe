//! Where Patron differs from the hosted API. It is written once, in `docs/api.md`, and shown in the reference too.

use super::prose;

const PAGE: &str = include_str!("../../../docs/api.md");

/// The differences in HTML, one an item of the page's list.
pub(super) fn list() -> Vec<String> {
    items(PAGE).iter().map(|item| prose::html(item)).collect()
}

/// The items of a list in Markdown: each starts with `- `, and goes on where a line starts with two spaces.
fn items(markdown: &str) -> Vec<String> {
    let mut items: Vec<String> = Vec::new();
    for line in markdown.lines() {
        match (line.strip_prefix("- "), line.strip_prefix("  "), items.last_mut()) {
            (Some(item), _, _) => items.push(item.to_owned()),
            (None, Some(more), Some(item)) => item.extend([" ", more]),
            _ => {}
        }
    }
    items
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_prose_and_one_list_without_other_signs() {
        let list = items(PAGE);
        assert_eq!(list.len(), PAGE.lines().filter(|line| line.starts_with("- ")).count());
        for item in list {
            assert!(!item.contains("](") && item.matches('`').count() % 2 == 0, "{item}");
        }
        assert_eq!(items("# A\n\nB\n\n- one\n  two\n- three\n\n## C\n"), ["one two", "three"]);
    }
}
