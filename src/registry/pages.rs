//! Tag lists: pages, and the link from one to the next (OCI distribution specification 1.1, "Listing tags").

use serde::Deserialize;
use url::Url;

use crate::domain::reference::Tag;
use crate::domain::tags::TagList;

/// One page.
#[derive(Deserialize)]
struct Page {
    tags: Option<TagList>,
}

/// Adds the tags of a page to a list; those outside the grammar can't be pulled and are left out.
pub(super) fn read(body: &[u8], tags: &mut TagList) -> Result<(), serde_json::Error> {
    let page: Page = serde_json::from_slice(body)?;
    let Some(found) = page.tags else { return Ok(()) };
    found.iter().filter(|tag| Tag::is_valid(tag)).for_each(|tag| tags.push(tag));
    Ok(())
}

/// What a `Link` header says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// This was the last page.
    End,
    /// The next page.
    Page(Url),
    /// A page elsewhere, or nowhere: the list can't be completed.
    Refused,
}

/// The page after `current`, which must be on the same origin (RFC 8288).
pub(super) fn next(header: Option<&str>, current: &Url) -> Next {
    let Some(header) = header else { return Next::End };
    let is_next = |link: &&str| {
        link.split(';').skip(1).any(|part| {
            let part = part.trim().to_ascii_lowercase();
            part == "rel=next" || part == "rel=\"next\""
        })
    };
    let Some(link) = header.split(", ").find(is_next) else { return Next::End };
    let target = link.trim().strip_prefix('<').and_then(|rest| rest.split_once('>')).map(|(target, _)| target);
    match target.and_then(|target| current.join(target).ok()) {
        Some(url) if url.origin() == current.origin() && url.username().is_empty() && url != *current => {
            Next::Page(url)
        }
        _ => Next::Refused,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_on_the_same_origin() {
        let current = Url::parse("https://r.example/v2/a/tags/list?n=2").unwrap();
        let page = |text: &str| Next::Page(Url::parse(text).unwrap());
        let cases = [
            (None, Next::End),
            (Some("</v2/a/tags/list?last=b&n=2>; rel=\"next\""), page("https://r.example/v2/a/tags/list?last=b&n=2")),
            (Some("<https://r.example/x>; rel=next"), page("https://r.example/x")),
            (Some("</x>; rel=\"prev\""), Next::End),
            (Some("<https://evil.example/v2/a>; rel=\"next\""), Next::Refused),
            (Some("<http://r.example/v2/a>; rel=\"next\""), Next::Refused),
            (Some("<https://u@r.example/v2/a>; rel=\"next\""), Next::Refused),
            (Some("</v2/a/tags/list?n=2>; rel=\"next\""), Next::Refused),
            (Some("v2/a; rel=\"next\""), Next::Refused),
        ];
        for (header, expected) in cases {
            assert_eq!(next(header, &current), expected, "{header:?}");
        }
    }

    #[test]
    fn a_page_is_json_with_tags_or_none() {
        let mut tags = TagList::new();
        read(br#"{"name":"a","tags":["1.0","bad tag","<!x>","ok_1"]}"#, &mut tags).unwrap();
        assert_eq!(tags.iter().collect::<Vec<_>>(), ["1.0", "ok_1"]);
        read(br#"{"name":"a","tags":null}"#, &mut tags).unwrap();
        assert_eq!(tags.len(), 2);
        for rubbish in ["", "<html>", "[]", r#"{"tags":"1"}"#, r#"{"tags":[1]}"#, r#"{"tags":["1.0""#] {
            assert!(read(rubbish.as_bytes(), &mut tags).is_err(), "{rubbish}");
        }
    }
}
