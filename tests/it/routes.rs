//! Every route there is, and who may use it: a route without a row here is found by reading the source.

use std::fs::read_to_string;
use std::path::Path;

use actix_web::http::{Method, StatusCode};
use actix_web::test::TestRequest;
use patron::domain::{Mode, Role};

use crate::world::{Answer, Person, World, maker};

/// Who may use a route of the console.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    /// Whoever comes to the door.
    Anybody,
    /// Whoever is signed in with this role, or one that may do more.
    AtLeast(Role),
}

use Who::{Anybody, AtLeast};

const VIEWER: Who = AtLeast(Role::Viewer);
const EDITOR: Who = AtLeast(Role::Editor);
const OWNER: Who = AtLeast(Role::Owner);

/// The routes of the console, as the source has them; those below the mode without it.
const CONSOLE: [(&str, &str, Who); 51] = [
    ("get", "/", Anybody),
    ("get", "/sign-in", Anybody),
    ("post", "/sign-in", Anybody),
    ("post", "/sign-out", Anybody),
    ("get", "/link/{token}", Anybody),
    ("post", "/link/{token}", Anybody),
    ("get", "/static/{hash}/{name}", Anybody),
    ("get", "/customers", VIEWER),
    ("post", "/customers", EDITOR),
    ("get", "/customers/new", EDITOR),
    ("get", "/customers/download", EDITOR),
    ("get", "/customers/{id}", VIEWER),
    ("post", "/customers/{id}", EDITOR),
    ("post", "/customers/{id}/undo", EDITOR),
    ("get", "/customers/{id}/export", OWNER),
    ("get", "/customers/{id}/erase", OWNER),
    ("post", "/customers/{id}/erase", OWNER),
    ("get", "/activity", VIEWER),
    ("get", "/imports", EDITOR),
    ("post", "/imports", EDITOR),
    ("get", "/imports/new", EDITOR),
    ("get", "/imports/{number}", EDITOR),
    ("get", "/imports/{number}/columns", EDITOR),
    ("post", "/imports/{number}/columns", EDITOR),
    ("get", "/imports/{number}/rows/{part}", EDITOR),
    ("get", "/imports/{number}/refused.csv", EDITOR),
    ("post", "/imports/{number}/resume", EDITOR),
    ("get", "/imports/{number}/{act}", EDITOR),
    ("post", "/imports/{number}/{act}", EDITOR),
    ("get", "", VIEWER),
    ("get", "/doctor", OWNER),
    ("post", "/doctor", OWNER),
    ("get", "/requests", OWNER),
    ("get", "/requests/{number}", OWNER),
    ("get", "/account", VIEWER),
    ("post", "/account/password", VIEWER),
    ("post", "/account/sessions", VIEWER),
    ("get", "/keys", OWNER),
    ("post", "/keys", OWNER),
    ("get", "/keys/{id}/rotate", OWNER),
    ("post", "/keys/{id}/rotate", OWNER),
    ("get", "/keys/{id}/revoke", OWNER),
    ("post", "/keys/{id}/revoke", OWNER),
    ("get", "/staff", OWNER),
    ("post", "/staff", OWNER),
    ("post", "/staff/{id}/role", OWNER),
    ("post", "/staff/{id}/sessions", OWNER),
    ("post", "/staff/{id}/link", OWNER),
    ("get", "/staff/{id}/disable", OWNER),
    ("post", "/staff/{id}/disable", OWNER),
    ("post", "/staff/{id}/enable", OWNER),
];

/// The routes of the API: each wants a key, and knows only the customers of the key's mode.
pub const API: [(&str, &str); 6] = [
    ("post", "/v1/customers"),
    ("reading", "/v1/customers"),
    ("put", "/v1/customers/{id}"),
    ("reading", "/v1/customers/{id}"),
    ("reading", "/v1/customers/{id}/revisions"),
    ("reading", "/v1/customers/{id}/tokens"),
];

/// What the source calls the places of the API.
const API_PLACES: [(&str, &str); 4] = [
    ("Customers", "/v1/customers"),
    ("Customer", "/v1/customers/{id}"),
    ("Revisions", "/v1/customers/{id}/revisions"),
    ("Tokens", "/v1/customers/{id}/tokens"),
];

/// The routes of an emulator, below `/_emulator`: each wants a key, and no other server has them.
pub const EMULATOR: [(&str, &str); 12] = [
    ("post", "/reset"),
    ("put", "/seed"),
    ("get", "/snapshots"),
    ("post", "/snapshots/{name}"),
    ("delete", "/snapshots/{name}"),
    ("post", "/snapshots/{name}/restore"),
    ("get", "/faults"),
    ("put", "/faults"),
    ("delete", "/faults"),
    ("get", "/clock"),
    ("put", "/clock"),
    ("delete", "/clock"),
];

/// The routes that tell whether the server is well: for everybody.
pub const HEALTH: [&str; 2] = ["/healthz", "/readyz"];

/// Where the server tells what the API is, for programs: for everybody.
pub const DOCUMENT: [&str; 1] = ["/openapi.json"];

/// The routes of the API's reference: for everybody.
const DOCS: [&str; 4] = ["", "/customers/{endpoint}", "/errors", "/errors/{slug}"];

fn source(file: &str) -> String {
    read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http").join(file)).unwrap()
}

/// Each `.route("path", method()` in a source.
fn routes_in(source: &str) -> Vec<(String, String)> {
    let mut routes = Vec::new();
    for rest in source.split(".route(\"").skip(1) {
        let (path, rest) = rest.split_once('"').unwrap();
        let method = rest.trim_start_matches([',', ' ', '\n']).trim_start_matches("web::").split('(').next().unwrap();
        routes.push((method.to_owned(), path.to_owned()));
    }
    routes
}

/// Each `only_read("path"` in a source.
fn only_read_in(source: &str) -> Vec<String> {
    let routes = source.split("only_read(\"").skip(1);
    routes.map(|rest| rest.split('"').next().unwrap().to_owned()).collect()
}

#[test]
fn every_route_has_a_row() {
    let owned = |(method, path): (&str, &str)| (method.to_owned(), path.to_owned());
    let rows: Vec<_> = CONSOLE.iter().map(|(method, path, _)| owned((method, path))).collect();
    assert_eq!(routes_in(&source("admin/mod.rs")), rows);
    assert_eq!(routes_in(&source("emulator/mod.rs")), EMULATOR.map(owned));
    assert_eq!(only_read_in(&source("health.rs")), HEALTH);
    assert_eq!(only_read_in(&source("openapi.rs")), DOCUMENT);
    assert_eq!(only_read_in(&source("docs/mod.rs")), DOCS);
    // The API names its places; all else is answered as unknown.
    let api = source("api/mod.rs");
    let routes = api.split(".service(on(").skip(1).map(|route| {
        let (method, rest) = route.trim_start_matches("guard::").split_once('(').unwrap();
        let (place, _) = rest.strip_prefix("), Place::").unwrap().split_once(')').unwrap();
        let (_, pattern) = API_PLACES.into_iter().find(|(name, _)| *name == place).unwrap();
        (method.to_lowercase(), pattern.to_owned())
    });
    assert_eq!(routes.collect::<Vec<_>>(), API.map(owned));
    for file in ["api/mod.rs", "health.rs", "openapi.rs", "docs/mod.rs", "admin/mod.rs", "emulator/mod.rs", "mod.rs"] {
        assert!(
            !source(file).contains(".to_async") && !source(file).replace("#[derive", "").contains("#["),
            "{file} has routes of another kind"
        );
    }
}

async fn ask(person: &Person<'_>, method: &str, path: &str) -> Answer {
    match method {
        "get" => person.get(path).await,
        _ => person.post(path, &[]).await,
    }
}

#[tokio::test]
async fn a_role_opens_what_it_should_and_nothing_else() {
    let world = World::new();
    let customer = world.key(Mode::Live).await.create(r#"{"name":"Meera"}"#).await;
    let (key, _) = world.services.access.issue(maker(), Mode::Live, "Shop", None).await.unwrap();
    let bystander = world.staff_called("bystander@kaveri.example", Role::Viewer).await.id().await;
    let visitor = world.visitor();
    let mut people = Vec::new();
    for role in Role::ALL {
        people.push((role, world.staff(role).await));
    }
    for (method, pattern, who) in CONSOLE {
        let id = if pattern.starts_with("/keys") {
            key.id.as_str()
        } else if pattern.starts_with("/staff") {
            &bystander
        } else {
            customer.rsplit('/').next().unwrap()
        };
        let path = pattern.replace("{id}", id).replace("{number}", "1700000000000000000");
        let path = path.replace("{part}", "refused").replace("{act}", "undo");
        let path = path.replace("{token}", "none").replace("{hash}/{name}", "none/none");
        if who == Anybody {
            let answer = ask(&visitor, method, &path).await;
            // These two lead to the door, whoever comes.
            let sent_away = answer.header("location").is_some_and(|to| to.starts_with("/sign-in?to="));
            assert_eq!(sent_away, ["/", "/sign-out"].contains(&pattern), "{method} {pattern}: {answer}");
            assert_ne!(answer.status, StatusCode::FORBIDDEN, "{method} {pattern}");
            continue;
        }
        for mode in ["live", "test"] {
            let path = format!("/{mode}{path}");
            let answer = ask(&visitor, method, &path).await;
            assert!(answer.location().starts_with("/sign-in"), "{method} {path} by nobody: {answer}");
            for (role, person) in &people {
                let answer = ask(person, method, &path).await;
                let refused = answer.status == StatusCode::FORBIDDEN;
                let may = matches!(who, AtLeast(least) if *role >= least);
                assert_eq!(refused, !may, "{method} {path} by {role:?}: {answer}");
                let sent_away = answer.header("location").is_some_and(|to| to.starts_with("/sign-in"));
                assert!(!sent_away && !answer.status.is_server_error(), "{method} {path} by {role:?}: {answer}");
            }
        }
    }
}

#[tokio::test]
async fn a_key_opens_the_customers_of_its_mode_and_no_key_opens_none() {
    let world = World::new();
    let (live, test) = (world.key(Mode::Live).await, world.key(Mode::Test).await);
    let customer = live.create(r#"{"name":"Meera"}"#).await;
    for (method, pattern) in API {
        let path = pattern.replace("/v1/customers/{id}", &customer);
        let methods = if method == "reading" {
            vec![Method::GET, Method::HEAD]
        } else {
            vec![method.to_uppercase().parse().unwrap()]
        };
        for method in methods {
            let request = || TestRequest::default().method(method.clone()).uri(&path);
            let refused = world.stranger().send(request()).await;
            assert_eq!(refused.status, StatusCode::UNAUTHORIZED, "{method} {path}: {refused}");
            if pattern.contains("{id}") {
                let body = br#"{"name":"Other"}"#.to_vec();
                let json = ("content-type", "application/json");
                let answer = test.send(request().insert_header(json).set_payload(body)).await;
                assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{method} {path}: {answer}");
                assert!(method == Method::HEAD || answer.description().contains("does not exist"), "{answer}");
            }
        }
    }
    assert_eq!(live.get(&customer).await.json()["name"], "Meera");
    for path in HEALTH.into_iter().chain(DOCUMENT) {
        assert_eq!(world.stranger().get(path).await.status, StatusCode::OK, "{path}");
    }
}
