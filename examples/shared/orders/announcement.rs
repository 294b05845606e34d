use std::io::{self, Write};
use std::net::SocketAddr;

use serde_json::json;

use super::{Identities, Settings};

/// Writes the first line on standard output: one JSON object with all that a script needs to call the service.
///
/// `tokens` is empty where the issuer is not the one for development.
pub(crate) fn announce(
    address: SocketAddr,
    settings: &Settings,
    identities: &Identities<'_>,
) -> io::Result<()> {
    let line = json!({
        "address": address.to_string(),
        "issuer": identities.issuer(),
        "audience": settings.audience,
        "tokens": identities.tokens(),
        "api_key": identities.api_key(),
    });
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{line}")?;
    stdout.flush()
}
