//! Who else writes a workload, as messages carry it: typed, and put into words only where it is shown.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Owner;

/// Who else writes a workload, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OwnerTold {
    /// Who.
    pub owner: Owner,
    /// The version that it has to name, where it is another tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep: Option<Keep>,
    /// Whether people are asked although the mode is `AUTO_UPDATE`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub asks_first: bool,
}

/// A version that is to stay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keep {
    /// `host/path`.
    pub repository: String,
    /// The tag.
    pub tag: String,
}

/// The same, or what a message of an earlier release says of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum OwnerView {
    /// As it is known.
    Known(OwnerTold),
    /// In its words.
    Words(String),
}

impl fmt::Display for OwnerTold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.keep {
            Some(Keep { repository, tag }) => f.write_str(&self.owner.advice(repository, tag))?,
            None => f.write_str(&self.owner.warning())?,
        }
        let asks_first = ". AUTO_UPDATE asks first, unless image-watcher/patch-owned is true";
        if self.asks_first { f.write_str(asks_first) } else { Ok(()) }
    }
}

impl fmt::Display for OwnerView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(told) => told.fmt(f),
            Self::Words(words) => f.write_str(words),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_is_read_again_and_so_is_what_an_earlier_release_stored() {
        let owner = Owner::controller("Prometheus", "k8s");
        let keep = Keep { repository: "a.example/web".into(), tag: "1.3.0".into() };
        let known = OwnerView::Known(OwnerTold { owner, keep: Some(keep), asks_first: true });
        let stored = concat!(
            r#"{"owner":{"tool":"controller","name":"Prometheus k8s"},"#,
            r#""keep":{"repository":"a.example/web","tag":"1.3.0"},"asksFirst":true}"#
        );
        assert_eq!(serde_json::to_string(&known).unwrap(), stored);
        assert_eq!(serde_json::from_str::<OwnerView>(stored).unwrap(), known);
        let words = "Helm release web: a later helm upgrade puts the old image back";
        let read: OwnerView = serde_json::from_value(serde_json::json!(words)).unwrap();
        assert_eq!((read.to_string().as_str(), serde_json::json!(read)), (words, serde_json::json!(words)));
    }
}
