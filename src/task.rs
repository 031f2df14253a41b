//! The tasks of the process, each by its name: stages make them, and `app` has them run until the process is to end.

use std::future::Future;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::task::{JoinError, JoinSet};

use crate::stop::{Raise, Signals};

/// The drain takes at most this.
const DRAIN: Duration = Duration::from_secs(20);
/// One of several replicas goes on for so long after it was told to end, and says that it is not ready: who sends something
/// learns only then that it has to go elsewhere.
const LEAVING: Duration = Duration::from_secs(5);

/// What runs for as long as the process does, by a name that stands in the error when it does not.
pub struct Task {
    name: &'static str,
    run: BoxFuture<'static, anyhow::Result<()>>,
}

impl Task {
    /// One that can't fail.
    #[must_use]
    pub fn new(name: &'static str, run: impl Future<Output = ()> + Send + 'static) -> Self {
        Self::fallible(name, async move {
            run.await;
            Ok(())
        })
    }

    /// One whose error ends the process.
    #[must_use]
    pub fn fallible(name: &'static str, run: impl Future<Output = anyhow::Result<()>> + Send + 'static) -> Self {
        Self { name, run: Box::pin(run) }
    }
}

impl std::fmt::Debug for Task {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Task").field(&self.name).finish()
    }
}

/// All that run.
#[derive(Debug, Default)]
pub struct Tasks(JoinSet<(&'static str, anyhow::Result<()>)>);

/// How they ended.
#[derive(Debug)]
pub enum Ending {
    /// The process was told to end, and all did what was under way.
    Drained,
    /// Some took too long for that.
    Late,
    /// One ended before the process was told to.
    Early(Ended),
}

impl Ending {
    /// Whether that is how a process is to end.
    ///
    /// # Errors
    /// Why it is not.
    pub fn into_result(self) -> anyhow::Result<()> {
        match self {
            Self::Drained => Ok(()),
            Self::Late => anyhow::bail!(
                "the drain took longer than {} s; the next start takes up what was not ended",
                DRAIN.as_secs()
            ),
            Self::Early(ended) => Err(ended.into_error()),
        }
    }
}

/// A task that ended before the process was told to.
#[derive(Debug)]
pub struct Ended(Result<(&'static str, anyhow::Result<()>), JoinError>);

impl Tasks {
    /// Has one more run.
    pub fn add(&mut self, task: Task) {
        let Task { name, run } = task;
        self.0.spawn(async move { (name, run.await) });
    }

    /// Has more run.
    pub fn add_all(&mut self, tasks: impl IntoIterator<Item = Task>) {
        for task in tasks {
            self.add(task);
        }
    }

    /// Has them run until the process is told to end or one ends by itself; then raises `stop`, and waits until all have ended.
    /// `leave` is raised a while before, where there are others that can take over.
    pub async fn run(mut self, signals: &mut Signals, leave: Option<Raise>, stop: Raise) -> Ending {
        let mut early = self.until_told(signals.told()).await;
        if early.is_none()
            && let Some(leave) = leave
        {
            leave.raise();
            early = tokio::time::timeout(LEAVING, self.until_told(signals.told())).await.unwrap_or(None);
        }
        if early.is_none() {
            tracing::info!("image-watcher drains");
        }
        stop.raise();
        let has_drained = self.have_ended(DRAIN).await;
        match early {
            Some(ended) => Ending::Early(ended),
            None if has_drained => Ending::Drained,
            None => Ending::Late,
        }
    }

    /// Waits until the process is told to end, which gives the name of the signal, or a task has ended by itself, which is given.
    async fn until_told(&mut self, told: impl Future<Output = &'static str>) -> Option<Ended> {
        tokio::select! {
            signal = told => {
                tracing::info!(signal, "image-watcher is told to end");
                None
            }
            ended = self.0.join_next() => ended.map(Ended),
        }
    }

    /// Waits until all have ended; whether they did in time.
    async fn have_ended(&mut self, within: Duration) -> bool {
        tokio::time::timeout(within, async { while self.0.join_next().await.is_some() {} }).await.is_ok()
    }
}

impl Ended {
    /// Why the process can't go on.
    fn into_error(self) -> anyhow::Error {
        match self.0 {
            Ok((name, Ok(()))) => anyhow::anyhow!("the task «{name}» ended before the process did"),
            Ok((name, Err(error))) => error.context(format!("the task «{name}» failed")),
            Err(error) => anyhow::Error::new(error).context("a task ended by a panic"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stop::Stop;

    #[tokio::test]
    async fn a_task_that_ends_by_itself_ends_the_process_by_its_name() {
        let mut tasks = Tasks::default();
        tasks.add(Task::new("waits", std::future::pending()));
        tasks.add(Task::fallible("fails", async { anyhow::bail!("no space") }));
        let ended = tasks.until_told(std::future::pending()).await.unwrap();
        assert_eq!(format!("{:#}", ended.into_error()), "the task «fails» failed: no space");
        tasks.add(Task::new("ends", async {}));
        let ended = tasks.until_told(std::future::pending()).await.unwrap();
        assert_eq!(ended.into_error().to_string(), "the task «ends» ended before the process did");
    }

    #[tokio::test(start_paused = true)]
    async fn what_ends_by_itself_has_the_others_end_too_and_is_the_reason() {
        let (raise, stop) = Stop::new();
        let (leave, _) = Stop::new();
        let (mut tasks, mut ends) = (Tasks::default(), stop.clone());
        tasks.add(Task::new("drains", async move { ends.raised().await }));
        tasks.add(Task::fallible("fails", async { anyhow::bail!("no space") }));
        let ending = tasks.run(&mut Signals::listen().unwrap(), Some(leave), raise).await;
        let why = ending.into_result().map_err(|error| format!("{error:#}"));
        assert_eq!((why, stop.is_raised()), (Err("the task «fails» failed: no space".into()), true));
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_does_not_end_in_time_is_not_waited_for() {
        let mut tasks = Tasks::default();
        tasks.add(Task::new("ends", async {}));
        assert!(tasks.have_ended(Duration::from_secs(20)).await);
        tasks.add(Task::new("waits", std::future::pending()));
        assert!(!tasks.have_ended(Duration::from_secs(20)).await);
    }
}
