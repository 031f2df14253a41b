//! The block as it is written.

use serde::Deserialize;

/// A field of the block, and what is wrong with it.
pub(super) type Wrong = (String, String);

pub(super) fn wrong(field: impl Into<String>, problem: impl Into<String>) -> Wrong {
    (field.into(), problem.into())
}

/// The block as it is written.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::config) struct AuthBlock {
    pub(super) mode: Option<String>,
    #[serde(default)]
    pub(super) users: Vec<UserEntry>,
    pub(super) header: Option<String>,
    pub(super) groups_header: Option<String>,
    #[serde(default)]
    pub(super) roles: RolesEntry,
    pub(super) oidc: Option<OidcEntry>,
    #[serde(default)]
    pub(super) tokens: Vec<TokenEntry>,
    pub(super) service_accounts: Option<ServiceAccountsEntry>,
    pub(super) session: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct RolesEntry {
    #[serde(default)]
    pub(super) viewer: Vec<String>,
    #[serde(default)]
    pub(super) approver: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct UserEntry {
    pub(super) name: String,
    pub(super) password_hash: Option<String>,
    pub(super) password_hash_file: Option<String>,
    #[serde(default)]
    pub(super) groups: Vec<String>,
    pub(super) role: Option<String>,
}

#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct OidcEntry {
    pub(super) issuer: Option<String>,
    pub(super) client_id: Option<String>,
    pub(super) client_secret_file: Option<String>,
    #[serde(default)]
    pub(super) scopes: Vec<String>,
    pub(super) name_claim: Option<String>,
    pub(super) groups_claim: Option<String>,
    pub(super) username_prefix: Option<String>,
    pub(super) groups_prefix: Option<String>,
}

#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct TokenEntry {
    pub(super) name: String,
    pub(super) hash: Option<String>,
    pub(super) hash_file: Option<String>,
    pub(super) role: String,
    pub(super) expires: Option<String>,
}

#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct ServiceAccountsEntry {
    pub(super) audience: String,
}
