//! Which namespaces, labels and images are meant.

use std::collections::BTreeMap;

/// Labels of an object.
pub type Labels = BTreeMap<Box<str>, Box<str>>;

/// A text in which `*` stands for any letters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wildcard(Box<str>);

impl Wildcard {
    /// Any text is one.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.into())
    }

    /// As it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it has no star.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        !self.0.contains('*')
    }

    /// Whether all of a text fits it: in a time that grows with both lengths alone.
    #[must_use]
    pub fn admits(&self, text: &str) -> bool {
        let mut parts = self.0.split('*');
        let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else { return false };
        let Some(last) = parts.next_back() else { return rest.is_empty() };
        for part in parts {
            let Some((_, after)) = rest.split_once(part) else { return false };
            rest = after;
        }
        rest.ends_with(last)
    }
}

/// A selector of labels, as Kubernetes has them; an empty one admits everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selector(Box<[Requirement]>);

/// One thing that labels have to fulfil.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    /// Which label.
    pub key: Box<str>,
    /// What of it.
    pub operator: Operator,
}

/// What a label has to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operator {
    /// Any of these.
    In(Box<[Box<str>]>),
    /// None of these, or not there.
    NotIn(Box<[Box<str>]>),
    /// There.
    Exists,
    /// Not there.
    DoesNotExist,
}

impl Selector {
    /// All of these.
    #[must_use]
    pub fn new(requirements: Vec<Requirement>) -> Self {
        Self(requirements.into())
    }

    /// Whether it admits everything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether labels fulfil it.
    #[must_use]
    pub fn admits(&self, labels: &Labels) -> bool {
        self.0.iter().all(|Requirement { key, operator }| {
            let value = labels.get(key);
            match operator {
                Operator::In(values) => value.is_some_and(|value| values.contains(value)),
                Operator::NotIn(values) => value.is_none_or(|value| !values.contains(value)),
                Operator::Exists => value.is_some(),
                Operator::DoesNotExist => value.is_none(),
            }
        })
    }
}

/// Which namespaces are meant: without anything, all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NamespaceFilter {
    /// Any of these names; none is all.
    pub names: Box<[Wildcard]>,
    /// None of these, whatever else is said.
    pub except: Box<[Wildcard]>,
    /// The labels of the Namespace.
    pub selector: Selector,
}

impl NamespaceFilter {
    /// Whether a namespace is meant. One whose labels are not known is none that a selector means.
    #[must_use]
    pub fn admits(&self, name: &str, labels: Option<&Labels>) -> bool {
        let is_one = |all: &[Wildcard]| all.iter().any(|pattern| pattern.admits(name));
        (self.names.is_empty() || is_one(&self.names))
            && !is_one(&self.except)
            && (self.selector.is_empty() || labels.is_some_and(|labels| self.selector.admits(labels)))
    }

    /// Whether it matters what a Namespace is labelled with.
    #[must_use]
    pub fn reads_labels(&self) -> bool {
        !self.selector.is_empty()
    }

    /// The namespaces that are meant, where each is named and nothing else is said; `None` where only a look at all of
    /// them tells.
    #[must_use]
    pub fn named(&self) -> Option<Vec<String>> {
        let is_plain = !self.names.is_empty()
            && self.except.is_empty()
            && self.selector.is_empty()
            && self.names.iter().all(Wildcard::is_plain);
        is_plain.then(|| self.names.iter().map(|name| name.as_str().to_owned()).collect())
    }
}
