//! A file that comes in, and what it would do.

use std::fs::File;
use std::io::{Read, stdin};
use std::time::Duration;

use patron::domain::{Import, Outcome};
use patron::rows::{Mapping, Target};
use patron::service::{Caller, NotImported, Refused, Services, Work};
use patron::store::Output;

use super::super::{confirmed, counted, plain, print, progress_bar};
use super::begin;
use super::refused::save_unwritten;
use super::told::{about, show_unwritten, told, words_of};
use super::waiting::watched;
use crate::config::ImportFile;

/// How much of a file is read at a time.
const PIECE_LEN: usize = 64 * 1024;

pub(super) async fn receive(services: &Services, caller: &Caller, settings: &ImportFile) -> Result<Import, String> {
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
    services.imports.admit(len).map_err(|refused| cannot(&nothing_of(refused)))?;
    let mut receiving = services.imports.receive(caller, &name, settings.format);
    let (bar, mut piece) = (progress_bar(len, "bytes read"), vec![0; PIECE_LEN]);
    let received = loop {
        let count = match file.read(&mut piece) {
            Ok(0) => break receiving.finish().await,
            Ok(count) => count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(cannot(&error)),
        };
        if let Err(refused) = receiving.push(&piece[..count]).await {
            break Err(refused);
        }
        bar.inc(count as u64);
    };
    bar.finish_and_clear();
    match received {
        Ok(import) => Ok(import),
        Err(refused) => {
            // What cannot be deleted now is deleted by the next server.
            while matches!(services.imports.tidy().await, Ok(true)) {}
            Err(cannot(&nothing_of(refused)))
        }
    }
}

fn nothing_of(refused: NotImported) -> String {
    let is_of_room = matches!(refused, NotImported::Refused(Refused::Full | Refused::NoRoom(_)));
    let words = words_of(refused);
    if is_of_room { format!("{words}; nothing of it is imported") } else { words }
}

/// Rehearses, tells what it would do, and gives whether it is to be done.
pub(super) async fn rehearsed(
    services: &Services,
    caller: &Caller,
    import: &Import,
    settings: &ImportFile,
    patience: Duration,
) -> Result<bool, String> {
    let number = import.number;
    let mut mapping = services.imports.mapping(import);
    let mut chosen: Vec<(&str, Target)> = Vec::new();
    for said in &settings.map {
        let (column, target) = split(said, &mapping)?;
        if chosen.iter().any(|(each, _)| *each == column) {
            return Err(format!("--map names the column {column:?} twice: give it once"));
        }
        mapping.set(column, target.clone())?;
        chosen.push((column, target));
    }
    // Of two that clash, the later one has displaced the one before it.
    chosen.into_iter().for_each(|(column, target)| mapping.put(column, target));
    mapping.empty = settings.empty.into();
    services.imports.map(caller, number, &mapping).await.map_err(words_of)?;
    print(&mapped(&mapping))?;
    begin(services, caller, number, Work::Rehearse).await?;
    let import = watched(services, caller, number, patience).await;
    let import = import.map_err(|refused| format!("{}; nothing was written", about(number)(refused)))?;
    print(&told(services, &import))?;
    show_unwritten(services, caller, &import).await?;
    // What cannot be replaced is written once, when it is known what was written.
    let refused = settings.refused.as_deref().filter(|path| !Output::is_written_into(path));
    save_unwritten(services, caller, &import, refused, false).await?;
    if import.rows > 0 && import.refused() == import.rows {
        return Err(format!("nothing of {} can be imported: every row is refused", settings.path.display()));
    }
    let writes = import.count(Outcome::Create) + import.count(Outcome::Update);
    if writes == 0 {
        print("There is nothing to write.")?;
        return Ok(false);
    }
    if settings.dry_run {
        print("This was a dry run: nothing is written.")?;
        return Ok(false);
    }
    let (mode, customers) = (settings.mode.as_str(), counted(writes, "customer"));
    let otherwise = format!("{customers} would be written to {mode}");
    confirmed(&format!("Write {customers} to {mode}?"), settings.yes, &otherwise).map(|()| true)
}

/// Splits COLUMN=TARGET at the first equals sign before a target; names of columns and keys of notes may have some, too.
fn split<'a>(said: &'a str, mapping: &Mapping) -> Result<(&'a str, Target), String> {
    let splits = said.match_indices('=').map(|(at, _)| (&said[..at], Target::parse(&said[at + 1..])));
    let known: Vec<_> = splits.filter_map(|(column, target)| Some((column, target?))).collect();
    let is_column = |column: &str| mapping.columns().any(|(each, _)| each == column);
    let found = known.iter().find(|(column, _)| is_column(column)).or(known.first());
    found.cloned().ok_or_else(|| format!("--map {said}: give COLUMN=TARGET, where TARGET is {}", Target::LIST))
}

fn mapped(mapping: &Mapping) -> String {
    let mut lines = vec!["Column mapping (override with --map COLUMN=TARGET):".to_owned()];
    lines.extend(mapping.columns().map(|(column, target)| match target {
        Target::Ignore => format!("  {}  is left out", plain(column)),
        Target::Phone => format!("  {}  is contact where no better column has one, else a note", plain(column)),
        target => {
            let is_first = matches!(target, Target::Email | Target::Contact) && mapping.has_joined(column);
            let others = if is_first { ": the first of several in a cell, and the others are a note" } else { "" };
            format!("  {}  is {}{others}", plain(column), plain(&target.to_string()))
        }
    }));
    lines.join("\n")
}
