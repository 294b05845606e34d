//! API keys, out of a store of a million in memory. A different key each time, so that the processor's caches do not
//! hold it; the floor does the same.

use std::sync::LazyLock;

use http::HeaderValue;
use http::Request;
use tower::Layer;
use tower_warden::authn::AuthenticateLayer;
use tower_warden::authn::api_key::{ApiKeyAuthenticator, ApiKeyRecord, MemoryApiKeyStore};
use tower_warden::authn::issued_key::{Holder, IssuedKey, KeyPrefix};

use crate::harness::{Bare, Case, Run, case, few_under_valgrind, get, service};

pub(crate) fn bare_case() -> Case {
    case("an empty 200, an API key in the request", || {
        service(Bare, requests(&ISSUED.admitted), 200)
    })
}

pub(crate) fn cases() -> Vec<Case> {
    vec![
        case("API key admitted", || asked_for(&ISSUED.admitted, 200)),
        case("API key refused, unknown", || asked_for(&ISSUED.unknown, 401)),
        case("API key refused, wrong secret", || asked_for(&ISSUED.wrong, 401)),
    ]
}

pub(crate) struct Issued {
    pub(crate) store: MemoryApiKeyStore,
    pub(crate) admitted: Vec<HeaderValue>,
    unknown: Vec<HeaderValue>,
    /// The id is known, the secret is another one's.
    wrong: Vec<HeaderValue>,
}

/// Made once: it takes a while.
pub(crate) static ISSUED: LazyLock<Issued> = LazyLock::new(|| {
    const ASKED: usize = 10_000;
    let stored = few_under_valgrind(1_000_000);
    let asked = ASKED.min(stored);
    let prefix = KeyPrefix::new("acme_live").expect("a good prefix");
    let issue = || IssuedKey::generate(&prefix).expect("the machine has random numbers");
    let text = |issued: &IssuedKey| HeaderValue::from_str(issued.key.expose()).expect("ASCII");
    let store = MemoryApiKeyStore::new();
    let holder = Holder::new("billing").scope("orders:read").scope("orders:write");
    let insert = |id, hash| {
        let record = ApiKeyRecord::builder(id, hash, holder.clone()).build();
        store.insert(record.expect("a record without dates"));
    };
    let every = stored / asked;
    let mut admitted = Vec::new();
    for number in 0..stored {
        let issued = issue();
        if number % every == 0 {
            admitted.push(text(&issued));
        }
        insert(issued.id, issued.hash);
    }
    let wrong = (0..asked).map(|_| {
        let issued = issue();
        insert(issued.id, issue().hash);
        text(&issued)
    });
    let wrong = wrong.collect();
    let unknown = (0..asked).map(|_| text(&issue())).collect();
    Issued { store, admitted, unknown, wrong }
});

fn requests<B: Default + 'static>(keys: &'static [HeaderValue]) -> impl Fn() -> Request<B> {
    let (request, next) = (get("/", &[]), std::cell::Cell::new(0));
    move || {
        next.set((next.get() + 1) % keys.len());
        let mut request: Request<B> = request();
        request.headers_mut().insert("x-api-key", keys[next.get()].clone());
        request
    }
}

fn asked_for(keys: &'static [HeaderValue], expected: u16) -> Run {
    let layer = AuthenticateLayer::new(ApiKeyAuthenticator::new(ISSUED.store.clone()));
    Box::new(service(layer.layer(Bare), requests(keys), expected))
}
