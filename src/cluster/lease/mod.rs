//! Which of several replicas does what one has to do alone: the holder of a Lease of `coordination.k8s.io`, in the service's
//! own namespace.
//!
//! Nothing that is done there would do harm if two did it, as the record and the API server's `test` operations guard what
//! is written; it would only be done twice.

mod candidate;

use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use kube::api::{Api, PostParams};
use kube::core::{ApiResource, DynamicObject, GroupVersionKind, TypeMeta};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use self::candidate::{Candidate, Draft, Failure, LASTS, Lease, Step};
use super::apply::{Failed, within};
use super::rejection::{Rejection, RejectionReason};
use super::request::FIELD_MANAGER;
use crate::ambient::Ambient;
use crate::stop::Stop;
use crate::telemetry::metrics::Metrics;
use crate::term::{Holding, Terms};

/// What the Lease is called where the buckets of the queue have their usual names, and what every other name begins with.
pub const LEASE: &str = "image-watcher";
/// No request about the Lease takes longer.
const CALL: Duration = Duration::from_secs(4);
/// Why it can't be read or written is said again after so many failures.
const SAID_AGAIN: u32 = 100;
/// Whoever has no right to a Lease of its own asks for it again after this time: longer than it takes to see that another's is
/// renewed no longer.
const OWN_AGAIN: Duration = Duration::from_secs(120);
/// By which a Lease says whose it is: what tells the buckets of its service from others of the same names.
pub(super) const QUEUE: &str = "image-watcher/queue";
/// The most characters of a holder's name that are shown.
const LONGEST_NAME: usize = 100;

/// What the Lease of those is called that share a queue, by what the names of its buckets begin with: two queues in one
/// namespace have two Leases. The same is written in the chart, `image-watcher.lease`.
#[must_use]
pub fn lease_of(buckets: &str) -> String {
    if buckets == LEASE {
        return LEASE.to_owned();
    }
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if buckets.chars().all(plain) && !buckets.ends_with('-') {
        return format!("{LEASE}-{buckets}");
    }
    // The API server takes no such name, and `A_b` is not `a-b`.
    let taken = buckets.to_ascii_lowercase().replace('_', "-");
    let [a, b, c, d, ..] = <[u8; 32]>::from(Sha256::digest(buckets));
    let told_apart = format!("{:08x}", u32::from_be_bytes([a, b, c, d]));
    format!("{LEASE}-{taken}-{told_apart}")
}

/// What a queue's own Lease is called, where the one of the usual name is that of a queue with the same names elsewhere.
#[must_use]
pub fn own_lease(lease: &str, queue: &str) -> String {
    format!("{lease}-{queue}")
}

/// What the pod is called, which is the name of its host.
#[must_use]
pub fn pod_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim();
    if name.is_empty() { "image-watcher".to_owned() } else { name.to_owned() }
}

/// One replica's part in the election.
#[derive(Debug)]
pub struct Election {
    api: Api<DynamicObject>,
    resource: ApiResource,
    /// What the Lease is called.
    name: String,
    /// What it is called that another queue has, where this one has its own.
    anothers: Option<String>,
    /// What tells the queue from others of the same name, where it is known.
    queue: Option<String>,
    me: String,
    terms: Terms,
    /// When there was no right to the Lease of its own.
    own_refused: Option<Duration>,
    /// Why it last failed, and how often since it was said.
    failing: Option<(String, u32)>,
    ambient: Ambient,
    metrics: Metrics,
}

impl Election {
    /// The election by a Lease of a namespace, for a replica that is called by the name of its pod; and what becomes of it there.
    #[must_use]
    pub fn new(
        client: kube::Client,
        (namespace, name): (&str, &str),
        pod: &str,
        (ambient, metrics): (Ambient, Metrics),
        stop: &Stop,
    ) -> (Self, Holding) {
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("coordination.k8s.io", "v1", "Lease"));
        let api = Api::namespaced_with(client, namespace, &resource);
        // A pod whose container starts again has the name that it had.
        let me = format!("{pod}_{:08x}", u32::from_le_bytes(ambient.bytes()));
        metrics.holder.set(0);
        let (terms, holding) = Terms::new(stop);
        (
            Self {
                api,
                resource,
                name: name.to_owned(),
                anothers: None,
                own_refused: None,
                queue: None,
                me,
                terms,
                failing: None,
                ambient,
                metrics,
            },
            holding,
        )
    }

    /// The same for replicas whose queue has this identity. Two services whose buckets have the same names, on two NATS, find the
    /// same Lease: it is the one's who came first, and the other's has its queue's identity in its name.
    #[must_use]
    pub fn of_queue(self, identity: Option<String>) -> Self {
        Self { queue: identity, ..self }
    }

    /// Takes part until `stop` is raised; then gives the Lease back, if it is held.
    pub async fn run(mut self, mut stop: Stop) {
        let mut candidate = Candidate::new(self.me.clone());
        let mut object = None;
        while !stop.is_raised() {
            let step = candidate.step(self.ambient.monotonic());
            self.follow(&candidate);
            match step {
                Step::Wait(wait) => tokio::select! {
                    () = stop.raised() => {}
                    () = tokio::time::sleep(wait) => {}
                },
                Step::Read => tokio::select! {
                    () = stop.raised() => {}
                    () = self.read(&mut candidate, &mut object) => {}
                },
                Step::Write(draft) => self.renew(&mut candidate, &mut object, &draft).await,
            }
        }
        self.terms.end();
        self.metrics.holder.set(0);
        if let Some(draft) = candidate.release(self.ambient.monotonic())
            && self.write(object, &draft, "", CALL).await.is_ok()
        {
            tracing::info!(
                lease = self.name,
                "the Lease is given back: another replica takes over what one does alone"
            );
        }
    }

    /// Says what the candidate has become.
    fn follow(&mut self, candidate: &Candidate) {
        // Time that passes between the two makes it end earlier.
        let (clock, now) = (Instant::now(), self.ambient.monotonic());
        if let Some(left) = candidate.ends().and_then(|end| end.checked_sub(now)) {
            self.terms.last_until(clock + left);
        }
        let holds = candidate.holds(self.ambient.monotonic());
        let is_held = candidate.is_held(self.ambient.monotonic());
        self.terms.set_nobody(|since| {
            let is_news = since.is_none() != is_held;
            if is_news {
                *since = (!is_held).then(|| self.ambient.now());
            }
            is_news
        });
        match (holds, self.terms.is_open()) {
            (true, false) => {
                tracing::info!(
                    lease = self.name,
                    holder = self.me,
                    "this replica holds the Lease: the schedule, and what else one does alone, is its"
                );
                self.terms.begin();
            }
            (false, true) => {
                let holder = candidate.holder();
                if holder.is_empty() || holder == self.me {
                    // Nobody is known to have it: it could not be renewed in time.
                    tracing::warn!(
                        lease = self.name,
                        "this replica holds the Lease no longer, as it could not renew it: until a replica takes it, nobody does \
                         what one does alone, and messages go out later"
                    );
                } else {
                    tracing::warn!(
                        lease = self.name,
                        holder = shown(holder),
                        "this replica holds the Lease no longer: another does what one does alone"
                    );
                }
                self.terms.end();
            }
            _ => return,
        }
        self.metrics.holder.set(holds.into());
    }

    async fn read(&mut self, candidate: &mut Candidate, object: &mut Option<DynamicObject>) {
        let request = self.api.get_opt(&self.name);
        let answer = self.call(CALL, request).await;
        let (now, jitter) = (self.ambient.monotonic(), self.ambient.jitter());
        match answer {
            Ok(found) => {
                let before = candidate.holder().to_owned();
                candidate.saw(found.as_ref().map(|found| lease(found, self.queue.as_deref())), now, jitter);
                if let Some(own) = self.own_name(candidate, found.as_ref()).await {
                    tracing::info!(
                        lease = self.name,
                        own,
                        "the Lease is that of a service whose queue is on another NATS: this one has a Lease of its own, to which it needs \
                         the same rights"
                    );
                    self.anothers = Some(std::mem::replace(&mut self.name, own));
                    (*candidate, *object) = (Candidate::new(self.me.clone()), None);
                    return;
                }
                if !candidate.may_be_anothers() {
                    self.failing = None;
                }
                let holder = candidate.holder();
                if holder != before && !holder.is_empty() && holder != self.me {
                    tracing::info!(lease = self.name, holder = shown(holder), "another replica holds the Lease");
                }
                *object = found;
            }
            Err(failed) => {
                self.fails(&failed);
                let is_refused = matches!(&failed, Failed::Status(status) if status.code == 403);
                match self.anothers.take_if(|_| is_refused) {
                    // Without the right to its own it waits for that of the other, which may go.
                    Some(anothers) => {
                        self.name = anothers;
                        *candidate = Candidate::new(self.me.clone());
                        (*object, self.own_refused) = (None, Some(now));
                    }
                    None => candidate.saw_nothing(now, jitter),
                }
            }
        }
    }

    /// What the Lease of this queue is called, where the one that was found is another's: whose service lives, or beside whose this
    /// queue got its own before.
    async fn own_name(&self, candidate: &Candidate, found: Option<&DynamicObject>) -> Option<String> {
        let queue = self.queue.as_deref()?;
        let now = self.ambient.monotonic();
        let was_refused = self.own_refused.is_some_and(|at| now.saturating_sub(at) < OWN_AGAIN);
        if was_refused || !lease(found?, Some(queue)).is_anothers {
            return None;
        }
        let own = own_lease(&self.name, queue);
        let is_own = candidate.is_anothers() || matches!(self.call(CALL, self.api.get_opt(&own)).await, Ok(Some(_)));
        is_own.then_some(own)
    }

    async fn renew(&mut self, candidate: &mut Candidate, object: &mut Option<DynamicObject>, draft: &Draft) {
        let sent = self.ambient.monotonic();
        // Whoever holds it knows by then that it is over.
        let patience = candidate.ends().map_or(CALL, |end| end.saturating_sub(sent).min(CALL));
        let me = self.me.clone();
        let came = match self.write(object.clone(), draft, &me, patience).await {
            Ok(written) => {
                self.failing = None;
                let came = lease(&written, self.queue.as_deref());
                *object = Some(written);
                Ok(came)
            }
            // Somebody else wrote it, or deleted it.
            Err(Failed::Status(status)) if matches!(status.code, 404 | 409) => Err(Failure::Conflict),
            Err(failed) => {
                self.fails(&failed);
                Err(Failure::Unknown)
            }
        };
        candidate.wrote(came, sent, self.ambient.monotonic(), self.ambient.jitter());
    }

    /// Writes the Lease, with all that others have in it.
    async fn write(
        &self,
        object: Option<DynamicObject>,
        draft: &Draft,
        holder: &str,
        patience: Duration,
    ) -> Result<DynamicObject, Failed> {
        let parameters = PostParams { field_manager: Some(FIELD_MANAGER.into()), ..PostParams::default() };
        let object = object.filter(|_| draft.version.is_some());
        let is_new = object.is_none();
        let mut object = object.unwrap_or_else(|| DynamicObject::new(&self.name, &self.resource));
        object.types.get_or_insert_with(|| TypeMeta {
            api_version: self.resource.api_version.clone(),
            kind: self.resource.kind.clone(),
        });
        object.metadata.resource_version.clone_from(&draft.version);
        object.metadata.managed_fields = None;
        if let Some(queue) = &self.queue {
            object.metadata.annotations.get_or_insert_default().insert(QUEUE.to_owned(), queue.clone());
        }
        fill(&mut object.data, draft, holder, self.ambient.now());
        if is_new {
            self.call(patience, self.api.create(&parameters, &object)).await
        } else {
            self.call(patience, self.api.replace(&self.name, &parameters, &object)).await
        }
    }

    async fn call<T>(&self, patience: Duration, request: impl Future<Output = kube::Result<T>>) -> Result<T, Failed> {
        match tokio::time::timeout(patience, within(&self.metrics, "lease", request)).await {
            Ok(answer) => answer,
            Err(elapsed) => {
                self.metrics.cluster_request("lease", "timeout");
                Err(Failed::NoAnswer(elapsed.into()))
            }
        }
    }

    /// Says why it fails, once, and then now and then.
    fn fails(&mut self, failed: &Failed) {
        let words = match failed {
            Failed::NoAnswer(error) => format!("the API server does not answer: {error}"),
            Failed::Status(status) => {
                let Rejection { reason, sentence, .. } = Rejection::of(status);
                match reason {
                    RejectionReason::Identity | RejectionReason::Rights => format!(
                        "no right to the Lease {} of the service's own namespace: {sentence}; bind the Role of deploy/replicas there",
                        self.name
                    ),
                    _ => sentence,
                }
            }
        };
        let times = match &self.failing {
            Some((before, times)) if *before == words && *times < SAID_AGAIN => *times + 1,
            _ => {
                tracing::error!(
                    lease = self.name,
                    error = words,
                    "the Lease can't be read or written: while no replica has it, nobody follows the schedule or does what else one \
                     does alone, and messages that tell no failure go out half a minute later"
                );
                1
            }
        };
        self.failing = Some((words, times));
    }
}

/// A holder's name for the log: anybody may have written it.
fn shown(holder: &str) -> String {
    holder.chars().take(LONGEST_NAME).collect()
}

/// What an object says to whom has this queue, as far as it can be read: what it does not say, nobody said.
fn lease(object: &DynamicObject, queue: Option<&str>) -> Lease {
    let whose = object.metadata.annotations.as_ref().and_then(|annotations| annotations.get(QUEUE));
    let spec = object.data.get("spec");
    let text = |name: &str| spec.and_then(|spec| spec.get(name)?.as_str()).map(str::to_owned);
    let number = |name: &str| spec.and_then(|spec| spec.get(name)?.as_i64()).and_then(|n| i32::try_from(n).ok());
    Lease {
        version: object.metadata.resource_version.clone().unwrap_or_default(),
        holder: text("holderIdentity").unwrap_or_default(),
        renewed: text("renewTime"),
        acquired: text("acquireTime"),
        transitions: number("leaseTransitions").unwrap_or_default(),
        seconds: number("leaseDurationSeconds"),
        is_anothers: whose.zip(queue).is_some_and(|(whose, queue)| whose != queue),
    }
}

/// Writes what an election says into an object, and leaves what else stands there.
fn fill(data: &mut Value, draft: &Draft, holder: &str, now: DateTime<Utc>) {
    if !data.is_object() {
        *data = json!({});
    }
    if data.get("spec").is_none_or(|spec| !spec.is_object()) {
        data["spec"] = json!({});
    }
    let now = now.to_rfc3339_opts(SecondsFormat::Micros, true);
    let spec = &mut data["spec"];
    spec["holderIdentity"] = holder.into();
    spec["leaseDurationSeconds"] = LASTS.as_secs().into();
    spec["leaseTransitions"] = draft.transitions.into();
    if draft.takes {
        spec["acquireTime"] = now.clone().into();
    }
    spec["renewTime"] = now.into();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_have_in_it_stays() {
        let draft = Draft { version: Some("7".into()), transitions: 3, takes: false };
        let mut data =
            json!({"spec": {"holderIdentity": "a", "acquireTime": "2026-11-24T10:00:00.000000Z", "strategy": "x"}});
        let now = DateTime::parse_from_rfc3339("2026-11-24T12:00:00.5Z").unwrap().to_utc();
        fill(&mut data, &draft, "b", now);
        let expected = json!({"spec": {
            "holderIdentity": "b", "acquireTime": "2026-11-24T10:00:00.000000Z", "strategy": "x",
            "leaseDurationSeconds": 15, "leaseTransitions": 3, "renewTime": "2026-11-24T12:00:00.500000Z",
        }});
        assert_eq!(data, expected);
        for mut other in [Value::Null, json!({"spec": null}), json!({"spec": [1]})] {
            fill(&mut other, &Draft { takes: true, ..draft.clone() }, "b", now);
            assert_eq!(other["spec"]["acquireTime"], other["spec"]["renewTime"]);
        }
    }

    #[test]
    fn who_share_a_queue_share_a_lease_and_nobody_else_does() {
        let named = ["image-watcher", "prod", "Prod", "a_b", "a-b", "a-", "A"].map(lease_of);
        let expected = [
            "image-watcher",
            "image-watcher-prod",
            "image-watcher-prod-5f56359e",
            "image-watcher-a-b-648fa9b3",
            "image-watcher-a-b",
            "image-watcher-a--9baf4407",
            "image-watcher-a-559aead0",
        ];
        assert_eq!(named, expected);
    }

    #[test]
    fn what_can_not_be_read_is_as_if_nobody_had_said_it() {
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("coordination.k8s.io", "v1", "Lease"));
        for spec in [json!(null), json!(4), json!({"holderIdentity": 4, "leaseDurationSeconds": 9_999_999_999_i64})] {
            let object = DynamicObject::new(LEASE, &resource).data(json!({"spec": spec}));
            assert_eq!(lease(&object, Some("a")), Lease::default());
        }
    }
}
