//! What the stores outside share: parameters ([`crate::secrets`]), queue ([`crate::queue`]),
//! claims ([`crate::claims`]).

use std::pin::Pin;

/// A boxed future, so that a store can be a trait object.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What a store answers; mostly that it has done its part.
pub type StoreFuture<'a, T = ()> = BoxFuture<'a, Result<T, StoreError>>;

/// Why a store did not do its part; the text names no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{store} did not do its part: {reason}")]
pub struct StoreError {
    /// Which one, such as `the queue`.
    pub store: &'static str,
    /// Why, as far as it is known.
    pub reason: String,
}
