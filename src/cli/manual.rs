//! `image-watcher man`: one page of all commands, as man(1) takes it, from what `--help` says.
//!
//! The crate that does this costs 85 kB of the binary, as measured; what is here says the same.

use std::fmt::Write as _;

use clap::{Arg, Command};

/// The page.
pub(super) fn page(command: &mut Command) -> String {
    command.build();
    let mut page = Page(String::new());
    page.line(&format!(".TH IMAGE-WATCHER 1 \"\" \"image-watcher {}\"", env!("CARGO_PKG_VERSION")));
    page.section("NAME");
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    page.text(&format!("image-watcher - {about}"));
    page.section("SYNOPSIS");
    page.line(".B image-watcher");
    page.text("[COMMAND] [OPTIONS]");
    page.section("OPTIONS");
    command.get_arguments().for_each(|argument| page.argument(argument));
    page.section("COMMANDS");
    for command in command.get_subcommands().filter(|command| is_shown(command)) {
        page.command(command, "");
    }
    page.section("EXIT STATUS");
    for (code, means) in EXIT {
        page.line(".TP");
        page.line(&format!(".B {code}"));
        page.text(means);
    }
    page.section("SEE ALSO");
    page.text("kubectl(1)");
    page.0
}

/// What each command ends with.
const EXIT: [(u8, &str); 5] = [
    (0, "Yes, or done."),
    (1, "A no that is an answer: an update exists, a check failed; or there is no answer, as nothing could be read."),
    (2, "Wrong usage, or nobody confirmed what was asked."),
    (78, "The configuration is wrong; each problem is named."),
    (130, "It was broken off by Ctrl-C."),
];

/// Whether people are told of it.
pub(super) fn is_shown(command: &Command) -> bool {
    command.get_name() != "help" && !command.is_hide_set()
}

struct Page(String);

impl Page {
    /// A request of roff.
    fn line(&mut self, line: &str) {
        self.0.push_str(line);
        self.0.push('\n');
    }

    fn section(&mut self, name: &str) {
        self.line(&format!(".SH {name}"));
    }

    /// Words, which are no requests whatever they begin with.
    fn text(&mut self, text: &str) {
        for line in text.lines() {
            let line = escaped(line);
            let before = if line.starts_with(['.', '\'']) { "\\&" } else { "" };
            self.line(&format!("{before}{line}"));
        }
    }

    fn command(&mut self, command: &Command, above: &str) {
        let name = format!("{above}{}", command.get_name());
        self.line(&format!(".SS {}", escaped(&format!("image-watcher {name}"))));
        let about = command.get_long_about().or(command.get_about()).map(ToString::to_string).unwrap_or_default();
        for paragraph in about.split("\n\n") {
            self.text(paragraph);
            self.line(".PP");
        }
        command
            .get_arguments()
            .filter(|argument| argument.get_id() != "help" && argument.get_id() != "version")
            .for_each(|argument| self.argument(argument));
        if let Some(examples) = command.get_after_help() {
            self.line(".PP");
            self.line(".nf");
            self.text(&examples.to_string());
            self.line(".fi");
        }
        for below in command.get_subcommands().filter(|below| is_shown(below)) {
            self.command(below, &format!("{name} "));
        }
    }

    fn argument(&mut self, argument: &Arg) {
        // It is one of all of them, and said once.
        if argument.is_hide_set() || argument.is_global_set() && self.0.contains("COMMANDS") {
            return;
        }
        self.line(".TP");
        self.line(&format!("\\fB{}\\fR", escaped(&flag(argument))));
        let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
        match words(argument) {
            values if values.is_empty() => self.text(&help),
            values => self.text(&format!("{help}: {}", values.join(", "))),
        }
    }
}

/// The values that a flag takes, where they are a closed set.
pub(super) fn words(argument: &Arg) -> Vec<String> {
    let values = argument.get_possible_values();
    let takes = argument.get_action().takes_values();
    values.iter().filter(|value| takes && !value.is_hide_set()).map(|value| value.get_name().to_owned()).collect()
}

/// How a flag is written, as `-n, --namespace <NAME>`.
pub(super) fn flag(argument: &Arg) -> String {
    let mut text = String::new();
    if let Some(short) = argument.get_short() {
        let _ = write!(text, "-{short}, ");
    }
    if let Some(long) = argument.get_long() {
        let _ = write!(text, "--{long}");
    }
    if argument.get_action().takes_values() {
        let id = argument.get_id().as_str().to_uppercase();
        let names = argument.get_value_names().and_then(<[_]>::first).map_or(id, ToString::to_string);
        let space = if text.is_empty() { "" } else { " " };
        let _ = write!(text, "{space}<{names}>");
    }
    text
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\e").replace('-', "\\-").replace('«', "\\(Fo").replace('»', "\\(Fc").replace('…', "...")
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::cli::Cli;

    #[test]
    fn each_command_and_flag_is_on_the_page() {
        let (mut command, page) = (Cli::command(), page(&mut Cli::command()));
        command.build();
        assert!(page.is_ascii(), "{:?}", page.chars().find(|letter| !letter.is_ascii()));
        for command in command.get_subcommands().filter(|command| is_shown(command)) {
            assert!(page.contains(&format!(".SS image\\-watcher {}\n", escaped(command.get_name()))), "{command}");
            for argument in command.get_arguments().filter_map(Arg::get_long) {
                assert!(page.contains(&escaped(&format!("--{argument}"))), "{command} {argument}");
            }
        }
        // What begins a request of roff is one of ours.
        let requests = [".TH", ".SH", ".SS", ".TP", ".PP", ".B", ".nf", ".fi"];
        for line in page.lines().filter(|line| line.starts_with(['.', '\''])) {
            assert!(requests.iter().any(|request| line.starts_with(request)), "{line}");
        }
    }
}
