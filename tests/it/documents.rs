//! What the documents tell people to type, typed: every fenced `sh` block of the README and of docs/, in the order of its page, each page
//! in a directory of its own. What cannot be run is listed here, each with its reason.

use std::collections::BTreeMap;
use std::fs::{self, Permissions, create_dir_all, read_dir, read_to_string};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use patron::service::Worlds;
use regex::{Captures, Regex};
use serde_json::Value;
use tempfile::{TempDir, tempdir};

use crate::server::run;

/// Blocks that no test can run: the page, words that only that block has, and why not.
const NOT_RUN: &[(&str, &str, &str)] = &[
    ("README.md", "tests/run", "is what runs this"),
    ("README.md", "tests/fuzz", "goes on for a night"),
    ("README.md", "cargo bench", "takes minutes, and needs the machine for itself"),
    ("docs/dependencies.md", "check advisories", "asks a database on the network"),
    (
        "docs/installing.md",
        "apt install ./patron_",
        "installs on this machine; tests/package does that, and removes it again",
    ),
    ("docs/installing.md", "docker build", "needs a Docker daemon"),
    ("docs/installing.md", "packaging/build", "is what was built, minutes of it"),
    ("docs/operating.md", ">> /etc/hosts", "changes the names of this machine, and takes its port 443"),
];

/// What stands in the documents for something that each reader has of their own, as patterns, the first that fits; and what it is
/// here. `$ROOT` is the directory of the page, `$CUSTOMER` and so on are found there before it begins.
const STANDS_FOR: &[(&str, &str)] = &[
    (r"cust_…", "$CUSTOMER"),
    (r"import (?:undo|resume) 3", "import undo 1"),
    (r"https://api\.razorpay\.com", "http://127.0.0.1:8080"),
    (r"key import rzp_live_…", "key import rzp_live_BroughtAlong01"),
    (r"rzp_live_…", "$LIVE_KEY"),
    // The reader waits for the line in the log.
    (r"-USR1 PID", "-USR1 $(cat $ROOT/pid); until grep -q 'saved and verified' $ROOT/log; do sleep 0.1; done"),
    (r"patron-20[0-9]{6}T[0-9]{6}Z\.db", "patron-20*Z.db"),
    (r"saved-20[0-9]{6}T[0-9]{6}Z", "saved-20*Z"),
    // The same, sooner.
    (r"--count 100000", "--count 300"),
    // Places on the reader's machine.
    (r"/(?:var/lib|etc|mnt|tmp)/", "$ROOT$0"),
];

/// Programs that a block may want and a machine may lack: then it is skipped, and that is said.
const MAY_LACK: &[&str] = &["keytool", "java"];

/// Stand in for what a test has not. A server is started behind, and whoever goes on finds it listening; one that was started before is
/// told to stop. Nobody sits there to answer a question.
const PATRON: &str = r#"#!/bin/bash
stop() {
  [[ -f $ROOT/pid ]] || return 0
  kill "$(<"$ROOT/pid")" 2>/dev/null || true
  while kill -0 "$(<"$ROOT/pid")" 2>/dev/null; do sleep 0.02; done
  rm -f "$ROOT/pid"
}
case ${1:-} in
  "" | -* | serve | emulate)
    stop
    setsid "$PATRON" "$@" >"$ROOT/out" 2>>"$ROOT/log" </dev/null &
    echo $! >"$ROOT/pid"
    until grep -qs '^listening on ' "$ROOT/out"; do
      kill -0 $! 2>/dev/null || { cat "$ROOT/out" "$ROOT/log" >&2; exit 1; }
      sleep 0.02
    done
    # The first backup is due at once.
    if [[ " $* " == *" --backup-dir "* ]]; then
      until grep -q 'a backup is made and verified' "$ROOT/log"; do sleep 0.1; done
    fi
    ;;
  stop) stop ;;
  restore | upgrade)
    [[ " $* " == *" --check "* ]] || stop
    [[ $1 != upgrade || " $* " =~ " --check "|" --yes " ]] || set -- "$@" --yes
    exec "$PATRON" "$@"
    ;;
  *)
    [[ ! "$1 ${2:-}" =~ ^(customer erase|key revoke|import [^ls].*|pull .*)$ || " $* " == *" --yes "* ]] || set -- "$@" --yes
    exec "$PATRON" "$@"
    ;;
esac
"#;
const SYSTEMCTL: &str = r#"#!/bin/bash
case "$*" in
  "stop patron") exec patron stop ;;
  "start patron" | "restart patron" | "enable --now patron") exec patron serve --db "$ROOT/var/lib/patron/patron.db" ;;
  "reload patron") exec kill -HUP "$(<"$ROOT/pid")" ;;
  *) echo "no such words: systemctl $*" >&2; exit 1 ;;
esac
"#;
const SUDO: &str = "#!/bin/bash\n[[ $1 == -u ]] && shift 2\nexec \"$@\"\n";
const CARGO: &str = "#!/bin/bash\n[[ $* == 'run --release' ]] && exec patron\nexit 1\n";
/// What there is to import.
const CUSTOMERS: &str =
    "id,name,email,contact\n,Gaurav Kumar,gaurav.kumar@example.com,9123456780\n,Meera Nair,,+919123456781\n,?,,1\n";
/// An answer that is no success fails the block.
const CURLRC: &str = "fail-with-body\nsilent\nshow-error\n";

/// A fenced block, and the line on which it begins.
struct Block {
    line: usize,
    text: String,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn pages() -> Vec<String> {
    let docs = read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let docs = docs.filter(|name| name.ends_with(".md")).map(|name| format!("docs/{name}"));
    std::iter::once("README.md".to_owned()).chain(docs).collect()
}

fn blocks(page: &str) -> Vec<Block> {
    let text = read_to_string(root().join(page)).unwrap();
    let mut blocks: Vec<Block> = Vec::new();
    let mut is_inside = false;
    for (at, line) in (1..).zip(text.lines()) {
        match (is_inside, line.trim_end()) {
            (false, "```sh") => {
                is_inside = true;
                blocks.push(Block { line: at + 1, text: String::new() });
            }
            (true, "```") => is_inside = false,
            (true, line) => blocks.last_mut().unwrap().text.extend([line, "\n"]),
            _ => {}
        }
    }
    blocks
}

/// Why a block is not run, if it is not.
fn reason(page: &str, block: &Block) -> Option<&'static str> {
    let listed = NOT_RUN.iter().find(|(of, words, _)| *of == page && block.text.contains(words));
    listed.map(|(_, _, reason)| *reason)
}

/// Where a page is tried.
struct Desk {
    directory: TempDir,
    /// The ports here of the ports there.
    ports: BTreeMap<String, u16>,
    key: String,
    live_key: String,
    customer: String,
}

impl Desk {
    fn new() -> Self {
        let directory = tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        for folder in ["bin", "var/lib/patron", "etc/patron", "mnt/copies/patron", "tmp"] {
            create_dir_all(at(folder)).unwrap();
        }
        for (name, script) in [("patron", PATRON), ("systemctl", SYSTEMCTL), ("sudo", SUDO), ("cargo", CARGO)] {
            fs::write(at("bin").join(name), script).unwrap();
            fs::set_permissions(at("bin").join(name), Permissions::from_mode(0o755)).unwrap();
        }
        fs::write(at(".curlrc"), CURLRC).unwrap();
        fs::write(at("customers.csv"), CUSTOMERS).unwrap();
        let request =
            "req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=localhost -keyout privkey.pem -out fullchain.pem";
        let openssl = Command::new("openssl").args(request.split(' ')).current_dir(at("etc/patron")).output().unwrap();
        assert!(openssl.status.success(), "{openssl:?}");
        let (key, live_key, live_secret, customer) = furnish(&at("patron.db"));
        fs::write(at("secret.txt"), format!("{live_secret}\n")).unwrap();
        // Of the service too.
        for name in ["patron.db", "patron.db-wal"] {
            if at(name).exists() {
                fs::copy(at(name), at("var/lib/patron").join(name)).unwrap();
            }
        }
        Self { directory, ports: BTreeMap::new(), key, live_key, customer }
    }

    /// The text as it is typed here.
    fn typed(&mut self, text: &str) -> String {
        let any = STANDS_FOR.iter().map(|(pattern, _)| format!("({pattern})")).collect::<Vec<_>>().join("|");
        let typed = Regex::new(&any).unwrap().replace_all(text, |found: &Captures<'_>| {
            let which = (1..found.len()).find(|group| found.get(*group).is_some()).unwrap();
            STANDS_FOR[which - 1].1.replace("$0", &found[0])
        });
        let address = Regex::new(r"(127\.0\.0\.1|0\.0\.0\.0):([0-9]+)").unwrap();
        address
            .replace_all(&typed, |found: &Captures<'_>| format!("{}:{}", &found[1], self.port(&found[2])))
            .into_owned()
    }

    fn port(&mut self, there: &str) -> u16 {
        let free = || TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        *self.ports.entry(there.to_owned()).or_insert_with(free)
    }

    fn bash(&mut self, text: &str) -> Result<(), String> {
        let root = self.directory.path().to_owned();
        let listen = format!("127.0.0.1:{}", self.port("8080"));
        let path = format!("{}:{}", root.join("bin").display(), std::env::var("PATH").unwrap());
        // What waits for something that never comes fails.
        let mut bash = Command::new("timeout");
        bash.args(["120", "bash", "-euo", "pipefail", "-c", text]).current_dir(&root).env_clear().stdin(Stdio::null());
        bash.envs([("PATH", path.as_str()), ("PATRON", env!("CARGO_BIN_EXE_patron")), ("PATRON_LISTEN", &listen)]);
        bash.envs([("HOME", &root), ("ROOT", &root)]).envs([("NO_PROXY", "*"), ("LC_ALL", "C.UTF-8")]);
        bash.envs([("KEY", &self.key), ("LIVE_KEY", &self.live_key), ("CUSTOMER", &self.customer)]);
        // Into a file: a server that stays would hold a pipe open.
        let said = root.join("said");
        let file = fs::File::create(&said).unwrap();
        let status = bash.stdout(file.try_clone().unwrap()).stderr(file).status().unwrap();
        if status.success() { Ok(()) } else { Err(format!("{text}\n{status}\n{}", read_to_string(said).unwrap())) }
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        let _ = self.bash("patron stop");
    }
}

/// Puts into a file what the reader has by then: a key for each mode, and some customers.
fn furnish(db: &Path) -> (String, String, String, String) {
    let key = |mode: &str| -> Value {
        serde_json::from_slice(&run(db, &["key", "create", "--mode", mode, "--json"]).stdout).unwrap()
    };
    let (test, live) = (key("test"), key("live"));
    assert!(run(db, &["seed", "--count", "20"]).status.success());
    let connection = rusqlite::Connection::open(db).unwrap();
    let customer = connection.query_row("SELECT id FROM customers LIMIT 1", [], |row| row.get(0)).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let pair = format!("{}:{}", text(&test["key_id"]), text(&test["key_secret"]));
    (pair, text(&live["key_id"]), text(&live["key_secret"]), customer)
}

fn lacks(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap();
    !std::env::split_paths(&path).any(|folder: PathBuf| folder.join(program).exists())
}

/// Types a page from its first block to its last. Gives how many were run.
fn try_page(page: &str) -> usize {
    let blocks = blocks(page);
    let mut desk = Desk::new();
    if page == "docs/emulator.md" {
        desk.key = format!("{}:{}", Worlds::KEY_ID, Worlds::SECRET);
    }
    let mut count = 0;
    // Most pages begin where a server runs.
    desk.bash("patron serve").unwrap();
    for block in blocks.iter().filter(|block| reason(page, block).is_none()) {
        let words: Vec<&str> = block.text.split_whitespace().collect();
        if let Some(lacking) = MAY_LACK.iter().find(|program| words.contains(program) && lacks(program)) {
            println!("SKIPPED: {page}:{}: {lacking} is not installed", block.line);
            continue;
        }
        let typed = desk.typed(&block.text);
        desk.bash(&typed).unwrap_or_else(|said| panic!("{page}:{}: {said}", block.line));
        count += 1;
    }
    count
}

#[test]
fn what_the_documents_tell_people_to_type_works() {
    let pages = pages();
    let counts: Vec<usize> = thread::scope(|scope| {
        let tried: Vec<_> = pages.iter().map(|page| scope.spawn(move || try_page(page))).collect();
        tried.into_iter().map(|page| page.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
    });
    assert!(counts.iter().sum::<usize>() >= 12, "{counts:?}");
}

#[test]
fn what_is_not_run_is_there_and_seldom() {
    for (page, words, reason) in NOT_RUN {
        let found = blocks(page).iter().filter(|block| block.text.contains(words)).count();
        assert_eq!(found, 1, "{page} has {found} blocks with {words}, which are not run: {reason}");
    }
    let all: usize = pages().iter().map(|page| blocks(page).len()).sum();
    assert!(NOT_RUN.len() * 3 <= all, "{} of {all} are not run", NOT_RUN.len());
}

#[test]
fn a_command_that_fails_is_found() {
    let mut desk = Desk::new();
    assert!(desk.bash("patron serve").is_ok());
    let listed = desk.typed("curl -u $KEY http://127.0.0.1:8080/v1/customers/cust_…");
    assert!(desk.bash(&listed).is_ok());
    for wrong in
        ["patron serv", "curl -u $KEY http://127.0.0.1:8080/v1/nowhere", "patron key revoke rzp_live_0", "false\ntrue"]
    {
        let typed = desk.typed(wrong);
        assert!(desk.bash(&typed).is_err(), "{wrong}");
    }
}
