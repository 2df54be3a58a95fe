//! The rows that were not written, as a file to be mended and imported again.

use std::io::{self, BufWriter, Write};
use std::path::Path;

use patron::domain::{Import, RowsOf};
use patron::rows::{For, Format, RefusedFile};
use patron::service::{Caller, Services};
use patron::store::Output;

use super::super::{Done, apart_from, counted, print, sentence};

/// How many rows are read at a time for a file of those that were not written.
const PAGE_LEN: u64 = 500;

/// No file that is there is written over, but what this command wrote itself.
pub(super) fn is_free(db: &Path, path: Option<&Path>) -> Done {
    apart_from(db, path)?;
    path.map_or(Ok(()), Output::look)?;
    match path.filter(|path| Output::is_taken(path)) {
        Some(path) => Err(format!("{} is there already: remove it, or give --refused another name", path.display())),
        None => Ok(()),
    }
}

/// Writes the rows that were not written to a file, to be mended and imported again. It gets its name so once it is whole.
pub(super) async fn save_unwritten(
    services: &Services,
    caller: &Caller,
    import: &Import,
    path: Option<&Path>,
    replaces: bool,
) -> Done {
    let Some(path) = path else { return Ok(()) };
    let cannot = |error: io::Error| Output::failure(path, &error);
    let mut file = BufWriter::new(Output::open(path, replaces)?);
    let (mut after, mut count, mut refused) = (0, 0_u64, None);
    loop {
        let rows = services.imports.rows(caller, import.number, RowsOf::Unwritten, after, PAGE_LEN).await;
        let rows = rows.map_err(sentence)?;
        let mut text = Vec::new();
        let refused = *refused.get_or_insert_with(|| {
            let row = rows.iter().find_map(|row| row.cells.as_ref());
            let refused = RefusedFile::new(Format::parse(&import.format).unwrap_or(Format::Csv), For::Programs, row);
            text = refused.begin(&import.columns);
            refused
        });
        rows.iter().for_each(|shown| shown.write(refused, &mut text));
        file.write_all(&text).map_err(cannot)?;
        count += rows.len() as u64;
        let Some(last) = rows.last() else { break };
        after = last.row.line;
    }
    let file = file.into_inner().map_err(|error| cannot(error.into_error()))?;
    file.finish().map_err(cannot)?;
    print(&format!("{} not written: {}", counted(count, "row"), path.display()))
}
