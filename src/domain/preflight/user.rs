//! Whether the kubelet starts a container as the user of its image (`security_context_others.go`), after the pull and each time
//! a container is made.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::image::line;
use super::pod::{RunAs, Start};

/// Why the kubelet does not make a container of an image: the pod stays at `CreateContainerConfigError`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum WrongUser {
    /// The pod itself asks for both: not root, and user 0.
    RootByPod,
    /// The image runs as root.
    Root,
    /// The image names its user, and who that is can't be known before it runs.
    Named(String),
    /// The image's user is no number that a user can have.
    Invalid(String),
}

impl WrongUser {
    /// Judges the `USER` of an image.
    #[must_use]
    pub fn of(start: Start, user: &str) -> Option<Self> {
        if !start.non_root {
            return None;
        }
        match start.user {
            RunAs::Root => return Some(Self::RootByPod),
            RunAs::Other => return None,
            RunAs::Image => {}
        }
        let user = user.split(':').next().unwrap_or_default();
        match user.parse::<i64>() {
            _ if user.is_empty() => Some(Self::Root),
            Ok(0) => Some(Self::Root),
            Ok(id) if i32::try_from(id).is_ok_and(|id| id > 0) => None,
            Ok(id) => Some(Self::Invalid(id.to_string())),
            Err(_) => Some(Self::Named(line(user))),
        }
    }

    /// One word, for programs.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::RootByPod => "root_by_pod",
            Self::Root => "root",
            Self::Named(_) => "named_user",
            Self::Invalid(_) => "invalid_user",
        }
    }
}

impl fmt::Display for WrongUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RootByPod => f.write_str("the pod sets runAsNonRoot and runAsUser: 0, which exclude each other"),
            Self::Root => f.write_str(
                "the pod sets runAsNonRoot, and the image runs as root; set runAsUser, or take another image",
            ),
            Self::Named(user) => write!(
                f,
                "the pod sets runAsNonRoot, and the image runs as {user:?}, a name that the kubelet can't tell from root; set runAsUser to its number"
            ),
            Self::Invalid(user) => {
                write!(f, "the pod sets runAsNonRoot, and the image runs as {user}, which is no user")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each row of the kubelet's table.
    #[test]
    fn a_user_is_judged_as_the_kubelet_does() {
        let start = |non_root, user| Start { non_root, user, ..Start::default() };
        let named = |user: &str| Some(WrongUser::Named(user.into()));
        let invalid = |user: &str| Some(WrongUser::Invalid(user.into()));
        let cases = [
            (start(false, RunAs::Image), "", None),
            (start(false, RunAs::Image), "node", None),
            (start(false, RunAs::Image), "-1", None),
            (start(false, RunAs::Root), "1000", None),
            (start(true, RunAs::Root), "1000", Some(WrongUser::RootByPod)),
            (start(true, RunAs::Other), "", None),
            (start(true, RunAs::Other), "root", None),
            (start(true, RunAs::Image), "", Some(WrongUser::Root)),
            (start(true, RunAs::Image), "0", Some(WrongUser::Root)),
            (start(true, RunAs::Image), "0:0", Some(WrongUser::Root)),
            (start(true, RunAs::Image), ":1000", Some(WrongUser::Root)),
            (start(true, RunAs::Image), "00", Some(WrongUser::Root)),
            (start(true, RunAs::Image), "node", named("node")),
            (start(true, RunAs::Image), "root", named("root")),
            (start(true, RunAs::Image), "nobody:nobody", named("nobody")),
            (start(true, RunAs::Image), "1000a", named("1000a")),
            (start(true, RunAs::Image), "99999999999999999999", named("99999999999999999999")),
            (start(true, RunAs::Image), "1000", None),
            (start(true, RunAs::Image), "1000:1000", None),
            (start(true, RunAs::Image), "01000", None),
            (start(true, RunAs::Image), "2147483647", None),
            (start(true, RunAs::Image), "2147483648", invalid("2147483648")),
            (start(true, RunAs::Image), "-1", invalid("-1")),
        ];
        for (start, user, expected) in cases {
            assert_eq!(WrongUser::of(start, user), expected, "{user:?} under {start:?}");
        }
    }
}
