//! Where a request comes from, through the real layer.

use std::convert::Infallible;
use std::net::SocketAddr;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use tower::{Layer, service_fn};
use tower_warden::client_address::{
    ClientAddress, ClientAddressLayer, PeerAddress, SecureTransport, TrustedProxies,
};
use tower_warden::config::ConfigProblem;

use crate::support::{Answer, Logs, TestBody, ask, get, through};

const PROXIES: [&str; 3] = ["10.0.0.0/8", "192.0.2.4", "2001:db8:7::/48"];

fn forwarded() -> TrustedProxies {
    TrustedProxies::forwarded(PROXIES).unwrap()
}

fn x_forwarded_for() -> TrustedProxies {
    TrustedProxies::x_forwarded_for(PROXIES).unwrap()
}

async fn echo(request: Request<TestBody>) -> Result<Response<TestBody>, Infallible> {
    let client = ClientAddress::of(request.extensions()).unwrap().ip();
    Ok(Response::new(Full::new(Bytes::from(client.to_string()))))
}

fn from_peer(peer: &str, headers: &[(&str, &str)]) -> Request<TestBody> {
    let mut request = get("/", headers);
    let peer: SocketAddr = format!("{peer}:49152").parse().unwrap();
    request.extensions_mut().insert(PeerAddress(peer));
    request
}

async fn client(trusted: TrustedProxies, peer: &str, headers: &[(&str, &str)]) -> String {
    let service = ClientAddressLayer::new(trusted).layer(service_fn(echo));
    ask(service, from_peer(peer, headers)).await.text().to_owned()
}

fn is_https(trusted: &TrustedProxies, peer: &str, headers: &[(&str, &str)]) -> bool {
    trusted.is_https(&from_peer(peer, headers).into_parts().0)
}

#[tokio::test]
async fn q11_nobody_is_believed_by_default() {
    let headers = [("forwarded", "for=198.51.100.1"), ("x-forwarded-for", "198.51.100.1")];
    assert_eq!(client(TrustedProxies::none(), "203.0.113.9", &headers).await, "203.0.113.9");
    assert_eq!(client(TrustedProxies::default(), "127.0.0.1", &headers).await, "127.0.0.1");
}

#[tokio::test]
async fn q11_a_stranger_is_not_believed() {
    let headers = [("forwarded", "for=198.51.100.1"), ("x-forwarded-for", "198.51.100.1")];
    assert_eq!(client(forwarded(), "203.0.113.9", &headers).await, "203.0.113.9");
    assert_eq!(client(x_forwarded_for(), "203.0.113.9", &headers).await, "203.0.113.9");
}

#[tokio::test]
async fn q11_the_right_most_untrusted_hop_is_the_client() {
    for (field, expected) in [
        ("203.0.113.9", "203.0.113.9"),
        ("198.51.100.1, 203.0.113.9", "203.0.113.9"),
        ("198.51.100.1, 203.0.113.9, 10.2.2.2, 192.0.2.4", "203.0.113.9"),
        ("10.3.3.3, 203.0.113.9", "203.0.113.9"),
        ("10.3.3.3, 10.2.2.2", "10.3.3.3"),
        ("::ffff:203.0.113.9, ::ffff:10.2.2.2", "203.0.113.9"),
    ] {
        let x_forwarded = [("x-forwarded-for", field)];
        assert_eq!(client(x_forwarded_for(), "10.1.1.1", &x_forwarded).await, expected, "{field}");
        let element = |hop: &str| match hop.contains(':') {
            true => format!("For=\"[{hop}]:80\";proto=http"),
            false => format!("proto=http;for={hop}"),
        };
        let standard = field.split(", ").map(element).collect::<Vec<_>>().join(", ");
        assert_eq!(
            client(forwarded(), "10.1.1.1", &[("forwarded", &standard)]).await,
            expected,
            "{standard}"
        );
    }
}

#[tokio::test]
async fn q11_several_field_lines_are_one_list() {
    let lines = [
        ("x-forwarded-for", "198.51.100.1"),
        ("x-forwarded-for", "203.0.113.9"),
        ("x-forwarded-for", "10.2.2.2"),
    ];
    assert_eq!(client(x_forwarded_for(), "10.1.1.1", &lines).await, "203.0.113.9");
    let lines = [("forwarded", "for=198.51.100.1"), ("forwarded", "for=203.0.113.9, for=10.2.2.2")];
    assert_eq!(client(forwarded(), "10.1.1.1", &lines).await, "203.0.113.9");
}

#[tokio::test]
async fn q11_the_field_that_was_not_chosen_is_ignored() {
    let both = [("forwarded", "for=198.51.100.1"), ("x-forwarded-for", "203.0.113.9")];
    assert_eq!(client(forwarded(), "10.1.1.1", &both).await, "198.51.100.1");
    assert_eq!(client(x_forwarded_for(), "10.1.1.1", &both).await, "203.0.113.9");
    assert_eq!(client(forwarded(), "10.1.1.1", &both[1..]).await, "10.1.1.1");
    assert_eq!(client(x_forwarded_for(), "10.1.1.1", &both[..1]).await, "10.1.1.1");
}

#[tokio::test]
async fn q11_an_unreadable_hop_ends_at_the_proxy_that_wrote_it() {
    for hop in
        ["unknown", "_hidden", "", "203.0.113.9 x", "256.1.1.1", "\"203.0.113.9", "localhost"]
    {
        let field = format!("198.51.100.1, {hop}, 10.2.2.2");
        assert_eq!(
            client(x_forwarded_for(), "10.1.1.1", &[("x-forwarded-for", &field)]).await,
            "10.2.2.2",
            "{field}"
        );
        let field = format!("for=198.51.100.1, for={hop}, for=10.2.2.2");
        let found = client(forwarded(), "10.1.1.1", &[("forwarded", &field)]).await;
        assert_eq!(found, "10.2.2.2", "{field}");
    }
    assert_eq!(client(forwarded(), "10.1.1.1", &[("forwarded", "for=unknown")]).await, "10.1.1.1");
    assert_eq!(client(x_forwarded_for(), "10.1.1.1", &[("x-forwarded-for", "")]).await, "10.1.1.1");
}

#[tokio::test]
async fn q11_a_clients_open_quote_does_not_hide_it_behind_the_proxy() {
    for left in ["for=\"198.51.100.1", "\"", "for=198.51.100.1;host=\"\\"] {
        let field = format!("{left}, for=203.0.113.9, for=10.2.2.2");
        assert_eq!(
            client(forwarded(), "10.1.1.1", &[("forwarded", &field)]).await,
            "203.0.113.9",
            "{field}"
        );
    }
}

#[tokio::test]
async fn q11_more_hops_than_anyone_has_are_not_believed() {
    let hops = |count| vec!["10.2.2.2"; count].join(",");
    let field = format!("203.0.113.9,{}", hops(31));
    assert_eq!(
        client(x_forwarded_for(), "10.1.1.1", &[("x-forwarded-for", &field)]).await,
        "203.0.113.9"
    );
    let field = format!("203.0.113.9,{}", hops(32));
    assert_eq!(
        client(x_forwarded_for(), "10.1.1.1", &[("x-forwarded-for", &field)]).await,
        "10.1.1.1"
    );
    // What the client itself wrote is not counted, however long it is.
    let field = format!("{},203.0.113.9", hops(200));
    assert_eq!(
        client(x_forwarded_for(), "10.1.1.1", &[("x-forwarded-for", &field)]).await,
        "203.0.113.9"
    );
}

#[tokio::test]
async fn express_rate_limit_ipv4_mapped_peers_are_their_ipv4_addresses() {
    assert_eq!(client(TrustedProxies::none(), "[::ffff:203.0.113.9]", &[]).await, "203.0.113.9");
    let field = [("x-forwarded-for", "[::ffff:198.51.100.1]:80")];
    assert_eq!(client(x_forwarded_for(), "[::ffff:10.1.1.1]", &field).await, "198.51.100.1");
}

#[tokio::test]
async fn q11_an_address_that_was_there_before_is_replaced() {
    let mut request = from_peer("203.0.113.9", &[]);
    request.extensions_mut().insert(ClientAddress::new("198.51.100.1".parse().unwrap()));
    let service = ClientAddressLayer::default().layer(service_fn(echo));
    assert_eq!(ask(service, request).await.text(), "203.0.113.9");
}

#[tokio::test]
async fn q11_an_unknown_peer_is_refused_and_the_log_says_what_to_do() {
    let logs = Logs::capture();
    let request = get("/", &[("x-forwarded-for", "203.0.113.9")]);
    let answer = through(&ClientAddressLayer::new(x_forwarded_for()), request).await;
    assert_eq!((answer.status, answer.reason()), (500, "peer_address_unknown"));
    assert!(!answer.text().contains("connect_info"));
    let log = logs.text();
    assert!(log.contains("ERROR"), "{log}");
    assert!(log.contains("into_make_service_with_connect_info::<SocketAddr>()"), "{log}");
}

#[tokio::test]
async fn q11_an_unknown_peer_is_refused_over_grpc_too() {
    let request = get("/a.B/C", &[("content-type", "application/grpc")]);
    let answer: Answer = through(&ClientAddressLayer::default(), request).await;
    assert_eq!((answer.status, answer.header("grpc-status")), (200, "13"));
}

#[tokio::test]
async fn q11_axums_and_tonics_connect_info_are_read_and_the_servers_own_word_comes_first() {
    let ask_with = async |fill: &dyn Fn(&mut http::Extensions)| {
        let mut request = get("/", &[]);
        fill(request.extensions_mut());
        ask(ClientAddressLayer::default().layer(service_fn(echo)), request).await.text().to_owned()
    };
    let axum = axum::extract::ConnectInfo("203.0.113.1:1".parse::<SocketAddr>().unwrap());
    let tonic = tonic::transport::server::TcpConnectInfo {
        local_addr: None,
        remote_addr: Some("203.0.113.2:1".parse().unwrap()),
    };
    let own = PeerAddress("203.0.113.3:1".parse().unwrap());
    let axums = |extensions: &mut http::Extensions| {
        extensions.insert(axum);
    };
    let tonics = |extensions: &mut http::Extensions| {
        extensions.insert(tonic.clone());
    };
    let all = |extensions: &mut http::Extensions| {
        axums(extensions);
        tonics(extensions);
        extensions.insert(own);
    };
    assert_eq!(ask_with(&axums).await, "203.0.113.1");
    assert_eq!(ask_with(&tonics).await, "203.0.113.2");
    assert_eq!(ask_with(&all).await, "203.0.113.3");
}

#[test]
fn cve_2026_76835_a_list_that_trusts_everybody_is_refused_at_start_up() {
    for networks in [
        &["0.0.0.0/0"][..],
        &["::/0"],
        &["10.0.0.0/8", "0.0.0.0/0"],
        &["0.0.0.0/1", "128.0.0.0/1"],
        &["::/1", "8000::/2", "c000::/2"],
        &["2000::/3"],
        &["2000::/4", "3000::/4"],
        &["::ffff:0:0/96"],
        &["::ffff:10.0.0.1"],
    ] {
        assert!(TrustedProxies::forwarded(networks).is_err(), "{networks:?}");
        assert!(TrustedProxies::x_forwarded_for(networks).is_err(), "{networks:?}");
    }
}

#[test]
fn q11_every_bad_entry_is_named() {
    let error =
        TrustedProxies::forwarded(["10.0.0.1/8", "proxy.example", "10.0.0.0/33", "", "10.0.0.0/8"])
            .unwrap_err();
    let culprits: Vec<_> = error.problems().iter().map(ConfigProblem::culprit).collect();
    let named = ["10.0.0.1/8", "proxy.example", "10.0.0.0/33", ""];
    assert_eq!(culprits, named.map(|entry| format!("trusted proxy {entry:?}")));
    let empty = TrustedProxies::forwarded::<&str>([]).unwrap_err();
    assert!(empty.to_string().contains("TrustedProxies::none()"), "{empty}");
}

#[test]
fn t2_https_is_what_the_server_or_a_listed_proxy_says() {
    let proto = |proto: &'static str| [("forwarded", proto)];
    assert!(is_https(&forwarded(), "10.1.1.1", &proto("for=203.0.113.9;proto=https")));
    assert!(!is_https(&forwarded(), "10.1.1.1", &proto("for=203.0.113.9;proto=http")));
    assert!(!is_https(&forwarded(), "10.1.1.1", &proto("for=203.0.113.9")));
    assert!(is_https(&x_forwarded_for(), "10.1.1.1", &[("x-forwarded-proto", "https")]));
    assert!(!is_https(&x_forwarded_for(), "10.1.1.1", &[("x-forwarded-proto", "https, http")]));

    let mut direct = from_peer("203.0.113.9", &[]);
    direct.extensions_mut().insert(SecureTransport);
    assert!(TrustedProxies::none().is_https(&direct.into_parts().0));
}

#[test]
fn t2_a_listed_proxy_that_says_http_outweighs_the_last_legs_tls() {
    let mut request = from_peer("10.1.1.1", &[("forwarded", "for=203.0.113.9;proto=http")]);
    request.extensions_mut().insert(SecureTransport);
    assert!(!forwarded().is_https(&request.into_parts().0));
}

#[test]
fn t2_https_is_asked_of_the_clients_own_leg() {
    let said = |field: &'static str| is_https(&forwarded(), "10.1.1.1", &[("forwarded", field)]);
    assert!(said("for=203.0.113.9;proto=https, for=10.2.2.2;proto=http"));
    assert!(!said("for=203.0.113.9;proto=http, for=10.2.2.2;proto=https"));
    // The client wrote the first element itself.
    assert!(!said("for=198.51.100.1;proto=https, for=203.0.113.9;proto=http"));
}

#[test]
fn cve_2026_76835_https_is_never_a_strangers_word_or_the_uris_scheme() {
    let headers = [
        ("forwarded", "for=203.0.113.9;proto=https"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-ssl", "on"),
        ("front-end-https", "on"),
    ];
    for trusted in [TrustedProxies::none(), forwarded(), x_forwarded_for()] {
        assert!(!is_https(&trusted, "203.0.113.9", &headers));
        let unknown_peer = get("https://api.example/", &headers);
        assert!(!trusted.is_https(&unknown_peer.into_parts().0));
    }
    assert!(!is_https(&forwarded(), "10.1.1.1", &[("x-forwarded-proto", "https")]));
    assert!(!is_https(&x_forwarded_for(), "10.1.1.1", &headers[..1]));
}

#[tokio::test]
async fn q11_an_axum_server_with_connect_info_tells_the_peer() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let router = axum::Router::new()
        .route(
            "/",
            axum::routing::get(async |request: axum::extract::Request| {
                ClientAddress::of(request.extensions()).unwrap().ip().to_string()
            }),
        )
        .layer(ClientAddressLayer::default());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let server = tokio::spawn(async move { axum::serve(listener, service).await });
    let mut connection = tokio::net::TcpStream::connect(address).await.unwrap();
    connection.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    server.abort();
    assert!(answer.ends_with("\r\n\r\n127.0.0.1"), "{answer}");
}
