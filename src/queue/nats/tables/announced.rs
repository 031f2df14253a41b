//! Tags that were announced. All that this process is told of them is done in turn, so that a burst of pushes to one
//! repository is one change of its entry and doesn't contend with itself.

use std::collections::{BTreeMap, HashMap};

use futures_util::StreamExt as _;
use serde::{Deserialize, Serialize};

use super::{MOST_ASKED, Tables, known};
use crate::domain::reference::{Digest, Repository, Tag};
use crate::queue::announced::{LOOKED_FOR, MOST_ANNOUNCED};
use crate::queue::command::Command;
use crate::queue::nats::bucket::hashed;
use crate::queue::nats::error::{NatsError, failure};
use crate::queue::row::moment;
use crate::queue::{Announced, QueueError};
use crate::telemetry::chain;

/// Tags of a repository, and when they were announced, Unix milliseconds.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Tags {
    repository: String,
    tags: Vec<(String, i64)>,
    /// What they point to, by tag, where that was said.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    digests: BTreeMap<String, String>,
}

/// What is said of a tag.
#[derive(Clone)]
enum Said {
    Announced(Announced),
    Found(Announced),
}

impl Said {
    fn of(command: &Command) -> Vec<Self> {
        match command {
            Command::Announce(all, _) => all.iter().cloned().map(Self::Announced).collect(),
            Command::Found(all, _) => all.iter().cloned().map(Self::Found).collect(),
            _ => Vec::new(),
        }
    }

    fn repository(&self) -> &Repository {
        match self {
            Self::Announced(one) | Self::Found(one) => &one.repository,
        }
    }
}

impl Tags {
    /// Those that are looked for still, as they were announced after `over`.
    fn of(&self, repository: &Repository, over: i64) -> Vec<Announced> {
        let read = |(tag, at): &(String, i64)| {
            let tag = Tag::parse(tag).ok().filter(|_| *at > over)?;
            let digest = self.digests.get(tag.as_str()).and_then(|digest| Digest::parse(digest).ok());
            Some(Announced { repository: repository.clone(), tag, digest, at: moment(*at) })
        };
        self.tags.iter().filter_map(read).collect()
    }

    /// Takes over what is said, in that order; what was announced before `over` is looked for no longer.
    fn follow(&mut self, all: &[Said], over: i64) {
        for said in all {
            match said {
                Said::Announced(one) => {
                    self.tags.retain(|(tag, _)| tag != one.tag.as_str());
                    self.tags.push((one.tag.as_str().to_owned(), one.at.timestamp_millis()));
                    self.digests.remove(one.tag.as_str());
                    self.digests.extend(one.digest.as_ref().map(|of| (one.tag.to_string(), of.to_string())));
                }
                Said::Found(one) => {
                    let (tag, at) = (one.tag.as_str(), one.at.timestamp_millis());
                    self.tags.retain(|(known, announced)| known != tag || *announced > at);
                }
            }
        }
        self.tags.retain(|(_, at)| *at > over);
        self.tags.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
        self.tags.truncate(MOST_ANNOUNCED as usize);
        let Self { tags, digests, .. } = self;
        digests.retain(|tag, _| tags.iter().any(|(kept, _)| kept == tag));
    }
}

impl Tables {
    fn tags_of(repository: &str) -> String {
        format!("announced.{}", hashed(repository))
    }

    /// Does what these commands say of announced tags, and replies.
    pub(in crate::queue::nats) async fn tags(&self, commands: Vec<Command>) {
        let mut all = BTreeMap::<Repository, Vec<Said>>::new();
        for said in commands.iter().flat_map(Said::of) {
            all.entry(said.repository().clone()).or_default().push(said);
        }
        let each = all.into_iter().map(|(repository, said)| async move {
            let followed = self.follow(&repository, &said).await;
            followed.err().map(|error| (repository, failure(error)))
        });
        let failed: HashMap<Repository, QueueError> = futures_util::stream::iter(each)
            .buffer_unordered(MOST_ASKED)
            .filter_map(std::future::ready)
            .collect()
            .await;
        for command in commands {
            let (Command::Announce(all, reply) | Command::Found(all, reply)) = command else { continue };
            let error = all.iter().find_map(|one| failed.get(&one.repository));
            reply.send(error.map_or(Ok(()), |error| Err(error.clone())));
        }
    }

    async fn follow(&self, repository: &Repository, said: &[Said]) -> Result<(), NatsError> {
        if said.iter().any(|said| matches!(said, Said::Announced(_))) && self.is_scarce().await? {
            // As with one that can't be read: it is looked for a little less long.
            tracing::warn!(error = %NatsError::Scarce(self.state.name().to_owned()), "what is announced now is not noted");
            return Ok(());
        }
        let (name, over) = (repository.to_string(), self.over());
        let key = Self::tags_of(&name);
        let changed = self.change(&key, LOOKED_FOR.to_std().ok(), |known: &mut Tags| {
            name.clone_into(&mut known.repository);
            known.follow(said, over);
            !known.tags.is_empty()
        });
        match changed.await {
            // A push that is looked for a little less long is better than one that is refused.
            Err(error @ NatsError::Unreadable(_)) => {
                tracing::warn!(error = %chain(&error), "it is left alone, and what is announced now is not noted");
                Ok(())
            }
            changed => changed.map(drop),
        }
    }

    /// What was announced before is looked for no longer.
    fn over(&self) -> i64 {
        (self.ambient.now() - LOOKED_FOR).timestamp_millis()
    }

    pub(super) async fn announced(&self, repository: &Repository) -> Result<Vec<Announced>, NatsError> {
        let name = repository.to_string();
        let key = Self::tags_of(&name);
        let known: Tags = known(&key, &self.state.read(&key).await?).unwrap_or_default().unwrap_or_default();
        let mut all = if known.repository == name { known.of(repository, self.over()) } else { Vec::new() };
        all.sort_by(|one, other| one.tag.as_str().cmp(other.tag.as_str()));
        Ok(all)
    }

    /// What is looked for anywhere, and how many entries can't be read.
    pub(super) async fn all_announced(&self) -> Result<(Vec<Announced>, u64), NatsError> {
        let (mut all, mut sealed) = (Vec::new(), 0);
        for value in self.state.all("announced.").await?.into_iter().filter_map(|seen| seen.value) {
            let tags: Option<Tags> = serde_json::from_slice(&value).ok();
            match tags.and_then(|tags| Some((Repository::parse(&tags.repository).ok()?, tags))) {
                Some((repository, tags)) => all.extend(tags.of(&repository, self.over())),
                None => sealed += 1,
            }
        }
        Ok((all, sealed))
    }
}
