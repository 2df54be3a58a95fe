//! What staff type into the search, and the customers that it finds.

use std::collections::BTreeSet;

use patron::domain::label::is_invisible;
use patron::domain::{Contact, Customer, CustomerId, Email, Gstin, Mode, Name, NoteValue, Notes, Query, trigrams_of};

use super::text;

/// Of how many words of a value: each costs a search.
const WORDS_MAX: usize = 8;

/// The first line is what is looked for; the others are a customer.
pub fn search(data: &[u8]) {
    let text = &*text(data);
    let (typed, rest) = text.split_once('\n').unwrap_or((text, ""));
    let customer = customer(rest);
    hold(typed, &customer);
    // Each word of its values finds it.
    let values = [
        customer.name.as_ref().map(Name::as_str),
        customer.email.as_ref().map(Email::as_str),
        customer.contact.as_ref().map(Contact::as_str),
        customer.gstin.as_ref().map(Gstin::as_str),
        Some(customer.id.as_str()),
    ];
    let notes = customer.notes.pairs().iter().map(|(_, value)| value.as_str());
    for value in values.into_iter().flatten().chain(notes) {
        let words = value.split(|char: char| char.is_whitespace() || char.is_control());
        let counts = |char: &char| !('\u{300}'..='\u{36f}').contains(char) && !is_invisible(*char);
        for word in words.filter(|word| word.chars().filter(counts).count() >= 3).take(WORDS_MAX) {
            let query = Query::parse(word).unwrap_or_else(|| panic!("{word:?} is a word"));
            assert!(query.matches(&customer), "{word:?} of {customer:?}");
            assert!(query.mark(value).iter().any(|(marked, _)| *marked), "{word:?} in {value:?}");
            hold(word, &customer);
        }
    }
}

fn hold(typed: &str, customer: &Customer) {
    let looked_at: String = typed.chars().take(Query::LEN_MAX).collect();
    let query = Query::parse(typed);
    assert_eq!(query, Query::parse(&looked_at), "what lies beyond is not looked at");
    let is_blank = looked_at.chars().all(|char| char.is_whitespace() || char.is_control());
    assert!(query.is_none() || !is_blank, "{typed:?}");
    let Some(query) = query else { return };
    // The index gives candidates by these, and nobody who matches may be missed.
    let known: BTreeSet<String> = trigrams_of(customer).iter().map(|trigram| trigram.iter().collect()).collect();
    let trigrams = query.trigrams();
    let all = |way: &Vec<String>| way.iter().all(|trigram| known.contains(trigram));
    assert!(trigrams.iter().flatten().flatten().all(|trigram| trigram.chars().count() == 3), "{typed:?}");
    if query.matches(customer) {
        assert!(
            trigrams.iter().all(|term| term.iter().any(all)),
            "{typed:?} finds {customer:?}, and the index does not"
        );
    }
    for value in [looked_at.as_str(), customer.id.as_str()] {
        let marked = query.mark(value);
        assert_eq!(marked.iter().map(|(_, part)| *part).collect::<String>(), value, "{typed:?}");
        assert!(marked.windows(2).all(|two| two[0].0 != two[1].0) && marked.iter().all(|(_, part)| !part.is_empty()));
    }
    if let Some((key, value)) = query.note(customer) {
        assert_eq!(customer.notes.value(key), Some(value));
    }
}

/// A field a line, where the line is one; the rest are notes.
fn customer(lines: &str) -> Customer {
    let mut lines = lines.split('\n');
    let mut next = || lines.next().unwrap_or_default();
    let id = CustomerId::stored("cust_1Aa00000000004".into());
    let (name, email, contact, gstin) = (next(), next(), next(), next());
    let notes = lines.take(Notes::PAIRS_MAX).enumerate();
    let notes = notes.map(|(at, line)| (format!("key {at}"), NoteValue::Text(line.to_owned()))).collect();
    Customer {
        name: Name::parse(name).ok(),
        email: Email::parse(email).ok(),
        contact: Contact::parse(contact).ok(),
        gstin: Gstin::parse(gstin).ok(),
        notes: Notes::parse(notes).unwrap_or_default(),
        ..Customer::blank(id, Mode::Test, 0)
    }
}
