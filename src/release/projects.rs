//! The releases of a project: what is kept, and the fewest questions that bring the rest.

use chrono::TimeDelta;

use super::fetch::{Ask, FetchError, MOST_OF_A_LIST, Reply};
use super::forge::Project;
use super::listing::{self, Before, ChangeLog, Listed, Listing};
use super::origin::Origin;
use super::select::Wanted;
use super::visibility::Access;
use super::{Effort, Releases, changelog};
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
        let mut kept: Option<Listing> = self.recall(&key).await;
        let log_key = format!("changes:{key}");
        if let Some(kept) = kept.as_mut().filter(|kept| kept.exists && !wanted.among(&kept.releases).has_target) {
            kept.change_log = self.recall(&log_key).await;
        }
        let now = self.ambient.now();
        let is_enough = |kept: &Listing| {
            kept.answers(&wanted.to, kept.has_text(wanted), fresh, now)
                && (!wanted.is_beyond(&kept.releases, kept.is_partial) || kept.pages >= MOST_PAGES)
        };
        if kept.as_ref().is_some_and(is_enough) {
            return kept;
        }
        if effort == Effort::Recall {
            return None;
        }
        let memory = access.memory(&origin.project)?;
        let before = self.recall::<Before>(&memory).await;
        match self.asked(origin, wanted, (kept.as_ref(), before.as_ref())).await {
            Ok(mut listing) => {
                if !listing.is_stale && !listing.has_text(wanted) {
                    listing.lacks(&wanted.to, now);
                }
                self.keep(&key, &listing, now + listing::KEPT).await;
                let after = Before::of(&listing);
                if listing.exists && before.as_ref() != Some(&after) {
                    self.keep(&memory, &after, now + listing::REMEMBERED).await;
                }
                let known = kept.as_ref().and_then(|kept| kept.change_log.as_ref()).map(|log| log.read);
                if let Some(log) = listing.change_log.as_ref().filter(|log| known != Some(log.read)) {
                    self.keep(&log_key, log, now + listing::KEPT).await;
                }
                Some(listing)
            }
            Err(error) => {
                let project = origin.project.id();
                tracing::info!(project, error = %chain(&error), "release notes can't be read now");
                kept.map(|kept| Listing { is_stale: true, ..kept })
            }
        }
    }

    async fn asked(
        &self,
        origin: &Origin,
        wanted: &Wanted,
        (kept, before): (Option<&Listing>, Option<&Before>),
    ) -> Result<Listing, FetchError> {
        let mut listing = self.list(&origin.project, (kept, before)).await?;
        self.older(&origin.project, wanted, &mut listing).await?;
        let now = self.ambient.now();
        let is_unchanged = kept.is_some_and(|kept| kept.etag.is_some() && kept.etag == listing.etag);
        if is_unchanged && listing.is_absent(&wanted.to, now) {
            return Ok(listing);
        }
        if let Err(error) = self.beside(origin, wanted, &mut listing).await {
            // What the list says is known all the same: a release that is not in it any more was taken back.
            let project = origin.project.id();
            tracing::info!(project, error = %chain(&error), "of a project's releases the list alone can be read now");
            listing.is_stale = true;
        }
        Ok(listing)
    }

    /// What is looked for beside the list, for a version that is not in it: its release by itself, then the change log.
    async fn beside(&self, origin: &Origin, wanted: &Wanted, listing: &mut Listing) -> Result<(), FetchError> {
        let lacks = |listing: &Listing| listing.exists && !wanted.among(&listing.releases).has_target;
        if lacks(listing)
            && listing.is_partial
            && let Some(one) = self.by_tag(&origin.project, wanted).await?
        {
            listing.add(one);
        }
        let is_read = |log: &ChangeLog| self.ambient.now() - log.read < listing::FRESH;
        let has_text = listing.has_text(wanted) && listing.change_log.as_ref().is_some_and(is_read);
        if lacks(listing) && !has_text && origin.is_sure {
            listing.change_log = self.change_log(&origin.project).await?;
        }
        Ok(())
    }

    /// The newest releases. Where the forge says that nothing changed, the kept ones.
    async fn list(
        &self,
        project: &Project,
        (kept, before): (Option<&Listing>, Option<&Before>),
    ) -> Result<Listing, FetchError> {
        let now = self.ambient.now();
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
            (Reply::Body { body, etag }, kept) => {
                let list = listing::read_list(&body.bytes).map_err(|source| unreadable(project, source))?;
                let mut listing = Listing::new(etag, list, count, now);
                if count != LIST {
                    // Its pages are others.
                    listing.pages = MOST_PAGES;
                }
                listing.change_log = kept.and_then(|kept| kept.change_log.clone());
                Ok(match before {
                    Some(before) => listing.after(before),
                    None => listing,
                })
            }
            (Reply::Absent | Reply::Unchanged, _) => {
                let withdrawn = before.map(|before| before.withdrawn.clone()).unwrap_or_default();
                Ok(Listing { withdrawn, ..Listing::missing(now) })
            }
        }
    }

    /// Older pages of a list, until it reaches back to what runs.
    async fn older(&self, project: &Project, wanted: &Wanted, listing: &mut Listing) -> Result<(), FetchError> {
        while listing.exists && wanted.is_beyond(&listing.releases, listing.is_partial) && listing.pages < MOST_PAGES {
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

    /// The change log in the project's first folder.
    async fn change_log(&self, project: &Project) -> Result<Option<ChangeLog>, FetchError> {
        // Its answer is let go before the file is asked for: who waits for room holds none.
        let name = match self.get(project, "files", project.files(), None, MOST_OF_ONE).await? {
            Reply::Body { body, .. } => changelog::file_among(&body.bytes),
            Reply::Absent | Reply::Unchanged => return Ok(None),
        };
        let Some(name) = name.map_err(|source| unreadable(project, source))? else { return Ok(None) };
        let Some(url) = project.file(&name) else { return Ok(None) };
        let ask = Ask { operation: "file", project, url: &url, etag: None, most: MOST_OF_A_FILE, raw: true };
        let Reply::Body { body, .. } = self.fetcher.get(ask).await? else { return Ok(None) };
        let versions = changelog::versions(&listing::readable(&body.bytes));
        Ok(Some(ChangeLog { name, versions, read: self.ambient.now() }))
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
