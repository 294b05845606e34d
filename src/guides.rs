//! Compiles and runs the code in the README and the guides, as doctests.

#[doc = include_str!("../README.md")]
struct Readme;

#[doc = include_str!("../docs/architecture.md")]
struct Architecture;

#[doc = include_str!("../docs/authorization.md")]
struct Authorization;

#[doc = include_str!("../docs/cedar.md")]
struct Cedar;

#[doc = include_str!("../docs/defaults.md")]
struct Defaults;

#[doc = include_str!("../docs/layer-order.md")]
struct LayerOrder;

#[doc = include_str!("../docs/rate-limiting.md")]
struct RateLimiting;

#[doc = include_str!("../docs/scaling.md")]
struct Scaling;

#[doc = include_str!("../docs/tokens.md")]
struct Tokens;
