//! How a command ends: its exit status, and what it says where there is no answer.

use std::process::ExitCode;

use super::interrupt;

/// A no that is an answer: an update exists, a check failed.
pub(super) const NO: u8 = 1;
/// A command that was not understood.
pub(super) const WRONG_USAGE: u8 = 2;
/// `EX_CONFIG` of sysexits(3).
pub(super) const BAD_CONFIGURATION: u8 = 78;

/// Writes to standard output.
pub(super) fn printed_on(text: &str) -> std::io::Result<()> {
    use std::io::Write as _;
    let mut output = std::io::stdout().lock();
    output.write_all(text.as_bytes()).and_then(|()| output.flush())
}

/// Writes an answer to standard output. Who reads may have seen enough before its end, as `head` does.
pub(super) fn printed(text: &str, code: ExitCode) -> ExitCode {
    match printed_on(text) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            no_answer(&anyhow::Error::new(error).context("the answer can't be written"))
        }
        _ => code,
    }
}

/// A command that could not give its answer, or was broken off.
pub(super) fn no_answer(error: &anyhow::Error) -> ExitCode {
    if error.is::<interrupt::Interrupted>() {
        eprintln!("image-watcher: interrupted");
        return ExitCode::from(interrupt::INTERRUPTED);
    }
    let error: &(dyn std::error::Error + 'static) = error.as_ref();
    eprintln!("image-watcher: {}", crate::telemetry::chain(error));
    ExitCode::from(NO)
}

/// The service that ends for what it can't go on without.
pub(super) fn failed(error: &anyhow::Error) -> ExitCode {
    let error: &(dyn std::error::Error + 'static) = error.as_ref();
    tracing::error!(error = %crate::telemetry::chain(error), "image-watcher ends");
    ExitCode::FAILURE
}

/// Runs a command's work to its end, on this thread, or until Ctrl-C.
pub(super) fn blocking<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let pressed = async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    let result = runtime.block_on(interrupt::until(work, pressed));
    // A person who is asked something is not waited for.
    runtime.shutdown_background();
    result
}
