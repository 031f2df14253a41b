//! Groups: workloads of a namespace that go to one version together, or none.
//!
//! ```text
//! image-watcher/group ─► Membership          each member's candidates ─► common ─► the newest version that all have
//! what stands before each of them ─► between ─► ask people, write the first, or wait
//! members' records    ─► Stands ─► Plan::next ─► write the next, wait, take all back, or it is over
//! ```

mod common;
mod plan;
mod search;
#[cfg(test)]
pub(crate) mod tests;
mod waits;

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

pub use common::{Candidates, Common, MOST_CANDIDATES, common};
pub use plan::{Move, Next, Plan, Stands};
pub use search::{Found, Search};
pub use waits::Waits;

use super::workload::{Kind, Workload, WorkloadId, everything_said, said};

/// So many containers a group has at most.
pub const MOST_MEMBERS: usize = 20;

/// A name is no longer.
pub const LONGEST: usize = 63;

/// The name of a group, as it is written: it means something in its namespace only.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct GroupName(Box<str>);

impl GroupName {
    /// Its letters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for GroupName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for GroupName {
    type Error = GroupError;

    fn try_from(text: String) -> Result<Self, GroupError> {
        text.parse()
    }
}

impl FromStr for GroupName {
    type Err = GroupError;

    fn from_str(text: &str) -> Result<Self, GroupError> {
        if text.is_empty() {
            return Err(GroupError::Empty);
        }
        if text.len() > LONGEST {
            return Err(GroupError::TooLong(text.len()));
        }
        let fits = |letter: &char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || *letter == '-';
        if let Some(other) = text.chars().find(|letter| !fits(letter)) {
            return Err(GroupError::Letter(other));
        }
        if text.starts_with('-') || text.ends_with('-') {
            return Err(GroupError::Edge);
        }
        Ok(Self(text.into()))
    }
}

/// What `image-watcher/group` says: `shop`, or `shop/2` for whoever is written after `shop/1`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    /// The group.
    pub name: GroupName,
    /// Where in its order; those without a number come last.
    pub place: Option<u16>,
}

impl FromStr for Membership {
    type Err = GroupError;

    fn from_str(text: &str) -> Result<Self, GroupError> {
        let (name, place) = match text.trim().split_once('/') {
            Some((name, place)) => (name, Some(place)),
            None => (text.trim(), None),
        };
        let number = |place: &str| {
            let digits = place.bytes().all(|byte| byte.is_ascii_digit());
            place.parse().ok().filter(|_| digits).ok_or(GroupError::Place)
        };
        Ok(Self { name: name.parse()?, place: place.map(number).transpose()? })
    }
}

/// Why a text names no group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GroupError {
    /// There is nothing.
    #[error("the name of a group is missing; write it as in shop, or shop/2 for the second in its order")]
    Empty,
    /// It is too long.
    #[error("the name of a group has at most {LONGEST} letters, this one {0}")]
    TooLong(usize),
    /// A letter that is not taken.
    #[error(
        "the name of a group has no {0:?}: small letters, digits and - are taken, as in shop, or shop/2 for the second in its order"
    )]
    Letter(char),
    /// It begins or ends with a dash.
    #[error("the name of a group begins and ends with a small letter or a digit")]
    Edge,
    /// What stands behind the slash is no number.
    #[error("behind the / of a group stands its place in the order, a number from 0 to 65535, as in shop/2")]
    Place,
}

/// The group that a container is of, whatever else is wrong with its settings.
#[must_use]
pub fn of(workload: &Workload, container: &str) -> Option<Membership> {
    said(workload, "group", container)?.value.parse().ok()
}

/// The groups that containers of a workload name, as far as they can be read.
#[must_use]
pub fn named_by(workload: &Workload) -> BTreeSet<GroupName> {
    let is_group = |name: &str| name == "group" || name.starts_with("group.");
    let values = everything_said(workload).filter(|said| is_group(said.name)).map(|said| said.value);
    values.filter_map(|value| Some(value.parse::<Membership>().ok()?.name)).collect()
}

/// A container of a group, and its place in the order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member<'w> {
    /// The workload.
    pub workload: &'w Workload,
    /// Its container.
    pub container: &'w str,
    place: Option<u16>,
}

impl Member<'_> {
    /// How people call it: `deploy/web`, with the container where that has another name.
    #[must_use]
    pub fn name(&self) -> String {
        called(&self.workload.id, self.container)
    }
}

/// How people call a container of a group.
#[must_use]
pub fn called(id: &WorkloadId, container: &str) -> String {
    let workload = format!("{}/{}", id.kind.short(), id.name);
    if *id.name == *container { workload } else { format!("{workload} ({container})") }
}

/// Which container of which workload people call so; nothing where nobody is.
#[must_use]
pub fn member_called(called: &str) -> Option<(Kind, &str, &str)> {
    let (workload, container) = match called.split_once(" (") {
        Some((workload, rest)) => (workload, Some(rest.strip_suffix(')')?)),
        None => (called, None),
    };
    let (kind, name) = workload.split_once('/')?;
    Some((Kind::named(kind)?, name, container.unwrap_or(name)))
}

/// The members of a group among workloads of its namespace, in the order in which they are written: those with a number by
/// it, then the others, each by kind and name, and by where the container stands in its pod.
#[must_use]
pub fn members<'w>(name: &GroupName, workloads: impl IntoIterator<Item = &'w Workload>) -> Vec<Member<'w>> {
    let mut all = Vec::new();
    for workload in workloads {
        for container in &workload.containers {
            let of = of(workload, &container.name).filter(|of| of.name == *name);
            all.extend(of.map(|of| Member { workload, container: &container.name, place: of.place }));
        }
    }
    let order = |member: &Member<'w>| {
        let id = &member.workload.id;
        (member.place.is_none(), member.place, id.kind, &id.name)
    };
    all.sort_by(|one, other| order(one).cmp(&order(other)));
    all
}
