//! The file's block `auth`: who may see the page and the API, and who may decide there.

mod block;
mod provider;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use url::Url;

pub(super) use block::AuthBlock;
use block::{RolesEntry, TokenEntry, UserEntry, Wrong, wrong};

use super::IdentityHeader;
use super::entry::{named, none_of, proxy_header, secret_file};
use super::parse::Reader;
use crate::domain::password::PasswordHash;
use crate::domain::policy::duration;
use crate::domain::role::{Member, Role, Roles};
use crate::domain::rotating::Rotating;
use crate::domain::secret::Secret;

/// How long somebody stays signed in, and between what.
const SESSION: Duration = Duration::from_secs(12 * 3600);
const SESSIONS: std::ops::RangeInclusive<Duration> = Duration::from_secs(15 * 60)..=Duration::from_secs(7 * 24 * 3600);
/// So many people, and so many tokens, can be listed.
const MOST: usize = 1000;
const MODES: [&str; 4] = ["none", "basic", "proxy", "oidc"];

/// Who may see the page and the API, and who may decide there. The secrets in it are shared with whoever uses them.
#[derive(Clone, Debug)]
pub struct Auth {
    /// How people sign in.
    pub mode: Mode,
    /// Who may what.
    pub roles: Roles,
    /// What programs show.
    pub tokens: Vec<Token>,
    /// For which audience a token of a `ServiceAccount` has to be made, where they are taken.
    pub audience: Option<String>,
    /// How long somebody stays signed in.
    pub session: Duration,
}

/// How people sign in.
#[derive(Clone, Debug)]
pub enum Mode {
    /// With a password, of which the configuration has the hash.
    Basic(Vec<User>),
    /// At a trusted proxy.
    Proxy(ProxyHeaders),
    /// At an `OpenID` provider.
    Oidc(Box<Provider>),
}

/// Somebody with a password.
#[derive(Clone, Debug)]
pub struct User {
    /// The name.
    pub name: String,
    /// The hash of the password.
    pub hash: Rotating<PasswordHash>,
    /// The groups they are of.
    pub groups: Vec<String>,
    /// The role that they have whatever their groups.
    pub role: Option<Role>,
}

/// In which headers a trusted proxy says who signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxyHeaders {
    /// The name.
    pub user: String,
    /// The groups, comma-separated.
    pub groups: Option<String>,
}

impl Mode {
    /// The word in the configuration.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Basic(_) => "basic",
            Self::Proxy(_) => "proxy",
            Self::Oidc(_) => "oidc",
        }
    }
}

/// An `OpenID` provider, and what we are to it.
#[derive(Clone, Debug)]
pub struct Provider {
    /// Its name for itself, to the letter.
    pub issuer: String,
    /// Our name there.
    pub client_id: String,
    /// Our secret there, where it gave one.
    pub client_secret: Option<Rotating<Secret>>,
    /// What is asked for.
    pub scopes: Vec<String>,
    /// Which claim is the name.
    pub name_claim: String,
    /// Which claim has the groups.
    pub groups_claim: String,
    /// What the cluster's names of these people begin with, where it knows them.
    pub in_cluster: Option<Prefixes>,
}

/// What the API server puts before names that it reads from a token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prefixes {
    /// Before the name.
    pub user: String,
    /// Before each group.
    pub groups: String,
}

/// A token of a program, as its hash.
#[derive(Clone, Debug)]
pub struct Token {
    /// What the program is called.
    pub name: String,
    /// The SHA-256 of the token.
    pub sha256: Rotating<[u8; 32]>,
    /// What it may.
    pub role: Role,
    /// Until when it counts.
    pub until: Option<DateTime<Utc>>,
}

/// What else of the configuration matters here.
pub(super) struct Around<'a> {
    pub(super) base_url: Option<&'a Url>,
    /// Whether one is written, be it that it can't be used, which is told of it alone.
    pub(super) has_base_url: bool,
    pub(super) development: bool,
    pub(super) trusted_proxies: &'a [ipnet::IpNet],
    pub(super) identity: Option<&'a IdentityHeader>,
}

impl Reader<'_> {
    /// Who may see the page and the API; nobody, where it is not said.
    pub(super) fn auth(&mut self, block: Option<AuthBlock>, around: &Around<'_>) -> Option<Auth> {
        let block = block?;
        let mut problems = Vec::new();
        let read = self.read_auth(&block, around, &mut problems);
        let is_right = problems.is_empty();
        for (field, problem) in problems {
            let key = if field.is_empty() { "auth".to_owned() } else { format!("auth.{field}") };
            self.file_problem(&key, problem);
        }
        read.filter(|_| is_right)
    }

    fn read_auth(&self, block: &AuthBlock, around: &Around<'_>, problems: &mut Vec<Wrong>) -> Option<Auth> {
        let Some(word) = block.mode.clone() else {
            problems.push(wrong("mode", "is missing; write none, basic, proxy or oidc"));
            return None;
        };
        let roles = roles(&block.roles, problems);
        let (tokens, audience) = (self.tokens(&block.tokens, problems), audience(block, problems));
        let session = session(block.session.as_deref(), problems);
        let mode = match word.as_str() {
            "none" => {
                beside_none(block, problems);
                return None;
            }
            "basic" => Mode::Basic(self.users(block, problems)),
            "proxy" => Mode::Proxy(proxy(block, around, problems)?),
            "oidc" => Mode::Oidc(Box::new(provider::provider(
                block.oidc.as_ref(),
                around.development,
                self.files(),
                problems,
            )?)),
            _ => {
                problems.push(wrong("mode", none_of(MODES.into_iter(), &word)));
                return None;
            }
        };
        out_of_place(&word, block, problems);
        if !matches!(mode, Mode::Proxy(_)) {
            is_safe(&word, around, problems);
        }
        if !matches!(mode, Mode::Basic(_)) && roles.is_empty() {
            let told = "is missing, so nobody who signs in could see anything: approver and viewer list groups, user:NAME, or * for everybody who signs in";
            problems.push(wrong("roles", told));
        }
        Some(Auth { mode, roles, tokens, audience, session })
    }

    fn users(&self, block: &AuthBlock, problems: &mut Vec<Wrong>) -> Vec<User> {
        if block.users.is_empty() {
            problems.push(wrong("users", "is missing: name and passwordHash of at least one"));
        }
        bounded("users", block.users.len(), problems);
        let mut names = BTreeSet::new();
        let mut users = Vec::new();
        for (at, entry) in block.users.iter().enumerate() {
            if !names.insert(&entry.name) {
                problems.push(wrong(format!("users[{at}].name"), format!("{:?} is there twice", entry.name)));
            }
            match self.user(entry) {
                Ok(user) => users.push(user),
                Err((field, problem)) => problems.push(wrong(format!("users[{at}].{field}"), problem)),
            }
        }
        users
    }

    fn user(&self, entry: &UserEntry) -> Result<User, Wrong> {
        let is_plain = |letter: char| letter.is_ascii_graphic() && letter != '/';
        if entry.name.is_empty() || entry.name.len() > 64 || !entry.name.chars().all(is_plain) {
            return Err(wrong("name", "write up to 64 letters, digits and signs, without spaces and /"));
        }
        let (field, text) =
            self.hash(("passwordHash", &entry.password_hash), ("passwordHashFile", &entry.password_hash_file))?;
        let hash = PasswordHash::parse(text.expose()).map_err(|error| wrong(field, error.to_string()))?;
        let role = entry.role.as_deref().map(role).transpose()?;
        Ok(User { name: entry.name.clone(), hash: hash.into(), groups: entry.groups.clone(), role })
    }

    /// What is written in one of two fields, or in the file that the other names.
    fn hash(
        &self,
        given: (&'static str, &Option<String>),
        by_file: (&'static str, &Option<String>),
    ) -> Result<(&'static str, Secret), Wrong> {
        match (given.1, by_file.1) {
            (Some(text), None) => Ok((given.0, Secret::new(text.clone()))),
            (None, Some(path)) => {
                let text = secret_file(by_file.0, path, self.files()).map_err(|(field, told)| wrong(field, told))?;
                Ok((by_file.0, text))
            }
            (Some(_), Some(_)) => Err(wrong(given.0, format!("is set twice, also by {}; keep one", by_file.0))),
            (None, None) => Err(wrong(given.0, format!("is missing; {} names a file of it", by_file.0))),
        }
    }

    fn tokens(&self, entries: &[TokenEntry], problems: &mut Vec<Wrong>) -> Vec<Token> {
        bounded("tokens", entries.len(), problems);
        let mut names = BTreeSet::new();
        let mut tokens = Vec::new();
        for (at, entry) in entries.iter().enumerate() {
            if !names.insert(&entry.name) {
                problems.push(wrong(format!("tokens[{at}].name"), format!("{:?} is there twice", entry.name)));
            }
            match self.program_token(entry) {
                Ok(token) => tokens.push(token),
                Err((field, problem)) => problems.push(wrong(format!("tokens[{at}].{field}"), problem)),
            }
        }
        tokens
    }

    fn program_token(&self, entry: &TokenEntry) -> Result<Token, Wrong> {
        named(&entry.name).map_err(|(field, told)| wrong(field, told))?;
        let (field, text) = self.hash(("hash", &entry.hash), ("hashFile", &entry.hash_file))?;
        let sha256 = sha256(text.expose());
        let sha256 = sha256.ok_or_else(|| {
            wrong(field, "is no hash of a token; `image-watcher new-token` makes a token and its hash, sha256:…")
        })?;
        let until = |text: &String| {
            let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
            Some(day.and_time(NaiveTime::MIN).and_utc())
        };
        let until = match &entry.expires {
            Some(text) => Some(until(text).ok_or_else(|| wrong("expires", "is no day as 2027-01-31"))?),
            None => None,
        };
        Ok(Token { name: entry.name.clone(), sha256: sha256.into(), role: role(&entry.role)?, until })
    }
}

/// Sessions and the addresses of the provider's answers need an address of our own that nobody can listen in on.
fn is_safe(mode: &str, around: &Around<'_>, problems: &mut Vec<Wrong>) {
    match around.base_url {
        None if around.has_base_url => {}
        None => {
            problems.push(wrong("mode", format!("is {mode}, which needs BASE_URL: where people reach this service")));
        }
        Some(url) if url.scheme() != "https" && !around.development => {
            problems.push(wrong("mode", format!("is {mode}, which needs a BASE_URL with https://")));
        }
        Some(_) => {}
    }
}

fn proxy(block: &AuthBlock, around: &Around<'_>, problems: &mut Vec<Wrong>) -> Option<ProxyHeaders> {
    if around.trusted_proxies.is_empty() {
        problems.push(wrong("header", "is believed of a trusted proxy alone: set TRUSTED_PROXY as well"));
    }
    let mut read = |field: &str, text: &str| match proxy_header(text) {
        Ok(name) => Some(name),
        Err(problem) => {
            problems.push(wrong(field, problem));
            None
        }
    };
    let groups = block.groups_header.as_deref().map(|text| read("groupsHeader", text));
    let of_links = around.identity.map(|identity| identity.name.clone());
    let user = match (&block.header, of_links) {
        (Some(text), of_links) => {
            let name = read("header", text)?;
            if of_links.is_some_and(|of_links| of_links != name) {
                problems.push(wrong("header", "is another than that of identity: one proxy says it in one header"));
            }
            name
        }
        (None, Some(of_links)) => of_links,
        (None, None) => {
            problems.push(wrong("header", "is missing: the header in which the proxy says who signed in"));
            return None;
        }
    };
    if groups == Some(Some(user.clone())) {
        problems.push(wrong("groupsHeader", "is the header of the name"));
    }
    Some(ProxyHeaders { user, groups: groups.flatten() })
}

/// What belongs to another mode: whoever wrote it may think that it counts.
fn out_of_place(mode: &str, block: &AuthBlock, problems: &mut Vec<Wrong>) {
    let all = [
        ("users", "basic", !block.users.is_empty()),
        ("header", "proxy", block.header.is_some()),
        ("groupsHeader", "proxy", block.groups_header.is_some()),
        ("oidc", "oidc", block.oidc.is_some()),
    ];
    for (field, of, _) in all.into_iter().filter(|(_, of, is_there)| *is_there && *of != mode) {
        problems.push(wrong(field, format!("is of mode {of}, and mode is {mode}: keep one")));
    }
}

/// What lets somebody in, where nobody is let in: whoever wrote it may think that they can sign in.
fn beside_none(block: &AuthBlock, problems: &mut Vec<Wrong>) {
    out_of_place("none", block, problems);
    let all = [
        ("roles", !block.roles.viewer.is_empty() || !block.roles.approver.is_empty()),
        ("tokens", !block.tokens.is_empty()),
        ("serviceAccounts", block.service_accounts.is_some()),
        ("session", block.session.is_some()),
    ];
    for (field, _) in all.into_iter().filter(|(_, is_there)| *is_there) {
        problems.push(wrong(field, "lets nobody in, as mode is none: choose basic, proxy or oidc, or leave it out"));
    }
}

fn roles(entry: &RolesEntry, problems: &mut Vec<Wrong>) -> Roles {
    let mut members = |field: &str, texts: &[String]| {
        let members: Vec<Member> = texts.iter().filter_map(|text| Member::parse(text)).collect();
        if members.len() != texts.len() {
            problems.push(wrong(format!("roles.{field}"), "has an empty name; write a group, user:NAME, or *"));
        }
        members
    };
    Roles { viewers: members("viewer", &entry.viewer), approvers: members("approver", &entry.approver) }
}

fn role(word: &str) -> Result<Role, Wrong> {
    Role::of(word).ok_or_else(|| wrong("role", none_of(["viewer", "approver"].into_iter(), word)))
}

fn audience(block: &AuthBlock, problems: &mut Vec<Wrong>) -> Option<String> {
    let audience = block.service_accounts.as_ref().map(|entry| entry.audience.clone())?;
    // Every pod has a token for the API server: whoever is shown one could act here with it.
    if audience.is_empty() || audience.contains("kubernetes.default.svc") {
        problems.push(wrong("serviceAccounts.audience", "is a name of this service alone, as image-watcher"));
    }
    Some(audience)
}

fn session(text: Option<&str>, problems: &mut Vec<Wrong>) -> Duration {
    let Some(text) = text else { return SESSION };
    let time = duration(text).ok().and_then(|time| time.to_std().ok()).filter(|time| SESSIONS.contains(time));
    if time.is_none() {
        problems.push(wrong("session", "is no duration from 15m to 7d, as 12h"));
    }
    time.unwrap_or(SESSION)
}

fn bounded(field: &str, number: usize, problems: &mut Vec<Wrong>) {
    if number > MOST {
        problems.push(wrong(field, format!("has more than {MOST} entries")));
    }
}

/// `sha256:` and 64 hexadecimal digits.
fn sha256(text: &str) -> Option<[u8; 32]> {
    let digits = text.strip_prefix("sha256:")?.as_bytes();
    let mut bytes = [0; 32];
    if digits.len() != 64 || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}
