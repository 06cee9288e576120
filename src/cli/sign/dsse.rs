//! A CloudEvent into one that carries its own signature: the attribute `dssematerial`.

use anyhow::{Context, bail};
use eventguard::budget::Budget;
use eventguard::protocol::{Event, Form, Protocol};
use eventguard::signature::dsse;
use serde_json::{Value, json};

use super::{CaseCall, PrivateKey, add};

const ATTRIBUTE: &str = "dssematerial";

/// Signs the one event of the call, and says what was added to it.
pub fn sign(key: &PrivateKey, key_id: &str, call: &mut CaseCall) -> anyhow::Result<Value> {
    let (head, body) = (call.head()?, call.body()?);
    let form = Protocol::CloudEvents.form(&head)?;
    let events = Protocol::CloudEvents.events(form, &head, &body, None, &Budget::DEFAULT)?;
    let ([event], Form::Binary | Form::Structured) = (events.as_slice(), form) else {
        bail!("DSSE signs an event before it goes into a batch: sign each by itself");
    };
    let material = material(key, key_id, event)?;
    if form == Form::Binary {
        add(call, &[(format!("ce-{ATTRIBUTE}"), material.clone())]);
    } else {
        insert(call, &body, &material)?;
    }
    Ok(json!({ ATTRIBUTE: material }))
}

/// All extension attributes are signed, as strict mode wants it.
fn material(key: &PrivateKey, key_id: &str, event: &Event<'_>) -> anyhow::Result<String> {
    let names: Vec<String> = event.extensions.iter().map(|extension| extension.name.to_string()).collect();
    if names.iter().any(|name| name == ATTRIBUTE) {
        bail!("the event is signed already: it has a `{ATTRIBUTE}`");
    }
    Ok(key.sign_in(|sign| dsse::material(event, &names, key_id, sign))??)
}

/// Puts the material in front of a structured event's members. The rest stays byte for byte: the data is signed as it is written.
fn insert(call: &mut CaseCall, body: &[u8], material: &str) -> anyhow::Result<()> {
    let text = std::str::from_utf8(body)?;
    let members = text.trim_start().strip_prefix('{').context("the body is not a JSON object")?;
    call.body = Some(format!("{{\"{ATTRIBUTE}\":\"{material}\",{members}"));
    call.body_base64 = None;
    Ok(())
}
