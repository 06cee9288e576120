//! P-384 (FIPS 186-5). The crate that knows it costs 38 KB of the module, as much as all other curves: the command line has it, the
//! module leaves these signatures to the proxy, which looks at the point when it reads the key.

#[cfg(feature = "cli")]
pub(crate) type P384Key = p384::ecdsa::VerifyingKey;

/// A key that somebody else looks at.
#[cfg(not(feature = "cli"))]
#[derive(Debug, Clone)]
pub(crate) struct P384Key;

/// The key, where the uncompressed point is on the curve.
#[cfg(feature = "cli")]
pub(super) fn key(point: &[u8]) -> Option<P384Key> {
    P384Key::from_sec1_bytes(point).ok()
}

#[cfg(not(feature = "cli"))]
pub(super) fn key(_point: &[u8]) -> Option<P384Key> {
    Some(P384Key)
}
