//! Whether a request is Slack's (docs.slack.dev, "Verifying requests from Slack"): signed over the bytes as they came, and
//! a few minutes old at most.

use actix_web::http::header::HeaderMap;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::domain::secret::Secret;
use crate::listener::{single, unhex};

/// How far its time may be from ours, either way.
const TOLERANCE: u64 = 300;

/// What a request says of itself before its body is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    time: String,
    mac: [u8; 32],
}

impl Stamp {
    /// Reads the headers; `None` where they can't be those of a request that Slack sent around `now`, in seconds.
    pub(super) fn read(headers: &HeaderMap, now: i64) -> Option<Self> {
        let time = single(headers, "X-Slack-Request-Timestamp")?;
        let is_number = (1..=12).contains(&time.len()) && time.bytes().all(|b| b.is_ascii_digit());
        let is_near = is_number && time.parse::<i64>().is_ok_and(|time| now.abs_diff(time) <= TOLERANCE);
        let mac = unhex(single(headers, "X-Slack-Signature")?.strip_prefix("v0=")?, 32)?.try_into().ok()?;
        is_near.then(|| Self { time: time.to_owned(), mac })
    }

    /// Whether it signs this body.
    pub(super) fn signs(&self, body: &[u8], secret: &Secret) -> bool {
        let Ok(mac) = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()) else { return false };
        let mac = mac.chain_update(b"v0:").chain_update(&self.time).chain_update(b":").chain_update(body);
        mac.verify_slice(&self.mac).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};
    use proptest::prelude::*;

    use super::*;

    /// Of Slack's documentation.
    const SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";
    const TIME: &str = "1531420618";
    const SIGNATURE: &str = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503";
    const BODY: &str = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in pairs {
            map.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
        }
        map
    }

    fn passes(time: &str, signature: &str, body: &[u8], now: i64) -> bool {
        let headers = headers(&[("x-slack-request-timestamp", time), ("x-slack-signature", signature)]);
        Stamp::read(&headers, now).is_some_and(|stamp| stamp.signs(body, &Secret::new(SECRET.into())))
    }

    #[test]
    fn what_slack_signed_passes_within_five_minutes_either_way() {
        let sent = 1_531_420_618;
        for (apart, is_near) in [(0, true), (300, true), (-300, true), (301, false), (-301, false)] {
            assert_eq!(passes(TIME, SIGNATURE, BODY.as_bytes(), sent + apart), is_near, "{apart}");
        }
    }

    /// Row 21 of the design's table.
    #[test]
    fn nothing_else_does() {
        let now = 1_531_420_618;
        let hex = SIGNATURE.trim_start_matches("v0=");
        let upper = format!("v0={}", hex.to_uppercase());
        for signature in ["", "v0=", hex, &format!("V0={hex}"), &upper, &format!("{SIGNATURE}0"), &SIGNATURE[..66]] {
            assert!(!passes(TIME, signature, BODY.as_bytes(), now), "{signature}");
        }
        for time in
            ["", "abc", "+1531420618", " 1531420618", "99999999999999999999", "-9223372036854775808", "1531420618.0"]
        {
            assert!(!passes(time, SIGNATURE, BODY.as_bytes(), now), "{time}");
        }
        let pairs = [("x-slack-request-timestamp", TIME), ("x-slack-signature", SIGNATURE)];
        assert!(Stamp::read(&headers(&pairs), now).is_some());
        for missing in pairs {
            assert_eq!(Stamp::read(&headers(&[missing]), now), None, "{missing:?}");
        }
        for twice in pairs {
            assert_eq!(Stamp::read(&headers(&[pairs[0], pairs[1], twice]), now), None, "{twice:?}");
        }
        assert_eq!(Stamp::read(&headers(&pairs), i64::MIN), None);
    }

    #[test]
    fn the_vectors_of_the_corpus_pass() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus/notify/notify-vectors.json");
        let Ok(text) = std::fs::read_to_string(&path) else {
            eprintln!("skipped: there is no {}", path.display());
            return;
        };
        let corpus: serde_json::Value = serde_json::from_str(&text).unwrap();
        let vectors = corpus["slack_v0"].as_array().unwrap();
        assert!(!vectors.is_empty());
        for vector in vectors {
            let part = |name: &str| vector[name].as_str().unwrap();
            let (time, body) = (part("timestamp"), part("body").as_bytes());
            assert_eq!(part("signing_secret"), SECRET);
            assert!(passes(time, part("signature"), body, time.parse().unwrap()), "{}", part("name"));
        }
    }

    proptest! {
        #[test]
        fn a_byte_more_or_other_is_another_body(at in 0..BODY.len(), byte: u8) {
            let mut body = BODY.as_bytes().to_vec();
            let is_same = body[at] == byte;
            body[at] = byte;
            prop_assert_eq!(passes(TIME, SIGNATURE, &body, 1_531_420_618), is_same);
            body.insert(at, byte);
            prop_assert!(!passes(TIME, SIGNATURE, &body, 1_531_420_618));
        }

        #[test]
        fn no_header_panics(time in "\\PC{0,30}", signature in "(v0=)?[ -~]{0,80}", now: i64) {
            if let Ok(value) = HeaderValue::from_str(&time) {
                let mut all = headers(&[("x-slack-signature", &signature)]);
                all.append(HeaderName::from_static("x-slack-request-timestamp"), value);
                prop_assert_eq!(Stamp::read(&all, now), None);
            }
        }
    }
}
