//! HTTPS by the binary itself: who may come in, what is refused at the start, a certificate that is replaced, connections that
//! go no further than their handshake.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use patron::http::Tls;
use patron::service::doctor::Verdict;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ClientConnection, ProtocolVersion, RootCertStore, StreamOwned, SupportedProtocolVersion};
use serde_json::Value;
use tempfile::{TempDir, tempdir};

use crate::server::{Client, Server, patron, run, run_bounded};

const HOST: &str = "api.razorpay.com";
const BOTH: &[&SupportedProtocolVersion] = &[&TLS13, &TLS12];

fn openssl(arguments: &[&str], directory: &Path) {
    let output = Command::new("openssl").args(arguments).current_dir(directory).output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

/// A certificate for this machine and for the host that Java's SDK insists on, as `NAME.pem`, and its key, as `NAME.key`; it ends
/// in so many days.
fn certificate(directory: &Path, name: &str, days: i32) -> (PathBuf, PathBuf) {
    let file = |extension: &str| format!("{name}.{extension}");
    let (key, request, pem, days) = (file("key"), file("csr"), file("pem"), days.to_string());
    fs::write(
        directory.join("extensions"),
        format!("subjectAltName=IP:127.0.0.1,DNS:{HOST}\nbasicConstraints=critical,CA:FALSE\n"),
    )
    .unwrap();
    openssl(&["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", &key], directory);
    openssl(&["req", "-new", "-key", &key, "-subj", "/CN=patron", "-out", &request], directory);
    openssl(
        &["x509", "-req", "-in", &request, "-signkey", &key, "-days", &days, "-extfile", "extensions", "-out", &pem],
        directory,
    );
    (directory.join(pem), directory.join(key))
}

struct Secure {
    directory: TempDir,
    db: PathBuf,
    cert: PathBuf,
    key: PathBuf,
    server: Server,
}

impl Secure {
    fn start() -> Self {
        let directory = tempdir().unwrap();
        let (cert, key) = certificate(directory.path(), "patron", 90);
        let db = directory.path().join("patron.db");
        let server = Server::start_with(&db, &["--tls-cert", text(&cert), "--tls-key", text(&key)]);
        Self { directory, db, cert, key, server }
    }

    /// Connects as somebody who trusts this certificate alone.
    fn connect(
        &self,
        trusted: &Path,
        versions: &[&'static SupportedProtocolVersion],
    ) -> std::io::Result<StreamOwned<ClientConnection, TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(trusted).unwrap()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
        let builder = builder.with_protocol_versions(versions).unwrap().with_root_certificates(roots);
        let mut config = builder.with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let mut connection =
            ClientConnection::new(Arc::new(config), ServerName::try_from("127.0.0.1").unwrap()).unwrap();
        let mut socket = TcpStream::connect(&self.server.address)?;
        connection.complete_io(&mut socket)?;
        Ok(StreamOwned::new(connection, socket))
    }

    /// Sends bytes, and reads until the server closes.
    fn speak(&self, request: &str) -> String {
        let mut stream = self.connect(&self.cert, BOTH).unwrap();
        stream.write_all(request.replace('\n', "\r\n").as_bytes()).unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8(answer).unwrap()
    }

    /// Whether a new connection is shown this certificate.
    fn shows(&self, cert: &Path) -> bool {
        self.connect(cert, BOTH).is_ok()
    }

    /// Waits for words in the log.
    fn said(&self, words: &str) -> String {
        let until = Instant::now() + Duration::from_secs(10);
        loop {
            let log = fs::read_to_string(&self.server.log).unwrap();
            if log.contains(words) || Instant::now() > until {
                assert!(log.contains(words), "{words}: {log}");
                return log;
            }
            sleep(Duration::from_millis(20));
        }
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn tls_1_2_and_1_3_are_spoken_with_http_1_1_and_nothing_in_the_clear_is_answered() {
    let secure = Secure::start();
    for (asked, spoken) in [(&TLS12, ProtocolVersion::TLSv1_2), (&TLS13, ProtocolVersion::TLSv1_3)] {
        let mut stream = secure.connect(&secure.cert, &[asked]).unwrap();
        assert_eq!(stream.conn.protocol_version(), Some(spoken));
        assert_eq!(stream.conn.alpn_protocol(), Some(&b"http/1.1"[..]));
        stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(answer.contains("strict-transport-security: max-age=31536000; includeSubDomains\r\n"), "{answer}");
    }
    let clear = secure.server.speak(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert!(!clear.contains("HTTP/1.1"), "{clear}");
    assert!(secure.server.printed.contains("\nlistening on https://127.0.0.1:"), "{}", secure.server.printed);
    secure.said("the certificate ");
}

#[test]
fn the_console_is_one_over_https_without_a_public_url() {
    let secure = Secure::start();
    let link = secure.server.printed.split("/link/").next().unwrap().lines().last().unwrap();
    assert!(link.trim().starts_with("https://127.0.0.1:"), "{link}");
    let mut add = patron(&secure.db);
    add.args(["staff", "add", "meera@example.com", "--role", "owner", "--password-stdin"]);
    let mut add = add.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::null()).spawn().unwrap();
    add.stdin.take().unwrap().write_all(b"violet harbour seven kites\n").unwrap();
    assert!(add.wait().unwrap().success());
    let form = "email=meera%40example.com&password=violet+harbour+seven+kites";
    let sign_in = |origin: &str| {
        secure.speak(&format!(
            "POST /sign-in HTTP/1.1\nHost: patron.example\nOrigin: {origin}\nConnection: close\n\
             Content-Type: application/x-www-form-urlencoded\nContent-Length: {}\n\n{form}",
            form.len()
        ))
    };
    let answer = sign_in("https://patron.example");
    assert!(answer.starts_with("HTTP/1.1 303 "), "{answer}");
    let cookie = answer.lines().find(|line| line.starts_with("set-cookie: __Host-patron_session=")).unwrap();
    assert!(cookie.contains("; Secure"), "{cookie}");
    let cookie = cookie.trim_start_matches("set-cookie: ").split(';').next().unwrap();
    let account = secure
        .speak(&format!("GET /live/account HTTP/1.1\nHost: patron.example\nCookie: {cookie}\nConnection: close\n\n"));
    let token = account.split_once(r#"name="token" value=""#).unwrap().1.split('"').next().unwrap();
    let examine = format!("token={token}");
    let examined = secure.speak(&format!(
        "POST /live/doctor HTTP/1.1\nHost: patron.example\nOrigin: https://patron.example\nCookie: {cookie}\n\
         Content-Type: application/x-www-form-urlencoded\nContent-Length: {}\nConnection: close\n\n{examine}",
        examine.len()
    ));
    assert!(examined.contains("<dt>Certificate</dt>") && examined.contains(" holds until 2"), "{examined}");
    assert!(sign_in("http://patron.example").starts_with("HTTP/1.1 403 "), "a page in the clear is another site");
}

#[test]
fn what_is_printed_works_when_pasted_and_a_client_with_a_constant_host_comes_in() {
    let secure = Secure::start();
    let block = |heading: &str| secure.server.printed.split(heading).nth(1).unwrap().split("\n\n").nth(1).unwrap();
    let bash = |line: &str| {
        let output = Command::new("bash").args(["-c", line]).env("NO_PROXY", "*").output().unwrap();
        serde_json::from_slice::<Value>(&output.stdout).unwrap_or_else(|_| panic!("{line}\n{output:?}"))
    };
    let create = block("Create a customer:");
    assert_eq!(bash(create)["contact"], "9123456780");
    assert_eq!(bash(block("Edit the newest customer:"))["contact"], "+919123456780");
    // As by a line of /etc/hosts.
    let port = secure.server.address.rsplit(':').next().unwrap();
    let here = format!("https://{}", secure.server.address);
    let there = format!("--resolve {HOST}:{port}:127.0.0.1 https://{HOST}:{port}");
    let list = create.split(" \\\n").next().unwrap().replace(&here, &there);
    assert_eq!(bash(&list)["count"], 1, "{list}");
}

#[test]
fn a_certificate_is_replaced_while_the_server_runs_and_a_broken_one_is_not_taken() {
    let secure = Secure::start();
    let (before, next) = (secure.directory.path().join("before.pem"), secure.directory.path().join("next"));
    fs::copy(&secure.cert, &before).unwrap();
    fs::create_dir(&next).unwrap();
    let (cert, key) = certificate(&next, "next", 60);
    let mut open = secure.connect(&before, BOTH).unwrap();

    for (broken, why) in
        [("nonsense", "there is no certificate in it"), (&*fs::read_to_string(&cert).unwrap(), "is not that of")]
    {
        fs::write(&secure.cert, broken).unwrap();
        secure.server.signal("HUP");
        let log = secure.said(why);
        assert!(log.contains("the certificate is as it was before: "), "{log}");
        assert!(secure.shows(&before) && !secure.shows(&cert));
    }
    let (over, over_key) = certificate(&next, "over", -1);
    fs::copy(&over, &secure.cert).unwrap();
    fs::copy(&over_key, &secure.key).unwrap();
    secure.server.signal("HUP");
    secure.said(": renew it, then `kill -HUP` the server");
    assert!(secure.shows(&before));

    fs::copy(&cert, &secure.cert).unwrap();
    fs::copy(&key, &secure.key).unwrap();
    secure.server.signal("HUP");
    let log = secure.said(" is read again, and new connections have it: ");
    assert!(log.contains(" holds until 2"), "{log}");
    assert!(secure.shows(&cert) && !secure.shows(&before));
    // Who was connected stays so.
    open.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    let _ = open.read_to_string(&mut answer);
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert_eq!(secure.server.stop(), Some(0));
}

#[test]
fn a_replaced_certificate_is_judged_as_at_a_start() {
    const DAY: i64 = 24 * 3600;
    let directory = tempdir().unwrap();
    let (cert, key) = certificate(directory.path(), "one", 90);
    let tls = Tls::open(&cert, &key).unwrap();
    let now = cert.metadata().unwrap().mtime();
    let reloaded = |days: i64| tls.reload(now + days * DAY).map(|finding| finding.verdict);
    assert_eq!([reloaded(0), reloaded(89)], [Ok(Verdict::Fine), Ok(Verdict::Look)]);
    assert!(reloaded(91).unwrap_err().contains(": renew it, then `kill -HUP` the server"));
    assert!(reloaded(-2).unwrap_err().contains(" begins only "), "a certificate of tomorrow is not taken");
}

fn refusal(output: &Output) -> String {
    let said = String::from_utf8(output.stderr.clone()).unwrap();
    assert!(output.status.code() == Some(1) && said.lines().count() == 1, "{output:?}");
    said
}

#[test]
fn what_cannot_be_used_is_refused_in_a_sentence_and_leaves_nothing_behind() {
    let directory = tempdir().unwrap();
    let db = directory.path().join("patron.db");
    let (cert, key) = certificate(directory.path(), "one", 90);
    let (_, other) = certificate(directory.path(), "other", 90);
    let at = |name: &str| directory.path().join(name);
    openssl(
        &["pkey", "-in", "one.key", "-aes256", "-passout", "pass:secret", "-out", "encrypted.key"],
        directory.path(),
    );
    fs::write(at("cut.key"), &fs::read(&key).unwrap()[..60]).unwrap();
    let der = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    fs::write(at("odd.pem"), der).unwrap();
    crate::output_files::fifo(&at("fifo"));
    fs::File::create(at("long")).unwrap().set_len((1 << 20) + 1).unwrap();
    for (cert, key, words) in [
        (&at("nowhere.pem"), &key, "cannot use --tls-cert"),
        (&at("nowhere.pem"), &key, "there is no such file"),
        (&cert, &at(""), "it is a directory; give a file"),
        (&key, &cert, "there is no certificate in it; give a file in PEM"),
        (&cert, &cert, "there is no private key in it"),
        (&cert, &other, "give the two that were made together"),
        (&cert, &at("encrypted.key"), "it is encrypted, and nobody is there to type its password; `openssl pkey -in"),
        (&cert, &at("cut.key"), "it is damaged; give the key's file in PEM, whole"),
        (&at("odd.pem"), &key, "what is in it is no X.509 certificate"),
        (&at("fifo"), &key, "it is a FIFO or a device; give a plain file"),
        (&cert, &at("fifo"), "it is a FIFO or a device; give a plain file"),
        (&PathBuf::from("/dev/zero"), &key, "it is a FIFO or a device; give a plain file"),
        (&cert, &at("long"), "it is larger than 1 MiB"),
    ] {
        let output = run_bounded(&db, &["serve", "--tls-cert", text(cert), "--tls-key", text(key)]);
        let said = refusal(&output);
        assert!(said.contains(words), "{words}: {said}");
        assert!(!db.exists());
    }
    for (flag, path, missing) in [("--tls-cert", &cert, "--tls-key"), ("--tls-key", &key, "--tls-cert")] {
        let output = run(&db, &["serve", flag, text(path)]);
        assert_eq!(output.status.code(), Some(2), "both or neither");
        assert!(String::from_utf8(output.stderr).unwrap().contains(&format!("{missing} <FILE>")));
    }
}

#[test]
fn a_certificate_that_ends_is_told_of_at_the_start_and_by_the_doctor() {
    let secure = Secure::start();
    let examined = |cert: &Path, key: &Path| {
        let output =
            patron(&secure.db).args(["doctor", "--quick", "--tls-cert", text(cert), "--tls-key", text(key)]).output();
        let output = output.unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        let line = said.lines().find(|line| line.contains(" Certificate ")).unwrap_or_else(|| panic!("{said}"));
        (line.to_owned(), output.status.code())
    };
    let (line, code) = examined(&secure.cert, &secure.key);
    assert!(line.starts_with("ok ") && line.contains(" holds until 2") && code == Some(0), "{line}");
    let (soon, soon_key) = certificate(secure.directory.path(), "soon", 2);
    openssl(&["x509", "-in", "soon.pem", "-noout", "-checkend", "90000"], secure.directory.path());
    let (line, code) = examined(&soon, &soon_key);
    assert!(line.starts_with("ok ") && code == Some(0), "two of two days are left: {line}");
    let (over, over_key) = certificate(secure.directory.path(), "over", -1);
    let (line, code) = examined(&over, &over_key);
    assert!(line.starts_with("wrong ") && line.contains("renew it, then `kill -HUP` the server"), "{line}");
    assert_eq!(code, Some(1));
    let (line, code) = examined(&secure.cert, &over_key);
    assert!(line.starts_with("wrong ") && line.contains("made together") && code == Some(1), "{line}");

    let other = secure.directory.path().join("other.db");
    let late = Server::start_with(&other, &["--tls-cert", text(&over), "--tls-key", text(&over_key)]);
    let log = late.log_with("renew it, then `kill -HUP` the server");
    assert!(log.contains("WARN") && log.contains("renew it, then `kill -HUP` the server"), "{log}");
    let client = Client::new(&late, &other);
    assert!(client.get("").is_err(), "in the clear nobody is answered");
}

#[test]
fn connections_without_a_handshake_are_closed_in_time_and_keep_nobody_out() {
    let secure = Secure::start();
    let began = Instant::now();
    // More than twice as many as the TLS library lets shake hands at once by itself, on each worker.
    let silent: Vec<TcpStream> = (0..1_200).map(|_| TcpStream::connect(&secure.server.address).unwrap()).collect();
    assert!(secure.shows(&secure.cert), "somebody else comes in");
    assert!(began.elapsed() < Duration::from_secs(4), "before those are closed: {:?}", began.elapsed());
    for mut stream in silent {
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        // An end, or what is left of a connection: but not a read that takes too long.
        let read = stream.read(&mut [0; 1]);
        assert!(!read.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock));
    }
    assert!((4..12).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
}

#[test]
#[ignore = "takes long: tests/run runs it"]
fn a_head_that_never_ends_is_cut_off_behind_tls_too() {
    let secure = Secure::start();
    let mut stream = secure.connect(&secure.cert, BOTH).unwrap();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    assert!(stream.read(&mut [0; 4096]).unwrap() > 0);
    let began = Instant::now();
    while stream.write_all(b"G").and_then(|()| stream.flush()).is_ok() && began.elapsed() < Duration::from_secs(40) {
        sleep(Duration::from_millis(500));
    }
    assert!((15..30).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
}
