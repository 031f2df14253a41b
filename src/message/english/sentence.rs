//! What happened, in English.

use crate::domain::event::{Approvals, MOST_REMINDERS, NoLink, Notice, NoticeKind, WayBack};
use crate::message::catalogue::{Names, is_pushed_again, is_taken_back, stays};
use crate::message::clean;

pub(super) fn heading(notice: &Notice) -> &'static str {
    match notice.kind {
        NoticeKind::Failed if notice.is_passed_over() => "Passed over",
        NoticeKind::Failed if stays(notice) => "Not taken back with its group",
        NoticeKind::Available if notice.reminder > 0 => "Reminder: an update is available",
        NoticeKind::Available => "Update available",
        NoticeKind::Granted => "Approved",
        NoticeKind::Skipped => "Skipped",
        NoticeKind::Applied => "Updated",
        NoticeKind::Failed if notice.way_back == Some(WayBack::PutBack) => "What failed here was put back",
        NoticeKind::Failed => "Update failed",
        NoticeKind::Stalled if notice.way_back == Some(WayBack::StandsStill) => "Going back stands still",
        NoticeKind::Stalled => "The rollout stands still",
        NoticeKind::RolledBack => "Rolled back",
        NoticeKind::Held if notice.reminder > 0 => "Reminder: set back and held",
        NoticeKind::Held => "Set back and held",
        NoticeKind::Gone if is_taken_back(notice) => "Taken back by its project",
        NoticeKind::Gone if is_pushed_again(notice) => "Pushed again",
        NoticeKind::Gone => "Gone from its registry",
        NoticeKind::Stopped => "Automatic updates are stopped",
    }
}

/// That its reader was told before, and how often that still happens.
pub(super) fn reminder(notice: &Notice) -> String {
    match notice.reminder {
        0 => String::new(),
        MOST_REMINDERS.. => format!(" Reminder {MOST_REMINDERS} of {MOST_REMINDERS}: it is the last."),
        number => format!(" Reminder {number} of {MOST_REMINDERS}."),
    }
}

pub(super) fn sentence(notice: &Notice, Names { workload, from, to, asks }: &Names) -> String {
    let (what, level) = (workload.clone(), clean(&notice.level));
    let what = match &notice.group {
        Some(plan) => format!("group {} ({what})", plan.name),
        None => what,
    };
    match notice.kind {
        NoticeKind::Available if *asks => {
            let approvals = match notice.approvals {
                Some(Approvals { needed, given }) => format!(" ({given} of {needed} approvals)"),
                None => String::new(),
            };
            format!("{what}: {from} → {to} ({level}) is available and waits for your approval{approvals}.")
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
        NoticeKind::Failed if notice.way_back == Some(WayBack::PutBack) => {
            let by = notice.by.as_ref().map(|by| format!(" by {}", clean(&by.words()))).unwrap_or_default();
            format!("{what}: {to}, which failed here, was put back in the place of {from}{by}.")
        }
        NoticeKind::Failed if notice.is_passed_over() => {
            format!("{what}: {to} is passed over, as it can't take the place of {from}.")
        }
        NoticeKind::Failed if stays(notice) => {
            format!("{what}: the others of the group go back to {from}, and this one stays at {to}.")
        }
        NoticeKind::Failed => format!("{what}: the update {from} → {to} ({level}) failed."),
        NoticeKind::Stalled if notice.way_back == Some(WayBack::StandsStill) => {
            format!("{what}: going back from {from} to {to} stands still, and does not end by itself.")
        }
        NoticeKind::Stalled => {
            format!("{what}: the rollout {from} → {to} ({level}) stands still, and does not end by itself.")
        }
        NoticeKind::RolledBack => {
            format!("{what} runs {from} again, and is healthy. {to} is held: it is not applied again by itself.")
        }
        NoticeKind::Gone if is_taken_back(notice) => {
            format!("{what} runs {from}, which is no release of its project any more.")
        }
        NoticeKind::Gone if is_pushed_again(notice) => {
            format!("{what} runs {from}. That tag was pushed again, and stands for something else now.")
        }
        NoticeKind::Gone => format!("{what} runs {from}, which is gone from its registry."),
        NoticeKind::Stopped => {
            format!("Automatic updates are stopped everywhere: two of the last five failed, the last on {what} ({to}).")
        }
        NoticeKind::Held => {
            let by = notice.by.as_ref().map(|by| format!(" by {}", clean(&by.words()))).unwrap_or_default();
            format!("{what} was set back from {to} to {from}{by}. {to} is held: it is not applied again by itself.")
        }
    }
}
