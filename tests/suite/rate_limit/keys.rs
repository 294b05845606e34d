//! What limits count by, and what hostile callers make of it.

use std::io;
use std::time::Duration;

use http::{Request, request};
use tower::{Layer, ServiceBuilder, ServiceExt, service_fn};
use tower_warden::client_address::{ClientAddressLayer, PeerAddress, TrustedProxies};
use tower_warden::principal::{Principal, PrincipalKind};
use tower_warden::rate_limit::{Key, Limit, Quota, RateLimitLayer};
use tower_warden::rejection::Challenges;

use super::{built, from};
use crate::support::{TestBody, ask, get, hello, request as request_of, through};

fn counted_by(key: Key) -> RateLimitLayer {
    let limit = Limit::new("own", key, Quota::per_hour(1));
    built(RateLimitLayer::builder().limit(limit)).0
}

/// Whether each request is the first of its bucket.
async fn admitted(
    layer: &RateLimitLayer,
    requests: impl IntoIterator<Item = Request<TestBody>>,
) -> Vec<bool> {
    let mut admitted = Vec::new();
    for request in requests {
        let answer = through(layer, request).await;
        assert!([200, 429].contains(&answer.status), "{}", answer.reason());
        admitted.push(answer.status == 200);
    }
    admitted
}

fn of(principal: Option<Principal>) -> Request<TestBody> {
    let mut request = from("192.0.2.1", &[]);
    request.extensions_mut().insert(Challenges::new([]));
    if let Some(principal) = principal {
        request.extensions_mut().insert(principal);
    }
    request
}

fn user(issuer: &str, subject: &str) -> tower_warden::principal::PrincipalBuilder {
    Principal::builder(issuer, subject, PrincipalKind::User, "Bearer")
}

#[tokio::test]
async fn q12_members_of_a_tenant_share_its_bucket_and_others_count_alone() {
    let layer = counted_by(Key::tenant());
    let callers = [
        user("i", "ada").tenant("acme"),
        user("i", "bob").tenant("acme"),
        user("j", "eve").tenant("acme"),
        user("i", "ada").tenant("looms"),
        user("i", "ada"),
        user("i", "bob"),
        user("i", "bob"),
    ];
    let requests = callers.map(|caller| of(Some(caller.build())));
    assert_eq!(admitted(&layer, requests).await, [true, false, false, true, true, true, false]);
    assert_eq!(admitted(&layer, [of(None), of(None)]).await, [true, true], "anonymous: nobody's");
}

#[tokio::test]
async fn q12_clients_keys_and_apps_are_counted_by_their_id() {
    let key = |id: &str| {
        Principal::builder("keys", "shop", PrincipalKind::Machine, "ApiKey").client_id(id).build()
    };
    let app = |scheme| {
        Principal::builder("apps", "shop", PrincipalKind::App, scheme).client_id("shop").build()
    };
    let client = |issuer, subject| user(issuer, subject).client_id("web").build();
    for (by, callers, expected) in [
        (Key::api_key(), vec![key("1"), key("2"), key("1")], vec![true, true, false]),
        (Key::app(), vec![app("Basic"), app("AppKey"), key("1")], vec![true, false, true]),
        (
            Key::client_id(),
            vec![client("i", "ada"), client("i", "bob"), client("j", "ada"), key("web")],
            vec![true, false, true, true],
        ),
    ] {
        let layer = counted_by(by.clone());
        let requests = callers.into_iter().map(|caller| of(Some(caller)));
        assert_eq!(admitted(&layer, requests).await, expected, "{by:?}");
    }
}

#[tokio::test]
async fn q12_a_key_of_principals_outside_authentication_refuses() {
    for key in [Key::tenant(), Key::all_of([Key::address(), Key::app()])] {
        let answer = through(&counted_by(key), from("192.0.2.1", &[])).await;
        assert_eq!((answer.status, answer.reason()), (500, "authentication_missing"));
    }
}

#[tokio::test]
async fn q10_a_missing_field_and_several_lines_make_no_buckets() {
    let layer = counted_by(Key::header("x-shop"));
    let with =
        |lines: &[&str]| get("/", &lines.iter().map(|line| ("x-shop", *line)).collect::<Vec<_>>());
    let requests =
        [with(&[]), with(&[]), with(&["7"]), with(&["7"]), with(&["7", "8"]), with(&[""])];
    assert_eq!(admitted(&layer, requests).await, [true, false, true, false, true, true]);
    let mut opaque = with(&[]);
    opaque.headers_mut().insert("x-shop", http::HeaderValue::from_bytes(b"\xff\x80").unwrap());
    assert_eq!(admitted(&layer, [opaque]).await, [true]);
}

#[tokio::test]
async fn q10_values_of_ten_megabytes_share_one_bucket() {
    let layer = counted_by(Key::header("x-shop"));
    let long = |byte: &str| get("/", &[("x-shop", &byte.repeat(10_000_000))]);
    assert_eq!(admitted(&layer, [long("a"), long("b")]).await, [true, false]);
    let own = counted_by(Key::from_fn("own", |_| Some("x".repeat(10_000_000))));
    assert_eq!(admitted(&own, [get("/", &[]), get("/", &[])]).await, [true, false]);
}

#[tokio::test]
async fn q10_a_flood_of_values_resets_nobody() {
    let limit = Limit::new("own", Key::header("x-shop"), Quota::per_hour(1)).capacity(1_000);
    let (layer, _clock) = built(RateLimitLayer::builder().limit(limit).without_headers());
    let service = layer.layer(service_fn(hello));
    let of = |value: String| get("/", &[("x-shop", &value)]);
    assert_eq!(ask(service.clone(), of("victim".to_owned())).await.status, 200);
    let mut admitted = 0_u32;
    for value in 0..100_000 {
        let answer = service.clone().oneshot(of(format!("{value:x}"))).await.unwrap();
        admitted += u32::from(answer.status() == 200);
    }
    assert!(admitted < 2_000, "as many as there are buckets: {admitted}");
    assert_eq!(ask(service, of("victim".to_owned())).await.status, 429);
}

#[tokio::test]
async fn q10_everybody_shares_the_global_bucket_and_parts_of_a_key_do_not_run_together() {
    let global = counted_by(Key::global());
    let both = [from("192.0.2.1", &[]), from("192.0.2.2", &[])];
    assert_eq!(admitted(&global, both).await, [true, false]);

    let layer = counted_by(Key::all_of([Key::header("x-a"), Key::header("x-b")]));
    let with = |a: &str, b: &str| get("/", &[("x-a", a), ("x-b", b)]);
    let requests = [
        with("ab", "c"),
        with("a", "bc"),
        with("abc", ""),
        get("/", &[("x-a", "abc")]),
        get("/", &[("x-b", "abc")]),
        with("ab", "c"),
    ];
    assert_eq!(admitted(&layer, requests).await, [true, true, true, true, true, false]);
}

#[tokio::test]
async fn q11_spoofed_forwarding_fields_choose_no_bucket_also_behind_a_trusted_proxy() {
    let proxies = TrustedProxies::x_forwarded_for(["203.0.113.0/24"]).unwrap();
    let service = ServiceBuilder::new()
        .layer(ClientAddressLayer::new(proxies))
        .layer(counted_by(Key::all_of([Key::address(), Key::global()])))
        .service(service_fn(hello));
    let send = async |peer: &str, forwarded: &str| {
        let mut request =
            get("/", &[("x-forwarded-for", forwarded), ("forwarded", "for=192.0.2.77")]);
        request.extensions_mut().insert(PeerAddress(peer.parse().unwrap()));
        ask(service.clone(), request).await.status
    };
    assert_eq!(send("203.0.113.9:1", "198.51.100.1, 192.0.2.1").await, 200);
    assert_eq!(
        send("203.0.113.9:1", "198.51.100.2, 192.0.2.1").await,
        429,
        "the left is the caller's"
    );
    assert_eq!(send("203.0.113.9:1", "192.0.2.2").await, 200);
    assert_eq!(send("192.0.2.1:1", "198.51.100.3").await, 429, "no proxy, and not believed");
}

#[tokio::test]
async fn q12_a_closure_that_panics_refuses() {
    let layer = counted_by(Key::from_fn("own", |_| panic!("no")));
    let answer = through(&layer, get("/", &[])).await;
    assert_eq!((answer.status, answer.reason()), (503, "rate_limit_key_unavailable"));
    assert_eq!(answer.header("retry-after"), "1");
    let nothing = counted_by(Key::from_fn("own", |_| None));
    assert_eq!(admitted(&nothing, [get("/", &[]), get("/", &[])]).await, [true, false]);
}

/// Finds the field `x-shop` after asking somebody who may fail in several ways.
fn looked_up() -> Key {
    Key::from_async_fn("shop", |head: &request::Parts| {
        let shop = head.headers.get("x-shop").map(|shop| shop.to_str().unwrap().to_owned());
        assert_ne!(shop.as_deref(), Some("panics at once"));
        async move {
            tokio::task::yield_now().await;
            match shop.as_deref() {
                Some("fails") => Err(io::Error::other("no such shop")),
                Some("panics") => panic!("no"),
                Some("hangs") => std::future::pending().await,
                _ => Ok(shop),
            }
        }
    })
}

#[tokio::test(start_paused = true)]
async fn q12_a_key_that_is_looked_up_counts_and_one_that_cannot_be_found_refuses() {
    let by_both = Key::all_of([Key::address(), looked_up()]);
    for layer in [counted_by(looked_up()), counted_by(by_both)] {
        let shop = |shop: &str| from("192.0.2.1", &[("x-shop", shop)]);
        let none = || from("192.0.2.1", &[]);
        let requests = [shop("7"), shop("8"), shop("7"), none(), none()];
        assert_eq!(admitted(&layer, requests).await, [true, true, false, true, false]);
        for bad in ["fails", "panics", "panics at once", "hangs"] {
            for _ in 0..2 {
                let answer = through(&layer, shop(bad)).await;
                assert_eq!(
                    (answer.status, answer.reason()),
                    (503, "rate_limit_key_unavailable"),
                    "{bad}"
                );
                assert!(!answer.text().contains("shop"), "only the log may know");
            }
        }
    }
}

#[tokio::test]
async fn q9_limits_by_a_late_key_are_charged_with_the_others_or_not_at_all() {
    let builder = RateLimitLayer::builder()
        .limit(Limit::by_address("address", Quota::per_hour(2)))
        .limit(Limit::new("shop", looked_up(), Quota::per_hour(1)));
    let (layer, clock) = built(builder);
    let shop = |shop: &str| from("192.0.2.1", &[("x-shop", shop)]);
    let answer = through(&layer, shop("7")).await;
    assert_eq!(answer.header("ratelimit"), "\"address\";r=1;t=1800, \"shop\";r=0;t=3600");
    assert_eq!(through(&layer, shop("7")).await.status, 429);
    let answer = through(&layer, shop("8")).await;
    assert_eq!(answer.status, 200, "the refusal was not charged to the address");
    assert_eq!(answer.header("ratelimit"), "\"address\";r=0;t=3600, \"shop\";r=0;t=3600");
    clock.advance(Duration::from_secs(1800));
    assert_eq!(
        through(&layer, shop("7")).await.json()["violated-policies"],
        serde_json::json!(["shop"])
    );
}

#[tokio::test]
async fn q12_a_route_is_counted_by_its_pattern_and_never_by_its_path() {
    let limit =
        Limit::new("route", Key::route(), Quota::per_hour(1)).cost_of_route("/orders/{id}", 1);
    let (layer, _clock) = built(RateLimitLayer::builder().limit(limit));
    let send = |method: &str, path: &str| request_of(method.parse().unwrap(), path, &[]);
    let requests = [
        send("GET", "/orders/1"),
        send("HEAD", "/orders/2"),
        send("POST", "/orders/1"),
        send("BREW", "/orders/1"),
        send("MELT", "/orders/1"),
        send("GET", "/else/1"),
        send("GET", "/else/2"),
        send("POST", "/else/3"),
    ];
    let expected = [true, false, true, true, false, true, false, false];
    assert_eq!(admitted(&layer, requests).await, expected);

    // Inside axum's router, no name is needed.
    let app: axum::Router = axum::Router::new()
        .route("/orders/{id}", axum::routing::get(async || "a loom"))
        .route("/", axum::routing::get(async || "home"))
        .layer(counted_by(Key::route()));
    let mut statuses = Vec::new();
    for path in ["/orders/1", "/orders/2", "/", "/"] {
        let request = get(path, &[]).map(axum::body::Body::new);
        statuses.push(app.clone().oneshot(request).await.unwrap().status().as_u16());
    }
    assert_eq!(statuses, [200, 429, 200, 429]);
}
