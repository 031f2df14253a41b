//! An `OpenID` provider that signs whatever it is told to say, for what a real one never would.

use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::hmac;
use ring::rand::SystemRandom;
use ring::rsa::PublicKeyComponents;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use serde_json::{Value, json};

use super::serve::{Answer, Received, Server};

/// A key made for tests, in PKCS #1 DER. It opens nothing.
const KEY: &str = include_str!("../../oidc-test-key.b64");

/// How a token is signed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Sign {
    Rs256,
    /// Of another text, so that it is no signature of this one.
    Other,
    /// With the public key as a password.
    Hs256,
    None,
}

type Script = Arc<Mutex<(Sign, Value)>>;

/// A running one.
pub(crate) struct Forger {
    server: Server,
    script: Script,
}

impl Forger {
    pub(crate) fn start() -> Self {
        let script: Script = Arc::new(Mutex::new((Sign::None, json!({}))));
        let told = Arc::clone(&script);
        let key = Arc::new(RsaKeyPair::from_der(&STANDARD.decode(KEY.trim()).expect("base64")).expect("a key"));
        let handler = move |asked: Received| {
            let answer = answer(&asked, &key, &told.lock().expect("a script"));
            Box::pin(std::future::ready(answer)) as std::pin::Pin<Box<dyn Future<Output = Answer>>>
        };
        Self { server: Server::start(Arc::new(handler)), script }
    }

    /// What it calls itself.
    pub(crate) fn issuer(&self) -> String {
        self.server.url("")
    }

    /// What is right to say of alice.
    pub(crate) fn claims(&self, client: &str, nonce: &str) -> Value {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_secs();
        json!({"iss": self.issuer(), "aud": client, "sub": "1", "iat": now, "exp": now + 300, "nonce": nonce,
            "email": "alice@example.com", "email_verified": true, "groups": ["sre"]})
    }

    /// What it says from now on, to whatever code.
    pub(crate) fn says(&self, sign: Sign, claims: Value) {
        *self.script.lock().expect("a script") = (sign, claims);
    }
}

fn answer(asked: &Received, key: &RsaKeyPair, (sign, claims): &(Sign, Value)) -> Answer {
    let PublicKeyComponents::<Vec<u8>> { n, e } = PublicKeyComponents::from(key.public());
    let issuer = format!("http://{}", asked.header("host").unwrap_or_default());
    let body = match asked.path.as_str() {
        "/.well-known/openid-configuration" => json!({
            "issuer": issuer, "authorization_endpoint": format!("{issuer}/authorize"),
            "token_endpoint": format!("{issuer}/token"), "jwks_uri": format!("{issuer}/keys"),
        }),
        "/keys" => {
            let [n, e] = [&n, &e].map(|bytes| URL_SAFE_NO_PAD.encode(bytes));
            json!({"keys": [{"kty": "RSA", "use": "sig", "kid": "rsa", "n": n, "e": e}]})
        }
        _ => json!({"access_token": "opaque", "token_type": "Bearer", "id_token": token(*sign, claims, key, &n)}),
    };
    Answer::status(200).header("Content-Type", "application/json").body(body.to_string())
}

fn token(sign: Sign, claims: &Value, key: &RsaKeyPair, public: &[u8]) -> String {
    let alg = match sign {
        Sign::Rs256 | Sign::Other => "RS256",
        Sign::Hs256 => "HS256",
        Sign::None => "none",
    };
    let parts = [json!({"alg": alg, "typ": "JWT", "kid": "rsa"}), claims.clone()];
    let text = parts.map(|part| URL_SAFE_NO_PAD.encode(part.to_string())).join(".");
    let rsa = |text: &str| {
        let mut signature = vec![0; key.public().modulus_len()];
        key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature).expect("a signature");
        signature
    };
    let signature = match sign {
        Sign::Rs256 => rsa(&text),
        Sign::Other => rsa("something else"),
        Sign::Hs256 => hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, public), text.as_bytes()).as_ref().to_vec(),
        Sign::None => Vec::new(),
    };
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
}
