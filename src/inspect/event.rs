//! One event of a call: who signed it, who publishes it, whether its rule lets it pass.

use super::summary::summarize;
use super::{CallStage, Opened};
use crate::decision::{JudgedEvent, Refusal};
use crate::identity::Publisher;
use crate::policy::Policy;
use crate::protocol::Event;
use crate::rules::{self, JsonData, Rule, Violation, condition};
use crate::signature::{self, SignatureError, VerifiedSignature};

impl CallStage<'_> {
    /// The signature first, on the whole call (`signed`) and on the event, then the rule.
    pub(super) fn judge_event(
        &self,
        event: &Event<'_>,
        data: &JsonData<'_>,
        signed: &Result<Vec<VerifiedSignature>, SignatureError>,
    ) -> JudgedEvent {
        let rule = self.policy.rules.find(&event.event_type);
        let evidence = self.evidence(rule, event, signed);
        let (signatures, publisher, refusal) = match evidence {
            Ok((signatures, publisher)) => {
                let refusal = self.check(rule, event, data, publisher.as_ref(), &signatures).err().map(Refusal::from);
                (signatures, publisher, refusal)
            }
            Err(error) => (Vec::new(), None, Some(error.into())),
        };
        let mode = rule.and_then(|rule| rule.mode).unwrap_or(self.opened.mode);
        let contract = rule.and_then(|rule| rule.contract.as_ref());
        let deprecated = contract.is_some_and(|contract| contract.is_deprecated(event, data, self.means.now));
        JudgedEvent { publisher, deprecated, ..summarize(event, rule, signatures, mode, refusal) }
    }

    /// Who signed the event, and who publishes it: the token's subject, else the owner of the first key.
    fn evidence(
        &self,
        rule: Option<&Rule>,
        event: &Event<'_>,
        signed: &Result<Vec<VerifiedSignature>, SignatureError>,
    ) -> Result<(Vec<VerifiedSignature>, Option<Publisher>), SignatureError> {
        let mut signatures = signed.clone()?;
        let Policy { signatures: settings, signers, .. } = self.policy;
        signatures.extend(signature::verify_event(settings, signers, event, self.subject(), self.means.now, self.means.crypto)?);
        signature::check_revoked(&signatures, &self.policy.revoked)?;
        if let Some(rule) = rule {
            rules::check_signature(rule, &signatures)?;
        }
        let publisher = match &self.opened.publisher {
            Some(publisher) => Some(publisher.clone()),
            None => signatures.first().map(|first| Publisher::from_signature(first.publisher().to_owned())),
        };
        if let Some(publisher) = &publisher {
            rules::check_signers(rule, publisher.subject(), &signatures)?;
        }
        Ok((signatures, publisher))
    }

    fn check(
        &self,
        rule: Option<&Rule>,
        event: &Event<'_>,
        data: &JsonData<'_>,
        publisher: Option<&Publisher>,
        signatures: &[VerifiedSignature],
    ) -> Result<(), Violation> {
        let rule = rule.ok_or_else(|| Violation::unknown_type(&event.event_type))?;
        let Opened { head, peer, .. } = self.opened;
        rules::check(rule, event, publisher, peer.as_ref())?;
        let facts = condition::Facts {
            event,
            publisher,
            peer: peer.as_ref(),
            signatures,
            route: &self.route.name,
            head,
            now: self.means.now,
            data,
        };
        rules::check_content(rule, &facts)
    }
}
