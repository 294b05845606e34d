//! What services of one framework take from here: extractors, serving, conversions.

#[cfg(feature = "axum")]
pub mod axum;
#[cfg(feature = "tonic")]
pub mod tonic;
