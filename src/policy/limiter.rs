//! How the limiter that proxies share is asked: settings alone.

use std::time::Duration;

/// Where the limiter is, and what holds where it does not answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimiterSettings {
    /// Envoy's name of the cluster.
    pub cluster: String,
    /// The domain of its configuration.
    pub domain: String,
    /// How long a call waits for it.
    pub timeout: Duration,
    /// What becomes of a call without its answer.
    pub on_unavailable: OnUnavailable,
}

/// What becomes of a call of which the limiter says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnUnavailable {
    /// It is refused.
    Refuse,
    /// What the proxy remembers decides alone.
    Proxy,
}
