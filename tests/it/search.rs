//! The search and the pages of staff: nothing stale, nothing missed, whatever part of the index is fed.

use std::time::Duration;

use actix_web::rt::System;
use patron::domain::{
    Actor, Change, Customer, CustomerId, Draft, Mode, NoteValue, NotesEdit, Page, Place, Query, Span,
};
use patron::service::{Caller, IfTaken, Precondition, Refused, Seed};
use proptest::prelude::*;

use crate::world::{BEGINNING, World};

pub fn caller(mode: Mode) -> Caller {
    Caller { mode, actor: Actor::Command { name: "test".into() }, request_id: None, request: None, grant: None }
}

fn set(text: &str) -> Change<String> {
    if text.is_empty() { Change::Clear } else { Change::Set(text.to_owned()) }
}

fn named(name: &str) -> Draft {
    Draft { name: set(name), ..Draft::default() }
}

fn note(value: &str) -> Draft {
    Draft { notes: NotesEdit::Replace(vec![("k".to_owned(), NoteValue::Text(value.to_owned()))]), ..Draft::default() }
}

impl World {
    async fn add(&self, draft: Draft) -> CustomerId {
        self.services.customers.create(&caller(Mode::Test), draft, IfTaken::Refuse).await.unwrap().id
    }

    async fn change(&self, id: &CustomerId, draft: Draft) {
        self.services.customers.edit(&caller(Mode::Test), id, draft, Precondition::None).await.unwrap();
    }

    async fn feed(&self) {
        while self.services.feed_search(64).await.unwrap() {}
    }

    async fn search_page(&self, mode: Mode, query: &str, place: Place, count: u64) -> Page {
        let query = Query::parse(query).unwrap();
        self.services.customers.search(&caller(mode), &query, place, count).await.unwrap()
    }

    async fn found(&self, query: &str) -> Vec<CustomerId> {
        ids(&self.search_page(Mode::Test, query, Place::Newest, 1_000).await)
    }

    async fn browse(&self, span: Span, place: Place, count: u64) -> Page {
        self.services.customers.browse(&caller(Mode::Test), span, place, count).await.unwrap()
    }
}

fn ids(page: &Page) -> Vec<CustomerId> {
    page.items.iter().map(|item| item.customer.id.clone()).collect()
}

#[tokio::test]
async fn an_edit_is_found_by_its_new_values_at_once_and_not_by_the_old_ones() {
    let world = World::unfed();
    let id = world.add(named("Gaurav Kumar")).await;
    let one = std::slice::from_ref(&id);
    for (fed_before, fed_after) in [(false, false), (true, false), (false, true), (true, true)] {
        let (old, new) = ("Gaurav Kumar", "José Álvarez");
        world.change(&id, named(old)).await;
        if fed_before {
            world.feed().await;
        }
        assert_eq!(world.found("gaurav").await, one);
        world.change(&id, named(new)).await;
        if fed_after {
            world.feed().await;
        }
        assert_eq!(world.found("gaurav").await, []);
        assert_eq!(world.found("ÁLVAREZ jos").await, one);
        world.change(&id, note("Pune")).await;
        assert_eq!(world.found("pune").await, one);
        world.change(&id, note("Mumbai")).await;
        assert_eq!((world.found("pune").await, world.found("mumbai").await), (vec![], vec![id.clone()]));
    }
}

#[tokio::test]
async fn every_value_is_searched_and_a_telephone_number_in_any_spelling() {
    let world = World::unfed();
    let draft = Draft {
        name: set("Gaurav Kumar"),
        email: set("G.Kumar@Example.com"),
        contact: set("+919876543210"),
        gstin: set("29XAbbA4369J1PA"),
        notes: NotesEdit::Replace(vec![("erp".to_owned(), NoteValue::Number("12.50".to_owned()))]),
        ..Draft::default()
    };
    let id = world.add(draft).await;
    let one = std::slice::from_ref(&id);
    world.add(Draft { contact: set("9876543211"), ..named("Somebody Else") }).await;
    for fed in [false, true] {
        if fed {
            world.feed().await;
        }
        let end_of_id = id.as_str()[12..].to_uppercase();
        for query in [
            "aurav",
            "kumar@ex",
            "9876543210",
            "98765 43210",
            "+91-98765-43210",
            "xabba43",
            "12.5",
            "gau",
            "ga",
            &end_of_id,
        ] {
            assert_eq!(world.found(query).await, one, "{query}");
        }
        for query in ["98765 43212", "au", "gaurav else", "erp"] {
            assert_eq!(world.found(query).await, [], "{query}");
        }
        assert_eq!(world.found("98765").await.len(), 2);
        let live = world.search_page(Mode::Live, "gaurav", Place::Newest, 10).await;
        assert_eq!(live, Page { items: vec![], newer: false, older: false });
    }
}

#[tokio::test]
async fn what_is_special_to_the_engine_is_text_to_the_search() {
    let world = World::unfed();
    let odd = [
        "say \"hi\" now",
        "100% sure",
        "under_score",
        "a* AND b*",
        "NOT (this)",
        "NEAR(x y)",
        "text:abc",
        "^start",
        "it's -- so",
        "{curly} + \\ back",
        "\u{fffe}\u{ffff}\u{feff}x",
        "👩‍👩‍👧 fam",
        "\u{98}\u{91}\u{91}0",
    ];
    let mut all = Vec::new();
    for value in odd {
        all.push((value, world.add(Draft { notes: note(value).notes, ..named("Odd Notes") }).await));
    }
    for fed in [false, true] {
        if fed {
            world.feed().await;
        }
        for (value, id) in all.iter().take(odd.len() - 1) {
            // Word by word, since a short one is found at beginnings only.
            for word in value.split(' ').filter(|word| word.chars().count() >= 3) {
                assert!(world.found(word).await.contains(id), "{word}");
            }
        }
        for query in [
            "\"",
            "\"\"\"",
            "%%%",
            "___",
            "***",
            "a\"b\"c",
            "odd\0notes",
            "' OR 1=1",
            "(((",
            "AND OR NOT",
            "\u{98}\u{91}\u{91}0",
            &"x ".repeat(200),
            &"\"".repeat(300),
            &"é".repeat(5_000),
        ] {
            world.found(query).await;
        }
        assert_eq!(world.found("odd\0notes").await.len(), odd.len());
        assert_eq!(world.found("%%%").await, []);
    }
}

#[tokio::test]
async fn pages_have_neither_gaps_nor_doubles_whatever_part_is_fed() {
    let world = World::unfed();
    world.services.seed(Seed { mode: Mode::Test, count: 300, seed: 1 }, |_| ()).await.unwrap();
    world.services.seed(Seed { mode: Mode::Live, count: 100, seed: 1 }, |_| ()).await.unwrap();
    // Half is fed; of what was fed, some is edited.
    assert!(world.services.feed_search(150).await.unwrap());
    let all = world.found("example.com").await;
    assert_eq!(all.len(), 300);
    for id in all.iter().step_by(7) {
        world.change(id, note("edited")).await;
    }
    assert_eq!(world.found("example.com").await, all);
    assert_eq!(world.found("edited").await, all.iter().step_by(7).cloned().collect::<Vec<_>>());

    let (mut down, mut place) = (Vec::new(), Place::Newest);
    let bottom = loop {
        let page = world.search_page(Mode::Test, "example.com", place.clone(), 7).await;
        assert_eq!(page.newer, place != Place::Newest);
        down.extend(ids(&page));
        place = Place::OlderThan(ids(&page).pop().unwrap());
        if !page.older {
            break place;
        }
    };
    assert_eq!(down, all);
    let Place::OlderThan(mut first) = bottom else { panic!("{bottom:?}") };
    let mut up = vec![first.clone()];
    loop {
        let page = world.search_page(Mode::Test, "example.com", Place::NewerThan(first), 7).await;
        up.splice(0..0, ids(&page));
        first = up[0].clone();
        assert!(page.older);
        if !page.newer {
            break;
        }
    }
    assert_eq!(up, all);
}

#[tokio::test]
async fn a_page_is_by_creation_within_its_span_and_tells_when_each_was_edited() {
    let world = World::unfed();
    let mut all = Vec::new();
    for number in 0..25 {
        all.insert(0, world.add(named(&format!("Number {number}"))).await);
        // Ids of one instant have no order.
        world.pass(Duration::from_nanos(1));
        if number % 3 == 0 {
            world.pass(Duration::from_secs(1));
        }
    }
    world.pass(Duration::from_secs(60));
    world.change(&all[3], note("late")).await;

    let newest = world.browse(Span::default(), Place::Newest, 10).await;
    assert_eq!((ids(&newest), newest.newer, newest.older), (all[..10].to_vec(), false, true));
    let edited: Vec<i64> = newest.items.iter().map(|item| item.edited_at - item.customer.created_at).collect();
    assert!(edited.iter().enumerate().all(|(at, later)| if at == 3 { *later >= 60 } else { *later == 0 }));
    let next = world.browse(Span::default(), Place::OlderThan(all[9].clone()), 15).await;
    assert_eq!((ids(&next), next.newer, next.older), (all[10..].to_vec(), true, false));
    let back = world.browse(Span::default(), Place::NewerThan(all[10].clone()), 4).await;
    assert_eq!((ids(&back), back.newer, back.older), (all[6..10].to_vec(), true, true));
    let top = world.browse(Span::default(), Place::NewerThan(all[4].clone()), 4).await;
    assert_eq!((ids(&top), top.newer), (all[..4].to_vec(), false));

    let second = |seconds: i64| Some(BEGINNING as i64 + seconds);
    let span = Span { from: second(1), to: second(2) };
    let within = world.browse(span, Place::Newest, 10).await;
    assert_eq!((ids(&within), within.older), (all[18..24].to_vec(), false));
    assert_eq!(ids(&world.browse(span, Place::OlderThan(all[21].clone()), 10).await), all[22..24]);
    assert_eq!(ids(&world.browse(span, Place::OlderThan(all[0].clone()), 10).await), all[18..24]);
    assert_eq!(ids(&world.browse(span, Place::NewerThan(all[24].clone()), 2).await), all[22..24]);
    assert_eq!(ids(&world.browse(Span { from: second(i64::MAX / 2), to: Some(i64::MAX) }, Place::Newest, 1).await), []);
}

#[tokio::test]
async fn nobody_is_no_place_to_begin_at() {
    let world = World::unfed();
    let id = world.add(named("Gaurav Kumar")).await;
    for (mode, id) in [(Mode::Live, id), (Mode::Test, CustomerId::stored("cust_00000000000000".into()))] {
        for place in [Place::OlderThan(id.clone()), Place::NewerThan(id.clone())] {
            let customers = &world.services.customers;
            let browsed = customers.browse(&caller(mode), Span::default(), place.clone(), 10).await;
            let searched = customers.search(&caller(mode), &Query::parse("gaurav").unwrap(), place, 10).await;
            assert!(matches!((browsed, searched), (Err(Refused::NotFound), Err(Refused::NotFound))));
        }
    }
}

#[tokio::test]
async fn a_fed_file_is_whole() {
    let world = World::unfed();
    world.services.seed(Seed { mode: Mode::Test, count: 200, seed: 1 }, |_| ()).await.unwrap();
    world.feed().await;
    for id in world.found("kumar").await {
        world.change(&id, named("Somebody Else")).await;
    }
    world.feed().await;
    assert_eq!(world.services.check(|_| ()).await.unwrap().faults, vec![]);
}

/// Which customer (past the last: a new one) gets which values; then how many revisions the index is fed.
type Step = (usize, String, String, String, u64);

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let text = |texts: &'static [&'static str]| proptest::sample::select(texts).prop_map(str::to_owned);
    let name = text(&["Anna Kumar", "Kumar Anand", "Ku Manna", "ΟΔΥΣΣΕΥΣ", "गौरव कुमार"]);
    let contact = text(&["", "9123456780", "+919123456780", "91234567", "12345678912"]);
    let note = "[a-cA-C0-2 \"%*-]{0,8}|[01]{5,9}";
    proptest::collection::vec((0_usize..12, name, contact, note, 0_u64..4), 1..20)
}

fn queries() -> impl Strategy<Value = Vec<String>> {
    let word = prop_oneof![
        "[a-cA-C0-2\"%*-]{1,4}",
        "[01]{5,6}",
        proptest::sample::select(&[
            "ku",
            "KUM",
            "ann",
            "ουσ",
            "υς",
            "गौ",
            "कुमार",
            "+91",
            "91234 567",
            "91234-56780",
            "0091 234567891",
            "91",
            "678",
            "c"
        ])
        .prop_map(str::to_owned),
    ];
    let query = proptest::collection::vec(word, 1..3).prop_map(|words| words.join(" "));
    proptest::collection::vec(query, 10)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_search_finds_what_a_look_at_every_customer_would(steps in steps(), queries in queries(), count in 1_u64..5) {
        System::new().block_on(async {
            let world = World::unfed();
            let mut ids = Vec::new();
            for (place, name, contact, value, fed) in steps {
                let draft = Draft { contact: set(&contact), notes: note(&value).notes, ..named(&name) };
                let customers = &world.services.customers;
                // A pair that is taken is refused, which is none of the search's business.
                match ids.get(place) {
                    None => {
                        let created = customers.create(&caller(Mode::Test), draft, IfTaken::Refuse).await;
                        ids.extend(created.map(|customer| customer.id));
                    }
                    Some(id) => {
                        let _ = customers.edit(&caller(Mode::Test), id, draft, Precondition::None).await;
                    }
                }
                world.services.feed_search(fed).await.unwrap();
            }
            let mut all: Vec<Customer> = Vec::new();
            for id in ids.iter().rev() {
                all.push(world.services.customers.fetch(&caller(Mode::Test), id).await.unwrap());
            }
            for text in queries {
                let query = Query::parse(&text).unwrap();
                let expected: Vec<CustomerId> =
                    all.iter().filter(|customer| query.matches(customer)).map(|customer| customer.id.clone()).collect();
                let (mut found, mut place) = (Vec::new(), Place::Newest);
                loop {
                    let page = world.search_page(Mode::Test, &text, place, count).await;
                    found.extend(self::ids(&page));
                    let Some(last) = found.last().filter(|_| page.older) else { break };
                    place = Place::OlderThan(last.clone());
                }
                assert_eq!(found, expected, "{text}");
            }
        });
    }
}
