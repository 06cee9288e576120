//! JSON Pointers (RFC 6901) that grow while a document is gone through, and names in order.

/// A way down from the root of a value, kept on the stack of whoever goes down.
#[derive(Clone, Copy)]
pub(super) enum Path<'p> {
    Root,
    Member(&'p Path<'p>, &'p str),
    Item(&'p Path<'p>, usize),
}

impl Path<'_> {
    /// The pointer, the names in it as they are, at most `limit` bytes and a mark where it was cut.
    pub(super) fn pointer(&self, limit: usize) -> String {
        let mut steps = Vec::new();
        let mut at = self;
        loop {
            at = match at {
                Self::Root => break,
                Self::Member(above, _) | Self::Item(above, _) => {
                    steps.push(at);
                    above
                }
            };
        }
        let mut pointer = String::new();
        for step in steps.into_iter().rev() {
            match step {
                Self::Root => {}
                Self::Member(_, name) => push(&mut pointer, cut(name, limit)),
                Self::Item(_, index) => push(&mut pointer, &index.to_string()),
            }
            if pointer.len() > limit {
                let kept = cut(&pointer, limit).len();
                pointer.truncate(kept);
                pointer.push('…');
                break;
            }
        }
        pointer
    }
}

/// Appends a token, escaped (RFC 6901 section 3).
pub(super) fn push(pointer: &mut String, token: &str) {
    pointer.push('/');
    for char in token.chars() {
        match char {
            '~' => pointer.push_str("~0"),
            '/' => pointer.push_str("~1"),
            char => pointer.push(char),
        }
    }
}

/// A pointer and one more token.
pub(super) fn below(pointer: &str, token: &str) -> String {
    let mut below = pointer.to_owned();
    push(&mut below, token);
    below
}

/// At most so many bytes of a text, and whole characters.
pub(super) fn cut(text: &str, limit: usize) -> &str {
    text.get(..text.floor_char_boundary(limit)).unwrap_or(text)
}
