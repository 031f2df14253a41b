//! A provider whose every answer is written here, with real keys: what it may say, and what lets nobody in.

use std::sync::{Arc, Mutex};

use actix_web::http::header::{COOKIE, HeaderValue};
use ring::rand::SystemRandom;
use ring::rsa::PublicKeyComponents;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::*;
use crate::access::tests::{Store, access, auth, get, send};
use crate::config::auth::{Mode, Prefixes};
use crate::outbound::{Outbound, Reach};

/// A key made for these tests, in PKCS #1 DER. It opens nothing.
const KEY: &str = include_str!("../../../tests/oidc-test-key.b64");
const CODE: &str = "right-code";

/// How a token is signed.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Sign {
    Rs256,
    Es256,
    /// With a key that the provider does not publish, under the name of one that it does.
    OtherEs256,
    /// With the public key as a password.
    Hs256,
    None,
}

/// What it answers next.
struct Script {
    claims: Value,
    sign: Sign,
    /// Empty for none.
    kid: &'static str,
    /// More of the token's header.
    header: Value,
    /// Whether both keys for ES256 are published.
    both: bool,
    challenge: String,
    redirect: String,
    discovery: Value,
}

struct Provided {
    listener: TcpListener,
    issuer: String,
    script: Mutex<Script>,
    rsa: RsaKeyPair,
    keys: [EcdsaKeyPair; 2],
}

impl Provided {
    async fn new() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let random = SystemRandom::new();
        let key = || {
            let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, made.as_ref(), &random).unwrap()
        };
        let rsa = RsaKeyPair::from_der(&STANDARD.decode(KEY.trim()).unwrap()).unwrap();
        let discovery = json!({"issuer": issuer, "authorization_endpoint": format!("{issuer}/authorize?tenant=1"),
            "token_endpoint": format!("{issuer}/token"), "jwks_uri": format!("{issuer}/keys")});
        let (challenge, redirect) = (String::new(), String::new());
        let (header, both) = (json!({}), false);
        let (claims, sign, kid) = (json!({}), Sign::Rs256, "rsa");
        let script = Script { claims, sign, kid, header, both, challenge, redirect, discovery };
        Self { listener, issuer, script: Mutex::new(script), rsa, keys: [key(), key()] }
    }

    fn provider(&self) -> Provider {
        Provider {
            issuer: self.issuer.clone(),
            client_id: "image watcher".into(),
            client_secret: Some(Secret::new("s3cret&more".into()).into()),
            scopes: ["openid", "email"].map(str::to_owned).to_vec(),
            name_claim: "email".into(),
            groups_claim: "groups".into(),
            in_cluster: None,
        }
    }

    fn client(provider: Provider) -> Oidc {
        let client = Outbound::new(None).unwrap().client(Reach::Named).unwrap();
        let redirect = "https://watcher.example.com/sign-in/callback".to_owned();
        Oidc::new(provider, client, redirect, [7; 32], Ambient::system())
    }

    /// What is right to say about alice.
    fn claims(&self, nonce: &str) -> Value {
        let now = Ambient::system().now().timestamp();
        json!({"iss": self.issuer, "aud": "image watcher", "sub": "1", "exp": now + 300, "iat": now, "nonce": nonce,
            "email": "alice@example.com", "email_verified": true, "groups": ["sre", "dev"]})
    }

    async fn serve(&self) {
        loop {
            let (stream, _) = self.listener.accept().await.unwrap();
            self.answer(stream).await;
        }
    }

    async fn answer(&self, mut stream: TcpStream) {
        let mut request = Vec::new();
        let text = loop {
            let mut piece = [0; 4096];
            let read = stream.read(&mut piece).await.unwrap();
            request.extend_from_slice(&piece[..read]);
            let text = String::from_utf8(request.clone()).unwrap();
            let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
            let length = head
                .to_lowercase()
                .lines()
                .find_map(|line| Some(line.strip_prefix("content-length: ")?.parse().unwrap()));
            if body.len() >= length.unwrap_or(0) {
                break text;
            }
        };
        let (status, body) = match text.split(' ').nth(1).unwrap() {
            "/.well-known/openid-configuration" => ("200 OK", self.script.lock().unwrap().discovery.clone()),
            "/keys" => ("200 OK", self.published()),
            "/token" => self.token_endpoint(&text),
            other => panic!("{other}"),
        };
        let body = body.to_string();
        let answer = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len());
        stream.write_all(answer.as_bytes()).await.unwrap();
    }

    fn token_endpoint(&self, request: &str) -> (&'static str, Value) {
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        let form = |name: &str| {
            form_urlencoded::parse(body.as_bytes())
                .find(|(field, _)| field == name)
                .map(|(_, value)| value.into_owned())
        };
        let script = self.script.lock().unwrap();
        let verifier = form("code_verifier").unwrap_or_default();
        let is_client = head.to_lowercase().contains(
            &format!("authorization: basic {}", STANDARD.encode("image+watcher:s3cret%26more")).to_lowercase(),
        );
        if !is_client {
            return ("401 Unauthorized", json!({"error": "invalid_client"}));
        }
        let is_right = form("code").as_deref() == Some(CODE)
            && form("grant_type").as_deref() == Some("authorization_code")
            && form("redirect_uri").as_ref() == Some(&script.redirect)
            && URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)) == script.challenge;
        if !is_right {
            return ("400 Bad Request", json!({"error": "invalid_grant"}));
        }
        ("200 OK", json!({"access_token": "opaque", "token_type": "Bearer", "id_token": self.signed(&script)}))
    }

    fn published(&self) -> Value {
        let PublicKeyComponents::<Vec<u8>> { n, e } = PublicKeyComponents::from(self.rsa.public());
        let [n, e] = [n, e].map(|bytes| URL_SAFE_NO_PAD.encode(bytes));
        let curve = |key: &EcdsaKeyPair, kid: &str, used: &str| {
            let point = key.public_key().as_ref();
            let [x, y] = [&point[1..33], &point[33..]].map(|bytes| URL_SAFE_NO_PAD.encode(bytes));
            json!({"kty": "EC", "use": used, "kid": kid, "crv": "P-256", "x": x, "y": y})
        };
        let used = if self.script.lock().unwrap().both { "sig" } else { "enc" };
        json!({"keys": [{"kty": "RSA", "use": "sig", "kid": "rsa", "n": n, "e": e},
            curve(&self.keys[0], "ec", "sig"), curve(&self.keys[1], "another", used)]})
    }

    fn signed(&self, script: &Script) -> String {
        let alg = match script.sign {
            Sign::Rs256 => "RS256",
            Sign::Es256 | Sign::OtherEs256 => "ES256",
            Sign::Hs256 => "HS256",
            Sign::None => "none",
        };
        let mut header = script.header.clone();
        (header["alg"], header["typ"]) = (json!(alg), json!("JWT"));
        if !script.kid.is_empty() {
            header["kid"] = json!(script.kid);
        }
        let parts = [header, script.claims.clone()];
        let message = parts.map(|part| URL_SAFE_NO_PAD.encode(part.to_string())).join(".");
        let (bytes, random) = (message.as_bytes(), SystemRandom::new());
        let signature = match script.sign {
            Sign::Rs256 => {
                let mut signature = vec![0; self.rsa.public().modulus_len()];
                self.rsa.sign(&RSA_PKCS1_SHA256, &random, bytes, &mut signature).unwrap();
                signature
            }
            Sign::Es256 => self.keys[0].sign(&random, bytes).unwrap().as_ref().to_vec(),
            Sign::OtherEs256 => self.keys[1].sign(&random, bytes).unwrap().as_ref().to_vec(),
            Sign::Hs256 => {
                let PublicKeyComponents::<Vec<u8>> { n, .. } = PublicKeyComponents::from(self.rsa.public());
                ring::hmac::sign(&ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &n), bytes).as_ref().to_vec()
            }
            Sign::None => Vec::new(),
        };
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// Runs something beside the provider.
    async fn beside<T>(&self, work: impl Future<Output = T>) -> T {
        tokio::select! {
            () = self.serve() => unreachable!(),
            done = work => done,
        }
    }
}

/// What the browser holds, and what it was sent to the provider with.
struct Browser {
    headers: HeaderMap,
    sent: std::collections::HashMap<String, String>,
}

impl Browser {
    fn new(location: &str, cookie: &str) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(COOKIE, HeaderValue::from_str(cookie.split(';').next().unwrap()).unwrap());
        Self { headers, sent: Url::parse(location).unwrap().query_pairs().into_owned().collect() }
    }

    fn returned(&self, more: &str) -> Returned {
        Returned::read(&format!("state={}&{more}", self.sent["state"])).unwrap()
    }
}

/// Begins at a provider that then says this, signed so.
async fn begun(
    provided: &Provided,
    oidc: &Oidc,
    sign: Sign,
    kid: &'static str,
    change: impl Fn(&mut Value),
) -> Browser {
    let (location, cookie) = oidc.begin("/workloads").await.unwrap();
    let browser = Browser::new(&location, &cookie);
    let mut claims = provided.claims(&browser.sent["nonce"]);
    change(&mut claims);
    let mut script = provided.script.lock().unwrap();
    (script.claims, script.sign, script.kid) = (claims, sign, kid);
    script.challenge.clone_from(&browser.sent["code_challenge"]);
    script.redirect.clone_from(&browser.sent["redirect_uri"]);
    browser
}

#[tokio::test]
async fn the_cluster_knows_somebody_by_what_is_configured_when_they_ask() {
    let provided = Provided::new().await;
    let prefixes = Prefixes { user: "oidc:".into(), groups: "g:".into() };
    let oidc = Provided::client(Provider { in_cluster: Some(prefixes), ..provided.provider() });
    let person = oidc.person("alice", &["sre".into()]).unwrap();
    let user = person.in_cluster().unwrap();
    assert_eq!((user.name.as_str(), user.groups.as_slice()), ("oidc:alice", &["g:sre".to_owned()][..]));
    let secret = Provider { client_secret: None, scopes: Vec::new(), ..provided.provider() };
    assert_eq!(Provided::client(secret).proof(), Provided::client(provided.provider()).proof(), "it makes no name");
}

#[tokio::test]
async fn who_the_provider_signs_in_is_who_they_are() {
    let provided = Provided::new().await;
    let prefixes = Prefixes { user: "oidc:".into(), groups: "oidc:".into() };
    let oidc = Provided::client(Provider { in_cluster: Some(prefixes), ..provided.provider() });
    let work = async {
        for (sign, kid) in [(Sign::Rs256, "rsa"), (Sign::Es256, "ec")] {
            let browser = begun(&provided, &oidc, sign, kid, |_| {}).await;
            for (name, value) in [
                ("tenant", "1"),
                ("response_type", "code"),
                ("client_id", "image watcher"),
                ("scope", "openid email"),
                ("code_challenge_method", "S256"),
                ("redirect_uri", "https://watcher.example.com/sign-in/callback"),
            ] {
                assert_eq!(browser.sent[name], value);
            }
            let returned = browser.returned(&format!("code={CODE}&iss={}", provided.issuer));
            let arrived = oidc.finish(&browser.headers, &returned).await.unwrap();
            let Identified { person, groups } = arrived.identified;
            assert_eq!(
                (person.name(), groups.join(","), arrived.to.as_str()),
                ("alice@example.com", "sre,dev".into(), "/workloads")
            );
            let user = person.in_cluster().unwrap();
            assert_eq!(
                (user.name.as_str(), user.groups.join(",")),
                ("oidc:alice@example.com", "oidc:sre,oidc:dev".into())
            );
        }
    };
    provided.beside(work).await;
}

#[tokio::test]
async fn a_forged_token_lets_nobody_in() {
    let provided = Provided::new().await;
    let oidc = Provided::client(provided.provider());
    let now = Ambient::system().now().timestamp();
    let finished = async |sign, kid, change: &dyn Fn(&mut Value)| {
        let browser = begun(&provided, &oidc, sign, kid, change).await;
        let finished = oidc.finish(&browser.headers, &browser.returned(&format!("code={CODE}"))).await;
        finished.map(|arrived| arrived.identified.person.name().to_owned()).map_err(|error| {
            assert!(matches!(error, OidcError::Token(_)), "{error}");
            error.to_string()
        })
    };
    let work = async {
        assert!(finished(Sign::Rs256, "rsa", &|_| {}).await.is_ok());
        for (sign, kid) in [
            (Sign::None, "rsa"),
            (Sign::Hs256, "rsa"),
            (Sign::Hs256, "ec"),
            (Sign::Es256, "rsa"),
            (Sign::Rs256, "ec"),
            (Sign::Rs256, "other"),
            (Sign::OtherEs256, "ec"),
        ] {
            assert!(finished(sign, kid, &|_| {}).await.is_err(), "{sign:?} {kid}");
        }
        for (claim, value) in [
            ("iss", json!("https://evil.example")),
            ("iss", json!(format!("{}/", provided.issuer))),
            ("iss", Value::Null),
            ("aud", json!("other")),
            ("aud", json!(["image watcher", "other"])),
            ("aud", Value::Null),
            ("azp", json!("other")),
            ("exp", json!(now - 61)),
            ("exp", json!("never")),
            ("exp", Value::Null),
            ("iat", json!(now + 120)),
            ("iat", Value::Null),
            ("nbf", json!(now + 120)),
            ("nonce", json!("another")),
            ("nonce", Value::Null),
            ("sub", Value::Null),
            ("email", Value::Null),
            ("email", json!(["alice@example.com"])),
            ("email", json!("al\u{202e}ice@example.com")),
            ("email_verified", json!(false)),
            ("email_verified", Value::Null),
        ] {
            let change = |claims: &mut Value| match &value {
                Value::Null => drop(claims.as_object_mut().unwrap().remove(claim)),
                value => claims[claim] = value.clone(),
            };
            assert!(finished(Sign::Rs256, "rsa", &change).await.is_err(), "{claim} {value}");
        }
        let party = |claims: &mut Value| {
            (claims["aud"], claims["azp"]) = (json!(["image watcher", "other"]), json!("image watcher"));
        };
        assert!(finished(Sign::Rs256, "rsa", &party).await.is_ok());
    };
    provided.beside(work).await;
}

#[tokio::test]
async fn a_token_need_not_name_its_key_where_there_is_one_for_it_alone() {
    let provided = Provided::new().await;
    let finished = async |sign, kid, header: Value, both: bool| {
        let oidc = Provided::client(provided.provider());
        let browser = begun(&provided, &oidc, sign, kid, |_| {}).await;
        {
            let mut script = provided.script.lock().unwrap();
            (script.header, script.both) = (header, both);
        }
        let finished = oidc.finish(&browser.headers, &browser.returned(&format!("code={CODE}"))).await;
        finished.map(drop).map_err(|error| error.to_string())
    };
    let unnamed = "does not say which key";
    let critical = "(crit)";
    let work = async {
        for (sign, kid, header, both, refused) in [
            (Sign::Rs256, "", json!({}), false, None),
            (Sign::Es256, "", json!({}), false, None),
            (Sign::Es256, "", json!({}), true, Some(unnamed)),
            (Sign::Es256, "ec", json!({}), true, None),
            (Sign::OtherEs256, "", json!({}), false, Some("is not of this provider")),
            (Sign::Hs256, "", json!({}), false, Some("RS256 or ES256")),
            (Sign::Rs256, "rsa", json!({"crit": ["x"], "x": 1}), false, Some(critical)),
            (Sign::Rs256, "rsa", json!({"crit": []}), false, Some(critical)),
            (Sign::Rs256, "rsa", json!({"x": 1}), false, None),
        ] {
            let told = finished(sign, kid, header.clone(), both).await;
            match refused {
                None => assert_eq!(told, Ok(()), "{sign:?} {kid} {header}"),
                Some(word) => assert!(told.as_ref().is_err_and(|it| it.contains(word)), "{sign:?} {header}: {told:?}"),
            }
        }
    };
    Box::pin(provided.beside(work)).await;
}

#[tokio::test]
async fn what_comes_back_is_of_the_browser_that_began() {
    let provided = Provided::new().await;
    let oidc = Provided::client(provided.provider());
    let work = async {
        let (mine, theirs) =
            (begun(&provided, &oidc, Sign::Rs256, "rsa", |_| {}).await, oidc.begin("/").await.unwrap());
        let theirs = Browser::new(&theirs.0, &theirs.1);
        let right = format!("code={CODE}");
        let refused = async |browser: &Browser, returned: &Returned| {
            let error = oidc.finish(&browser.headers, returned).await.err().unwrap();
            assert!(error.is_of_stranger(), "{error}");
            error.to_string()
        };
        assert!(refused(&theirs, &mine.returned(&right)).await.contains("no sign-in that this browser began"));
        assert!(refused(&mine, &theirs.returned(&right)).await.contains("no sign-in that this browser began"));
        assert!(
            refused(&mine, &mine.returned("code=right-code&iss=https%3A%2F%2Fevil.example"))
                .await
                .contains("no sign-in")
        );
        assert_eq!(refused(&mine, &mine.returned("error=access_denied")).await, "the provider answered access_denied");
        let strange = refused(&mine, &mine.returned("error=%3Cscript%3E")).await;
        assert!(!strange.contains("script"), "{strange}");
        assert!(refused(&mine, &mine.returned("")).await.contains("nothing"));
        assert!(refused(&mine, &mine.returned("code=other")).await.contains("invalid_grant"));
        // Another attempt's code does not fit this one's verifier.
        provided.script.lock().unwrap().challenge.clone_from(&theirs.sent["code_challenge"]);
        assert!(refused(&mine, &mine.returned(&right)).await.contains("invalid_grant"));
        for query in ["code=a&code=b&state=c", "state=a&state=b&code=c", "code=a", ""] {
            assert!(Returned::read(query).is_none(), "{query}");
        }
    };
    provided.beside(work).await;
}

#[tokio::test]
async fn a_provider_that_is_another_is_not_asked() {
    for (field, value) in
        [("issuer", "https://evil.example"), ("token_endpoint", "ftp://127.0.0.1/"), ("jwks_uri", "no address")]
    {
        let provided = Provided::new().await;
        provided.script.lock().unwrap().discovery[field] = json!(value);
        let oidc = Provided::client(provided.provider());
        let work = async {
            let error = oidc.begin("/").await.unwrap_err();
            assert!(!error.is_of_stranger() && error.to_string().contains("discovery document"), "{error}");
            assert!(matches!(oidc.begin("/").await, Err(OidcError::Silent)), "it is not asked again at once");
        };
        provided.beside(work).await;
    }
}

#[actix_web::test]
async fn somebody_signs_in_at_the_provider_and_gets_where_they_wanted() {
    let provided = Provided::new().await;
    let mode = || Mode::Oidc(Box::new(provided.provider()));
    let store = Arc::<Store>::default();
    let access = access(auth(mode(), &["dev"], &["sre"]), "/watcher", &store);
    let work = async {
        let page = send(&access, get("/watcher/sign-in?to=%2Fwatcher%2F%3Fq%3Dx")).await;
        let begin = "/watcher/sign-in/begin?to=%2Fwatcher%2F%3Fq%3Dx";
        assert!(page.body.contains(&format!("href=\"{begin}\"")), "{}", page.body);
        let led = send(&access, get(begin)).await;
        let (location, cookie) = (led.header("location").unwrap().to_owned(), led.cookie());
        assert!(cookie.starts_with("__Host-image-watcher-sign-in-"));
        let browser = Browser::new(&location, &cookie);
        assert_eq!(browser.sent["redirect_uri"], "https://watcher.example.com/watcher/sign-in/callback");
        {
            let mut script = provided.script.lock().unwrap();
            script.claims = provided.claims(&browser.sent["nonce"]);
            script.challenge.clone_from(&browser.sent["code_challenge"]);
            script.redirect.clone_from(&browser.sent["redirect_uri"]);
        }
        let back = format!("/watcher/sign-in/callback?code={CODE}&state={}", browser.sent["state"]);
        let stranger = send(&access, get(&back)).await;
        assert_eq!((stranger.status, stranger.cookie().as_str()), (401, ""), "without the cookie it is nobody's");
        for _ in 0..20 {
            // Any page makes a browser send these.
            assert_eq!(send(&access, get("/watcher/sign-in/callback?state=x")).await.status, 401);
            let picture = get(&back).insert_header(("Cookie", cookie.clone()));
            let picture =
                picture.insert_header(("Sec-Fetch-Site", "cross-site")).insert_header(("Sec-Fetch-Dest", "image"));
            let refused = send(&access, picture).await;
            assert_eq!((refused.status, refused.header("set-cookie")), (403, None), "and the attempt goes on");
        }
        let arrived = send(
            &access,
            get(&back).insert_header(("Sec-Fetch-Dest", "document")).insert_header(("Cookie", cookie.clone())),
        )
        .await;
        assert_eq!((arrived.status, arrived.header("location")), (303, Some("/watcher/?q=x")));
        let session = arrived.cookie();
        assert!(session.starts_with("__Host-image-watcher-") && !session.contains("sign-in"), "{session}");
        let home = send(&access, get("/watcher/").insert_header(("Cookie", session.clone()))).await;
        assert!(home.body.contains("alice@example.com, approver"), "{}", home.body);
        session
    };
    let session = provided.beside(work).await;
    let (user, groups) = ("oidc:".to_owned(), String::new());
    let others = [
        Provider { client_id: "other".into(), ..provided.provider() },
        Provider { name_claim: "sub".into(), ..provided.provider() },
        Provider { groups_claim: "roles".into(), ..provided.provider() },
        Provider { in_cluster: Some(Prefixes { user, groups }), ..provided.provider() },
    ];
    let others = others.map(|other| Mode::Oidc(Box::new(other))).into_iter().chain([Mode::Basic(Vec::new())]);
    for auth in others.map(|mode| auth(mode, &["*"], &[])) {
        let access = crate::access::tests::access(auth, "/watcher", &store);
        let answer = send(&access, get("/watcher/").insert_header(("Cookie", session.clone()))).await;
        assert_eq!(answer.status, 303, "a session is of its provider");
    }
    let roleless = crate::access::tests::access(auth(mode(), &["ops"], &[]), "/watcher", &store);
    let answer = send(&roleless, get("/watcher/").insert_header(("Cookie", session))).await;
    assert!(answer.status == 403 && answer.body.contains("no role here"), "{}", answer.body);
}

#[tokio::test]
async fn without_anybody_who_signs_in_it_shows_whether_a_provider_takes_us() {
    let provided = Provided::new().await;
    let tried = async |provider: Provider| {
        let client = Outbound::new(None).unwrap().client(Reach::Named).unwrap();
        let redirect = "https://watcher.example.com/sign-in/callback".to_owned();
        provided.beside(Box::pin(try_provider(&provider, client, redirect))).await
    };
    assert_eq!(tried(provided.provider()).await, Trial::Works(2));
    let other = Provider { client_secret: Some(Secret::new("other".into()).into()), ..provided.provider() };
    let refused = tried(other).await;
    assert!(matches!(&refused, Trial::NotUs(told) if told.ends_with("status 401, invalid_client")), "{refused:?}");
    let elsewhere = Provider { issuer: format!("{}/", provided.issuer), ..provided.provider() };
    let silent = tried(elsewhere).await;
    assert!(matches!(&silent, Trial::Silent(told) if told.contains("another issuer")), "{silent:?}");
    provided.script.lock().unwrap().discovery["jwks_uri"] =
        json!(format!("{}/.well-known/openid-configuration", provided.issuer));
    let keyless = tried(provided.provider()).await;
    assert!(matches!(&keyless, Trial::NoKeys(_)), "{keyless:?}");
}

#[tokio::test]
async fn a_provider_that_does_not_take_us_is_no_guess_of_whoever_came() {
    let provided = Provided::new().await;
    let oidc =
        Provided::client(Provider { client_secret: Some(Secret::new("other".into()).into()), ..provided.provider() });
    let work = async {
        let browser = begun(&provided, &oidc, Sign::Rs256, "rsa", |_| {}).await;
        let refused = async |code: &str| oidc.finish(&browser.headers, &browser.returned(code)).await.err().unwrap();
        let ours = refused(&format!("code={CODE}")).await;
        assert!(ours.to_string().ends_with("status 401, invalid_client"), "{ours}");
        assert_eq!((ours.is_counted(), ours.is_of_stranger()), (false, false));
    };
    provided.beside(work).await;
    let told = |error: OidcError| (error.is_counted(), error.is_of_stranger());
    assert_eq!(told(OidcError::Code("status 400, invalid_grant".into())), (true, true));
    assert_eq!(told(TokenError::Nonce.into()), (true, true));
    for of_a_person in [TokenError::Name("email".into()), TokenError::Unverified] {
        assert_eq!(told(of_a_person.into()), (false, true));
    }
    let of_its_key = [TokenError::Form, TokenError::Critical, TokenError::Key, TokenError::Unnamed];
    for of_the_provider in of_its_key.into_iter().chain([TokenError::Claims("aud".into()), TokenError::Time]) {
        assert_eq!(told(of_the_provider.into()), (false, false));
    }
}
