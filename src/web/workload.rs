//! One workload: what it would go to, who would undo it, what is asked, and what happened before.

use chrono_tz::Tz;
use minijinja::{Value, context};
use serde::Serialize;

use super::backend::{Candidate, Explanation};
use super::decide;
use super::pages::value;
use super::row::{Shown, StateShown, Target, Version, Who, seen, until};
use super::words::{Button, Check, FactName, Moment, Words};
use crate::api::view::{ChangeView, ContainerView, QuestionView, WorkloadView};
use crate::domain::history::Outcome;
use crate::domain::policy::{Mode, Verdict};
use crate::domain::preflight::{Changes, DryRun, FromTo, Names, PlatformsOf, Preflight};
use crate::domain::reference::{Digest, Tag};
use crate::domain::release::{Language, ReleaseNotes, Room};
use crate::domain::tag::Level;
use crate::domain::workload::Kind;
use crate::message::explained_in_french;

/// What the page has room for.
const ROOM: Room = Room { alerts: 40, releases: 30, lines: 60, characters: 60_000 };

/// A name and a value.
#[derive(Serialize)]
struct Pair {
    label: &'static str,
    value: String,
    detail: Option<String>,
}

impl Pair {
    fn new(label: &'static str, value: impl Into<String>) -> Self {
        Self { label, value: value.into(), detail: None }
    }
}

/// What the template of a workload is given.
pub(super) fn values(workload: &WorkloadView, explained: Option<(&str, &Explanation)>, shown: Shown<'_>) -> Value {
    let who = Who::of(workload, "", shown.base);
    let of = |it: &ContainerView| {
        let explanation = explained.filter(|(name, _)| *name == it.name).map(|(_, explanation)| explanation);
        container(workload, it, explanation, shown)
    };
    context! {
        title => format!("{} / {}", workload.namespace, workload.name),
        namespace => &workload.namespace,
        namespaceUrl => super::asked::Asked::default()
            .with(|filter| filter.namespaces = vec![workload.namespace.clone()])
            .url(&format!("{}/", shown.base)),
        kind => workload.kind,
        name => &workload.name,
        url => who.url(),
        state => value(StateShown::of(workload.state, shown.words)),
        containers => workload.containers.iter().map(of).collect::<Vec<_>>(),
        timeline => value(timeline(workload.history.as_deref().unwrap_or_default(), shown)),
    }
}

fn container(
    workload: &WorkloadView,
    container: &ContainerView,
    explanation: Option<&Explanation>,
    shown: Shown<'_>,
) -> Value {
    let words = shown.words;
    let run = Version::of(container.running.as_ref(), &container.image);
    let to = container.available.as_ref().map(|to| Target::of(&run.tag, to, shown));
    let question = container.question.as_ref();
    let preflight = question.and_then(|question| question.preflight.as_deref());
    let notes = question.and_then(|question| question.notes.as_ref()).map(|notes| notes.within(ROOM));
    let url = Who::of(workload, &container.name, shown.base).url().to_owned();
    context! {
        name => &container.name,
        repository => container.running.as_ref().map_or(&container.image, |running| &running.repository),
        state => value(StateShown::of(container.state, words)),
        run => value(&run),
        toLabel => words.labels().available(),
        why => value(super::row::why(container, shown)),
        askedBy => asked_by(workload, container, shown),
        failure => &container.failure,
        takesOff => takes_off(workload, container),
        facts => value(facts(container, preflight, shown)),
        digests => value(digests(container, &run)),
        checks => preflight.map(|it| checks(it, words)).unwrap_or_default(),
        changes => value(preflight.and_then(|it| it.changes.as_ref()).map(|it| changes(it, words)).unwrap_or_default()),
        question => question.map(|question| asked(workload, container, question, shown)),
        group => question.filter(|it| !it.group.is_empty()).map(|it| group(it, words)),
        settings => value(settings(container, words)),
        held => held(workload, container, words),
        open => unanswered(workload, container, shown),
        back => value(back(workload, container, shown)),
        owner => owner(workload, container, words),
        explain => explanation.map(|it| explain(it, shown)),
        explainUrl => format!("{url}?explain={}#h-why-{}", container.name, container.name),
        to => to.map(value),
        ..notes.map_or_else(|| context! { alerts => (), notes => (), moreAlerts => () }, |it| makers(&it, words))
    }
}

/// Where it is answered, where people are asked about a group by the question of another member.
fn asked_by(workload: &WorkloadView, container: &ContainerView, shown: Shown<'_>) -> Option<Value> {
    let member = container.group.as_ref()?.asked_by.as_ref()?;
    let url = super::row::member_url(shown.base, &workload.namespace, member);
    let kind = Kind::named(member.kind).map_or(member.kind, Kind::short);
    let called = format!("{kind}/{}", member.name);
    Some(context! { url => format!("{url}#c-{}", member.container), words => shown.words.answered_at(&called) })
}

/// The command that takes annotations off that are not understood, where there are some.
fn takes_off(workload: &WorkloadView, container: &ContainerView) -> Option<String> {
    let kind = Kind::named(workload.kind).map_or(workload.kind, Kind::short);
    let names = container.misread.iter().map(|name| format!(" image-watcher/{name}-")).collect::<Vec<_>>().concat();
    let command = format!("kubectl -n {} annotate {kind}/{}{names}", workload.namespace, workload.name);
    (!names.is_empty()).then_some(command)
}

/// What is known of the version to go to.
fn facts(container: &ContainerView, preflight: Option<&Preflight>, shown: Shown<'_>) -> Vec<Pair> {
    let Shown { words, now, .. } = shown;
    let mut facts = Vec::new();
    let mut add = |name: FactName, value: Option<String>, detail: Option<String>| {
        facts.extend(value.map(|value| Pair { label: words.fact(name), value, detail }));
    };
    if let Some(at) = container.available.as_ref().and_then(|to| to.since) {
        add(FactName::FirstSeen, Some(words.moment(at.0)), Some(super::words::beside(at.0, now, words)));
    }
    let size = preflight.and_then(|it| it.changes.as_ref()?.size);
    add(FactName::Size, size.map(|(from, to)| format!("{} → {}", megabytes(from, words), megabytes(to, words))), None);
    let question = container.question.as_ref();
    let grounds = question.and_then(|it| it.grounds.as_ref());
    add(FactName::Reason, grounds.map(|grounds| words.of_messages().grounds(grounds)), None);
    add(FactName::Declared, container.why_asks_only.map(|why| words.asks_only(why)), None);
    let opens = container.window_opens;
    add(FactName::Window, opens.map(|at| words.moment(at.0)), opens.map(|at| until(at.0, shown)));
    facts
}

fn megabytes(bytes: u64, words: &dyn Words) -> String {
    if bytes < 100_000 {
        return format!("{}\u{a0}kB", bytes.div_ceil(1000));
    }
    #[expect(clippy::cast_precision_loss, reason = "one digit behind the point is shown")]
    let number = format!("{:.1}", bytes as f64 / 1_000_000.0);
    words.decimal(&number) + "\u{a0}MB"
}

fn digests(container: &ContainerView, run: &Version) -> Vec<(String, String)> {
    let from = container.running.as_ref().and_then(|it| it.digest.clone());
    let to = container.available.as_ref().and_then(|it| Some((it.tag.clone(), it.digest.clone()?)));
    from.map(|digest| (run.tag.clone(), digest)).into_iter().chain(to).collect()
}

fn checks(preflight: &Preflight, words: &dyn Words) -> Vec<String> {
    let platforms = preflight.platforms.map(|of| match of {
        PlatformsOf::Nodes => Check::Nodes,
        PlatformsOf::Running => Check::Platforms,
    });
    let dry_run = preflight.dry_run.as_ref().and_then(|came_to| match came_to {
        DryRun::Passed => Some(Check::DryRun),
        DryRun::Warned(warnings) => Some(Check::DryRunWarned(warnings.len())),
        DryRun::Unknown => None,
    });
    let start = preflight.configuration.then_some(Check::Start);
    let all = [preflight.blobs.map(Check::Blobs), platforms, start, dry_run];
    all.into_iter().flatten().map(|check| words.check(check)).collect()
}

/// A part of an image's configuration, before and after.
#[derive(Serialize)]
struct Change {
    part: &'static str,
    before: Vec<String>,
    after: Vec<String>,
}

fn changes(changes: &Changes, words: &dyn Words) -> Vec<Change> {
    let pair = |name, pair: &Option<FromTo>| {
        let FromTo { from, to } = pair.clone()?;
        Some(Change { part: words.fact(name), before: vec![from], after: vec![to] })
    };
    let names = |name, Names { added, removed }: &Names| {
        let is_there = !added.is_empty() || !removed.is_empty();
        is_there.then(|| Change { part: words.fact(name), before: removed.clone(), after: added.clone() })
    };
    let all = [
        pair(FactName::User, &changes.user),
        pair(FactName::Entrypoint, &changes.entrypoint),
        pair(FactName::Command, &changes.command),
        names(FactName::Environment, &changes.environment),
        names(FactName::Ports, &changes.ports),
        names(FactName::Volumes, &changes.volumes),
    ];
    all.into_iter().flatten().collect()
}

/// What can be answered.
fn asked(workload: &WorkloadView, container: &ContainerView, question: &QuestionView, shown: Shown<'_>) -> Value {
    let words = shown.words;
    let said = words.question(question, shown.now);
    let button = |action: &&str| {
        let of = match *action {
            "approve" => Button::Approve,
            "skip" => Button::Skip,
            "resume" => Button::Resume,
            "rollback" => Button::RollBack,
            _ => return None,
        };
        Some(context! { value => *action, word => words.button(of, &question.tag) })
    };
    context! {
        title => said.title,
        asked => said.text,
        of => seen(workload, container, &question.tag, &question.digest),
        approvals => question.approvals.as_ref().map(|it| words.approvals(it)),
        toRead => question.confirm.then(|| words.tick(decide::tick_of(question), &question.tag)),
        window => container.window_opens.filter(|_| question.actions.contains(&"approve"))
            .map(|_| words.tick(super::words::Tick::OutsideWindow, "")),
        buttons => question.actions.iter().filter_map(button).collect::<Vec<_>>(),
        maySnooze => question.actions.contains(&"snooze"),
        // That one may go back from what runs well is no question.
        wantsAnswer => !question.actions.contains(&"rollback")
            || container.status.cause.is_broken(),
    }
}

fn group(question: &QuestionView, words: &dyn Words) -> Value {
    let moves = question.group.iter().map(|it| format!("{}: {} → {}", it.member, it.from, it.to));
    context! { title => words.together(question.group.len()), moves => moves.collect::<Vec<_>>() }
}

fn settings(container: &ContainerView, words: &dyn Words) -> Vec<Pair> {
    let mode = super::asked::MODES.into_iter().find(|mode| Some(mode.as_str()) == container.mode.as_deref());
    let is_auto = mode == Some(Mode::AutoUpdate);
    let mut all = Vec::new();
    let mut add = |name: FactName, value: Option<&String>, from: &str| {
        all.extend(value.map(|value| Pair {
            label: words.fact(name),
            value: value.clone(),
            detail: Some(words.origin(from).to_owned()),
        }));
    };
    add(FactName::Mode, container.mode.as_ref(), container.mode_from);
    add(FactName::Strategy, container.strategy.as_ref(), container.strategy_from);
    all.extend(container.settings.iter().map(|one| Pair {
        label: one.name,
        value: one.value.clone(),
        detail: Some(words.origin(one.from).to_owned()),
    }));
    if let Some(group) = &container.group {
        all.push(Pair::new(words.labels().group(), format!("{}: {}", group.name, group.members.join(", "))));
    }
    if let Some(why) = container.why_asks_only.filter(|_| is_auto) {
        all.push(Pair::new(words.labels().note(), words.asks_only(why)));
    }
    all
}

/// A version that is held back, and can be let go.
fn held(workload: &WorkloadView, container: &ContainerView, words: &dyn Words) -> Option<Value> {
    let held = container.held.as_ref().filter(|_| container.question.is_none())?;
    let digest = container.available.as_ref().filter(|to| to.tag == held.tag).and_then(|to| to.digest.as_deref());
    Some(context! {
        of => seen(workload, container, &held.tag, digest.unwrap_or_default()),
        word => words.button(Button::Resume, &held.tag),
    })
}

/// What nobody answered in time can be answered still.
fn unanswered(workload: &WorkloadView, container: &ContainerView, shown: Shown<'_>) -> Option<Value> {
    let is_one = container.question.is_none() && container.reason == "unanswered";
    let to = container.available.as_ref().filter(|_| is_one)?;
    let digest = to.digest.as_deref()?;
    let button = |value: &str, of: Button| context! { value => value, word => shown.words.button(of, &to.tag) };
    Some(context! {
        of => seen(workload, container, &to.tag, digest),
        // Of a group it is asked whatever this member's step is, as another's may be a major one.
        toRead => (to.level == Some(Level::Major) || container.group.is_some()).then(|| shown.words.tick(super::words::Tick::Read, &to.tag)),
        buttons => vec![button("approve", Button::Approve), button("skip", Button::Skip)],
    })
}

/// A version that can be gone back to.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Back {
    value: String,
    words: String,
    /// For its button, where there is no other.
    tag: String,
    /// Whether it failed here: it is not suggested.
    has_failed: bool,
}

/// What ran before, each once, newest first, and what failed here last, but for what is held: that is to be let go first. What is
/// possible is the sequencer's to say.
fn back(workload: &WorkloadView, container: &ContainerView, shown: Shown<'_>) -> Vec<Back> {
    let running = container.running.as_ref().and_then(|running| running.digest.as_deref());
    let mut all: Vec<Back> = Vec::new();
    for change in workload.history.iter().flatten() {
        let is_one = change.container == container.name && !change.outcome.is_a_word();
        let value = seen(workload, container, &change.version, &change.digest);
        let is_new = Some(change.digest.as_str()) != running && all.iter().all(|it| it.value != value);
        let is_held =
            container.held.as_ref().is_some_and(|held| held.tag == change.version && held.tag != held.back_to);
        if is_one && is_new && !is_held {
            let when = Moment::read(&change.time, shown.now, shown.words);
            let when = when.map(|at| format!(", {}", at.full())).unwrap_or_default();
            let digest = super::row::short(&change.digest);
            let words = format!("{} · {} · {digest}{when}", change.version, shown.words.ran(change.outcome));
            let digest = Digest::parse(&change.digest).ok();
            let failed =
                |version: Tag| workload.changes.failed_last(&container.name, &version, digest.as_ref()).is_some();
            let has_failed = Tag::parse(&change.version).is_ok_and(failed);
            all.push(Back { value, words, tag: change.version.clone(), has_failed });
        }
    }
    all.sort_by_key(|one| one.has_failed);
    all
}

fn owner(workload: &WorkloadView, container: &ContainerView, words: &dyn Words) -> Option<Value> {
    let owner = workload.owner.as_ref()?;
    let repository = container.running.as_ref().map(|it| it.repository.as_str()).unwrap_or_default();
    let line = container.available.as_ref().filter(|to| to.level != Some(Level::Digest)).map(|to| {
        let (line, place) = owner.owner.line(repository, &to.tag);
        let digest = to.digest.as_deref().map(|digest| owner.owner.line(repository, &format!("{}@{digest}", to.tag)).0);
        (line, place, digest)
    });
    let old = container.running.as_ref().and_then(|it| it.tag.as_ref()).map(|tag| owner.owner.line(repository, tag).0);
    Some(context! {
        name => owner.name.clone(),
        warning => words.owned_by(&owner.owner),
        line => line.as_ref().map(|(line, ..)| line.clone()),
        place => line.as_ref().map(|(_, place, _)| *place),
        digestLine => line.as_ref().and_then(|(.., digest)| digest.clone()),
        old => old,
    })
}

/// What the makers say.
fn makers(notes: &ReleaseNotes, words: &dyn Words) -> Value {
    let catalogue = words.of_messages();
    let alert = |alert: &crate::domain::release::Alert| {
        context! { kind => catalogue.alert(alert.kind), version => alert.version.to_string(), text => alert.text.to_string() }
    };
    let release = |release: &crate::domain::release::Release| {
        let line = |line: &crate::domain::release::Line| {
            context! { kind => value(line.kind), text => line.text.to_string() }
        };
        context! {
            version => release.version.to_string(),
            url => &release.url,
            published => &release.published,
            day => release.published.as_deref().map(|day| catalogue.day(day)),
            lines => release.lines.iter().map(line).collect::<Vec<_>>(),
        }
    };
    let highlights = notes.summary.iter().flat_map(|summary| &summary.highlights);
    context! {
        alerts => notes.alerts.iter().map(alert).collect::<Vec<_>>(),
        moreAlerts => (notes.more_alerts > 0).then(|| catalogue.more_alerts(notes.more_alerts)),
        notes => context! {
            summary => highlights.map(|it| catalogue.highlight(it)).collect::<Vec<_>>(),
            summaryBy => notes.summary.as_ref().map(|summary| catalogue.summary_by(summary)),
            releases => notes.releases.iter().map(release).collect::<Vec<_>>(),
            leftOut => (notes.left_out > 0).then(|| catalogue.more_versions(notes.left_out)),
            foundBy => catalogue.words_of_makers(notes.found_by),
            isRead => notes.summary.is_some() || !notes.releases.is_empty(),
            page => &notes.page,
        },
    }
}

fn explain(explanation: &Explanation, Shown { words, now, .. }: Shown<'_>) -> Value {
    let Explanation { sentence, gist, candidates, more } = explanation;
    let translated = match words.language() {
        Language::English => None,
        Language::French => gist.as_ref().map(|gist| explained_in_french(gist, Tz::UTC)),
    };
    let in_the_way = gist.as_ref().map(|gist| words.in_the_way(gist, now)).unwrap_or_default();
    let more = (*more > 0).then(|| words.more(*more));
    let candidate = |it: &Candidate| {
        let found = it.ruling.verdict();
        let (why, is_taken) = (words.of_messages().verdict(&found, Tz::UTC), matches!(found, Verdict::Taken(_)));
        context! { tag => &it.tag, rule => found.rule(), about => words.rule(found.rule()), why => why, isTaken => is_taken }
    };
    let candidates: Vec<Value> = candidates.iter().map(candidate).collect();
    let is_english = translated.is_none();
    let sentence = translated.as_ref().unwrap_or(sentence);
    context! {
        sentence => sentence, isEnglish => is_english, inTheWay => value(in_the_way), candidates => candidates, more => more,
    }
}

/// An entry of the timeline.
#[derive(Serialize)]
struct Told {
    class: &'static str,
    shape: &'static str,
    at: Option<Moment>,
    what: &'static str,
    step: String,
    who: String,
    why: Option<String>,
    outcome: String,
    container: String,
    digest: String,
}

fn timeline(history: &[ChangeView], shown: Shown<'_>) -> Vec<Told> {
    let Shown { words, now, .. } = shown;
    let told = |change: &ChangeView| {
        let (what, _) = words.told(change);
        let (class, shape) = match change.outcome {
            Outcome::Healthy => ("current", "current"),
            Outcome::Failed => ("failed", "failed"),
            Outcome::RollingOut => ("waiting", "waiting"),
            Outcome::Replaced => ("", "back"),
            Outcome::Skipped => ("", "skip"),
            Outcome::Resumed => ("", "play"),
        };
        let step = if change.outcome.is_a_word() {
            change.version.clone()
        } else {
            format!("{} → {}", change.previous, change.version)
        };
        Told {
            class,
            shape,
            at: Moment::read(&change.time, now, words),
            what,
            step,
            who: words.by(&words.actor(&crate::domain::actor::Actor::from(change.by.as_str()))),
            why: change.why.as_ref().map(|why| words.led(why)),
            outcome: words.ended(change),
            container: change.container.clone(),
            digest: super::row::short(&change.digest),
        }
    };
    history.iter().map(told).collect()
}
