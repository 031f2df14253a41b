//! The documents that commands print, against their schemas in `schemas/`, which programs may check them with.

use std::path::Path;

use serde_json::Value;

/// Fails where a document is not what the schema that it names says.
///
/// # Panics
/// With each thing that is otherwise.
pub(super) fn conforms(document: &str) {
    let document: Value = serde_json::from_str(document).unwrap();
    let name = document["schema"].as_str().unwrap().strip_prefix("image-watcher/").unwrap().replace('/', "-");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("schemas/{name}.json"));
    let schema: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    let validator = jsonschema::options().with_draft(jsonschema::Draft::Draft202012).build(&schema).unwrap();
    let wrong: Vec<String> =
        validator.iter_errors(&document).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(wrong.is_empty(), "{}:\n{}", path.display(), wrong.join("\n"));
}

#[test]
#[should_panic(expected = "client")]
fn what_a_schema_does_not_have_is_found() {
    conforms(r#"{"schema": "image-watcher/version/v1", "service": null, "cluster": null}"#);
}
