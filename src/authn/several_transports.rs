use http::request;
use percent_encoding::percent_decode_str;

use crate::rejection::{Rejection, RejectionKind};

/// Refuses a request that has a token in its header section and another in its query (RFC 6750 2, 3.1). A token in the query
/// alone is none (RFC 9700 4.3.2), and nobody looks into a body.
pub(super) fn refuse(head: &request::Parts) -> Result<(), Rejection> {
    let is_token = |pair: &str| {
        let name = pair.split('=').next().unwrap_or(pair);
        percent_decode_str(name).eq(*b"access_token")
    };
    match head.uri.query() {
        Some(query) if query.split('&').any(is_token) => {
            Err(Rejection::new(RejectionKind::BadRequest, "several_token_transports"))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    #[test]
    fn b2_a_token_in_the_query_is_known_by_its_name() {
        let refused =
            |target: &str| refuse(&Request::get(target).body(()).unwrap().into_parts().0).is_err();
        for target in
            ["/?access_token=a", "/?a=1&access_token=", "/?access_token", "/?%61ccess%5Ftoken=x&b"]
        {
            assert!(refused(target), "{target}");
        }
        for target in [
            "/",
            "/?",
            "/access_token",
            "/?a=access_token",
            "/?access_tokens=1",
            "/?Access_Token=1",
        ] {
            assert!(!refused(target), "{target}");
        }
    }
}
