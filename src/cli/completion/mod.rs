//! `image-watcher completion`: what makes a shell complete our commands and flags, and names of the cluster.
//!
//! The scripts are made of the same description as `--help`. The crate that does this costs 90 kB of the binary, as measured, and
//! knows nothing of namespaces; here one list is put into four scripts, which ask kubectl for names.

mod scripts;

use std::fmt::Write as _;

use clap::{Arg, Command, ValueEnum};

use super::manual::{is_shown, words};

/// A shell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Shell {
    /// Bash 4 or newer
    Bash,
    /// Zsh
    Zsh,
    /// Fish 3 or newer
    Fish,
    /// PowerShell 5 or newer
    Powershell,
}

/// What can follow a command.
struct Place {
    /// The words of the command, with spaces between; empty at the beginning.
    path: String,
    /// Commands below it, with what they do.
    commands: Vec<(String, String)>,
    flags: Vec<Flag>,
    /// What its first word is.
    word: Takes,
}

struct Flag {
    long: String,
    short: Option<char>,
    about: String,
    takes: Takes,
}

/// What stands behind a flag or a command.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Takes {
    Nothing,
    /// Something that nobody can list.
    Any,
    File,
    /// One of these.
    Words(Vec<String>),
    /// The names that the cluster has.
    Names(Names),
}

/// What kubectl is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Names {
    Namespaces,
    Workloads,
    Contexts,
}

impl Names {
    fn as_str(self) -> &'static str {
        match self {
            Self::Namespaces => "namespaces",
            Self::Workloads => "workloads",
            Self::Contexts => "contexts",
        }
    }
}

/// The script.
pub(super) fn script(shell: Shell, command: &mut Command) -> String {
    command.build();
    let mut places = Vec::new();
    place(command, "", &mut places);
    match shell {
        Shell::Bash => bash(&places),
        // Zsh runs what is written for Bash, once it is told so.
        Shell::Zsh => format!("{}{}", scripts::ZSH, bash(&places)),
        Shell::Fish => fish(&places),
        Shell::Powershell => powershell(&places),
    }
}

fn place(command: &Command, path: &str, into: &mut Vec<Place>) {
    let below: Vec<&Command> = command.get_subcommands().filter(|command| is_shown(command)).collect();
    let flags = command.get_arguments().filter(|argument| !argument.is_hide_set()).filter_map(|argument| {
        let (long, short) = (argument.get_long()?.to_owned(), argument.get_short());
        Some(Flag { long, short, about: about(argument.get_help()), takes: takes(argument) })
    });
    let word = command.get_positionals().next().map_or(Takes::Nothing, takes);
    let commands = below.iter().map(|command| (command.get_name().to_owned(), about(command.get_about()))).collect();
    into.push(Place { path: path.to_owned(), commands, flags: flags.collect(), word });
    for command in below {
        let name = command.get_name();
        place(command, &if path.is_empty() { name.to_owned() } else { format!("{path} {name}") }, into);
    }
}

fn about(text: Option<&clap::builder::StyledStr>) -> String {
    text.map(ToString::to_string).unwrap_or_default().replace(['\'', '\n'], " ")
}

fn takes(argument: &Arg) -> Takes {
    if !argument.get_action().takes_values() {
        return Takes::Nothing;
    }
    let words = words(argument);
    let name = argument.get_value_names().and_then(<[_]>::first).map_or("", |name| name.as_str());
    match (argument.get_id().as_str(), name) {
        _ if !words.is_empty() => Takes::Words(words),
        ("namespace", _) => Takes::Names(Names::Namespaces),
        ("context", _) => Takes::Names(Names::Contexts),
        (_, "KIND/NAME") => Takes::Names(Names::Workloads),
        (_, "FILE" | "FILE|DIR" | "META") => Takes::File,
        _ => Takes::Any,
    }
}

/// Every flag of a place with each way of writing it, as a pattern of a shell.
fn patterns(place: &Place, flag: &Flag) -> String {
    let short = flag.short.map(|short| format!("|'{}:-{short}'", place.path)).unwrap_or_default();
    format!("'{}:--{}'{short}", place.path, flag.long)
}

fn bash(places: &[Place]) -> String {
    let mut commands = String::new();
    let mut values = String::new();
    let mut words = String::new();
    for place in places {
        let below: Vec<&str> = place.commands.iter().map(|(name, _)| name.as_str()).collect();
        for name in &below {
            let _ = writeln!(commands, "      '{}:{name}') path='{}' ;;", place.path, joined(&place.path, name));
        }
        for flag in place.flags.iter().filter(|flag| flag.takes != Takes::Nothing) {
            let _ = writeln!(values, "    {}) {}; return ;;", patterns(place, flag), of_bash(&flag.takes));
        }
        let flags: Vec<String> = place.flags.iter().map(|flag| format!("--{}", flag.long)).collect();
        let all = [below.join(" "), flags.join(" ")].join(" ");
        let _ = writeln!(words, "    '{}') words='{}'; {} ;;", place.path, all.trim(), of_bash(&place.word));
    }
    scripts::BASH.replace("@COMMANDS@", &commands).replace("@VALUES@", &values).replace("@WORDS@", &words)
}

fn joined(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path} {name}") }
}

fn of_bash(takes: &Takes) -> String {
    match takes {
        Takes::Nothing | Takes::Any => ":".to_owned(),
        Takes::File => "COMPREPLY=($(compgen -f -- \"$cur\"))".to_owned(),
        Takes::Words(words) => format!("COMPREPLY=($(compgen -W '{}' -- \"$cur\"))", words.join(" ")),
        Takes::Names(names) => {
            format!("COMPREPLY=($(compgen -W \"$(_image_watcher_names {})\" -- \"$cur\"))", names.as_str())
        }
    }
}

fn fish(places: &[Place]) -> String {
    let mut lines = String::new();
    for place in places {
        let at = format!("complete -c image-watcher -n '__image_watcher_at \"{}\"'", place.path);
        for (name, about) in &place.commands {
            let _ = writeln!(lines, "{at} -f -a {name} -d '{about}'");
        }
        for flag in &place.flags {
            let short = flag.short.map(|short| format!(" -s {short}")).unwrap_or_default();
            let (takes, about) = (of_fish(&flag.takes), &flag.about);
            let _ = writeln!(lines, "{at} -l {}{short}{takes} -d '{about}'", flag.long);
        }
        match &place.word {
            Takes::Words(_) | Takes::Names(_) => {
                let takes = of_fish(&place.word).replace(" -x", " -f");
                let _ = writeln!(lines, "{at}{takes}");
            }
            Takes::File => {
                let _ = writeln!(lines, "{at} -F");
            }
            Takes::Nothing | Takes::Any => {}
        }
    }
    let paths: Vec<String> = places
        .iter()
        .map(|place| &place.path)
        .filter(|path| !path.is_empty())
        .map(|path| format!("'{path}'"))
        .collect();
    scripts::FISH.replace("@PATHS@", &paths.join(" ")).replace("@LINES@", &lines)
}

fn of_fish(takes: &Takes) -> String {
    match takes {
        Takes::Nothing => String::new(),
        Takes::Any => " -x".to_owned(),
        Takes::File => " -r -F".to_owned(),
        Takes::Words(words) => format!(" -x -a '{}'", words.join(" ")),
        Takes::Names(names) => format!(" -x -a '(__image_watcher_names {})'", names.as_str()),
    }
}

fn powershell(places: &[Place]) -> String {
    let mut lines = String::new();
    for place in places {
        let below = place.commands.iter().map(|(name, about)| format!("'{name}|{about}'"));
        let flags = place.flags.iter().map(|flag| format!("'--{}|{}'", flag.long, flag.about));
        let all: Vec<String> = below.chain(flags).collect();
        let _ = writeln!(lines, "    '{}' = @({})", place.path, all.join(", "));
    }
    let mut values = String::new();
    for place in places {
        for flag in &place.flags {
            let Some(takes) = of_powershell(&flag.takes) else { continue };
            let _ = writeln!(values, "    '{}:--{}' = {takes}", place.path, flag.long);
            if let Some(short) = flag.short {
                // Keys of a table have no case of their own.
                let case = if short.is_uppercase() { "^" } else { "" };
                let _ = writeln!(values, "    '{}:-{case}{short}' = {takes}", place.path);
            }
        }
        if let Some(takes) = of_powershell(&place.word) {
            let _ = writeln!(values, "    '{}:' = {takes}", place.path);
        }
    }
    scripts::POWERSHELL.replace("@PLACES@", &lines).replace("@VALUES@", &values)
}

fn of_powershell(takes: &Takes) -> Option<String> {
    match takes {
        Takes::Nothing | Takes::Any | Takes::File => None,
        Takes::Words(words) => Some(format!("'{}'", words.join(" "))),
        Takes::Names(names) => Some(format!("'?{}'", names.as_str())),
    }
}

#[cfg(test)]
mod tests;
