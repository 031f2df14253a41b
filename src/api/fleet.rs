//! Lists of containers: found by what each workload comes to in short, and only those that are on the page are read.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::Api;
use super::census::Summary;
use super::in_short::InShort;
use super::moment::Moment;
use super::view::{Approvable, Counts, Filter, Fleet, FleetRow, Paging, WorkloadView};
use crate::domain::view::Attention;

/// Workloads that are read once, however many of their containers are listed.
struct Read<'m> {
    moment: &'m Moment,
    known: HashMap<*const Summary, Arc<WorkloadView>>,
}

impl Read<'_> {
    fn row<Q>(&mut self, api: &Api<Q>, summary: &Arc<Summary>, container: usize) -> FleetRow {
        let read = || Arc::new(api.view(&summary.workload, self.moment).0);
        let workload = Arc::clone(self.known.entry(Arc::as_ptr(summary)).or_insert_with(read));
        FleetRow { workload, container }
    }
}

impl<Q> Api<Q> {
    /// How many containers want what, of all.
    pub async fn counts(&self) -> Counts {
        self.counts_of(&Filter::default()).await
    }

    /// The same of those that fit, whatever they want.
    pub(super) async fn counts_of(&self, filter: &Filter) -> Counts {
        let mut counts = Counts::default();
        for summary in self.summaries(&self.moment().await) {
            let fit = summary.each().filter(|(container, of)| filter.fits(&summary.workload, container, of));
            fit.for_each(|(_, of)| counts.add(of.state));
        }
        counts
    }

    /// A page of the containers that fit, those that a person has to do most about first.
    pub async fn fleet(&self, filter: &Filter, paging: Paging) -> Fleet {
        let moment = self.moment().await;
        let (mut fleet, mut places) = (Fleet::default(), Vec::new());
        let (mut namespaces, mut registries) = (BTreeSet::new(), BTreeSet::new());
        let all = self.summaries(&moment);
        for summary in &all {
            namespaces.insert(&*summary.workload.id.namespace);
            for (at, (container, of)) in summary.each().enumerate() {
                registries.extend(of.host.as_deref());
                fleet.of_all.add(of.state);
                if filter.fits(&summary.workload, container, of) {
                    fleet.count(summary, of);
                    places.extend(filter.wants(of.state).then_some((of.order, summary, at)));
                }
            }
        }
        places.sort_by_key(|(order, ..)| *order);
        (fleet.all, fleet.first) = (places.len(), paging.first(places.len()));
        let mut read = Read { moment: &moment, known: HashMap::new() };
        let page = places.into_iter().skip(fleet.first).take(paging.size);
        fleet.rows = page.map(|(_, summary, at)| read.row(self, summary, at)).collect();
        fleet.namespaces = namespaces.into_iter().map(str::to_owned).collect();
        fleet.registries = registries.into_iter().map(str::to_owned).collect();
        fleet
    }

    /// Those whose question can be answered with yes, and is not put off: the first so many, by namespace, kind and name.
    pub async fn approvable(&self, most: usize) -> Approvable {
        let moment = self.moment().await;
        let mut read = Read { moment: &moment, known: HashMap::new() };
        let all = self.summaries(&moment);
        let each = || all.iter().flat_map(|it| it.each().enumerate().map(move |(at, (_, of))| (it, at, of)));
        let others = each().filter(|(.., of)| of.state == Attention::NeedsYou && !of.may_approve).count();
        let mut open = each().filter(|(.., of)| of.may_approve);
        let rows = open.by_ref().take(most).map(|(summary, at, _)| read.row(self, summary, at)).collect();
        Approvable { rows, more: open.count(), others }
    }

    /// The containers of these paths' namespaces, kinds and names, and of these names; those that are watched.
    pub async fn named(&self, all: &[((String, String, String), String)]) -> Vec<FleetRow> {
        let moment = self.moment().await;
        let row = |(path, container): &((String, String, String), String)| {
            let workload = self.find(path).ok()?;
            let at = workload.containers.iter().position(|it| *it.name == **container)?;
            Some(FleetRow { workload: Arc::new(self.view(&workload, &moment).0), container: at })
        };
        all.iter().filter_map(row).collect()
    }
}

fn soonest(one: Option<DateTime<Utc>>, other: Option<DateTime<Utc>>) -> Option<DateTime<Utc>> {
    [one, other].into_iter().flatten().min()
}

impl Fleet {
    fn count(&mut self, summary: &Summary, of: &InShort) {
        self.counts.add(of.state);
        let moments = &mut self.moments;
        match of.state {
            Attention::NeedsYou => moments.first_ends = soonest(moments.first_ends, of.until),
            Attention::Failed => moments.failed_last = moments.failed_last.max(summary.changed),
            Attention::Waiting => moments.goes_on = soonest(moments.goes_on, of.until),
            Attention::UpToDate => moments.looked_last = moments.looked_last.max(of.checked),
            Attention::CannotTell | Attention::Off => {}
        }
    }
}
