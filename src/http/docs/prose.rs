//! Prose and requests as pages show them.

/// Prose in HTML: what stands between backticks is code, between two asterisks strong, and all else is text.
pub(super) fn html(prose: &str) -> String {
    let mut html = String::new();
    for (at, part) in prose.split('`').enumerate() {
        let text = escaped(part);
        if at % 2 == 1 {
            html.extend(["<code>", &text, "</code>"]);
        } else {
            for (at, part) in text.split("**").enumerate() {
                html.extend(if at % 2 == 1 { ["<b>", part, "</b>"] } else { ["", part, ""] });
            }
        }
    }
    html
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// A text in which no letter stands more than forty times in a row: `kkk…` and how many there are.
pub(super) fn shortened(text: &str) -> String {
    let mut short = String::new();
    let mut signs = text.chars().peekable();
    while let Some(sign) = signs.next() {
        let mut len = 1;
        while signs.next_if_eq(&sign).is_some() {
            len += 1;
        }
        if len > 40 {
            short.push_str(&format!("{sign}{sign}{sign}… {len} times"));
        } else {
            short.extend(std::iter::repeat_n(sign, len));
        }
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_is_text_but_for_its_signs() {
        assert_eq!(html("**A** `<b>` & `c`, <d>"), "<b>A</b> <code>&lt;b&gt;</code> &amp; <code>c</code>, &lt;d&gt;");
    }

    #[test]
    fn what_repeats_itself_is_counted() {
        let long = format!("{{\"{}\":1}}", "k".repeat(257));
        assert_eq!(shortened(&long), "{\"kkk… 257 times\":1}");
        assert_eq!(shortened(&"k".repeat(40)), "k".repeat(40));
    }
}
