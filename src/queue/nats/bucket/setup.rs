//! How a bucket is set up.

use async_nats::jetstream::stream::{Config, DiscardPolicy, StorageType};

use super::{MOST_OF_ONE, Shape};

/// What a bucket is to be.
pub(in crate::queue::nats) fn config(name: &str, shape: Shape, replicas: usize) -> Config {
    Config {
        name: format!("KV_{name}"),
        description: Some("what image-watcher has to do, and what it remembers".into()),
        subjects: vec![format!("$KV.{name}.>")],
        max_messages_per_subject: 1,
        max_bytes: shape.bytes,
        max_message_size: MOST_OF_ONE,
        discard: if shape.makes_way { DiscardPolicy::Old } else { DiscardPolicy::New },
        storage: StorageType::File,
        num_replicas: replicas,
        allow_rollup: true,
        allow_direct: true,
        allow_message_ttl: true,
        allow_atomic_publish: true,
        ..Config::default()
    }
}

/// What a bucket has and is not to have, in words. Its bound in bytes is whoever runs it free to change.
pub(in crate::queue::nats) fn differences(found: &Config, wanted: &Config) -> String {
    let mut all = Vec::new();
    let mut compare = |what: &str, found: String, wanted: String| {
        if found != wanted {
            all.push(format!("{what} is {found} and has to be {wanted}"));
        }
    };
    compare("the number of replicas", found.num_replicas.to_string(), wanted.num_replicas.to_string());
    compare("storage", format!("{:?}", found.storage), format!("{:?}", wanted.storage));
    compare("history", found.max_messages_per_subject.to_string(), wanted.max_messages_per_subject.to_string());
    compare("discard", format!("{:?}", found.discard), format!("{:?}", wanted.discard));
    compare("atomic publishing", found.allow_atomic_publish.to_string(), true.to_string());
    compare("the life of single entries", found.allow_message_ttl.to_string(), true.to_string());
    compare("the greatest age", format!("{:?}", found.max_age), format!("{:?}", wanted.max_age));
    all.join(", ")
}
