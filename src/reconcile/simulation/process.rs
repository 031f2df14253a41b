//! One life of the process: what it is made of, and the tasks that run in it. It ends at any moment; what outlives it is
//! the world.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Wake, Waker};

use chrono::TimeDelta;

use super::cluster::Api;
use super::invariant::Invariant;
use super::people::{Everybody, deliver, key};
use super::queue::{Store, settlement};
use super::registry::Shelf;
use super::world::{Doing, Shared, Task};
use crate::ambient::Ambient;
use crate::cluster::{Cluster as _, Fresh};
use crate::domain::answer::Action;
use crate::domain::approval::{LinkKeys, Token};
use crate::domain::event::Job;
use crate::domain::reference::Repository;
use crate::domain::settings::{Bounds, Forced};
use crate::queue::worker::Verdict;
use crate::queue::{Leased, NewJob, Queue as _, Settlement, Urgency};
use crate::reconcile::{Parts, Reconciler};
use crate::telemetry::metrics::Metrics;

/// More steps of all tasks together, without time going by, are a loop.
const MOST_STEPS: usize = 20_000;

type Sequencer = Reconciler<Store, Shelf, Api>;

/// The one place that says what a sequencer is made of.
fn sequencer(world: &Shared, ambient: &Ambient, metrics: &Metrics, api: &Api) -> Sequencer {
    let (all, forced) = world.with(|world| (world.keys.clone(), world.forced));
    let mut all = all.into_iter().map(key);
    let keys = LinkKeys::new(all.next().unwrap(), all.collect());
    Reconciler::new(Parts {
        queue: Store(world.clone()),
        registry: Arc::new(Shelf(world.clone())),
        cluster: api.clone(),
        audience: Arc::new(Everybody),
        declarations: Arc::new(crate::reconcile::judging::declared::tests::Silent),
        keys,
        bounds: Bounds { forced: Forced { mode: forced, strategy: None }, channels: None },
        ambient: ambient.clone(),
        metrics: metrics.clone(),
        on_listed: Arc::new(|_, _, _| {}),
        standing: Arc::new(|_| Box::pin(std::future::ready(None))),
        settle: world.with(|world| world.settle),
        standing_still: Arc::default(),
        rollouts: crate::domain::fleet::Limits::default(),
        replicas: crate::queue::Replicas::default(),
    })
}

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

struct Running {
    id: u64,
    woken: Arc<Woken>,
    future: Pin<Box<dyn Future<Output = ()> + Send>>,
}

/// A process that runs.
pub(super) struct Process {
    world: Shared,
    ambient: Ambient,
    metrics: Metrics,
    pub(super) api: Api,
    reconciler: Sequencer,
    running: Vec<Running>,
    replica: usize,
    /// Whether it stands still, whatever happens.
    pub(super) is_stopped: bool,
}

impl Process {
    /// Begins, with what it finds.
    pub(super) fn begin(world: &Shared, ambient: &Ambient, metrics: &Metrics, replica: usize) -> Self {
        let (api, hints) = Api::begin(world, replica);
        let reconciler = sequencer(world, ambient, metrics, &api);
        let (world, ambient, metrics) = (world.clone(), ambient.clone(), metrics.clone());
        let (running, is_stopped) = (Vec::new(), false);
        let process = Self { world, ambient, metrics, api, reconciler, running, replica, is_stopped };
        process.queue(hints);
        process
    }

    /// Ends wherever it is, and another begins.
    pub(super) fn again(&mut self) {
        let ended: Vec<u64> = self.running.drain(..).map(|task| task.id).collect();
        self.world.with(|world| {
            world.crashed = None;
            world.current = 0;
            // What became of an answer that was under way can't always be known: people are asked anew then.
            let ended: Vec<Task> = ended.iter().filter_map(|task| world.tasks.remove(task)).collect();
            let answers = ended.into_iter().filter_map(|task| match task.doing {
                Doing::Answer { question, .. } => Some(question),
                Doing::Look | Doing::Deliver => None,
            });
            for question in answers {
                if let Some(question) = world.model.questions.get_mut(&question) {
                    question.is_disturbed = true;
                }
            }
            // Another replica takes its jobs over once its leases are over.
            if !world.is_shared() {
                world.disk.release();
            }
            world.log("a process begins");
        });
        *self = Self::begin(&self.world, &self.ambient, &self.metrics, self.replica);
    }

    /// Stores looks, as the poller and the watch streams do.
    pub(super) fn queue(&self, repositories: Vec<Repository>) {
        self.world.with(|world| {
            let now = world.now();
            for repository in repositories {
                let job = NewJob {
                    job: Job::Look(repository),
                    trace: "".into(),
                    not_before: now,
                    urgency: Urgency::Prompt,
                    failed: None,
                };
                world.disk.put(&job, now);
            }
        });
    }

    /// The poller's round.
    pub(super) fn poll(&self) {
        self.queue(self.api.repositories());
    }

    /// Lets the streams tell some of what they have to; some of it twice.
    pub(super) fn hear(&self, most: usize) {
        for _ in 0..most {
            let event = self.world.with(|world| {
                let stream = &mut world.streams[self.replica];
                let repeats = stream.told_last.is_some() && world.chance.permille(100);
                if repeats {
                    return stream.told_last.clone();
                }
                let event = stream.events.pop_front()?;
                stream.told_last = Some(event.clone());
                Some(event)
            });
            let Some((id, observed)) = event else { return };
            let hints = self.api.index.observe(&id, observed.and_then(|object| object.record()));
            self.queue(hints);
        }
    }

    /// The stream broke, and everything is read again.
    pub(super) fn list_again(&self) {
        self.world.with(|world| world.log("the watch begins with a new list"));
        let hints = self.api.list(Fresh::Changes);
        self.queue(hints);
    }

    fn start(&mut self, doing: Doing, future: impl Future<Output = ()> + Send + 'static) {
        let task = Task { doing, lists: Vec::new(), digests: std::collections::BTreeMap::new(), sent: None };
        let id = self.world.with(|world| {
            world.begun += 1;
            world.tasks.insert(world.begun, task);
            world.begun
        });
        let woken = Arc::new(Woken(AtomicBool::new(true)));
        self.running.push(Running { id, woken, future: Box::pin(future) });
    }

    /// Takes jobs whose turn it is. Answers how many.
    pub(super) fn take(&mut self, most: usize) -> usize {
        let leased: Vec<Leased> = self.world.with(|world| {
            // By its own clock.
            let ready = world.disk.ready(self.ambient.now());
            let now = world.now();
            ready.into_iter().take(most).filter_map(|id| world.disk.lease(id, self.replica, now)).collect()
        });
        let count = leased.len();
        for leased in leased {
            let doing = if matches!(leased.job, Job::Look(_)) { Doing::Look } else { Doing::Deliver };
            self.start(doing, work(self.world.clone(), self.reconciler.clone(), leased));
        }
        count
    }

    /// Somebody answers a link.
    pub(super) fn press(&mut self, question: &str, token: &str, action: Action) {
        let (world, reconciler) = (self.world.clone(), self.reconciler.clone());
        let doing = Doing::Answer { question: question.to_owned(), action: action.as_str() };
        let (question, token) = (question.to_owned(), Token::parse(token).unwrap());
        self.start(doing, async move {
            world.with(|world| {
                world.log(format!("{} of {question} is pressed", action.as_str()));
                let pressed = world.model.questions.get_mut(&question);
                // Of an answer without an image nobody can tell whether it was written, if the object changed meanwhile.
                if let Some(pressed) = pressed.filter(|_| matches!(action, Action::Skip | Action::Resume)) {
                    pressed.is_disturbed = true;
                }
            });
            let answer = word(&reconciler.answer(&token, action, "").await);
            world.with(|world| {
                world.log(format!("the answer to {question} is {answer}"));
                // Whoever is told that it is over may be asked the same anew.
                if let Some(pressed) = world.model.questions.get_mut(&question).filter(|_| answer == "Over") {
                    pressed.is_disturbed = true;
                }
            });
        });
    }

    /// What a link says of itself.
    pub(super) async fn open(&self, token: &str) -> String {
        word(&self.reconciler.asked(&Token::parse(token).unwrap()).await)
    }

    /// How far its clock is ahead.
    pub(super) fn is_ahead(&self) -> TimeDelta {
        self.ambient.now() - self.world.with(|world| world.now())
    }

    /// It lives, and keeps what it works on.
    pub(super) fn lives(&self) {
        self.world.with(|world| {
            let now = world.now();
            world.disk.renew(self.replica, now);
        });
    }

    /// Whether anything is under way.
    pub(super) fn is_busy(&self) -> bool {
        !self.running.is_empty()
    }

    /// Lets all tasks go on until they wait, or the process has ended. Whether they came to that.
    pub(super) fn settle(&mut self) -> bool {
        self.go_on(MOST_STEPS);
        let is_still = !self.running.iter().any(|task| task.woken.0.load(Ordering::SeqCst));
        if !is_still {
            self.world.with(|world| world.violate(Invariant::Rests, "what is under way goes round and round".into()));
        }
        is_still
    }

    /// Lets tasks go on, whichever chance takes, for so many steps or until all wait. Ends with the process.
    pub(super) fn go_on(&mut self, steps: usize) {
        for _ in 0..steps {
            let woken: Vec<usize> =
                (0..self.running.len()).filter(|n| self.running[*n].woken.0.load(Ordering::SeqCst)).collect();
            let Some(chosen) = self.world.with(|world| world.chance.pick(&woken).copied()) else { return };
            let task = &mut self.running[chosen];
            if !self.world.with(|world| world.goes_on(task.id)) {
                return;
            }
            task.woken.0.store(false, Ordering::SeqCst);
            let waker = Waker::from(Arc::clone(&task.woken));
            let is_done = task.future.as_mut().poll(&mut Context::from_waker(&waker)).is_ready();
            let has_died = self.world.with(|world| {
                world.current = 0;
                world.crashed.is_some()
            });
            if has_died {
                self.again();
                return;
            }
            if is_done {
                let task = self.running.remove(chosen);
                self.world.with(|world| world.tasks.remove(&task.id));
            }
        }
    }
}

/// One job, as the real worker does it.
async fn work(world: Shared, reconciler: Sequencer, leased: Leased) {
    let verdict = match &leased.job {
        Job::Look(repository) => reconciler.look(repository, &leased.trace.id()).await,
        Job::Deliver(delivery) => deliver(&world, delivery).await,
        // What is gathered is composed, and never leased.
        Job::Gather(_) | Job::Press(_) => {
            Verdict::Retry { retry_after: None, no_later: None, reason: "refused for now".into() }
        }
    };
    let settlement: Settlement = settlement(verdict, &leased, world.with(|world| world.now()));
    let _ = Store(world.clone()).settle(&leased, settlement).await;
}

/// The first word of what can be printed.
fn word(answer: &impl std::fmt::Debug) -> String {
    format!("{answer:?}").chars().take_while(|letter| letter.is_alphanumeric()).collect()
}
