//! The command line: which command, what it prints, how it ends.
//!
//! 0 for yes or done, 1 for a no that is an answer, 2 for wrong usage, 78 for a bad configuration.

mod act;
mod acting;
mod api;
mod brake;
mod check;
mod cluster_flags;
mod completion;
mod config;
mod configured;
mod deliveries;
mod doctor;
mod document;
#[cfg(test)]
mod documents;
mod ending;
mod explain;
mod grammar;
mod history;
mod interrupt;
mod look;
mod manual;
mod marks;
mod migrate;
mod notes;
mod notify_test;
mod output;
mod policy;
mod queue;
#[cfg(test)]
mod schemas;
mod secrets;
mod serve;
#[cfg(test)]
mod snapshots;
mod table;
mod terminal;
mod version;
mod webhook;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::CommandFactory as _;

use self::configured::{bounds, configured, misconfigured};
use self::ending::{NO, WRONG_USAGE, blocking, no_answer, printed};
use self::grammar::{Cli, Command, parsed};
use self::output::Output;
use self::terminal::Terminal;
use crate::config::{Config, Problem};

/// Runs the command line to its end.
#[must_use]
pub fn run(arguments: impl Iterator<Item = OsString>, variables: impl Iterator<Item = (String, String)>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.collect();
    let cli = match parsed(&arguments) {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(WRONG_USAGE) } else { ExitCode::SUCCESS };
        }
    };
    let variables: Vec<(String, String)> = variables.collect();
    let (terminal, log) = (Terminal::of(cli.color, &variables), Terminal::of_the_log(cli.color, &variables));
    let command = cli.command.unwrap_or(Command::Serve { dry_run: false });
    match command {
        Command::Policy => policy::run(),
        Command::Notes => notes::run(),
        Command::Webhook { metas } => webhook::run(&metas),
        Command::Config(arguments) => config::run(&arguments, variables.into_iter()),
        Command::HashPassword => secrets::hash_password(),
        Command::NewToken => secrets::new_token(),
        Command::Completion { shell } => printed(&completion::script(shell, &mut Cli::command()), ExitCode::SUCCESS),
        Command::Man => printed(&manual::page(&mut Cli::command()), ExitCode::SUCCESS),
        Command::Explain(arguments) if arguments.list.image.is_some() => explain::run_of_list(terminal, &arguments),
        command => run_configured(variables.into_iter(), (terminal, log), command),
    }
}

/// Runs a command that needs the configuration.
fn run_configured(
    variables: impl Iterator<Item = (String, String)>,
    readers: (Terminal, Terminal),
    command: Command,
) -> ExitCode {
    match (configured(variables), command) {
        ((config, None), command) => run_with((config, &[]), readers, command),
        ((config, Some(error)), command) if error.is_of_the_file() && command.goes_by_what_runs() => {
            let code = misconfigured(&error);
            eprintln!("A service that runs goes on by what was in force before.\n");
            run_with((config, &error.problems), readers, command);
            code
        }
        ((_, Some(error)), _) => misconfigured(&error),
    }
}

/// Runs a command with a configuration that is understood, or that says enough for it beside what is wrong.
fn run_with(
    (config, wrong): (Config, &[Problem]),
    (terminal, log): (Terminal, Terminal),
    command: Command,
) -> ExitCode {
    match command {
        Command::Serve { dry_run } => {
            let dry_run = dry_run || config.dry_run;
            serve::run(Config { dry_run, ..config }, log.is_coloured())
        }
        Command::Explain(arguments) => explain::run(&config, terminal, &arguments),
        Command::History(arguments) => acting::history(&config, terminal, &arguments),
        Command::Approve(arguments) => acting::run(&config, terminal, &arguments),
        Command::Skip(arguments) => acting::run(&config, terminal, &arguments),
        Command::Snooze(arguments) => acting::run(&config, terminal, &arguments),
        Command::Rollback(arguments) => acting::run(&config, terminal, &arguments),
        Command::Resume(arguments) => acting::run(&config, terminal, &arguments),
        Command::Look(arguments) => look::run(&config, &arguments),
        Command::Brake { resume, by } => brake::run(&config, resume, by.as_deref()),
        Command::Deliveries(arguments) => match blocking(deliveries::deliveries(&config, &arguments)) {
            Ok(text) => printed(&text, ExitCode::SUCCESS),
            Err(error) => no_answer(&error),
        },
        Command::Queue(arguments) => match blocking(queue::queue(&config, &arguments)) {
            Ok((text, told)) => {
                let code = printed(&text, ExitCode::SUCCESS);
                eprint!("{told}");
                code
            }
            Err(error) => no_answer(&error),
        },
        Command::NotifyTest(arguments) => match blocking(notify_test::notify_test(&config, &arguments)) {
            Ok(ended) => printed(&ended.text, if ended.is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE }),
            Err(error) => no_answer(&error),
        },
        Command::Check(arguments) => check::run(&config, terminal, &arguments),
        Command::Version(arguments) => version::run(&config, &arguments),
        Command::Migrate(arguments) => migrate::run(&config, &arguments),
        Command::Doctor(arguments) => doctor::run((&config, wrong), terminal, &arguments),
        // What needs no configuration was run without it.
        Command::Policy
        | Command::Notes
        | Command::Webhook { .. }
        | Command::Config(_)
        | Command::HashPassword
        | Command::NewToken
        | Command::Completion { .. }
        | Command::Man => ExitCode::SUCCESS,
    }
}
