//! A gRPC call of many messages: bytes as the proxy hands them over into messages that are judged, and bytes that may go on. What is
//! not a whole message yet stays here, so that an admitted message does not wait for the next one.

use std::borrow::Cow;

use super::exchange::Surroundings;
use crate::decision::{Outcome, Verdict};
use crate::inspect::{self, Opened};
use crate::ledger::{self, Ending};
use crate::policy::Policy;
use crate::protocol::ProtocolError;
use crate::protocol::grpc::Frames;

/// What is read of a message to know its length.
pub const START: usize = 8;

/// A stream whose head was found in order.
#[derive(Debug)]
pub struct Stream {
    opened: Box<Opened>,
    frames: Frames,
    /// The start of a message, taken from the proxy when what stood before it went on.
    rest: Vec<u8>,
    /// Whether a message was judged.
    begun: bool,
}

/// Whether more may come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// More may come.
    Open,
    /// This was the last.
    Last,
}

/// What becomes of the bytes.
#[derive(Debug, PartialEq, Eq)]
pub enum Bytes {
    /// The proxy holds them: they are not a whole message yet.
    Hold,
    /// They go on as the proxy has them.
    Pass,
    /// These go on instead: whole messages.
    Replace(Vec<u8>),
}

/// What came of a part.
#[derive(Debug)]
pub struct Judged {
    /// What was decided of each message. The last one may be the refusal that ends the stream.
    pub outcomes: Vec<Outcome>,
    /// What becomes of the bytes, where the stream goes on.
    pub bytes: Bytes,
    /// Whether nothing more is judged: frames that cannot be read, in a call that is only observed.
    pub lost: bool,
}

impl Stream {
    /// Before its first message.
    #[must_use]
    pub fn new(opened: Box<Opened>, frames: Frames) -> Self {
        Self { opened, frames, rest: Vec::new(), begun: false }
    }

    /// The call.
    #[must_use]
    pub fn opened(&self) -> &Opened {
        &self.opened
    }

    /// Whether a message was judged.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        self.begun
    }

    /// Whether so many bytes of the proxy's, which begin with `start`, are worth reading: they make a message whole, or it is refused
    /// without the rest.
    #[must_use]
    pub fn is_enough(&self, held: usize, start: &[u8]) -> bool {
        let known: Vec<u8> = self.rest.iter().chain(start).take(START).copied().collect();
        self.rest.len().saturating_add(held) >= self.frames.needs(&known)
    }

    /// Judges the messages that `held`, what the proxy holds, completes.
    pub fn judge(&mut self, policy: &Policy, held: &[u8], part: Part, with: &Surroundings<'_>) -> Judged {
        let whole = if self.rest.is_empty() { Cow::Borrowed(held) } else { Cow::Owned([&self.rest, held].concat()) };
        let (mut at, mut outcomes, mut lost) = (0, Vec::new(), false);
        loop {
            let rest = whole.get(at..).unwrap_or_default();
            let next = match self.frames.next(rest) {
                Ok(None) => self.end(rest, part).map(|()| None),
                next => next,
            };
            let outcome = match next {
                Ok(Some(frame)) => {
                    at += frame.consumed;
                    self.begun = true;
                    inspect::message(policy, &self.opened, &frame.message, with.means())
                }
                Ok(None) => break,
                Err(error) => {
                    lost = true;
                    self.opened.refuse(policy, error.into())
                }
            };
            let refused = outcome.verdict == Verdict::Refuse;
            outcomes.push(outcome);
            if refused || lost {
                break;
            }
        }
        blame(&mut outcomes);
        settle(&mut outcomes, with);
        // What cannot be read and is only observed goes on as it is.
        let passes = if lost { whole.len() } else { at };
        let bytes = match (passes, self.rest.is_empty() && passes == whole.len()) {
            (_, true) => Bytes::Pass,
            (0, false) => Bytes::Hold,
            (_, false) => Bytes::Replace(whole.get(..passes).unwrap_or_default().to_vec()),
        };
        if bytes != Bytes::Hold {
            self.rest = whole.get(passes..).unwrap_or_default().to_vec();
        }
        Judged { outcomes, bytes, lost }
    }

    fn end(&self, rest: &[u8], part: Part) -> Result<(), ProtocolError> {
        match part {
            Part::Open => Ok(()),
            Part::Last => {
                self.frames.end(rest)?;
                let nothing = || ProtocolError::Malformed("a call without a message".to_owned());
                if self.begun { Ok(()) } else { Err(nothing()) }
            }
        }
    }
}

/// A message that goes on counts as published: nobody answers it alone.
fn settle(outcomes: &mut [Outcome], with: &Surroundings<'_>) {
    for outcome in outcomes.iter_mut().rev() {
        let ending = if outcome.verdict == Verdict::Refuse { Ending::Failed } else { Ending::Published };
        for grant in outcome.take_grants() {
            // As where a message is refused: what was granted stays.
            let _ = ledger::settle(with.store, with.now, &grant, ending);
        }
    }
}

/// Messages that came with a refused one, before it, do not go on either: their records must not say that they did.
fn blame(outcomes: &mut [Outcome]) {
    let Some((last, others)) = outcomes.split_last_mut() else { return };
    if last.verdict == Verdict::Refuse {
        for other in others {
            other.verdict = Verdict::Refuse;
            other.refusal = other.refusal.take().or_else(|| last.refusal.clone());
        }
    }
}
