//! `patron export`: customers as a file, also beside a server.

use std::io::{self, BufWriter, Write, stdout};
use std::path::Path;

use indicatif::ProgressBar;
use patron::domain::{Actor, Span, Walk};
use patron::rows::{For, Writer};
use patron::service::{Caller, Leaving, Services};
use patron::store::{Output, Use};

use super::{Done, apart_from, cannot_print, note, progress_bar, sentence, spinner, with_services};
use crate::config::Export;

pub fn run(db: &Path, settings: &Export) -> Done {
    let readers = if settings.safe_for_spreadsheets { For::Spreadsheets } else { For::Programs };
    let writer = Writer::new(settings.format, readers);
    apart_from(db, settings.out.as_deref())?;
    if let Some(out) = &settings.out {
        Output::look(out)?;
        if Output::is_taken(out) && !settings.force {
            return Err(format!("{} is there already; --force replaces it", out.display()));
        }
    }
    with_services(db, Use::Read, async |services| {
        let caller = Caller {
            mode: settings.mode,
            actor: Actor::Command { name: "export".into() },
            request_id: None,
            request: None,
            grant: None,
        };
        let bar = bar(services, &caller, settings).await?;
        let walk = settings.search.clone().map_or(Walk::Created(Span::default()), Walk::Matching);
        let leaving = services.customers.leave(caller, walk);
        let done = match &settings.out {
            Some(out) => to_file(leaving, writer, out, settings.force, &bar).await,
            None => write(leaving, writer, &mut stdout().lock(), &bar).await.map_err(|why| match why {
                Unwritten::Refused(sentence) => sentence,
                Unwritten::Failed(error) => cannot_print(&error),
            }),
        };
        bar.finish_and_clear();
        let count = done?;
        if let Some(out) = &settings.out {
            note(&format!("{count} {} customers are in {}.", settings.mode.as_str(), out.display()));
        }
        Ok(())
    })
}

/// How many there are is known beforehand where all are wanted.
async fn bar(services: &Services, caller: &Caller, settings: &Export) -> Result<ProgressBar, String> {
    if settings.search.is_some() {
        return Ok(spinner("customers"));
    }
    Ok(progress_bar(services.customers.count(caller).await.map_err(sentence)?, "customers"))
}

/// Why customers are not written.
enum Unwritten {
    /// They could not be read; why, in a sentence.
    Refused(String),
    Failed(io::Error),
}

impl From<io::Error> for Unwritten {
    fn from(error: io::Error) -> Self {
        Self::Failed(error)
    }
}

/// A file has its name only once all is in it, and on the disk.
async fn to_file(leaving: Leaving, writer: Writer, out: &Path, force: bool, bar: &ProgressBar) -> Result<u64, String> {
    let mut file = Output::open(out, force)?;
    let written = async {
        let count = write(leaving, writer, &mut file, bar).await?;
        file.finish()?;
        Ok(count)
    };
    written.await.map_err(|why| match why {
        Unwritten::Refused(sentence) => sentence,
        Unwritten::Failed(error) => Output::failure(out, &error),
    })
}

async fn write(
    mut leaving: Leaving,
    writer: Writer,
    out: &mut impl Write,
    bar: &ProgressBar,
) -> Result<u64, Unwritten> {
    let mut out = BufWriter::new(out);
    let mut count = 0;
    let mut text = writer.begin();
    loop {
        out.write_all(text.as_bytes())?;
        let Some(customers) = leaving.step().await.map_err(|refused| Unwritten::Refused(sentence(refused)))? else {
            break;
        };
        text.clear();
        for customer in &customers {
            writer.write(customer, &mut text);
        }
        count += customers.len() as u64;
        bar.set_position(count);
    }
    out.flush()?;
    Ok(count)
}
