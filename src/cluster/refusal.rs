//! With which status the API server refuses a list or a watch.

use kube::runtime::watcher;

/// The status with which a list or a watch was refused.
pub(super) fn refusal(error: &watcher::Error) -> Option<&kube::core::Status> {
    match error {
        watcher::Error::WatchStartFailed(kube::Error::Api(status))
        | watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchFailed(kube::Error::Api(status))
        | watcher::Error::WatchError(status) => Some(&**status),
        _ => None,
    }
}
