//! The tables of flags in `docs/commands.md`, made of the same description as `--help`.
//!
//! `UPDATE_COMMANDS=1 cargo test --lib cli::documents` writes them anew.

use std::fmt::Write as _;

use clap::{Arg, Command, CommandFactory as _};

use super::Cli;
use super::manual::{flag, is_shown, words};

const BEGIN: &str = "<!-- flags: written by UPDATE_COMMANDS=1 cargo test --lib cli::documents -->\n";
const END: &str = "<!-- end of flags -->\n";

fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

fn table<'a>(arguments: impl Iterator<Item = &'a Arg>) -> String {
    let mut text = String::new();
    for argument in arguments {
        let values = words(argument);
        let defaults: Vec<String> =
            argument.get_default_values().iter().map(|value| format!("`{}`", value.to_string_lossy())).collect();
        let is_word = argument.get_action().takes_values() && !argument.is_hide_default_value_set();
        let mut about = argument.get_help().map(ToString::to_string).unwrap_or_default();
        if !values.is_empty() {
            let _ = write!(about, ": `{}`", values.join("` `"));
        }
        let default = if is_word { defaults.join(", ") } else { String::new() };
        let _ = writeln!(text, "| `{}` | {} | {default} |", cell(&flag(argument)), cell(&about));
    }
    if text.is_empty() { text } else { format!("| | | default |\n|---|---|---|\n{text}\n") }
}

/// Whether it is said at each command, and here once.
fn is_of_all(argument: &Arg) -> bool {
    argument.is_global_set() || ["help", "version"].contains(&argument.get_id().as_str())
}

fn section(command: &Command, above: &str, into: &mut String) {
    let name = format!("{above} {}", command.get_name());
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    let long = command.get_long_about().map(ToString::to_string).unwrap_or_default();
    let codes = long.rfind("Exit status").map(|at| long.get(at..).unwrap_or_default().trim_end().replace('\n', " "));
    let _ = write!(into, "### `{name}`\n\n{about}.");
    let _ = writeln!(into, "{}\n", codes.map(|codes| format!(" {codes}")).unwrap_or_default());
    into.push_str(&table(command.get_arguments().filter(|argument| !is_of_all(argument) && !argument.is_hide_set())));
    for below in command.get_subcommands().filter(|below| is_shown(below)) {
        section(below, &name, into);
    }
}

fn written() -> String {
    let mut command = Cli::command();
    command.build();
    let mut text = String::from("Every command takes:\n\n");
    text.push_str(&table(command.get_arguments()));
    for command in command.get_subcommands().filter(|command| is_shown(command)) {
        section(command, "image-watcher", &mut text);
    }
    text
}

#[test]
fn the_tables_of_flags_are_those_of_the_program() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/commands.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(BEGIN).expect("the place of the tables");
    let (flags, after) = rest.split_once(END).expect("its end");
    let written = format!("\n{}", written());
    if std::env::var_os("UPDATE_COMMANDS").is_some() {
        std::fs::write(&path, format!("{before}{BEGIN}{written}{END}{after}")).unwrap();
        return;
    }
    assert!(flags == written, "docs/commands.md is behind: UPDATE_COMMANDS=1 cargo test --lib cli::documents");
}

/// As `--help` says it, where people look for it.
#[test]
fn each_command_says_its_exit_status_and_has_examples() {
    fn look(command: &Command, name: &str) {
        let help = command.clone().render_long_help().to_string();
        let examples = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        let lines = examples.lines().filter(|line| line.contains("image-watcher")).count();
        assert!(lines >= 2, "{name}: {lines} examples");
        assert!(
            name.contains("deliveries ") || name.ends_with("serve") || help.contains("Exit status:"),
            "{name}: {help}"
        );
        for below in command.get_subcommands().filter(|below| is_shown(below)) {
            look(below, &format!("{name} {}", below.get_name()));
        }
    }
    let mut command = Cli::command();
    command.build();
    for command in command.get_subcommands().filter(|command| is_shown(command)) {
        look(command, command.get_name());
    }
}
