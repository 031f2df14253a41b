//! What `check` prints of files, in every form.

use crate::cli::terminal::Form;
use std::sync::Arc;

use super::super::report::Output;
use super::super::snapshots::{Noon, Shelf};
use super::*;

const WEB: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  namespace: shop
  annotations: {image-watcher/strategy: MINOR, image-watcher/cooldown: 7d, image-watcher/mode: AUTO_UPDATE}
spec:
  template:
    spec:
      initContainers:
        - {name: migrate, image: 'registry.example.com/shop/web:1.2.3'}
      containers:
        - name: web
          image: registry.example.com/shop/web:1.2.3
        - name: new
          image: registry.example.com/shop/web:2.0.0
---
apiVersion: v1
kind: ConfigMap
metadata: {name: web}
data: {image: web}
";

#[test]
fn where_no_object_is_there_is_no_manifest() {
    let folder = tempfile::tempdir().unwrap();
    let of = |text: &str| {
        let path = folder.path().join("named.yaml");
        std::fs::write(&path, text).unwrap();
        let files = read(&[path], false).unwrap();
        files.unread.iter().map(Unread::told).collect::<Vec<_>>().join("\n")
    };
    for text in ["<html><body>Sign in</body></html>\n", "Error: could not find chart\n", "[]\n", "# none\n"] {
        let told = of(text);
        assert!(told.starts_with("there is no manifest in ") && told.ends_with("named.yaml"), "{text}: {told}");
    }
    assert_eq!(of("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"), "", "an object, and no image");
    assert_eq!(of("apiVersion: v1\nkind: List\nitems: []\n"), "", "a list of nothing");
}

const OTHERS: &str = "\
# Source: others/templates/all.yaml
apiVersion: v1
kind: List
items:
  - apiVersion: apps/v1
    kind: DaemonSet
    metadata: {name: log & <trace>}
    spec: {template: {spec: {containers: [{name: log, image: 'registry.example.com/log:1.3.0'}]}}}
  - apiVersion: apps/v1
    kind: StatefulSet
    metadata: {name: off, annotations: {image-watcher/mode: DISABLED}}
    spec: {template: {spec: {containers: [{name: off, image: 'registry.example.com/off:1.2.3'}]}}}
  - apiVersion: batch/v1
    kind: CronJob
    metadata: {name: nightly}
    spec: {jobTemplate: {spec: {template: {spec: {containers: [{name: job, image: 'registry.example.com/shop/private:1.2.3'}]}}}}}
  - apiVersion: v1
    kind: Pod
    metadata: {name: misread, annotations: {image-watcher/stategy: MINOR}}
    spec: {containers: [{name: misread, image: 'registry.example.com/pod:1.2.3'}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: template}
spec: {template: {spec: {containers: [{name: a, image: '{{ .Values.image }}:1.0.0'}, {name: b, image: 'No Image'}]}}}
---
kind: Deployment
spec:
  image: {{ .Values.image }}
  {{- end }}
";

fn files(only_watched: bool) -> Files {
    let mut files = Files::default();
    files.take(("deploy/web app.yaml", true), WEB, only_watched);
    files.take(("-", true), OTHERS, only_watched);
    files.unread.push(Unread::of_file("deploy/large.yaml".into(), 0, None, &walk::Unreadable::TooLarge));
    files
}

async fn report(files: Files) -> Report {
    files.report(&Bounds::default(), &Shelf, &Ambient::system().at(Arc::new(Noon))).await
}

#[tokio::test]
async fn tables() {
    let (all, watched) = (report(files(false)).await, report(files(true)).await);
    let nothing = report(Files::default()).await;
    assert!(!all.is_quiet() && nothing.is_quiet());
    let told = format!(
        "── check FILE\n\n{}{}\n── check FILE -o wide\n\n{}\n── check FILE -o name\n\n{}\n── check FILE --watched\n\n{}{}\n\
         ── nothing in them\n\n{}",
        all.print(Output::Table, Form::default()),
        all.summary(Output::Table),
        all.print(Output::Wide, Form::default()),
        all.print(Output::Name, Form::default()),
        watched.print(Output::Table, Form::default()),
        watched.summary(Output::Table),
        nothing.summary(Output::Table),
    );
    insta::assert_snapshot!(told);
}

/// What stops no update, and does not what somebody believes that it does.
#[tokio::test]
async fn what_is_wrong_with_skip_and_release_url_is_told() {
    let told = async |annotation: &str| {
        let text =
            WEB.replace("image-watcher/strategy: MINOR", &format!("image-watcher/strategy: MINOR, {annotation}"));
        let mut files = Files::default();
        files.take(("web.yaml", true), &text, false);
        let report = report(files).await;
        assert!(report.rows.iter().all(|row| row.state != super::super::row::State::CannotTell), "{annotation}");
        report.rows.iter().filter_map(|row| row.error.clone()).collect::<Vec<_>>()
    };
    assert_eq!(told("image-watcher/exclude: x").await, [""; 0]);
    for (annotation, name) in [
        ("image-watcher/skip: v1.3.0", "image-watcher/skip"),
        ("image-watcher/release-url: 'javascript:alert(1)'", "image-watcher/release-url"),
        ("image-watcher/release-url: 'https://e.com/${ver}'", "image-watcher/release-url"),
    ] {
        let errors = told(annotation).await;
        assert!(!errors.is_empty() && errors.iter().all(|error| error.starts_with(name)), "{annotation}: {errors:?}");
    }
}

#[tokio::test]
async fn json() {
    let json = report(files(true)).await.print(Output::Json, Form::default());
    crate::cli::schemas::conforms(&json);
    insta::assert_snapshot!(json);
}

#[tokio::test]
async fn sarif() {
    insta::assert_snapshot!(report(files(false)).await.print(Output::Sarif, Form::default()));
}

#[tokio::test]
async fn junit() {
    insta::assert_snapshot!(report(files(false)).await.print(Output::Junit, Form::default()));
}
