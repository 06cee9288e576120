//! What comes out of one thing that the proxy told of a call: whether it goes on, what the proxy should do, what was decided.

use super::reply::Reply;
use crate::decision::Outcome;
use crate::identity::CacheUse;

/// Whether the proxy hands on what it just told us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// It does.
    Continue,
    /// It holds it.
    Pause,
}

/// What the proxy should do.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Remove a request header.
    Remove(String),
    /// Set a request header.
    Set(&'static str, String),
    /// Let these bytes of the body go on instead of those that the proxy holds.
    Body(Vec<u8>),
    /// Answer in the upstream's stead.
    Reply(Reply),
    /// Ask the limiter, and tell what it says; until then the call waits.
    Ask(Vec<u8>),
    /// Write the call's records, and tell what has become of them; until then it waits.
    Record,
}

impl Command {
    /// The answer, where this is one.
    #[must_use]
    pub fn reply(&self) -> Option<&Reply> {
        match self {
            Self::Reply(reply) => Some(reply),
            Self::Remove(_) | Self::Set(..) | Self::Body(_) | Self::Ask(_) | Self::Record => None,
        }
    }

    /// The question to the limiter, where this is one.
    #[must_use]
    pub fn question(&self) -> Option<&[u8]> {
        match self {
            Self::Ask(question) => Some(question),
            Self::Remove(_) | Self::Set(..) | Self::Body(_) | Self::Reply(_) | Self::Record => None,
        }
    }
}

/// The answer to one thing that the proxy told.
#[derive(Debug)]
pub struct Step {
    /// Whether it goes on.
    pub flow: Flow,
    /// What else to do, in this order, before the callback returns.
    pub commands: Vec<Command>,
    /// What was decided, where this step decided: to be recorded. One for each message of a stream, else one at most.
    pub outcomes: Vec<Outcome>,
    /// Whether what was decided was recorded before.
    pub is_recorded: bool,
    /// Whether the token was known already, where this step verified one.
    pub cache: Option<CacheUse>,
    /// Whether the limiter was asked and did not say all that it was asked.
    pub limiter_failed: bool,
}

impl Step {
    pub(super) const fn quiet(flow: Flow) -> Self {
        Self { flow, commands: Vec::new(), outcomes: Vec::new(), is_recorded: false, cache: None, limiter_failed: false }
    }

    /// Both in one. A call that is answered needs no changes of its head any more.
    pub(super) fn followed_by(mut self, mut next: Self) -> Self {
        if next.commands.iter().any(|command| command.reply().is_some()) {
            self.commands.clear();
        }
        self.commands.append(&mut next.commands);
        self.outcomes.append(&mut next.outcomes);
        Self { flow: next.flow, ..self }
    }
}
