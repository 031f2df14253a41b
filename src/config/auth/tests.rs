//! What the block may say, and what is said of one that is wrong.

use super::*;
use crate::config::Config;

const HASH: &str = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
const SHA256: &str = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

fn config(yaml: &str, variables: &[(&str, &str)]) -> Result<Config, Vec<String>> {
    let all = [("IMAGE_WATCHER_CONFIG", "/config"), ("BASE_URL", "https://iw.example.com/watcher")];
    let mut set: std::collections::BTreeMap<String, String> =
        all.iter().chain(variables).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    set.retain(|_, value| !value.is_empty());
    let file = |path: &str| match path {
        "/config" => Ok(yaml.to_owned()),
        "/hash" => Ok(format!("{HASH}\n")),
        "/token" => Ok(format!("{SHA256}\n")),
        "/secret" => Ok("s3cret\n".to_owned()),
        _ => Err(std::io::ErrorKind::NotFound.into()),
    };
    let read = Config::read(set, &file, DateTime::UNIX_EPOCH);
    read.map_err(|error| {
        error
            .problems
            .iter()
            .map(|it| {
                format!("{}: {}", it.variable.split_once(": ").map_or(it.variable.as_str(), |(_, key)| key), it.problem)
            })
            .collect()
    })
}

fn auth(yaml: &str, variables: &[(&str, &str)]) -> Auth {
    config(yaml, variables).unwrap().auth.unwrap()
}

/// The problems of a block, one a line.
fn told(block: &str, variables: &[(&str, &str)]) -> String {
    config(&format!("auth: {block}\n"), variables).err().unwrap_or_default().join("\n")
}

#[test]
fn without_a_block_or_with_mode_none_nobody_gets_in() {
    for yaml in ["", "auth: { mode: none }", "auth: { mode: none, users: [] }"] {
        assert!(config(yaml, &[]).unwrap().auth.is_none(), "{yaml}");
    }
}

#[test]
fn people_with_passwords_are_read() {
    let yaml = format!(
        "auth:\n  mode: basic\n  session: 2h\n  roles: {{ approver: [sre], viewer: ['*'] }}\n  users:\n  \
         - {{ name: alice, passwordHash: '{HASH}', groups: [sre] }}\n  - {{ name: bob, passwordHashFile: /hash, role: approver }}\n  \
         tokens:\n  - {{ name: ci, hash: '{SHA256}', role: viewer, expires: 2027-01-31 }}\n  \
         - {{ name: bot, hashFile: /token, role: approver }}\n  serviceAccounts: {{ audience: image-watcher }}\n"
    );
    let auth = auth(&yaml, &[]);
    let Mode::Basic(users) = &auth.mode else { panic!("{:?}", auth.mode) };
    let [alice, bob] = &users[..] else { panic!("two") };
    assert_eq!((alice.groups.as_slice(), alice.role), (&["sre".to_owned()][..], None));
    assert_eq!((bob.role, bob.hash.get()), (Some(Role::Approver), alice.hash.get()));
    assert_eq!(auth.roles.approvers, [Member::Group("sre".into())]);
    assert_eq!((auth.session.as_secs(), auth.audience.as_deref()), (7200, Some("image-watcher")));
    let [ci, bot] = &auth.tokens[..] else { panic!("two") };
    assert_eq!((ci.sha256.get(), ci.role, bot.role), (bot.sha256.get(), Role::Viewer, Role::Approver));
    assert_eq!(
        (ci.sha256.get()[0], ci.until.map(|until| until.timestamp()), bot.until),
        (0x9f, Some(1_801_353_600), None)
    );
}

#[test]
fn a_proxy_and_a_provider_are_read() {
    let proxy =
        "auth: { mode: proxy, header: X-Forwarded-User, groupsHeader: X-Forwarded-Groups, roles: { viewer: ['*'] } }";
    let Mode::Proxy(headers) = auth(proxy, &[("TRUSTED_PROXY", "10.0.0.7/32")]).mode else { panic!("proxy") };
    assert_eq!((headers.user.as_str(), headers.groups.as_deref()), ("x-forwarded-user", Some("x-forwarded-groups")));
    let of_links = [("TRUSTED_PROXY", "10.0.0.7/32"), ("IMAGE_WATCHER_IDENTITY_HEADER", "Remote-User")];
    let Mode::Proxy(headers) = auth("auth: { mode: proxy, roles: { viewer: ['*'] } }", &of_links).mode else {
        panic!("proxy")
    };
    assert_eq!(headers.user, "remote-user", "the header of links is the one of the page");

    let oidc = "auth: { mode: oidc, roles: { approver: ['user:alice@example.com'] }, oidc: { issuer: https://id.example.com, \
                clientId: iw, clientSecretFile: /secret, scopes: [groups], usernamePrefix: 'oidc:' } }";
    let Mode::Oidc(provider) = auth(oidc, &[]).mode else { panic!("oidc") };
    assert_eq!(provider.scopes, ["openid", "groups"]);
    assert!(provider.client_secret.is_some_and(|secret| secret.get().matches(b"s3cret")));
    assert_eq!((provider.name_claim.as_str(), provider.groups_claim.as_str()), ("email", "groups"));
    assert_eq!(provider.in_cluster, Some(Prefixes { user: "oidc:".into(), groups: String::new() }));
    let short =
        "auth: { mode: oidc, roles: { viewer: ['*'] }, oidc: { issuer: https://id.example.com, clientId: iw } }";
    let Mode::Oidc(provider) = auth(short, &[]).mode else { panic!("oidc") };
    assert_eq!((provider.scopes.join(" "), provider.in_cluster), ("openid profile email".to_owned(), None));
}

#[test]
fn everything_that_is_wrong_is_told_at_once_and_no_secret() {
    let block = format!(
        "{{ mode: basic, session: 5m, users: [{{ name: 'a b', passwordHash: '{HASH}' }}, {{ name: c, passwordHash: hunter2 }}, \
         {{ name: d, passwordHash: '{HASH}', role: admin }}, {{ name: d, passwordHashFile: /none }}, {{ name: e }}], \
         tokens: [{{ name: T, hash: '{SHA256}', role: viewer }}, {{ name: t, hash: iwt_secret, role: viewer }}, \
         {{ name: u, hash: '{SHA256}', role: viewer, expires: soon }}], serviceAccounts: {{ audience: '' }} }}"
    );
    let told = told(&block, &[]);
    for expected in [
        "auth.session: is no duration",
        "auth.users[0].name: write up to",
        "auth.users[1].passwordHash: is no hash of Argon2id; `image-watcher hash-password` makes one",
        "auth.users[2].role: is none of viewer, approver",
        "auth.users[3].name: \"d\" is there twice",
        "auth.users[3].passwordHashFile: /none can't be read",
        "auth.users[4].passwordHash: is missing",
        "auth.tokens[0].name: write up to",
        "auth.tokens[1].hash: is no hash of a token; `image-watcher new-token`",
        "auth.tokens[2].expires: is no day",
        "auth.serviceAccounts.audience: is a name of this service alone",
    ] {
        assert!(told.contains(expected), "{expected}\n{told}");
    }
    assert!(!told.contains("hunter2") && !told.contains("iwt_secret") && told.lines().count() == 11, "{told}");
}

#[test]
fn nobody_is_let_in_by_what_is_left_out() {
    let proxied = [("TRUSTED_PROXY", "10.0.0.7/32")];
    let expensive = HASH.replace("m=65536", "m=4194304");
    for (block, variables, expected) in [
        ("{ users: [] }", &[][..], "auth.mode: is missing"),
        ("{ mode: open }", &[], "auth.mode: is none of none, basic, proxy, oidc"),
        ("{ mode: basic }", &[], "auth.users: is missing"),
        (
            "{ mode: proxy, header: X-User, roles: { viewer: ['*'] } }",
            &[],
            "auth.header: is believed of a trusted proxy alone",
        ),
        ("{ mode: proxy, header: X-User }", &proxied, "auth.roles: is missing, so nobody"),
        ("{ mode: proxy, roles: { viewer: ['*'] } }", &proxied, "auth.header: is missing"),
        ("{ mode: proxy, header: Cookie, roles: { viewer: ['*'] } }", &proxied, "auth.header: says something else"),
        (
            "{ mode: proxy, header: X-User, groupsHeader: x-user, roles: { viewer: ['*'] } }",
            &proxied,
            "auth.groupsHeader: is the header of the name",
        ),
        ("{ mode: proxy, header: X-User, roles: { viewer: [''] } }", &proxied, "auth.roles.viewer: has an empty name"),
        ("{ mode: proxy, header: X-User, oidc: {}, roles: { viewer: ['*'] } }", &proxied, "auth.oidc: is of mode oidc"),
        ("{ mode: oidc, roles: { viewer: ['*'] } }", &[], "auth.oidc: is missing"),
        (
            "{ mode: oidc, roles: { viewer: ['*'] }, oidc: {} }",
            &[],
            "auth.oidc.clientId: is missing\nauth.oidc.issuer: is missing",
        ),
        ("{ mode: oidc, oidc: { issuer: https://id.example.com, clientId: iw } }", &[], "auth.roles: is missing"),
        (
            "{ mode: oidc, roles: { viewer: ['*'] }, oidc: { issuer: http://id.example.com, clientId: iw } }",
            &[],
            "auth.oidc.issuer: is no https:// URL",
        ),
        (
            &format!("{{ mode: basic, users: [{{ name: a, passwordHash: '{expensive}' }}] }}"),
            &[],
            "auth.users[0].passwordHash: is out of bounds",
        ),
        (
            "{ mode: basic, serviceAccounts: { audience: 'https://kubernetes.default.svc' } }",
            &[],
            "auth.serviceAccounts.audience: is a name of this",
        ),
        ("{ mode: none, users: [{ name: a }] }", &[], "auth.users: is of mode basic, and mode is none"),
        ("{ mode: none, header: X-User }", &[], "auth.header: is of mode proxy, and mode is none"),
        ("{ mode: none, oidc: {} }", &[], "auth.oidc: is of mode oidc, and mode is none"),
        ("{ mode: none, roles: { viewer: ['*'] } }", &[], "auth.roles: lets nobody in, as mode is none"),
        (
            &format!("{{ mode: none, tokens: [{{ name: ci, hash: '{SHA256}', role: viewer }}] }}"),
            &[],
            "auth.tokens: lets nobody in, as mode is none",
        ),
        ("{ mode: none, serviceAccounts: { audience: iw } }", &[], "auth.serviceAccounts: lets nobody in"),
        ("{ mode: none, session: 1h }", &[], "auth.session: lets nobody in"),
        ("{ mode: basic, user: [] }", &[], "auth.user: unknown key; did you mean users?"),
    ] {
        let told = told(block, variables);
        assert!(told.contains(expected), "{block}\n{told}");
    }
    let both = [("TRUSTED_PROXY", "10.0.0.7/32"), ("IMAGE_WATCHER_IDENTITY_HEADER", "Remote-User")];
    let other = told("{ mode: proxy, header: X-User, roles: { viewer: ['*'] } }", &both);
    assert_eq!(other, "auth.header: is another than that of identity: one proxy says it in one header");
}

#[test]
fn what_crosses_the_network_in_the_clear_is_refused_in_production() {
    let basic = format!("{{ mode: basic, users: [{{ name: a, passwordHash: '{HASH}' }}] }}");
    let oidc = "{ mode: oidc, roles: { viewer: ['*'] }, oidc: { issuer: https://id.example.com, clientId: iw } }";
    for block in [&basic, oidc] {
        assert!(told(block, &[("BASE_URL", "")]).contains("which needs BASE_URL"), "{block}");
        assert!(
            told(block, &[("BASE_URL", "http://iw.example.com")]).contains("BASE_URL: is no absolute https://"),
            "{block}"
        );
        assert_eq!(told(block, &[("BASE_URL", "http://localhost:3000"), ("NODE_ENV", "development")]), "", "{block}");
    }
}
