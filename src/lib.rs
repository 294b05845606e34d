//! Authentication and authorization for services on tower.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]

pub mod authn;
pub mod authz;
pub mod client_address;
pub mod clock;
pub mod config;
pub mod frameworks;
pub mod gate;
pub mod principal;
pub mod rate_limit;
pub mod rejection;
pub mod response_headers;
pub mod sanitize;
#[cfg(feature = "testing")]
pub mod testing;
pub mod warden;
