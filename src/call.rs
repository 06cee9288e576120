//! A call as the wire gave it. Nothing here is trusted: header values are bytes until a stage needs text, and a header that a
//! stage reads may be there once only, since each part of a chain picks another one of two (CVE-2026-26308).

use std::fmt;

/// The head of a call: everything but its body. Pseudo-headers are taken apart from the headers.
#[derive(Clone, PartialEq, Eq)]
pub struct Head {
    method: String,
    scheme: String,
    authority: String,
    path: String,
    headers: Vec<(String, Vec<u8>)>,
}

/// Why a header could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// The header is there more than once.
    #[error("the header `{0}` is there more than once")]
    Duplicate(String),
    /// The header's value is not text.
    #[error("the header `{0}` is not text")]
    NotText(String),
    /// A pseudo-header (RFC 9113 section 8.3.1) is absent.
    #[error("the pseudo-header `{0}` is absent")]
    Absent(&'static str),
}

impl Head {
    /// From the header map of a proxy: names in lower case, pseudo-headers (`:method`, `:scheme`, `:authority`, `:path`) among
    /// them.
    ///
    /// # Errors
    ///
    /// [`HeaderError`] where a pseudo-header is absent (`:scheme` may be), doubled, or not text.
    pub fn from_map(map: Vec<(String, Vec<u8>)>) -> Result<Self, HeaderError> {
        let [mut method, mut scheme, mut authority, mut path] = [const { None }; 4];
        let mut headers = Vec::with_capacity(map.len());
        for (name, value) in map {
            let slot = match name.as_str() {
                ":method" => &mut method,
                ":scheme" => &mut scheme,
                ":authority" => &mut authority,
                ":path" => &mut path,
                _ => {
                    headers.push((name, value));
                    continue;
                }
            };
            let text = String::from_utf8(value).map_err(|_| HeaderError::NotText(name.clone()))?;
            if slot.replace(text).is_some() {
                return Err(HeaderError::Duplicate(name));
            }
        }
        Ok(Self {
            method: method.ok_or(HeaderError::Absent(":method"))?,
            scheme: scheme.unwrap_or_else(|| "http".to_owned()),
            authority: authority.ok_or(HeaderError::Absent(":authority"))?,
            path: path.ok_or(HeaderError::Absent(":path"))?,
            headers,
        })
    }

    /// The method, as sent: methods are case-sensitive (RFC 9110 section 9.1).
    #[must_use]
    pub fn method(&self) -> &str {
        &self.method
    }

    /// The scheme, `http` where none was given.
    #[must_use]
    pub fn scheme(&self) -> &str {
        &self.scheme
    }

    /// The authority, as sent.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// The path with its query, as sent.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// All headers but the pseudo-headers, in their order.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.headers.iter().map(|(name, value)| (name.as_str(), value.as_slice()))
    }

    /// Every value of the header `name` (lower case), in their order.
    pub fn values<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        self.headers.iter().filter(move |(candidate, _)| candidate == name).map(|(_, value)| value.as_slice())
    }

    /// The header `name` (lower case), `None` where it is absent.
    ///
    /// # Errors
    ///
    /// [`HeaderError::Duplicate`] where it is there more than once.
    pub fn header(&self, name: &str) -> Result<Option<&[u8]>, HeaderError> {
        let mut values = self.values(name);
        match (values.next(), values.next()) {
            (first, None) => Ok(first),
            (_, Some(_)) => Err(HeaderError::Duplicate(name.to_owned())),
        }
    }

    /// The header `name` (lower case) as text, `None` where it is absent.
    ///
    /// # Errors
    ///
    /// [`HeaderError`] where it is there more than once or is not UTF-8.
    pub fn text(&self, name: &str) -> Result<Option<&str>, HeaderError> {
        self.header(name)?.map(|value| std::str::from_utf8(value).map_err(|_| HeaderError::NotText(name.to_owned()))).transpose()
    }
}

impl fmt::Debug for Head {
    /// Names only: values may hold tokens.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}{} ", self.method, self.authority, self.path)?;
        f.debug_list().entries(self.headers.iter().map(|(name, value)| format!("{name}: {} bytes", value.len()))).finish()
    }
}

/// The peer's certificate as the proxy verified it (mutual TLS): its first URI name, in a mesh the SPIFFE id of the workload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer(String);

impl Peer {
    /// From the URI subject alternative name of the peer's verified certificate; `None` where that is empty.
    #[must_use]
    pub fn from_uri(uri: String) -> Option<Self> {
        (!uri.is_empty()).then_some(Self(uri))
    }

    /// The URI name.
    #[must_use]
    pub fn uri(&self) -> &str {
        &self.0
    }
}

/// Cuts `text` to at most `limit` bytes at a character's border: what an outside string may take of a message or a record.
#[must_use]
pub fn cut(text: &str, limit: usize) -> &str {
    text.get(..text.floor_char_boundary(limit)).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(entries: &[(&str, &[u8])]) -> Vec<(String, Vec<u8>)> {
        entries.iter().map(|(name, value)| ((*name).to_owned(), value.to_vec())).collect()
    }

    const PSEUDO: [(&str, &[u8]); 3] = [(":method", b"POST"), (":authority", b"bus"), (":path", b"/e")];

    #[test]
    fn a_header_that_is_there_twice_is_told_apart_from_an_absent_one() {
        let mut entries = PSEUDO.to_vec();
        entries.extend([("a", b"1".as_slice()), ("b", b"2"), ("b", b"2")]);
        let head = Head::from_map(map(&entries)).unwrap();
        assert_eq!(head.text("a"), Ok(Some("1")));
        assert_eq!(head.text("c"), Ok(None));
        assert_eq!(head.text("b"), Err(HeaderError::Duplicate("b".to_owned())));
    }

    #[test]
    fn a_value_that_is_not_utf_8_is_bytes_but_not_text() {
        let mut entries = PSEUDO.to_vec();
        entries.push(("a", b"\xff"));
        let head = Head::from_map(map(&entries)).unwrap();
        assert_eq!(head.header("a"), Ok(Some(b"\xff".as_slice())));
        assert_eq!(head.text("a"), Err(HeaderError::NotText("a".to_owned())));
    }

    #[test]
    fn pseudo_headers_are_needed_once() {
        for absent in 0..PSEUDO.len() {
            let mut entries = PSEUDO.to_vec();
            entries.remove(absent);
            assert!(matches!(Head::from_map(map(&entries)), Err(HeaderError::Absent(_))));
        }
        let mut entries = PSEUDO.to_vec();
        entries.push((":path", b"/other"));
        assert_eq!(Head::from_map(map(&entries)), Err(HeaderError::Duplicate(":path".to_owned())));
    }

    #[test]
    fn the_debug_form_shows_no_value() {
        let mut entries = PSEUDO.to_vec();
        entries.push(("authorization", b"Bearer secret"));
        assert!(!format!("{:?}", Head::from_map(map(&entries)).unwrap()).contains("secret"));
    }

    #[test]
    fn cutting_keeps_characters_whole() {
        assert_eq!(cut("aé", 2), "a");
        assert_eq!(cut("aé", 3), "aé");
        assert_eq!(cut("", 3), "");
    }
}
