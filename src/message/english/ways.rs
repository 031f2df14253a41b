//! What comes of it and what can be done, in English.

use crate::domain::event::{NoLink, Notice, NoticeKind, WayBack};
use crate::domain::rollout::obstacle::{InTheWay, ObstacleKind};
use crate::message::clean;

/// What comes of it, and what can be done: how a version that is held can be applied again, and what becomes of an update that
/// failed, or how it can be undone.
pub(super) fn way_on(notice: &Notice, from: &str, to: &str, has_link: bool) -> Option<String> {
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
            Some(format!("{others}{from} is written again, exactly as it ran; you are told when it runs.{blocked}"))
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
            Some(format!("image-watcher/rollback or image-watcher/mode leaves going back to people. {}", by_hand()))
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
        (NoticeKind::Failed, Some(WayBack::PutBack)) => Some(format!(
            "That is somebody's word, so nothing is undone; you are told when it is healthy. {}",
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
        (NoticeKind::Stalled, Some(WayBack::StandsStill)) => Some(format!(
            "Until that is mended fewer pods run than are wanted, or none: look at the pods of the workload, and where there is none at its Events. You are told when {to} runs."
        )),
        (NoticeKind::Stalled, _) => Some(format!(
            "Look at the pods of the workload. You are told when it is healthy after all. To go back to {from}, set the image to it yourself."
        )),
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
        if one.is_left {
            format!(
                " Nothing replaces {one}, which runs what failed, before somebody deletes it: {}",
                one.command(namespace)
            )
        } else if one.is_ours {
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

pub(super) fn no_link(reason: NoLink, notice: &Notice, namespace: &str) -> String {
    let effect = match reason {
        NoLink::NoBaseUrl => {
            return "There is no link to decide with, as BASE_URL is not set. Whoever runs image-watcher can set it to \
                    the address that people reach it at."
                .to_owned();
        }
        NoLink::NotAllNamespaces => {
            return "There is no link to resume with, as it would resume automatic updates in all namespaces, and this \
                    channel is told of some alone."
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
         image-watcher doctor has the command"
    )
}
