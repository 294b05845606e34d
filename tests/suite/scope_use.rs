//! Granted and used scopes: what the recorder sees through a whole stack.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::future::join_all;
use http::{Method, Request};
use tower::Layer;
use tower_warden::authn::AuthenticateLayer;
use tower_warden::authn::bearer::BearerAuthenticator;
use tower_warden::authn::jwt::JwtValidator;
use tower_warden::authz::scope_use::{GrantUse, PrincipalUse, ScopeUse, ScopeUseReport};
use tower_warden::authz::{
    PolicyError, Rules, RulesBuilder, RulesLayer, acr, all_of, any_of, authenticated, check_async,
    not, public, role, scope,
};
use tower_warden::client_address::PeerAddress;
use tower_warden::testing::{FakeClock, TestIssuer, TestToken};
use tower_warden::warden::Warden;

use crate::support::{Answer, TestBody, ask, get, hello, request, through};

const NOW: u64 = 1_800_000_000;
const DAY: Duration = Duration::from_secs(86_400);

fn rules() -> RulesBuilder {
    let answer = |answer: bool| check_async("later", move |_, _| async move { Ok(answer) });
    let down = check_async("down", |_, _| async { Err(PolicyError::unavailable("down")) });
    Rules::builder()
        .get("/open", public("probe"))
        .get("/orders", scope("orders:read"))
        .post("/orders", all_of([scope("orders:read"), scope("orders:write")]))
        .get("/either", any_of([scope("orders:admin"), scope("orders:read")]))
        .get("/stats", any_of([role("admin"), scope("stats")]))
        .get("/calm", all_of([authenticated(), not(role("suspended"))]))
        .get("/transfer", all_of([scope("pay"), acr(["gold"])]))
        .get("/later", all_of([scope("orders:read"), answer(true)]))
        .get("/never", all_of([scope("orders:read"), answer(false)]))
        .get("/down", all_of([scope("orders:read"), down]))
        .grpc("/orders.v1.Orders/Get", scope("orders:read"))
        .grpc("/orders.v1.Orders/Delete", scope("orders:write"))
}

/// A stack that records, and its issuer.
struct House {
    warden: Warden,
    issuer: TestIssuer,
    clock: FakeClock,
    scope_use: ScopeUse,
}

impl House {
    fn with_room_for(principals: usize) -> Self {
        let issuer = TestIssuer::new("https://issuer.example", "https://api.example");
        let clock = FakeClock::at_unix(NOW);
        let scope_use = ScopeUse::with_clock(clock.clone(), principals, 30 * DAY);
        let warden = Warden::builder()
            .trust_issuer(issuer.trust())
            .rules(rules())
            .scope_use(&scope_use)
            .insecure_without_rate_limits()
            .build()
            .unwrap();
        Self { warden, issuer, clock, scope_use }
    }

    fn token(&self, subject: &str, scopes: &str) -> TestToken {
        self.issuer.token(subject).scope(scopes)
    }

    async fn send(&self, token: &TestToken, call: &str) -> Answer {
        let service = self.warden.layer(tower::service_fn(hello));
        ask(service, Self::request(token, call)).await
    }

    /// `GET /path`, or `gRPC /service/method`.
    fn request(token: &TestToken, call: &str) -> Request<TestBody> {
        let (method, path) = call.split_once(' ').unwrap();
        let authorization = format!("Bearer {}", token.clone().sign());
        let mut headers = vec![("authorization", &*authorization)];
        let method = if method == "gRPC" {
            headers.push(("content-type", "application/grpc"));
            Method::POST
        } else {
            method.parse().unwrap()
        };
        let mut request = request(method, path, &headers);
        let peer = PeerAddress(SocketAddr::from(([192, 0, 2, 1], 40_000)));
        request.extensions_mut().insert(peer);
        request
    }
}

fn of<'r>(report: &'r ScopeUseReport, subject: &str) -> &'r PrincipalUse {
    report.principals.iter().find(|principal| principal.subject == subject).unwrap()
}

/// `orders:read 2`, and `stats 0` for one never used.
fn counts(grants: &[GrantUse]) -> Vec<String> {
    for grant in grants {
        assert_eq!(grant.last_used.is_none(), grant.requests == 0, "{grant:?}");
    }
    grants.iter().map(|grant| format!("{} {}", grant.name, grant.requests)).collect()
}

#[tokio::test]
async fn a_scope_is_used_when_an_admitted_request_needed_it() {
    let all = "orders:admin orders:read orders:write stats pay";
    for (call, used) in [
        ("GET /open", &[][..]),
        ("GET /orders", &["orders:read"]),
        ("POST /orders", &["orders:read", "orders:write"]),
        ("GET /either", &["orders:admin"]),
        ("GET /stats", &["admin"]),
        ("GET /calm", &[]),
        ("GET /transfer", &["pay"]),
        ("GET /later", &["orders:read"]),
        ("gRPC /orders.v1.Orders/Get", &["orders:read"]),
        ("gRPC /orders.v1.Orders/Delete", &["orders:write"]),
    ] {
        let house = House::with_room_for(10);
        let token =
            house.token("ada", all).role("admin").claim("acr", "gold").claim("client_id", "till");
        let answer = house.send(&token, call).await;
        assert_eq!((answer.status, answer.text()), (200, "inner"), "{call}");
        let report = house.scope_use.report();
        let ada = of(&report, "ada");
        assert_eq!((ada.requests, ada.last_request), (1, NOW), "{call}");
        assert_eq!(
            (&*ada.issuer, ada.client_id.as_deref()),
            ("https://issuer.example", Some("till"))
        );
        let grants = || ada.scopes.iter().chain(&ada.roles);
        assert_eq!(grants().count(), 6, "{call}");
        let noted: Vec<_> =
            grants().filter(|it| it.last_used == Some(NOW)).map(|it| &*it.name).collect();
        assert_eq!(noted, used, "{call}");
        let never = &report.never_used[0];
        assert_eq!(never.scopes.len() + never.roles.len(), 6 - used.len(), "{call}");
    }
}

#[tokio::test]
async fn a_refused_request_leaves_no_trace() {
    let house = House::with_room_for(10);
    let ada = house.token("ada", "orders:read pay");
    for (call, status, grpc) in [
        ("POST /orders", 403, ""),
        ("GET /undeclared", 403, ""),
        ("GET /never", 403, ""),
        ("GET /down", 503, ""),
        ("GET /transfer", 401, ""), // the scope is there; another log-in is asked for
        ("GET /orders/../stats", 400, ""),
        ("gRPC /orders.v1.Orders/Delete", 200, "7"),
    ] {
        let answer = house.send(&ada, call).await;
        assert_eq!((answer.status, answer.header("grpc-status")), (status, grpc), "{call}");
    }
    let forged = TestIssuer::new("https://issuer.example", "https://api.example");
    assert_eq!(house.send(&forged.token("eve").scope("stats"), "GET /stats").await.status, 401);
    let mut anonymous = House::request(&ada, "GET /open");
    anonymous.headers_mut().clear();
    assert_eq!(ask(house.warden.layer(tower::service_fn(hello)), anonymous).await.status, 200);
    let report = house.scope_use.report();
    assert!(report.principals.is_empty() && report.never_used.is_empty(), "{report}");
    assert_eq!((report.principals_not_recorded, report.requests_not_recorded), (0, 0));

    assert_eq!(house.send(&ada, "GET /orders").await.status, 200);
    let report = house.scope_use.report();
    assert_eq!(counts(&of(&report, "ada").scopes), ["orders:read 1", "pay 0"]);
}

#[tokio::test]
async fn credentials_of_one_principal_are_added_up_and_clients_are_kept_apart() {
    let house = House::with_room_for(10);
    let send = async |token: TestToken| {
        assert_eq!(house.send(&token, "GET /orders").await.status, 200);
        house.clock.advance(Duration::from_secs(60));
    };
    send(house.token("ada", "orders:read stats")).await;
    send(house.token("ada", "pay orders:read")).await;
    send(house.token("ada", "orders:read").claim("client_id", "till")).await;
    send(house.token("bob", "orders:read")).await;
    let report = house.scope_use.report();
    assert_eq!((report.since, report.until), (NOW, NOW + 240));
    assert_eq!(report.principals.len(), 3);
    // Those with most to trim come first.
    let ada = &report.principals[0];
    assert_eq!((&*ada.subject, ada.requests), ("ada", 2));
    assert_eq!(ada.client_id.as_deref(), Some("test-client"));
    assert_eq!(counts(&ada.scopes), ["orders:read 2", "pay 0", "stats 0"]);
    assert_eq!(ada.scopes[0].last_used, Some(NOW + 60));
    let totals: Vec<_> =
        report.scopes.iter().map(|it| (&*it.name, it.held_by, it.used_by)).collect();
    assert_eq!(totals, [("orders:read", 3, 3), ("pay", 1, 0), ("stats", 1, 0)]);
    assert_eq!(report.never_used.len(), 1);
    assert_eq!(report.never_used[0].scopes, ["pay", "stats"]);
}

#[tokio::test]
async fn newcomers_push_nobody_out_and_are_counted() {
    let house = House::with_room_for(2);
    let send = async |subject: &str| {
        assert_eq!(
            house.send(&house.token(subject, "orders:read"), "GET /orders").await.status,
            200
        );
    };
    for subject in ["ada", "bob", "cy", "cy", "dan", "ada"] {
        send(subject).await;
    }
    let report = house.scope_use.report();
    assert_eq!(report.principals.len(), 2);
    assert_eq!((of(&report, "ada").requests, of(&report, "bob").requests), (2, 1));
    assert_eq!((report.principals_not_recorded, report.requests_not_recorded), (2, 3));
    assert!(report.to_string().ends_with("no room for: 2 principals or more, 3 requests\n"));

    // After the retention they make room.
    house.clock.advance(15 * DAY);
    send("ada").await;
    house.clock.advance(15 * DAY + Duration::from_secs(1));
    let report = house.scope_use.report();
    assert_eq!(report.principals.len(), 1, "bob was not seen for longer than that: {report}");
    send("dan").await;
    send("cy").await;
    let report = house.scope_use.take();
    assert_eq!((of(&report, "dan").requests, report.principals.len()), (1, 2));
    assert_eq!(report.requests_not_recorded, 4);

    // Taken is taken, and there is room again.
    assert_eq!(house.scope_use.report().principals.len(), 0);
    assert_eq!(house.scope_use.report().since, report.until);
    send("cy").await;
    send("eve").await;
    let report = house.scope_use.report();
    assert_eq!((report.principals.len(), report.requests_not_recorded), (2, 0));
    house.scope_use.clear();
    assert!(house.scope_use.report().principals.is_empty());
}

#[tokio::test]
async fn a_caller_with_ten_thousand_scopes_is_bounded_and_said_to_be() {
    let scope_use = ScopeUse::new(10);
    let issuer = TestIssuer::new("https://issuer.example", "https://api.example");
    let validator = JwtValidator::new(issuer.trust().unwrap());
    let stack = (
        AuthenticateLayer::new(BearerAuthenticator::new(validator)),
        RulesLayer::new(Rules::builder().get("/", scope("s9")).build().unwrap())
            .scope_use(&scope_use),
    );
    // Tokens have a size limit of their own, which lets several hundred short ones through.
    let names: Vec<_> = (0..500).map(|number| format!("s{number}")).collect();
    let token = issuer.token("ada").scope(&names.join(" ")).sign();
    let answer = through(&stack, get("/", &[("authorization", &format!("Bearer {token}"))])).await;
    assert_eq!(answer.status, 200, "{}", answer.reason());
    let report = scope_use.report();
    let ada = of(&report, "ada");
    assert_eq!((ada.scopes.len(), ada.scopes_not_recorded), (64, 436));
    assert_eq!(ada.scopes.iter().filter(|it| it.requests == 1).count(), 1);
    assert!(report.to_string().contains("(and 436 not recorded)"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn requests_at_the_same_time_are_all_counted_once() {
    let house = House::with_room_for(50);
    let tokens: Vec<_> =
        (0..60).map(|number| house.token(&format!("user{number}"), "orders:read stats")).collect();
    let taken = tokio::spawn({
        let scope_use = house.scope_use.clone();
        async move {
            let mut taken = 0;
            for _ in 0..20 {
                taken += total(&scope_use.take());
                tokio::task::yield_now().await;
            }
            taken
        }
    });
    let sent = tokens.iter().flat_map(|token| {
        let requests = (0..10).map(|_| House::request(token, "GET /orders"));
        requests
            .map(|request| tokio::spawn(ask(house.warden.layer(tower::service_fn(hello)), request)))
    });
    for answer in join_all(sent.collect::<Vec<_>>()).await {
        assert_eq!(answer.unwrap().status, 200);
    }
    assert_eq!(taken.await.unwrap() + total(&house.scope_use.take()), 600);
}

/// Every admitted request that a report knows of.
fn total(report: &ScopeUseReport) -> u64 {
    assert!(report.principals.len() <= 50);
    for principal in &report.principals {
        assert_eq!(principal.requests, principal.scopes[0].requests);
    }
    report.principals.iter().map(|it| it.requests).sum::<u64>() + report.requests_not_recorded
}

#[tokio::test]
async fn the_report_is_a_table_and_json() {
    let house = House::with_room_for(3);
    let ada = house.token("ada", "orders:read stats").role("admin");
    assert_eq!(house.send(&ada, "GET /orders").await.status, 200);
    let odd = house.token("eve\u{1b}[2J\n", "orders:read");
    assert_eq!(house.send(&odd, "GET /orders").await.status, 200);
    house.clock.advance(Duration::from_secs(7_200));
    let report = house.scope_use.report();
    assert_eq!(
        report.to_string(),
        "\
principal                                 kind  client       requests  last  never used         used
ada of https://issuer.example             user  test-client  1         2 h   stats role(admin)  orders:read
eve\\u{1b}[2J\\n of https://issuer.example  user  test-client  1         2 h   -                  orders:read
scope orders:read: held by 2, used by 2
scope stats: held by 1, used by 0
role admin: held by 1, used by 0
"
    );
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["principals"][0]["kind"], "user");
    assert_eq!(
        json["principals"][0]["scopes"],
        serde_json::json!([
            {"name": "orders:read", "requests": 1, "last_used": NOW},
            {"name": "stats", "requests": 0, "last_used": null},
        ])
    );
    assert_eq!(json["never_used"][0]["roles"], serde_json::json!(["admin"]));
    assert_eq!(format!("{:?}", house.scope_use), "ScopeUse { recorded: 2, most: 3, .. }");
}
