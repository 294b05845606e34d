//! Advisories about rules and routers that read a path differently, or about checks that were declared and did not run:
//! over a real router of axum, raw bytes on a socket, and over gRPC.

use axum::extract::{Path, Request};
use axum::response::Response;
use futures_util::stream;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tonic::Code;
use tower_warden::authz::{Rules, RulesBuilder, authenticated, check, public, role, scope};
use tower_warden::frameworks::axum::Routes;
use tower_warden::frameworks::axum::methods::{any, get};
use tower_warden::testing::TestIssuer;
use tower_warden::warden::Warden;

use super::streams;

/// A service that would tell everything to whom it lets in.
struct Running {
    address: std::net::SocketAddr,
    issuer: TestIssuer,
}

/// What the handlers behind the guarded routes say.
const SECRET: &str = "the secret";

impl Running {
    async fn start(rules: RulesBuilder, routes: Routes) -> Self {
        let issuer = TestIssuer::new("https://issuer.example", "https://api.example");
        let warden = Warden::builder().trust_issuer(issuer.trust()).rules(rules).build().unwrap();
        let service = warden.guard_routes(routes).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(axum::serve(listener, service.into_make_service()).into_future());
        Self { address, issuer }
    }

    /// Sends a request line as it is, and reads what comes back: the status, and whether it holds the secret.
    async fn raw(&self, target: &[u8], fields: &str) -> (u16, bool) {
        let mut connection = TcpStream::connect(self.address).await.unwrap();
        let head = format!(" HTTP/1.1\r\nhost: api.example\r\nconnection: close\r\n{fields}\r\n");
        let request = [b"GET ", target, head.as_bytes()].concat();
        connection.write_all(&request).await.unwrap();
        let mut answer = Vec::new();
        connection.read_to_end(&mut answer).await.unwrap();
        let answer = String::from_utf8_lossy(&answer);
        let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
        (status.unwrap_or_default(), answer.contains(SECRET))
    }

    fn bearer(&self, scope: &str) -> String {
        format!("authorization: Bearer {}\r\n", self.issuer.token("ada").scope(scope).sign())
    }
}

/// Broad public patterns around narrow guarded ones: what confusion about a path wants to exploit.
async fn public_around_admin() -> Running {
    let rules = Rules::builder()
        .any("/admin", role("admin"))
        .any("/admin/{*rest}", role("admin"))
        .get("/public/{*rest}", public("assets"))
        .get("/{page}", public("pages"))
        .any("/{page}/{*rest}", public("what no route matches is 404 for everybody"));
    let asset = async |Path(path): Path<String>| {
        // Resolves and decodes once more, as a file system behind it would.
        let resolved = path.replace("%2e", ".").replace("%2F", "/").replace("%2f", "/");
        if resolved.contains("..") || resolved.contains("admin") { SECRET } else { "asset" }
    };
    let admin =
        Routes::new().route("/", any(async || SECRET)).route("/{*rest}", any(async || SECRET));
    let routes = Routes::new()
        .nest("/admin", admin)
        .route("/public/{*rest}", get(asset))
        .route("/{page}", get(async || "page"))
        .fallback(["/{page}/{*rest}"], async |request: Request| {
            let admin = request.uri().path().to_ascii_lowercase().contains("/admin");
            Response::new(if admin { SECRET } else { "nothing" }.to_owned())
        });
    Running::start(rules, routes).await
}

async fn refused(server: &Running, targets: &[&[u8]]) {
    for target in targets {
        let (status, leaked) = server.raw(target, "").await;
        assert!(!leaked, "{}", String::from_utf8_lossy(target));
        assert_eq!(status, 400, "{}", String::from_utf8_lossy(target));
    }
    assert_eq!(server.raw(b"/public/app.css", "").await, (200, false));
    assert_eq!(server.raw(b"/admin/users", "").await, (401, false));
    assert_eq!(server.raw(b"/admin", "").await, (401, false));
}

/// Ory Oathkeeper: a rule for the prefix as it was sent, a service for the path as it was resolved.
#[tokio::test]
async fn z13_n2_cve_2026_33494_dot_segments_do_not_lead_to_another_rule() {
    let server = public_around_admin().await;
    refused(
        &server,
        &[
            b"/public/../admin/users",
            b"/public/x/../../admin/users",
            b"/public/./../admin/users",
            b"/public/%2e%2e/admin/users",
            b"/public/.%2E/admin/users",
            b"/public/..%2fadmin/users",
            b"/public/..%2Fadmin%2Fusers",
            b"/public/%252e%252e/admin/users",
            b"/public/..%5cadmin",
            b"/public/..;/admin",
            b"http://api.example/public/../admin",
        ],
    )
    .await;
}

/// opa-envoy-plugin: two slashes in front made the first segment an authority, and another path of the rest.
#[tokio::test]
async fn z13_n2_cve_2026_26205_empty_segments_are_refused() {
    let server = public_around_admin().await;
    refused(
        &server,
        &[
            b"//admin/users",
            b"//public/admin/users",
            b"///admin",
            b"/public//admin/users",
            b"/admin//users",
            b"/admin/users//",
            b"/admin//",
            b"http://api.example//admin/users",
        ],
    )
    .await;
}

/// Heimdall: encoded slashes and letters, and other letter case, matched another rule than the service behind it.
#[tokio::test]
async fn z13_n2_ghsa_3q34_rx83_r6mq_encoded_paths_match_no_other_rule() {
    let server = public_around_admin().await;
    refused(
        &server,
        &[
            b"/public%2f..%2fadmin",
            b"/admin%2fusers",
            b"/admin%2Fusers",
            b"/%61dmin/users",
            b"/%61%64%6d%69%6e",
            b"/admin%252fusers",
            b"/admin%00",
            b"/admin%0d%0ax",
            b"/admin%",
            b"/admin%c0%af",
            b"/admin%3fx",
        ],
    )
    .await;
    // Case is part of the path: another page, or nothing, and never the guarded handler.
    for target in [&b"/Admin"[..], b"/ADMIN"] {
        assert_eq!(server.raw(target, "").await, (200, false));
    }
}

/// @fastify/static: a guard by the raw path, a file by the decoded one.
#[tokio::test]
async fn z13_n2_ghsa_8pvw_jcv7_9cmj_an_encoded_separator_does_not_pass_a_guard() {
    let rules = Rules::builder()
        .get("/files/{*path}", public("assets"))
        .get("/files/private/{*path}", authenticated());
    let file = async |Path(path): Path<String>| {
        let private = path.starts_with("private") || path.contains("../") || path.contains('\\');
        if private { SECRET } else { "asset" }
    };
    let routes = Routes::new()
        .route("/files/{*path}", get(file))
        .route("/files/private/{*path}", get(async || SECRET));
    let server = Running::start(rules, routes).await;
    for target in [
        &b"/files/private%2fkey.pem"[..],
        b"/files/private%2Fkey.pem",
        b"/files/private%5ckey.pem",
        b"/files/private\\key.pem",
        b"/files/%70rivate/key.pem",
        b"/files/./private/key.pem",
        b"/files/x/../private/key.pem",
        b"/files/private%252fkey.pem",
        b"/files/private;x/key.pem",
        b"/files//private/key.pem",
    ] {
        assert_eq!(
            server.raw(target, "").await,
            (400, false),
            "{}",
            String::from_utf8_lossy(target)
        );
    }
    assert_eq!(server.raw(b"/files/private/key.pem", "").await, (401, false));
    assert_eq!(server.raw(b"/files/logo.svg", "").await, (200, false));
    assert_eq!(server.raw(b"/files/private/key.pem", &server.bearer("x")).await, (200, true));
}

/// A slash at the end makes another path: it has a rule of its own or none.
#[tokio::test]
async fn z13_n2_a_trailing_slash_is_another_path() {
    let rules = Rules::builder().get("/admin", role("admin")).get("/open/", public("test"));
    let routes =
        Routes::new().route("/admin", get(async || SECRET)).route("/open/", get(async || "open"));
    let server = Running::start(rules, routes).await;
    for (target, status) in [("/admin", 401), ("/admin/", 403), ("/open/", 200), ("/open", 403)] {
        assert_eq!(server.raw(target.as_bytes(), "").await, (status, false), "{target}");
    }
}

/// The same over HTTP/2 and gRPC, whose paths are names that nobody has to encode.
#[tokio::test]
async fn z13_n2_a_grpc_path_in_another_spelling_reaches_no_method() {
    let rules = Rules::builder()
        .grpc("/streams.v1.Streams/Chat", scope("chat"))
        .any("/{*rest}", public("what a careless table adds"));
    let server = streams::Running::on_tonic(rules).await;
    for (path, code) in [
        ("/streams.v1.Streams%2fChat", Code::InvalidArgument),
        ("/streams.v1.Streams%2FChat", Code::InvalidArgument),
        ("/streams.v1.Streams/%43hat", Code::InvalidArgument),
        ("/streams.v1.Streams%252fChat", Code::InvalidArgument),
        ("/streams.v1%2eStreams/Chat", Code::InvalidArgument),
        ("//streams.v1.Streams/Chat", Code::InvalidArgument),
        ("/streams.v1.Streams//Chat", Code::InvalidArgument),
        ("/x/../streams.v1.Streams/Chat", Code::InvalidArgument),
        ("/./streams.v1.Streams/Chat", Code::InvalidArgument),
        ("/streams.v1.Streams;/Chat", Code::InvalidArgument),
        ("/streams.v1.Streams/Chat", Code::Unauthenticated),
    ] {
        let status = server.call(path, "", stream::iter([1])).await.unwrap_err();
        assert_eq!((status.code(), server.calls()), (code, 0), "{path}");
    }
    // Other letter case is another service, which the server does not have.
    let status = server.call("/Streams.v1.streams/Chat", "", stream::iter([1])).await.unwrap_err();
    assert_eq!((status.code(), server.calls()), (Code::Unimplemented, 0));
}

/// Spring Security: annotations that were declared where nothing looked for them, and so silently did nothing.
#[test]
fn z1_z2_cve_2025_41232_a_rule_that_would_apply_to_nothing_does_not_start() {
    let issuer = TestIssuer::new("https://issuer.example", "https://api.example");
    let warden = |rules: RulesBuilder| {
        Warden::builder().trust_issuer(issuer.trust()).rules(rules).build().unwrap()
    };
    let nested =
        || Routes::new().nest("/api", Routes::new().route("/orders/{id}", get(async || SECRET)));
    // Declared inside of the prefix, under another name of the parameter, for another method, with a slash too many.
    for (rules, problems) in [
        (Rules::builder().get("/orders/{id}", authenticated()), 2),
        (Rules::builder().get("/api/orders/{order}", authenticated()), 2),
        (Rules::builder().post("/api/orders/{id}", authenticated()), 2),
        (Rules::builder().get("/api/orders/{id}/", authenticated()), 2),
    ] {
        let error = warden(rules).guard_routes(nested()).unwrap_err();
        assert_eq!(error.problems().len(), problems, "{error}");
    }
    let rules = Rules::builder().get("/api/orders/{id}", authenticated());
    assert!(warden(rules).guard_routes(nested()).is_ok());
}

/// The same behind generic types: handlers that are generic, and come in through state, layers and merges.
#[tokio::test]
async fn z1_z2_cve_2025_41248_a_generic_handler_is_guarded_like_any_other() {
    trait Secret: Clone + Send + Sync + 'static {
        fn tell(&self) -> &'static str;
    }
    #[derive(Clone)]
    struct Told;
    impl Secret for Told {
        fn tell(&self) -> &'static str {
            SECRET
        }
    }
    async fn tell<T: Secret>(
        axum::extract::State(secret): axum::extract::State<T>,
    ) -> &'static str {
        secret.tell()
    }
    fn routes<T: Secret>() -> Routes<T> {
        Routes::new().route("/told", get(tell::<T>)).route("/also", get(tell::<T>))
    }
    let all = || {
        Routes::new()
            .merge(routes::<Told>())
            .nest("/nested", routes::<Told>())
            .layer(axum::middleware::map_response(async |response: Response| response))
            .with_state(Told)
    };
    let guarded = Rules::builder()
        .get("/told", authenticated())
        .get("/also", authenticated())
        .group("/nested", authenticated(), |rules| {
            rules.get("/told", authenticated()).get("/also", authenticated())
        });
    let server = Running::start(guarded, all()).await;
    for target in ["/told", "/also", "/nested/told", "/nested/also"] {
        assert_eq!(server.raw(target.as_bytes(), "").await, (401, false), "{target}");
        let known = server.bearer("x");
        assert_eq!(server.raw(target.as_bytes(), &known).await, (200, true), "{target}");
    }
}

/// SciTokens: a scope for a directory let its bearer climb out of it, and into others whose names begin alike.
#[tokio::test]
async fn z13_n2_ghsa_3x2w_63fp_3qvw_a_path_in_a_scope_cannot_be_climbed_out_of() {
    let within = check("within a scope", |principal, request| {
        let path = request.param("path").unwrap_or_default();
        principal.scopes().iter().any(|scope| {
            let directory = scope.strip_prefix("read:/");
            directory.is_some_and(|directory| {
                path.strip_prefix(directory)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            })
        })
    });
    let rules = Rules::builder().get("/files/{*path}", within);
    let routes = Routes::new().route("/files/{*path}", get(async || SECRET));
    let server = Running::start(rules, routes).await;
    for (scope, target, expected) in [
        ("read:/home/ada", "/files/home/ada", (200, true)),
        ("read:/home/ada", "/files/home/ada/notes", (200, true)),
        ("read:/home/ada", "/files/home/adam/notes", (403, false)),
        ("read:/home/ada", "/files/home/eve/notes", (403, false)),
        ("read:/home/ada", "/files/home/ada/../eve/notes", (400, false)),
        ("read:/home/ada", "/files/home/ada/%2e%2e/eve/notes", (400, false)),
        ("read:/home/ada", "/files/home/ada%2f..%2f..%2feve/notes", (400, false)),
        ("read:/home/ada", "/files/home/ada/%252e%252e/eve/notes", (400, false)),
        // A scope is compared as it is: no path is made of what stands in it.
        ("read:/home/ada/../eve", "/files/home/eve/notes", (403, false)),
        ("read:/home/ada/../eve", "/files/home/ada/../eve", (400, false)),
        ("read:/home/%65ve", "/files/home/eve/notes", (403, false)),
    ] {
        let answer = server.raw(target.as_bytes(), &server.bearer(scope)).await;
        assert_eq!(answer, expected, "{scope} {target}");
    }
}
