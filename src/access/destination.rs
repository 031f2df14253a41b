//! Where somebody is led after they signed in: a place of ours, and never another's.

use url::Url;

/// The longest that is remembered.
const LONGEST: usize = 1024;

/// Reads where somebody wanted to go, below a path without a slash at its end; what is no place of ours is the first page.
pub(super) fn destination(text: &str, base_path: &str) -> String {
    let first = format!("{base_path}/");
    if is_ours(text, &first) { text.to_owned() } else { first }
}

fn is_ours(text: &str, first: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_graphic() && byte != b'\\';
    if text.len() > LONGEST || !text.starts_with(first) || text.starts_with("//") || !text.bytes().all(is_plain) {
        return false;
    }
    // As a browser reads it, with every way of writing a path that leads up.
    let Ok(ours) = Url::parse("https://image-watcher.invalid/") else { return false };
    let Ok(read) = ours.join(text) else { return false };
    let below = read.path().strip_prefix(first);
    read.origin() == ours.origin() && below.is_some_and(|rest| !rest.starts_with('/') && !rest.starts_with("sign-"))
}

/// A path as it was asked for, below our own where a proxy took that away.
pub(super) fn asked(path_and_query: &str, base_path: &str) -> String {
    let is_below = path_and_query.strip_prefix(base_path).is_some_and(|rest| rest.starts_with('/'));
    if is_below { path_and_query.to_owned() } else { format!("{base_path}{path_and_query}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_led_elsewhere() {
        for right in ["/", "/workloads/shop/deploy/web?container=web", "/a%2Fb", "/?q=https://evil.example/"] {
            assert_eq!(destination(right, ""), right);
        }
        let long = format!("/{}", "a".repeat(LONGEST));
        for wrong in [
            "",
            "https://evil.example/",
            "//evil.example/",
            "///evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "/\t/evil.example",
            "/\n/evil.example",
            " //evil.example",
            "/ /evil.example",
            "javascript:alert(1)",
            "/..//evil.example",
            "/.//evil.example",
            "/%2e%2e//evil.example",
            "/é",
            "evil.example",
            "@evil.example",
            "/sign-in?to=/",
            "/sign-out",
            "/./sign-out",
            &long,
        ] {
            assert_eq!(destination(wrong, ""), "/", "{wrong:?}");
        }
    }

    #[test]
    fn a_path_of_ours_is_kept_and_nothing_beside_it_is_reached() {
        assert_eq!(destination("/watcher/workloads", "/watcher"), "/watcher/workloads");
        for wrong in [
            "/",
            "/other",
            "/watcher",
            "/watcherx/",
            "/watcher/../admin",
            "/watcher/%2E%2E/admin",
            "/watcher//evil.example",
        ] {
            assert_eq!(destination(wrong, "/watcher"), "/watcher/", "{wrong}");
        }
        assert_eq!(asked("/watcher/x?y", "/watcher"), "/watcher/x?y");
        assert_eq!(asked("/x?y", "/watcher"), "/watcher/x?y", "where a proxy took it away");
        assert_eq!((asked("/x", ""), asked("/watcherx", "/watcher")), ("/x".into(), "/watcher/watcherx".into()));
    }
}
