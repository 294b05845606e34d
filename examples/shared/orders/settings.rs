use std::env;
use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::net::SocketAddr;
use std::process::ExitCode;

use tower_warden::authn::jwt::{Issuer, IssuerBuilder, VerifyingKey};
use tower_warden::client_address::TrustedProxies;

/// The audience of the development issuer's tokens.
const DEVELOPMENT_AUDIENCE: &str = "https://orders.example";

const ADDR: &str = "ORDERS_ADDR";
const AUDIENCE: &str = "ORDERS_AUDIENCE";
const INSECURE_HTTP_LOOPBACK: &str = "ORDERS_INSECURE_HTTP_LOOPBACK";
const ISSUER: &str = "ORDERS_ISSUER";
const JWKS_FILE: &str = "ORDERS_JWKS_FILE";
const TRUSTED_PROXIES: &str = "ORDERS_TRUSTED_PROXIES";

/// What the environment says. All of it is optional.
///
/// | variable | meaning |
/// |---|---|
/// | `ORDERS_ADDR` | where to listen; default `127.0.0.1:0`, a port that the system picks. Plain HTTP is served on loopback addresses only |
/// | `ORDERS_ISSUER` | whose tokens to accept; default: an issuer for development inside the process |
/// | `ORDERS_JWKS_FILE` | the public keys of that issuer, as a JWK set |
/// | `ORDERS_AUDIENCE` | the audience that tokens must name; with an issuer of your own there is no default |
/// | `ORDERS_TRUSTED_PROXIES` | networks, separated by commas, whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed |
/// | `ORDERS_INSECURE_HTTP_LOOPBACK` | `1`: every request counts as HTTPS, because a proxy on this machine terminates TLS for all of them; nobody checks that it does |
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) address: SocketAddr,
    pub(crate) audience: String,
    /// `None`: the development issuer.
    pub(crate) issuer: Option<Issuer>,
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
        let issuer_name = given.optional_text(ISSUER);
        let default_audience = if issuer_name.is_none() { DEVELOPMENT_AUDIENCE } else { "" };
        let audience = given.text(AUDIENCE, default_audience);
        let jwks_file = given.optional_text(JWKS_FILE);
        let issuer = given.read_issuer(issuer_name, &audience, jwks_file);
        let trusted_proxies = given.read_trusted_proxies();
        let assume_https = given.read_switch(INSECURE_HTTP_LOOPBACK);
        given.reject_the_rest();
        let Given { problems, lines, .. } = given;
        match address {
            Some(address) if problems.is_empty() => {
                Ok(Self { address, audience, issuer, trusted_proxies, assume_https, lines })
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

/// The variables that are left to read, and what was wrong with those that were read.
#[derive(Default)]
struct Given {
    unread: Vec<(String, OsString)>,
    problems: Vec<String>,
    lines: Vec<(&'static str, String)>,
}

impl Given {
    fn of(variables: impl Iterator<Item = (OsString, OsString)>) -> Self {
        let ours = |(name, value): (OsString, OsString)| {
            let name = name.to_string_lossy().into_owned();
            name.starts_with("ORDERS_").then_some((name, value))
        };
        Self { unread: variables.filter_map(ours).collect(), ..Self::default() }
    }

    fn tell(&mut self, name: &str, problem: impl fmt::Display) {
        self.problems.push(format!("{name}: {problem}"));
    }

    fn take(&mut self, name: &'static str) -> Option<String> {
        let index = self.unread.iter().position(|(other, _)| other == name)?;
        let (_, value) = self.unread.swap_remove(index);
        match value.into_string() {
            // Not the same as unset: an empty ORDERS_ISSUER would quietly mean the development issuer.
            Ok(text) if text.is_empty() => self.tell(name, "is empty; leave it unset instead"),
            Ok(text) => return Some(text),
            Err(_) => self.tell(name, "is not text"),
        }
        None
    }

    fn optional_text(&mut self, name: &'static str) -> Option<String> {
        let value = self.take(name);
        self.lines.push((name, value.clone().unwrap_or_default()));
        value
    }

    fn text(&mut self, name: &'static str, default: &str) -> String {
        let value = self.take(name).unwrap_or_else(|| default.to_owned());
        self.lines.push((name, value.clone()));
        value
    }

    fn read_address(&mut self, text: &str) -> Option<SocketAddr> {
        let Ok(address) = text.parse::<SocketAddr>() else {
            self.tell(ADDR, format!("{text:?} is not an address and port such as 127.0.0.1:8080"));
            return None;
        };
        if !address.ip().to_canonical().is_loopback() {
            self.tell(
                ADDR,
                format!("{text} is not a loopback address, and plain HTTP is served there only"),
            );
        }
        Some(address)
    }

    fn read_issuer(
        &mut self,
        name: Option<String>,
        audience: &str,
        jwks_file: Option<String>,
    ) -> Option<Issuer> {
        let (name, file) = match (name, jwks_file) {
            (None, None) => return None,
            (None, Some(_)) => {
                self.tell(JWKS_FILE, format!("is given without {ISSUER}, whose keys it would be"));
                return None;
            }
            (Some(name), file) => (name, file),
        };
        if audience.is_empty() {
            self.tell(AUDIENCE, format!("is missing: with {ISSUER} there is no default"));
        }
        let Some(file) = file else {
            self.tell(JWKS_FILE, format!("is missing: {ISSUER} has no keys without it"));
            return None;
        };
        let keys = match fs::read_to_string(&file) {
            Ok(text) => VerifyingKey::from_jwks(&text).map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        let keys = match keys {
            Ok(keys) => keys,
            Err(error) => {
                self.tell(JWKS_FILE, format!("{file:?}: {error}"));
                return None;
            }
        };
        if audience.is_empty() {
            return None; // told above
        }
        let builder = Issuer::builder(&name).audience(audience);
        match keys.into_iter().fold(builder, IssuerBuilder::key).build() {
            Ok(issuer) => Some(issuer),
            Err(error) => {
                self.problems.extend(error.problems().iter().map(ToString::to_string));
                None
            }
        }
    }

    fn read_trusted_proxies(&mut self) -> TrustedProxies {
        let Some(list) = self.optional_text(TRUSTED_PROXIES) else {
            return TrustedProxies::none();
        };
        TrustedProxies::x_forwarded_for(list.split(',').map(str::trim)).unwrap_or_else(|error| {
            for problem in error.problems() {
                self.tell(TRUSTED_PROXIES, problem);
            }
            TrustedProxies::none()
        })
    }

    fn read_switch(&mut self, name: &'static str) -> bool {
        let value = self.text(name, "0");
        if !matches!(&*value, "0" | "1") {
            self.tell(name, format!("{value:?} is neither 1 nor 0"));
        }
        value == "1"
    }

    /// A slip in a name would otherwise be a setting that is not in force.
    fn reject_the_rest(&mut self) {
        self.unread.sort_unstable();
        for (name, _) in std::mem::take(&mut self.unread) {
            self.tell(&name, "is not a setting");
        }
    }
}
