//! A `serde` type out of a document, with everything that is wrong at once.
//!
//! A derived `Deserialize` stops at the first thing that it can't read. That is told and taken out, and the rest is read
//! again, so that the type alone says what may stand there. What is told never has a value in it.

use std::fmt;

use serde::de::{
    self, DeserializeOwned, DeserializeSeed, IntoDeserializer as _, MapAccess, SeqAccess, Unexpected, Visitor,
};
use serde::forward_to_deserialize_any;

use super::{Document, Field, Node, Place, Value, Wrong, below};
use crate::config::names;
use crate::domain::near::near;

/// So often is what is wrong taken out, and the rest read again.
const MOST_TRIES: usize = 200;

/// Reads all of a document that can be read, and what is wrong with the rest.
pub(in crate::config) fn read<T: DeserializeOwned + Default>(document: &Document) -> (T, Vec<Wrong>) {
    let mut rest = Rest { root: document.root.clone(), filled: Vec::new() };
    let mut all: Vec<Wrong> = Vec::new();
    for _ in 0..MOST_TRIES {
        let error = match T::deserialize(Reading { node: &rest.root, at: rest.root.at }) {
            Ok(read) => return (read, all),
            Err(error) => error,
        };
        let Some(wrong) = rest.without(document, &error) else { break };
        if !all.iter().any(|told| told.key == wrong.key) {
            all.push(wrong);
        }
    }
    (T::default(), all)
}

/// What is left of a document after what is wrong was taken out of it.
struct Rest {
    root: Node,
    /// What was missing and is there now, with nothing in it.
    filled: Vec<Filled>,
}

struct Filled {
    id: usize,
    key: String,
    /// What it is missing in.
    parent: usize,
}

impl Rest {
    /// Tells what an error is about, after it was made sure that it comes no more.
    fn without(&mut self, document: &Document, error: &ReadError) -> Option<Wrong> {
        let Spot { id, place: at } = error.at?;
        if let Some(Filled { key, parent, .. }) = self.filled.iter().find(|filled| filled.id == id) {
            // Nothing can't be in its place, so all that it is missing in is left out.
            let wrong = Wrong { key: key.clone(), at, what: "is missing".to_owned() };
            let parent = *parent;
            self.take_out(parent);
            return Some(wrong);
        }
        // Items have other numbers once one before them is gone.
        let key = document.root.key_of(id, "")?;
        let node = self.root.with_id(id)?;
        if let (Fault::Missing(name), Value::Fields(fields)) = (&error.fault, &mut node.value)
            && fields.iter().all(|field| field.name != *name)
        {
            let (parent, id, key) = (id, usize::MAX - self.filled.len(), below(&key, name));
            let value = Node { id, at, value: Value::Text { text: String::new(), is_plain: false } };
            fields.push(Field { name: (*name).to_owned(), at, value });
            self.filled.push(Filled { id, key: key.clone(), parent });
            return Some(Wrong { key, at, what: "is missing".to_owned() });
        }
        self.take_out(id);
        Some(Wrong { key, at, what: error.to_string() })
    }

    fn take_out(&mut self, id: usize) {
        if !self.root.remove(id) {
            self.root.value = Value::Nothing;
        }
    }
}

/// A value that an error is about.
#[derive(Clone, Copy, Debug)]
struct Spot {
    id: usize,
    place: Place,
}

/// Why a value can't be read.
#[derive(Debug)]
struct ReadError {
    fault: Fault,
    at: Option<Spot>,
}

/// The reason, without the value.
#[derive(Debug)]
enum Fault {
    /// Another kind of value is expected.
    Expected(String),
    /// No such field, of those that there are.
    Unknown {
        name: String,
        known: &'static [&'static str],
    },
    /// None of these words.
    NoneOf {
        near: Option<&'static str>,
        words: &'static [&'static str],
    },
    Missing(&'static str),
    Other(String),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expected(what) => write!(f, "{what} is expected"),
            Self::Unknown { name, known } => f.write_str(&names::unknown_key(name, known)),
            Self::NoneOf { near, words } => {
                write!(f, "is none of {}", words.join(", "))?;
                near.map_or(Ok(()), |near| write!(f, "; did you mean {near}?"))
            }
            Self::Missing(name) => write!(f, "{name} is missing"),
            Self::Other(told) => f.write_str(told),
        }
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fault.fmt(f)
    }
}

impl std::error::Error for ReadError {}

impl From<Fault> for ReadError {
    fn from(fault: Fault) -> Self {
        Self { fault, at: None }
    }
}

impl de::Error for ReadError {
    fn custom<T: fmt::Display>(told: T) -> Self {
        Fault::Other(told.to_string()).into()
    }

    fn invalid_type(_: Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Fault::Expected(expected.to_string()).into()
    }

    fn invalid_value(_: Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Fault::Expected(expected.to_string()).into()
    }

    fn invalid_length(_: usize, expected: &dyn de::Expected) -> Self {
        Fault::Expected(expected.to_string()).into()
    }

    fn unknown_variant(word: &str, words: &'static [&'static str]) -> Self {
        Fault::NoneOf { near: near(words.iter().copied(), word), words }.into()
    }

    fn unknown_field(name: &str, known: &'static [&'static str]) -> Self {
        Fault::Unknown { name: name.to_owned(), known }.into()
    }

    fn missing_field(name: &'static str) -> Self {
        Fault::Missing(name).into()
    }
}

/// A value that is about to be read.
#[derive(Clone, Copy)]
struct Reading<'d> {
    node: &'d Node,
    /// Where what is wrong with it is told: at its name, where it is of several lines.
    at: Place,
}

impl<'d> Reading<'d> {
    fn of(field: &'d Field) -> Self {
        let at = if field.value.is_of_one_line() { field.value.at } else { field.at };
        Self { node: &field.value, at }
    }

    /// Says of an error where it is, unless that is known better.
    fn here<T>(self, read: Result<T, ReadError>) -> Result<T, ReadError> {
        read.map_err(|error| ReadError { at: error.at.or(Some(Spot { id: self.node.id, place: self.at })), ..error })
    }

    fn expected<T>(self, what: &str) -> Result<T, ReadError> {
        self.here(Err(Fault::Expected(what.to_owned()).into()))
    }

    fn text(self, expected: &str) -> Result<&'d str, ReadError> {
        match &self.node.value {
            Value::Text { text, .. } => Ok(text),
            _ => self.expected(expected),
        }
    }

    fn number<T: std::str::FromStr>(self, expected: &str) -> Result<T, ReadError> {
        let read = self.text(expected)?.trim().parse();
        read.or_else(|_| self.expected(expected))
    }
}

const A_NUMBER: &str = "a whole number";
const A_COUNT: &str = "a whole number, 0 or more,";

impl<'de> de::Deserializer<'de> for Reading<'de> {
    type Error = ReadError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match &self.node.value {
            Value::Nothing => self.here(visitor.visit_unit()),
            Value::List(_) => self.deserialize_seq(visitor),
            Value::Fields(_) => self.deserialize_map(visitor),
            Value::Text { text, is_plain: false } => self.here(visitor.visit_str(text)),
            Value::Text { text, is_plain: true } => self.here(match (text.as_str(), text.parse::<i64>()) {
                ("true" | "True" | "TRUE", _) => visitor.visit_bool(true),
                ("false" | "False" | "FALSE", _) => visitor.visit_bool(false),
                (_, Ok(number)) => visitor.visit_i64(number),
                (text, Err(_)) => visitor.visit_str(text),
            }),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        const YES_OR_NO: &str = "true or false";
        match self.text(YES_OR_NO)?.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" | "1" => self.here(visitor.visit_bool(true)),
            "false" | "no" | "off" | "0" => self.here(visitor.visit_bool(false)),
            _ => self.expected(YES_OR_NO),
        }
    }

    fn deserialize_i64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        self.here(visitor.visit_i64(self.number(A_NUMBER)?))
    }

    fn deserialize_u32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        self.here(visitor.visit_u32(self.number(A_COUNT)?))
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        self.here(visitor.visit_str(self.text("a text")?))
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self.node.value {
            Value::Nothing => self.here(visitor.visit_none()),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        let items = match &self.node.value {
            Value::List(items) => items.iter(),
            Value::Nothing => [].iter(),
            _ => return self.expected("a list"),
        };
        self.here(visitor.visit_seq(Items(items)))
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match &self.node.value {
            Value::Fields(_) | Value::Nothing => {
                self.here(visitor.visit_map(Fields { fields: self.node.fields().iter(), value: None }))
            }
            _ => self.expected("a block of fields with names"),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        self.deserialize_map(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        let word: de::value::StrDeserializer<'_, ReadError> = self.text("a word")?.into_deserializer();
        self.here(visitor.visit_enum(word))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, ReadError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i128 u8 u16 u64 u128 f32 f64 char bytes byte_buf unit unit_struct tuple tuple_struct identifier
    }
}

struct Items<'d>(std::slice::Iter<'d, Node>);

impl<'de> SeqAccess<'de> for Items<'de> {
    type Error = ReadError;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, ReadError> {
        self.0.next().map(|node| seed.deserialize(Reading { node, at: node.at })).transpose()
    }
}

struct Fields<'d> {
    fields: std::slice::Iter<'d, Field>,
    value: Option<&'d Field>,
}

impl<'de> MapAccess<'de> for Fields<'de> {
    type Error = ReadError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, ReadError> {
        self.value = self.fields.next();
        let Some(field) = self.value else { return Ok(None) };
        let name: de::value::StrDeserializer<'_, ReadError> = field.name.as_str().into_deserializer();
        Reading { node: &field.value, at: field.at }.here(seed.deserialize(name).map(Some))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, ReadError> {
        match self.value.take() {
            Some(field) => seed.deserialize(Reading::of(field)),
            None => Err(Fault::Other("has a name without a value".to_owned()).into()),
        }
    }
}
