use std::ffi::OsString;
use std::fmt;
use std::net::SocketAddr;

use tower_warden::client_address::TrustedProxies;
use tower_warden::config::ConfigError;
use tower_warden::rate_limit::RedisStore;

use super::{ADDR, REDIS_URL, TRUSTED_PROXIES};

/// The variables that are left to read, and what was wrong with those that were read.
#[derive(Default)]
pub(super) struct Given {
    unread: Vec<(String, OsString)>,
    pub(super) problems: Vec<String>,
    pub(super) lines: Vec<(&'static str, String)>,
}

impl Given {
    pub(super) fn of(variables: impl Iterator<Item = (OsString, OsString)>) -> Self {
        let ours = |(name, value): (OsString, OsString)| {
            let name = name.to_string_lossy().into_owned();
            name.starts_with("ORDERS_").then_some((name, value))
        };
        Self { unread: variables.filter_map(ours).collect(), ..Self::default() }
    }

    pub(super) fn tell(&mut self, name: &str, problem: impl fmt::Display) {
        self.problems.push(format!("{name}: {problem}"));
    }

    /// What was made of a setting, or its problems.
    pub(super) fn note<T>(&mut self, name: &str, made: Result<T, ConfigError>) -> Option<T> {
        made.map_err(|error| error.problems().iter().for_each(|it| self.tell(name, it))).ok()
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

    pub(super) fn optional_text(&mut self, name: &'static str) -> Option<String> {
        let value = self.take(name);
        self.lines.push((name, value.clone().unwrap_or_default()));
        value
    }

    /// One that is not printed: all of it is secret, or part of it may be.
    pub(super) fn optional_secret(&mut self, name: &'static str) -> Option<String> {
        let value = self.take(name);
        let printed = if value.is_some() { "(given)" } else { "" };
        self.lines.push((name, printed.to_owned()));
        value
    }

    pub(super) fn text(&mut self, name: &'static str, default: &str) -> String {
        let value = self.take(name).unwrap_or_else(|| default.to_owned());
        self.lines.push((name, value.clone()));
        value
    }

    pub(super) fn read_address(&mut self, text: &str) -> Option<SocketAddr> {
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

    pub(super) fn read_trusted_proxies(&mut self) -> TrustedProxies {
        let Some(list) = self.optional_text(TRUSTED_PROXIES) else {
            return TrustedProxies::none();
        };
        let proxies = TrustedProxies::x_forwarded_for(list.split(',').map(str::trim));
        self.note(TRUSTED_PROXIES, proxies).unwrap_or_else(TrustedProxies::none)
    }

    pub(super) fn read_rate_limits(&mut self, redis: Option<&str>) -> Option<RedisStore> {
        self.note(REDIS_URL, RedisStore::builder(redis?).prefix("orders-limits").build())
    }

    pub(super) fn read_switch(&mut self, name: &'static str) -> bool {
        let value = self.text(name, "0");
        if !matches!(&*value, "0" | "1") {
            self.tell(name, format!("{value:?} is neither 1 nor 0"));
        }
        value == "1"
    }

    /// A slip in a name would otherwise be a setting that is not in force.
    pub(super) fn reject_the_rest(&mut self) {
        self.unread.sort_unstable();
        for (name, _) in std::mem::take(&mut self.unread) {
            self.tell(&name, "is not a setting");
        }
    }
}
