//! What probes and Prometheus ask: whether the process lives, whether it has something to work on, and its numbers.

use std::time::Duration;

use actix_web::http::header::ACCEPT;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use chrono::{DateTime, Utc};

use super::Api;
use crate::cluster::{Scope, ScopeState};
use crate::domain::history::rfc3339;
use crate::queue::{Depth, QueueAdmin};
use crate::telemetry::metrics::StateLabel;

/// The queue is waited for so long.
const DEADLINE: Duration = Duration::from_secs(1);

/// Whether a restart would help: the runtime and the queue's writer answer. `?verbose` lists both.
pub(super) async fn livez<Q: QueueAdmin>(api: Data<Api<Q>>, request: HttpRequest) -> HttpResponse {
    let silent = api.pulse.silent();
    let lines = if is_verbose(&request) { api.pulse.lines() } else { String::new() };
    match silent {
        None => answer(true, lines + "ok\n"),
        Some(part) => answer(false, format!("{lines}{} does not answer\n", part.as_str())),
    }
}

/// Whether there is something to work on. `?verbose` lists every scope, as the API server's own probes do.
pub(super) async fn readyz<Q: QueueAdmin>(api: Data<Api<Q>>, request: HttpRequest) -> HttpResponse {
    let why_not = api.why_not_ready();
    if why_not.is_none() && !is_verbose(&request) {
        return answer(true, "ok\n".to_owned());
    }
    answer(why_not.is_none(), format!("{}{}\n", api.readiness_lines().await, why_not.unwrap_or("ready")))
}

/// Both: whether the process is alive, and has something to work on.
pub(super) async fn healthz<Q: QueueAdmin>(api: Data<Api<Q>>, request: HttpRequest) -> HttpResponse {
    let (silent, why_not) = (api.pulse.silent(), api.why_not_ready());
    let is_well = silent.is_none() && why_not.is_none();
    if is_well && !is_verbose(&request) {
        return answer(true, "ok\n".to_owned());
    }
    let mut verdict: Vec<String> =
        silent.map(|part| format!("{} does not answer", part.as_str())).into_iter().collect();
    verdict.extend(why_not.map(str::to_owned));
    let verdict = if is_well { "ok".to_owned() } else { verdict.join("; ") };
    answer(is_well, format!("{}{}{verdict}\n", api.pulse.lines(), api.readiness_lines().await))
}

fn is_verbose(request: &HttpRequest) -> bool {
    request.query_string().split('&').any(|word| word.split('=').next() == Some("verbose"))
}

fn answer(is_well: bool, text: String) -> HttpResponse {
    let mut answer = if is_well { HttpResponse::Ok() } else { HttpResponse::ServiceUnavailable() };
    answer.content_type("text/plain; charset=utf-8").body(text)
}

/// The numbers, for Prometheus: as `OpenMetrics` where that is asked for.
pub(super) async fn numbers<Q: QueueAdmin>(api: Data<Api<Q>>, request: HttpRequest) -> HttpResponse {
    if let Ok(Ok(depth)) = tokio::time::timeout(DEADLINE, api.queue.depth()).await {
        api.show(&depth);
    }
    api.count_workloads().await;
    api.count_budgets();
    let accepted = request.headers().get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (content, text) = if accepted.contains("application/openmetrics-text") {
        ("application/openmetrics-text; version=1.0.0; charset=utf-8", api.metrics.text())
    } else {
        ("text/plain; version=0.0.4; charset=utf-8", api.metrics.classic())
    };
    HttpResponse::Ok().content_type(content).body(text)
}

impl<Q: QueueAdmin> Api<Q> {
    /// Why nothing is to be sent here now; nothing where it may be.
    pub(super) fn why_not_ready(&self) -> Option<&'static str> {
        if self.leaving.is_raised() {
            return Some("not ready: the process is about to end");
        }
        (!self.scopes.is_ready()).then_some("not ready: no workload can be watched yet")
    }

    /// What there is to work on, check by check.
    async fn readiness_lines(&self) -> String {
        let now = self.ambient.now();
        let line = |(scope, state, since): (Scope, ScopeState, Option<DateTime<Utc>>)| {
            let sign = if state.is_well() { '+' } else { '-' };
            let age = since.map(|since| format!(" (for {} s)", (now - since).num_seconds().max(0))).unwrap_or_default();
            format!("[{sign}]watch of {scope}: {state}{age}\n")
        };
        let mut lines: String = self.scopes.states_since().into_iter().map(line).collect();
        lines.push_str(&self.queue_line().await);
        lines.extend((self.between)().into_iter().map(|words| format!("[-]replicas: {words}\n")));
        let stopped = self.sequencer.brake().await.stopped;
        lines.extend(stopped.map(|it| format!("[-]automatic updates: stopped since {}: {it}\n", rfc3339(it.since))));
        lines
    }

    /// How the queue does. Readiness does not hang on it: webhooks are to be answered 503 with Retry-After and links that it is
    /// to be tried later, by this process, and nothing else could once the Service had no pod.
    async fn queue_line(&self) -> String {
        match tokio::time::timeout(DEADLINE, self.queue.depth()).await {
            Ok(Ok(depth)) => format!("[{}]queue: {}\n", if depth.failing.is_none() { '+' } else { '-' }, depth.words()),
            Ok(Err(error)) => format!("[-]queue: {}\n", crate::telemetry::chain(&error)),
            Err(_) => "[-]queue: its writer does not answer\n".to_owned(),
        }
    }

    fn show(&self, depth: &Depth) {
        let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        let sum = |topics: &[(String, u64)]| topics.iter().map(|(_, count)| count).sum::<u64>();
        let (ready, dead, suspect) = (sum(&depth.ready), sum(&depth.dead), sum(&depth.suspect));
        let waiting = ready.saturating_sub(depth.leased);
        for (state, count) in [("ready", waiting), ("leased", depth.leased), ("dead", dead), ("suspect", suspect)] {
            self.metrics.queue_jobs.get_or_create(&StateLabel { state: state.into() }).set(number(count));
        }
        self.metrics.messages(&Depth::by_channel(&depth.ready), &Depth::by_channel(&depth.dead));
        let age = depth.oldest.map_or(0, |oldest| (self.ambient.now() - oldest).num_seconds().max(0));
        self.metrics.queue_oldest.set(age);
    }
}
