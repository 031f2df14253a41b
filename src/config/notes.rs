//! Where release notes may be read, and who summarises them.

use serde::Deserialize;

use super::entry::{AllWrong, Wrong};
use super::parse::Reader;
use crate::domain::rotating::Rotating;
use crate::domain::secret::Secret;
use crate::release::forge::{ForgeHost, ForgeKind, Forges, UnknownForge};
use crate::release::summary::{Model, OPEN_AI};

/// Release notes and their summary.
#[derive(Debug)]
pub struct NotesConfig {
    /// The forges that may be asked: the usual ones, and those of the file's list `forges`.
    pub forges: Forges,
    /// `GITHUB_TOKEN`.
    pub github_token: Option<Rotating<Secret>>,
    /// `OPEN_AI_URL`, `OPEN_AI_KEY`, `OPEN_AI_MODEL`.
    pub model: Option<Model>,
}

/// An entry of the file's list `forges`.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ForgeEntry {
    host: String,
    kind: Option<String>,
    api: Option<String>,
    #[serde(default)]
    plain_http: bool,
    #[serde(default)]
    owners: Vec<String>,
}

impl Reader<'_> {
    pub(super) fn notes(&mut self, forges: Vec<ForgeEntry>, development: bool) -> NotesConfig {
        let mut named = Vec::new();
        for (at, entry) in forges.into_iter().enumerate() {
            match forge(&entry) {
                Ok(host) => named.push(host),
                Err(wrong) => {
                    for (field, problem) in wrong {
                        self.file_problem(&format!("forges[{at}]{field}"), problem);
                    }
                }
            }
        }
        NotesConfig {
            forges: Forges::new(named),
            github_token: self.secret("GITHUB_TOKEN").map(Into::into),
            model: self.model(development),
        }
    }

    /// A model needs a name, and an address or a key; the address is `OpenAI`'s own, if none is given.
    fn model(&mut self, development: bool) -> Option<Model> {
        let url = self.either("OPEN_AI_URL", "OPENAI_BASE_URL");
        let key = self.either("OPEN_AI_KEY", "OPENAI_API_KEY");
        let name = self.either("OPEN_AI_MODEL", "OPENAI_MODEL");
        let (key_name, key) = key.unzip();
        let Some((_, name)) = name else {
            if let Some(given) = url.map(|(given, _)| given).or(key_name) {
                self.problem("OPEN_AI_MODEL", format!("is missing; {given} needs it"));
            }
            return None;
        };
        if url.is_none() && key.is_none() {
            self.problem("OPEN_AI_URL", "is missing; OPEN_AI_MODEL needs it, or OPEN_AI_KEY");
            return None;
        }
        let (variable, url) = url.unwrap_or(("OPEN_AI_URL", Secret::new(OPEN_AI.to_owned())));
        match Model::new(url.expose(), key, name.expose().to_owned(), development) {
            Ok(model) => Some(model),
            Err(error) => {
                self.problem(variable, error.to_string());
                None
            }
        }
    }

    /// A value that is known by two names. Some of them are secrets, so that all are read as such.
    fn either(&mut self, ours: &'static str, other: &'static str) -> Option<(&'static str, Secret)> {
        match (self.secret(ours), self.secret(other)) {
            (Some(one), Some(another)) => {
                if !one.matches(another.expose().as_bytes()) {
                    self.problem(ours, format!("is not what {other} says; keep one"));
                }
                Some((ours, one))
            }
            (Some(one), None) => Some((ours, one)),
            (None, Some(another)) => Some((other, another)),
            (None, None) => None,
        }
    }
}

fn forge(entry: &ForgeEntry) -> Result<ForgeHost, Vec<Wrong>> {
    let mut wrong = AllWrong::default();
    let kind = wrong.unless(match &entry.kind {
        Some(kind) => kind.parse().map_err(|error: UnknownForge| (".kind", error.to_string())),
        None => ForgeKind::usual(&entry.host).ok_or((".kind", NO_KIND.to_owned())),
    });
    let is_name = |owner: &String| {
        (1..=100).contains(&owner.len())
            && owner.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
    };
    if !entry.owners.iter().all(is_name) {
        wrong.push((".owners", "names of users or organisations are expected, as acme".into()));
    }
    // Host and address are judged alike whatever the kind.
    let host = ForgeHost::new(&entry.host, kind.unwrap_or(ForgeKind::Gitea), entry.api.as_deref(), entry.plain_http);
    let host = wrong.unless(host.ok_or_else(|| ("", NO_FORGE.to_owned())));
    wrong.or(host.map(|host| host.owned_by(&entry.owners)))
}

const NO_KIND: &str = "is needed for this host: github, gitlab, gitea or forgejo";

const NO_FORGE: &str = "host is a host's name, as git.example.com; api an https:// URL without user and query, http:// with plainHttp: true";

#[cfg(test)]
mod tests {
    use super::super::{Config, Problem};

    fn read(variables: &[(&str, &str)]) -> Result<Config, Vec<Problem>> {
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Config::read(variables, &|path| match path {
            "/c.yaml" => Ok("forges:\n- {host: git.example.com, kind: forgejo, api: http://gitea.ops.svc/api/v1, plainHttp: true}\n\
                 - {host: github.com, kind: github, api: https://ghe.example.com/api/v3}\n"
                .into()),
            "/owners.yaml" => Ok("forges: [{host: api.github.com, owners: [acme]}]".into()),
            "/bad.yaml" => Ok("forges: [{host: a/b, kind: gitea}, {host: x.example, kind: svn}, \
                 {host: y.example, kind: gitea, api: http://y/api/v1}, \
                 {host: z.example, owners: [a/b]}, {host: github.com, owners: [https://github.com/acme]}]"
                .into()),
            _ => Err(std::io::ErrorKind::NotFound.into()),
        }, chrono::DateTime::UNIX_EPOCH)
        .map_err(|error| error.problems)
    }

    fn endpoint(variables: &[(&str, &str)]) -> Option<String> {
        read(variables).unwrap().notes.model.map(|model| model.endpoint().to_string())
    }

    #[test]
    fn a_model_has_an_address_or_a_key_and_a_name() {
        assert_eq!(endpoint(&[]), None);
        let own = "https://api.openai.com/v1/chat/completions";
        assert_eq!(endpoint(&[("OPEN_AI_KEY", "k"), ("OPEN_AI_MODEL", "m")]).as_deref(), Some(own));
        let local = [("OPENAI_BASE_URL", "http://127.0.0.1:11434/v1"), ("OPENAI_MODEL", "m")];
        assert_eq!(endpoint(&local).as_deref(), Some("http://127.0.0.1:11434/v1/chat/completions"));
        let same = [("OPEN_AI_URL", "https://x/v1"), ("OPENAI_BASE_URL", "https://x/v1"), ("OPEN_AI_MODEL", "m")];
        assert_eq!(endpoint(&same).as_deref(), Some("https://x/v1/chat/completions"));
    }

    #[test]
    fn what_is_half_or_twice_is_told_by_name() {
        let cases: [(&[(&str, &str)], &str); 6] = [
            (&[("OPEN_AI_KEY", "s3cret")], "OPEN_AI_MODEL: is missing; OPEN_AI_KEY needs it"),
            (&[("OPENAI_BASE_URL", "https://x/v1")], "OPEN_AI_MODEL: is missing; OPENAI_BASE_URL needs it"),
            (&[("OPEN_AI_MODEL", "m")], "OPEN_AI_URL: is missing; OPEN_AI_MODEL needs it, or OPEN_AI_KEY"),
            (
                &[("OPEN_AI_KEY", "a"), ("OPENAI_API_KEY", "b"), ("OPEN_AI_MODEL", "m")],
                "OPEN_AI_KEY: is not what OPENAI_API_KEY says; keep one",
            ),
            (&[("OPEN_AI_URL", "ftp://x"), ("OPEN_AI_MODEL", "m")], "OPEN_AI_URL: an https:// URL is expected"),
            (&[("OPEN_AI_URL", ""), ("OPEN_AI_MODEL", "m")], "OPEN_AI_URL: is empty"),
        ];
        for (variables, expected) in cases {
            let problems = read(variables).unwrap_err();
            let told: Vec<String> = problems.iter().map(|p| format!("{}: {}", p.variable, p.problem)).collect();
            assert!(told.iter().any(|told| told.starts_with(expected)), "{told:?}");
            assert!(!told.concat().contains("s3cret"));
        }
    }

    #[test]
    fn an_operator_names_forges_of_his_own() {
        let forges = read(&[("IMAGE_WATCHER_CONFIG", "/c.yaml")]).unwrap().notes.forges;
        assert!(forges.project("https://git.example.com/o/r").is_some_and(|project| project.forge().is_named()));
        let github = forges.project("https://github.com/o/r").unwrap();
        assert!(github.list(1).unwrap().as_str().starts_with("https://ghe.example.com/api/v3/repos/o/r/"));
        let problems = read(&[("IMAGE_WATCHER_CONFIG", "/bad.yaml")]).unwrap_err();
        let keys: Vec<&str> =
            problems.iter().filter_map(|problem| Some(problem.variable.rsplit_once(": ")?.1)).collect();
        let expected =
            ["forges[0]", "forges[1].kind", "forges[2]", "forges[3].kind", "forges[3].owners", "forges[4].owners"];
        assert_eq!(keys, expected);
        let owners = read(&[("IMAGE_WATCHER_CONFIG", "/owners.yaml")]).unwrap().notes.forges;
        let project = owners.project("https://github.com/acme/web").unwrap();
        assert!(project.forge().lists("Acme") && !project.forge().lists("acme2"));
        assert_eq!(project.description().unwrap().as_str(), "https://api.github.com/repos/acme/web");
    }
}
