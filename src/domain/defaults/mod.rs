//! Settings that a workload has without naming them: those of its Namespace, and those of the operator's rules.

mod selector;
#[cfg(test)]
pub(crate) mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use selector::{Labels, NamespaceFilter, Operator, Requirement, Selector, Wildcard};

/// Names of settings, without their prefix, and their values.
pub type Named = [(Box<str>, Box<str>)];

/// What a workload inherits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inherited {
    /// From the annotations of its Namespace.
    pub namespace: Arc<Named>,
    /// From rules: `mode`, or `mode.web` of a rule for the image of the container `web`.
    pub rules: Box<Named>,
}

/// What a Namespace says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Namespace {
    /// Its labels.
    pub labels: Labels,
    /// Its annotations of ours, without their prefix.
    pub settings: Arc<Named>,
}

/// Settings of workloads that no annotation names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rule {
    /// What it is called, where it has a name.
    pub name: Option<Box<str>>,
    /// The namespaces that it is for.
    pub namespaces: NamespaceFilter,
    /// The labels of the workloads that it is for.
    pub selector: Selector,
    /// The images of the containers that it is for, without their tag; none is all.
    pub images: Box<[Wildcard]>,
    /// What it sets.
    pub settings: Box<Named>,
}

/// All that workloads inherit from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Defaults {
    /// The namespaces whose workloads are watched at all.
    pub watched: NamespaceFilter,
    /// In their order: of two that say the same setting the first counts.
    pub rules: Arc<[Rule]>,
    /// The Namespaces that could be read.
    pub namespaces: BTreeMap<Box<str>, Namespace>,
}

impl Defaults {
    /// Whether workloads of a namespace are watched.
    #[must_use]
    pub fn watches(&self, namespace: &str) -> bool {
        self.watched.admits(namespace, self.namespaces.get(namespace).map(|known| &known.labels))
    }

    /// Whether anything may be inherited in a namespace.
    #[must_use]
    pub fn gives_to(&self, namespace: &str) -> bool {
        let says = |known: &Namespace| !known.settings.is_empty();
        !self.rules.is_empty() || self.namespaces.get(namespace).is_some_and(says)
    }

    /// Whether it matters what Namespaces are labelled with.
    #[must_use]
    pub fn reads_labels(&self) -> bool {
        self.watched.reads_labels() || self.rules.iter().any(|rule| rule.namespaces.reads_labels())
    }

    /// What a workload with these labels and containers, each with its image, inherits; `None` for nothing.
    #[must_use]
    pub fn inherited<'c>(
        &self,
        namespace: &str,
        labels: &Labels,
        containers: &(impl Iterator<Item = (&'c str, &'c str)> + Clone),
    ) -> Option<Box<Inherited>> {
        let known = self.namespaces.get(namespace);
        let mut rules = Vec::new();
        for rule in self.rules.iter() {
            if rule.namespaces.admits(namespace, known.map(|known| &known.labels)) && rule.selector.admits(labels) {
                rule.add_to(&mut rules, containers);
            }
        }
        let inherited = Inherited {
            namespace: known.map(|known| Arc::clone(&known.settings)).unwrap_or_default(),
            rules: rules.into(),
        };
        (inherited != Inherited::default()).then(|| Box::new(inherited))
    }
}

impl Rule {
    /// Adds what it sets for the containers that it is for, where nothing before it does.
    fn add_to<'c>(
        &self,
        all: &mut Vec<(Box<str>, Box<str>)>,
        containers: &(impl Iterator<Item = (&'c str, &'c str)> + Clone),
    ) {
        let is_for = |(_, image): &(&str, &str)| {
            let image = repository(image);
            self.images.iter().any(|pattern| pattern.admits(image))
        };
        let mut add = |word: &str, container: Option<&str>, value: &str| {
            let name: Box<str> = container.map_or_else(|| word.into(), |name| format!("{word}.{name}").into());
            if !all.iter().any(|(known, _)| **known == *word || *known == name) {
                all.push((name, value.into()));
            }
        };
        for (word, value) in &self.settings {
            if self.images.is_empty() {
                add(word, None, value);
            } else {
                containers.clone().filter(is_for).for_each(|(name, _)| add(word, Some(name), value));
            }
        }
    }
}

/// An image without tag and digest.
fn repository(image: &str) -> &str {
    let name = image.split_once('@').map_or(image, |(name, _)| name);
    match name.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => name,
        _ => name,
    }
}
