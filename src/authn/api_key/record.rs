use std::time::Duration;

use super::SCHEME;
use crate::authn::issued_key::{Holder, KeyId, SecretHash, Untimely, Validity};
use crate::config::{ConfigError, Problems};
use crate::principal::{Principal, PrincipalKind};

/// What a store keeps of an API key: its hash, its holder and when it is good.
///
/// The [`Principal`] is made here, once, so that admitting a request makes none.
#[derive(Clone, Debug)]
pub struct ApiKeyRecord {
    id: KeyId,
    hash: SecretHash,
    validity: Validity,
    disabled: bool,
    principal: Principal,
}

impl ApiKeyRecord {
    /// A record of the key with this id and hash: just issued, or read from a database.
    pub const fn builder(id: KeyId, hash: SecretHash, holder: Holder) -> ApiKeyRecordBuilder {
        let validity = Validity { not_before: None, expires_at: None };
        ApiKeyRecordBuilder { id, hash, holder, validity, disabled: false }
    }

    /// The public id.
    #[must_use]
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// Who the key speaks for.
    #[must_use]
    pub const fn principal(&self) -> &Principal {
        &self.principal
    }

    /// The principal, if `presented` is this key's hash and the key is good at this time; the reason if not.
    ///
    /// Without a record, costs as much and refuses.
    pub(super) fn judge(
        record: Option<&Self>,
        presented: &SecretHash,
        now: Duration,
    ) -> Result<Principal, &'static str> {
        let stored = record.map_or(&SecretHash::NONE, |record| &record.hash);
        let same = bool::from(std::hint::black_box(stored.is(presented)));
        let Some(record) = record else { return Err("api_key_unknown") };
        if !same {
            return Err("api_key_secret_mismatch");
        }
        if record.disabled {
            return Err("api_key_disabled");
        }
        match record.validity.at(now) {
            Ok(()) => Ok(record.principal.clone()),
            Err(Untimely::Early) => Err("api_key_not_yet_valid"),
            Err(Untimely::Expired) => Err("api_key_expired"),
        }
    }
}

/// Builds an [`ApiKeyRecord`].
#[derive(Clone, Debug)]
#[must_use = "a builder makes nothing until `build`"]
pub struct ApiKeyRecordBuilder {
    id: KeyId,
    hash: SecretHash,
    holder: Holder,
    validity: Validity,
    disabled: bool,
}

impl ApiKeyRecordBuilder {
    /// When the key becomes good, since the Unix epoch.
    pub const fn not_before(mut self, at: Duration) -> Self {
        self.validity.not_before = Some(at);
        self
    }

    /// When the key ceases to be good, since the Unix epoch. Without it, not before it is revoked.
    pub const fn expires_at(mut self, at: Duration) -> Self {
        self.validity.expires_at = Some(at);
        self
    }

    /// Whether the key is switched off for the time being.
    pub const fn disabled(mut self, disabled: bool) -> Self {
        self.disabled = disabled;
        self
    }

    /// The record.
    ///
    /// # Errors
    ///
    /// If the holder has an empty name, role, tenant or plan, or a scope that is none, or the key is never good.
    pub fn build(self) -> Result<ApiKeyRecord, ConfigError> {
        let Self { id, hash, holder, validity, disabled } = self;
        let mut problems = Problems::default();
        holder.check(&mut problems);
        validity.check(|| format!("API key {id}"), &mut problems);
        problems.into_result()?;
        let principal = holder.principal(
            PrincipalKind::Machine,
            SCHEME,
            "api-key",
            id.as_str(),
            validity.expires_at,
        );
        Ok(ApiKeyRecord { id, hash, validity, disabled, principal })
    }
}
