//! Customers as lines of a file.

use super::Format;
use crate::domain::{Contact, Customer, CustomerId, Email, Gstin, Name};
use crate::json::{CustomerJson, NotesJson};

/// The columns of customers in CSV.
const COLUMNS: [&str; 7] = ["id", "name", "email", "contact", "gstin", "notes", "created_at"];
/// By this a spreadsheet knows that a file is UTF-8.
pub(super) const BOM: &str = "\u{feff}";
/// What a spreadsheet takes for the beginning of a formula; OWASP's list.
pub(super) const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// Who will read CSV.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum For {
    /// Programs: values are as they are.
    #[default]
    Programs,
    /// A spreadsheet, which must not take a value for a formula: a quote stands before what begins like one, `+` included. The
    /// file begins with a mark that it is UTF-8.
    Spreadsheets,
}

/// Writes customers, a line each.
#[derive(Clone, Copy, Debug)]
pub struct Writer {
    format: Format,
    readers: For,
}

impl Writer {
    /// A writer in this format. Who reads it makes a difference in CSV alone.
    pub fn new(format: Format, readers: For) -> Self {
        Self { format, readers }
    }

    /// What a file of customers begins with.
    pub fn begin(self) -> String {
        match self.format {
            Format::Csv => self.head(&COLUMNS),
            Format::Jsonl => String::new(),
        }
    }

    /// Adds the line of a customer: in JSONL exactly the API's object.
    pub fn write(self, customer: &Customer, text: &mut String) {
        match self.format {
            Format::Jsonl => {
                // It is made of text and numbers, of which nothing fails.
                text.push_str(&serde_json::to_string(&CustomerJson::of(customer)).unwrap_or_default());
                text.push('\n');
            }
            Format::Csv => {
                let notes = &customer.notes;
                let notes = if notes.is_empty() { None } else { serde_json::to_string(&NotesJson(notes)).ok() };
                let cells = [
                    Some(customer.id.as_str()),
                    customer.name.as_ref().map(Name::as_str),
                    customer.email.as_ref().map(Email::as_str),
                    customer.contact.as_ref().map(Contact::as_str),
                    customer.gstin.as_ref().map(Gstin::as_str),
                    notes.as_deref(),
                    Some(&customer.created_at.to_string()),
                ];
                self.record(cells.map(Option::unwrap_or_default), text);
            }
        }
    }

    /// The first line of any CSV: its columns.
    pub fn head(self, columns: &[&str]) -> String {
        let mut text = if self.readers == For::Spreadsheets { BOM.to_owned() } else { String::new() };
        self.record(columns.iter().copied(), &mut text);
        text
    }

    /// Adds a line of CSV, by RFC 4180.
    pub fn record<'a>(self, cells: impl IntoIterator<Item = &'a str>, text: &mut String) {
        for (at, cell) in cells.into_iter().enumerate() {
            if at > 0 {
                text.push(',');
            }
            put(cell, if self.is_guarded(cell) { "'" } else { "" }, text);
        }
        text.push_str("\r\n");
    }

    /// Returns whether a quote is put before a cell: for spreadsheets before a formula, and always before what looks guarded, so
    /// that reading an export removes exactly the quotes that were added.
    fn is_guarded(self, cell: &str) -> bool {
        is_formula(cell) && (cell.starts_with('\'') || self.readers == For::Spreadsheets)
    }
}

/// Adds a cell, in quotation marks where it needs them. A guard is a quote before it, by which spreadsheets take it for text.
pub(super) fn put(cell: &str, guard: &str, text: &mut String) {
    if cell.contains(['"', ',', ';', '\r', '\n', '\t']) || cell.starts_with(' ') || cell.ends_with(' ') {
        text.extend(["\"", guard, &cell.replace('"', "\"\""), "\""]);
    } else {
        text.extend([guard, cell]);
    }
}

/// Returns whether a spreadsheet takes a cell for a formula, or would without the quotes before it.
pub(super) fn is_formula(cell: &str) -> bool {
    cell.trim_start_matches('\'').starts_with(FORMULA)
}

/// A cell without the quote that makes it safe in a spreadsheet, where it has one.
pub(super) fn unguarded(cell: &str) -> &str {
    if is_formula(cell) { cell.strip_prefix('\'').unwrap_or(cell) } else { cell }
}

/// Removes the quotes that an export put into a row.
///
/// A row is one of an export where it has an id of Patron's under `id`, whatever columns people added to the file. Only the columns
/// of exports have such quotes: with one that begins like a formula, none was written for a spreadsheet, and a quote was only put
/// before another.
pub(super) fn unguard(columns: &[String], cells: &mut [String]) {
    let is_ours = |column: &String| COLUMNS.contains(&column.as_str());
    let id = columns.iter().position(|column| column == COLUMNS[0]).and_then(|at| cells.get(at));
    if !id.is_some_and(|id| CustomerId::parse(id).is_ok_and(|id| id.is_ours())) {
        return;
    }
    let ours = || columns.iter().zip(cells.iter()).filter(|(column, _)| is_ours(column)).map(|(_, cell)| cell);
    let guard = if ours().any(|cell| cell.starts_with(FORMULA)) { "''" } else { "'" };
    for (_, cell) in columns.iter().zip(cells).filter(|(column, _)| is_ours(column)) {
        if cell.starts_with(guard) && is_formula(cell) {
            cell.remove(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Change, Draft, Mode, NoteValue, NotesEdit};
    use crate::rows::{Mapping, Reader};

    fn customer() -> Customer {
        let id = CustomerId::parse("cust_1Aa00000000004").unwrap();
        let set = |text: &str| Change::Set(text.to_owned());
        let note = |key: &str, value: &str| (key.to_owned(), NoteValue::Text(value.to_owned()));
        let draft = Draft {
            name: set("Gaurav Kumar"),
            email: set("'+g@example.com"),
            contact: set("+919876543210"),
            notes: NotesEdit::Replace(vec![note("=cmd|' /C calc'!A0", "tea, \"hot\"\n")]),
            ..Draft::default()
        };
        draft.parse().unwrap().over(&Customer::blank(id, Mode::Live, 1_582_033_731))
    }

    fn file(format: Format, readers: For) -> String {
        let writer = Writer::new(format, readers);
        let mut text = writer.begin();
        writer.write(&customer(), &mut text);
        text
    }

    #[test]
    fn a_line_is_what_its_format_says() {
        assert_eq!(
            file(Format::Csv, For::Programs),
            "id,name,email,contact,gstin,notes,created_at\r\n\
             cust_1Aa00000000004,Gaurav Kumar,''+g@example.com,+919876543210,,\
             \"{\"\"=cmd|' /C calc'!A0\"\":\"\"tea, \\\"\"hot\\\"\"\\n\"\"}\",1582033731\r\n"
        );
        assert!(file(Format::Csv, For::Spreadsheets).starts_with("\u{feff}id,name,"));
        assert!(file(Format::Csv, For::Spreadsheets).contains(",''+g@example.com,'+919876543210,,\"{"));
        assert_eq!(
            file(Format::Jsonl, For::Spreadsheets),
            "{\"id\":\"cust_1Aa00000000004\",\"entity\":\"customer\",\"name\":\"Gaurav Kumar\",\"email\":\"'+g@example.com\",\
             \"contact\":\"+919876543210\",\"gstin\":null,\"notes\":{\"=cmd|' /C calc'!A0\":\"tea, \\\"hot\\\"\\n\"},\
             \"created_at\":1582033731}\n"
        );
    }

    #[test]
    fn csv_is_read_as_it_was_written_whoever_it_was_for() {
        for readers in [For::Programs, For::Spreadsheets] {
            let mut reader = Reader::new(None);
            let mut rows = reader.push(file(Format::Csv, readers).as_bytes()).unwrap();
            rows.extend(reader.finish().unwrap());
            let incoming = Mapping::guess(reader.columns()).read(rows[0].as_ref().unwrap()).unwrap();
            let blank = Customer::blank(incoming.id.unwrap(), Mode::Live, incoming.created_at.unwrap());
            assert_eq!(incoming.draft.parse().unwrap().over(&blank), customer());
        }
    }

    #[test]
    fn a_quote_is_removed_only_where_an_export_put_it() {
        let id = "cust_1Aa00000000004";
        for (columns, cells, unguarded) in [
            // A column was added, and the columns have another order.
            (
                "id,email,contact,city",
                [id, "'+a@x.in", "'+919800000001", "'=1"],
                [id, "+a@x.in", "+919800000001", "'=1"],
            ),
            ("email,city,id,name", ["''+a@x.in", "+1", id, "'A'"], ["'+a@x.in", "+1", id, "'A'"]),
            // Not for a spreadsheet: a contact is as it is.
            ("id,email,contact,city", [id, "'+a@x.in", "+919800000001", ""], [id, "'+a@x.in", "+919800000001", ""]),
            ("id,email,contact,city", [id, "''+a@x.in", "+919800000001", ""], [id, "'+a@x.in", "+919800000001", ""]),
            // Not of an export.
            ("id,email,contact,city", ["", "'+a@x.in", "'+919800000001", ""], ["", "'+a@x.in", "'+919800000001", ""]),
            ("id,email,contact,city", ["17", "'+a@x.in", "", ""], ["17", "'+a@x.in", "", ""]),
            ("Id,email,contact,city", [id, "'+a@x.in", "", ""], [id, "'+a@x.in", "", ""]),
        ] {
            let columns: Vec<String> = columns.split(',').map(str::to_owned).collect();
            let mut found = cells.map(str::to_owned);
            unguard(&columns, &mut found);
            assert_eq!(found, unguarded.map(str::to_owned), "{cells:?}");
        }
    }

    #[test]
    fn whatever_begins_like_a_formula_is_guarded_for_spreadsheets() {
        let writer = Writer::new(Format::Csv, For::Spreadsheets);
        for cell in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "'=1", "''=1"] {
            let mut text = String::new();
            writer.record([cell], &mut text);
            assert!(text.trim_start_matches('"').starts_with('\''), "{text:?}");
            assert_eq!(unguarded(&format!("'{cell}")), cell);
        }
        let mut text = String::new();
        writer.record(["O'Neil", "'quoted'", "1-2", ""], &mut text);
        assert_eq!(text, "O'Neil,'quoted',1-2,\r\n");
    }
}
