//! Keeps whoever sends calls that come to nothing from having their signatures looked at without end. Knows what a source is: the
//! peer, or where the connection comes from.

use std::cell::RefCell;

use super::step::Step;
use crate::budget::{Governed, Sources};
use crate::crypto::Crypto;
use crate::decision::{Outcome, Refusal};
use crate::signature::SignatureError;
use crate::time::Timestamp;

/// Counts failed checks by source; without a bound it does nothing.
pub struct Governor(Option<RefCell<Sources>>);

impl Governor {
    /// With what each source has spent, where there is a bound.
    #[must_use]
    pub fn new(sources: Option<Sources>) -> Self {
        Self(sources.map(RefCell::new))
    }

    /// Has a part of a call judged. `source` names who sends it, and is asked only where somebody has failed too often, or this one fails.
    pub fn govern(
        &self,
        crypto: &dyn Crypto,
        source: &dyn Fn() -> String,
        now: Timestamp,
        judge: impl FnOnce(&dyn Crypto) -> Step,
    ) -> Step {
        let Some(sources) = &self.0 else { return judge(crypto) };
        let limited = || sources.borrow().limited(source, now);
        let governed = Governed::new(crypto, &limited);
        let step = judge(&governed);
        let failed = failed(&governed, &step.outcomes);
        if failed > 0 {
            sources.borrow_mut().spend(&source(), failed, now);
        }
        step
    }
}

/// How many checks came to nothing: those of a token that is not good, signed or not, and those that failed of a message whose signature
/// does not verify. Of one that does, keys were tried that were not the signer's.
fn failed(governed: &Governed<'_>, outcomes: &[Outcome]) -> u32 {
    let of_calls = outcomes.iter().filter_map(|outcome| outcome.refusal.as_ref());
    let of_events = outcomes.iter().flat_map(|outcome| &outcome.events).filter_map(|event| event.refusal.as_ref());
    let mut refusals = of_calls.chain(of_events);
    let spent = |refusal: &Refusal| {
        if let Refusal::Token(_) = refusal {
            Some(governed.made())
        } else {
            matches!(refusal, Refusal::Signature(SignatureError::Invalid)).then(|| governed.wrong())
        }
    };
    refusals.find_map(spent).unwrap_or_default()
}

/// Who sends a call: the peer that its certificate names, or the address of its connection (`ADDRESS:PORT`) without the port. Who has an
/// address of IPv6 has 64 bits of them (RFC 6177). An address of port 0 is one that Envoy took from `x-forwarded-for`, where anybody may
/// write what they like: all of these are one.
#[must_use]
pub fn source(peer: Option<String>, address: Option<String>) -> String {
    if let Some(peer) = peer {
        return peer;
    }
    let address = address.unwrap_or_default();
    match address.rsplit_once(':') {
        Some((_, "0")) => "forwarded".to_owned(),
        Some((host, _)) => network(host),
        None => address,
    }
}

/// An address of IPv4, also where it stands in one of IPv6; of one of IPv6 (RFC 5952) the first four of its eight groups. By hand: the
/// standard library's reader is 4 KB of the module.
fn network(host: &str) -> String {
    let host = host.trim_matches(['[', ']']);
    if host.contains('.') {
        return host.rsplit(':').next().unwrap_or_default().to_owned();
    }
    let (before, behind) = host.split_once("::").unwrap_or((host, ""));
    let groups = |text: &'_ str| text.split(':').filter(|group| !group.is_empty()).count();
    let zeros = std::iter::repeat_n("0", 8_usize.saturating_sub(groups(before) + groups(behind)));
    let all = before.split(':').filter(|group| !group.is_empty()).chain(zeros).chain(behind.split(':'));
    all.take(4).collect::<Vec<_>>().join(":")
}
