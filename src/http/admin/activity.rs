//! What happened across all customers of a mode, newest first.

use actix_web::web::{Data, Query};
use askama::Template;
use serde::Deserialize;

use super::Answer;
use super::customers::days;
use super::moment::Moment;
use super::page::{BadFilter, Shell, html};
use super::record::heading;
use super::visit::Visit;
use super::words::Told;
use crate::domain::{
    ActivityFilter, Actor, ActorFilter, CustomerId, Door, Happened, ImportState, KeyId, Role, StaffId, Step,
};
use crate::service::{Refused, Services};

/// How many edits a page has.
const PAGE_LEN: u64 = 25;

/// The doors: as a form names them, and as people do.
const DOORS: [(&str, &str); 3] = [("console", "Console"), ("api", "API"), ("command", "Command line")];

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    who: String,
    door: String,
    from: String,
    to: String,
    before: String,
}

#[derive(Template)]
#[template(path = "activity.html")]
struct ActivityPage {
    shell: Shell,
    actors: Vec<Named>,
    who: String,
    door: String,
    from: String,
    to: String,
    narrowed: bool,
    paged: bool,
    rows: Vec<Row>,
    newest: String,
    older: String,
    searched_to: Option<Moment>,
}

/// Somebody whose edits one can look for.
struct Named {
    id: String,
    name: String,
}

struct Row {
    told: Told,
    verb: &'static str,
    href: String,
    name: String,
    door: &'static str,
    /// Where an import can be undone from here.
    undo: String,
}

pub(super) async fn show(visit: Visit, asked: Query<Asked>, services: Data<Services>) -> Answer {
    let asked = asked.into_inner();
    let unread = |unread: BadFilter| visit.turned(unread);
    let before = number(&asked.before).map_err(unread)?;
    let filter = filter(&asked).map_err(unread)?;
    let page = services.customers.activity(&visit.caller(), filter, before, PAGE_LEN).await;
    let page = page.map_err(|refused| visit.turned(refused))?;
    let address = |before: Option<i64>| {
        let mut query = form_urlencoded::Serializer::new(String::new());
        for (name, value) in [("who", &asked.who), ("door", &asked.door), ("from", &asked.from), ("to", &asked.to)] {
            if !value.is_empty() {
                query.append_pair(name, value);
            }
        }
        if let Some(before) = before {
            query.append_pair("before", &before.to_string());
        }
        format!("{}?{}", visit.to("/activity"), query.finish())
    };
    Ok(html(&ActivityPage {
        shell: Shell::new(&visit, "/activity"),
        actors: actors(&visit, &services).await.map_err(|refused| visit.turned(refused))?,
        narrowed: [&asked.who, &asked.door, &asked.from, &asked.to].iter().any(|value| !value.is_empty()),
        paged: before.is_some(),
        newest: address(None),
        older: page.next.map(|next| address(Some(next))).unwrap_or_default(),
        searched_to: page.searched_to.map(Moment),
        rows: rows(&visit, &page.items, &services).await.map_err(|refused| visit.turned(refused))?,
        who: asked.who,
        door: asked.door,
        from: asked.from,
        to: asked.to,
    }))
}

fn filter(asked: &Asked) -> Result<ActivityFilter, BadFilter> {
    let actor = match KeyId::parse(&asked.who) {
        Some(id) => Some(ActorFilter::Key(id)),
        None if asked.who.is_empty() => None,
        // An id of no person finds nothing.
        None => Some(ActorFilter::Staff(StaffId::stored(asked.who.clone()))),
    };
    let door = match asked.door.as_str() {
        "" => None,
        "console" => Some(Door::Console),
        "api" => Some(Door::Api),
        "command" => Some(Door::CommandLine),
        _ => return Err(BadFilter("The source", "console, api or command")),
    };
    let (from, to) = days(&asked.from, &asked.to)?;
    Ok(ActivityFilter { actor, door, from, to })
}

/// The place after which a page begins; an empty one is none. No list is as long as the largest number.
pub(super) fn number(text: &str) -> Result<Option<i64>, BadFilter> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    match text {
        "" => Ok(None),
        text if is_number => Ok(Some(text.parse().unwrap_or(i64::MAX))),
        _ => Err(BadFilter("The page", "after or before a number")),
    }
}

/// Everybody who can have edited a customer of this mode: people, and the mode's keys.
async fn actors(visit: &Visit, services: &Services) -> Result<Vec<Named>, Refused> {
    let caller = visit.caller();
    let staff =
        services.staff.on_behalf_of(&caller).list().await?.into_iter().map(|listed| Named {
            id: listed.staff.id.as_str().to_owned(),
            name: listed.staff.email.as_str().to_owned(),
        });
    let keys = services.access.on_behalf_of(&caller).list().await.map_err(|_| Refused::Failed)?;
    let keys = keys.into_iter().filter(|key| key.id.mode() == visit.mode).map(|key| Named {
        name: format!("Key: {}", if key.label.is_empty() { key.id.as_str() } else { &key.label }),
        id: key.id.as_str().to_owned(),
    });
    Ok(staff.chain(keys).collect())
}

async fn rows(visit: &Visit, items: &[Happened], services: &Services) -> Result<Vec<Row>, Refused> {
    let mut rows = Vec::with_capacity(items.len());
    for happened in items {
        let mut row = row(visit, happened);
        if let Happened::Imported(imported) = happened
            && visit.may(Role::Editor)
        {
            let import = services.imports.find(&visit.caller(), imported.import).await?;
            let is_newest =
                import.steps.last().is_some_and(|step| (step.step, step.at) == (imported.step, imported.at));
            if is_newest && import.state == ImportState::Applied {
                row.undo = format!("{}/undo", row.href);
            }
        }
        rows.push(row);
    }
    Ok(rows)
}

fn row(visit: &Visit, happened: &Happened) -> Row {
    let address = |id: &CustomerId| visit.to(&format!("/customers/{}", id.as_str()));
    match happened {
        Happened::Edited(edited) => {
            let (revision, customer) = edited.as_ref();
            let verb = match (revision.version, revision.undoes) {
                (1, _) => "made",
                (_, Some(_)) => "undid a change to",
                _ => "changed",
            };
            let door = door(&revision.actor);
            Row {
                told: Told::of(revision),
                verb,
                href: address(&customer.id),
                name: heading(customer),
                door,
                undo: String::new(),
            }
        }
        Happened::Erased(erasure) => Row {
            told: Told::of_erasure(erasure),
            verb: "erased",
            href: address(&erasure.customer),
            name: erasure.customer.as_str().to_owned(),
            door: door(&erasure.actor),
            undo: String::new(),
        },
        Happened::Imported(imported) => Row {
            told: Told::of_import(imported),
            verb: match imported.step {
                Step::Apply => "imported",
                Step::Undo => "undid the import of",
                Step::Redo => "brought back the import of",
            },
            // The page is for who may import.
            href: if visit.may(Role::Editor) {
                visit.to(&format!("/imports/{}", imported.import))
            } else {
                String::new()
            },
            name: imported.file.clone(),
            door: door(&imported.actor),
            undo: String::new(),
        },
    }
}

fn door(actor: &Actor) -> &'static str {
    match actor {
        Actor::Staff { .. } => "Console",
        Actor::Key { .. } => "API",
        Actor::Command { .. } => "Command line",
    }
}
