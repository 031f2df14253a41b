//! Logs, what can be counted, and the spans of traces.

mod json;
mod label;
pub mod metrics;
mod repeats;
pub mod spans;

use std::fmt;

use opentelemetry_sdk::trace::SdkTracer;
use tracing_subscriber::filter::{LevelFilter, Targets};

pub use repeats::Repeats;

/// An error with all its causes on one line: each cause is written once, also where a library repeats it in its own words.
#[must_use]
pub fn chain(error: &(dyn std::error::Error + 'static)) -> impl fmt::Display {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let part = error.to_string();
        if !text.contains(&part) {
            text.push_str(": ");
            text.push_str(&part);
        }
        cause = error.source();
    }
    text
}

/// How lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For a person at a terminal.
    Readable,
}

/// The moment that a line of the log is of.
#[expect(clippy::disallowed_methods, reason = "a line says when it was written, whatever clock the program goes by")]
fn now() -> chrono::DateTime<chrono::Utc> {
    chrono::Utc::now()
}

/// A line in one write, so that others do not come in between. Where nobody reads it there is nobody to tell.
fn to_stderr(line: &[u8]) {
    use std::io::Write as _;
    let _ = std::io::stderr().lock().write_all(line);
}

/// Starts logging to standard error, where wanted with the colours of a terminal. Called once, by `main`.
///
/// Lines of libraries are shown from WARN on, whatever our own level is: their debug lines may hold headers. Spans go to the
/// tracer, where there is one; without it they are never made.
pub fn start_logging(format: LogFormat, level: tracing::Level, is_coloured: bool, tracer: Option<SdkTracer>) {
    use tracing_subscriber::Layer as _;
    use tracing_subscriber::layer::SubscriberExt as _;
    use tracing_subscriber::util::SubscriberInitExt as _;

    let ours = written(level);
    let lines = match format {
        LogFormat::Json => json::Lines::new(now, to_stderr).with_filter(ours).boxed(),
        LogFormat::Readable => readable(is_coloured, std::io::stderr).with_filter(ours).boxed(),
    };
    // A second start, as in tests, keeps the first.
    let _ = tracing_subscriber::registry().with(lines).with(tracer.map(exported)).try_init();
}

/// Which lines are written, where ours are from this level on.
fn written(level: tracing::Level) -> Targets {
    // The library reports each attempt, of a watch and of any request; what comes of them we report once.
    Targets::new()
        .with_target("image_watcher", level)
        .with_target(spans::TARGET, LevelFilter::OFF)
        .with_target("kube_runtime::watcher", LevelFilter::ERROR)
        .with_target("kube_client::client", LevelFilter::OFF)
        .with_target("kube_client::client::auth", LevelFilter::WARN)
        .with_target("kube_client::client::tls", LevelFilter::WARN)
        // What whoever comes sends is an error to it, line by line; the listener tells of it together.
        .with_target("actix_http::h1::dispatcher", LevelFilter::OFF)
        .with_target("actix_http::h1::decoder", LevelFilter::OFF)
        .with_default(LevelFilter::WARN)
}

/// Lines for a person, where wanted with the colours of a terminal.
fn readable<S, W>(is_coloured: bool, writer: W) -> impl tracing_subscriber::Layer<S> + Send + Sync
where
    S: tracing::Subscriber + for<'s> tracing_subscriber::registry::LookupSpan<'s>,
    W: for<'w> tracing_subscriber::fmt::MakeWriter<'w> + Send + Sync + 'static,
{
    tracing_subscriber::fmt::layer().compact().with_ansi(is_coloured).with_writer(writer)
}

/// Takes the spans of traces, and no line of the log.
pub(crate) fn exported<S>(tracer: SdkTracer) -> impl tracing_subscriber::Layer<S>
where
    S: tracing::Subscriber + for<'s> tracing_subscriber::registry::LookupSpan<'s>,
{
    use tracing_subscriber::Layer as _;
    use tracing_subscriber::filter::filter_fn;

    // Where in the code, on which thread and how long it was not polled is of no interest to who reads a trace.
    let spans = tracing_opentelemetry::layer().with_tracer(tracer);
    let spans = spans.with_location(false).with_threads(false).with_tracked_inactivity(false).with_target(false);
    spans.with_filter(filter_fn(|metadata| metadata.is_span() && metadata.target() == spans::TARGET))
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// What is logged on this thread while it lives.
    pub(crate) struct Log(
        Arc<Mutex<Vec<u8>>>,
        #[expect(dead_code, reason = "it ends with us")] tracing::subscriber::DefaultGuard,
    );

    struct Written(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl Log {
        /// Lines of INFO and above.
        pub(crate) fn begin() -> Self {
            // Whether anybody wants a line is remembered for all threads: somebody who wants all of them keeps it right.
            static ALL: std::sync::Once = std::sync::Once::new();
            ALL.call_once(|| drop(tracing::subscriber::set_global_default(tracing_subscriber::registry())));
            let written = Arc::<Mutex<Vec<u8>>>::default();
            let writer = Arc::clone(&written);
            let subscriber = tracing_subscriber::fmt().with_writer(move || Written(Arc::clone(&writer)));
            Self(written, tracing::subscriber::set_default(subscriber.with_ansi(false).finish()))
        }

        pub(crate) fn lines(&self) -> Vec<String> {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap().lines().map(ToOwned::to_owned).collect()
        }
    }

    /// Whoever searches a file of it finds what stands there.
    #[test]
    fn a_log_has_colours_only_where_they_are_wanted() {
        use tracing_subscriber::layer::SubscriberExt as _;

        for is_coloured in [true, false] {
            let written = Arc::<Mutex<Vec<u8>>>::default();
            let writer = Arc::clone(&written);
            let lines = readable(is_coloured, move || Written(Arc::clone(&writer)));
            let subscriber = tracing_subscriber::registry().with(lines);
            tracing::subscriber::with_default(subscriber, || tracing::info!(version = "1", "it begins"));
            let text = String::from_utf8(written.lock().unwrap().clone()).unwrap();
            assert!(text.contains("it begins"), "{text:?}");
            assert_eq!(
                (text.contains('\u{1b}'), text.contains("version=\"1\"")),
                (is_coloured, !is_coloured),
                "{text:?}"
            );
        }
    }

    /// What anybody can send makes no line of a library.
    #[test]
    fn what_strangers_send_to_a_listener_is_no_line_of_its_library() {
        use tracing::Level;
        let written = written(Level::DEBUG);
        for target in ["actix_http::h1::dispatcher", "actix_http::h1::decoder"] {
            assert!(!written.would_enable(target, &Level::ERROR), "{target}");
        }
        for target in ["actix_http::h1::service", "actix_server::accept", "image_watcher::listener::malformed"] {
            assert!(written.would_enable(target, &Level::WARN), "{target}");
        }
    }

    #[derive(Debug, thiserror::Error)]
    #[error("the outer thing failed")]
    struct Outer(#[source] std::io::Error);

    #[derive(Debug, thiserror::Error)]
    #[error("{0}, says the library")]
    struct Repeats(#[source] std::io::Error);

    #[test]
    fn causes_are_written_once() {
        let error = Outer(std::io::Error::other("disk on fire"));
        assert_eq!(chain(&error).to_string(), "the outer thing failed: disk on fire");
        let repeated = std::io::Error::other(Repeats(std::io::Error::other("disk on fire")));
        assert_eq!(chain(&repeated).to_string(), "disk on fire, says the library");
    }
}
