//! What stands in a pull secret, read as Go reads it: names in any letter case, `null` for nothing, and a wrong type
//! anywhere spoils all of it.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::{Map, Value};

use crate::domain::secret::Secret;

/// The two forms of pull secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `kubernetes.io/dockerconfigjson`
    DockerConfigJson,
    /// `kubernetes.io/dockercfg`, the map that is the inner part of the other.
    DockerCfg,
}

/// Why a secret can't be read, and with it none of the pod's. Nothing of its values is told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// Not JSON.
    #[error("it is not JSON")]
    NotJson,
    /// Something is of another type than it has to be.
    #[error("{0} is not {1}")]
    Type(String, &'static str),
    /// An `auth` is not base64.
    #[error("the auth of {0} is not base64")]
    NotBase64(String),
    /// An `auth` has no colon between name and password.
    #[error("the auth of {0} is not user:password in base64")]
    NoColon(String),
}

/// Who an entry is for.
#[derive(Debug)]
pub(super) struct User {
    pub(super) name: Box<str>,
    pub(super) password: Secret,
}

impl Format {
    /// The form of a secret of this type.
    #[must_use]
    pub fn of(kind: &str) -> Option<Self> {
        match kind {
            "kubernetes.io/dockerconfigjson" => Some(Self::DockerConfigJson),
            "kubernetes.io/dockercfg" => Some(Self::DockerCfg),
            _ => None,
        }
    }

    /// The key of the secret's data that counts.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::DockerConfigJson => ".dockerconfigjson",
            Self::DockerCfg => ".dockercfg",
        }
    }
}

/// Users by key.
pub(super) fn read(format: Format, value: &[u8]) -> Result<BTreeMap<String, User>, Broken> {
    // Bytes that are no text are replaced, as Go does.
    let value: Value = serde_json::from_str(&String::from_utf8_lossy(value)).map_err(|_| Broken::NotJson)?;
    let auths = match (format, value) {
        (Format::DockerCfg, value) => object(value, format.key())?,
        (Format::DockerConfigJson, value) => {
            let mut config = object(value, format.key())?;
            let headers = object(take(&mut config, "HttpHeaders"), "HttpHeaders")?;
            headers.into_iter().try_for_each(|(name, value)| text(value, &quoted(&name)).map(drop))?;
            object(take(&mut config, "auths"), "auths")?
        }
    };
    auths
        .into_iter()
        .map(|(key, entry)| Ok((user(&key, entry)?, key)))
        .map(|read| read.map(|(user, key)| (key, user)))
        .collect()
}

fn user(key: &str, entry: Value) -> Result<User, Broken> {
    let shown = quoted(key);
    let mut entry = object(entry, &shown)?;
    let mut field = |name: &str| text(take(&mut entry, name), &format!("the {name} of {shown}"));
    let (name, password, _, auth) = (field("username")?, field("password")?, field("email")?, field("auth")?);
    if auth.is_empty() {
        return Ok(User { name: name.into(), password: Secret::new(password) });
    }
    let decoded = decode(&auth).ok_or_else(|| Broken::NotBase64(shown.clone()))?;
    let decoded = String::from_utf8_lossy(&decoded);
    let (name, password) = decoded.split_once(':').ok_or(Broken::NoColon(shown))?;
    Ok(User { name: name.into(), password: Secret::new(password.to_owned()) })
}

/// Base64 that has all of its padding if it has any, with lines broken anywhere.
fn decode(auth: &str) -> Option<Vec<u8>> {
    let is_padded = auth.trim().ends_with('=');
    let padding = if is_padded { DecodePaddingMode::RequireCanonical } else { DecodePaddingMode::RequireNone };
    let config = GeneralPurposeConfig::new().with_decode_padding_mode(padding).with_decode_allow_trailing_bits(true);
    GeneralPurpose::new(&STANDARD, config).decode(auth.replace(['\r', '\n'], "")).ok()
}

/// Takes a field by its name, in any letter case.
fn take(of: &mut Map<String, Value>, name: &str) -> Value {
    let key = of.keys().rfind(|key| key.eq_ignore_ascii_case(name)).cloned();
    key.and_then(|key| of.remove(&key)).unwrap_or_default()
}

fn object(value: Value, what: &str) -> Result<Map<String, Value>, Broken> {
    match value {
        Value::Object(object) => Ok(object),
        Value::Null => Ok(Map::new()),
        _ => Err(Broken::Type(what.to_owned(), "an object")),
    }
}

fn text(value: Value, what: &str) -> Result<String, Broken> {
    match value {
        Value::String(text) => Ok(text),
        Value::Null => Ok(String::new()),
        _ => Err(Broken::Type(what.to_owned(), "a text")),
    }
}

/// A key for people: strangers write it.
fn quoted(key: &str) -> String {
    format!("{:?}", key.chars().take(80).collect::<String>())
}
