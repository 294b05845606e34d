//! `orders_api` with an issuer that is not the one for development: its keys come out of a file.

use std::fs;
use std::path::PathBuf;

use serde_json::json;
use tower_warden::testing::{TestIssuer, TestToken};

use super::House;
use crate::support::{Answer, TestBody};

/// A file that goes away with this value.
pub(super) struct Written(PathBuf);

impl Written {
    pub(super) fn new(name: &str, text: &str) -> Self {
        let name = format!("{name}-{}", std::process::id());
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::write(&path, text).unwrap();
        Self(path)
    }

    pub(super) fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for Written {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[tokio::test]
async fn j3_j8_the_keys_of_a_file_and_the_audience_decide_whose_tokens_are_good() {
    let (name, audience) = ("https://login.example", "https://shop.example");
    let issuer = TestIssuer::new(name, audience);
    let stranger = TestIssuer::new(name, audience);
    let set = json!({"keys": [{"kty": "of the future"}, issuer.public_jwk()]});
    let file = Written::new("login.jwks", &set.to_string());
    let house = House::start_with(
        "orders_api",
        &[
            ("ORDERS_ISSUER", name),
            ("ORDERS_AUDIENCE", audience),
            ("ORDERS_JWKS_FILE", file.path()),
        ],
    );
    assert_eq!(house.line["issuer"], name);
    assert_eq!(house.line["audience"], audience);
    assert_eq!(house.line["tokens"], json!({}), "the development issuer has no say here");

    let ask = async |token: TestToken| -> Answer {
        let bearer = format!("Bearer {}", token.tenant("acme").scope("orders:read").sign());
        let request = house.request("GET", "/orders").header("authorization", bearer);
        house.send(request.body(TestBody::default()).unwrap()).await
    };
    let admitted = ask(issuer.token("ada")).await;
    assert_eq!((admitted.status, admitted.text()), (200, "[]"));
    assert_eq!(ask(stranger.token("ada")).await.status, 401);
    assert_eq!(ask(issuer.token("ada").claim("aud", "https://orders.example")).await.status, 401);
    assert_eq!(ask(issuer.token("ada").claim("iss", "https://issuer.example")).await.status, 401);
    // A caller of no tenant has no orders, whatever its scopes.
    let bearer = format!("Bearer {}", issuer.token("ada").scope("orders:read").sign());
    let request = house.request("GET", "/orders").header("authorization", bearer);
    assert_eq!(house.send(request.body(TestBody::default()).unwrap()).await.status, 403);
}

#[tokio::test]
async fn z7_the_same_name_under_another_issuer_or_tenant_is_somebody_else() {
    let issuer = TestIssuer::new("https://login.example", "https://shop.example");
    let set = json!({"keys": [issuer.public_jwk()]});
    let file = Written::new("names.jwks", &set.to_string());
    let house = House::start_with(
        "orders_api",
        &[
            ("ORDERS_ISSUER", "https://login.example"),
            ("ORDERS_AUDIENCE", "https://shop.example"),
            ("ORDERS_JWKS_FILE", file.path()),
        ],
    );
    // The holder of the API key is called restock, of acme.
    let placed = house.ask("api_key", "POST", "/orders", r#"{"item":"a sieve"}"#).await;
    assert_eq!((placed.status, placed.json()["owner"].as_str()), (201, Some("restock")));
    assert_eq!(house.ask("api_key", "GET", "/orders/1", "").await.status, 200);

    let read = async |path: &str, token: TestToken| -> u16 {
        let bearer = format!("Bearer {}", token.scope("orders:read orders:write").sign());
        let request = house.request("GET", path).header("authorization", bearer);
        house.send(request.body(TestBody::default()).unwrap()).await.status
    };
    assert_eq!(read("/orders/1", issuer.token("restock").tenant("acme")).await, 404);
    assert_eq!(read("/orders/1", issuer.token("restock").tenant("globex")).await, 404);
    assert_eq!(read("/admin/orders", issuer.token("restock").tenant("acme")).await, 403);
    assert_eq!(read("/admin/orders", issuer.token("root").tenant("acme").role("admin")).await, 200);
}
