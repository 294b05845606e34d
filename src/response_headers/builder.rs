use http::header::{
    CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY,
    X_CONTENT_TYPE_OPTIONS,
};

use super::disclosing::discloses;
use super::plan::Plan;
use super::preset::Preset;
use super::{Hsts, ResponseHeadersLayer, value};
use crate::config::{ConfigError, Problems};

/// Changes a preset, one header at a time.
///
/// ```
/// use tower_warden::response_headers::ResponseHeadersLayer;
///
/// let layer = ResponseHeadersLayer::web_builder()
///     .content_security_policy("default-src 'self'; base-uri 'none'; frame-ancestors 'none'; img-src https://img.example")
///     .cross_origin_embedder_policy("require-corp")
///     .without("x-dns-prefetch-control")
///     .build();
/// assert!(layer.is_ok());
///
/// let refused = ResponseHeadersLayer::web_builder().without("x-content-type-options").build();
/// assert!(refused.unwrap_err().to_string().contains("insecure_without_nosniff"));
/// ```
#[derive(Clone, Debug)]
pub struct ResponseHeadersBuilder {
    yielding: Vec<(HeaderName, HeaderValue)>,
    nosniff: bool,
    hsts: Option<Hsts>,
    kept: Vec<HeaderName>,
    problems: Problems,
}

impl ResponseHeadersBuilder {
    pub(super) fn preset(preset: Preset) -> Self {
        let ready =
            |&(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value));
        Self {
            yielding: preset.iter().map(ready).collect(),
            nosniff: true,
            hsts: Some(Hsts::new()),
            kept: Vec::new(),
            problems: Problems::default(),
        }
    }

    /// `Content-Security-Policy` (CSP Level 3).
    #[must_use]
    pub fn content_security_policy(self, policy: &str) -> Self {
        self.header(CONTENT_SECURITY_POLICY.as_str(), policy)
    }

    /// `Cross-Origin-Embedder-Policy`; off in both presets, for it breaks pages that embed others' resources.
    #[must_use]
    pub fn cross_origin_embedder_policy(self, policy: &str) -> Self {
        self.header("cross-origin-embedder-policy", policy)
    }

    /// `Permissions-Policy`, such as `camera=(), fullscreen=(self)`.
    #[must_use]
    pub fn permissions_policy(self, policy: &str) -> Self {
        self.header("permissions-policy", policy)
    }

    /// `Referrer-Policy`.
    #[must_use]
    pub fn referrer_policy(self, policy: &str) -> Self {
        self.header(REFERRER_POLICY.as_str(), policy)
    }

    /// `Strict-Transport-Security`.
    #[must_use]
    pub const fn hsts(mut self, hsts: Hsts) -> Self {
        self.hsts = Some(hsts);
        self
    }

    /// Sets any other header, or replaces the preset's. The handler may still set it otherwise.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let Some(name) = self.name(name) else { return self };
        let Ok(parsed) = HeaderValue::from_str(value) else {
            self.problems.add(name.as_str(), format!("{value:?} is not a header value"));
            return self;
        };
        value::check(&name, value, &mut self.problems);
        // Written to every response anyway; any other value was just refused.
        if name == X_CONTENT_TYPE_OPTIONS {
            return self;
        }
        match self.yielding.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = parsed,
            None => self.yielding.push((name, parsed)),
        }
        self
    }

    /// Leaves a header of the preset out.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        let Some(name) = self.name(name) else { return self };
        let insecure = if name == X_CONTENT_TYPE_OPTIONS {
            Some("insecure_without_nosniff")
        } else if name == STRICT_TRANSPORT_SECURITY {
            Some("insecure_without_hsts")
        } else {
            None
        };
        if let Some(switch) = insecure {
            self.problems.add(name.as_str(), format!("is left out with {switch} only"));
        } else if !self.yielding.iter().any(|(known, _)| *known == name) {
            self.problems.add(name.as_str(), "is not in the preset, so it cannot be left out");
        }
        self.yielding.retain(|(known, _)| *known != name);
        self
    }

    /// Sends no `Strict-Transport-Security`; a handler's own stays on secure transports.
    #[must_use]
    pub const fn insecure_without_hsts(mut self) -> Self {
        self.hsts = None;
        self
    }

    /// Lets browsers guess media types.
    #[must_use]
    pub const fn insecure_without_nosniff(mut self) -> Self {
        self.nosniff = false;
        self
    }

    /// Lets a header through that tells of the software behind it, such as `server`.
    #[must_use]
    pub fn insecure_keep(mut self, name: &str) -> Self {
        if let Some(name) = self.name(name) {
            if discloses(name.as_str()) {
                self.kept.push(name);
            } else {
                self.problems.add(name.as_str(), "is not removed in the first place");
            }
        }
        self
    }

    /// Checks everything. Logs a warning for each `insecure` switch.
    ///
    /// # Errors
    ///
    /// With every problem found, each with the name of its header.
    pub fn build(mut self) -> Result<ResponseHeadersLayer, ConfigError> {
        if let Some(hsts) = self.hsts {
            self.problems.note(hsts.value());
        }
        for (name, _) in &self.yielding {
            if discloses(name.as_str()) && !self.kept.contains(name) {
                self.problems.add(
                    name.as_str(),
                    "tells of the software behind it; insecure_keep lets it through",
                );
            }
        }
        std::mem::take(&mut self.problems).into_result()?;
        let plan = self.into_plan();
        for switch in plan.risks() {
            tracing::warn!(target: "tower_warden::posture", switch, "response headers are weakened");
        }
        Ok(ResponseHeadersLayer::new(plan))
    }

    /// The plan of what is there; of a preset that nobody changed, or that was checked.
    pub(super) fn into_plan(self) -> Plan {
        let hsts = self.hsts.and_then(|hsts| hsts.value().ok());
        Plan::new(self.yielding, self.nosniff, hsts, self.kept)
    }

    fn name(&mut self, name: &str) -> Option<HeaderName> {
        let parsed = HeaderName::try_from(name).ok();
        if parsed.is_none() {
            self.problems.add(format!("header {name:?}"), "is not a header name");
        }
        parsed
    }
}
