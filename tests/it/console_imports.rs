//! Imports at the console: a file from its upload to its undoing, what becomes of bad ones, and who may.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use actix_web::test::TestRequest;
use patron::domain::{Mode, Role};
use tempfile::tempdir;

use crate::server::{Server, patron};
use crate::world::{Answer, PASSWORD, Person, World};

/// Sends a file as the form does: these parts, each a name, perhaps what its file is called, and what is in it.
pub async fn send_parts(person: &Person<'_>, path: &str, parts: &[(&str, Option<&str>, &[u8])]) -> Answer {
    person.send(form(path, parts)).await
}

fn form(path: &str, parts: &[(&str, Option<&str>, &[u8])]) -> TestRequest {
    let mut body = Vec::new();
    for (name, file, content) in parts {
        let file = file.map(|file| format!("; filename=\"{file}\"")).unwrap_or_default();
        body.extend(format!("--line\r\ncontent-disposition: form-data; name=\"{name}\"{file}\r\n\r\n").into_bytes());
        body.extend(*content);
        body.extend(b"\r\n");
    }
    body.extend(b"--line--\r\n");
    let request = TestRequest::post().uri(path).insert_header((CONTENT_TYPE, "multipart/form-data; boundary=line"));
    request.set_payload(body)
}

/// Uploads a file to a mode, and gives the answer.
pub async fn upload(person: &Person<'_>, mode: &str, name: &str, file: &[u8]) -> Answer {
    let token = person.form_token().await;
    let parts = [("token", None, token.as_bytes()), ("file", Some(name), file)];
    send_parts(person, &format!("/{mode}/imports"), &parts).await
}

/// What the page of columns has chosen, as its form sends it.
pub fn chosen(page: &Answer) -> Vec<(String, String)> {
    let mut fields = Vec::new();
    for row in page.body.split("<select ").skip(1) {
        let target =
            row.split(" selected").next().unwrap().rsplit("value=\"").next().unwrap().split('"').next().unwrap();
        let key =
            row.split("name=\"key\"").nth(1).unwrap().split("value=\"").nth(1).unwrap().split('"').next().unwrap();
        fields.push(("target".to_owned(), target.to_owned()));
        fields.push(("key".to_owned(), key.to_owned()));
    }
    fields.push(("empty".to_owned(), "keep".to_owned()));
    fields.push(("cleaned".to_owned(), "1".to_owned()));
    fields
}

/// Sends the columns as they are guessed.
pub async fn rehearse(person: &Person<'_>, path: &str) -> Answer {
    let columns = format!("{path}/columns");
    let fields = chosen(&person.get(&columns).await);
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let answer = person.post(&columns, &fields).await;
    assert_eq!(answer.location(), path);
    settled(person, path).await
}

/// The page of an import once nothing is under way any more.
pub async fn settled(person: &Person<'_>, path: &str) -> Answer {
    for _ in 0..500 {
        let page = person.get(path).await;
        if page.header("refresh").is_none() {
            return page;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{path} does not come to an end");
}

/// Does something with an import, to its end.
pub async fn act(person: &Person<'_>, path: &str, act: &str) -> Answer {
    let answer = person.post(&format!("{path}/{act}"), &[]).await;
    assert_eq!(answer.location(), path);
    settled(person, path).await
}

/// Uploads a file to live and rehearses it with the columns that are guessed: the import's path and its page.
pub async fn rehearsed(person: &Person<'_>, file: &str) -> (String, Answer) {
    let answer = upload(person, "live", "customers.csv", file.as_bytes()).await;
    let path = answer.location().strip_suffix("/columns").unwrap().to_owned();
    let page = rehearse(person, &path).await;
    (path, page)
}

/// The figures of an import: how many, and of what.
fn figures(page: &Answer) -> String {
    let parts = page.body.split("<p class=\"figure\">").skip(1).map(|part| {
        let (count, rest) = part.split_once("</p><p>").unwrap();
        let label = rest.split("</p>").next().unwrap();
        let label = label.split('>').find(|text| !text.starts_with('<')).unwrap_or(label);
        format!("{count} {}", label.split('<').next().unwrap())
    });
    parts.collect::<Vec<_>>().join(", ")
}

fn has(answer: &Answer, text: &str) -> bool {
    answer.body.contains(text)
}

const FILE: &str = "Full name,Mobile,E-mail,City\n\
    Ananya,98450 12370,,Pune\n\
    Gaurav Kumar,9123456780,gaurav@example.com,Delhi\n\
    x,9123456781,,\n\
    Gaurav K,+919123456780,gaurav@example.com,\n\
    Meera,9845012399,,\n";

#[tokio::test]
async fn a_file_is_rehearsed_applied_undone_and_brought_back() {
    let world = World::new();
    let (app, meera) = (world.key(Mode::Live).await, world.staff(Role::Editor).await);
    let ananya = app.create(r#"{"name":"Ananya K","contact":"9845012370"}"#).await;
    app.create(r#"{"name":"Meera","contact":"9845012399"}"#).await;

    let answer = upload(&meera, "live", "Sheets/customers.csv", FILE.as_bytes()).await;
    assert_eq!(answer.location(), "/live/imports/1/columns");
    assert_eq!(meera.get("/live/imports/1").await.location(), "/live/imports/1/columns");
    let columns = meera.get("/live/imports/1/columns").await;
    assert!(has(&columns, "customers.csv, has 5 rows") && !has(&columns, "Sheets"), "{columns}");
    let fields = chosen(&columns);
    let targets: Vec<_> = fields.iter().filter(|(name, _)| name == "target").map(|(_, value)| value.as_str()).collect();
    assert_eq!(targets, ["name", "contact", "email", "note"]);

    let page = rehearse(&meera, "/live/imports/1").await;
    assert_eq!(figures(&page), "2 To create, 1 To update, 1 Unchanged, 1 Refused");
    assert_eq!(app.get("/v1/customers").await.json()["count"], 2, "nothing is written");
    let update = meera.get("/live/imports/1/rows/update").await;
    assert!(has(&update, "<del>Ananya K</del>") && has(&update, "<ins>Ananya</ins>"), "{update}");
    let refused = meera.get("/live/imports/1/rows/refused").await;
    assert!(has(&refused, "Line 4") && has(&refused, "<dt>Full name</dt><dd>x</dd>"), "{refused}");

    let sure = meera.get("/live/imports/1/apply").await;
    assert!(has(&sure, "2 customers") && has(&sure, "1 customer<") && has(&sure, "1 unchanged, 1 refused"), "{sure}");
    let page = act(&meera, "/live/imports/1", "apply").await;
    assert_eq!(figures(&page), "3 Written, 1 Unchanged, 1 Refused");
    assert_eq!(app.get("/v1/customers").await.json()["count"], 4);
    assert_eq!(app.get(&ananya).await.json()["name"], "Ananya");

    let activity = meera.get("/live/activity").await;
    assert!(has(&activity, "imported <a href=\"/live/imports/1\">customers.csv</a>"), "{activity}");
    assert!(has(&activity, "href=\"/live/imports/1/undo\""), "{activity}");
    let record = meera.get(&ananya.replace("/v1", "/live")).await;
    assert!(has(&record, "<a href=\"/live/imports/1\">Import 1</a>"), "{record}");

    // One of those that it made is edited: it stays.
    let found = meera.get("/live/imports/1/rows/written").await;
    let made: Vec<String> =
        found.body.split("href=\"/live/customers/cust_").skip(1).map(|rest| rest[..14].to_owned()).collect();
    assert_eq!(made.len(), 3);
    let path = format!("/v1/customers/cust_{}", made[1]);
    app.put(&path, r#"{"gstin":"29AAGCB7383J1Z4"}"#).await;
    assert!(has(&meera.get("/live/imports/1/undo").await, "Withdraws"));
    let page = act(&meera, "/live/imports/1", "undo").await;
    assert_eq!(figures(&page), "2 Taken back, 1 Kept, edited since, 1 Unchanged, 1 Refused");
    assert!(has(&meera.get("/live/imports/1/rows/kept").await, &path[4..]));
    assert_eq!(app.get(&ananya).await.json()["name"], "Ananya K");
    assert!(!has(&meera.get("/live/activity").await, "/live/imports/1/undo"));

    let gone = format!("/live/customers/cust_{}", made[2]);
    let withdrawn = meera.get(&gone).await;
    assert_eq!(withdrawn.status, StatusCode::GONE);
    assert!(has(&withdrawn, "This customer is withdrawn.") && has(&withdrawn, "made this customer with import 1"));
    let saved = meera.post(&gone, &[("revision", "1"), ("name", "Other")]).await;
    assert_eq!(saved.status, StatusCode::GONE, "{saved}");
    assert!(app.get(&gone.replace("/live", "/v1")).await.description().contains("does not exist"));

    let page = act(&meera, "/live/imports/1", "redo").await;
    assert_eq!(figures(&page), "3 Written, 1 Unchanged, 1 Refused");
    assert_eq!(meera.get(&gone).await.status, StatusCode::OK);
    // Pressed twice, it is done once.
    assert_eq!(meera.post("/live/imports/1/redo", &[]).await.location(), "/live/imports/1");
    assert_eq!(meera.post("/live/imports/1/discard", &[]).await.status, StatusCode::CONFLICT);
    assert_eq!(meera.get("/live/imports/1/apply").await.status, StatusCode::CONFLICT);
}

#[tokio::test]
async fn refused_rows_come_back_as_a_file_to_mend_and_import_again() {
    let world = World::new();
    let meera = world.staff(Role::Editor).await;
    let long = "name,contact\n".to_owned() + &"x,=1+2\n".repeat(1_201);
    let (path, page) = rehearsed(&meera, &long).await;
    assert_eq!(figures(&page), "0 To create, 0 To update, 0 Unchanged, 1,201 Refused");
    assert!(has(&page, "There is nothing to apply."));
    let file = meera.get(&format!("{path}/refused.csv")).await;
    assert_eq!(file.header("content-disposition"), Some("attachment; filename=\"import-1-refused.csv\""));
    let lines: Vec<&str> = file.body.trim_start_matches('\u{feff}').lines().collect();
    assert_eq!((lines[0], lines.len()), ("patron_reason,name,contact", 1_202));
    assert!(
        lines[1].starts_with("\"Line 2: name: ") && lines[1].ends_with(",x,'=1+2"),
        "no formula reaches a spreadsheet: {}",
        lines[1]
    );
    assert!(lines[1_201].starts_with("\"Line 1202: ") && lines[1_201].ends_with(",x,'=1+2"), "{}", lines[1_201]);
    // Mended, it is a file like any other.
    let mended = file.body.replace("x,'=1+2", "Meera,9845012370");
    let (_, page) = rehearsed(&meera, &mended).await;
    assert_eq!(figures(&page), "1 To create, 0 To update, 0 Unchanged, 1,200 Refused");
    // Its rows go page by page.
    let first = meera.get(&format!("{path}/rows/refused")).await;
    assert_eq!(first.body.matches("<span class=\"when\">").count(), 50);
    let second = meera.get(first.between("rel=\"next\" href=\"", "\"").unwrap()).await;
    assert!(has(&second, "Line 52<") && has(&second, "First page"), "{second}");
    let beyond = meera.get(&format!("{path}/rows/refused?after=18446744073709551615")).await;
    assert_eq!(beyond.status, StatusCode::OK, "{beyond}");
    let last = meera.get(&format!("{path}/rows/refused?after=1201")).await;
    assert!(has(&last, "Line 1,202<") && !has(&last, "rel=\"next\""), "{last}");
}

#[tokio::test]
async fn columns_that_are_left_out_are_listed_before_and_after() {
    let world = World::new();
    let meera = world.staff(Role::Editor).await;
    let file = format!("name,city,bio\nMeera,Pune,{}\n", "x".repeat(257));
    let (path, page) = rehearsed(&meera, &file).await;
    let left_out = "Columns left out</dt><dd>bio <span class=\"soft\">(has more than 256 characters)</span>";
    assert!(has(&page, left_out), "{page}");
    assert!(has(&meera.get(&format!("{path}/apply")).await, left_out));
    assert!(has(&act(&meera, &path, "apply").await, left_out));
}

#[tokio::test]
async fn columns_are_what_somebody_says() {
    let world = World::new();
    let (app, meera) = (world.key(Mode::Test).await, world.staff(Role::Editor).await);
    upload(&meera, "test", "a.csv", b"A,B,C\nMeera,Pune,9845012370\n").await;
    let path = "/test/imports/1/columns";
    let send = async |fields: &[(&str, &str)]| meera.post(path, fields).await;
    let none = send(&[("target", "ignore"), ("key", ""), ("target", "ignore"), ("key", "")]).await;
    assert_eq!(none.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(has(&none, "No column is the name, the email, the contact or the id"), "{none}");
    let twice = [("target", "name"), ("key", ""), ("target", "name"), ("key", ""), ("target", "note"), ("key", " ")];
    let twice = send(&twice).await;
    assert!(has(&twice, "The column A is this already: leave one of them out."), "{twice}");
    assert!(has(&twice, "Type the key of the note.") && has(&twice, "href=\"#key-3\""), "{twice}");
    let long = "k".repeat(257);
    let odd = send(&[("target", "sum"), ("key", ""), ("target", "note"), ("key", &long)]).await;
    assert!(has(&odd, "Choose what the column is.") && has(&odd, "at most 256 characters"), "{odd}");
    let good =
        [("target", "name"), ("key", ""), ("target", "note"), ("key", " city "), ("target", "contact"), ("key", "")];
    assert_eq!(send(&good).await.location(), "/test/imports/1");
    settled(&meera, "/test/imports/1").await;
    act(&meera, "/test/imports/1", "apply").await;
    let customer = app.get("/v1/customers").await.json()["items"][0].clone();
    assert_eq!((&customer["name"], &customer["notes"]["city"]), (&"Meera".into(), &"Pune".into()));
    assert_eq!(meera.get(path).await.status, StatusCode::CONFLICT, "it is applied");
}

#[tokio::test]
async fn empty_cells_keep_or_clear_as_somebody_says() {
    let world = World::new();
    let (app, meera) = (world.key(Mode::Live).await, world.staff(Role::Editor).await);
    let path = app.create(r#"{"name":"Meera","contact":"9845012370","email":"m@example.com"}"#).await;
    let id = path.rsplit('/').next().unwrap();
    let file = format!("id,name,email\n{id},Meera S,\n");
    for (empty, figure) in [("keep", true), ("clear", false)] {
        let answer = upload(&meera, "live", "a.csv", file.as_bytes()).await;
        let import = answer.location().strip_suffix("/columns").unwrap().to_owned();
        let fields = [
            ("target", "id"),
            ("key", ""),
            ("target", "name"),
            ("key", ""),
            ("target", "email"),
            ("key", ""),
            ("empty", empty),
        ];
        meera.post(answer.location(), &fields).await;
        settled(&meera, &import).await;
        act(&meera, &import, "apply").await;
        assert_eq!(app.get(&path).await.json()["email"] == "m@example.com", figure, "{empty}");
    }
}

#[tokio::test]
async fn what_is_no_file_of_customers_is_refused_in_a_sentence() {
    let world = World::new();
    let meera = world.staff(Role::Editor).await;
    let token = meera.form_token().await;
    let token = ("token", None, token.as_bytes());
    let wide = (0..201).map(|at| format!("c{at}")).collect::<Vec<_>>().join(",");
    for (parts, words) in [
        (vec![token], "Choose the file to import."),
        (vec![token, ("file", Some(""), &b""[..])], "Choose the file to import."),
        (vec![token, ("file", Some("a.csv"), b"")], "The file is empty."),
        (vec![token, ("file", Some("a.csv"), b"name,contact\n")], "The file has no rows."),
        (
            vec![token, ("file", Some("a.csv"), b"name,name\na,b\n")],
            "The first line names the column &#34;name&#34; twice: rename one of them.",
        ),
        (vec![token, ("file", Some("a.csv"), b"n\xe4me\nMeera\n")], "Line 1 is not UTF-8"),
        (
            vec![token, ("file", Some("a.xlsx"), b"PK\x03\x04rest")],
            "The file is a workbook of a spreadsheet: save it as CSV",
        ),
        (vec![token, ("file", Some("a.json"), b"[{\"name\":\"a\"}]")], "The file is a JSON array"),
        (vec![token, ("file", Some("a.csv"), wide.as_bytes())], "The file has more than 200 columns."),
    ] {
        let answer = send_parts(&meera, "/live/imports", &parts).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{words}: {answer}");
        assert!(has(&answer, &format!("<a href=\"#file\">{words}")), "{words}: {answer}");
        assert!(has(&answer, "<title>Error: "), "{answer}");
    }
    assert!(has(&meera.get("/live/imports").await, "Nothing was imported into live yet"), "nothing of them stays");
    // A row that is not UTF-8 is refused alone.
    let (_, page) = {
        let answer = upload(&meera, "live", "a.csv", b"name,contact\nM\xfcller,9845012370\nMeera,9845012371\n").await;
        let path = answer.location().strip_suffix("/columns").unwrap().to_owned();
        let page = rehearse(&meera, &path).await;
        (path, page)
    };
    assert_eq!(figures(&page), "1 To create, 0 To update, 0 Unchanged, 1 Refused");
}

#[tokio::test]
async fn a_file_is_read_for_whoever_sent_it_from_our_page() {
    let world = World::new();
    let (meera, viewer) = (world.staff(Role::Editor).await, world.staff(Role::Viewer).await);
    let (token, other) = (meera.form_token().await, viewer.form_token().await);
    let file = ("file", Some("a.csv"), &b"name\nMeera\n"[..]);
    let (good, wrong) = (("token", None, token.as_bytes()), ("token", None, other.as_bytes()));
    let refused = send_parts(&meera, "/live/imports", &[wrong, file]).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN, "{refused}");
    let late = send_parts(&meera, "/live/imports", &[file, good]).await;
    assert_eq!(late.status, StatusCode::FORBIDDEN, "the token comes before the file: {late}");
    let none = send_parts(&meera, "/live/imports", &[file]).await;
    assert_eq!(none.status, StatusCode::FORBIDDEN, "{none}");
    let elsewhere = form("/live/imports", &[good, file]).insert_header(("origin", "https://evil.example"));
    assert_eq!(meera.send(elsewhere).await.status, StatusCode::FORBIDDEN);
    let not_whole = TestRequest::post().uri("/live/imports").insert_header((CONTENT_TYPE, "multipart/form-data"));
    assert_eq!(meera.send(not_whole.set_payload("x")).await.status, StatusCode::BAD_REQUEST);
    let by_viewer = send_parts(&viewer, "/live/imports", &[wrong, file]).await;
    assert_eq!(by_viewer.status, StatusCode::FORBIDDEN, "{by_viewer}");
    assert!(has(&meera.get("/live/imports").await, "Nothing was imported"));
    // What a viewer sees of an import leads nowhere.
    let (path, _) = rehearsed(&meera, "name\nMeera\n").await;
    act(&meera, &path, "apply").await;
    let activity = viewer.get("/live/activity").await;
    assert!(has(&activity, "imported customers.csv") && !has(&activity, "/imports/"), "{activity}");
    assert!(!has(&viewer.get("/live/customers").await, "/imports"));
}

#[tokio::test]
async fn a_file_that_is_too_large_is_told_so_before_it_is_read() {
    let world = World::new();
    let meera = world.staff(Role::Editor).await;
    let token = meera.form_token().await;
    let parts = [("token", None, token.as_bytes()), ("file", Some("a.csv"), &b"name\nMeera\n"[..])];
    let request = form("/live/imports", &parts).insert_header((CONTENT_LENGTH, "300000000"));
    let answer = meera.send(request).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(has(&answer, "The file is larger than 256 MiB. Cut it into smaller ones"), "{answer}");
}

/// An editor at a running server, who speaks HTTP by hand.
struct ByHand<'a> {
    server: &'a Server,
    cookie: String,
    token: String,
}

impl<'a> ByHand<'a> {
    fn sign_in(server: &'a Server, db: &Path) -> Self {
        let arguments = ["staff", "add", "meera@kaveri.example", "--role", "editor", "--password-stdin"];
        let mut command = patron(db).args(arguments).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        command.stdin.take().unwrap().write_all(PASSWORD.as_bytes()).unwrap();
        assert!(command.wait().unwrap().success());
        let form = format!("email=meera%40kaveri.example&password={}", PASSWORD.replace(' ', "+"));
        let head = format!(
            "POST /sign-in HTTP/1.1\ncontent-type: application/x-www-form-urlencoded\ncontent-length: {}",
            form.len()
        );
        let mut meera = Self { server, cookie: String::new(), token: String::new() };
        let answer = meera.send(&head, form.as_bytes()).1;
        meera.cookie = answer.split_once("set-cookie: ").unwrap().1.split(';').next().unwrap().to_owned();
        let account = meera.send("GET /live/account HTTP/1.1", b"").1;
        meera.token = account.split_once("name=\"token\" value=\"").unwrap().1.split('"').next().unwrap().to_owned();
        meera
    }

    fn begin(&self, head: &str) -> TcpStream {
        let mut stream = TcpStream::connect(&self.server.address).unwrap();
        let head = format!("{head}\nhost: {}\ncookie: {}\nconnection: close\n\n", self.server.address, self.cookie);
        stream.write_all(head.replace('\n', "\r\n").as_bytes()).unwrap();
        stream
    }

    /// Sends a request; gives whether all of it went, and the answer.
    fn send(&self, head: &str, body: &[u8]) -> (bool, String) {
        let mut stream = self.begin(head);
        let is_whole = stream.write_all(body).is_ok();
        (is_whole, answer(stream))
    }

    /// What a form with a file begins with.
    fn form_start(&self) -> String {
        let part = |name: &str| format!("--line\r\ncontent-disposition: form-data; name=\"{name}\"");
        format!("{}\r\n\r\n{}\r\n{}; filename=\"a.csv\"\r\n\r\nname,contact\n", part("token"), self.token, part("file"))
    }
}

fn answer(mut stream: TcpStream) -> String {
    let mut answer = Vec::new();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    // A connection that is reset ends it too.
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

const UPLOAD: &str = "POST /live/imports HTTP/1.1\ncontent-type: multipart/form-data; boundary=line";

#[test]
fn a_file_that_does_not_end_is_too_large() {
    let directory = tempdir().unwrap();
    let db = directory.path().join("patron.db");
    let server = Server::start(&db);
    let meera = ByHand::sign_in(&server, &db);
    let mut stream = meera.begin(&format!("{UPLOAD}\ntransfer-encoding: chunked"));
    let chunk = |bytes: &[u8]| [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat();
    stream.write_all(&chunk(meera.form_start().as_bytes())).unwrap();
    // A line that is too long is thrown away as it comes, and the memory stays as it was.
    let piece = chunk(&vec![b'x'; 1024 * 1024]);
    for _ in 0..257 {
        stream.write_all(&piece).unwrap();
    }
    stream.write_all(b"0\r\n\r\n").unwrap();
    let told = answer(stream);
    assert!(told.starts_with("HTTP/1.1 422 ") && told.contains("The file is larger than 256 MiB."), "{told}");
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.id())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap().trim();
    let peak: u64 = peak.split(' ').next().unwrap().parse().unwrap();
    assert!(peak < 150_000, "{peak} kB at most were in use");
}

#[test]
#[ignore = "takes long: tests/run runs it"]
fn who_stops_or_goes_away_in_the_middle_leaves_no_import_and_keeps_nobody_waiting() {
    let directory = tempdir().unwrap();
    let db = directory.path().join("patron.db");
    let server = Server::start(&db);
    let meera = ByHand::sign_in(&server, &db);
    let rows = format!("{}Meera,9845012370\n", meera.form_start());
    // Many who say no more; the file of one more comes in beside them.
    let silent: Vec<TcpStream> = (0..64)
        .map(|_| {
            let mut stream = meera.begin(&format!("{UPLOAD}\ncontent-length: 1000000"));
            stream.write_all(rows.as_bytes()).unwrap();
            stream
        })
        .collect();
    let whole = format!("{rows}\r\n--line--\r\n");
    let (_, told) = meera.send(&format!("{UPLOAD}\ncontent-length: {}", whole.len()), whole.as_bytes());
    assert!(told.starts_with("HTTP/1.1 303 ") && told.contains("location: /live/imports/1/columns"), "{told}");
    // Who goes away sends half a file, which is none.
    let mut silent = silent.into_iter();
    let waiting = silent.next().unwrap();
    drop(silent);
    let list = meera.send("GET /live/imports HTTP/1.1", b"").1;
    assert!(list.contains("Import 1<") && !list.contains("Import 2<"), "{list}");
    // Who says no more is told so in half a minute.
    let began = Instant::now();
    let told = answer(waiting);
    assert!(told.starts_with("HTTP/1.1 422 ") && told.contains("The file came too slowly"), "{told}");
    assert!((20..40).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
}

#[tokio::test]
async fn whoever_was_withdrawn_is_exported_and_erased_like_anybody() {
    let world = World::new();
    let owner = world.staff(Role::Owner).await;
    let (path, _) = rehearsed(&owner, "name,contact\nMeera,9845012370\n").await;
    act(&owner, &path, "apply").await;
    let written = owner.get(&format!("{path}/rows/written")).await;
    let customer = format!("/live/customers/{}", written.between("href=\"/live/customers/", "\"").unwrap());
    act(&owner, &path, "undo").await;
    assert!(has(&owner.get(&customer).await, "erase this customer"));
    let held = owner.get(&format!("{customer}/export")).await;
    assert_eq!(held.json()["customer"]["name"], "Meera", "{held}");
    let id = customer.rsplit('/').next().unwrap();
    assert!(has(&owner.get(&format!("{customer}/erase")).await, "Erase Meera?"));
    assert_eq!(owner.post(&format!("{customer}/erase"), &[("confirm", id)]).await.location(), customer);
    let erased = owner.get(&customer).await;
    assert!(has(&erased, "This customer was erased") && !has(&erased, "Meera"), "{erased}");
}
