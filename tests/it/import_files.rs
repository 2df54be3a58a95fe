//! Files as people have them: what of each is imported, what is refused with its line, and what is left out.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::{TempDir, tempdir};

use crate::server::run;

/// Imports a file of `tests/cases` into a new database; gives the customers in the order of the file, without what differs each
/// time, and what was printed.
pub fn import(file: &str, more: &[&str]) -> (Vec<Value>, String) {
    let case = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases").join(file);
    let desk = Desk::new();
    let said = desk.import(&case, more);
    (desk.customers(), said)
}

/// Imports a file of this text, named so.
fn import_text(name: &str, text: impl AsRef<[u8]>, more: &[&str]) -> (Vec<Value>, String) {
    let desk = Desk::new();
    let said = desk.import(&desk.file(name, text), more);
    (desk.customers(), said)
}

struct Desk {
    directory: TempDir,
}

impl Desk {
    fn new() -> Self {
        Self { directory: tempdir().unwrap() }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn file(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        std::fs::write(self.at(name), text).unwrap();
        self.at(name)
    }

    fn import(&self, file: &Path, more: &[&str]) -> String {
        let arguments = ["import", file.to_str().unwrap(), "--mode", "test", "--yes"];
        let out = run(&self.at("patron.db"), &[&arguments, more].concat());
        String::from_utf8(out.stdout).unwrap() + &String::from_utf8(out.stderr).unwrap()
    }

    /// Imports a file, and gives the file of refused rows without its line ends.
    fn refused(&self, file: &Path) -> Vec<u8> {
        let out = self.at("refused");
        let _ = std::fs::remove_file(&out);
        let said = self.import(file, &["--refused", out.to_str().unwrap()]);
        std::fs::read(out).unwrap_or_else(|_| panic!("{said}"))
    }

    fn customers(&self) -> Vec<Value> {
        let out = run(&self.at("patron.db"), &["export", "--mode", "test", "--format", "jsonl"]);
        let text = String::from_utf8(out.stdout).unwrap();
        let mut customers: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        customers.sort_by_key(|customer| customer["name"].as_str().unwrap_or_default().to_owned());
        for customer in &mut customers {
            let customer = customer.as_object_mut().unwrap();
            ["id", "entity", "created_at"].iter().for_each(|key| drop(customer.remove(*key)));
        }
        customers
    }
}

fn names(customers: &[Value]) -> Vec<&str> {
    customers.iter().map(|customer| customer["name"].as_str().unwrap_or("-")).collect()
}

/// The lines that were refused, each with the beginning of its reason.
fn refusals(said: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = said.lines().filter_map(|line| line.strip_prefix("  line ")).collect();
    lines.dedup();
    lines.truncate(lines.len().div_ceil(if said.contains("applied") { 2 } else { 1 }));
    lines
}

#[test]
fn a_stray_quotation_mark_refuses_its_row_alone() {
    let (customers, said) = import("quote-swallows-row.csv", &[]);
    assert_eq!(names(&customers), ["Bina Sen", "Chitra Das"]);
    assert_eq!(customers[0]["notes"], json!({"remark": "likes coffee"}));
    assert!(refusals(&said)[0].starts_with("2: Text follows a closing quotation mark"), "{said}");
    // Each line end, and each way in which a quotation mark can be where it means nothing.
    for end in ["\n", "\r\n", "\r"] {
        for (row, words) in [
            ("A One,a@x.in,5\" pipe", "A quotation mark stands inside a value"),
            ("A One,a@x.in,\"5\" pipe\"", "Text follows a closing quotation mark"),
            ("A One,a@x.in,\"tea", "A quotation mark opens here, and a line inside it looks like a row"),
            ("\"A One,a@x.in,tea", "A quotation mark opens here, and a line inside it looks like a row"),
        ] {
            let text = ["name,email,remark", row, "B Two,b@x.in,ok", "C Three,c@x.in,\"ok\"", ""].join(end);
            let (customers, said) = import_text("a.csv", text, &[]);
            assert_eq!(names(&customers), ["B Two", "C Three"], "{row:?} {end:?} {said}");
            assert!(refusals(&said)[0].starts_with(&format!("2: {words}")), "{row:?} {end:?} {said}");
        }
        let text = ["name,email,remark", "B Two,b@x.in,ok", "A One,a@x.in,\"tea", ""].join(end);
        let (customers, said) = import_text("a.csv", text, &[]);
        assert_eq!(names(&customers), ["B Two"]);
        assert!(refusals(&said)[0].starts_with("3: A quotation mark opens here and does not close"), "{said}");
    }
}

#[test]
fn a_quotation_mark_swallows_no_row_that_is_shorter_or_longer() {
    for (head, rows) in [
        ("name;email;remark", "Asha;a@x.in;\"tea\nBina Sen;b@x.in\"\n"),
        ("name;email;remark", "Asha;a@x.in;\"tea\nBina Sen;b@x.in;x;y\"\n"),
        ("name;phone;remark", "Asha;9800000001;\"tea\nBina Sen; 98000-00002\"\n"),
        ("name;email;remark;city", "Asha;a@x.in;\"tea\nBina Sen;b@x.in\";Pune\n"),
        ("name;email;remark;city", "\"Asha;a@x.in;tea\nBina Sen\";b@x.in\n"),
        ("name;email;remark", "Asha;a@x.in;\"tea\nBina Sen;\"\"b@x.in\"\"\"\n"),
    ] {
        let known = if head.contains("phone") { "9800000003" } else { "chitra@x.in" };
        let (customers, said) = import_text("a.csv", format!("{head}\n{rows}Chitra Das;{known}\n"), &[]);
        assert!(!names(&customers).contains(&"Asha"), "{rows}: {said}");
        assert!(refusals(&said)[0].starts_with("2: A quotation mark opens here, and a line inside it looks"), "{said}");
        assert!(names(&customers).contains(&"Chitra Das"), "{rows}: {said}");
    }
    // One cell a line, and cells without an email or a phone number.
    let text = "name;email;remark\nAsha;a@x.in;\"call 9800000002\nor b@x.in\n1 MG Road; Pune\"\n";
    assert_eq!(names(&import_text("a.csv", text, &[]).0), ["Asha"]);
}

#[test]
fn quoted_values_may_have_lines_separators_and_blanks_around_them() {
    let text =
        "name,email,remark\n\"One, A\" ,a@x.in, \"first\r\nsecond \"\"two\"\"\n\nlast, and one\"\nB Two,b@x.in,ok\n";
    let (customers, said) = import_text("a.csv", text.replace("\"One, A\"", "\"One A\""), &[]);
    assert_eq!(names(&customers), ["B Two", "One A"], "{said}");
    assert_eq!(customers[1]["notes"]["remark"], "first\r\nsecond \"two\"\n\nlast, and one");
    // Text over several lines that is refused makes no customers of its lines.
    let text = "name,email,remark\nA One,a@x.in,\"1, MG Road, Pune\nMaharashtra\nIndia\"\nB Two,b@x.in,ok\n";
    let (customers, said) = import_text("a.csv", text, &[]);
    assert_eq!(names(&customers), ["B Two"], "{said}");
    // One of megabytes is bounded, and what comes after it is read.
    let text = format!("name,email,remark\nA One,a@x.in,\"{}\"\nB Two,b@x.in,ok\n", "line\n".repeat(500_000));
    let (customers, said) = import_text("a.csv", text, &[]);
    assert_eq!(names(&customers), ["B Two"]);
    assert!(refusals(&said)[0].contains("It goes on to line 500002."), "{said}");
}

#[test]
fn a_phone_number_is_tidied_or_refused() {
    let (customers, said) = import("phone-formats.csv", &[]);
    let contacts: Vec<&str> = customers.iter().map(|customer| customer["contact"].as_str().unwrap()).collect();
    assert_eq!(
        contacts,
        [
            "02223456789",
            "+919800000001",
            "09800000001",
            "+919800000006",
            "+919800000007",
            "00919800000010",
            "9800000012",
            "9800000016"
        ]
    );
    assert!(said.contains("8 refused"), "{said}");
    assert!(said.contains("line 6: contact: The phone number has the character / "), "{said}");
    let (customers, said) = import("phone-two-in-a-cell.csv", &[]);
    assert_eq!(customers, Vec::<Value>::new());
    assert_eq!(refusals(&said).len(), 3);
}

#[test]
fn a_phone_number_that_may_be_two_refuses_its_row() {
    for (cell, words) in [
        ("022-2345678-79", "may be two numbers"),
        ("98000 00001-2", "may be two numbers"),
        ("9800000001-02", "may be two numbers"),
        ("12345678-9", "may be two numbers"),
        ("2345678 2345679", "may be two numbers"),
        ("2345678.0", "at least 8 digits"),
        ("98765.5", "a decimal number"),
        ("2024-01-15", "looks like a date"),
    ] {
        let (customers, said) = import_text("a.csv", format!("name,phone\nA One,{cell}\n"), &[]);
        assert!(customers.is_empty() && refusals(&said)[0].contains(words), "{cell}: {said}");
    }
    for (cell, contact) in [
        ("+91 9876543210.0", "+919876543210"),
        ("98765 43210.0", "9876543210"),
        ("9123456780.00", "9123456780"),
        ("+91 98765-43210", "+919876543210"),
        ("+44 20 7946 0958", "+442079460958"),
    ] {
        let (customers, said) = import_text("a.csv", format!("name,phone\nA One,{cell}\n"), &[]);
        assert_eq!(customers[0]["contact"], contact, "{cell}: {said}");
    }
    for literal in ["98765.43210", "0.12345678", "2345678.0"] {
        let (customers, said) = import_text("a.jsonl", format!("{{\"name\":\"A One\",\"phone\":{literal}}}\n"), &[]);
        assert!(customers.is_empty() && said.contains("line 1: contact: "), "{literal}: {said}");
    }
    for literal in ["9.12345678E9", "9123456780.00"] {
        let (customers, said) = import_text("a.jsonl", format!("{{\"name\":\"A One\",\"phone\":{literal}}}\n"), &[]);
        assert_eq!(customers[0]["contact"], "9123456780", "{literal}: {said}");
    }
}

#[test]
fn columns_without_a_field_are_notes_or_are_listed() {
    let names = (0..20).map(|at| format!("c{at}")).collect::<Vec<_>>().join(",");
    let values = (0..20).map(|at| format!("v{at}")).collect::<Vec<_>>().join(",");
    let text = format!("name,email,bio,empty,{names}\nA One,a@x.in,{},,{values}\n", "x".repeat(257));
    let (customers, said) = import_text("a.csv", &text, &[]);
    assert_eq!(customers[0]["notes"].as_object().unwrap().len(), 15);
    let left_out = "Columns left out: bio (has more than 256 characters), c15 (only 15 notes fit), c16";
    assert_eq!(said.matches(left_out).count(), 2, "in the preview and in the result: {said}");
    // A choice counts, and the value that does not fit refuses its row.
    let text = format!("name,bio\nA One,{}\n", "x".repeat(257));
    let (_, said) = import_text("a.csv", text, &["--map", "bio=note:bio"]);
    assert!(said.contains("line 2: notes: Notes value cannot be greater than 256 characters."), "{said}");
    // What JSON has and a note cannot is left out, too.
    let text = "{\"name\":\"A One\",\"vip\":true,\"age\":1.50,\"tags\":[\"a\"],\"address\":{\"city\":\"Pune\"}}\n";
    let (customers, said) = import_text("a.jsonl", text, &[]);
    assert_eq!(customers[0]["notes"].to_string(), r#"{"vip":true,"age":1.5}"#);
    assert!(said.contains("Columns left out: tags (has lists or objects), address (has lists or objects)"), "{said}");
}

#[test]
fn a_column_and_a_key_of_the_notes_with_two_values_refuse_the_row() {
    let text = "name,email,city,notes\nA One,a@x.in,Pune,\"{\"\"city\"\":\"\"Goa\"\"}\"\n\
                B Two,b@x.in,Goa,\"{\"\"city\"\":\"\"Goa\"\"}\"\nC Three,c@x.in,,\"{\"\"city\"\":\"\"Goa\"\"}\"\n";
    let (customers, said) = import_text("a.csv", text, &[]);
    assert_eq!(names(&customers), ["B Two", "C Three"], "{said}");
    assert!(refusals(&said)[0].contains("\"notes\" have different values for the note \"city\""), "{said}");
    assert!(said.contains("--map \"city=note:city 2\" or --map \"city=ignore\"."), "{said}");
    assert_eq!(customers[0]["notes"], json!({"city": "Goa"}));
    let (customers, said) = import_text("a.csv", text, &["--map", "city=note:town"]);
    assert_eq!(customers[0]["notes"], json!({"city": "Goa", "town": "Pune"}), "{said}");
    // The name of the column says that it is this note.
    let (customers, said) = import_text("a.csv", text.replace("city,notes", "notes[city],notes"), &[]);
    assert_eq!(customers[0]["notes"], json!({"city": "Pune"}), "{said}");
}

#[test]
fn two_columns_on_one_field_are_an_error_that_says_how_to_choose() {
    let text = "Email,E-mail,Name\na@x.in,b@x.in,A One\n";
    let (customers, said) = import_text("a.csv", text, &[]);
    assert!(customers.is_empty() && said.contains("the columns \"Email\" and \"E-mail\" are both the email"), "{said}");
    assert!(said.contains("--map \"E-mail=note:E-mail\""), "{said}");
    let (customers, said) = import_text("a.csv", text, &["--map", "E-mail=email"]);
    assert_eq!(
        (&customers[0]["email"], &customers[0]["notes"]),
        (&json!("b@x.in"), &json!({"Email": "a@x.in"})),
        "{said}"
    );
    let (_, said) = import_text("a.csv", text, &["--map", "E-mail=email", "--map", "Email=email"]);
    assert!(said.contains("are both the email"), "{said}");
    let (_, said) = import_text("a.csv", text, &["--map", "E-mail=email", "--map", "E-mail=ignore"]);
    assert!(said.contains("--map names the column \"E-mail\" twice"), "{said}");
    assert_eq!(import("split-names.csv", &[]).0[0]["name"], "Asha Rao");
}

#[test]
fn two_columns_that_may_be_one_note_are_an_error_that_says_how_to_choose() {
    for (text, columns, map) in [
        (
            "mobile,phone,notes[phone]\n9800000001,9800000002,home\n",
            r#"the columns "phone" and "notes[phone]" may both be the note "phone""#,
            "notes[phone]=note:phone 2",
        ),
        (
            "name,Notes,notes[Notes]\nA One,call,after five\n",
            r#"the columns "Notes" and "notes[Notes]" may both be the note "Notes""#,
            "notes[Notes]=note:Notes 2",
        ),
        (
            "notes[First Name],Name,First Name\nAsh,Rao Stores,Asha\n",
            r#"the columns "notes[First Name]" and "First Name" may both be the note "First Name""#,
            "notes[First Name]=note:First Name 2",
        ),
    ] {
        let (customers, said) = import_text("a.csv", text, &[]);
        assert!(customers.is_empty() && said.contains(columns), "{said}");
        assert!(said.contains(&format!("--map {map:?}")), "{said}");
        let (customers, said) = import_text("a.csv", text, &["--map", map]);
        assert_eq!(customers[0]["notes"].as_object().map(|notes| notes.len()), Some(2), "{said}");
    }
    // Without a value, or without text, nothing can be the same note.
    for text in [
        "mobile,phone,notes[phone]\n9800000001,,home\n",
        "name,notes,notes[notes]\nA One,\"{\"\"a\"\":1}\",after five\n",
        "name,notes,First Name,notes[First Name]\nA One,,,Ash\n",
    ] {
        let (customers, said) = import_text("a.csv", text, &[]);
        assert_eq!(customers.len(), 1, "{said}");
    }
    let (_, said) = import_text("a.csv", "name,City,notes[City]\nA One,Pune,Goa\n", &[]);
    assert!(said.contains("Columns left out: City (another column is the note of this name)"), "{said}");
}

#[test]
fn a_refused_row_comes_back_as_it_came_each_time() {
    let desk = Desk::new();
    for (name, text, row) in [
        (
            "a.csv",
            "name,email,reason,line,patron_reason\nA & B,a@x.in,why,7,mine\n",
            "A & B,a@x.in,why,7,mine".as_bytes(),
        ),
        (
            "b.csv",
            "sep=;\r\n\"name\";\"note\"\r\n \"A & B\" ;\"two, \"\"2\"\"\r\nlines\"\r\n",
            b" \"A & B\" ;\"two, \"\"2\"\"\r\nlines\"",
        ),
        ("c.csv", "name,email\nA & B,a@x.in,more,,\n", b"A & B,a@x.in,more,,"),
        ("d.csv", "name,email\nA One,\"a@x.in\" b\n", b"A One,\"a@x.in\" b"),
        ("e.csv", "name\temail\n'=1+1\t'+a\n", b"'=1+1\t'+a"),
        ("f.jsonl", "{\"name\":\"A & B\",\"notes\":{\"n\":1.50}}\n", b"\"name\":\"A & B\",\"notes\":{\"n\":1.50}}"),
        ("g.jsonl", "{\"name\":\"A One\"}\n{\"name\":\n", b"{\"name\":"),
    ] {
        let first = desk.refused(&desk.file(name, text));
        let line = [row, if name.ends_with("csv") { b"\r\n".as_slice() } else { b"\n" }].concat();
        assert!(first.ends_with(&line), "{name}: {}", first.escape_ascii());
        let again = desk.refused(&desk.file(name, &first));
        let twice = desk.refused(&desk.file(name, &again));
        assert_eq!(twice, again, "{name}");
        assert!(again.ends_with(&line), "{name}: {}", again.escape_ascii());
    }
    let latin = desk.refused(&desk.file("h.csv", b"name,city\nJos\xe9,Goa\n"));
    assert!(latin.ends_with(b"Jos\xe9,Goa\r\n"), "{}", latin.escape_ascii());
    // Fixed, the row is imported with all of its columns.
    let file = desk.refused(&desk.file("a.csv", "name,email,reason\nA & B,a@x.in,why\n"));
    let fixed = String::from_utf8(file).unwrap().replace("A & B", "A and B");
    let said = desk.import(&desk.file("fixed.csv", fixed), &[]);
    assert!(said.contains("1 created"), "{said}");
    assert_eq!(desk.customers().last().unwrap()["notes"], json!({"reason": "why"}));
    assert_eq!(import("refused-twice.csv", &[]).0.len(), 1);
}

#[test]
fn what_spreadsheets_add_is_taken() {
    for file in ["sep-line.csv", "sep-line-comma.csv"] {
        assert_eq!(import(file, &[]).0[0]["contact"], "9800000001", "{file}");
    }
    let (customers, said) = import("trailing-empty-columns.csv", &[]);
    assert_eq!((names(&customers), said.contains("refused")), (vec!["Asha Rao", "Bina Sen"], false), "{said}");
    let (customers, said) = import("short-rows.csv", &["--empty", "clear"]);
    assert_eq!(
        (names(&customers), said.contains("refused")),
        (vec!["Asha Rao", "Bina Sen", "Chitra Das"], false),
        "{said}"
    );
    assert_eq!(names(&import("bom.jsonl", &[]).0), ["Asha Rao", "Bina Sen"]);
    let (customers, said) = import_text("a.csv", "name,email,\nA One,a@x.in,more\n", &[]);
    assert!(
        customers.is_empty() && said.contains("line 2: The line has 3 values, and the first line names 2 columns."),
        "{said}"
    );
}

#[test]
fn dates_are_decided_for_the_column_or_asked() {
    let created = |dates: &[&str], more: &[&str]| {
        let rows: String =
            dates.iter().enumerate().map(|(at, date)| format!("Person {at},p{at}@x.in,{date}\n")).collect();
        let desk = Desk::new();
        let said = desk.import(&desk.file("a.csv", format!("Name,Email,Created On\n{rows}")), more);
        let out = run(&desk.at("patron.db"), &["export", "--mode", "test"]);
        let mut times: Vec<String> = String::from_utf8(out.stdout)
            .unwrap()
            .lines()
            .skip(1)
            .map(|line| line.rsplit(',').next().unwrap().to_owned())
            .collect();
        times.sort();
        (times, said)
    };
    let (times, said) = created(&["1/2/2020", "13/2/2020"], &[]);
    assert_eq!(times, ["1580495400", "1581532200"], "day first, in India's time: {said}");
    let (times, said) = created(&["1/2/2020", "2/13/2020"], &[]);
    assert_eq!(times, ["1577923200", "1581552000"], "month first, in UTC: {said}");
    for dates in [&["1/2/2020", "2/3/2020"], &["13/2/2020", "2/13/2020"]] {
        let (times, said) = created(dates, &[]);
        assert!(times.is_empty() && said.contains("can be day first or month first: say which"), "{said}");
    }
    let (times, said) = created(&["1/2/2020", "2/3/2020"], &["--map", "Created On=created_at:dmy"]);
    assert_eq!(times.len(), 2, "{said}");
    assert_eq!(created(&["1582033731000"], &[]).0, ["1582033731"]);
    // As Salesforce, Outlook, Zoho, JavaScript and pandas write them.
    for (date, time) in [
        ("1/15/2024 10:30 AM", "1705314600"),
        ("2024-01-15T10:30:00.000+0000", "1705314600"),
        ("\"15/01/2024, 10:30\"", "1705294800"),
        ("\"1/15/2024, 10:30:00\u{202f}PM\"", "1705357800"),
        ("1705314600.0", "1705314600"),
    ] {
        let (times, said) = created(&[date], &[]);
        assert_eq!(times, [time], "{date}: {said}");
    }
    // A column without any date that is read is a note, and a single date refuses its row with the way out.
    let (times, said) = created(&["15 January 2024", "soon"], &[]);
    assert!(times.len() == 2 && said.contains("Created On  is note:Created On"), "{said}");
    let (times, said) = created(&["2024-01-15", "soon"], &[]);
    assert!(times.len() == 1 && said.contains("--map \"Created On=note:Created On\""), "{said}");
}

#[test]
fn a_quote_is_removed_only_where_an_export_added_it() {
    let desk = Desk::new();
    let text = "name,email,contact,note:a\nA One,'+a@x.in,'+919800000001,'=1\n";
    desk.import(&desk.file("a.csv", text), &[]);
    let expected = [
        json!({"name": "A One", "email": "'+a@x.in", "contact": "+919800000001", "gstin": null, "notes": {"a": "'=1"}}),
    ];
    assert_eq!(desk.customers(), expected, "the file of a person is taken as it is");
    let exported = desk.at("exported.csv");
    for more in [&[][..], &["--safe-for-spreadsheets"]] {
        let arguments = ["export", "--mode", "test", "--force", "--out", exported.to_str().unwrap()];
        assert!(run(&desk.at("patron.db"), &[&arguments, more].concat()).status.success());
        let other = Desk::new();
        other.import(&exported, &[]);
        assert_eq!(other.customers(), expected);
        // A column that a person added changes nothing, nor does the order of columns.
        let text = std::fs::read_to_string(&exported).unwrap();
        let widened: String =
            text.lines().zip(["city,", "'=Pune,"]).map(|(line, cell)| format!("{cell}{line}\r\n")).collect();
        let other = Desk::new();
        let said = other.import(&other.file("a.csv", widened.replace("city,\u{feff}", "city,")), &[]);
        let mut expected = expected.clone();
        expected[0]["notes"]["city"] = json!("'=Pune");
        assert_eq!(other.customers(), expected, "{said}");
    }
    // A file that has the same names and no ids of Patron's is no export.
    let (customers, said) = import_text("a.csv", "id,name,email,contact\n,A One,'+a@x.in,9800000001\n", &[]);
    assert_eq!(customers[0]["email"], "'+a@x.in", "{said}");
}
