//! What staff look for: words in a customer's values, in any case, and telephone numbers in any spelling.
//!
//! All is decided on one text of the customer: a word is found where that contains it. So an index by the trigrams of the text,
//! [`trigrams_of`], tells few candidates from many customers, and [`Query::matches`] is the judge of each.

use std::collections::BTreeSet;

use unicode_general_category::{GeneralCategory as Category, get_general_category};

use super::folding::{fold, folded, push_folded};
use super::{Contact, Customer, Email, Gstin, Name, NoteValue};

/// A sequence of three characters; or [`DIGITS`], and five digits.
pub type Trigram = [char; 3];

/// Stands before each value of which the beginning counts: Unicode's "start of string". Two characters, so that even a beginning
/// of one is a trigram.
const START: &str = "\u{98}\u{98}";
/// Begins what stands for five digits in a row: Unicode's "set transmit state", which no text has. Among a million customers a
/// number of which three digits each were asked for took 10 ms, as each three are in 8,000 others; five are in some 90.
const DIGITS: char = '\u{93}';
/// So many digits in a row are looked for together.
const DIGITS_LEN: usize = 5;
/// From this many characters on a word is found wherever it stands; a shorter one only where a value begins.
const PART_MIN: usize = 3;
/// The digits of a telephone number without its country code. Of a longer number only these are looked for, since the
/// same telephone may be kept with a country code, with another prefix, or without.
const NATIONAL_LEN: usize = 10;

/// What stands behind the `@` in so many emails that it tells nothing: among a million customers, to look for these letters
/// too took 75 ms where the rest of the email alone takes 6.
const COMMON_DOMAINS: [&str; 10] = [
    "gmail.com",
    "yahoo.com",
    "yahoo.in",
    "yahoo.co.in",
    "outlook.com",
    "hotmail.com",
    "live.com",
    "icloud.com",
    "rediffmail.com",
    "example.com",
];
/// How many trigrams of one piece are asked for: each costs, and a few of them leave hardly anybody. Among a million customers,
/// 16 of an email took 8 ms, 6 take 3.
const TRIGRAMS_MAX: usize = 6;

/// What to look for: each of its terms must be found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    terms: Vec<Term>,
}

/// The ways to find one thing: it is found where the text contains every piece of one of them.
type Term = Vec<Vec<String>>;

impl Query {
    /// The most characters of a query; those beyond are not looked at. No value is longer.
    pub const LEN_MAX: usize = 256;

    /// Reads what somebody typed; `None` where that is blank.
    pub fn parse(text: &str) -> Option<Self> {
        let text: String = text.chars().take(Self::LEN_MAX).collect();
        let separates = |char: char| char.is_whitespace() || char.is_control();
        // A word of accents alone folds to nothing.
        let words = text.split(separates).map(folded).filter(|word| !word.is_empty());
        let words: Vec<String> = words.collect();
        // Neighbours that look like parts of a telephone number are one, as in `98765 43210`.
        let runs = words.chunk_by(|one, two| is_number_like(one) && is_number_like(two));
        let terms: Vec<Term> = runs.map(term).collect();
        (!terms.is_empty()).then_some(Self { terms })
    }

    /// Whether this is a customer that is looked for.
    pub fn matches(&self, customer: &Customer) -> bool {
        let text = text_of(customer);
        self.terms.iter().all(|term| is_in(term, &text))
    }

    /// What [`trigrams_of`] a customer that matches has: of each term, for one of the
    /// ways to find it, all. Others may contain it too: only [`Query::matches`] judges.
    pub fn trigrams(&self) -> Vec<Vec<Vec<String>>> {
        let of_way = |way: &Vec<String>| {
            let mut trigrams: Vec<String> = way.iter().flat_map(|piece| asked_of(piece)).collect();
            trigrams.sort_unstable();
            trigrams.dedup();
            trigrams
        };
        let of_term = |term: &Term| {
            let mut ways: Vec<Vec<String>> = term.iter().map(of_way).collect();
            ways.dedup();
            ways
        };
        self.terms.iter().map(of_term).collect()
    }

    /// Splits a value into parts that were looked for and parts that were not.
    pub fn mark<'a>(&self, value: &'a str) -> Vec<(bool, &'a str)> {
        // Whose each byte of the folded text is: of the start, at 0, or of a character, counted from 1.
        let mut folded = START.to_owned();
        let mut owners = vec![0; START.len()];
        fold(value, |at, char| {
            folded.push(char);
            owners.resize(folded.len(), at + 1);
        });
        let mut marks = vec![false; value.chars().count() + 1];
        for piece in self.terms.iter().flatten().flatten() {
            for (at, _) in folded.char_indices().filter(|(at, _)| folded[*at..].starts_with(piece)) {
                // Folding puts the marks of a letter in order: their characters may not be in that order.
                let owners = &owners[at..at + piece.len()];
                let ends = owners.iter().min().zip(owners.iter().max());
                ends.into_iter().for_each(|(first, last)| marks[*first..=*last].fill(true));
            }
        }
        // A letter and its accents are not torn apart.
        for (at, _) in value.chars().enumerate().filter(|(_, char)| is_mark(*char)) {
            marks[at + 1] |= at > 0 && marks[at];
        }
        let mut rest = value;
        let runs = marks[1..].chunk_by(|one, two| one == two).map(|run| {
            let len = rest.chars().take(run.len()).map(char::len_utf8).sum();
            let (part, after) = rest.split_at(len);
            rest = after;
            (run[0], part)
        });
        runs.collect()
    }

    /// Where the fields alone do not tell why a customer was found: the key and the value of the first note that has what
    /// they lack.
    pub fn note<'a>(&self, customer: &'a Customer) -> Option<(&'a str, &'a NoteValue)> {
        let fields = fields_of(customer);
        let terms = self.terms.iter().filter(|term| !is_in(term, &fields));
        let lacking: Vec<&String> = terms.flatten().flatten().filter(|piece| !fields.contains(*piece)).collect();
        let has = |value: &NoteValue| {
            let value = folded(value.as_str());
            lacking.iter().any(|piece| value.contains(*piece))
        };
        customer.notes.pairs().iter().find(|(_, value)| has(value)).map(|(key, value)| (key.as_str(), value))
    }
}

/// What an index knows a customer by: the trigrams of their text, and each five digits in a row. Those with a space or the end of a
/// line in them are left out, for no word that is looked for has any. Each value has its own, whatever stands beside it.
pub fn trigrams_of(customer: &Customer) -> BTreeSet<Trigram> {
    let chars: Vec<char> = text_of(customer).chars().collect();
    let trigrams = chars.windows(3).filter(|trigram| !trigram.iter().any(|char| char.is_whitespace()));
    let trigrams = trigrams.map(|trigram| [trigram[0], trigram[1], trigram[2]]);
    trigrams.chain(chars.windows(DIGITS_LEN).filter_map(of_digits)).collect()
}

/// What stands for so many digits, where all of them are: three and two of them as a character each.
fn of_digits(chars: &[char]) -> Option<Trigram> {
    let number = chars.iter().try_fold(0, |number, char| Some(10 * number + char.to_digit(10)?))?;
    let sign = |number| char::from_u32(0x100 + number);
    Some([DIGITS, sign(number / 100)?, sign(number % 100)?])
}

/// A customer's values as they are looked at: folded, each on a line. A contact that has a `+` stands there without it, too,
/// so that one finds its beginning by the digits.
fn text_of(customer: &Customer) -> String {
    let mut text = fields_of(customer);
    for (_, value) in customer.notes.pairs() {
        push(&mut text, "", value.as_str());
    }
    text
}

fn fields_of(customer: &Customer) -> String {
    let contact = customer.contact.as_ref().map(Contact::as_str);
    let begun = [
        customer.name.as_ref().map(Name::as_str),
        customer.email.as_ref().map(Email::as_str),
        contact,
        contact.and_then(|contact| contact.strip_prefix('+')),
        Some(customer.id.as_str()),
    ];
    let mut text = String::with_capacity(256);
    for value in begun.into_iter().flatten() {
        push(&mut text, START, value);
    }
    push(&mut text, "", customer.gstin.as_ref().map(Gstin::as_str).unwrap_or_default());
    text
}

fn push(text: &mut String, start: &str, value: &str) {
    text.push_str(start);
    push_folded(text, value);
    text.push('\n');
}

fn is_number_like(word: &str) -> bool {
    word.bytes().all(|byte| byte.is_ascii_digit() || b"+-.()".contains(&byte))
}

/// The term that is one word, or one telephone number in several: found by its digits together, or word by word.
fn term(words: &[String]) -> Term {
    let mut ways = vec![words.iter().map(|word| piece(word)).collect()];
    let digits: String = words.concat().chars().filter(char::is_ascii_digit).collect();
    if words.iter().all(|word| is_number_like(word)) && digits.len() >= PART_MIN {
        ways.push(vec![digits[digits.len().saturating_sub(NATIONAL_LEN)..].to_owned()]);
    }
    ways.dedup();
    ways
}

fn piece(word: &str) -> String {
    if word.chars().count() < PART_MIN { format!("{START}{word}") } else { word.to_owned() }
}

fn is_mark(char: char) -> bool {
    use Category::{EnclosingMark, NonspacingMark, SpacingMark};
    matches!(get_general_category(char), NonspacingMark | SpacingMark | EnclosingMark)
}

fn is_in(term: &Term, text: &str) -> bool {
    term.iter().any(|way| way.iter().all(|piece| text.contains(piece)))
}

/// Trigrams of a piece by which it is told from most others: those of its digits, of each run from its end, where it
/// has enough of them.
fn asked_of(piece: &str) -> Vec<String> {
    let domain = piece
        .split_once('@')
        .filter(|(local, domain)| local.chars().count() >= PART_MIN && COMMON_DOMAINS.contains(domain));
    let chars: Vec<char> = domain.map_or(piece, |(local, _)| local).chars().collect();
    let runs = chars.chunk_by(|one, other| one.is_ascii_digit() && other.is_ascii_digit());
    let of_digits = runs.flat_map(|run| run.rchunks_exact(DIGITS_LEN)).filter_map(of_digits);
    let of_digits: Vec<String> = of_digits.take(TRIGRAMS_MAX).map(String::from_iter).collect();
    if !of_digits.is_empty() {
        return of_digits;
    }
    let step = chars.len().saturating_sub(2).div_ceil(TRIGRAMS_MAX).max(1);
    chars.windows(3).step_by(step).map(|trigram| trigram.iter().collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{CustomerId, Mode, Notes};

    fn customer() -> Customer {
        let note = |key: &str, value: &str| (key.to_owned(), NoteValue::Text(value.to_owned()));
        Customer {
            name: Some(Name::stored("Gaurav Kumar".into())),
            email: Some(Email::stored("G.Kumar@Example.com".into())),
            contact: Some(Contact::stored("+919876543210".into())),
            gstin: Some(Gstin::stored("29XAbbA4369J1PA".into())),
            notes: Notes::stored(vec![
                note("city", "Pune\tcity"),
                note("alt", "ΟΔΟΣ straße 040-2345"),
                ("erp".to_owned(), NoteValue::Number("12.50".into())),
            ]),
            ..Customer::blank(CustomerId::stored("cust_EIECESKRDEzzzz".into()), Mode::Test, 0)
        }
    }

    fn finds(query: &str) -> bool {
        Query::parse(query).unwrap().matches(&customer())
    }

    #[test]
    fn what_most_have_and_what_is_too_much_is_not_asked_for() {
        let asked = |query: &str| Query::parse(query).unwrap().trigrams().concat().concat().join(" ");
        assert_eq!(asked("Asha@Gmail.com"), "ash sha");
        assert_eq!(asked("asha@kaveri.in"), "@ka ash ave eri ha@ i.i");
        assert_eq!(asked("as@gmail.com"), ".co @gm as@ il. mai", "too little is left without the domain");
        assert_eq!(asked(&"abcdefghijk".repeat(19)), "abc cde efg ghi ijk kab");
        let long: String = (0..200).map(|at| char::from(b'a' + (at * at % 26) as u8)).collect();
        assert!(asked(&long).split(' ').count() <= TRIGRAMS_MAX);
        assert!(finds("g.kumar@example.com") && !finds("g.kumar@gmail.com"), "the judge looks at all of it");
    }

    #[test]
    fn five_digits_in_a_row_are_asked_for_together() {
        let asked = |query: &str| Query::parse(query).unwrap().trigrams();
        let number = |digits: &str| String::from_iter(of_digits(&Vec::from_iter(digits.chars())).unwrap());
        let [five, rest] = [number("98765"), number("43210")];
        assert_eq!(asked("98765 43210"), [[[rest.clone(), five.clone()]]]);
        assert_eq!(asked("+919876543210"), [[[rest, five]]]);
        assert_eq!(asked("rao829341@gmail.com"), [[[number("29341")]]]);
        assert_eq!(asked("9876"), [[["876", "987"]]]);
        let all: BTreeSet<Trigram> =
            (0..100_000).filter_map(|n| of_digits(&Vec::from_iter(format!("{n:05}").chars()))).collect();
        assert_eq!(all.len(), 100_000, "each has its own");
        assert!(["1234x", "१२३४५"].iter().all(|text| of_digits(&Vec::from_iter(text.chars())).is_none()));
    }

    #[test]
    fn a_blank_query_is_none() {
        for text in ["", " ", "\t\n", "\u{a0}", "\0", "\u{98}\u{98}", "\u{301} \u{200d}"] {
            assert_eq!(Query::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_part_of_any_value_is_found_in_any_case() {
        for query in [
            "aurav",
            "KUMAR",
            "@EXAMPLE",
            "com",
            "+91",
            "29xab",
            "ESKR",
            "eskrde",
            "pune",
            "city",
            "οδος",
            "ΔΟΣ",
            "οδοσ",
            "STRASSE",
            "ẞe",
            "12.5",
            "gaurav pune",
            "PUNE  gaurav\n",
        ] {
            assert!(finds(query), "{query}");
        }
        for query in ["gauravkumar", "gaurav mumbai", "kumarg", "erp", "comcust", "v k", "%", "_", "ga*", "\""] {
            assert!(!finds(query), "{query}");
        }
    }

    #[test]
    fn short_words_are_beginnings_of_name_email_contact_and_id() {
        for query in ["g", "ga", "G.", "+", "+9", "9", "91", "c", "CU", "ga cu"] {
            assert!(finds(query), "{query}");
        }
        for query in ["k", "au", "ku", "m", "29", "pu", "12", "98", "ga ku"] {
            assert!(!finds(query), "{query}");
        }
    }

    #[test]
    fn telephone_numbers_are_found_in_any_spelling() {
        for query in [
            "98765 43210",
            "9876543210",
            "+91-98765-43210",
            "+91 (98765) 43.210",
            "0091 98765 43210",
            "098765 43210",
            "+44 98765\u{a0}43210",
            "9 8 7",
            "765-43",
            "43210 98765",
            "gaurav +91-98765 43210",
            "040-2345",
            "369 040",
        ] {
            assert!(finds(query), "{query}");
        }
        for query in ["98765 43211", "+91-98765-43210 5", "9 8", "0402345", "mumbai 98765 43210", "99876543210 1"] {
            assert!(!finds(query), "{query}");
        }
    }

    #[test]
    fn the_text_of_what_matches_has_its_trigrams() {
        let known = trigrams_of(&customer());
        let is_known = |trigram: &String| known.iter().any(|each| each.iter().collect::<String>() == *trigram);
        for query in ["g", "ga", "kumar com", "+91-98765 43210", "369 040", "ẞe", "οδος"] {
            let trigrams = Query::parse(query).unwrap().trigrams();
            let held = |way: &Vec<String>| way.iter().all(is_known);
            assert!(trigrams.iter().all(|term| term.iter().any(held)), "{query}");
            assert!(trigrams.iter().flatten().flatten().all(|trigram| trigram.chars().count() == 3), "{query}");
        }
        let trigrams = |query: &str| Query::parse(query).unwrap().trigrams();
        assert_eq!(trigrams("Anana g"), [[vec!["ana", "nan"]], [vec!["\u{98}\u{98}g"]]]);
        assert_eq!(
            trigrams("12 34"),
            [[vec!["\u{98}12", "\u{98}34", "\u{98}\u{98}1", "\u{98}\u{98}3"], vec!["123", "234"]]]
        );
    }

    #[test]
    fn what_was_looked_for_is_marked() {
        let marked = |query: &str, value: &str| {
            let parts = Query::parse(query).unwrap().mark(value).into_iter();
            parts.map(|(marked, part)| if marked { format!("[{part}]") } else { part.to_owned() }).collect::<String>()
        };
        assert_eq!(marked("kumar", "Gaurav KUMAR."), "Gaurav [KUMAR].");
        assert_eq!(marked("ku", "Kumar Kumar"), "[Ku]mar Kumar");
        assert_eq!(marked("ana nas", "Banananas"), "B[anananas]");
        assert_eq!(marked("+91-98765", "9198765432"), "[9198765]432");
        assert_eq!(marked("098765 43210", "+919876543210"), "+91[9876543210]");
        assert_eq!(marked("ass", "STRASSE Straße"), "STR[ASS]E Str[aß]e");
        assert_eq!(marked("pune", "Mumbai"), "Mumbai");
        assert_eq!(marked("mun", "Jose\u{301} Mun\u{303}oz"), "Jose\u{301} [Mun\u{303}]oz");
        assert_eq!(marked("jose munoz", "José Muñoz"), "[José] [Muñoz]");
        assert_eq!(marked("गौर", "गौरव"), "[गौर]व");
        assert_eq!(marked("कक\u{93C}\u{94D}", "कक\u{94D}\u{93C}ष"), "[कक\u{94D}\u{93C}]ष");
        assert!(Query::parse("x").unwrap().mark("").is_empty());
    }

    #[test]
    fn the_note_that_told_is_shown_where_only_a_note_did() {
        let customer = customer();
        let note = |query: &str| Query::parse(query).unwrap().note(&customer).map(|(key, _)| key);
        assert_eq!(note("pune"), Some("city"));
        assert_eq!(note("kumar 12.5"), Some("erp"));
        assert_eq!(note("040-2345"), Some("alt"));
        assert_eq!(note("kumar"), None);
        assert_eq!(note("mumbai"), None);
    }

    #[test]
    fn a_note_cannot_pose_as_a_beginning() {
        let note = ("k".to_owned(), NoteValue::Text("\u{98}\u{98}xy".into()));
        let customer = Customer { notes: Notes::stored(vec![note]), ..customer() };
        assert!(!Query::parse("xy").unwrap().matches(&customer));
    }

    #[test]
    fn a_query_is_read_up_to_its_limit() {
        let long = "é".repeat(Query::LEN_MAX);
        assert_eq!(Query::parse(&long), Query::parse(&format!("{long}é x")));
    }
}
