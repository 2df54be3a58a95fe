//! Each request in six languages, by the official SDKs where there is one. What is shown is run by tests in curl, Python and
//! Node.

mod curl;
mod go;
mod node;
mod php;
mod python;
mod ruby;

/// What is asked of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// Creating a customer.
    Create,
    /// Editing one.
    Edit,
    /// Fetching one.
    Fetch,
    /// Listing them.
    List,
    /// The history of one.
    Revisions,
    /// The payment tokens of one.
    Tokens,
}

/// How one language asks. Placeholders are `BASE_URL`, `KEY_ID`, `KEY_SECRET` and `CUSTOMER_ID`.
struct Language {
    slug: &'static str,
    name: &'static str,
    /// What is around each call, with a line `CALL` in its place.
    around: &'static str,
    create: &'static str,
    edit: &'static str,
    fetch: &'static str,
    list: &'static str,
    revisions: &'static str,
    tokens: &'static str,
}

/// In the order in which they are offered.
static LANGUAGES: [Language; 6] = [curl::CURL, python::PYTHON, node::NODE, php::PHP, ruby::RUBY, go::GO];

/// A call in one language, ready to paste but for the key.
pub(crate) struct Sample {
    pub(crate) slug: &'static str,
    pub(crate) name: &'static str,
    pub(crate) text: String,
}

/// A call in every language, against the server with this address.
pub(super) fn of(call: Call, base: &str) -> Vec<Sample> {
    LANGUAGES.iter().map(|language| language.sample(call, base)).collect()
}

impl Language {
    fn sample(&self, call: Call, base: &str) -> Sample {
        let call = match call {
            Call::Create => self.create,
            Call::Edit => self.edit,
            Call::Fetch => self.fetch,
            Call::List => self.list,
            Call::Revisions => self.revisions,
            Call::Tokens => self.tokens,
        };
        let mut text = String::new();
        for line in self.around.trim().lines() {
            match line.strip_suffix("CALL") {
                Some(indent) => call.trim().lines().for_each(|line| push(&mut text, indent, line)),
                None => push(&mut text, "", line),
            }
        }
        let text = text.trim_end().replace("BASE_URL", base).replace("CUSTOMER_ID", super::CUSTOMER_ID);
        let text = text.replace("KEY_ID", super::KEY_ID).replace("KEY_SECRET", super::KEY_SECRET);
        Sample { slug: self.slug, name: self.name, text }
    }
}

fn push(text: &mut String, indent: &str, line: &str) {
    if !line.is_empty() {
        text.extend([indent, line]);
    }
    text.push('\n');
}
