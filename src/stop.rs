//! One flag that everybody sees: the process is to end.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;

/// Raised once; every copy sees it.
#[derive(Clone, Debug)]
pub struct Stop(watch::Receiver<bool>);

/// The hand that raises the flag.
#[derive(Clone, Debug)]
pub struct Raise(watch::Sender<bool>);

impl Stop {
    /// The flag and the hand that raises it.
    #[must_use]
    pub fn new() -> (Raise, Self) {
        let (raise, flag) = watch::channel(false);
        (Raise(raise), Self(flag))
    }

    /// Waits until it is raised, or the hand is gone.
    pub async fn raised(&mut self) {
        let _ = self.0.wait_for(|raised| *raised).await;
    }

    /// Takes what is told, one after another, until this is raised: each that was heard, or how many were missed before the next.
    /// Where there is nobody to tell anything, or nobody any more, it waits for the end.
    pub async fn hear<T: Clone>(mut self, heard: Option<Receiver<T>>, mut takes: impl FnMut(Result<T, u64>)) {
        let Some(mut heard) = heard else { return self.raised().await };
        loop {
            let told = tokio::select! {
                () = self.raised() => return,
                told = heard.recv() => told,
            };
            match told {
                Ok(told) => takes(Ok(told)),
                Err(RecvError::Lagged(missed)) => takes(Err(missed)),
                Err(RecvError::Closed) => return self.raised().await,
            }
        }
    }

    /// Whether it is raised.
    #[must_use]
    pub fn is_raised(&self) -> bool {
        *self.0.borrow()
    }
}

impl Raise {
    /// Raises it.
    pub fn raise(&self) {
        self.0.send_replace(true);
    }
}

/// What asks the process to end. A signal counts from the moment that this is made: one that comes while nobody waits for it is kept.
#[derive(Debug)]
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Listens from now on.
    ///
    /// # Errors
    /// When signals can't be listened for.
    pub fn listen() -> io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Waits until the process is asked to end, and gives the name of the signal that asked.
    pub async fn told(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }

    /// What work of the start comes to; nothing where the process is told to end before that.
    pub async fn unless_told<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            signal = self.told() => {
                tracing::info!(signal, "image-watcher is told to end before it has started, and ends");
                None
            }
            done = work => Some(done),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_signal_that_comes_while_nobody_waits_is_kept() {
        let (mut signals, mut witness) = (Signals::listen().unwrap(), Signals::listen().unwrap());
        assert_eq!(signals.unless_told(std::future::ready(7)).await, Some(7));
        let own = std::process::id().to_string();
        assert!(std::process::Command::new("kill").args(["-TERM", &own]).status().unwrap().success());
        assert_eq!(witness.told().await, "SIGTERM");
        assert_eq!(signals.unless_told(std::future::ready(7)).await, None, "no work is begun");
        assert_eq!(signals.unless_told(std::future::ready(7)).await, Some(7), "it was told, once");
    }
}
