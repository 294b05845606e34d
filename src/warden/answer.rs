use std::iter::zip;
use std::mem;

use http::HeaderMap;
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue};

use crate::authn::NO_STORE;
use crate::rate_limit::{Announced, RATE_LIMIT, RATE_LIMIT_POLICY, prepend};
use crate::rejection::Protocol;
use crate::response_headers::ResponseHeadersLayer;
use crate::sanitize::X_REQUEST_ID;

/// The fields of [`Additions`].
static ADDED: [HeaderName; 3] = [X_REQUEST_ID, RATE_LIMIT_POLICY, RATE_LIMIT];

/// All that most handlers write.
static OF_A_BODY: [HeaderName; 2] = [CONTENT_TYPE, CONTENT_LENGTH];

/// The header fields of all controls, written in one go when an answer leaves the stack.
#[derive(Debug)]
pub(super) struct AnswerHeaders {
    layer: ResponseHeadersLayer,
    /// What most answers get, over plain HTTP and over HTTPS.
    ready: [Ready; 2],
    announces_limits: bool,
    stores_nothing: bool,
}

/// Header sections to copy: a copy hashes no names. They begin with room for values and end with all fields of the header
/// layer.
#[derive(Debug)]
struct Ready {
    /// With room for the fields of [`Additions`].
    bare: HeaderMap,
    /// With room for [`OF_A_BODY`] too.
    with_body: HeaderMap,
}

/// What the controls other than the header layer write.
#[derive(Debug)]
pub(super) struct Additions {
    pub(super) request_id: HeaderValue,
    pub(super) limits: Announced,
    /// Whether the answer is not for caches, unless the handler says otherwise.
    pub(super) no_store: bool,
}

impl AnswerHeaders {
    pub(super) fn new(layer: ResponseHeadersLayer, announces_limits: bool) -> Self {
        let added = if announces_limits { &ADDED[..] } else { &ADDED[..1] };
        let ready = [false, true].map(|secure| Ready {
            bare: begun_with(added, &[], layer.ready(secure)),
            with_body: begun_with(added, &OF_A_BODY, layer.ready(secure)),
        });
        let stores_nothing = layer.ready(false).get(CACHE_CONTROL) == Some(&NO_STORE);
        Self { layer, ready, announces_limits, stores_nothing }
    }

    pub(super) const fn layer(&self) -> &ResponseHeadersLayer {
        &self.layer
    }

    /// Writes all header fields of an answer.
    pub(super) fn write(
        &self,
        headers: &mut HeaderMap,
        additions: &mut Additions,
        secure: bool,
        asked: Protocol,
    ) {
        if additions.no_store && !self.stores_nothing {
            headers.entry(CACHE_CONTROL).or_insert(NO_STORE);
        }
        let Ready { bare, with_body } = &self.ready[usize::from(secure)];
        let usual = asked == Protocol::Http
            && additions.limits.draft.is_some() == self.announces_limits
            && additions.limits.legacy.is_none();
        if usual && let Some(of_a_body) = of_a_body(headers) {
            let mut ready = with_body.clone();
            let mut rooms = ready.values_mut();
            additions.fill(&mut rooms);
            for (value, room) in zip(of_a_body, rooms) {
                mem::swap(value, room);
            }
            *headers = ready;
        } else if usual
            && headers.len() <= bare.len() / 2
            && !headers.keys().any(|name| ADDED.contains(name))
        {
            let mut ready = bare.clone();
            additions.fill(&mut ready.values_mut());
            self.layer.rebuild(headers, ready, secure);
        } else {
            if additions.no_store {
                headers.entry(CACHE_CONTROL).or_insert(NO_STORE);
            }
            additions.write(headers);
            self.layer.write(headers, secure, asked);
        }
    }
}

/// A header section that begins with room for these fields.
fn begun_with(added: &[HeaderName], of_body: &[HeaderName], own: &HeaderMap) -> HeaderMap {
    let rooms = added.iter().chain(of_body);
    let mut ready: HeaderMap =
        rooms.map(|name| (name.clone(), HeaderValue::from_static(""))).collect();
    for (name, value) in own {
        ready.entry(name).or_insert_with(|| value.clone());
    }
    ready
}

/// The values of [`OF_A_BODY`], where there is one of each and no other line.
fn of_a_body(headers: &mut HeaderMap) -> Option<[&mut HeaderValue; 2]> {
    if headers.len() != OF_A_BODY.len() {
        return None;
    }
    let mut lines = headers.iter_mut();
    let ((first, one), (second, other)) = (lines.next()?, lines.next()?);
    if *first == CONTENT_TYPE && *second == CONTENT_LENGTH {
        Some([one, other])
    } else if *first == CONTENT_LENGTH && *second == CONTENT_TYPE {
        Some([other, one])
    } else {
        None
    }
}

impl Additions {
    /// Writes the fields into a header section; the limits before those that were announced further in.
    fn write(&mut self, headers: &mut HeaderMap) {
        let Announced { draft, legacy } = mem::take(&mut self.limits);
        if let Some(legacy) = legacy {
            legacy.write(headers);
        }
        if let Some([policy, state]) = draft {
            prepend(headers, RATE_LIMIT_POLICY, policy);
            prepend(headers, RATE_LIMIT, state);
        }
        headers.insert(X_REQUEST_ID, self.request_id.clone());
    }

    /// Puts the values, in the order of [`ADDED`], into the rooms that a ready header section begins with.
    fn fill<'r>(&mut self, rooms: &mut impl Iterator<Item = &'r mut HeaderValue>) {
        let mut fill = |value: &mut HeaderValue| {
            if let Some(room) = rooms.next() {
                mem::swap(value, room);
            }
        };
        fill(&mut self.request_id);
        if let Some([policy, state]) = &mut self.limits.draft {
            fill(policy);
            fill(state);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn additions(limits: bool, no_store: bool) -> Additions {
        let value = HeaderValue::from_static;
        Additions {
            request_id: value("id"),
            limits: Announced {
                draft: limits.then(|| [value("policy"), value("state")]),
                legacy: None,
            },
            no_store,
        }
    }

    proptest! {
        /// A copy relies on the order in which a header map gives out its fields.
        #[test]
        fn h4_a_copy_of_ours_and_a_change_of_theirs_come_to_the_same(
            own in proptest::collection::vec((
                proptest::sample::select(vec![
                    "cache-control", "content-length", "content-type", "ratelimit", "server", "set-cookie",
                    "strict-transport-security", "x-frame-options", "x-request-id",
                ]),
                "[a-z]{1,3}",
            ), 0..5),
            web: bool, announces: bool, limits: bool, no_store: bool, secure: bool,
        ) {
            let layer = if web { ResponseHeadersLayer::web() } else { ResponseHeadersLayer::api() };
            let headers = AnswerHeaders::new(layer.clone(), announces);
            let mut written = HeaderMap::new();
            for (name, value) in &own {
                written.append(*name, HeaderValue::from_str(value).unwrap());
            }
            let mut expected = written.clone();
            headers.write(&mut written, &mut additions(limits, no_store), secure, Protocol::Http);

            if no_store {
                expected.entry(CACHE_CONTROL).or_insert(NO_STORE);
            }
            additions(limits, no_store).write(&mut expected);
            layer.write(&mut expected, secure, Protocol::Http);
            prop_assert_eq!(written, expected);
        }
    }

    #[test]
    fn h4_the_usual_answer_is_a_copy() {
        let headers = AnswerHeaders::new(ResponseHeadersLayer::api(), true);
        for own in [&[][..], &OF_A_BODY, &[CONTENT_LENGTH, CONTENT_TYPE]] {
            let mut written = HeaderMap::new();
            for name in own {
                written.insert(name, HeaderValue::from_static("own"));
            }
            headers.write(&mut written, &mut additions(true, true), false, Protocol::Http);
            assert_eq!(written.len(), 9 + own.len());
            assert!(own.iter().all(|name| written[name] == "own"));
            let added = ADDED.iter().map(|name| &written[name]);
            assert!(added.eq(["id", "policy", "state"]));
        }
    }
}
