//! Requests that a limit has nothing to do with.

use std::sync::Arc;

use http::request;
use ipnet::IpNet;

use super::Limit;
use super::key::{known_principal, plain};
use super::limit::Condition;
use crate::client_address::{ClientAddress, read_network};
use crate::config::Problems;
use crate::principal::Principal;
use crate::rejection::Rejection;

type OfPrincipals = Arc<dyn Fn(&Principal) -> bool + Send + Sync>;

/// Who and what is exempt.
#[derive(Clone, Default)]
pub(super) struct Exemptions {
    conditions: Vec<Condition>,
    networks: Vec<IpNet>,
    principals: Vec<OfPrincipals>,
    problems: Vec<String>,
}

impl Exemptions {
    pub(super) const fn is_empty(&self) -> bool {
        self.conditions.is_empty() && self.networks.is_empty() && self.principals.is_empty()
    }
}

impl Limit {
    /// Neither charges nor refuses these requests. Given several times, each exempts.
    pub fn exempt(
        mut self,
        exempt: impl Fn(&request::Parts) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.exemptions.conditions.push(Arc::new(exempt));
        self
    }

    /// Neither charges nor refuses requests of clients in these networks or at these addresses, by their
    /// [`ClientAddress`]: an office, a monitor. A request without one is not exempt.
    ///
    /// ```
    /// use tower_warden::rate_limit::{Limit, Quota, RateLimitLayer};
    ///
    /// let limit = Limit::by_address("address", Quota::per_minute(60));
    /// let own = limit.clone().exempt_networks(["192.0.2.0/24", "2001:db8:7::/48", "203.0.113.4"]);
    /// assert!(RateLimitLayer::builder().limit(own).build().is_ok());
    ///
    /// let everybody = limit.exempt_networks(["0.0.0.0/1", "128.0.0.0/1"]);
    /// assert!(RateLimitLayer::builder().limit(everybody).build().is_err());
    /// ```
    pub fn exempt_networks<T: AsRef<str>>(mut self, networks: impl IntoIterator<Item = T>) -> Self {
        for network in networks {
            match read_network(network.as_ref()) {
                Ok(network) => self.exemptions.networks.push(network),
                Err(problem) => {
                    let problem = format!("the exempt network {:?} {problem}", network.as_ref());
                    self.exemptions.problems.push(problem);
                }
            }
        }
        self
    }

    /// Neither charges nor refuses requests of these principals; one that is anonymous is not exempt. The limit is checked
    /// after authentication then, whatever it counts by.
    ///
    /// ```
    /// use tower_warden::rate_limit::{Limit, Quota, RateLimitLayer};
    ///
    /// let limit = Limit::by_principal("principal", Quota::per_minute(60));
    /// let limit = limit.exempt_principals(|principal| principal.has_role("operator"));
    /// assert!(RateLimitLayer::builder().limit(limit).build().is_ok());
    ///
    /// let failures = Limit::failed_authentication("guesses", Quota::per_minute(5));
    /// let failures = failures.exempt_principals(|principal| principal.has_role("operator")); // not known yet
    /// assert!(RateLimitLayer::builder().limit(failures).build().is_err());
    /// ```
    pub fn exempt_principals(
        mut self,
        exempt: impl Fn(&Principal) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.exemptions.principals.push(Arc::new(exempt));
        self
    }
}

impl Exemptions {
    /// Tells what is wrong with them.
    pub(super) fn check(&self, culprit: &str, problems: &mut Problems) {
        for problem in &self.problems {
            problems.add(culprit, problem);
        }
        if IpNet::aggregate(&self.networks).iter().any(|network| network.prefix_len() == 0) {
            problems.add(culprit, "the exempt networks taken together hold every address");
        }
    }

    /// Whether the caller has to be known.
    pub(super) const fn need_principal(&self) -> bool {
        !self.principals.is_empty()
    }

    pub(super) const fn len(&self) -> usize {
        self.conditions.len() + self.networks.len() + self.principals.len()
    }

    /// Whether a request is exempt. Fails where nobody looked who sends it, and that decides.
    pub(super) fn hold(&self, head: &request::Parts) -> Result<bool, Rejection> {
        if self.is_empty() {
            return Ok(false);
        }
        if self.conditions.iter().any(|exempt| exempt(head)) {
            return Ok(true);
        }
        if !self.networks.is_empty()
            && let Some(client) = ClientAddress::of(&head.extensions)
        {
            let address = plain(client.ip());
            if self.networks.iter().any(|network| network.contains(&address)) {
                return Ok(true);
            }
        }
        if self.principals.is_empty() {
            return Ok(false);
        }
        let principal = known_principal(head)?;
        Ok(principal
            .is_some_and(|principal| self.principals.iter().any(|exempt| exempt(principal))))
    }
}
