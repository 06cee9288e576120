//! References into absolute URIs (RFC 3986 section 5.2), as far as names of schemas need it: they are compared and never fetched.

/// The five parts of a URI reference (RFC 3986 appendix B).
struct Parts<'a> {
    scheme: Option<&'a str>,
    authority: Option<&'a str>,
    path: &'a str,
    query: Option<&'a str>,
}

/// A reference without its fragment, and the fragment.
pub(super) fn split_fragment(reference: &str) -> (&str, Option<&str>) {
    reference.split_once('#').map_or((reference, None), |(uri, fragment)| (uri, Some(fragment)))
}

/// What a reference without fragment names, seen from a base that is absolute (section 5.2.2).
pub(super) fn resolve(base: &str, reference: &str) -> String {
    let (from, to) = (parts(base), parts(reference));
    if to.scheme.is_some() {
        return join(to.scheme, to.authority, &remove_dots(to.path), to.query);
    }
    if to.authority.is_some() {
        return join(from.scheme, to.authority, &remove_dots(to.path), to.query);
    }
    if to.path.is_empty() {
        return join(from.scheme, from.authority, from.path, to.query.or(from.query));
    }
    let path = if to.path.starts_with('/') { remove_dots(to.path) } else { remove_dots(&merge(&from, to.path)) };
    join(from.scheme, from.authority, &path, to.query)
}

fn parts(reference: &str) -> Parts<'_> {
    let (rest, query) = reference.split_once('?').map_or((reference, None), |(rest, query)| (rest, Some(query)));
    let (scheme, rest) = match rest.split_once(':') {
        Some((scheme, rest)) if is_scheme(scheme) => (Some(scheme), rest),
        _ => (None, rest),
    };
    let Some(behind) = rest.strip_prefix("//") else { return Parts { scheme, authority: None, path: rest, query } };
    let (authority, path) = behind.split_at_checked(behind.find('/').unwrap_or(behind.len())).unwrap_or((behind, ""));
    Parts { scheme, authority: Some(authority), path, query }
}

fn is_scheme(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(|first| first.is_ascii_alphabetic())
        && chars.all(|char| char.is_ascii_alphanumeric() || matches!(char, '+' | '-' | '.'))
}

/// Section 5.2.3.
fn merge(base: &Parts<'_>, path: &str) -> String {
    if base.authority.is_some() && base.path.is_empty() {
        return format!("/{path}");
    }
    let directory = base.path.rsplit_once('/').map_or("", |(directory, _)| directory);
    if base.path.contains('/') { format!("{directory}/{path}") } else { path.to_owned() }
}

/// Section 5.2.4, on the segments of a path.
fn remove_dots(path: &str) -> String {
    let (root, relative) = path.strip_prefix('/').map_or(("", path), |relative| ("/", relative));
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = relative.split('/').peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        match segment {
            "." | ".." => {
                if segment == ".." {
                    kept.pop();
                }
                if last {
                    kept.push("");
                }
            }
            _ => kept.push(segment),
        }
    }
    format!("{root}{}", kept.join("/"))
}

/// Section 5.3.
fn join(scheme: Option<&str>, authority: Option<&str>, path: &str, query: Option<&str>) -> String {
    let mut uri = String::new();
    let mut push = |before: &str, part: Option<&str>, behind: &str| {
        if let Some(part) = part {
            uri.extend([before, part, behind]);
        }
    };
    push("", scheme, ":");
    push("//", authority, "");
    push("", Some(path), "");
    push("?", query, "");
    uri
}

/// A fragment without its percent-encoding; `None` where that is broken or not UTF-8.
pub(super) fn decode(fragment: &str) -> Option<String> {
    let mut parts = fragment.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        bytes.push(u8::from_str_radix(part.get(..2).filter(|hex| hex.bytes().all(|digit| digit.is_ascii_hexdigit()))?, 16).ok()?);
        bytes.extend_from_slice(part.get(2..)?.as_bytes());
    }
    String::from_utf8(bytes).ok()
}
