//! What may be written to whom reads: colours, and letters beyond ASCII.
//!
//! State is a word everywhere; a colour only repeats it.

use std::io::IsTerminal as _;

use clap::ValueEnum;

/// Whether there are colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum ColourChoice {
    #[default]
    #[value(help = "At a terminal, unless NO_COLOR is set or TERM is dumb")]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// What a word is repeated by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Colour {
    /// It failed.
    Red,
    /// It is well.
    Green,
    /// It wants a person.
    Yellow,
    /// There is nothing to do.
    Grey,
}

impl Colour {
    /// The text in this colour.
    pub(super) fn paint(self, text: &str) -> String {
        let code = match self {
            Self::Red => "31",
            Self::Green => "32",
            Self::Yellow => "33",
            Self::Grey => "2",
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }
}

/// How a text for people is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Form {
    /// With colours.
    pub(super) colour: bool,
    /// Without the line of headings.
    pub(super) no_headers: bool,
}

/// Who reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Terminal {
    colour: bool,
    is_ascii: bool,
}

impl Terminal {
    /// Who reads standard output, as these variables say it.
    pub(super) fn of(choice: ColourChoice, variables: &[(String, String)]) -> Self {
        Self::at(choice, variables, std::io::stdout().is_terminal())
    }

    /// Who reads standard error, where the log goes.
    pub(super) fn of_the_log(choice: ColourChoice, variables: &[(String, String)]) -> Self {
        Self::at(choice, variables, std::io::stderr().is_terminal())
    }

    /// Whether it is shown with colours.
    pub(super) fn is_coloured(self) -> bool {
        self.colour
    }

    fn at(choice: ColourChoice, variables: &[(String, String)], is_terminal: bool) -> Self {
        let set = |wanted: &str| {
            let found = variables.iter().find(|(name, value)| name == wanted && !value.is_empty());
            found.map(|(_, value)| value.as_str())
        };
        let colour = match choice {
            ColourChoice::Always => true,
            ColourChoice::Never => false,
            ColourChoice::Auto => is_terminal && set("NO_COLOR").is_none() && set("TERM").is_none_or(|it| it != "dumb"),
        };
        // Without any of them, as in a pod, the terminal is elsewhere: today that is one of UTF-8.
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(set);
        let is_utf8 = |locale: &str| {
            let locale = locale.to_ascii_lowercase();
            locale.contains("utf-8") || locale.contains("utf8")
        };
        Self { colour, is_ascii: locale.is_some_and(|locale| !is_utf8(locale)) }
    }

    /// The form of a text with headings or without.
    pub(super) fn form(self, no_headers: bool) -> Form {
        Form { colour: self.colour, no_headers }
    }

    /// Our own symbols in the letters that can be shown. What others wrote is left as it is.
    pub(super) fn text(self, text: String) -> String {
        if !self.is_ascii || text.is_ascii() {
            return text;
        }
        let symbols = [("→", "->"), ("…", "..."), ("–", "-"), ("·", "|"), ("«", "\""), ("»", "\"")];
        symbols.iter().fold(text, |text, (symbol, letters)| text.replace(symbol, letters))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(choice: ColourChoice, variables: &[(&str, &str)], is_terminal: bool) -> Terminal {
        let variables: Vec<_> =
            variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Terminal::at(choice, &variables, is_terminal)
    }

    #[test]
    fn colours_are_for_a_terminal_that_shows_them() {
        use ColourChoice::{Always, Auto, Never};
        type Case = (ColourChoice, &'static [(&'static str, &'static str)], bool, bool);
        let cases: [Case; 8] = [
            (Auto, &[("TERM", "xterm")], true, true),
            (Auto, &[], true, true),
            (Auto, &[("TERM", "xterm")], false, false),
            (Auto, &[("NO_COLOR", "1")], true, false),
            (Auto, &[("NO_COLOR", "")], true, true),
            (Auto, &[("TERM", "dumb")], true, false),
            (Always, &[("NO_COLOR", "1"), ("TERM", "dumb")], false, true),
            (Never, &[("TERM", "xterm")], true, false),
        ];
        for (choice, variables, is_terminal, expected) in cases {
            assert_eq!(at(choice, variables, is_terminal).colour, expected, "{choice:?} {variables:?} {is_terminal}");
        }
    }

    #[test]
    fn symbols_are_ascii_where_the_locale_is_not_utf_8() {
        let told =
            |variables: &[(&str, &str)]| at(ColourChoice::Never, variables, true).text("1.0 → 1.1 · – «x»…".to_owned());
        let (whole, ascii) = ("1.0 → 1.1 · – «x»…", "1.0 -> 1.1 | - \"x\"...");
        for utf8 in [&[][..], &[("LANG", "C.UTF-8")], &[("LANG", "C"), ("LC_ALL", "en_GB.utf8")], &[("LANG", "")]] {
            assert_eq!(told(utf8), whole, "{utf8:?}");
        }
        for other in
            [&[("LANG", "C")][..], &[("LC_ALL", "POSIX"), ("LANG", "C.UTF-8")], &[("LANG", "de_DE.ISO-8859-1")]]
        {
            assert_eq!(told(other), ascii, "{other:?}");
        }
    }
}
