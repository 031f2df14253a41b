//! A credential that was read again while a list was read with it: whoever has another may not see that list.

use crate::reconcile::Target;
use crate::registry::Credential;

/// Takes those out of a group that shared the credential of its first, and not what that was found to be when it was read again.
/// Who has no pull secret shares one with all others who have none; once a secret is there, only its own namespace goes on.
pub(crate) fn left_behind(targets: &mut Vec<Target>) -> Vec<Target> {
    let renewed = targets.first().filter(|first| first.credential.as_ref().is_ok_and(Credential::is_renewed));
    let Some(namespace) = renewed.map(|first| first.workload.id.namespace.clone()) else { return Vec::new() };
    targets.extract_if(.., |target| target.workload.id.namespace != namespace).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::domain::reference::Repository;
    use crate::domain::secret::Secret;
    use crate::domain::workload::tests::workload;
    use crate::registry::{Appears, Credential, User};

    fn target(namespace: &str, name: &str, credential: Credential) -> Target {
        let mut made = workload(&[("web", "a.example/web:1.0.0")], &[]);
        (made.id.namespace, made.id.name) = (namespace.into(), name.into());
        let repository = Repository::parse("a.example/web").unwrap();
        Target { credential: Ok(credential), ..Target::unasked(Arc::new(made), "web", repository) }
    }

    #[tokio::test]
    async fn a_list_that_a_secret_opened_is_for_its_own_namespace() {
        let user = User::of_host("a.example", "joe".into(), Secret::new("pw".into()));
        let appears = Credential::default().renewed_by(Appears::of(Credential::users([user])), Duration::ZERO);
        let group = || {
            let mut group = vec![target("a", "web", appears.clone()), target("a", "api", Credential::default())];
            group.push(target("b", "web", Credential::default()));
            group
        };
        let (mut all, names) = (group(), |of: &[Target]| -> Vec<String> {
            of.iter().map(|target| format!("{}/{}", target.workload.id.namespace, target.workload.id.name)).collect()
        });
        assert!(left_behind(&mut all).is_empty() && all.len() == 3, "nobody was refused");
        let _ = appears.renewed().await;
        let left = left_behind(&mut all);
        assert_eq!((names(&all), names(&left)), (vec!["a/web".into(), "a/api".into()], vec!["b/web".into()]));
    }
}
