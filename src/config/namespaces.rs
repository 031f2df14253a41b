//! Which namespaces are meant: of what is watched, and of a rule.

#![expect(
    clippy::doc_markdown,
    reason = "what is said of the fields is the schema's text, which is read without Markdown"
)]

use std::collections::BTreeMap;
use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use super::scalar::OneOrMany;
use crate::domain::defaults::{NamespaceFilter, Operator, Requirement, Selector, Wildcard};

/// A list of names, with ! before those that are not meant, or more that is said of namespaces.
#[derive(Clone, Debug)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(untagged))]
pub(super) enum NamespacesEntry {
    /// Names; * stands for any letters.
    Names(#[cfg_attr(test, schemars(with = "super::scalar::Texts"))] Vec<String>),
    /// Names and labels.
    Chosen(ChosenEntry),
}

/// Namespaces by their names and labels.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ChosenEntry {
    /// Any of these; * stands for any letters. None is all.
    names: Vec<String>,
    /// None of these.
    except: Vec<String>,
    /// Only those with these labels.
    selector: SelectorEntry,
}

/// A selector of labels, as Kubernetes has them.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct SelectorEntry {
    /// Each label has this value.
    match_labels: BTreeMap<String, String>,
    /// Each of these is fulfilled.
    match_expressions: Vec<ExpressionEntry>,
}

/// One thing that labels have to fulfil.
#[derive(Clone, Debug, serde::Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ExpressionEntry {
    /// The label.
    key: String,
    /// What of it.
    operator: OperatorEntry,
    /// Of In and NotIn.
    #[serde(default)]
    values: Vec<String>,
}

/// What a label has to be.
#[derive(Clone, Copy, Debug, serde::Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
enum OperatorEntry {
    In,
    NotIn,
    Exists,
    DoesNotExist,
}

impl<'de> Deserialize<'de> for NamespacesEntry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Either)
    }
}

struct Either;

impl<'de> Visitor<'de> for Either {
    type Value = NamespacesEntry;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of names, or names, except and selector,")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<NamespacesEntry, E> {
        OneOrMany.visit_str(text).map(NamespacesEntry::Names)
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<NamespacesEntry, E> {
        OneOrMany.visit_i64(number).map(NamespacesEntry::Names)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<NamespacesEntry, A::Error> {
        OneOrMany.visit_seq(items).map(NamespacesEntry::Names)
    }

    fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<NamespacesEntry, A::Error> {
        ChosenEntry::deserialize(MapAccessDeserializer::new(fields)).map(NamespacesEntry::Chosen)
    }
}

impl NamespacesEntry {
    /// As the variable has it, where it can.
    pub(super) fn as_variable(&self) -> Option<String> {
        match self {
            Self::Names(names) => Some(names.join(",")),
            Self::Chosen(_) => None,
        }
    }

    /// What it means.
    ///
    /// # Errors
    /// The key below its own that is wrong, and what is wrong with it.
    pub(super) fn read(&self) -> Result<NamespaceFilter, (String, String)> {
        match self {
            Self::Names(names) => read(names).map_err(|told| (String::new(), told)),
            Self::Chosen(chosen) => {
                let names = |key: &str, names: &[String]| {
                    let read = names.iter().map(|name| wildcard(name)).collect::<Result<_, _>>();
                    read.map_err(|told| (format!(".{key}"), told))
                };
                Ok(NamespaceFilter {
                    names: names("names", &chosen.names)?,
                    except: names("except", &chosen.except)?,
                    selector: chosen.selector.read().map_err(|(key, told)| (format!(".selector{key}"), told))?,
                })
            }
        }
    }
}

impl SelectorEntry {
    /// What it means.
    ///
    /// # Errors
    /// The key below its own that is wrong, and what is wrong with it.
    pub(super) fn read(&self) -> Result<Selector, (String, String)> {
        let equal = self.match_labels.iter().map(|(key, value)| Requirement {
            key: key.as_str().into(),
            operator: Operator::In([value.as_str().into()].into()),
        });
        let mut all: Vec<Requirement> = equal.collect();
        for (at, ExpressionEntry { key, operator, values }) in self.match_expressions.iter().enumerate() {
            let values: Box<[Box<str>]> = values.iter().map(|value| value.as_str().into()).collect();
            let (needs, operator) = match operator {
                OperatorEntry::In => (true, Operator::In(values.clone())),
                OperatorEntry::NotIn => (true, Operator::NotIn(values.clone())),
                OperatorEntry::Exists => (false, Operator::Exists),
                OperatorEntry::DoesNotExist => (false, Operator::DoesNotExist),
            };
            if values.is_empty() == needs {
                let told = if needs { "is missing: In and NotIn need some" } else { "has no place with this operator" };
                return Err((format!(".matchExpressions[{at}].values"), told.to_owned()));
            }
            all.push(Requirement { key: key.as_str().into(), operator });
        }
        Ok(Selector::new(all))
    }
}

/// Names, with ! before those that are not meant.
///
/// # Errors
/// What is wrong with one of them.
pub(super) fn read(names: &[String]) -> Result<NamespaceFilter, String> {
    let (except, names): (Vec<&String>, Vec<&String>) = names.iter().partition(|name| name.starts_with('!'));
    let read = |names: Vec<&String>| -> Result<Box<[Wildcard]>, String> {
        names.into_iter().map(|name| wildcard(name.trim_start_matches('!'))).collect()
    };
    Ok(NamespaceFilter { names: read(names)?, except: read(except)?, selector: Selector::default() })
}

fn wildcard(name: &str) -> Result<Wildcard, String> {
    let is_of_a_name = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'*');
    if name.is_empty() || name.len() > 63 || !name.bytes().all(is_of_a_name) {
        return Err("names of namespaces are expected; * stands for any letters, and ! before one leaves it out".into());
    }
    Ok(Wildcard::new(name))
}
