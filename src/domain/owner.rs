//! Who else writes a workload: a tool that would put the old image back.

mod told;

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

pub use told::{Keep, OwnerTold, OwnerView};

/// A deployment tool, or a controller, that calls an object its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    tool: Tool,
    name: Box<str>,
}

/// Who calls objects its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Tool {
    /// Of another object, which this one was made for.
    Controller,
    /// Flux, by a `Kustomization`.
    FluxKustomization,
    /// Flux, by a `HelmRelease`.
    FluxHelmRelease,
    /// Argo CD.
    ArgoCd,
    /// Helm.
    Helm,
    /// Helm 4, which writes by server-side apply.
    HelmByApply,
}

/// The longest name that is shown.
const LONGEST: usize = 253;

/// The annotation by which Argo CD knows its own.
pub const TRACKING_ID: &str = "argocd.argoproj.io/tracking-id";
/// The name under which Argo CD writes.
const ARGO_CD: &str = "argocd-controller";
/// The name under which Helm writes.
const HELM: &str = "helm";

impl Owner {
    /// Reads the labels and annotations that the tools document; the one that would act first wins.
    ///
    /// Flux: `kustomize.toolkit.fluxcd.io/name`, `helm.toolkit.fluxcd.io/name`. Argo CD: the annotation
    /// `argocd.argoproj.io/tracking-id`, `<application>:…`, where it [is of the object](Self::is_tracked), or the label `argocd.argoproj.io/instance`. Helm: the label
    /// `app.kubernetes.io/managed-by: Helm`, which charts have that were only rendered too, with the two annotations
    /// `meta.helm.sh/release-name` and `-namespace`, which only an installed release has.
    pub fn read<'m>(
        label: impl Fn(&str) -> Option<&'m str>,
        annotation: impl Fn(&str) -> Option<&'m str>,
    ) -> Option<Self> {
        let kustomization = || {
            let says = |name: &str, words: &[&str]| annotation(name).is_some_and(|value| words.contains(&value));
            let is_let_go = says("kustomize.toolkit.fluxcd.io/reconcile", &["disabled"])
                || says("kustomize.toolkit.fluxcd.io/ssa", &["IfNotPresent", "Ignore"]);
            label("kustomize.toolkit.fluxcd.io/name").filter(|_| !is_let_go)
        };
        let application = || annotation(TRACKING_ID)?.split(':').next();
        let release = || {
            let managed = label("app.kubernetes.io/managed-by").is_some_and(|by| by == "Helm");
            let both = annotation("meta.helm.sh/release-namespace").and(annotation("meta.helm.sh/release-name"));
            both.filter(|_| managed)
        };
        let found = kustomization()
            .map(|name| (Tool::FluxKustomization, name))
            .or_else(|| Some((Tool::FluxHelmRelease, label("helm.toolkit.fluxcd.io/name")?)))
            .or_else(|| Some((Tool::ArgoCd, application()?)))
            .or_else(|| Some((Tool::ArgoCd, label("argocd.argoproj.io/instance")?)))
            .or_else(|| Some((Tool::Helm, release()?)));
        let (tool, name) = found.filter(|(_, name)| !name.is_empty())?;
        Some(Self::new(tool, name))
    }

    /// Whether a tracking id of Argo CD, `<application>:<group>/<kind>:<namespace>/<name>`, is of the object of this group and
    /// kind, namespace and name. Argo CD takes no other for its own: annotations are copied from object to object.
    #[must_use]
    pub fn is_tracked(id: &str, (group, kind): (&str, &str), (namespace, name): (&str, &str)) -> bool {
        let parts = id.split_once(':').and_then(|(_, object)| object.split_once(':'));
        parts.is_some_and(|(of, place)| {
            of.split_once('/') == Some((group, kind)) && place.split_once('/') == Some((namespace, name))
        })
    }

    /// The controller of another object that this one was made for.
    #[must_use]
    pub fn controller(kind: &str, name: &str) -> Self {
        Self::new(Tool::Controller, &format!("{kind} {name}"))
    }

    /// The same with what is known of who writes the object; `instance` is its label `app.kubernetes.io/instance`, by which
    /// Argo CD knew its own before version 3, and which many charts have.
    #[must_use]
    pub fn written_by(found: Option<Self>, writers: &[ImageOwner], instance: Option<&str>) -> Option<Self> {
        let writes = |name: &str| writers.iter().any(|writer| writer.manager() == name);
        let applies = |name: &str| {
            writers.iter().any(|writer| writer.manager() == name && writer.operation == WriteOperation::Apply)
        };
        let found = match found {
            Some(owner) if owner.tool != Tool::Helm => return Some(owner),
            found => found,
        };
        let application = instance.filter(|name| !name.is_empty() && writes(ARGO_CD));
        let application = application.map(|name| Self::new(Tool::ArgoCd, name));
        let by_apply = |owner: Self| if applies(HELM) { Self { tool: Tool::HelmByApply, ..owner } } else { owner };
        application.or(found.map(by_apply))
    }

    /// Whether the writes of a manager of fields tell anything of who owns an object.
    #[must_use]
    pub fn is_told_by(manager: &str) -> bool {
        matches!(manager, ARGO_CD | HELM)
    }

    fn new(tool: Tool, name: &str) -> Self {
        Self { tool, name: name.chars().filter(|c| !c.is_control()).take(LONGEST).collect() }
    }

    /// What kind of tool it is.
    #[must_use]
    pub fn tool(&self) -> Tool {
        self.tool
    }

    /// The name of its application, its release, or its object.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether what it owns is as a rule in one namespace, so that one of its name in another is another.
    #[must_use]
    pub fn is_of_one_namespace(&self) -> bool {
        match self.tool {
            Tool::Controller | Tool::FluxHelmRelease | Tool::Helm | Tool::HelmByApply => true,
            Tool::FluxKustomization | Tool::ArgoCd => false,
        }
    }

    /// Whether it writes by server-side apply without force, so that another writer of a field is a conflict.
    #[must_use]
    pub fn refuses_other_writers(&self) -> bool {
        self.tool == Tool::HelmByApply
    }

    /// Who it is and what would undo an update of the image, in one sentence.
    #[must_use]
    pub fn warning(&self) -> String {
        format!("{self}: {}", self.consequence())
    }

    /// The same, and what to change so that a version stays.
    #[must_use]
    pub fn advice(&self, repository: &str, tag: &str) -> String {
        let change = match self.tool {
            Tool::Helm | Tool::HelmByApply => {
                format!("set image.tag: {tag:?} in its values (or what its chart calls it)")
            }
            Tool::FluxHelmRelease => {
                format!("set spec.values.image.tag: {tag:?} of the HelmRelease in Git (or what its chart calls it)")
            }
            Tool::FluxKustomization => format!(
                "write image: {repository}:{tag} in its manifest in Git, or newTag: {tag:?} for it in images: of its kustomization.yaml"
            ),
            Tool::ArgoCd => format!(
                "write image: {repository}:{tag} in its manifest in Git; where the application is a chart, image.tag: {tag:?} in its values; where it is a kustomization, newTag: {tag:?} in images:"
            ),
            Tool::Controller => format!("write {repository}:{tag} in the {}", self.name),
        };
        format!("{}; to keep {tag}, {change}", self.warning())
    }

    /// The line that keeps a version, as the tool reads it, and where it stands.
    #[must_use]
    pub fn line(&self, repository: &str, version: &str) -> (String, &'static str) {
        let image = || format!("image: {repository}:{version}");
        match self.tool {
            Tool::Helm | Tool::HelmByApply => (format!("image.tag: {version:?}"), "values"),
            Tool::FluxHelmRelease => (format!("image.tag: {version:?}"), "HelmRelease, spec.values"),
            Tool::FluxKustomization | Tool::ArgoCd => (image(), "Git"),
            Tool::Controller => (format!("{repository}:{version}"), "spec"),
        }
    }

    /// Why people are asked although the mode is `AUTO_UPDATE`.
    #[must_use]
    pub fn asks_first(&self) -> String {
        format!(
            "{self} owns the workload and would undo the update; image-watcher/patch-owned: true lets AUTO_UPDATE write all the same"
        )
    }

    /// What would undo an update of the image.
    #[must_use]
    pub fn consequence(&self) -> &'static str {
        match self.tool {
            Tool::Controller => "its controller puts the old image back, unless that object names the new one",
            Tool::Helm => "a later helm upgrade puts the old image back, unless its values name the new one",
            Tool::HelmByApply => {
                "a later helm upgrade puts the old image back, unless its values name the new one; should it end in a conflict over the image, --force-conflicts once solves it"
            }
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
            Tool::Controller => "the controller of",
            Tool::FluxKustomization => "Flux Kustomization",
            Tool::FluxHelmRelease => "Flux HelmRelease",
            Tool::ArgoCd => "Argo CD application",
            Tool::Helm | Tool::HelmByApply => "Helm release",
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
        let release = [("meta.helm.sh/release-name", "shop"), ("meta.helm.sh/release-namespace", "shop")];
        assert_eq!(read(&helm, &release).as_deref(), Some("Helm release shop"));
        assert_eq!(read(&[], &release), None, "the annotations alone say nothing");
        assert_eq!(read(&helm, &release[..1]), None, "and so does a label that a rendered chart has too");
        assert_eq!(read(&helm, &[]), None);
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

    fn writer(manager: &str, operation: WriteOperation) -> ImageOwner {
        ImageOwner::new(manager, operation, None)
    }

    #[test]
    fn who_writes_an_object_tells_more_of_its_owner() {
        let helm = Owner::new(Tool::Helm, "shop");
        let apply = [writer("helm", WriteOperation::Apply)];
        let argo = [writer("argocd-controller", WriteOperation::Update), writer("helm", WriteOperation::Update)];
        let of = |found: Option<&Owner>, writers: &[ImageOwner], instance| {
            Owner::written_by(found.cloned(), writers, instance)
        };
        let four = of(Some(&helm), &apply, Some("shop")).unwrap();
        assert!(four.refuses_other_writers() && four.warning().contains("--force-conflicts"), "{}", four.warning());
        assert!(!of(Some(&helm), &argo[1..], None).unwrap().refuses_other_writers(), "Helm 3, or a release of it");
        assert_eq!(of(Some(&helm), &argo, Some("web")).unwrap().to_string(), "Argo CD application web");
        assert_eq!(of(None, &argo, Some("web")).unwrap().to_string(), "Argo CD application web");
        assert_eq!(of(None, &argo[1..], Some("web")), None, "many charts have that label");
        assert_eq!(of(None, &argo, None), None);
        assert_eq!(of(None, &argo, Some("")), None, "a label may be empty");
        let apart = [writer("kubectl", WriteOperation::Apply), writer("helm", WriteOperation::Update)];
        assert!(!of(Some(&helm), &apart, None).unwrap().refuses_other_writers(), "another hand applies");
        let also = [writer("kubectl", WriteOperation::Update), writer("helm", WriteOperation::Apply)];
        assert!(of(Some(&helm), &also, None).unwrap().refuses_other_writers());
        assert_eq!(["helm", "argocd-controller", "kubectl"].map(Owner::is_told_by), [true, true, false]);
        let flux = Owner::new(Tool::FluxHelmRelease, "shop");
        assert_eq!(of(Some(&flux), &apply, Some("web")), Some(flux), "what acts first stays");
    }

    #[test]
    fn a_tracking_id_that_was_copied_is_of_another_object() {
        let is_of = |id: &str| Owner::is_tracked(id, ("apps", "Deployment"), ("shop", "web"));
        assert!(is_of("app:apps/Deployment:shop/web") && is_of("team_app:apps/Deployment:shop/web"));
        for other in [
            "app:apps/Deployment:other/web",
            "app:apps/Deployment:shop/api",
            "app:apps/StatefulSet:shop/web",
            "app:argoproj.io/Deployment:shop/web",
            "app:apps/Deployment",
            "app",
            "",
        ] {
            assert!(!is_of(other), "{other}");
        }
    }

    #[test]
    fn what_flux_lets_go_is_nobodys() {
        let labels = [("kustomize.toolkit.fluxcd.io/name", "apps")];
        for (name, value, is_owned) in [
            ("reconcile", "disabled", false),
            ("ssa", "IfNotPresent", false),
            ("ssa", "Ignore", false),
            ("ssa", "Merge", true),
            ("reconcile", "enabled", true),
        ] {
            let owner = read(&labels, &[(&format!("kustomize.toolkit.fluxcd.io/{name}"), value)]);
            assert_eq!(owner.is_some(), is_owned, "{name}: {value}");
        }
    }

    #[test]
    fn each_owner_has_its_line_to_change() {
        let tools = [
            Tool::Controller,
            Tool::FluxKustomization,
            Tool::FluxHelmRelease,
            Tool::ArgoCd,
            Tool::Helm,
            Tool::HelmByApply,
        ];
        let said = tools.map(|tool| {
            let name = if tool == Tool::Controller { "Prometheus k8s" } else { "shop" };
            let owner = Owner::new(tool, name);
            format!("{}\n  {}\n", owner.advice("registry.example.com/shop/web", "1.3.0"), owner.asks_first())
        });
        let said = said.concat();
        insta::assert_snapshot!(said);
    }

    #[test]
    fn a_manager_is_a_name_on_one_line() {
        let owner = ImageOwner::new(&format!("a\n\u{1b}{}", "é".repeat(500)), WriteOperation::Update, None);
        assert_eq!(owner.manager().chars().count(), LONGEST_MANAGER);
        assert!(owner.manager().starts_with("aé"));
        assert_eq!(Owner::new(Tool::Helm, "a\n\u{1b}b").to_string(), "Helm release ab");
        assert_eq!(writer("kubectl-set", WriteOperation::Update).to_string(), "kubectl-set");
        assert_eq!(writer("", WriteOperation::Update).to_string(), "somebody who gave no name");
    }
}
