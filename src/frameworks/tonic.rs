//! tonic: a refusal as a [`Status`], for handlers that decide for themselves.
//!
//! The layers need nothing from here: put the stack in front of a tonic router with `Server::layer`.
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

use tonic::{Code, Status};

use crate::authz::object::Denied;
use crate::rejection::Rejection;

/// The public side only: the code of the kind's row and its fixed text. The reason goes to the log.
impl From<Rejection> for Status {
    fn from(rejection: Rejection) -> Self {
        let rejection = rejection.by("handler");
        rejection.log_request(None, None);
        Self::new(Code::from_i32(rejection.kind().grpc_code()), rejection.kind().detail())
    }
}

/// A denial of a [`Guard`](crate::authz::object::Guard), which is in the log already.
impl From<Denied> for Status {
    fn from(denied: Denied) -> Self {
        Self::new(Code::from_i32(denied.kind().grpc_code()), denied.kind().detail())
    }
}
