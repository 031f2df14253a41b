//! Which registries are still waited for, on standard error while a person looks at it.

use std::collections::BTreeMap;
use std::io::{IsTerminal as _, Write as _};
use std::sync::{Mutex, PoisonError};

/// How many hosts are named.
const MOST_NAMED: usize = 3;
/// How much of the line is shown: what is longer than a terminal is wide would leave its beginning behind.
const WIDEST: usize = 79;

/// One line that is written again and again, at a terminal alone.
pub(super) struct Progress(Option<Mutex<Count>>);

/// How far it has come.
struct Count {
    /// What is not answered yet, by host.
    waiting: BTreeMap<String, usize>,
    all: usize,
}

impl Progress {
    /// So many containers wait for each of these hosts.
    pub(super) fn new(hosts: impl Iterator<Item = (String, usize)>) -> Self {
        let can_show = std::io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
        let progress = Self(can_show.then(|| Mutex::new(Count::of(hosts))));
        progress.change(|_| {});
        progress
    }

    /// So many have their answer, whatever it is.
    pub(super) fn answered(&self, host: &str, containers: usize) {
        self.change(|count| {
            if let Some(left) = count.waiting.get_mut(host) {
                *left = left.saturating_sub(containers);
            }
        });
    }

    /// A host is not waited for any more.
    pub(super) fn done(&self, host: &str) {
        self.change(|count| {
            count.waiting.remove(host);
        });
    }

    /// Nothing is waited for; the line goes.
    pub(super) fn end(&self) {
        if self.0.is_some() {
            write("");
        }
    }

    fn change(&self, change: impl FnOnce(&mut Count)) {
        if let Some(count) = &self.0 {
            let mut count = count.lock().unwrap_or_else(PoisonError::into_inner);
            change(&mut count);
            write(&count.line());
        }
    }
}

/// In the place of what stands in this line: over it, and then what is left of it goes, so that nothing flickers. Whoever
/// closed standard error wants no progress.
fn write(text: &str) {
    let mut error = std::io::stderr().lock();
    let _ = write!(error, "\r{text}\x1b[K").and_then(|()| error.flush());
}

impl Count {
    fn of(hosts: impl Iterator<Item = (String, usize)>) -> Self {
        let waiting: BTreeMap<String, usize> = hosts.collect();
        Self { all: waiting.values().sum(), waiting }
    }

    fn line(&self) -> String {
        let named: Vec<&str> = self.waiting.keys().take(MOST_NAMED).map(String::as_str).collect();
        if named.is_empty() {
            return String::new();
        }
        let more = match self.waiting.len().saturating_sub(named.len()) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let answered = self.all.saturating_sub(self.waiting.values().sum());
        let line = format!("{answered}/{} asking {}{more} …", self.all, named.join(", "));
        line.chars().take(WIDEST).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_that_are_waited_for_are_named() {
        let of = |hosts: &[&str]| Count::of(hosts.iter().map(|host| ((*host).to_owned(), 2)));
        assert_eq!(of(&[]).line(), "");
        assert_eq!(of(&["a", "b"]).line(), "0/4 asking a, b …");
        let mut all = of(&["a", "b", "c", "d", "e"]);
        all.waiting.remove("b");
        assert_eq!(all.line(), "2/10 asking a, c, d and 1 more …");
        let long = "a".repeat(70);
        assert_eq!(of(&[&long, &long.replace('a', "b")]).line().chars().count(), WIDEST);
    }
}
