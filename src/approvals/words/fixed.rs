//! What pages always say in the same words.

use serde::Serialize;

/// What is always the same in one language, by the place where a template shows it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::approvals) struct Fixed {
    // Of a question.
    pub(in crate::approvals) to: &'static str,
    pub(in crate::approvals) image: &'static str,
    pub(in crate::approvals) digest: &'static str,
    pub(in crate::approvals) group: &'static str,
    pub(in crate::approvals) why: &'static str,
    pub(in crate::approvals) declared: &'static str,
    pub(in crate::approvals) asked_as: &'static str,
    pub(in crate::approvals) changes: &'static str,
    pub(in crate::approvals) looked_at: &'static str,
    pub(in crate::approvals) owner: &'static str,
    pub(in crate::approvals) notes: &'static str,
    pub(in crate::approvals) set_back_by: &'static str,
    pub(in crate::approvals) failure: &'static str,
    pub(in crate::approvals) set_back: &'static str,
    pub(in crate::approvals) asked: &'static str,
    pub(in crate::approvals) valid_until: &'static str,
    pub(in crate::approvals) approvals: &'static str,
    pub(in crate::approvals) state: &'static str,
    pub(in crate::approvals) window: &'static str,
    pub(in crate::approvals) alerts: &'static str,
    pub(in crate::approvals) in_version: &'static str,
    pub(in crate::approvals) rest: &'static str,
    pub(in crate::approvals) original: &'static str,
    // Its buttons.
    pub(in crate::approvals) allow: &'static str,
    pub(in crate::approvals) back_to: &'static str,
    pub(in crate::approvals) ran_before: &'static str,
    pub(in crate::approvals) roll_back: &'static str,
    pub(in crate::approvals) outside_window: &'static str,
    pub(in crate::approvals) approve: &'static str,
    pub(in crate::approvals) skip: &'static str,
    pub(in crate::approvals) snooze: &'static str,
    pub(in crate::approvals) how_long: &'static str,
    pub(in crate::approvals) means: &'static str,
    pub(in crate::approvals) one_day: &'static str,
    pub(in crate::approvals) seven_days: &'static str,
    pub(in crate::approvals) thirty_days: &'static str,
    pub(in crate::approvals) renew: &'static str,
    // Of automatic updates that are stopped.
    pub(in crate::approvals) resume_title: &'static str,
    pub(in crate::approvals) resume_lead: &'static str,
    pub(in crate::approvals) failed: &'static str,
    pub(in crate::approvals) resume: &'static str,
    // Of a list.
    pub(in crate::approvals) list_lead: &'static str,
    pub(in crate::approvals) list_lead_over: &'static str,
    pub(in crate::approvals) asked_once_more: &'static str,
    pub(in crate::approvals) never_among: &'static str,
    pub(in crate::approvals) all_lead: &'static str,
    pub(in crate::approvals) all_read: &'static str,
    pub(in crate::approvals) report_lead: &'static str,
    // Where something is not as it should be.
    pub(in crate::approvals) did_not_work: &'static str,
    pub(in crate::approvals) list_over_title: &'static str,
    pub(in crate::approvals) list_sent_title: &'static str,
    pub(in crate::approvals) list_sent_lately_title: &'static str,
    pub(in crate::approvals) whoever_reads: &'static str,
    #[serde(skip)]
    pub(in crate::approvals) not_ticked: &'static str,
    #[serde(skip)]
    pub(in crate::approvals) nothing_together: &'static str,
    #[serde(skip)]
    pub(in crate::approvals) not_shown: &'static str,
}
