//! The service as the pages see it: the API, function by function.

use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;
use url::form_urlencoded;

use super::backend::{
    Backend, Candidate, Decided, Explanation, Handling, Letters, PageOfDeliveries, Pick, Place, Sight, Unseen,
};
use crate::access::Visitor;
use crate::api::view::{
    Approvable, BrakeView, ClosedChannelView, ContainerView, ExplanationView, Filter, Fleet, FleetRow, Paging,
    PollView, RegistryView, SourceView, WorkloadView,
};
use crate::api::{Api, Decision, How, NotInForce, Seen, SeenItem};
use crate::cluster::ScopeState;
use crate::domain::answer::Action;
use crate::listener::Problem;
use crate::queue::{self, Depth};

impl Pick {
    fn seen(&self) -> Seen {
        Seen {
            container: self.place.container.clone(),
            version: self.version.clone(),
            digest: self.digest.clone(),
            running: self.running.clone(),
        }
    }

    fn item(&self) -> SeenItem {
        let Place { namespace, kind, name, .. } = self.place.clone();
        SeenItem { namespace, kind, name, seen: self.seen() }
    }
}

impl Letters {
    fn query(self) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(self.state.map(|state| ("state", state)));
        query.extend_pairs(self.cursor.map(|cursor| ("cursor", cursor)));
        query.finish()
    }
}

impl Place {
    fn path(&self) -> (String, String, String) {
        (self.namespace.clone(), self.kind.clone(), self.name.clone())
    }
}

impl From<&ExplanationView> for Explanation {
    fn from(view: &ExplanationView) -> Self {
        let candidates = view.candidates.iter().map(|it| Candidate { tag: it.tag.clone(), ruling: it.ruling.clone() });
        let (sentence, gist) = (view.sentence.clone(), view.gist.clone());
        Self { sentence, gist, candidates: candidates.collect(), more: view.more }
    }
}

/// What is said of a container, or why nothing is.
fn explained(container: ContainerView) -> Explanation {
    match container.explanation {
        Some(view) => Explanation::from(&view),
        None => Explanation { sentence: container.unexplained.unwrap_or_default(), ..Explanation::default() },
    }
}

impl<Q: queue::Letters> Backend for Api<Q> {
    fn now(&self) -> DateTime<Utc> {
        self.ambient.now()
    }

    fn fleet<'a>(&'a self, filter: &'a Filter, paging: Paging) -> BoxFuture<'a, Fleet> {
        Box::pin(Self::fleet(self, filter, paging))
    }

    fn approvable(&self, most: usize) -> BoxFuture<'_, Approvable> {
        Box::pin(Self::approvable(self, most))
    }

    fn at<'a>(&'a self, places: &'a [Place]) -> BoxFuture<'a, Vec<FleetRow>> {
        let places: Vec<_> = places.iter().map(|place| (place.path(), place.container.clone())).collect();
        Box::pin(async move { self.named(&places).await })
    }

    fn sight(&self) -> Sight {
        let mut sight = Sight::default();
        for (scope, state) in self.scopes.states() {
            let why = match state {
                ScopeState::Synced | ScopeState::Absent => continue,
                ScopeState::Starting => {
                    sight.is_coming = true;
                    continue;
                }
                ScopeState::Failing { since, listed: true, .. } => {
                    sight.stale_since = Some(sight.stale_since.map_or(since, |earlier| earlier.min(since)));
                    continue;
                }
                ScopeState::Failing { message, .. } | ScopeState::Forbidden { message, .. } => message,
            };
            let namespace = scope.namespace.map(String::from);
            sight.unseen.push(Unseen { resource: scope.kind.plural(), namespace, why: why.into() });
        }
        sight
    }

    fn not_in_force(&self) -> NotInForce {
        self.in_force.missing()
    }

    fn dead(&self) -> BoxFuture<'_, u64> {
        Box::pin(async move {
            // The view of messages says why they can't be read.
            let depth = self.queue.depth().await;
            depth.map(|depth| Depth::by_channel(&depth.dead).values().sum()).unwrap_or_default()
        })
    }

    fn closed_channels(&self) -> Vec<ClosedChannelView> {
        (self.channels)()
    }

    fn brake(&self) -> BoxFuture<'_, BrakeView> {
        Box::pin(Self::brake(self))
    }

    fn workload<'a>(&'a self, place: &'a Place) -> BoxFuture<'a, Result<WorkloadView, Problem>> {
        Box::pin(async move { self.one(&place.path()).await })
    }

    fn explain<'a>(&'a self, place: &'a Place) -> BoxFuture<'a, Result<Explanation, Problem>> {
        Box::pin(async move {
            let path = place.path();
            let mut view = self.one(&path).await?;
            view.containers.retain(|container| container.name == place.container);
            Self::explain(self, &path, &mut view).await?;
            let container = view.containers.pop().ok_or(Problem::NOTHING)?;
            Ok(explained(container))
        })
    }

    fn decide<'a>(
        &'a self,
        visitor: &'a Visitor,
        picks: &'a [Pick],
        (action, how): (Action, &'a How),
    ) -> BoxFuture<'a, Result<Vec<Decided>, Problem>> {
        Box::pin(async move {
            if let (Action::Resume | Action::Rollback, [pick]) = (action, picks) {
                let decision = Decision { seen: pick.seen(), how: how.clone() };
                let decided = self.act(visitor, &pick.place.path(), action, &decision).await?;
                return Ok(vec![Decided { is_done: decided.status.is_success(), words: decided.view.detail }]);
            }
            visitor.may_decide()?;
            let items: Vec<_> = picks.iter().map(Pick::item).collect();
            let came_to = self.act_on_all(visitor, (action, how), &items).await?;
            let of = |status: u16, words: String| Decided { is_done: status < 300, words };
            Ok(came_to.items.into_iter().map(|item| of(item.status, item.detail)).collect())
        })
    }

    fn shown_to(&self, visitor: &Visitor, workload: &mut WorkloadView) {
        Self::shown_to(self, Some(visitor), workload);
    }

    fn release<'a>(&'a self, visitor: &'a Visitor) -> BoxFuture<'a, Result<(), Problem>> {
        Box::pin(self.resume_updates(visitor.who.alone().actor()))
    }

    fn sources(&self) -> Vec<SourceView> {
        (self.sources)()
    }

    fn poll(&self) -> BoxFuture<'_, PollView> {
        (self.poll)()
    }

    fn registries(&self) -> Vec<RegistryView> {
        (self.registries)()
    }

    fn deliveries(&self, asked: Letters) -> BoxFuture<'_, Result<PageOfDeliveries, Problem>> {
        Box::pin(async move {
            let query = asked.query();
            let page = Self::deliveries(self, &query).await?;
            Ok((page.items, page.next))
        })
    }

    fn handle<'a>(&'a self, visitor: &'a Visitor, handling: Handling) -> BoxFuture<'a, Result<(), Problem>> {
        Box::pin(async move {
            visitor.may_decide()?;
            match handling {
                Handling::Retry(id) => self.send_again(&id, Some(visitor)).await,
                Handling::Discard(id) => self.throw_away(&id, Some(visitor)).await,
                Handling::RetryAll(channel) => self.send_all_again(&channel, Some(visitor)).await.map(drop),
            }
        })
    }
}
