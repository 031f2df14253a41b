//! Whether what pods say may be laid on what was written.
//!
//! An image is to blame where its own container is in trouble that the version before was not in. Else going back mends
//! nothing, and would hold a version that nobody can say is bad.

use super::Blame;
use chrono::TimeDelta;

use super::pods::{Pod, Sight, Standing, Symptom, Trouble, VOLUME};

/// What was started again is well once it has been ready for so long; what ends again and again is so for moments.
const WELL_AGAIN: TimeDelta = TimeDelta::minutes(1);

/// What a trouble may be laid on, by what was written, and by what pods of other versions were in trouble with.
pub(super) fn blame(trouble: &Trouble, written: &[(&str, &str)], unwell_before: &[Symptom]) -> Blame {
    // What is said of an image volume is said of each container that mounts it, with the name of the image.
    let is_written = |(name, image): &(&str, &str)| {
        trouble.container.as_deref() == Some(name) || name.starts_with(VOLUME) && trouble.says(image)
    };
    if !written.iter().any(is_written) {
        Blame::OtherContainer
    } else if trouble.symptom().is_some_and(|symptom| unwell_before.contains(&symptom)) {
        Blame::Before
    } else {
        Blame::Written
    }
}

/// What pods of other versions than what was written are in trouble with: nothing where one of them is well, as then the
/// version before comes up. `None` where there is no such pod.
#[must_use]
pub fn unwell(pods: &[Pod], written: &[(&str, &str)], sight: Sight) -> Option<Vec<Symptom>> {
    let others = || pods.iter().filter(|pod| pod.is_to_stay() && !pod.runs(written));
    others().next()?;
    let is_well_again = |pod: &Pod| {
        let ready = sight.now.zip(pod.ready_since());
        ready.is_some_and(|(now, since)| now - since >= WELL_AGAIN)
    };
    if others().any(|pod| matches!(pod.stands, Standing::Ready(_)) || is_well_again(pod)) {
        return Some(Vec::new());
    }
    let sight = Sight { now: None, ..sight };
    let mut symptoms: Vec<Symptom> =
        others().flat_map(|pod| pod.troubles(sight)).filter_map(|it| it.symptom()).collect();
    symptoms.sort_unstable();
    symptoms.dedup();
    Some(symptoms)
}
