//! What is wrong with a policy document, and where.

use std::fmt;

use crate::call::cut;

/// One thing that is wrong with a policy document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{}{problem}", place.0, if place.0.is_empty() { "" } else { ": " })]
pub struct ConfigError {
    /// Where.
    pub place: Place,
    /// What.
    pub problem: Problem,
}

/// A place in a document: `events[2].publishers[0].issuer`; empty for the document as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Place(String);

impl Place {
    /// The value of a key of this map.
    #[inline(never)]
    pub(super) fn key(&self, key: &str) -> Self {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        Self(match !key.is_empty() && key.bytes().all(plain) {
            true if self.0.is_empty() => cut(key, 64).to_owned(),
            true => format!("{}.{}", self.0, cut(key, 64)),
            false => format!("{}[{:?}]", self.0, cut(key, 64)),
        })
    }

    /// An item of this list, from 0.
    #[inline(never)]
    pub(super) fn index(&self, index: usize) -> Self {
        Self(format!("{}[{index}]", self.0))
    }

    /// Whether this, put into `outer`, is `other`.
    fn is_in(&self, outer: &Self, other: &Self) -> bool {
        other.0.strip_prefix(&outer.0).and_then(|rest| rest.strip_prefix('.')) == Some(&self.0)
    }

    /// Whether this is `other`, or `other` is in it.
    pub(super) fn holds(&self, other: &Self) -> bool {
        let rest = other.0.strip_prefix(&self.0);
        rest.is_some_and(|rest| self.0.is_empty() || rest.is_empty() || rest.starts_with(['.', '[']))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What can be wrong. What a document says is told only where it cannot be a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// Nothing at all.
    #[error("there is no policy: the plugin configuration is empty")]
    NoDocument,
    /// A text that is not JSON, or not YAML, or a plugin configuration that is neither JSON nor a `google.protobuf.Struct`.
    #[error("{0}")]
    NotADocument(String),
    /// A key that means nothing.
    #[error("there is no such key")]
    UnknownKey,
    /// A key of a policy that a second one beside it may not have.
    #[error("a shadow has no such key: it may say what a policy judges by")]
    NotInShadow,
    /// A key without a value.
    #[error("no value: leave the key out, or write `{{}}` for the defaults of a map")]
    Null,
    /// A value of the wrong type.
    #[error("found {found}, expected {expected}")]
    Type {
        /// What is there.
        found: &'static str,
        /// What should be.
        expected: String,
    },
    /// A word that is not one of those that mean something here.
    #[error("`{found}` is not one of {expected}")]
    Unknown {
        /// What is there, cut.
        found: String,
        /// What may be.
        expected: String,
    },
    /// A key that must be there.
    #[error("is missing")]
    Missing,
    /// A list or a map without anything in it: everything, or nothing? Leaving the key out says the one, nothing can say the other.
    #[error("is empty")]
    Empty,
    /// Neither or both of two keys.
    #[error("exactly one of {0} must be there")]
    ExactlyOne(&'static str),
    /// The same again.
    #[error("`{value}` is there already, at {former}")]
    Duplicate {
        /// What is there twice, cut.
        value: String,
        /// Where it is too.
        former: Place,
    },
    /// A reference to nothing.
    #[error("no {what} is named {name:?}")]
    NoSuch {
        /// What is referred to.
        what: &'static str,
        /// By which name, cut.
        name: String,
    },
    /// A route that no call takes.
    #[error("no call takes this route: {by} takes them all")]
    Unreachable {
        /// The route that takes its calls.
        by: Place,
    },
    /// A scheme that a rule asks for and nobody reads.
    #[error("the scheme is not in use: `signatures` does not name it")]
    SchemeNotInUse,
    /// Two things that cannot both be meant.
    #[error("{0}")]
    Contradiction(&'static str),
    /// A value that is not what it should be.
    #[error("{0}")]
    Value(String),
}

/// What is wrong with a document so far.
#[derive(Debug, Default)]
pub(super) struct Problems {
    found: Vec<ConfigError>,
    /// Where a value could not be read, so that what is said of its absence is no news.
    unread: Vec<Place>,
}

/// What is said in many places and once for a policy is not to be compiled into each of them: `inline(never)`.
impl Problems {
    #[inline(never)]
    pub fn add(&mut self, place: &Place, problem: Problem) {
        let consequence =
            matches!(problem, Problem::Missing | Problem::Empty | Problem::ExactlyOne(_) | Problem::Contradiction(_));
        if consequence && self.unread.iter().any(|unread| place.holds(unread)) {
            return;
        }
        self.found.push(ConfigError { place: place.clone(), problem });
    }

    /// A value that could not be read.
    #[inline(never)]
    pub fn add_unread(&mut self, place: Place, problem: Problem) {
        if self.unread.contains(&place) {
            return;
        }
        self.found.push(ConfigError { place: place.clone(), problem });
        self.unread.push(place);
    }

    /// `None` says it.
    pub fn wrong<T>(&mut self, place: &Place, problem: Problem) -> Option<T> {
        self.add(place, problem);
        None
    }

    /// The value, or `None` where it is an error, which is noted.
    pub fn ok<T, E: fmt::Display>(&mut self, place: &Place, result: Result<T, E>) -> Option<T> {
        result.map_err(|error| self.add(place, Problem::Value(error.to_string()))).ok()
    }

    /// The value of a key that must be there.
    pub fn required<T>(&mut self, place: &Place, key: &str, value: Option<T>) -> Option<T> {
        if value.is_none() {
            self.add(&place.key(key), Problem::Missing);
        }
        value
    }

    /// Whether nothing is wrong at `place` or in it, so far.
    pub fn none_in(&self, place: &Place) -> bool {
        !self.found.iter().any(|error| place.holds(&error.place))
    }

    /// Those of a second document, whose root is `place`, that were not told of the first.
    pub fn add_news(&mut self, others: Self, place: &Place) {
        let known = |problem: &ConfigError| {
            let told = |own: &ConfigError| {
                own.problem == problem.problem && (own.place == problem.place || own.place.is_in(place, &problem.place))
            };
            self.found.iter().any(told)
        };
        let news: Vec<ConfigError> = others.found.into_iter().filter(|problem| !known(problem)).collect();
        self.found.extend(news);
    }

    pub fn into_errors(self) -> Vec<ConfigError> {
        self.found
    }
}
