//! How channels stand: in a word of a closed set, and since when they do not work.

use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;

use super::Metrics;
use super::labels::{ChannelLabel, ChannelState};

/// How a channel can stand.
const STATES: [&str; 5] = ["open", "failing", "busy", "refused", "gone"];

/// How channels stand. Clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Channels {
    /// 1 for the word that holds, 0 for the others.
    pub(super) state: Family<ChannelState, Gauge>,
    /// Unix time of the first failure since the last success, 0 where there is none.
    pub(super) since: Family<ChannelLabel, Gauge>,
}

impl Metrics {
    /// How a channel stands now: `open`, or why it is closed; and since when it does not work, in Unix seconds, 0 where it does.
    pub fn channel_stands(&self, channel: &str, word: &'static str, since: i64) {
        for state in STATES {
            let of = ChannelState { channel: channel.to_owned(), state: state.to_owned() };
            self.channels_stand.state.get_or_create(&of).set(i64::from(state == word));
        }
        self.channels_stand.since.get_or_create(&ChannelLabel { channel: channel.to_owned() }).set(since);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_word_holds_at_a_time() {
        let metrics = Metrics::new();
        metrics.know_channels(["oncall"], &[]);
        let holds = |word: &str| {
            let text = metrics.classic();
            let ones: Vec<_> = text.lines().filter(|it| it.contains("channel_state{") && it.ends_with(" 1")).collect();
            assert!(matches!(ones[..], [one] if one.contains(&format!("state=\"{word}\""))), "{word}: {ones:?}");
            assert_eq!(text.matches("channel_state{").count(), STATES.len());
        };
        holds("open");
        for word in STATES {
            metrics.channel_stands("oncall", word, 7);
            holds(word);
        }
        assert!(metrics.classic().contains("channel_failing_since_timestamp_seconds{channel=\"oncall\"} 7"));
    }
}
