//! `image-watcher webhook`: captured deliveries, replayed through the real route into a queue of their own.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use actix_web::http::Method;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::test::{TestRequest, call_service, init_service};
use actix_web::web::Data;
use anyhow::Context as _;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::ending::{NO, blocking, no_answer};
use crate::ambient::{Ambient, Clock};
use crate::config::source::{Auth, GOOGLE_ISSUERS, Hosts, KeySet, Scheme, Source, SourceKind, TokenRules};
use crate::domain::secret::Secret;
use crate::intake::{Intake, Push, Pushes, routes};
use crate::queue::sqlite::SqliteQueue;
use crate::telemetry::metrics::Metrics;

/// How a delivery arrived, and how its source is set up: `<name>.meta.json`.
#[derive(Deserialize)]
struct Meta {
    registry: String,
    #[serde(default)]
    method: Option<String>,
    #[serde(default)]
    headers: std::collections::BTreeMap<String, Texts>,
    #[serde(default)]
    query: std::collections::BTreeMap<String, Texts>,
    auth: AuthMeta,
    #[serde(default)]
    secret: Option<Texts>,
    #[serde(default)]
    config: Option<ConfigMeta>,
    #[serde(default)]
    body_file: Option<String>,
}

/// A text, or several where a header comes twice or a secret is being changed.
#[derive(Deserialize)]
#[serde(untagged)]
enum Texts {
    One(String),
    Many(Vec<String>),
}

impl Texts {
    fn all(&self) -> &[String] {
        match self {
            Self::One(text) => std::slice::from_ref(text),
            Self::Many(texts) => texts,
        }
    }
}

#[derive(Deserialize)]
struct AuthMeta {
    scheme: String,
    #[serde(default)]
    expect: Option<String>,
}

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
struct ConfigMeta {
    registry_host: Option<String>,
    repository_hosts: std::collections::BTreeMap<String, String>,
    host_template: Option<String>,
    token_header: Option<String>,
    jwks: Option<String>,
    audience: Option<String>,
    service_account_email: Option<String>,
    issuers: Vec<String>,
    now: Option<i64>,
}

/// One line of the answer.
#[derive(Debug, Serialize)]
pub(super) struct Line {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    pushes: Vec<PushLine>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

#[derive(Debug, Serialize)]
struct PushLine {
    repository: String,
    tag: Option<String>,
    digest: Option<String>,
}

impl Line {
    /// Whether it could be replayed at all.
    pub(super) fn is_replayed(&self) -> bool {
        self.error.is_none()
    }
}

/// A clock that stands where a delivery wants it.
struct At(DateTime<Utc>, Ambient);

impl Clock for At {
    fn now(&self) -> DateTime<Utc> {
        self.0
    }
    fn monotonic(&self) -> std::time::Duration {
        self.1.monotonic()
    }
}

/// Replays one delivery. The queue is made in `folder`, which is the caller's to remove.
pub(super) async fn replay(meta: &Path, folder: &Path) -> Line {
    let file = meta.file_name().unwrap_or_default().to_string_lossy();
    let name = file.strip_suffix(".meta.json").unwrap_or(&file).to_owned();
    match send(meta, &name, folder).await {
        Ok((status, pushes)) => Line { name, status: Some(status), pushes, error: None },
        Err(error) => {
            let error: &(dyn std::error::Error + 'static) = error.as_ref();
            let error = crate::telemetry::chain(error).to_string();
            Line { name, status: None, pushes: Vec::new(), error: Some(error) }
        }
    }
}

async fn send(path: &Path, name: &str, folder: &Path) -> anyhow::Result<(u16, Vec<PushLine>)> {
    let text = std::fs::read_to_string(path).with_context(|| format!("{} can't be read", path.display()))?;
    let meta: Meta = serde_json::from_str(&text).with_context(|| format!("{} is no description", path.display()))?;
    let beside = path.parent().unwrap_or_else(|| Path::new("."));
    let body = beside.join(meta.body_file.clone().unwrap_or_else(|| format!("{name}.json")));
    let body = std::fs::read(&body).with_context(|| format!("{} can't be read", body.display()))?;
    let ambient = meta.ambient();
    let source = meta.source(beside)?;
    let queue = SqliteQueue::open(folder, &ambient).context("the queue can't be opened")?;
    let taken: Arc<Mutex<Vec<Push>>> = Arc::default();
    let metrics = Metrics::new();
    let pushes = Arc::new(Pushes::new(std::slice::from_ref(&source), &metrics));
    let witness = Arc::clone(&taken);
    let intake = Intake::new(&[source], queue, Arc::new(|_| true), pushes, None, ambient, metrics).witnessed_by(
        Arc::new(move |pushes| witness.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(pushes)),
    );
    let app = actix_web::App::new().app_data(Data::new(intake)).configure(routes::<SqliteQueue>);
    let service = init_service(app).await;
    let answer = call_service(&service, meta.request(body)?.to_request()).await;
    let pushes = std::mem::take(&mut *taken.lock().unwrap_or_else(PoisonError::into_inner));
    Ok((answer.status().as_u16(), pushes.iter().map(PushLine::of).collect()))
}

impl PushLine {
    fn of(push: &Push) -> Self {
        Self {
            repository: push.repository.to_string(),
            tag: push.tag.as_ref().map(ToString::to_string),
            digest: push.digest.as_ref().map(ToString::to_string),
        }
    }
}

impl Meta {
    fn request(&self, body: Vec<u8>) -> anyhow::Result<TestRequest> {
        let method = Method::from_bytes(self.method.as_deref().unwrap_or("POST").as_bytes())?;
        let pairs = self.query.iter().flat_map(|(name, texts)| texts.all().iter().map(move |text| (name, text)));
        let query: String = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        let mut request = TestRequest::with_uri(&format!("/webhooks/{}?{query}", self.registry)).method(method);
        for (name, values) in &self.headers {
            for value in values.all() {
                let header = (HeaderName::try_from(name.as_str())?, HeaderValue::from_bytes(value.as_bytes())?);
                request = request.append_header(header);
            }
        }
        Ok(request.set_payload(body))
    }

    fn config(&self) -> ConfigMeta {
        self.config.clone().unwrap_or_default()
    }

    /// The machine's clock, or one that stands at the delivery's own time.
    fn ambient(&self) -> Ambient {
        let system = Ambient::system();
        match self.config().now.and_then(|now| DateTime::from_timestamp(now, 0)) {
            Some(now) => system.clone().at(Arc::new(At(now, system))),
            None => system,
        }
    }

    fn source(&self, beside: &Path) -> anyhow::Result<Source> {
        let kind = SourceKind::of(&self.registry).with_context(|| format!("{:?} is no kind", self.registry))?;
        let scheme = Scheme::of(&self.auth.scheme).with_context(|| format!("{:?} is no scheme", self.auth.scheme))?;
        // A delivery that came without a credential and has to be refused met a source that asks for one.
        let refused = scheme == Scheme::None && self.auth.expect.as_deref() == Some("reject");
        let scheme = if refused { kind.usual_scheme() } else { scheme };
        let config = self.config();
        let token = (scheme == Scheme::GoogleOidc).then(|| self.rules(beside)).transpose()?;
        Ok(Source {
            name: self.registry.clone(),
            kind,
            auth: Auth {
                scheme,
                secrets: self.secret.iter().flat_map(Texts::all).cloned().map(Secret::new).collect::<Vec<_>>().into(),
                header: config.token_header.clone().unwrap_or_else(|| "X-Webhook-Secret".into()),
                token,
            },
            hosts: Hosts {
                registry: config.registry_host.clone(),
                by_name: config.repository_hosts.clone(),
                template: config.host_template.clone(),
            },
            rate: None,
        })
    }

    fn rules(&self, beside: &Path) -> anyhow::Result<TokenRules> {
        let config = self.config();
        let named = config.jwks.as_ref().map(|path| beside.join(path));
        let candidates: Vec<PathBuf> =
            named.into_iter().chain(["_jwks.json", "jwks.json"].map(|name| beside.join(name))).collect();
        let found = candidates.iter().find(|path| path.is_file()).context("the key set that it names is not there")?;
        let issuers =
            if config.issuers.is_empty() { GOOGLE_ISSUERS.map(str::to_owned).to_vec() } else { config.issuers.clone() };
        Ok(TokenRules {
            audience: config.audience.clone().context("config.audience is missing")?,
            email: config.service_account_email.clone().context("config.service_account_email is missing")?,
            issuers,
            keys: KeySet::Given(std::fs::read_to_string(found)?),
        })
    }
}

/// Replays each, and prints a line.
pub(super) fn run(metas: &[PathBuf]) -> ExitCode {
    use std::io::Write as _;
    let ambient = crate::ambient::Ambient::system();
    let mut code = ExitCode::SUCCESS;
    for meta in metas {
        let folder = std::env::temp_dir().join(format!("image-watcher-{}", ambient.trace_id()));
        let line = blocking(async { Ok(replay(meta, &folder).await) });
        let _ = std::fs::remove_dir_all(&folder);
        let line = match line {
            Ok(line) => line,
            Err(error) => return no_answer(&error),
        };
        if !line.is_replayed() {
            code = ExitCode::from(NO);
        }
        let text = serde_json::to_string(&line).unwrap_or_default();
        if writeln!(std::io::stdout(), "{text}").is_err() {
            return code;
        }
    }
    code
}
