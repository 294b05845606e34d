//! As much of the protocol as a demonstration needs: JSON-RPC messages, each answered with one JSON document.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tower_warden::principal::Principal;

const VERSION: &str = "2025-06-18";

pub(crate) async fn answer(principal: Principal, Json(message): Json<Value>) -> Response {
    let method = message.get("method").and_then(Value::as_str).unwrap_or_default();
    // A notification has no id, and gets no answer.
    let Some(id) = message.get("id") else { return StatusCode::ACCEPTED.into_response() };
    let outcome = match method {
        "initialize" => Ok(json!({
            "protocolVersion": VERSION,
            "capabilities": { "tools": {} },
            "serverInfo": { "name": "mcp_resource", "version": env!("CARGO_PKG_VERSION") },
        })),
        "tools/list" => Ok(json!({ "tools": [{
            "name": "whoami",
            "description": "Tells who is calling",
            "inputSchema": { "type": "object" },
        }] })),
        "tools/call" if message.pointer("/params/name") == Some(&json!("whoami")) => {
            let (issuer, subject) = principal.identity();
            let text = format!("{subject} of {issuer}");
            Ok(json!({ "content": [{ "type": "text", "text": text }] }))
        }
        "tools/call" => Err(json!({ "code": -32602, "message": "Unknown tool" })),
        _ => Err(json!({ "code": -32601, "message": "Method not found" })),
    };
    let (member, value) = match outcome {
        Ok(result) => ("result", result),
        Err(error) => ("error", error),
    };
    Json(json!({ "jsonrpc": "2.0", "id": id, member: value })).into_response()
}
