//! One view of a notice, made once; every channel is a rendering of it.

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::domain::event::{Delivery, NoLink, Notice, NoticeKind};
use crate::domain::plain::is_harmful;
use crate::domain::release::ReleaseNotes;

/// What a message says. All texts are free of control, bidirectional and zero-width characters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct View {
    /// Stands alone: what, from, to, what is asked.
    pub(super) sentence: String,
    /// The same for all messages about one update.
    pub(super) subject: String,
    pub(super) heading: &'static str,
    pub(super) kind: &'static str,
    pub(super) namespace: String,
    pub(super) workload_kind: &'static str,
    pub(super) name: String,
    pub(super) container: String,
    pub(super) repository: String,
    pub(super) from_tag: String,
    pub(super) from_digest: Option<String>,
    pub(super) to_tag: String,
    pub(super) to_digest: Option<String>,
    pub(super) level: String,
    pub(super) why: String,
    pub(super) owner: Option<String>,
    pub(super) release_url: Option<String>,
    pub(super) notes: Option<ReleaseNotes>,
    pub(super) link: Option<String>,
    pub(super) expires: Option<String>,
    /// Why there is nothing to decide.
    pub(super) no_link: Option<String>,
    pub(super) by: Option<String>,
    pub(super) failure: Option<String>,
    pub(super) policy: String,
    pub(super) at: String,
}

impl View {
    /// `notes` as far as the channel has room for them.
    pub(super) fn of(delivery: &Delivery, link: Option<&str>, notes: Option<ReleaseNotes>) -> Self {
        let notice = &delivery.notice;
        let (from, to) = (clean(&notice.from.tag), clean(&notice.to.tag));
        let (namespace, name) = (clean(&notice.workload.namespace), clean(&notice.workload.name));
        let repository = clean(&notice.from.repository);
        let image = repository.rsplit('/').next().unwrap_or_default().to_owned();
        let short = |digest: &Option<String>| digest.as_deref().map(|digest| digest.chars().skip(7).take(12).collect());
        Self {
            sentence: sentence(notice, &namespace, &name, &from, &to, link.is_some()),
            subject: format!("[{namespace}/{name}] {image} {from} → {to}"),
            heading: heading(notice.kind),
            kind: notice.kind.as_str(),
            workload_kind: notice.workload.kind.as_str(),
            container: clean(&notice.container),
            from_digest: short(&notice.from.digest),
            to_digest: short(&notice.to.digest),
            level: clean(&notice.level),
            why: clean(&notice.why),
            owner: notice.owner.as_deref().map(clean),
            release_url: release_url(notice, notes.as_ref()).map(clean),
            notes,
            link: link.map(str::to_owned),
            expires: link.and(notice.approval.as_ref()).map(|approval| when(approval.expires)),
            no_link: notice.no_link.map(|reason| no_link(reason, notice, &namespace)),
            by: notice.by.as_deref().map(clean),
            failure: notice.failure.as_ref().map(|f| clean(&format!("{}: {}", f.reason, f.message))),
            policy: clean(&notice.policy),
            at: when(notice.at),
            repository,
            namespace,
            name,
            from_tag: from,
            to_tag: to,
        }
    }
}

/// Where notes are: where they were found, else where the workload says.
pub(super) fn release_url<'n>(notice: &'n Notice, notes: Option<&'n ReleaseNotes>) -> Option<&'n str> {
    notes.map(|notes| notes.page.as_str()).or(notice.release_url.as_deref())
}

fn heading(kind: NoticeKind) -> &'static str {
    match kind {
        NoticeKind::Available => "Update available",
        NoticeKind::Granted => "Approved",
        NoticeKind::Skipped => "Skipped",
        NoticeKind::Applied => "Updated",
        NoticeKind::Failed => "Update failed",
        NoticeKind::Held => "Set back and held",
    }
}

fn sentence(notice: &Notice, namespace: &str, name: &str, from: &str, to: &str, asks: bool) -> String {
    let (what, level) = (format!("{namespace}/{name}"), clean(&notice.level));
    match notice.kind {
        NoticeKind::Available if asks => {
            format!("{what}: {from} → {to} ({level}) is available and waits for your approval.")
        }
        NoticeKind::Available => format!("{what}: {from} → {to} ({level}) is available."),
        NoticeKind::Granted => format!("{what}: {from} → {to} ({level}) was approved and is being rolled out."),
        NoticeKind::Skipped => format!("{what}: {to} was skipped; {from} goes on running."),
        NoticeKind::Applied => format!("{what} was updated: {from} → {to} ({level}), and is healthy."),
        NoticeKind::Failed => format!("{what}: the update {from} → {to} ({level}) failed."),
        NoticeKind::Held => {
            let resume = if asks { "; the link applies it again" } else { "" };
            format!("{what} was set back from {to} to {from}. {to} is held until there is a newer version{resume}.")
        }
    }
}

fn no_link(reason: NoLink, notice: &Notice, namespace: &str) -> String {
    let effect = match reason {
        NoLink::MayNotPatch => "There is no link to decide with",
        NoLink::MayNotApply => "The policy allows this update, and it is not applied",
    };
    let kind = notice.workload.kind.plural();
    format!(
        "{effect}: image-watcher may not patch {kind} in namespace {namespace}. Whoever runs the cluster can allow it: \
         kubectl apply -k deploy/namespace -n {namespace}"
    )
}

fn when(moment: DateTime<Utc>) -> String {
    moment.format("%-d %b %Y %H:%M UTC").to_string()
}

/// Without what could hide, reorder or break lines: texts of registries, clusters and people's manifests.
pub(super) fn clean(text: &str) -> String {
    text.chars().map(|c| if c == '\n' { ' ' } else { c }).filter(|c| !is_harmful(*c)).take(2000).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_answered_says_why() {
        let mut delivery = super::super::tests::asking();
        (delivery.notice.approval, delivery.notice.no_link) = (None, Some(NoLink::MayNotPatch));
        let view = View::of(&delivery, None, None);
        assert_eq!(view.sentence, "shop/web: 1.2.3 → 1.3.0 (minor) is available.");
        let said = view.no_link.unwrap();
        assert!(said.starts_with("There is no link") && said.contains("may not patch deployments in namespace shop"));
        delivery.notice.no_link = Some(NoLink::MayNotApply);
        let said = View::of(&delivery, None, None).no_link.unwrap();
        assert!(said.contains("it is not applied") && said.ends_with("kubectl apply -k deploy/namespace -n shop"));
    }

    #[test]
    fn nothing_hides_in_a_text() {
        assert_eq!(clean("1.0\r\nBcc: x\u{202e}\u{200b}\0\u{1b}[31m"), "1.0 Bcc: x[31m");
    }
}
