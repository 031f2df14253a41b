//! The client itself: who asks, and lists page by page.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{ETAG, LINK};
use reqwest::{Method, StatusCode};
use url::Url;

use super::RegistryError;
use super::admitted::Admitted;
use super::beside::Beside;
use super::budget::Budgets;
use super::host::RegistryHost;
use super::hosts::Hosts;
use super::inspected::Inspected;
use super::links::{self, Next};
use super::list::{Reading, Tags};
use super::own_words::OwnWords;
use super::packages::Packages;
use super::pages::{self, Page, Read};
use super::refusals::Refusals;
use super::seen::Seen;
use super::speech::Speeches;
use super::token::Schemes;
use super::turning::{Turned, Turning};
use super::unchanged::{KnownPage, NewPages, Unchanged};
use super::wire::{Incoming, Observer, Patience, Question, Wire, shown};
use crate::ambient::Ambient;
use crate::domain::policy::Wanted;
use crate::memory::room::{NoRoom, Rooms, SMALL};
use crate::outbound::{Outbound, OutboundError};

/// What is kept of one list.
const LARGEST_LIST: usize = 4 * 1024 * 1024;
/// What is kept of all lists that are larger than [`SMALL`].
const LARGE_LISTS: u32 = 8 * 1024 * 1024;
/// The largest manifest or configuration that labels are read from, and what is held of all that are larger than
/// [`SMALL`].
const LARGEST_IMAGE: usize = 1024 * 1024;
const LARGE_IMAGES: u32 = 2 * 1024 * 1024;
/// The most pages of a list; some registries give fifty tags on a page.
const MOST_PAGES: usize = 20_000;

/// What the client is told.
#[derive(Clone, Debug)]
pub struct RegistryConfig {
    hosts: Vec<RegistryHost>,
    /// How a package at GitHub is asked for, where the operator has a token.
    pub(super) packages: Option<Packages>,
    largest_list: usize,
    /// Whether a list waits for its turn below a ceiling.
    pub(super) waits: bool,
    /// One answer.
    pub(super) answer: Duration,
    /// A list, if no page comes; each page that comes is worth a little more time.
    pub(super) list: Duration,
    pub(super) page: Duration,
    /// A whole list.
    pub(super) whole_list: Duration,
    /// A digest, or all labels of an image.
    pub(super) image: Duration,
}

impl RegistryConfig {
    /// Hosts that are spoken to in plain http; naming them also allows private addresses. What images could not name is
    /// left out.
    #[must_use]
    pub fn new(plain_http: impl IntoIterator<Item = String>) -> Self {
        Self::of(plain_http.into_iter().filter_map(|host| RegistryHost::in_plain_http(&host)).collect())
    }

    /// The hosts that the operator says something of.
    #[must_use]
    pub fn of(hosts: Vec<RegistryHost>) -> Self {
        Self {
            hosts,
            packages: None,
            waits: false,
            largest_list: LARGEST_LIST,
            answer: Duration::from_secs(15),
            list: Duration::from_secs(15),
            page: Duration::from_secs(3),
            whole_list: Duration::from_secs(60),
            image: Duration::from_secs(30),
        }
    }

    /// Asked of images at ghcr.io when they were pushed.
    #[must_use]
    pub fn with_packages(self, packages: Option<Packages>) -> Self {
        Self { packages, ..self }
    }

    /// Room for lists of this many bytes: for a process that reads one at a time and has no neighbours.
    #[must_use]
    pub fn with_lists_of(self, bytes: usize) -> Self {
        Self { largest_list: bytes, ..self }
    }

    /// For a process that asks everything once: it waits where a host's ceiling is reached.
    #[must_use]
    pub fn that_waits(self) -> Self {
        Self { waits: true, ..self }
    }
}

/// A registry over HTTP.
pub struct HttpRegistry {
    pub(super) config: RegistryConfig,
    pub(super) wire: Wire,
    pub(super) schemes: Schemes,
    pub(super) budgets: Budgets,
    pub(super) admitted: Admitted,
    pub(super) refusals: Refusals,
    pub(super) own_words: OwnWords,
    pub(super) seen: Seen,
    pub(super) unchanged: Unchanged,
    pub(super) inspected: Inspected,
    pub(super) speeches: Speeches,
    lists: Rooms,
    pub(super) tokens: Rooms,
    pub(super) images: Rooms,
    pub(super) ambient: Ambient,
}

impl std::fmt::Debug for HttpRegistry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HttpRegistry")
    }
}

impl HttpRegistry {
    /// A client.
    ///
    /// # Errors
    /// [`OutboundError`] when the HTTP clients can't be made.
    pub fn new(
        config: RegistryConfig,
        outbound: &Outbound,
        ambient: Ambient,
        observer: Arc<dyn Observer>,
    ) -> Result<Self, OutboundError> {
        let hosts = Hosts::of(config.hosts.clone());
        let large = LARGE_LISTS.max(u32::try_from(config.largest_list).unwrap_or(u32::MAX));
        Ok(Self {
            wire: Wire::new(hosts, outbound, config.answer, ambient.clone(), observer)?,
            schemes: Schemes::default(),
            budgets: Budgets::default(),
            admitted: Admitted::default(),
            refusals: Refusals::default(),
            own_words: OwnWords::default(),
            seen: Seen::default(),
            unchanged: Unchanged::default(),
            inspected: Inspected::default(),
            speeches: Speeches::default(),
            lists: Rooms::new(32, config.largest_list, large),
            tokens: Rooms::new(16, SMALL, 0),
            images: Rooms::new(16, LARGEST_IMAGE, LARGE_IMAGES),
            ambient,
            config,
        })
    }

    /// The same beside other replicas.
    #[must_use]
    pub fn beside(mut self, others: Beside) -> Self {
        self.wire.beside = others;
        self
    }

    /// Where its registry is asked.
    pub(super) fn base(&self, question: Question<'_>) -> Result<Url, RegistryError> {
        self.wire.hosts().base(question.host()).map_err(|error| question.unusable(&format!("no URL: {error}")))
    }

    pub(super) fn url(&self, question: Question<'_>, rest: &str) -> Result<Url, RegistryError> {
        let url = self.wire.hosts().url(question.repository, rest);
        url.map_err(|error| question.unusable(&format!("no URL: {error}")))
    }

    pub(super) fn patience(&self) -> Patience {
        Patience::of(self.config.image)
    }

    /// For a list. Where somebody asked for it before, it waits for its turn.
    pub(super) fn patience_for_pages(&self, is_later: bool) -> Patience {
        let patience = Patience::growing(self.config.list, self.config.whole_list);
        if self.config.waits || is_later { patience.that_waits() } else { patience }
    }

    /// All pages, of which only what is wanted is kept. A host that drips runs out of time: each page that came gives
    /// only a little more.
    pub(super) async fn all_pages(
        &self,
        question: Question<'_>,
        wanted: &Wanted,
        mut patience: Patience,
    ) -> Result<Tags, RegistryError> {
        let room = self.lists.enter().await.map_err(|_: NoRoom| question.unusable("the process ends"))?;
        let (mut reading, mut pages) = (Reading::new(wanted, room), NewPages::begin());
        let mut turning = Turning::new(self.url(question, "tags/list")?);
        let known = self.unchanged.list(question, wanted);
        for _ in 0..MOST_PAGES {
            let Some(url) = turning.next_page() else {
                return Err(question.unusable("its pages lead in a circle"));
            };
            let may_be_asked = |page: &&KnownPage| page.url == url && page.is_believed(self.ambient.monotonic());
            let known = known.iter().find(may_be_asked);
            let one = self.one_page(question, (url.clone(), known), (&mut reading, &mut pages), &mut patience).await?;
            let (next, from, read) = match one {
                Ok(page) => page,
                Err(StatusCode::BAD_REQUEST) if turning.may_ask_for_all() => {
                    turning.ask_for_all();
                    continue;
                }
                Err(status) => {
                    self.unchanged.forget_list(question);
                    return Err(no_list(status, question));
                }
            };
            let has_more = read.has_more;
            match turning.turn(next, from, read) {
                Turned::End if has_more => {
                    return Err(question.unusable("it says that there is more of the list, and not where"));
                }
                Turned::End => {
                    self.unchanged.keep_list(question, wanted, pages);
                    return Ok(reading.end(question));
                }
                Turned::On => {}
                Turned::Anew => (reading, pages) = (reading.anew(), NewPages::begin()),
                Turned::Refused(why) => {
                    return Err(question.unusable(&format!("whether there is a next page can't be told: {why}")));
                }
            }
        }
        Err(question.unusable(&format!("more than {MOST_PAGES} pages")))
    }

    /// Whether the repository is there for whoever asks, by the shortest list of it.
    pub(super) async fn has_list(&self, question: Question<'_>) -> Result<(), RegistryError> {
        let (mut url, mut patience) = (self.url(question, "tags/list")?, self.patience());
        url.set_query(Some("n=1"));
        let answer = self.ask(Method::GET, &url, question, &mut patience).await?;
        if answer.status() == StatusCode::NOT_FOUND {
            answer.finish(&mut patience).await;
            return Err(no_list(StatusCode::NOT_FOUND, question));
        }
        self.given(answer, question, &mut patience).await?.finish(&mut patience).await;
        Ok(())
    }

    /// One page, as it comes in, or as it is `known` where it did not change; else the status that was no page.
    async fn one_page(
        &self,
        question: Question<'_>,
        (url, known): (Url, Option<&KnownPage>),
        (reading, pages): (&mut Reading<'_>, &mut NewPages),
        patience: &mut Patience,
    ) -> Result<Result<(Next, Url, Read), StatusCode>, RegistryError> {
        let conditional = Question { known: known.map(|page| &*page.entity_tag), ..question };
        let answer = self.ask(Method::GET, &url, conditional, patience).await?;
        match (answer.status(), known) {
            (StatusCode::OK, _) => {}
            (StatusCode::NOT_MODIFIED, Some(page)) => {
                let next = match links::next(answer.lines(LINK), answer.url()) {
                    Next::None => page.next.clone(),
                    told => told,
                };
                answer.finish(patience).await;
                reading.take_part(&page.part);
                reading.hold(question).await?;
                let page = KnownPage { next, ..page.clone() };
                pages.push(Some(page.clone()));
                return Ok(Ok((page.next, page.from, page.read)));
            }
            (status, _) => {
                answer.finish(patience).await;
                return Ok(Err(status));
            }
        }
        let entity_tag: Option<Box<str>> = answer.header(ETAG).filter(|_| pages.is_kept()).map(Into::into);
        let begin = entity_tag.as_ref().and_then(|_| reading.mark());
        let (next, from) = (links::next(answer.lines(LINK), answer.url()), answer.url().clone());
        let read = page(answer, reading, question, patience).await?;
        patience.grow(self.config.page);
        let (part, at) = (begin.and_then(|begin| reading.since(&begin)), self.ambient.monotonic());
        pages.push(entity_tag.zip(part).map(|(entity_tag, part)| {
            KnownPage::new((url, from.clone()), entity_tag, at, part, (next.clone(), read.clone()))
        }));
        Ok(Ok((next, from, read)))
    }
}

/// Why a status is no list.
fn no_list(status: StatusCode, question: Question<'_>) -> RegistryError {
    match status {
        StatusCode::NOT_FOUND => question.unknown(status),
        status => question.no_answer(status),
    }
}

/// What a list is whose registry says that something went wrong with it.
fn of_errors(code: &str) -> String {
    let told = "it says itself that it is not whole";
    if code.is_empty() { told.to_owned() } else { format!("{told}: {}", shown(code)) }
}

/// Reads a page to its end.
async fn page(
    mut answer: Incoming<'_>,
    reading: &mut Reading<'_>,
    question: Question<'_>,
    patience: &mut Patience,
) -> Result<Read, RegistryError> {
    let claimed = answer.media_type().filter(|media| !media.contains("json"));
    let no_list = |why: pages::NoPage| match (&claimed, why) {
        (_, pages::NoPage::Errors(code)) => question.unusable(&of_errors(&code)),
        (Some(claimed), _) => question.unusable(&format!("no list of tags, but {claimed}")),
        (None, _) => question.unusable("no list of tags"),
    };
    let mut page = Page::new();
    while let Some(chunk) = answer.chunk(patience).await? {
        page.read(chunk.as_ref(), &mut |tag| reading.take(tag)).map_err(no_list)?;
        reading.hold(question).await?;
    }
    let read = page.end(&mut |tag| reading.take(tag)).map_err(no_list)?;
    match read.of_another(question.repository.path(), answer.url()) {
        Some(other) => Err(question.unusable(&format!("it is the list of {}, another repository", shown(other)))),
        None => Ok(read),
    }
}
