//! The decision on a group: the newest version that all have, asked about once, or written in order.

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::BoxFuture;

use super::{Group, Member};
use crate::assess::group::{Passed, confirmed, level};
use crate::assess::{Candidate, Place, Source};
use crate::cluster::Cluster;
use crate::domain::approval::crockford;
use crate::domain::declared::{Declared, Kinds};
use crate::domain::event::WayBack;
use crate::domain::grounds::Grounds;
use crate::domain::group::{Candidates, Found, Move, Plan, Search, Waits};
use crate::domain::history::Outcome;
use crate::domain::record::Event;
use crate::domain::reference::{ImageReference, Tag};
use crate::domain::settings::Settings;
use crate::domain::tag::Version;
use crate::domain::view::GroupStands;
use crate::queue::{Queue, Records};
use crate::reconcile::asking::inform::without_cooldown;
use crate::reconcile::draft::{Chosen, Work, image_of};
use crate::reconcile::following::rollout::LOOK_AGAIN;
use crate::reconcile::{Reconciler, Step, StepError, Target};
use crate::registry::Registry;

/// After so long it is looked again for what is listed and not there.
const SOON: TimeDelta = TimeDelta::minutes(5);

/// What comes of a group.
pub(super) enum Outlook {
    /// No member has anything newer.
    Nothing,
    /// All wait, until then at the latest.
    Waits(Waits, Option<DateTime<Utc>>),
    /// These go, in this order; the others are there.
    Go(Vec<Mover>),
}

/// A member that goes somewhere.
pub(super) struct Mover {
    /// Where it is among the members.
    pub(super) member: usize,
    pub(super) chosen: Chosen,
    /// Other containers of its workload that go with it.
    pub(super) with: Vec<Box<str>>,
}

impl<Q: Queue + Records, R: Registry, C: Cluster> Reconciler<Q, R, C> {
    /// Decides on a group; `failed` is where a member went of which nothing goes back.
    pub(super) async fn decide_together(&self, mut group: Group, failed: Option<&Move>) -> Step {
        let settings = match self.settings_of_all(&group) {
            Ok(settings) => settings,
            Err(waits) => return self.group_waits(group, waits, None).await,
        };
        match self.outlook(&mut group, &settings).await? {
            Outlook::Nothing => {
                self.count("up_to_date", "group");
                self.quiet(&mut group, None);
                self.shows(&group, None, None);
                self.conclude_group(group, None).await.map(|_| None)
            }
            Outlook::Waits(waits, again) => self.group_waits(group, waits, again).await,
            Outlook::Go(movers) => match failed.and_then(|failed| repeats(&movers, failed)) {
                Some(waits) => self.group_waits(group, waits, None).await,
                None => self.agree(group, &settings, movers).await,
            },
        }
    }

    /// Whether no member may be written, as in a dry run: what would be done is told.
    pub(super) fn is_told_only(&self, group: &Group) -> bool {
        !group.works.iter().any(|work| self.0.cluster.may_patch(&work.draft.workload.id))
    }

    /// What the settings of all members say, unless one of them is not to be touched now.
    fn settings_of_all(&self, group: &Group) -> Result<Vec<Settings>, Waits> {
        let mut all = Vec::with_capacity(group.members.len());
        let is_told_only = self.is_told_only(group);
        for member in &group.members {
            let (target, ledger) = (&member.target, group.ledger(member));
            let is_writable = is_told_only || self.0.cluster.may_patch(&target.workload.id);
            let settings = self.settings(target);
            let may_move = member.seen(group.record(member)).may_move(settings.as_ref(), is_writable);
            may_move.map_err(|keeps| keeps.waits(member.name()))?;
            let settings = settings.map_err(|_| Waits::Settings(member.name()))?;
            let settings = if is_told_only { without_cooldown(settings) } else { settings };
            all.push(match ledger {
                Some(ledger) => ledger.beside(settings),
                None => settings,
            });
        }
        Ok(all)
    }

    /// The newest version that all have and that is there for each.
    async fn outlook(&self, group: &mut Group, settings: &[Settings]) -> Result<Outlook, StepError> {
        let members = std::mem::take(&mut group.members);
        let outlook = self.outlook_of(group, &members, settings).await;
        group.members = members;
        outlook
    }

    async fn outlook_of(
        &self,
        group: &mut Group,
        members: &[Member],
        settings: &[Settings],
    ) -> Result<Outlook, StepError> {
        let mut all: Vec<Candidates> = Vec::with_capacity(members.len());
        for (member, settings) in members.iter().zip(settings) {
            match self.candidates_of(group, member, settings).await? {
                Ok(candidates) => all.push(candidates),
                Err(why) => return Ok(Outlook::Waits(Waits::Undecided(member.name(), why.words), None)),
            }
        }
        let mut search = Search::among(all);
        loop {
            let moves = match search.found(|place| members.get(place).map(Member::name).unwrap_or_default()) {
                Found::Nothing => return Ok(Outlook::Nothing),
                Found::Waits(waits) => {
                    let is_passed = matches!(waits, Waits::Passed { .. });
                    return Ok(Outlook::Waits(waits, is_passed.then(|| self.0.ambient.now() + SOON)));
                }
                Found::To(moves) => moves,
            };
            let (wanted, mut movers) = (moves.len(), Vec::new());
            for (place, tag) in moves {
                let (Some(member), Some(settings)) = (members.get(place), settings.get(place)) else { continue };
                match self.confirm(group, member, settings, &tag).await? {
                    Ok(chosen) => movers.push(Mover { member: place, chosen, with: Vec::new() }),
                    Err(why) => {
                        search.passes(place, &tag, member.name(), why.to_string());
                        break;
                    }
                }
            }
            if movers.len() == wanted {
                return Ok(Outlook::Go(together(members, movers)));
            }
        }
    }

    /// Whether a version is there for a member, and would start.
    async fn confirm(
        &self,
        group: &mut Group,
        member: &Member,
        settings: &Settings,
        to: &Tag,
    ) -> Result<Result<Chosen, Passed>, StepError> {
        let target = &member.target;
        let Some(from) = target.workload.container(&target.container).and_then(|(_, it)| it.reference()) else {
            return Err(StepError::Changed);
        };
        let Some(running) = from.running_tag() else { return Err(StepError::Changed) };
        let ledger = group.ledger(member).cloned().unwrap_or_default();
        let waited = |tag: &Tag| ledger.was_asked_about(tag) || self.1.unreleased.has(&target.repository, tag);
        let platforms = || -> BoxFuture<'_, _> { Box::pin(self.0.cluster.platforms()) };
        let place = Place::of((&target.workload, &target.container), &from, &ledger, settings.mode, &platforms);
        let source = Source { place: place.filter(|_| !group.asks(member, to)), ..self.source(target)? };
        let source = source.asking(self.forges(settings, &waited));
        let (mut policy, now) = (settings.policy.clone(), self.0.ambient.now());
        let confirmed = confirmed(&source, &running, to, &mut policy, now).await;
        let candidate = match confirmed.map_err(|error| StepError::Registry(error.into()))? {
            Ok(candidate) => candidate,
            Err(passed) => {
                if let (Some(cooldown), Some(work)) = (&policy.cooldown, group.works.get_mut(member.work)) {
                    work.draft.on(&target.container, Event::Candidates(cooldown.known().clone()), now);
                }
                return Ok(Err(passed));
            }
        };
        let from_digest = match from.digest() {
            Some(_) => None,
            // Not knowing it is no reason not to go on.
            None => match ledger.digest_that_runs(&from) {
                Some(known) => Some(known),
                None => source.digest(&running).await.ok().flatten(),
            },
        };
        Ok(Ok(chosen((from, from_digest), &running, to, candidate, settings)))
    }

    /// Says that all wait, and why.
    pub(super) async fn group_waits(&self, mut group: Group, waits: Waits, again: Option<DateTime<Utc>>) -> Step {
        self.count("waiting", "group");
        tracing::debug!(group = %group.name, reason = waits.word(), %waits, "a group waits");
        // Nothing on the members can say it.
        if let Some(first) = group.members.first().filter(|_| waits.is_said() && self.is_told_only(&group)) {
            let problem = format!("group {} waits: {waits}", group.name);
            self.warn(&first.target, &problem, "nobody is told of a version for this group as long as that lasts");
        }
        let again = match waits {
            Waits::UnderWay(_) => Some(self.0.ambient.now() + LOOK_AGAIN),
            _ => again,
        };
        self.quiet(&mut group, Some(&waits));
        self.shows(&group, Some(&GroupStands::Waits(waits)), None);
        self.conclude_group(group, None).await.map(|_| again)
    }

    /// Says on the members what they wait for, or that they don't, and closes what can't be answered then.
    pub(super) fn quiet(&self, group: &mut Group, waits: Option<&Waits>) {
        let (now, name) = (self.0.ambient.now(), group.name.clone());
        let is_over = waits.is_none_or(Waits::closes);
        for (place, member) in std::mem::take(&mut group.members).into_iter().enumerate() {
            let is_under_way = group.update(&member).is_some_and(|update| update.outcome == Outcome::RollingOut);
            let Some(work) = group.works.get_mut(member.work) else { continue };
            let container = member.target.container.as_str();
            if is_over {
                work.draft.on(container, Event::NothingToAsk, now);
            }
            // Of those that are left alone, their own look says what there is to say.
            let is_mine = self.may_act(&member.target.workload, container);
            if !is_under_way && is_mine {
                let told = waits.filter(|waits| waits.is_trouble() || waits.is_told_by_first() && place == 0);
                let words = told.map(|waits| format!("group {name} waits: {waits}"));
                let stays = || {
                    let why = group_stays(work, &member.target)?;
                    Some(format!("group {name} went back, and this did not: {}", why.words()))
                };
                let words = words.or_else(stays);
                self.flawed(work, &member.target, words);
                if let Some(waits) = told {
                    work.draft.record.waits_with_group(container, waits.clone());
                }
            }
            group.members.push(member);
        }
    }
}

impl Group {
    /// Whether people are asked already to let a member go there.
    fn asks(&self, member: &Member, to: &Tag) -> bool {
        let (uid, container) = (&member.target.workload.id.uid, &member.target.container);
        let mut plans = self.members.iter().filter_map(|it| self.ledger(it)?.question.as_ref()?.group.as_ref());
        plans.any(|plan| plan.moves.iter().any(|one| one.is_of(uid, container) && one.tag == *to))
    }
}

/// Why a member did not go back with its group, as long as it runs what it did not go back from.
fn group_stays(work: &Work, target: &Target) -> Option<WayBack> {
    let ledger = work.ledger(&target.container)?;
    let update = ledger.update.as_ref()?;
    ledger.stays.filter(|_| update.runs_on(&target.workload, &target.container))
}

fn chosen(
    (from, from_digest): (ImageReference, Option<crate::domain::reference::Digest>),
    running: &Tag,
    to: &Tag,
    Candidate { digest, preflight }: Candidate,
    settings: &Settings,
) -> Chosen {
    let level = level(running, to, &settings.policy);
    let (to, declared) = (to.clone(), Declared::default());
    Chosen { from, from_digest, to, digest, level, why: None, declared, preflight, because: None, group: None }
}

/// Containers of one workload that run one image and go to one are written as one.
fn together(members: &[Member], all: Vec<Mover>) -> Vec<Mover> {
    let mut movers: Vec<Mover> = Vec::new();
    for one in all {
        let Some(Member { target, work }) = members.get(one.member) else { continue };
        let is_the_same = |first: &&mut Mover| {
            members.get(first.member).is_some_and(|it| {
                it.work == *work
                    && target.workload.moves_with(&it.target.container, &target.container)
                    && (&first.chosen.to, &first.chosen.digest) == (&one.chosen.to, &one.chosen.digest)
            })
        };
        match movers.iter_mut().find(is_the_same) {
            Some(first) => first.with.push(target.container.as_str().into()),
            None => movers.push(one),
        }
    }
    movers
}

/// That these would go where a member failed of which nothing goes back.
fn repeats(movers: &[Mover], failed: &Move) -> Option<Waits> {
    let version = Version::read(failed.tag.as_str())?;
    let is_it = |mover: &Mover| Version::read(mover.chosen.to.as_str()).is_some_and(|it| it.is_same_release(&version));
    movers.iter().any(is_it).then(|| Waits::Failed(failed.member(), failed.tag.clone()))
}

/// Where all go, for the records.
pub(super) fn plan(group: &Group, movers: &[Mover], settings: &[Settings], id: u128) -> Plan {
    let kinds = movers.iter().fold(Kinds::default(), |all, mover| all.and(mover.chosen.declared.kinds));
    let stays = kinds.migration || kinds.unread;
    let moves = movers.iter().filter_map(|mover| {
        let target = &group.members.get(mover.member)?.target;
        Some(Move {
            workload: target.workload.id.clone(),
            container: target.container.as_str().into(),
            with: mover.with.clone(),
            from: image_of(target).into(),
            from_digest: mover.chosen.from.digest().or(mover.chosen.from_digest.as_ref()).cloned(),
            tag: mover.chosen.to.clone(),
            digest: mover.chosen.digest.clone(),
            level: mover.chosen.level,
        })
    });
    Plan {
        name: group.name.clone(),
        id: crockford(id).into(),
        goes_back: !stays && settings.iter().all(|settings| settings.rollback != Some(false)),
        moves: moves.collect(),
    }
}

/// Why a version was chosen.
pub(super) fn grounds(group: &Group) -> Grounds {
    Grounds::Group { name: group.name.clone(), members: group.members.len() }
}
