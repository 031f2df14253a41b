//! One flag that everybody sees: the process is to end.

use std::io;

use tokio::signal::unix::{SignalKind, signal};
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

/// Waits until the process is asked to end, and gives the name of the signal that asked.
///
/// # Errors
/// When signals can't be listened for.
pub async fn signalled() -> io::Result<&'static str> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    })
}
