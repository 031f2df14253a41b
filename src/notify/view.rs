//! One view of a notice, made once; every channel is a rendering of it.

use std::fmt::Write as _;

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::domain::event::{Delivery, Failure, NoLink, Notice, NoticeKind, WayBack};
use crate::domain::group::{Move, Plan};
use crate::domain::plain::is_harmful;
use crate::domain::reference::Digest;
use crate::domain::release::ReleaseNotes;
use crate::domain::rollout::obstacle::{InTheWay, ObstacleKind};
use crate::domain::wording::moment;

/// What a message says. All texts are free of control, bidirectional and zero-width characters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct View {
    /// Stands alone: what, from, to, what is asked.
    pub(super) sentence: String,
    /// The same for all messages about one update, but for one that was set back.
    pub(super) subject: String,
    pub(super) heading: &'static str,
    pub(super) labels: Labels,
    pub(super) kind: &'static str,
    pub(super) namespace: String,
    pub(super) workload_kind: &'static str,
    pub(super) name: String,
    pub(super) container: String,
    /// Where all of its group go.
    pub(super) group: Option<String>,
    pub(super) repository: String,
    pub(super) from_tag: String,
    pub(super) from_digest: Option<String>,
    pub(super) to_tag: String,
    pub(super) to_digest: Option<String>,
    pub(super) level: String,
    pub(super) why: String,
    /// What the makers declare, with their words where the notes are not here.
    pub(super) declared: Option<String>,
    /// What happened to other workloads, where that is why people are asked first.
    pub(super) because: Option<String>,
    /// What the update changes in the image.
    pub(super) changes: Option<String>,
    /// What was looked at of the new one.
    pub(super) looked_at: Option<String>,
    pub(super) owner: Option<String>,
    pub(super) release_url: Option<String>,
    pub(super) notes: Option<ReleaseNotes>,
    pub(super) link: Option<String>,
    pub(super) expires: Option<String>,
    /// Why there is nothing to decide.
    pub(super) no_link: Option<String>,
    /// Whether this is about what runs, and not about an update.
    pub(super) is_gone: bool,
    /// Whether this is about a version that somebody set back.
    pub(super) is_held: bool,
    /// What comes of it, and what can be done.
    pub(super) way_on: Option<String>,
    pub(super) by: Option<String>,
    pub(super) failure: Option<String>,
    pub(super) policy: String,
    pub(super) at: String,
}

/// What the lines of a message are called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Labels {
    /// The version before `to`.
    pub(super) from: &'static str,
    /// The version that this is about.
    pub(super) to: &'static str,
    /// Who did it.
    pub(super) by: &'static str,
}

impl Labels {
    fn of(kind: NoticeKind) -> Self {
        match kind {
            NoticeKind::Applied | NoticeKind::Failed => Self { from: "Before", to: "New", by: "Decided" },
            NoticeKind::RolledBack => Self { from: "Running", to: "Held", by: "Decided" },
            NoticeKind::Held => Self { from: "Running", to: "Held", by: "Set back" },
            NoticeKind::Gone => Self { from: "Running", to: "There is", by: "" },
            NoticeKind::Stopped => Self { from: "Running", to: "Failed", by: "" },
            NoticeKind::Available | NoticeKind::Granted | NoticeKind::Skipped => {
                Self { from: "Running", to: "New", by: "Decided" }
            }
        }
    }
}

impl View {
    /// `notes` as far as the channel has room for them.
    pub(super) fn of(delivery: &Delivery, link: Option<&str>, notes: Option<ReleaseNotes>) -> Self {
        let notice = &delivery.notice;
        let (from, to) = (clean(&notice.from.tag), clean(&notice.to.tag));
        let is_alone = notice.kind == NoticeKind::Gone && from == to;
        let to = if is_alone { "none that is known".to_owned() } else { to };
        let (namespace, name) = (clean(&notice.workload.namespace), clean(&notice.workload.name));
        let repository = clean(&notice.from.repository);
        let image = repository.rsplit('/').next().unwrap_or_default().to_owned();
        let short = |digest: &Option<String>| Some(Digest::parse(digest.as_deref()?).ok()?.short().to_owned());
        Self {
            sentence: sentence(notice, &namespace, &name, &from, &to, link.is_some()),
            subject: format!("{}[{namespace}/{name}] {image} {}", mark(notice), step(notice, &from, &to)),
            heading: heading(notice),
            labels: Labels::of(notice.kind),
            kind: notice.kind.as_str(),
            workload_kind: notice.workload.kind.as_str(),
            container: clean(&notice.container),
            group: notice.group.as_ref().map(|plan| group(plan)),
            from_digest: short(&notice.from.digest),
            to_digest: short(&notice.to.digest),
            level: clean(&notice.level),
            why: notice.why.as_ref().map(|why| clean(&why.to_string())).unwrap_or_default(),
            declared: declared(notice, notes.as_ref()),
            because: notice.because.as_ref().map(|because| sentence_of(&clean(&because.to_string()))),
            changes: notice
                .preflight
                .as_ref()
                .and_then(|it| Some(clean(&it.changes.as_ref()?.to_string())))
                .filter(|it| !it.is_empty()),
            looked_at: notice.preflight.as_ref().map(|preflight| clean(&preflight.to_string())),
            owner: notice.owner.as_deref().map(clean),
            release_url: release_url(notice, notes.as_ref()).map(clean),
            notes,
            link: link.map(str::to_owned),
            expires: link.and_then(|_| expires(notice)).map(moment),
            no_link: notice.no_link.map(|reason| no_link(reason, notice, &namespace)),
            is_gone: notice.kind == NoticeKind::Gone,
            is_held: notice.kind == NoticeKind::Held,
            way_on: way_on(notice, &from, &to, link.is_some()),
            by: notice.by.as_ref().map(|by| clean(&by.words())),
            failure: notice.failure.as_ref().map(|failure| clean(&in_words(failure))),
            policy: clean(&notice.policy),
            at: moment(notice.at),
            repository,
            namespace,
            name,
            from_tag: from,
            to_tag: to,
        }
    }
}

/// What a subject begins with, so that nobody waits for what will not be.
fn mark(notice: &Notice) -> &'static str {
    if notice.no_link.is_some_and(NoLink::is_dry_run) { "[dry run] " } else { "" }
}

/// Until when its link can be used.
fn expires(notice: &Notice) -> Option<DateTime<Utc>> {
    let of_approval = notice.approval.as_ref().map(|approval| approval.expires);
    of_approval.or_else(|| Some(notice.stopped()?.expires()))
}

/// The same with a capital and a full stop.
fn sentence_of(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", letters.as_str())
}

/// Where each member of a group goes, so that nothing is left out.
fn group(plan: &Plan) -> String {
    let one = |one: &Move| {
        let from = one.from_tag().map(|tag| tag.to_string()).unwrap_or_default();
        let all: Vec<String> = [one.member()].into_iter().chain(one.with.iter().map(ToString::to_string)).collect();
        format!("{} {from} → {}", clean(&all.join(" and ")), one.tag)
    };
    let all: Vec<String> = plan.moves.iter().map(one).collect();
    format!("{}, all in this order or none: {}", plan.name, all.join("; "))
}

fn declared(notice: &Notice, notes: Option<&ReleaseNotes>) -> Option<String> {
    let mut told = notice.declared.kinds.sentence()?;
    if notes.is_none_or(|notes| notes.alerts.is_empty()) {
        for quote in &notice.declared.quotes {
            let _ = write!(told, " «{quote}»");
        }
    }
    Some(clean(&told))
}

/// Where notes are: where they were found, else where the workload says.
pub(super) fn release_url<'n>(notice: &'n Notice, notes: Option<&'n ReleaseNotes>) -> Option<&'n str> {
    notes.map(|notes| notes.page.as_str()).or(notice.release_url.as_deref())
}

/// Why it failed, with the end of its log where that is known.
fn in_words(failure: &Failure) -> String {
    let Failure { reason, message, log } = failure;
    let log = if log.is_empty() { String::new() } else { format!("; its log ends: {}", log.join(" | ")) };
    format!("{reason}: {message}{log}")
}

/// Whether it is about a member of a group that goes back, and does not go back with the others.
fn stays(notice: &Notice) -> bool {
    let is_of_group = notice.failure.as_ref().is_some_and(Failure::is_of_group);
    let goes = matches!(notice.way_back, Some(WayBack::Goes | WayBack::Further | WayBack::Failed));
    notice.kind == NoticeKind::Failed && is_of_group && !goes
}

/// Whether the image is there, and its project calls it no release any more.
fn is_taken_back(notice: &Notice) -> bool {
    notice.lost.is_some_and(|lost| !lost.is_of_registry())
}

/// Whether it is about a version that was never tried.
fn is_passed_over(notice: &Notice) -> bool {
    notice.kind == NoticeKind::Failed && notice.by.is_none()
}

fn heading(notice: &Notice) -> &'static str {
    match notice.kind {
        NoticeKind::Failed if is_passed_over(notice) => "Passed over",
        NoticeKind::Failed if stays(notice) => "Not taken back with its group",
        NoticeKind::Available => "Update available",
        NoticeKind::Granted => "Approved",
        NoticeKind::Skipped => "Skipped",
        NoticeKind::Applied => "Updated",
        NoticeKind::Failed => "Update failed",
        NoticeKind::RolledBack => "Rolled back",
        NoticeKind::Held => "Set back and held",
        NoticeKind::Gone if is_taken_back(notice) => "Taken back by its project",
        NoticeKind::Gone => "Gone from its registry",
        NoticeKind::Stopped => "Automatic updates are stopped",
    }
}

fn sentence(notice: &Notice, namespace: &str, name: &str, from: &str, to: &str, asks: bool) -> String {
    let (what, level) = (format!("{namespace}/{name}"), clean(&notice.level));
    let what = match &notice.group {
        Some(plan) => format!("group {} ({what})", plan.name),
        None => what,
    };
    match notice.kind {
        NoticeKind::Available if asks => {
            format!("{what}: {from} → {to} ({level}) is available and waits for your approval.")
        }
        NoticeKind::Available if notice.no_link == Some(NoLink::WouldApply) => {
            format!("{what}: {from} → {to} ({level}) would be applied now (dry run: nothing is written).")
        }
        NoticeKind::Available if notice.no_link == Some(NoLink::WouldAsk) => {
            format!("{what}: {from} → {to} ({level}) would wait for your approval (dry run: nothing is written).")
        }
        NoticeKind::Available => format!("{what}: {from} → {to} ({level}) is available."),
        NoticeKind::Granted => format!("{what}: {from} → {to} ({level}) was approved and is being rolled out."),
        NoticeKind::Skipped => format!("{what}: {to} was skipped; {from} goes on running."),
        NoticeKind::Applied => format!("{what} was updated: {from} → {to} ({level}), and is healthy."),
        NoticeKind::Failed if notice.way_back == Some(WayBack::Failed) => {
            format!("{what}: going back from {from} to {to} failed.")
        }
        NoticeKind::Failed if is_passed_over(notice) => {
            format!("{what}: {to} is passed over, as it can't take the place of {from}.")
        }
        NoticeKind::Failed if stays(notice) => {
            format!("{what}: the others of the group go back to {from}, and this one stays at {to}.")
        }
        NoticeKind::Failed => format!("{what}: the update {from} → {to} ({level}) failed."),
        NoticeKind::RolledBack => {
            format!("{what} runs {from} again, and is healthy. {to} is held: it is not applied again by itself.")
        }
        NoticeKind::Gone if is_taken_back(notice) => {
            format!("{what} runs {from}, which is no release of its project any more.")
        }
        NoticeKind::Gone => format!("{what} runs {from}, which is gone from its registry."),
        NoticeKind::Stopped => {
            format!("Automatic updates are stopped everywhere: one after another failed, the last on {what} ({to}).")
        }
        NoticeKind::Held => {
            let by = notice.by.as_ref().map(|by| format!(" by {}", clean(&by.words()))).unwrap_or_default();
            format!("{what} was set back from {to} to {from}{by}. {to} is held: it is not applied again by itself.")
        }
    }
}

/// Between which versions, for a subject.
fn step(notice: &Notice, from: &str, to: &str) -> String {
    match notice.kind {
        NoticeKind::Held => format!("{to} set back to {from} and held"),
        NoticeKind::Gone if is_taken_back(notice) => format!("{from} is no release any more"),
        NoticeKind::Gone => format!("{from} is gone from its registry"),
        NoticeKind::Stopped => "automatic updates are stopped everywhere".to_owned(),
        _ => format!("{from} → {to}"),
    }
}

/// What comes of it, and what can be done: how a version that is held can be applied again, and what becomes of an update that
/// failed, or how it can be undone.
fn way_on(notice: &Notice, from: &str, to: &str, has_link: bool) -> Option<String> {
    let button = if has_link { "press the button behind the link, or " } else { "" };
    let by_hand = || format!("To go back to {from}, {button}set the image to it yourself.");
    match (notice.kind, notice.way_back) {
        (NoticeKind::Held | NoticeKind::RolledBack, _) => Some(format!(
            "{}A newer version is handled as usual. To have {to} applied again, {button}set the image to it yourself.",
            removed(notice)
        )),
        (NoticeKind::Failed, Some(WayBack::Goes)) => {
            let others = if notice.group.is_some() { "All of the group that were written go back: " } else { "" };
            let blocked = in_the_way(notice);
            Some(format!(
                "{others}{from} is written again, by the digest that ran; you are told when it runs.{blocked}"
            ))
        }
        (NoticeKind::Failed, Some(WayBack::Further)) => Some(format!(
            "{from} never ran well here, so what ran well before it is written again; you are told when it runs.{}",
            in_the_way(notice)
        )),
        (NoticeKind::Failed, Some(WayBack::Before)) => Some(format!(
            "Pods of the version before are in the same trouble, so going back mends nothing, and nothing is undone. {}",
            by_hand()
        )),
        (NoticeKind::Failed, Some(WayBack::Gone)) => Some(format!(
            "What ran before is no longer in its registry, so nothing is undone: a pod could not start with it. Push it again and set the image to {from} yourself, or to another version."
        )),
        (NoticeKind::Failed, Some(WayBack::Refused)) => {
            Some(format!("The API server refuses to write what ran before, so nothing is undone. {}", by_hand()))
        }
        (NoticeKind::Failed, Some(WayBack::Off)) => {
            Some(format!("image-watcher/rollback leaves going back to people. {}", by_hand()))
        }
        (NoticeKind::Failed, Some(WayBack::Migration)) => Some(format!(
            "Nothing is undone by itself, as its makers declare that {to} changes stored data, which {from} may not read. {}",
            by_hand()
        )),
        (NoticeKind::Failed, Some(WayBack::Unread)) => Some(format!(
            "Nothing is undone by itself, as it could not be read whether {to} changes stored data, which {from} may not read. {}",
            by_hand()
        )),
        (NoticeKind::Failed, Some(WayBack::Unknown)) => Some(format!(
            "What ran before is not known by digest, or somebody has changed the image since, so nothing is undone. {}",
            by_hand()
        )),
        (NoticeKind::Failed, Some(WayBack::Failed)) => {
            let again = if has_link {
                format!(" To have {from} applied again all the same, press the button behind the link.")
            } else {
                String::new()
            };
            Some(format!("Nothing more is done by itself: look at the pods of the workload.{again}"))
        }
        (NoticeKind::Stopped, _) => Some(format!(
            "What would be applied by itself is asked about meanwhile. To resume, {button}run image-watcher brake --resume where the service runs."
        )),
        (NoticeKind::Applied, _) if has_link => {
            Some(format!("To go back to {from}, press the button behind the link."))
        }
        _ => None,
    }
}

/// What going back has to wait for, and who deletes it.
fn in_the_way(notice: &Notice) -> String {
    let namespace = &notice.workload.namespace;
    let of = |one: &InTheWay| {
        let waits = match one.kind {
            ObstacleKind::Pod => format!("Its controller waits for {one}, which does not come up"),
            ObstacleKind::Job => format!("No other run begins beside {one}"),
        };
        if one.is_ours {
            format!(" {waits}, so image-watcher deletes it.")
        } else {
            format!(" {waits}, until somebody deletes it: {}", one.command(namespace))
        }
    };
    clean(&notice.in_the_way.iter().map(of).collect::<String>())
}

/// What was deleted for it.
fn removed(notice: &Notice) -> String {
    let of = |one: &InTheWay| format!("{one} was deleted, as nothing went on before. ");
    let told: String = notice.in_the_way.iter().map(of).collect();
    clean(&told)
}
/// Why nothing comes of it, where nothing is written.
const DRY_RUN: &str = "image-watcher runs as a dry run (IMAGE_WATCHER_DRY_RUN): it writes nothing to the cluster, so there is no link to act with.";

fn no_link(reason: NoLink, notice: &Notice, namespace: &str) -> String {
    let effect = match reason {
        NoLink::NoBaseUrl => {
            return "There is no link to decide with, as BASE_URL is not set. Whoever runs image-watcher can set it to \
                    the address that people reach it at."
                .to_owned();
        }
        NoLink::WriteRefused => {
            return "There is no link to decide with, as the API server refuses what image-watcher has to write on the \
                    workload for one. Whoever runs the cluster can let it pass; until then the image can be set by hand."
                .to_owned();
        }
        NoLink::WouldApply => return format!("The policy would apply this update by itself. {DRY_RUN}"),
        NoLink::WouldAsk => return format!("You would be asked here whether to apply it. {DRY_RUN}"),
        NoLink::MayNotPatch => "There is no link to decide with",
        NoLink::MayNotApply => "The policy allows this update, and it is not applied",
    };
    let kind = notice.workload.kind.plural();
    format!(
        "{effect}: image-watcher may not patch {kind} in namespace {namespace}. Whoever runs the cluster can allow it: \
         kubectl apply -k deploy/namespace -n {namespace}"
    )
}

/// Without what could hide, reorder or break lines: texts of registries, clusters and people's manifests.
pub(super) fn clean(text: &str) -> String {
    text.chars().map(|c| if c == '\n' { ' ' } else { c }).filter(|c| !is_harmful(*c)).take(2000).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_hides_in_a_text() {
        assert_eq!(clean("1.0\r\nBcc: x\u{202e}\u{200b}\0\u{1b}[31m"), "1.0 Bcc: x[31m");
    }
}
