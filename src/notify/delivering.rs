//! The tasks by which messages go out: for each channel a worker and what gathers for it, and who tells of messages that were
//! given up.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::gather::{Gatherer, WhenLooked};
use super::given_up::{GivenUp, SayOnWorkload};
use super::sender::Sender;
use crate::queue::worker::{Pace, work};
use crate::queue::{Gathering, Kept, Leased, Letters, Opening, Queue, QueueAdmin, Sharing, Topic};
use crate::stop::Stop;
use crate::task::Task;
use crate::term::Holding;

/// Messages of one channel at once.
const AT_ONCE: usize = 8;

/// Waits until workloads are known; `false` when the flag is raised before.
pub type UntilKnown = Arc<dyn Fn(Stop) -> BoxFuture<'static, bool> + Send + Sync>;

/// All that messages need to go out.
pub struct Delivering<Q> {
    /// Takes each to its channel.
    pub sender: Arc<Sender<Q>>,
    /// When the first look over the cluster had ended.
    pub when_looked: WhenLooked,
    /// Where it is said that messages about a workload were given up.
    pub say: SayOnWorkload,
    /// Before that nobody is known whom it could be said of.
    pub until_known: UntilKnown,
    /// Whether this replica gathers and tells.
    pub holding: Holding,
    /// Whether other replicas may share the queue.
    pub has_others: bool,
    /// Raised when the process is to end.
    pub stop: Stop,
}

impl<Q> std::fmt::Debug for Delivering<Q> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Delivering")
    }
}

impl<Q: Queue + QueueAdmin + Gathering + Kept + Letters> Delivering<Q> {
    /// The tasks.
    #[must_use]
    pub fn tasks(self) -> Vec<Task> {
        let mut tasks = vec![self.given_up()];
        for name in self.sender.channels.names() {
            tasks.extend(self.gathering(&name));
            tasks.push(self.worker(name));
        }
        tasks
    }

    fn worker(&self, channel: String) -> Task {
        let Sender { queue, channels, ambient, .. } = &*self.sender;
        let (backoff, longest) = channels.backoff(&channel);
        let (gates, clock, of) = (Arc::clone(channels), ambient.clone(), channel.clone());
        let opening = move || gates.find(&of).map_or(Opening::Open, |it| it.gate().opening(clock.monotonic()));
        let how = (Pace { backoff, longest }, Sharing::in_order(AT_ONCE).while_open(opening));
        let sender = Arc::clone(&self.sender);
        let handler = move |leased: Leased| {
            let sender = Arc::clone(&sender);
            async move { sender.send(&leased).await }
        };
        let (queue, ambient, stop) = (queue.clone(), ambient.clone(), self.stop.clone());
        Task::new("deliver", work(queue, Topic::Deliver(channel), how, ambient, stop, handler))
    }

    /// What makes messages of what waits on a channel to go out together.
    fn gathering(&self, channel: &str) -> Vec<Task> {
        let gatherer = Gatherer {
            queue: self.sender.queue.clone(),
            channels: Arc::clone(&self.sender.channels),
            channel: channel.to_owned(),
            when_looked: Arc::clone(&self.when_looked),
            ambient: self.sender.ambient.clone(),
        };
        let mut tasks = Vec::new();
        if self.has_others {
            let (stands_by, holding, stop) = (gatherer.clone(), self.holding.clone(), self.stop.clone());
            let stands_by = async move { stands_by.stand_by(|| holding.is_this_one(), stop).await };
            tasks.push(Task::new("stand-by", stands_by));
        }
        tasks.push(self.holding.alone("gather", move |term| gatherer.clone().run(term)));
        tasks
    }

    fn given_up(&self) -> Task {
        let sender = Arc::clone(&self.sender);
        let given_up = GivenUp {
            queue: sender.queue.clone(),
            tell: Arc::new(move |trouble| {
                let sender = Arc::clone(&sender);
                Box::pin(async move { sender.tell(trouble).await })
            }),
            say: Arc::clone(&self.say),
        };
        let until_known = Arc::clone(&self.until_known);
        self.holding.alone("given-up", move |term| {
            let (given_up, until_known) = (given_up.clone(), Arc::clone(&until_known));
            async move {
                if until_known(term.clone()).await {
                    given_up.keep_telling(term).await;
                }
            }
        })
    }
}
