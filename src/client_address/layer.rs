use http::request;
use tower::Layer;

use super::{ClientAddress, TrustedProxies, peer_of};
use crate::gate::{Gate, Gated, Verdict};
use crate::rejection::{Rejection, RejectionKind};

/// Works out the client's address and leaves it as [`ClientAddress`] in the request's extensions.
///
/// Belongs outside every control that reads the address. Refuses a request whose peer is not known: the server has to
/// tell, through [`PeerAddress`](super::PeerAddress) or its own connect info.
#[derive(Clone, Debug, Default)]
pub struct ClientAddressLayer {
    trusted: TrustedProxies,
}

impl ClientAddressLayer {
    /// Believes these proxies; [`TrustedProxies::none`] where clients connect directly.
    #[must_use]
    pub const fn new(trusted: TrustedProxies) -> Self {
        Self { trusted }
    }

    /// The proxies that are believed.
    pub(crate) const fn trusted(&self) -> &TrustedProxies {
        &self.trusted
    }

    /// The client's address.
    pub(crate) fn find(&self, head: &request::Parts) -> Result<ClientAddress, Rejection> {
        let Some(peer) = peer_of(&head.extensions) else {
            return Err(Rejection::new(RejectionKind::Internal, "peer_address_unknown").with_source(
                "the server does not tell who is connected: serve an axum router with \
                 `into_make_service_with_connect_info::<SocketAddr>()`, a tonic one over TCP, or put a \
                 `PeerAddress` into the request's extensions",
            ));
        };
        Ok(ClientAddress::new(self.trusted.client(peer, &head.headers)))
    }
}

impl Gate for ClientAddressLayer {
    type Pass = ();

    fn name(&self) -> &'static str {
        "client_address"
    }

    fn admit(&self, head: &mut request::Parts) -> Verdict<()> {
        Verdict::Ready(self.find(head).map(|client| {
            // Replaces an address that somebody else left there.
            head.extensions.insert(client);
        }))
    }
}

impl<S> Layer<S> for ClientAddressLayer {
    type Service = Gated<S, Self>;

    fn layer(&self, inner: S) -> Self::Service {
        Gated::new(inner, self.clone())
    }
}
