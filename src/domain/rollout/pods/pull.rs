//! Why images are not pulled.

use super::says;

/// Why an image is not pulled, as the runtimes put it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pull {
    /// The registry limits how often it is asked.
    Limited,
    /// The node, its network or its disk.
    Node,
    /// The image is not for the node's platform.
    Platform,
    /// There is no such image.
    NotFound,
    /// The registry does not give it to the pull secret, or has no such repository.
    Denied,
    /// Something else.
    Unknown,
}

impl Pull {
    /// In this order: what passes goes first, and a platform is «not found» too; so is what a node has lost of an image.
    const WORDS: [(Self, &'static [&'static str]); 5] = [
        (Self::Limited, &["429 Too Many Requests", "toomanyrequests"]),
        (
            Self::Node,
            &[
                "x509: ",
                "dial tcp",
                "i/o timeout",
                "no such host",
                "no space left on device",
                "pull QPS exceeded",
                "connection refused",
                "connection reset",
                "TLS handshake",
                "context deadline exceeded",
                "Service Unavailable",
                "Bad Gateway",
                "Gateway Timeout",
                "Internal Server Error",
                "content digest ",
                "extraction snapshot",
                "target snapshot",
                "parent snapshot",
                "stat snapshot",
                "snapshot sha256:",
            ],
        ),
        (
            Self::Platform,
            &["no match for platform in manifest", "no image found in manifest list", "no image found in image index"],
        ),
        (Self::NotFound, &[": not found", "manifest unknown", "name unknown"]),
        (
            Self::Denied,
            &["authorization failed", "pull access denied", "401 Unauthorized", "403 Forbidden", "unauthorized: "],
        ),
    ];

    pub(super) fn of(message: &str) -> Self {
        let said = Self::WORDS.into_iter().find(|(_, words)| says(message, words));
        said.map_or(Self::Unknown, |(pull, _)| pull)
    }

    pub(super) fn is_final(self) -> bool {
        matches!(self, Self::Platform | Self::NotFound | Self::Denied)
    }
}
