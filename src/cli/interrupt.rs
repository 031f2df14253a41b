//! What Ctrl-C does to a command: it ends, by the status that shells know, and leaves nothing half done.

use std::cell::Cell;
use std::time::Duration;

/// As a shell says of what SIGINT ended: 128 and its number.
pub(super) const INTERRUPTED: u8 = 130;
/// How soon it ends after what may not be broken off.
const SOON: Duration = Duration::from_millis(20);

thread_local! {
    /// Whether something is done now that is not broken off.
    static IS_WHOLE: Cell<bool> = const { Cell::new(false) };
}

/// Somebody pressed Ctrl-C.
#[derive(Debug, thiserror::Error)]
#[error("interrupted")]
pub(super) struct Interrupted;

/// Does this to its end, whoever wants to break it off: what was sent to be written gets its answer, so that it is known.
pub(super) async fn whole<T>(work: impl Future<Output = T>) -> T {
    IS_WHOLE.set(true);
    let result = work.await;
    IS_WHOLE.set(false);
    result
}

/// Runs a command's work to its end, or until somebody breaks it off.
///
/// # Errors
/// Those of the work, and [`Interrupted`].
pub(super) async fn until<T>(
    work: impl Future<Output = anyhow::Result<T>>,
    interrupt: impl Future<Output = ()>,
) -> anyhow::Result<T> {
    let (mut work, mut interrupt) = (std::pin::pin!(work), std::pin::pin!(interrupt));
    tokio::select! {
        biased;
        // First, so that it is heard from the beginning.
        () = &mut interrupt => {}
        result = &mut work => return result,
    }
    while IS_WHOLE.get() {
        tokio::select! {
            result = &mut work => return result,
            () = tokio::time::sleep(SOON) => {}
        }
    }
    Err(Interrupted.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_waits_is_broken_off() {
        let ended = until(std::future::pending::<anyhow::Result<()>>(), async {}).await;
        assert!(ended.unwrap_err().is::<Interrupted>());
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_written_gets_its_answer_first() {
        let (answer, answered) = tokio::sync::oneshot::channel::<()>();
        let (is_known, known) = tokio::sync::oneshot::channel();
        let work = async {
            whole(answered).await?;
            is_known.send(()).ok();
            std::future::pending::<anyhow::Result<()>>().await
        };
        let interrupt = async {
            tokio::task::yield_now().await;
            // Its answer comes just then.
            answer.send(()).ok();
        };
        assert!(until(work, interrupt).await.unwrap_err().is::<Interrupted>());
        assert_eq!(known.await, Ok(()), "the answer was waited for, and nothing after it");
    }
}
