//! The settings of both examples: good ones are in force, bad ones are all listed.

use std::time::Duration;

use super::own_issuer::Written;
use super::{House, command};
use crate::support::TestBody;

const EXAMPLES: [&str; 2] = ["orders_api", "orders_grpc"];
const HSTS: &str = "strict-transport-security";

/// What an example that must not start says: the lines of its list.
async fn problems(example: &str, settings: &[(&str, &str)]) -> Vec<String> {
    let mut process = tokio::process::Command::from(command(example, settings));
    let ended = tokio::time::timeout(Duration::from_secs(60), process.kill_on_drop(true).output());
    let output = ended.await.unwrap_or_else(|_| panic!("started with {settings:?}")).unwrap();
    assert_eq!(output.status.code(), Some(2), "{settings:?}");
    assert!(output.stdout.is_empty(), "no first line without a service: {settings:?}");
    let stderr = String::from_utf8(output.stderr).unwrap();
    stderr.lines().filter_map(|line| line.strip_prefix("  - ").map(str::to_owned)).collect()
}

#[tokio::test]
async fn every_bad_setting_is_listed_and_nothing_starts() {
    for example in EXAMPLES {
        let told = problems(
            example,
            &[
                ("ORDERS_ADDR", "0.0.0.0:0"),
                ("ORDERS_ISSUER", "https://issuer.example"),
                ("ORDERS_ISSUR", "https://issuer.example"),
                ("ORDERS_JWKS_URL", "ftp://issuer.example/jwks"),
                ("ORDERS_INTROSPECTION_URL", "https://issuer.example/introspect"),
                ("ORDERS_INTROSPECTION_CLIENT", "orders"),
                ("ORDERS_DPOP_URL", "http://orders.example"),
                ("ORDERS_TRUSTED_PROXIES", "10.0.0.0/8, 0.0.0.0/0, proxy"),
                ("ORDERS_INSECURE_HTTP_LOOPBACK", "yes"),
            ],
        )
        .await;
        for (culprit, problem) in [
            ("ORDERS_ADDR", "plain HTTP"),
            ("ORDERS_AUDIENCE", "is missing"),
            ("ORDERS_INTROSPECTION_SECRET", "is missing"),
            ("ORDERS_DPOP_URL", "is not https"),
            ("ORDERS_JWKS_URL", "is not https"),
            ("ORDERS_TRUSTED_PROXIES", "0.0.0.0/0"),
            ("ORDERS_TRUSTED_PROXIES", "\"proxy\""),
            ("ORDERS_INSECURE_HTTP_LOOPBACK", "neither 1 nor 0"),
            ("ORDERS_ISSUR", "is not a setting"),
        ] {
            let is_told = |line: &String| line.starts_with(culprit) && line.contains(problem);
            assert_eq!(told.iter().filter(|line| is_told(line)).count(), 1, "{culprit}: {told:?}");
        }
        assert_eq!(told.len(), 9, "{told:?}");
    }
}

#[tokio::test]
async fn each_bad_setting_alone_is_enough() {
    let garbage = Written::new("garbage.jwks", "no key set");
    let no_key = Written::new("empty.jwks", r#"{"keys":[{"kty":"oct","k":"AAAA"}]}"#);
    let issuer = ("ORDERS_ISSUER", "https://issuer.example");
    let audience = ("ORDERS_AUDIENCE", "https://orders.example");
    let keys = ("ORDERS_JWKS_URL", "https://issuer.example/jwks");
    let url = ("ORDERS_INTROSPECTION_URL", "https://issuer.example/introspect");
    let client = ("ORDERS_INTROSPECTION_CLIENT", "orders");
    let secret = ("ORDERS_INTROSPECTION_SECRET", "of the test");
    let dpop = ("ORDERS_DPOP_URL", "https://orders.example");
    let loopback = ("ORDERS_INSECURE_HTTP_LOOPBACK", "1");
    for settings in [
        &[("ORDERS_ADDR", "nowhere")][..],
        &[("ORDERS_ADDR", "192.0.2.1:8080")],
        &[("ORDERS_ADDR", "[::]:0")],
        &[("ORDERS_ADDR", "")],
        &[("ORDERS_AUDIENCE", "")],
        // Quietly running the issuer for development instead would let its users in.
        &[("ORDERS_ISSUER", "")],
        &[("ORDERS_JWKS_FILE", garbage.path())],
        // Nobody is asked for keys over plain HTTP, and nobody else than the issuer that is named.
        &[("ORDERS_ISSUER", "http://127.0.0.1:9"), audience],
        &[("ORDERS_ISSUER", "http://issuer.example"), audience, loopback],
        &[issuer, audience, ("ORDERS_JWKS_URL", "http://127.0.0.1:9/jwks")],
        &[issuer, audience, ("ORDERS_JWKS_URL", "http://issuer.example/jwks"), loopback],
        &[("ORDERS_JWKS_URL", "https://issuer.example/jwks")],
        &[issuer, audience, keys, ("ORDERS_JWKS_FILE", garbage.path())],
        &[url, client, secret],
        &[issuer, audience, keys, url, client],
        &[issuer, audience, keys, url, secret],
        &[issuer, audience, keys, client, secret],
        &[
            issuer,
            audience,
            keys,
            client,
            secret,
            ("ORDERS_INTROSPECTION_URL", "http://127.0.0.1:9/"),
        ],
        &[issuer, audience, keys, url, client, ("ORDERS_INTROSPECTION_SECRET", "")],
        &[("ORDERS_DPOP_URL", "")],
        &[("ORDERS_DPOP_URL", "http://orders.example")],
        &[("ORDERS_DPOP_URL", "https://orders.example/?query")],
        &[("ORDERS_REDIS_URL", "https://redis.example")],
        &[dpop, ("ORDERS_REDIS_URL", "")],
        &[dpop, ("ORDERS_REDIS_URL", "https://redis.example")],
        &[issuer, audience, ("ORDERS_JWKS_FILE", "/no/such/file")],
        &[issuer, audience, ("ORDERS_JWKS_FILE", garbage.path())],
        &[issuer, audience, ("ORDERS_JWKS_FILE", no_key.path())],
        &[("ORDERS_TRUSTED_PROXIES", "")],
        &[("ORDERS_TRUSTED_PROXIES", "127.0.0.1,")],
        &[("ORDERS_INSECURE_HTTP_LOOPBACK", "true")],
        &[("ORDERS_TOKENS", "forever")],
    ] {
        assert!(!problems("orders_api", settings).await.is_empty(), "{settings:?}");
    }
}

#[tokio::test]
async fn u3_settings_and_rules_are_printed_and_credentials_are_not() {
    for example in EXAMPLES {
        let house = House::start_with(example, &[("ORDERS_AUDIENCE", "https://shop.example")]);
        let printed = house.stderr();
        for text in ["ORDERS_ADDR=127.0.0.1:0", "ORDERS_AUDIENCE=https://shop.example", "rule "] {
            assert!(printed.contains(text), "{text}: {printed}");
        }
        assert!(!printed.contains(house.api_key()), "{printed}");
        for token in house.line["tokens"].as_object().unwrap().values() {
            assert!(!printed.contains(token.as_str().unwrap()), "{printed}");
        }
        assert!(house.address().starts_with("127.0.0.1:"), "{}", house.address());
    }
}

#[tokio::test]
async fn u3_issuer_and_schemes_are_printed_and_what_opens_other_doors_is_not() {
    for example in EXAMPLES {
        let settings = [
            ("ORDERS_ISSUER", "https://issuer.example"),
            ("ORDERS_AUDIENCE", "https://orders.example"),
            ("ORDERS_INTROSPECTION_URL", "https://issuer.example/introspect"),
            ("ORDERS_INTROSPECTION_CLIENT", "orders"),
            ("ORDERS_INTROSPECTION_SECRET", "known-to-two"),
            ("ORDERS_DPOP_URL", "https://orders.example"),
            ("ORDERS_REDIS_URL", "redis://orders:known-to-two@127.0.0.1:9/"),
        ];
        // It asks nobody until there is a token, so none of these has to be there.
        let house = House::start_with(example, &settings);
        let printed = house.stderr();
        assert!(!printed.contains("known-to-two"), "{printed}");
        for (name, value) in settings {
            let value = if value.contains("known-to-two") { "(given)" } else { value };
            assert!(printed.contains(&format!("{name}={value}\n")), "{name}: {printed}");
        }
        assert!(printed.contains("Bearer, DPoP, ApiKey"), "{printed}");
    }
}

/// Whether the service takes a request for one over HTTPS.
async fn is_https(house: &House, proto: &str) -> bool {
    let request = house.request("GET", "/health").header("x-forwarded-for", "203.0.113.9");
    let request = request.header("x-forwarded-proto", proto).body(TestBody::default()).unwrap();
    let answer = house.send(request).await;
    assert_eq!(answer.status, 200);
    answer.headers.contains_key(HSTS)
}

#[tokio::test]
async fn h3_t2_plain_http_is_not_https_unless_somebody_trusted_says_so() {
    let alone = House::start("orders_api");
    assert!(!is_https(&alone, "http").await);
    assert!(!is_https(&alone, "https").await, "a stranger's word");

    let behind = House::start_with("orders_api", &[("ORDERS_TRUSTED_PROXIES", "127.0.0.0/8")]);
    assert!(!is_https(&behind, "http").await);
    assert!(is_https(&behind, "https").await);

    let insecure = House::start_with("orders_api", &[("ORDERS_INSECURE_HTTP_LOOPBACK", "1")]);
    assert!(is_https(&insecure, "http").await, "that is what the switch says");
    assert!(insecure.stderr().contains("WARN"), "{}", insecure.stderr());
    assert!(!alone.stderr().contains("WARN"), "{}", alone.stderr());
}
