//! Who image-watcher is where it runs: to whom a right is granted, and how its pod is asked.

use std::path::Path;

use crate::cluster::lease::LEASE;

/// Where a pod finds the namespace that it is in.
const NAMESPACE: &str = "/var/run/secrets/kubernetes.io/serviceaccount/namespace";
/// Where it finds its name.
const NAME: &str = "/etc/hostname";

/// The Role of `deploy/replicas`.
const ROLE_OF_LEASE: &str = "image-watcher-lease";

/// As whom the API server is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Asker {
    /// A `ServiceAccount`, as in a pod.
    Account {
        /// The namespace that it is in.
        namespace: String,
        /// Its name there.
        name: String,
    },
    /// Somebody else, as with one's own kubeconfig.
    Other(String),
    /// The API server does not say.
    Unknown,
}

impl Asker {
    /// Reads the name that the API server has for somebody.
    pub(super) fn of(user: Option<String>) -> Self {
        let Some(user) = user else { return Self::Unknown };
        match user.strip_prefix("system:serviceaccount:").and_then(|rest| rest.split_once(':')) {
            Some((namespace, name)) => Self::Account { namespace: namespace.to_owned(), name: name.to_owned() },
            None => Self::Other(user),
        }
    }

    /// To whom a right is granted, in words.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Account { namespace, name } => format!("the ServiceAccount {name} of namespace {namespace}"),
            Self::Other(user) => format!("{user}, who asks here"),
            Self::Unknown => "the ServiceAccount of its pod".to_owned(),
        }
    }

    /// The same as an argument of `kubectl create rolebinding`.
    fn flag(&self) -> String {
        match self {
            Self::Account { namespace, name } => format!("--serviceaccount={namespace}:{name}"),
            Self::Other(user) => format!("--user={user}"),
            Self::Unknown => "--serviceaccount=NAMESPACE:NAME".to_owned(),
        }
    }

    /// How the rights of a folder are granted in one namespace: by a value of the chart, or else by its Role.
    pub(super) fn in_namespace(&self, namespace: &str, value: &str, folder: &str) -> String {
        let role = if folder == "namespace" { "image-watcher".to_owned() } else { format!("image-watcher-{folder}") };
        format!(
            "grant it to {}: with Helm by {value}; else kubectl -n {namespace} apply -f deploy/{folder}/role.yaml && \
             kubectl -n {namespace} create rolebinding {role} --role={role} {}",
            self.shown(),
            self.flag()
        )
    }

    /// How the rights to the Lease of the service are granted, where it runs. The Role that is delivered is that of the usual
    /// names.
    pub(super) fn of_lease(&self, namespace: &str, leases: &[String]) -> String {
        let lease = leases.join(", ");
        let value = if leases.len() > 1 { "rbac.leases" } else { "config.queue and config.natsBucket" };
        let mut role = format!("kubectl -n {namespace} apply -f deploy/replicas/role.yaml");
        if namespace != LEASE || lease != LEASE {
            role = format!(
                "sed -e '/^  namespace:/d' -e 's/\\[image-watcher\\]/[{lease}]/' deploy/replicas/role.yaml | \
                 kubectl -n {namespace} apply -f -"
            );
        }
        format!(
            "grant it to {}: with Helm by {value}; else {role} && kubectl -n {namespace} create \
             rolebinding {ROLE_OF_LEASE} --role={ROLE_OF_LEASE} {}",
            self.shown(),
            self.flag()
        )
    }

    /// The same in all of the cluster.
    pub(super) fn everywhere(&self, value: &str, folder: &str) -> String {
        let role = if folder == "cluster" { "image-watcher".to_owned() } else { format!("image-watcher-{folder}") };
        format!(
            "grant it to {}: with Helm by {value}; else kubectl apply -f deploy/{folder}/clusterrole.yaml && \
             kubectl create clusterrolebinding {role} --clusterrole={role} {}",
            self.shown(),
            self.flag()
        )
    }
}

/// The pod that image-watcher runs in, as `kubectl` is told of it: this one, or else what the documents call it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pod {
    namespace: String,
    name: String,
}

impl Pod {
    /// This pod; outside of one the names of the documents.
    pub(super) fn this() -> Self {
        let read = |path: &str| {
            let text = std::fs::read_to_string(Path::new(path)).ok()?;
            Some(text.trim().to_owned()).filter(|text| !text.is_empty())
        };
        Self::of(read(NAMESPACE), read(NAME))
    }

    fn of(namespace: Option<String>, name: Option<String>) -> Self {
        match (namespace, name) {
            (Some(namespace), Some(name)) => Self { namespace, name },
            _ => Self::documented(),
        }
    }

    /// As the documents call it.
    pub(super) fn documented() -> Self {
        Self { namespace: "image-watcher".to_owned(), name: "deploy/image-watcher".to_owned() }
    }

    /// How a command of image-watcher is run there.
    pub(super) fn run(&self, command: &str) -> String {
        format!("kubectl -n {} exec {} -- /image-watcher {command}", self.namespace, self.name)
    }

    /// How one sees what its last process wrote.
    pub(super) fn last_words(&self) -> String {
        format!("kubectl -n {} logs {} --previous", self.namespace, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_right_is_granted_to_who_asks_by_its_own_name() {
        let ours = Asker::of(Some("system:serviceaccount:iw:iw-image-watcher".into()));
        let granted = ours.in_namespace("shop", "rbac.namespaces: [shop]", "namespace");
        assert_eq!(
            granted,
            "grant it to the ServiceAccount iw-image-watcher of namespace iw: with Helm by rbac.namespaces: [shop]; else \
             kubectl -n shop apply -f deploy/namespace/role.yaml && kubectl -n shop create rolebinding image-watcher \
             --role=image-watcher --serviceaccount=iw:iw-image-watcher"
        );
        let wide = Asker::of(Some("alice".into())).everywhere("rbac.nodes: true", "nodes");
        assert!(wide.ends_with("image-watcher-nodes --clusterrole=image-watcher-nodes --user=alice"), "{wide}");
        assert_eq!(Asker::of(None), Asker::Unknown);
        for told in [granted, wide, Asker::Unknown.everywhere("rbac.scope: cluster", "cluster")] {
            assert!(!told.contains("apply -k"), "nothing that stands there is written anew: {told}");
        }
    }

    /// Each remedy binds the role that stands in the file that it applies.
    #[test]
    fn what_is_bound_is_what_is_delivered() {
        let asker = Asker::of(Some("system:serviceaccount:image-watcher:image-watcher".into()));
        let told = [
            asker.in_namespace("shop", "it", "namespace"),
            asker.in_namespace("shop", "it", "delete-broken"),
            asker.in_namespace("shop", "it", "pull-secrets"),
            asker.of_lease("image-watcher", &["image-watcher".to_owned()]),
            asker.of_lease("iw", &["image-watcher-prod".to_owned()]),
            asker.everywhere("it", "cluster"),
            asker.everywhere("it", "nodes"),
            asker.everywhere("it", "identity"),
            asker.everywhere("it", "namespaces"),
            asker.everywhere("it", "token-reviews"),
        ];
        for told in told {
            let word =
                |begins: &str| told.split_whitespace().find_map(|word| word.strip_prefix(begins)).map(str::to_owned);
            let file = std::fs::read_to_string(format!("deploy/{}", word("deploy/").unwrap())).unwrap();
            let role = word("--role=").or_else(|| word("--clusterrole=")).unwrap();
            assert!(file.contains(&format!("\n  name: {role}\n")), "{told}");
            let there = told.contains("-n image-watcher ") || told.contains("/^  namespace:/d");
            assert!(there || !file.contains("\n  namespace:"), "it is applied in another namespace: {told}");
        }
    }

    #[test]
    fn a_pod_is_called_by_its_own_names() {
        let here = Pod::of(Some("iw".into()), Some("iw-image-watcher-5d9c-x2v".into()));
        assert_eq!(here.run("check -A"), "kubectl -n iw exec iw-image-watcher-5d9c-x2v -- /image-watcher check -A");
        let elsewhere = Pod::of(None, Some("laptop".into()));
        assert_eq!(elsewhere.last_words(), "kubectl -n image-watcher logs deploy/image-watcher --previous");
    }
}
