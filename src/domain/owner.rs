//! Who else writes a workload: a tool that would put the old image back.

use std::fmt;

use chrono::{DateTime, Utc};

/// A deployment tool that calls an object its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    tool: Tool,
    name: Box<str>,
}

/// The tools that leave their name on what they write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tool {
    FluxKustomization,
    FluxHelmRelease,
    ArgoCd,
    Helm,
}

/// The longest name that is shown.
const LONGEST: usize = 253;

impl Owner {
    /// Reads the labels and annotations that the tools document; the one that would act first wins.
    ///
    /// Flux: `kustomize.toolkit.fluxcd.io/name`, `helm.toolkit.fluxcd.io/name`. Argo CD: the annotation
    /// `argocd.argoproj.io/tracking-id`, `<application>:…`, or the label `argocd.argoproj.io/instance`. Helm: the label
    /// `app.kubernetes.io/managed-by: Helm` with the annotation `meta.helm.sh/release-name`.
    pub fn read<'m>(
        label: impl Fn(&str) -> Option<&'m str>,
        annotation: impl Fn(&str) -> Option<&'m str>,
    ) -> Option<Self> {
        let application = || annotation("argocd.argoproj.io/tracking-id")?.split(':').next();
        let release = || {
            let managed = label("app.kubernetes.io/managed-by").is_some_and(|by| by == "Helm");
            annotation("meta.helm.sh/release-name").filter(|_| managed)
        };
        let found = label("kustomize.toolkit.fluxcd.io/name")
            .map(|name| (Tool::FluxKustomization, name))
            .or_else(|| Some((Tool::FluxHelmRelease, label("helm.toolkit.fluxcd.io/name")?)))
            .or_else(|| Some((Tool::ArgoCd, application()?)))
            .or_else(|| Some((Tool::ArgoCd, label("argocd.argoproj.io/instance")?)))
            .or_else(|| Some((Tool::Helm, release()?)));
        let (tool, name) = found.filter(|(_, name)| !name.is_empty())?;
        Some(Self { tool, name: name.chars().filter(|c| !c.is_control()).take(LONGEST).collect() })
    }

    /// Who it is and what would undo an update of the image, in one sentence.
    #[must_use]
    pub fn warning(&self) -> String {
        format!("{self}: {}", self.consequence())
    }

    /// What would undo an update of the image.
    #[must_use]
    pub fn consequence(&self) -> &'static str {
        match self.tool {
            Tool::Helm => "a later helm upgrade puts the old image back, unless its values name the new one",
            Tool::ArgoCd => "a sync puts the old image back, unless Git names the new one",
            Tool::FluxKustomization | Tool::FluxHelmRelease => {
                "the next reconciliation puts the old image back, unless Git names the new one"
            }
        }
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tool = match self.tool {
            Tool::FluxKustomization => "Flux Kustomization",
            Tool::FluxHelmRelease => "Flux HelmRelease",
            Tool::ArgoCd => "Argo CD application",
            Tool::Helm => "Helm release",
        };
        write!(f, "{tool} {}", self.name)
    }
}

/// Who set the image of a container, as the API server recorded it. The name is what a client says of itself: a trace, no
/// proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageOwner {
    manager: Box<str>,
    /// How it wrote.
    pub operation: WriteOperation,
    /// When it last wrote anything that it owns.
    pub time: Option<DateTime<Utc>>,
}

/// How a field was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteOperation {
    /// By server-side apply.
    Apply,
    /// By any other write.
    Update,
}

/// The longest name of a manager that is kept, in characters: the API server takes no longer one.
const LONGEST_MANAGER: usize = 128;

impl ImageOwner {
    /// What the API server recorded.
    #[must_use]
    pub fn new(manager: &str, operation: WriteOperation, time: Option<DateTime<Utc>>) -> Self {
        let manager: String = manager.chars().filter(|c| !c.is_control()).take(LONGEST_MANAGER).collect();
        Self { manager: manager.into(), operation, time }
    }

    /// The name under which it writes: `kubectl-set`, `argocd-controller`, ours.
    #[must_use]
    pub fn manager(&self) -> &str {
        &self.manager
    }
}

impl fmt::Display for ImageOwner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.manager {
            "" => f.write_str("somebody who gave no name"),
            manager => f.write_str(manager),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(labels: &[(&str, &str)], annotations: &[(&str, &str)]) -> Option<String> {
        fn lookup<'m>(map: &[(&str, &'m str)], key: &str) -> Option<&'m str> {
            map.iter().find(|(name, _)| *name == key).map(|(_, value)| *value)
        }
        Owner::read(|key| lookup(labels, key), |key| lookup(annotations, key)).map(|owner| owner.to_string())
    }

    #[test]
    fn each_tool_is_known_by_what_it_documents() {
        let helm = [("app.kubernetes.io/managed-by", "Helm")];
        let release = [("meta.helm.sh/release-name", "shop")];
        assert_eq!(read(&helm, &release).as_deref(), Some("Helm release shop"));
        assert_eq!(read(&[], &release), None, "the annotation alone says nothing");
        assert_eq!(read(&[("app.kubernetes.io/managed-by", "kustomize")], &release), None);
        let tracked = [("argocd.argoproj.io/tracking-id", "web:apps/Deployment:shop/web")];
        assert_eq!(read(&helm, &tracked).as_deref(), Some("Argo CD application web"));
        assert_eq!(read(&[("argocd.argoproj.io/instance", "web")], &[]).as_deref(), Some("Argo CD application web"));
        let flux = [("kustomize.toolkit.fluxcd.io/name", "apps"), ("app.kubernetes.io/managed-by", "Helm")];
        assert_eq!(read(&flux, &release).as_deref(), Some("Flux Kustomization apps"), "what acts first is named");
        assert_eq!(
            read(&[("helm.toolkit.fluxcd.io/name", "shop")], &release).as_deref(),
            Some("Flux HelmRelease shop")
        );
        let owner = Owner::read(|_| None, |key| (key == tracked[0].0).then_some(tracked[0].1)).unwrap();
        assert_eq!(
            owner.warning(),
            "Argo CD application web: a sync puts the old image back, unless Git names the new one"
        );
        assert_eq!(read(&[], &[]), None);
        assert_eq!(read(&[("kustomize.toolkit.fluxcd.io/name", "")], &[]), None);
    }

    #[test]
    fn a_manager_is_a_name_on_one_line() {
        let owner = ImageOwner::new(&format!("a\n\u{1b}{}", "é".repeat(500)), WriteOperation::Update, None);
        assert_eq!(owner.manager().chars().count(), LONGEST_MANAGER);
        assert!(owner.manager().starts_with("aé"));
    }
}
