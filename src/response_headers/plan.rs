use std::mem;

use http::header::{
    Entry, HeaderName, HeaderValue, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, response};

use super::disclosing::discloses;

/// What is done to a response, worked out when the layer is built.
#[derive(Debug)]
pub(super) struct Plan {
    /// Headers that the handler may set otherwise.
    yielding: HeaderMap,
    nosniff: bool,
    hsts: Option<HeaderValue>,
    /// Names that disclose software and stay nevertheless.
    kept: Vec<HeaderName>,
    /// All headers of a response to a secure request that has none of its own.
    all: HeaderMap,
}

/// Up to so many header fields of its own a response is cheaper copied into ours than the other way round.
const FEW: usize = 3;

impl Plan {
    pub(super) fn new(
        yielding: Vec<(HeaderName, HeaderValue)>,
        nosniff: bool,
        hsts: Option<HeaderValue>,
        kept: Vec<HeaderName>,
    ) -> Self {
        let yielding: HeaderMap = yielding.into_iter().collect();
        let mut plan = Self { all: yielding.clone(), yielding, nosniff, hsts, kept };
        let mut all = mem::take(&mut plan.all);
        plan.enforce(&mut all, true);
        plan.all = all;
        plan
    }

    /// The switches that make it weaker than the preset.
    pub(super) fn risks(&self) -> impl Iterator<Item = &'static str> {
        [
            (!self.nosniff).then_some("insecure_without_nosniff"),
            self.hsts.is_none().then_some("insecure_without_hsts"),
            (!self.kept.is_empty()).then_some("insecure_keep"),
        ]
        .into_iter()
        .flatten()
    }

    pub(super) fn apply(&self, head: &mut response::Parts, secure: bool, grpc: bool) {
        let headers = &mut head.headers;
        if secure && !grpc && headers.len() <= FEW {
            return self.rebuild(headers);
        }
        self.change(headers, secure, grpc);
    }

    fn change(&self, headers: &mut HeaderMap, secure: bool, grpc: bool) {
        self.remove_disclosing(headers);
        if !grpc {
            headers.reserve(self.all.keys_len());
            for (name, value) in &self.yielding {
                if let Entry::Vacant(vacant) = headers.entry(name) {
                    vacant.insert(value.clone());
                }
            }
        }
        self.enforce(headers, secure);
    }

    /// The same for a response that has few headers: they go into a copy of ours. A copy hashes no names.
    fn rebuild(&self, headers: &mut HeaderMap) {
        let own = mem::replace(headers, self.all.clone());
        let mut current = None;
        for (name, value) in own {
            if let Some(name) = name {
                current = self.is_for_the_handler(&name).then_some(name);
                if let Some(name) = &current {
                    headers.insert(name, value);
                }
            } else if let Some(name) = &current {
                // One more value of the name before.
                headers.append(name, value);
            }
        }
    }

    fn is_for_the_handler(&self, name: &HeaderName) -> bool {
        let enforced = (self.nosniff && *name == X_CONTENT_TYPE_OPTIONS)
            || (self.hsts.is_some() && *name == STRICT_TRANSPORT_SECURITY);
        !enforced && !self.removes(name)
    }

    fn enforce(&self, headers: &mut HeaderMap, secure: bool) {
        if self.nosniff {
            headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        }
        if !secure {
            headers.remove(STRICT_TRANSPORT_SECURITY);
        } else if let Some(hsts) = &self.hsts {
            headers.insert(STRICT_TRANSPORT_SECURITY, hsts.clone());
        }
    }

    fn remove_disclosing(&self, headers: &mut HeaderMap) {
        // Looked for again after each find, for hardly any response has one.
        while let Some(name) = headers.keys().find(|name| self.removes(name)).cloned() {
            headers.remove(name);
        }
    }

    fn removes(&self, name: &HeaderName) -> bool {
        discloses(name.as_str()) && !self.kept.contains(name)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::response_headers::Hsts;

    fn plan(enforced: bool) -> Plan {
        let header = |name, value| (HeaderName::from_static(name), HeaderValue::from_static(value));
        let yielding = vec![header("x-frame-options", "DENY"), header("cache-control", "no-store")];
        let hsts = enforced.then(|| Hsts::new().value().unwrap());
        Plan::new(yielding, enforced, hsts, vec![HeaderName::from_static("product")])
    }

    proptest! {
        #[test]
        fn h4_a_copy_of_ours_and_a_change_of_theirs_come_to_the_same(
            own in proptest::collection::vec((
                proptest::sample::select(vec![
                    "cache-control", "content-type", "product", "server", "set-cookie",
                    "strict-transport-security", "x-b3-traceid", "x-content-type-options", "x-frame-options",
                ]),
                "[a-z]{1,3}",
            ), 0..12),
            enforced: bool,
        ) {
            let mut changed = HeaderMap::new();
            for (name, value) in &own {
                changed.append(*name, HeaderValue::from_str(value).unwrap());
            }
            let mut rebuilt = changed.clone();
            plan(enforced).change(&mut changed, true, false);
            plan(enforced).rebuild(&mut rebuilt);
            prop_assert_eq!(changed, rebuilt);
        }
    }
}
