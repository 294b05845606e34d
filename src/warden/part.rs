use crate::authz::{Rules, RulesBuilder};
use crate::client_address::TrustedProxies;
use crate::config::ConfigError;
use crate::response_headers::{ResponseHeadersBuilder, ResponseHeadersLayer};

/// A part of the stack, given to a [`WardenBuilder`](super::WardenBuilder): itself, its builder, or the result of
/// building it.
pub trait Part<T> {
    /// The part.
    ///
    /// # Errors
    ///
    /// Those of its builder.
    fn finish(self) -> Result<T, ConfigError>;
}

impl<T> Part<T> for Result<T, ConfigError> {
    fn finish(self) -> Self {
        self
    }
}

macro_rules! finished {
    ($($part:ty),*) => {$(
        impl Part<Self> for $part {
            fn finish(self) -> Result<Self, ConfigError> {
                Ok(self)
            }
        }
    )*};
}

macro_rules! built {
    ($($builder:ty => $part:ty),*) => {$(
        impl Part<$part> for $builder {
            fn finish(self) -> Result<$part, ConfigError> {
                self.build()
            }
        }
    )*};
}

finished!(ResponseHeadersLayer, Rules, TrustedProxies);
built!(ResponseHeadersBuilder => ResponseHeadersLayer, RulesBuilder => Rules);

#[cfg(feature = "jwt")]
finished!(crate::authn::jwt::Issuer);
#[cfg(feature = "jwt")]
built!(crate::authn::jwt::IssuerBuilder => crate::authn::jwt::Issuer);
