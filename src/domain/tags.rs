//! All tags of a repository, in one buffer.

use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, SeqAccess, Visitor};

/// A list of tags as a registry gives it: order and duplicates mean nothing.
///
/// One text and the ends in it, so that a list of sixty thousand tags is two allocations and is read in one sweep.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct TagList {
    text: String,
    ends: Vec<u32>,
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

    /// How many tags.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The tags.
    pub fn iter(&self) -> impl Iterator<Item = &str> + Clone {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| self.text.get(start as usize..*end as usize).unwrap_or_default())
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
}
