//! Who says which setting of a workload, and whose word goes before whose.

use serde::{Deserialize, Serialize};

use super::Workload;

/// Who says what holds, the strongest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Origin {
    /// The operator, for all workloads: the environment.
    Operator,
    /// The annotation of the container.
    Container,
    /// The annotation of the workload.
    Workload,
    /// The annotation of the Namespace.
    Namespace,
    /// A rule of the operator's file.
    Rule,
    /// Nobody.
    Default,
}

impl Origin {
    /// Whether it is written where those who may annotate a workload can't write.
    #[must_use]
    pub fn is_operators(self) -> bool {
        match self {
            Self::Operator | Self::Namespace | Self::Rule => true,
            Self::Container | Self::Workload | Self::Default => false,
        }
    }
}

/// What somebody says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Said<'w> {
    /// The name without its prefix, as `mode` or `mode.web`.
    pub name: &'w str,
    /// The value.
    pub value: &'w str,
    /// Who says it.
    pub origin: Origin,
}

/// How strong a word is, the strongest first: of two of one origin that for one container goes before that for all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank(Origin, bool);

impl Said<'_> {
    /// How strong it is.
    #[must_use]
    pub fn rank(&self) -> Rank {
        Rank(self.origin, !self.name.contains('.'))
    }
}

/// Everything that is said to a workload and all of its containers, our own record among it.
pub fn everything_said(workload: &Workload) -> impl Iterator<Item = Said<'_>> + Clone {
    fn said((name, value): &(Box<str>, Box<str>), origin: Origin) -> Said<'_> {
        Said { name, value, origin }
    }
    let own = workload.annotations.iter().map(|named| {
        let origin = if named.0.contains('.') { Origin::Container } else { Origin::Workload };
        said(named, origin)
    });
    let inherited = workload.inherited.as_deref().into_iter();
    let of_namespace = inherited.clone().flat_map(|it| it.namespace.iter()).map(|it| said(it, Origin::Namespace));
    let of_rules = inherited.flat_map(|it| it.rules.iter()).map(|it| said(it, Origin::Rule));
    own.chain(of_namespace).chain(of_rules)
}

/// What holds for a container of the setting of this word, where anybody but the operator's environment says it.
#[must_use]
pub fn said<'w>(workload: &'w Workload, word: &str, container: &str) -> Option<Said<'w>> {
    let is_of = |said: &Said<'w>| match said.name.strip_prefix(word) {
        Some("") => true,
        Some(rest) => said.origin != Origin::Namespace && rest.strip_prefix('.') == Some(container),
        None => false,
    };
    everything_said(workload).filter(is_of).min_by_key(Said::rank)
}

impl Origin {
    /// The word for programs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Container => "container",
            Self::Workload => "workload",
            Self::Namespace => "namespace",
            Self::Rule => "rule",
            Self::Default => "default",
        }
    }
}
