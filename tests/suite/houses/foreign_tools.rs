//! Programs that know nothing of this crate, pointed at the examples.

use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::Value;

use super::House;

fn run(program: impl AsRef<std::ffi::OsStr>, arguments: &[&str]) -> Output {
    let program = program.as_ref();
    Command::new(program)
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap_or_else(|error| panic!("{}: {error}", program.display()))
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

fn header_line(house: &House, actor: &str) -> String {
    house.credential(actor).map_or_else(String::new, |(name, value)| format!("{name}: {value}"))
}

/// Status, content type and body, as curl sees them.
fn curl(house: &House, actor: &str, path: &str, more: &[&str]) -> (String, String) {
    let (url, header) = (format!("http://{}{path}", house.address()), header_line(house, actor));
    let format = "\n%{http_code} %{content_type}";
    // An empty header line is no header line for curl.
    let mut arguments = vec!["--silent", "--show-error", "--noproxy", "*", "--write-out", format];
    arguments.extend(["--header", &header]);
    arguments.extend(more);
    arguments.push(&url);
    let output = run("curl", &arguments);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let (body, status) = text(&output.stdout).rsplit_once('\n').unwrap();
    (status.to_owned(), body.to_owned())
}

#[test]
#[ignore = "needs curl: tests/run runs it"]
fn curl_gets_orders_and_problem_documents() {
    let house = House::start("orders_api");
    let problem = |status: &str| format!("{status} application/problem+json");

    let (status, body) = curl(&house, "ada", "/orders", &[]);
    assert_eq!(status, "200 application/json");
    assert!(body.contains("a loom") && !body.contains("a compass"), "{body}");
    let (status, _) = curl(&house, "api_key", "/orders", &["--json", r#"{"item":"a sieve"}"#]);
    assert_eq!(status, "201 application/json");
    assert_eq!(curl(&house, "nobody", "/health", &[]).0, "200 application/json");

    assert_eq!(curl(&house, "nobody", "/orders", &[]).0, problem("401"));
    assert_eq!(curl(&house, "bob", "/orders/1", &[]).0, problem("404"));
    assert_eq!(curl(&house, "ada", "/admin/orders", &[]).0, problem("403"));
    assert_eq!(curl(&house, "admin", "/debug", &[]).0, problem("403"));
    assert_eq!(curl(&house, "ada", "/x/../debug", &["--path-as-is"]).0, problem("400"));
    let two = header_line(&house, "api_key");
    assert_eq!(curl(&house, "ada", "/orders", &["--header", &two]).0, problem("400"));
}

#[test]
#[ignore = "needs curl: tests/run runs it"]
fn g1_curl_sees_http_200_and_a_grpc_status_without_a_body() {
    let house = House::start("orders_grpc");
    let url = format!("http://{}/orders.v1.Orders/Get", house.address());
    let arguments = ["--silent", "--noproxy", "*", "--http2-prior-knowledge", "--include"];
    let request = ["--header", "content-type: application/grpc", "--data-binary", "", &url];
    let output = run("curl", &[&arguments[..], &request[..]].concat());
    assert!(output.status.success(), "{}", text(&output.stderr));
    let answer = text(&output.stdout);
    assert!(answer.starts_with("HTTP/2 200"), "{answer}");
    assert!(answer.contains("grpc-status: 16\r\n"), "{answer}");
    assert!(answer.contains("www-authenticate: Bearer realm=\"api\"\r\n"), "{answer}");
    assert!(answer.ends_with("\r\n\r\n"), "{answer}");
}

/// Where `tests/run` puts it, if it is not on the path.
fn grpcurl_program() -> PathBuf {
    let name = format!("grpcurl{}", std::env::consts::EXE_SUFFIX);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let tools = std::env::var_os("WARDEN_TOOLS").map(|tools| PathBuf::from(tools).join("bin"));
    let own = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(".tools/venv/bin");
    let places = std::env::split_paths(&path).chain(tools).chain([own]);
    let found = places.map(|place| place.join(&name)).find(|program| program.is_file());
    found.expect("grpcurl is installed by tests/run")
}

fn grpcurl(house: &House, actor: &str, method: &str, message: &str) -> Output {
    let (method, header) = (format!("orders.v1.{method}"), header_line(house, actor));
    let mut arguments = vec!["-plaintext", "-import-path", "examples/orders_grpc"];
    arguments.extend(["-proto", "orders.proto", "-max-time", "30", "-d", message]);
    if !header.is_empty() {
        arguments.extend(["-H", &header]);
    }
    arguments.extend([house.address(), &method]);
    run(grpcurl_program(), &arguments)
}

#[test]
#[ignore = "needs grpcurl: tests/run installs it"]
fn g2_grpcurl_gets_orders_and_status_codes() {
    let house = House::start("orders_grpc");
    let got = grpcurl(&house, "ada", "Orders/Get", r#"{"id": 1}"#);
    assert!(got.status.success(), "{}", text(&got.stderr));
    let order: Value = serde_json::from_slice(&got.stdout).unwrap();
    assert_eq!((&order["owner"], &order["item"]), (&"ada".into(), &"a loom".into()));
    assert!(grpcurl(&house, "ada", "Orders/List", "{}").status.success());
    assert!(grpcurl(&house, "nobody", "Health/Check", "{}").status.success());
    assert!(grpcurl(&house, "api_key", "Orders/Create", r#"{"item": "a sieve"}"#).status.success());

    for (actor, method, message, code, name) in [
        ("nobody", "Orders/Get", r#"{"id": 1}"#, 16, "Unauthenticated"),
        ("nobody", "Orders/List", "{}", 16, "Unauthenticated"),
        ("bob", "Orders/Get", r#"{"id": 1}"#, 5, "NotFound"),
        ("ada", "Orders/Create", "{}", 3, "InvalidArgument"),
        ("admin", "Orders/Create", r#"{"item": "a sieve"}"#, 7, "PermissionDenied"),
        ("ada", "Orders/Delete", r#"{"id": 1}"#, 7, "PermissionDenied"),
        ("admin", "Orders/Debug", "{}", 7, "PermissionDenied"),
    ] {
        let refused = grpcurl(&house, actor, method, message);
        let stderr = text(&refused.stderr);
        // grpcurl ends with 64 and the status code.
        assert_eq!(refused.status.code(), Some(64 + code), "{actor} {method}: {stderr}");
        assert!(stderr.contains(&format!("Code: {name}")), "{actor} {method}: {stderr}");
        assert!(refused.stdout.is_empty(), "{actor} {method}");
    }
}
