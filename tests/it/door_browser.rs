//! What browsers are told, and what a page of another site cannot make them do.

use actix_web::http::Method;
use actix_web::test::TestRequest;
use patron::domain::{Mode, Role};

use crate::world::{Answer, PASSWORD, World, with};

const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");
const JSON: (&str, &str) = ("Content-Type", "application/json");

/// An answer of each kind that there is, and what it is an answer to.
async fn of_each_kind(world: &World) -> Vec<(&'static str, Answer)> {
    let (key, owner) = (world.key(Mode::Live).await, world.staff(Role::Owner).await);
    let style = owner.get("/live").await.between(r#"rel="stylesheet" href=""#, "\"").unwrap().to_owned();
    vec![
        ("a page", owner.get("/live/customers").await),
        ("a page at the door", world.visitor().get("/sign-in").await),
        ("a page that is not there", owner.get("/live/nowhere").await),
        ("a form to mend", owner.post("/live/keys", &[("mode", "live"), ("ends", "never")]).await),
        ("a form from elsewhere", owner.send_form("/live/keys", &[]).await),
        ("the way to the door", world.visitor().get("/live").await),
        ("a session", world.visitor().send_form("/sign-in", &[("email", &owner.email), ("password", PASSWORD)]).await),
        ("a file", owner.get(&style).await),
        ("a file that is not there", owner.get("/static/x/y").await),
        ("an address twice over", owner.get("/sign-in?to=a&to=b").await),
        ("a list", key.get("/v1/customers").await),
        ("a customer", key.post("/v1/customers", r#"{"name":"Asha"}"#).await),
        ("a broken rule", key.post("/v1/customers", "{").await),
        ("no key", world.stranger().get("/v1/customers").await),
        ("no URL", key.get("/v1/nowhere").await),
        ("health", world.stranger().get("/healthz").await),
    ]
}

#[tokio::test]
async fn every_answer_tells_browsers_what_they_may_not() {
    let mut world = World::new();
    for (what, answer) in of_each_kind(&world).await {
        let header = |name: &str| answer.header(name).unwrap_or_default();
        assert_eq!(header("x-content-type-options"), "nosniff", "{what}");
        assert_eq!(header("cross-origin-resource-policy"), "same-origin", "{what}");
        let policy = header("content-security-policy");
        assert!(
            policy.starts_with("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
            "{what}: {policy}"
        );
        assert!(!policy.contains("unsafe") && !policy.contains('*') && !policy.contains("http"), "{what}: {policy}");
        let cached = if what == "a file" { "public, max-age=31536000, immutable" } else { "no-store" };
        assert!(
            header("cache-control") == cached || what == "a file that is not there",
            "{what}: {}",
            header("cache-control")
        );
        let kind = header("content-type");
        assert!(answer.body.is_empty() || !kind.is_empty(), "{what} has no media type");
        assert!(!kind.starts_with("text/") || kind.ends_with("charset=utf-8"), "{what}: {kind}");
        if kind.starts_with("text/html") {
            assert!(policy.contains("form-action 'self'") && policy.contains("base-uri 'none'"), "{what}: {policy}");
            assert_eq!(header("referrer-policy"), "same-origin", "{what}");
            assert_eq!(header("cross-origin-opener-policy"), "same-origin", "{what}");
            assert!(header("permissions-policy").contains("camera=()"), "{what}");
        }
        for name in ["strict-transport-security", "server", "x-powered-by", "access-control-allow-origin", "via"] {
            assert_eq!(answer.header(name), None, "{what} has {name}");
        }
    }
    world.settings.public_url = Some("https://patron.example".into());
    for (what, answer) in [
        ("a page", world.visitor().get("/sign-in").await),
        ("the way to the door", world.visitor().get("/live").await),
        ("no key", world.stranger().get("/v1/customers").await),
        ("a file that is not there", world.visitor().get("/static/x/y").await),
        ("health", world.stranger().get("/healthz").await),
    ] {
        let header = answer.header("strict-transport-security");
        assert_eq!(header, Some("max-age=31536000; includeSubDomains"), "{what}");
    }
}

#[tokio::test]
async fn the_cookie_is_for_this_host_alone_and_out_of_reach_of_scripts_and_other_sites() {
    let mut world = World::new();
    let email = world.staff(Role::Viewer).await.email;
    let set = async |world: &World| {
        let answer = world.visitor().send_form("/sign-in", &[("email", &email), ("password", PASSWORD)]).await;
        let (name, rest) = answer.header("set-cookie").unwrap().split_once('=').unwrap();
        format!("{name}={}", &rest[43..])
    };
    assert_eq!(set(&world).await, "patron_session=; HttpOnly; SameSite=Lax; Path=/; Max-Age=43200");
    world.settings.public_url = Some("https://patron.example".into());
    assert_eq!(set(&world).await, "__Host-patron_session=; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=43200");
    // Over HTTPS a cookie without the prefix, which another host of the site could have set, is none.
    let answer = world.visitor().send_form("/sign-in", &[("email", &email), ("password", PASSWORD)]).await;
    let cookie = answer.header("set-cookie").unwrap().split(';').next().unwrap();
    let get = async |cookie: &str| {
        world.send(TestRequest::get().uri("/live/account").insert_header(("Cookie", cookie))).await.status.as_u16()
    };
    assert_eq!((get(cookie).await, get(cookie.trim_start_matches("__Host-")).await), (200, 303));
}

#[tokio::test]
async fn the_cookie_of_a_session_counts_behind_any_stale_ones() {
    let world = World::new();
    let cookie = world.staff(Role::Viewer).await.cookie.unwrap();
    let get = async |cookies: String| {
        world.send(TestRequest::get().uri("/live/account").insert_header(("Cookie", cookies))).await.status.as_u16()
    };
    let stale = |count: usize| (0..count).map(|number| format!("patron_session={number:043}; ")).collect::<String>();
    let malformed: String = (0..500).map(|number| format!("patron_session={number}; ")).collect();
    for before in [stale(8), stale(100), malformed] {
        assert_eq!(get(before + &cookie).await, 200);
    }
    assert_eq!(get(stale(500)).await, 303);
}

#[tokio::test]
async fn a_page_of_another_site_cannot_use_a_key_that_the_browser_knows() {
    let world = World::new();
    let key = world.key(Mode::Live).await;
    let from = [("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Site", "same-site"), ("Origin", "https://evil.example")];
    for origin in from.into_iter().chain([("Origin", "null")]) {
        // What a page can send without asking first: a form, or what has no media type.
        let form = TestRequest::post().uri("/v1/customers").insert_header(FORM).set_payload("name=Asha");
        let bare = TestRequest::post().uri("/v1/customers").set_payload(r#"{"name":"Asha"}"#);
        for request in [form, bare] {
            let answer = key.send(request.insert_header(origin)).await;
            assert_eq!(answer.status, 403, "{origin:?}: {answer}");
            assert_eq!(answer.description(), "The request may not come from a page of another site.");
            assert_eq!(answer.json()["error"]["code"], "BAD_REQUEST_ERROR");
        }
        let text = TestRequest::post().uri("/v1/customers").insert_header(("Content-Type", "text/plain"));
        assert_eq!(key.send(text.insert_header(origin).set_payload("{}")).await.status, 415);
        // And where it asks, it is told nothing.
        let asks = TestRequest::default().method(Method::OPTIONS).uri("/v1/customers").insert_header(origin);
        let answer = key.send(asks.insert_header(("Access-Control-Request-Method", "PUT"))).await;
        assert_eq!(answer.status, 400);
        assert!(answer.headers.keys().all(|name| !name.as_str().starts_with("access-control")), "{answer}");
    }
    assert_eq!(key.get("/v1/customers").await.json()["count"], 0);
    // Programs send none of these headers; pages of ours, and an application's own server that passes JSON on, may.
    for (header, body) in [(("X-Any", "thing"), "name=Asha"), (("Sec-Fetch-Site", "same-origin"), "name=Ravi")] {
        let request = TestRequest::post().uri("/v1/customers").insert_header(FORM).insert_header(header);
        assert_eq!(key.send(request.set_payload(body)).await.status, 200);
    }
    let json =
        TestRequest::post().uri("/v1/customers").insert_header(JSON).insert_header(("Sec-Fetch-Site", "cross-site"));
    assert_eq!(key.send(json.set_payload(r#"{"name":"Meera"}"#)).await.status, 200);
}

#[tokio::test]
async fn a_method_is_what_the_request_line_says() {
    let world = World::new();
    let (key, owner) = (world.key(Mode::Live).await, world.staff(Role::Owner).await);
    let path = key.create(r#"{"name":"Asha"}"#).await;
    for header in ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"] {
        let request = TestRequest::post().uri(&path).insert_header(JSON).insert_header((header, "PUT"));
        let answer = key.send(request.set_payload(r#"{"name":"Ravi"}"#)).await;
        assert_eq!(answer.description(), "The requested URL was not found on the server.", "{header}");
        let request = TestRequest::get().uri("/live/keys?mode=live&ends=never&label=x&_method=post");
        assert!(!owner.send(request.insert_header((header, "POST"))).await.body.contains("key-secret"), "{header}");
    }
    assert_eq!(key.get(&path).await.json()["name"], "Asha");
    for (method, path) in
        [("TRACE", "/"), ("TRACE", "/v1/customers"), ("TRACK", "/"), ("DEBUG", "/healthz"), ("PATCH", &path)]
    {
        let request =
            TestRequest::default().method(method.parse().unwrap()).uri(path).insert_header(("X-Echo", "echoed"));
        let answer = key.send(request).await;
        assert!(
            [400, 404, 405].contains(&answer.status.as_u16()) && !answer.body.contains("echoed"),
            "{method} {path}: {answer}"
        );
    }
    // What only a form may do, no address does.
    let token = owner.form_token().await;
    for path in ["/sign-out", "/live/account/password", "/live/account/sessions"] {
        let answer = owner.get(&format!("{path}?token={token}&password=x&again=x")).await;
        assert_eq!(answer.status, 404, "{path}");
    }
    assert_eq!(owner.get("/live/account").await.status, 200);
}

#[tokio::test]
async fn an_error_tells_nothing_of_the_inside() {
    let world = World::new();
    let (key, owner) = (world.key(Mode::Live).await, world.staff(Role::Owner).await);
    let mut answers = Vec::new();
    for path in [
        "/sign-in?to=a&to=b",
        "/live/account?done=1&done=2",
        "/live/customers?q=%FF&page=%00",
        "/live/customers?before=-1",
        "/live/activity?from=yesterday&to=0",
        "/live/requests?before=abc",
        "/live/requests/99999999999999999999999999",
        "/live/requests/%FF",
        "/live/keys/%FF/rotate",
        "/live/staff/';--/disable",
        "/link/%00%FF",
        "/static/%2e%2e%2f/Cargo.toml",
        "/%FF%FE",
        "/live/customers/%27%20OR%201=1",
    ] {
        answers.push((path.to_owned(), owner.get(path).await));
    }
    for (path, body) in [
        ("/live/keys", "mode=%FF&token=%FF"),
        ("/live/customers", "notes=&notes_key=%00"),
        ("/sign-in", "%%%%"),
        ("/link/none", "password=%00"),
    ] {
        let request = TestRequest::post().uri(path).insert_header(FORM).set_payload(body);
        answers.push((path.to_owned(), owner.send(request).await));
    }
    for body in ["{\"name\":1e999}", "[[[[[[", "{\"notes\":{\"a\":{}}}", "\u{feff}{}", "{\"name\":\"\\ud800\"}", "nul"]
    {
        answers.push((body.to_owned(), key.post("/v1/customers", body).await));
    }
    for path in
        ["/v1/customers/%FF", "/v1/customers?count=%FF", "/v1/customers?%FF=1", "/v1/customers?from=1e9", "/v1/%00"]
    {
        answers.push((path.to_owned(), key.get(path).await));
    }
    world.services.close();
    answers.push(("closed".into(), key.post("/v1/customers", r#"{"name":"Asha"}"#).await));
    answers.push((
        "closed".into(),
        owner.post("/live/keys", &[("mode", "live"), ("ends", "never"), ("label", "x")]).await,
    ));
    for (sent, answer) in answers {
        for inside in [
            "serde",
            "deserialize",
            "sqlite",
            "rusqlite",
            "actix",
            "panicked",
            "::",
            ".rs",
            "no such table",
            "SELECT ",
            "os error",
            "/work",
            "/tmp",
            "patron.db",
            "stack backtrace",
        ] {
            // A page has words of its own around them.
            assert!(!answer.body.contains(inside), "{sent}: {inside}: {answer}");
        }
    }
}

#[tokio::test]
async fn after_signing_in_nobody_is_sent_to_another_site() {
    let world = World::new();
    let email = world.staff(Role::Viewer).await.email;
    for to in [
        "https://evil.example",
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\/evil.example",
        "/\t/evil.example",
        "/\r\n/evil.example",
        " //evil.example",
        "javascript:alert(1)",
        "data:text/html,x",
        "evil.example",
        "@evil.example",
        "http:evil.example",
        "",
    ] {
        let fields = [("email", email.as_str()), ("password", PASSWORD), ("to", to)];
        assert_eq!(world.visitor().send_form("/sign-in", &fields).await.location(), "/", "{to:?}");
    }
    let fields = [("email", email.as_str()), ("password", PASSWORD), ("to", "/test/customers?q=a%20b")];
    assert_eq!(world.visitor().send_form("/sign-in", &fields).await.location(), "/test/customers?q=a%20b");
    // The page of a form that is sent without a session comes from the browser, who may lie.
    for referer in ["https://evil.example/x", "http://localhost.evil.example/x", "http://localhost@evil.example/"] {
        let request = TestRequest::post().uri("/live/keys").insert_header(("Referer", referer)).insert_header(FORM);
        let to = world.send(request).await.location().to_owned();
        let asked = world.visitor().get(&to).await;
        assert!(asked.body.contains(r#"name="to" value="/""#), "{referer}: {to}: {asked}");
    }
}

#[tokio::test]
async fn a_link_has_the_public_address_whatever_host_is_asked_for() {
    let mut world = World::new();
    let email = world.staff(Role::Owner).await.email;
    let invite = async |world: &World, host: &str, whom: &str| {
        let answer = world.visitor().send_form("/sign-in", &[("email", &email), ("password", PASSWORD)]).await;
        let cookie = answer.header("set-cookie").unwrap().split(';').next().unwrap();
        let page = world.send(TestRequest::get().uri("/live/account").insert_header(("Cookie", cookie))).await;
        let token = page.between(r#"name="token" value=""#, "\"").unwrap();
        let mut request = TestRequest::post().uri("/live/staff").insert_header(("Cookie", cookie));
        for (name, value) in [("Host", host), ("X-Forwarded-Host", "evil.example"), ("Forwarded", "host=evil.example")]
        {
            request = request.insert_header((name, value));
        }
        world.send(request.set_form(with(token, &[("email", whom), ("role", "viewer")]))).await
    };
    // Without a public address: the host that was asked for, and only where it is one.
    let page = invite(&world, "evil\"><script>", "one@kaveri.example").await;
    assert!(page.body.contains("http://localhost/link/") && !page.body.contains("evil"), "{page}");
    // With one: that, whoever is asked for.
    world.settings.public_url = Some("https://patron.example".into());
    let page = invite(&world, "evil.example", "two@kaveri.example").await;
    assert!(page.body.contains("https://patron.example/link/") && !page.body.contains("evil"), "{page}");
}

#[tokio::test]
async fn files_are_those_in_the_binary_and_no_others() {
    let world = World::new();
    let page = world.visitor().get("/sign-in").await;
    let style = page.between(r#"rel="stylesheet" href=""#, "\"").unwrap().to_owned();
    assert_eq!(world.visitor().get(&style).await.status, 200);
    let (folder, _) = style.rsplit_once('/').unwrap();
    for path in [
        format!("{folder}/../../../etc/passwd"),
        format!("{folder}/..%2f..%2f..%2fetc%2fpasswd"),
        format!("{folder}/%2e%2e/%2e%2e/%2e%2e/etc/passwd"),
        format!("{folder}/..%5c..%5cetc%5cpasswd"),
        format!("{folder}/%252e%252e%252fetc/passwd"),
        format!("{folder}/console.css%00.txt"),
        format!("{folder}/CONSOLE.CSS"),
        format!("{folder}/"),
        folder.to_owned(),
        "/static/".into(),
        "/static/..;/x".into(),
        "//etc/passwd".into(),
        "/.git/config".into(),
        "/patron.db".into(),
        "/Cargo.toml".into(),
        "/.env".into(),
        "/templates/base.html".into(),
        "/metrics/../patron.db".into(),
    ] {
        let answer = world.visitor().get(&path).await;
        assert_eq!(answer.status, 404, "{path}: {answer}");
        assert!(!answer.body.contains("root:") && !answer.body.contains("[package]"), "{path}");
    }
}

#[tokio::test]
async fn nobody_sets_what_is_not_theirs_to_set() {
    let world = World::new();
    let (live, editor) = (world.key(Mode::Live).await, world.staff(Role::Editor).await);
    let path = live.create(r#"{"name":"Asha","notes":{"city":"Pune"}}"#).await;
    let before = live.get(&path).await.body;
    for field in ["id", "entity", "created_at", "version", "mode", "number", "email_key", "__proto__", "constructor"] {
        let answer = live.put(&path, &format!(r#"{{"{field}":"1"}}"#)).await;
        assert_eq!(answer.description(), format!("{field} is/are not required and should not be sent"), "{answer}");
        assert_eq!(live.post("/v1/customers", &format!(r#"{{"name":"Ravi","{field}":1}}"#)).await.status, 400);
    }
    assert_eq!(live.get(&path).await.body, before);
    // Nor by a form of the console, nor for oneself.
    let id = path.rsplit('/').next().unwrap();
    let fields =
        [("revision", "1"), ("name", "Asha"), ("id", "cust_00000000000000"), ("created_at", "1"), ("role", "owner")];
    let page = format!("/live/customers/{id}");
    editor.post(&page, &fields).await;
    assert_eq!(
        live.get(&path).await.json()["created_at"],
        serde_json::from_str::<serde_json::Value>(&before).unwrap()["created_at"]
    );
    let change =
        [("current", PASSWORD), ("password", "seven slow rivers"), ("again", "seven slow rivers"), ("role", "owner")];
    editor.post("/live/account/password", &change).await.location();
    assert!(editor.get("/live/account").await.body.contains("editor@kaveri.example, editor"));
    // A parameter twice is one of them, the same each time, and never both.
    let twice = live.get("/v1/customers?count=1&count=100").await;
    assert_eq!(twice.body, live.get("/v1/customers?count=100").await.body);
}
