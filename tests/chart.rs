//! What is delivered beside the program agrees with it and with itself: the rights of chart, kustomize and documents with the kinds
//! that the code knows, alerts and dashboard with the metrics. Reads committed files; `tests/it/chart.rs` has Helm render them.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use image_watcher::cluster::lease::LEASE;
use image_watcher::cluster::{rights_in_a_namespace, rights_in_its_own_namespace};
use image_watcher::listener::paths::{PUBLIC_PATHS, Purpose};
use image_watcher::telemetry::metrics::Metrics;
use serde_json::{Value, json};

fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn text(path: &str) -> String {
    std::fs::read_to_string(project(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn documents(path: &str) -> Vec<Value> {
    let all: Vec<Value> = serde_saphyr::from_multiple(&text(path)).unwrap();
    all.into_iter().filter(|document| !document.is_null()).collect()
}

fn of_kind(path: &str, kind: &str) -> Value {
    documents(path).into_iter().find(|document| document["kind"] == kind).unwrap_or_else(|| panic!("{path}: {kind}"))
}

/// Group, resource and verb, each right by itself.
fn rights(role: &Value) -> BTreeSet<[String; 3]> {
    let words = |value: &Value| -> Vec<String> {
        value.as_array().unwrap().iter().map(|word| word.as_str().unwrap().to_owned()).collect()
    };
    let mut all = BTreeSet::new();
    for rule in role["rules"].as_array().unwrap() {
        for group in words(&rule["apiGroups"]) {
            for resource in words(&rule["resources"]) {
                all.extend(words(&rule["verbs"]).into_iter().map(|verb| [group.clone(), resource.clone(), verb]));
            }
        }
    }
    all
}

#[test]
fn chart_kustomize_and_documents_grant_what_the_code_needs() {
    let needed =
        rights_in_a_namespace().into_iter().map(|(group, resource, verb)| [group, resource, verb].map(str::to_owned));
    let needed: BTreeSet<_> = needed.collect();
    for (path, kind) in [
        ("tests/chart/defaults.yaml", "ClusterRole"),
        ("tests/chart/namespaced.yaml", "Role"),
        ("deploy/cluster/clusterrole.yaml", "ClusterRole"),
        ("deploy/namespace/role.yaml", "Role"),
    ] {
        assert_eq!(rights(&of_kind(path, kind)), needed, "{path}");
    }
    let document = text("docs/install.md");
    let mut told = BTreeSet::new();
    for row in document.lines().filter(|line| line.starts_with("| `") || line.starts_with("| core")) {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [group, resources, verbs, _] = cells[..] else { continue };
        let words =
            |cell: &str| cell.split(',').map(|word| word.trim().trim_matches('`').to_owned()).collect::<Vec<_>>();
        let group = if group == "core" { String::new() } else { group.trim_matches('`').to_owned() };
        for resource in words(resources) {
            told.extend(words(verbs).into_iter().map(|verb| [group.clone(), resource.clone(), verb]));
        }
    }
    assert_eq!(told, needed, "docs/install.md");
}

#[test]
fn the_right_to_the_lease_is_what_the_code_needs_and_to_no_other() {
    let needed = rights_in_its_own_namespace().into_iter();
    let needed: BTreeSet<_> =
        needed.map(|(group, resource, verb)| [group, resource, verb].map(str::to_owned)).collect();
    let role = of_kind("deploy/replicas/role.yaml", "Role");
    assert_eq!(rights(&role), needed);
    for rule in role["rules"].as_array().unwrap() {
        let named = if rule["verbs"] == json!(["create"]) { Value::Null } else { json!([LEASE]) };
        assert_eq!(rule["resourceNames"], named);
    }
    assert_eq!(of_kind("deploy/replicas/rolebinding.yaml", "RoleBinding")["roleRef"]["name"], role["metadata"]["name"]);
}

/// The object of a kind and a name, of several.
fn named(path: &str, kind: &str, name: &str) -> Value {
    let is_it = |document: &Value| document["kind"] == kind && document["metadata"]["name"] == name;
    documents(path).into_iter().find(is_it).unwrap_or_else(|| panic!("{path}: {kind} {name}"))
}

#[test]
fn what_few_need_is_granted_by_a_value_as_by_its_folder() {
    for (folder, kind, of_chart) in [
        ("nodes", "ClusterRole", "image-watcher-watcher-nodes"),
        ("identity", "ClusterRole", "image-watcher-watcher-identity"),
        ("namespaces", "ClusterRole", "image-watcher-watcher-read-namespaces"),
        ("token-reviews", "ClusterRole", "image-watcher-watcher-token-reviews"),
        ("delete-broken", "Role", "watcher-delete-broken"),
        ("pull-secrets", "Role", "watcher-pull-secrets"),
    ] {
        let file = format!("deploy/{folder}/{}.yaml", kind.to_lowercase());
        let chart = "tests/chart/everything.yaml";
        assert_eq!(rights(&named(chart, kind, of_chart)), rights(&of_kind(&file, kind)), "{folder}");
        let bound = named(chart, &format!("{kind}Binding"), of_chart);
        let account = json!([{"kind": "ServiceAccount", "name": "watcher-account", "namespace": "image-watcher"}]);
        assert_eq!((&bound["subjects"], &bound["roleRef"]["name"]), (&account, &json!(of_chart)), "{folder}");
        let nobody = documents("tests/chart/defaults.yaml")
            .into_iter()
            .any(|it| it["kind"] == kind && it["metadata"]["name"].as_str().is_some_and(|name| name.ends_with(folder)));
        assert!(!nobody, "{folder} is granted to who asks for it alone");
    }
}

#[test]
fn several_replicas_are_the_same_by_chart_and_by_kustomize() {
    let (chart, folder) = ("tests/chart/replicas.yaml", "deploy/replicas");
    let rules = |path: &str| named(path, "Role", "image-watcher-lease")["rules"].take();
    let mut of_folder = rules(&format!("{folder}/role.yaml"));
    // What rbac.leases grants beside it: the Lease of a service whose buckets another has as well.
    of_folder[1]["resourceNames"].as_array_mut().unwrap().push(json!("image-watcher-0a1b2c3d"));
    assert_eq!(rules(chart), of_folder);
    let budget = |path: &str| of_kind(path, "PodDisruptionBudget")["spec"]["maxUnavailable"].take();
    assert_eq!((budget(chart), budget(&format!("{folder}/poddisruptionbudget.yaml"))), (json!(1), json!(1)));
    let (of_chart, of_folder) =
        (of_kind(chart, "Deployment"), of_kind(&format!("{folder}/deployment.yaml"), "Deployment"));
    let rolling = json!({"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}});
    for deployment in [&of_chart, &of_folder] {
        assert_eq!((&deployment["spec"]["replicas"], &deployment["spec"]["strategy"]), (&json!(3), &rolling));
        let pod = &deployment["spec"]["template"]["spec"];
        assert_eq!(pod["topologySpreadConstraints"][0]["topologyKey"], "kubernetes.io/hostname");
        assert_eq!((&pod["volumes"][0]["name"], &pod["volumes"][0]["emptyDir"]), (&json!("data"), &json!({})));
    }
    let has = |kind: &str| documents(chart).iter().any(|document| document["kind"] == kind);
    assert!(!has("PersistentVolumeClaim"), "nothing of them is kept on a volume");
    let key = &of_folder["spec"]["template"]["spec"]["containers"][0]["env"][1];
    assert_eq!(key["valueFrom"]["secretKeyRef"]["key"], "IMAGE_WATCHER_LINK_KEY", "none starts without it");
}

#[test]
fn the_routes_of_the_chart_are_the_public_paths_of_the_code() {
    let routes: Value = serde_saphyr::from_str(&text("deploy/chart/files/routes.yaml")).unwrap();
    let of = |purpose: Purpose| -> Vec<Value> {
        let paths = PUBLIC_PATHS.iter().filter(|path| path.purpose == purpose);
        paths.map(|path| json!({"path": path.path, "exact": path.exact, "root": path.root})).collect()
    };
    let expected: serde_json::Map<_, _> =
        Purpose::ALL.into_iter().map(|purpose| (purpose.as_str().to_owned(), json!(of(purpose)))).collect();
    assert_eq!(routes, Value::Object(expected), "deploy/chart/files/routes.yaml");
    let schema: Value = serde_json::from_str(&text("deploy/chart/values.schema.json")).unwrap();
    for part in ["ingress", "httpRoute"] {
        let known = &schema["properties"][part]["properties"]["routes"]["items"]["enum"];
        assert_eq!(known, &json!(Purpose::ALL.map(Purpose::as_str)), "{part}");
    }
    // What the rendering has, behind the path of its BASE_URL.
    let ingress = of_kind("tests/chart/everything.yaml", "Ingress");
    let rendered: BTreeSet<&str> = ingress["spec"]["rules"][0]["http"]["paths"]
        .as_array()
        .unwrap()
        .iter()
        .map(|path| path["path"].as_str().unwrap())
        .collect();
    for path in PUBLIC_PATHS {
        let whole = if path.root { path.path.to_owned() } else { format!("/iw{}", path.path) };
        assert!(rendered.contains(whole.as_str()), "{whole}: {rendered:?}");
    }
}

/// Paths that these files register, as they are written there.
fn registered(folder: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut folders = vec![project(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                folders.push(entry);
                continue;
            }
            let text = std::fs::read_to_string(&entry).unwrap();
            let code = text.split("mod tests {").next().unwrap_or_default();
            for call in [".route(\"", "resource(\"", "scope(\""] {
                let paths = code.split(call).skip(1).filter_map(|rest| rest.split_once('"'));
                found.extend(paths.map(|(path, _)| path.to_owned()).filter(|path| !path.is_empty()));
            }
        }
    }
    found
}

#[test]
fn whoever_answers_links_and_deliveries_has_no_path_that_the_table_lacks() {
    let known = |purposes: &[Purpose], path: &str| {
        PUBLIC_PATHS
            .iter()
            .filter(|known| purposes.contains(&known.purpose))
            .any(|known| path == known.path || (!known.exact && path.starts_with(&format!("{}/", known.path))))
    };
    let of_links = registered("src/approvals");
    assert!(of_links.contains("/a/{token}"), "{of_links:?}");
    for path in of_links.iter().chain(&registered("src/intake")) {
        // What keeps robots away, and says that there is no icon, serves whoever finds it.
        let is_for_anybody = ["/robots.txt", "/favicon.ico"].contains(&path.as_str());
        assert!(is_for_anybody || known(&[Purpose::Webhooks, Purpose::Approvals], path), "{path} is in no route");
    }
}

#[test]
fn the_chart_and_the_kustomize_base_run_the_same_container() {
    let mut chart = of_kind("tests/chart/defaults.yaml", "Deployment");
    let mut base = of_kind("deploy/base/deployment.yaml", "Deployment");
    // The base names the Secret that the README makes; the chart names one when it is told to.
    let container = |deployment: &mut Value| deployment["spec"]["template"]["spec"]["containers"][0].take();
    let (mut of_chart, mut of_base) = (container(&mut chart), container(&mut base));
    assert_eq!(of_base["envFrom"].take(), json!([{"secretRef": {"name": "image-watcher", "optional": true}}]));
    of_base.as_object_mut().unwrap().remove("envFrom");
    assert_eq!(of_chart.as_object_mut().unwrap().remove("imagePullPolicy"), Some(json!("IfNotPresent")), "the default");
    assert_eq!(of_chart, of_base);
    assert_eq!(chart["spec"]["template"]["spec"], base["spec"]["template"]["spec"]);
    assert_eq!(
        (&chart["spec"]["strategy"], &chart["spec"]["replicas"]),
        (&base["spec"]["strategy"], &base["spec"]["replicas"])
    );
    let part = |path: &str, kind: &str, pointer: &str| of_kind(path, kind).pointer(pointer).cloned().unwrap();
    for (kind, file, pointer) in [
        ("Service", "service", "/spec/ports"),
        ("Service", "service", "/spec/ipFamilyPolicy"),
        ("PersistentVolumeClaim", "pvc", "/spec"),
        ("ServiceAccount", "serviceaccount", "/automountServiceAccountToken"),
    ] {
        let base = part(&format!("deploy/base/{file}.yaml"), kind, pointer);
        assert_eq!(part("tests/chart/defaults.yaml", kind, pointer), base, "{kind} {pointer}");
    }
    let ports = |path: &str| part(path, "NetworkPolicy", "/spec/egress/1/ports");
    let mut known: Vec<i64> = ports("deploy/base/networkpolicy.yaml")
        .as_array()
        .unwrap()
        .iter()
        .map(|port| port["port"].as_i64().unwrap())
        .collect();
    known.sort_unstable();
    let values: Value = serde_saphyr::from_str(&text("deploy/chart/values.yaml")).unwrap();
    assert_eq!(values["networkPolicy"]["ports"], json!(known));
    let apart = |path: &str| part(path, "NetworkPolicy", "/spec/egress/1/to");
    assert_eq!(apart("tests/chart/everything.yaml"), apart("deploy/base/networkpolicy.yaml"), "what is never reached");
}

#[test]
fn the_one_file_of_manifests_is_made_of_the_chart() {
    let made = std::process::Command::new(project("scripts/install-yaml")).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let made = String::from_utf8(made.stdout).unwrap();
    assert!(made == text("deploy/install.yaml"), "scripts/install-yaml > deploy/install.yaml");
    let objects = documents("deploy/install.yaml");
    let kinds: Vec<&str> = objects.iter().map(|object| object["kind"].as_str().unwrap()).collect();
    let expected = [
        "Namespace",
        "ServiceAccount",
        "PersistentVolumeClaim",
        "ClusterRole",
        "ClusterRoleBinding",
        "Service",
        "Deployment",
    ];
    assert_eq!(kinds, expected);
    assert!(!made.contains("helm") && !made.contains("Helm"), "nothing of Helm is left");
    let container = |path: &str| of_kind(path, "Deployment")["spec"]["template"]["spec"]["containers"][0].take();
    assert_eq!(
        container("deploy/install.yaml")["envFrom"],
        container("deploy/base/deployment.yaml")["envFrom"],
        "settings come from the same Secret as with kustomize"
    );
}

#[test]
fn what_is_not_said_is_safe() {
    let values: Value = serde_saphyr::from_str(&text("deploy/chart/values.yaml")).unwrap();
    for off in ["ingress", "httpRoute", "networkPolicy"] {
        assert_eq!(values[off]["enabled"], json!(false), "{off}");
    }
    for route in ["ingress", "httpRoute"] {
        assert_eq!(values[route]["routes"], json!(["webhooks", "approvals"]), "the page is not exposed by accident");
    }
    assert_eq!(values["persistence"]["enabled"], json!(true));
    let resources = json!({"requests": {"cpu": "20m", "memory": "32Mi"}, "limits": {"memory": "128Mi"}});
    assert_eq!(values["resources"], resources);
    let has_budget = |path: &str| documents(path).iter().any(|document| document["kind"] == "PodDisruptionBudget");
    assert!(!has_budget("tests/chart/defaults.yaml"), "it would keep the only pod from being moved");
}

#[test]
fn the_chart_and_all_that_it_makes_say_what_they_are() {
    let chart: Value = serde_saphyr::from_str(&text("deploy/chart/Chart.yaml")).unwrap();
    for name in ["license", "category", "images", "changes", "links"] {
        assert!(chart["annotations"][format!("artifacthub.io/{name}")].is_string(), "{name}");
    }
    for object in documents("tests/chart/everything.yaml") {
        for label in ["name", "instance", "version", "component", "part-of", "managed-by"] {
            let label = format!("app.kubernetes.io/{label}");
            let is_extra = object["metadata"]["labels"]["helm.sh/chart"].is_null();
            assert!(is_extra || object["metadata"]["labels"][&label].is_string(), "{}: {label}", object["kind"]);
        }
    }
}

/// The keys of the chart, as they are promised.
const VALUES: [&str; 42] = [
    "image",
    "imagePullSecrets",
    "nameOverride",
    "fullnameOverride",
    "commonLabels",
    "replicaCount",
    "strategy",
    "serviceAccount",
    "rbac",
    "podAnnotations",
    "podLabels",
    "podSecurityContext",
    "securityContext",
    "resources",
    "nodeSelector",
    "tolerations",
    "affinity",
    "topologySpreadConstraints",
    "priorityClassName",
    "podDisruptionBudget",
    "networkPolicy",
    "service",
    "ingress",
    "httpRoute",
    "persistence",
    "metrics",
    "livenessProbe",
    "readinessProbe",
    "startupProbe",
    "config",
    "existingSecret",
    "extraEnv",
    "extraEnvFrom",
    "extraArgs",
    "extraVolumes",
    "extraVolumeMounts",
    "extraContainers",
    "extraObjects",
    "image.digest",
    "rbac.pullSecrets",
    "serviceAccount.automount",
    "metrics.grafanaDashboard",
];

#[test]
fn the_values_are_those_that_are_promised_and_the_schema_has_each_of_them() {
    let values: Value = serde_saphyr::from_str(&text("deploy/chart/values.yaml")).unwrap();
    let schema: Value = serde_json::from_str(&text("deploy/chart/values.schema.json")).unwrap();
    for key in VALUES {
        assert!(values.pointer(&format!("/{}", key.replace('.', "/"))).is_some(), "{key}");
    }
    let top: BTreeSet<&str> = VALUES.into_iter().filter(|key| !key.contains('.')).collect();
    assert_eq!(values.as_object().unwrap().keys().map(String::as_str).collect::<BTreeSet<_>>(), top);
    same_keys("", &values, &schema);
}

/// Where the schema closes an object, it has the keys of the values, and no others.
fn same_keys(at: &str, values: &Value, schema: &Value) {
    // What stands below `config` is the configuration's file, of which the chart sets nothing; its schema is made of the types.
    if schema["additionalProperties"] != json!(false) || at == ".config" {
        return;
    }
    let of = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
    let mut known = of(&schema["properties"]);
    // Helm's own, and what a rolling update would need.
    for other in ["global", "rollingUpdate"] {
        known.remove(other);
    }
    assert_eq!(of(values), known, "{at}");
    for (key, value) in values.as_object().unwrap() {
        if value.is_object() {
            same_keys(&format!("{at}.{key}"), value, &schema["properties"][key]);
        }
    }
}

/// The series of all metrics, without those of histograms told apart.
fn series() -> BTreeSet<String> {
    let text = Metrics::example().classic();
    let mut all = BTreeSet::new();
    for line in text.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let (name, kind) = line.split_once(' ').unwrap();
        let suffixes: &[&str] = if kind == "histogram" { &["_bucket", "_sum", "_count"] } else { &[""] };
        all.extend(suffixes.iter().map(|suffix| format!("{name}{suffix}")));
    }
    all
}

/// The names of metrics in a query.
fn names(query: &str) -> Vec<&str> {
    let words = query.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    words.filter(|word| word.starts_with("image_watcher_") || word.starts_with("process_")).collect()
}

fn alerts() -> Vec<Value> {
    let file: Value = serde_saphyr::from_str(&text("deploy/monitoring/alerts.yaml")).unwrap();
    file["groups"].as_array().unwrap().iter().flat_map(|group| group["rules"].as_array().unwrap().clone()).collect()
}

#[test]
fn every_alert_has_a_runbook_a_test_and_metrics_that_there_are() {
    let (series, runbooks) = (series(), text("docs/runbooks.md"));
    let tests: Value = serde_saphyr::from_str(&text("deploy/monitoring/alerts.test.yaml")).unwrap();
    let tested: BTreeSet<&str> =
        tests["tests"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    let alerts = alerts();
    assert_eq!(alerts.len(), 17);
    for alert in &alerts {
        let name = alert["alert"].as_str().unwrap();
        let used = names(alert["expr"].as_str().unwrap());
        assert!(!used.is_empty(), "{name}");
        for metric in used {
            assert!(series.contains(metric), "{name}: there is no {metric}");
        }
        let told = section(&runbooks, name).unwrap_or_else(|| panic!("{name} has no runbook"));
        assert_eq!(alert["annotations"]["runbook"], json!(told), "{name}: the runbook is that of docs/runbooks.md");
        assert!(alert["annotations"]["runbook_url"].is_null(), "{name}: nobody knows where the documents are served");
        assert!(tested.contains(name), "{name} has no test");
    }
    assert_eq!(runbooks.matches("\n## ").count(), alerts.len(), "a runbook for each alert, and for no other");
}

/// The text below a heading, as one line.
fn section(document: &str, heading: &str) -> Option<String> {
    let (_, rest) = document.split_once(&format!("\n## {heading}\n"))?;
    let end = ["\n## ", "\n# "].iter().filter_map(|next| rest.find(next)).min().unwrap_or(rest.len());
    Some(rest.get(..end)?.split_whitespace().collect::<Vec<_>>().join(" "))
}

#[test]
fn the_rule_for_the_operator_and_the_chart_have_the_same_alerts() {
    let alerts: Value = serde_saphyr::from_str(&text("deploy/monitoring/alerts.yaml")).unwrap();
    assert_eq!(of_kind("deploy/monitoring/prometheusrule.yaml", "PrometheusRule")["spec"], alerts);
    let mut rendered = of_kind("tests/chart/everything.yaml", "PrometheusRule")["spec"].take();
    for group in rendered["groups"].as_array_mut().unwrap() {
        for rule in group["rules"].as_array_mut().unwrap() {
            let name = rule["alert"].as_str().unwrap().to_lowercase();
            let url = rule["annotations"].as_object_mut().unwrap().remove("runbook_url");
            assert_eq!(
                url,
                Some(json!(format!("https://docs.example.com/runbooks#{name}"))),
                "where they are is a value"
            );
        }
    }
    assert_eq!(rendered, alerts);
}

#[test]
fn the_dashboard_asks_for_metrics_that_there_are_of_any_data_source() {
    let dashboard: Value = serde_json::from_str(&text("deploy/monitoring/dashboard.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let rows: Vec<&str> =
        panels.iter().filter(|panel| panel["type"] == "row").map(|row| row["title"].as_str().unwrap()).collect();
    assert_eq!(rows, ["Decisions", "Webhooks", "Registries", "Rollouts", "Deliveries"]);
    let (series, mut ids) = (series(), BTreeSet::new());
    for panel in panels {
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "an id twice");
        for target in panel["targets"].as_array().into_iter().flatten() {
            assert_eq!(target["datasource"]["uid"], "${datasource}");
            let query = target["expr"].as_str().unwrap();
            let used = names(query);
            assert!(!used.is_empty(), "{query}");
            for metric in used {
                assert!(series.contains(metric), "{query}: there is no {metric}");
            }
        }
    }
    let text = dashboard.to_string();
    assert_eq!(text.matches("\"uid\":").count(), text.matches("\"uid\":\"${datasource}\"").count() + 1, "but its own");
    assert!(!text.contains("__inputs") && dashboard["templating"]["list"][0]["type"] == "datasource");
}

#[test]
fn the_document_of_metrics_has_each_of_them_as_it_is() {
    let (document, metrics) = (text("docs/metrics.md"), Metrics::example().classic());
    let mut told: BTreeSet<(String, String)> = BTreeSet::new();
    for row in document.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        told.insert((cells[0].trim_matches('`').to_owned(), cells[1].to_owned()));
    }
    let there = metrics.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    let there: BTreeSet<(String, String)> = there.map(|(name, kind)| (name.to_owned(), kind.to_owned())).collect();
    let missing: Vec<_> = there.difference(&told).collect();
    let others: Vec<_> = told.difference(&there).collect();
    assert!(
        missing.is_empty() && others.is_empty(),
        "not in docs/metrics.md: {missing:?}; not in /metrics: {others:?}"
    );
}

#[test]
fn promtool_finds_each_alert_when_and_only_when_it_is_meant() {
    let folder = project("deploy/monitoring");
    let run = |args: &[&str]| std::process::Command::new("promtool").args(args).current_dir(&folder).output();
    let Ok(checked) = run(&["check", "rules", "alerts.yaml"]) else {
        eprintln!("skipped: promtool is not here; apt-get install prometheus");
        return;
    };
    let tested = run(&["test", "rules", "alerts.test.yaml"]).unwrap();
    for output in [checked, tested] {
        let said = [output.stdout, output.stderr].concat();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&said));
    }
}
