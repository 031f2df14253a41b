//! Which registries are still waited for, on standard error while a person looks at it.

use std::collections::BTreeSet;
use std::io::{IsTerminal as _, Write as _};
use std::sync::{Mutex, PoisonError};

/// How many hosts are named.
const MOST_NAMED: usize = 3;

/// One line that is written again and again, at a terminal alone.
pub(super) struct Progress(Option<Mutex<BTreeSet<String>>>);

impl Progress {
    /// All of these are waited for.
    pub(super) fn new(hosts: impl Iterator<Item = String>) -> Self {
        let progress = Self(std::io::stderr().is_terminal().then(|| Mutex::new(hosts.collect())));
        progress.show();
        progress
    }

    /// One of them has answered, or has not in its time.
    pub(super) fn done(&self, host: &str) {
        if let Some(waiting) = &self.0 {
            waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(host);
        }
        self.show();
    }

    /// Nothing is waited for; the line goes.
    pub(super) fn end(&self) {
        if self.0.is_some() {
            write("");
        }
    }

    fn show(&self) {
        if let Some(waiting) = &self.0 {
            write(&line(&waiting.lock().unwrap_or_else(PoisonError::into_inner)));
        }
    }
}

/// In the place of what stands in this line. Whoever closed standard error wants no progress.
fn write(text: &str) {
    let mut error = std::io::stderr().lock();
    let _ = write!(error, "\r\x1b[K{text}").and_then(|()| error.flush());
}

fn line(waiting: &BTreeSet<String>) -> String {
    let named: Vec<&str> = waiting.iter().take(MOST_NAMED).map(String::as_str).collect();
    let more = waiting.len().saturating_sub(named.len());
    match (named.is_empty(), more) {
        (true, _) => String::new(),
        (false, 0) => format!("asking {} …", named.join(", ")),
        (false, more) => format!("asking {} and {more} more …", named.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_that_are_waited_for_are_named() {
        let of = |hosts: &[&str]| line(&hosts.iter().map(|host| (*host).to_owned()).collect());
        assert_eq!(of(&[]), "");
        assert_eq!(of(&["a", "b"]), "asking a, b …");
        assert_eq!(of(&["a", "b", "c", "d", "e"]), "asking a, b, c and 2 more …");
    }
}
