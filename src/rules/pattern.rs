//! Which event types a rule is for.

/// One event type, or every type below a name. Types have case; nothing is normalised, so that a look-alike is another type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TypePattern<'a> {
    /// This type.
    Exact(&'a str),
    /// Every type below a name, `com.shop.*`: what stands for the `*` may have dots but is not empty.
    Below {
        /// What stands before the `*`, its dot included.
        prefix: &'a str,
    },
}

/// The text is no pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAPattern {
    /// No text at all.
    #[error("an event type is not empty")]
    Empty,
    /// Every type would be allowed, also those that nobody knows yet.
    #[error("`*` alone would be a rule for every type: name the types, or `name.*`")]
    Everything,
    /// A wildcard somewhere else than at the end, behind a dot.
    #[error("`*` stands only at the end and behind a dot, as in `com.shop.order.*`")]
    Wildcard,
    /// Characters that nobody sees.
    #[error("an event type has no control characters, and none that change the direction of text")]
    Control,
}

impl<'a> TypePattern<'a> {
    /// Reads a pattern: a type, or a name and a trailing `.*`.
    pub fn parse(text: &'a str) -> Result<Self, NotAPattern> {
        if text.is_empty() {
            return Err(NotAPattern::Empty);
        }
        if !is_plain(text) {
            return Err(NotAPattern::Control);
        }
        match text.strip_suffix('*') {
            None if text.contains('*') => Err(NotAPattern::Wildcard),
            None => Ok(Self::Exact(text)),
            Some("" | ".") => Err(NotAPattern::Everything),
            Some(prefix) if prefix.contains('*') || !prefix.ends_with('.') => Err(NotAPattern::Wildcard),
            Some(prefix) => Ok(Self::Below { prefix }),
        }
    }
}

/// Whether a text names event types: one, or every one below a name.
///
/// # Errors
///
/// [`NotAPattern`].
pub fn check_types(text: &str) -> Result<(), NotAPattern> {
    TypePattern::parse(text).map(|_| ())
}

/// Whether a text shows all that it is: no control characters and no marks that change the direction of text (Unicode TR 36
/// section 2.7), which make one type look like another in a log. A wildcard stands for nothing else.
pub(super) fn is_plain(text: &str) -> bool {
    let hidden = |character: char| {
        character.is_control()
            || matches!(character, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
    };
    text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) || !text.chars().any(hidden)
}
