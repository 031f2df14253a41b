//! SARIF 2.1.0: what viewers of code and code scanning read.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::row::{Row, State, Unread};
use super::subject::Spot;
use crate::domain::reference::Digest;

/// What stands in a path as it is.
const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'.').remove(b'-').remove(b'_').remove(b'~');

/// What a result is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    OutOfDate,
    Held,
    UpdateFailed,
    Gone,
    NotKnown,
    NotRead,
}

impl Rule {
    const ALL: [Self; 6] = [Self::OutOfDate, Self::Held, Self::UpdateFailed, Self::Gone, Self::NotKnown, Self::NotRead];

    /// What a state is called; nothing where all is well.
    pub(super) fn of(state: State) -> Option<Self> {
        match state {
            State::NeedsYou | State::OutOfDate | State::Waiting => Some(Self::OutOfDate),
            State::Held => Some(Self::Held),
            State::Failed => Some(Self::UpdateFailed),
            State::Gone => Some(Self::Gone),
            State::CannotTell => Some(Self::NotKnown),
            State::UpToDate | State::Ignored => None,
        }
    }

    pub(super) fn id(self) -> &'static str {
        match self {
            Self::OutOfDate => "out-of-date",
            Self::Held => "held",
            Self::UpdateFailed => "update-failed",
            Self::Gone => "gone",
            Self::NotKnown => "not-known",
            Self::NotRead => "not-read",
        }
    }

    fn level(self) -> &'static str {
        match self {
            Self::OutOfDate | Self::NotKnown => "warning",
            Self::Held => "note",
            Self::UpdateFailed | Self::Gone | Self::NotRead => "error",
        }
    }

    fn description(self) -> &'static str {
        match self {
            Self::OutOfDate => "A newer image is available, and the settings allow it",
            Self::Held => "A newer image is available, and somebody set it back",
            Self::UpdateFailed => "The last update failed",
            Self::Gone => "The image is no longer in its registry",
            Self::NotKnown => "It could not be told whether the image is up to date",
            Self::NotRead => "This could not be read, and no image of it was checked",
        }
    }

    fn help(self) -> &'static str {
        match self {
            Self::OutOfDate => {
                "Set the image to the tag that the result names, or narrow what is allowed by the annotations \
                 image-watcher/strategy, exclude and skip"
            }
            Self::Held => "Find out why the version was set back; a newer one is proposed again",
            Self::UpdateFailed => "Look at the workload's rollout and its events",
            Self::Gone => {
                "Set the image to a tag that is there; the result names the newest good one where there is one"
            }
            Self::NotKnown => "Mend what the result names: a setting, a credential, a registry that does not answer",
            Self::NotRead => "Mend the document, or render the template first",
        }
    }

    /// Code scanning of GitHub wants all three texts.
    fn described(self) -> Value {
        json!({
            "id": self.id(),
            "shortDescription": {"text": self.description()},
            "fullDescription": {"text": self.description()},
            "help": {"text": self.help()},
            "defaultConfiguration": {"level": self.level()},
        })
    }
}

/// The whole log.
pub(super) fn print(rows: &[Row], unread: &[Unread]) -> String {
    let of_rows = rows.iter().filter_map(|row| Some(of_row(Rule::of(row.state)?, row)));
    let results: Vec<Value> = of_rows.chain(unread.iter().map(of_unread)).collect();
    let log = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "image-watcher",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": Rule::ALL.map(Rule::described),
            }},
            "results": results,
        }],
    });
    format!("{log:#}\n")
}

fn of_row(rule: Rule, row: &Row) -> Value {
    let mut name = [&*row.namespace, &row.kind, &row.name, &row.container].join("/");
    if row.namespace.is_empty() {
        name.remove(0);
    }
    // The same for as long as the container stands in this file, whatever line and version.
    let file = row.spot.as_ref().map(|spot| &*spot.file).unwrap_or_default();
    let same = Digest::of(format!("{}\n{file}\n{name}\n{}", rule.id(), row.repository).as_bytes());
    result(
        rule,
        &row.sentence(),
        &json!([{"physicalLocation": place(row.spot.as_ref()), "logicalLocations": [{"fullyQualifiedName": name}]}]),
        same.short(),
    )
}

fn of_unread(unread: &Unread) -> Value {
    let file = unread.spot.as_ref().map(|spot| &*spot.file);
    let scope = [unread.namespace.as_deref(), unread.kind, file].map(Option::unwrap_or_default).join("\n");
    let same = Digest::of(format!("{}\n{scope}\n{:?}", Rule::NotRead.id(), unread.document).as_bytes());
    let location = match &unread.spot {
        Some(spot) => json!([{"physicalLocation": place(Some(spot))}]),
        None => json!([]),
    };
    result(Rule::NotRead, &unread.error, &location, same.short())
}

fn result(rule: Rule, message: &str, locations: &Value, same: &str) -> Value {
    let index = Rule::ALL.iter().position(|other| *other == rule).unwrap_or_default();
    let mut result = json!({
        "ruleId": rule.id(),
        "ruleIndex": index,
        "level": rule.level(),
        "message": {"text": message},
        "locations": locations,
        "partialFingerprints": {"imageWatcher/v1": same},
    });
    // What is of a cluster has a name and no place; the schema wants no null.
    if let Some(locations) = result.pointer_mut("/locations").and_then(Value::as_array_mut) {
        for location in locations.iter_mut().filter_map(Value::as_object_mut) {
            location.retain(|_, value| !value.is_null());
        }
    }
    result
}

/// A line of a file, the first one for the whole of it; null where there is no file.
fn place(spot: Option<&Spot>) -> Value {
    let Some(spot) = spot else { return Value::Null };
    json!({"artifactLocation": {"uri": uri(&spot.file)}, "region": {"startLine": spot.line.max(1)}})
}

/// Relative to where it ran, or of this machine where the path is absolute.
fn uri(file: &str) -> String {
    if file == "-" {
        return "stdin".into();
    }
    let path = utf8_percent_encode(file.strip_prefix("./").unwrap_or(file), PATH);
    if file.starts_with('/') { format!("file://{path}") } else { path.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the schema of SARIF 2.1.0 and GitHub's code scanning want, as far as it is used here.
    #[test]
    fn a_log_has_what_its_readers_want() {
        let spot = |line| Some(Spot { file: "a b.yaml".into(), line });
        let unread = |spot: Option<Spot>| Unread {
            namespace: spot.is_none().then(|| "shop".into()),
            kind: None,
            spot,
            document: None,
            error: "why".into(),
        };
        let log: Value = serde_json::from_str(&print(&[], &[unread(spot(0)), unread(spot(7)), unread(None)])).unwrap();
        assert_eq!((&log["version"], log["runs"].as_array().unwrap().len()), (&json!("2.1.0"), 1));
        assert!(log["$schema"].as_str().unwrap().ends_with("sarif-2.1.0.json"));
        let run = &log["runs"][0];
        let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
        assert_eq!((&run["tool"]["driver"]["name"], rules.len()), (&json!("image-watcher"), Rule::ALL.len()));
        for rule in rules {
            for text in ["shortDescription", "fullDescription", "help"] {
                assert!(!rule[text]["text"].as_str().unwrap().is_empty(), "{rule}");
            }
        }
        let lines = [Some(1), Some(7), None];
        for (result, line) in run["results"].as_array().unwrap().iter().zip(lines) {
            let rule = &rules[usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap()];
            assert_eq!((&result["ruleId"], &result["level"]), (&rule["id"], &rule["defaultConfiguration"]["level"]));
            assert!(["note", "warning", "error"].contains(&result["level"].as_str().unwrap()));
            assert_eq!(result["message"]["text"], "why");
            assert_eq!(result["locations"].as_array().unwrap().len(), usize::from(line.is_some()));
            let place = &result["locations"][0]["physicalLocation"];
            assert_eq!(place["region"]["startLine"].as_u64(), line);
            assert!(line.is_none() || place["artifactLocation"]["uri"] == "a%20b.yaml", "{result}");
        }
        let same: std::collections::BTreeSet<_> =
            (0..3).map(|n| run["results"][n]["partialFingerprints"].to_string()).collect();
        assert_eq!(same.len(), 2, "the same document on another line is the same");
    }

    #[test]
    fn a_path_becomes_a_uri() {
        let cases = [
            ("deploy/web.yaml", "deploy/web.yaml"),
            ("./deploy/a b#1.yaml", "deploy/a%20b%231.yaml"),
            ("../é:1.yaml", "../%C3%A9%3A1.yaml"),
            ("/srv/web.yaml", "file:///srv/web.yaml"),
            ("-", "stdin"),
        ];
        for (file, expected) in cases {
            assert_eq!(uri(file), expected);
        }
    }
}
