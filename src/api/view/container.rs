//! One container of a workload, as far as it is watched.

use chrono::{DateTime, Utc};
use serde::{Serialize, Serializer};

use super::{ExplanationView, QuestionView, Time};
use crate::domain::fleet::{Stopped, Waits};
use crate::domain::group;
use crate::domain::policy::{Counts, Mode};
use crate::domain::preflight::Flaw;
use crate::domain::record::sealed::NotOurs;
use crate::domain::record::{AsksOnly, Held, Ledger, Record, Refused};
use crate::domain::settings::{self, Bounds, Problems, Settings};
use crate::domain::tag::Level;
use crate::domain::view::{Attention, Available, Cause, GroupStands, LastLook, Seen, Status, Unfinished};
use crate::domain::workload::{Container, Origin, Said, Workload};

/// One container.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct ContainerView {
    /// Its name.
    pub name: String,
    /// Its image, as it is written.
    pub image: String,
    /// Why it stands so, typed, for the page.
    #[serde(skip)]
    pub status: Status,
    /// What it wants of people.
    #[serde(serialize_with = "attention")]
    #[cfg_attr(test, schema(value_type = crate::api::openapi::State))]
    pub state: Attention,
    /// Why, in one word.
    pub reason: &'static str,
    /// The same for people: why it waits, and for what.
    pub words: String,
    /// Until when it stands so, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Time>,
    /// What runs; nothing where the image can't be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub running: Option<RunningView>,
    /// The version to go to, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub available: Option<AvailableView>,
    /// What a person can say to it now.
    #[cfg_attr(test, schema(value_type = Vec<String>))]
    pub actions: &'static [&'static str],
    /// When it was looked at last and its registry gave an answer, since the start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checked: Option<Time>,
    /// Why looks since then came to nothing, where they got no answer: what was known before stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unanswered: Option<String>,
    /// What would undo an update, and the line to change so that it stays.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep: Option<String>,
    /// `AUTO_UPDATE`, `NOTIFICATION` or `DISABLED`; nothing where the settings are not understood.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
    /// Who says so: `operator`, `container`, `workload`, `namespace`, `rule` or `default`.
    pub mode_from: &'static str,
    /// How far updates go.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strategy: Option<String>,
    /// Who says so.
    pub strategy_from: &'static str,
    /// What else somebody set.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub settings: Vec<SettingView>,
    /// Annotations of the workload that are not understood, without their prefix, for the page.
    #[serde(skip)]
    pub misread: Vec<String>,
    /// The group that it goes to one version with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<GroupView>,
    /// What `image-watcher/error` says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The rollout of what runs, as long as it has not completed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schema(value_type = Option<crate::api::openapi::Rollout>))]
    pub rollout: Option<Unfinished>,
    /// The version that somebody set back, or that failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held: Option<HeldView>,
    /// What the API server refused to write.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<RefusedView>,
    /// Versions that would not start.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unfit: Vec<UnfitView>,
    /// Why people are asked, although the mode is `AUTO_UPDATE`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asks_only: Option<&'static str>,
    /// The same, typed, for the page.
    #[serde(skip)]
    pub why_asks_only: Option<AsksOnly>,
    /// Which other workload an update waits for, or for how many.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waits: Option<String>,
    /// What the cluster said of the update that failed, where that is what there is to say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// When updates may be applied again, where they may not now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window_opens: Option<Time>,
    /// The versions whose cooldown is counted, or was and which are not taken yet.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub known: Vec<KnownView>,
    /// Every candidate and the rule that took or refused it, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explanation: Option<ExplanationView>,
    /// Why there is no explanation, where one was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unexplained: Option<String>,
    /// What people are asked, while the question is open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub question: Option<QuestionView>,
}

/// What runs.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub struct RunningView {
    /// The registry, as image references write it.
    pub host: String,
    /// `host/path`
    pub repository: String,
    /// The tag; nothing where the image is pinned to a digest alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// The manifest, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
}

/// A version to go to.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub struct AvailableView {
    /// Its tag.
    pub tag: String,
    /// Its manifest, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// How far it is, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schema(value_type = Option<crate::api::openapi::Level>))]
    pub level: Option<Level>,
    /// Since when it is known here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Time>,
}

/// A group, in the order in which it is written.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct GroupView {
    /// Its name.
    pub name: String,
    /// Who is of it.
    pub members: Vec<String>,
    /// Why it waits, as its first member that says so has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waits: Option<String>,
    /// The other member by whose question people are asked about all: it is answered there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asked_by: Option<MemberView>,
}

/// A container of a group, in the namespace of all of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub struct MemberView {
    /// The kind of its workload.
    pub kind: &'static str,
    /// The name of its workload.
    pub name: String,
    /// Its own name.
    pub container: String,
}

impl GroupView {
    /// The same for the member of this name, which stands so. What passes by itself is said of a member alone.
    pub(crate) fn for_member(self, cause: &Cause, called: &str) -> Self {
        let (waits, by) = match cause {
            Cause::Group(of) => match &of.stands {
                GroupStands::Waits(waits) => (Some(waits.to_string()), None),
                _ => (None, of.asked_by()),
            },
            _ => return self,
        };
        let by = by.filter(|by| *by != called).and_then(group::member_called);
        let asked_by = by.map(|(kind, name, container)| MemberView {
            kind: kind.as_str(),
            name: name.to_owned(),
            container: container.to_owned(),
        });
        Self { waits: self.waits.or(waits), asked_by, ..self }
    }
}

/// A setting that somebody wrote.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub struct SettingView {
    /// Its name, as in annotations: `window`.
    pub name: &'static str,
    /// Its value, as it is written.
    pub value: String,
    /// Who says so.
    pub from: &'static str,
}

/// A version that somebody set back, or that failed.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct HeldView {
    /// The version.
    pub tag: String,
    /// What was put in its place.
    pub back_to: String,
    /// Since when.
    pub since: Time,
    /// By whom; nobody where it failed.
    pub by: Vec<String>,
}

/// A version that the API server refused to write.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub struct RefusedView {
    /// The version.
    pub tag: String,
    /// When it is tried again.
    pub again: Time,
}

/// A version that would not start.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub struct UnfitView {
    /// The version.
    pub tag: String,
    /// Its manifest.
    pub digest: String,
    /// One word.
    pub reason: &'static str,
    /// The same for people.
    pub why: String,
}

/// Since when a version is known.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub struct KnownView {
    /// The version.
    pub tag: String,
    /// Since when.
    pub since: Time,
    /// By whose clock: `first-seen` is ours, `pushed` the registry's.
    pub counts: &'static str,
}

/// What is known of a container beside the workload itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Beside<'b> {
    pub(crate) record: &'b Record,
    pub(crate) not_ours: Option<NotOurs>,
    pub(crate) bounds: &'b Bounds,
    pub(crate) looked: Option<&'b LastLook>,
    pub(crate) waits: Option<&'b Waits>,
    pub(crate) stopped: Option<&'b Stopped>,
    pub(crate) may_write: bool,
    pub(crate) now: DateTime<Utc>,
}

impl ContainerView {
    /// The view of a container; its group is added by who knows the others.
    pub(crate) fn of(workload: &Workload, container: &Container, beside: &Beside<'_>) -> Self {
        let Beside { record, not_ours, bounds, looked, waits, stopped, may_write, now } = *beside;
        let name = &*container.name;
        let read = Settings::read(workload, name, bounds);
        let settings: Result<&Settings, &Problems> = read.as_ref();
        let seen = Seen { workload, container: name, record, not_ours, settings, looked, waits, stopped, may_write };
        let (status, ledger, settings) = (Status::of(&seen, now), record.known(name), read.as_ref().ok());
        let is_automatic = settings.is_some_and(|settings| settings.mode == Mode::AutoUpdate);
        let running = RunningView::of(container, ledger);
        let asks_only = record.asks_only(name).filter(|_| is_automatic);
        Self {
            name: name.to_owned(),
            image: container.image.to_string(),
            state: status.attention,
            reason: status.cause.word(),
            words: status.cause.to_string(),
            until: status.until().map(Time),
            available: status.available.as_ref().map(AvailableView::of),
            actions: status.actions,
            checked: looked.and_then(LastLook::answered_at).map(Time),
            unanswered: looked.and_then(|looked| looked.unanswered.clone()),
            keep: keep(workload, running.as_ref(), &status),
            running,
            mode: settings.map(|settings| settings.mode.to_string()),
            mode_from: Origin::of_mode(workload, name, bounds.forced).as_str(),
            strategy: settings.map(|settings| settings.policy.strategy.to_string()),
            strategy_from: Origin::of_strategy(workload, name, bounds.forced).as_str(),
            settings: settings::written(workload, name).into_iter().map(SettingView::of).collect(),
            misread: misread(read.as_ref()),
            group: None,
            error: workload.state("error", name).map(str::to_owned),
            rollout: Unfinished::of(workload, name, ledger),
            held: ledger.held.as_ref().map(HeldView::of),
            refused: ledger.refused.writes(now).next().map(RefusedView::of),
            unfit: ledger.refused.unfit().map(UnfitView::of).collect(),
            asks_only: asks_only.map(AsksOnly::words),
            why_asks_only: asks_only,
            waits: waits.map(ToString::to_string),
            failure: failure(&status.cause, ledger),
            window_opens: settings.and_then(|it| it.closed_until(now)).map(Time),
            known: ledger.known_since.iter().map(KnownView::of).collect(),
            explanation: None,
            unexplained: None,
            question: status
                .open(ledger, &container.image, now)
                .map(|it| QuestionView::of(it, (&workload.id, name), settings, now)),
            status,
        }
    }
}

fn misread(settings: Result<&Settings, &Problems>) -> Vec<String> {
    let problems = settings.err().into_iter().flat_map(Problems::iter);
    let mut names: Vec<String> = problems.filter_map(|problem| problem.annotation().map(str::to_owned)).collect();
    names.dedup();
    names.truncate(Problems::MOST_TOLD);
    names
}

/// Why what the status is about failed, as far as more than a word of it is known.
fn failure(cause: &Cause, ledger: &Ledger) -> Option<String> {
    let failure = match cause {
        cause if cause.is_broken() => ledger.update.as_ref()?.failure.as_ref()?,
        Cause::WentBack(returned) => returned.held.failure.as_ref()?,
        Cause::PutBack(..) => ledger.update.as_ref()?.failed_before.as_deref()?,
        _ => return None,
    };
    Some(failure.message.clone()).filter(|message| !message.is_empty())
}

fn keep(workload: &Workload, running: Option<&RunningView>, status: &Status) -> Option<String> {
    let (owner, running) = (workload.owner.as_ref()?, running?);
    Some(match &status.available {
        Some(available) if available.level != Some(Level::Digest) => {
            owner.advice(&running.repository, available.tag.as_str())
        }
        _ => owner.warning(),
    })
}

impl RunningView {
    fn of(container: &Container, ledger: &Ledger) -> Option<Self> {
        let image = container.reference()?;
        let digest = ledger.digest_that_runs(&image);
        Some(Self {
            host: image.repository().host().to_owned(),
            repository: image.repository().to_string(),
            tag: image.running_tag().map(|tag| tag.to_string()),
            digest: digest.map(|digest| digest.to_string()),
        })
    }
}

impl AvailableView {
    fn of(available: &Available) -> Self {
        Self {
            tag: available.tag.to_string(),
            digest: available.digest.as_ref().map(ToString::to_string),
            level: available.level,
            since: available.since.map(Time),
        }
    }
}

impl SettingView {
    fn of((name, said): (&'static str, Said<'_>)) -> Self {
        Self { name, value: said.value.to_owned(), from: said.origin.as_str() }
    }
}

impl HeldView {
    fn of(held: &Held) -> Self {
        let (tag, back_to) = (held.tag.to_string(), held.back_to.to_string());
        Self { tag, back_to, since: Time(held.since), by: held.by.clone() }
    }
}

impl RefusedView {
    fn of(refused: &Refused) -> Self {
        Self { tag: refused.tag.to_string(), again: Time(refused.again) }
    }
}

impl UnfitView {
    fn of((refused, flaw): (&Refused, &Flaw)) -> Self {
        let (tag, digest) = (refused.tag.to_string(), refused.digest.to_string());
        Self { tag, digest, reason: flaw.word(), why: flaw.to_string() }
    }
}

impl KnownView {
    fn of((tag, since, counts): (&str, DateTime<Utc>, Counts)) -> Self {
        Self { tag: tag.to_owned(), since: Time(since), counts: counts.as_str() }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
pub(super) fn attention<S: Serializer>(attention: &Attention, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(attention.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::group::Waits as GroupWaits;
    use crate::domain::view::OfGroup;

    /// What can't be answered at a member says where it can be.
    #[test]
    fn a_member_that_does_not_lead_its_group_names_the_one_that_does() {
        let of = |stands| Cause::Group(Box::new(OfGroup { name: "shop".parse().unwrap(), stands, to: None }));
        let group = || GroupView { name: "shop".into(), members: Vec::new(), waits: None, asked_by: None };
        let api = || Some(MemberView { kind: "Deployment", name: "api".into(), container: "http".into() });
        let by = || "deploy/api (http)".to_owned();
        for (stands, expected) in [
            (GroupStands::Asked(by(), DateTime::UNIX_EPOCH), api()),
            (GroupStands::Unanswered(by()), api()),
            (GroupStands::PutOff(by(), DateTime::UNIX_EPOCH), api()),
            (GroupStands::Person, None),
            (GroupStands::Waits(GroupWaits::Disabled(by())), None),
        ] {
            let cause = of(stands);
            assert_eq!(group().for_member(&cause, "deploy/web").asked_by, expected, "{cause}");
            assert_eq!(group().for_member(&cause, "deploy/api (http)").asked_by, None, "it is itself");
        }
        let waits = group().for_member(&of(GroupStands::Waits(GroupWaits::Disabled(by()))), "deploy/web").waits;
        assert_eq!(waits.as_deref(), Some("the mode of deploy/api (http) is DISABLED"));
    }
}
