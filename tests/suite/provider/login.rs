//! A user who logs in, by the authorization code flow with a proof key (RFC 6749 4.1, RFC 7636).

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Request;
use http_body_util::Full;
use sha2::{Digest, Sha256};

use super::{Provider, query};
use crate::support::Answer;

/// Where the provider sends users back to; nobody listens there.
const CALLBACK: &str = "http://127.0.0.1:1/callback";

/// What a client gets for a user who logged in.
pub(crate) struct Tokens {
    pub(crate) id_token: String,
    pub(crate) access_token: String,
}

/// A browser: keeps cookies and follows redirections one at a time.
struct Browser<'p> {
    provider: &'p Provider,
    cookies: BTreeMap<String, String>,
}

impl Browser<'_> {
    async fn go(&mut self, uri: &str, form: Option<&str>) -> Answer {
        let cookies = self.cookies.iter().map(|(name, value)| format!("{name}={value}"));
        let cookies = cookies.collect::<Vec<_>>().join("; ");
        let request = Request::builder().uri(uri).header("cookie", cookies);
        let request = match form {
            None => request.body(Full::default()),
            Some(form) => request
                .method("POST")
                .header("content-type", "application/x-www-form-urlencoded")
                .body(form.to_owned().into()),
        };
        let answer = self.provider.send(request.unwrap()).await;
        for cookie in answer.all("set-cookie") {
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        answer
    }

    /// Fills in the provider's forms until it sends the user back; answers the address with the code.
    async fn log_in(&mut self, uri: &str, user: &str) -> String {
        let (mut uri, mut form) = (uri.to_owned(), None);
        for _ in 0..15 {
            let answer = self.go(&uri, form.take().as_deref()).await;
            if (300..400).contains(&answer.status) {
                uri = self.absolute(answer.header("location"));
                if uri.starts_with(CALLBACK) {
                    return uri;
                }
                continue;
            }
            let page = answer.text();
            let between = |start: &str| Some(page.split_once(start)?.1.split_once('"')?.0);
            let action = between("action=\"").unwrap_or_else(|| panic!("no form in {page}"));
            let prompt = between("name=\"prompt\" value=\"").unwrap_or_default();
            uri = self.absolute(action);
            form = Some(query(&[("prompt", prompt), ("login", user), ("password", "x")]));
        }
        panic!("too many steps to log in")
    }

    fn absolute(&self, uri: &str) -> String {
        if uri.starts_with('/') { format!("{}{uri}", self.provider.issuer) } else { uri.to_owned() }
    }
}

impl Provider {
    /// Logs `user` in to the client `client`, with an access token for `resource`.
    pub(crate) async fn log_in(&self, client: &str, user: &str, resource: &str) -> Tokens {
        let verifier = "a".repeat(43);
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(&verifier));
        let asked = query(&[
            ("client_id", client),
            ("response_type", "code"),
            ("redirect_uri", CALLBACK),
            ("scope", "openid email orders:read"),
            ("resource", resource),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
            ("nonce", "of this log-in"),
            ("state", "of this browser"),
        ]);
        let mut browser = Browser { provider: self, cookies: BTreeMap::new() };
        let back = browser.log_in(&format!("{}/auth?{asked}", self.issuer), user).await;
        let code = back.split_once("code=").unwrap_or_else(|| panic!("no code in {back}")).1;
        let code = code.split('&').next().unwrap();
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", CALLBACK),
            ("code_verifier", &verifier),
            ("resource", resource),
        ];
        let answer = self.send(self.form("/token", client, &form)).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let tokens = answer.json();
        let text = |name: &str| tokens[name].as_str().unwrap().to_owned();
        Tokens { id_token: text("id_token"), access_token: text("access_token") }
    }
}
