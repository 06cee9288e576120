//! JSON Pointers (RFC 6901), taken apart once, where the policy is read.

use std::fmt;

/// A JSON Pointer (RFC 6901), taken apart.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Pointer {
    tokens: Vec<String>,
}

/// The text is not a JSON Pointer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a JSON Pointer (RFC 6901): it starts with `/`, and `~` stands only in `~0` and `~1`")]
pub struct NotAPointer;

impl Pointer {
    /// Reads the string form; the empty text points to the whole document.
    ///
    /// # Errors
    ///
    /// [`NotAPointer`].
    pub fn parse(text: &str) -> Result<Self, NotAPointer> {
        if text.is_empty() {
            return Ok(Self { tokens: Vec::new() });
        }
        let tokens = text.strip_prefix('/').ok_or(NotAPointer)?.split('/').map(token).collect::<Result<_, _>>()?;
        Ok(Self { tokens })
    }

    /// The reference tokens, without their escapes.
    pub(super) fn tokens(&self) -> impl Iterator<Item = &str> {
        self.tokens.iter().map(String::as_str)
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.tokens.iter().try_for_each(|token| write!(f, "/{}", token.replace('~', "~0").replace('/', "~1")))
    }
}

/// RFC 6901 section 4: `~1` before `~0`, so that `~01` is `~1`. Going from left to right does the same.
fn token(written: &str) -> Result<String, NotAPointer> {
    let mut parts = written.split('~');
    let mut token = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (char, rest) = match part.as_bytes().first() {
            Some(b'0') => ('~', part.get(1..)),
            Some(b'1') => ('/', part.get(1..)),
            _ => return Err(NotAPointer),
        };
        token.push(char);
        token.push_str(rest.unwrap_or_default());
    }
    Ok(token)
}

/// The place in an array that a token names: decimal without leading zeros (RFC 6901 section 4).
pub(super) fn array_index(token: &str) -> Option<usize> {
    let canonical = token == "0" || (!token.starts_with('0') && token.bytes().all(|byte| byte.is_ascii_digit()));
    canonical.then(|| token.parse().ok()).flatten()
}
