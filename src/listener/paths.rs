//! The paths of the public port that somebody outside has to reach, and for what: one table, which the routes of the chart are compared
//! with.

/// Where registries deliver.
pub const WEBHOOKS: &str = "/webhooks";
/// Keel's own path, for who moves from it.
pub const KEEL: &str = "/v1/webhooks/native";
/// Keel's own path of approvals, for the same. It is answered where the API is, to whoever signed in.
pub const KEEL_APPROVALS: &str = "/v1/approvals";
/// Where Slack sends presses of buttons.
pub const SLACK_ACTIONS: &str = "/slack/actions";
/// Where Telegram does.
pub const TELEGRAM_ACTIONS: &str = "/telegram/actions";

/// For what somebody outside has to reach a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Registries say what was pushed.
    Webhooks,
    /// People answer questions by links and buttons.
    Approvals,
    /// People sign in and see the page; programs ask the API.
    Page,
}

impl Purpose {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Webhooks, Self::Approvals, Self::Page];

    /// The word in `ingress.routes` of the chart.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Webhooks => "webhooks",
            Self::Approvals => "approvals",
            Self::Page => "page",
        }
    }
}

/// A path that somebody outside has to reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicPath {
    /// The path, without the one of `BASE_URL`.
    pub path: &'static str,
    /// For what.
    pub purpose: Purpose,
    /// Whether it is this path alone, and not what begins with it.
    pub exact: bool,
    /// Whether it never stands behind the path of `BASE_URL`.
    pub root: bool,
}

const fn below(path: &'static str, purpose: Purpose) -> PublicPath {
    PublicPath { path, purpose, exact: false, root: false }
}

const fn exactly(path: &'static str, purpose: Purpose) -> PublicPath {
    PublicPath { path, purpose, exact: true, root: false }
}

/// All of them. The page's is everything else.
pub const PUBLIC_PATHS: [PublicPath; 7] = [
    below(WEBHOOKS, Purpose::Webhooks),
    PublicPath { root: true, ..exactly(KEEL, Purpose::Webhooks) },
    below("/a", Purpose::Approvals),
    below("/api/upgrade", Purpose::Approvals),
    exactly(SLACK_ACTIONS, Purpose::Approvals),
    exactly(TELEGRAM_ACTIONS, Purpose::Approvals),
    below("/", Purpose::Page),
];
