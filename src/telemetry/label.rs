//! Label values that a tenant can choose: only so many of them are ever counted one by one.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

/// Hosts that are counted one by one besides those that the operator configured.
const MOST_HOSTS: usize = 50;
/// What all others are counted as.
const OTHER: &str = "other";

/// Hosts as label values: those of the configuration, the first of the others, and `other`. Clones share them.
#[derive(Clone, Debug, Default)]
pub(super) struct Hosts(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    configured: BTreeSet<String>,
    seen: BTreeSet<String>,
}

impl Hosts {
    /// The operator named these: each is always counted by its name.
    pub(super) fn configure(&self, hosts: impl IntoIterator<Item = String>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).configured.extend(hosts);
    }

    /// What a host is counted as.
    pub(super) fn value(&self, host: &str) -> String {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.configured.contains(host) || known.seen.contains(host) {
            return host.to_owned();
        }
        if known.seen.len() >= MOST_HOSTS {
            return OTHER.to_owned();
        }
        known.seen.insert(host.to_owned());
        host.to_owned()
    }
}

/// A status as a label value. There are nine hundred that a host could answer; those that mean something to an operator
/// are counted one by one.
pub(super) fn status(code: &str) -> &str {
    const TOLD: [&str; 18] = [
        "200", "206", "301", "302", "304", "307", "308", "400", "401", "403", "404", "405", "429", "500", "502", "503",
        "504", "error",
    ];
    if TOLD.contains(&code) {
        return code;
    }
    match code.as_bytes() {
        [b'2', _, _] => "2xx",
        [b'3', _, _] => "3xx",
        [b'4', _, _] => "4xx",
        [b'5', _, _] => "5xx",
        _ => OTHER,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thousand_hosts_are_few_values_and_those_of_the_operator_are_among_them() {
        let hosts = Hosts::default();
        hosts.configure(["registry.internal:5000".to_owned()]);
        let values: BTreeSet<String> = (0..1000).map(|n| hosts.value(&format!("host-{n}.example"))).collect();
        assert_eq!(values.len(), MOST_HOSTS + 1);
        assert!(values.contains("host-0.example") && values.contains(OTHER));
        assert_eq!(hosts.value("registry.internal:5000"), "registry.internal:5000");
        assert_eq!(hosts.value("host-7.example"), "host-7.example", "a value stays what it was");
        assert_eq!(hosts.value("host-999.example"), OTHER);
    }

    #[test]
    fn a_status_is_one_of_few() {
        let all: BTreeSet<String> = (100..1000).map(|code| status(&code.to_string()).to_owned()).collect();
        assert_eq!(all.len(), 22);
        assert_eq!((status("404"), status("418"), status("error"), status("999")), ("404", "4xx", "error", OTHER));
    }
}
