//! The pages that people see, and the headers that keep them harmless: no script, no frame, nothing remembered.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION, RETRY_AFTER};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use minijinja::{Environment, context};
use sha2::{Digest as _, Sha256};

use crate::domain::actor::Actor;
use crate::domain::approval::Allows;
use crate::domain::group::Move;
use crate::domain::history::{Choice, Entry, Outcome, Ran};
use crate::domain::policy::Track;
use crate::domain::preflight::Flaw;
use crate::domain::record::Closed;
use crate::domain::reference::{Digest, Tag};
use crate::domain::refusal::Refusal;
use crate::domain::release::{ReleaseNotes, Room};
use crate::domain::tag::Level;
use crate::domain::wording::{moment, moment_of, sentence, somebody};
use crate::domain::workload::WorkloadId;
use crate::listener::Problem;
use crate::reconcile::{Answer, Asked, AskedToResume, Resuming};

const STYLE: &str = include_str!("../../templates/page/style.css");
const TEMPLATES: [(&str, &str); 5] = [
    ("layout.html", include_str!("../../templates/page/layout.html")),
    ("confirm.html", include_str!("../../templates/page/confirm.html")),
    ("resume.html", include_str!("../../templates/page/resume.html")),
    ("done.html", include_str!("../../templates/page/done.html")),
    ("problem.html", include_str!("../../templates/page/problem.html")),
];

/// What the page has room for.
const ROOM: Room = Room { alerts: 40, releases: 20, lines: 60, characters: 40_000 };

/// A template is broken; told at the start.
#[derive(Debug, thiserror::Error)]
#[error("a page template can't be read")]
pub struct TemplateError(#[from] minijinja::Error);

/// The pages, read once.
#[derive(Debug)]
pub struct Pages {
    templates: Environment<'static>,
    policy: String,
}

/// What a page says, in words.
struct Said {
    status: StatusCode,
    title: &'static str,
    message: String,
    details: Vec<String>,
    /// Why nothing was done, for programs.
    reason: Option<&'static str>,
    /// Whether what was decided came to nothing good.
    is_bad: bool,
}

impl Said {
    /// Nothing but words.
    fn new(status: StatusCode, title: &'static str, message: String) -> Self {
        Self { status, title, message, details: Vec::new(), reason: None, is_bad: false }
    }

    /// Of what was decided before, as a program learns it that tries to decide again.
    fn decided(entry: &Entry, gone: bool, title: &'static str, message: String) -> Self {
        let status = if gone { StatusCode::GONE } else { StatusCode::OK };
        let details =
            vec![format!("Decided by {}, {}.", Actor::from(entry.by.as_str()).words(), moment_of(&entry.time))];
        Self { details, ..Self::new(status, title, message) }
    }

    fn tone(&self) -> &'static str {
        if self.status.is_success() && !self.is_bad { "ok" } else { "neutral" }
    }
}

impl Pages {
    /// Reads the templates.
    ///
    /// # Errors
    /// [`TemplateError`] when one is broken.
    pub fn new() -> Result<Self, TemplateError> {
        let mut templates = Environment::new();
        for (name, text) in TEMPLATES {
            templates.add_template(name, text)?;
        }
        let style = STANDARD.encode(Sha256::digest(STYLE.as_bytes()));
        let policy = format!(
            "default-src 'none'; style-src 'sha256-{style}'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        );
        Ok(Self { templates, policy })
    }

    /// The page, or the JSON, of a question that is open, or put off.
    #[must_use]
    pub fn question(&self, answer: &Answer, asked: &Asked, notes: Option<&ReleaseNotes>, json: bool) -> HttpResponse {
        let notes = notes.map(|notes| notes.within(ROOM));
        if json {
            let said = said(answer, false);
            return plain_json(&said, Some(asked.approval.allows.words()), notes.as_ref(), &asked.ran);
        }
        let snoozed = match answer {
            Answer::Snoozed(_, until) => Some(moment(*until)),
            _ => None,
        };
        let page = notes.as_ref().map(|notes| notes.page.clone()).or_else(|| asked.release_url.clone());
        let notes = notes.map(|notes| minijinja::Value::from(minijinja::value::Serde(notes)));
        let values = context! { notes => notes, release_url => page, ..confirm(asked, snoozed) };
        self.render(StatusCode::OK, "confirm.html", values)
    }

    /// The page, or the JSON, of whether automatic updates are to be resumed.
    #[must_use]
    pub fn resume(&self, answer: &Answer, asked: &AskedToResume, json: bool) -> HttpResponse {
        if json {
            return plain_json(&said(answer, false), Some(&["resume"]), None, &[]);
        }
        let failed: Vec<String> = asked.stopped.failed.iter().map(ToString::to_string).collect();
        let values = context! {
            title => "Resume automatic updates?",
            failed => failed,
            expires => moment(asked.expires),
            holder => acting_as(&asked.holder),
        };
        self.render(StatusCode::OK, "resume.html", values)
    }

    /// The page, or the JSON, of an answer. A program that answers a second time (`replayed`) is told 410, a person is
    /// shown what was decided.
    #[must_use]
    pub fn answer(&self, answer: &Answer, json: bool, replayed: bool) -> HttpResponse {
        let said = said(answer, json && replayed);
        if json {
            return plain_json(&said, None, None, &[]);
        }
        let tone = said.tone();
        let name = if said.status.is_success() { "done.html" } else { "problem.html" };
        let values = context! { title => said.title, message => said.message, details => said.details, tone => tone };
        self.render(said.status, name, values)
    }

    /// The page, or the JSON, of a request that is none.
    #[must_use]
    pub fn problem(&self, problem: &Problem, json: bool) -> HttpResponse {
        if json {
            return actix_web::ResponseError::error_response(problem);
        }
        let title = "That did not work";
        let message = sentence(&problem.detail);
        let values =
            context! { title => title, message => message, details => Vec::<String>::new(), tone => "neutral" };
        let mut response = self.render(problem.status, "problem.html", values);
        if let Some(seconds) = problem.retry_after {
            response.headers_mut().insert(RETRY_AFTER, seconds.into());
        }
        response
    }

    /// Leads on with a GET.
    #[must_use]
    pub fn see_other(&self, location: &str) -> HttpResponse {
        let mut response = HttpResponse::SeeOther();
        self.head(&mut response);
        response.insert_header((LOCATION, location)).finish()
    }

    fn render(&self, status: StatusCode, name: &str, values: minijinja::Value) -> HttpResponse {
        let page = self.templates.get_template(name).and_then(|template| {
            template.render(context! { style => minijinja::Value::from_safe_string(STYLE.into()), ..values })
        });
        let mut response = HttpResponse::build(status);
        self.head(&mut response);
        match page {
            Ok(page) => response.content_type("text/html; charset=utf-8").body(page),
            Err(error) => {
                tracing::error!(template = name, error = %crate::telemetry::chain(&error), "a page can't be made of its template");
                response.content_type("text/plain; charset=utf-8").body("This page can't be shown now.")
            }
        }
    }

    fn head(&self, response: &mut actix_web::HttpResponseBuilder) {
        response
            .insert_header((CACHE_CONTROL, "no-store"))
            .insert_header(("Content-Security-Policy", self.policy.as_str()))
            .insert_header(("X-Content-Type-Options", "nosniff"))
            .insert_header(("X-Robots-Tag", "noindex, nofollow, noarchive"))
            .insert_header(("Cross-Origin-Opener-Policy", "same-origin"))
            // Not no-referrer: with it a browser sends «Origin: null» with the form, and honest clicks look forged.
            .insert_header(("Referrer-Policy", "same-origin"));
    }
}

fn confirm(asked: &Asked, snoozed_until: Option<String>) -> minijinja::Value {
    let approval = &asked.approval;
    let id = &approval.workload;
    let is_held = approval.allows == Allows::Held;
    let is_back = approval.allows == Allows::Back;
    let held = asked.held.as_ref().filter(|_| is_held);
    let from = crate::domain::reference::ImageReference::parse(&approval.from_image).ok();
    let tag = from.as_ref().and_then(|from| from.tag()).map(ToString::to_string).unwrap_or_default();
    let repository = from.as_ref().map(|from| from.repository().to_string()).unwrap_or_default();
    let owner = asked.workload.owner.as_ref().map(|owner| match asked.level {
        Level::Digest => owner.warning(),
        _ => owner.advice(&repository, approval.to_tag.as_str()),
    });
    context! {
        title => match approval.allows {
            Allows::Update => "Approve an update?",
            Allows::Held => "Let this version be applied again?",
            Allows::Back => "Go back to the version before?",
        },
        is_held => is_held,
        is_back => is_back,
        choices => choices(asked),
        set_back_by => held.filter(|held| held.failure.is_none()).map(|held| somebody(&held.by)),
        failure => held.and_then(|held| held.failure.as_ref()).map(|it| format!("{}: {}", it.reason, it.message)),
        group => asked.group.as_ref().map(|plan| plan.name.as_str()),
        moves => asked.group.iter().flat_map(|plan| &plan.moves).map(moves).collect::<Vec<_>>(),
        with => asked.with.iter().map(|name| &**name).collect::<Vec<&str>>().join(", "),
        namespace => &*id.namespace,
        kind => id.kind.as_str(),
        name => &*id.name,
        container => approval.container.as_str(),
        repository => repository,
        from_tag => tag.as_str(),
        from_digest => approval.from_digest.as_ref().map(Digest::short),
        to_tag => approval.to_tag.as_str(),
        to_digest => approval.to_digest.short(),
        to_digest_full => approval.to_digest.as_str(),
        level => asked.level.as_str(),
        why => asked.why.as_ref().map(ToString::to_string).unwrap_or_default(),
        declared => if is_back { back_over(asked, &tag) } else { asked.declares.sentence() },
        because => asked.because.as_ref().map(ToString::to_string),
        changes => asked.preflight.as_ref().and_then(|it| Some(it.changes.as_ref()?.to_string())).unwrap_or_default(),
        looked_at => asked.preflight.as_ref().map(ToString::to_string).unwrap_or_default(),
        owner => owner,
        asked => moment(asked.asked),
        expires => moment(approval.expires),
        snoozed_until => snoozed_until,
        window_opens => asked.window_opens.filter(|_| approval.allows == Allows::Update).map(moment),
        holder => acting_as(&asked.holder),
    }
}

/// What can be gone back to, what is suggested first. Nothing where there is no choice.
fn choices(asked: &Asked) -> Vec<minijinja::Value> {
    let approval = &asked.approval;
    let suggested = Choice { version: approval.to_tag.clone(), digest: approval.to_digest.clone() };
    let (known, others): (Vec<&Ran>, Vec<&Ran>) = asked.ran.iter().partition(|ran| ran.what == suggested);
    if others.is_empty() {
        return Vec::new();
    }
    let how = |ran: &Ran| match ran.outcome {
        Outcome::Healthy => "ran well",
        Outcome::Failed => "failed",
        Outcome::RollingOut | Outcome::Replaced | Outcome::Skipped | Outcome::Resumed => "not known how it ran",
    };
    let choice = |what: &Choice, ran: Option<&Ran>, is_suggested: bool| {
        context! {
            to => what.to_string(),
            version => what.version.as_str(),
            digest => what.digest.short(),
            time => ran.and_then(|ran| ran.time.as_deref()).map(moment_of),
            how => ran.map(how),
            is_suggested => is_suggested,
        }
    };
    let first = choice(&suggested, known.first().copied(), true);
    std::iter::once(first).chain(others.into_iter().map(|ran| choice(&ran.what, Some(ran), false))).collect()
}

/// Where one member of a group goes.
fn moves(one: &Move) -> minijinja::Value {
    context! {
        member => one.member(),
        with => one.with.iter().map(|name| &**name).collect::<Vec<&str>>().join(", "),
        from_tag => one.from_tag().map(|tag| tag.to_string()).unwrap_or_default(),
        to_tag => one.tag.as_str(),
        to_digest => one.digest.as_str(),
    }
}

/// What its makers declared of the update that is to be undone.
fn back_over(asked: &Asked, from: &str) -> Option<String> {
    let (to, changes_data) = (&asked.approval.to_tag, asked.declares.migration);
    changes_data.then(|| format!("{from} changes stored data, say its makers; {to} may not be able to read them"))
}

/// `email:o…@example.com` as people say it.
fn acting_as(holder: &str) -> String {
    match crate::reconcile::masked(holder).split_once(':') {
        Some((channel, address)) => format!("{address} ({channel})"),
        None => "whoever reads the channel this was sent to".to_owned(),
    }
}

fn resuming_said(resuming: &Resuming, gone: bool) -> Said {
    match resuming {
        Resuming::Open(asked) => {
            let message = format!(
                "Automatic updates are stopped everywhere; this link resumes them until {}.",
                moment(asked.expires)
            );
            Said::new(StatusCode::OK, "Open", message)
        }
        Resuming::Expired(asked) => {
            let message = format!(
                "It was valid until {}. Automatic updates are stopped still; image-watcher brake --resume, run where the service runs, resumes them.",
                moment(asked.expires)
            );
            Said::new(StatusCode::GONE, "This link has expired", message)
        }
        Resuming::Done(release) => {
            let status = if gone { StatusCode::GONE } else { StatusCode::OK };
            let message = "Automatic updates are resumed. What waited for it is looked at now.".to_owned();
            let details = vec![format!("Decided by {}, {}.", release.by.words(), moment(release.at))];
            Said { details, ..Said::new(status, "Resumed", message) }
        }
    }
}

fn said(answer: &Answer, gone: bool) -> Said {
    let say = Said::new;
    match answer {
        Answer::Unknown => {
            say(StatusCode::NOT_FOUND, "No such link", "This link is not known here. It may be cut off, or too old; open it again from the message.".into())
        }
        Answer::Open(asked) if asked.approval.allows == Allows::Held => held(asked),
        Answer::Open(asked) if asked.approval.allows == Allows::Back => say(StatusCode::OK, "Open", format!("{} can go back to {} until {}.", asked.workload.id, asked.approval.to_tag, moment(asked.approval.expires))),
        Answer::Open(asked) => say(StatusCode::OK, "Open", format!("{} can be approved until {}.", asked.approval.to_tag, moment(asked.approval.expires))),
        Answer::Snoozed(asked, until) => say(StatusCode::OK, "Snoozed", format!("{} is put off until {}. You are asked before that if there is a newer version.", asked.approval.to_tag, moment(*until))),
        Answer::Approved(entry) => approved(entry, gone),
        Answer::Skipped(entry) => Said::decided(entry, gone, "Skipped", format!("{} is not proposed again. Newer versions are.", entry.version)),
        Answer::Resumed(entry) => Said::decided(entry, gone, "Allowed again", format!("{} is no longer held. The next check decides on it as on any other version.", entry.version)),
        Answer::WentBack(entry) => went_back(entry, gone),
        Answer::Expired(asked) => say(StatusCode::GONE, "This link has expired", format!("It was valid until {}. Nothing was done. If the update is still available, the next check asks again, with a new link.", moment(asked.approval.expires))),
        Answer::Superseded { version, newer, is_open: true } => say(
            StatusCode::CONFLICT,
            "There is a newer version",
            format!("This link was about {version}. {newer} is available now and has a link of its own. Nothing was done."),
        ),
        Answer::Superseded { version, newer, is_open: false } => say(
            StatusCode::CONFLICT,
            "A newer question took its place",
            format!("This link was about {version}. {newer} took its place, and is no longer open either. Nothing was done."),
        ),
        Answer::Refused(asked, refusal) => Said {
            reason: Some(refusal.as_str()),
            ..say(StatusCode::CONFLICT, "This would not be asked today", format!("{} Nothing was done, and the link stays valid.", refused(&asked.approval.to_tag, &asked.workload.id, refusal)))
        },
        Answer::Moved(asked) => say(
            StatusCode::CONFLICT,
            "The tag has moved",
            format!("{} no longer points to {}, which this link is about. Nothing was done; you are asked again about what it is now.", asked.approval.to_tag, asked.approval.to_digest),
        ),
        Answer::Changed(asked) => say(
            StatusCode::CONFLICT,
            "The workload has changed",
            format!("{} no longer runs what it ran when you were asked. Nothing was done.", asked.workload.id),
        ),
        Answer::Over(asked, Closed::Withdrawn) => Said {
            reason: Some(Refusal::Withdrawn.as_str()),
            ..say(
                StatusCode::CONFLICT,
                "This version was withdrawn",
                format!("The registry has {} no more, or its project took it back or marks it as a prerelease, so there is nothing to decide. Nothing was done; you are asked again if it comes back, or if there is another.", asked.approval.to_tag),
            )
        },
        Answer::Over(asked, _) => say(
            StatusCode::CONFLICT,
            "This question is over",
            format!("There is nothing to decide about {} any more: it may be gone from the registry, or another version takes its place. Nothing was done.", asked.approval.to_tag),
        ),
        Answer::NotAllowed(asked) => {
            let allowed = match asked.approval.allows {
                Allows::Update => "approve, skip or snooze an update",
                Allows::Held => "let a version that is held be applied again",
                Allows::Back => "go back to what ran before an update",
            };
            say(StatusCode::FORBIDDEN, "Not with this link", format!("This link can only {allowed}. Nothing was done."))
        }
        Answer::NotWritten(asked, reason) => say(
            StatusCode::CONFLICT,
            "The cluster refuses it",
            format!("The API server refuses to write {} to {}: {reason}. Nothing was done, and the link stays valid.", asked.approval.to_tag, asked.workload.id),
        ),
        Answer::Resuming(resuming) => resuming_said(resuming, gone),
        Answer::Unread => say(
            StatusCode::SERVICE_UNAVAILABLE,
            "Not now",
            "What is known of this link can't be read now. Nothing was done: try again in a minute.".into(),
        ),
        Answer::Later(_) => say(
            StatusCode::SERVICE_UNAVAILABLE,
            "Not now",
            "The registry or the cluster does not answer. Nothing was done, and the link stays valid: try again in a minute.".into(),
        ),
    }
}

/// Why a question would not be asked today, and what would have to be otherwise.
pub(crate) fn refused(version: &Tag, workload: &WorkloadId, refusal: &Refusal) -> String {
    match refusal {
        Refusal::Settings(problems) => format!("The settings of {workload} are not understood: {problems}."),
        Refusal::Disabled { forced: true } => {
            "The operator leaves all workloads alone: IMAGE_WATCHER_MODE is DISABLED.".into()
        }
        Refusal::Disabled { forced: false } => {
            format!("{workload} is to be left alone: its image-watcher/mode is DISABLED.")
        }
        Refusal::OtherTrack(Track::Digest) => {
            format!("{workload} stays at its tag now and follows what that points to: image-watcher/track is digest.")
        }
        Refusal::OtherTrack(Track::Version) => format!(
            "{workload} follows versions now, and not what its tag points to: image-watcher/track is not digest."
        ),
        Refusal::AboveStrategy { level, strategy, forced } => {
            let by = if *forced { "IMAGE_WATCHER_STRATEGY" } else { "image-watcher/strategy" };
            format!(
                "{version} goes further than is allowed now: it is a {} update, and {by} is {strategy}.",
                level.as_str()
            )
        }
        Refusal::BehindStep(first) => {
            format!("image-watcher/steps of {workload} jumps over none: {first} goes before {version}.")
        }
        Refusal::WithoutLevel => {
            format!("The operator forces IMAGE_WATCHER_STRATEGY, and how far {version} goes can't be told.")
        }
        Refusal::NotIncluded => format!("image-watcher/include of {workload} does not take {version} any more."),
        Refusal::Excluded => format!("image-watcher/exclude of {workload} keeps {version} out."),
        Refusal::Prerelease => {
            format!("{version} is a prerelease, and image-watcher/prerelease of {workload} is not true.")
        }
        Refusal::Skipped => format!("image-watcher/skip of {workload} names {version}."),
        Refusal::Cooldown(until) => {
            format!("{version} waits for image-watcher/cooldown of {workload} until {}.", moment(*until))
        }
        Refusal::OutsideWindow(until) => format!(
            "image-watcher/window of {workload} is closed: {version} can be applied from {}, or now by whoever ticks that it is to be applied outside the window.",
            moment(*until)
        ),
        Refusal::OutsidePattern => {
            format!("image-watcher/tag-policy of {workload} does not take both {version} and what runs.")
        }
        Refusal::NotNewer => format!("{version} is not newer than what {workload} runs."),
        Refusal::OtherKind => format!(
            "{version} is no longer taken for the same kind of thing as what {workload} runs; image-watcher explain says why."
        ),
        Refusal::NeverRan => format!(
            "The history of {workload} has no {version} of this digest any more, or it is held, or runs already: open the link again and choose another."
        ),
        Refusal::Withdrawn => {
            format!("The registry has {version} no more: it was withdrawn, or its tag was removed.")
        }
        Refusal::Unreleased(standing) => format!("{version} is not what it was when you were asked: {standing}."),
        Refusal::Unfit(Flaw::Admission(said)) => {
            format!("The API server refuses to write {version} on {workload}: {said}")
        }
        Refusal::Unfit(flaw) => format!("{version} would not start: {flaw}."),
        Refusal::Member(of) => {
            let (member, version, why) = &**of;
            format!("{} All of the group go together, or none.", refused(version, member, why))
        }
        Refusal::MemberGone(member) => {
            format!(
                "{member} is of the group no more: it was deleted, made anew, or left it. You are asked again about the others."
            )
        }
        Refusal::MemberChanged(member) => {
            format!("{member} of the group no longer runs what it ran when you were asked.")
        }
        Refusal::MemberMoved(member) => {
            format!("The tag that {member} of the group would go to points to something else than when you were asked.")
        }
        Refusal::MemberJoined(member) => {
            format!("{member} is of the group now, and you were not asked about it. You are asked again about all.")
        }
        Refusal::MemberPaused(member) => {
            format!("The rollouts of {member} are paused, and all of the group go together, or none.")
        }
        Refusal::MemberUnderWay(member) => format!("An update of {member} of the group is under way."),
        Refusal::MemberHolds(member) => format!("{member} of the group holds its version: it was set back, or failed."),
        Refusal::MemberNotWritable(member) => format!("{member} of the group may not be patched."),
        Refusal::Untimed => {
            format!(
                "The registry does not say of all tags when they were pushed, and image-watcher/tag-order of {workload} is newest."
            )
        }
        Refusal::DryRun => {
            "image-watcher runs as a dry run (IMAGE_WATCHER_DRY_RUN): it writes nothing to the cluster, so nothing can be answered. The link stays valid for when it does.".into()
        }
        Refusal::List(doubt) => format!("The registry's answer is not believed: {doubt}."),
    }
}

fn approved(entry: &Entry, gone: bool) -> Said {
    let (title, state) = match entry.outcome {
        Outcome::Healthy => ("Approved", "is running and healthy"),
        Outcome::Failed => ("The rollout failed", "was approved and applied, but its rollout failed"),
        Outcome::Replaced => ("Approved", "was applied. Something else was written since"),
        Outcome::RollingOut | Outcome::Skipped | Outcome::Resumed => ("Approved", "is being rolled out"),
    };
    let message = format!("{} → {} {state}.", entry.previous, entry.version);
    let mut said = Said::decided(entry, gone, title, message);
    said.details.push(entry.digest.clone());
    Said { is_bad: entry.outcome == Outcome::Failed, ..said }
}

/// A workload that went back.
fn went_back(entry: &Entry, gone: bool) -> Said {
    let state = match entry.outcome {
        Outcome::Healthy => "It runs again, and is healthy",
        Outcome::Failed => "It was written again, but its rollout failed",
        Outcome::Replaced => "It was written again. Something else was written since",
        Outcome::RollingOut | Outcome::Skipped | Outcome::Resumed => "It is being rolled out",
    };
    let message = format!("Back from {} to {}. {state}. {} is held.", entry.previous, entry.version, entry.previous);
    let said = Said::decided(entry, gone, "Rolled back", message);
    Said { is_bad: entry.outcome == Outcome::Failed, ..said }
}

/// A version that is held, and that this link can let go.
fn held(asked: &Asked) -> Said {
    let (version, expires) = (&asked.approval.to_tag, moment(asked.approval.expires));
    let failure = asked.held.as_ref().and_then(|held| held.failure.as_ref());
    let why = if failure.is_some() { "failed" } else { "was set back" };
    let message =
        format!("{version} {why}, and is not applied again by itself. This link can allow it until {expires}.");
    let mut said = Said::new(StatusCode::OK, "Held", message);
    if let Some(held) = &asked.held {
        let since = moment(held.since);
        said.details.push(match failure {
            Some(failure) => format!("Went back to {}, {since}: {}: {}", held.back_to, failure.reason, failure.message),
            None => format!("Set back to {} by {}, {since}.", held.back_to, somebody(&held.by)),
        });
    }
    said
}

fn plain_json(said: &Said, actions: Option<&[&str]>, notes: Option<&ReleaseNotes>, ran: &[Ran]) -> HttpResponse {
    let mut body = serde_json::json!({"title": said.title, "status": said.status.as_u16(), "detail": said.message, "details": said.details});
    if let (Some(notes), Some(members)) = (notes, body.as_object_mut()) {
        members.insert("notes".to_owned(), serde_json::json!(notes));
    }
    if let (Some(actions), Some(members)) = (actions, body.as_object_mut()) {
        members.insert("actions".to_owned(), actions.into());
    }
    if let (Some(reason), Some(members)) = (said.reason, body.as_object_mut()) {
        members.insert("reason".to_owned(), reason.into());
    }
    if let (false, Some(members)) = (ran.is_empty(), body.as_object_mut()) {
        let choice = |ran: &Ran| serde_json::json!({"to": ran.what.to_string(), "time": ran.time, "outcome": ran.outcome.as_str()});
        members.insert("choices".to_owned(), ran.iter().map(choice).collect());
    }
    let kind = if said.status.is_success() { "application/json" } else { "application/problem+json" };
    let mut response = HttpResponse::build(said.status);
    if said.status == StatusCode::SERVICE_UNAVAILABLE {
        response.insert_header((RETRY_AFTER, "30"));
    }
    response.insert_header((CONTENT_TYPE, kind)).insert_header((CACHE_CONTROL, "no-store")).body(body.to_string())
}
