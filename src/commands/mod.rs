//! What each command does, from its settings to its last line.

pub mod backup;
mod bars;
pub mod check;
pub mod customer;
pub mod doctor;
pub mod emulate;
pub mod export;
pub mod import;
pub mod key;
pub mod manual;
pub mod openapi;
pub mod pull;
pub mod reindex;
pub mod restore;
pub mod seed;
pub mod serve;
pub mod signals;
pub mod staff;
mod systemd;
pub mod upgrade;

use std::io::{self, ErrorKind, IsTerminal, Write, stdin, stdout};
use std::path::{Path, PathBuf};

use patron::domain::label::is_invisible;
use patron::domain::{Copied, IntegrityFault, NotCopied, REINDEX};
use patron::service::figures::{date, grouped};
use patron::service::room::MAKE_ROOM;
use patron::service::{Ambient, KeepFree, Refused, Services};
use patron::store::{NewFiles, Partial, Store, Use};

use crate::config::DB_DEFAULT;
use crate::output::STDERR;
use bars::{copying_bar, progress_bar, spinner};

/// What a command ends with: nothing to say, or one sentence that names the thing and the way out.
pub type Done = Result<(), String>;

/// Runs a command over the services of a file. A file that it creates is removed where it fails before anything is stored.
fn with_services(db: &Path, use_: Use, command: impl AsyncFnOnce(&Services) -> Done) -> Done {
    keeping_free(db, use_, KeepFree::default(), command)
}

/// The same for a command that writes many customers: so much stays free on the disk, and they are in the search index at the end.
fn with_room(db: &Path, use_: Use, keep: KeepFree, command: impl AsyncFnOnce(&Services) -> Done) -> Done {
    keeping_free(db, use_, keep, async |services| {
        command(services).await?;
        feed_search(services).await;
        Ok(())
    })
}

fn keeping_free(db: &Path, use_: Use, keep: KeepFree, command: impl AsyncFnOnce(&Services) -> Done) -> Done {
    leaving_nothing(db, |is_new| {
        let store = Store::open(db, use_).map_err(|unusable| unusable.to_string())?;
        if is_new && use_ == Use::Fill {
            note(&format!("{} was not there: a new database is made.", db.display()));
        }
        let services = Services::keeping_free(store, Ambient::of_system(), keep);
        let done = runtime()?.block_on(command(&services));
        services.close();
        done
    })
}

/// Feeds the search index with what a command wrote. A server does the rest, so an error does not fail the command.
async fn feed_search(services: &Services) {
    let bar = progress_bar(0, "revisions in the search index");
    let progress = |fed, newest| {
        bar.set_length(newest);
        bar.set_position(fed);
    };
    let fed = services.feed_all(progress).await;
    bar.finish_and_clear();
    if let Err(refused) = fed {
        note(&format!("the search index is not up to date: {}; a server updates it", sentence(refused)));
    }
}

/// Runs what may create a database, and removes it where that fails before anything is stored.
fn leaving_nothing<T>(db: &Path, run: impl FnOnce(bool) -> Result<T, String>) -> Result<T, String> {
    let new = NewFiles::of(db);
    let done = run(new.is_new());
    if done.is_err() && new.remove() {
        note(&format!("{} is removed again: nothing is stored in it.", db.display()));
    }
    done
}

fn runtime() -> Result<tokio::runtime::Runtime, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| format!("cannot start: {error}"))
}

/// What runs a command of this program on this database, to be pasted into a shell: as it was called or, where that is another
/// program on the path, by its whole name; with `--db` where that is not the default.
fn own_command(db: &Path) -> String {
    let called = std::env::args_os().next().map(PathBuf::from).unwrap_or_default();
    let own = std::env::current_exe().unwrap_or_else(|_| called.clone());
    let is_own = |path: &Path| path.canonicalize().ok().is_some_and(|path| own.canonicalize().ok() == Some(path));
    let on_path = |name: &Path| {
        // Without a value, no directory is searched: as a list of paths, it would be the current directory.
        let Some(directories) = std::env::var_os("PATH").filter(|path| !path.is_empty()) else { return false };
        // The first of this name is what a shell runs.
        let found =
            std::env::split_paths(&directories).map(|directory| directory.join(name)).find(|path| path.is_file());
        found.is_some_and(|path| is_own(&path))
    };
    let name = Path::new(env!("CARGO_PKG_NAME"));
    let program = if on_path(name) {
        name
    } else if called.components().count() > 1 && is_own(&called) {
        &called
    } else {
        &own
    };
    let program = quoted(program);
    if db == Path::new(DB_DEFAULT) { program } else { format!("{program} --db {}", quoted(db)) }
}

/// A path as one word of a shell.
fn quoted(path: &Path) -> String {
    let path = path.display().to_string();
    let is_plain = |char: char| char.is_alphanumeric() || "/._-+:,@%".contains(char);
    if !path.is_empty() && path.chars().all(is_plain) { path } else { format!("'{}'", path.replace('\'', r"'\''")) }
}

/// What a stranger wrote, as one line that is fit for a terminal: nothing in it can move the cursor, turn the text around, or look
/// like another line.
fn plain(text: &str) -> String {
    plain_up_to(200, text)
}

/// The same, but at most this many characters.
fn plain_up_to(len: usize, text: &str) -> String {
    // Joiners choose the form of letters in several scripts.
    let is_shown = |char: &char| !is_invisible(*char) || matches!(char, '\u{200C}' | '\u{200D}');
    text.chars().filter(is_shown).take(len).collect()
}

/// Lines that are fit for a terminal, whoever wrote what is in them.
pub fn lines(text: &str) -> String {
    text.chars().filter(|char| !char.is_control() || *char == '\n').collect()
}

/// Prints a line, or several. What could not be shown is an error, however well the rest went.
fn print(text: &str) -> Done {
    let mut out = stdout();
    let written = writeln!(out, "{}", lines(text)).and_then(|()| out.flush());
    written.map_err(|error| cannot_print(&error))
}

fn cannot_print(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::BrokenPipe => "cannot write to standard output: its reader ended before it had all of it".into(),
        _ => format!("cannot write to standard output: {error}"),
    }
}

/// Prints a line on standard error about what the command does. It goes on without it where nothing reads it.
fn note(text: &str) {
    STDERR.say(&format!("{}\n", lines(text)));
}

/// A line of standard input, asked for where somebody sits at it.
fn line(question: &str) -> Result<String, String> {
    if stdin().is_terminal() {
        STDERR.say(question);
    }
    let mut line = String::new();
    stdin().read_line(&mut line).map_err(|error| format!("cannot read standard input: {error}"))?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

/// Whether it is to be done: whoever sits there types yes; a script says `--yes`. `otherwise` is what would be done, as the
/// beginning of the sentence that says so.
fn confirmed(question: &str, yes: bool, otherwise: &str) -> Done {
    confirmed_by("yes", &format!("{question} Type yes: "), yes, otherwise)
}

/// The same by other words than yes, which the question names.
fn confirmed_by(answer: &str, question: &str, yes: bool, otherwise: &str) -> Done {
    if yes {
        return Ok(());
    }
    if !stdin().is_terminal() {
        return Err(format!("{otherwise}: say so with --yes; nothing was changed"));
    }
    if line(question)?.trim() == answer { Ok(()) } else { Err("nothing was changed".into()) }
}

/// No file that a command writes is in the place of the database.
fn apart_from(db: &Path, file: Option<&Path>) -> Done {
    match file.filter(|file| Partial::harms(file, db)) {
        Some(file) => Err(format!(
            "cannot write {}: it is the database itself, or what belongs to it; choose another name",
            file.display()
        )),
        None => Ok(()),
    }
}

/// A refusal of the services in a sentence, for commands that bring no input of their own.
fn sentence(refused: Refused) -> String {
    match refused {
        Refused::Busy => "the database is busy or cannot be written; try again".into(),
        Refused::Full => "the disk is full; make room and try again".into(),
        Refused::NoRoom(short) => format!("{short}; {MAKE_ROOM}"),
        _ => "the database failed; the log line above says why".into(),
    }
}

/// So many of something: `1 row`, `2,000 rows`.
fn counted(count: u64, what: &str) -> String {
    format!("{} {what}{}", grouped(count), if count == 1 { "" } else { "s" })
}

/// What was found in a copy that is whole.
fn found(copied: &Copied) -> String {
    let Copied { bytes, live, test, revisions, .. } = copied;
    format!(
        "Read again from end to end: pages, indexes, foreign keys and every history are whole.\n\
         {bytes} bytes, {live} live and {test} test customers, {revisions} revisions."
    )
}

/// Why there is no copy of something.
fn not_copied(why: NotCopied, of: &Path, way_out: &str) -> String {
    let NotCopied::Damaged(faults) = why else { return why.to_string() };
    damaged(of, &faults, way_out)
}

/// What is to be done about the database where these are its faults.
fn way_out(faults: &[IntegrityFault]) -> &'static str {
    if faults.iter().all(IntegrityFault::is_of_index) { REINDEX } else { "restore a backup made before" }
}

/// Prints what is wrong with a file, a line each. Gives the sentence that the command ends with.
fn damaged(of: &Path, faults: &[IntegrityFault], way_out: &str) -> String {
    let listed = faults.iter().try_for_each(|fault| print(&fault.to_string()));
    let faults = counted(faults.len() as u64, "fault");
    listed.err().unwrap_or_else(|| format!("{} is damaged: {faults}, listed above; {way_out}", of.display()))
}
