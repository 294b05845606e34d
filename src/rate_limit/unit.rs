//! `RateLimit-Policy` and `RateLimit` for what is counted in other units than requests
//! (draft-ietf-httpapi-ratelimit-headers-10, 3.1.2).

use http::header::HeaderValue;
use sfv::{Integer, ListSerializer, StringRef, key_ref};

use super::headers::policy_name;
use super::{RATE_LIMIT, RATE_LIMIT_POLICY};
use crate::config::ConfigError;
use crate::rejection::Rejection;

/// The fields of a limit that is announced on its refusals alone.
#[derive(Clone, Debug)]
pub(super) struct UnitFields {
    policy: HeaderValue,
    /// The state field without its time.
    state: String,
}

impl UnitFields {
    /// Fails when the name cannot be a String of a structured field. `window` is in seconds, where there is one.
    pub(super) fn new(
        culprit: &str,
        name: &str,
        quota: u64,
        window: Option<u64>,
        unit: &StringRef,
    ) -> Result<Self, ConfigError> {
        let name = policy_name(name).map_err(|problem| ConfigError::new(culprit, problem))?;
        let integer = |number| Integer::try_from(number).unwrap_or(Integer::MAX);
        let mut policy = String::new();
        let mut list = ListSerializer::with_buffer(&mut policy);
        let member = list.bare_item(name).parameter(key_ref("q"), integer(quota));
        let member = match window {
            Some(window) => member.parameter(key_ref("w"), integer(window)),
            None => member,
        };
        let _ = member.parameter(key_ref("qu"), unit);
        let mut state = String::new();
        let _ = ListSerializer::with_buffer(&mut state).bare_item(name);
        state.push_str(";r=0");
        let policy = HeaderValue::try_from(policy);
        let policy = policy.map_err(|_| ConfigError::new(culprit, "the policy name is no text"))?;
        Ok(Self { policy, state })
    }

    /// The refusal with both fields; `seconds` where somebody knows the time.
    pub(super) fn announce(&self, refusal: Rejection, seconds: Option<u64>) -> Rejection {
        let state = match seconds {
            Some(seconds) => format!("{};t={seconds}", self.state),
            None => self.state.clone(),
        };
        let refusal = refusal.with_header(RATE_LIMIT_POLICY, self.policy.clone());
        match HeaderValue::try_from(state) {
            Ok(state) => refusal.with_header(RATE_LIMIT, state),
            Err(_) => refusal,
        }
    }
}
