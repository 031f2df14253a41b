//! Questions that are asked to their end, whoever still waits for the answer.

use std::future::Future;

use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use tokio::sync::{mpsc, oneshot};

use crate::stop::Stop;

/// Questions under way at once, most of them waiting for their turn; one more is not asked.
const MOST: usize = 256;

/// Where questions are handed in. Clones share it.
#[derive(Clone, Debug)]
pub struct Background(mpsc::Sender<BoxFuture<'static, ()>>);

impl Background {
    /// Where they are handed in, and the task that runs them until the process ends; what is not done then is done again
    /// when it is needed.
    pub fn new(mut stop: Stop) -> (Self, impl Future<Output = ()> + use<>) {
        let (sender, receiver) = mpsc::channel(MOST);
        let until_the_end = async move {
            tokio::select! {
                () = run(receiver) => stop.raised().await,
                () = stop.raised() => {}
            }
        };
        (Self(sender), until_the_end)
    }

    /// Starts one; `None` when too many are under way.
    pub(super) fn start<T: Send + 'static>(
        &self,
        task: impl Future<Output = T> + Send + 'static,
    ) -> Option<oneshot::Receiver<T>> {
        let (answer, answered) = oneshot::channel();
        let task = async move {
            let _ = answer.send(task.await);
        };
        self.0.try_send(Box::pin(task)).ok().map(|()| answered)
    }
}

async fn run(mut receiver: mpsc::Receiver<BoxFuture<'static, ()>>) {
    let mut under_way = FuturesUnordered::new();
    loop {
        let room = under_way.len() < MOST;
        tokio::select! {
            task = receiver.recv(), if room => match task {
                Some(task) => under_way.push(task),
                None => break,
            },
            _ = under_way.next(), if !under_way.is_empty() => {}
        }
    }
}
