//! From one page of a list to the next: by what the registry says, else by what the specification says to ask.

use std::collections::HashSet;
use std::hash::{BuildHasher as _, RandomState};

use url::Url;

use super::links::Next;
use super::pages::Read;

/// Tags that a page is asked to have.
const PAGE: usize = 1000;

/// Where a list is read, and what comes after it.
pub(super) struct Turning {
    list: Url,
    next: Url,
    size: Size,
    hasher: RandomState,
    /// Pages that were asked for.
    seen: HashSet<u64>,
}

/// What a page's length says about what comes after it, where no link does.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Size {
    /// A full one of this size may not be all; `from` is where it was said to go on.
    Ours { from: Option<Box<str>> },
    /// Nothing: the registry chose it.
    Theirs,
}

/// What comes after a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turned {
    /// Nothing: the list is complete.
    End,
    /// Another one.
    On,
    /// The list from its beginning, as these pages led nowhere.
    Anew,
    /// One that is not known.
    Refused,
}

impl Turning {
    pub(super) fn new(list: Url) -> Self {
        let mut next = list.clone();
        next.set_query(Some(&format!("n={PAGE}")));
        let (hasher, seen) = (RandomState::new(), HashSet::new());
        Self { list, next, size: Size::Ours { from: None }, hasher, seen }
    }

    /// The page to ask for; `None` when it was asked for before.
    pub(super) fn next_page(&mut self) -> Option<Url> {
        self.seen.insert(self.hasher.hash_one(&self.next)).then(|| self.next.clone())
    }

    /// Whether a registry that takes no page of our size can be asked without one.
    pub(super) fn may_ask_for_all(&self) -> bool {
        self.size == Size::Ours { from: None }
    }

    /// Asks for the list in whatever pages the registry likes.
    pub(super) fn ask_for_all(&mut self) {
        (self.next, self.size) = (self.list.clone(), Size::Theirs);
    }

    /// Goes on after a page that came `from` this address.
    pub(super) fn turn(&mut self, next: Next, from: Url, page: Read) -> Turned {
        let has_our_size = from.query_pairs().any(|(key, value)| key == "n" && value == PAGE.to_string());
        match (next, &self.size) {
            (Next::Refused, _) => Turned::Refused,
            (Next::Page(next), _) => {
                (self.next, self.size) = (next, Size::Theirs);
                Turned::On
            }
            (Next::None, Size::Ours { from: before }) if page.entries == PAGE && has_our_size => match page.last {
                // It does not know where to go on, and would give this page for ever.
                last if last.is_none() || last == *before => {
                    self.ask_for_all();
                    Turned::Anew
                }
                last => {
                    self.go_on(from, last);
                    Turned::On
                }
            },
            (Next::None, _) => Turned::End,
        }
    }

    fn go_on(&mut self, from: Url, last: Option<Box<str>>) {
        self.next = from;
        let last_tag = last.as_deref().unwrap_or_default();
        self.next.query_pairs_mut().clear().append_pair("n", &PAGE.to_string()).append_pair("last", last_tag);
        self.size = Size::Ours { from: last };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(entries: usize, last: &str) -> Read {
        Read { entries, last: (!last.is_empty()).then(|| last.into()), name: None }
    }

    fn asked(turning: &mut Turning) -> String {
        turning.next_page().map_or_else(|| "again".into(), |url| url.query().unwrap_or("all").to_owned())
    }

    fn turning() -> (Turning, Url) {
        let list = Url::parse("https://r.example/v2/a/tags/list").unwrap();
        (Turning::new(list.clone()), list)
    }

    #[test]
    fn a_full_page_is_asked_on_and_a_shorter_one_ends() {
        let (mut turning, list) = turning();
        assert_eq!(asked(&mut turning), "n=1000");
        let at = |query: &str| list.join(query).unwrap();
        assert_eq!(turning.turn(Next::None, at("?n=1000"), page(1000, "b")), Turned::On);
        assert_eq!(asked(&mut turning), "n=1000&last=b");
        assert_eq!(turning.turn(Next::None, at("?n=1000&last=b"), page(999, "c")), Turned::End);
    }

    #[test]
    fn a_page_of_a_registrys_own_size_is_not_asked_on() {
        let (mut turning, list) = turning();
        assert_eq!(asked(&mut turning), "n=1000");
        // A redirect that lost the query: nobody asked for a thousand.
        assert_eq!(turning.turn(Next::None, list.clone(), page(1000, "b")), Turned::End);
        let next = list.join("?n=1000&last=b").unwrap();
        assert_eq!(turning.turn(Next::Page(next.clone()), list, page(1000, "b")), Turned::On);
        assert_eq!(turning.turn(Next::None, next, page(1000, "c")), Turned::End);
    }

    #[test]
    fn who_does_not_go_on_is_asked_for_all_once() {
        let (mut turning, list) = turning();
        let at = |query: &str| list.join(query).unwrap();
        assert_eq!(asked(&mut turning), "n=1000");
        assert_eq!(turning.turn(Next::None, at("?n=1000"), page(1000, "b")), Turned::On);
        assert_eq!(asked(&mut turning), "n=1000&last=b");
        assert_eq!(turning.turn(Next::None, at("?n=1000&last=b"), page(1000, "b")), Turned::Anew);
        assert_eq!(asked(&mut turning), "all");
        assert_eq!(turning.turn(Next::None, list.clone(), page(1000, "b")), Turned::End);
        turning.ask_for_all();
        assert_eq!(asked(&mut turning), "again");
    }
}
