//! `patron completions` and `patron man`: what `--help` tells, for shells and for `man`.

use std::path::Path;

use clap::{Command, CommandFactory};
use clap_complete::{Shell, generate};
use clap_mangen::Man;
use patron::store::Output;

use super::{Done, print};
use crate::config::Cli;

pub fn completions(shell: Shell) -> Done {
    let mut script = Vec::new();
    generate(shell, &mut Cli::command(), "patron", &mut script);
    print(String::from_utf8_lossy(&script).trim_end())
}

pub fn pages(directory: Option<&Path>) -> Done {
    let Some(directory) = directory else {
        let mut page = Vec::new();
        Man::new(Cli::command()).render(&mut page).map_err(|error| error.to_string())?;
        return print(String::from_utf8_lossy(&page).trim_end());
    };
    if !directory.is_dir() {
        return Err(format!("there is no directory {}; make it, or choose another", directory.display()));
    }
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    page(&command, directory)
}

/// Writes the page of a command and those of its subcommands.
fn page(command: &Command, directory: &Path) -> Done {
    for each in command.get_subcommands().filter(|each| !each.is_hide_set()) {
        page(each, directory)?;
    }
    let man = Man::new(command.clone());
    let path = directory.join(man.get_filename());
    if Output::is_written_into(&path) {
        return Err(format!(
            "{} is a device, a FIFO or a directory, and no file for a manual page; move it away",
            path.display()
        ));
    }
    let mut file = Output::open(&path, true)?;
    man.render(&mut file).and_then(|()| file.finish()).map_err(|error| Output::failure(&path, &error))
}
