//! What stands in a pull secret, read as Go reads it: names in any letter case, `null` for nothing, and a wrong type
//! anywhere spoils all of it. What nobody asks for is passed over, whatever it is.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::address::Address;
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
    let text = String::from_utf8_lossy(value);
    let part = if format == Format::DockerCfg { Part::Entries } else { Part::Config };
    let mut json = serde_json::Deserializer::from_str(&text);
    let read = part.deserialize(&mut json).and_then(|read| json.end().map(|()| read)).map_err(|_| Broken::NotJson)?;
    let mut auths = BTreeMap::new();
    match format {
        Format::DockerCfg => auths.extend(object(read, format.key())?),
        Format::DockerConfigJson => {
            for (name, value) in object(read, format.key())? {
                if name.eq_ignore_ascii_case(AUTHS) {
                    put(&mut auths, value)?;
                } else {
                    let headers = object(value, HEADERS)?;
                    headers.into_iter().try_for_each(|(name, value)| self::text(value, &quoted(&name)).map(drop))?;
                }
            }
        }
    }
    auths
        .into_iter()
        .map(|(key, entry)| Ok((user(&key, entry)?, key)))
        .map(|it| it.map(|(user, key)| (key, user)))
        .collect()
}

/// The same name written twice, in any letter case, is one map, which `null` empties.
fn put(auths: &mut BTreeMap<String, Json>, value: Json) -> Result<(), Broken> {
    if matches!(value, Json::Null) {
        auths.clear();
    }
    auths.extend(object(value, AUTHS)?);
    Ok(())
}

fn user(key: &str, entry: Json) -> Result<User, Broken> {
    let shown = shown(key);
    let mut fields = FIELDS.map(|name| (name, String::new()));
    for (given, value) in object(entry, &shown)? {
        let Some((name, field)) = fields.iter_mut().find(|(name, _)| given.eq_ignore_ascii_case(name)) else {
            continue;
        };
        if !matches!(value, Json::Null) {
            *field = text(value, &format!("the {name} of {shown}"))?;
        }
    }
    let [(_, name), (_, password), _, (_, auth)] = fields;
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

const AUTHS: &str = "auths";
const HEADERS: &str = "HttpHeaders";
const FIELDS: [&str; 4] = ["username", "password", "email", "auth"];

/// JSON, as far as it is looked at.
enum Json {
    Null,
    Text(String),
    /// In the order in which it is written.
    Object(Vec<(String, Json)>),
    Other,
}

/// Which part of a secret it is.
#[derive(Clone, Copy)]
enum Part {
    Config,
    Entries,
    Entry,
    Headers,
    Text,
}

impl Part {
    /// What stands in it under a name, where that is looked at.
    fn under(self, name: &str) -> Option<Self> {
        match self {
            Self::Config if name.eq_ignore_ascii_case(AUTHS) => Some(Self::Entries),
            Self::Config if name.eq_ignore_ascii_case(HEADERS) => Some(Self::Headers),
            Self::Entries => Some(Self::Entry),
            Self::Entry if FIELDS.iter().any(|field| name.eq_ignore_ascii_case(field)) => Some(Self::Text),
            Self::Headers => Some(Self::Text),
            Self::Config | Self::Entry | Self::Text => None,
        }
    }
}

impl<'de> DeserializeSeed<'de> for Part {
    type Value = Json;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Part {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_str<E>(self, text: &str) -> Result<Json, E> {
        Ok(Json::Text(text.to_owned()))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Json, E> {
        Ok(Json::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Json, E> {
        Ok(Json::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Json, E> {
        Ok(Json::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Json, E> {
        Ok(Json::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Json::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Json, A::Error> {
        let mut object = Vec::new();
        while let Some(name) = entries.next_key::<String>()? {
            match self.under(&name) {
                Some(part) => object.push((name, entries.next_value_seed(part)?)),
                None => {
                    entries.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(Json::Object(object))
    }
}

fn object(value: Json, what: &str) -> Result<Vec<(String, Json)>, Broken> {
    match value {
        Json::Object(object) => Ok(object),
        Json::Null => Ok(Vec::new()),
        Json::Text(_) | Json::Other => Err(Broken::Type(what.to_owned(), "an object")),
    }
}

fn text(value: Json, what: &str) -> Result<String, Broken> {
    match value {
        Json::Text(text) => Ok(text),
        Json::Null => Ok(String::new()),
        Json::Object(_) | Json::Other => Err(Broken::Type(what.to_owned(), "a text")),
    }
}

/// A key for people: its address alone, as it may hold a name and a password.
fn shown(key: &str) -> String {
    let bare = key.rsplit('@').next().unwrap_or_default();
    Address::parse(bare).map_or_else(|| "a key that is no address".to_owned(), |address| quoted(address.as_str()))
}

/// What a stranger wrote, for people.
fn quoted(text: &str) -> String {
    format!("{:?}", text.chars().take(80).collect::<String>())
}
