//! The tags of a repository that a decision could use, in one buffer, and what all of them come to.

use std::fmt;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use serde::de::{Deserialize, DeserializeSeed, Deserializer, SeqAccess, Visitor};

/// A list of tags as a registry gives it: order and duplicates mean nothing.
///
/// One text and the ends in it, so that a list of sixty thousand tags is two allocations and is read in one sweep.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct TagList {
    text: String,
    ends: Vec<u32>,
    passed: u64,
}

impl TagList {
    /// An empty list.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a tag. Whether it is one that can be pulled is for the reader of the registry's answer to know.
    ///
    /// What would make the list larger than 4 GiB is not added.
    pub fn push(&mut self, tag: &str) {
        if let Ok(end) = u32::try_from(self.text.len() + tag.len()) {
            self.text.push_str(tag);
            self.ends.push(end);
        }
    }

    /// Adds what another list kept and passed.
    pub fn append(&mut self, other: &Self) {
        other.iter().for_each(|tag| self.push(tag));
        self.passed = self.passed.saturating_add(other.passed);
    }

    /// What was added since it was like `before`.
    #[must_use]
    pub fn since(&self, before: ListMark) -> Self {
        let mut added: Self = self.iter().skip(before.kept).collect();
        added.passed = self.passed.saturating_sub(before.passed);
        added
    }

    /// How long it is now.
    #[must_use]
    pub fn mark(&self) -> ListMark {
        ListMark { kept: self.ends.len(), passed: self.passed }
    }

    /// Counts a tag that the registry lists and that is not kept.
    pub fn pass(&mut self) {
        self.passed = self.passed.saturating_add(1);
    }

    /// How many tags the registry listed, kept or not.
    #[must_use]
    pub fn listed(&self) -> u64 {
        self.ends.len() as u64 + self.passed
    }

    /// How many bytes the tags that are kept take.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.text.len() + self.ends.len() * size_of::<u32>()
    }

    /// Keeps only the tags that `wanted` says, in the memory that they need.
    pub fn retain(&mut self, mut wanted: impl FnMut(&str) -> bool) {
        let mut kept = Self { passed: self.passed, ..Self::new() };
        for tag in self.iter() {
            if wanted(tag) {
                kept.push(tag);
            } else {
                kept.pass();
            }
        }
        *self = kept;
        self.fit();
    }

    /// Gives back the memory that was taken for more tags than came.
    pub fn fit(&mut self) {
        self.text.shrink_to_fit();
        self.ends.shrink_to_fit();
    }

    /// How many tags are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether none is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The tags that are kept.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &str> + Clone {
        (0..self.ends.len()).map(|at| self.tag(at))
    }

    fn tag(&self, at: usize) -> &str {
        let end = |at: usize| self.ends.get(at).map_or(0, |end| *end as usize);
        let start = at.checked_sub(1).map_or(0, end);
        self.text.get(start..end(at)).unwrap_or_default()
    }
}

/// How long a list was at some moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ListMark {
    kept: usize,
    passed: u64,
}

/// What tells one complete list of a repository from another, however few of its tags are kept. Order means nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fingerprint {
    count: u64,
    sum: u64,
}

impl Fingerprint {
    /// Adds a tag.
    pub fn add(&mut self, tag: &str) {
        let mut hasher = DefaultHasher::new();
        tag.hash(&mut hasher);
        self.count = self.count.saturating_add(1);
        self.sum = self.sum.wrapping_add(hasher.finish());
    }

    /// Adds what was added to another one.
    pub fn append(&mut self, other: Self) {
        self.count = self.count.saturating_add(other.count);
        self.sum = self.sum.wrapping_add(other.sum);
    }

    /// What was added since it was like `before`.
    #[must_use]
    pub fn since(self, before: Self) -> Self {
        Self { count: self.count.saturating_sub(before.count), sum: self.sum.wrapping_sub(before.sum) }
    }

    /// How many tags.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }
}

impl<T: AsRef<str>> FromIterator<T> for Fingerprint {
    fn from_iter<I: IntoIterator<Item = T>>(tags: I) -> Self {
        let mut fingerprint = Self::default();
        tags.into_iter().for_each(|tag| fingerprint.add(tag.as_ref()));
        fingerprint
    }
}

impl fmt::Debug for TagList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<T: AsRef<str>> FromIterator<T> for TagList {
    fn from_iter<I: IntoIterator<Item = T>>(tags: I) -> Self {
        let mut list = Self::new();
        tags.into_iter().for_each(|tag| list.push(tag.as_ref()));
        list
    }
}

/// Reads an array of texts into one buffer, without a text of its own for each.
impl<'de> Deserialize<'de> for TagList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct All;

        impl<'de> Visitor<'de> for All {
            type Value = TagList;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array of tags")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut tags: A) -> Result<TagList, A::Error> {
                let mut list = TagList::new();
                while tags.next_element_seed(Next(&mut list))?.is_some() {}
                Ok(list)
            }
        }

        deserializer.deserialize_seq(All)
    }
}

/// One tag, put into the list as it is read.
struct Next<'l>(&'l mut TagList);

impl<'de> DeserializeSeed<'de> for Next<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Next<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a tag")
    }

    fn visit_str<E: serde::de::Error>(self, tag: &str) -> Result<(), E> {
        self.0.push(tag);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_gives_back_what_was_put_in() {
        let tags = ["1.0.0", "", "latest", "1.0.0", "ü"];
        let list: TagList = tags.iter().collect();
        assert_eq!(list.iter().collect::<Vec<_>>(), tags);
        assert_eq!((list.len(), list.is_empty()), (5, false));
        let read: TagList = serde_json::from_str(r#"["1.0.0","","latest","1.0.0","\u00fc"]"#).unwrap();
        assert_eq!(read, list);
        assert_eq!(format!("{list:?}"), format!("{tags:?}"));
        let told = |text| serde_json::from_str::<TagList>(text).unwrap_err().to_string();
        assert!(told("7").contains("expected an array of tags") && told("[7]").contains("expected a tag"));
        for wrong in ["[1]", "{}", "null", "[\"a\"", "[[]]"] {
            assert!(serde_json::from_str::<TagList>(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_not_kept_is_counted() {
        let mut list: TagList = ["1.0.0", "2.0.0"].iter().collect();
        list.pass();
        assert_eq!((list.len(), list.listed(), list.bytes()), (2, 3, 18));
        list.retain(|tag| tag != "1.0.0");
        assert_eq!(list.iter().collect::<Vec<_>>(), ["2.0.0"]);
        assert_eq!((list.listed(), list.bytes()), (3, 9));
        assert_eq!(TagList::new().listed(), 0);
        let before = list.mark();
        list.push("3.0.0");
        list.pass();
        let added = list.since(before);
        assert_eq!((added.iter().collect::<Vec<_>>(), added.listed()), (vec!["3.0.0"], 2));
        let mut again: TagList = ["2.0.0"].iter().collect();
        again.append(&added);
        assert_eq!((again.iter().collect::<Vec<_>>(), again.listed()), (vec!["2.0.0", "3.0.0"], 3));
    }

    #[test]
    fn a_fingerprint_tells_lists_apart_and_not_their_order() {
        let of = |tags: &[&str]| tags.iter().collect::<Fingerprint>();
        assert_eq!(of(&["1", "2", "3"]), of(&["3", "1", "2"]));
        assert_ne!(of(&["1", "2"]), of(&["1", "3"]));
        assert_ne!(of(&["1"]), of(&["1", "1"]));
        assert_ne!(of(&["12"]), of(&["1", "2"]));
        assert_eq!(of(&["1", "2"]).count(), 2);
        let mut joined = of(&["1"]);
        joined.append(of(&["1", "2", "3"]).since(of(&["1"])));
        assert_eq!(joined, of(&["1", "2", "3"]));
    }
}
