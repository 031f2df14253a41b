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
    /// The last tags of the pages that links led on from.
    ends: HashSet<u64>,
    /// How many pages came, how many entries they had together, and how many without a tag came last.
    pages: usize,
    entries: usize,
    bare: usize,
}

/// Pages without a tag that may follow each other.
const MOST_BARE: usize = 3;
/// Pages that a list may have however little is on them, and the entries that each other has on the average.
const FEW_PAGES: usize = 100;
const FEWEST_ENTRIES: usize = 10;

/// Why links are not followed any longer.
const NO_NEWS: &str = "its pages lead in a circle: one ends with the tag that another one ended with";
const NO_TAGS: &str = "its pages don't end: several after each other have no tag";
const NO_STEP: &str = "its pages don't end: a link leads on from where its page began";
const TOO_LITTLE: &str = "its pages don't end: over a hundred have hardly a tag";

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
    /// One that is not known, or that leads nowhere, as this says.
    Refused(&'static str),
}

impl Turning {
    pub(super) fn new(list: Url) -> Self {
        let mut next = list.clone();
        next.set_query(Some(&format!("n={PAGE}")));
        let (hasher, seen, ends) = (RandomState::new(), HashSet::new(), HashSet::new());
        Self { list, next, size: Size::Ours { from: None }, hasher, seen, ends, pages: 0, entries: 0, bare: 0 }
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
            (Next::Refused(why), _) => Turned::Refused(why),
            (Next::Page(next), _) => {
                if let Some(why) = self.leads_nowhere(&next, &from, &page) {
                    return Turned::Refused(why);
                }
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

    /// Why a link is not followed, where pages would never end: a page that has nothing that is new, or says so.
    fn leads_nowhere(&mut self, next: &Url, from: &Url, page: &Read) -> Option<&'static str> {
        let mark = |url: &Url| url.query_pairs().find(|(key, _)| key == "last").map(|(_, value)| value.into_owned());
        self.pages += 1;
        self.entries = self.entries.saturating_add(page.entries);
        self.bare = if page.last.is_some() { 0 } else { self.bare + 1 };
        let is_known = page.last.as_ref().is_some_and(|last| !self.ends.insert(self.hasher.hash_one(last)));
        if is_known {
            return Some(NO_NEWS);
        }
        if self.bare > MOST_BARE {
            return Some(NO_TAGS);
        }
        if mark(next).is_some_and(|next| mark(from) == Some(next)) {
            return Some(NO_STEP);
        }
        let is_little = self.pages > FEW_PAGES && self.entries / FEWEST_ENTRIES < self.pages - FEW_PAGES;
        is_little.then_some(TOO_LITTLE)
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
        Read { entries, last: (!last.is_empty()).then(|| last.into()), name: None, has_more: false }
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

    /// What registries do that filter after they cut, and what those do whose pages are small.
    #[test]
    fn links_are_followed_as_long_as_they_lead_somewhere() {
        let turned = |pages: &dyn Fn(usize) -> (usize, String, String), most: usize| {
            let (mut turning, list) = turning();
            let mut from = list.join("?n=1000").unwrap();
            for at in 0..most {
                let (entries, last, query) = pages(at);
                let next = list.join(&query).unwrap();
                if let Turned::Refused(why) = turning.turn(Next::Page(next.clone()), from, page(entries, &last)) {
                    return (at, why);
                }
                from = next;
            }
            (most, "")
        };
        let at = |n: usize| format!("?last=t{n}");
        assert_eq!(turned(&|n| (50, format!("t{n}"), at(n)), 5000), (5000, ""), "fifty on a page");
        let bare = |n: usize| if n % 4 == 3 { format!("t{n}") } else { String::new() };
        assert_eq!(turned(&|n| (100, bare(n), at(n)), 500), (500, ""), "all of a page was deleted");
        assert_eq!(turned(&|_| (2, "b".into(), at(7)), 500), (1, NO_NEWS));
        assert_eq!(turned(&|n| (0, String::new(), at(n)), 500), (MOST_BARE, NO_TAGS));
        assert_eq!(turned(&|n| (9, format!("t{n}"), format!("?last=b&at={n}")), 500), (1, NO_STEP));
        let (pages, why) = turned(&|n| (1, format!("t{n}"), at(n)), 500);
        assert!(pages < 130 && why == TOO_LITTLE, "{pages}: {why}");
    }
}
