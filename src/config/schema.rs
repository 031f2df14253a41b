//! `docs/config.schema.json`: made of the types of the file by this test, printed by `config --schema`, and held against every
//! example of a configuration in the documents. The chart's `values.schema.json` has the same of its value `config`.

use serde_json::{Value, json};

use super::file::{ConfigFile, File, KEYS};
use super::names;
use super::source::SourceKind;
use crate::domain::policy::{Mode, Order, Steps, Strategy, Track};

fn made() -> String {
    let settings = schemars::generate::SchemaSettings::draft2020_12();
    let schema = settings.into_generator().into_root_schema_for::<ConfigFile>();
    let mut schema = serde_json::to_value(schema).unwrap();
    schema["title"] = "Configuration of image-watcher".into();
    close(&mut schema, "$defs");
    // It is a part of the binary, which need not carry spaces.
    serde_json::to_string(&schema).unwrap() + "\n"
}

/// What is read as one of a few words, by definition (none for the file itself) and key. The types hold any text: what is none of these
/// is told with its place and the nearest word.
fn words() -> Vec<(Option<&'static str>, &'static str, Vec<&'static str>)> {
    let kinds = SourceKind::ALL.iter().map(|(word, _)| *word).collect();
    vec![
        (None, "nodeEnv", vec!["production", "development", "test"]),
        (None, "logLevel", vec!["ERROR", "WARN", "INFO", "DEBUG", "TRACE"]),
        (None, "language", vec!["en", "fr"]),
        (None, "mode", Mode::WORDS.to_vec()),
        (None, "strategy", Strategy::WORDS.to_vec()),
        (Some("RuleEntry"), "mode", Mode::WORDS.to_vec()),
        (Some("RuleEntry"), "strategy", Strategy::WORDS.to_vec()),
        (Some("RuleEntry"), "steps", Steps::WORDS.to_vec()),
        (Some("RuleEntry"), "track", Track::WORDS.to_vec()),
        (Some("RuleEntry"), "tagOrder", Order::WORDS.to_vec()),
        (Some("AuthBlock"), "mode", vec!["none", "basic", "proxy", "oidc"]),
        (Some("ChannelEntry"), "language", vec!["en", "fr"]),
        (Some("SourceEntry"), "kind", kinds),
        (Some("TokenEntry"), "role", vec!["viewer", "approver"]),
    ]
}

/// These are read in any case of letters, and empty is not set.
fn in_any_case(words: &[&str]) -> Value {
    let either = |c: char| {
        if c.is_ascii_alphabetic() {
            format!("[{}{}]", c.to_ascii_uppercase(), c.to_ascii_lowercase())
        } else {
            c.to_string()
        }
    };
    let all: Vec<String> = words.iter().map(|word| word.chars().map(either).collect()).collect();
    json!([{"enum": words}, {"type": "string", "pattern": format!("^({})?$", all.join("|"))}])
}

/// Says of each key which words there are: editors show them, and Helm refuses others before a pod is replaced.
fn close(schema: &mut Value, definitions: &str) {
    for (definition, key, words) in words() {
        let of = match definition {
            Some(name) => &mut schema[definitions][name],
            None => &mut *schema,
        };
        let property = of["properties"][key].as_object_mut().unwrap();
        let may_be_null = property.remove("type").is_some_and(|types| types.to_string().contains("null"));
        let mut any = in_any_case(&words);
        if may_be_null {
            any.as_array_mut().unwrap().push(json!({"type": "null"}));
        }
        property.insert("anyOf".to_owned(), any);
    }
}

#[test]
fn the_schema_has_the_words_that_are_read() {
    let told = |yaml: &str| {
        let variables = [("IMAGE_WATCHER_CONFIG".to_owned(), "/c.yaml".to_owned())];
        let read = |path: &str| match path {
            "/c.yaml" => Ok(yaml.to_owned()),
            _ => Err(std::io::ErrorKind::NotFound.into()),
        };
        let (_, error) = super::Config::read_as_far_as_it_goes(variables, &read, chrono::DateTime::UNIX_EPOCH);
        error.map(|error| error.to_string()).unwrap_or_default()
    };
    for (definition, key, words) in words() {
        let yaml = |word: &str| match definition {
            None => format!("{key}: {word}"),
            Some("RuleEntry") => format!("rules: [{{{key}: {word}}}]"),
            Some("AuthBlock") => format!("auth: {{{key}: {word}}}"),
            Some("ChannelEntry") => format!("channels: [{{name: a, kind: ntfy, {key}: {word}}}]"),
            Some("SourceEntry") => format!("sources: [{{name: a, {key}: {word}}}]"),
            _ => {
                format!("auth: {{mode: none, tokens: [{{name: a, hash: 'sha256:{}', {key}: {word}}}]}}", "0".repeat(64))
            }
        };
        let is_wrong = |yaml: &str| {
            let told = told(yaml);
            let about_it = told.lines().filter(|line| line.contains(&format!("{key}  "))).collect::<String>();
            about_it.contains("is none of") || about_it.contains("is expected")
        };
        let wrong = yaml("misspelt");
        assert!(is_wrong(&wrong), "{wrong}: {}", told(&wrong));
        assert!(violations(&wrong).iter().any(|it| it.contains("misspelt")), "{wrong}: {:?}", violations(&wrong));
        for word in words {
            let right = yaml(word);
            assert!(!is_wrong(&right), "{right}: {}", told(&right));
            assert!(!violations(&right).iter().any(|it| it.contains(word)), "{right}: {:?}", violations(&right));
        }
    }
    assert_eq!(violations("mode: auto_update"), Vec::<String>::new(), "in any case of letters");
    assert_eq!(violations("mode: ''"), Vec::<String>::new(), "not set");
}

#[test]
fn the_schema_is_what_the_types_say() {
    let made = made();
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/config.schema.json");
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(file, &made).unwrap();
    }
    assert!(made.contains("https://json-schema.org/draft/2020-12/schema"));
    assert_eq!(std::fs::read_to_string(file).unwrap(), made, "UPDATE_SCHEMA=1 writes it anew");
}

/// The keys that would hold a secret, were there any, as `smtpUrl`.
fn keys_of_secrets() -> impl Iterator<Item = &'static str> {
    let is_secret = |variable: &str| variable.strip_suffix("_FILE").is_some_and(names::is_by_file);
    KEYS.iter().filter(move |(_, variable)| is_secret(variable)).filter_map(|(key, _)| key.strip_suffix("File"))
}

/// What the chart says of its value `config`, in the draft that Helm reads, and what that refers to.
fn made_for_the_chart() -> [(&'static str, Value); 2] {
    let settings = schemars::generate::SchemaSettings::draft07();
    let schema = settings.into_generator().into_root_schema_for::<ConfigFile>();
    let mut schema = serde_json::to_value(schema).unwrap();
    close(&mut schema, "definitions");
    let all = schema.as_object_mut().unwrap();
    all.remove("$schema");
    all.insert("title".to_owned(), "The file that IMAGE_WATCHER_CONFIG names".into());
    let definitions = all.remove("definitions").unwrap();
    for key in keys_of_secrets() {
        let told = format!("not here: a secret stands in a file of its own, which {key}File names");
        schema["properties"][key] = json!({"enum": [told]});
    }
    [("config", schema), ("definitions", definitions)]
}

const OF_THE_CHART: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/chart/values.schema.json");

/// Each of the two is a line of its own, so that the rest of the file is a person's.
#[test]
fn the_chart_s_schema_of_config_is_what_the_types_say() {
    let mut text = std::fs::read_to_string(OF_THE_CHART).unwrap();
    for (name, made) in made_for_the_chart() {
        let is_it = |line: &&str| line.trim_start().starts_with(&format!("\"{name}\": "));
        let line = text.lines().find(is_it).unwrap().to_owned();
        let (indent, comma) = (line.split('"').next().unwrap(), if line.ends_with(',') { "," } else { "" });
        let expected = format!("{indent}\"{name}\": {made}{comma}");
        if std::env::var_os("UPDATE_SCHEMA").is_some() && line != expected {
            text = text.replace(&line, &expected);
            std::fs::write(OF_THE_CHART, &text).unwrap();
        }
        assert!(text.lines().any(|line| line == expected), "UPDATE_SCHEMA=1 writes {name} anew");
    }
}

#[test]
fn the_chart_takes_no_secret_and_nothing_that_the_program_refuses() {
    let schema: Value = serde_json::from_str(&std::fs::read_to_string(OF_THE_CHART).unwrap()).unwrap();
    let validator = jsonschema::options().with_draft(jsonschema::Draft::Draft7).build(&schema).unwrap();
    let told = |yaml: &str| -> Vec<String> {
        let config: Value = serde_saphyr::from_str(yaml).unwrap();
        validator.iter_errors(&json!({ "config": config })).map(|error| error.to_string()).collect()
    };
    for yaml in REFUSED {
        assert!(!told(yaml).is_empty(), "{yaml}");
    }
    for yaml in TAKEN {
        assert_eq!(told(yaml), Vec::<String>::new(), "{yaml}");
    }
    let checks = include_str!("../../deploy/chart/templates/_checks.tpl");
    let list = checks.lines().find_map(|line| line.split_once("range $key := list ")?.1.split_once(" -}}")).unwrap().0;
    let in_checks: Vec<&str> = list.split(' ').map(|key| key.trim_matches('"')).collect();
    assert_eq!(in_checks, keys_of_secrets().collect::<Vec<_>>(), "what Helm is told to check no schema for");
    for key in in_checks {
        let told = told(&format!("{key}: hunter2"));
        assert!(told.len() == 1 && told[0].contains(&format!("which {key}File names")), "{key}: {told:?}");
    }
    assert!(told("smptUrlFile: /etc/secrets/smtp")[0].contains("smptUrlFile"));
}

fn violations(yaml: &str) -> Vec<String> {
    let schema: Value = serde_json::from_str(&made()).unwrap();
    let validator = jsonschema::options().with_draft(jsonschema::Draft::Draft202012).build(&schema).unwrap();
    let instance: Value = serde_saphyr::from_str(yaml).unwrap();
    validator.iter_errors(&instance).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

/// What neither is read nor fits.
const REFUSED: [&str; 8] = [
    "colour: red",
    "port: {a: 1}",
    "rollouts: {all: 5}",
    "registries: [{host: a.example, plainHTTP: true}]",
    "sources: [{kind: quay}]",
    "rules: [{stategy: MINOR}]",
    "namespaces: {exept: [a]}",
    "rules: [{selector: {matchExpressions: [{key: a, operator: Is}]}}]",
];

/// What is read and fits.
const TAKEN: [&str; 5] = [
    "namespaces: shop,ops",
    "namespaces: [shop]",
    "namespaces: {except: [a]}",
    "port: 1\nmailTo: [a@b.c]",
    "telegramChat: -42",
];

/// The blocks of the documents that say that they are configurations, by the comment that editors read.
fn examples() -> Vec<(String, String)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/docs");
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "md") {
            let text = std::fs::read_to_string(&path).unwrap();
            let blocks = text.split("```yaml\n").skip(1).filter_map(|rest| Some(rest.split_once("```")?.0.to_owned()));
            let of_ours = blocks.filter(|block| block.starts_with("# yaml-language-server: $schema="));
            all.extend(of_ours.map(|block| (path.display().to_string(), block)));
        }
    }
    all
}

#[test]
fn every_example_of_a_configuration_fits_the_schema_and_is_read() {
    let examples = examples();
    assert!(examples.len() >= 3, "there are examples: {}", examples.len());
    for (path, yaml) in examples {
        assert_eq!(violations(&yaml), Vec::<String>::new(), "{path}:\n{yaml}");
        assert_eq!(File::read(&yaml).problems, [], "{path}:\n{yaml}");
    }
}

#[test]
fn what_is_told_of_a_file_is_refused_by_the_schema_too() {
    for yaml in REFUSED {
        assert!(!violations(yaml).is_empty() && !File::read(yaml).problems.is_empty(), "{yaml}");
    }
    for yaml in TAKEN {
        assert_eq!((violations(yaml), File::read(yaml).problems), (Vec::new(), Vec::new()), "{yaml}");
    }
}
