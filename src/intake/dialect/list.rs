//! Lists of events, of which only as many are read as may count, and of which one that is bad spoils no other.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::{Delivery, MOST_EVENTS, Malformed, Push, Read};

/// The first items of a list, each still as text, and how many there were more. What is beyond is skipped while it is
/// read, so that no delivery costs more than its bytes.
pub(super) struct Items<'b> {
    first: Vec<&'b RawValue>,
    more: usize,
}

impl<'b> Items<'b> {
    /// One thing that stands where a list could.
    pub(super) fn alone(item: &'b RawValue) -> Self {
        Self { first: vec![item], more: 0 }
    }

    /// How many are beyond those that count.
    pub(super) fn more(&self) -> usize {
        self.more
    }

    /// Those that count, read one by one.
    pub(super) fn read<T: Deserialize<'b>>(&self) -> impl Iterator<Item = Result<T, Malformed>> {
        self.first.iter().map(|item| Ok(serde_json::from_str(item.get())?))
    }
}

impl<'de: 'b, 'b> Deserialize<'de> for Items<'b> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List;

        impl<'de> Visitor<'de> for List {
            type Value = Items<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let mut items = Items { first: Vec::new(), more: 0 };
                while items.first.len() < MOST_EVENTS {
                    match list.next_element::<&'de RawValue>()? {
                        // Quay names tags that are none.
                        Some(item) if item.get() == "\"\"" => {}
                        Some(item) => items.first.push(item),
                        None => return Ok(items),
                    }
                }
                while list.next_element::<IgnoredAny>()?.is_some() {
                    items.more += 1;
                }
                Ok(items)
            }
        }

        deserializer.deserialize_seq(List)
    }
}

/// Reads a body that is a list, or one of what such a list holds.
pub(super) fn list_or_one(body: &[u8]) -> Result<Items<'_>, Malformed> {
    if body.trim_ascii_start().starts_with(b"[") {
        return Ok(serde_json::from_slice(body)?);
    }
    Ok(Items::alone(serde_json::from_slice(body)?))
}

/// Gathers the pushes of a list. An event that can't be used is passed over.
#[derive(Default)]
pub(super) struct Gathered {
    pushes: Vec<Push>,
    passed_over: usize,
    first: Option<Malformed>,
}

/// What a sender does with a delivery that is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sender {
    /// It forgets it, or tries again a few times: a delivery of which nothing can be used is refused, so that somebody sees
    /// it there.
    GivesUp,
    /// It sends it for ever, before all others, or stops sending: it is never refused for what an event says.
    Insists,
}

impl Gathered {
    /// Takes what came of one event.
    pub(super) fn take(&mut self, event: Result<Option<Push>, Malformed>) {
        match event {
            Ok(push) => self.pushes.extend(push),
            Err(malformed) => {
                self.passed_over += 1;
                self.first.get_or_insert(malformed);
            }
        }
    }

    /// What the delivery is, when it has `more` events than count; `none` tells what it is without any push.
    pub(super) fn into_read(mut self, sender: Sender, more: usize, none: &'static str) -> Result<Read, Malformed> {
        if more > 0 {
            self.passed_over += more;
            self.first.get_or_insert(Malformed::Many);
        }
        match self.first {
            Some(Malformed::Many) if sender == Sender::GivesUp => Err(Malformed::Many),
            Some(first) if sender == Sender::GivesUp && self.pushes.is_empty() => Err(first),
            first => {
                let delivery = Delivery::of(self.pushes, none);
                Ok(Read { delivery, passed_over: self.passed_over, reason: first })
            }
        }
    }
}
