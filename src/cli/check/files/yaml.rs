//! One YAML or JSON document as a tree that knows its lines.
//!
//! An alias is the node that it names, not a copy, so that a small text can't become a large tree.

use std::collections::HashMap;
use std::rc::Rc;

use granit_parser::{Event, Options, Parser, ScalarStyle};

/// The most values of one document, names of fields among them.
const MOST_NODES: usize = 1_000_000;
/// How many nodes are looked into for one field that is merged in.
const MOST_MERGED: usize = 64;

/// A value, and where it begins.
#[derive(Debug)]
pub(super) struct Node {
    /// Counted from 1, in the file.
    pub(super) line: usize,
    value: Value,
}

#[derive(Debug)]
enum Value {
    Nothing,
    Text(String),
    List(Vec<Rc<Node>>),
    Fields(Vec<(String, Rc<Node>)>),
}

/// Why a text is no document.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum YamlError {
    /// It is no YAML.
    #[error("no YAML: {what}")]
    Syntax {
        /// In the file.
        line: usize,
        what: String,
    },
    /// It would take too much room.
    #[error("more than {MOST_NODES} values in one document")]
    TooMuch { line: usize },
}

impl YamlError {
    pub(super) fn line(&self) -> usize {
        match self {
            Self::Syntax { line, .. } | Self::TooMuch { line } => *line,
        }
    }
}

impl Node {
    /// Reads the only document of a text that begins on this line of its file; `None` where there is none.
    pub(super) fn read(text: &str, first_line: usize) -> Result<Option<Rc<Self>>, YamlError> {
        let mut tree = Tree { before: first_line.saturating_sub(1), ..Tree::default() };
        let mut options = Options::default();
        // It would keep them, and take only so many.
        options.set_emit_comments(false);
        let hint = if text.contains("{{") { " (a template? Render it first)" } else { "" };
        for event in Parser::new_from_str_with_options(text, options) {
            let (event, span) = event.map_err(|error| YamlError::Syntax {
                line: tree.before + error.marker().line(),
                what: format!("{}{hint}", error.kind()),
            })?;
            tree.take(event, span.start.line())?;
        }
        Ok(tree.root)
    }

    /// A field, whether it is written here or merged in; of two with one name the last.
    pub(super) fn get(&self, name: &str) -> Option<&Self> {
        let mut left = MOST_MERGED;
        self.field(name, &mut left)
    }

    /// The field at the end of a path of names.
    pub(super) fn at(&self, path: &[&str]) -> Option<&Self> {
        path.iter().try_fold(self, |node, name| node.get(name))
    }

    pub(super) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Whether it is written, and holds nothing.
    pub(super) fn is_nothing(&self) -> bool {
        matches!(self.value, Value::Nothing)
    }

    /// The items of a list; none of anything else.
    pub(super) fn items(&self) -> impl Iterator<Item = &Self> {
        let items = match &self.value {
            Value::List(items) => &items[..],
            _ => &[],
        };
        items.iter().map(|item| &**item)
    }

    /// The fields that are texts, with their names; none of anything else.
    pub(super) fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        let fields = match &self.value {
            Value::Fields(fields) => &fields[..],
            _ => &[],
        };
        fields.iter().filter_map(|(name, node)| Some((name.as_str(), node.text()?)))
    }

    /// A field, where only so many nodes are left to look into for what is merged in.
    fn field(&self, name: &str, left: &mut usize) -> Option<&Self> {
        let Value::Fields(fields) = &self.value else { return None };
        let of = |wanted: &str| fields.iter().rev().find(|(field, _)| field == wanted).map(|(_, node)| &**node);
        if let Some(found) = of(name) {
            return Some(found);
        }
        let from = of("<<")?;
        [from].into_iter().chain(from.items()).find_map(|from| {
            *left = left.checked_sub(1)?;
            from.field(name, left)
        })
    }
}

/// A document while it is read.
#[derive(Default)]
struct Tree {
    /// Lines before the text.
    before: usize,
    nodes: usize,
    /// What is not closed yet, the innermost last.
    open: Vec<Open>,
    /// What aliases may name.
    anchored: HashMap<usize, Rc<Node>>,
    root: Option<Rc<Node>>,
}

/// A list or fields that are not closed yet.
struct Open {
    line: usize,
    anchor: usize,
    value: Value,
    /// The name that waits for its value.
    name: Option<String>,
    is_fields: bool,
}

impl Tree {
    fn take(&mut self, event: Event<'_>, line: usize) -> Result<(), YamlError> {
        let line = self.before + line;
        match event {
            Event::Scalar(text, style, anchor, _) => {
                let is_nothing = style == ScalarStyle::Plain && matches!(&*text, "" | "~" | "null" | "Null" | "NULL");
                let value = if is_nothing { Value::Nothing } else { Value::Text(text.into_owned()) };
                self.put(Node { line, value }.into(), anchor)
            }
            Event::Alias(anchor) => {
                // One that names what it stands in has no value yet.
                let nothing = || Node { line, value: Value::Nothing }.into();
                let node = self.anchored.get(&anchor).cloned().unwrap_or_else(nothing);
                self.put(node, 0)
            }
            Event::SequenceStart(_, anchor, _) => {
                self.open.push(Open { line, anchor, value: Value::List(Vec::new()), name: None, is_fields: false });
                Ok(())
            }
            Event::MappingStart(_, anchor, _) => {
                self.open.push(Open { line, anchor, value: Value::Fields(Vec::new()), name: None, is_fields: true });
                Ok(())
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(Open { line, anchor, value, .. }) = self.open.pop() else { return Ok(()) };
                self.put(Node { line, value }.into(), anchor)
            }
            _ => Ok(()),
        }
    }

    fn put(&mut self, node: Rc<Node>, anchor: usize) -> Result<(), YamlError> {
        self.nodes += 1;
        if self.nodes > MOST_NODES {
            return Err(YamlError::TooMuch { line: node.line });
        }
        if anchor != 0 {
            self.anchored.insert(anchor, Rc::clone(&node));
        }
        let Some(open) = self.open.last_mut() else {
            self.root.get_or_insert(node);
            return Ok(());
        };
        if open.is_fields && open.name.is_none() {
            // What is no text names no field of Kubernetes.
            open.name = Some(node.text().unwrap_or_default().to_owned());
            return Ok(());
        }
        match &mut open.value {
            Value::List(items) => items.push(node),
            Value::Fields(fields) => fields.extend(open.name.take().map(|name| (name, node))),
            Value::Nothing | Value::Text(_) => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Rc<Node> {
        Node::read(text, 1).unwrap().unwrap()
    }

    #[test]
    fn values_know_their_lines() {
        let node = read("# a comment\na: 1\nb:\n  - c: 'x'\n    d: |\n      long\n  - {e: null, f: \"\\u00e9\"}\n");
        let items: Vec<_> = node.get("b").unwrap().items().collect();
        let c = items[0].get("c").unwrap();
        assert_eq!((c.text(), c.line), (Some("x"), 4));
        assert_eq!(items[0].get("d").unwrap().text(), Some("long\n"));
        assert_eq!(items[1].get("e").unwrap().text(), None);
        assert_eq!((items[1].get("f").unwrap().text(), items[1].line), (Some("é"), 7));
        assert_eq!((node.at(&["b", "c"]).is_none(), node.at(&["a"]).unwrap().text()), (true, Some("1")));
        assert_eq!(Node::read("a: 1", 41).unwrap().unwrap().get("a").unwrap().line, 41);
    }

    #[test]
    fn json_is_read_as_well() {
        let node = read("{\n\t\"kind\": \"Pod\",\n\t\"items\": [{\"image\":\"a:1\\ud83d\\ude00\"}],\"n\":null}\n");
        let image = node.get("items").unwrap().items().next().unwrap().get("image").unwrap();
        assert_eq!((image.text(), image.line), (Some("a:1😀"), 3));
    }

    #[test]
    fn an_alias_is_what_it_names() {
        let node = read("base: &base\n  image: a:1\n  tag: x\nweb:\n  <<: *base\n  tag: y\nall: [*base, *base]\n");
        let image = node.at(&["web", "image"]).unwrap();
        assert_eq!((image.text(), image.line), (Some("a:1"), 2));
        assert_eq!(node.at(&["web", "tag"]).unwrap().text(), Some("y"));
        assert_eq!(node.get("all").unwrap().items().filter_map(|item| item.get("tag")?.text()).count(), 2);
        assert_eq!(read("a: &a [*a]").get("a").unwrap().items().filter_map(Node::text).count(), 0);
    }

    #[test]
    fn a_bomb_of_aliases_is_as_large_as_its_text() {
        let mut text = String::from("a0: &a0 [x]\n");
        for n in 1..60 {
            let line = format!("a{n}: &a{n} [{}]\n", vec![format!("*a{}", n - 1); 10].join(","));
            text.push_str(&line);
        }
        assert_eq!(read(&text).get("a59").unwrap().items().count(), 10);
        let mut merged = String::from("a0: &a0 {x: 1}\n");
        for n in 1..60 {
            let line = format!("a{n}: &a{n} {{<<: [{}]}}\n", vec![format!("*a{}", n - 1); 10].join(","));
            merged.push_str(&line);
        }
        assert!(read(&merged).at(&["a59", "gone"]).is_none());
        assert_eq!(read(&merged).at(&["a9", "x"]).unwrap().text(), Some("1"));
    }

    #[test]
    fn what_is_no_yaml_says_where() {
        let error = Node::read("a: 1\nb: {{ .Values.image }}\n  c: d\n", 11).unwrap_err();
        assert!(matches!(error, YamlError::Syntax { .. }) && error.line() >= 12, "{error:?}");
        let comments = format!("a:\n{}  b: 1\n", "# much to say\n".repeat(10_000));
        assert_eq!(read(&comments).at(&["a", "b"]).unwrap().line, 10_002);
        for deep in ["[".repeat(100_000), "a:\n".repeat(3), "- ".repeat(100_000)] {
            let _ = Node::read(&deep, 1);
        }
        assert!(Node::read("# nothing\n", 1).unwrap().is_none());
    }

    #[test]
    fn a_document_has_a_bound() {
        let text = format!("[{}]", "1,".repeat(MOST_NODES + 1));
        assert_eq!(Node::read(&text, 7).unwrap_err(), YamlError::TooMuch { line: 7 });
    }
}
