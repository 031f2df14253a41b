//! Tokens that Google signs for Pub/Sub's push (cloud.google.com, "Authentication for push subscriptions").
//!
//! RS256 only; issuer, audience, expiry and the verified mail address of one service account have to be right. A key is
//! only ever taken from the configured set, never from the token.

use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;

use crate::ambient::Ambient;
use crate::config::source::{KeySet, TokenRules};
use crate::jwt::{self, Wanted};
use crate::outbound;

/// How far clocks may differ, in seconds.
const LEEWAY: i64 = 60;

/// The key set of one source, fetched when it is needed. Who waits for it holds up no other source.
pub(super) struct Keys {
    ambient: Ambient,
    keys: jwt::Keys,
}

#[derive(Deserialize)]
struct Claims {
    email: Option<String>,
    email_verified: Option<bool>,
    exp: i64,
    #[serde(default)]
    nbf: Option<i64>,
    #[serde(default)]
    iat: Option<i64>,
}

/// What a token says of itself before anybody vouches for it.
#[derive(Deserialize)]
struct Claimed {
    email: Option<String>,
}

impl Keys {
    /// No key is known yet. Without a client only given sets can be used.
    pub(super) fn new(ambient: Ambient, client: Option<outbound::Client>) -> Self {
        Self { keys: jwt::Keys::new(ambient.clone(), client), ambient }
    }

    /// Whether the token vouches for its sender.
    pub(super) async fn vouch(&self, token: &str, rules: &TokenRules) -> bool {
        let Ok(header) = jsonwebtoken::decode_header(token) else { return false };
        // What would have to be understood (crit) is not.
        let (Algorithm::RS256, Some(kid), None) = (header.alg, header.kid, header.crit) else { return false };
        // Nobody who does not know the account makes us fetch anything.
        let claimed = jsonwebtoken::dangerous::insecure_decode_claims::<Claimed>(token);
        if !claimed.is_ok_and(|claimed| claimed.email.as_ref() == Some(&rules.email)) {
            return false;
        }
        let Some(key) = self.key(&kid, rules).await else { return false };
        let mut rule = Validation::new(Algorithm::RS256);
        // The clock is an argument here, so the times are judged below.
        rule.validate_exp = false;
        rule.set_audience(&[&rules.audience]);
        rule.set_issuer(&rules.issuers);
        rule.set_required_spec_claims(&["exp", "aud", "iss"]);
        let Ok(token) = jsonwebtoken::decode::<Claims>(token, &key, &rule) else { return false };
        let (claims, now) = (token.claims, self.ambient.now().timestamp());
        let begun = [claims.nbf, claims.iat].into_iter().flatten().all(|at| at <= now.saturating_add(LEEWAY));
        let account = claims.email.is_some_and(|email| email == rules.email) && claims.email_verified == Some(true);
        begun && now < claims.exp.saturating_add(LEEWAY) && account
    }

    async fn key(&self, kid: &str, rules: &TokenRules) -> Option<DecodingKey> {
        let wanted = Wanted { kid: Some(kid), algorithm: Algorithm::RS256 };
        match &rules.keys {
            KeySet::Given(text) => jwt::Keys::given(text, wanted),
            KeySet::At(url) => self.keys.at(url, wanted).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Duration;

    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
    use chrono::{DateTime, Utc};
    use ring::signature::{RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RsaKeyPair};
    use serde_json::{Value, json};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;
    use crate::ambient::Clock;

    /// A key made for these tests, in PKCS #1 DER. It opens nothing.
    const KEY: &str = include_str!("../../tests/oidc-test-key.b64");
    const MODULUS: &str = "qVu1QMOFpOZ-tnEmU2BdivnXbRKakjWc1SrlHGwVYIhbgSTwhrmEqkY3Gj88o008MzjivuSqNfexHQ5XfvdgA4eSmS4iM2xvagJ-uTAewxamzG-ss9GxEBL43uYrPvugO2ICo-n---oPNYX_UWEhMJEtIk5dofte9K68GBbuujn9yGdQQh5lK5yO7uAGByrVd_lICjtKSp4Gh24fk5ty97YeGfFrReNK6h131QIiQO1A5ccbBIS-IOnozRTfQE4spN_R9_MgxPzU3jrYfap80RPFIBT1xK2nCO9TGf_yyRwWFj1f56Su-OVA9rhu0To-mc7qxA1MQ_HS-fBSkYQcVQ";
    const NOW: i64 = 1_767_225_600;

    struct At(i64);

    impl Clock for At {
        fn now(&self) -> DateTime<Utc> {
            DateTime::from_timestamp(self.0, 0).unwrap()
        }
        fn monotonic(&self) -> Duration {
            Duration::ZERO
        }
    }

    fn rules(kid: &str) -> TokenRules {
        let keys =
            json!({"keys": [{"kty": "RSA", "alg": "RS256", "use": "sig", "kid": kid, "n": MODULUS, "e": "AQAB"}]});
        TokenRules {
            audience: "https://iw.example.com/webhooks/gar".into(),
            email: "pusher@project.iam.gserviceaccount.com".into(),
            issuers: crate::config::source::GOOGLE_ISSUERS.map(str::to_owned).to_vec(),
            keys: KeySet::Given(keys.to_string()),
        }
    }

    fn claims() -> Value {
        json!({"iss": "https://accounts.google.com", "aud": "https://iw.example.com/webhooks/gar", "iat": NOW - 10,
            "exp": NOW + 3600, "email": "pusher@project.iam.gserviceaccount.com", "email_verified": true})
    }

    fn token(algorithm: Algorithm, kid: &str, claims: &Value) -> String {
        let header = json!({"typ": "JWT", "alg": algorithm, "kid": kid});
        let [header, claims] = [header.to_string(), claims.to_string()].map(|part| URL_SAFE_NO_PAD.encode(part));
        let message = format!("{header}.{claims}");
        let signature = URL_SAFE_NO_PAD.encode(signature(algorithm, message.as_bytes()));
        format!("{message}.{signature}")
    }

    fn signature(algorithm: Algorithm, message: &[u8]) -> Vec<u8> {
        let padding = match algorithm {
            Algorithm::RS256 => &RSA_PKCS1_SHA256,
            Algorithm::RS384 => &RSA_PKCS1_SHA384,
            _ => {
                let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, MODULUS.as_bytes());
                return ring::hmac::sign(&key, message).as_ref().to_vec();
            }
        };
        let key = RsaKeyPair::from_der(&STANDARD.decode(KEY.trim()).unwrap()).unwrap();
        let mut signature = vec![0; key.public().modulus_len()];
        key.sign(padding, &ring::rand::SystemRandom::new(), message, &mut signature).unwrap();
        signature
    }

    fn vouched(token: &str, rules: &TokenRules) -> bool {
        let keys = Keys::new(Ambient::system().at(Arc::new(At(NOW))), None);
        futures_util::FutureExt::now_or_never(keys.vouch(token, rules)).unwrap()
    }

    #[test]
    fn every_claim_has_to_be_right() {
        let right = token(Algorithm::RS256, "k1", &claims());
        assert!(vouched(&right, &rules("k1")));
        let wrong = [
            ("iss", json!("https://accounts.example.com")),
            ("iss", Value::Null),
            ("aud", json!("https://other.example.com")),
            ("aud", Value::Null),
            ("exp", json!(NOW - 61)),
            ("exp", Value::Null),
            ("iat", json!(NOW + 120)),
            ("nbf", json!(NOW + 120)),
            ("email", json!("somebody@project.iam.gserviceaccount.com")),
            ("email", Value::Null),
            ("email_verified", json!(false)),
            ("email_verified", Value::Null),
        ];
        for (name, value) in wrong {
            let mut claims = claims();
            claims[name] = value.clone();
            assert!(!vouched(&token(Algorithm::RS256, "k1", &claims), &rules("k1")), "{name} {value}");
        }
        let second = json!("accounts.google.com");
        let mut other = claims();
        other["iss"] = second;
        assert!(vouched(&token(Algorithm::RS256, "k1", &other), &rules("k1")), "Google writes its name in two ways");
    }

    #[test]
    fn only_a_known_key_and_one_algorithm_count() {
        let right = token(Algorithm::RS256, "k1", &claims());
        assert!(!vouched(&right, &rules("k2")), "an unknown key");
        assert!(!vouched(&token(Algorithm::RS384, "k1", &claims()), &rules("k1")));
        assert!(!vouched(&token(Algorithm::HS256, "k1", &claims()), &rules("k1")), "signed with what is public");
        let (head, signature) = right.rsplit_once('.').unwrap();
        let (header, body) = head.split_once('.').unwrap();
        let none = URL_SAFE_NO_PAD.encode(r#"{"alg":"none","kid":"k1"}"#);
        for forged in [
            format!("{none}.{body}."),
            format!("{header}.{body}."),
            format!("{header}.{body}.{}", signature.replace(char::is_numeric, "A")),
            String::new(),
            "a.b.c".into(),
        ] {
            assert!(!vouched(&forged, &rules("k1")), "{forged}");
        }
        let unreachable = TokenRules { keys: KeySet::At("https://keys.example.com/".parse().unwrap()), ..rules("k1") };
        assert!(!vouched(&right, &unreachable), "no keys, no trust");
    }

    /// A clock whose monotonic time is set.
    struct Moving(AtomicU64);

    impl Clock for Moving {
        fn now(&self) -> DateTime<Utc> {
            DateTime::from_timestamp(NOW, 0).unwrap()
        }
        fn monotonic(&self) -> Duration {
            Duration::from_secs(self.0.load(Ordering::Relaxed))
        }
    }

    /// Answers each connection with an error; counts them.
    async fn failing(listener: tokio::net::TcpListener, asked: &AtomicU64) {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            asked.fetch_add(1, Ordering::Relaxed);
            assert!(stream.read(&mut [0; 1024]).await.unwrap() > 0);
            let answer = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
            stream.write_all(answer).await.unwrap();
        }
    }

    #[tokio::test]
    async fn keys_that_do_not_come_are_asked_for_once_a_minute_and_told_once() {
        let log = crate::telemetry::tests::Log::begin();
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
        let rules = TokenRules { keys: KeySet::At(url), ..rules("k1") };
        let (clock, asked) = (Arc::new(Moving(AtomicU64::new(0))), AtomicU64::new(0));
        let client = outbound::Outbound::new(None).unwrap().client(outbound::Reach::Named).unwrap();
        let keys = Keys::new(Ambient::system().at(Arc::clone(&clock) as Arc<dyn Clock>), Some(client));
        let mut strange = claims();
        strange["email"] = json!("somebody@project.iam.gserviceaccount.com");
        let (right, strange) = (token(Algorithm::RS256, "k1", &claims()), token(Algorithm::RS256, "k1", &strange));
        let asking = async {
            assert!(!keys.vouch(&strange, &rules).await);
            assert_eq!(asked.load(Ordering::Relaxed), 0, "for a token of another account nothing is fetched");
            let vouched = futures_util::future::join_all((0..200).map(|_| keys.vouch(&right, &rules))).await;
            assert!(vouched.iter().all(|vouched| !vouched));
            assert_eq!(asked.load(Ordering::Relaxed), 1);
            clock.0.store(61, Ordering::Relaxed);
            assert!(!keys.vouch(&right, &rules).await && !keys.vouch(&right, &rules).await);
            assert_eq!(asked.load(Ordering::Relaxed), 2, "a minute later once more");
        };
        tokio::select! {
            () = failing(listener, &asked) => unreachable!(),
            () = asking => {}
        }
        let told = log.lines();
        assert_eq!(told.iter().filter(|line| line.contains("can't be fetched")).count(), 1, "{told:?}");
    }
}
