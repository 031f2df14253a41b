use actix_web::http::header::{HeaderName, HeaderValue};
use base64::Engine as _;
use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

use super::*;

fn headers(list: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in list {
        headers.append(HeaderName::try_from(*name).unwrap(), HeaderValue::from_str(value).unwrap());
    }
    headers
}

/// What comes out of a delivery, as a text: pushes, `ignored`, `handshake` or `malformed`.
fn told_by(kind: SourceKind, header: &[(&str, &str)], hosts: &Hosts, body: &str) -> String {
    let headers = headers(header);
    let verified = Verified::unvouched(Bytes::copy_from_slice(body.as_bytes()), &headers, hosts);
    match parse(kind, &verified).map(|read| read.delivery) {
        Ok(Delivery::Pushes(pushes)) => {
            let one = |push: &Push| {
                let tag = push.tag.as_ref().map(|tag| format!(":{tag}")).unwrap_or_default();
                let digest = push.digest.as_ref().map(|digest| format!("@{}", digest.short())).unwrap_or_default();
                format!("{}{tag}{digest}", push.repository)
            };
            pushes.iter().map(one).collect::<Vec<_>>().join(" ")
        }
        Ok(Delivery::Ignored(_)) => "ignored".into(),
        Ok(Delivery::Handshake(json)) => format!("handshake {json}"),
        Err(_) => "malformed".into(),
    }
}

fn told(kind: SourceKind, body: &str) -> String {
    let hosts = Hosts { registry: Some("registry.test".into()), ..Hosts::default() };
    let header = [("X-GitHub-Event", "package"), ("X-Gitea-Event", "package")];
    told_by(kind, &header, &hosts, body)
}

const A: &str = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

/// Bodies of our own, in the shapes that the senders document.
#[test]
fn every_sender_is_understood() {
    use SourceKind::*;
    let gcr = |json: &str| {
        use base64::Engine as _;
        let data = base64::engine::general_purpose::STANDARD.encode(json);
        format!(r#"{{"message":{{"data":"{data}","messageId":"1"}},"subscription":"s"}}"#)
    };
    let cases: Vec<(SourceKind, String, &str)> = vec![
        (DockerHub, r#"{"push_data":{"tag":"1.2","pushed_at":1.4e9},"repository":{"repo_name":"acme/web"}}"#.into(), "docker.io/acme/web:1.2"),
        (DockerHub, r#"{"push_data":{"tag":"1.2"},"repository":{"repo_name":"nginx"}}"#.into(), "docker.io/library/nginx:1.2"),
        (DockerHub, r#"{"push_data":{"tag":7},"repository":{"repo_name":"nginx"}}"#.into(), "malformed"),
        (DockerHub, r#"{"push_data":{"tag":"1"},"repository":{"repo_name":"../../v2/_catalog"}}"#.into(), "malformed"),
        (DockerHub, r#"{"push_data":{"tag":"a b"},"repository":{"repo_name":"a/b"}}"#.into(), "malformed"),
        (GitHub, format!(r#"{{"action":"published","package":{{"package_type":"CONTAINER","package_version":{{"version":"{A}","package_url":"ghcr.io/Acme/web:1.2","container_metadata":{{"tag":{{"name":"1.2"}}}}}}}}}}"#), "ghcr.io/acme/web:1.2@aaaaaaaaaaaa"),
        (GitHub, format!(r#"{{"action":"updated","registry_package":{{"registry":{{"type":"docker"}},"package_version":{{"version":"{A}","package_url":"ghcr.io/acme/web:","container_metadata":{{"tag":{{"name":""}}}}}}}}}}"#), "ghcr.io/acme/web@aaaaaaaaaaaa"),
        (GitHub, r#"{"action":"published","package":{"package_type":"npm","package_version":{"package_url":"x"}}}"#.into(), "ignored"),
        (GitHub, r#"{"action":"deleted","package":{}}"#.into(), "ignored"),
        (GitHub, r#"{"action":"published"}"#.into(), "malformed"),
        (Quay, r#"{"docker_url":"https://quay.test:8443/acme/web","updated_tags":["1","2"]}"#.into(), "quay.test:8443/acme/web:1 quay.test:8443/acme/web:2"),
        (Quay, r#"{"docker_url":"quay.io/acme/web","updated_tags":[]}"#.into(), "ignored"),
        (Quay, r#"{"docker_url":"quay.io/acme/web","vulnerability":{}}"#.into(), "ignored"),
        (Quay, r#"{"text":"re-templated"}"#.into(), "malformed"),
        (Harbor, format!(r#"{{"type":"PUSH_ARTIFACT","event_data":{{"resources":[{{"digest":"{A}","tag":"1.2","resource_url":"h.test:8443/a/b/c:1.2"}}]}}}}"#), "h.test:8443/a/b/c:1.2@aaaaaaaaaaaa"),
        (Harbor, format!(r#"{{"type":"PUSH_ARTIFACT","event_data":{{"resources":[{{"digest":"{A}","tag":"{A}","resource_url":"h.test/a/b:{A}"}}]}}}}"#), "h.test/a/b@aaaaaaaaaaaa"),
        (Harbor, r#"{"specversion":"1.0","type":"harbor.artifact.pushed","data":{"resources":[{"tag":"1","resource_url":"h.test/a/b:1"}]}}"#.into(), "h.test/a/b:1"),
        (Harbor, r#"{"type":"SCANNING_COMPLETED","event_data":{}}"#.into(), "ignored"),
        (Acr, format!(r#"{{"action":"push","target":{{"repository":"web","tag":"","digest":"{A}"}},"request":{{"host":"a.azurecr.io"}}}}"#), "a.azurecr.io/web@aaaaaaaaaaaa"),
        (Acr, r#"{"action":"ping"}"#.into(), "ignored"),
        (Acr, r#"{"action":"chart_push"}"#.into(), "ignored"),
        (AcrEventGrid, r#"[{"eventType":"Microsoft.ContainerRegistry.ImagePushed","data":{"target":{"repository":"web","tag":"1"},"request":{"host":"a.azurecr.io"}}},{"eventType":"Microsoft.ContainerRegistry.ImageDeleted"}]"#.into(), "a.azurecr.io/web:1"),
        (AcrEventGrid, r#"{"specversion":"1.0","type":"Microsoft.ContainerRegistry.ImagePushed","data":{"target":{"repository":"web","tag":"1"},"request":{"host":"a.azurecr.io"}}}"#.into(), "a.azurecr.io/web:1"),
        (AcrEventGrid, r#"[{"eventType":"Microsoft.EventGrid.SubscriptionValidationEvent","data":{"validationCode":"c0de","validationUrl":"https://169.254.169.254/"}}]"#.into(), r#"handshake {"validationResponse":"c0de"}"#),
        (Distribution, r#"{"events":[{"action":"push","target":{"mediaType":"application/octet-stream","repository":"x"}},{"action":"push","target":{"mediaType":"application/vnd.oci.image.index.v1+json","repository":"web","tag":"1"},"request":{"host":"r.test:5000"}},{"action":"pull","target":{}}]}"#.into(), "r.test:5000/web:1"),
        (Distribution, r#"{"events":[]}"#.into(), "ignored"),
        (Distribution, r#"{"events":null}"#.into(), "ignored"),
        (Distribution, "{}".into(), "ignored"),
        (Distribution, "[]".into(), "malformed"),
        (Harbor, "[]".into(), "malformed"),
        (Harbor, "{}".into(), "ignored"),
        (GitLab, r#"{"events":[{"action":"push","target":{"repository":"g/a","tag":"1"}}]}"#.into(), "registry.test/g/a:1"),
        (GitLab, format!(r#"{{"events":[{{"action":"push","target":{{"repository":"g/a","digest":"{A}","url":"https://registry.test/v2/g/a/manifests/{A}"}},"request":{{"host":""}}}}]}}"#), "registry.test/g/a@aaaaaaaaaaaa"),
        (GitLab, format!(r#"{{"events":[{{"action":"push","target":{{"repository":"g/a","digest":"{A}","url":"https://registry.test/v2/g/a/blobs/{A}"}}}}]}}"#), "ignored"),
        (GitLab, r#"{"events":[{"action":"push","target":{"repository":"g/a"}}]}"#.into(), "ignored"),
        (GitLab, r#"{"events":[{"action":"push","target":{"mediaType":"application/vnd.oci.image.manifest.v1+json","repository":"g/a","tag":"1"}}]}"#.into(), "registry.test/g/a:1"),
        (Zot, format!(r#"{{"specversion":"1.0","id":"1","source":"z","type":"zotregistry.image.updated","data":{{"name":"web","reference":"1.2","digest":"{A}"}}}}"#), "registry.test/web:1.2@aaaaaaaaaaaa"),
        (Zot, r#"{"specversion":"1.0","id":"1","source":"z","type":"zotregistry.image.lint_failed","data":{"name":"web"}}"#.into(), "ignored"),
        (Gar, gcr(&format!(r#"{{"action":"INSERT","digest":"eu-docker.pkg.dev/p/r/i@{A}","tag":"https://eu-docker.pkg.dev/p/r/i:1.1"}}"#)), "eu-docker.pkg.dev/p/r/i:1.1@aaaaaaaaaaaa"),
        (Gar, gcr(r#"{"action":"DELETE","tag":"gcr.io/p/i:1"}"#), "ignored"),
        (Gar, gcr("not JSON"), "ignored"),
        (Gar, gcr(r#"{"action":"INSERT","tag":"gcr.io/../i:1"}"#), "ignored"),
        (Gar, r#"{"message":{"data":"%%%"}}"#.into(), "ignored"),
        (Gar, "not JSON".into(), "ignored"),
        (Ecr, r#"{"detail-type":"ECR Image Action","account":"123456789012","region":"cn-north-1","detail":{"result":"SUCCESS","action-type":"PUSH","repository-name":"a/b","image-tag":"1"}}"#.into(), "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn/a/b:1"),
        (Ecr, r#"{"detail-type":"ECR Pull Through Cache Action","account":"1","region":"r","detail":{"sync-status":"SUCCESS","repository-name":"a"}}"#.into(), "1.dkr.ecr.r.amazonaws.com/a"),
        (Ecr, r#"{"detail-type":"ECR Image Action","account":"1","region":"r","detail":{"result":"FAILURE","action-type":"PUSH"}}"#.into(), "ignored"),
        (Ecr, r#"{"detail-type":"ECR Image Scan","detail":{}}"#.into(), "ignored"),
        (Artifactory, format!(r#"{{"domain":"docker","event_type":"pushed","data":{{"repo_key":"local","path":"a/b/1.2/manifest.json","name":"manifest.json","sha256":"{}","tag":"1.2"}},"jpd_origin":"https://art.test/artifactory"}}"#, &A[7..]), "art.test/local/a/b:1.2@aaaaaaaaaaaa"),
        (Artifactory, r#"{"domain":"artifact","event_type":"deployed","data":{}}"#.into(), "ignored"),
        (Nexus, r#"{"action":"CREATED","repositoryName":"hosted","component":{"format":"docker","name":"team/api","version":"1"}}"#.into(), "registry.test/team/api:1"),
        (Nexus, format!(r#"{{"action":"UPDATED","repositoryName":"hosted","asset":{{"format":"docker","name":"v2/team/api/manifests/{A}"}}}}"#), "registry.test/team/api@aaaaaaaaaaaa"),
        (Nexus, r#"{"action":"CREATED","asset":{"format":"docker","name":"v2/team/api/blobs/x"}}"#.into(), "ignored"),
        (Nexus, r#"{"action":"PURGED","componentIds":[]}"#.into(), "ignored"),
        (Gitea, r#"{"action":"created","repository":null,"package":{"type":"container","name":"web","version":"1","owner":{"login":"Acme"},"html_url":"http://git.test:3000/acme/-/packages/container/web/1"}}"#.into(), "git.test:3000/acme/web:1"),
        (Forgejo, r#"{"action":"created","package":{"type":"npm"}}"#.into(), "ignored"),
        (Aliyun, r#"{"push_data":{"tag":"1"},"repository":{"repo_full_name":"ns/repoTest","region":"cn-hangzhou"}}"#.into(), "registry.test/ns/repotest:1"),
        (CloudEvents, r#"{"specversion":"1.0","id":"1","source":"https://r.test","type":"container.image.push","data":{"repositoryName":"a/b","imageTag":"1"}}"#.into(), "r.test/a/b:1"),
        (CloudEvents, r#"{"specversion":"1.0","id":"1","source":"x","type":"container.image.deleted","data":{}}"#.into(), "ignored"),
        (CloudEvents, r#"{"id":"1","source":"x","type":"container.image.push"}"#.into(), "malformed"),
        (Native, r#"{"name":"gcr.io/acme/web","tag":"1"}"#.into(), "gcr.io/acme/web:1"),
        (Native, r#"{"name":"acme/web","host":"r.test","tag":"1"}"#.into(), "r.test/acme/web:1"),
        (Native, r#"{"name":"gcr.io/acme/web:1","tag":"1"}"#.into(), "malformed"),
        (Native, r#"{"name":"gcr.io/acme/web"}"#.into(), "malformed"),
    ];
    for (kind, body, expected) in cases {
        assert_eq!(told(kind, &body), expected, "{kind:?}: {body}");
    }
}

#[test]
fn cloud_events_come_in_three_modes() {
    let none = Hosts::default();
    let batch = r#"[{"specversion":"1.0","id":"1","source":"s","type":"image.push","data":{"repository":"r.test/a","tag":"1"}},
        {"specversion":"1.0","id":"2","source":"s","type":"image.push","data_base64":"eyJyZXBvc2l0b3J5Ijoici50ZXN0L2IiLCJ0YWciOiIyIn0="}]"#;
    let of = |header: &[(&str, &str)], body: &str| told_by(SourceKind::CloudEvents, header, &none, body);
    assert_eq!(of(&[("Content-Type", "application/cloudevents-batch+json")], batch), "r.test/a:1 r.test/b:2");
    let binary =
        [("ce-specversion", "1.0"), ("ce-id", "1"), ("ce-source", "https://r.test%2Fx"), ("ce-type", "image.push")];
    assert_eq!(of(&binary, r#"{"repository":"a/b","tag":"1"}"#), "r.test/a/b:1");
    assert_eq!(of(&binary[..3], "{}"), "malformed", "no type");
}

#[test]
fn a_source_says_which_registry_is_meant() {
    let by_name = [("local".to_owned(), "docker.test".to_owned()), ("inner:5000".to_owned(), "outer.test".to_owned())];
    let hosts = Hosts { registry: None, by_name: by_name.into_iter().collect(), template: None };
    let pushed = r#"{"events":[{"action":"push","target":{"mediaType":"x.manifest","repository":"web","tag":"1"},"request":{"host":"inner:5000"}}]}"#;
    assert_eq!(told_by(SourceKind::Distribution, &[], &hosts, pushed), "outer.test/web:1");
    let artifact = r#"{"domain":"docker","event_type":"pushed","data":{"repo_key":"KEY","path":"a/1/manifest.json","name":"manifest.json","tag":"1"}}"#;
    let of = |hosts: &Hosts, key: &str| told_by(SourceKind::Artifactory, &[], hosts, &artifact.replace("KEY", key));
    assert_eq!(of(&hosts, "local"), "docker.test/a:1");
    assert_eq!(of(&hosts, "other"), "malformed", "no host at all");
    let template = Hosts { template: Some("{repository}.art.test".into()), ..Hosts::default() };
    assert_eq!(of(&template, "dev"), "dev.art.test/a:1");
    assert_eq!(
        told_by(
            SourceKind::Aliyun,
            &[],
            &Hosts::default(),
            r#"{"push_data":{"tag":"1"},"repository":{"repo_full_name":"n/r","region":"eu"}}"#
        ),
        "registry.eu.aliyuncs.com/n/r:1"
    );
}

/// A kind, its headers, and a list of events: what opens it, one event, what closes it.
type List<'a> = (SourceKind, &'a [(&'a str, &'a str)], &'a str, &'a str, &'a str);

#[test]
fn bounds_hold_for_events_and_tags() {
    // Numbers, not our constant: whoever changes the bound sees what it was.
    let push = r#"{"action":"push","target":{"mediaType":"x.manifest","repository":"web","tag":"1"},"request":{"host":"r.test"}}"#;
    let grid = format!(r#"{{"eventType":"Microsoft.ContainerRegistry.ImagePushed","data":{push}}}"#);
    let cloud = r#"{"specversion":"1.0","id":"1","source":"x","type":"image.pushed","data":{"registryUrl":"r.test","repository":"web","tag":"1"}}"#;
    let resource = r#"{"tag":"1","resource_url":"r.test/web:1"}"#;
    let batch = [("Content-Type", "application/cloudevents-batch+json")];
    let lists: [List<'_>; 5] = [
        (SourceKind::Distribution, &[], r#"{"events":["#, push, "]}"),
        (SourceKind::GitLab, &[], r#"{"events":["#, push, "]}"),
        (SourceKind::AcrEventGrid, &[], "[", &grid, "]"),
        (SourceKind::CloudEvents, &batch, "[", cloud, "]"),
        (SourceKind::Harbor, &[], r#"{"type":"PUSH_ARTIFACT","event_data":{"resources":["#, resource, "]}}"),
    ];
    for (kind, headers, open, event, close) in lists {
        let of = |count: usize| {
            let body = format!("{open}{}{close}", vec![event; count].join(","));
            told_by(kind, headers, &Hosts::default(), &body)
        };
        assert_eq!(of(1000).split(' ').filter(|push| push.ends_with("/web:1")).count(), 1000, "{kind:?}");
        // Whoever would send it for ever is taken at its first thousand.
        let expected = if [SourceKind::AcrEventGrid, SourceKind::CloudEvents].contains(&kind) { 0 } else { 1000 };
        assert_eq!(of(1001).matches("/web:1").count(), expected, "{kind:?}");
    }
    let tags = format!(r#"{{"docker_url":"quay.io/a/b","updated_tags":[{}]}}"#, vec!["\"1\""; 1001].join(","));
    assert_eq!(told(SourceKind::Quay, &tags).split(' ').count(), 1000, "never a refusal");
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    for (_, kind) in SourceKind::ALL {
        assert!(["malformed", "ignored"].contains(&told(*kind, &deep).as_str()), "{kind:?}");
    }
}

/// The pushes of a delivery, how many of its events were passed over, and why the first of them.
fn read_of(kind: SourceKind, hosts: &Hosts, body: &str) -> (usize, usize, String) {
    let headers = headers(&[]);
    let verified = Verified::unvouched(Bytes::copy_from_slice(body.as_bytes()), &headers, hosts);
    let read = parse(kind, &verified).unwrap_or_else(|malformed| panic!("{kind:?}: {malformed}"));
    let pushes = if let Delivery::Pushes(pushes) = read.delivery { pushes.len() } else { 0 };
    (pushes, read.passed_over, read.reason.map(|reason| reason.to_string()).unwrap_or_default())
}

#[test]
fn an_event_that_is_bad_spoils_no_other() {
    use SourceKind::*;
    let none = Hosts::default();
    let event = |rest: &str| {
        format!(r#"{{"action":"push","target":{{"mediaType":"x.manifest","repository":"web","tag":"1"}}{rest}}}"#)
    };
    let good = event(r#","request":{"host":"r.test"}"#);
    let bad = [
        ("{}", "action is missing"),
        ("1", "invalid type"),
        (&*event(""), "registryHost"),
        (&*good.replace("r.test", "a\\nb"), "no registry"),
        (&*good.replace("web", "../../v2"), "repository"),
        (&*good.replace(r#""tag":"1""#, r#""tag":"a b""#), "tag"),
        (&*good.replace(r#""repository":"web","#, ""), "target.repository is missing"),
        (r#"{"action":"push","target":"x"}"#, "invalid type"),
    ];
    for (bad, why) in bad {
        for kind in [Distribution, GitLab] {
            let (pushes, passed_over, reason) = read_of(kind, &none, &format!(r#"{{"events":[{bad},{good}]}}"#));
            assert_eq!((pushes, passed_over), (1, 1), "{bad}");
            assert!(reason.contains(why), "{bad}: {reason}");
            assert_eq!(
                read_of(kind, &none, &format!(r#"{{"events":[{bad}]}}"#)).0,
                0,
                "and alone it is no refusal: {bad}"
            );
        }
    }
    let harbor = r#"{"type":"PUSH_ARTIFACT","event_data":{"resources":[LIST]}}"#;
    let resource = r#"{"tag":"1","resource_url":"h.test/a/b:1"}"#;
    for bad in ["{}", "1", r#"{"resource_url":"harbor/a/b"}"#, r#"{"tag":"a b","resource_url":"h.test/a/b"}"#] {
        let body = harbor.replace("LIST", &format!("{bad},{resource}"));
        assert_eq!(
            read_of(Harbor, &none, &body),
            (1, 1, read_of(Harbor, &none, &harbor.replace("LIST", bad)).2),
            "{bad}"
        );
    }
    assert_eq!(read_of(Quay, &none, r#"{"docker_url":"q.test/a/b","updated_tags":["1","a b",2]}"#).0, 1);
    let grid = format!(r#"{{"eventType":"Microsoft.ContainerRegistry.ImagePushed","data":{good}}}"#);
    assert_eq!(read_of(AcrEventGrid, &none, &format!("[{{}},{grid}]")).1, 1);
    let cloud = r#"{"specversion":"1.0","id":"1","source":"x","type":"image.pushed","data":{"registryUrl":"r.test","repository":"web","tag":"1"}}"#;
    assert_eq!(read_of(CloudEvents, &none, &format!("[{cloud},{{\"id\":\"2\"}}]")).1, 1);
    for (kind, body) in [(AcrEventGrid, "[{}]"), (CloudEvents, "[{}]"), (CloudEvents, "{}")] {
        assert_eq!(told_by(kind, &[], &none, body), "malformed", "nothing of it can be used");
    }
}

#[test]
fn a_list_is_counted_and_not_kept() {
    let body = format!("[{}]", vec!["{}"; 349_000].join(","));
    let items = list::list_or_one(body.as_bytes()).unwrap();
    assert_eq!((items.read::<serde_json::Value>().count(), items.more()), (1000, 348_000));
    let envelope = format!(r#"{{"events":{body}}}"#);
    assert_eq!(read_of(SourceKind::Distribution, &Hosts::default(), &envelope).1, 349_000);
}

#[test]
fn another_senders_delivery_is_named() {
    use SourceKind::*;
    let bodies = [
        (Harbor, r#"{"type":"PUSH_ARTIFACT","event_data":{"resources":[]}}"#),
        (Quay, r#"{"docker_url":"quay.io/a/b","updated_tags":["1"]}"#),
        (DockerHub, r#"{"push_data":{"tag":"1"},"repository":{"repo_name":"a/b"}}"#),
        (Aliyun, r#"{"push_data":{"tag":"1"},"repository":{"repo_full_name":"a/b","region":"r"}}"#),
        (Distribution, r#"{"events":[]}"#),
        (Acr, r#"{"action":"push","target":{"repository":"a"}}"#),
        (AcrEventGrid, r#"[{"eventType":"Microsoft.ContainerRegistry.ImagePushed","data":{}}]"#),
        (Gar, r#"{"message":{"data":""},"subscription":"s"}"#),
        (Ecr, r#"{"detail-type":"ECR Image Action","detail":{}}"#),
        (Artifactory, r#"{"domain":"docker","event_type":"pushed","data":{}}"#),
        (Nexus, r#"{"action":"CREATED","repositoryName":"x","component":{"format":"docker"}}"#),
        (GitHub, r#"{"action":"published","package":{"package_type":"CONTAINER"}}"#),
        (Gitea, r#"{"action":"created","package":{"type":"container","html_url":"https://x"}}"#),
        (CloudEvents, r#"{"specversion":"1.0","id":"1","source":"x","type":"y"}"#),
        (Native, r#"{"name":"a/b","tag":"1"}"#),
    ];
    let (headers, hosts) = (headers(&[]), Hosts::default());
    for (sender, body) in bodies {
        let verified = Verified::unvouched(Bytes::from_static(body.as_bytes()), &headers, &hosts);
        for (_, kind) in SourceKind::ALL {
            let looks = looks::other(*kind, &verified);
            let kin = matches!(
                (sender, kind),
                (Distribution, GitLab) | (Gitea, Forgejo) | (CloudEvents, Ecr | Harbor | Zot | AcrEventGrid)
            );
            assert_eq!(looks, (sender != *kind && !kin).then_some(sender), "{body} at {kind:?}");
        }
    }
    let quay = told_by(Quay, &[], &hosts, bodies[0].1);
    assert_eq!(quay, "malformed");
    let error = read(Quay, &headers, bodies[0].1.as_bytes()).unwrap_err();
    assert_eq!(error.to_string(), "this looks like what Harbor sends");
    assert!(matches!(read(Distribution, &headers, bodies[0].1.as_bytes()), Err(Malformed::Other(Harbor))));
}

#[test]
fn a_form_holds_the_same_json() {
    let json = r#"{"action":"published","package":{"package_type":"CONTAINER","package_version":{"package_url":"ghcr.io/acme/web:1","container_metadata":{"tag":{"name":"1"}}}}}"#;
    let form: String = url::form_urlencoded::Serializer::new(String::new()).append_pair("payload", json).finish();
    let header = [("X-GitHub-Event", "package"), ("Content-Type", "application/x-www-form-urlencoded")];
    assert_eq!(told_by(SourceKind::GitHub, &header, &Hosts::default(), &form), "ghcr.io/acme/web:1");
    assert_eq!(told_by(SourceKind::GitHub, &header, &Hosts::default(), "other=1"), "malformed");
    for (event, expected) in [("ping", "ignored"), ("push", "ignored"), ("", "ignored")] {
        assert_eq!(told_by(SourceKind::GitHub, &[("X-GitHub-Event", event)], &Hosts::default(), "not JSON"), expected);
    }
}

proptest! {
    #[test]
    fn no_field_leaves_the_grammar(name in "\\PC{0,40}|[a-z0-9./:@_-]{0,60}", tag in "\\PC{0,20}", host in "\\PC{0,20}|[a-z0-9.:]{0,20}") {
        let json = |value: &str| serde_json::Value::from(value).to_string();
        let (name, tag, host) = (json(&name), json(&tag), json(&host));
        let bodies = [
            (SourceKind::DockerHub, format!(r#"{{"push_data":{{"tag":{tag}}},"repository":{{"repo_name":{name}}}}}"#)),
            (SourceKind::Quay, format!(r#"{{"docker_url":{name},"updated_tags":[{tag}]}}"#)),
            (SourceKind::Harbor, format!(r#"{{"type":"PUSH_ARTIFACT","event_data":{{"resources":[{{"tag":{tag},"resource_url":{name}}}]}}}}"#)),
            (SourceKind::Acr, format!(r#"{{"action":"push","target":{{"repository":{name},"tag":{tag}}},"request":{{"host":{host}}}}}"#)),
            (SourceKind::Ecr, format!(r#"{{"detail-type":"ECR Image Action","account":{host},"region":{host},"detail":{{"result":"SUCCESS","action-type":"PUSH","repository-name":{name},"image-tag":{tag}}}}}"#)),
            (SourceKind::Artifactory, format!(r#"{{"domain":"docker","event_type":"pushed","data":{{"repo_key":{name},"path":{name},"name":"manifest.json","tag":{tag}}},"jpd_origin":{host}}}"#)),
            (SourceKind::Gitea, format!(r#"{{"action":"created","package":{{"type":"container","name":{name},"version":{tag},"owner":{{"login":{name}}},"html_url":{host}}}}}"#)),
            (SourceKind::Native, format!(r#"{{"name":{name},"host":{host},"tag":{tag}}}"#)),
            (SourceKind::CloudEvents, format!(r#"{{"specversion":"1.0","id":"1","source":{host},"type":"image.push","data":{{"repository":{name},"tag":{tag},"registry":{host}}}}}"#)),
        ];
        for (kind, body) in bodies {
            let headers = headers(&[("X-Gitea-Event", "package")]);
            if let Ok(Delivery::Pushes(pushes)) = read(kind, &headers, body.as_bytes()) {
                for push in pushes {
                    let again = Repository::parse(push.repository.as_str());
                    prop_assert_eq!(again.as_ref(), Ok(&push.repository), "{}", body);
                    prop_assert!(push.tag.is_none_or(|tag| Tag::is_valid(tag.as_str())));
                }
            }
        }
    }

    #[test]
    fn any_bytes_are_answered(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        let headers = headers(&[("X-GitHub-Event", "package"), ("X-Gitea-Event", "package")]);
        for (_, kind) in SourceKind::ALL {
            let _ = read(*kind, &headers, &body);
        }
    }
}

/// .NET and PowerShell write a mark before what they send.
#[test]
fn a_byte_order_mark_before_a_body_is_none_of_it() {
    let event = r#"{"action":"INSERT","tag":"eu.gcr.io/p/web:1.2"}"#;
    for (kind, body, expected) in [
        (SourceKind::Native, r#"{"name":"registry.test/shop/web","tag":"1.2"}"#, "registry.test/shop/web:1.2"),
        (
            SourceKind::DockerHub,
            r#"{"push_data":{"tag":"1.2"},"repository":{"repo_name":"acme/web"}}"#,
            "docker.io/acme/web:1.2",
        ),
        (SourceKind::Gar, event, "eu.gcr.io/p/web:1.2"),
    ] {
        assert_eq!(told(kind, body), expected);
        assert_eq!(told(kind, &format!("\u{feff}{body}")), expected, "{kind:?}");
    }
    let data = base64::engine::general_purpose::STANDARD.encode(format!("\u{feff}{event}"));
    let wrapped = format!(r#"{{"message":{{"data":"{data}","messageId":"1"}},"subscription":"s"}}"#);
    assert_eq!(told(SourceKind::Gar, &wrapped), "eu.gcr.io/p/web:1.2");
}
