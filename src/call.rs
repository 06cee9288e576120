//! A call as the wire gave it. Nothing here is trusted: header values are bytes until a stage needs text, and a header that a
//! stage reads may be there once only, since each part of a chain picks another one of two (CVE-2026-26308).

use std::fmt;
use std::ops::Range;

/// The header map of a call: one buffer as the wire gave it, and where each name and value stands in it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct HeaderMap {
    bytes: Vec<u8>,
    entries: Vec<Entry>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    name: Range<usize>,
    value: Range<usize>,
}

impl HeaderMap {
    /// A map whose names and values stand in `bytes`: of each the place of the name, then that of the value. Pseudo-headers are
    /// among them, and names are in lower case. `None` where a place is outside of the bytes, or a name is not text.
    #[must_use]
    pub fn new(bytes: Vec<u8>, places: Vec<(Range<usize>, Range<usize>)>) -> Option<Self> {
        let fits = |(name, value): &(Range<usize>, Range<usize>)| {
            bytes.get(name.clone()).is_some_and(|name| std::str::from_utf8(name).is_ok()) && bytes.get(value.clone()).is_some()
        };
        let fit = places.iter().all(fits);
        let entries = places.into_iter().map(|(name, value)| Entry { name, value }).collect();
        fit.then_some(Self { bytes, entries })
    }

    /// Names and values, in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.named(|_| true)
    }

    /// Those whose name is one that `is` takes. It sees bytes, which cost less than text.
    pub fn named<'m>(&'m self, is: impl Fn(&[u8]) -> bool + 'm) -> impl Iterator<Item = (&'m str, &'m [u8])> {
        let named = self.entries.iter().filter(move |entry| is(self.part(&entry.name)));
        named.map(|entry| (self.text(&entry.name), self.part(&entry.value)))
    }

    fn part(&self, place: &Range<usize>) -> &[u8] {
        self.bytes.get(place.clone()).unwrap_or_default()
    }

    /// What was found to be text before.
    fn text(&self, place: &Range<usize>) -> &str {
        std::str::from_utf8(self.part(place)).unwrap_or_default()
    }
}

impl fmt::Debug for HeaderMap {
    /// Names only: values may hold tokens.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter().map(|(name, value)| format!("{name}: {} bytes", value.len()))).finish()
    }
}

impl<N: AsRef<str>, V: AsRef<[u8]>> FromIterator<(N, V)> for HeaderMap {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        let mut map = Self::default();
        let push = |bytes: &mut Vec<u8>, part: &[u8]| {
            let start = bytes.len();
            bytes.extend_from_slice(part);
            start..bytes.len()
        };
        for (name, value) in pairs {
            let name = push(&mut map.bytes, name.as_ref().as_bytes());
            let value = push(&mut map.bytes, value.as_ref());
            map.entries.push(Entry { name, value });
        }
        map
    }
}

/// The head of a call: everything but its body. Pseudo-headers are taken apart from the headers.
#[derive(Clone, PartialEq, Eq)]
pub struct Head {
    map: HeaderMap,
    method: Range<usize>,
    scheme: Option<Range<usize>>,
    authority: Range<usize>,
    path: Range<usize>,
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
    /// The header has `_` where one that is read has `-`: servers that hand headers on as variables, as CGI (RFC 3875 section 4.1.18)
    /// and WSGI do, tell the two not apart.
    #[error("some servers read the header `{0}` as the one with `-` for `_`")]
    LookAlike(String),
    /// A pseudo-header (RFC 9113 section 8.3.1) is absent.
    #[error("the pseudo-header `{0}` is absent")]
    Absent(&'static str),
}

impl Head {
    /// From the header map of a proxy, with the pseudo-headers `:method`, `:scheme`, `:authority` and `:path` among the others.
    ///
    /// # Errors
    ///
    /// [`HeaderError`] where a pseudo-header is absent (`:scheme` may be), doubled, or not text.
    pub fn from_map(mut map: HeaderMap) -> Result<Self, HeaderError> {
        const PSEUDO: [&str; 4] = [":method", ":scheme", ":authority", ":path"];
        let mut found = [const { None }; PSEUDO.len()];
        let mut wrong = None;
        let HeaderMap { bytes, entries } = &mut map;
        entries.retain(|entry| {
            let part = |place: &Range<usize>| bytes.get(place.clone()).unwrap_or_default();
            let Some((name, slot)) = PSEUDO.iter().zip(&mut found).find(|(name, _)| name.as_bytes() == part(&entry.name)) else {
                return true;
            };
            if std::str::from_utf8(part(&entry.value)).is_err() {
                wrong.get_or_insert_with(|| HeaderError::NotText((*name).to_owned()));
            }
            if slot.replace(entry.value.clone()).is_some() {
                wrong.get_or_insert_with(|| HeaderError::Duplicate((*name).to_owned()));
            }
            false
        });
        if let Some(wrong) = wrong {
            return Err(wrong);
        }
        let [method, scheme, authority, path] = found;
        Ok(Self {
            method: method.ok_or(HeaderError::Absent(":method"))?,
            scheme,
            authority: authority.ok_or(HeaderError::Absent(":authority"))?,
            path: path.ok_or(HeaderError::Absent(":path"))?,
            map,
        })
    }

    /// The method, as sent: methods are case-sensitive (RFC 9110 section 9.1).
    #[must_use]
    pub fn method(&self) -> &str {
        self.map.text(&self.method)
    }

    /// The scheme, `http` where none was given.
    #[must_use]
    pub fn scheme(&self) -> &str {
        self.scheme.as_ref().map_or("http", |scheme| self.map.text(scheme))
    }

    /// The authority, as sent.
    #[must_use]
    pub fn authority(&self) -> &str {
        self.map.text(&self.authority)
    }

    /// The path with its query, as sent.
    #[must_use]
    pub fn path(&self) -> &str {
        self.map.text(&self.path)
    }

    /// All headers but the pseudo-headers, in their order.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.map.iter()
    }

    /// Those whose name starts with `prefix` (lower case).
    pub fn headers_with<'h>(&'h self, prefix: &'h str) -> impl Iterator<Item = (&'h str, &'h [u8])> {
        self.map.named(move |name| name.starts_with(prefix.as_bytes()))
    }

    /// Every value of the header `name` (lower case), in their order.
    pub fn values<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        let map = &self.map;
        // Lengths first: they differ as a rule, and are at hand.
        let named = move |entry: &&Entry| entry.name.len() == name.len() && map.part(&entry.name) == name.as_bytes();
        map.entries.iter().filter(named).map(|entry| map.part(&entry.value))
    }

    /// Refuses a header that is there more than once, of those whose name is one that `reads` takes, and one that others may take for
    /// one of them. It sees bytes.
    ///
    /// # Errors
    ///
    /// [`HeaderError::Duplicate`], [`HeaderError::LookAlike`].
    pub fn check_once(&self, reads: &dyn Fn(&[u8]) -> bool) -> Result<(), HeaderError> {
        for (index, entry) in self.map.entries.iter().enumerate() {
            let name = self.map.part(&entry.name);
            let is_same = |former: &Entry| former.name.len() == name.len() && self.map.part(&former.name) == name;
            if !reads(name) {
                // Few names have a `_`, and only those are copied.
                if name.contains(&b'_') && reads(&name.iter().copied().map(hyphen).collect::<Vec<u8>>()) {
                    return Err(HeaderError::LookAlike(self.map.text(&entry.name).to_owned()));
                }
            } else if self.map.entries.iter().take(index).any(is_same) {
                return Err(HeaderError::Duplicate(self.map.text(&entry.name).to_owned()));
            }
        }
        Ok(())
    }

    /// Refuses a header that others may take for the header `name` (lower case).
    ///
    /// # Errors
    ///
    /// [`HeaderError::LookAlike`].
    pub fn check_look_alike(&self, name: &str) -> Result<(), HeaderError> {
        let same = |(found, byte): (&u8, u8)| hyphen(*found) == hyphen(byte);
        let is_like = |found: &[u8]| found.len() == name.len() && found.iter().zip(name.bytes()).all(same);
        let like = self.map.named(|found| is_like(found) && found != name.as_bytes()).next();
        like.map_or(Ok(()), |(found, _)| Err(HeaderError::LookAlike(found.to_owned())))
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

/// A byte of a name as servers read it that tell `_` and `-` not apart.
fn hyphen(byte: u8) -> u8 {
    if byte == b'_' { b'-' } else { byte }
}

impl fmt::Debug for Head {
    /// Names only: values may hold tokens.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}{} ", self.method(), self.authority(), self.path())?;
        self.map.fmt(f)
    }
}

/// The peer's certificate as the proxy verified it (mutual TLS): its first URI name, in a mesh the SPIFFE id of the workload, and its
/// digest.
#[derive(Debug, Clone)]
pub struct Peer {
    uri: Option<String>,
    certificate: Certificate,
}

/// SHA-256 of the peer's certificate in DER.
#[derive(Debug, Clone, Copy)]
pub enum Certificate {
    /// It is known, or known to be absent.
    Known(Option<[u8; 32]>),
    /// Whom to ask: it is needed for tokens that are bound to a certificate alone.
    Ask(fn() -> Option<[u8; 32]>),
}

impl Peer {
    /// From the URI subject alternative name of the peer's verified certificate; `None` where that is empty.
    #[must_use]
    pub fn from_uri(uri: String) -> Option<Self> {
        (!uri.is_empty()).then_some(Self::new(Some(uri), Certificate::Known(None)))
    }

    /// From what the proxy says of the connection; `uri` is not empty.
    #[must_use]
    pub fn new(uri: Option<String>, certificate: Certificate) -> Self {
        Self { uri, certificate }
    }

    /// The URI name.
    #[must_use]
    pub fn uri(&self) -> Option<&str> {
        self.uri.as_deref()
    }

    /// SHA-256 of the certificate; `None` where there is none.
    #[must_use]
    pub fn certificate(&self) -> Option<[u8; 32]> {
        match self.certificate {
            Certificate::Known(digest) => digest,
            Certificate::Ask(ask) => ask(),
        }
    }
}

/// A SHA-256 from its 64 hexadecimal digits.
#[must_use]
pub fn read_sha256(hex: &[u8]) -> Option<[u8; 32]> {
    read_hex(hex)?.try_into().ok()
}

/// Bytes from their hexadecimal digits, two each.
#[must_use]
pub fn read_hex(hex: &[u8]) -> Option<Vec<u8>> {
    let digit = |at: u8| char::from(at).to_digit(16);
    let (pairs, []) = hex.as_chunks::<2>() else { return None };
    let byte = |[high, low]: &[u8; 2]| u8::try_from(digit(*high)? * 16 + digit(*low)?).ok();
    pairs.iter().map(byte).collect()
}

/// Cuts `text` to at most `limit` bytes at a character's border: what an outside string may take of a message or a record.
#[must_use]
pub fn cut(text: &str, limit: usize) -> &str {
    text.get(..text.floor_char_boundary(limit)).unwrap_or(text)
}

/// Outside text as a message may hold it: short, and without anything that moves a terminal's cursor.
pub(crate) fn shown(text: &str) -> String {
    cut(text, 64).escape_debug().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(entries: &[(&str, &[u8])]) -> HeaderMap {
        entries.iter().copied().collect()
    }

    const PSEUDO: [(&str, &[u8]); 3] = [(":method", b"POST"), (":authority", b"bus"), (":path", b"/e")];

    #[test]
    fn a_repeated_header_is_not_concatenated_nor_does_its_first_or_last_value_win() {
        let mut entries = PSEUDO.to_vec();
        entries.extend([("a", b"1".as_slice()), ("b", b"2"), ("b", b"2")]);
        let head = Head::from_map(map(&entries)).unwrap();
        assert_eq!(head.text("a"), Ok(Some("1")));
        assert_eq!(head.text("c"), Ok(None));
        assert_eq!(head.text("b"), Err(HeaderError::Duplicate("b".to_owned())));
    }

    #[test]
    fn of_the_headers_that_are_read_each_is_there_once_and_none_is_taken_for_another() {
        let check = |names: &[&'static str]| {
            let entries: Vec<(&str, &[u8])> = PSEUDO.into_iter().chain(names.iter().map(|name| (*name, &b"1"[..]))).collect();
            Head::from_map(map(&entries)).unwrap().check_once(&|name| name == b"a-b-c" || name == b"d_e")
        };
        assert_eq!(check(&["a-b-c", "x", "x", "x_y", "d-e", "a-b", "a_b"]), Ok(()));
        assert_eq!(check(&["a-b-c", "x", "a-b-c"]), Err(HeaderError::Duplicate("a-b-c".to_owned())));
        for like in ["a_b_c", "a-b_c", "a_b-c"] {
            assert_eq!(check(&[like]), Err(HeaderError::LookAlike(like.to_owned())));
        }
        assert_eq!(check(&["d_e"]), Ok(()), "this one is read as it is");
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
    fn hexadecimal_digits_come_in_pairs() {
        assert_eq!(read_hex(b"00fFa0"), Some(vec![0, 255, 160]));
        assert_eq!(read_hex(b""), Some(Vec::new()));
        for wrong in ["0", "000", "0g", "+1", " 1", "é"] {
            assert_eq!(read_hex(wrong.as_bytes()), None, "{wrong}");
        }
        assert_eq!(read_sha256(&[b'1'; 64]), Some([0x11; 32]));
        assert_eq!(read_sha256(&[b'1'; 62]), None);
    }

    #[test]
    fn cutting_keeps_characters_whole() {
        assert_eq!(cut("aé", 2), "a");
        assert_eq!(cut("aé", 3), "aé");
        assert_eq!(cut("", 3), "");
    }
}
