//! A YAML text as a tree that knows where each of its values stands.
//!
//! What is read of it is a `serde` type, by [`reading`]; what is wrong is told by its key, as `sources[0].kind`, and by
//! line and column.

mod reading;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt;

use granit_parser::{Event, Options, Parser, ScalarStyle};

pub(super) use reading::read;

/// The most values of a document, those of aliases counted as often as they are used.
const MOST_NODES: usize = 100_000;
/// How deep values may stand in each other.
const DEEPEST: usize = 64;

/// Line and column, each counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// The line.
    pub(super) line: usize,
    /// The column, in characters.
    pub(super) column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// What is wrong with a text, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    /// The key, as `sources[0].kind`; empty for the text as a whole.
    pub(super) key: String,
    pub(super) at: Place,
    /// What is wrong, without the value.
    pub(super) what: String,
}

#[derive(Clone, Debug)]
struct Node {
    /// Unique in its document.
    id: usize,
    at: Place,
    value: Value,
}

#[derive(Clone, Debug)]
enum Value {
    Nothing,
    Text { text: String, is_plain: bool },
    List(Vec<Node>),
    Fields(Vec<Field>),
}

#[derive(Clone, Debug)]
struct Field {
    name: String,
    at: Place,
    value: Node,
}

/// A document.
#[derive(Clone)]
pub(super) struct Document {
    root: Node,
}

impl Default for Document {
    fn default() -> Self {
        Self { root: Node { id: 0, at: Place { line: 1, column: 1 }, value: Value::Nothing } }
    }
}

impl Document {
    /// Reads the only document of a text, with what is written twice in it.
    ///
    /// # Errors
    /// What the text is no document for.
    pub(super) fn parse(text: &str) -> Result<(Self, Vec<Wrong>), Wrong> {
        let mut tree = Tree::default();
        let mut options = Options::default();
        options.set_emit_comments(false);
        for event in Parser::new_from_str_with_options(text, options) {
            let (event, span) = event.map_err(|error| {
                let at = Place { line: error.marker().line(), column: error.marker().col() + 1 };
                Wrong { key: String::new(), at, what: format!("is no YAML: {}", error.kind()) }
            })?;
            tree.take(event, Place { line: span.start.line(), column: span.start.col() + 1 })?;
        }
        let document = tree.root.map_or_else(Self::default, |root| Self { root });
        Ok((document, tree.twice))
    }

    /// Where a key stands: its value where that is of one line, else its name. Of a key that is not there, what is nearest
    /// above it.
    pub(super) fn place(&self, key: &str) -> Place {
        let (mut node, mut at) = (&self.root, self.root.at);
        for step in steps(key) {
            let Some((next, place)) = node.step(&step) else { break };
            (node, at) = (next, place);
        }
        at
    }

    /// The names of the uppermost fields, in their order, each with a text that is another whenever anything in it is.
    pub(super) fn parts(&self) -> impl Iterator<Item = (&str, String)> {
        self.root.fields().iter().map(|field| (field.name.as_str(), field.value.to_string()))
    }

    /// Whether it has a field of this name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.root.fields().iter().any(|field| field.name == name)
    }

    /// Its values of one line, with their keys.
    pub(super) fn texts(&self) -> Vec<(String, String)> {
        let mut all = Vec::new();
        self.root.add_texts(String::new(), &mut all);
        all
    }
}

/// A step on the way to a value.
#[derive(Debug, PartialEq, Eq)]
enum Step<'k> {
    Name(&'k str),
    Item(usize),
}

/// `a.b[0].c` in its steps.
fn steps(key: &str) -> impl Iterator<Item = Step<'_>> {
    key.split('.').flat_map(|part| {
        let (name, items) = part.split_once('[').map_or((part, ""), |(name, items)| (name, items));
        let items = items.split('[').filter_map(|item| item.trim_end_matches(']').parse().ok()).map(Step::Item);
        Some(Step::Name(name)).filter(|_| !name.is_empty()).into_iter().chain(items)
    })
}

impl Node {
    fn fields(&self) -> &[Field] {
        match &self.value {
            Value::Fields(fields) => fields,
            _ => &[],
        }
    }

    fn is_of_one_line(&self) -> bool {
        matches!(self.value, Value::Text { .. })
    }

    fn step(&self, step: &Step<'_>) -> Option<(&Self, Place)> {
        match (step, &self.value) {
            (Step::Name(name), Value::Fields(fields)) => {
                let field = fields.iter().find(|field| field.name == *name)?;
                Some((&field.value, if field.value.is_of_one_line() { field.value.at } else { field.at }))
            }
            (Step::Item(index), Value::List(items)) => items.get(*index).map(|item| (item, item.at)),
            _ => None,
        }
    }

    /// Takes the value with this id out of it; `false` where it is not in it, or all of it.
    fn remove(&mut self, id: usize) -> bool {
        match &mut self.value {
            Value::List(items) => {
                let before = items.len();
                items.retain(|item| item.id != id);
                items.len() != before || items.iter_mut().any(|item| item.remove(id))
            }
            Value::Fields(fields) => {
                let before = fields.len();
                fields.retain(|field| field.value.id != id);
                fields.len() != before || fields.iter_mut().any(|field| field.value.remove(id))
            }
            Value::Nothing | Value::Text { .. } => false,
        }
    }

    /// The value with this id.
    fn with_id(&mut self, id: usize) -> Option<&mut Self> {
        if self.id == id {
            return Some(self);
        }
        match &mut self.value {
            Value::List(items) => items.iter_mut().find_map(|item| item.with_id(id)),
            Value::Fields(fields) => fields.iter_mut().find_map(|field| field.value.with_id(id)),
            Value::Nothing | Value::Text { .. } => None,
        }
    }

    /// The key of the value with this id, where this is the one of the key.
    fn key_of(&self, id: usize, key: &str) -> Option<String> {
        if self.id == id {
            return Some(key.to_owned());
        }
        match &self.value {
            Value::List(items) => {
                items.iter().enumerate().find_map(|(at, item)| item.key_of(id, &format!("{key}[{at}]")))
            }
            Value::Fields(fields) => fields.iter().find_map(|field| field.value.key_of(id, &below(key, &field.name))),
            Value::Nothing | Value::Text { .. } => None,
        }
    }

    fn add_texts(&self, key: String, all: &mut Vec<(String, String)>) {
        match &self.value {
            Value::Nothing => {}
            Value::Text { text, .. } => all.push((key, text.clone())),
            Value::List(items) => {
                for (at, item) in items.iter().enumerate() {
                    item.add_texts(format!("{key}[{at}]"), all);
                }
            }
            Value::Fields(fields) => {
                for field in fields {
                    field.value.add_texts(below(&key, &field.name), all);
                }
            }
        }
    }
}

/// As text that two values share only where they say the same.
impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            Value::Nothing => f.write_str("~"),
            Value::Text { text, is_plain } => write!(f, "{}{text:?}", if *is_plain { "" } else { "!" }),
            Value::List(items) => items.iter().try_for_each(|item| write!(f, "[{item}]")),
            Value::Fields(fields) => {
                fields.iter().try_for_each(|field| write!(f, "{{{:?}:{}}}", field.name, field.value))
            }
        }
    }
}

/// The key of a field of what has this key.
fn below(key: &str, name: &str) -> String {
    if key.is_empty() { name.to_owned() } else { format!("{key}.{name}") }
}

/// A document while it is read.
#[derive(Default)]
struct Tree {
    nodes: usize,
    open: Vec<Open>,
    anchored: HashMap<usize, Node>,
    twice: Vec<Wrong>,
    root: Option<Node>,
}

/// A list or fields that are not closed yet.
struct Open {
    at: Place,
    anchor: usize,
    value: Value,
    /// The name that waits for its value.
    name: Option<(String, Place)>,
}

impl Tree {
    fn take(&mut self, event: Event<'_>, at: Place) -> Result<(), Wrong> {
        match event {
            Event::Scalar(text, style, anchor, _) => {
                let is_plain = style == ScalarStyle::Plain;
                let is_nothing = is_plain && matches!(&*text, "" | "~" | "null" | "Null" | "NULL");
                let text = text.into_owned();
                self.put(at, if is_nothing { Value::Nothing } else { Value::Text { text, is_plain } }, anchor)
            }
            Event::Alias(anchor) => {
                let value = self.anchored.get(&anchor).map_or(Value::Nothing, |node| node.value.clone());
                self.put_copy(at, value)
            }
            Event::SequenceStart(_, anchor, _) => self.begin(at, anchor, Value::List(Vec::new())),
            Event::MappingStart(_, anchor, _) => self.begin(at, anchor, Value::Fields(Vec::new())),
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(Open { at, anchor, value, .. }) => self.put(at, merged(value), anchor),
                None => Ok(()),
            },
            _ => Ok(()),
        }
    }

    fn begin(&mut self, at: Place, anchor: usize, value: Value) -> Result<(), Wrong> {
        if self.open.len() >= DEEPEST {
            return Err(whole(at, format!("has values more than {DEEPEST} deep in each other")));
        }
        self.open.push(Open { at, anchor, value, name: None });
        Ok(())
    }

    /// A value of its own ids: it may be changed where it stands.
    fn put_copy(&mut self, at: Place, mut value: Value) -> Result<(), Wrong> {
        self.number(at, &mut value)?;
        self.put(at, value, 0)
    }

    fn number(&mut self, at: Place, value: &mut Value) -> Result<(), Wrong> {
        let nodes: Vec<&mut Node> = match value {
            Value::Nothing | Value::Text { .. } => Vec::new(),
            Value::List(items) => items.iter_mut().collect(),
            Value::Fields(fields) => fields.iter_mut().map(|field| &mut field.value).collect(),
        };
        for node in nodes {
            node.id = self.next(at)?;
            self.number(at, &mut node.value)?;
        }
        Ok(())
    }

    fn next(&mut self, at: Place) -> Result<usize, Wrong> {
        self.nodes += 1;
        if self.nodes > MOST_NODES {
            return Err(whole(at, format!("has more than {MOST_NODES} values")));
        }
        Ok(self.nodes)
    }

    fn put(&mut self, at: Place, value: Value, anchor: usize) -> Result<(), Wrong> {
        let node = Node { id: self.next(at)?, at, value };
        if anchor != 0 {
            self.anchored.insert(anchor, node.clone());
        }
        let key = self.key();
        let Some(open) = self.open.last_mut() else {
            if self.root.is_some() {
                return Err(whole(at, "has a second document; write one".to_owned()));
            }
            self.root = Some(node);
            return Ok(());
        };
        match &mut open.value {
            Value::List(items) => items.push(node),
            Value::Fields(fields) => match open.name.take() {
                None => {
                    let name = match node.value {
                        Value::Text { text, .. } => text,
                        _ => String::new(),
                    };
                    if let Some(first) = fields.iter().find(|field| field.name == name) {
                        let what = format!("is there twice, first in line {}; keep one", first.at.line);
                        self.twice.push(Wrong { key: below(&key, &name), at, what });
                    }
                    open.name = Some((name, at));
                }
                Some((name, at)) if fields.iter().all(|field| field.name != name) => {
                    fields.push(Field { name, at, value: node });
                }
                Some(_) => {}
            },
            Value::Nothing | Value::Text { .. } => {}
        }
        Ok(())
    }

    /// The key of what is open.
    fn key(&self) -> String {
        let mut key = String::new();
        for open in &self.open {
            match (&open.value, &open.name) {
                (Value::List(items), _) => key = format!("{key}[{}]", items.len()),
                (_, Some((name, _))) => key = below(&key, name),
                _ => {}
            }
        }
        key
    }
}

/// Fields, with those that are merged in by `<<`.
fn merged(value: Value) -> Value {
    let Value::Fields(mut fields) = value else { return value };
    let Some(at) = fields.iter().position(|field| field.name == "<<") else { return Value::Fields(fields) };
    let from = match fields.remove(at).value {
        Node { value: Value::List(items), .. } => items,
        node => vec![node],
    };
    for Node { value, .. } in from {
        let Value::Fields(others) = value else { continue };
        for other in others {
            if fields.iter().all(|field| field.name != other.name) {
                fields.push(other);
            }
        }
    }
    Value::Fields(fields)
}

fn whole(at: Place, what: String) -> Wrong {
    Wrong { key: String::new(), at, what }
}
