//! A file that comes in pieces. What it is shows in its first bytes.

use super::csv::Csv;
use super::jsonl::Jsonl;
use super::utf16::Utf16;
use super::{Format, Row, Unread, Unreadable};

const BOM: &[u8] = b"\xef\xbb\xbf";
/// How many bytes tell what a file is.
const START_LEN: usize = 512;

/// Reads a file that is pushed into it piece by piece.
pub struct Reader {
    format: Option<Format>,
    /// The decoder of a file that is not UTF-8.
    utf16: Option<Utf16>,
    state: State,
}

enum State {
    /// The first bytes, until there are enough of them to tell what they are.
    Start(Vec<u8>),
    Csv(Box<Csv>),
    Jsonl(Jsonl),
}

/// Rows of a piece.
pub(super) type Rows = Vec<Result<Row, Unread>>;

impl Reader {
    /// A reader of a file in this format; without one the file's first bytes tell.
    pub fn new(format: Option<Format>) -> Self {
        Self { format, utf16: None, state: State::Start(Vec::new()) }
    }

    /// Takes the next piece, and gives the rows that end in it. A piece of 64 KiB or less keeps memory small.
    pub fn push(&mut self, piece: &[u8]) -> Result<Rows, Unreadable> {
        if let State::Start(start) = &mut self.state {
            start.extend_from_slice(piece);
            return if start.len() < START_LEN { Ok(Rows::new()) } else { self.begin() };
        }
        match &mut self.utf16 {
            Some(utf16) => {
                let text = utf16.decode(piece, false);
                self.read(&text)
            }
            None => self.read(piece),
        }
    }

    fn read(&mut self, text: &[u8]) -> Result<Rows, Unreadable> {
        match &mut self.state {
            State::Start(_) => Ok(Rows::new()),
            State::Csv(csv) => csv.push(text),
            State::Jsonl(jsonl) => jsonl.push(text),
        }
    }

    /// Ends the file, and gives the rows that were waiting for that.
    pub fn finish(&mut self) -> Result<Rows, Unreadable> {
        let mut rows = if matches!(self.state, State::Start(_)) { self.begin()? } else { Rows::new() };
        if let Some(mut utf16) = self.utf16.take() {
            rows.extend(self.read(&utf16.decode(b"", true))?);
        }
        rows.extend(match &mut self.state {
            State::Start(_) => Rows::new(),
            State::Csv(csv) => csv.finish()?,
            State::Jsonl(jsonl) => jsonl.finish()?,
        });
        Ok(rows)
    }

    /// What the file is, once that is known.
    pub fn format(&self) -> Option<Format> {
        match self.state {
            State::Start(_) => self.format,
            State::Csv(_) => Some(Format::Csv),
            State::Jsonl(_) => Some(Format::Jsonl),
        }
    }

    /// The columns: of CSV those of its first line, of JSONL all that were seen so far, in the order in which they were.
    pub fn columns(&self) -> &[String] {
        match &self.state {
            State::Start(_) => &[],
            State::Csv(csv) => csv.columns(),
            State::Jsonl(jsonl) => jsonl.columns(),
        }
    }

    fn begin(&mut self) -> Result<Rows, Unreadable> {
        let State::Start(start) = &mut self.state else { return Ok(Rows::new()) };
        let mut start = std::mem::take(start);
        self.utf16 = Utf16::of(&start);
        if let Some(utf16) = &mut self.utf16 {
            start = utf16.decode(&start, false);
        }
        let text = start.strip_prefix(BOM).unwrap_or(&start);
        let format = match self.format {
            Some(format) => format,
            None => told(text)?,
        };
        self.state = match format {
            Format::Csv => State::Csv(Box::default()),
            Format::Jsonl => State::Jsonl(Jsonl::default()),
        };
        self.read(text)
    }
}

/// What begins like this.
fn told(start: &[u8]) -> Result<Format, Unreadable> {
    let because = |words| Err(Unreadable::because(words));
    if start.starts_with(b"PK\x03\x04") || start.starts_with(b"\xd0\xcf\x11\xe0") {
        return because("the file is a workbook of a spreadsheet: save it as CSV (UTF-8), and give that file");
    }
    if start.starts_with(b"\x1f\x8b") {
        return because("the file is compressed: unpack it, and give what is in it");
    }
    match start.trim_ascii_start().first() {
        Some(b'{') => Ok(Format::Jsonl),
        Some(b'[') => because("the file is a JSON array: write an object a line, as `jq -c '.[]'` does"),
        Some(_) => Ok(Format::Csv),
        None => because("the file is empty"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rows of a file, read in pieces of this length, or why it cannot be.
    fn read(file: &[u8], len: usize) -> Result<Vec<String>, String> {
        let mut reader = Reader::new(None);
        let mut rows = Rows::new();
        for piece in file.chunks(len) {
            rows.extend(reader.push(piece).map_err(|error| error.to_string())?);
        }
        rows.extend(reader.finish().map_err(|error| error.to_string())?);
        let shown = |row: Result<Row, Unread>| match row {
            Ok(row) => format!("{} {}", row.line, row.cells_text()),
            Err(unread) => format!("{}: {}", unread.row.line, unread.words),
        };
        Ok(rows.into_iter().map(shown).collect())
    }

    /// The same however it is cut.
    fn read_any(file: &[u8]) -> Result<Vec<String>, String> {
        let whole = read(file, file.len().max(1));
        for len in [1, 2, 3, 7, 64, 511, 513] {
            assert_eq!(read(file, len), whole, "in pieces of {len}");
        }
        whole
    }

    #[test]
    fn csv_is_read_however_it_is_cut() {
        let file = b"\xef\xbb\xbfid,name,notes\r\na,\"Kumar, Gaurav\",\"one\r\ntwo \"\"2\"\"\"\r\n\r\n,,\r\nb,Meera\r\nc,d,e,f\r\ng,h,i";
        assert_eq!(
            read_any(file).unwrap(),
            [
                r#"2 {"id":"a","name":"Kumar, Gaurav","notes":"one\r\ntwo \"2\""}"#,
                r#"6 {"id":"b","name":"Meera"}"#,
                "7: The line has 4 values, and the first line names 3 columns.",
                r#"8 {"id":"g","name":"h","notes":"i"}"#,
            ]
        );
        for separator in [";", "\t"] {
            let file = "Name,E-mail\nMeera,m@example.com\n".replace(',', separator);
            assert_eq!(read_any(file.as_bytes()).unwrap(), [r#"2 {"Name":"Meera","E-mail":"m@example.com"}"#]);
        }
        // What stands in quotes separates nothing.
        let file = b"\"a;b;c\",d\n1,2\n";
        assert_eq!(read_any(file).unwrap(), [r#"2 {"a;b;c":"1","d":"2"}"#]);
    }

    const HEADLESS: &str =
        "the first line must name the columns, and column 2 of it looks like a value: put a line of names before it";

    #[test]
    fn a_first_line_that_names_no_columns_is_refused_in_a_sentence() {
        for (file, sentence) in [
            ("a,b,a\n1,2,3", "the first line names the column \"a\" twice: rename one of them"),
            ("a,,b\n1,2,3", "column 2 has no name in the first line: name it, or remove it"),
            ("Meera,meera@example.com\n", HEADLESS),
            ("city;+91 98765-43210\nPune;1\n", HEADLESS),
            ("", "the file is empty"),
            ("  \n\n", "the file is empty"),
            (
                "PK\x03\x04 and so on",
                "the file is a workbook of a spreadsheet: save it as CSV (UTF-8), and give that file",
            ),
            ("[{\"id\":1}]", "the file is a JSON array: write an object a line, as `jq -c '.[]'` does"),
        ] {
            assert_eq!(read_any(file.as_bytes()).unwrap_err(), sentence);
        }
        assert_eq!(read_any(b"e@mail,1234567\n"), Ok(vec![]));
        let wide = |count: usize| (0..count).map(|at| format!("c{at}")).collect::<Vec<_>>().join(",");
        assert_eq!(read_any(wide(200).as_bytes()), Ok(vec![]));
        assert_eq!(read_any(wide(201).as_bytes()).unwrap_err(), "the file has more than 200 columns");
        assert!(read_any(b"n\xe4me,b\n1,2").unwrap_err().starts_with("line 1 is not UTF-8"));
        let endless = [b"a,\"".as_slice(), &vec![b'x'; 70_000]].concat();
        assert!(read(&endless, 4_096).unwrap_err().starts_with("the first line does not end"));
    }

    #[test]
    fn what_one_line_has_wrong_ends_nothing() {
        let file = b"name,city\nA\xffB,x\n\"two\nlines\xff\",y\nok,z\n";
        assert_eq!(
            read_any(file).unwrap(),
            [
                "2: Line 2 is not UTF-8: save the file as CSV (UTF-8).",
                "3: Line 4 is not UTF-8: save the file as CSV (UTF-8).",
                r#"5 {"name":"ok","city":"z"}"#,
            ]
        );
        let long = |len: usize| [b"name\n".as_slice(), &vec![b'x'; len], b"\nok\n"].concat();
        assert_eq!(read(&long(65_536), 1_000).unwrap().len(), 2);
        let too_long = read(&long(65_537), 1_000).unwrap();
        assert!(too_long[0].starts_with("2: The line is longer than 65536 bytes"), "{too_long:?}");
        assert_eq!(too_long[1], r#"3 {"name":"ok"}"#);
    }

    #[test]
    fn a_quotation_mark_that_does_not_close_is_told() {
        let rows = read_any(b"name,city\nMeera,\"Pune\nRavi,Goa\n").unwrap();
        let words = "2: A quotation mark opens here, and a line inside it looks like a row: close the quotation mark, or remove it.";
        assert_eq!(rows, [words, r#"3 {"name":"Ravi","city":"Goa"}"#]);
        let rows = read_any(b"name,city\nMeera,\"Pune\nand on").unwrap();
        assert_eq!(rows, ["2: A quotation mark opens here and does not close before the end of the file."]);
    }

    #[test]
    fn utf_16_is_read_however_it_is_cut() {
        let text = "\u{feff}name\tcity\nगौरव\tPune 😀\nMeera\tGoa";
        let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        for file in [&little, &big] {
            let rows = read_any(file).unwrap();
            assert_eq!(rows, [r#"2 {"name":"गौरव","city":"Pune 😀"}"#, r#"3 {"name":"Meera","city":"Goa"}"#]);
        }
        assert_eq!(
            read_any(&little[..little.len() - 1]).unwrap()[1],
            "3: Line 3 is not UTF-8: save the file as CSV (UTF-8)."
        );
    }

    #[test]
    fn a_row_is_kept_as_it_came() {
        let rows = |file: &[u8]| {
            let mut reader = Reader::new(None);
            let mut rows = reader.push(file).unwrap();
            rows.extend(reader.finish().unwrap());
            let row = |row: Result<Row, Unread>| row.unwrap_or_else(|unread| unread.row);
            rows.into_iter().map(row).map(|row| Row::from_text(row.line, &row.to_text()).unwrap()).collect::<Vec<_>>()
        };
        let raw = |row: &Row| row.raw.as_ref().map(|raw| raw.bytes.clone());
        for (file, kept) in [
            (b"name;city\n\"A\";B \n".as_slice(), Some(b"\"A\";B ".to_vec())),
            (b"name,city\nA,B \r\n", None),
            (b"name,city\nA\n", None),
            (b"name,city\nA,B,\n", Some(b"A,B,".to_vec())),
            (b"name,city\nA,B\"C\"\r\nD\n", Some(b"A,B\"C\"".to_vec())),
            (b"name,city\nA,\xff\n", Some(b"A,\xff".to_vec())),
            (b"patron_reason,name,city\n\"Line 7: no, \"\"this\"\"\",\"A\",B\n", Some(b"\"A\",B".to_vec())),
            (b"{\"a\":1}\n", None),
            (b"{\"a\":\r\n", Some(b"{\"a\":".to_vec())),
        ] {
            assert_eq!(raw(&rows(file)[0]), kept, "{}", file.escape_ascii());
        }
    }

    #[test]
    fn jsonl_is_read_however_it_is_cut() {
        let file = b"\xef\xbb\xbf{\"id\":\"a\",\"notes\":{\"n\":1.50}}\r\n\n{\"id\":\n[1]\n{\"b\":\"\xff\"}\n{\"id\":null,\"c\":true}";
        assert_eq!(
            read_any(file).unwrap(),
            [
                r#"1 {"id":"a","notes":{"n":1.50}}"#,
                "3: The line is not a JSON object: EOF while parsing a value at column 6.",
                "4: The line is JSON, but not an object.",
                "5: The line is not UTF-8.",
                r#"6 {"id":null,"c":true}"#,
            ]
        );
        let mut reader = Reader::new(None);
        reader.push(file).unwrap();
        reader.finish().unwrap();
        assert_eq!(
            (reader.columns(), reader.format()),
            (["id", "notes", "c"].map(String::from).as_slice(), Some(Format::Jsonl))
        );
    }

    #[test]
    fn rows_come_back_from_text_as_they_went() {
        let mut reader = Reader::new(Some(Format::Csv));
        let mut rows = reader.push(b"name,notes\n\"Gaurav \"\"G\"\"\",\"{\"\"a\"\":1}\"\n").unwrap();
        rows.extend(reader.finish().unwrap());
        let row = rows.remove(0).unwrap();
        assert_eq!(Row::from_text(2, &row.to_text()).unwrap(), row);
        assert_eq!((row.text("name").unwrap().as_ref(), row.text("no")), ("Gaurav \"G\"", None));
        let row = Row::from_text(1, r#"{"a":null,"b":1.50,"c":{"d":1}}"#).unwrap();
        assert_eq!(["a", "b", "c"].map(|column| row.text(column).unwrap().into_owned()), ["", "1.50", "{\"d\":1}"]);
        assert_eq!(Row::from_text(1, "[]"), None);
    }
}
