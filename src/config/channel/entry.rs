//! An entry of the file's list `channels`: its keys, and which of them a kind has.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::super::entry::{AllWrong, Wrong, none_of};

/// An entry of the file's list.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::config) struct ChannelEntry {
    pub(super) name: String,
    pub(super) kind: String,
    #[serde(default)]
    pub(super) to: Vec<String>,
    pub(super) url_file: Option<String>,
    pub(super) secret_file: Option<String>,
    pub(super) token_file: Option<String>,
    pub(super) key_file: Option<String>,
    pub(super) url: Option<String>,
    pub(super) channel: Option<String>,
    pub(super) team: Option<String>,
    pub(super) app: Option<String>,
    #[serde(default)]
    pub(super) users: Vec<NumberOrText>,
    #[serde(default)]
    pub(super) people: BTreeMap<String, String>,
    pub(super) chat: Option<NumberOrText>,
    pub(super) thread: Option<i64>,
    pub(super) room: Option<String>,
    pub(super) topic: Option<String>,
    pub(super) tag: Option<String>,
    pub(super) format: Option<String>,
    pub(super) body: Option<String>,
    pub(super) include_links: Option<bool>,
    #[serde(default)]
    pub(super) events: Vec<String>,
    #[serde(default)]
    pub(super) namespaces: Vec<String>,
    pub(super) language: Option<String>,
    pub(super) zone: Option<String>,
    pub(super) window: Option<String>,
    pub(super) quiet: Option<String>,
}

/// What is a number or a name.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(untagged)]
pub(super) enum NumberOrText {
    Number(i64),
    Text(String),
}

impl std::fmt::Display for NumberOrText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => f.write_str(text),
        }
    }
}

/// A kind of channel, with the keys that it has beside those that all have.
pub(super) struct Kind {
    pub(super) word: &'static str,
    needs: &'static [&'static str],
    may: &'static [&'static str],
    /// The keys that all others have.
    lacks: &'static [&'static str],
}

const fn kind(word: &'static str, needs: &'static [&'static str], may: &'static [&'static str]) -> Kind {
    Kind { word, needs, may, lacks: &[] }
}

const KINDS: [Kind; 13] = [
    kind("email", &["to"], &[]),
    kind("slack", &[], &["urlFile", "tokenFile", "channel", "url", "team", "app", "users", "people"]),
    kind("webhook", &["urlFile", "secretFile"], &["format", "body"]),
    kind("discord", &["urlFile"], &[]),
    kind("telegram", &["tokenFile", "chat"], &["thread", "url", "users", "people"]),
    kind("teams", &["urlFile"], &[]),
    kind("mattermost", &["urlFile"], &[]),
    kind("matrix", &["url", "tokenFile", "room"], &[]),
    kind("ntfy", &["topic"], &["url", "tokenFile"]),
    kind("gotify", &["url", "tokenFile"], &[]),
    kind("googlechat", &["urlFile"], &[]),
    // It sends each event by itself, so nothing waits for others.
    Kind { lacks: &["window"], ..kind("pagerduty", &["keyFile"], &["url"]) },
    kind("apprise", &["urlFile"], &["tag"]),
];

impl ChannelEntry {
    /// Its kind, where it has the keys of that kind and no others.
    pub(super) fn checked(&self, wrong: &mut AllWrong) -> Option<&'static Kind> {
        let kind = KINDS.iter().find(|kind| kind.word == self.kind);
        let words = || KINDS.iter().map(|kind| kind.word);
        let kind = wrong.unless(kind.ok_or_else(|| ("kind", none_of(words(), &self.kind))))?;
        let set: Vec<&'static str> =
            self.keys().into_iter().filter(|(_, is_set)| *is_set).map(|(key, _)| key).collect();
        let foreign = set.iter().filter(|key| !kind.needs.contains(key) && !kind.may.contains(key));
        let lacked = kind.lacks.iter().filter(|key| **key == "window" && self.window.is_some());
        let misplaced = foreign.chain(lacked);
        let misplaced = misplaced.map(|key| (*key, format!("has no place in a channel of kind {}", kind.word)));
        let missing = kind.needs.iter().filter(|key| !set.contains(key)).map(|key| (*key, "is needed".to_owned()));
        let all: Vec<Wrong> = misplaced.chain(missing).collect();
        let fits = all.is_empty();
        for one in all {
            wrong.push(one);
        }
        fits.then_some(kind)
    }

    /// The files that it names, by their keys.
    pub(super) fn files(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let all = [
            ("urlFile", &self.url_file),
            ("secretFile", &self.secret_file),
            ("tokenFile", &self.token_file),
            ("keyFile", &self.key_file),
        ];
        all.into_iter().filter_map(|(key, path)| Some((key, path.as_deref()?)))
    }

    fn keys(&self) -> [(&'static str, bool); 18] {
        [
            ("to", !self.to.is_empty()),
            ("urlFile", self.url_file.is_some()),
            ("secretFile", self.secret_file.is_some()),
            ("tokenFile", self.token_file.is_some()),
            ("keyFile", self.key_file.is_some()),
            ("url", self.url.is_some()),
            ("channel", self.channel.is_some()),
            ("team", self.team.is_some()),
            ("app", self.app.is_some()),
            ("users", !self.users.is_empty()),
            ("people", !self.people.is_empty()),
            ("chat", self.chat.is_some()),
            ("thread", self.thread.is_some()),
            ("room", self.room.is_some()),
            ("topic", self.topic.is_some()),
            ("tag", self.tag.is_some()),
            ("format", self.format.is_some()),
            ("body", self.body.is_some()),
        ]
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// The words of all kinds.
    pub(crate) fn words() -> Vec<&'static str> {
        KINDS.iter().map(|kind| kind.word).collect()
    }
}
