//! The command `serve`: the service itself.

use std::process::ExitCode;
use std::time::Duration;

use super::ending::failed;
use crate::app;
use crate::config::Config;

/// Runs the service to its end; its log is written with colours or without.
pub(super) fn run(mut config: Config, is_coloured: bool) -> ExitCode {
    let (tracer, spans) = config.traces.take().map(crate::traces::start).unzip();
    crate::telemetry::start_logging(config.log_format, config.log_level, is_coloured, tracer);
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error.into()),
    };
    let ended = runtime.block_on(app::serve(config, spans));
    // What does not end by itself after the drain is not waited for.
    runtime.shutdown_timeout(Duration::from_secs(1));
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&error),
    }
}
