//! What an update changes in the image: what people look for before they say yes.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::image::{Configuration, Content, line};

/// So many names of each kind are told.
const MOST: usize = 8;
/// Beyond so many words a command is told in short.
const MOST_WORDS: usize = 12;

/// The differences between two images. All nothing: they start alike.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Changes {
    /// `USER`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<FromTo>,
    /// `ENTRYPOINT`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entrypoint: Option<FromTo>,
    /// `CMD`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<FromTo>,
    /// Names of environment variables; never what they are set to.
    #[serde(skip_serializing_if = "Names::is_empty")]
    pub environment: Names,
    /// Ports that are exposed.
    #[serde(skip_serializing_if = "Names::is_empty")]
    pub ports: Names,
    /// Volumes that are declared.
    #[serde(skip_serializing_if = "Names::is_empty")]
    pub volumes: Names,
    /// The bytes of all layers as they are pulled, before and after.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<(u64, u64)>,
}

/// What it was, and what it becomes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FromTo {
    /// Before.
    pub from: String,
    /// After.
    pub to: String,
}

/// What comes and what goes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Names {
    /// New ones.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub added: Vec<String>,
    /// Those that are gone.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub removed: Vec<String>,
}

impl Changes {
    /// The differences between what runs and what is to run.
    #[must_use]
    pub fn between(from: &Content, to: &Content) -> Self {
        let size = (from.size > 0 || to.size > 0).then_some((from.size, to.size));
        let (Some(one), Some(other)) = (&from.configuration, &to.configuration) else {
            return Self { size, ..Self::default() };
        };
        let words = |of: &[String]| {
            let more = if of.len() > MOST_WORDS { " …" } else { "" };
            format!("{}{more}", of.get(..MOST_WORDS.min(of.len())).unwrap_or_default().join(" "))
        };
        let pick = |of: fn(&Configuration) -> &Vec<String>| {
            let (before, after) = (of(one), of(other));
            (before != after).then(|| FromTo { from: words(before), to: words(after) })
        };
        Self {
            user: (as_user(&one.user) != as_user(&other.user))
                .then(|| FromTo { from: line(as_user(&one.user)), to: line(as_user(&other.user)) }),
            entrypoint: pick(|it| &it.entrypoint),
            command: pick(|it| &it.command),
            environment: Names::between(&one.environment, &other.environment),
            ports: Names::between(&one.ports, &other.ports),
            volumes: Names::between(&one.volumes, &other.volumes),
            size,
        }
    }
}

/// An image without a user runs as root.
fn as_user(user: &str) -> &str {
    if user.is_empty() { "root" } else { user }
}

impl Names {
    fn between(before: &[String], after: &[String]) -> Self {
        let beyond = |all: &[String], others: &[String]| {
            all.iter().filter(|name| !others.contains(name)).take(MOST).cloned().collect()
        };
        Self { added: beyond(after, before), removed: beyond(before, after) }
    }

    fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty()
    }

    fn parts(&self, what: &str) -> Option<String> {
        let of = |sign: &str, names: &[String]| names.iter().map(|name| format!("{sign}{name}")).collect::<Vec<_>>();
        let all = [of("+", &self.added), of("−", &self.removed)].concat();
        (!all.is_empty()).then(|| format!("{what} {}", all.join(" ")))
    }
}

impl fmt::Display for Changes {
    /// One line for people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |text: &str| if text.is_empty() { "none".to_owned() } else { text.to_owned() };
        let change = |what: &str, of: &Option<FromTo>| {
            of.as_ref().map(|it| format!("{what} {} → {}", shown(&it.from), shown(&it.to)))
        };
        let size = self.size.map(|(from, to)| (bytes(from), bytes(to))).filter(|(from, to)| from != to);
        let size = size.map(|(from, to)| format!("size {from} → {to}"));
        let parts = [
            change("user", &self.user),
            change("entrypoint", &self.entrypoint),
            change("command", &self.command),
            self.environment.parts("environment"),
            self.ports.parts("ports"),
            self.volumes.parts("volumes"),
            size,
        ];
        f.write_str(&parts.into_iter().flatten().collect::<Vec<_>>().join("; "))
    }
}

/// A size for people: `12.3 MB`.
fn bytes(count: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "a size of three digits")]
    let megabytes = count as f64 / 1_000_000.0;
    match count {
        0..1_000 => format!("{count} B"),
        1_000..1_000_000 => format!("{} kB", count / 1_000),
        _ => format!("{megabytes:.1} MB"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(user: &str, entrypoint: &[&str], environment: &[&str], size: u64) -> Content {
        let texts = |all: &[&str]| all.iter().map(|text| (*text).to_owned()).collect();
        let configuration = Configuration {
            user: user.into(),
            entrypoint: texts(entrypoint),
            environment: texts(environment),
            ..Configuration::default()
        };
        Content { configuration: Some(configuration), size, ..Content::default() }
    }

    #[test]
    fn what_changes_is_told_in_one_line() {
        let before = content("", &["/web"], &["A", "B"], 12_300_000);
        let mut after = content("1000", &["/web", "--new"], &["B", "C"], 900);
        if let Some(configuration) = &mut after.configuration {
            configuration.ports = vec!["8080/tcp".into()];
        }
        let changes = Changes::between(&before, &after);
        assert_eq!(
            changes.to_string(),
            "user root → 1000; entrypoint /web → /web --new; environment +C −A; ports +8080/tcp; size 12.3 MB → 900 B"
        );
        let written = serde_json::to_string(&changes).unwrap();
        assert_eq!(serde_json::from_str::<Changes>(&written).unwrap(), changes);
    }

    fn is_only_size(changes: &Changes) -> bool {
        *changes == Changes { size: changes.size, ..Changes::default() }
    }

    #[test]
    fn what_goes_what_comes_and_the_size_are_told_where_there_are_any() {
        let of = |user: &str, environment: &[&str], size| content(user, &[], environment, size);
        let told = |from: &Content, to: &Content| Changes::between(from, to).to_string();
        assert_eq!(told(&of("", &["A"], 0), &of("", &[], 0)), "environment −A");
        assert_eq!(told(&of("", &[], 0), &of("", &[], 999)), "size 0 B → 999 B");
        let stored = |to: &Content| serde_json::to_value(Changes::between(&of("", &["A"], 0), to)).unwrap();
        assert_eq!(stored(&of("", &["A"], 0)), serde_json::json!({}));
        assert_eq!(stored(&of("", &[], 0)), serde_json::json!({"environment": {"removed": ["A"]}}));
        assert_eq!(told(&of("", &[], 5_000), &of("", &[], 0)), "size 5 kB → 0 B");
        assert!(!is_only_size(&Changes::between(&of("", &["A"], 7), &of("", &[], 7))));
        let words = |count: usize| vec!["a"; count];
        let entrypoint = |count| content("", &words(count), &[], 0);
        let command = told(&of("", &[], 0), &entrypoint(MOST_WORDS));
        assert_eq!(command, format!("entrypoint none → {}", words(MOST_WORDS).join(" ")));
        assert_eq!(told(&of("", &[], 0), &entrypoint(MOST_WORDS + 1)), format!("{command} …"));
    }

    #[test]
    fn what_is_not_known_is_no_change() {
        let known = content("", &["/web"], &[], 7);
        let unknown = Content { configuration: None, ..known.clone() };
        assert!(is_only_size(&Changes::between(&known, &known)));
        assert_eq!(Changes::between(&known, &known).to_string(), "", "nor is a size that reads the same");
        assert!(is_only_size(&Changes::between(&unknown, &known)));
        assert!(is_only_size(&Changes::between(&content("root", &[], &[], 7), &content("", &[], &[], 7))));
    }

    #[test]
    fn many_names_are_told_in_short() {
        let many: Vec<String> = (0..1000).map(|n| format!("NAME_{n:04}")).collect();
        let names: Vec<&str> = many.iter().map(String::as_str).collect();
        let changes = Changes::between(&content("", &[], &[], 0), &content("", &names, &names, 0));
        assert!(changes.to_string().len() < 500, "{changes}");
    }
}
