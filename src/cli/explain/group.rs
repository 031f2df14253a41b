//! The group of a container: its members, and the newest version that all have, or why it waits.

use std::fmt::Write as _;

use futures_util::future::BoxFuture;
use serde::Serialize;

use super::Look;
use crate::assess::group::candidates;
use crate::assess::{Place, Source};
use crate::cluster::{Cluster, Scope, annotations};
use crate::domain::group::{Candidates, Common, GroupName, MOST_MEMBERS, Member, Waits, common, members, of};
use crate::domain::reference::Tag;
use crate::domain::settings::Settings;
use crate::domain::workload::{Kind, Workload};

/// What is explained of a group.
#[derive(Debug, Serialize)]
pub(super) struct GroupExplanation {
    name: String,
    /// In the order in which they are written.
    members: Vec<MemberExplanation>,
    /// Why nothing is done for any of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    waits: Option<String>,
}

/// One of its members.
#[derive(Debug, Serialize)]
struct MemberExplanation {
    member: String,
    running: String,
    /// Where it goes with the others.
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<String>,
}

impl GroupExplanation {
    pub(super) fn table(&self) -> String {
        let mut text = format!("Group      {}", self.name);
        let waits = self.waits.as_ref().map(|waits| format!(" waits: {waits}")).unwrap_or_default();
        let _ = writeln!(text, "{waits}");
        for MemberExplanation { member, running, to } in &self.members {
            let to = to.as_ref().map(|to| format!(" → {to}")).unwrap_or_default();
            let _ = writeln!(text, "           {member} {running}{to}");
        }
        text
    }
}

impl Look<'_> {
    /// The group that a container is of, where others are in it.
    pub(super) async fn group(&self, workload: &Workload, container: &str) -> Option<GroupExplanation> {
        let name = of(workload, container)?.name;
        let scope = |kind| Scope { namespace: Some(workload.id.namespace.to_string().into()), kind };
        let listing = self.kube.list(&Kind::ALL.map(scope)).await;
        let all = members(&name, &listing.workloads);
        (all.len() > 1).then_some(())?;
        Some(self.explained(&name, &all).await)
    }

    async fn explained(&self, name: &GroupName, all: &[Member<'_>]) -> GroupExplanation {
        let mut found = Vec::with_capacity(all.len());
        let mut waits = (all.len() > MOST_MEMBERS).then_some(Waits::TooMany);
        for member in all.iter().take(MOST_MEMBERS) {
            match self.candidates(member).await {
                Ok(candidates) => found.push(candidates),
                Err(reason) => {
                    waits = waits.or(Some(reason));
                    break;
                }
            }
        }
        let together = common(&found);
        let is_whole = found.len() == all.len();
        let named = |place: usize| all.get(place).map(Member::name).unwrap_or_default();
        let to: Vec<Option<&Tag>> = match &together {
            Common::To(to) if is_whole => to.clone(),
            _ => vec![None; all.len()],
        };
        let waits = waits.or_else(|| together.waits(named)).map(|waits| waits.to_string());
        let explained = all.iter().zip(to).map(|(member, to)| {
            let image = member.workload.container(member.container).and_then(|(_, found)| found.reference());
            let running = image.and_then(|image| image.running_tag()).map(|tag| tag.to_string()).unwrap_or_default();
            MemberExplanation { member: member.name(), running, to: to.map(ToString::to_string) }
        });
        GroupExplanation { name: name.to_string(), members: explained.collect(), waits }
    }

    async fn candidates(&self, member: &Member<'_>) -> Result<Candidates, Waits> {
        let (workload, container) = (member.workload, member.container);
        let undecided = |why: String| Waits::Undecided(member.name(), why);
        let settings = Settings::read(workload, container, &super::super::bounds(self.config));
        let settings = settings.map_err(|_| Waits::Settings(member.name()))?;
        if settings.is_disabled() {
            return Err(Waits::Disabled(member.name()));
        }
        let image = workload.container(container).and_then(|(_, found)| found.reference());
        let image = image.ok_or_else(|| undecided("its image can't be read".to_owned()))?;
        let running = image.running_tag().ok_or_else(|| undecided("its image names no tag".to_owned()))?;
        let record = annotations::claimed(workload);
        let (ledger, now) = (record.known(container), self.ambient.now());
        let settings = ledger.beside(settings);
        let credential = Cluster::credential(self.kube, workload, image.repository()).await;
        let credential = credential.map_err(|error| undecided(error.to_string()))?;
        let tags = self.tags(image.repository(), &credential, (&running, &settings.policy)).await;
        let tags = tags.map_err(|error| undecided(error.to_string()))?;
        let platforms = || -> BoxFuture<'_, _> { Box::pin(Cluster::platforms(self.kube)) };
        let place = Place::of((workload, container), &image, ledger, settings.mode, &platforms);
        let (registry, repository, credential) = (self.registry, image.repository(), &credential);
        let source = Source { place, ..Source::new(registry, repository, credential) };
        let found = candidates(&source, &running, &tags, &settings.policy, now, || None).await;
        found.map(|found| found.candidates).map_err(|error| undecided(error.to_string()))
    }
}
