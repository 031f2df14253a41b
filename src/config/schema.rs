//! `docs/config.schema.json`: made of the types of the file by this test, printed by `config --schema`, and held against every
//! example of a configuration in the documents.

use serde_json::Value;

use super::file::{ConfigFile, File};

fn made() -> String {
    let settings = schemars::generate::SchemaSettings::draft2020_12();
    let schema = settings.into_generator().into_root_schema_for::<ConfigFile>();
    let mut schema = serde_json::to_value(schema).unwrap();
    schema["title"] = "Configuration of image-watcher".into();
    // It is a part of the binary, which need not carry spaces.
    serde_json::to_string(&schema).unwrap() + "\n"
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

fn violations(yaml: &str) -> Vec<String> {
    let schema: Value = serde_json::from_str(&made()).unwrap();
    let validator = jsonschema::options().with_draft(jsonschema::Draft::Draft202012).build(&schema).unwrap();
    let instance: Value = serde_saphyr::from_str(yaml).unwrap();
    validator.iter_errors(&instance).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

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
    for yaml in [
        "colour: red",
        "port: {a: 1}",
        "rollouts: {all: 5}",
        "registries: [{host: a.example, plainHTTP: true}]",
        "sources: [{kind: quay}]",
        "rules: [{stategy: MINOR}]",
        "namespaces: {exept: [a]}",
        "rules: [{selector: {matchExpressions: [{key: a, operator: Is}]}}]",
    ] {
        assert!(!violations(yaml).is_empty() && !File::read(yaml).problems.is_empty(), "{yaml}");
    }
    for yaml in [
        "namespaces: shop,ops",
        "namespaces: [shop]",
        "namespaces: {except: [a]}",
        "port: 1\nmailTo: [a@b.c]",
        "telegramChat: -42",
    ] {
        assert_eq!((violations(yaml), File::read(yaml).problems), (Vec::new(), Vec::new()), "{yaml}");
    }
}
