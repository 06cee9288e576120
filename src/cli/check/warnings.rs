//! What is in order in a policy and can hardly be meant: rules that no event can keep, publishers that nobody can be, and what is
//! left open. Everything here refuses too much or says so in its records; what would let too much pass is an error.

use std::collections::BTreeSet;
use std::fmt;

use eventguard::policy::{Access, Policy, Route, Unmatched};
use eventguard::rules::memory::ReplayKey;
use eventguard::rules::{Claim, ClaimValue, Mode, PublisherRule, Rule, SignatureRule};

/// One of them, and where it stands.
#[derive(Debug, PartialEq, Eq)]
pub struct Warning {
    place: String,
    text: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.text)
    }
}

/// All of them, in the order of the document; of a shadow those that the policy does not have too.
pub fn warnings(policy: &Policy) -> Vec<Warning> {
    let mut found = Vec::new();
    if policy.mode == Mode::Observe {
        warn(&mut found, "mode", "the policy only observes: it refuses nothing");
    }
    if policy.unmatched == Unmatched::Pass {
        warn(&mut found, "unmatched", "calls that match no route pass and are not judged");
    }
    for (index, rule) in policy.rules.iter().enumerate() {
        let place = format!("events[{index}]");
        if rule.mode == Some(Mode::Observe) && policy.mode == Mode::Enforce {
            warn(
                &mut found,
                format!("{place}.mode"),
                format!("the rule `{}` only observes: it refuses nothing", rule.event_type),
            );
        }
        OneRule { policy, rule, routes: routes(policy, rule), place }.check(&mut found);
    }
    if let Some(shadow) = &policy.shadow {
        let news: Vec<_> = warnings(shadow).into_iter().filter(|warning| !found.contains(warning)).collect();
        found.extend(news.into_iter().map(|warning| Warning { place: format!("shadow.{}", warning.place), ..warning }));
    }
    found
}

fn warn(found: &mut Vec<Warning>, place: impl Into<String>, text: impl Into<String>) {
    found.push(Warning { place: place.into(), text: text.into() });
}

/// The routes on which events of the rule can come.
fn routes<'p>(policy: &'p Policy, rule: &Rule) -> Vec<&'p Route> {
    let gives = |route: &&Route| rule.topics.as_ref().is_none_or(|topics| topics.iter().any(|topic| route.may_give(topic)));
    policy.routes.iter().filter(gives).collect()
}

/// A rule, and what can come to it.
struct OneRule<'p> {
    policy: &'p Policy,
    rule: &'p Rule,
    routes: Vec<&'p Route>,
    place: String,
}

impl OneRule<'_> {
    fn check(&self, found: &mut Vec<Warning>) {
        self.topics(found);
        for (index, publisher) in self.rule.publishers.iter().enumerate() {
            let place = format!("{}.publishers[{index}]", self.place);
            self.publisher(publisher, &place, found);
            let others = self.rule.publishers.iter().take(index);
            if let Some(former) = others.clone().position(|former| allows(former, publisher)) {
                warn(found, place, format!("publishers[{former}] allows everything that this one does"));
            }
        }
        self.replay(found);
    }

    fn topics(&self, found: &mut Vec<Warning>) {
        let given = |topic: &String| self.policy.routes.iter().any(|route| route.may_give(topic));
        let lost: BTreeSet<_> = self.rule.topics.iter().flatten().filter(|topic| !given(topic)).collect();
        for topic in lost {
            let rest = if self.routes.is_empty() { ": all of these events are refused" } else { "" };
            warn(found, format!("{}.topics", self.place), format!("no route gives the topic `{topic}`{rest}"));
        }
    }

    /// Whether nobody has a token on the routes of the rule.
    fn is_anonymous(&self) -> bool {
        !self.routes.is_empty() && self.routes.iter().all(|route| route.access == Access::Anonymous)
    }

    fn signs(&self, subject: &str) -> bool {
        self.policy.signers.iter().any(|signer| signer.publisher == subject)
    }

    fn publisher(&self, publisher: &PublisherRule, place: &str, found: &mut Vec<Warning>) {
        let signed = matches!(self.rule.signature, SignatureRule::Required { .. });
        let asks_token = publisher.issuer.is_some() || !publisher.claims.is_empty();
        if self.is_anonymous() && asks_token {
            warn(found, place, "nobody: it asks for a token, and all routes on which these events can come are anonymous");
        } else if let Some(subject) = publisher.subject.as_deref().filter(|subject| !self.signs(subject)) {
            let place = format!("{place}.subject");
            if signed {
                warn(found, place, format!("nobody: these events must be signed, and no signer's `publisher` is `{subject}`"));
            } else if self.is_anonymous() {
                let why = "on anonymous routes the publisher is the signer's";
                warn(found, place, format!("nobody: {why}, and no signer's `publisher` is `{subject}`"));
            }
        }
        for claim in &publisher.claims {
            if let Some(why) = self.contradiction(publisher, claim) {
                warn(found, format!("{place}.claims[\"{}\"]", claim.at), format!("no token says so: {why}"));
            }
        }
    }

    /// Why no issuer's token has this claim beside what else is asked for.
    fn contradiction(&self, publisher: &PublisherRule, claim: &Claim) -> Option<String> {
        let at = claim.at.to_string();
        let lacks = |text: &str| !claim.values.contains(&ClaimValue::Text(text.to_owned()));
        if at == "/sub" && publisher.subject.as_deref().is_some_and(lacks) {
            return Some("`subject` says something else".to_owned());
        }
        let named = |name: &str| publisher.issuer.as_deref().is_none_or(|wanted| wanted == name);
        let mut issuers = self.policy.issuers.iter().filter(|issuer| named(&issuer.name));
        if at == "/iss" && issuers.all(|issuer| lacks(&issuer.issuer)) {
            return Some("it is the `issuer` of none of the issuers that may be meant".to_owned());
        }
        let inside = |other: &&Claim| {
            let other = other.at.to_string();
            let rest = other.strip_prefix(&at).and_then(|rest| rest.strip_prefix('/'));
            // A list may hold both a value and, at a number, a list or a map.
            rest.is_some_and(|rest| !rest.starts_with(|first: char| first.is_ascii_digit()))
        };
        let other = publisher.claims.iter().find(inside)?;
        Some(format!("it would have to be a value, and a map with `{}`", other.at))
    }

    fn replay(&self, found: &mut Vec<Warning>) {
        let Some(replay) = &self.rule.replay else { return };
        let settings = &self.policy.signatures;
        let place = format!("{}.replay.key", self.place);
        let all = "all of these events are refused";
        if replay.key == ReplayKey::TokenId && self.is_anonymous() {
            warn(found, place, format!("nobody has a token on the routes on which these events can come: {all}"));
        } else if replay.key == ReplayKey::Nonce && settings.http_message.is_none() && settings.standard_webhooks.is_none() {
            warn(found, place, format!("no scheme of `signatures` has a nonce: {all}"));
        }
    }
}

/// Whether `former` allows whatever `publisher` allows.
fn allows(former: &PublisherRule, publisher: &PublisherRule) -> bool {
    let covers = |former: &Option<String>, other: &Option<String>| former.is_none() || former == other;
    covers(&former.issuer, &publisher.issuer)
        && covers(&former.subject, &publisher.subject)
        && covers(&former.peer, &publisher.peer)
        && former.claims.iter().all(|claim| publisher.claims.contains(claim))
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
