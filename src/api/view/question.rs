//! What people are asked. Nothing that is written of it helps to answer a link.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::Time;
use crate::domain::actor::Person;
use crate::domain::approval::{Allows, Approval, LinkKeys};
use crate::domain::fleet::Asks;
use crate::domain::grounds::Grounds;
use crate::domain::group::Move;
use crate::domain::preflight::Preflight;
use crate::domain::record::Question;
use crate::domain::release::ReleaseNotes;
use crate::domain::settings::Settings;
use crate::domain::tag::Level;
use crate::domain::votes::{Quorum, Vote, Votes};
use crate::domain::workload::WorkloadId;

/// An open question.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct QuestionView {
    /// For finding its notes.
    #[serde(skip)]
    pub(crate) approval: Approval,
    /// Who approved already.
    #[serde(skip)]
    votes: Votes,
    /// The version.
    pub tag: String,
    /// Its manifest.
    pub digest: String,
    /// How far it is.
    #[cfg_attr(test, schema(value_type = crate::api::openapi::Level))]
    pub level: Level,
    /// Why this version; empty where no policy chose it.
    pub why: String,
    /// The same, typed, for the page.
    #[serde(skip)]
    pub(crate) grounds: Option<Grounds>,
    /// What happened to other workloads, where that is why people are asked first.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schema(value_type = Option<Object>))]
    pub because: Option<Box<Asks>>,
    /// What was looked at of it before people were asked, and what the update changes in the image.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schema(value_type = Option<Object>))]
    pub preflight: Option<Box<Preflight>>,
    /// What can be answered.
    #[cfg_attr(test, schema(value_type = Vec<String>))]
    pub actions: &'static [&'static str],
    /// Whether an approval takes `confirmed`, as there is something that has to be read first.
    pub confirm: bool,
    /// Other containers that are updated with this one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(test, schema(value_type = Vec<String>))]
    pub with: Vec<Box<str>>,
    /// Where all of its group would go, in the order in which they are written.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub group: Vec<MoveView>,
    /// When people were asked.
    pub asked: Time,
    /// Until when it can be answered.
    pub expires: Time,
    /// Until when people put it off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snoozed_until: Option<Time>,
    /// Who approved, and how many have to, where one person is not enough.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approvals: Option<ApprovalsView>,
    /// What the update changes; not in a list.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schema(value_type = Option<Object>))]
    pub notes: Option<ReleaseNotes>,
}

/// Where a member of a group would go.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub struct MoveView {
    /// The member.
    pub member: String,
    /// The tag that runs.
    pub from: String,
    /// The tag to go to.
    pub to: String,
    /// Its manifest.
    pub digest: String,
}

/// How an approval by several people stands.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub struct ApprovalsView {
    /// How many have to.
    pub needed: usize,
    /// Who did.
    pub given: Vec<GivenView>,
}

/// That one of them approved.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub struct GivenView {
    /// Who, as records write it.
    pub by: String,
    /// When.
    pub at: Time,
}

impl QuestionView {
    /// The view of a question that is open.
    pub(crate) fn of(
        question: &Question,
        (id, container): (&WorkloadId, &str),
        settings: Option<&Settings>,
        now: DateTime<Utc>,
    ) -> Self {
        let is_update = question.terms.allows == Allows::Update;
        Self {
            tag: question.terms.tag.to_string(),
            digest: question.terms.digest.to_string(),
            level: question.level,
            why: question.why.as_ref().map(ToString::to_string).unwrap_or_default(),
            grounds: question.why.clone(),
            because: question.because.clone(),
            preflight: question.preflight.clone(),
            actions: question.terms.allows.words(),
            confirm: Question::is_to_be_read(question.terms.allows, question.level, question.group.as_deref()),
            with: question.with.clone(),
            group: question.group.iter().flat_map(|plan| &plan.moves).map(MoveView::of).collect(),
            snoozed_until: question.snoozed_until(now).map(Time),
            asked: Time(question.asked),
            expires: Time(question.terms.expires()),
            approvals: settings
                .filter(|_| is_update)
                .and_then(|settings| ApprovalsView::of(&question.votes, settings.approvals)),
            notes: None,
            approval: question.terms.approval(id, container),
            votes: question.votes.clone(),
        }
    }

    /// Until when it is put off, and whether people are asked anew then: where its links last longer, it stays answerable till those end.
    pub(crate) fn put_off(&self) -> Option<(DateTime<Utc>, bool)> {
        let until = self.snoozed_until.as_ref()?.0;
        Some((until, until >= self.expires.0))
    }

    /// Leaves out what a person can't add to any more: whose approval counts already waits for others. Whether anything was left
    /// out.
    pub(crate) fn is_of_others(&mut self, person: &Person, keys: &LinkKeys, now: DateTime<Utc>) -> bool {
        let key = keys.named(self.approval.key.as_str());
        let vote = key.and_then(|key| Vote::of(person, person.actor(), key, &self.approval.id, now));
        let waits = self.approvals.as_ref().is_some_and(|approvals| approvals.given.len() < approvals.needed);
        let is_given = waits && vote.is_some_and(|vote| self.votes.have(&vote));
        if is_given {
            self.actions = TO_OTHERS;
        }
        is_given
    }
}

/// What whoever approved already can still say.
const TO_OTHERS: &[&str] = &["skip", "snooze"];

impl MoveView {
    fn of(one: &Move) -> Self {
        let from = one.from_tag().map(|tag| tag.to_string()).unwrap_or_default();
        Self { member: one.member(), from, to: one.tag.to_string(), digest: one.digest.to_string() }
    }
}

impl ApprovalsView {
    fn of(votes: &Votes, needed: Quorum) -> Option<Self> {
        let given = votes.iter().map(|vote| GivenView { by: vote.by.to_string(), at: Time(vote.at) });
        (!needed.is_one() || !votes.is_empty()).then(|| Self { needed: needed.number(), given: given.collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::approval::LinkKey;
    use crate::domain::record::tests::question;
    use crate::domain::settings::Bounds;
    use crate::domain::workload::tests::workload;

    #[test]
    fn nobody_is_offered_to_approve_a_second_time() {
        let keys: LinkKeys = LinkKey::new(vec![7; 32]).unwrap().into();
        let (mut asked, now) = (question(1), question(1).asked);
        let workload = workload(&[("web", "web:1.0.0")], &[("approvals", "2")]);
        let settings = Settings::read(&workload, "web", &Bounds::default()).unwrap();
        asked.terms.key = keys.signing().id().clone();
        let person = |name: &str| Person::Visitor(name.to_owned());
        let mail = Person::Holder("email:anna@example.com".into());
        let key = keys.named(asked.terms.key.as_str()).unwrap();
        asked.votes.cast(Vote::of(&mail, mail.actor(), key, &asked.terms.id, now).unwrap());
        let actions = |person: &Person| {
            let mut view = QuestionView::of(&asked, (&workload.id, "web"), Some(&settings), now);
            let is_left_out = view.is_of_others(person, &keys, now);
            (view.actions, is_left_out)
        };
        assert_eq!(actions(&person("anna@example.com")), (TO_OTHERS, true), "by a link, and now signed in");
        assert_eq!(actions(&person("joe@example.com")), (&["approve", "skip", "snooze"][..], false));
        assert!(!actions(&Person::Program("ci".into())).1, "a program is none of them");
    }
}
