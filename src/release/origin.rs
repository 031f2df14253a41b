//! Which projects may tell what an update changes, the surest first.

use super::forge::{Forges, Form, Project};
use super::known;
use crate::domain::reference::Repository;
use crate::domain::release::FoundBy;
use crate::domain::release_url::ReleaseUrl;
use crate::domain::tag::Version;
use crate::registry::Labels;

/// A project that may have the notes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Origin {
    pub(super) project: Project,
    pub(super) found_by: FoundBy,
    /// What stands around a version in its tags, if the workload says so.
    pub(super) form: Option<Form>,
    /// Otherwise it counts only when it has a release for the very tag.
    pub(super) is_sure: bool,
}

/// Stands for the version in a template; no address has it by chance.
const MARK: &str = "0image0watcher0";

impl Origin {
    /// The project of a workload's template; `None` when it is not at a forge that may be asked.
    pub(super) fn of_annotation(url: &ReleaseUrl, forges: &Forges) -> Option<Self> {
        let (project, form) = forges.release(&url.marked(MARK)?, MARK)?;
        Some(Self { project, found_by: FoundBy::Annotation, form: Some(form), is_sure: true })
    }

    /// The projects that an image's labels, its fame and its name suggest, each once.
    pub(super) fn all(repository: &Repository, tag: &str, labels: &Labels, forges: &Forges) -> Vec<Self> {
        let labelled = |label: &Option<String>| label.as_deref().and_then(|text| forges.project(text));
        let source = labelled(&labels.source).filter(|project| !known::is_builder(project));
        let is_its_own = |project: &Project| is_named_in(repository, project) || !are_of_another(labels, tag);
        let is_own = source.as_ref().is_some_and(is_its_own);
        let mut found = [
            (source, FoundBy::Label, is_own),
            (known::known(repository, forges), FoundBy::Known, true),
            (labelled(&labels.url), FoundBy::Label, false),
            (known::guessed(repository, forges), FoundBy::Guess, false),
        ];
        found.sort_by_key(|(.., is_sure)| !is_sure);
        let mut all: Vec<Self> = Vec::new();
        for (project, found_by, is_sure) in found {
            if let Some(project) = project.filter(|project| all.iter().all(|known| known.project.id() != project.id()))
            {
                all.push(Self { project, found_by, form: None, is_sure });
            }
        }
        all
    }
}

/// Whether labels are those of a base image, which a build keeps that sets none: version and revision, which are set together, are
/// not of this tag. A version alone may be the base's beside a source that the image names itself, as of what is built on Ubuntu.
fn are_of_another(labels: &Labels, tag: &str) -> bool {
    let labelled = labels.version.as_deref().filter(|_| labels.revision.is_some()).and_then(Version::read);
    let both = labelled.zip(Version::read(tag));
    both.is_some_and(|(labelled, version)| !labelled.numbers().continues(version.numbers()))
}

/// Whether an image is called after a project, or stands below its name.
fn is_named_in(repository: &Repository, project: &Project) -> bool {
    repository.path().split('/').any(|name| name.eq_ignore_ascii_case(project.name()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(image: &str, source: Option<&str>, url: Option<&str>) -> Vec<(String, FoundBy, bool)> {
        let labels = Labels { source: source.map(str::to_owned), url: url.map(str::to_owned), ..Labels::default() };
        let repository = Repository::parse(image).unwrap();
        let all = Origin::all(&repository, "1.3.0", &labels, &Forges::new(Vec::new()));
        all.into_iter().map(|origin| (origin.project.id(), origin.found_by, origin.is_sure)).collect()
    }

    #[test]
    fn the_surest_comes_first_and_nothing_twice() {
        let one = |id: &str, by, sure| (id.to_owned(), by, sure);
        assert_eq!(
            found("ghcr.io/acme/web", Some("https://github.com/acme/web"), Some("https://github.com/acme/site")),
            [one("github.com/acme/web", FoundBy::Label, true), one("github.com/acme/site", FoundBy::Label, false)]
        );
        assert_eq!(
            found("docker.io/library/python", Some("https://github.com/docker-library/python"), None),
            [one("github.com/python/cpython", FoundBy::Known, true)]
        );
        assert_eq!(found("ghcr.io/acme/web", None, None), [one("github.com/acme/web", FoundBy::Guess, false)]);
        assert_eq!(found("registry.example.com/acme/web", Some("http://10.0.0.1/x/y"), None), []);
    }

    #[test]
    fn the_labels_of_a_base_image_are_a_guess() {
        let sure = |image: &str, tag: &str, version: &str, revision: Option<&str>| {
            let labels = Labels {
                source: Some("https://github.com/tools/base".into()),
                version: Some(version.into()),
                revision: revision.map(str::to_owned),
                ..Labels::default()
            };
            let all = Origin::all(&Repository::parse(image).unwrap(), tag, &labels, &Forges::new(Vec::new()));
            let ids = all.iter().map(|origin| origin.project.id()).collect::<Vec<_>>().join(" ");
            (all[0].is_sure, ids)
        };
        let (commit, base) = (Some("0a1b2c3d"), "github.com/tools/base");
        for (image, tag, version, revision, expected) in [
            ("r.example/acme/api", "1.3.0", "0.6.0-python3.12-slim", commit, (false, base)),
            ("r.example/acme/api", "20261129", "0.6.0", commit, (false, base)),
            ("ghcr.io/acme/api", "1.3.0", "0.6.0", commit, (false, "github.com/tools/base github.com/acme/api")),
            (
                "docker.io/library/redis",
                "8.2.0",
                "0.6.0",
                commit,
                (true, "github.com/redis/redis github.com/tools/base"),
            ),
            // What is set apart may be of two.
            ("r.example/acme/api", "1.3.0", "22.04", None, (true, base)),
            // The same, written otherwise, or not to be compared.
            ("r.example/acme/api", "1.3.0-alpine", "v1.3.0", commit, (true, base)),
            ("r.example/acme/api", "1.3", "1.3.7", commit, (true, base)),
            ("r.example/acme/api", "1.3.0", "1.3.0-rc.4", commit, (true, base)),
            ("r.example/acme/api", "1.3.0", "main", commit, (true, base)),
            ("r.example/acme/api", "stable", "1.3.0", commit, (true, base)),
            // The project's own, however it numbers.
            ("r.example/acme/base", "20261129", "1.3.0", commit, (true, base)),
            ("r.example/acme/base/web", "4711", "1.3.0", commit, (true, base)),
        ] {
            let found = sure(image, tag, version, revision);
            assert_eq!(found, (expected.0, expected.1.to_owned()), "{image}:{tag} with {version}");
        }
    }

    #[test]
    fn a_template_leads_to_a_forge_or_is_only_a_link() {
        let forges = Forges::new(Vec::new());
        let of = |text: &str| Origin::of_annotation(&ReleaseUrl::parse(text).unwrap(), &forges);
        let seed = of("https://api.github.com/repos/traefik/traefik/releases/tags/v${version}").unwrap();
        assert_eq!(
            (seed.project.id().as_str(), seed.form.unwrap().before.as_str()),
            ("github.com/traefik/traefik", "v")
        );
        assert_eq!(of("https://example.com/notes/${tag}"), None);
    }
}
