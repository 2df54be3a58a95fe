//! Signing in, and what a session is: how it begins, whose it is, and how it ends.

use std::time::Duration;

use actix_web::test::TestRequest;
use patron::domain::{Email, Role};
use patron::service::Token;

use crate::world::{Answer, PASSWORD, Person, World, with};

const NEW: &str = "seven slow rivers under glass";

/// The token in the cookie that an answer sets.
fn token_in(answer: &Answer) -> String {
    let cookie = answer.header("set-cookie").unwrap_or_else(|| panic!("{answer}"));
    cookie.split(';').next().unwrap().split_once('=').unwrap().1.to_owned()
}

async fn is_in(person: &Person<'_>) -> bool {
    person.get("/live/account").await.status == 200
}

fn credentials<'a>(email: &'a str, password: &'a str) -> [(&'a str, &'a str); 2] {
    [("email", email), ("password", password)]
}

#[tokio::test]
async fn a_session_begins_with_a_token_that_nobody_chose_and_only_its_hash_is_kept() {
    let world = World::new();
    let editor = world.staff(Role::Editor).await;
    let mut tokens = Vec::new();
    for brought in ["patron_session=chosen-by-somebody", "patron_session=", "__Host-patron_session=chosen"] {
        let request = TestRequest::post().uri("/sign-in").insert_header(("Cookie", brought));
        let answer = world.send(request.set_form(credentials(&editor.email, PASSWORD))).await;
        tokens.push(token_in(&answer));
    }
    tokens.dedup();
    assert_eq!(tokens.len(), 3);
    let connection = rusqlite::Connection::open(world.db()).unwrap();
    for token in tokens {
        assert!(token.len() == 43 && token.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{token}");
        let mut statement = connection.prepare("SELECT hash FROM sessions").unwrap();
        let kept: Vec<String> = statement.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap();
        assert!(kept.iter().all(|hash| hash.len() == 64 && !hash.contains(&token)), "{kept:?}");
        // What is kept opens nothing.
        for hash in kept {
            assert!(world.services.staff.session(&Token::given(hash)).await.unwrap().is_none());
        }
    }
}

#[tokio::test]
async fn signing_in_ends_the_session_that_the_browser_had_and_failing_to_does_not() {
    let world = World::new();
    let (viewer, other) = (world.staff(Role::Viewer).await, world.staff(Role::Editor).await);
    let elsewhere = world.sign_in(&viewer.email, PASSWORD).await;
    viewer.send_form("/sign-in", &credentials(&viewer.email, "not the password")).await;
    assert!(is_in(&viewer).await);
    let again = viewer.send_form("/sign-in", &credentials(&viewer.email, PASSWORD)).await;
    assert!(!is_in(&viewer).await && is_in(&elsewhere).await);
    let mut viewer = viewer;
    viewer.keep_cookie(&again);
    assert!(is_in(&viewer).await);
    // Also where somebody else sits down.
    viewer.send_form("/sign-in", &credentials(&other.email, PASSWORD)).await.location();
    assert!(!is_in(&viewer).await && is_in(&other).await);

    let invited =
        world.services.staff.invite(Email::parse("ravi@kaveri.example").unwrap(), Role::Viewer).await.unwrap();
    let chosen = [("password", PASSWORD), ("again", PASSWORD)];
    other.send_form(&format!("/link/{}", invited.reveal()), &chosen).await.location();
    assert!(!is_in(&other).await);
}

#[tokio::test]
async fn a_session_ends_after_half_an_hour_idle_and_twelve_hours_in_any_case() {
    let world = World::new();
    let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
    let (idle, busy) = (world.staff(Role::Viewer).await, world.staff(Role::Editor).await);
    for _ in 0..24 {
        world.pass(minutes(29));
        assert!(is_in(&busy).await);
    }
    assert!(!is_in(&idle).await);
    world.pass(minutes(23));
    assert!(is_in(&busy).await);
    world.pass(minutes(1));
    assert!(!is_in(&busy).await, "twelve hours");

    let idle = world.sign_in("viewer@kaveri.example", PASSWORD).await;
    world.pass(minutes(30));
    assert!(!is_in(&idle).await);
}

#[tokio::test]
async fn signing_out_ends_the_session_for_whoever_kept_its_cookie() {
    let world = World::new();
    let (editor, elsewhere) = (world.staff(Role::Editor).await, world.staff(Role::Editor).await);
    let answer = editor.post("/sign-out", &[]).await;
    assert_eq!(answer.location(), "/sign-in");
    assert_eq!(answer.header("clear-site-data"), Some(r#""cache""#));
    assert!(answer.header("set-cookie").unwrap().starts_with("patron_session=; "), "{answer}");
    assert!(answer.header("set-cookie").unwrap().contains("Max-Age=0"));
    assert!(!is_in(&editor).await && is_in(&elsewhere).await);
    for page in ["/live", "/live/customers", "/test/activity", "/live/account", "/live/nowhere"] {
        assert!(elsewhere.get(page).await.body.contains(r#"action="/sign-out""#), "{page} has no way out");
    }
}

#[tokio::test]
async fn the_present_password_is_needed_for_another_and_other_sessions_end_with_it() {
    let world = World::new();
    let (owner, elsewhere) = (world.staff(Role::Owner).await, world.staff(Role::Owner).await);
    let change = async |current: &str, password: &str| {
        let fields = [("current", current), ("password", password), ("again", password)];
        owner.post("/live/account/password", &fields).await
    };
    for current in ["", "not the password", NEW, &PASSWORD.to_uppercase(), &format!("{PASSWORD} "), &PASSWORD[..20]] {
        let answer = change(current, NEW).await;
        assert_eq!(answer.status, 422, "{current}");
        assert!(answer.body.contains("This is not your present password."), "{current}");
    }
    assert!(is_in(&elsewhere).await);
    assert_eq!(change(PASSWORD, NEW).await.location(), "/live/account?done=password");
    assert!(is_in(&owner).await && !is_in(&elsewhere).await);
    assert_eq!(world.visitor().send_form("/sign-in", &credentials(&owner.email, PASSWORD)).await.status, 422);
    world.sign_in(&owner.email, NEW).await;

    // Nor is there a way round: a link, which an owner can make for others, nobody makes for themselves.
    let own = format!("/live/staff/{}/link", owner.id().await);
    let answer = owner.post(&own, &[]).await;
    assert_eq!(answer.status, 403);
    assert!(answer.body.contains("where the present one is asked for") && !answer.body.contains("/link/"), "{answer}");
}

#[tokio::test]
async fn a_password_may_be_long_of_any_script_and_is_taken_as_it_was_typed() {
    let world = World::new();
    let long = "ü ".repeat(128);
    for (number, password) in
        [long.as_str(), "  वे नदी के पार चलते हैं  ", "😀 + & = % \" < > \\ 😀"].into_iter().enumerate()
    {
        let email = format!("someone{number}@kaveri.example");
        let link = world.services.staff.invite(Email::parse(&email).unwrap(), Role::Viewer).await.unwrap();
        let path = format!("/link/{}", link.reveal());
        let asked = world.visitor().get(&path).await;
        // Typed or pasted, by a person or by what keeps their passwords.
        assert_eq!(asked.body.matches(r#"type="password""#).count(), 2);
        assert_eq!(asked.body.matches(r#"autocomplete="new-password""#).count(), 2);
        assert!(!asked.body.contains("maxlength") && !asked.body.contains("onpaste"), "{asked}");
        let fields = [("password", password), ("again", password)];
        assert_eq!(world.visitor().send_form(&path, &fields).await.location(), "/");
        world.sign_in(&email, password).await;
        for other in [password.trim().to_owned(), password.to_uppercase(), password.chars().skip(1).collect()] {
            if other != password {
                let answer = world.visitor().send_form("/sign-in", &credentials(&email, &other)).await;
                assert_eq!(answer.status, 422, "{other:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_password_that_is_tried_first_is_refused_wherever_one_is_chosen() {
    let world = World::new();
    let viewer = world.staff(Role::Viewer).await;
    let invited = world.services.staff.invite(Email::parse("asha.rao@kaveri.example").unwrap(), Role::Viewer).await;
    let link = format!("/link/{}", invited.unwrap().reveal());
    for (password, words) in [
        ("elevenchars", "The password must have at least 12 characters."),
        ("QwertyQwerty", "The password is one of the commonest"),
        ("kaveri-2026-patron", "The password is little more than your email or a word that everybody here would try"),
    ] {
        let fields = [("current", PASSWORD), ("password", password), ("again", password)];
        for answer in
            [viewer.post("/live/account/password", &fields).await, world.visitor().send_form(&link, &fields[1..]).await]
        {
            assert_eq!(answer.status, 422, "{password}");
            assert!(answer.body.contains(words) && !answer.body.contains(password), "{password}: {answer}");
        }
    }
}

#[tokio::test]
async fn nobody_learns_from_a_refusal_who_there_is() {
    let world = World::new();
    let (wrong, disabled) = (world.staff(Role::Viewer).await, world.staff(Role::Editor).await);
    let id = patron::domain::StaffId::stored(disabled.id().await);
    world.services.staff.set_disabled(&id, true).await.unwrap();
    world.services.staff.invite(Email::parse("invited@kaveri.example").unwrap(), Role::Viewer).await.unwrap();
    let mut answers = Vec::new();
    for (email, password) in [
        (wrong.email.as_str(), "not the password"),
        (disabled.email.as_str(), PASSWORD),
        ("invited@kaveri.example", PASSWORD),
        ("nobody@kaveri.example", PASSWORD),
        ("no address at all", ""),
    ] {
        let answer = world.visitor().send_form("/sign-in", &credentials(email, password)).await;
        let headers: Vec<_> = answer.headers.iter().filter(|(name, _)| *name != "x-request-id").collect();
        answers.push((answer.status, format!("{headers:?}"), answer.body.replace(email, "EMAIL")));
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:#?}");
    assert_eq!(answers[0].0, 422);
}

#[tokio::test]
async fn guessing_a_password_is_limited_and_locks_nobody_out() {
    let world = World::new();
    let (asha, ravi) = (world.staff(Role::Viewer).await, world.staff(Role::Editor).await);
    let sign_in = async |from: &str, email: &str, password: &str| {
        let request = TestRequest::post().uri("/sign-in").peer_addr(format!("{from}:1").parse().unwrap());
        world.send(request.set_form(credentials(email, password))).await
    };
    for _ in 0..20 {
        assert_eq!(sign_in("10.0.0.1", &asha.email, "guess").await.status, 422);
    }
    let limited = sign_in("10.0.0.1", &asha.email, PASSWORD).await;
    assert_eq!(limited.status, 429);
    assert!(limited.body.contains("Try again in 60 seconds") && limited.header("set-cookie").is_none(), "{limited}");
    // From there to somebody else, and to her from elsewhere, the way is open.
    assert_eq!(sign_in("10.0.0.1", &ravi.email, PASSWORD).await.status, 303);
    assert_eq!(sign_in("10.0.0.2", &asha.email, PASSWORD).await.status, 303);
    // One address with ever new emails is stopped too.
    let mut stopped = 0;
    for number in 0..60 {
        let answer = sign_in("10.0.0.3", &format!("nobody{number}@kaveri.example"), "guess").await;
        assert_eq!(answer.status, 422);
        stopped += 1;
    }
    assert_eq!((stopped, sign_in("10.0.0.3", &ravi.email, PASSWORD).await.status.as_u16()), (60, 429));
    world.pass(Duration::from_secs(60));
    assert_eq!(sign_in("10.0.0.1", &asha.email, PASSWORD).await.status, 303);

    // The same holds for who knows one password of a session and guesses at the present one.
    let guess = [("current", "guess"), ("password", NEW), ("again", NEW)];
    let token = ravi.form_token().await;
    for _ in 0..20 {
        assert_eq!(ravi.send_form("/live/account/password", &with(&token, &guess)).await.status, 422);
    }
    let right = [("current", PASSWORD), ("password", NEW), ("again", NEW)];
    let limited = ravi.send_form("/live/account/password", &with(&token, &right)).await;
    assert!(limited.body.contains("Too many failed attempts. Try again in"), "{limited}");
}
