//! What people are told of a cluster that refuses, or gives no answer.

use super::*;

#[test]
fn errors_of_the_cluster() {
    let workload = || "shop/deploy/web".to_owned();
    let message = || "deployments.apps is forbidden".to_owned();
    let source = || std::io::Error::other("connection refused");
    let scope = Scope::in_namespace("shop").swap_remove(0);
    let errors = [
        ClusterError::Conflict { workload: workload(), now: None },
        ClusterError::Gone(workload()),
        ClusterError::Rejected {
            workload: workload(),
            rejection: Rejection {
                reason: RejectionReason::Policy,
                sentence: "image shop/web:1.3.0 is not signed".into(),
                again_after: None,
            },
        },
        ClusterError::Forbidden { verb: "patch", workload: workload(), message: message() },
        ClusterError::Unlistable { scope, message: message() },
        ClusterError::SecretUnknown { namespace: "shop".into(), name: "pull".into(), source: Arc::new(source()) },
        ClusterError::Unavailable { operation: "patch", source: source().into() },
        ClusterError::Unauthorized { operation: "list", source: "Unauthorized".into() },
    ];
    let said = errors.map(|error| format!("{}\n  {}\n", error.reason(), crate::telemetry::chain(&error))).concat();
    insta::assert_snapshot!(said);
}
