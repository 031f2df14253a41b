//! Groups: their members are decided on together, by the judges that the service asks.

mod said;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;

use super::groups::Groups;
use super::look::{Look, Waiting};
use super::row::Row;
use crate::assess::group::{candidates, confirmed, level};
use crate::assess::{self, Candidate, Source};
use crate::domain::fleet::{BrakeSeen, Others};
use crate::domain::group::{Candidates, Found, GroupName, MOST_MEMBERS, Member, Move, Next, Plan, Search, Waits};
use crate::domain::policy::{Mode, Wanted};
use crate::domain::record::Record;
use crate::domain::reference::Tag;
use crate::domain::settings::Settings;
use crate::domain::tag::{Level, Version};
use crate::domain::together::{Between, Seen, between};
use crate::domain::view::{Blocker, CameTo, Known, LastLook};
use crate::registry::{Credential, Registry, RegistryError, Tags};

/// A member that moves.
struct Mover {
    /// Its place among the members.
    place: usize,
    to: Tag,
    level: Level,
    found: Candidate,
}

/// What is to be said of a group.
enum Verdict {
    /// All wait.
    Waits(Waits),
    /// No member has anything newer.
    UpToDate,
    /// They are taken back, as this one failed.
    GoesBack(String),
    /// This one is written next, for what was agreed on.
    Next(usize),
    /// These go.
    Go(Vec<Mover>, Going),
}

/// How they go.
enum Going {
    /// The first is written.
    Now,
    /// People are asked: what stands before the first of whom that is so.
    Asked(Option<Blocker>),
}

impl<R: Registry> Look<'_, R> {
    /// The rows of all that are decided on together, and how many lists were read for them.
    pub(super) async fn together(
        &self,
        groups: &Groups<'_>,
        mut waiting: Vec<Waiting<'_>>,
        records: &HashMap<&str, &Record>,
    ) -> (Vec<Row>, usize) {
        let (mut rows, mut lists) = (Vec::new(), 0);
        for ((namespace, name), members) in &groups.0 {
            let is_of_it = |it: &Waiting<'_>| {
                let of = crate::domain::group::of(it.workload, &it.row.container);
                *it.workload.id.namespace == **namespace && of.is_some_and(|of| of.name == *name)
            };
            let (ours, others): (Vec<_>, Vec<_>) = waiting.into_iter().partition(is_of_it);
            waiting = others;
            let was_stopped = matches!(self.brake, Some(BrakeSeen::WentOn(_)));
            let group = Group { name, members, ours, records, now: self.ambient.now(), was_stopped };
            let verdict = self.verdict(&group, &mut lists).await;
            rows.extend(
                group.rows(&verdict).into_iter().map(|(place, row)| self.judged_member(&group, place, row, &verdict)),
            );
        }
        (rows, lists)
    }

    /// A row as page and API have it: what its own record and its rollout say goes before what its group comes to.
    fn judged_member(&self, group: &Group<'_, '_>, place: usize, row: Row, verdict: &Verdict) -> Row {
        let Some(waiting) = group.waiting(place) else { return row };
        let came_to = match verdict {
            Verdict::Go(movers, _) => {
                movers.iter().find(|mover| mover.place == place).map_or(CameTo::Nothing, |mover| CameTo::To {
                    tag: mover.to.clone(),
                    digest: mover.found.digest.clone(),
                    level: mover.level,
                })
            }
            Verdict::Waits(_) | Verdict::UpToDate | Verdict::GoesBack(_) | Verdict::Next(_) => CameTo::Nothing,
        };
        let looked = LastLook::answered(self.ambient.now(), came_to);
        self.judged(row, (waiting.workload, waiting.record, &waiting.settings), &looked)
    }

    async fn verdict(&self, group: &Group<'_, '_>, lists: &mut usize) -> Verdict {
        let (seen, now) = (group.seen(), self.ambient.now());
        let mut failed = None;
        if group.members.len() > MOST_MEMBERS {
            return Verdict::Waits(Waits::TooMany);
        }
        if let Some(plan) = Plan::newest(group.name, &seen).filter(|plan| !plan.is_stale(&seen, now)) {
            let place_of = |one: &Move| seen.iter().position(|it| one.is_of(&it.workload.id.uid, it.container));
            match plan.next(&plan.stands(&seen, now)) {
                Next::Wait(at) => {
                    let one = plan.moves.get(at).map(Move::member).unwrap_or_default();
                    return Verdict::Waits(Waits::UnderWay(one));
                }
                Next::Back { failed, .. } => {
                    return Verdict::GoesBack(plan.moves.get(failed).map(Move::member).unwrap_or_default());
                }
                Next::Write(at) => match plan.moves.get(at).and_then(place_of) {
                    Some(place) if self.goes_on(group, place) => return Verdict::Next(place),
                    _ => {}
                },
                Next::Stopped(at) => failed = plan.moves.get(at).cloned(),
                Next::Over => {}
            }
        }
        match self.decided_together(group, lists).await {
            Ok(Verdict::Go(movers, _)) if failed.as_ref().is_some_and(|failed| repeats(&movers, failed)) => {
                let failed = failed.map(|failed| Waits::Failed(failed.member(), failed.tag));
                failed.map_or(Verdict::UpToDate, Verdict::Waits)
            }
            Ok(verdict) | Err(verdict) => verdict,
        }
    }

    /// Whether what was agreed on goes on with this one: where nobody approved it, the brake leaves the rest to people.
    fn goes_on(&self, group: &Group<'_, '_>, place: usize) -> bool {
        let is_auto = group.ours.iter().all(|it| it.settings.mode == Mode::AutoUpdate);
        group.waiting(place).is_some() && (!matches!(self.brake, Some(BrakeSeen::On(_))) || !is_auto)
    }

    async fn decided_together(&self, group: &Group<'_, '_>, lists: &mut usize) -> Result<Verdict, Verdict> {
        let mut all = Vec::with_capacity(group.members.len());
        for place in 0..group.members.len() {
            self.may_move(group, place).map_err(Verdict::Waits)?;
        }
        let mut sources = Vec::with_capacity(group.members.len());
        for (place, member) in group.members.iter().enumerate() {
            let undecided = |why: String| Verdict::Waits(Waits::Undecided(member.name(), why));
            let waiting = group.waiting(place).ok_or_else(|| undecided("its image names no tag".to_owned()))?;
            let credential = self.place.credential(waiting.workload, waiting.image.repository()).await;
            let credential = credential.map_err(|error| undecided(error.to_string()))?;
            *lists += 1;
            all.push(self.candidates(waiting, &credential).await.map_err(undecided)?);
            sources.push((waiting, credential));
        }
        let mut search = Search::among(all);
        loop {
            let moves = match search.found(|place| group.name_of(place)) {
                Found::Nothing => return Ok(Verdict::UpToDate),
                Found::Waits(waits) => return Ok(Verdict::Waits(waits)),
                Found::To(moves) => moves,
            };
            let wanted = moves.len();
            let movers = self.confirmed_moves(group, &sources, moves, &mut search).await?;
            if movers.len() == wanted {
                return Ok(self.before_the_first(group, movers));
            }
        }
    }

    /// Those of these moves that are there, up to the first that is not: the search goes on without that.
    async fn confirmed_moves(
        &self,
        group: &Group<'_, '_>,
        sources: &[(&Waiting<'_>, Credential)],
        moves: Vec<(usize, Tag)>,
        search: &mut Search,
    ) -> Result<Vec<Mover>, Verdict> {
        let mut movers = Vec::new();
        for (place, to) in moves {
            let Some((waiting, credential)) = sources.get(place) else { continue };
            let undecided = |error: RegistryError| {
                Verdict::Waits(Waits::Undecided(group.name_of(place), error.told_to(credential).clone()))
            };
            match self.confirmed(waiting, credential, &to).await.map_err(undecided)? {
                Ok(found) => {
                    let level = level(&waiting.tag, &to, &waiting.settings.policy);
                    movers.push(Mover { place, to, level, found });
                }
                Err(why) => {
                    search.passes(place, &to, group.name_of(place), why);
                    break;
                }
            }
        }
        Ok(movers)
    }

    /// Whether a member holds all, before any registry is asked.
    fn may_move(&self, group: &Group<'_, '_>, place: usize) -> Result<(), Waits> {
        let Some(Member { workload, container, .. }) = group.members.get(place) else { return Ok(()) };
        let settings = Settings::read(workload, container, self.bounds);
        let seen = Seen { workload, container, record: group.record(place) };
        let may_move = seen.may_move(settings.as_ref(), self.place.may_patch(workload));
        may_move.map_err(|keeps| keeps.waits(group.name_of(place)))
    }

    async fn candidates(&self, waiting: &Waiting<'_>, credential: &Credential) -> Result<Candidates, String> {
        let (repository, policy) = (waiting.image.repository(), &waiting.settings.policy);
        let mut wanted = Wanted::default();
        wanted.add(waiting.tag.as_str(), policy);
        let tags: Tags = self
            .registry
            .tags(repository, credential, &wanted)
            .await
            .map_err(|error| error.told_to(credential).clone())?;
        let now = self.ambient.now();
        let relatives = tags.relatives(waiting.tag.as_str(), policy);
        let doubt = || waiting.record.known(&waiting.row.container).doubts(relatives?, now);
        let source = self.source(waiting, credential, None);
        let found = candidates(&source, &waiting.tag, &tags, policy, now, doubt).await;
        found.map(|found| found.candidates).map_err(|error| error.to_string())
    }

    async fn confirmed(
        &self,
        waiting: &Waiting<'_>,
        credential: &Credential,
        to: &Tag,
    ) -> Result<Result<Candidate, String>, RegistryError> {
        let platforms = || -> BoxFuture<'_, _> { Box::pin(self.place.platforms()) };
        let (workload, container) = (waiting.workload, waiting.row.container.as_str());
        let place = self.placed((workload, container), &waiting.image, waiting.record, &platforms);
        let mut policy = waiting.settings.policy.clone();
        let source = self.source(waiting, credential, place);
        let found = confirmed(&source, &waiting.tag, to, &mut policy, self.ambient.now()).await?;
        Ok(found.map_err(|why| why.to_string()))
    }

    fn source<'s>(
        &'s self,
        waiting: &'s Waiting<'_>,
        credential: &'s Credential,
        place: Option<assess::Place<'s>>,
    ) -> Source<'s, R> {
        let repository = waiting.image.repository();
        Source { place, ..Source::new(self.registry, repository, credential) }
    }

    /// What stands between them and the first write.
    fn before_the_first(&self, group: &Group<'_, '_>, movers: Vec<Mover>) -> Verdict {
        let blocker = |mover: &Mover| {
            let Waiting { row, workload, record, settings, .. } = group.waiting(mover.place)?;
            let others = Others::Read(&self.fleet, self.limits, self.brake.as_ref());
            let known = Known { workload, container: &row.container, record, settings, others };
            known.blocker(&mover.to, &mover.found.digest, self.ambient.now())
        };
        let blockers: Vec<(String, Option<Blocker>)> =
            movers.iter().map(|mover| (group.name_of(mover.place), blocker(mover))).collect();
        let is_auto = group.ours.iter().all(|it| it.settings.mode == Mode::AutoUpdate);
        match between(blockers.iter().cloned(), !is_auto) {
            Between::Nothing => Verdict::Go(movers, Going::Now),
            Between::Waits { waits, .. } => Verdict::Waits(waits),
            Between::Asks => {
                let mut all = blockers.into_iter().filter_map(|(_, blocker)| blocker);
                Verdict::Go(movers, Going::Asked(all.next()))
            }
        }
    }
}

/// A group while it is looked at.
struct Group<'g, 'w> {
    name: &'g GroupName,
    members: &'g [Member<'w>],
    /// Those whose registries can be asked.
    ours: Vec<Waiting<'w>>,
    records: &'g HashMap<&'g str, &'g Record>,
    now: DateTime<Utc>,
    /// Whether automatic updates were stopped, and are for all that is known here.
    was_stopped: bool,
}

impl Group<'_, '_> {
    fn name_of(&self, place: usize) -> String {
        self.members.get(place).map(Member::name).unwrap_or_default()
    }

    fn waiting(&self, place: usize) -> Option<&Waiting<'_>> {
        let member = self.members.get(place)?;
        self.ours.iter().find(|it| it.is(member))
    }

    fn record(&self, place: usize) -> Option<&crate::domain::record::Record> {
        self.records.get(&*self.members.get(place)?.workload.id.uid).copied()
    }

    fn seen(&self) -> Vec<Seen<'_>> {
        let all = self.members.iter().enumerate();
        let seen = all.map(|(place, Member { workload, container, .. })| {
            let record = self.record(place);
            Seen { workload, container, record }
        });
        seen.collect()
    }
}

/// Whether these would go where a member failed of which nothing goes back.
fn repeats(movers: &[Mover], failed: &Move) -> bool {
    let version = Version::read(failed.tag.as_str());
    let is_it = |version: &Version<'_>, mover: &Mover| {
        Version::read(mover.to.as_str()).is_some_and(|it| it.is_same_release(version))
    };
    version.is_some_and(|version| movers.iter().any(|mover| is_it(&version, mover)))
}
