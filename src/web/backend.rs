//! What the pages ask and tell: the API's own views and actions, and nothing else. No page judges anything.

use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;

use crate::access::Visitor;
use crate::api::view::{
    Approvable, BrakeView, ClosedChannelView, DeliveryView, Filter, Fleet, FleetRow, Paging, PollView, RegistryView,
    SourceView, WorkloadView,
};
use crate::api::{How, NotInForce};
use crate::domain::answer::Action;
use crate::domain::policy::Ruling;
use crate::domain::reference::{Digest, Tag};
use crate::domain::view::Gist;
use crate::listener::Problem;

/// A container of a workload, by its names.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// The namespace.
    pub namespace: String,
    /// The kind: `Deployment`, `deploy`.
    pub kind: String,
    /// The name of the workload.
    pub name: String,
    /// The container.
    pub container: String,
}

/// What somebody saw, and decides on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pick {
    /// Which container.
    pub place: Place,
    /// The tag that ran, where there was one.
    pub running: Option<Tag>,
    /// The version.
    pub version: Tag,
    /// Its manifest, where it is known.
    pub digest: Option<Digest>,
}

/// What a decision came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decided {
    /// Whether it counts.
    pub is_done: bool,
    /// In a sentence or two.
    pub words: String,
}

/// Which messages are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Letters {
    /// In this state: `dead`, `retried`, `waiting` or `delivered`.
    pub state: Option<String>,
    /// Where the page begins.
    pub cursor: Option<String>,
}

/// What is done about messages that were given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Handling {
    /// One is sent again.
    Retry(String),
    /// One is thrown away.
    Discard(String),
    /// All of a channel are sent again.
    RetryAll(String),
}

/// One candidate of an explanation.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The tag.
    pub tag: String,
    /// What was found about it.
    pub ruling: Ruling,
}

/// Why this version and no other.
#[derive(Clone, Debug, Default)]
pub struct Explanation {
    /// The answer in one sentence, or why there is none.
    pub sentence: String,
    /// What it comes to, for pages in another language.
    pub gist: Option<Gist>,
    /// What is taken, what is held back, and the rest.
    pub candidates: Vec<Candidate>,
    /// How many more there are.
    pub more: usize,
}

/// What of the cluster is seen, as far as not all of it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sight {
    /// Since when what is known may be old.
    pub stale_since: Option<DateTime<Utc>>,
    /// What is not known at all, and why.
    pub unseen: Vec<Unseen>,
    /// Whether something is yet to be read for the first time, and nothing has gone wrong.
    pub is_coming: bool,
}

/// Workloads that are not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unseen {
    /// Of which kind, as the API server writes it: `deployments`.
    pub resource: &'static str,
    /// In which namespace; none is all of them.
    pub namespace: Option<String>,
    /// What the API server says.
    pub why: String,
}

impl Sight {
    /// Whether all that is to be watched is known, be it as it was.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.unseen.is_empty() && !self.is_coming
    }
}

/// Messages, and where the next page of them begins.
pub type PageOfDeliveries = (Vec<DeliveryView>, Option<String>);

/// The service, as the API has it.
pub trait Backend: Send + Sync {
    /// The moment that everything is told at.
    fn now(&self) -> DateTime<Utc>;
    /// A page of the containers that are watched, as far as they fit.
    fn fleet<'a>(&'a self, filter: &'a Filter, paging: Paging) -> BoxFuture<'a, Fleet>;
    /// The first so many whose question can be answered with yes, and is not put off, and how many more there are.
    fn approvable(&self, most: usize) -> BoxFuture<'_, Approvable>;
    /// Those of these that are watched.
    fn at<'a>(&'a self, places: &'a [Place]) -> BoxFuture<'a, Vec<FleetRow>>;
    /// What of the cluster is seen.
    fn sight(&self) -> Sight;
    /// What of the configuration is not in force.
    fn not_in_force(&self) -> NotInForce;
    /// How many messages were given up.
    fn dead(&self) -> BoxFuture<'_, u64>;
    /// Which channels take nothing now.
    fn closed_channels(&self) -> Vec<ClosedChannelView>;
    /// How the brake stands.
    fn brake(&self) -> BoxFuture<'_, BrakeView>;
    /// One workload, with its history and notes.
    fn workload<'a>(&'a self, place: &'a Place) -> BoxFuture<'a, Result<WorkloadView, Problem>>;
    /// Leaves out what this visitor can't add to any more: whose approval counts already waits for others.
    fn shown_to(&self, visitor: &Visitor, workload: &mut WorkloadView);
    /// Why a container gets this version and no other, as its registry says now.
    fn explain<'a>(&'a self, place: &'a Place) -> BoxFuture<'a, Result<Explanation, Problem>>;
    /// Somebody decides the same of each of these; gives what each came to, in their order.
    fn decide<'a>(
        &'a self,
        visitor: &'a Visitor,
        picks: &'a [Pick],
        decision: (Action, &'a How),
    ) -> BoxFuture<'a, Result<Vec<Decided>, Problem>>;
    /// Automatic updates are resumed.
    fn release<'a>(&'a self, visitor: &'a Visitor) -> BoxFuture<'a, Result<(), Problem>>;
    /// How the sources of webhooks do.
    fn sources(&self) -> Vec<SourceView>;
    /// How the schedule does.
    fn poll(&self) -> BoxFuture<'_, PollView>;
    /// How the registries do.
    fn registries(&self) -> Vec<RegistryView>;
    /// Messages, those that have not arrived where no state is asked for, and where the next page begins.
    fn deliveries(&self, asked: Letters) -> BoxFuture<'_, Result<PageOfDeliveries, Problem>>;
    /// Something is done about those that were given up.
    fn handle<'a>(&'a self, visitor: &'a Visitor, handling: Handling) -> BoxFuture<'a, Result<(), Problem>>;
}
