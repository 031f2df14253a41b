//! A list of questions behind one link: what its holder is asked now, and an answer to all of it, one by one.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::asked::Asked;
use super::{Answer, Press, Settled, is_answered};
use crate::cluster::Cluster;
use crate::domain::actor::{Person, SignedIn};
use crate::domain::answer::Action;
use crate::domain::approval::{Allows, Approval, ApprovalId, Token};
use crate::domain::listing::{Listing, MOST_LISTED};
use crate::domain::record::Question;
use crate::domain::settings;
use crate::domain::workload::{Workload, WorkloadId};
use crate::queue::{Queue, Records};
use crate::reconcile::draft::Draft;
use crate::reconcile::{Reconciler, StepError};
use crate::registry::Registry;
use crate::telemetry::chain;

/// No further one is begun after this time: a person waits.
pub(super) const PATIENCE: Duration = Duration::from_secs(40);

/// A list that somebody opened.
#[derive(Clone, Debug)]
pub struct OpenedList {
    /// What it lists.
    pub listing: Listing,
    /// Who holds it, `channel:address`, or who that is, where a trusted proxy says so.
    pub holder: String,
    /// Who that is, where a trusted proxy says so.
    pub signed_in: Option<SignedIn>,
}

impl OpenedList {
    /// Whose word an answer is.
    #[must_use]
    pub fn person(&self) -> Person {
        Person::of(self.signed_in.as_ref(), self.holder.clone())
    }
}

/// One question of a list.
#[derive(Clone, Debug)]
pub struct Line {
    /// Its name.
    pub id: ApprovalId,
    /// What it is about.
    pub workload: WorkloadId,
    /// The container.
    pub container: String,
    /// Its own link's token, for the same holder.
    pub token: String,
    /// How it stands, or what the answer came to.
    pub answer: Answer,
    /// Whether it was pressed, and not found as it is.
    pub is_pressed: bool,
}

impl Line {
    /// What can be approved together with others: what takes a gesture of its own never is.
    #[must_use]
    pub fn is_approvable(&self) -> bool {
        matches!(&self.answer, Answer::Open(asked) if is_simple(asked))
    }
}

fn is_simple(asked: &Asked) -> bool {
    let takes_more = asked.is_to_be_read() || asked.window_opens.is_some() || asked.ballot.waits_for_others();
    asked.approval.allows == Allows::Update && !takes_more
}

/// What a list says now.
#[derive(Clone, Debug, Default)]
pub struct Lines {
    /// By namespace and name.
    pub lines: Vec<Line>,
    /// How many more there are, or were not come to.
    pub left_out: usize,
}

impl<Q: Queue + Records, R: Registry, C: Cluster> Reconciler<Q, R, C> {
    /// The list behind a token; `None` where it is no list's. Whether its time is over is for the caller to look at.
    #[must_use]
    pub fn list(&self, token: &Token, by: Option<&SignedIn>) -> Option<OpenedList> {
        let holders = self.0.audience.holders();
        let (listing, holder) = Listing::opened(token, &self.0.keys, &holders, self.0.ambient.now())?;
        Some(OpenedList { listing, holder: holder.to_owned(), signed_in: by.cloned() })
    }

    /// What is asked of its holder now. Changes nothing.
    ///
    /// # Errors
    /// Where what is known of a workload can't be read now.
    pub async fn lines(&self, list: &OpenedList) -> Result<Lines, StepError> {
        let mut all = Lines::default();
        for workload in self.asking() {
            let draft = self.draft(workload).await?;
            for (container, ledger) in draft.record.ledgers() {
                let image = draft.workload.container(container).map(|(_, found)| &*found.image);
                let open = image.and_then(|image| ledger.open_of(image, self.0.ambient.now()));
                let Some(question) = open else { continue };
                let approval = question.terms.approval(&draft.workload.id, container);
                let Some(token) = self.own_token(list, &draft.workload, &approval) else { continue };
                if all.lines.len() < MOST_LISTED {
                    all.lines.push(self.line(list, approval, question, &draft, token));
                } else {
                    all.left_out += 1;
                }
            }
        }
        Ok(all)
    }

    fn line(&self, list: &OpenedList, approval: Approval, question: &Question, draft: &Draft, token: String) -> Line {
        let (id, workload, container) = (approval.id.clone(), approval.workload.clone(), approval.container.clone());
        let asked = self.about(&draft.workload, approval, question, (list.holder.clone(), list.signed_in.as_ref()));
        Line { id, workload, container, token, answer: self.state(asked, question, draft), is_pressed: false }
    }

    /// The workloads whose own record asks something, by namespace and name: what is copied beside it tells nobody.
    pub(super) fn asking(&self) -> Vec<Arc<Workload>> {
        let repositories = self.0.cluster.repositories();
        let running = repositories.iter().flat_map(|repository| self.0.cluster.running(repository));
        let asking = running.filter(|workload| self.may_ask(workload));
        let sorted: BTreeMap<_, _> = asking.map(|workload| (workload.id.clone(), workload)).collect();
        sorted.into_values().collect()
    }

    /// The token of a question's own link, if it is on the list and its holder is one of those who are asked.
    fn own_token(&self, list: &OpenedList, workload: &Workload, approval: &Approval) -> Option<String> {
        let is_its = self.is_on(list, workload, approval);
        is_its.then(|| approval.token(&self.0.keys, &list.holder, self.0.ambient.now())).flatten()
    }

    /// Whether a question is on a list, and its holder is one of those who are asked.
    pub(super) fn is_on(&self, list: &OpenedList, workload: &Workload, approval: &Approval) -> bool {
        self.is_read_by(&list.holder, workload, approval) && list.listing.lists(approval)
    }

    /// Whether a holder of links would be sent that of a question today, by their channel and the workload's settings.
    pub(super) fn is_read_by(&self, holder: &str, workload: &Workload, approval: &Approval) -> bool {
        let channel = holder.split(':').next().unwrap_or_default();
        let named = settings::channels(workload, &approval.container);
        named.is_none_or(|named| named.iter().any(|name| name == channel))
            && self.0.audience.reads(channel, &workload.id.namespace, approval.allows)
    }

    /// Approves these, one by one, each as a press of its own link does. What is not on the list is left out; so is
    /// what comes too late, which is counted.
    pub async fn approve_each(&self, list: &OpenedList, ids: &[ApprovalId], trace: &str) -> Lines {
        let (mut done, begun) = (Lines::default(), self.0.ambient.monotonic());
        for id in ids.iter().take(MOST_LISTED) {
            if self.0.ambient.monotonic().saturating_sub(begun) > PATIENCE {
                done.left_out += 1;
                continue;
            }
            match self.listed(list, id).await {
                Ok(Some(approval)) => done.lines.extend(self.approve_one(list, approval, trace).await),
                Ok(None) => {}
                Err(error) => {
                    tracing::warn!(approval = %id, error = %chain(&error), "what is known of this question can't be read now, so it is not approved");
                    done.left_out += 1;
                }
            }
        }
        done
    }

    /// The question of a name, and its own link, if it is on the list: also one that was answered since.
    async fn listed(&self, list: &OpenedList, id: &ApprovalId) -> Result<Option<(Approval, String)>, StepError> {
        for workload in self.naming(id) {
            let draft = self.draft(workload).await?;
            let Some((container, known)) = draft.record.find(id) else { continue };
            let approval = known.terms().approval(&draft.workload.id, container);
            if let Some(token) = self.own_token(list, &draft.workload, &approval) {
                return Ok(Some((approval, token)));
            }
        }
        Ok(None)
    }

    async fn approve_one(&self, list: &OpenedList, (approval, text): (Approval, String), trace: &str) -> Option<Line> {
        let token = Token::parse(&text)?;
        let by = list.signed_in.clone();
        let before = self.asked_by(&token, by.as_ref()).await;
        let (answer, is_pressed) = if matches!(&before, Answer::Open(asked) if is_simple(asked)) {
            // What has to be read first was not read here, and the judge is to say so.
            let press = Press { by, ..Press::of(Action::Approve) };
            let Settled { answer, is_own } = self.settle(&token, &press, trace).await;
            // Somebody else may have been faster: then it was answered before.
            let is_pressed = is_own || !is_answered(&answer);
            (answer, is_pressed)
        } else {
            (before, false)
        };
        let Approval { id, workload, container, .. } = approval;
        Some(Line { id, workload, container, token: text, answer, is_pressed })
    }

    /// Whether the time of a list is over.
    #[must_use]
    pub fn is_list_over(&self, list: &OpenedList) -> Option<DateTime<Utc>> {
        let expires = list.listing.expires();
        (self.0.ambient.now() >= expires).then_some(expires)
    }
}
