//! `patron import`: customers from a file, rehearsed first, applied as one, and undone as one; also beside a server.

use std::fs::File;
use std::io::{IsTerminal, Read, Write, stdin};
use std::path::Path;

use indicatif::ProgressBar;
use patron::domain::{Actor, Fate, Import, ImportState, Mode, Outcome, Step};
use patron::rows::{For, Format, Mapping, Target, Writer};
use patron::service::{Caller, Moving, NotImported, Refused, RowsOf, Services, Work};
use patron::store::Use;

use super::{Done, date, line, print, progress_bar, sentence, with_services};
use crate::config::{ImportCommand, ImportFile};

/// How much of a file is read at a time.
const PIECE_LEN: usize = 64 * 1024;
/// How many refused rows are printed.
const SHOWN: u64 = 5;
/// How many rows are read at a time for a file of those that were not written.
const PAGE_LEN: u64 = 500;
/// How many imports are listed.
const LISTED: u64 = 50;

pub fn run(db: &Path, settings: &crate::config::Import) -> Done {
    match (&settings.command, &settings.file) {
        (None, Some(file)) => with_services(db, Use::Fill, async |services| import(services, file).await),
        (Some(ImportCommand::List), _) => with_services(db, Use::Read, async |services| list(services).await),
        (Some(ImportCommand::Show { number, refused }), _) => with_services(db, Use::Read, async |services| {
            let (caller, import) = find(services, *number).await?;
            is_free(refused.as_deref())?;
            print(&told(services, &import))?;
            show_unwritten(services, &caller, &import).await?;
            save_unwritten(services, &caller, &import, refused.as_deref()).await
        }),
        (Some(ImportCommand::Resume { number }), _) => with_services(db, Use::Fill, async |services| {
            let (caller, import) = find(services, *number).await?;
            if !import.state.is_moving() || import.state == ImportState::Receiving {
                return Err(about(*number)(NotImported::State(import.state)));
            }
            work(services, &caller, *number).await
        }),
        (Some(ImportCommand::Undo { number, yes }), _) => {
            with_services(db, Use::Fill, async |services| reverse(services, *number, Work::Undo, *yes).await)
        }
        (Some(ImportCommand::Redo { number, yes }), _) => {
            with_services(db, Use::Fill, async |services| reverse(services, *number, Work::Redo, *yes).await)
        }
        (Some(ImportCommand::Discard { number }), _) => with_services(db, Use::Fill, async |services| {
            let (caller, _) = find(services, *number).await?;
            discard(services, &caller, *number).await?;
            print(&format!("Import {number} is given up; it had written nothing."))
        }),
        (None, None) => {
            Err("give a file, or list, show, resume, undo, redo or discard; see patron import --help".into())
        }
    }
}

fn caller(mode: Mode) -> Caller {
    Caller { mode, actor: Actor::Command { name: "import".into() }, request_id: None, request: None }
}

async fn find(services: &Services, number: i64) -> Result<(Caller, Import), String> {
    let mode = services.imports.mode_of(number).await.map_err(|refused| about(number)(refused.into()))?;
    let caller = caller(mode);
    let import = services.imports.find(&caller, number).await.map_err(|refused| about(number)(refused.into()))?;
    Ok((caller, import))
}

async fn import(services: &Services, settings: &ImportFile) -> Done {
    let caller = caller(settings.mode);
    is_free(settings.refused.as_deref())?;
    let import = receive(services, &caller, settings).await?;
    let done = rehearsed(services, &caller, &import, settings).await;
    if !matches!(done, Ok(true)) {
        let discarded = discard(services, &caller, import.number).await;
        return done.and(discarded);
    }
    begin(services, &caller, import.number, Work::Apply).await?;
    work(services, &caller, import.number).await?;
    // What was not written when it was applied goes to the same file.
    let (_, import) = find(services, import.number).await?;
    save_unwritten(services, &caller, &import, settings.refused.as_deref()).await
}

async fn receive(services: &Services, caller: &Caller, settings: &ImportFile) -> Result<Import, String> {
    let path = &settings.path;
    let is_stdin = path.as_os_str() == "-";
    let cannot = |reason: &dyn std::fmt::Display| format!("cannot import {}: {reason}", path.display());
    let (mut file, len): (Box<dyn Read>, u64) = if is_stdin {
        (Box::new(stdin()), 0)
    } else {
        let file = File::open(path).map_err(|error| cannot(&error))?;
        let len = file.metadata().map_or(0, |metadata| metadata.len());
        (Box::new(file), len)
    };
    let name = if is_stdin { "standard input".into() } else { path.to_string_lossy() };
    let mut receiving = services.imports.receive(caller, &name, settings.format);
    let (bar, mut piece) = (progress_bar(len, "bytes read"), vec![0; PIECE_LEN]);
    let unfit = |refused| cannot(&words_of(refused));
    loop {
        let count = match file.read(&mut piece) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(cannot(&error)),
        };
        receiving.push(&piece[..count]).await.map_err(unfit)?;
        bar.inc(count as u64);
    }
    let import = receiving.finish().await.map_err(unfit)?;
    bar.finish_and_clear();
    Ok(import)
}

/// Rehearses, tells what it would do, and gives whether it is to be done.
async fn rehearsed(
    services: &Services,
    caller: &Caller,
    import: &Import,
    settings: &ImportFile,
) -> Result<bool, String> {
    let number = import.number;
    let mut mapping = services.imports.mapping(import);
    for said in &settings.map {
        let (column, target) = said.rsplit_once('=').unwrap_or((said, ""));
        let target = Target::parse(target).ok_or_else(|| {
            format!("--map {said}: give COLUMN=TARGET, where TARGET is id, name, email, contact, gstin, created_at, notes, note:KEY or ignore")
        })?;
        mapping.set(column, target)?;
    }
    mapping.empty = settings.empty.into();
    services.imports.map(caller, number, &mapping).await.map_err(words_of)?;
    print(&mapped(&mapping))?;
    begin(services, caller, number, Work::Rehearse).await?;
    let import = watched(services, caller, number).await;
    let import = import.map_err(|refused| format!("{}; nothing was written", about(number)(refused)))?;
    print(&told(services, &import))?;
    show_unwritten(services, caller, &import).await?;
    save_unwritten(services, caller, &import, settings.refused.as_deref()).await?;
    let writes = import.count(Outcome::Create) + import.count(Outcome::Update);
    if writes == 0 {
        print("There is nothing to write.")?;
        return Ok(false);
    }
    if settings.dry_run {
        print("This was a dry run: nothing is written.")?;
        return Ok(false);
    }
    confirmed(settings, writes).map(|()| true)
}

/// Somebody who sits there says yes; a script says `--yes`.
fn confirmed(settings: &ImportFile, writes: u64) -> Done {
    if settings.yes {
        return Ok(());
    }
    let mode = settings.mode.as_str();
    if settings.path.as_os_str() == "-" || !stdin().is_terminal() {
        return Err(format!(
            "{} would be written to {mode}: say so with --yes; nothing was written",
            of(writes, "customer")
        ));
    }
    if line(&format!("Write {} to {mode}? Type yes: ", of(writes, "customer")))? == "yes" {
        return Ok(());
    }
    Err("nothing was written".into())
}

async fn reverse(services: &Services, number: i64, what: Work, yes: bool) -> Done {
    let (caller, import) = find(services, number).await?;
    if !yes && stdin().is_terminal() {
        let question = match what {
            Work::Undo => "Take back what import {} wrote? Customers that it made are withdrawn. Type yes: ",
            _ => "Bring back what undoing import {} took back? Type yes: ",
        };
        if line(&question.replace("{}", &import.number.to_string()))? != "yes" {
            return Err("nothing was changed".into());
        }
    }
    begin(services, &caller, number, what).await?;
    work(services, &caller, number).await
}

async fn begin(services: &Services, caller: &Caller, number: i64, what: Work) -> Done {
    services.imports.start(caller, number, what).await.map(drop).map_err(about(number))
}

/// Does what is begun, and tells what came of it.
async fn work(services: &Services, caller: &Caller, number: i64) -> Done {
    let import = moved(services, caller, number).await?;
    print(&told(services, &import))?;
    show_unwritten(services, caller, &import).await?;
    match import.state {
        ImportState::Applied => print(&format!("To take it back as a whole: patron import undo {number}")),
        ImportState::Undone => print(&format!("To bring it back: patron import redo {number}")),
        _ => Ok(()),
    }
}

pub(super) async fn moved(services: &Services, caller: &Caller, number: i64) -> Result<Import, String> {
    watched(services, caller, number).await.map_err(|refused| {
        format!("{}; it goes on where it was: patron import resume {number}", about(number)(refused))
    })
}

/// Does what is begun, with a bar that tells how far it is.
async fn watched(services: &Services, caller: &Caller, number: i64) -> Result<Import, NotImported> {
    let bar = progress_bar(0, "");
    let shown: ProgressBar = bar.clone();
    let progress = move |Moving { state, done, total }: Moving| {
        shown.set_message(state.as_str());
        shown.set_length(total);
        shown.set_position(done);
    };
    let moved = services.imports.work(caller, number, progress).await;
    bar.finish_and_clear();
    moved
}

/// Gives up what was only rehearsed. Its rows go now, where no server lets them go.
pub(super) async fn discard(services: &Services, caller: &Caller, number: i64) -> Done {
    services.imports.discard(caller, number).await.map_err(about(number))?;
    while services.imports.tidy().await.map_err(sentence)? {}
    Ok(())
}

async fn list(services: &Services) -> Done {
    let mut all = Vec::new();
    for mode in [Mode::Test, Mode::Live] {
        all.extend(services.imports.list(&caller(mode), None, LISTED).await.map_err(sentence)?);
    }
    all.sort_by_key(|import| std::cmp::Reverse(import.number));
    if all.is_empty() {
        return print("Nothing was imported. Import a file: patron import customers.csv --mode test");
    }
    for import in all {
        print(&format!(
            "{:>5}  {}  {}  {:>9}  {:<12}  {}",
            import.number,
            date(import.at),
            import.mode.as_str(),
            of(import.rows, "row"),
            stands(services, &import),
            import.file
        ))?;
    }
    Ok(())
}

fn stands(services: &Services, import: &Import) -> &'static str {
    if services.imports.is_interrupted(import) { "interrupted" } else { import.state.as_str() }
}

fn mapped(mapping: &Mapping) -> String {
    let is_left_out = |target: &Target| *target == Target::Ignore;
    let mut lines = vec!["The columns are taken so; --map COLUMN=TARGET takes one otherwise:".to_owned()];
    lines.extend(mapping.columns().map(|(column, target)| match is_left_out(target) {
        true => format!("  {column}  is left out"),
        false => format!("  {column}  is {target}"),
    }));
    lines.join("\n")
}

/// What an import is and did, or would do.
fn told(services: &Services, import: &Import) -> String {
    let mut lines = vec![format!(
        "Import {}: {}, {} to {}, {}.",
        import.number,
        import.file,
        of(import.rows, "row"),
        import.mode.as_str(),
        stands(services, import)
    )];
    let mut count = |count: u64, what: &str| {
        if count > 0 {
            lines.push(format!("{count:>9} {what}"));
        }
    };
    if import.state.is_before() {
        count(import.count(Outcome::Create), "to create");
        count(import.count(Outcome::Update), "to update");
    } else {
        count(import.with(Outcome::Create, Fate::Applied), "created");
        count(import.with(Outcome::Update, Fate::Applied), "updated");
        count(import.with(Outcome::Create, Fate::Undone), "withdrawn");
        count(import.with(Outcome::Update, Fate::Undone), "with the values of before");
        count(import.fated(Fate::Partly), "with the values of before, but for what was edited since");
        count(import.fated(Fate::Kept), "kept, for they were edited since");
        count(import.fated(Fate::Needed), "kept, for others have the email and contact of before, or it breaks a rule");
        count(
            import.fated(Fate::Away),
            "not brought back, for others have the email and contact, or they were edited since",
        );
        count(import.fated(Fate::Changed), "not written, for they have changed since the rehearsal");
        count(import.fated(Fate::Taken), "not written, for others have the email and contact since the rehearsal");
        count(import.waiting(), "not written");
        count(import.fated(Fate::Gone), "left, for the customer or the values are gone");
    }
    count(import.unchanged(), "unchanged");
    count(import.refused(), "refused");
    if services.imports.is_interrupted(import) {
        let undo = if import.state.is_before() { "discard" } else { "undo" };
        lines.push(format!(
            "It was interrupted. Go on: patron import resume {0}; or patron import {undo} {0}",
            import.number
        ));
    }
    for step in &import.steps {
        let done = match step.step {
            Step::Apply => "Applied",
            Step::Undo => "Undone",
            Step::Redo => "Brought back",
        };
        lines.push(format!("{done} {}.", date(step.at)));
    }
    lines.join("\n")
}

/// The first rows that were not written, and why.
async fn show_unwritten(services: &Services, caller: &Caller, import: &Import) -> Done {
    let rows = services.imports.rows(caller, import.number, RowsOf::Unwritten, 0, SHOWN + 1).await.map_err(sentence)?;
    for shown in rows.iter().take(SHOWN as usize) {
        print(&format!("  line {}: {}", shown.row.line, shown.row.reason()))?;
    }
    if rows.len() as u64 > SHOWN {
        print(&format!("  and more: patron import show {} --refused FILE.csv", import.number))?;
    }
    Ok(())
}

/// No file that is there is written over, but what this command wrote itself.
fn is_free(path: Option<&Path>) -> Done {
    match path.filter(|path| path.exists()) {
        Some(path) => Err(format!("{} is there already: remove it, or give --refused another name", path.display())),
        None => Ok(()),
    }
}

/// Writes the rows that were not written to a file, to be mended and imported again.
async fn save_unwritten(services: &Services, caller: &Caller, import: &Import, path: Option<&Path>) -> Done {
    let Some(path) = path else { return Ok(()) };
    let cannot = |error: std::io::Error| format!("cannot write {}: {error}", path.display());
    let mut file = std::io::BufWriter::new(File::create(path).map_err(cannot)?);
    let writer = Writer::new(Format::Csv, For::Programs);
    let columns: Vec<&str> = import.columns.iter().map(String::as_str).collect();
    let mut text = writer.head(&[columns.as_slice(), &["line", "reason"]].concat());
    let (mut after, mut count) = (0, 0_u64);
    loop {
        let rows = services.imports.rows(caller, import.number, RowsOf::Unwritten, after, PAGE_LEN).await;
        let rows = rows.map_err(sentence)?;
        let Some(last) = rows.last() else { break };
        after = last.row.line;
        count += rows.len() as u64;
        for shown in &rows {
            writer.record(shown.record(&import.columns).iter().map(String::as_str), &mut text);
        }
        file.write_all(text.as_bytes()).map_err(cannot)?;
        text.clear();
    }
    file.write_all(text.as_bytes()).and_then(|()| file.flush()).map_err(cannot)?;
    print(&format!("{} not written: {}", of(count, "row"), path.display()))
}

fn of(count: u64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

fn words_of(refused: NotImported) -> String {
    match refused {
        NotImported::Unfit(words) => words,
        NotImported::State(state) => format!("the import is {}", state.as_str()),
        NotImported::Refused(refused) => sentence(refused),
    }
}

fn about(number: i64) -> impl Fn(NotImported) -> String {
    move |refused| match refused {
        NotImported::Refused(Refused::NotFound) => {
            format!("there is no import {number}; `patron import list` shows all")
        }
        NotImported::State(state) => format!(
            "import {number} is {}: {}",
            state.as_str(),
            match state {
                ImportState::Receiving => "its file has not come in whole; discard it, and import the file again",
                ImportState::Received | ImportState::Rehearsing | ImportState::Rehearsed =>
                    "it has written nothing yet; discard it, and import the file again",
                ImportState::Applying | ImportState::Undoing | ImportState::Redoing => "resume it",
                ImportState::Applied => "it can be undone",
                ImportState::Undone => "it can be brought back with redo",
                ImportState::Dropped => "it is gone",
            }
        ),
        other => words_of(other),
    }
}
