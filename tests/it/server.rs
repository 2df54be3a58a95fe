//! The built binary: started on a port it picks, spoken to over TCP, stopped and killed.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;

/// The binary with this environment and no other setting.
pub fn patron(db: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_patron"));
    command.env_clear().env("PATRON_DB", db).env("PATRON_LISTEN", "127.0.0.1:0").stdin(Stdio::null());
    command
}

/// Runs a command to its end.
pub fn run(db: &Path, arguments: &[&str]) -> Output {
    patron(db).args(arguments).output().unwrap()
}

/// Runs a command that is ended after 20 seconds, with the exit code 124.
pub fn run_bounded(db: &Path, arguments: &[&str]) -> Output {
    let unbounded = patron(db);
    let mut command = Command::new("timeout");
    command.arg("20").arg(unbounded.get_program()).args(arguments).env_clear().stdin(Stdio::null());
    command.envs(unbounded.get_envs().filter_map(|(name, value)| Some((name, value?)))).output().unwrap()
}

/// All that a command said.
pub fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

pub struct Server {
    child: Child,
    pub address: String,
    /// What it printed until it listened.
    pub printed: String,
    /// Where its log goes.
    pub log: PathBuf,
}

impl Server {
    pub fn start(db: &Path) -> Self {
        Self::start_with(db, &[])
    }

    pub fn start_with(db: &Path, arguments: &[&str]) -> Self {
        Self::run(patron(db).args(arguments), db.with_extension("log"))
    }

    /// Starts a command that ends in a server.
    pub fn run(command: &mut Command, log: PathBuf) -> Self {
        Self::attempt(command, log).unwrap_or_else(|said| panic!("{said}"))
    }

    /// The same where it may refuse: then, what it printed and all of its log.
    pub fn attempt(command: &mut Command, log: PathBuf) -> Result<Self, String> {
        let log_file = std::fs::OpenOptions::new().create(true).append(true).open(&log).unwrap();
        let mut child = command.stdout(Stdio::piped()).stderr(log_file).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut server = Self { child, address: String::new(), printed: String::new(), log };
        while server.address.is_empty() {
            let before = server.printed.len();
            let read = lines.read_line(&mut server.printed).unwrap();
            if read == 0 {
                let how = server.child.wait().unwrap();
                return Err(format!("{}{}{how}", server.printed, std::fs::read_to_string(&server.log).unwrap()));
            }
            let line = server.printed[before..].trim_end();
            let address = line.strip_prefix("listening on http://").or(line.strip_prefix("listening on https://"));
            server.address = address.unwrap_or_default().to_owned();
        }
        Ok(server)
    }

    /// Its log once it has these words, or after ten seconds.
    pub fn log_with(&self, words: &str) -> String {
        let began = Instant::now();
        loop {
            let log = std::fs::read_to_string(&self.log).unwrap();
            if log.contains(words) || began.elapsed() > Duration::from_secs(10) {
                return log;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Asks it to stop, waits, and gives its exit code.
    pub fn stop(mut self) -> Option<i32> {
        self.signal("TERM");
        self.child.wait().unwrap().code()
    }

    /// The number of its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, name: &str) {
        let kill = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status().unwrap();
        assert!(kill.success());
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub fn wait(mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }

    /// Sends a request of a client's with this body, and gives the whole answer.
    pub fn ask(&self, method: &str, rest: &str, client: &Client, json: &str) -> String {
        let (authorization, len) = (&client.authorization, json.len());
        let head = format!(
            "{method} /v1/customers{rest} HTTP/1.1\nHost: x\nAuthorization: {authorization}\n\
             Content-Type: application/json\nContent-Length: {len}\nConnection: close\n\n"
        );
        self.speak(format!("{}{json}", head.replace('\n', "\r\n")).as_bytes())
    }

    /// Sends bytes as they are, and reads until the server closes.
    pub fn speak(&self, bytes: &[u8]) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.write_all(bytes).unwrap();
        let mut answer = Vec::new();
        // What was read before a reset counts too.
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A client with a key of its own, over one connection that it keeps.
#[derive(Clone)]
pub struct Client {
    agent: ureq::Agent,
    base: String,
    pub authorization: String,
}

impl Client {
    /// Makes a test key on the file, beside whoever serves it.
    pub fn new(server: &Server, db: &Path) -> Self {
        let made = run(db, &["key", "create", "--mode", "test", "--label", "test client", "--json"]);
        let key: Value = serde_json::from_slice(&made.stdout).unwrap_or_else(|_| panic!("{made:?}"));
        let pair = format!("{}:{}", key["key_id"].as_str().unwrap(), key["key_secret"].as_str().unwrap());
        Self::with(server, &pair)
    }

    /// With an id and a secret, `id:secret`.
    pub fn with(server: &Server, pair: &str) -> Self {
        let agent = ureq::Agent::config_builder().http_status_as_error(false).build().new_agent();
        let authorization = format!("Basic {}", BASE64_STANDARD.encode(pair));
        Self { agent, base: format!("http://{}/v1/customers", server.address), authorization }
    }

    /// The same client at another server.
    pub fn moved(&self, server: &Server) -> Self {
        Self { base: format!("http://{}/v1/customers", server.address), ..self.clone() }
    }

    pub fn get(&self, rest: &str) -> Result<(u16, Value), ureq::Error> {
        let request = self.agent.get(format!("{}{rest}", self.base));
        read(request.header("Authorization", &self.authorization).call()?)
    }

    pub fn post(&self, json: &str) -> Result<(u16, Value), ureq::Error> {
        let request = self.agent.post(&self.base).header("Content-Type", "application/json");
        read(request.header("Authorization", &self.authorization).send(json)?)
    }

    pub fn put(&self, id: &str, json: &str) -> Result<(u16, Value), ureq::Error> {
        let request = self.agent.put(format!("{}/{id}", self.base)).header("Content-Type", "application/json");
        read(request.header("Authorization", &self.authorization).send(json)?)
    }

    /// Creates a customer and gives its id.
    pub fn create(&self, json: &str) -> String {
        let (status, customer) = self.post(json).unwrap();
        assert_eq!(status, 200, "{customer}");
        customer["id"].as_str().unwrap().to_owned()
    }
}

fn read(mut response: ureq::http::Response<ureq::Body>) -> Result<(u16, Value), ureq::Error> {
    let status = response.status().as_u16();
    let body = response.body_mut().read_to_string()?;
    Ok((status, serde_json::from_str(&body).unwrap_or_else(|_| panic!("{status} {body:?}"))))
}
