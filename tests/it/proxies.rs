//! Behind a proxy: who the client is, whose page a form comes from, and which cookie counts.

use actix_web::http::StatusCode;
use actix_web::http::header::COOKIE;
use actix_web::test::TestRequest;
use patron::domain::{Mode, Role};
use patron::http::{Limits, RateLimit};
use tempfile::tempdir;

use crate::server::{Client, Server};
use crate::world::{Answer, PASSWORD, Person, World, with};

const CUSTOMERS: &str = "/v1/customers";

/// A world behind a proxy at 10.0.0.1, where each address may ask once.
fn limited() -> World {
    let mut world = World::new();
    world.settings.trusted_proxies = vec!["10.0.0.0/8".parse().unwrap()];
    world.settings.limits = Limits::new(Some(RateLimit::parse("1/h").unwrap()), None);
    world
}

#[tokio::test]
async fn clients_are_counted_apart_in_every_form_and_never_as_the_proxy() {
    let world = limited();
    let app = world.key(Mode::Test).await;
    let from = async |headers: &[(&str, &str)]| {
        let mut request = TestRequest::get().uri(CUSTOMERS).peer_addr("10.0.0.1:1".parse().unwrap());
        for header in headers {
            request = request.append_header(*header);
        }
        app.send(request).await.status.as_u16()
    };
    const FOR: &str = "X-Forwarded-For";
    // The first request of each client is let in, and the same client is known in another form.
    for (first, again) in [
        ("198.51.100.1:5678", "198.51.100.1"),
        ("[2001:db8:1::1]:4711", "\"[2001:db8:1::2]:80\""),
        ("fe80::1%eth0", "[fe80::1]:9"),
        ("::ffff:198.51.100.2", "6.6.6.6, , 198.51.100.2:1 ,"),
    ] {
        assert_eq!((from(&[(FOR, first)]).await, from(&[(FOR, again)]).await), (200, 429), "{first}");
    }
    assert_eq!(from(&[(FOR, "6.6.6.6"), (FOR, "198.51.100.3"), (FOR, "10.1.1.1")]).await, 200);
    assert_eq!(from(&[(FOR, "198.51.100.3")]).await, 429);
    // All that cannot be read are one client, which is not the proxy.
    assert_eq!(from(&[(FOR, "unknown")]).await, 200);
    for unreadable in ["unknown", "_hidden", "198.51.100.9, nonsense", "\"[::1\""] {
        assert_eq!(from(&[(FOR, unreadable)]).await, 429, "{unreadable}");
    }
    assert_eq!(from(&[("Forwarded", "for=198.51.100.9")]).await, 429);
    assert_eq!(from(&[]).await, 200, "the proxy's own machine");
}

#[test]
fn a_header_that_cannot_be_read_is_warned_of_once_and_without_its_value() {
    let directory = tempdir().unwrap();
    let db = directory.path().join("patron.db");
    let server = Server::start_with(&db, &["--trusted-proxy", " 127.0.0.1, ::1 "]);
    let client = Client::new(&server, &db);
    let ask = |header: &str| {
        let head = format!(
            "GET /v1/customers HTTP/1.1\r\nHost: x\r\nAuthorization: {}\r\n{header}\r\nConnection: close\r\n\r\n",
            client.authorization
        );
        assert!(server.speak(head.as_bytes()).starts_with("HTTP/1.1 200"), "{header}");
    };
    for header in [
        "X-Forwarded-For: meera.example",
        "X-Forwarded-For: meera.example",
        "X-Forwarded-For: unknown",
        "Forwarded: for=198.51.100.77",
        "Forwarded: for=198.51.100.77",
        "X-Forwarded-For:",
        "X-Forwarded-For: 198.51.100.78",
    ] {
        ask(header);
    }
    let log = server.log.clone();
    server.stop();
    let log = std::fs::read_to_string(log).unwrap();
    for (words, times) in [
        ("X-Forwarded-For of a trusted proxy holds no address", 1),
        ("a trusted proxy sends Forwarded, which is not read", 1),
        ("has no X-Forwarded-For, so it counts as the proxy's own", 1),
        ("found=\"a name\"", 1),
        ("meera", 0),
        ("198.51.100", 0),
    ] {
        assert_eq!(log.matches(words).count(), times, "{words}: {log}");
    }
}

/// A form that a browser sends for the console at this origin, through a proxy that asks for another host.
async fn sign_in_from(world: &World, origin: &str, host: &str) -> Answer {
    let email = world.staff(Role::Viewer).await.email;
    let form = [("email", email.as_str()), ("password", PASSWORD)];
    let request = TestRequest::post().uri("/sign-in").insert_header(("Origin", origin)).insert_header(("Host", host));
    world.send(request.set_form(form)).await
}

#[tokio::test]
async fn a_rewritten_host_is_named_with_the_setting_that_mends_it() {
    let mut world = World::new();
    let refused = sign_in_from(&world, "http://crm.shop.example", "127.0.0.1:8080").await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    for words in ["--public-url http://crm.shop.example", "knows itself as http://127.0.0.1:8080"] {
        assert!(refused.body.contains(words), "{refused}");
    }
    // What is no origin is not repeated.
    for odd in ["null", "http://a b", "javascript://x", &format!("http://{}", "a".repeat(300)), "http://<b>"] {
        let refused = sign_in_from(&world, odd, "127.0.0.1:8080").await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{odd}");
        assert!(refused.body.contains("came from another site") && !refused.body.contains("--public-url"), "{refused}");
    }
    // The same origin in another spelling.
    for (origin, host) in [
        ("http://crm.shop.example", "crm.shop.example:80"),
        ("http://crm.shop.example", "CRM.Shop.example"),
        ("HTTP://crm.shop.example:80", "crm.shop.example"),
    ] {
        let answer = sign_in_from(&world, origin, host).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{origin} {host}: {answer}");
    }
    world.settings.public_url = Some("http://crm.shop.example".into());
    let answer = sign_in_from(&world, "http://crm.shop.example", "127.0.0.1:8080").await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{answer}");
}

/// What is sent with these cookies.
async fn sent(world: &World, cookies: &str, request: TestRequest) -> Answer {
    world.send(request.insert_header((COOKIE, cookies))).await
}

async fn session(world: &World, person: &Person<'_>) -> String {
    let form = [("email", person.email.as_str()), ("password", PASSWORD)];
    let answer = world.visitor().send_form("/sign-in", &form).await;
    answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned()
}

#[tokio::test]
async fn of_several_cookies_of_one_name_the_valid_one_counts() {
    let world = World::new();
    let valid = session(&world, &world.staff(Role::Editor).await).await;
    let get = || TestRequest::get().uri("/test/customers/new");
    for cookies in [
        format!("patron_session=old; {valid}"),
        format!("{valid}; patron_session=old"),
        format!("patron_session=; other; =; \"x\"=1;patron_session=old;{valid};"),
        format!("{}{valid}", "patron_session=old; ".repeat(50)),
    ] {
        let page = sent(&world, &cookies, get()).await;
        assert_eq!(page.status, StatusCode::OK, "{cookies}");
        let token = page.between(r#"name="token" value=""#, "\"").unwrap().to_owned();
        let form = with(&token, &[("name", "Meera Nair")]);
        let made = sent(&world, &cookies, TestRequest::post().uri("/test/customers").set_form(form)).await;
        assert_eq!(made.status, StatusCode::SEE_OTHER, "{cookies}: {made}");
    }
    // Another program of the host may set cookies in any encoding.
    let latin = TestRequest::get().uri("/test/customers/new").append_header((COOKIE, &b"name=Jos\xe9"[..]));
    let latin = latin.append_header((COOKIE, valid.as_str()));
    assert_eq!(world.send(latin).await.status, StatusCode::OK);
}

#[tokio::test]
async fn signing_out_ends_the_sessions_of_all_cookies() {
    let world = World::new();
    let viewer = world.staff(Role::Viewer).await;
    let (one, two) = (session(&world, &viewer).await, session(&world, &viewer).await);
    let both = format!("patron_session=old; {one}; {two}");
    let account = || TestRequest::get().uri("/live/account");
    let page = sent(&world, &both, account()).await;
    let token = page.between(r#"name="token" value=""#, "\"").unwrap().to_owned();
    let out = sent(&world, &both, TestRequest::post().uri("/sign-out").set_form([("token", token.as_str())])).await;
    assert_eq!(out.location(), "/sign-in");
    for cookies in [&one, &two, &both] {
        assert_eq!(sent(&world, cookies, account()).await.status, StatusCode::SEE_OTHER, "{cookies}");
    }
    assert_eq!(viewer.get("/live/account").await.status, StatusCode::OK, "another browser");
}

#[tokio::test]
async fn a_form_of_another_cookies_session_proves_nothing() {
    let world = World::new();
    let (editor, other) = (world.staff(Role::Editor).await, world.staff(Role::Viewer).await);
    let valid = session(&world, &editor).await;
    let planted = session(&world, &other).await;
    let page = sent(&world, &planted, TestRequest::get().uri("/live/account")).await;
    let token = page.between(r#"name="token" value=""#, "\"").unwrap().to_owned();
    let form = || TestRequest::post().uri("/test/customers").set_form(with(&token, &[("name", "Meera Nair")]));
    let refused = sent(&world, &format!("{valid}; {planted}"), form()).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN, "{refused}");
    let refused = sent(&world, &format!("patron_session=none; {valid}"), form()).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN, "{refused}");
}
