//! Whose bucket a request is charged to.

mod address;
mod own;
mod values;

use std::fmt;
use std::future::Future;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use http::header::{AUTHORIZATION, COOKIE, FORWARDED, HeaderName, PROXY_AUTHORIZATION};
use http::request;
use smallvec::SmallVec;

use self::address::group_bits;
pub(super) use self::address::plain;
use self::own::Own;
use self::values::{length, write_absent, write_part, write_values};
use super::refusal::misplaced;
use super::routes::{Routes, route_of};
use super::secret::{HashedKey, Secret};
use super::sender::Sender;
use crate::client_address::ClientAddress;
use crate::principal::{Principal, PrincipalKind};
use crate::rejection::{Challenges, Rejection};

const DEFAULT_IPV6_PREFIX: u8 = 64;

/// How long [`Key::from_async_fn`] may take.
pub const KEY_TIME_LIMIT: Duration = Duration::from_secs(1);

/// What tells one caller from another within a limit, as bytes.
pub(super) type KeyBytes = SmallVec<[u8; 112]>;

/// A key that somebody has to be asked for.
pub(super) type PendingKey = BoxFuture<'static, Result<KeyBytes, Rejection>>;

/// What a limit counts by: requests of one key share a bucket.
///
/// # Rules
///
/// 1. What the caller cannot choose makes the best key: its address, and who it is. A key that the caller can vary at will
///    limits nobody; count by the address beside it.
/// 2. Keys of a principal are known after authentication: a [`Warden`](crate::Warden) checks such limits there, and a
///    layer of your own belongs inside it. A combination is checked there if one of its parts is. Outside, the
///    request is refused as an internal error.
/// 3. An anonymous request is nobody's: limits by principal, tenant, client, API key or app do not count it, nor does a
///    combination with one of them. The limit by address does.
/// 4. A principal without a tenant, client, API key or app is counted by itself, with the quota of one.
/// 5. A field that is missing, several lines of it, and a value that is too long make no buckets: everybody without the
///    field has one together, several lines are one value, and all values over 1 KiB share a bucket.
/// 6. A key of your own that cannot be found (an error, a panic, no answer in time) refuses the request as unavailable, 503
///    with `Retry-After`. It is never admitted without having been counted.
///
/// # What is not checked
///
/// Whether a header field really comes from your gateway: have the gateway overwrite it.
///
/// ```
/// use http::{Request, Response, StatusCode};
/// use tower::{Layer, ServiceExt, service_fn};
/// use tower_warden::rate_limit::{Key, Limit, Quota, RateLimitLayer};
///
/// # block_on(async {
/// let hello = service_fn(async |_request: Request<()>| {
///     Ok::<_, std::convert::Infallible>(Response::new(http_body_util::Full::<bytes::Bytes>::default()))
/// });
/// let by_shop_and_route = Key::all_of([Key::header("x-shop"), Key::route()]);
/// let limit = Limit::new("shop", by_shop_and_route, Quota::per_minute(1)).only_routes(["POST /orders"]);
/// let service = RateLimitLayer::builder().limit(limit).build()?.layer(hello);
/// let order = |shop: &str| Request::post("/orders").header("x-shop", shop).body(()).unwrap();
///
/// assert_eq!(service.clone().oneshot(order("7")).await?.status(), StatusCode::OK);
/// assert_eq!(service.clone().oneshot(order("7")).await?.status(), StatusCode::TOO_MANY_REQUESTS);
/// assert_eq!(service.oneshot(order("8")).await?.status(), StatusCode::OK);
/// # Ok::<_, Box<dyn std::error::Error>>(()) }).unwrap();
/// # fn block_on<T>(f: impl Future<Output = T>) -> T {
/// #     tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(f)
/// # }
/// ```
#[derive(Clone, PartialEq)]
pub struct Key {
    kind: Kind,
    after_authentication: bool,
}

#[derive(Clone, Debug, PartialEq)]
enum Kind {
    Address {
        ipv6_prefix: u8,
    },
    Principal,
    Of(Part),
    Route,
    /// None where the name is none.
    Header(Option<HeaderName>),
    Global,
    AllOf(Arc<[Key]>),
    Own(Own),
}

/// What several principals may have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Tenant,
    Client,
    ApiKey,
    App,
}

/// Who was found.
pub(super) enum Found {
    /// The caller whose bytes were written.
    Caller,
    /// Nobody: the limit has nothing to count.
    Nobody,
    /// Somebody whose bytes have to be asked for; none were written.
    Later(PendingKey),
}

impl Key {
    const fn of(kind: Kind) -> Self {
        Self { kind, after_authentication: false }
    }

    /// The client's address; IPv6 addresses that agree in the first 64 bits are one client.
    #[must_use]
    pub const fn address() -> Self {
        Self::of(Kind::Address { ipv6_prefix: DEFAULT_IPV6_PREFIX })
    }

    /// The client's address, where IPv6 addresses that agree in so many bits, 1 to 128, are one client: for providers that
    /// give their subscribers a /56 or /48.
    #[must_use]
    pub const fn address_with_ipv6_prefix(bits: u8) -> Self {
        Self::of(Kind::Address { ipv6_prefix: bits })
    }

    /// The principal: issuer and subject. An anonymous request is nobody's.
    #[must_use]
    pub const fn principal() -> Self {
        Self::of(Kind::Principal)
    }

    /// The principal's tenant, whoever vouches for it: tenants are one list of names, as they are for the rules.
    #[must_use]
    pub const fn tenant() -> Self {
        Self::of(Kind::Of(Part::Tenant))
    }

    /// The OAuth client that acts, together with who vouches for it. Also the id of an API key or of an app, where the
    /// caller came with one.
    #[must_use]
    pub const fn client_id() -> Self {
        Self::of(Kind::Of(Part::Client))
    }

    /// The API key, by its id and never its secret: several keys of one holder have a bucket each, where
    /// [`principal`](Self::principal) has one for all. Whoever comes without an API key is counted by itself.
    #[must_use]
    pub const fn api_key() -> Self {
        Self::of(Kind::Of(Part::ApiKey))
    }

    /// The app, by its id, whichever of its keys it used. Whoever is no app is counted by itself.
    #[must_use]
    pub const fn app() -> Self {
        Self::of(Kind::Of(Part::App))
    }

    /// The route: its method and its pattern, never the path, of which a caller can make up any number. Everybody shares the
    /// bucket of a route; combine it with another key for one each.
    ///
    /// The pattern is the one that axum's router matched where the limit stands inside it, or else one that the limit names
    /// in [`only_routes`](super::Limit::only_routes) or [`cost_of_route`](super::Limit::cost_of_route). Everything else
    /// shares one bucket, and so do all methods that are not GET (with HEAD), POST, PUT, PATCH, DELETE or OPTIONS.
    #[must_use]
    pub const fn route() -> Self {
        Self::of(Kind::Route)
    }

    /// A header field. Only for fields that a gateway of yours overwrites in every request: a caller that can write the field
    /// itself has as many buckets as it likes.
    ///
    /// Several lines are one value, in their order. Requests without the field share one bucket, and so do all with more
    /// than 1 KiB in it. Fields with credentials, and those that forward addresses, are refused when the layer is built.
    #[must_use]
    pub fn header(name: &str) -> Self {
        Self::of(Kind::Header(name.parse().ok()))
    }

    /// One bucket for everybody: to protect what stands behind. Any caller can empty it, so give each caller less by another
    /// limit.
    #[must_use]
    pub const fn global() -> Self {
        Self::of(Kind::Global)
    }

    /// All of these together: requests share a bucket where every part is the same.
    #[must_use]
    pub fn all_of(keys: impl IntoIterator<Item = Self>) -> Self {
        Self::of(Kind::AllOf(keys.into_iter().collect()))
    }

    /// What a closure finds in the head of a request; `name` is for the log. Requests for which it finds nothing are counted
    /// in one bucket together: to count them not at all, say so with [`exempt`](super::Limit::exempt).
    ///
    /// Values of more than 1 KiB share one bucket. A closure that panics refuses the request.
    ///
    /// ```
    /// use tower_warden::rate_limit::Key;
    ///
    /// // The account that somebody tries to log in to, as the client sends it in a field of its own.
    /// let account = Key::from_fn("account", |head| Some(head.headers.get("x-account")?.to_str().ok()?.to_lowercase()));
    /// ```
    #[must_use]
    pub fn from_fn(
        name: impl Into<Arc<str>>,
        find: impl Fn(&request::Parts) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        Self::of(Kind::Own(Own::now(name.into(), find)))
    }

    /// What an asynchronous closure finds, within [`KEY_TIME_LIMIT`]: for what has to be looked up. The closure takes what it
    /// needs out of the head, and its future asks. Otherwise as [`from_fn`](Self::from_fn).
    ///
    /// The request waits for the answer. An error, a panic, or no answer in time refuses it: 503,
    /// `rate_limit_key_unavailable`.
    ///
    /// ```
    /// use http::request;
    /// use tower_warden::rate_limit::Key;
    ///
    /// # async fn shop_of(_host: &str) -> Result<Option<String>, std::io::Error> { Ok(None) }
    /// let shop = Key::from_async_fn("shop", |head: &request::Parts| {
    ///     let host = head.headers.get("host").and_then(|host| host.to_str().ok()).unwrap_or_default().to_owned();
    ///     async move { shop_of(&host).await }
    /// });
    /// ```
    #[must_use]
    pub fn from_async_fn<F, E>(
        name: impl Into<Arc<str>>,
        find: impl Fn(&request::Parts) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<Option<String>, E>> + Send + 'static,
        E: Into<Box<dyn std::error::Error + Send + Sync>> + 'static,
    {
        Self::from_async_fn_within(KEY_TIME_LIMIT, name, find)
    }

    /// As [`from_async_fn`](Self::from_async_fn), with a time limit of your own.
    #[must_use]
    pub fn from_async_fn_within<F, E>(
        time_limit: Duration,
        name: impl Into<Arc<str>>,
        find: impl Fn(&request::Parts) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<Option<String>, E>> + Send + 'static,
        E: Into<Box<dyn std::error::Error + Send + Sync>> + 'static,
    {
        Self::of(Kind::Own(Own::later(name.into(), time_limit, find)))
    }

    /// Has the limit checked after authentication, where a closure of yours may ask for the principal with
    /// [`Principal::of`]. Only a [`Warden`](crate::Warden) chooses the place by it; a layer is where you put it.
    #[must_use]
    pub const fn after_authentication(mut self) -> Self {
        self.after_authentication = true;
        self
    }

    /// What no limit can count by.
    pub(super) fn problem(&self) -> Option<&'static str> {
        match &self.kind {
            Kind::Address { ipv6_prefix: 0 | 129.. } => {
                Some("the IPv6 prefix is not 1 to 128 bits long")
            }
            Kind::Header(None) => Some("the name of the header field is none"),
            Kind::Header(Some(name)) => problem_with_field(name),
            Kind::AllOf(parts) if parts.is_empty() => Some("the key combines nothing"),
            Kind::AllOf(parts) => parts.iter().find_map(Self::problem),
            Kind::Own(own) => own.problem(),
            Kind::Address { .. } | Kind::Principal | Kind::Of(_) | Kind::Route | Kind::Global => {
                None
            }
        }
    }

    /// Whether the caller is known only after authentication.
    pub(super) fn needs_principal(&self) -> bool {
        self.after_authentication
            || match &self.kind {
                Kind::Principal | Kind::Of(_) => true,
                Kind::AllOf(parts) => parts.iter().any(Self::needs_principal),
                Kind::Address { .. }
                | Kind::Route
                | Kind::Header(_)
                | Kind::Global
                | Kind::Own(_) => false,
            }
    }

    /// Whether limits with the same key may still find different bytes: each knows other routes.
    pub(super) fn depends_on_limit(&self) -> bool {
        match &self.kind {
            Kind::Route => true,
            Kind::AllOf(parts) => parts.iter().any(Self::depends_on_limit),
            _ => false,
        }
    }

    /// Whether the caller has to be asked for.
    pub(super) fn is_late(&self) -> bool {
        match &self.kind {
            Kind::Own(own) => own.is_late(),
            Kind::AllOf(parts) => parts.iter().any(Self::is_late),
            _ => false,
        }
    }

    /// Who was written, for people.
    pub(super) fn describe(&self, bytes: &[u8]) -> String {
        let octets = <[u8; 16]>::try_from(bytes).ok();
        let lengths = bytes.split_first_chunk::<8>();
        match (&self.kind, octets, lengths) {
            (Kind::Address { ipv6_prefix }, Some(octets), _) => {
                match Ipv6Addr::from(octets).to_canonical() {
                    IpAddr::V6(network) => format!("{network}/{ipv6_prefix}"),
                    IpAddr::V4(address) => address.to_string(),
                }
            }
            (Kind::Principal, _, Some((length, names))) => {
                let length = u64::from_le_bytes(*length) as usize;
                let (issuer, subject) = names.split_at(length.min(names.len()));
                format!("{} {}", issuer.escape_ascii(), subject.escape_ascii())
            }
            _ => bytes.escape_ascii().to_string(),
        }
    }

    /// The reason code of a refusal.
    pub(super) const fn spent(&self) -> &'static str {
        match self.kind {
            Kind::Address { .. } => "address_quota_exceeded",
            Kind::Principal => "principal_quota_exceeded",
            Kind::Of(Part::Tenant) => "tenant_quota_exceeded",
            Kind::Of(Part::Client) => "client_quota_exceeded",
            Kind::Of(Part::ApiKey) => "api_key_quota_exceeded",
            Kind::Of(Part::App) => "app_quota_exceeded",
            Kind::Route => "route_quota_exceeded",
            Kind::Global => "global_quota_exceeded",
            Kind::Header(_) | Kind::AllOf(_) | Kind::Own(_) => "quota_exceeded",
        }
    }

    /// The hash of the caller where that takes no more than a look: the client's address, or a principal.
    #[inline]
    pub(super) fn hash_at_once(
        &self,
        head: &request::Parts,
        sender: Sender<'_>,
        secret: &Secret,
    ) -> Option<HashedKey> {
        match self.kind {
            Kind::Address { ipv6_prefix } => {
                let octets = group_bits(sender.client(head)?.ip(), ipv6_prefix).swap_bytes();
                Some(secret.hash_words(octets as u64, (octets >> 64) as u64))
            }
            Kind::Principal => Some(secret.blind(sender.principal(head)?.identity_hash())),
            _ => None,
        }
    }

    /// The hash of the caller whose bytes were written.
    pub(super) fn hash(
        &self,
        head: &request::Parts,
        bytes: &KeyBytes,
        secret: &Secret,
    ) -> HashedKey {
        self.hash_at_once(head, Sender::default(), secret).unwrap_or_else(|| secret.hash(bytes))
    }

    /// Writes who sent the request. Fails where the layer that would know is missing.
    pub(super) fn write(
        &self,
        head: &request::Parts,
        routes: Option<&Routes>,
        bytes: &mut KeyBytes,
    ) -> Result<Found, Rejection> {
        match &self.kind {
            Kind::Address { ipv6_prefix } => {
                let Some(client) = ClientAddress::of(&head.extensions) else {
                    return Err(misplaced(
                        "client_address_missing",
                        "put a `ClientAddressLayer` outside this rate limiter",
                    ));
                };
                bytes.extend_from_slice(&group_bits(client.ip(), *ipv6_prefix).to_be_bytes());
            }
            Kind::Principal => {
                let Some(principal) = known_principal(head)? else { return Ok(Found::Nobody) };
                write_identity(principal, bytes);
            }
            Kind::Of(part) => {
                let Some(principal) = known_principal(head)? else { return Ok(Found::Nobody) };
                part.write(principal, bytes);
            }
            Kind::Route => match route_of(head, routes) {
                Some((method, pattern)) => {
                    bytes.push(method as u8);
                    bytes.extend_from_slice(pattern.as_bytes());
                }
                None => write_absent(bytes),
            },
            Kind::Header(name) => {
                let lines = || name.iter().flat_map(|name| head.headers.get_all(name));
                write_values(|| lines().map(http::HeaderValue::as_bytes), bytes);
            }
            Kind::Global => {}
            Kind::AllOf(parts) => return write_all(parts, head, routes, bytes),
            Kind::Own(own) => return own.write(head, bytes),
        }
        Ok(Found::Caller)
    }
}

impl Part {
    fn write(self, principal: &Principal, bytes: &mut KeyBytes) {
        const OF_ITSELF: u8 = 0;
        const OF_SEVERAL: u8 = 1;

        let client = || Some((principal.issuer(), principal.client_id()?));
        let name = match self {
            Self::Tenant => principal.tenant().map(|tenant| ("", tenant)),
            Self::Client => client(),
            // The scheme of `authn::api_key`, which may not be compiled.
            Self::ApiKey if principal.scheme() == "ApiKey" => client(),
            Self::App if principal.kind() == PrincipalKind::App => client(),
            Self::ApiKey | Self::App => None,
        };
        match name {
            Some((issuer, name)) => {
                bytes.push(OF_SEVERAL);
                write_pair(issuer, name, bytes);
            }
            None => {
                bytes.push(OF_ITSELF);
                write_identity(principal, bytes);
            }
        }
    }
}

/// The principal; `None` if the request is anonymous. Fails where nobody looked.
pub(super) fn known_principal(head: &request::Parts) -> Result<Option<&Principal>, Rejection> {
    match Principal::of(&head.extensions) {
        Some(principal) => Ok(Some(principal)),
        None if Challenges::of(&head.extensions).is_some() => Ok(None),
        None => Err(misplaced(
            "authentication_missing",
            "put an `AuthenticateLayer` outside this rate limiter; a gate of your own that authenticates \
             leaves `Challenges` in the extensions of anonymous requests",
        )),
    }
}

fn write_identity(principal: &Principal, bytes: &mut KeyBytes) {
    let (issuer, subject) = principal.identity();
    write_pair(issuer, subject, bytes);
}

/// The length tells where one ends and the other begins.
fn write_pair(issuer: &str, name: &str, bytes: &mut KeyBytes) {
    bytes.extend_from_slice(&(issuer.len() as u64).to_le_bytes());
    bytes.extend_from_slice(issuer.as_bytes());
    bytes.extend_from_slice(name.as_bytes());
}

/// Writes every part with its length before it. If one has to be asked for, the whole has.
fn write_all(
    parts: &[Key],
    head: &request::Parts,
    routes: Option<&Routes>,
    bytes: &mut KeyBytes,
) -> Result<Found, Rejection> {
    let begin = bytes.len();
    let mut late: Vec<(usize, PendingKey)> = Vec::new();
    for part in parts {
        let at = bytes.len();
        bytes.extend_from_slice(&length(0));
        let own = bytes.len();
        match part.write(head, routes, bytes)? {
            Found::Caller => {
                let length = length(bytes.len() - own);
                bytes[at..own].copy_from_slice(&length);
            }
            Found::Nobody => {
                bytes.truncate(begin);
                return Ok(Found::Nobody);
            }
            Found::Later(found) => {
                bytes.truncate(at);
                late.push((at - begin, found));
            }
        }
    }
    if late.is_empty() {
        return Ok(Found::Caller);
    }
    let known = KeyBytes::from_slice(&bytes[begin..]);
    bytes.truncate(begin);
    Ok(Found::Later(Box::pin(async move {
        let (mut whole, mut from) = (KeyBytes::new(), 0);
        for (at, found) in late {
            whole.extend_from_slice(&known[from..at]);
            write_part(&found.await?, &mut whole);
            from = at;
        }
        whole.extend_from_slice(&known[from..]);
        Ok(whole)
    })))
}

/// Fields that nothing can be counted by: nobody has verified what is in them.
fn problem_with_field(name: &HeaderName) -> Option<&'static str> {
    if [AUTHORIZATION, PROXY_AUTHORIZATION, COOKIE].contains(name) {
        return Some(
            "counts by a field with credentials that nobody has verified: count by the principal",
        );
    }
    if *name == FORWARDED || *name == "x-forwarded-for" {
        return Some(
            "counts by a field that callers write: count by the address, with `TrustedProxies`",
        );
    }
    None
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)
    }
}

#[cfg(test)]
mod tests;
