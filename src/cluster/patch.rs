//! A plan as JSON Patch: tests first, then the changes they guard.

use std::io;

use serde::Serialize as _;
use serde_json::ser::{CharEscape, Formatter};
use serde_json::{Value, json};

use super::kinds::Row;
use crate::domain::change_cause::ANNOTATION;
use crate::domain::kept::is_cut;
use crate::domain::workload::{PREFIX, WorkloadPatch};

/// Where annotations are.
const ANNOTATIONS: &str = "/metadata/annotations";

/// The operations of a plan (RFC 6902).
///
/// `test` with `null` holds for a member that is not there (the API server's implementation), so an annotation that
/// was absent when the plan was made must be absent still. One that is too long to be remembered whole is guarded by the
/// object's version instead. Of an object without any annotation there is no place to test or to add one: then all have to be
/// absent still, and the place is made first.
pub(crate) fn operations(patch: &WorkloadPatch) -> Vec<Value> {
    let mut operations = vec![json!({"op": "test", "path": "/metadata/uid", "value": patch.id.uid})];
    let version =
        || json!({"op": "test", "path": "/metadata/resourceVersion", "value": patch.resource_version.to_string()});
    if patch.is_exact {
        operations.push(version());
    }
    let mut changes = Vec::new();
    let pods = Row::of(patch.id.kind).pods.pointer;
    for guard in &patch.guards {
        let entry = format!("{pods}/spec/{}/{}", guard.place.list(), guard.index);
        let image = format!("{entry}{}", guard.place.image());
        operations.push(json!({"op": "test", "path": format!("{entry}/name"), "value": guard.entry()}));
        operations.push(json!({"op": "test", "path": image, "value": guard.from}));
        if let Some(to) = &guard.to {
            changes.push(json!({"op": "replace", "path": image, "value": to}));
        }
    }
    let is_first = patch.is_about_annotations() && !patch.is_annotated;
    if is_first {
        operations.push(json!({"op": "test", "path": ANNOTATIONS, "value": null}));
        let writes = !patch.annotations.is_empty() || patch.cause.is_some();
        changes.extend(writes.then(|| json!({"op": "add", "path": ANNOTATIONS, "value": {}})));
    }
    let test = |path: &str, value: Option<&str>| match value {
        Some(value) if is_cut(value) => Some(version()),
        None if is_first => None,
        value => Some(json!({"op": "test", "path": path, "value": value})),
    };
    for (name, value) in &patch.unchanged {
        operations.extend(test(&path_of(name), value.as_deref()));
    }
    for annotation in &patch.annotations {
        let path = path_of(&annotation.name);
        operations.extend(test(&path, annotation.old.as_deref()));
        changes.push(match &annotation.new {
            Some(new) => json!({"op": "add", "path": path, "value": new}),
            None => json!({"op": "remove", "path": path}),
        });
    }
    if let Some(cause) = &patch.cause {
        let path = format!("{ANNOTATIONS}/{}", escaped(ANNOTATION));
        operations.extend(test(&path, cause.old.as_deref()));
        changes.push(match &cause.new {
            Some(new) => json!({"op": "add", "path": path, "value": new}),
            None => json!({"op": "remove", "path": path}),
        });
    }
    operations.extend(changes);
    operations
}

/// The operations as the body of a request.
///
/// The API server compares the text of a `test` with what Go's encoder writes: it escapes five characters that `serde_json`
/// leaves as they are, and a value with any of them would never be what it is.
pub(super) fn body(operations: &[Value]) -> serde_json::Result<Vec<u8>> {
    let mut body = Vec::new();
    operations.serialize(&mut serde_json::Serializer::with_formatter(&mut body, AsGo))?;
    Ok(body)
}

/// Writes texts as Go's `encoding/json` does.
struct AsGo;

impl Formatter for AsGo {
    fn write_string_fragment<W: io::Write + ?Sized>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        let mut rest = fragment;
        while let Some(start) = rest.find(['<', '>', '&', '\u{2028}', '\u{2029}']) {
            let (before, after) = rest.split_at(start);
            writer.write_all(before.as_bytes())?;
            let mut after = after.chars();
            if let Some(escaped) = after.next() {
                write!(writer, "\\u{:04x}", u32::from(escaped))?;
            }
            rest = after.as_str();
        }
        writer.write_all(rest.as_bytes())
    }

    fn write_char_escape<W: io::Write + ?Sized>(&mut self, writer: &mut W, escape: CharEscape) -> io::Result<()> {
        serde_json::ser::CompactFormatter.write_char_escape(writer, escape)
    }
}

/// Where an annotation of ours is.
fn path_of(name: &str) -> String {
    format!("{ANNOTATIONS}/{}", escaped(&format!("{PREFIX}{name}")))
}

/// A key as one segment of a JSON pointer (RFC 6901 §3).
fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::workload::tests::{with_init, workload};
    use crate::domain::workload::{Place, Workload};
    use proptest::prelude::*;

    #[test]
    fn every_change_is_guarded_by_what_was_seen() {
        let workload = workload(&[("log", "log:1"), ("web", "web:1.0.0")], &[("token-update.web", "v1:k:a:1")]);
        let patch = WorkloadPatch::of(&workload)
            .guarded_by(&workload, "web")
            .image("web:1.0.1@sha256:x".into())
            .set(&workload, "token-update.web", None)
            .set(&workload, "last-updated.web", Some("now".into()));
        let expected = json!([
            {"op": "test", "path": "/metadata/uid", "value": "uid-1"},
            {"op": "test", "path": "/spec/template/spec/containers/1/name", "value": "web"},
            {"op": "test", "path": "/spec/template/spec/containers/1/image", "value": "web:1.0.0"},
            {"op": "test", "path": "/metadata/annotations/image-watcher~1token-update.web", "value": "v1:k:a:1"},
            {"op": "test", "path": "/metadata/annotations/image-watcher~1last-updated.web", "value": null},
            {"op": "replace", "path": "/spec/template/spec/containers/1/image", "value": "web:1.0.1@sha256:x"},
            {"op": "remove", "path": "/metadata/annotations/image-watcher~1token-update.web"},
            {"op": "add", "path": "/metadata/annotations/image-watcher~1last-updated.web", "value": "now"},
        ]);
        assert_eq!(Value::from(operations(&patch)), expected);
    }

    /// Made by server-side apply, and watched as a rule or its Namespace wants it: nobody has written an annotation on it yet.
    #[test]
    fn the_first_annotation_of_an_object_finds_its_place() {
        let bare = Workload { is_annotated: false, ..workload(&[("web", "web:1.0.0")], &[]) };
        let test = |path: &str, value: Value| json!({"op": "test", "path": path, "value": value});
        let annotations = "/metadata/annotations";
        let container = "/spec/template/spec/containers/0";
        let patch = WorkloadPatch::of(&bare)
            .guarded_by(&bare, "web")
            .image("web:1.0.1".into())
            .while_unchanged(&bare, ["mode".to_owned()].into_iter())
            .set(&bare, "record", Some("r".into()))
            .because(&bare, Some("why".into()));
        let expected = json!([
            test("/metadata/uid", "uid-1".into()),
            test(&format!("{container}/name"), "web".into()),
            test(&format!("{container}/image"), "web:1.0.0".into()),
            test(annotations, Value::Null),
            {"op": "replace", "path": format!("{container}/image"), "value": "web:1.0.1"},
            {"op": "add", "path": annotations, "value": {}},
            {"op": "add", "path": format!("{annotations}/image-watcher~1record"), "value": "r"},
            {"op": "add", "path": format!("{annotations}/kubernetes.io~1change-cause"), "value": "why"},
        ]);
        assert_eq!(Value::from(operations(&patch)), expected);
        let reads = WorkloadPatch::of(&bare).while_unchanged(&bare, ["mode".to_owned()].into_iter());
        let expected = json!([test("/metadata/uid", "uid-1".into()), test(annotations, Value::Null)]);
        assert_eq!(Value::from(operations(&reads)), expected, "a place is made for what is written alone");
        let image = WorkloadPatch::of(&bare).guarded_by(&bare, "web").image("web:1.0.1".into());
        assert!(!operations(&image).iter().any(|one| one["path"] == annotations));
    }

    #[test]
    fn texts_are_written_as_go_writes_them() {
        let value = "<a> & \u{2028}\u{2029} \u{8}\u{c}\n\r\t\u{0}\u{1f}\"\\/\u{7f}é🎉";
        let text = String::from_utf8(body(&[json!({"value": value})]).unwrap()).unwrap();
        let go =
            "[{\"value\":\"\\u003ca\\u003e \\u0026 \\u2028\\u2029 \\b\\f\\n\\r\\t\\u0000\\u001f\\\"\\\\/\u{7f}é🎉\"}]";
        assert_eq!(text, go);
    }

    #[test]
    fn what_was_read_has_to_be_so_still() {
        let workload = workload(&[("web", "web:1.0.0")], &[("mode", "NOTIFICATION")]);
        let names = ["mode", "mode.web"].into_iter().map(str::to_owned);
        let patch = WorkloadPatch::of(&workload).while_unchanged(&workload, names);
        assert!(patch.is_empty(), "it writes nothing");
        let expected = json!([
            {"op": "test", "path": "/metadata/uid", "value": "uid-1"},
            {"op": "test", "path": "/metadata/annotations/image-watcher~1mode", "value": "NOTIFICATION"},
            {"op": "test", "path": "/metadata/annotations/image-watcher~1mode.web", "value": null},
        ]);
        assert_eq!(Value::from(operations(&patch)), expected);
    }

    #[test]
    fn what_is_not_remembered_whole_is_guarded_by_the_version() {
        let long = "x".repeat(crate::domain::kept::MOST_OF_A_STATE + 1);
        let mut workload = workload(&[("web", "web:1.0.0")], &[]);
        workload.annotations = crate::domain::kept::kept(vec![("history", &long)]);
        let patch = WorkloadPatch::of(&workload).set(&workload, "history", Some("[]".into()));
        let expected = json!({"op": "test", "path": "/metadata/resourceVersion", "value": "1"});
        assert_eq!(operations(&patch)[1], expected);
    }

    #[test]
    fn containers_of_all_lists_are_written_at_once() {
        let main = workload(&[("log", "log:1"), ("web", "web:1.0.0")], &[]);
        let workload = with_init(main, &[("migrate", "web:1.0.0", Place::Init), ("proxy", "p:1", Place::Sidecar)]);
        let patch = WorkloadPatch::of(&workload).guarded_by(&workload, "web").image("web:1.0.1".into());
        let patch = patch.guarded_by(&workload, "migrate").image("web:1.0.1".into()).guarded_by(&workload, "proxy");
        let expected = json!([
            {"op": "test", "path": "/metadata/uid", "value": "uid-1"},
            {"op": "test", "path": "/spec/template/spec/containers/1/name", "value": "web"},
            {"op": "test", "path": "/spec/template/spec/containers/1/image", "value": "web:1.0.0"},
            {"op": "test", "path": "/spec/template/spec/initContainers/0/name", "value": "migrate"},
            {"op": "test", "path": "/spec/template/spec/initContainers/0/image", "value": "web:1.0.0"},
            {"op": "test", "path": "/spec/template/spec/initContainers/1/name", "value": "proxy"},
            {"op": "test", "path": "/spec/template/spec/initContainers/1/image", "value": "p:1"},
            {"op": "replace", "path": "/spec/template/spec/containers/1/image", "value": "web:1.0.1"},
            {"op": "replace", "path": "/spec/template/spec/initContainers/0/image", "value": "web:1.0.1"},
        ]);
        assert_eq!(Value::from(operations(&patch)), expected);
    }

    #[test]
    fn an_image_volume_is_written_where_it_stands_among_all_volumes() {
        let mut workload = workload(&[("model", "web:1.0.0")], &[]);
        workload.id.kind = crate::domain::workload::Kind::CronJob;
        let volume = crate::domain::workload::Container::volume("model", "model:4.0.0", 2);
        workload.containers = workload.containers.into_iter().chain([volume]).collect();
        let patch = WorkloadPatch::of(&workload).guarded_by(&workload, "volume.model").image("model:4.1.0".into());
        let volumes = "/spec/jobTemplate/spec/template/spec/volumes/2";
        let expected = json!([
            {"op": "test", "path": "/metadata/uid", "value": "uid-1"},
            {"op": "test", "path": format!("{volumes}/name"), "value": "model"},
            {"op": "test", "path": format!("{volumes}/image/reference"), "value": "model:4.0.0"},
            {"op": "replace", "path": format!("{volumes}/image/reference"), "value": "model:4.1.0"},
        ]);
        assert_eq!(Value::from(operations(&patch)), expected);
    }

    /// The object of a workload, as far as its containers go.
    fn object(workload: &Workload) -> Value {
        let list = |name: &str| -> Vec<Value> {
            let of_list = workload.containers.iter().filter(|container| container.place.list() == name);
            of_list.map(|container| json!({"name": container.name, "image": container.image})).collect()
        };
        // Between volumes that are images there are others.
        let mut volumes = vec![json!({"name": "tmp", "emptyDir": {}}); 64];
        for container in &workload.containers {
            if let Place::Volume(index) = container.place {
                let name = container.place.entry(&container.name);
                volumes[index as usize] = json!({"name": name, "image": {"reference": container.image}});
            }
        }
        let pod = json!({"containers": list("containers"), "initContainers": list("initContainers"),
            "volumes": volumes});
        json!({"metadata": {"uid": workload.id.uid}, "spec": {"template": {"spec": pod}}})
    }

    /// Executes operations as an API server does; `None` when a test fails.
    fn executed(mut object: Value, operations: &[Value]) -> Option<Value> {
        for operation in operations {
            let path = operation["path"].as_str().unwrap();
            match operation["op"].as_str().unwrap() {
                "test" if object.pointer(path) == Some(&operation["value"]) => {}
                "test" => return None,
                _ => *object.pointer_mut(path).unwrap() = operation["value"].clone(),
            }
        }
        Some(object)
    }

    /// A pod of some containers in any places, some of which are guarded, and some of those written.
    fn pods() -> impl Strategy<Value = (Workload, WorkloadPatch)> {
        let volume = Just(Place::Volume(0));
        let place = prop_oneof![Just(Place::Main), Just(Place::Init), Just(Place::Sidecar), volume];
        proptest::collection::vec((place, 0..3_u8), 1..8).prop_map(|all| {
            let name = |(n, (place, _)): (usize, &(Place, u8))| match place {
                Place::Volume(_) => format!("volume.c{n}"),
                _ => format!("c{n}"),
            };
            let names: Vec<String> = all.iter().enumerate().map(name).collect();
            let place = |n: usize, place: Place| match place {
                Place::Volume(_) => Place::Volume(u32::try_from(7 * n + 1).unwrap()),
                other => other,
            };
            let more: Vec<_> = (all.iter().zip(&names).enumerate())
                .map(|(n, ((kind, _), name))| (&**name, "web:1.0.0", place(n, *kind)))
                .collect();
            let workload = with_init(workload(&[], &[]), &more);
            let mut patch = WorkloadPatch::of(&workload);
            for ((_, wish), name) in all.iter().zip(&names).filter(|((_, wish), _)| *wish > 0) {
                patch = patch.guarded_by(&workload, name);
                patch = if *wish > 1 { patch.image(format!("web:{name}")) } else { patch };
            }
            (workload, patch)
        })
    }

    proptest! {
        #[test]
        fn every_image_goes_to_its_own_container((workload, patch) in pods()) {
            let mut expected = workload.clone();
            for guard in &patch.guards {
                let found = expected.containers.iter_mut().find(|found| found.name == guard.container).unwrap();
                found.image = guard.to.as_deref().unwrap_or(&guard.from).into();
            }
            prop_assert_eq!(executed(object(&workload), &operations(&patch)), Some(object(&expected)));
            prop_assert!(patch.holds_on(&workload) && patch.is_done_on(&expected));
        }

        #[test]
        fn the_api_server_refuses_what_does_not_hold((workload, patch) in pods(), (other, _) in pods()) {
            let passes = executed(object(&other), &operations(&patch)).is_some();
            prop_assert_eq!(passes, patch.holds_on(&other), "planned on {:?}", workload);
        }

        #[test]
        fn a_body_says_what_its_operations_say(value in any::<String>(), odd in "[<>&\u{2028}\u{2029}a]{0,20}") {
            let operations = [json!({"op": "test", "value": value}), json!({"value": [odd, 1, null]})];
            prop_assert_eq!(serde_json::from_slice::<Vec<Value>>(&body(&operations).unwrap()).unwrap(), operations);
        }

        #[test]
        fn no_name_leaves_the_annotations(name in "\\PC{1,30}") {
            let workload = workload(&[("web", "web:1.0.0")], &[]);
            let patch = WorkloadPatch::of(&workload).set(&workload, &name, Some("x".into()));
            for operation in operations(&patch).iter().skip(1) {
                let path = operation["path"].as_str().unwrap();
                let key = path.strip_prefix("/metadata/annotations/").unwrap();
                prop_assert!(!key.contains('/') && key.starts_with("image-watcher~1"));
            }
        }
    }
}
