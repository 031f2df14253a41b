//! Where famous images are made, for those that don't say so themselves, and guesses from a repository's name.

use super::forge::{Forges, Project};
use crate::domain::reference::Repository;

/// Images, and the projects whose releases tell what changes in them.
const KNOWN: [(&str, &str); 40] = [
    ("docker.io/library/caddy", "github.com/caddyserver/caddy"),
    ("docker.io/library/consul", "github.com/hashicorp/consul"),
    ("docker.io/library/eclipse-mosquitto", "github.com/eclipse-mosquitto/mosquitto"),
    ("docker.io/library/elasticsearch", "github.com/elastic/elasticsearch"),
    ("docker.io/library/ghost", "github.com/TryGhost/Ghost"),
    ("docker.io/library/golang", "github.com/golang/go"),
    ("docker.io/library/haproxy", "github.com/haproxy/haproxy"),
    ("docker.io/library/influxdb", "github.com/influxdata/influxdb"),
    ("docker.io/library/kibana", "github.com/elastic/kibana"),
    ("docker.io/library/kong", "github.com/Kong/kong"),
    ("docker.io/library/mariadb", "github.com/MariaDB/server"),
    ("docker.io/library/memcached", "github.com/memcached/memcached"),
    ("docker.io/library/mongo", "github.com/mongodb/mongo"),
    ("docker.io/library/nats", "github.com/nats-io/nats-server"),
    ("docker.io/library/nextcloud", "github.com/nextcloud/server"),
    ("docker.io/library/nginx", "github.com/nginx/nginx"),
    ("docker.io/library/node", "github.com/nodejs/node"),
    ("docker.io/library/postgres", "github.com/postgres/postgres"),
    ("docker.io/library/python", "github.com/python/cpython"),
    ("docker.io/library/rabbitmq", "github.com/rabbitmq/rabbitmq-server"),
    ("docker.io/library/redis", "github.com/redis/redis"),
    ("docker.io/library/registry", "github.com/distribution/distribution"),
    ("docker.io/library/rust", "github.com/rust-lang/rust"),
    ("docker.io/library/sonarqube", "github.com/SonarSource/sonarqube"),
    ("docker.io/library/telegraf", "github.com/influxdata/telegraf"),
    ("docker.io/library/traefik", "github.com/traefik/traefik"),
    ("docker.io/library/vault", "github.com/hashicorp/vault"),
    ("docker.io/library/wordpress", "github.com/WordPress/WordPress"),
    ("docker.io/bitnami/kubectl", "github.com/kubernetes/kubernetes"),
    ("docker.io/gitea/gitea", "github.com/go-gitea/gitea"),
    ("docker.io/grafana/grafana", "github.com/grafana/grafana"),
    ("docker.io/grafana/loki", "github.com/grafana/loki"),
    ("docker.io/homeassistant/home-assistant", "github.com/home-assistant/core"),
    ("docker.io/jellyfin/jellyfin", "github.com/jellyfin/jellyfin"),
    ("docker.io/minio/minio", "github.com/minio/minio"),
    ("docker.io/n8nio/n8n", "github.com/n8n-io/n8n"),
    ("docker.io/prom/prometheus", "github.com/prometheus/prometheus"),
    ("docker.io/valkey/valkey", "github.com/valkey-io/valkey"),
    ("docker.io/vaultwarden/server", "github.com/dani-garcia/vaultwarden"),
    ("registry.k8s.io/ingress-nginx/controller", "github.com/kubernetes/ingress-nginx"),
];

/// Owners whose projects build images of other projects: a label that names one says nothing about changes.
const BUILDERS: [&str; 2] = ["docker-library", "docker-solr"];

/// The project of a famous image.
#[must_use]
pub(super) fn known(repository: &Repository, forges: &Forges) -> Option<Project> {
    let (_, project) = KNOWN.iter().find(|(image, _)| *image == repository.as_str())?;
    let (host, path) = project.split_once('/')?;
    forges.project_at(host, path)
}

/// The project that a repository's name suggests: GHCR's are those of GitHub, and many elsewhere have the same name.
#[must_use]
pub(super) fn guessed(repository: &Repository, forges: &Forges) -> Option<Project> {
    let mut names = repository.path().split('/');
    let (owner, name) = (names.next()?, names.next()?);
    let host = match repository.host() {
        "ghcr.io" | "quay.io" | "docker.io" => "github.com",
        "registry.gitlab.com" => return forges.project_at("gitlab.com", repository.path()),
        "codeberg.org" => "codeberg.org",
        _ => return None,
    };
    (owner != "library").then(|| forges.project_at(host, &format!("{owner}/{name}")))?
}

/// Whether a project only builds images of others.
#[must_use]
pub(super) fn is_builder(project: &Project) -> bool {
    let owner = project.path().split('/').next().unwrap_or_default();
    BUILDERS.iter().any(|builder| builder.eq_ignore_ascii_case(owner)) || project.path() == "bitnami/containers"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn famous_and_telling_names_lead_somewhere() {
        let forges = Forges::new(Vec::new());
        let at = |text: &str| {
            let repository = Repository::parse(text).unwrap();
            let project = |found: Option<Project>| found.map(|project| project.id());
            (project(known(&repository, &forges)), project(guessed(&repository, &forges)))
        };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(at("docker.io/library/traefik"), (some("github.com/traefik/traefik"), None));
        assert_eq!(at("ghcr.io/acme/web"), (None, some("github.com/acme/web")));
        assert_eq!(at("ghcr.io/acme/web/server"), (None, some("github.com/acme/web")));
        assert_eq!(at("registry.gitlab.com/g/s/p"), (None, some("gitlab.com/g/s/p")));
        assert_eq!(at("registry.example.com/acme/web"), (None, None));
        for (image, project) in KNOWN {
            assert!(Repository::parse(image).is_ok_and(|read| read.as_str() == image), "{image}");
            assert!(forges.project(&format!("https://{project}")).is_some(), "{project}");
        }
        let builds = |url: &str| is_builder(&forges.project(url).unwrap());
        assert!(builds("https://github.com/docker-library/python") && !builds("https://github.com/acme/web"));
    }
}
