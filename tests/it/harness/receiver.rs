//! A recorder of HTTP requests that answers by a script: a Slack, a webhook's receiver, an AI.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use tokio::sync::watch;

use super::serve::{Answer, Received, Server};
use super::wait::within;

/// A recorder on its own port.
pub(crate) struct Receiver {
    server: Server,
    script: Arc<Mutex<Script>>,
    requests: watch::Receiver<Vec<Received>>,
}

#[derive(Default)]
struct Script {
    next: VecDeque<Answer>,
    at: Vec<(String, Answer)>,
    then: Answer,
}

impl Script {
    fn answer(&mut self, path: &str) -> Answer {
        let at = || self.at.iter().find(|(start, _)| path.starts_with(start)).map(|(_, answer)| answer.clone());
        self.next.pop_front().or_else(at).unwrap_or_else(|| self.then.clone())
    }
}

impl Receiver {
    pub(crate) fn start() -> Self {
        let script = Arc::new(Mutex::new(Script::default()));
        let (record, requests) = watch::channel(Vec::new());
        let answers = Arc::clone(&script);
        let server = Server::start(Arc::new(move |received| {
            let answer = answers.lock().expect("a script").answer(&received.path);
            record.send_modify(|all: &mut Vec<_>| all.push(received));
            Box::pin(std::future::ready(answer))
        }));
        Self { server, script, requests }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        self.server.url(path)
    }

    /// The answers to the next requests, in order.
    pub(crate) fn next(&self, answers: impl IntoIterator<Item = Answer>) -> &Self {
        self.script.lock().expect("a script").next.extend(answers);
        self
    }

    /// The answer to requests whose path begins so, where [`Receiver::next`] has none.
    pub(crate) fn at(&self, start: &str, answer: Answer) -> &Self {
        self.script.lock().expect("a script").at.push((start.into(), answer));
        self
    }

    /// A registry that does not say what stands behind the digests of this repository, so that any image is taken to start.
    pub(crate) fn says_nothing_of_images(&self, repository: &str) -> &Self {
        self.at(&format!("/v2/{repository}/manifests/sha256:"), Answer::status(405))
    }

    /// The answer to every request that has none of its own.
    pub(crate) fn always(&self, answer: Answer) -> &Self {
        self.script.lock().expect("a script").then = answer;
        self
    }

    /// All requests so far.
    pub(crate) fn requests(&self) -> Vec<Received> {
        self.requests.borrow().clone()
    }

    /// All requests, as soon as there are `count`.
    pub(crate) async fn wait_for(&self, count: usize) -> Vec<Received> {
        self.wait_until(&format!("{count} requests"), |requests| requests.len() >= count).await
    }

    /// All requests, as soon as they are what is waited for.
    pub(crate) async fn wait_until(&self, what: &str, mut enough: impl FnMut(&[Received]) -> bool) -> Vec<Received> {
        let mut requests = self.requests.clone();
        let seen = within(what, requests.wait_for(|requests| enough(requests))).await;
        seen.expect("the server lives").clone()
    }
}
