//! What is not to be trusted any more, whatever its signature says.

/// Names of tokens, keys and subjects, each list in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Revoked {
    tokens: Box<[String]>,
    keys: Box<[String]>,
    subjects: Box<[String]>,
}

impl Revoked {
    /// From lists in any order.
    #[must_use]
    pub fn new(tokens: Vec<String>, keys: Vec<String>, subjects: Vec<String>) -> Self {
        let [tokens, keys, subjects] = [tokens, keys, subjects].map(|mut names| {
            names.sort_unstable();
            names.into_boxed_slice()
        });
        Self { tokens, keys, subjects }
    }

    /// How many names there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tokens.len() + self.keys.len() + self.subjects.len()
    }

    /// Whether nothing is revoked.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the token of that `jti` is.
    #[must_use]
    pub fn has_token(&self, id: &str) -> bool {
        has(&self.tokens, id)
    }

    /// Whether the key of that id is.
    #[must_use]
    pub fn has_key(&self, id: &str) -> bool {
        has(&self.keys, id)
    }

    /// Whether that subject is.
    #[must_use]
    pub fn has_subject(&self, subject: &str) -> bool {
        has(&self.subjects, subject)
    }
}

fn has(names: &[String], name: &str) -> bool {
    names.binary_search_by(|known| known.as_str().cmp(name)).is_ok()
}
