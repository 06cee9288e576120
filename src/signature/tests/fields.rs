//! The forms of a field in a signature base: the examples of RFC 9421 section 2.1, and what must not pass.

use super::*;
use crate::signature::http_message::accept_signature;

const DICTIONARY: &str = "  a=1,    b=2;x=1;y=2,   c=(a   b    c), d";

fn known() -> Settings {
    let types = [("example-dict", FieldType::Dictionary), ("example-list", FieldType::List), ("example-item", FieldType::Item)];
    let mut settings = settings();
    if let Some(settings) = &mut settings.http_message {
        settings.structured_fields = types.map(|(name, of)| (name.to_owned(), of)).to_vec();
    }
    settings
}

/// Signs `line`, what the component makes of the call, by hand, and has it judged.
fn judge(component: &str, line: &str, headers: &[(&str, &str)]) -> Result<Vec<VerifiedSignature>, SignatureError> {
    let digest = content_digest(BODY.as_bytes());
    let plain = r#""@method" "@authority" "@path" "content-digest""#;
    let parameters = format!("({plain} {component});created={NOW};keyid=\"test-ed\"");
    let base = format!(
        "\"@method\": POST\n\"@authority\": bus.example\n\"@path\": /events\n\"content-digest\": {digest}\n{component}: {line}\n\"@signature-params\": {parameters}"
    );
    let signature = format!("s=:{}:", STANDARD.encode(sign_ed25519(base.as_bytes())));
    let input = format!("s={parameters}");
    let ours = [("content-digest", digest.as_str()), ("signature-input", &input), ("signature", &signature)];
    let head = head_at("bus.example", "/events", &[headers, &ours].concat());
    verify_call(&known(), &signers(), &sent(&head, BODY), Some(SHIPPING), seconds(NOW), &RustCrypto)
}

#[test]
fn a_structured_field_is_signed_as_rfc_8941_writes_it() {
    let cases = [
        // Section 2.1.1.
        (r#""example-dict";sf"#, "example-dict", DICTIONARY, "a=1, b=2;x=1;y=2, c=(a b c), d"),
        (r#""example-dict";sf"#, "example-dict", "a=?1;x,b=?0, c=();y=:AA==:", "a;x, b=?0, c=();y=:AA==:"),
        (r#""example-list";sf"#, "example-list", "a,  b;c , (d   e);f", "a, b;c, (d e);f"),
        (r#""example-item";sf"#, "example-item", "  1.50;  a", "1.5;a"),
        (r#""priority";sf"#, "priority", "u=1,i", "u=1, i"),
        // Section 2.1.2.
        (r#""example-dict";key="a""#, "example-dict", DICTIONARY, "1"),
        (r#""example-dict";key="d""#, "example-dict", DICTIONARY, "?1"),
        (r#""example-dict";key="b""#, "example-dict", DICTIONARY, "2;x=1;y=2"),
        (r#""example-dict";key="c""#, "example-dict", DICTIONARY, "(a b c)"),
        // `key` says that it is a dictionary, whatever the policy knows.
        (r#""other-dict";key="a""#, "other-dict", "a=1", "1"),
    ];
    for (component, name, value, line) in cases {
        assert_eq!(judge(component, line, &[(name, value)]).map(|found| found.len()), Ok(1), "{component} {value}");
        assert_eq!(judge(component, &format!("{line}x"), &[(name, value)]), Err(SignatureError::Invalid), "{component} {value}");
    }
}

/// Section 2.1.3.
#[test]
fn each_line_of_a_field_is_signed_by_itself_with_bs() {
    let component = r#""example-header";bs"#;
    let two = [("example-header", " value, with, lots "), ("example-header", "of, commas")];
    let one = [("example-header", "value, with, lots, of, commas")];
    let (of_two, of_one) = (":dmFsdWUsIHdpdGgsIGxvdHM=:, :b2YsIGNvbW1hcw==:", ":dmFsdWUsIHdpdGgsIGxvdHMsIG9mLCBjb21tYXM=:");
    assert!(judge(component, of_two, &two).is_ok());
    assert!(judge(component, of_one, &one).is_ok());
    assert_eq!(judge(component, of_two, &one), Err(SignatureError::Invalid));
    assert_eq!(judge(component, of_one, &two), Err(SignatureError::Invalid));
    assert!(judge(component, ":w6k=:", &[("example-header", "é")]).is_ok(), "other bytes than ASCII");
    assert!(matches!(judge(component, "", &[]), Err(SignatureError::AbsentComponent(_))));
}

#[test]
fn a_field_that_is_not_what_it_is_said_to_be_is_refused() {
    for (component, name, value) in [
        (r#""example-dict";sf"#, "example-dict", "a=1, a=2"),
        (r#""example-dict";sf"#, "example-dict", "A=1"),
        (r#""example-list";sf"#, "example-list", "a,"),
        (r#""example-item";sf"#, "example-item", "1, 2"),
        (r#""example-dict";key="a""#, "example-dict", "a=1, a=2"),
        (r#""example-dict";key="a""#, "example-dict", "(a)"),
    ] {
        assert!(is_malformed(&judge(component, "1", &[(name, value)])), "{component} {value}");
    }
    let absent = judge(r#""example-dict";key="z""#, "1", &[("example-dict", "a=1")]);
    assert!(matches!(absent, Err(SignatureError::AbsentComponent(_))));
}

#[test]
fn a_component_is_covered_by_all_of_its_field_and_not_by_a_part() {
    let mut settings = known();
    if let Some(settings) = &mut settings.http_message {
        settings.components = ["content-digest", "example-dict"].map(str::to_owned).to_vec();
    }
    let covers = |component: &str| {
        let input = format!(r#"s=("content-digest" {component});created={NOW};keyid="test-ed""#);
        let digest = content_digest(BODY.as_bytes());
        let head = head_at(
            "a",
            "/",
            &[("content-digest", &digest), ("example-dict", "a=1"), ("signature-input", &input), ("signature", "s=:AA==:")],
        );
        verify_call(&settings, &signers(), &sent(&head, BODY), Some(SHIPPING), seconds(NOW), &RustCrypto)
    };
    for all in ["\"example-dict\"", "\"example-dict\";sf", "\"example-dict\";bs"] {
        assert_eq!(covers(all), Err(SignatureError::Invalid), "{all}");
    }
    assert_eq!(covers("\"example-dict\";key=\"a\""), Err(SignatureError::Uncovered("example-dict".to_owned())));
}

#[test]
fn what_should_be_signed_is_told_as_section_5_1_has_it() {
    let mut settings = settings().http_message.unwrap();
    let asked = r#"sig1=("@method" "@authority" "@path" "content-digest");created;keyid"#;
    assert_eq!(accept_signature(&settings), asked);
    settings.tag = Some(r#"a "tag""#.to_owned());
    assert_eq!(accept_signature(&settings), format!(r#"{asked};tag="a \"tag\"""#));
}
