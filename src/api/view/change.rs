//! What happened to a container.

use serde::Serialize;

use crate::domain::actor::Actor;
use crate::domain::history::{Entry, Outcome};
use crate::domain::view::{Course, Led};

/// One update, or what a person said of one.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct ChangeView {
    /// The container.
    pub container: String,
    /// The tag that was chosen.
    pub version: String,
    /// The tag that ran before.
    pub previous: String,
    /// What `version` pointed to.
    pub digest: String,
    /// The image that ran before, as it was written.
    pub previous_image: String,
    /// When it was decided: RFC 3339, UTC.
    pub time: String,
    /// Who or what decided, as records write it.
    pub by: String,
    /// The same for people.
    pub who: String,
    /// How it ended.
    #[cfg_attr(test, schema(value_type = crate::api::openapi::Outcome))]
    pub outcome: Outcome,
    /// Whether it went back to an older version.
    pub is_back: bool,
    /// How far it went; empty where that is not known.
    pub level: String,
    /// What led to it, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<Led>,
    /// How many seconds went by from when it was written to when it was known to be healthy or to have failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds: Option<i64>,
    /// Why it failed, in a CamelCase word, as Kubernetes uses them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

impl ChangeView {
    /// That of an entry, without what would help to answer a link.
    #[must_use]
    pub fn of(entry: &Entry) -> Self {
        let (is_back, Course { why, seconds, failure }) = (entry.is_back(), Course::of(entry));
        let Entry { container, version, previous, digest, previous_image, time, by, outcome, level, .. } =
            entry.clone();
        let who = Actor::from(by.clone()).words();
        Self {
            container,
            version,
            previous,
            digest,
            previous_image,
            time,
            by,
            who,
            outcome,
            is_back,
            level,
            why,
            seconds,
            failure,
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta};

    use super::*;
    use crate::domain::event::Failure;
    use crate::domain::record::tests::update;
    use crate::domain::record::{Event, Record};

    #[test]
    fn a_change_says_what_led_to_it_how_long_it_took_and_why_it_failed() {
        let shown = |outcome, failure: Option<Failure>| {
            let (mut record, at) = (Record::default(), DateTime::UNIX_EPOCH);
            record.on("web", Event::Write(Box::new(crate::domain::record::Update { at, ..update(1, None) })), at);
            record.on("web", Event::End(outcome, failure), at + TimeDelta::seconds(72));
            // As it stands on the workload, and is read again.
            let history = crate::domain::history::History::read(Some(&record.history.write()));
            serde_json::to_value(ChangeView::of(&history.entries()[0])).unwrap()
        };
        let healthy = shown(Outcome::Healthy, None);
        assert_eq!((&healthy["why"]["of"], &healthy["seconds"]), (&"strategy".into(), &72.into()), "{healthy}");
        assert!(healthy.get("failure").is_none());
        let failed = shown(Outcome::Failed, Some(Failure::new("CrashLoopBackOff", "exit 78")));
        assert_eq!((&failed["failure"], &failed["seconds"]), (&"CrashLoopBackOff".into(), &72.into()), "{failed}");
    }
}
