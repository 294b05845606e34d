mod given;
mod tokens;

use std::env;
use std::ffi::OsString;
use std::fmt;
use std::net::SocketAddr;
use std::process::ExitCode;

use tower_warden::client_address::TrustedProxies;
use tower_warden::rate_limit::RedisStore;

use self::given::Given;
pub(crate) use self::tokens::Tokens;

const ADDR: &str = "ORDERS_ADDR";
const AUDIENCE: &str = "ORDERS_AUDIENCE";
const DPOP_URL: &str = "ORDERS_DPOP_URL";
const INSECURE_HTTP_LOOPBACK: &str = "ORDERS_INSECURE_HTTP_LOOPBACK";
const INTROSPECTION_CLIENT: &str = "ORDERS_INTROSPECTION_CLIENT";
const INTROSPECTION_SECRET: &str = "ORDERS_INTROSPECTION_SECRET";
const INTROSPECTION_URL: &str = "ORDERS_INTROSPECTION_URL";
const ISSUER: &str = "ORDERS_ISSUER";
const JWKS_FILE: &str = "ORDERS_JWKS_FILE";
const JWKS_URL: &str = "ORDERS_JWKS_URL";
const REDIS_URL: &str = "ORDERS_REDIS_URL";
const TRUSTED_PROXIES: &str = "ORDERS_TRUSTED_PROXIES";

/// What the environment says. All of it is optional.
///
/// | variable | meaning |
/// |---|---|
/// | `ORDERS_ADDR` | where to listen; default `127.0.0.1:0`, a port that the system picks. Plain HTTP is served on loopback addresses only |
/// | `ORDERS_ISSUER` | whose tokens to accept; default: an issuer for development inside the process |
/// | `ORDERS_JWKS_FILE` | the public keys of that issuer, as a JWK set |
/// | `ORDERS_JWKS_URL` | where that issuer publishes them: fetched, and kept fresh. Without file and URL: what its metadata say |
/// | `ORDERS_AUDIENCE` | the audience that tokens must name; with an issuer of your own there is no default |
/// | `ORDERS_INTROSPECTION_URL` | where that issuer is asked about opaque tokens, for the same routes |
/// | `ORDERS_INTROSPECTION_CLIENT`, `ORDERS_INTROSPECTION_SECRET` | who asks there |
/// | `ORDERS_DPOP_URL` | the URL that callers know the service by: turns the scheme `DPoP` on, for tokens that are bound to a key |
/// | `ORDERS_REDIS_URL` | where several instances count for rate limits together, and remember used proofs; default: in the memory of the process |
/// | `ORDERS_TRUSTED_PROXIES` | networks, separated by commas, whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed |
/// | `ORDERS_INSECURE_HTTP_LOOPBACK` | `1`: every request counts as HTTPS, because a proxy on this machine terminates TLS for all of them, and nobody checks that it does; an issuer on this machine is asked over plain HTTP |
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) address: SocketAddr,
    pub(crate) audience: String,
    pub(crate) tokens: Tokens,
    /// Where rate limits are counted, if not here.
    pub(crate) rate_limits: Option<RedisStore>,
    pub(crate) trusted_proxies: TrustedProxies,
    pub(crate) assume_https: bool,
    /// As they were read, to print them.
    lines: Vec<(&'static str, String)>,
}

impl Settings {
    /// Reads the environment; lists every problem, not the first.
    pub(crate) fn from_environment() -> Result<Self, Vec<String>> {
        Self::read(env::vars_os())
    }

    fn read(variables: impl Iterator<Item = (OsString, OsString)>) -> Result<Self, Vec<String>> {
        let mut given = Given::of(variables);
        let address = given.text(ADDR, "127.0.0.1:0");
        let address = given.read_address(&address);
        let trusted_proxies = given.read_trusted_proxies();
        let insecure = given.read_switch(INSECURE_HTTP_LOOPBACK);
        let redis = given.optional_secret(REDIS_URL);
        let rate_limits = given.read_rate_limits(redis.as_deref());
        let (audience, tokens) = tokens::read(&mut given, insecure, redis);
        given.reject_the_rest();
        let Given { problems, lines, .. } = given;
        match (address, tokens) {
            (Some(address), Some(tokens)) if problems.is_empty() => {
                let assume_https = insecure;
                Ok(Self {
                    address,
                    audience,
                    tokens,
                    rate_limits,
                    trusted_proxies,
                    assume_https,
                    lines,
                })
            }
            _ => Err(problems),
        }
    }
}

/// One line for each setting.
impl fmt::Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines.iter().try_for_each(|(name, value)| writeln!(f, "{name}={value}"))
    }
}

/// Prints every problem and answers with exit code 2.
#[expect(clippy::print_stderr, reason = "a service that does not start says why")]
pub(crate) fn refuse_to_start(problems: &[String]) -> ExitCode {
    eprintln!("refused to start");
    for problem in problems {
        eprintln!("  - {problem}");
    }
    ExitCode::from(2)
}
