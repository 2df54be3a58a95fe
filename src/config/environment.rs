//! Settings by environment variables: an empty one is none, and an error in one names it.

use std::any::TypeId;
use std::env::{var_os, vars_os};
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use clap::builder::Resettable;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgMatches, Command, CommandFactory, Error};

use super::Cli;

/// What all variables of settings begin with.
const PREFIX: &str = "PATRON_";
/// Variables that Kubernetes and Docker set for a service called patron.
const OF_OTHERS: [&str; 2] = ["PATRON_PORT", "PATRON_SERVICE_"];

/// Reads a command line and the environment.
pub fn parse(arguments: &[OsString]) -> Result<ArgMatches, Error> {
    let matches = without_empty(Cli::command()).try_get_matches_from(arguments);
    matches.map_err(|error| naming_variable(error, arguments))
}

/// The variables that look like settings and are none, as a misspelt one does.
pub fn unknown_variables() -> Vec<String> {
    let mut known = Vec::new();
    each_arg(&built(), &mut |arg| known.extend(arg.get_env().map(OsStr::to_owned)));
    let set = vars_os().filter(|(_, value)| !value.to_string_lossy().trim().is_empty());
    let set = set.map(|(name, _)| name).filter(|name| !known.contains(name));
    let names = set.map(|name| name.to_string_lossy().into_owned());
    names.filter(|name| name.starts_with(PREFIX) && !OF_OTHERS.iter().any(|other| name.starts_with(other))).collect()
}

/// The command for which a variable without a value is not set.
fn without_empty(command: Command) -> Command {
    let is_empty = |arg: &Arg| {
        let value = arg.get_env().and_then(var_os);
        value.is_some_and(|value| value.to_string_lossy().trim().is_empty())
    };
    let command = command.mut_args(|arg| if is_empty(&arg) { arg.env(Resettable::Reset) } else { arg });
    command.mut_subcommands(without_empty)
}

/// The error with the variable in the place of the option, where the value came from there.
fn naming_variable(mut error: Error, arguments: &[OsString]) -> Error {
    if error.kind() == ErrorKind::InvalidUtf8
        && let Some(name) = not_text()
    {
        return Cli::command().error(ErrorKind::InvalidUtf8, format!("the value of {name} is not UTF-8"));
    }
    let named = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(option)) => variable_of(option, arguments).map(ContextValue::String),
        // Options that another one, or its variable, makes necessary.
        Some(ContextValue::Strings(options)) if error.kind() == ErrorKind::MissingRequiredArgument => {
            let with_variable = |option: &String| match variable_of(option, &[]) {
                Some(name) => format!("{option} (or {name})"),
                None => option.clone(),
            };
            Some(ContextValue::Strings(options.iter().map(with_variable).collect()))
        }
        _ => None,
    };
    if let Some(named) = named {
        error.insert(ContextKind::InvalidArg, named);
    }
    error
}

/// The variable of an option, as errors call it, where the command line does not have it.
fn variable_of(option: &str, arguments: &[OsString]) -> Option<String> {
    let mut variable = None;
    each_arg(&built(), &mut |arg| {
        if let (Some(name), Some(long)) = (arg.get_env(), arg.get_long())
            && arg.to_string() == option
            && !arguments.iter().any(|given| is_option(given, long))
        {
            variable = Some(name.to_string_lossy().into_owned());
        }
    });
    variable
}

/// Whether an argument is this option, with its value behind it or not.
fn is_option(given: &OsStr, long: &str) -> bool {
    let given = given.to_string_lossy();
    given.strip_prefix("--").is_some_and(|given| given.split('=').next() == Some(long))
}

/// A variable that holds no text, for a setting that is no path.
fn not_text() -> Option<String> {
    let mut found = None;
    each_arg(&built(), &mut |arg| {
        let is_path = arg.get_value_parser().type_id() == TypeId::of::<PathBuf>();
        if let Some(name) = arg.get_env()
            && !is_path
            && var_os(name).is_some_and(|value| value.to_str().is_none())
        {
            found = Some(name.to_string_lossy().into_owned());
        }
    });
    found
}

/// The command as it is once its options are whole: before, they have no names.
fn built() -> Command {
    let mut command = Cli::command();
    command.build();
    command
}

/// Calls for each option of a command and of those below it.
fn each_arg(command: &Command, call: &mut impl FnMut(&Arg)) {
    command.get_arguments().for_each(&mut *call);
    command.get_subcommands().for_each(|below| each_arg(below, call));
}
