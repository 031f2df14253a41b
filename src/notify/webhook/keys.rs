//! The keys that sign events, and the signatures of Standard Webhooks: `v1` of a secret that the receiver has too, `v1a` of
//! a key of which the receiver has the public half.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac};
use ring::signature::Ed25519KeyPair;
use sha2::Sha256;
use zeroize::Zeroizing;

/// Why a secret can't be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// It begins with neither `whsec_` nor `whsk_`, or is no base64.
    #[error(
        "whsec_ and 24 to 64 bytes in base64, or whsk_ and the 64 bytes of an ed25519 key are expected; several, for \
         rotation, are separated by a space"
    )]
    Form,
    /// Too few bytes to be safe, or more than the specification allows.
    #[error("a secret has 24 to 64 bytes, this one {0}")]
    Length(usize),
    /// An ed25519 key without its public half, or with that of another.
    #[error("after whsk_ 64 bytes are expected, the seed of an ed25519 key and its public key, in base64")]
    KeyPair,
}

/// One key.
#[derive(Clone)]
enum Key {
    Shared(Zeroizing<Vec<u8>>),
    /// Seed and public key.
    Pair(Zeroizing<Vec<u8>>),
}

/// The keys that sign: the current one first, then those that are on their way out.
#[derive(Clone)]
pub struct WebhookSecrets(Vec<Key>);

impl std::fmt::Debug for WebhookSecrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "WebhookSecrets({})", self.0.len())
    }
}

impl Key {
    fn read(text: &str) -> Result<Self, SecretError> {
        let decoded = |encoded| STANDARD.decode(encoded).map(Zeroizing::new).map_err(|_| SecretError::Form);
        if let Some(encoded) = text.strip_prefix("whsk_") {
            let bytes = decoded(encoded)?;
            return if pair(&bytes).is_some() { Ok(Self::Pair(bytes)) } else { Err(SecretError::KeyPair) };
        }
        let bytes = decoded(text.strip_prefix("whsec_").ok_or(SecretError::Form)?)?;
        if (24..=64).contains(&bytes.len()) { Ok(Self::Shared(bytes)) } else { Err(SecretError::Length(bytes.len())) }
    }

    fn sign(&self, parts: [&[u8]; 2]) -> Option<String> {
        match self {
            Self::Shared(key) => {
                let mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
                let mac = parts.into_iter().fold(mac, Mac::chain_update);
                Some(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
            }
            Self::Pair(bytes) => Some(format!("v1a,{}", STANDARD.encode(pair(bytes)?.sign(&parts.concat())))),
        }
    }
}

fn pair(bytes: &[u8]) -> Option<Ed25519KeyPair> {
    let (seed, public) = bytes.split_at_checked(32)?;
    Ed25519KeyPair::from_seed_and_public_key(seed, public).ok()
}

impl WebhookSecrets {
    /// Reads `whsec_<base64>` and `whsk_<base64>`, one or several.
    ///
    /// # Errors
    /// [`SecretError`] for anything else.
    pub fn parse(text: &str) -> Result<Self, SecretError> {
        let all = text.split([' ', ',', '\n', '\r']).filter(|one| !one.is_empty());
        let keys: Vec<Key> = all.map(Key::read).collect::<Result<_, _>>()?;
        if keys.is_empty() { Err(SecretError::Form) } else { Ok(Self(keys)) }
    }

    /// The header `webhook-signature`: one signature for each key, separated by spaces.
    #[must_use]
    pub fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        let head = format!("{id}.{timestamp}.");
        self.0.iter().filter_map(|key| key.sign([head.as_bytes(), body])).collect::<Vec<_>>().join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CURRENT: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    const OLD: &str = "whsec_ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=";
    const PAIR: &str = "whsk_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8DoQe/884Qvh1w3RjnS8CZZ+TWMJulDV8d3IZkElUxuA==";

    #[test]
    fn signatures_are_those_of_the_specification() {
        let cases = [
            (
                "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
                "msg_p5jXN8AQM9LWM0D4loKWxJek",
                1_614_265_330,
                r#"{"test": 2432232314}"#,
                "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
            ),
            (
                "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
                "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk",
                1_649_367_553,
                r#"{"email":"test@example.com","username":"test_user"}"#,
                "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=",
            ),
            (
                CURRENT,
                "msg_utf8",
                1_735_787_045,
                r#"{"type":"update.available","data":{"note":"é — 🚀"}}"#,
                "v1,0+VDO4+MwxCpge90maf17/YiratiT0ahXppDUF3NbIU=",
            ),
            (CURRENT, "msg_empty", 1_735_787_045, "", "v1,qAqWPvtnld1EGk6fkScQ86gLyeolBIOHzP4iFnQ+MN8="),
            (
                "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==",
                "msg_p5jXN8AQM9LWM0D4loKWxJek",
                1_614_265_330,
                r#"{"test": 2432232314}"#,
                "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg==",
            ),
            (
                PAIR,
                "msg_01JGJ0EXAMPLE000000000000",
                1_735_787_045,
                concat!(
                    r#"{"type":"update.available","timestamp":"2025-01-02T03:04:05Z","data":{"workload":{"#,
                    r#""kind":"Deployment","namespace":"prod","name":"web"},"from":{"tag":"1.2.3"},"to":{"tag":"1.3.0"}}}"#
                ),
                "v1a,uf6u6u/09Yjj9PijhSJ925FtFfCWNFXuyUNpRHKLpsmPNfq2dBNlWWdkUm+X9AlY1e1AbRmjGn3ArjLKRfgyBw==",
            ),
        ];
        for (secret, id, timestamp, body, expected) in cases {
            assert_eq!(WebhookSecrets::parse(secret).unwrap().sign(id, timestamp, body.as_bytes()), expected, "{id}");
        }
    }

    /// Where the collection of vectors is there; those above are some of them.
    #[test]
    fn signatures_are_those_of_the_collection() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/corpus/notify/notify-vectors.json");
        let Ok(text) = std::fs::read_to_string(path) else {
            eprintln!("skipped: the collection of vectors is not here");
            return;
        };
        let all: serde_json::Value = serde_json::from_str(&text).unwrap();
        let mut count = 0;
        for (list, secrets, signature) in [
            ("standard_webhooks_v1", &["secret"][..], "signature"),
            ("standard_webhooks_v1a", &["secret_key"], "signature"),
            ("rotation", &["new_secret", "old_secret"], "header"),
        ] {
            for case in all[list].as_array().unwrap() {
                let keys = secrets.iter().map(|name| case[name].as_str().unwrap()).collect::<Vec<_>>().join(" ");
                let (id, body) = (case["id"].as_str().unwrap(), case["payload"].as_str().unwrap());
                let made = WebhookSecrets::parse(&keys).unwrap().sign(
                    id,
                    case["timestamp"].as_i64().unwrap(),
                    body.as_bytes(),
                );
                assert_eq!(made, case[signature].as_str().unwrap(), "{list}: {id}");
                count += 1;
            }
        }
        assert!(count >= 9, "{count}");
    }

    #[test]
    fn a_rotated_secret_signs_beside_the_new_one() {
        let alone = |secret: &str| WebhookSecrets::parse(secret).unwrap().sign("msg_1", 1, b"x");
        let all = WebhookSecrets::parse(&format!("{CURRENT} {OLD}\n{PAIR}")).unwrap();
        assert_eq!(all.sign("msg_1", 1, b"x"), format!("{} {} {}", alone(CURRENT), alone(OLD), alone(PAIR)));
        assert!(alone(PAIR).starts_with("v1a,"));
    }

    /// Row 16 of the design's table.
    #[test]
    fn secrets_that_are_none_are_refused() {
        for (bad, expected) in [
            ("whsec_", SecretError::Length(0)),
            ("whsec_MTIzNDU2Nzg5MA==", SecretError::Length(10)),
            ("whsec_%%%", SecretError::Form),
            ("whsk_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", SecretError::KeyPair),
            ("whsk_", SecretError::KeyPair),
            ("whpk_A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=", SecretError::Form),
            ("", SecretError::Form),
        ] {
            assert_eq!(WebhookSecrets::parse(bad).unwrap_err(), expected, "{bad}");
        }
        let long = format!("whsec_{}", STANDARD.encode([1; 65]));
        assert_eq!(WebhookSecrets::parse(&long).unwrap_err(), SecretError::Length(65));
        let other = format!("whsk_{}", STANDARD.encode([7; 64]));
        assert_eq!(WebhookSecrets::parse(&other).unwrap_err(), SecretError::KeyPair, "halves of two keys");
    }
}
