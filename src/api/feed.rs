//! What there is to go to and what became of updates, as an Atom feed.

use std::fmt::Write as _;

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

use super::answer::tagged;
use super::view::{ChangeView, ContainerView, WorkloadView};
use super::{Api, Home};
use crate::domain::view::Attention;
use crate::queue::QueueAdmin;

/// The most entries of the feed, the newest.
const MOST: usize = 100;
/// Where there is nothing, nothing has changed since.
const NEVER: &str = "1970-01-01T00:00:00Z";

/// One entry.
struct Entry {
    id: String,
    updated: String,
    title: String,
    text: String,
    /// The workload, as the API names it.
    link: String,
}

/// `GET /api/v1/feed.atom`
pub(super) async fn feed<Q: QueueAdmin>(api: Data<Api<Q>>, request: HttpRequest) -> HttpResponse {
    let moment = api.moment().await;
    let mut all = Vec::new();
    for workload in api.index.all() {
        let (view, record) = api.view(&workload, &moment);
        let uid = &workload.id.uid;
        all.extend(view.containers.iter().filter_map(|container| Entry::available(uid, &view, container)));
        let changes = record.history.entries().iter().map(ChangeView::of);
        all.extend(changes.map(|change| Entry::outcome(uid, &view, &change)));
    }
    all.sort_by(|one, other| other.updated.cmp(&one.updated).then_with(|| one.id.cmp(&other.id)));
    all.truncate(MOST);
    tagged(&request, "application/atom+xml; charset=utf-8", document(&all, &api.home).into_bytes())
}

fn document(entries: &[Entry], home: &Home) -> String {
    let of = |sign: &str| home.cluster.as_ref().map(|cluster| format!("{sign}{cluster}")).unwrap_or_default();
    // Readers who have no page have the API.
    let base = home.page.as_ref().map(|page| format!("{}/", page.as_str().trim_end_matches('/'))).unwrap_or_default();
    let own = if base.is_empty() { "feed.atom".to_owned() } else { format!("{base}api/v1/feed.atom") };
    let updated = entries.first().map_or(NEVER, |entry| entry.updated.as_str());
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<feed xmlns=\"http://www.w3.org/2005/Atom\">\n\
         <id>urn:image-watcher:feed{}</id>\n<title>image-watcher{}</title>\n<updated>{}</updated>\n\
         <author><name>image-watcher</name></author>\n<link rel=\"self\" href=\"{}\"/>\n",
        escaped(&of(":")),
        escaped(&of(" · ")),
        escaped(updated),
        escaped(&own)
    );
    for Entry { id, updated, title, text: said, link } in entries {
        let _ = write!(
            text,
            "<entry>\n<id>{}</id>\n<updated>{}</updated>\n<title>{}</title>\n<link rel=\"alternate\" href=\"{}\"/>\n\
             <content type=\"text\">{}</content>\n</entry>\n",
            escaped(id),
            escaped(updated),
            escaped(title),
            escaped(&format!("{base}{link}")),
            escaped(said)
        );
    }
    text.push_str("</feed>\n");
    text
}

impl Entry {
    fn available(uid: &str, workload: &WorkloadView, container: &ContainerView) -> Option<Self> {
        let available = container.available.as_ref().filter(|_| container.state != Attention::UpToDate)?;
        let updated = available.since?.to_string();
        let running = container.running.as_ref().and_then(|running| running.tag.as_deref()).unwrap_or("?");
        let level = available.level.map(|level| format!(" ({level})")).unwrap_or_default();
        Some(Self {
            id: format!("urn:image-watcher:{uid}:{}:available:{}", container.name, available.tag),
            updated,
            title: format!("{}: {running} → {}{level} is available", place(workload, &container.name), available.tag),
            text: container.words.clone(),
            link: link(workload),
        })
    }

    fn outcome(uid: &str, workload: &WorkloadView, change: &ChangeView) -> Self {
        let ChangeView { container, version, previous, who, time, outcome, is_back, .. } = change;
        let (outcome, what) = (outcome.as_str(), if *is_back { "went back, " } else { "" });
        Self {
            id: format!("urn:image-watcher:{uid}:{container}:{outcome}:{version}:{time}"),
            updated: time.clone(),
            title: format!("{}: {previous} → {version} {what}{outcome}", place(workload, container)),
            text: format!("decided by {who}"),
            link: link(workload),
        }
    }
}

fn place(workload: &WorkloadView, container: &str) -> String {
    format!("{}/{}/{} · {container}", workload.namespace, workload.kind, workload.name)
}

/// Beside the feed.
fn link(workload: &WorkloadView) -> String {
    format!("workloads/{}/{}/{}", workload.namespace, workload.kind, workload.name)
}

/// What a tenant may write, as text of XML: what XML has no letter for is left out.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\t' | '\n' | '\r' => escaped.push(letter),
            letter if letter.is_control() || matches!(letter, '\u{fffe}' | '\u{ffff}') => {}
            letter => escaped.push(letter),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_tenant_writes_is_text_and_nothing_else() {
        let hostile = "\"/><script>alert(1)</script>&\u{0}\u{b}\u{ffff}é";
        assert_eq!(escaped(hostile), "&quot;/&gt;&lt;script&gt;alert(1)&lt;/script&gt;&amp;é");
        let entry = |updated: &str| Entry {
            id: hostile.into(),
            updated: updated.into(),
            title: hostile.into(),
            text: hostile.into(),
            link: hostile.into(),
        };
        let nowhere = Home::default();
        let feed = document(&[entry("2026-11-18T09:00:00Z"), entry("2026-11-17T09:00:00Z")], &nowhere);
        assert!(!feed.contains("<script") && feed.matches("<entry>").count() == 2, "{feed}");
        assert!(feed.contains("<title>image-watcher</title>\n<updated>2026-11-18T09:00:00Z</updated>"), "{feed}");
        assert!(document(&[], &nowhere).contains(NEVER));
    }

    #[test]
    fn links_lead_to_the_page_and_the_cluster_is_named() {
        let page = Some("https://iw.example.com/watch/".parse().unwrap());
        let home = Home { cluster: Some("prod-eu".into()), page };
        let entry = Entry {
            id: "a".into(),
            updated: NEVER.into(),
            title: "t".into(),
            text: String::new(),
            link: "workloads/shop/Deployment/web".into(),
        };
        let feed = document(&[entry], &home);
        for part in [
            "<id>urn:image-watcher:feed:prod-eu</id>",
            "<title>image-watcher · prod-eu</title>",
            "href=\"https://iw.example.com/watch/api/v1/feed.atom\"",
            "href=\"https://iw.example.com/watch/workloads/shop/Deployment/web\"",
        ] {
            assert!(feed.contains(part), "{part}: {feed}");
        }
    }
}
