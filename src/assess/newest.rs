//! The order of pushes: the registry's own clock, where it tells it of all that are ordered.

use chrono::{DateTime, Utc};

use super::{Source, Undecided};
use crate::domain::policy::{Policy, is_time_of_push};
use crate::domain::reference::Tag;
use crate::domain::tags::TagList;
use crate::registry::Registry;

/// The same policy, with when the tags of a list were pushed that it orders.
pub(super) async fn timed<R: Registry>(
    source: &Source<'_, R>,
    tags: &TagList,
    policy: &Policy,
    now: DateTime<Utc>,
) -> Result<Policy, Undecided> {
    let Some(selection) = policy.selection.clone() else { return Ok(policy.clone()) };
    let taken = tags.iter().filter(|tag| selection.takes(tag)).filter_map(|tag| Tag::parse(tag).ok());
    let taken: Vec<Tag> = taken.collect();
    let times = source.registry.push_times(source.repository, &taken, source.credential).await?;
    let times = times.filter(|times| times.values().all(|at| is_time_of_push(*at, now))).ok_or(Undecided::Untimed)?;
    Ok(Policy { selection: Some(selection.timed(times)), ..policy.clone() })
}
