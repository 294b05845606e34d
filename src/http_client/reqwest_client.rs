use std::net::Ipv4Addr;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{Request, Response};
use reqwest::{Certificate, Client, Url, redirect, tls};

use super::{FetchError, HttpClient, Limits, ResponseFuture};
use crate::config::{ConfigError, Problems};

/// What the problems of a client are with.
const CULPRIT: &str = "HTTP client";

/// How long a connection may take to come up, TLS included, unless said otherwise.
const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// An [`HttpClient`] on reqwest and rustls. Cheap to clone; clones share their connections.
///
/// HTTPS from TLS 1.2 on, with the certificates that the operating system trusts. No redirects, no cookies, no
/// compression, and no proxy, whatever the environment says. Needs a tokio runtime with I/O and time.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
/// use bytes::Bytes;
/// use http::Request;
/// use tower_warden::http_client::{HttpClient, Limits, ReqwestClient};
///
/// let client = ReqwestClient::builder().connect_timeout(Duration::from_secs(1)).build()?;
/// let plain = Request::get("http://issuer.example/keys").body(Bytes::new())?;
/// let answer = client.send(plain, Limits::new(Duration::from_secs(2), 1024));
/// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
/// assert!(runtime.block_on(answer).is_err()); // not over plain HTTP: nothing was sent
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct ReqwestClient {
    client: Client,
    plain_loopback: bool,
}

impl ReqwestClient {
    /// A client with the defaults.
    ///
    /// # Errors
    ///
    /// If the operating system trusts no certificates at all.
    pub fn new() -> Result<Self, ConfigError> {
        Self::builder().build()
    }

    /// Starts a client.
    pub const fn builder() -> ReqwestClientBuilder {
        ReqwestClientBuilder {
            roots: Vec::new(),
            connect_timeout: DEFAULT_CONNECT_TIMEOUT,
            plain_loopback: false,
        }
    }

    /// Whether a request may go there.
    fn allows(&self, url: &Url) -> bool {
        match url.scheme() {
            "https" => true,
            "http" => self.plain_loopback && is_loopback(url),
            _ => false,
        }
    }
}

impl HttpClient for ReqwestClient {
    fn send(&self, request: Request<Bytes>, limits: Limits) -> ResponseFuture {
        let this = self.clone();
        Box::pin(async move {
            let mut request = reqwest::Request::try_from(request).map_err(failed)?;
            if !this.allows(request.url()) {
                return Err(FetchError::Failed("not an https address".into()));
            }
            *request.timeout_mut() = Some(limits.total); // until the body's last byte
            let response = this.client.execute(request).await.map_err(failed)?;
            read(response, limits.body).await
        })
    }
}

/// Reads a response, and stops at the limit.
async fn read(
    mut response: reqwest::Response,
    limit: usize,
) -> Result<Response<Bytes>, FetchError> {
    let announced = response.content_length().unwrap_or(0);
    if usize::try_from(announced).map_or(true, |length| length > limit) {
        return Err(FetchError::TooLarge);
    }
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(failed)? {
        if chunk.len() > limit - body.len() {
            return Err(FetchError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    let mut answer = Response::new(body.freeze());
    *answer.status_mut() = response.status();
    *answer.headers_mut() = std::mem::take(response.headers_mut());
    Ok(answer)
}

fn failed(error: reqwest::Error) -> FetchError {
    if error.is_timeout() { FetchError::TimedOut } else { FetchError::Failed(error.into()) }
}

/// As the client itself reads the address: it is what will be connected to.
fn is_loopback(url: &Url) -> bool {
    url.host_str().is_some_and(|host| {
        let address = host.parse::<Ipv4Addr>();
        host == "localhost" || host == "[::1]" || address.is_ok_and(|it| it.is_loopback())
    })
}

/// Builds a [`ReqwestClient`].
#[derive(Clone, Debug)]
#[must_use = "a builder makes nothing until `build`"]
pub struct ReqwestClientBuilder {
    roots: Vec<String>,
    connect_timeout: Duration,
    plain_loopback: bool,
}

impl ReqwestClientBuilder {
    /// Trusts servers that this certificate signed (PEM, one or several), beside those that the operating system trusts.
    pub fn root_certificates(mut self, pem: impl Into<String>) -> Self {
        self.roots.push(pem.into());
        self
    }

    /// How long a connection may take to come up, TLS included: 3 s unless said otherwise.
    pub const fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Also asks servers on this machine (`localhost`, `127.0.0.0/8`, `[::1]`) over plain HTTP, for tests and local
    /// development. Logs a warning when built.
    pub const fn insecure_allow_loopback_http(mut self) -> Self {
        self.plain_loopback = true;
        self
    }

    /// The client.
    ///
    /// # Errors
    ///
    /// If a certificate cannot be read, there is none to trust, or the time to connect is 0.
    pub fn build(self) -> Result<ReqwestClient, ConfigError> {
        let Self { roots, connect_timeout, plain_loopback } = self;
        let mut problems = Problems::default();
        if connect_timeout.is_zero() {
            problems.add(CULPRIT, "has no time to connect");
        }
        let mut certificates = Vec::new();
        for pem in &roots {
            match Certificate::from_pem_bundle(pem.as_bytes()) {
                Ok(more) if !more.is_empty() => certificates.extend(more),
                _ => problems.add(CULPRIT, "has root certificates that are no PEM certificates"),
            }
        }
        problems.into_result()?;
        let client = Client::builder()
            .https_only(!plain_loopback)
            .redirect(redirect::Policy::none())
            .referer(false)
            .retry(reqwest::retry::never())
            .no_proxy()
            .tls_version_min(tls::Version::TLS_1_2)
            .tls_certs_merge(certificates)
            .connect_timeout(connect_timeout)
            .user_agent("tower-warden")
            .build()
            .map_err(|error| ConfigError::new(CULPRIT, format!("cannot be made: {error:?}")))?;
        if plain_loopback {
            tracing::warn!(
                target: "tower_warden::posture",
                switch = "insecure_allow_loopback_http",
                "servers on this machine are asked over plain HTTP"
            );
        }
        Ok(ReqwestClient { client, plain_loopback })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn k2_only_this_machine_is_loopback_however_it_is_written() {
        for (address, expected) in [
            ("http://localhost/keys", true),
            ("http://127.0.0.1:8080/keys", true),
            ("http://127.1/keys", true), // the client would connect to 127.0.0.1
            ("http://[::1]:8080/keys", true),
            ("http://localhost.example/keys", false),
            ("http://127.0.0.1.example/keys", false),
            ("http://localhost@issuer.example/keys", false),
            (r"http://issuer.example\@localhost/keys", false),
            ("http://10.0.0.1/keys", false),
            ("http://0.0.0.0/keys", false),
            ("http://[::ffff:127.0.0.1]/keys", false),
        ] {
            let url = Url::parse(address).unwrap();
            assert_eq!(is_loopback(&url), expected, "{address}");
            let allowing = ReqwestClient::builder().insecure_allow_loopback_http().build().unwrap();
            assert_eq!(allowing.allows(&url), expected, "{address}");
            assert!(!ReqwestClient::new().unwrap().allows(&url), "{address}");
        }
    }

    #[test]
    fn a_client_that_could_trust_nobody_or_never_connect_is_not_built() {
        for builder in [
            ReqwestClient::builder().root_certificates("no certificate"),
            ReqwestClient::builder().root_certificates(""),
            ReqwestClient::builder().connect_timeout(Duration::ZERO),
        ] {
            assert!(builder.build().is_err());
        }
    }
}
