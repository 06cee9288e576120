//! The address of a document: what is asked for, and of which host. Which cluster of the proxy leads there is the policy's word, and
//! whether it speaks TLS the cluster's.

/// Where a document is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// Host and port, in lower case; without the port where it is the scheme's own (RFC 3986 section 6.2.3).
    pub authority: String,
    /// Path and query.
    pub path: String,
}

/// The text is no address of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an address of the form `https://HOST/PATH`, without user and fragment")]
pub struct NotALocation;

impl Location {
    /// Reads an `https` or `http` URI (RFC 9110 section 4.2). One with a user or a fragment is none that a key set has.
    ///
    /// # Errors
    ///
    /// [`NotALocation`].
    pub fn parse(uri: &str) -> Result<Self, NotALocation> {
        let (scheme, rest) = uri.split_once("://").ok_or(NotALocation)?;
        let port = match scheme {
            "https" => ":443",
            "http" => ":80",
            _ => return Err(NotALocation),
        };
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(end).ok_or(NotALocation)?;
        let authority = authority.strip_suffix(port).unwrap_or(authority);
        let plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'@' | b'#' | b'\\');
        if authority.is_empty() || !rest.bytes().all(plain) {
            return Err(NotALocation);
        }
        let slash = if path.starts_with('/') { "" } else { "/" };
        Ok(Self { authority: authority.to_ascii_lowercase(), path: [slash, path].concat() })
    }
}
