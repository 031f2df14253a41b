//! What the API of the running service answers, where it listens for this machine.

use std::time::Duration;

use anyhow::Context as _;

use crate::config::Config;
use crate::outbound::{Outbound, Reach, Response};

/// For the answer, which comes when the looks are stored.
const DEADLINE: Duration = Duration::from_secs(15);
/// The longest answer.
const MOST_BYTES: usize = 16 * 1024 * 1024;

/// What the API of the service answers at a path.
///
/// # Errors
/// When it does not run here.
pub(super) async fn ask(config: &Config, path: &str, is_post: bool) -> anyhow::Result<Response> {
    ask_for(config, &path.split('/').collect::<Vec<_>>(), &[], is_post).await
}

/// What its API answers at the path of these parts, with a query.
///
/// # Errors
/// When it does not run here.
pub(super) async fn ask_for(
    config: &Config,
    path: &[&str],
    query: &[(&str, &str)],
    is_post: bool,
) -> anyhow::Result<Response> {
    let base = url::Url::parse(&format!("http://{}/", config.private.from_here()))?;
    let mut url = base.clone();
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().extend(["api", "v1"]).extend(path);
    }
    if !query.is_empty() {
        url.query_pairs_mut().extend_pairs(query);
    }
    let client = Outbound::new(None)?.client(Reach::Named)?;
    let request = if is_post { client.post(url) } else { client.get(url) };
    client.send(request, DEADLINE, MOST_BYTES).await.with_context(|| {
        format!("the service does not answer at {base}: run this where it runs, as by kubectl exec deploy/image-watcher -- /image-watcher")
    })
}
