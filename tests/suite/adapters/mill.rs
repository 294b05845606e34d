//! A service whose rules and objects are judged by Cedar.

use std::borrow::Cow;
use std::net::SocketAddr;

use axum::body::Body;
use axum::extract::Path;
use axum::routing::{any, get};
use axum::{Json, Router};
use http::Request;
use tower_warden::Warden;
use tower_warden::authz::cedar::{Attributes, Cedar, CedarBuilder, Resource};
use tower_warden::authz::object::{Delete, Denied, Guard, Read, Update};
use tower_warden::authz::{Policy, Rules, authenticated};
use tower_warden::client_address::PeerAddress;
use tower_warden::principal::PrincipalKind;
use tower_warden::testing::{TestIssuer, TestToken};

use crate::support::{Answer, ask};

pub(crate) const ISSUER: &str = "https://issuer.example";

pub(crate) const SCHEMA: &str = r#"
namespace Mill {
    entity Role;
    entity User in [Role] { tenant?: String, scopes: Set<String>, roles: Set<String>, department?: String, level?: Long };
    entity Service;
    entity Folder;
    entity Order in [Folder] { tenant: String, owner: User, total: Long };
    action look, work;
    action listOrders in [look] appliesTo { principal: [User], resource: [Service] };
    action exportOrders appliesTo { principal: [User], resource: [Service], context: { region: String } };
    action readOrder in [look] appliesTo { principal: [User], resource: [Order] };
    action deleteOrder in [work] appliesTo { principal: [User], resource: [Order] };
}"#;

pub(crate) const POLICIES: &str = r#"
@id("readers list")
permit (principal, action == Mill::Action::"listOrders", resource == Mill::Service::"orders")
when { principal.scopes.contains("orders:read") };

@id("exports stay at home")
permit (principal, action == Mill::Action::"exportOrders", resource)
when { context.region == "eu" && principal has department && principal.department == "looms" };

@id("owners do what they like")
permit (principal, action, resource is Mill::Order) when { resource.owner == principal };

@id("clerks look")
permit (principal in Mill::Role::"clerk", action in Mill::Action::"look", resource is Mill::Order)
when { principal has tenant && principal.tenant == resource.tenant };

@id("suspended")
forbid (principal in Mill::Role::"suspended", action, resource);

@id("archive")
forbid (principal, action in Mill::Action::"work", resource in Mill::Folder::"archive");
"#;

#[derive(Clone)]
pub(crate) struct Order {
    pub(crate) id: &'static str,
    pub(crate) tenant: &'static str,
    pub(crate) owner: &'static str,
    pub(crate) folder: Option<&'static str>,
    pub(crate) total: i64,
}

const ORDERS: [Order; 4] = [
    Order { id: "1", tenant: "mill", owner: "ada", folder: None, total: 7 },
    Order { id: "2", tenant: "mill", owner: "eve", folder: None, total: 7 },
    Order { id: "3", tenant: "forge", owner: "joe", folder: None, total: 7 },
    Order { id: "4", tenant: "mill", owner: "ada", folder: Some("archive"), total: 7 },
];

impl Resource for Order {
    const TYPE: &'static str = "Order";

    fn id(&self) -> Cow<'_, str> {
        self.id.into()
    }

    fn describe(&self, attributes: &mut Attributes<'_>) {
        attributes
            .string("tenant", self.tenant)
            .caller("owner", PrincipalKind::User, ISSUER, self.owner)
            .long("total", self.total);
        if let Some(folder) = self.folder {
            attributes.parent("Folder", folder);
        }
    }
}

pub(crate) fn builder(policies: &str, schema: &str) -> CedarBuilder {
    Cedar::builder()
        .namespace("Mill")
        .service("Service", "orders")
        .claim("department")
        .claim("level")
        .policies(policies)
        .schema(schema)
}

pub(crate) fn cedar(policies: &str) -> Cedar {
    builder(policies, SCHEMA).build().unwrap()
}

/// A whole stack around a few handlers, and an issuer that it trusts.
pub(crate) struct Mill {
    issuer: TestIssuer,
    guarded: axum::routing::RouterIntoService<Body>,
    warden: Warden,
}

async fn read(guard: Guard<Order>, Path(id): Path<String>) -> Result<Json<&'static str>, Denied> {
    Ok(Json(guard.permit(Read, find(&id)).await?.id))
}

async fn delete(guard: Guard<Order>, Path(id): Path<String>) -> Result<Json<&'static str>, Denied> {
    Ok(Json(guard.permit(Delete, find(&id)).await?.id))
}

async fn update(guard: Guard<Order>, Path(id): Path<String>) -> Result<Json<&'static str>, Denied> {
    Ok(Json(guard.permit(Update, find(&id)).await?.id))
}

fn find(id: &str) -> Option<Order> {
    ORDERS.into_iter().find(|order| order.id == id)
}

impl Mill {
    pub(crate) fn new(cedar: &Cedar) -> Self {
        let list = cedar.policy("listOrders").unwrap();
        Self::with(cedar, list)
    }

    /// With this policy on the list, of HTTP and of gRPC.
    pub(crate) fn with(cedar: &Cedar, list: Policy) -> Self {
        let objects =
            cedar.objects::<Order>().action::<Read>("readOrder").action::<Delete>("deleteOrder");
        let rules = Rules::builder()
            .object_policy(objects.build().unwrap())
            .get("/orders", list.clone())
            .grpc("/orders.v1.Orders/List", list)
            .get("/orders/{id}", authenticated().serving::<Order>())
            .delete("/orders/{id}", authenticated().serving::<Order>())
            .put("/orders/{id}", authenticated().serving::<Order>());
        let issuer = TestIssuer::new(ISSUER, "https://api.example");
        let warden = Warden::builder()
            .trust_issuer(issuer.trust())
            .rules(rules)
            .insecure_without_rate_limits();
        let warden = warden.build().unwrap();
        let router = Router::new()
            .route("/orders", get(async || "listed"))
            .route("/orders.v1.Orders/List", any(async || ([("grpc-status", "0")], "")))
            .route("/orders/{id}", get(read).delete(delete).put(update));
        Self { issuer, guarded: router.into_service(), warden }
    }

    pub(crate) fn token(&self, subject: &str) -> TestToken {
        self.issuer.token(subject)
    }

    pub(crate) async fn ask(&self, method: &str, path: &str, token: TestToken) -> Answer {
        self.ask_as(method, path, &token.sign()).await
    }

    pub(crate) async fn ask_as(&self, method: &str, path: &str, token: &str) -> Answer {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", format!("Bearer {token}"))
            .extension(PeerAddress(SocketAddr::from(([192, 0, 2, 1], 40000))));
        if path.contains(".v1.") {
            request = request.header("content-type", "application/grpc");
        }
        let service = tower::Layer::layer(&self.warden, self.guarded.clone());
        ask(service, request.body(Body::empty()).unwrap()).await
    }
}
