//! tonic: a refusal as a [`Status`], for handlers that decide for themselves.
//!
//! The layers need nothing from here: put the stack in front of a tonic router with `Server::layer`.
//!
//! A handler makes its [`Guard`](crate::authz::object::Guard) of the request's extensions; what it refuses becomes a `Status`
//! with `?`: `Guard::<Order>::of(request.extensions())?.permit(Read, order).await?`.
//!
//! ```
//! use tonic::{Code, Status};
//! use tower_warden::rejection::{Rejection, RejectionKind};
//!
//! fn cancel(owner: &str, caller: &str) -> Result<(), Status> {
//!     if owner != caller {
//!         return Err(Rejection::new(RejectionKind::NotFound, "order_of_somebody_else").into());
//!     }
//!     Ok(())
//! }
//!
//! assert!(cancel("ada", "ada").is_ok());
//! let refused = cancel("ada", "eve").unwrap_err();
//! assert_eq!((refused.code(), refused.message()), (Code::NotFound, "There is nothing here."));
//! ```

use std::sync::Arc;

use http::HeaderMap;
use http::header::RETRY_AFTER;
use tonic::metadata::MetadataMap;
use tonic::{Code, Status};

use crate::authz::object::Denied;
use crate::rejection::{Rejection, grpc_details};

/// The public side only: the code of the kind's row, its fixed text, and when to come back. The reason goes to the log.
impl From<Rejection> for Status {
    fn from(rejection: Rejection) -> Self {
        let rejection = rejection.by("handler");
        rejection.log_request(None, None);
        status(&rejection)
    }
}

/// A denial of a [`Guard`](crate::authz::object::Guard), which is in the log already. The denial is the status' source.
impl From<Denied> for Status {
    fn from(denied: Denied) -> Self {
        let mut status = status(denied.rejection());
        status.set_source(Arc::new(denied));
        status
    }
}

fn status(rejection: &Rejection) -> Status {
    let (code, text) = (rejection.kind().grpc_code(), rejection.kind().detail());
    let after = rejection.retry_after_value().map(|after| (RETRY_AFTER, after));
    let metadata = MetadataMap::from_headers(HeaderMap::from_iter(after));
    let delay = rejection.retry_delay();
    let details = delay.map(|delay| grpc_details(rejection.kind(), delay)).unwrap_or_default();
    Status::with_details_and_metadata(Code::from_i32(code), text, details.into(), metadata)
}
