//! What people are told, from what is known: the same words each time, so that telling twice is telling the same.

use chrono::{DateTime, Utc};

use crate::domain::actor::Actor;
use crate::domain::approval::Terms;
use crate::domain::declared::Declared;
use crate::domain::event::{Failure, ImageView, Notice, NoticeKind, WayBack};
use crate::domain::grounds::Grounds;
use crate::domain::history::Outcome;
use crate::domain::owner::{Keep, Owner, OwnerTold, OwnerView};
use crate::domain::policy::Mode;
use crate::domain::preflight::{Flaw, Unfit};
use crate::domain::record::{GoneSince, Held, Question, Told, Undone, Update};
use crate::domain::reference::{Digest, ImageReference, Tag};
use crate::domain::settings::Settings;
use crate::domain::tag::Level;
use crate::reconcile::Target;

/// Between which versions.
pub(crate) struct Step<'s> {
    pub(crate) from: Option<Tag>,
    pub(crate) from_digest: Option<&'s Digest>,
    pub(crate) to: &'s Tag,
    pub(crate) digest: Option<&'s Digest>,
    pub(crate) level: Option<Level>,
}

impl<'s> Step<'s> {
    fn of_terms(terms: &'s Terms, level: Level) -> Self {
        Self {
            from: terms.from_tag(),
            from_digest: terms.from_digest.as_ref(),
            to: &terms.tag,
            digest: Some(&terms.digest),
            level: Some(level),
        }
    }
}

/// A notice about a container, in which only what every notice has is said.
pub(crate) fn notice(
    target: &Target,
    settings: Option<&Settings>,
    kind: NoticeKind,
    at: DateTime<Utc>,
    step: &Step<'_>,
) -> Notice {
    let repository = target.repository.to_string();
    let image = |tag: String, digest: Option<&Digest>| ImageView {
        repository: repository.clone(),
        tag,
        digest: digest.map(ToString::to_string),
    };
    let release_url = settings.and_then(|settings| settings.release_url.as_ref());
    let from = image(step.from.as_ref().map(ToString::to_string).unwrap_or_default(), step.from_digest);
    let images = (from, image(step.to.to_string(), step.digest));
    Notice {
        level: step.level.map(|level| level.as_str().to_owned()).unwrap_or_default(),
        policy: settings.map(|it| format!("{}, strategy {}", it.mode, it.policy.strategy)).unwrap_or_default(),
        mode_from: settings.map(|it| it.mode_from),
        owner: target.workload.owner.as_ref().map(|owner| told_of(owner, &repository, settings, step)),
        release_url: release_url.map(|url| url.for_tag(step.to.as_str())),
        ..Notice::new(kind, at, (&target.workload.id, &target.container), images)
    }
}

/// Who would undo an update and what to change, and why people are asked although the mode says otherwise.
fn told_of(owner: &Owner, repository: &str, settings: Option<&Settings>, step: &Step<'_>) -> OwnerView {
    let keep = match step.level {
        Some(Level::Digest) | None => None,
        Some(_) => Some(Keep { repository: repository.to_owned(), tag: step.to.as_str().to_owned() }),
    };
    let asks_first = settings.is_some_and(|it| it.mode == Mode::AutoUpdate && !it.patch_owned);
    OwnerView::Known(OwnerTold { owner: Owner::clone(owner), keep, asks_first })
}

/// The notice that a question is asked.
pub(crate) fn of_question(target: &Target, settings: Option<&Settings>, question: &Question) -> Notice {
    let reminder = question.reminders;
    Notice { reminder, ..about(target, settings, question, NoticeKind::Available, question.asked) }
}

/// The notice that somebody answered a question with «not this version», then.
pub(crate) fn of_skip(
    target: &Target,
    settings: Option<&Settings>,
    question: &Question,
    (by, at): (&Actor, DateTime<Utc>),
) -> Notice {
    Notice { by: Some(by.clone()), ..about(target, settings, question, NoticeKind::Skipped, at) }
}

fn about(
    target: &Target,
    settings: Option<&Settings>,
    question: &Question,
    kind: NoticeKind,
    at: DateTime<Utc>,
) -> Notice {
    let step = Step::of_terms(&question.terms, question.level);
    Notice {
        why: question.why.clone(),
        declared: Declared { kinds: question.declares, quotes: Vec::new() },
        preflight: question.preflight.clone(),
        because: question.because.clone(),
        approval: Some((&question.terms).into()),
        group: question.group.clone(),
        ..notice(target, settings, kind, at, &step)
    }
}

/// The notice about an update that was written.
pub(crate) fn of_update(
    target: &Target,
    settings: Option<&Settings>,
    update: &Update,
    kind: NoticeKind,
    failure: Option<Failure>,
) -> Notice {
    let pinned = ImageReference::parse(&update.from).ok().and_then(|from| from.digest().cloned());
    let step = Step {
        from: update.from_tag(),
        from_digest: update.from_digest.as_ref().or(pinned.as_ref()),
        to: &update.tag,
        digest: Some(&update.digest),
        level: Some(update.level),
    };
    Notice {
        approval: update.question.as_ref().map(Into::into),
        by: Some(update.by.clone()),
        declared: Declared { kinds: update.declares, quotes: Vec::new() },
        failure,
        group: update.group.clone(),
        ..of_way_back(update.undoes.as_deref(), notice(target, settings, kind, update.at, &step))
    }
}

/// The same notice, which says of which update it is where it tells of a way back.
fn of_way_back(undone: Option<&Undone>, notice: Notice) -> Notice {
    let before = undone.and_then(|undone| undone.before.as_ref()).map(ToString::to_string);
    Notice { before, at_once: undone.is_some_and(|undone| undone.at_once), ..notice }
}

/// The notice that another hand put back what failed here before: it is told as an update's failure, and is the same message as
/// that where it fails once more.
pub(crate) fn of_put_back(
    target: &Target,
    settings: Option<&Settings>,
    update: &Update,
    question: Option<&Question>,
) -> Notice {
    let failure = update.failed_before.as_deref().filter(|failure| !failure.reason.is_empty()).cloned();
    let told = of_update(target, settings, update, NoticeKind::Failed, failure);
    Notice { way_back: Some(WayBack::PutBack), approval: question.map(|it| (&it.terms).into()), ..told }
}

/// What is told of the end of an update: that a person approved it, where one did, and how it ended. `question` is what people
/// may answer to that.
pub(crate) fn ends(
    target: &Target,
    settings: Option<&Settings>,
    update: &Update,
    question: Option<&Question>,
) -> Vec<Notice> {
    let told = match (update.outcome, &update.undoes) {
        (Outcome::Failed, undone) => {
            let mut told = of_update(target, settings, update, NoticeKind::Failed, update.failure.clone());
            if let Some(undone) = undone {
                told.from.digest = Some(undone.digest.to_string());
            }
            told
        }
        (_, Some(undone)) => of_return(target, settings, update, undone),
        (_, None) => of_update(target, settings, update, NoticeKind::Applied, None),
    };
    let is_told = !update.told_elsewhere || update.outcome == Outcome::Failed;
    let approval = question.map(|question| (&question.terms).into()).or(told.approval.clone());
    let is_granted = update.question.is_some() && update.undoes.is_none();
    let granted = is_granted.then(|| of_update(target, settings, update, NoticeKind::Granted, None));
    granted.into_iter().chain(is_told.then_some(Notice { approval, ..told })).collect()
}

/// The same, where it tells of an update that failed, with what becomes of that.
pub(crate) fn with_way_back(notice: Notice, way_back: Option<WayBack>) -> Notice {
    Notice { way_back: way_back.filter(|_| notice.kind == NoticeKind::Failed), ..notice }
}

/// The notice that a workload runs again what it ran before an update; it is one of that update's.
fn of_return(target: &Target, settings: Option<&Settings>, back: &Update, undone: &Undone) -> Notice {
    let step = Step {
        from: Some(back.tag.clone()),
        from_digest: Some(&back.digest),
        to: &undone.tag,
        digest: Some(&undone.digest),
        level: Some(back.level),
    };
    Notice {
        by: Some(back.by.clone()),
        failure: undone.failure.clone(),
        group: back.group.clone(),
        in_the_way: undone.removed.clone(),
        ..of_way_back(Some(undone), notice(target, settings, NoticeKind::RolledBack, back.at, &step))
    }
}

/// The notice about a version that somebody set back.
pub(crate) fn of_held(
    target: &Target,
    settings: Option<&Settings>,
    held: &Held,
    question: Option<&Question>,
) -> Notice {
    let step = Step {
        from: Some(held.back_to.clone()),
        from_digest: question.and_then(|question| question.terms.from_digest.as_ref()),
        to: &held.tag,
        digest: question.map(|question| &question.terms.digest).or(held.digest.as_ref()),
        level: question.map(|question| question.level),
    };
    Notice {
        approval: question.map(|question| (&question.terms).into()),
        by: Some(held.by.join(", ")).filter(|by| !by.is_empty()).map(|by| Actor::writer(&by)),
        group: question.and_then(|question| question.group.clone()),
        reminder: question.map_or(0, |question| question.reminders),
        ..notice(target, settings, NoticeKind::Held, held.since, &step)
    }
}

/// The notice that what runs is gone from its registry, and what is there in its place.
pub(crate) fn of_gone(target: &Target, settings: Option<&Settings>, gone: &GoneSince) -> Notice {
    let GoneSince { image, since } = gone;
    let step = Step {
        from: Some(image.tag.clone()),
        from_digest: image.digest.as_ref(),
        to: image.good.as_ref().unwrap_or(&image.tag),
        digest: None,
        level: None,
    };
    Notice {
        why: Some(Grounds::Gone(image.clone())),
        lost: Some(image.lost),
        release_url: None,
        ..notice(target, settings, NoticeKind::Gone, *since, &step)
    }
}

/// The message that a version is not gone to, which is one a day at most, whatever can be remembered of it; `told` is when
/// people were told.
pub(crate) fn of_unfit(target: &Target, settings: Option<&Settings>, unfit: &Unfit, told: &Told) -> Notice {
    let image = target.workload.container(&target.container).and_then(|(_, found)| found.reference());
    let image = image.filter(|image| image.running_tag() == told.from);
    let step = Step {
        from: told.from.clone(),
        from_digest: image.as_ref().and_then(ImageReference::digest),
        to: &unfit.tag,
        digest: Some(&unfit.digest),
        level: None,
    };
    let reason = if matches!(unfit.flaw, Flaw::Admission(_)) { "Refused" } else { "WouldNotStart" };
    let failure = Failure::new(reason, &unfit.to_string());
    Notice {
        failure: Some(failure),
        unfit: Some(Box::new(unfit.clone())),
        ended: Some(told.at),
        ..notice(target, settings, NoticeKind::Failed, day_of(told.at), &step)
    }
}

/// When the day began: what is told of it with this time is one message.
pub(crate) fn day_of(at: DateTime<Utc>) -> DateTime<Utc> {
    at.date_naive().and_hms_opt(0, 0, 0).map_or(at, |start| start.and_utc())
}

/// That people are told of something of this container now.
pub(crate) fn told_now(target: &Target, now: DateTime<Utc>) -> Told {
    let image = target.workload.container(&target.container).and_then(|(_, found)| found.reference());
    Told::first(now, image.as_ref().and_then(ImageReference::running_tag))
}
