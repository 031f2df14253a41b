//! The releases of a project: what is kept, and the fewest questions that bring the rest.

use chrono::TimeDelta;

use super::fetch::{Ask, FetchError, MOST_OF_A_LIST, Reply};
use super::forge::Project;
use super::listing::{self, Listed, Listing};
use super::origin::Origin;
use super::select::Wanted;
use super::visibility::Access;
use super::{Effort, Releases, changelog};
use crate::domain::release::TextSource;
use crate::queue::Kept;
use crate::registry::Registry;
use crate::telemetry::chain;

/// Releases in one list.
const LIST: u32 = 100;
/// Pages of a list that are read where what runs is older than the first of them; who is further behind is asked.
const MOST_PAGES: u32 = 4;
/// Releases in one list of a project whose hundred are too large.
const SHORT_LIST: u32 = 20;
/// The largest answer about one release, and about the files of a folder, in bytes.
const MOST_OF_ONE: usize = 1024 * 1024;
/// The largest change log that is read, in bytes; versions are looked for in its first part.
const MOST_OF_A_FILE: usize = 4 * 1024 * 1024;
/// Spellings of one tag that are tried where the list does not reach back far enough.
const MOST_SPELLINGS: usize = 4;

impl<K: Kept, R: Registry> Releases<K, R> {
    /// What is known about a project's releases, as far as `wanted` needs it; `None` when it can't be known now.
    pub(super) async fn listing(
        &self,
        origin: &Origin,
        wanted: &Wanted,
        access: Access,
        (effort, fresh): (Effort, TimeDelta),
    ) -> Option<Listing> {
        if access == Access::Absent {
            return Some(Listing::missing(self.ambient.now()));
        }
        let key = access.key(&origin.project)?;
        let _turn = match effort {
            Effort::Recall => None,
            Effort::Ask => Some(self.gates.enter(&key).await),
        };
        let kept: Option<Listing> = self.recall(&key).await;
        let now = self.ambient.now();
        let has_target = |listing: &Listing| wanted.among(&listing.releases).has_target;
        let is_enough = |kept: &Listing| {
            kept.answers(&wanted.to, has_target(kept), fresh, now)
                && (!wanted.is_beyond(kept) || kept.pages >= MOST_PAGES)
        };
        if kept.as_ref().is_some_and(is_enough) {
            return kept;
        }
        if effort == Effort::Recall {
            return None;
        }
        match self.asked(origin, wanted, kept.as_ref()).await {
            Ok(mut listing) => {
                if !has_target(&listing) {
                    listing.lacks(&wanted.to, now);
                }
                self.keep(&key, &listing, now + listing::KEPT).await;
                Some(listing)
            }
            Err(error) => {
                let project = origin.project.id();
                tracing::info!(project, error = %chain(&error), "release notes can't be read now");
                kept.map(|kept| Listing { is_stale: true, ..kept })
            }
        }
    }

    async fn asked(&self, origin: &Origin, wanted: &Wanted, kept: Option<&Listing>) -> Result<Listing, FetchError> {
        let mut listing = self.list(&origin.project, kept).await?;
        let has_target = |listing: &Listing| wanted.among(&listing.releases).has_target;
        self.older(&origin.project, wanted, &mut listing).await?;
        let now = self.ambient.now();
        let is_unchanged = kept.is_some_and(|kept| kept.etag.is_some() && kept.etag == listing.etag);
        if is_unchanged && listing.is_absent(&wanted.to, now) {
            return Ok(listing);
        }
        if listing.exists
            && !has_target(&listing)
            && listing.is_partial
            && let Some(one) = self.by_tag(&origin.project, wanted).await?
        {
            listing.add(one);
        }
        if listing.exists
            && !has_target(&listing)
            && origin.is_sure
            && let Some((file, releases)) = self.change_log(&origin.project).await?
            && (wanted.among(&releases).has_target || listing.releases.is_empty())
        {
            listing.is_file(file, releases);
        }
        Ok(listing)
    }

    /// The newest releases. Where the forge says that nothing changed, the kept ones.
    async fn list(&self, project: &Project, kept: Option<&Listing>) -> Result<Listing, FetchError> {
        let now = self.ambient.now();
        let kept = kept.filter(|kept| kept.source == TextSource::Release && kept.exists);
        let etag = kept.and_then(|kept| kept.etag.as_deref());
        let (reply, count) = match self.get(project, "list", project.list(LIST), etag, MOST_OF_A_LIST).await {
            Err(FetchError::Outbound(error)) if error.is_large() => {
                let fewer = project.list(SHORT_LIST);
                (self.get(project, "list", fewer, None, MOST_OF_A_LIST).await?, SHORT_LIST)
            }
            reply => (reply?, LIST),
        };
        match (reply, kept) {
            (Reply::Unchanged, Some(kept)) => Ok(Listing { fetched: now, ..kept.clone() }),
            (Reply::Body { body, etag }, _) => {
                let list = listing::read_list(&body.bytes).map_err(|source| unreadable(project, source))?;
                let mut listing = Listing::new(etag, list, count, now);
                if count != LIST {
                    // Its pages are others.
                    listing.pages = MOST_PAGES;
                }
                Ok(match kept {
                    Some(kept) => listing.after(kept),
                    None => listing,
                })
            }
            (Reply::Absent | Reply::Unchanged, _) => Ok(Listing::missing(now)),
        }
    }

    /// Older pages of a list, until it reaches back to what runs.
    async fn older(&self, project: &Project, wanted: &Wanted, listing: &mut Listing) -> Result<(), FetchError> {
        while listing.exists && wanted.is_beyond(listing) && listing.pages < MOST_PAGES {
            let url = project.list_page(LIST, listing.pages + 1);
            let Reply::Body { body, .. } = self.get(project, "list", url, None, MOST_OF_A_LIST).await? else { break };
            let page = listing::read_list(&body.bytes).map_err(|source| unreadable(project, source))?;
            if !listing.add_page(page, LIST) {
                listing.is_partial = false;
            }
        }
        Ok(())
    }

    async fn by_tag(&self, project: &Project, wanted: &Wanted) -> Result<Option<Listed>, FetchError> {
        for tag in wanted.tags().iter().take(MOST_SPELLINGS) {
            if let Reply::Body { body, .. } = self.get(project, "tag", project.by_tag(tag), None, MOST_OF_ONE).await? {
                return listing::read_one(&body.bytes).map_err(|source| unreadable(project, source));
            }
        }
        Ok(None)
    }

    /// The change log in the project's first folder: its name and its versions.
    async fn change_log(&self, project: &Project) -> Result<Option<(String, Vec<Listed>)>, FetchError> {
        // Its answer is let go before the file is asked for: who waits for room holds none.
        let name = match self.get(project, "files", project.files(), None, MOST_OF_ONE).await? {
            Reply::Body { body, .. } => changelog::file_among(&body.bytes),
            Reply::Absent | Reply::Unchanged => return Ok(None),
        };
        let Some(name) = name.map_err(|source| unreadable(project, source))? else { return Ok(None) };
        let Some(url) = project.file(&name) else { return Ok(None) };
        let ask = Ask { operation: "file", project, url: &url, etag: None, most: MOST_OF_A_FILE, raw: true };
        let Reply::Body { body, .. } = self.fetcher.get(ask).await? else { return Ok(None) };
        Ok(Some((name, changelog::versions(&listing::readable(&body.bytes)))))
    }

    async fn get(
        &self,
        project: &Project,
        operation: &'static str,
        url: Option<url::Url>,
        etag: Option<&str>,
        most: usize,
    ) -> Result<Reply, FetchError> {
        let Some(url) = url else { return Ok(Reply::Absent) };
        self.fetcher.get(Ask { operation, project, url: &url, etag, most, raw: false }).await
    }
}

fn unreadable(project: &Project, source: serde_json::Error) -> FetchError {
    FetchError::Unreadable { host: project.forge().host().to_owned(), source }
}
