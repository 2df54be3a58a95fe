//! Editing a record together, taking edits back, and finding out who did what: by the services, as pages use them.

use std::time::Duration;

use patron::domain::{
    ActivityFilter, Actor, ActorFilter, Change, Changes, Customer, CustomerId, Door, Draft, Field, Happened, Meeting,
    Met, Mode, NoteValue, NotesEdit, Part, Revision, Slice, StaffId, Undo,
};
use patron::service::{Caller, Customers, IfTaken, Precondition, Refused, Seed};

use crate::world::{BEGINNING, World};

fn edited(happened: Happened) -> (Revision, Customer) {
    match happened {
        Happened::Edited(edited) => *edited,
        Happened::Erased(erasure) => panic!("{erasure:?}"),
        Happened::Imported(imported) => panic!("{imported:?}"),
    }
}

fn staff(name: &str) -> Caller {
    let actor = Actor::Staff { id: StaffId::new(&format!("{name:0<14}")), email: format!("{name}@example.com") };
    Caller { mode: Mode::Test, actor, request_id: None, request: None, grant: None }
}

fn text(text: &str) -> NoteValue {
    NoteValue::Text(text.into())
}

fn name(name: &str) -> Draft {
    Draft { name: Change::Set(name.into()), ..Draft::default() }
}

fn email(email: &str) -> Draft {
    Draft { email: Change::Set(email.into()), ..Draft::default() }
}

fn notes(each: &[(&str, Option<&str>)]) -> Draft {
    let each = each.iter().map(|(key, value)| ((*key).to_owned(), value.map(text))).collect();
    Draft { notes: NotesEdit::Each(each), ..Draft::default() }
}

/// Asha and Bina, two members of staff, at one record.
struct Desk {
    world: World,
    asha: Caller,
    bina: Caller,
    base: Customer,
}

impl Desk {
    async fn new() -> Self {
        let (world, asha, bina) = (World::new(), staff("asha"), staff("bina"));
        let pairs = vec![("city".into(), text("Pune")), ("erp".into(), NoteValue::Number("1.50".into()))];
        let draft = Draft {
            email: Change::Set("gaurav@example.com".into()),
            notes: NotesEdit::Replace(pairs),
            ..name("Gaurav")
        };
        let base = world.services.customers.create(&asha, draft, IfTaken::Refuse).await.unwrap();
        Self { world, asha, bina, base }
    }

    fn customers(&self) -> &Customers {
        &self.world.services.customers
    }

    fn id(&self) -> &CustomerId {
        &self.base.id
    }

    /// What Asha's form sends, which she opened when the customer was as it is in `base`.
    async fn mine(&self, draft: Draft) -> Result<Customer, Refused> {
        self.customers().edit(&self.asha, self.id(), draft, Precondition::Base(Box::new(self.base.clone()))).await
    }

    /// What Bina's form sends at once.
    async fn theirs(&self, draft: Draft) -> Customer {
        self.customers().edit(&self.bina, self.id(), draft, Precondition::None).await.unwrap()
    }

    async fn undo(&self, version: u64, seen: u64) -> Result<Customer, Refused> {
        self.customers().undo(&self.asha, self.id(), version, seen).await
    }

    async fn preview(&self, version: u64) -> Undo {
        self.customers().undo_preview(&self.asha, self.id(), version).await.unwrap()
    }

    /// The clashes of a refused edit, as a page works them out.
    async fn clashes(&self, draft: Draft) -> Vec<Met> {
        let mine = draft.clone().parse().unwrap().over(&self.base);
        match self.mine(draft).await {
            Err(Refused::Conflict(theirs)) => Meeting::of(&self.base, &mine, &theirs).clashes,
            other => panic!("no conflict: {other:?}"),
        }
    }

    async fn is_whole(&self) {
        assert_eq!(self.world.services.check(|_| ()).await.unwrap().faults, vec![]);
    }
}

/// The words of a rejection.
fn words(refused: Result<Customer, Refused>) -> String {
    match refused {
        Err(Refused::Invalid(rejection)) => rejection.first().invalid.words().to_owned(),
        other => panic!("not invalid: {other:?}"),
    }
}

#[tokio::test]
async fn edits_of_different_parts_both_survive() {
    let desk = Desk::new().await;
    desk.theirs(email("new@example.com")).await;
    desk.theirs(notes(&[("erp", Some("7")), ("theirs", Some("1"))])).await;
    let merged =
        desk.mine(Draft { name: Change::Set("Gaurav Kumar".into()), ..notes(&[("city", None)]) }).await.unwrap();
    assert_eq!(merged.text(Field::Name), Some("Gaurav Kumar"));
    assert_eq!(merged.text(Field::Email), Some("new@example.com"));
    assert_eq!(merged.notes.pairs(), [("erp".to_owned(), text("7")), ("theirs".to_owned(), text("1"))]);
    assert_eq!(merged.version, 4);
    let revision = desk.customers().revision(&desk.asha, desk.id(), 4).await.unwrap();
    assert_eq!(revision.changes.parts(), [Part::Field(Field::Name), Part::Note("city".into())]);
    desk.is_whole().await;
}

#[tokio::test]
async fn different_values_for_one_part_clash_and_all_three_are_told() {
    let desk = Desk::new().await;
    desk.theirs(Draft { name: Change::Set("Theirs".into()), ..notes(&[("city", None)]) }).await;
    let met = |part, base: &str, mine: &str, theirs: Option<&str>| Met {
        part,
        base: Some(text(base)),
        mine: Some(text(mine)),
        theirs: theirs.map(text),
    };
    let draft = Draft { name: Change::Set("Mine".into()), ..notes(&[("city", Some("Delhi"))]) };
    let expected = [
        met(Part::Field(Field::Name), "Gaurav", "Mine", Some("Theirs")),
        met(Part::Note("city".into()), "Pune", "Delhi", None),
    ];
    assert_eq!(desk.clashes(draft).await, expected);
    assert_eq!(desk.customers().fetch(&desk.asha, desk.id()).await.unwrap().version, 2, "nothing happened");
}

#[tokio::test]
async fn the_same_value_from_both_is_no_conflict_and_no_second_revision() {
    let desk = Desk::new().await;
    desk.theirs(Draft { name: Change::Set("Both".into()), ..notes(&[("city", None)]) }).await;
    let same = Draft { name: Change::Set("Both".into()), ..notes(&[("city", None)]) };
    assert_eq!(desk.mine(same).await.unwrap().version, 2);
}

#[tokio::test]
async fn what_a_form_sends_unchanged_takes_nothing_back() {
    let desk = Desk::new().await;
    desk.theirs(name("Theirs")).await;
    let merged = desk.mine(Draft { name: Change::Set("Gaurav".into()), ..email("new@example.com") }).await.unwrap();
    assert_eq!((merged.text(Field::Name), merged.text(Field::Email)), (Some("Theirs"), Some("new@example.com")));
}

#[tokio::test]
async fn an_application_and_a_form_meet_note_by_note() {
    let desk = Desk::new().await;
    let app = desk.world.key(Mode::Test).await;
    let path = format!("/v1/customers/{}", desk.id().as_str());
    app.put(&path, r#"{"notes":{"city":"Pune","erp":2.50,"new":true}}"#).await;
    let merged = desk.mine(notes(&[("city", Some("Delhi"))])).await.unwrap();
    let expected = [("city", text("Delhi")), ("erp", NoteValue::Number("2.50".into())), ("new", NoteValue::Bool(true))];
    assert_eq!(merged.notes.pairs(), expected.map(|(key, value)| (key.to_owned(), value)));
    assert_eq!(desk.clashes(notes(&[("erp", Some("9"))])).await.len(), 1);
}

#[tokio::test]
async fn rules_about_the_whole_customer_judge_what_comes_together() {
    let desk = Desk::new().await;
    let keys: Vec<String> = (0..13).map(|at| at.to_string()).collect();
    let thirteen: Vec<_> = keys.iter().map(|key| (key.as_str(), Some("1"))).collect();
    desk.theirs(notes(&thirteen)).await;
    assert_eq!(words(desk.mine(notes(&[("one more", Some("1"))])).await), "Notes should not have more than 15 keys.");
    assert_eq!(desk.mine(notes(&[("one more", Some("1")), ("city", None)])).await.unwrap().notes.pairs().len(), 15);
    desk.theirs(Draft { email: Change::Clear, ..Draft::default() }).await;
    let nameless = Draft { name: Change::Clear, ..Draft::default() };
    assert_eq!(words(desk.mine(nameless).await), "At least one of name, email or contact is required.");
}

#[tokio::test]
async fn an_undo_brings_back_what_was_set_cleared_and_noted() {
    let desk = Desk::new().await;
    let draft = Draft { email: Change::Clear, ..notes(&[("erp", Some("text")), ("city", None), ("new", Some("1"))]) };
    desk.theirs(Draft { gstin: Change::Set("29XAbbA4369J1PA".into()), ..draft }).await;
    let undone = desk.undo(2, 2).await.unwrap();
    assert_eq!(undone.notes.value("erp"), Some(&NoteValue::Number("1.50".into())), "a number is a number again");
    assert!(Changes::between(&desk.base, &undone).parts().is_empty());
    let history = desk.customers().history(&desk.asha, desk.id(), Slice { count: 9, skip: 0 }).await.unwrap();
    let undoes: Vec<_> = history.iter().map(|revision| (revision.version, revision.undoes)).collect();
    assert_eq!(undoes, [(3, Some(2)), (2, None), (1, None)]);
    assert_eq!(history[0].actor, desk.asha.actor);
    desk.is_whole().await;

    let again = desk.undo(3, 3).await.unwrap();
    assert_eq!((again.text(Field::Email), again.notes.value("erp")), (None, Some(&text("text"))));
    assert_eq!(desk.customers().revision(&desk.asha, desk.id(), 4).await.unwrap().undoes, Some(3));
    desk.is_whole().await;
}

#[tokio::test]
async fn a_preview_says_what_an_undo_would_lose() {
    let desk = Desk::new().await;
    desk.theirs(Draft { name: Change::Set("First".into()), ..notes(&[("city", Some("Delhi"))]) }).await;
    assert!(desk.preview(2).await.parts.iter().all(|part| part.touched.is_none()));
    for edit in ["Second", "Third"] {
        desk.world.pass(Duration::from_secs(60));
        desk.theirs(name(edit)).await;
    }
    let preview = desk.preview(2).await;
    let [by_name, by_city] = &preview.parts[..] else { panic!("{preview:?}") };
    assert_eq!((&by_name.now, &by_name.after), (&Some(text("Third")), &Some(text("Gaurav"))));
    let touched = by_name.touched.as_ref().unwrap();
    assert_eq!((touched.version, touched.at), (4, BEGINNING as i64 + 120));
    assert_eq!(touched.actor, desk.bina.actor);
    assert_eq!((&by_city.now, &by_city.after, &by_city.touched), (&Some(text("Delhi")), &Some(text("Pune")), &None));
    assert!(!preview.changes_nothing());

    let undone = desk.undo(2, preview.now.version).await.unwrap();
    for part in &preview.parts {
        assert_eq!(undone.value(&part.part), part.after);
    }
    assert!(desk.preview(2).await.changes_nothing());
    assert_eq!(desk.undo(2, 5).await.unwrap().version, 5, "what changes nothing leaves no trace");
}

#[tokio::test]
async fn an_undo_is_refused_where_an_edit_would_be() {
    let desk = Desk::new().await;
    desk.theirs(email("new@example.com")).await;
    assert!(matches!(desk.undo(2, 1).await, Err(Refused::Conflict(now)) if now.version == 2));
    assert!(matches!(desk.undo(3, 2).await, Err(Refused::NotFound)));
    assert!(matches!(desk.undo(0, 2).await, Err(Refused::NotFound)));
    assert_eq!(words(desk.undo(1, 2).await), "The creation of a customer cannot be undone.");
    let previewed = desk.customers().undo_preview(&desk.asha, desk.id(), 1).await;
    assert!(matches!(previewed, Err(Refused::Invalid(_))));
    for version in [0, 3, u64::MAX] {
        let previewed = desk.customers().undo_preview(&desk.asha, desk.id(), version).await;
        assert!(matches!(previewed, Err(Refused::NotFound)), "{version}");
    }

    let other = desk.customers().create(&desk.bina, email("GAURAV@example.com"), IfTaken::Refuse).await.unwrap();
    assert!(matches!(desk.undo(2, 2).await, Err(Refused::Taken(id)) if id == other.id));
    desk.theirs(Draft { email: Change::Clear, ..Draft::default() }).await;
    desk.theirs(email("third@example.com")).await;
    desk.theirs(Draft { name: Change::Clear, ..Draft::default() }).await;
    assert_eq!(words(desk.undo(4, 5).await), "At least one of name, email or contact is required.");
}

#[tokio::test]
async fn at_a_version_a_customer_is_as_it_was_answered_then() {
    let desk = Desk::new().await;
    let mut answers = vec![desk.base.clone()];
    let order = vec![("erp".into(), text("1")), ("city".into(), text("Pune"))];
    for draft in [
        name("Second"),
        notes(&[("city", None), ("new", Some(""))]),
        Draft { email: Change::Clear, contact: Change::Set("12345678".into()), ..Draft::default() },
        Draft { notes: NotesEdit::Replace(order), ..Draft::default() },
        Draft { notes: NotesEdit::Replace(Vec::new()), ..name("Last") },
    ] {
        answers.push(desk.theirs(draft).await);
    }
    answers.push(desk.undo(5, 6).await.unwrap());
    for answer in answers {
        let at = desk.customers().at(&desk.asha, desk.id(), answer.version).await.unwrap();
        assert!(Changes::between(&at, &answer).parts().is_empty(), "{at:?} is not {answer:?}");
        assert_eq!((at.version, at.created_at), (answer.version, answer.created_at));
    }
    for version in [0, 8, u64::MAX] {
        assert!(matches!(desk.customers().at(&desk.asha, desk.id(), version).await, Err(Refused::NotFound)));
    }
    let live = Caller { mode: Mode::Live, ..desk.asha.clone() };
    assert!(matches!(desk.customers().at(&live, desk.id(), 1).await, Err(Refused::NotFound)));
}

#[tokio::test]
async fn activity_is_found_by_actor_door_and_time_in_one_mode() {
    let desk = Desk::new().await;
    desk.world.pass(Duration::from_secs(10));
    desk.theirs(name("Bina's")).await;
    let app = desk.world.key(Mode::Test).await;
    desk.world.pass(Duration::from_secs(10));
    let path = app.create(r#"{"name":"App's"}"#).await;
    let seed = Seed { mode: Mode::Test, count: 1, seed: 1 };
    desk.world.services.seed(seed, |_| ()).await.unwrap();
    desk.world.key(Mode::Live).await.create(r#"{"name":"Live"}"#).await;
    let found = async |filter: ActivityFilter| {
        let page = desk.customers().activity(&desk.asha, filter, None, 10).await.unwrap();
        assert_eq!((page.next, page.searched_to), (None, None));
        page.items.into_iter().map(edited).map(|(revision, _)| (revision.actor, revision.version)).collect::<Vec<_>>()
    };
    let none = ActivityFilter::default;
    let all = found(none()).await;
    let by_app = all[1].0.clone();
    let by_seed = Actor::Command { name: "seed".into() };
    assert_eq!(all, [(by_seed, 1), (by_app.clone(), 1), (desk.bina.actor.clone(), 2), (desk.asha.actor.clone(), 1)]);

    let (Actor::Key { id: key, .. }, Actor::Staff { id: bina, .. }) = (by_app, desk.bina.actor.clone()) else {
        panic!()
    };
    let (key, bina) = (Some(ActorFilter::Key(key)), Some(ActorFilter::Staff(bina)));
    let (first, second) = (Some(BEGINNING as i64), Some(BEGINNING as i64 + 10));
    for (filter, expected) in [
        (ActivityFilter { actor: key, ..none() }, 1..2),
        (ActivityFilter { actor: bina.clone(), ..none() }, 2..3),
        (ActivityFilter { actor: bina, door: Some(Door::Api), ..none() }, 0..0),
        (ActivityFilter { door: Some(Door::CommandLine), ..none() }, 0..1),
        (ActivityFilter { door: Some(Door::Api), ..none() }, 1..2),
        (ActivityFilter { door: Some(Door::Console), ..none() }, 2..4),
        (ActivityFilter { from: first, to: second, ..none() }, 2..4),
        (ActivityFilter { from: second, to: second, ..none() }, 2..3),
    ] {
        assert_eq!(found(filter.clone()).await, all[expected], "{filter:?}");
    }

    let page = desk.customers().activity(&desk.asha, none(), None, 10).await.unwrap();
    assert_eq!(
        edited(page.items[3].clone()).1.text(Field::Name),
        Some("Bina's"),
        "the present name, whatever it was then"
    );
    assert!(path.ends_with(edited(page.items[1].clone()).1.id.as_str()));
}

#[tokio::test]
async fn activity_goes_on_where_a_page_ended_though_edits_come_in() {
    let desk = Desk::new().await;
    for edit in 2..=9 {
        desk.theirs(name(&format!("Edit {edit}"))).await;
    }
    let (mut versions, mut before) = (Vec::new(), None);
    loop {
        let page = desk.customers().activity(&desk.asha, ActivityFilter::default(), before, 2).await.unwrap();
        versions.extend(page.items.iter().cloned().map(edited).map(|(revision, _)| revision.version));
        desk.theirs(name(&format!("Later {}", versions.len()))).await;
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    assert_eq!(versions, (1..=9).rev().collect::<Vec<_>>());
}
