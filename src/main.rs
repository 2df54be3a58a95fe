//! The commands: parse, wire, run. Exit codes: 0 done, 1 refused or failed, with one sentence on standard error, 2 usage.

#![warn(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a reader that does not read holds up no command: see `output`"
)]

mod commands;
mod config;
mod log;
mod output;

use std::alloc::System;
use std::ffi::OsString;
use std::io::{IsTerminal, stderr};
use std::process::ExitCode;

use clap::parser::ValueSource;
use clap::{CommandFactory, FromArgMatches};
use zeroizing_alloc::ZeroAlloc;

use config::{Cli, Command, Common};

/// Wipes what is freed. A secret comes in and goes out through buffers of libraries, which free them as they are.
#[global_allocator]
static MEMORY: ZeroAlloc<System> = ZeroAlloc(System);

fn main() -> ExitCode {
    commands::signals::end_process_1();
    let given = config::parse(&with_command(std::env::args_os().collect())).unwrap_or_else(|refused| refuse(&refused));
    let cli = Cli::from_arg_matches(&given).unwrap_or_else(|refused| refuse(&refused));
    // Not what the environment says of the file that is served.
    let db_is_asked_for = given.value_source("db") == Some(ValueSource::CommandLine);
    log::start(&cli.common);
    if matches!(cli.command, Command::Serve(_) | Command::Emulate(_)) {
        for name in config::unknown_variables() {
            tracing::warn!(name, "this environment variable looks like a setting, but there is none of this name");
        }
    }
    let Common { db, keep_free, .. } = cli.common;
    let keep = keep_free.unwrap_or_default();
    let done = match cli.command {
        Command::Serve(settings) => commands::serve::run(&db, keep, &settings),
        Command::Emulate(settings) => {
            commands::emulate::run(settings.db.as_ref().filter(|_| db_is_asked_for), &settings)
        }
        Command::Key(command) => commands::key::run(&db, command),
        Command::Staff(command) => commands::staff::run(&db, command),
        Command::Customer(command) => commands::customer::run(&db, command),
        Command::Export(settings) => commands::export::run(&db, &settings),
        Command::Pull(settings) => commands::pull::run(&db, keep, &settings),
        Command::Import(settings) => commands::import::run(&db, keep, &settings),
        Command::Seed(settings) => commands::seed::run(&db, keep, &settings),
        Command::Backup(settings) => commands::backup::run(&db, keep, &settings),
        Command::Restore(settings) => commands::restore::run(&db, &settings),
        Command::Doctor(settings) => commands::doctor::run(&db, keep, &settings),
        Command::Openapi { public_url } => commands::openapi::run(&public_url),
        Command::Check => commands::check::run(&db),
        Command::Reindex => commands::reindex::run(&db),
        Command::Upgrade(settings) => commands::upgrade::run(&db, keep, &settings),
        Command::Completions { shell } => commands::manual::completions(shell),
        Command::Man { directory } => commands::manual::pages(directory.as_deref()),
    };
    if let Err(sentence) = &done {
        output::STDERR.push(format!("patron: {}\n", commands::lines(sentence)).as_bytes(), true);
    }
    output::finish();
    if done.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Prints help, the version, or the fault in a command line, and ends.
fn refuse(refused: &clap::Error) -> ! {
    if !refused.use_stderr() {
        refused.exit();
    }
    let text = refused.render();
    let is_plain = !stderr().is_terminal() || std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    output::STDERR.say(&if is_plain { text.to_string() } else { text.ansi().to_string() });
    std::process::exit(refused.exit_code())
}

/// The command line as given, with `serve` where it names no command and asks for neither help nor version.
fn with_command(mut arguments: Vec<OsString>) -> Vec<OsString> {
    let cli = Cli::command();
    let serve = cli.get_subcommands().filter(|command| command.get_name() == "serve");
    let options: Vec<_> = cli.get_arguments().chain(serve.flat_map(clap::Command::get_arguments)).collect();
    // `--db seed` names a file.
    let takes_value = |argument: &str| {
        argument.strip_prefix("--").is_some_and(|name| {
            options.iter().any(|option| option.get_long() == Some(name) && option.get_action().takes_values())
        })
    };
    let mut rest = arguments.iter().skip(1).map(|argument| argument.to_string_lossy());
    while let Some(argument) = rest.next() {
        if ["-h", "--help", "-V", "--version"].contains(&argument.as_ref()) || !argument.starts_with('-') {
            return arguments;
        }
        if takes_value(&argument) {
            rest.next();
        }
    }
    arguments.insert(1, "serve".into());
    arguments
}
