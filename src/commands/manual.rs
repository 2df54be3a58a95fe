//! `patron completions` and `patron man`: what `--help` tells, for shells and for `man`.

use std::path::Path;

use clap::CommandFactory;
use clap_complete::{Shell, generate};
use clap_mangen::{Man, generate_to};

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
    generate_to(Cli::command(), directory)
        .map_err(|error| format!("cannot write manual pages into {}: {error}", directory.display()))
}
