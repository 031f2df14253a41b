//! Which projects may tell what an update changes, the surest first.

use super::forge::{Forges, Form, Project};
use super::known;
use crate::domain::reference::Repository;
use crate::domain::release::FoundBy;
use crate::domain::release_url::ReleaseUrl;
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
    pub(super) fn all(repository: &Repository, labels: &Labels, forges: &Forges) -> Vec<Self> {
        let labelled = |label: &Option<String>| label.as_deref().and_then(|text| forges.project(text));
        let source = labelled(&labels.source).filter(|project| !known::is_builder(project));
        let found = [
            (source, FoundBy::Label, true),
            (known::known(repository, forges), FoundBy::Known, true),
            (labelled(&labels.url), FoundBy::Label, false),
            (known::guessed(repository, forges), FoundBy::Guess, false),
        ];
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

#[cfg(test)]
mod tests {
    use super::*;

    fn found(image: &str, source: Option<&str>, url: Option<&str>) -> Vec<(String, FoundBy, bool)> {
        let labels = Labels { source: source.map(str::to_owned), url: url.map(str::to_owned), ..Labels::default() };
        let repository = Repository::parse(image).unwrap();
        let all = Origin::all(&repository, &labels, &Forges::new(Vec::new()));
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
