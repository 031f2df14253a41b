//! What people are told of a registry that gives no answer.

use super::*;
use crate::domain::policy::Refused;
use crate::domain::secret::Secret;

const HOST: &str = "registry.example.com";

fn unknown(asked: Asked) -> RegistryError {
    RegistryError::UnknownRepository { repository: "registry.example.com/shop/web".into(), asked, status: 404 }
}

fn errors() -> Vec<RegistryError> {
    let unauthorized = |refusal| RegistryError::Unauthorized { host: HOST.into(), refusal, whose: None, said: None };
    let pull = Whose::PullSecret(NamedSecret { namespace: "shop".into(), name: "pull".into() });
    let of = |whose| RegistryError::Unauthorized {
        host: HOST.into(),
        refusal: Refusal::Credential,
        whose: Some(Box::new(whose)),
        said: None,
    };
    let source = std::io::Error::other("connection refused");
    vec![
        unknown(Asked::AsWorkload),
        unauthorized(Refusal::NoCredential),
        unauthorized(Refusal::Credential),
        of(pull),
        of(Whose::Operator),
        unauthorized(Refusal::Forbidden),
        unauthorized(Refusal::ByTokenService),
        RegistryError::Unauthorized {
            host: HOST.into(),
            refusal: Refusal::Forbidden,
            whose: Some(Box::new(Whose::PullSecret(NamedSecret { namespace: "shop".into(), name: "pull".into() }))),
            said: Some("DENIED: Your authorization token has expired. Reauthenticate and try again.".into()),
        },
        unauthorized(Refusal::TooLong),
        unauthorized(Refusal::Broken(BrokenSecret {
            secret: NamedSecret { namespace: "shop".into(), name: "pull".into() },
            why: "the auth of \"quay.io\" is not base64".into(),
        })),
        unauthorized(Refusal::UnknownWay),
        unauthorized(Refusal::Stranger("token.example.net".into())),
        unauthorized(Refusal::TokenService("its address is no https:// URL")),
        RegistryError::throttled(HOST, DateTime::UNIX_EPOCH, Wait::Asked),
        RegistryError::throttled(HOST, DateTime::UNIX_EPOCH, Wait::Unavailable),
        RegistryError::throttled(HOST, DateTime::UNIX_EPOCH, Wait::LittleLeft),
        RegistryError::throttled(HOST, DateTime::UNIX_EPOCH, Wait::Ceiling),
        RegistryError::Throttled { host: HOST.into(), why: Wait::Asked, until: None },
        RegistryError::RefusedForNow(Box::new(unauthorized(Refusal::Forbidden))),
        RegistryError::Unreachable { host: HOST.into(), operation: "tags", source: source.into() },
        RegistryError::Blocked { host: "registry.example.com:443".into() },
        RegistryError::LeftAlone { host: HOST.into(), until: DateTime::UNIX_EPOCH, last: None },
        RegistryError::LeftAlone {
            host: HOST.into(),
            until: DateTime::UNIX_EPOCH,
            last: Some(LastFailure::Untrusted("its certificate expired".into())),
        },
        RegistryError::LeftAlone {
            host: HOST.into(),
            until: DateTime::UNIX_EPOCH,
            last: Some(LastFailure::NoAnswer("connection refused".into())),
        },
        RegistryError::TooManyTags { repository: "registry.example.com/shop/web".into(), most: 8 << 20 },
        RegistryError::Withheld {
            host: HOST.into(),
            withheld: Withheld {
                tag: "1.1.0".into(),
                refused: Refused { status: 403, said: Some("DENIED: blocked by policy".into()) },
            },
        },
        RegistryError::Status { host: HOST.into(), operation: "digest", status: 500 },
    ]
}

/// Whatever there is to say of it, said to somebody who showed a credential.
#[test]
fn errors_of_a_registry() {
    let password = Secret::new("hunter2".into());
    let secret = Some(NamedSecret { namespace: "shop".into(), name: "pull".into() });
    let user = Credential::users([User { scope: "shop/pull".into(), name: "robot".into(), password, secret }]);
    let lines = errors().into_iter().map(|error| {
        let retried = if error.is_retryable() { "asked again" } else { "not asked again" };
        format!("{}, {retried}\n  {}\n", error.reason(), error.told_to(&user))
    });
    let said: String = lines.collect();
    assert!(!said.contains("hunter2") && !said.contains("robot"));
    insta::assert_snapshot!(said);
}

/// Who showed none is told why there was none.
#[test]
fn errors_about_a_credential_that_was_not_shown() {
    let secret = || NamedSecret { namespace: "shop".into(), name: "pull".into() };
    let reasons = [
        Anonymous::NoneNamed,
        Anonymous::OtherHosts,
        Anonymous::AccountNotAllowed(NamedAccount { namespace: "shop".into(), name: "default".into() }),
        Anonymous::NotThere(secret()),
        Anonymous::NotAllowed(secret()),
        Anonymous::NoUser(secret()),
        Anonymous::OfFile,
    ];
    let said = reasons.map(|why| {
        let told = |error: &RegistryError| format!("  {}\n", error.told_to(&Credential::anonymous(why.clone())));
        let no_credential =
            RegistryError::Unauthorized { host: HOST.into(), refusal: Refusal::NoCredential, whose: None, said: None };
        // Who was let in as the operator's user is not told that somebody else's is missing.
        let errors = [unknown(Asked::AsNobody), no_credential, unknown(Asked::AsOperator)];
        let told = errors.iter().map(told).collect::<Vec<_>>().concat();
        format!("{why:?}\n{told}")
    });
    let said = said.concat();
    insta::assert_snapshot!(said);
}
