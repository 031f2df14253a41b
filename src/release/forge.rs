//! Where releases are: forges by host, projects on them, and the addresses of their APIs.
//!
//! Addresses are made here from a host that the operator allows and a path in the forge's own grammar; a label or an
//! annotation is only ever read, never dialled.
//!
//! APIs: docs.github.com/rest/releases, docs.gitlab.com/api/releases, codeberg.org/api/swagger (Gitea, Forgejo).

use std::sync::Arc;

use url::Url;

use crate::domain::written_url;

/// Whose API a host speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForgeKind {
    /// GitHub, also on premises.
    GitHub,
    /// GitLab.
    GitLab,
    /// Gitea and Forgejo.
    Gitea,
}

impl ForgeKind {
    /// What a host speaks that everybody knows.
    #[must_use]
    pub fn usual(host: &str) -> Option<Self> {
        match host.to_ascii_lowercase().as_str() {
            "github.com" | "api.github.com" => Some(Self::GitHub),
            "gitlab.com" => Some(Self::GitLab),
            "codeberg.org" => Some(Self::Gitea),
            _ => None,
        }
    }
}

impl std::str::FromStr for ForgeKind {
    type Err = UnknownForge;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "github" => Ok(Self::GitHub),
            "gitlab" => Ok(Self::GitLab),
            "gitea" | "forgejo" => Ok(Self::Gitea),
            _ => Err(UnknownForge),
        }
    }
}

/// No forge that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is none of github, gitlab, gitea, forgejo")]
pub struct UnknownForge;

/// A host whose releases may be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForgeHost {
    /// As labels and people write it: `github.com`.
    host: String,
    kind: ForgeKind,
    /// Where its API begins.
    api: Url,
    /// Whether the operator named the API's address, so that it may be a private one.
    is_named: bool,
    /// Whose private projects may be read with the operator's token.
    owners: Vec<String>,
}

impl ForgeHost {
    /// A host that speaks this kind's API at its usual place, or at `api`.
    ///
    /// `None` when the host is none, or `api` is neither https nor, if `plain` allows it, http.
    #[must_use]
    pub fn new(host: &str, kind: ForgeKind, api: Option<&str>, plain: bool) -> Option<Self> {
        let host = host.to_ascii_lowercase();
        let host = if host == "api.github.com" { "github.com".to_owned() } else { host };
        let usual = match (kind, host.as_str()) {
            (ForgeKind::GitHub, "github.com") => "https://api.github.com".to_owned(),
            (ForgeKind::GitHub, _) => format!("https://{host}/api/v3"),
            (ForgeKind::GitLab, _) => format!("https://{host}/api/v4"),
            (ForgeKind::Gitea, _) => format!("https://{host}/api/v1"),
        };
        let page = Url::parse(&format!("https://{host}/")).ok()?;
        let api_url = written_url::parse(api.unwrap_or(&usual)).ok()?;
        let fits = page.host_str() == Some(host.split(':').next()?)
            && page.path() == "/"
            && (api_url.scheme() == "https" || (plain && api_url.scheme() == "http"))
            && api_url.username().is_empty()
            && api_url.password().is_none()
            && api_url.query().is_none()
            && api_url.fragment().is_none();
        fits.then_some(Self { host, kind, api: api_url, is_named: api.is_some(), owners: Vec::new() })
    }

    /// The same; the private projects of these owners may be read with the operator's token.
    #[must_use]
    pub fn owned_by<O: AsRef<str>>(self, owners: impl IntoIterator<Item = O>) -> Self {
        let owners = owners.into_iter().map(|owner| owner.as_ref().to_ascii_lowercase()).collect();
        Self { owners, ..self }
    }

    /// Whether the operator lists this owner.
    #[must_use]
    pub fn lists(&self, owner: &str) -> bool {
        self.owners.iter().any(|listed| listed.eq_ignore_ascii_case(owner))
    }

    /// The host as people write it.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Whose API it speaks.
    #[must_use]
    pub fn kind(&self) -> ForgeKind {
        self.kind
    }

    /// Whether its API may be on a private address.
    #[must_use]
    pub fn is_named(&self) -> bool {
        self.is_named
    }

    fn api(&self, segments: &[&str]) -> Option<Url> {
        let mut url = self.api.clone();
        url.path_segments_mut().ok()?.pop_if_empty().extend(segments);
        Some(url)
    }
}

/// The hosts whose releases may be read.
#[derive(Clone, Debug)]
pub struct Forges(Vec<Arc<ForgeHost>>);

impl Forges {
    /// `github.com`, `gitlab.com` and `codeberg.org`, and those that the operator named; a named one takes the place of
    /// a usual one.
    #[must_use]
    pub fn new(named: Vec<ForgeHost>) -> Self {
        let usual =
            [("github.com", ForgeKind::GitHub), ("gitlab.com", ForgeKind::GitLab), ("codeberg.org", ForgeKind::Gitea)];
        let mut all: Vec<Arc<ForgeHost>> = named.into_iter().map(Arc::new).collect();
        for (host, kind) in usual {
            if !all.iter().any(|known| known.host == host) {
                all.extend(ForgeHost::new(host, kind, None, false).map(Arc::new));
            }
        }
        Self(all)
    }

    /// Where their APIs begin.
    pub fn apis(&self) -> impl Iterator<Item = &Url> {
        self.0.iter().map(|forge| &forge.api)
    }

    fn find(&self, host: &str) -> Option<&Arc<ForgeHost>> {
        self.0.iter().find(|forge| forge.host == host)
    }

    /// The forge whose API is at this host: `api.github.com` is that of `github.com`.
    fn find_api(&self, host: &str) -> Option<&Arc<ForgeHost>> {
        let usual = |forge: &ForgeHost| forge.host == "github.com" && host == "api.github.com";
        self.0.iter().find(|forge| usual(forge) || forge.api.host_str() == Some(host))
    }

    /// The project that a label names: `https://github.com/o/r/tree/main/sub`, `git@github.com:o/r.git`. Only https,
    /// only hosts that are allowed, no user; what follows the project's path is ignored.
    #[must_use]
    pub fn project(&self, source: &str) -> Option<Project> {
        let source = source.trim();
        if source.len() > LONGEST_SOURCE {
            return None;
        }
        let scp = source.strip_prefix("git@").and_then(|rest| rest.split_once(':'));
        let url = match scp {
            Some((host, path)) => Url::parse(&format!("https://{host}/{path}")).ok()?,
            None => Url::parse(source.strip_prefix("git+").unwrap_or(source)).ok()?,
        };
        let plain = url.scheme() == "https" && url.username().is_empty() && url.password().is_none();
        let forge = self.find(&authority(&url)?).filter(|_| plain)?;
        let segments: Vec<&str> = url.path_segments()?.filter(|segment| !segment.is_empty()).collect();
        Project::of(forge, project_path(forge.kind, &segments))
    }

    /// The project of this path on a host.
    #[must_use]
    pub fn project_at(&self, host: &str, path: &str) -> Option<Project> {
        let segments: Vec<&str> = path.split('/').collect();
        Project::of(self.find(host)?, &segments)
    }

    /// The project of an address of one release, on a forge's pages or its API, and what its tag is made of.
    ///
    /// `url` has `marker` where a version is to be put.
    #[must_use]
    pub fn release(&self, url: &Url, marker: &str) -> Option<(Project, Form)> {
        let host = authority(url)?;
        let decoded: Vec<String> = url.path_segments()?.filter(|s| !s.is_empty()).map(decode).collect();
        let segments: Vec<&str> = decoded.iter().map(String::as_str).collect();
        let forge = self.find(&host).or_else(|| self.find_api(&host))?;
        #[expect(clippy::match_same_arms, reason = "each forge has its own beginning")]
        let rest = match (&segments[..], forge.kind) {
            (["repos", rest @ ..] | ["api", "v3", "repos", rest @ ..], ForgeKind::GitHub) => rest,
            (["api", "v1", "repos", rest @ ..], ForgeKind::Gitea) => rest,
            (["api", "v4", "projects", rest @ ..], ForgeKind::GitLab) => rest,
            (rest, _) => rest,
        };
        let at = rest.iter().position(|segment| matches!(*segment, "-" | "releases" | "tags" | "release"))?;
        let (path, rest) = rest.split_at(at);
        let tag = rest.iter().position(|segment| segment.contains(marker)).and_then(|at| rest.get(at..))?.join("/");
        let (before, after) = tag.split_once(marker)?;
        let path: Vec<&str> = path.iter().flat_map(|segment| segment.split('/')).collect();
        let form = Form { before: before.to_owned(), after: after.to_owned() };
        Some((Project::of(forge, &path)?, form))
    }
}

/// A label is a line, not a book.
const LONGEST_SOURCE: usize = 2048;

fn authority(url: &Url) -> Option<String> {
    let host = url.host_str()?;
    Some(url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")))
}

fn decode(segment: &str) -> String {
    let pair = format!("x={}", segment.replace('+', "%2B"));
    url::form_urlencoded::parse(pair.as_bytes()).next().map(|(_, value)| value.into_owned()).unwrap_or_default()
}

/// The segments of a project's path among those of a page's.
fn project_path<'s, 'p>(kind: ForgeKind, segments: &'s [&'p str]) -> &'s [&'p str] {
    let end = match kind {
        ForgeKind::GitHub | ForgeKind::Gitea => 2,
        ForgeKind::GitLab => segments.iter().position(|segment| *segment == "-").unwrap_or(segments.len()),
    };
    segments.get(..end).unwrap_or_default()
}

/// What stands around the version in the tags of a project, as a template says.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Form {
    /// Before it: `v`.
    pub before: String,
    /// After it.
    pub after: String,
}

/// A project on a forge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Project {
    forge: Arc<ForgeHost>,
    path: String,
}

impl Project {
    fn of(forge: &Arc<ForgeHost>, segments: &[&str]) -> Option<Self> {
        let count = match forge.kind {
            ForgeKind::GitHub | ForgeKind::Gitea => segments.len() == 2,
            ForgeKind::GitLab => (2..=20).contains(&segments.len()),
        };
        let mut names: Vec<&str> = segments.to_vec();
        if let Some(last) = names.last_mut() {
            *last = last.strip_suffix(".git").unwrap_or(last);
        }
        let fits = |name: &&str| {
            (1..=100).contains(&name.len())
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
                && name.bytes().any(|byte| byte != b'.')
        };
        (count && names.iter().all(fits)).then(|| Self { forge: Arc::clone(forge), path: names.join("/") })
    }

    /// Its forge.
    #[must_use]
    pub fn forge(&self) -> &Arc<ForgeHost> {
        &self.forge
    }

    /// `owner/name`.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Its last name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }

    /// `host/owner/name`.
    #[must_use]
    pub fn id(&self) -> String {
        format!("{}/{}", self.forge.host, self.path.to_ascii_lowercase())
    }

    fn page_of(&self, rest: &[&str]) -> String {
        let Ok(mut url) = Url::parse(&format!("https://{}/{}", self.forge.host, self.path)) else {
            return String::new();
        };
        if let Ok(mut segments) = url.path_segments_mut() {
            if self.forge.kind == ForgeKind::GitLab {
                segments.push("-");
            }
            segments.extend(rest);
        }
        url.into()
    }

    /// Where people read all releases.
    #[must_use]
    pub fn page(&self) -> String {
        self.page_of(&["releases"])
    }

    /// Where people read one.
    #[must_use]
    pub fn release_page(&self, tag: &str) -> String {
        match self.forge.kind {
            ForgeKind::GitLab => self.page_of(&["releases", tag]),
            ForgeKind::GitHub | ForgeKind::Gitea => self.page_of(&["releases", "tag", tag]),
        }
    }

    /// Where people read a file of its first folder.
    #[must_use]
    pub fn file_page(&self, name: &str) -> String {
        match self.forge.kind {
            ForgeKind::GitHub | ForgeKind::GitLab => self.page_of(&["blob", "HEAD", name]),
            // Gitea's pages name a branch, which nobody told.
            ForgeKind::Gitea => format!("https://{}/{}", self.forge.host, self.path),
        }
    }

    /// Its place in the API.
    fn api(&self, rest: &[&str]) -> Option<Url> {
        let mut segments: Vec<&str> = Vec::with_capacity(8);
        match self.forge.kind {
            ForgeKind::GitLab => segments.extend(["projects", self.path.as_str()]),
            ForgeKind::GitHub | ForgeKind::Gitea => {
                segments.push("repos");
                segments.extend(self.path.split('/'));
            }
        }
        segments.extend(rest);
        self.forge.api(&segments)
    }

    /// Its own description.
    #[must_use]
    pub fn description(&self) -> Option<Url> {
        self.api(&[])
    }

    /// The newest `count` releases, in one answer.
    #[must_use]
    pub fn list(&self, count: u32) -> Option<Url> {
        self.list_page(count, 1)
    }

    /// A page of that list; the first is the list itself.
    #[must_use]
    pub(super) fn list_page(&self, count: u32, page: u32) -> Option<Url> {
        let mut url = self.api(&["releases"])?;
        match self.forge.kind {
            ForgeKind::Gitea => url.set_query(Some(&format!("draft=false&limit={count}"))),
            ForgeKind::GitHub | ForgeKind::GitLab => url.set_query(Some(&format!("per_page={count}"))),
        }
        if page > 1 {
            url.query_pairs_mut().append_pair("page", &page.to_string());
        }
        Some(url)
    }

    /// One release by its tag, percent-encoded.
    #[must_use]
    pub fn by_tag(&self, tag: &str) -> Option<Url> {
        match self.forge.kind {
            ForgeKind::GitLab => self.api(&["releases", tag]),
            ForgeKind::GitHub | ForgeKind::Gitea => self.api(&["releases", "tags", tag]),
        }
    }

    /// The files in its first folder.
    #[must_use]
    pub fn files(&self) -> Option<Url> {
        match self.forge.kind {
            ForgeKind::GitLab => {
                let mut url = self.api(&["repository", "tree"])?;
                url.set_query(Some("per_page=100"));
                Some(url)
            }
            ForgeKind::GitHub | ForgeKind::Gitea => self.api(&["contents"]),
        }
    }

    /// One of these files, as it is.
    #[must_use]
    pub fn file(&self, name: &str) -> Option<Url> {
        match self.forge.kind {
            ForgeKind::GitHub => self.api(&["contents", name]),
            ForgeKind::Gitea => self.api(&["raw", name]),
            ForgeKind::GitLab => {
                let mut url = self.api(&["repository", "files", name, "raw"])?;
                url.set_query(Some("ref=HEAD"));
                Some(url)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forges() -> Forges {
        let own = ForgeHost::new("git.example.com", ForgeKind::Gitea, Some("https://10.0.0.7/api/v1"), false).unwrap();
        Forges::new(vec![own])
    }

    /// Negative test 40, and the spellings that labels have.
    #[test]
    fn a_label_leads_to_an_allowed_forge_or_nowhere() {
        let cases = [
            ("https://github.com/acme/web", Some("github.com/acme/web")),
            ("https://github.com/acme/web.git", Some("github.com/acme/web")),
            ("https://github.com/acme/web.git#abc:dir", Some("github.com/acme/web")),
            ("https://github.com/acme/web/tree/main/sub?x=y", Some("github.com/acme/web")),
            ("git+https://github.com/Acme/Web.git", Some("github.com/acme/web")),
            ("git@github.com:a/b.git", Some("github.com/a/b")),
            ("https://gitlab.com/group/sub/project/-/tree/main", Some("gitlab.com/group/sub/project")),
            ("https://codeberg.org/forgejo/forgejo/", Some("codeberg.org/forgejo/forgejo")),
            ("https://git.example.com/ops/tool", Some("git.example.com/ops/tool")),
            ("file:///etc/passwd", None),
            ("http://10.0.0.1/x/y", None),
            ("https://10.0.0.1/x/y", None),
            ("https://github.com.evil.com/a/b", None),
            ("https://github.com@evil.com/a/b", None),
            ("https://user:pw@github.com/a/b", None),
            ("http://github.com/a/b", None),
            ("javascript:alert(1)", None),
            ("https://github.com/acme", None),
            ("https://github.com/../..", None),
            ("https://github.com/a/b%2f..%2f..", None),
            ("https://github.com:8443/a/b", None),
            ("git@evil.com:a/b.git", None),
            ("", None),
        ];
        for (source, expected) in cases {
            assert_eq!(forges().project(source).map(|p| p.id()).as_deref(), expected, "{source}");
        }
        assert!(forges().project(&format!("https://github.com/a/{}", "b".repeat(100_000))).is_none());
    }

    #[test]
    fn a_release_address_names_its_project_and_form() {
        let cases = [
            ("https://api.github.com/repos/traefik/traefik/releases/tags/MARK", "github.com/traefik/traefik", "", ""),
            ("https://github.com/acme/web/releases/tag/vMARK", "github.com/acme/web", "v", ""),
            ("https://github.com/acme/web/releases/tag/release%2FMARK-x", "github.com/acme/web", "release/", "-x"),
            ("https://gitlab.com/g/s/p/-/releases/MARK", "gitlab.com/g/s/p", "", ""),
            ("https://gitlab.com/api/v4/projects/g%2Fs%2Fp/releases/vMARK", "gitlab.com/g/s/p", "v", ""),
            ("https://codeberg.org/api/v1/repos/o/r/releases/tags/MARK", "codeberg.org/o/r", "", ""),
            ("https://git.example.com/o/r/releases/tag/MARK", "git.example.com/o/r", "", ""),
        ];
        for (url, id, before, after) in cases {
            let (project, form) = forges().release(&url.parse().unwrap(), "MARK").expect(url);
            assert_eq!(
                (project.id().as_str(), form.before.as_str(), form.after.as_str()),
                (id, before, after),
                "{url}"
            );
        }
        for url in
            ["https://example.com/notes/MARK", "https://github.com/acme/web/wiki/MARK", "https://github.com/MARK"]
        {
            assert!(forges().release(&url.parse().unwrap(), "MARK").is_none(), "{url}");
        }
    }

    /// Negative test 39: a tag is one segment, whatever is in it.
    #[test]
    fn addresses_are_encoded() {
        let at = |source: &str| forges().project(source).unwrap();
        let text = |url: Option<Url>| url.unwrap().to_string();
        let github = at("https://github.com/acme/web");
        assert_eq!(text(github.list(100)), "https://api.github.com/repos/acme/web/releases?per_page=100");
        let odd = "release/1.0#x";
        assert_eq!(text(github.by_tag(odd)), "https://api.github.com/repos/acme/web/releases/tags/release%2F1.0%23x");
        assert_eq!(github.release_page(odd), "https://github.com/acme/web/releases/tag/release%2F1.0%23x");
        let gitlab = at("https://gitlab.com/g/s/p");
        assert_eq!(text(gitlab.by_tag("v1")), "https://gitlab.com/api/v4/projects/g%2Fs%2Fp/releases/v1");
        assert_eq!(gitlab.page(), "https://gitlab.com/g/s/p/-/releases");
        let own = at("https://git.example.com/o/r");
        assert_eq!(text(own.list(50)), "https://10.0.0.7/api/v1/repos/o/r/releases?draft=false&limit=50");
        assert_eq!(text(own.file("CHANGES.md")), "https://10.0.0.7/api/v1/repos/o/r/raw/CHANGES.md");
    }

    #[test]
    fn an_api_is_https_unless_the_operator_may_say_otherwise() {
        let host = |api, plain| ForgeHost::new("git.example.com", ForgeKind::Gitea, api, plain).is_some();
        assert!(host(None, false) && host(Some("http://gitea.ops.svc/api/v1"), true));
        assert!(!host(Some("http://gitea.ops.svc/api/v1"), false) && !host(Some("https://u:p@x/"), true));
        assert!(!host(Some("https://x/?a"), false) && !host(Some("nonsense"), true));
        assert!(ForgeHost::new("a/b", ForgeKind::Gitea, None, false).is_none());
    }
}
