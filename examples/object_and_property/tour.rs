//! The attacks of the tour, over a real socket, each beside what is allowed.

use std::error::Error;
use std::net::SocketAddr;

use crate::app::Demo;
use crate::http_caller::{Ask, Caller};
use crate::shared_tour::{Log, Stop};

pub(crate) async fn run(
    demo: &Demo,
    address: SocketAddr,
    log: &Log,
) -> Result<Vec<Stop>, Box<dyn Error>> {
    let caller = Caller::new(address, log);
    let mut stops = Vec::new();
    for ask in
        function_level(demo).into_iter().chain(object_level(demo)).chain(property_level(demo))
    {
        stops.push(caller.send(ask).await?);
    }
    let bearer = ("authorization", format!("Bearer {}", demo.ada()));
    stops.push(caller.ask("DELETE /orders/1  (ada, her own)", &[bearer], "204", ("", "")).await?);
    Ok(stops)
}

/// Broken function-level authorization (OWASP API5:2023).
fn function_level(demo: &Demo) -> Vec<Ask> {
    vec![
        Ask { status: "200", ..ask("GET /admin/stats  (admin)", &demo.admin()) },
        Ask {
            status: "403",
            log: ("rules", "role_missing"),
            ..ask("GET /admin/stats  (ada)", &demo.ada())
        },
        Ask {
            status: "403",
            log: ("rules", "scope_missing"),
            ..ask("DELETE /orders/1  (may only read)", &demo.ada_reading())
        },
        Ask {
            status: "403",
            log: ("rules", "route_not_declared"),
            ..ask("PUT /orders/1  (undeclared)", &demo.admin())
        },
    ]
}

/// Broken object-level authorization (API1:2023).
fn object_level(demo: &Demo) -> Vec<Ask> {
    let hidden = ("guard", "object_hidden");
    vec![
        Ask { status: "200", says: "a loom", ..ask("GET /orders/1  (ada, her own)", &demo.ada()) },
        Ask {
            status: "404",
            hides: "loom",
            log: hidden,
            ..ask("GET /orders/1  (gil, not his)", &demo.gil())
        },
        Ask {
            status: "404",
            log: ("guard", "object_not_found"),
            ..ask("GET /orders/9  (no such)", &demo.gil())
        },
        Ask { status: "404", log: hidden, ..ask("DELETE /orders/1  (gil)", &demo.gil()) },
        Ask {
            status: "403",
            log: ("guard", "object_forbidden"),
            ..ask("DELETE /orders/1  (bob, colleague)", &demo.bob())
        },
        Ask {
            status: "200",
            says: "telescope",
            hides: "loom",
            ..ask("GET /orders  (gil's list)", &demo.gil())
        },
        Ask {
            status: "500",
            hides: "loom",
            log: ("tripwire", "authz_not_performed"),
            ..ask("GET /orders/1/invoice  (forgotten)", &demo.gil())
        },
        Ask {
            status: "404",
            hides: "loom",
            log: ("tripwire", "authz_denial_swallowed"),
            ..ask("GET /orders/1/label  (ignored)", &demo.gil())
        },
    ]
}

/// Excessive data exposure and mass assignment (API3:2023).
fn property_level(demo: &Demo) -> Vec<Ask> {
    let refused = ("extractor", "field_not_writable");
    vec![
        Ask {
            status: "200",
            says: "ada@example.com",
            hides: "margin",
            ..ask("GET /orders/1  (ada)", &demo.ada())
        },
        Ask {
            status: "200",
            says: "a***@example.com",
            hides: "ada@",
            ..ask("GET /orders/1  (bob, masked)", &demo.bob())
        },
        Ask {
            status: "200",
            says: "\"margin\":40",
            ..ask("GET /orders/1  (admin)", &demo.admin())
        },
        Ask {
            status: "200",
            says: "a loom",
            hides: "margin",
            ..ask("GET /legacy/orders/1  (layer)", &demo.ada())
        },
        Ask {
            status: "201",
            says: "\"owner\":\"ada\"",
            body: Some(r#"{"item":"a quill","email":"ada@example.com"}"#),
            ..ask("POST /orders", &demo.ada())
        },
        Ask {
            status: "400",
            body: Some(r#"{"item":"a quill","email":"ada@example.com","status":"paid"}"#),
            log: refused,
            ..ask("POST /orders  (sets status)", &demo.ada())
        },
        Ask {
            status: "400",
            body: Some(r#"{"owner":"gil"}"#),
            log: refused,
            ..ask("PATCH /orders/1  (sets owner)", &demo.ada())
        },
        Ask {
            status: "400",
            body: Some(r#"{"status":"paid"}"#),
            log: refused,
            ..ask("PATCH /orders/1  (sets status)", &demo.ada())
        },
        Ask {
            status: "200",
            says: "paid",
            body: Some(r#"{"status":"paid"}"#),
            ..ask("PATCH /orders/1  (admin)", &demo.admin())
        },
        Ask {
            status: "200",
            says: "a harp",
            body: Some(r#"{"item":"a harp"}"#),
            ..ask("PATCH /orders/1  (her item)", &demo.ada())
        },
    ]
}

fn ask(title: &'static str, token: &str) -> Ask {
    Ask { title, headers: vec![("authorization", format!("Bearer {token}"))], ..Ask::default() }
}
