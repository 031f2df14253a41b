//! What is watched, and how the watch of each part stands.
//!
//! A scope is one kind in one namespace, or in all of them. Each has a stream of its own, so one that can't be read costs
//! itself alone: work begins without it, goes on without it, and takes it up when it can be read.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::BoxFuture;
use tokio::sync::watch;

use crate::ambient::Ambient;
use crate::domain::history::rfc3339;
use crate::domain::workload::Kind;
use crate::stop::Stop;
use crate::task::Task;

/// A scope that neither comes nor is refused is not waited for any longer.
pub const GRACE: Duration = Duration::from_secs(30);

/// What concerns many workloads waits for a scope that can't be read no longer than this.
const PATIENCE: TimeDelta = TimeDelta::minutes(10);

/// One kind, in one namespace or in all.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Scope {
    /// The namespace; `None` is all of them.
    pub namespace: Option<Box<str>>,
    /// The kind.
    pub kind: Kind,
}

impl Scope {
    /// Every kind in these namespaces; none named is all of them.
    #[must_use]
    pub fn of(namespaces: &[String]) -> Vec<Self> {
        let named: Vec<Option<Box<str>>> = namespaces.iter().map(|name| Some(name.as_str().into())).collect();
        let namespaces = if named.is_empty() { vec![None] } else { named };
        let each = |namespace: Option<Box<str>>| Kind::ALL.map(|kind| Self { namespace: namespace.clone(), kind });
        namespaces.into_iter().flat_map(each).collect()
    }

    /// Every kind in one namespace.
    #[must_use]
    pub fn in_namespace(namespace: &str) -> Vec<Self> {
        Self::of(&[namespace.to_owned()])
    }

    /// Whether objects of a kind in a namespace are in it.
    pub(super) fn has(&self, namespace: &str, kind: Kind) -> bool {
        self.kind == kind && self.namespace.as_deref().is_none_or(|name| *name == *namespace)
    }

    /// The namespace as a label and in the log: `*` is all of them.
    #[must_use]
    pub fn namespace(&self) -> &str {
        self.namespace.as_deref().unwrap_or("*")
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{} in namespace {namespace}", self.kind.plural()),
            None => write!(f, "{} in all namespaces", self.kind.plural()),
        }
    }
}

/// How the watch of one scope stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScopeState {
    /// The first list is not complete, and nothing has gone wrong.
    Starting,
    /// A complete list was read, and what changes is seen.
    Synced,
    /// We may not read it. Its workloads are not known: what can't be seen is not decided on.
    Forbidden {
        /// Since when.
        since: DateTime<Utc>,
        /// What the API server says.
        message: Box<str>,
    },
    /// The cluster has no such kind: its definition is not installed. Nothing is missing.
    Absent,
    /// It can't be read now.
    Failing {
        /// Since when.
        since: DateTime<Utc>,
        /// Why.
        message: Box<str>,
        /// Whether there was a complete list before: its workloads are known as they were then.
        listed: bool,
    },
}

impl ScopeState {
    /// Whether the workloads of the scope are known.
    #[must_use]
    pub fn is_listed(&self) -> bool {
        matches!(self, Self::Synced | Self::Failing { listed: true, .. })
    }

    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_well(&self) -> bool {
        self.is_listed() || *self == Self::Absent
    }

    /// Whether there is something to wait for before work begins.
    fn may_come_soon(&self) -> bool {
        matches!(self, Self::Starting | Self::Failing { listed: false, .. })
    }

    /// The same for what can wait for it.
    fn may_come_until(&self, now: DateTime<Utc>) -> bool {
        match self {
            Self::Failing { listed: false, since, .. } => now < *since + PATIENCE,
            state => state.may_come_soon(),
        }
    }
}

impl fmt::Display for ScopeState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Starting => f.write_str("the first list is not complete"),
            Self::Synced => f.write_str("ok"),
            Self::Absent => f.write_str("not installed"),
            Self::Forbidden { since, message } => write!(f, "forbidden since {}: {message}", rfc3339(*since)),
            Self::Failing { since, message, .. } => write!(f, "failing since {}: {message}", rfc3339(*since)),
        }
    }
}

/// What a complete list is a reason to look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fresh {
    /// The start: what is unfinished only, as the schedule looks at the rest.
    Unfinished,
    /// What differs from what was known.
    Changes,
    /// Everything: work went on without this scope, and hints about it came to nothing.
    Everything,
}

/// All scopes. Clones share them.
#[derive(Clone, Debug)]
pub struct Scopes(Arc<watch::Sender<Table>>);

#[derive(Debug)]
struct Table {
    states: BTreeMap<Scope, ScopeState>,
    /// Since when each stands so, where there is a clock.
    since: BTreeMap<Scope, DateTime<Utc>>,
    clock: Option<Ambient>,
    /// Whether work has begun.
    begun: bool,
}

impl Table {
    fn is_settled(&self) -> bool {
        !self.states.values().any(ScopeState::may_come_soon)
    }

    fn has_list(&self) -> bool {
        self.states.values().any(ScopeState::is_listed)
    }
}

impl Scopes {
    /// Scopes that are about to be watched.
    #[must_use]
    pub fn new(scopes: impl IntoIterator<Item = Scope>) -> Self {
        let states = scopes.into_iter().map(|scope| (scope, ScopeState::Starting)).collect();
        Self(Arc::new(watch::Sender::new(Table { states, since: BTreeMap::new(), clock: None, begun: false })))
    }

    /// The same, with a clock, so that it is known since when each stands as it does.
    #[must_use]
    pub fn at(self, clock: &Ambient) -> Self {
        self.0.send_modify(|table| {
            let now = clock.now();
            table.since = table.states.keys().map(|scope| (scope.clone(), now)).collect();
            table.clock = Some(clock.clone());
        });
        self
    }

    /// How each stands, and since when, where there is a clock.
    #[must_use]
    pub fn states_since(&self) -> Vec<(Scope, ScopeState, Option<DateTime<Utc>>)> {
        let table = self.0.borrow();
        let of =
            |(scope, state): (&Scope, &ScopeState)| (scope.clone(), state.clone(), table.since.get(scope).copied());
        table.states.iter().map(of).collect()
    }

    /// How each stands.
    #[must_use]
    pub fn states(&self) -> Vec<(Scope, ScopeState)> {
        self.0.borrow().states.iter().map(|(scope, state)| (scope.clone(), state.clone())).collect()
    }

    /// Whether what is not found now is not there for us: nothing more may come soon. What we may not read we know as
    /// much of as we ever shall.
    #[must_use]
    pub fn are_settled(&self) -> bool {
        self.0.borrow().is_settled()
    }

    /// The same for what concerns many workloads, which waits longer than anything else; but not for ever: what could not be
    /// read for so long can't be read.
    #[must_use]
    pub fn are_known(&self, now: DateTime<Utc>) -> bool {
        !self.0.borrow().states.values().any(|state| state.may_come_until(now))
    }

    /// Whether workloads of this kind in a namespace are listed and watched now.
    #[must_use]
    pub fn shows(&self, namespace: &str, kind: Kind) -> bool {
        let is_of =
            |scope: &Scope| scope.kind == kind && scope.namespace.as_deref().is_none_or(|name| name == namespace);
        self.0.borrow().states.iter().any(|(scope, state)| is_of(scope) && matches!(state, ScopeState::Synced))
    }

    /// Whether work has begun and there is something to work on.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        let table = self.0.borrow();
        table.begun && table.has_list()
    }

    /// Waits until work may begin; `false` when the process ends before.
    pub async fn begun(&self, stop: &mut Stop) -> bool {
        let mut table = self.0.subscribe();
        tokio::select! {
            () = stop.raised() => false,
            begun = table.wait_for(|table| table.begun) => begun.is_ok(),
        }
    }

    /// Where it is waited until work may begin: [`Self::begun`].
    pub fn awaits_begun(&self) -> impl Fn(Stop) -> BoxFuture<'static, bool> + use<> {
        let scopes = self.clone();
        move |mut stop| {
            let scopes = scopes.clone();
            Box::pin(async move { scopes.begun(&mut stop).await })
        }
    }

    /// What lets work begin, and stays until the process is to end.
    #[must_use]
    pub fn beginning(&self, stop: &Stop) -> Task {
        let (scopes, mut stop) = (self.clone(), stop.clone());
        Task::new("begin", async move {
            scopes.begin(GRACE, stop.clone()).await;
            stop.raised().await;
        })
    }

    /// Lets work begin: when every scope has come or was refused, or one that does neither has had its `grace`, and at
    /// least one has come.
    pub async fn begin(self, grace: Duration, mut stop: Stop) {
        let mut table = self.0.subscribe();
        let open = async {
            let _ = tokio::time::timeout(grace, table.wait_for(Table::is_settled)).await;
            let _ = table.wait_for(Table::has_list).await.is_ok();
        };
        tokio::select! {
            () = stop.raised() => return,
            () = open => {}
        }
        self.0.send_modify(|table| table.begun = true);
    }

    /// It is about to be listed for the first time: what was waited for has come.
    pub(super) fn starts(&self, scope: &Scope) {
        self.become_state(scope, ScopeState::Starting);
    }

    /// What a list that is complete now is a reason to look at; to be asked before [`Scopes::synced`].
    pub(super) fn fresh(&self, scope: &Scope) -> Fresh {
        let table = self.0.borrow();
        match table.states.get(scope) {
            Some(state) if state.is_listed() => Fresh::Changes,
            Some(ScopeState::Forbidden { .. } | ScopeState::Absent) => Fresh::Everything,
            _ if table.begun => Fresh::Everything,
            _ => Fresh::Unfinished,
        }
    }

    /// Its list is complete, or its stream goes on. Answers what was wrong before.
    pub(crate) fn synced(&self, scope: &Scope) -> Option<ScopeState> {
        let wrong = |state: &ScopeState| matches!(state, ScopeState::Forbidden { .. } | ScopeState::Failing { .. });
        self.become_state(scope, ScopeState::Synced).filter(wrong)
    }

    /// We may not read it. Answers whether that is news.
    pub(super) fn forbidden(&self, scope: &Scope, now: DateTime<Utc>, message: &str) -> bool {
        let since = match self.0.borrow().states.get(scope) {
            Some(ScopeState::Forbidden { since, .. }) => Some(*since),
            _ => None,
        };
        self.become_state(scope, ScopeState::Forbidden { since: since.unwrap_or(now), message: message.into() });
        since.is_none()
    }

    /// The cluster has no such kind. Answers whether that is news.
    pub(super) fn absent(&self, scope: &Scope) -> bool {
        self.become_state(scope, ScopeState::Absent) != Some(ScopeState::Absent)
    }

    /// It can't be read now. Answers whether that is news.
    pub(super) fn failing(&self, scope: &Scope, now: DateTime<Utc>, message: &str) -> bool {
        let (since, listed) = match self.0.borrow().states.get(scope) {
            // Whoever was refused and gets no answer now is still not to be waited for, nor what was not there.
            Some(ScopeState::Forbidden { .. } | ScopeState::Absent) => return false,
            Some(ScopeState::Failing { since, listed, .. }) => (Some(*since), *listed),
            Some(state) => (None, state.is_listed()),
            None => (None, false),
        };
        let state = ScopeState::Failing { since: since.unwrap_or(now), message: message.into(), listed };
        self.become_state(scope, state);
        since.is_none()
    }

    pub(super) fn is_listed(&self, scope: &Scope) -> bool {
        self.0.borrow().states.get(scope).is_some_and(ScopeState::is_listed)
    }

    fn become_state(&self, scope: &Scope, state: ScopeState) -> Option<ScopeState> {
        let mut before = None;
        self.0.send_if_modified(|table| {
            let changes = table.states.get(scope) != Some(&state);
            let kind = std::mem::discriminant(&state);
            before = table.states.insert(scope.clone(), state);
            let is_another = before.as_ref().is_none_or(|before| std::mem::discriminant(before) != kind);
            if let (true, Some(clock)) = (is_another, &table.clock) {
                table.since.insert(scope.clone(), clock.now());
            }
            changes
        });
        before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two() -> (Scopes, Scope, Scope) {
        let scope = |namespace: &str| Scope { namespace: Some(namespace.into()), kind: Kind::Deployment };
        let (shop, blog) = (scope("shop"), scope("blog"));
        (Scopes::new([shop.clone(), blog.clone()]), shop, blog)
    }

    fn then(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_795_000_000 + seconds, 0).unwrap()
    }

    #[tokio::test]
    async fn a_forbidden_scope_is_not_waited_for() {
        let (scopes, shop, blog) = two();
        let (_raise, mut stop) = Stop::new();
        scopes.synced(&shop);
        assert!(!scopes.is_ready(), "work has not begun");
        assert!(scopes.forbidden(&blog, then(0), "no"));
        scopes.clone().begin(GRACE, stop.clone()).await;
        assert!(scopes.begun(&mut stop).await && scopes.is_ready() && scopes.are_settled());
        scopes.forbidden(&shop, then(1), "no");
        assert!(!scopes.is_ready(), "there is nothing left to work on");
    }

    #[tokio::test]
    async fn one_that_hangs_has_its_grace_and_nothing_begins_with_nothing() {
        let (scopes, shop, blog) = two();
        let (raise, mut stop) = Stop::new();
        scopes.failing(&blog, then(0), "no answer");
        assert!(!scopes.are_settled(), "it may come yet");
        let comes = async {
            assert!(!scopes.is_ready(), "nothing can be watched");
            scopes.synced(&shop);
        };
        let ((), begun, ()) =
            tokio::join!(scopes.clone().begin(Duration::ZERO, stop.clone()), scopes.begun(&mut stop), comes);
        assert!(begun && scopes.is_ready());
        assert_eq!(scopes.fresh(&blog), Fresh::Everything, "what comes late was missed by looks");
        raise.raise();
        let (none, _, _) = two();
        none.clone().begin(GRACE, stop.clone()).await;
        assert!(!none.begun(&mut stop).await && !none.is_ready(), "the end of the process is the end of waiting");
    }

    #[test]
    fn what_concerns_many_waits_for_what_hangs_and_not_for_ever() {
        let (scopes, shop, blog) = two();
        scopes.synced(&shop);
        assert!(!scopes.are_known(then(3600)), "the first list is awaited");
        scopes.failing(&blog, then(0), "status 500");
        assert!(!scopes.are_known(then(599)) && scopes.are_known(then(600)) && !scopes.are_settled());
        scopes.forbidden(&blog, then(0), "no");
        assert!(scopes.are_known(then(0)), "what may not be read is known to be so");
        scopes.synced(&blog);
        scopes.failing(&blog, then(1), "no answer");
        assert!(scopes.are_known(then(1)), "it was listed");
    }

    #[test]
    fn what_is_wrong_is_news_once_and_keeps_its_time() {
        let (scopes, shop, _) = two();
        assert_eq!(scopes.fresh(&shop), Fresh::Unfinished);
        assert_eq!(scopes.synced(&shop), None);
        assert_eq!(scopes.fresh(&shop), Fresh::Changes);
        assert!(scopes.failing(&shop, then(0), "a") && !scopes.failing(&shop, then(1), "b"));
        assert!(scopes.is_listed(&shop), "what was seen is known as it was");
        assert!(scopes.forbidden(&shop, then(2), "no") && !scopes.forbidden(&shop, then(3), "no!"));
        assert!(!scopes.failing(&shop, then(4), "c") && !scopes.is_listed(&shop));
        assert_eq!(scopes.fresh(&shop), Fresh::Everything);
        let expected = ScopeState::Forbidden { since: then(2), message: "no!".into() };
        assert_eq!(scopes.synced(&shop), Some(expected));
        assert_eq!(scopes.synced(&shop), None);
    }

    #[tokio::test]
    async fn what_is_not_installed_is_not_waited_for_and_not_wrong() {
        let (scopes, shop, blog) = two();
        let (_raise, mut stop) = Stop::new();
        assert!(scopes.absent(&blog) && !scopes.absent(&blog), "it is news once");
        scopes.synced(&shop);
        scopes.clone().begin(GRACE, stop.clone()).await;
        assert!(scopes.begun(&mut stop).await && scopes.is_ready() && scopes.are_settled());
        let absent = scopes.states().into_iter().find(|(scope, _)| *scope == blog).unwrap().1;
        assert!(absent.is_well() && !absent.is_listed());
        assert!(!scopes.failing(&blog, then(0), "no answer"));
        assert_eq!(scopes.fresh(&blog), Fresh::Everything, "it is installed later");
        assert_eq!(scopes.synced(&blog), None, "nothing was wrong");
    }

    #[test]
    fn a_scope_says_its_name() {
        let names: Vec<String> = Scope::of(&["shop".into()]).iter().map(ToString::to_string).collect();
        let expected = ["deployments", "statefulsets", "daemonsets", "cronjobs", "rollouts"];
        assert_eq!(names, expected.map(|kind| format!("{kind} in namespace shop")));
        assert_eq!(Scope::of(&[])[1].to_string(), "statefulsets in all namespaces");
    }
}
