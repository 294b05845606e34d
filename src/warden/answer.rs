use http::HeaderMap;
use http::header::{CACHE_CONTROL, HeaderName, HeaderValue};

use crate::authn::NO_STORE;
use crate::rate_limit::{RATE_LIMIT, RATE_LIMIT_POLICY, prepend};
use crate::rejection::Protocol;
use crate::response_headers::ResponseHeadersLayer;
use crate::sanitize::X_REQUEST_ID;

/// The header fields of all controls, written in one go when an answer leaves the stack.
#[derive(Debug)]
pub(super) struct AnswerHeaders {
    layer: ResponseHeadersLayer,
    /// What most answers get, over plain HTTP and over HTTPS: the fields of [`Additions`] first, with room for their
    /// values, and those of the layer.
    ready: [HeaderMap; 2],
    announces_limits: bool,
    stores_nothing: bool,
}

/// What the controls other than the header layer write.
#[derive(Debug)]
pub(super) struct Additions {
    pub(super) request_id: HeaderValue,
    /// The values of `RateLimit-Policy` and `RateLimit`.
    pub(super) limits: Option<[HeaderValue; 2]>,
    /// Whether the answer is not for caches, unless the handler says otherwise.
    pub(super) no_store: bool,
}

impl AnswerHeaders {
    pub(super) fn new(layer: ResponseHeadersLayer, policies: Option<&HeaderValue>) -> Self {
        let room = HeaderValue::from_static("");
        let ready = [false, true].map(|secure| {
            let mut ready = HeaderMap::new();
            ready.insert(X_REQUEST_ID, room.clone());
            if policies.is_some() {
                ready.insert(RATE_LIMIT_POLICY, room.clone());
                ready.insert(RATE_LIMIT, room.clone());
            }
            for (name, value) in layer.ready(secure) {
                ready.entry(name).or_insert_with(|| value.clone());
            }
            ready
        });
        Self {
            stores_nothing: layer.ready(false).get(CACHE_CONTROL) == Some(&NO_STORE),
            announces_limits: policies.is_some(),
            layer,
            ready,
        }
    }

    pub(super) const fn layer(&self) -> &ResponseHeadersLayer {
        &self.layer
    }

    /// Writes all header fields of an answer.
    pub(super) fn write(
        &self,
        headers: &mut HeaderMap,
        additions: Additions,
        secure: bool,
        asked: Protocol,
    ) {
        let ready = &self.ready[usize::from(secure)];
        let usual = asked == Protocol::Http
            && additions.limits.is_some() == self.announces_limits
            && headers.len() <= ready.len() / 2
            && !headers.keys().any(is_added);
        if additions.no_store && !(usual && self.stores_nothing) {
            headers.entry(CACHE_CONTROL).or_insert(NO_STORE);
        }
        if usual {
            self.layer.rebuild(headers, additions.filled(ready.clone()), secure);
        } else {
            additions.write(headers);
            self.layer.write(headers, secure, asked);
        }
    }
}

/// Whether [`Additions`] write the field too.
fn is_added(name: &HeaderName) -> bool {
    [X_REQUEST_ID, RATE_LIMIT_POLICY, RATE_LIMIT].contains(name)
}

impl Additions {
    /// Writes the fields into a header section; the limits before those that were announced further in.
    fn write(self, headers: &mut HeaderMap) {
        if let Some([policy, state]) = self.limits {
            prepend(headers, RATE_LIMIT_POLICY, policy);
            prepend(headers, RATE_LIMIT, state);
        }
        headers.insert(X_REQUEST_ID, self.request_id);
    }

    /// Puts the values where there is room for them, without hashing their names.
    fn filled(self, mut ready: HeaderMap) -> HeaderMap {
        let (policy, state) =
            self.limits.map_or((None, None), |[policy, state]| (Some(policy), Some(state)));
        let mut values = [Some(self.request_id), policy, state];
        let names = [X_REQUEST_ID, RATE_LIMIT_POLICY, RATE_LIMIT];
        for (name, room) in &mut ready {
            let Some(at) = names.iter().position(|own| own == name) else { continue };
            if let Some(value) = values[at].take() {
                *room = value;
            }
            if values.iter().all(Option::is_none) {
                break;
            }
        }
        ready
    }
}
