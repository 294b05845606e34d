use std::time::Duration;

use http::HeaderValue;

use crate::config::ConfigError;

/// The shortest lifetime that is worth having (ASVS 3.4.1).
const YEAR: Duration = Duration::from_secs(31_536_000);

/// HTTP Strict Transport Security (RFC 6797): for how long browsers come back over HTTPS only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hsts {
    max_age: Duration,
    include_subdomains: bool,
    preload: bool,
}

impl Hsts {
    /// Two years, subdomains included, no preloading.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            max_age: Duration::from_secs(2 * YEAR.as_secs()),
            include_subdomains: true,
            preload: false,
        }
    }

    /// Another lifetime, in whole seconds; a year at least.
    #[must_use]
    pub const fn max_age(mut self, max_age: Duration) -> Self {
        self.max_age = max_age;
        self
    }

    /// Leaves subdomains out, as long as some of them cannot speak HTTPS.
    #[must_use]
    pub const fn without_subdomains(mut self) -> Self {
        self.include_subdomains = false;
        self
    }

    /// Consents to the preload list that ships with browsers. It takes months to get off it.
    #[must_use]
    pub const fn preload(mut self) -> Self {
        self.preload = true;
        self
    }

    pub(super) fn value(self) -> Result<HeaderValue, ConfigError> {
        let problem = |what: &str| ConfigError::new("strict-transport-security", what);
        if self.max_age < YEAR {
            return Err(problem("max-age is under one year, 31536000 seconds (ASVS 3.4.1)"));
        }
        if self.preload && !self.include_subdomains {
            return Err(problem("preload needs the subdomains included (hstspreload.org)"));
        }
        let mut text = format!("max-age={}", self.max_age.as_secs());
        if self.include_subdomains {
            text.push_str("; includeSubDomains");
        }
        if self.preload {
            text.push_str("; preload");
        }
        HeaderValue::try_from(text).map_err(|_| problem("is not a header value"))
    }
}

impl Default for Hsts {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h3_hsts_lasts_a_year_or_is_refused() {
        assert_eq!(Hsts::new().value().unwrap(), "max-age=63072000; includeSubDomains");
        assert_eq!(
            Hsts::new().max_age(YEAR).without_subdomains().value().unwrap(),
            "max-age=31536000"
        );
        let short = Hsts::new().max_age(YEAR - Duration::from_nanos(1));
        assert!(short.value().unwrap_err().to_string().contains("under one year"));
    }

    #[test]
    fn h3_preload_comes_on_request_and_with_subdomains() {
        let preloaded = Hsts::new().preload();
        assert_eq!(preloaded.value().unwrap(), "max-age=63072000; includeSubDomains; preload");
        assert!(preloaded.without_subdomains().value().is_err());
    }
}
