//! What a group goes to: agreed on once, kept in the record of each member that is written, and carried on from there.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{GroupName, called};
use crate::domain::reference::{Digest, ImageReference, Tag};
use crate::domain::tag::Level;
use crate::domain::workload::{Kind, WorkloadId};

/// Who goes to what, in the order in which it is written. Members that run it already are not in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// The group.
    pub name: GroupName,
    /// Tells one plan from another.
    pub id: Box<str>,
    /// Whether all are taken back if one fails.
    pub goes_back: bool,
    /// Who goes where.
    pub moves: Vec<Move>,
}

/// Where one member goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Move {
    /// The workload.
    pub workload: WorkloadId,
    /// Its container.
    pub container: Box<str>,
    /// Other containers of it that are written with this one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub with: Vec<Box<str>>,
    /// The image that runs, as written.
    pub from: Box<str>,
    /// What its tag points to, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_digest: Option<Digest>,
    /// The tag to go to.
    pub tag: Tag,
    /// What that points to.
    pub digest: Digest,
    /// How far it is.
    pub level: Level,
}

impl Move {
    /// How people call who moves.
    #[must_use]
    pub fn member(&self) -> String {
        called(&self.workload, &self.container)
    }

    /// The tag that runs.
    #[must_use]
    pub fn from_tag(&self) -> Option<Tag> {
        ImageReference::parse(&self.from).ok()?.running_tag()
    }

    /// The containers that it writes.
    pub fn containers(&self) -> impl Iterator<Item = &str> {
        [&*self.container].into_iter().chain(self.with.iter().map(|name| &**name))
    }

    /// Whether it is that of this container.
    #[must_use]
    pub fn is_of(&self, uid: &str, container: &str) -> bool {
        *self.workload.uid == *uid && *self.container == *container
    }

    fn fields(&self) -> Vec<&str> {
        let Self { workload, container, with, from, from_digest, tag, digest, level } = self;
        let kind: Kind = workload.kind;
        let mut fields: Vec<&str> =
            vec![&workload.uid, kind.signed(), &workload.namespace, &workload.name, container, from];
        fields.push(from_digest.as_ref().map(Digest::as_str).unwrap_or_default());
        fields.extend([tag.as_str(), digest.as_str(), level.as_str()]);
        fields.extend(with.iter().map(|name| &**name));
        fields
    }
}

/// Where one member of a plan stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stands {
    /// It is deleted, was made anew, or left the group.
    Gone,
    /// It runs what it ran.
    Waits,
    /// It is written, and has not come to an end.
    UnderWay,
    /// It is written, and healthy.
    Healthy,
    /// It runs the version by another hand.
    Arrived,
    /// Its rollout failed.
    Failed,
    /// The API server refuses to write it.
    Refused,
    /// It is taken back.
    Back,
    /// It is taken back, as another one failed.
    BackWith,
    /// It was to be taken back, and can't be: people were told.
    Stays,
    /// Another hand changed its image.
    Elsewhere,
}

/// What is to be done for a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// This one is to be written.
    Write(usize),
    /// One is under way.
    Wait(usize),
    /// These are to be taken back, as this one failed.
    Back {
        /// Those.
        all: Vec<usize>,
        /// The one.
        failed: usize,
    },
    /// This one failed, and nothing goes back by itself: what comes next is for people to say.
    Stopped(usize),
    /// There is nothing more to do.
    Over,
}

impl Plan {
    /// What the signature of a link binds of it: each object, container and image, in their order.
    #[must_use]
    pub fn binding(&self) -> Digest {
        let mut hash = Sha256::new();
        let mut take = |field: &str| {
            hash.update(field.len().to_be_bytes());
            hash.update(field.as_bytes());
        };
        take(self.name.as_str());
        for it in &self.moves {
            let fields = it.fields();
            take(&fields.len().to_string());
            fields.into_iter().for_each(&mut take);
        }
        Digest::of(&hash.finalize())
    }

    /// Whether it says the same as another, which may have been made at another time.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        (&self.name, self.goes_back, &self.moves) == (&other.name, other.goes_back, &other.moves)
    }

    /// What is to be done, as its members stand; `stands` is in the order of its moves.
    #[must_use]
    pub fn next(&self, stands: &[Stands]) -> Next {
        let place = |wanted: &dyn Fn(Stands) -> bool| stands.iter().position(|it| wanted(*it));
        let is_bad = |it: Stands| matches!(it, Stands::Failed | Stands::Refused);
        // Who failed, or was taken back by a person, and not who followed.
        let went_back = place(&|it| it == Stands::Back).or_else(|| place(&|it| it == Stands::BackWith));
        if let Some(failed) = went_back.or_else(|| place(&is_bad).filter(|_| self.goes_back)) {
            let is_written = |it: &Stands| matches!(it, Stands::UnderWay | Stands::Healthy);
            let all: Vec<usize> =
                stands.iter().enumerate().filter(|(_, it)| is_written(it)).map(|(place, _)| place).collect();
            // What failed and runs still goes to no other member. Once one of them is back, that it is held there says so.
            let runs_still = place(&|it| it == Stands::Failed).filter(|_| went_back.is_none());
            return match (all.is_empty(), runs_still) {
                (false, _) => Next::Back { all, failed },
                (true, Some(failed)) => Next::Stopped(failed),
                (true, None) => Next::Over,
            };
        }
        if let Some(failed) = place(&is_bad) {
            return Next::Stopped(failed);
        }
        if place(&|it| it == Stands::Elsewhere).is_some() {
            return Next::Over;
        }
        if let Some(under_way) = place(&|it| it == Stands::UnderWay) {
            return Next::Wait(under_way);
        }
        place(&|it| it == Stands::Waits).map_or(Next::Over, Next::Write)
    }
}
