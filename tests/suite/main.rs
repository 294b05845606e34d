//! The whole test suite in one binary, one module a capability. A name that starts with an id such as `b4_` belongs to
//! that row of `docs/conformance.md`.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop there")]

mod https_server;
mod key_server;
mod support;

#[path = "../../examples/shared/orders_v1.rs"]
mod orders_v1;

mod adapters;
mod api_keys;
mod app_keys;
mod attacks;
mod authorization_matrix;
mod bearer_over_grpc;
mod certificates;
mod claims;
mod client_address;
mod contract;
mod cors;
mod dpop;
mod errors;
mod extract;
mod function_level;
mod gate;
mod grpc;
mod houses;
mod introspection;
mod jwks;
mod key_stores;
mod mesh;
mod mtls;
mod objects;
mod properties;
mod provider;
mod rate_limit;
mod resource_metadata;
mod response_headers;
mod revocation;
mod rules;
mod schemes;
mod scope_use;
mod step_up;
mod token_cache;
mod tokens;
mod tripwire;
mod warden;
mod witness;
