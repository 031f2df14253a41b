//! Who this process is at NATS, at servers that ask for it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use nkeys::{KeyPair, Kind};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa};
use serde_json::{Value, json};

use super::*;
use crate::domain::secret::{Renewable, Secret};

fn renewable(text: &str) -> Renewable {
    Renewable { file: None, first: Secret::new(text.to_owned()) }
}

fn seed(kind: Kind, number: u8) -> String {
    nkeys::seed(kind, &[number; 32])
}

fn pair(kind: Kind, number: u8) -> KeyPair {
    KeyPair::from_seed(&seed(kind, number)).unwrap()
}

async fn is_taken(settings: NatsSettings) -> Result<(), NatsError> {
    let ambient = Ambient::system();
    let queue = StoreHandle::nats(settings, &ambient).await?;
    queue.put(vec![look("a", ambient.now())]).await.unwrap();
    Ok(())
}

#[tokio::test]
async fn an_nkey_signs_what_the_server_asks() {
    let of_the_server = pair(Kind::User, 1).public_key();
    let config = format!("authorization {{ users: [{{ nkey: {of_the_server} }}] }}");
    let Some(server) = Server::start_with(&config) else { return };
    let whom = |login| NatsSettings { login, ..settings(&server, "nkeys") };
    is_taken(whom(Login::Nkey(renewable(&seed(Kind::User, 1))))).await.unwrap();
    for login in [Login::Nkey(renewable(&seed(Kind::User, 2))), Login::Nobody] {
        let refused = is_taken(whom(login)).await.unwrap_err();
        assert!(matches!(refused, NatsError::Connect { .. }) && refused.passes(), "{refused:?}");
    }
}

/// A JWT as NATS has them.
fn jwt(by: &KeyPair, of: &str, claims: &Value, ends: Option<DateTime<Utc>>) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let mut body =
        json!({"jti": "A", "iat": 1_700_000_000, "iss": by.public_key(), "name": "n", "sub": of, "nats": claims});
    if let Some(ends) = ends {
        body["exp"] = json!(ends.timestamp());
    }
    let signed = format!("{}.{}", part(&json!({"typ": "JWT", "alg": "ed25519-nkey"})), part(&body));
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(by.sign(signed.as_bytes()).unwrap()))
}

/// A server of an operator with one account, and the one that a server has for itself.
fn of_an_operator() -> Option<Server> {
    let (operator, account, system) = (pair(Kind::Operator, 3), pair(Kind::Account, 4), pair(Kind::Account, 6));
    let account_with = |of: &KeyPair, more: &[&str]| {
        let all = ["subs", "data", "payload", "imports", "exports", "conn", "leaf"];
        let limits = all.iter().chain(more).map(|name| ((*name).to_owned(), json!(-1)));
        let limits: serde_json::Map<_, _> = limits.chain([("wildcards".to_owned(), json!(true))]).collect();
        let permissions = json!({"pub": {}, "sub": {}});
        let claims = json!({"limits": limits, "default_permissions": permissions, "type": "account", "version": 2});
        format!("{}: {}", of.public_key(), jwt(&operator, &of.public_key(), &claims, None))
    };
    let of_operator = jwt(&operator, &operator.public_key(), &json!({"type": "operator", "version": 2}), None);
    Server::start_with(&format!(
        "operator: {of_operator}\nresolver: MEMORY\nsystem_account: {}\nresolver_preload: {{ {}, {} }}",
        system.public_key(),
        account_with(&account, &["mem_storage", "disk_storage", "streams", "consumer"]),
        account_with(&system, &[])
    ))
}

fn credentials(ends: Option<DateTime<Utc>>) -> String {
    let (account, user) = (pair(Kind::Account, 4), pair(Kind::User, 5));
    let of_user = json!({"pub": {}, "sub": {}, "subs": -1, "data": -1, "payload": -1, "type": "user", "version": 2});
    format!(
        "-----BEGIN NATS USER JWT-----\n{}\n------END NATS USER JWT------\n\n-----BEGIN USER NKEY SEED-----\n{}\n------END \
         USER NKEY SEED------\n",
        jwt(&account, &user.public_key(), &of_user, ends),
        seed(Kind::User, 5)
    )
}

#[tokio::test]
async fn credentials_are_taken_and_those_that_ended_are_told_and_read_again() {
    let Some(server) = of_an_operator() else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("nats.creds");
    let now = Ambient::system().now();
    let (good, over) = (credentials(Some(now + TimeDelta::days(1))), credentials(Some(now - TimeDelta::days(1))));
    let whom = |text: &str| {
        let held = Renewable { file: Some(file.clone()), first: Secret::new(text.to_owned()) };
        NatsSettings { login: Login::Credentials(held), ..settings(&server, "creds") }
    };
    std::fs::write(&file, &over).unwrap();
    let refused = is_taken(whom(&over)).await.unwrap_err();
    let words = refused.to_string();
    assert!(refused.passes(), "somebody may put new ones there");
    assert!(words.contains(&format!("the credentials in {} ended at ", file.display())), "{words}");
    assert!(words.ends_with("put new ones there, which are read at the next connection"), "{words}");
    assert!(!crate::telemetry::chain(&refused).to_string().contains(&seed(Kind::User, 5)));
    let examined = examine(&whom(&over), &Ambient::system()).await.unwrap_err();
    assert!(matches!(examined, NatsError::Expired { .. }), "{examined:?}");
    std::fs::write(&file, &good).unwrap();
    is_taken(whom(&over)).await.unwrap();
    is_taken(NatsSettings { login: Login::Credentials(renewable(&credentials(None))), ..settings(&server, "forever") })
        .await
        .unwrap();
}

/// They end while the service runs, and new ones are put into their file.
#[tokio::test]
async fn credentials_that_end_while_they_are_used_are_followed_by_those_that_are_put_there() {
    let Some(server) = of_an_operator() else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("nats.creds");
    let ambient = Ambient::system();
    let of = |text: String| {
        std::fs::write(&file, &text).unwrap();
        let held = Renewable { file: Some(file.clone()), first: Secret::new(text) };
        NatsSettings { login: Login::Credentials(held), ..settings(&server, "ends") }
    };
    // Its buckets are made before, however long that takes.
    drop(StoreHandle::nats(of(credentials(None)), &ambient).await.unwrap());
    // A machine that is busy may take longer than they last.
    let mut opened = None;
    for seconds in [8, 16, 32, 64] {
        let of_iw = of(credentials(Some(ambient.now() + TimeDelta::seconds(seconds))));
        let Ok(queue) = StoreHandle::nats(of_iw, &ambient).await else { continue };
        if queue.put(vec![look("a", ambient.now())]).await.is_ok() {
            opened = Some(queue);
            break;
        }
    }
    let queue = opened.expect("they last long enough to be used");
    let mut number = 0;
    while queue.put(vec![look(&format!("r{number}"), ambient.now())]).await.is_ok() {
        number += 1;
        tokio::task::yield_now().await;
    }
    std::fs::write(&file, credentials(None)).unwrap();
    while queue.put(vec![look("b", ambient.now())]).await.is_err() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_server_that_wants_a_certificate_gets_ours() {
    let folder = tempfile::tempdir().unwrap();
    let key = || rcgen::KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, key()).unwrap();
    let signed = |purpose: ExtendedKeyUsagePurpose| {
        let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        params.extended_key_usages = vec![purpose];
        let key = key();
        (params.signed_by(&key, &authority).unwrap(), key)
    };
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let (certificate, its_key) = signed(ExtendedKeyUsagePurpose::ServerAuth);
    let config = format!(
        "tls {{ cert_file: {:?}, key_file: {:?}, ca_file: {:?}, verify: true }}",
        file("server.pem", &certificate.pem()),
        file("server.key", &its_key.serialize_pem()),
        file("ca.pem", &authority.pem())
    );
    let Some(server) = Server::start_with(&config) else { return };
    let mut roots = rustls::RootCertStore::empty();
    roots.add(authority.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let tls = tls.with_root_certificates(roots);
    let whom = |tls| NatsSettings {
        servers: vec![format!("tls://127.0.0.1:{}", server.url().port().unwrap()).parse().unwrap()],
        tls,
        ..settings(&server, "tls")
    };
    is_taken(whom(tls.clone().with_no_client_auth())).await.unwrap_err();
    let (certificate, key) = signed(ExtendedKeyUsagePurpose::ClientAuth);
    let key = rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let tls = tls.with_client_auth_cert(vec![certificate.der().clone()], key).unwrap();
    is_taken(whom(tls)).await.unwrap();
}
