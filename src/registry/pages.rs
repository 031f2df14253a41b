//! Tag lists: pages as they come in (OCI distribution specification 1.1, "Listing tags").

use json_event_parser::{JsonEvent, LowLevelJsonParser};
use url::Url;

use crate::domain::reference::Tag;

/// The longest word of a page; a tag has at most 128 bytes.
const LONGEST_WORD: usize = 4096;
/// The deepest nesting that is read. Some registries put more than tags on a page.
const DEEPEST: usize = 32;

/// Why a page is no part of a list of tags.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NoPage {
    /// It is no list.
    Form,
    /// It tells of errors beside its tags: the first code, or nothing where there is none that can be read.
    Errors(Box<str>),
}

/// Reads a page while it comes in: never more of it is held than a word.
pub(super) struct Page {
    parser: LowLevelJsonParser,
    /// A word that is not whole yet.
    rest: Vec<u8>,
    depth: usize,
    place: Place,
    is_ended: bool,
    entries: usize,
    last: Option<Box<str>>,
    /// What follows.
    value: Value,
    name: Option<Box<str>>,
    errors: Errors,
    has_more: bool,
}

/// What a value of a page's object is read for, beside its tags and errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Value {
    /// Whose tags they are.
    Name,
    /// Whether the list goes on.
    HasAdditional,
    Other,
}

impl Value {
    /// What follows this event, which stands at this depth.
    fn after(depth: usize, event: &JsonEvent<'_>) -> Self {
        match event {
            JsonEvent::ObjectKey(key) if depth == 1 && key == "name" => Self::Name,
            JsonEvent::ObjectKey(key) if depth == 1 && key == "has_additional" => Self::HasAdditional,
            _ => Self::Other,
        }
    }
}

/// What a page says under `errors`.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Errors {
    None,
    /// What follows is their list.
    At,
    /// Inside of it.
    Inside {
        is_code: bool,
        code: Option<Box<str>>,
    },
    /// There is one at least, with this code.
    Some(Box<str>),
}

impl Errors {
    /// Goes on by an event that stands at this depth. An empty list, or none, says that there was no error.
    fn event(&mut self, depth: usize, event: &JsonEvent<'_>) {
        *self = match (std::mem::replace(self, Self::None), event) {
            (Self::None, JsonEvent::ObjectKey(key)) if depth == 1 && key == "errors" => Self::At,
            (Self::At, JsonEvent::StartArray) => Self::Inside { is_code: false, code: None },
            (Self::At, JsonEvent::Null) | (Self::Inside { code: None, .. }, JsonEvent::EndArray) if depth <= 2 => {
                Self::None
            }
            (Self::At, _) => Self::Some(Box::default()),
            (Self::Inside { code, .. }, JsonEvent::EndArray) if depth == 2 => Self::Some(code.unwrap_or_default()),
            (Self::Inside { is_code: true, .. }, JsonEvent::String(code)) => Self::Some(code.as_ref().into()),
            (Self::Inside { code, .. }, event) => {
                let is_code = depth == 3 && matches!(event, JsonEvent::ObjectKey(key) if key == "code");
                Self::Inside { is_code, code: code.or_else(|| Some(Box::default())) }
            }
            (other, _) => other,
        };
    }
}

/// What a page was, beside its tags.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Read {
    /// How many entries it had, whatever they were.
    pub(super) entries: usize,
    /// The last tag.
    pub(super) last: Option<Box<str>>,
    /// Whose tags they are, in the registry's own words.
    pub(super) name: Option<Box<str>>,
    /// Whether it says that the list goes on.
    pub(super) has_more: bool,
}

impl Read {
    /// The repository that it says to be of, where that is another than `path`, which was answered `from` this address.
    ///
    /// Behind a proxy that rewrites paths a repository has more parts before its last, or fewer; and where the answer
    /// comes from elsewhere, the name there is as good. Where `path` has more parts than one, a name of one is no more than a
    /// word.
    pub(super) fn of_another(&self, path: &str, from: &Url) -> Option<&str> {
        let last = |path: &str| path.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
        let is_told = |name: &&str| !name.is_empty() && (name.contains('/') || !path.contains('/'));
        let name = self.name.as_deref().filter(is_told)?;
        let there = from.path().strip_suffix("/tags/list")?;
        (last(name) != last(path) && last(name) != last(there)).then_some(name)
    }
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
        let (rest, place) = (Vec::new(), Place::Before);
        Self {
            parser,
            rest,
            depth: 0,
            place,
            is_ended: false,
            entries: 0,
            last: None,
            value: Value::Other,
            name: None,
            errors: Errors::None,
            has_more: false,
        }
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

    /// Nothing more is to come: half a page is none, and so is one that says nothing of tags, as an error is.
    pub(super) fn end(mut self, found: &mut impl FnMut(&str)) -> Result<Read, NoPage> {
        let rest = std::mem::take(&mut self.rest);
        self.take(&rest, true, found)?;
        let Self { is_ended, place, entries, last, name, errors, has_more, .. } = self;
        if let (true, Errors::Some(code)) = (is_ended && place == Place::Behind, errors) {
            return Err(NoPage::Errors(code));
        }
        if is_ended && place == Place::Behind { Ok(Read { entries, last, name, has_more }) } else { Err(NoPage::Form) }
    }

    fn take(&mut self, mut bytes: &[u8], is_end: bool, found: &mut impl FnMut(&str)) -> Result<(), NoPage> {
        while !self.is_ended {
            let read = self.parser.parse_next(bytes, is_end);
            bytes = bytes.get(read.consumed_bytes..).ok_or(NoPage::Form)?;
            match read.event {
                None => break,
                Some(event) => self.event(&event.map_err(|_| NoPage::Form)?, found)?,
            }
        }
        if bytes.len() > LONGEST_WORD {
            return Err(NoPage::Form);
        }
        self.rest = bytes.to_vec();
        Ok(())
    }

    fn event(&mut self, event: &JsonEvent<'_>, found: &mut impl FnMut(&str)) -> Result<(), NoPage> {
        match (self.value, event) {
            (Value::Name, JsonEvent::String(name)) => self.name = Some(name.as_ref().into()),
            (Value::HasAdditional, JsonEvent::Boolean(true)) => self.has_more = true,
            _ => {}
        }
        self.value = Value::after(self.depth, event);
        self.errors.event(self.depth, event);
        match (self.place, self.depth, event) {
            (_, 0, JsonEvent::Eof) => self.is_ended = true,
            (_, 0, JsonEvent::StartObject) => self.depth = 1,
            (Place::Before, 1, JsonEvent::ObjectKey(key)) if key == "tags" => self.place = Place::At,
            (Place::At, 1, JsonEvent::StartArray) => (self.place, self.depth) = (Place::Inside, 2),
            (Place::At, 1, JsonEvent::Null) => self.place = Place::Behind,
            (Place::Inside, 2, JsonEvent::String(tag)) => {
                self.entries += 1;
                if Tag::is_valid(tag) {
                    self.last = Some(tag.as_ref().into());
                    found(tag);
                }
            }
            // Some put it there for what was deleted.
            (Place::Inside, 2, JsonEvent::Null) => self.entries += 1,
            (Place::Inside, 2, JsonEvent::EndArray) => (self.place, self.depth) = (Place::Behind, 1),
            (Place::Behind, 1, JsonEvent::ObjectKey(key)) if key == "tags" => return Err(NoPage::Form),
            (_, 0, _) | (Place::At | Place::Inside, ..) => return Err(NoPage::Form),
            (_, _, JsonEvent::StartArray | JsonEvent::StartObject) => self.depth += 1,
            (_, _, JsonEvent::EndArray | JsonEvent::EndObject) => self.depth -= 1,
            _ => {}
        }
        Ok(())
    }
}

/// The tags of a page that comes in these pieces; `None` where it is none. For fuzz targets.
pub fn read_page<'p>(pieces: impl IntoIterator<Item = &'p [u8]>) -> Option<Vec<String>> {
    let (mut page, mut tags) = (Page::new(), Vec::new());
    let mut found = |tag: &str| tags.push(tag.to_owned());
    for piece in pieces {
        page.read(piece, &mut found).ok()?;
    }
    page.end(&mut found).ok()?;
    Some(tags)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{any, prop_assert, proptest};

    #[test]
    fn a_page_is_counted_with_what_can_not_be_pulled() {
        let mut page = Page::new();
        page.read(br#"{"tags":["a",null,"b","no tag"]}"#, &mut |_| {}).unwrap();
        assert_eq!(page.end(&mut |_| {}), Ok(Read { entries: 4, last: Some("b".into()), name: None, has_more: false }));
    }

    #[test]
    fn a_list_of_another_repository_is_seen() {
        let of_path = |path: &str, body: &str, from: &str| {
            let mut page = Page::new();
            page.read(body.as_bytes(), &mut |_| {}).unwrap();
            let read = page.end(&mut |_| {}).unwrap();
            let from = Url::parse(&format!("https://r.example{from}")).unwrap();
            read.of_another(path, &from).map(str::to_owned)
        };
        let of = |body: &str, from: &str| of_path("shop/app", body, from);
        let named = |name: &str| of(&format!(r#"{{"tags":["1.0"],"name":"{name}"}}"#), "/v2/shop/app/tags/list?n=1");
        for name in ["shop/app", "app", "backing/app", "Shop/App", "web", "", "a/b/app"] {
            assert_eq!(named(name), None, "{name}");
        }
        for name in ["shop/web", "other/thing", "shop/app/web", "shop/"] {
            assert_eq!(named(name).as_deref(), Some(name));
        }
        let other = r#"{"name":"backing/web","tags":["1.0"]}"#;
        assert_eq!(of(other, "/v2/backing/web/tags/list"), None, "where the answer is from");
        assert_eq!(of(other, "/some/object"), None);
        assert_eq!(of(other, "/v2/shop/app/tags/list").as_deref(), Some("backing/web"));
        for (name, expected) in [("app", None), ("x/App", None), ("", None), ("other", Some("other"))] {
            let alone = of_path("app", &format!(r#"{{"tags":[],"name":"{name}"}}"#), "/v2/app/tags/list");
            assert_eq!(alone.as_deref(), expected, "{name}");
        }
        let inner = r#"{"child":{"name":"a/b"},"name":null,"tags":[],"x":["name","c/d"]}"#;
        assert_eq!(of(inner, "/v2/shop/app/tags/list"), None);
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
            (r#"{"name":"a","tags":[null,"1.0",null]}"#, &["1.0"]),
            (r#"{"name":"a","tags":null}"#, &[]),
            (r#"{"name":"a","tags":[]}"#, &[]),
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
            "{}",
            r#"{"errors":[{"code":"UNKNOWN","detail":{"tags":["1.0"]}}]}"#,
            r#"{"message":"tags"}"#,
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
                assert_eq!(read(body.as_bytes(), &[size]), Err(NoPage::Form), "{body} by {size}");
            }
        }
        assert_eq!(read(long.as_bytes(), &[100]), Err(NoPage::Form));
    }

    /// Another hand's reader of the same page.
    fn by_serde(body: &[u8]) -> Option<Vec<String>> {
        #[derive(serde::Deserialize)]
        struct Whole {
            tags: Option<Vec<Option<String>>>,
        }
        let whole: Whole = serde_json::from_slice(body).ok()?;
        Some(whole.tags.unwrap_or_default().into_iter().flatten().filter(|tag| Tag::is_valid(tag)).collect())
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
                Some(tags) => prop_assert!(read == Ok(tags) || (read == Err(NoPage::Form) && damage.is_some())),
                None => prop_assert!(read.is_err(), "{:?}", String::from_utf8_lossy(&body)),
            }
        }
    }
}
