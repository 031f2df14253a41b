//! Tag lists: pages as they come in, and the link from one to the next (OCI distribution specification 1.1, "Listing
//! tags").

use json_event_parser::{JsonEvent, LowLevelJsonParser};
use url::Url;

use crate::domain::reference::Tag;

/// The longest word of a page; a tag has at most 128 bytes.
const LONGEST_WORD: usize = 4096;
/// The deepest nesting that is read. Some registries put more than tags on a page.
const DEEPEST: usize = 32;

/// It is no list of tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NoPage;

/// Reads a page while it comes in: never more of it is held than a word.
pub(super) struct Page {
    parser: LowLevelJsonParser,
    /// A word that is not whole yet.
    rest: Vec<u8>,
    depth: usize,
    place: Place,
    is_ended: bool,
}

/// Where the reader stands, of the tags in `{"name": …, "tags": […], …}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Before,
    /// What follows is the value of `tags`.
    At,
    Inside,
    Behind,
}

impl Page {
    pub(super) fn new() -> Self {
        let parser = LowLevelJsonParser::new().with_max_stack_size(DEEPEST);
        Self { parser, rest: Vec::new(), depth: 0, place: Place::Before, is_ended: false }
    }

    /// Reads on. `found` is given each tag; those outside the grammar can't be pulled and are left out.
    pub(super) fn read(&mut self, bytes: &[u8], found: &mut impl FnMut(&str)) -> Result<(), NoPage> {
        if self.rest.is_empty() {
            return self.take(bytes, false, found);
        }
        let mut whole = std::mem::take(&mut self.rest);
        whole.extend_from_slice(bytes);
        self.take(&whole, false, found)
    }

    /// Nothing more is to come: half a page is none.
    pub(super) fn end(mut self, found: &mut impl FnMut(&str)) -> Result<(), NoPage> {
        let rest = std::mem::take(&mut self.rest);
        self.take(&rest, true, found)?;
        if self.is_ended { Ok(()) } else { Err(NoPage) }
    }

    fn take(&mut self, mut bytes: &[u8], is_end: bool, found: &mut impl FnMut(&str)) -> Result<(), NoPage> {
        while !self.is_ended {
            let read = self.parser.parse_next(bytes, is_end);
            bytes = bytes.get(read.consumed_bytes..).ok_or(NoPage)?;
            match read.event {
                None => break,
                Some(event) => self.event(&event.map_err(|_| NoPage)?, found)?,
            }
        }
        if bytes.len() > LONGEST_WORD {
            return Err(NoPage);
        }
        self.rest = bytes.to_vec();
        Ok(())
    }

    fn event(&mut self, event: &JsonEvent<'_>, found: &mut impl FnMut(&str)) -> Result<(), NoPage> {
        match (self.place, self.depth, event) {
            (_, 0, JsonEvent::Eof) => self.is_ended = true,
            (_, 0, JsonEvent::StartObject) => self.depth = 1,
            (Place::Before, 1, JsonEvent::ObjectKey(key)) if key == "tags" => self.place = Place::At,
            (Place::At, 1, JsonEvent::StartArray) => (self.place, self.depth) = (Place::Inside, 2),
            (Place::At, 1, JsonEvent::Null) => self.place = Place::Behind,
            (Place::Inside, 2, JsonEvent::String(tag)) if Tag::is_valid(tag) => found(tag),
            // It can't be pulled.
            (Place::Inside, 2, JsonEvent::String(_)) => {}
            (Place::Inside, 2, JsonEvent::EndArray) => (self.place, self.depth) = (Place::Behind, 1),
            (Place::Behind, 1, JsonEvent::ObjectKey(key)) if key == "tags" => return Err(NoPage),
            (_, 0, _) | (Place::At | Place::Inside, ..) => return Err(NoPage),
            (_, _, JsonEvent::StartArray | JsonEvent::StartObject) => self.depth += 1,
            (_, _, JsonEvent::EndArray | JsonEvent::EndObject) => self.depth -= 1,
            _ => {}
        }
        Ok(())
    }
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
    use proptest::prelude::{any, prop_assert, proptest};

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

    /// The tags of a page that comes in pieces of these lengths, over and over.
    fn read(body: &[u8], pieces: &[usize]) -> Result<Vec<String>, NoPage> {
        let (mut page, mut tags, mut rest) = (Page::new(), Vec::new(), body);
        let mut found = |tag: &str| tags.push(tag.to_owned());
        for piece in pieces.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (now, later) = rest.split_at((*piece).clamp(1, rest.len()));
            page.read(now, &mut found)?;
            rest = later;
        }
        page.end(&mut found)?;
        Ok(tags)
    }

    #[test]
    fn a_page_is_json_with_tags_or_none() {
        let more = r#"{"child":["x"],"manifest":{"a":{"tag":["1.0"],"tags":["2.0"]}},"tags":["1.0"],"name":"a"} "#;
        let cases: [(&str, &[&str]); 6] = [
            (r#"{"name":"a","tags":["1.0","bad tag","<!x>","ok_1","\u0031.1"]}"#, &["1.0", "ok_1", "1.1"]),
            (r#"{"name":"a","tags":null}"#, &[]),
            (r#"{"name":"a","tags":[]}"#, &[]),
            ("{}", &[]),
            (more, &["1.0"]),
            (r#" {"tags" : [ "1.0" , "1.1" ] } "#, &["1.0", "1.1"]),
        ];
        for (body, expected) in cases {
            for size in [1, 2, 3, 7, 1000] {
                assert_eq!(read(body.as_bytes(), &[size]).unwrap(), expected, "{body} by {size}");
            }
        }
        let long = format!(r#"{{"name":"{}"}}"#, "x".repeat(2 * LONGEST_WORD));
        let deep = format!(r#"{{"x":{}{}}}"#, "[".repeat(100), "]".repeat(100));
        let rubbish = [
            "",
            " ",
            "<html>",
            "[]",
            "7",
            "null",
            r#"{"tags":"1"}"#,
            r#"{"tags":[1]}"#,
            r#"{"tags":[["1"]]}"#,
            r#"{"tags":{}}"#,
            r#"{"tags":["1.0""#,
            r#"{"tags":["1.0"]"#,
            r#"{"tags":["1.0",]}"#,
            r#"{"tags":["1.0"]}}"#,
            r#"{"tags":["1.0"]} {}"#,
            r#"{"tags":[],"tags":["1.0"]}"#,
            "{\"tags\":[\"\u{0}\"]}",
            &deep,
        ];
        for body in rubbish {
            for size in [1, 2, 5, 1000] {
                assert_eq!(read(body.as_bytes(), &[size]), Err(NoPage), "{body} by {size}");
            }
        }
        assert_eq!(read(long.as_bytes(), &[100]), Err(NoPage));
    }

    /// Another hand's reader of the same page.
    fn by_serde(body: &[u8]) -> Option<Vec<String>> {
        #[derive(serde::Deserialize)]
        struct Whole {
            tags: Option<Vec<String>>,
        }
        let whole: Whole = serde_json::from_slice(body).ok()?;
        Some(whole.tags.unwrap_or_default().into_iter().filter(|tag| Tag::is_valid(tag)).collect())
    }

    proptest! {
        #[test]
        fn however_it_is_cut_it_is_the_same_page(
            tags in proptest::collection::vec("[a-zA-Z0-9_.\"\\\\é-]{0,12}", 0..12),
            name in "\\PC{0,12}",
            more in any::<bool>(),
            pieces in proptest::collection::vec(1_usize..20, 1..8),
            damage in proptest::option::of((any::<proptest::sample::Index>(), any::<u8>())),
        ) {
            let mut body = serde_json::json!({"name": name, "tags": tags});
            if more {
                body["manifest"] = serde_json::json!({"sha256:aa": {"tag": tags, "layers": [1, -2.5e3, true, null]}});
            }
            let mut body = body.to_string().into_bytes();
            if let Some((at, byte)) = damage {
                let at = at.index(body.len());
                body[at] = byte;
            }
            let read = read(&body, &pieces);
            match by_serde(&body) {
                // Of what it does not need it reads less closely.
                Some(tags) => prop_assert!(read == Ok(tags) || (read == Err(NoPage) && damage.is_some())),
                None => prop_assert!(read.is_err(), "{:?}", String::from_utf8_lossy(&body)),
            }
        }
    }
}
