//! Tells people of messages that were given up, through another channel and on the workloads that they are about.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;

use super::Sender;
use crate::domain::event::{Job, Notice, Trouble, TroubleKind};
use crate::queue::{Letter, Letters, QueueError};
use crate::stop::Stop;
use crate::telemetry::chain;

/// How many dead letters are told of at once.
const AT_ONCE: usize = 100;
/// What could not be read or written is tried again after this time.
const AGAIN: std::time::Duration = std::time::Duration::from_secs(30);

/// Says on a workload, by an Event, that a message about it was given up: the workload's uid, and what.
pub type SayOn = Arc<dyn Fn(String, String) -> BoxFuture<'static, ()> + Send + Sync>;

/// Tells of dead letters until `stop` is raised.
pub async fn tell_of_dead_letters<Q: Letters>(sender: Arc<Sender<Q>>, say_on: SayOn, mut stop: Stop) {
    let given_up = sender.queue.given_up();
    while !stop.is_raised() {
        let woken = Arc::clone(&given_up).notified_owned();
        let failed = match told(&sender, &say_on).await {
            Ok(true) => continue,
            Ok(false) => false,
            Err(error) => {
                tracing::warn!(error = %chain(&error), "people can't be told now of messages that were given up; it is tried again");
                true
            }
        };
        tokio::select! {
            () = stop.raised() => {}
            () = woken, if !failed => {}
            () = tokio::time::sleep(AGAIN), if failed => {}
        }
    }
}

/// Tells of those that nobody was told of. Whether there were as many as are told of at once, so that there may be more.
async fn told<Q: Letters>(sender: &Sender<Q>, say_on: &SayOn) -> Result<bool, QueueError> {
    let letters = sender.queue.untold(AT_ONCE).await?;
    let mut channels: BTreeMap<&str, Vec<&Letter>> = BTreeMap::new();
    for letter in &letters {
        channels.entry(&letter.channel).or_default().push(letter);
        for notice in notices(letter) {
            let words = format!(
                "the message {} of {} to channel {} could not be delivered: {}",
                letter.id,
                notice.kind.as_str(),
                letter.channel,
                letter.error.as_deref().unwrap_or("no reason is known")
            );
            say_on(notice.workload.uid.to_string(), words).await;
        }
    }
    for (channel, letters) in channels {
        sender.tell(trouble(channel, &letters, sender.ambient.now())).await;
    }
    let ids: Vec<String> = letters.iter().map(|letter| letter.id.clone()).collect();
    let is_full = ids.len() >= AT_ONCE;
    if !ids.is_empty() {
        sender.queue.were_told(ids).await?;
    }
    Ok(is_full)
}

/// The workloads that a message is about. Of a digest only the first few are said so, as each is a write.
fn notices(letter: &Letter) -> Vec<&Notice> {
    const MOST: usize = 5;
    match &letter.job {
        Some(Job::Deliver(delivery)) => delivery.notices().iter().take(MOST).collect(),
        Some(Job::Gather(gathered)) => vec![&gathered.notice],
        Some(Job::Look(_)) | None => Vec::new(),
    }
}

fn trouble(channel: &str, letters: &[&Letter], now: DateTime<Utc>) -> Trouble {
    let newest = letters.last();
    Trouble {
        kind: TroubleKind::DeadLetters,
        channel: channel.to_owned(),
        reason: newest.and_then(|letter| letter.error.clone()).unwrap_or_default(),
        since: letters.iter().map(|letter| letter.changed).min().unwrap_or(now),
        at: now,
        messages: letters.len() as u64,
    }
}
