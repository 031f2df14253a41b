//! A summary of release notes by any OpenAI-compatible API.
//!
//! What comes back is display text of a stranger who read strangers' text: it is validated, stripped and labelled, and
//! nothing is ever decided by it (OWASP Top 10 for LLM applications 2025, LLM01). What goes out is public text and
//! version numbers; nothing of the cluster.
//!
//! Format: github.com/openai/openai-openapi, `POST /chat/completions`.

mod completion;

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::StatusCode;
use sha2::{Digest as _, Sha256};
use tokio::sync::Semaphore;
use url::Url;

use self::completion::Dialect;
use crate::ambient::Ambient;
use crate::domain::hex;
use crate::domain::release::{Language, Summary};
use crate::domain::rotating::Rotating;
use crate::domain::secret::Secret;
use crate::domain::written_url::{self, WrittenUrlError};
use crate::outbound::{Client, OutboundError, Response};
use crate::telemetry::metrics::{Metrics, One};

/// One call, with its body.
const DEADLINE: Duration = Duration::from_secs(60);
/// The most that is read of an answer, in bytes.
const MOST_BYTES: usize = 256 * 1024;
/// Calls at once.
const AT_ONCE: usize = 2;
/// Calls in an hour; who watches more than this many new versions an hour reads the notes themselves.
const MOST_AN_HOUR: u32 = 120;
/// Part of the key of kept summaries: a change of the prompt makes new ones.
const PROMPT: &str = "1";

/// The API that is meant where no other is named.
pub const OPEN_AI: &str = "https://api.openai.com/v1";

/// Where and who the model is.
#[derive(Clone, Debug)]
pub struct Model {
    endpoint: Url,
    key: Option<Rotating<Secret>>,
    name: String,
}

/// Why an address can't be that of an API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ModelError {
    /// No http(s) URL.
    #[error("an https:// URL is expected, as https://api.openai.com/v1, without user, query and fragment")]
    Form,
    /// A part of it could be taken for another.
    #[error(transparent)]
    Written(WrittenUrlError),
    /// The key would be read by whoever listens.
    #[error("http:// would show the key to the network; use https://, leave the key out, or set NODE_ENV=development")]
    InTheClear,
}

impl Model {
    /// A model at the API whose base this is; `/chat/completions` at its end is tolerated.
    ///
    /// # Errors
    /// [`ModelError`] when the base is none.
    pub fn new(base: &str, key: Option<Secret>, name: String, development: bool) -> Result<Self, ModelError> {
        let base = base.trim().trim_end_matches('/');
        let base = base.strip_suffix("/chat/completions").unwrap_or(base);
        let mut endpoint = written_url::parse(base).map_err(|error| match error {
            WrittenUrlError::Form => ModelError::Form,
            other => ModelError::Written(other),
        })?;
        let local = matches!(endpoint.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
        let fits = matches!(endpoint.scheme(), "https" | "http")
            && endpoint.has_host()
            && endpoint.username().is_empty()
            && endpoint.password().is_none()
            && endpoint.query().is_none()
            && endpoint.fragment().is_none();
        if !fits {
            return Err(ModelError::Form);
        }
        if endpoint.scheme() == "http" && key.is_some() && !local && !development {
            return Err(ModelError::InTheClear);
        }
        let segments = endpoint.path_segments_mut();
        segments.map_err(|()| ModelError::Form)?.pop_if_empty().extend(["chat", "completions"]);
        Ok(Self { endpoint, key: key.map(Into::into), name })
    }

    /// What it is shown by us, which clients share: nothing where no key is needed.
    #[must_use]
    pub fn shared_key(&self) -> Option<&Rotating<Secret>> {
        self.key.as_ref()
    }

    /// Where it is asked.
    #[must_use]
    pub fn endpoint(&self) -> &Url {
        &self.endpoint
    }

    /// Its name, as the operator wrote it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// Why there is no summary.
#[derive(Debug, thiserror::Error)]
pub enum SummaryError {
    /// No whole answer.
    #[error("the model can't be reached")]
    Outbound(#[from] OutboundError),
    /// An answer that is none.
    #[error("the model's API answers with status {0}")]
    Status(StatusCode),
    /// It says something that can't be used.
    #[error("the model's answer can't be used: {0}")]
    Unusable(&'static str),
    /// It failed a moment ago, or was asked often enough.
    #[error("the model is not asked before {0}")]
    Waits(DateTime<Utc>),
}

impl SummaryError {
    /// Whether it is about this text alone: the API works, and says no to what somebody wrote, as it does where a text is too
    /// long for the model or meets a filter.
    #[must_use]
    pub fn is_of_the_text(&self) -> bool {
        match self {
            Self::Unusable(_) => true,
            Self::Status(status) => matches!(status.as_u16(), 400 | 413 | 422),
            Self::Outbound(_) | Self::Waits(_) => false,
        }
    }

    /// The word for it in metrics.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Outbound(OutboundError::Slow { .. }) => "slow",
            Self::Outbound(OutboundError::Large { .. }) => "large",
            Self::Outbound(_) => "unreachable",
            Self::Status(_) => "status",
            Self::Unusable(_) => "unusable",
            Self::Waits(_) => "waits",
        }
    }
}

/// The client of one model.
#[derive(Debug)]
pub struct Summarizer {
    model: Model,
    client: Client,
    dialect: Mutex<Dialect>,
    budget: Mutex<Budget>,
    turns: Semaphore,
    ambient: Ambient,
    metrics: Metrics,
}

/// What may still be asked.
#[derive(Debug)]
struct Budget {
    hour: DateTime<Utc>,
    calls: u32,
    failures: u32,
    not_before: DateTime<Utc>,
}

impl Summarizer {
    /// A client; `client` may reach where the operator says the model is.
    #[must_use]
    pub fn new(model: Model, client: Client, ambient: Ambient, metrics: Metrics) -> Self {
        let own = model.endpoint.host_str() == Some("api.openai.com");
        let tokens = if own { "max_completion_tokens" } else { "max_tokens" };
        let start = DateTime::UNIX_EPOCH;
        Self {
            model,
            client,
            dialect: Mutex::new(Dialect { tokens, structured: true }),
            budget: Mutex::new(Budget { hour: start, calls: 0, failures: 0, not_before: start }),
            turns: Semaphore::new(AT_ONCE),
            ambient,
            metrics,
        }
    }

    /// What a summary of this text is kept under: the same text is never sent twice to the same model.
    #[must_use]
    pub fn key(&self, input: &str, language: Language) -> String {
        let mut hash = Sha256::new();
        for part in [
            self.model.name.as_str(),
            self.model.endpoint.as_str(),
            PROMPT,
            language.code(),
            completion::bounded(input),
        ] {
            hash.update(u64::try_from(part.len()).unwrap_or_default().to_be_bytes());
            hash.update(part.as_bytes());
        }
        format!("summary:{}", hex::encode(hash.finalize().get(..16).unwrap_or_default()))
    }

    /// Summarises cleaned notes.
    ///
    /// # Errors
    /// [`SummaryError`]; the notes themselves are shown then.
    pub async fn summary(&self, input: &str, language: Language) -> Result<Summary, SummaryError> {
        let Ok(_turn) = self.turns.acquire().await else { return Err(SummaryError::Unusable("the process ends")) };
        self.take()?;
        let read = match self.asked(completion::bounded(input), language).await {
            Ok(answer) => completion::read(&answer, &self.model.name),
            Err(error) => Err(error),
        };
        self.learn(read.as_ref().err().is_none_or(SummaryError::is_of_the_text));
        let result = read.as_ref().map_or_else(SummaryError::reason, |_| "ok");
        self.metrics.summaries.get_or_create(&One { result: result.into() }).inc();
        read
    }

    /// One call, and one more where the API names a parameter that it doesn't know.
    async fn asked(&self, input: &str, language: Language) -> Result<Vec<u8>, SummaryError> {
        let dialect = *self.dialect.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = self.call(input, language, dialect).await?;
        if answer.status.is_success() {
            return Ok(answer.body);
        }
        let other = completion::other_dialect(&answer, dialect).ok_or(SummaryError::Status(answer.status))?;
        let again = self.call(input, language, other).await?;
        if !again.status.is_success() {
            return Err(SummaryError::Status(again.status));
        }
        *self.dialect.lock().unwrap_or_else(PoisonError::into_inner) = other;
        Ok(again.body)
    }

    async fn call(&self, input: &str, language: Language, dialect: Dialect) -> Result<Response, SummaryError> {
        let fence = hex::encode(&self.ambient.bytes::<12>());
        let body = completion::request(&self.model, input, language, dialect, &fence);
        let mut request = self.client.request(reqwest::Method::POST, self.model.endpoint.clone()).json(&body);
        if let Some(key) = &self.model.key {
            request = request.bearer_auth(key.get().expose());
        }
        Ok(self.client.send(request, DEADLINE, MOST_BYTES).await?)
    }

    fn take(&self) -> Result<(), SummaryError> {
        let now = self.ambient.now();
        let mut budget = self.budget.lock().unwrap_or_else(PoisonError::into_inner);
        if now < budget.not_before {
            return Err(SummaryError::Waits(budget.not_before));
        }
        let over = budget.hour + TimeDelta::hours(1);
        if now >= over {
            (budget.hour, budget.calls) = (now, 0);
        } else if budget.calls >= MOST_AN_HOUR {
            return Err(SummaryError::Waits(over));
        }
        budget.calls += 1;
        Ok(())
    }

    /// After three times in a row without an answer the model is left alone, longer each time.
    fn learn(&self, worked: bool) {
        let mut budget = self.budget.lock().unwrap_or_else(PoisonError::into_inner);
        budget.failures = if worked { 0 } else { budget.failures.saturating_add(1) };
        if budget.failures >= 3 {
            let seconds = 30_i64 << (budget.failures - 3).min(5);
            budget.not_before = self.ambient.now() + TimeDelta::seconds(seconds);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Negative test 41.
    #[test]
    fn an_address_leads_to_completions_or_is_refused() {
        let key = || Some(Secret::new("k".into()));
        let end = |base: &str, key: Option<Secret>, dev| {
            Model::new(base, key, "m".into(), dev).map(|model| model.endpoint.to_string())
        };
        for (base, expected) in [
            ("https://api.openai.com/v1", "https://api.openai.com/v1/chat/completions"),
            ("https://api.openai.com/v1/", "https://api.openai.com/v1/chat/completions"),
            ("https://llm.example.com", "https://llm.example.com/chat/completions"),
            ("https://llm.example.com/", "https://llm.example.com/chat/completions"),
            ("https://llm.example.com/v1/chat/completions", "https://llm.example.com/v1/chat/completions"),
            ("https://llm.example.com/v1/chat/completions/", "https://llm.example.com/v1/chat/completions"),
            ("https://x.example/openai/deployments/a", "https://x.example/openai/deployments/a/chat/completions"),
        ] {
            assert_eq!(end(base, key(), false).as_deref(), Ok(expected), "{base}");
        }
        for base in ["https://x/v1?a=b", "https://x/v1#a", "ftp://x/v1", "", "api.openai.com/v1", "https://u:p@x/v1"] {
            assert_eq!(end(base, key(), true), Err(ModelError::Form), "{base}");
        }
        assert_eq!(end("http://llm.ops.svc/v1", key(), false), Err(ModelError::InTheClear));
        assert!(end("http://llm.ops.svc/v1", None, false).is_ok() && end("http://llm.ops.svc/v1", key(), true).is_ok());
        assert!(end("http://127.0.0.1:11434/v1", key(), false).is_ok());
    }

    /// A model whose API answers everything with this.
    async fn answering(status: &'static str, body: &'static str) -> (Summarizer, tokio::task::JoinSet<()>) {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}/v1", listener.local_addr().unwrap());
        let mut server = tokio::task::JoinSet::new();
        server.spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                let _ = socket.read(&mut vec![0; 64 * 1024]).await;
                let head = format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
                let _ = socket.write_all([head.as_bytes(), body.as_bytes()].concat().as_slice()).await;
            }
        });
        let model = Model::new(&base, None, "m".into(), true).unwrap();
        let outbound = crate::outbound::Outbound::new(None).unwrap();
        let client = outbound.client(crate::outbound::Reach::Named).unwrap();
        (Summarizer::new(model, client, Ambient::system(), Metrics::new()), server)
    }

    #[tokio::test]
    async fn what_a_model_makes_of_a_text_keeps_nobody_elses_waiting() {
        const CUT: &str = r#"{"choices":[{"finish_reason":"length","message":{"content":"{"}}]}"#;
        const FILTERED: &str = r#"{"error":{"code":"content_filter","message":"the prompt was filtered"}}"#;
        for (status, body, is_of_the_text) in [
            ("200 OK", CUT, true),
            ("400 Bad Request", FILTERED, true),
            ("503 No", "", false),
            ("401 No", "", false),
            ("404 No", "", false),
        ] {
            let (summarizer, _server) = answering(status, body).await;
            for _ in 0..4 {
                let _ = summarizer.summary("- x", Language::English).await.unwrap_err();
            }
            let error = summarizer.summary("- y", Language::English).await.unwrap_err();
            assert_eq!(!matches!(error, SummaryError::Waits(_)), is_of_the_text, "{status}: {error}");
        }
    }
}
