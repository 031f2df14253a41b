//! `image-watcher notify-test`: one real message to each recipient of a channel, marked as a test, and what came of it.

use std::collections::BTreeSet;
use std::time::Duration;

use clap::Args;

use super::api::ask_for;
use crate::ambient::Ambient;
use crate::config::Config;
use crate::domain::event::{Delivery, Told, Trial};
use crate::domain::near::did_you_mean;
use crate::message::Links;
use crate::notify::{Attempt, Channel, Channels, Sent};

#[derive(Debug, Args)]
pub(super) struct NotifyTestArguments {
    /// The channel; all of them without
    #[arg(value_name = "CHANNEL")]
    channel: Option<String>,
    /// Print what would be sent, and send nothing
    #[arg(long)]
    dry_run: bool,
}

/// What came of one message.
fn line(delivery: &Delivery, Sent { attempt, said, .. }: &Sent, took: Duration) -> String {
    let Delivery { channel, recipient, .. } = delivery;
    let to = if recipient.is_empty() { channel.clone() } else { format!("{channel} to {recipient}") };
    match attempt {
        Attempt::Delivered => {
            let said = said.as_deref().map(|said| format!(": {said}")).unwrap_or_default();
            format!("{to}: delivered in {} ms, id {}{said}", took.as_millis(), delivery.id())
        }
        Attempt::Retry { reason, .. } | Attempt::Later { reason } => {
            format!("{to}: not now, it may work later: {reason}")
        }
        Attempt::Busy { reason, .. } => format!("{to}: busy, it takes nothing for a while: {reason}"),
        Attempt::Refused { reason } => format!("{to}: refused, look at address and credentials: {reason}"),
        Attempt::Gone { reason } => format!("{to}: gone for good, it needs a new address: {reason}"),
        Attempt::TooRich { reason } | Attempt::GaveUp { reason } => format!("{to}: not taken: {reason}"),
        Attempt::Unsent { reason } => format!("{to}: not sent: {reason}"),
    }
}

/// What is printed, and whether all went well.
pub(super) struct Ended {
    pub(super) text: String,
    pub(super) is_well: bool,
}

/// Tries channels.
///
/// # Errors
/// When there is no such channel, or one can't be made ready.
pub(super) async fn notify_test(config: &Config, arguments: &NotifyTestArguments) -> anyhow::Result<Ended> {
    let channels = opened(config, arguments.channel.as_deref())?;
    let ambient = Ambient::system();
    let mut lines = Vec::new();
    let mut worked = BTreeSet::new();
    let mut failed = BTreeSet::new();
    for delivery in channels.each().flat_map(|channel| trials(channel, &ambient)) {
        if arguments.dry_run {
            lines.push(channels.preview(&delivery, ambient.now()));
            continue;
        }
        let begun = ambient.monotonic();
        let sent = channels.deliver_after(None, &delivery, &Links::default(), None, &ambient).await;
        let took = ambient.monotonic().saturating_sub(begun);
        let took_it = if sent.attempt == Attempt::Delivered { &mut worked } else { &mut failed };
        took_it.insert(delivery.channel.clone());
        lines.push(line(&delivery, &sent, took));
    }
    let is_well = failed.is_empty();
    for channel in worked.difference(&failed) {
        lines.extend(opens(channel, &open(config, channel).await));
    }
    Ok(Ended { text: format!("{}\n", lines.join("\n")), is_well })
}

/// Has the running service try a channel at once to which a message was delivered. Says whether it was closed.
async fn open(config: &Config, channel: &str) -> anyhow::Result<bool> {
    let answer = ask_for(config, &["deliveries", "open"], &[("channel", channel)], true).await?;
    anyhow::ensure!(answer.status.is_success(), "it answers {}", answer.status);
    let said: serde_json::Value = serde_json::from_slice(&answer.body)?;
    Ok(said.get("wasClosed").and_then(serde_json::Value::as_bool).unwrap_or_default())
}

/// What came of that, where there is anything to say of it.
fn opens(channel: &str, opened: &anyhow::Result<bool>) -> Option<String> {
    match opened {
        Ok(true) => Some(format!("{channel} was closed, and the service tries it at once: what waits follows")),
        Ok(false) => None,
        Err(_) => Some(format!(
            "the service was not reached here; if it closed {channel}, run this where it runs, or there: image-watcher deliveries retry --channel {channel}"
        )),
    }
}

/// The channel of this name, or all.
fn opened(config: &Config, name: Option<&str>) -> anyhow::Result<Channels> {
    let known = || config.channels.iter().map(|channel| channel.name.as_str()).collect::<Vec<_>>().join(", ");
    anyhow::ensure!(
        !config.channels.is_empty(),
        "no channel is configured, so there is nothing to try: SMTP_URL, SLACK_URL and WEBHOOK_URL make one each"
    );
    let asked = config.channels.iter().filter(|channel| name.is_none_or(|name| name == channel.name));
    let outbound = config.outbound()?;
    let all = asked.map(|channel| channel.open(&outbound)).collect::<Result<Vec<Channel>, _>>()?;
    let name = name.unwrap_or_default();
    let near = did_you_mean(config.channels.iter().map(|channel| channel.name.as_str()), name);
    anyhow::ensure!(!all.is_empty(), "there is no channel {name:?}; there are: {}{near}", known());
    Ok(Channels::new(all, config.cluster.clone()))
}

/// A message for each recipient.
fn trials(channel: &Channel, ambient: &Ambient) -> Vec<Delivery> {
    let trial = Trial { id: format!("test_{}", ambient.trace_id()), at: ambient.now() };
    let to = |recipient| Delivery { channel: channel.name().to_owned(), recipient, told: Told::Test(trial.clone()) };
    channel.recipients().into_iter().map(to).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_said_of_a_channel_that_it_was_closed_and_where_to_open_one_that_can_not_be_reached_here() {
        assert_eq!(opens("email", &Ok(false)), None);
        assert!(opens("email", &Ok(true)).is_some_and(|told| told.starts_with("email was closed")));
        let unreached = opens("email", &Err(anyhow::anyhow!("refused"))).unwrap_or_default();
        assert!(unreached.ends_with("image-watcher deliveries retry --channel email"), "{unreached}");
    }
}
