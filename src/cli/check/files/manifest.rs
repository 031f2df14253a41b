//! The workloads that a text of manifests describes.
//!
//! Whatever says how its pods look is one: `spec.template` as a Deployment has it, `spec.jobTemplate` as a `CronJob` does, and
//! `spec` of a Pod. So kinds of other makers are checked as well.

use std::collections::BTreeMap;

use super::yaml::{Node, YamlError};
use crate::cli::marks::is_of_another;
use crate::cluster::manifest::Described;
use crate::domain::workload::{Container, Kind, Place, Workload};

/// How deep a List may stand in Lists.
const DEEPEST_LIST: usize = 4;
/// The most objects of one text.
const MOST_OBJECTS: usize = 20_000;
/// What no image can be named without, and no object.
const IMAGE: &str = "image";
const KIND: &str = "kind";

/// Why a document is not read, or not all of it.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum DocumentError {
    /// It is none.
    #[error(transparent)]
    Yaml(#[from] YamlError),
    /// There are too many objects.
    #[error("more than {MOST_OBJECTS} objects in one file, of which the others are not read: split it")]
    TooMany { line: usize },
    /// Lists in Lists, too deep.
    #[error("a List in more than {DEEPEST_LIST} others is not read")]
    TooDeep { line: usize },
    /// It is what the API server answers in the place of an object.
    #[error("the API server answered so, and no manifest: {message}")]
    Refused { line: usize, message: String },
}

impl DocumentError {
    /// In the file, counted from 1.
    pub(super) fn line(&self) -> usize {
        match self {
            Self::Yaml(error) => error.line(),
            Self::TooMany { line } | Self::TooDeep { line } | Self::Refused { line, .. } => *line,
        }
    }
}

/// A workload of a file.
#[derive(Debug)]
pub(in crate::cli) struct Manifest {
    pub(in crate::cli) workload: Workload,
    /// As `kubectl` abbreviates it.
    pub(in crate::cli) kind: String,
    /// As it is written: its kind and `apiVersion`.
    pub(in crate::cli) written: (String, String),
    /// Of all labels and annotations those that settings of other tools may be, and ours.
    pub(in crate::cli) labels: BTreeMap<String, String>,
    pub(in crate::cli) annotations: BTreeMap<String, String>,
    /// The line of each container's image.
    pub(super) lines: Vec<usize>,
    pub(super) is_watched: bool,
}

/// What a text holds.
#[derive(Debug, Default)]
pub(super) struct Read {
    pub(super) manifests: Vec<Manifest>,
    /// Documents that describe no workload.
    pub(super) others: usize,
    /// Documents that can't be read, or not to their end, by their numbers, counted from 1.
    pub(super) wrong: Vec<(usize, DocumentError)>,
    /// Whether there is an object of Kubernetes in it, a workload or not.
    pub(super) has_object: bool,
}

/// Reads all documents. Of a file that was `found` in a folder, what is no YAML and says nothing of an object is passed over:
/// other tools keep their own JSON with comments beside manifests.
pub(super) fn read(text: &str, found: bool) -> Read {
    let mut read = Read::default();
    let documents = documents(text.strip_prefix('\u{feff}').unwrap_or(text));
    let mut left = MOST_OBJECTS;
    for (number, (first_line, document)) in documents.into_iter().enumerate() {
        let before = read.manifests.len();
        let node = match Node::read(document, first_line) {
            Err(_) if found && !document.contains(IMAGE) && !document.contains(KIND) => Ok(None),
            node => node.map_err(DocumentError::from),
        };
        let all = node.and_then(|node| {
            read.has_object |= node.as_deref().is_some_and(is_of_objects);
            node.iter().try_for_each(|node| document_of(node, &mut left, &mut read.manifests))
        });
        if let Err(error) = all {
            let is_end = matches!(error, DocumentError::TooMany { .. });
            read.wrong.push((number + 1, error));
            if is_end {
                break;
            }
            continue;
        }
        if read.manifests.len() == before {
            read.others += 1;
        }
    }
    read
}

/// The documents that hold anything, each with the number of its first line. A line that begins with `---` begins a
/// document wherever it stands, so one that can't be parsed spoils no other.
fn documents(text: &str) -> Vec<(usize, &str)> {
    let mut starts = vec![(1, 0)];
    let mut offset = 0;
    for (number, line) in text.split_inclusive('\n').enumerate() {
        if number > 0
            && line.strip_prefix("---").is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']))
        {
            starts.push((number + 1, offset));
        }
        offset += line.len();
    }
    let ends = starts.iter().skip(1).map(|(_, start)| *start).chain([text.len()]);
    let texts = starts.iter().zip(ends).map(|(&(line, start), end)| (line, text.get(start..end).unwrap_or_default()));
    let holds_anything = |text: &str| {
        text.lines().any(|line| {
            let line = line.strip_prefix("---").unwrap_or(line).trim();
            !(line.is_empty() || line.starts_with(['#', '%']) || line == "...")
        })
    };
    texts.filter(|(_, text)| holds_anything(text)).collect()
}

/// The workloads of a document: one object, or JSON's list of them.
fn document_of(node: &Node, left: &mut usize, into: &mut Vec<Manifest>) -> Result<(), DocumentError> {
    if let Some(message) = refusal(node) {
        return Err(DocumentError::Refused { line: node.line, message: message.to_owned() });
    }
    node.items().try_for_each(|item| object(item, ("", None), 0, left, into))?;
    object(node, ("", None), 0, left, into)
}

/// Whether a document is an object, or a list with one.
fn is_of_objects(node: &Node) -> bool {
    node.items().chain([node]).any(|node| node.get(KIND).and_then(Node::text).is_some())
}

/// What the API server says, where it answered so and without what was asked for.
fn refusal(node: &Node) -> Option<&str> {
    let text = |name: &str| node.get(name).and_then(Node::text);
    (text(KIND) == Some("Status") && text("status") == Some("Failure")).then(|| text("message").unwrap_or("no reason"))
}

/// The workloads of an object, or of each in a List. The API server writes kind and version of a list's items on the list alone,
/// as `DeploymentList`: `of` is what they are then.
fn object<'n>(
    node: &'n Node,
    of: (&'n str, Option<&'n str>),
    depth: usize,
    left: &mut usize,
    into: &mut Vec<Manifest>,
) -> Result<(), DocumentError> {
    let line = node.line;
    *left = left.checked_sub(1).ok_or(DocumentError::TooMany { line })?;
    let kind = node.get(KIND).and_then(Node::text).unwrap_or(of.0);
    let version = node.get("apiVersion").and_then(Node::text).or(of.1);
    if let Some(of_items) = kind.strip_suffix("List") {
        let mut items = node.get("items").into_iter().flat_map(Node::items);
        if depth < DEEPEST_LIST {
            return items.try_for_each(|item| object(item, (of_items, version), depth + 1, left, into));
        }
        return if items.next().is_some() { Err(DocumentError::TooDeep { line }) } else { Ok(()) };
    }
    if let Some(version) = version.filter(|_| !kind.is_empty()) {
        into.extend(manifest(node, (kind, version)));
    }
    Ok(())
}

/// An object that describes its pods, and names an image for one.
fn manifest(node: &Node, (kind, version): (&str, &str)) -> Option<Manifest> {
    let (pods, template) = pods(node, kind)?;
    let (containers, lines): (Vec<_>, Vec<_>) = containers(pods).unzip();
    if containers.is_empty() {
        return None;
    }
    let text = |path: &[&str]| node.at(path).and_then(Node::text).unwrap_or_default().to_owned();
    let described = Described {
        namespace: text(&["metadata", "namespace"]),
        // Where the API server makes the name, this is how it begins.
        name: Some(text(&["metadata", "name"]))
            .filter(|name| !name.is_empty())
            .unwrap_or_else(|| text(&["metadata", "generateName"])),
        annotations: annotations(node),
        template_annotations: template.map(annotations).unwrap_or_default(),
        containers,
    };
    let is_watched = described.is_watched();
    let marks = |field: &str| {
        let all = node.at(&["metadata", field]).into_iter().flat_map(Node::texts);
        let marks = all.filter(|(name, _)| is_of_another(name));
        marks.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    };
    let (labels, annotations) = (marks("labels"), marks("annotations"));
    let written = (kind.to_owned(), version.to_owned());
    let (of, kind) = names(kind);
    Some(Manifest { workload: described.workload(of), kind, written, labels, annotations, lines, is_watched })
}

/// The description of its pods, and the template that has it, if it is one.
fn pods<'n>(node: &'n Node, kind: &str) -> Option<(&'n Node, Option<&'n Node>)> {
    if kind == "Pod" {
        return Some((node.get("spec")?, None));
    }
    let template = node.at(&["spec", "template"]).or_else(|| node.at(&["spec", "jobTemplate", "spec", "template"]))?;
    Some((template.get("spec")?, Some(template)))
}

/// The containers that name an image, with its line: the main ones, then those that begin before them, then image volumes.
fn containers(pods: &Node) -> impl Iterator<Item = (Container, usize)> + '_ {
    let of = |list: &'static str| pods.get(list).into_iter().flat_map(Node::items);
    let main = of("containers").map(|node| (node, Place::Main));
    let first = of("initContainers").map(|node| {
        let is_sidecar = node.get("restartPolicy").and_then(Node::text) == Some("Always");
        (node, if is_sidecar { Place::Sidecar } else { Place::Init })
    });
    // Braces without quotes are fields to YAML.
    let text = |image: &'_ Node| (!image.is_nothing()).then(|| image.text().unwrap_or("{{ }}").trim().to_owned());
    let name = |node: &'_ Node| node.get("name").and_then(Node::text).unwrap_or_default().to_owned();
    let running = main.chain(first).filter_map(move |(node, place)| {
        let image = node.get(IMAGE)?;
        Some((Container { place, ..Container::main(&name(node), &text(image)?) }, image.line))
    });
    let mounted = (0..).zip(of("volumes")).filter_map(move |(index, node)| {
        let image = node.at(&[IMAGE, "reference"])?;
        Some((Container::volume(&name(node), &text(image)?, index), image.line))
    });
    running.chain(mounted)
}

fn annotations(of: &Node) -> BTreeMap<String, String> {
    let all = of.at(&["metadata", "annotations"]).into_iter().flat_map(Node::texts);
    all.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// What a kind is read as, and what `kubectl` calls it.
fn names(kind: &str) -> (Kind, String) {
    let short = match kind {
        "ReplicaSet" => "rs",
        "ReplicationController" => "rc",
        "Pod" => "po",
        _ => match Kind::named(kind) {
            Some(known) => return (known, known.short().to_owned()),
            None => return (Kind::Deployment, kind.to_lowercase()),
        },
    };
    (Kind::Deployment, short.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Read {
        super::read(text, false)
    }

    fn told(read: &Read) -> Vec<String> {
        let of = |manifest: &Manifest| {
            let lines: Vec<String> = (manifest.workload.containers.iter().zip(&manifest.lines))
                .map(|(container, line)| format!("{} {} {line}", container.name, container.image))
                .collect();
            let id = &manifest.workload.id;
            format!("{}|{}/{}: {}", id.namespace, manifest.kind, id.name, lines.join(", "))
        };
        read.manifests.iter().map(of).collect()
    }

    const HELM: &str = "---
# Source: web/templates/service.yaml
apiVersion: v1
kind: Service
metadata: {name: web}
---
# Source: web/templates/deployment.yaml
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  namespace: shop
  annotations: {image-watcher/strategy: MINOR}
spec:
  template:
    metadata: {annotations: {other/x: y}}
    spec:
      initContainers:
        - {name: migrate, image: 'web:1.0.0'}
        - {name: proxy, image: proxy:2.0.0, restartPolicy: Always}
      containers:
        - name: web
          image: \"web:1.0.0\" # pinned
        - name: no-image
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: nightly}
spec: {jobTemplate: {spec: {template: {spec: {containers: [{name: job, image: job:3}],
  volumes: [{name: tmp, emptyDir: {}}, {name: model, image: {reference: model:4}}]}}}}}
---
";

    #[test]
    fn the_output_of_helm_is_read() {
        let read = read(HELM);
        assert_eq!(
            told(&read),
            [
                "shop|deploy/web: web web:1.0.0 23, migrate web:1.0.0 19, proxy proxy:2.0.0 20",
                "|cj/nightly: job job:3 29, volume.model model:4 30"
            ]
        );
        let [web, nightly] = &read.manifests[..] else { panic!("{read:?}") };
        assert_eq!(
            (web.workload.annotation("strategy"), web.is_watched, nightly.is_watched),
            (Some("MINOR"), true, false)
        );
        assert_eq!((read.others, read.wrong.len()), (1, 0));
        let crlf = self::read(&HELM.replace('\n', "\r\n"));
        assert_eq!(told(&crlf), told(&read));
    }

    #[test]
    fn lists_and_json_are_read() {
        let pod = "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"generateName\":\"a-\"},\"spec\":{\"containers\":[{\"name\":\"a\",\"image\":\"a:1\"}]}}";
        let list = format!("{{\"apiVersion\": \"v1\", \"kind\": \"List\", \"items\": [\n{pod},\n{pod}\n]}}");
        assert_eq!(told(&read(&list)), ["|po/a-: a a:1 2", "|po/a-: a a:1 3"]);
        assert_eq!(told(&read(&format!("[\n{pod},\n{pod}]"))), ["|po/a-: a a:1 2", "|po/a-: a a:1 3"]);
        // As the API server answers.
        let item = "{metadata: {name: a}, spec: {template: {spec: {containers: [{name: a, image: 'a:1'}]}}}}";
        let typed = format!("{{kind: DeploymentList, apiVersion: apps/v1, items: [{item}]}}");
        let typed = read(&typed);
        assert_eq!(told(&typed), ["|deploy/a: a a:1 1"]);
        assert_eq!(typed.manifests[0].written, ("Deployment".to_owned(), "apps/v1".to_owned()));
        let mut deep = pod.to_owned();
        for _ in 0..100 {
            deep = format!("{{kind: List, apiVersion: v1, items: [{deep}]}}");
        }
        assert!(read(&deep).manifests.is_empty());
    }

    #[test]
    fn a_bomb_of_lists_ends() {
        let mut text =
            String::from("x: &x0 {kind: Pod, apiVersion: v1, spec: {containers: [{name: a, image: a:1}]}}\n");
        for n in 1..4 {
            let items = vec![format!("*x{}", n - 1); 1000].join(",");
            let line = format!("x{n}: &x{n} {{kind: List, apiVersion: v1, items: [{items}]}}\n");
            text.push_str(&line);
        }
        text.push_str("kind: List\napiVersion: v1\nitems: [*x3]\n");
        assert!(read(&text).manifests.len() <= MOST_OBJECTS);
    }

    #[test]
    fn other_kinds_with_pods_are_read_too() {
        let of = |kind: &str, spec: &str| {
            let text = format!("kind: {kind}\napiVersion: x/v1\nmetadata: {{name: a}}\nspec: {spec}\n");
            told(&read(&text))
        };
        let template = "{template: {spec: {containers: [{name: a, image: 'a:1'}]}}}";
        for (kind, short) in
            [("DaemonSet", "ds"), ("StatefulSet", "sts"), ("Job", "job"), ("ReplicaSet", "rs"), ("Rollout", "ro")]
        {
            assert_eq!(of(kind, template), [format!("|{short}/a: a a:1 4")]);
        }
        assert!(of("ConfigMap", "{image: a}").is_empty());
        assert!(of("Deployment", "{template: {spec: {containers: [{name: a}]}}}").is_empty());
        assert!(of("Deployment", "[image]").is_empty() && of("[]", template).is_empty());
    }

    #[test]
    fn a_template_that_is_not_rendered_spoils_no_other() {
        let text = "kind: Deployment\nimage: {{ .Values.image }}\n  {{- end }}\n---\nkind: Pod\napiVersion: v1\n\
                    spec: {containers: [{name: a, image: a:1}]}\n--- # last\nimage: [\n---\n{{ include \"x\" . }}\n";
        let read = read(text);
        assert_eq!(told(&read), ["|po/: a a:1 7"]);
        let wrong: Vec<_> = read.wrong.iter().map(|(document, error)| (*document, error.line() >= 2)).collect();
        assert_eq!((wrong, read.others), (vec![(1, true), (3, true)], 1));
    }

    #[test]
    fn an_image_that_is_no_text_is_not_passed_over() {
        let of = |image: &str| {
            let spec = format!("{{containers: [{{name: a, image: {image}}}]}}");
            told(&read(&format!("kind: Pod\napiVersion: v1\nmetadata: {{name: p}}\nspec: {spec}\n")))
        };
        assert_eq!(of("{{ .Values.image }}"), ["|po/p: a {{ }} 4"]);
        assert_eq!(of("[a]"), ["|po/p: a {{ }} 4"]);
        assert!(of("null").is_empty() && of("").is_empty());
    }

    const BARE: &str = "{apiVersion: v1, kind: Pod, spec: {containers: [{name: a, image: a:1}]}}";

    #[test]
    fn what_is_beyond_the_bounds_is_told() {
        let nested = |deep: usize| {
            (0..deep).fold(BARE.to_owned(), |inner, _| format!("{{apiVersion: v1, kind: List, items: [{inner}]}}"))
        };
        let deepest = read(&nested(DEEPEST_LIST));
        assert_eq!((deepest.manifests.len(), deepest.wrong.len()), (1, 0));
        let deeper = read(&format!("{}\n---\n{BARE}", nested(DEEPEST_LIST + 1)));
        assert_eq!((deeper.manifests.len(), deeper.others), (1, 0), "the next document is read");
        assert_eq!(deeper.wrong, [(1, DocumentError::TooDeep { line: 1 })]);
        let line = format!("- {BARE}\n");
        let list = |many: usize| format!("kind: List\nitems:\n{}", line.repeat(many));
        let most = read(&list(MOST_OBJECTS - 1));
        assert_eq!((most.manifests.len(), most.wrong.len()), (MOST_OBJECTS - 1, 0));
        let more = read(&format!("{}---\n{BARE}\n---\n{BARE}", list(MOST_OBJECTS)));
        assert_eq!(more.manifests.len(), MOST_OBJECTS - 1);
        assert_eq!(more.wrong, [(1, DocumentError::TooMany { line: MOST_OBJECTS + 2 })], "once a file");
    }

    #[test]
    fn what_is_no_yaml_is_told_whatever_it_is_about() {
        for (text, line) in [
            ("<html><body>Sign in</body></html>\n<p a: b: c", 2),
            ("a: [1\n", 2),
            ("kind: Deployment\nspec: \"abc\n", 2),
        ] {
            let read = read(&format!("{text}\n---\n{BARE}\n"));
            assert_eq!((read.manifests.len(), read.others), (1, 0), "{text}");
            let wrong: Vec<_> = read.wrong.iter().map(|(document, error)| (*document, error.line())).collect();
            assert!(matches!(wrong[..], [(1, at)] if at.abs_diff(line) <= 1), "{text}: {wrong:?}");
            let found = super::read(text, true);
            let is_told = text.contains("kind");
            assert_eq!((found.wrong.len(), found.others), (usize::from(is_told), usize::from(!is_told)), "{text}");
        }
    }

    #[test]
    fn what_the_api_server_refused_is_told() {
        let read = read(
            "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"status\":\"Failure\",\"message\":\"deployments is forbidden\",\"code\":403}",
        );
        let [(1, error)] = &read.wrong[..] else { panic!("{read:?}") };
        assert_eq!(error.to_string(), "the API server answered so, and no manifest: deployments is forbidden");
        let fine = self::read("{kind: Status, apiVersion: v1, status: Success}");
        assert_eq!((fine.wrong.len(), fine.others), (0, 1));
    }

    #[test]
    fn what_is_no_manifest_is_counted() {
        for text in
            ["services:\n  web: {image: 'web:1'}\n", "image: {repository: web, tag: 1}\n", "[image]", "image", "x"]
        {
            let read = read(text);
            assert_eq!((read.manifests.len(), read.others, read.wrong.len()), (0, 1, 0), "{text}");
        }
        assert_eq!(read("# only a comment\n---\n\n---\n...\n").others, 0);
    }
}
