//! The requests of the tour, over a real socket, in the order in which a client of the protocol sends them.

use std::error::Error;
use std::net::SocketAddr;

use crate::app::Demo;
use crate::http_caller::{Ask, Caller};
use crate::shared_tour::{Log, Stop};

const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}"#;
const INITIALIZED: &str = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
const LIST: &str = r#"{"jsonrpc":"2.0","id":2,"method":"tools/list"}"#;
const CALL: &str = r#"{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"whoami"}}"#;

/// What the first 401 has to lead to.
const LEADS_ON: &str =
    "resource_metadata=\"https://tools.example/.well-known/oauth-protected-resource/mcp\"";

pub(crate) async fn run(
    demo: &Demo,
    address: SocketAddr,
    log: &Log,
) -> Result<Vec<Stop>, Box<dyn Error>> {
    let caller = Caller::new(address, log);
    let (good, bare) = (demo.token(), demo.token_without_scope());
    let unauthenticated = ("rules", "no_credentials");
    let handler = ("", "");
    let asks = [
        Ask {
            status: "401",
            says: LEADS_ON,
            log: unauthenticated,
            ..post("POST /mcp  (initialize, no token)", INITIALIZE)
        },
        Ask {
            path: Some(demo.metadata_path().to_owned()),
            status: "200",
            says: "\"authorization_servers\":[\"https://issuer.example\"]",
            ..get("GET metadata")
        },
        Ask {
            status: "200",
            says: "protocolVersion",
            ..with(&good, post("POST /mcp  (initialize)", INITIALIZE))
        },
        Ask { status: "202", ..with(&good, post("POST /mcp  (initialized)", INITIALIZED)) },
        Ask { status: "200", says: "whoami", ..with(&good, post("POST /mcp  (tools/list)", LIST)) },
        Ask {
            status: "200",
            says: "ada of https://issuer.example",
            ..with(&good, post("POST /mcp  (tools/call)", CALL))
        },
        Ask {
            status: "401",
            says: LEADS_ON,
            log: ("authentication", "token_audience"),
            ..with(
                &demo.token_for_another_server(),
                post("POST /mcp  (other server's token)", CALL),
            )
        },
        Ask {
            status: "403",
            says: "scope=\"tools:call\"",
            log: ("rules", "scope_missing"),
            ..with(&bare, post("POST /mcp  (tools/call, no scope)", CALL))
        },
        Ask {
            status: "403",
            says: "not allowed",
            log: ("rules", "policy_denied"),
            ..from_a_page(with(&good, post("POST /mcp  (a page's call)", CALL)))
        },
        Ask { status: "405", log: handler, ..with(&good, get("GET /mcp  (no stream here)")) },
        Ask { status: "401", says: LEADS_ON, log: unauthenticated, ..get("GET /mcp  (no token)") },
    ];
    let mut stops = Vec::new();
    for ask in asks {
        stops.push(caller.send(ask).await?);
    }
    let bearer = ("authorization", format!("Bearer {good}"));
    let undeclared = ("rules", "route_not_declared");
    stops.push(caller.ask("GET /debug", &[bearer], "403", undeclared).await?);
    Ok(stops)
}

fn get(title: &'static str) -> Ask {
    Ask { title, ..Ask::default() }
}

fn post(title: &'static str, message: &'static str) -> Ask {
    let accept = ("accept", "application/json, text/event-stream".to_owned());
    Ask { title, headers: vec![accept], body: Some(message), ..Ask::default() }
}

fn with(token: &str, mut ask: Ask) -> Ask {
    ask.headers.push(("authorization", format!("Bearer {token}")));
    ask
}

fn from_a_page(mut ask: Ask) -> Ask {
    ask.headers.push(("origin", "https://evil.example".to_owned()));
    ask
}
