use std::mem;

use http::HeaderMap;
use http::header::{
    Entry, HeaderName, HeaderValue, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
};

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
    /// All headers of a response that has none of its own, over plain HTTP and over HTTPS.
    ready: [HeaderMap; 2],
}

impl Plan {
    pub(super) fn new(
        yielding: Vec<(HeaderName, HeaderValue)>,
        nosniff: bool,
        hsts: Option<HeaderValue>,
        kept: Vec<HeaderName>,
    ) -> Self {
        let yielding: HeaderMap = yielding.into_iter().collect();
        let mut plan = Self { ready: Default::default(), yielding, nosniff, hsts, kept };
        plan.ready = [false, true].map(|secure| {
            let mut ready = HeaderMap::new();
            plan.change(&mut ready, secure, false);
            ready
        });
        plan
    }

    /// All headers of a response that has none of its own.
    pub(super) const fn ready(&self, secure: bool) -> &HeaderMap {
        &self.ready[secure as usize]
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

    pub(super) fn apply(&self, headers: &mut HeaderMap, secure: bool, grpc: bool) {
        let ready = self.ready(secure);
        // A response with few header fields is cheaper copied into ours than the other way round.
        if !grpc && headers.len() <= ready.len() / 2 {
            self.rebuild(headers, ready.clone(), secure);
        } else {
            self.change(headers, secure, grpc);
        }
    }

    fn change(&self, headers: &mut HeaderMap, secure: bool, grpc: bool) {
        self.remove_disclosing(headers);
        if !grpc {
            headers.reserve(self.yielding.keys_len() + 2);
            for (name, value) in &self.yielding {
                if let Entry::Vacant(vacant) = headers.entry(name) {
                    vacant.insert(value.clone());
                }
            }
        }
        self.enforce(headers, secure);
    }

    /// The same for a response that has few headers: they go into `ready`, a copy of ours. A copy hashes no names.
    pub(super) fn rebuild(&self, headers: &mut HeaderMap, ready: HeaderMap, secure: bool) {
        let own = mem::replace(headers, ready);
        let mut current = None;
        for (name, value) in own {
            if let Some(name) = name {
                current = self.is_for_the_handler(&name, secure).then_some(name);
                if let Some(name) = &current {
                    headers.insert(name, value);
                }
            } else if let Some(name) = &current {
                // One more value of the name before.
                headers.append(name, value);
            }
        }
    }

    fn is_for_the_handler(&self, name: &HeaderName, secure: bool) -> bool {
        let enforced = (self.nosniff && *name == X_CONTENT_TYPE_OPTIONS)
            || (*name == STRICT_TRANSPORT_SECURITY && (!secure || self.hsts.is_some()));
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
            secure: bool,
        ) {
            let mut changed = HeaderMap::new();
            for (name, value) in &own {
                changed.append(*name, HeaderValue::from_str(value).unwrap());
            }
            let mut rebuilt = changed.clone();
            let plan = plan(enforced);
            plan.change(&mut changed, secure, false);
            plan.rebuild(&mut rebuilt, plan.ready(secure).clone(), secure);
            prop_assert_eq!(changed, rebuilt);
        }
    }
}
