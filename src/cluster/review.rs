//! Who somebody else is, and what they may do, as the API server says it (`TokenReview`, `SubjectAccessReview`).

use k8s_openapi::api::authentication::v1::{TokenReview, TokenReviewSpec};
use k8s_openapi::api::authorization::v1::{ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec};
use kube::api::{Api, PostParams};

use super::ClusterError;
use super::apply::{Failed, within};
use super::rights::{Granted, granted};
use super::verb::Verb;
use crate::domain::actor::ClusterUser;
use crate::domain::secret::Secret;
use crate::domain::workload::WorkloadId;
use crate::telemetry::metrics::Metrics;

/// Of whom the API server has let in, every one is of this group.
const EVERYBODY: &str = "system:authenticated";

/// Whether somebody may patch a workload, by the roles that the cluster has; `None` where we may not ask that, or
/// the API server does not say.
pub(super) async fn may_person_patch(
    client: &kube::Client,
    person: &ClusterUser,
    workload: &WorkloadId,
    metrics: &Metrics,
) -> Result<Granted, ClusterError> {
    let attributes = ResourceAttributes {
        group: Some(workload.kind.group().to_owned()),
        resource: Some(workload.kind.plural().to_owned()),
        verb: Some(Verb::Patch.as_str().to_owned()),
        namespace: Some(workload.namespace.to_string()),
        name: Some(workload.name.to_string()),
        ..ResourceAttributes::default()
    };
    let mut groups = person.groups.clone();
    if !groups.iter().any(|group| group == EVERYBODY) {
        groups.push(EVERYBODY.to_owned());
    }
    let spec = SubjectAccessReviewSpec {
        user: Some(person.name.clone()),
        groups: Some(groups),
        resource_attributes: Some(attributes),
        ..SubjectAccessReviewSpec::default()
    };
    let review = SubjectAccessReview { spec, ..SubjectAccessReview::default() };
    let api: Api<SubjectAccessReview> = Api::all(client.clone());
    match within(metrics, "review", api.create(&PostParams::default(), &review)).await {
        Ok(answer) => Ok(answer.status.and_then(|status| granted(&status))),
        Err(Failed::Status(status)) if status.code == 403 => Ok(None),
        Err(failed) => Err(unavailable(failed)),
    }
}

/// Whose token this is, if the API server vouches for it and it was made for this audience.
pub(super) async fn whose_token(
    client: &kube::Client,
    token: &Secret,
    audience: &str,
    metrics: &Metrics,
) -> Result<Option<ClusterUser>, ClusterError> {
    let audiences = vec![audience.to_owned()];
    let spec = TokenReviewSpec { token: Some(token.expose().to_owned()), audiences: Some(audiences) };
    let review = TokenReview { spec, ..TokenReview::default() };
    let api: Api<TokenReview> = Api::all(client.clone());
    let answer = within(metrics, "review", api.create(&PostParams::default(), &review)).await.map_err(unavailable)?;
    let status = answer.status.unwrap_or_default();
    // An API server that knows nothing of audiences names none, and vouches for a token that was made for anything.
    let is_for_us = status.audiences.is_some_and(|all| all.iter().any(|one| one == audience));
    let user = status.user.filter(|_| status.authenticated == Some(true) && is_for_us);
    Ok(user.and_then(|user| Some(ClusterUser { name: user.username?, groups: user.groups.unwrap_or_default() })))
}

fn unavailable(failed: Failed) -> ClusterError {
    let source = match failed {
        Failed::Status(status) => Box::new(kube::Error::Api(status)),
        Failed::NoAnswer(source) => return ClusterError::Unavailable { operation: "review", source },
    };
    ClusterError::Unavailable { operation: "review", source }
}
