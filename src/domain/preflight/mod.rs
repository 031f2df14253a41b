//! Whether an image would start where it is to run: judged before anybody is asked, and before anything is applied.
//!
//! ```text
//! what the registry has ─┐
//! how the pod starts ────┼─► judge ─┬─► Preflight   what was looked at, and what the update changes
//! where it may run ──────┤          └─► Flaw        why it would not start: the next best version is judged
//! what runs ─────────────┘
//! ```
//!
//! Only what is known to be wrong is a flaw. What could not be looked at is said, and stops nothing.

mod changes;
pub mod image;
mod platform;
mod pod;
mod user;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use changes::{Changes, FromTo, Names};
pub use platform::{NoPlatform, Platform};
pub use pod::{Nodes, RunAs, Start};
pub use user::WrongUser;

use super::reference::{Digest, Tag};
use image::{Configuration, Content, Found, Part};

/// So many platforms are named where some are missing.
const MOST_NAMED: usize = 4;

/// Why a version would not start, or may not be written.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Flaw {
    /// The registry has no manifest by its digest.
    NoManifest,
    /// Its index names an image that the registry does not have.
    NoImage,
    /// The registry gives something else by its digest.
    AnotherDigest,
    /// The registry lacks a blob of it.
    NoBlob(Digest),
    /// It is not built for these, where the pods run.
    NoPlatform {
        /// The first of them.
        lacks: Vec<Platform>,
        /// Where they are known from.
        of: PlatformsOf,
    },
    /// Docker's first format of manifests.
    Schema1,
    /// More bytes than a manifest may have.
    TooLarge(u64),
    /// As whom it would run.
    User(WrongUser),
    /// There is nothing to run.
    NoCommand,
    /// The API server refuses the write, in these words.
    Admission(String),
}

/// Where it is known from what an image has to be built for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PlatformsOf {
    /// The nodes that the pods may go to.
    Nodes,
    /// The image that runs, as nodes may not be read.
    Running,
}

/// A version that is passed over, and why.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Unfit {
    /// The version.
    pub tag: Tag,
    /// What it points to.
    pub digest: Digest,
    /// Why.
    pub flaw: Flaw,
}

/// What was looked at of a version that is fine as far as it could be seen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Preflight {
    /// What its platforms were compared with; `None` where they are not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platforms: Option<PlatformsOf>,
    /// How many blobs are there, which are all; `None` where some could not be asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blobs: Option<usize>,
    /// Whether user and command were compared with the pod.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub configuration: bool,
    /// Whether the API server takes the write, as far as a dry run shows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dry_run: Option<DryRun>,
    /// What the update changes in the image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changes: Option<Changes>,
}

/// What a server-side dry run of the write came to, where it was not refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum DryRun {
    /// It passes.
    Passed,
    /// It passes, and the API server warns.
    Warned(Vec<String>),
    /// It is not known: a webhook takes no dry runs, or there was no answer.
    Unknown,
}

/// What an image has to fit.
#[derive(Clone, Copy, Debug)]
pub struct Pod<'p> {
    /// How the container starts.
    pub start: Start,
    /// Where its pods may go.
    pub nodes: &'p Nodes,
    /// What the nodes run, where that is known.
    pub cluster: Option<&'p [Platform]>,
}

impl Pod<'_> {
    /// What the nodes run that its pods may go to; `None` where that is not known.
    #[must_use]
    pub fn platforms(&self) -> Option<Vec<Platform>> {
        let all = self.cluster?.iter().filter(|platform| self.nodes.take(platform));
        let mut platforms: Vec<Platform> = all.cloned().collect();
        platforms.sort();
        platforms.dedup();
        // No such node is there now: it says nothing.
        (!platforms.is_empty()).then_some(platforms)
    }

    /// Judges an image. `running` is the one that runs, where it is known.
    ///
    /// # Errors
    /// [`Flaw`] where it would not start.
    pub fn judge(&self, found: &Found, running: Option<&Found>) -> Result<Preflight, Flaw> {
        match found {
            Found::Nothing => return Err(Flaw::NoManifest),
            Found::AnotherDigest => return Err(Flaw::AnotherDigest),
            Found::Schema1 => return Err(Flaw::Schema1),
            Found::TooLarge(bytes) => return Err(Flaw::TooLarge(*bytes)),
            Found::Index(_) | Found::Image(_) => {}
        }
        let platforms = self.compared(found, running)?;
        let mut preflight = Preflight { platforms, blobs: Some(0), configuration: true, ..Preflight::default() };
        let mut is_any = false;
        for part in found.parts() {
            is_any = true;
            let content = there(part)?;
            preflight.blobs = preflight.blobs.filter(|_| content.blobs > 0).map(|blobs| blobs + content.blobs);
            match &content.configuration {
                Some(configuration) => self.starts(configuration)?,
                None => preflight.configuration = false,
            }
        }
        if !is_any {
            (preflight.blobs, preflight.configuration) = (None, false);
        }
        preflight.changes =
            running.and_then(|running| found.beside(running)).map(|(from, to)| Changes::between(from, to));
        Ok(preflight)
    }

    /// Whether some of the nodes could not take an image, so that it has to be known what runs there.
    #[must_use]
    pub fn is_in_doubt(&self, found: &Found) -> bool {
        let Some((has, nodes)) = found.platforms().zip(self.platforms()) else { return false };
        nodes.iter().any(|node| !has.iter().any(|one| node.runs(one)))
    }

    /// What the image's platforms were compared with, where they are enough.
    fn compared(&self, found: &Found, running: Option<&Found>) -> Result<Option<PlatformsOf>, Flaw> {
        let Some(has) = found.platforms() else { return Ok(None) };
        let running = running.and_then(Found::platforms);
        let is_among = |needed: &Platform, has: &[&Platform]| has.iter().any(|one| needed.runs(one));
        let (needed, of) = match (self.platforms(), &running) {
            (Some(nodes), _) => (nodes, PlatformsOf::Nodes),
            (None, Some(runs)) => {
                let runs = runs.iter().filter(|platform| self.nodes.take(platform));
                (runs.map(|platform| Platform::clone(platform)).collect(), PlatformsOf::Running)
            }
            (None, None) => return Ok(None),
        };
        let fits_some = needed.iter().any(|needed| is_among(needed, &has));
        let lacks = needed.iter().filter(|needed| !is_among(needed, &has));
        // Nodes that the running image is not built for either don't get these pods; where it is not known, some might not.
        let lacks = lacks.filter(|needed| match &running {
            Some(running) => is_among(needed, running),
            None => !fits_some,
        });
        let lacks: Vec<Platform> = lacks.take(MOST_NAMED).cloned().collect();
        if lacks.is_empty() { Ok(Some(of)) } else { Err(Flaw::NoPlatform { lacks, of }) }
    }

    /// Whether the kubelet and the runtime make a container of it.
    fn starts(&self, image: &Configuration) -> Result<(), Flaw> {
        // Windows has other rules.
        if image.platform.as_ref().is_some_and(|platform| platform.os() == "windows") {
            return Ok(());
        }
        if let Some(wrong) = WrongUser::of(self.start, &image.user) {
            return Err(Flaw::User(wrong));
        }
        let starts =
            self.start.has_command || !image.entrypoint.is_empty() || self.start.has_args || !image.command.is_empty();
        if starts { Ok(()) } else { Err(Flaw::NoCommand) }
    }
}

fn there(part: &Part) -> Result<&Content, Flaw> {
    match part {
        Part::NoManifest => Err(Flaw::NoImage),
        Part::AnotherDigest => Err(Flaw::AnotherDigest),
        Part::Content(content) => match &content.missing {
            Some(digest) => Err(Flaw::NoBlob(digest.clone())),
            None => Ok(content),
        },
    }
}

impl Flaw {
    /// One word, for metrics and programs.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::NoManifest => "no_manifest",
            Self::NoImage => "no_image",
            Self::AnotherDigest => "another_digest",
            Self::NoBlob(_) => "no_blob",
            Self::NoPlatform { .. } => "no_platform",
            Self::Schema1 => "schema1",
            Self::TooLarge(_) => "too_large",
            Self::User(wrong) => wrong.word(),
            Self::NoCommand => "no_command",
            Self::Admission(_) => "admission",
        }
    }

    /// Whether the registry may have the rest of it in a moment.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::NoManifest | Self::NoImage | Self::NoBlob(_))
    }
}

impl fmt::Display for Flaw {
    /// A few words for people: what is so, and what to do.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoManifest => f.write_str("its registry has no manifest by its digest; push it again"),
            Self::NoImage => f.write_str("its registry lacks an image that its index names; push it again"),
            Self::AnotherDigest => f.write_str("its registry gives something else than its digest says; push it again"),
            Self::NoBlob(digest) => write!(f, "its registry lacks the blob {}; push it again", digest.short()),
            Self::NoPlatform { lacks, of } => {
                let lacks = lacks.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
                match of {
                    PlatformsOf::Nodes => write!(f, "it is not built for {lacks}, which nodes of this cluster have"),
                    PlatformsOf::Running => write!(f, "it is not built for {lacks}, as what runs is"),
                }
            }
            Self::Schema1 => f.write_str("it has Docker's first manifest format, which containerd takes no more; push it anew"),
            Self::TooLarge(bytes) => write!(f, "its manifest has {bytes} bytes, more than containerd takes"),
            Self::User(wrong) => write!(f, "{wrong}"),
            Self::NoCommand => f.write_str(
                "there is nothing to run: neither the image has an entrypoint or a command, nor the pod a command or args",
            ),
            Self::Admission(said) if said.is_empty() => f.write_str("the API server refuses to write it"),
            Self::Admission(said) => write!(f, "the API server refuses to write it: {said}"),
        }
    }
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.flaw {
            Flaw::Admission(said) => {
                write!(f, "the API server refuses to write {}", self.tag)?;
                if said.is_empty() { Ok(()) } else { write!(f, ": {said}") }
            }
            flaw => write!(f, "{} would not start: {flaw}", self.tag),
        }
    }
}

impl Preflight {
    /// Whether anything was looked at.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What the API server warned of.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        match &self.dry_run {
            Some(DryRun::Warned(warnings)) => warnings,
            _ => &[],
        }
    }
}

impl fmt::Display for Preflight {
    /// What was looked at, in one line for people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        parts.push(match self.platforms {
            Some(PlatformsOf::Nodes) => "platforms of the nodes".to_owned(),
            Some(PlatformsOf::Running) => "platforms of what runs".to_owned(),
            None => "platforms not known".to_owned(),
        });
        parts.push(match self.blobs {
            Some(1) => "its one blob there".to_owned(),
            Some(blobs) => format!("all {blobs} blobs there"),
            None => "blobs not known".to_owned(),
        });
        parts.push(if self.configuration { "user and command fit" } else { "user and command not known" }.to_owned());
        parts.extend(self.dry_run.as_ref().map(|dry_run| {
            match dry_run {
                DryRun::Passed => "a dry run of the write passes (it does not see quota)",
                DryRun::Warned(_) => "a dry run of the write passes with warnings (it does not see quota)",
                DryRun::Unknown => "admission not known, as a dry run gave no answer",
            }
            .to_owned()
        }));
        f.write_str(&parts.join("; "))?;
        self.warnings().iter().try_for_each(|warning| write!(f, "; warning: {warning}"))
    }
}

#[cfg(test)]
pub(crate) mod tests;
