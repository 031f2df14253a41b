//! What stands on pages as it is.

/// Templates have them by these names, in camel case.
#[derive(Debug, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::web) struct Labels {
    pub(super) about: &'static str,
    pub(super) accepted: &'static str,
    pub(super) active_filters: &'static str,
    pub(super) all: &'static str,
    pub(super) apply: &'static str,
    pub(super) approve_ticked: &'static str,
    pub(super) as_of: &'static str,
    pub(super) available: &'static str,
    pub(super) back_to: &'static str,
    pub(super) back_to_fleet: &'static str,
    pub(super) brake_means: &'static str,
    pub(super) brake_release: &'static str,
    pub(super) brake_title: &'static str,
    pub(super) budget: &'static str,
    pub(super) ceiling: &'static str,
    pub(super) channel: &'static str,
    pub(super) clear: &'static str,
    pub(super) closed: &'static str,
    pub(super) cluster: &'static str,
    pub(super) container: &'static str,
    pub(super) copied: &'static str,
    pub(super) copy: &'static str,
    pub(super) decide: &'static str,
    pub(super) decide_means: &'static str,
    pub(super) deliveries: &'static str,
    pub(super) deliveries_arrived_caption: &'static str,
    pub(super) deliveries_arrived_lead: &'static str,
    pub(super) deliveries_caption: &'static str,
    pub(super) deliveries_foot: &'static str,
    pub(super) deliveries_lead: &'static str,
    pub(super) discard: &'static str,
    pub(super) empty_all: &'static str,
    pub(super) empty_then: &'static str,
    pub(super) empty_title: &'static str,
    pub(super) event: &'static str,
    pub(super) explain_ask: &'static str,
    pub(super) explain_caption: &'static str,
    pub(super) explain_offer: &'static str,
    pub(super) filter_by_state: &'static str,
    pub(super) filters: &'static str,
    pub(super) fleet: &'static str,
    pub(super) fleet_caption: &'static str,
    pub(super) follow: &'static str,
    pub(super) full_digests: &'static str,
    pub(super) group: &'static str,
    pub(super) goes_to: &'static str,
    pub(super) held_back: &'static str,
    pub(super) host: &'static str,
    pub(super) image_changes: &'static str,
    pub(super) in_version: &'static str,
    pub(super) last_asked: &'static str,
    pub(super) last_change: &'static str,
    pub(super) last_delivery: &'static str,
    pub(super) last_error: &'static str,
    pub(super) last_refusal: &'static str,
    pub(super) leave_it: &'static str,
    pub(super) look_again: &'static str,
    pub(super) looked_at: &'static str,
    pub(super) makers_say: &'static str,
    pub(super) missed: &'static str,
    pub(super) mode_up_to: &'static str,
    pub(super) namespace: &'static str,
    pub(super) namespaces: &'static str,
    pub(super) never: &'static str,
    pub(super) next: &'static str,
    pub(super) next_step: &'static str,
    pub(super) no_deliveries: &'static str,
    pub(super) no_registries: &'static str,
    pub(super) no_sources: &'static str,
    pub(super) no_timeline: &'static str,
    pub(super) not_announced: &'static str,
    pub(super) not_arrived: &'static str,
    pub(super) not_live: &'static str,
    pub(super) nothing_matches: &'static str,
    pub(super) nothing_to_decide: &'static str,
    pub(super) note: &'static str,
    pub(super) older: &'static str,
    pub(super) one_day: &'static str,
    pub(super) original: &'static str,
    pub(super) other_approvals: &'static str,
    pub(super) outcome: &'static str,
    pub(super) overlooked: &'static str,
    pub(super) pages: &'static str,
    pub(super) owned_by: &'static str,
    pub(super) part: &'static str,
    pub(super) poll_every: &'static str,
    pub(super) poll_last: &'static str,
    pub(super) poll_next: &'static str,
    pub(super) poller: &'static str,
    pub(super) no_schedule: &'static str,
    pub(super) throttled: &'static str,
    pub(super) previous: &'static str,
    pub(super) refused: &'static str,
    pub(super) registries: &'static str,
    pub(super) registries_note: &'static str,
    pub(super) remove: &'static str,
    pub(super) report_caption: &'static str,
    pub(super) repositories: &'static str,
    pub(super) retry: &'static str,
    pub(super) review_selected: &'static str,
    pub(super) roll_back: &'static str,
    pub(super) roll_back_to: &'static str,
    pub(super) rows: &'static str,
    pub(super) rows_a_page: &'static str,
    pub(super) rule: &'static str,
    pub(super) rule_sections: &'static str,
    pub(super) running: &'static str,
    pub(super) search: &'static str,
    pub(super) search_hint: &'static str,
    pub(super) select_all: &'static str,
    pub(super) selected: &'static str,
    pub(super) settings: &'static str,
    pub(super) seven_days: &'static str,
    pub(super) show_all: &'static str,
    pub(super) show_it: &'static str,
    pub(super) sign_out: &'static str,
    pub(super) skip_ticked: &'static str,
    pub(super) skip_to_content: &'static str,
    pub(super) snooze: &'static str,
    pub(super) snooze_ticked: &'static str,
    pub(super) source: &'static str,
    pub(super) approvals: &'static str,
    pub(super) to_mend: &'static str,
    pub(super) given_up: &'static str,
    pub(super) release: &'static str,
    pub(super) throw_away: &'static str,
    pub(super) sources: &'static str,
    pub(super) sources_lead: &'static str,
    pub(super) still_open: &'static str,
    pub(super) state: &'static str,
    pub(super) tag: &'static str,
    pub(super) there_is_news: &'static str,
    pub(super) thirty_days: &'static str,
    pub(super) timeline: &'static str,
    pub(super) times_are_utc: &'static str,
    pub(super) to_copy: &'static str,
    pub(super) takes_off: &'static str,
    pub(super) tries: &'static str,
    pub(super) try_again: &'static str,
    pub(super) undo: &'static str,
    pub(super) undo_note: &'static str,
    pub(super) updated: &'static str,
    pub(super) viewer_note: &'static str,
    pub(super) views: &'static str,
    pub(super) waits_until: &'static str,
    pub(super) webhooks: &'static str,
    pub(super) webhooks_note: &'static str,
    pub(super) what_happened: &'static str,
    pub(super) what_to_know: &'static str,
    pub(super) when: &'static str,
    pub(super) where_you_are: &'static str,
    pub(super) why: &'static str,
    pub(super) why_this: &'static str,
    pub(super) with_digest: &'static str,
    pub(super) with_selected: &'static str,
    pub(super) with_ticked: &'static str,
    pub(super) workload: &'static str,
}

impl Labels {
    /// All states.
    pub(in crate::web) fn all(&self) -> &'static str {
        self.all
    }

    /// The messages that have not arrived.
    pub(in crate::web) fn not_arrived(&self) -> &'static str {
        self.not_arrived
    }

    /// A version to go to.
    pub(in crate::web) fn available(&self) -> &'static str {
        self.available
    }

    /// A group.
    pub(in crate::web) fn group(&self) -> &'static str {
        self.group
    }

    /// A remark.
    pub(in crate::web) fn note(&self) -> &'static str {
        self.note
    }

    /// The view of all containers.
    pub(in crate::web) fn fleet(&self) -> &'static str {
        self.fleet
    }

    /// The view of what waits for a person.
    pub(in crate::web) fn approvals(&self) -> &'static str {
        self.approvals
    }

    /// The view of where news come from.
    pub(in crate::web) fn sources(&self) -> &'static str {
        self.sources
    }

    /// The view of messages.
    pub(in crate::web) fn deliveries(&self) -> &'static str {
        self.deliveries
    }

    /// How many of them want mending.
    pub(in crate::web) fn to_mend(&self) -> &'static str {
        self.to_mend
    }

    /// How many of them were given up.
    pub(in crate::web) fn given_up(&self) -> &'static str {
        self.given_up
    }

    /// Releases the brake.
    pub(in crate::web) fn release(&self) -> &'static str {
        self.release
    }

    /// Throws a message away.
    pub(in crate::web) fn throw_away(&self) -> &'static str {
        self.throw_away
    }

    /// When the schedule looked last.
    pub(in crate::web) fn poll_last(&self) -> &'static str {
        self.poll_last
    }

    /// When it looks next.
    pub(in crate::web) fn poll_next(&self) -> &'static str {
        self.poll_next
    }

    /// How often.
    pub(in crate::web) fn poll_every(&self) -> &'static str {
        self.poll_every
    }

    /// That there is no schedule.
    pub(in crate::web) fn no_schedule(&self) -> &'static str {
        self.no_schedule
    }

    /// That something did not happen yet.
    pub(in crate::web) fn never(&self) -> &'static str {
        self.never
    }

    /// The cluster.
    pub(in crate::web) fn cluster(&self) -> &'static str {
        self.cluster
    }

    /// A workload.
    pub(in crate::web) fn workload(&self) -> &'static str {
        self.workload
    }

    /// A container.
    pub(in crate::web) fn container(&self) -> &'static str {
        self.container
    }

    /// What runs.
    pub(in crate::web) fn running(&self) -> &'static str {
        self.running
    }

    /// What is gone back to.
    pub(in crate::web) fn back_to(&self) -> &'static str {
        self.back_to
    }

    /// How many channels take nothing.
    pub(in crate::web) fn closed(&self) -> &'static str {
        self.closed
    }
}
