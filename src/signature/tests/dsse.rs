use p256::ecdsa::signature::Signer as _;

use super::*;
use crate::signature::dsse::material;

/// The vectors of the extension "Verifiable CloudEvents with DSSE", section "Test Vectors".
mod vectors {
    use super::*;

    const TYPE: &str = "https://cloudevents.io/verifiability/dsse/v0.1";
    // The section has the numbers in decimal.
    const X: &str = "Z805D3eqNZywjCI19lInBJOp7YMrCrzAH3CVTAOQ0jg";
    const Y: &str = "DHgr1U4mkSWkT0Qzr_FDLOlOErynOqZ6yAzqEmCN33Q";
    const D: &str = "1z7EN_1jRuNhnF6_3_8PaRaASVWtMqyaxJKw7eH2_7c";

    const CASE_1: (&str, &str) = (
        "5xz5/VtoxNJVYaYxmLeL6xL9I6Cav9P3goh6qyCYGfQ=",
        "wYj8bRPXYaCILrywsP7WGUBwTJsnZHYXMHiXFmYhuBGa9Mhp7X4vE7QAbHWo+WfWfcMDAb3zuypF5UmWpdkIPjiQ9=",
    );
    const CASE_3: &str = "eyJwYXlsb2FkVHlwZSI6Imh0dHBzOi8vY2xvdWRldmVudHMuaW8vdmVyaWZpYWJpbGl0eS9kc3NlL3YwLjEiLCJwYXlsb2FkIjoiZXlKamIzSmxJam9pZDB0RFlUaHpjVE5rZVdjdk1EQmFhVVJSZVM5aFdFRlpNWFJsY0ZGdWNrdE1ZVFo0VURCWk0wUXZVVDBpZlE9PSIsInNpZ25hdHVyZXMiOlt7ImtleWlkIjoidGVzdGtleSIsInNpZyI6IlVNcWlOWXA3U1FacTZNSGRtczRkbjJtc0hHaW5MSHZaYVVWM2doY2ovY241QmkzZDVqejBzZmhtOXBaODlDY09hK1dXdGpZNmNadmo3Yy90T1dzVFZnPT0ifV19";
    const CASE_5: &str = "eyJwYXlsb2FkVHlwZSI6Imh0dHBzOi8vY2xvdWRldmVudHMuaW8vdmVyaWZpYWJpbGl0eS9kc3NlL3YwLjEiLCJwYXlsb2FkIjoiZXlKamIzSmxJam9pY1VOVFpXbGFhMU1yYUVnNVYybERiR1p4Tm5Cc1puRlpUbFo1TW10MmVGZFNabTlDY2t4RmVtOUVhejBpZlE9PSIsInNpZ25hdHVyZXMiOlt7ImtleWlkIjoidGVzdGtleSIsInNpZyI6IkYyaXAweG1nSlgzdWdIWkM2dE1ycjdBMkVxYWkwOHJhR3JUd2R5aC9PR0RJSXJGN0J5TTJ5SVRMS3FOckYzZHpaR1IybzBDczlmRUJGZEx4Uk9VeUVRPT0ifV19";
    const CASE_6: &str = "eyJwYXlsb2FkVHlwZSI6Imh0dHBzOi8vY2xvdWRldmVudHMuaW8vdmVyaWZpYWJpbGl0eS9kc3NlL3YwLjEiLCJwYXlsb2FkIjoiZXlKamIzSmxJam9pVEZSblVVdElSMmhsWnpaVU5EaDRjRWRIY2pWNlRtdGthSEF5TW10bGJscERUM0ZwWTBaMFNUUlRRVDBpTENKbGVIUWlPaUpyVlRGUU9HSkVZVVZ1ZVU1b1oyeFhlbVJVU2s1SWFEYzNhMmhPVjFOYVpXSkNWWGgxWmxaTk1uQlZQU0lzSW5OcFoyNWxaR1Y0ZEdGMGRISnpJanBiSW1WNGRHRWlYWDA5Iiwic2lnbmF0dXJlcyI6W3sia2V5aWQiOiJ0ZXN0a2V5Iiwic2lnIjoibHBPcHNqUnZ2NFBDb05zQUlSRFl1MXphWlNBVkV2ajVSQzFGSk1yTDEyekJLa2IxTjhFSGlQc3FJMStId0V5V092SHU3eHE1aDBkN3BWWTRBdElOM3c9PSJ9XX0=";
    const CASE_7: &str = "eyJwYXlsb2FkVHlwZSI6Imh0dHBzOi8vY2xvdWRldmVudHMuaW8vdmVyaWZpYWJpbGl0eS9kc3NlL3YwLjEiLCJwYXlsb2FkIjoiZXlKamIzSmxJam9pVEZSblVVdElSMmhsWnpaVU5EaDRjRWRIY2pWNlRtdGthSEF5TW10bGJscERUM0ZwWTBaMFNUUlRRVDBpTENKbGVIUWlPaUpJUWpGd1pUUXpNVVp2VVZwU2MwcGllVXhPVFhFd1VXRkJkbkZRZEcxb1pHazRaRWhIVTJoaVNrRlZQU0lzSW5OcFoyNWxaR1Y0ZEdGMGRISnpJanBiSW1WNGRHRWlMQ0psZUhSaUlsMTkiLCJzaWduYXR1cmVzIjpbeyJrZXlpZCI6InRlc3RrZXkiLCJzaWciOiIyZzFVb0FRcHoxb1BqWlRQUlplK3l2THpaUU5FQ1pha2piWlZYaXpEd2RNbmVJSCsrLzUzdVhOMmJDU2tWSkltZndPaVl5S0JtNG12c01ISlhJVWh6Zz09In1dfQ==";

    fn signers() -> Signers {
        let key = jwk(&format!(r#"{{"kty":"EC","crv":"P-256","x":"{X}","y":"{Y}"}}"#));
        Signers::new(vec![signer("testkey", "producer", key)]).unwrap()
    }

    fn event(extensions: &[(&'static str, &'static str)]) -> Event<'static> {
        Event {
            event_type: "example.type".into(),
            id: Some("1".into()),
            source: Some("example/uri".into()),
            time: None,
            subject: None,
            data_content_type: Some("application/json".into()),
            data: Data::Json(r#"{"hello":"world"}"#.into()),
            ..plain_event(extensions)
        }
    }

    fn at(mut event: Event<'static>, time: &'static str) -> Event<'static> {
        event.time = Some(EventTime { text: time.into(), at: Timestamp::parse(time).unwrap() });
        event
    }

    fn binary() -> Event<'static> {
        let mut event = event(&[]);
        event.event_type = "example.type.binary".into();
        event.data_content_type = Some("application/octet-stream".into());
        event.data = Data::Binary(Cow::Borrowed("🤡".as_bytes()));
        event
    }

    fn judge(event: &Event<'_>, encoded: &str) -> Result<Option<VerifiedSignature>, SignatureError> {
        judge_with(&settings(), &signers(), &with_material(event, encoded), None)
    }

    fn is_other_event(judged: &Result<Option<VerifiedSignature>, SignatureError>) -> bool {
        matches!(judged, Err(SignatureError::Digest(_)))
    }

    #[test]
    fn case_5_verifies() {
        assert_eq!(judge(&binary(), CASE_5).unwrap().unwrap().key_id(), "testkey");
    }

    /// Exceptions: the envelopes of cases 3, 4 and 7 are well-formed and signed by the key, but their `core` is that of other data
    /// than the event that stands beside them, however its JSON is spaced. Case 5 has data that can be written in one way only.
    #[test]
    fn cases_3_4_and_7_are_signed_but_of_other_data() {
        assert!(is_other_event(&judge(&at(event(&[]), "2020-06-18T17:24:53Z"), CASE_3)));
        assert!(is_other_event(&judge(&at(event(&[]), "2020-06-18T19:24:53+02:00"), CASE_3)));
        assert!(is_other_event(&judge(&event(&[("exta", "value1"), ("extb", "value2")]), CASE_7)));
    }

    /// An exception: the payload of case 6 ends in `XX09`, which makes `{...}=` and is not JSON. What was signed ends in `XX0=`; it
    /// is of other data too.
    #[test]
    fn case_6_has_a_slip_of_the_pen() {
        assert!(is_malformed(&judge(&event(&[("exta", "value1")]), CASE_6)));
        let envelope = String::from_utf8(STANDARD.decode(CASE_6).unwrap()).unwrap();
        let mended = STANDARD.encode(envelope.replace("XX09\"", "XX0=\""));
        assert!(is_other_event(&judge(&event(&[("exta", "value1")]), &mended)));
    }

    #[test]
    fn in_case_6b_the_unsigned_extension_is_refused_in_strict_mode_and_named_in_passthrough_mode() {
        let event = plain_event(&[("exta", "value1"), ("extb", "value2")]);
        let encoded = signed(&event, &["exta"]);
        let event = with_material(&event, &encoded);
        let signers = super::super::signers();
        let strict = judge_with(&settings(), &signers, &event, None);
        assert_eq!(strict, Err(SignatureError::Uncovered("extb".to_owned())));
        let passthrough = judge_with(&settings_in(DsseMode::Passthrough), &signers, &event, None);
        assert_eq!(passthrough.unwrap().unwrap().uncovered(), ["extb"]);
    }

    /// The material of cases 1 and 2 has the bare digest as its payload, in the form of an earlier draft: the text says that the
    /// payload is a JSON object.
    #[test]
    fn cases_1_and_2_are_of_an_earlier_draft_and_refused() {
        let envelope = format!(
            r#"{{"payloadType":"{TYPE}","payload":"{}","signatures":[{{"keyid":"testkey","sig":"{}"}}]}}"#,
            CASE_1.0, CASE_1.1
        );
        assert!(is_malformed(&judge(&event(&[]), &STANDARD.encode(envelope))));
    }

    /// Cases 2 to 4 have an empty subject, which hashes as an absent one does: it is refused here.
    #[test]
    fn dsse_absent_and_empty_attributes_hash_alike_and_do_not_pass_for_each_other() {
        let mut empty = binary();
        empty.subject = Some("".into());
        assert!(is_malformed(&judge(&empty, CASE_5)));
        assert!(is_malformed(&judge(&event(&[("exta", ""), ("extb", "value2")]), CASE_7)));
        assert!(is_malformed(&material(&empty, &[], "testkey", &|_| Vec::new())));
        // One that is named and absent is fine, if it was absent when it was signed.
        let event = plain_event(&[]);
        let encoded = signed(&event, &["exta"]);
        assert!(super::judge(&event, &encoded).unwrap().is_some());
        let mut filled = event.clone();
        filled.extensions.push(extension("exta", ""));
        assert!(is_malformed(&super::judge(&filled, &encoded)));
    }

    #[test]
    fn signing_makes_the_material_of_the_vectors() {
        let key = p256::ecdsa::SigningKey::from_slice(&URL_SAFE_NO_PAD.decode(D).unwrap()).unwrap();
        let sign = |message: &[u8]| {
            let signature: p256::ecdsa::Signature = key.sign(message);
            signature.to_bytes().to_vec()
        };
        let parsed = |encoded: &str| -> serde_json::Value { serde_json::from_slice(&STANDARD.decode(encoded).unwrap()).unwrap() };
        assert_eq!(parsed(&material(&binary(), &[], "testkey", &sign).unwrap()), parsed(CASE_5));
        // Cases 3 and 4 are the same moment, and fractions of a second are cut.
        let of = |time| material(&at(event(&[]), time), &[], "testkey", &sign).unwrap();
        assert_eq!(of("2020-06-18T19:24:53+02:00"), of("2020-06-18T17:24:53Z"));
        assert_eq!(of("2020-06-18T17:24:53.999Z"), of("2020-06-18T17:24:53Z"));
        // What cases 6 and 7 say of extensions.
        let payload = |encoded: &str| STANDARD.decode(parsed(encoded)["payload"].as_str().unwrap()).unwrap();
        let extensions = |payload: &[u8]| {
            let material: serde_json::Value = serde_json::from_slice(payload).unwrap();
            (material["ext"].clone(), material["signedextattrs"].clone())
        };
        let event = event(&[("extb", "value2"), ("exta", "value1")]);
        let one = payload(&material(&event, &names(&["exta"]), "testkey", &sign).unwrap());
        assert_eq!(extensions(&one), extensions(payload(CASE_6).strip_suffix(b"=").unwrap()));
        let two = payload(&material(&event, &names(&["exta", "extb"]), "testkey", &sign).unwrap());
        assert_eq!(extensions(&two), extensions(&payload(CASE_7)));
    }
}

fn plain_event(extensions: &[(&'static str, &'static str)]) -> Event<'static> {
    let time = "2026-11-23T07:59:58Z";
    Event {
        event_type: "com.shop.order.ItemShipped".into(),
        id: Some("e-1".into()),
        source: Some("/shop/shipping".into()),
        time: Some(EventTime { text: time.into(), at: Timestamp::parse(time).unwrap() }),
        subject: None,
        topic: Some("orders".into()),
        data_content_type: Some("application/json".into()),
        data_schema: None,
        declared: Declared::Nothing,
        spec_version: Some("1.0".into()),
        extensions: extensions.iter().map(|(name, value)| extension(name, value)).collect(),
        data: Data::Json(r#"{"orderId":"order-789","trackingNumber":"TRK123456789"}"#.into()),
    }
}

fn extension<'a>(name: &'a str, value: &'a str) -> Extension<'a> {
    Extension { name: name.into(), value: value.into() }
}

fn with_material<'a>(event: &Event<'a>, material: &'a str) -> Event<'a> {
    let mut event = event.clone();
    event.extensions.push(extension("dssematerial", material));
    event
}

fn settings_in(mode: DsseMode) -> Settings {
    Settings { dsse: Some(Dsse { mode, ..settings().dsse.unwrap() }), ..settings() }
}

fn judge_with(
    settings: &Settings,
    signers: &Signers,
    event: &Event<'_>,
    expected: Option<&str>,
) -> Result<Option<VerifiedSignature>, SignatureError> {
    verify_event(settings, signers, event, expected, seconds(NOW), &RustCrypto)
}

fn judge(event: &Event<'_>, material: &str) -> Result<Option<VerifiedSignature>, SignatureError> {
    judge_with(&settings(), &signers(), &with_material(event, material), Some(SHIPPING))
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn signed(event: &Event<'_>, signed: &[&str]) -> String {
    material(event, &names(signed), "test-ed", &sign_ed25519).unwrap()
}

/// An envelope around any payload, signed with the tests' own key.
fn envelope(payload: &str) -> String {
    let payload_type = "https://cloudevents.io/verifiability/dsse/v0.1";
    let message = format!("DSSEv1 {} {payload_type} {} {payload}", payload_type.len(), payload.len());
    let signature = STANDARD.encode(sign_ed25519(message.as_bytes()));
    let payload = STANDARD.encode(payload);
    format!(
        r#"{{"payloadType":"{payload_type}","payload":"{payload}","signatures":[{{"keyid":"test-ed","sig":"{signature}"}}]}}"#
    )
}

const CASE_25: &str = "eyJwYXlsb2FkIjoiZXlKamIzSmxJam9pWWtFNE9WZ3pjVFpsWXpORmQxbDJOMk5yTTJwMGEwdzJPV3RGY1ZZM05saFNhVWxWU0UxVFExZHFRVDBpZlE9PSIsInBheWxvYWRUeXBlIjoiaHR0cHM6Ly9jbG91ZGV2ZW50cy5pby92ZXJpZmlhYmlsaXR5L2Rzc2UvdjAuMSIsInNpZ25hdHVyZXMiOlt7ImtleWlkIjoic2hpcHBpbmctZWQiLCJzaWciOiJvdkNDclBMOVd1cEM2Nk90RHZNb2Z5emtYQmpodzZKOW1JbXlMNEx0VEszMGFBeExPc2hIVVl4cFB4c1FDVGI5eFlBUWdhQnltSDhRSUhHcG9PaThEQT09In1dfQ==";

#[test]
fn the_reference_cases_get_their_verdicts() {
    assert_eq!(judge(&plain_event(&[]), CASE_25).unwrap().unwrap().key_id(), "shipping-ed");
    // 26
    let mut changed = plain_event(&[]);
    changed.data = Data::Json(r#"{"orderId":"order-1"}"#.into());
    assert!(matches!(judge(&changed, CASE_25), Err(SignatureError::Digest(_))));
}

#[test]
fn an_event_without_material_has_no_signature() {
    assert_eq!(judge_with(&settings(), &signers(), &plain_event(&[("exta", "1")]), None), Ok(None));
    assert_eq!(judge(&plain_event(&[]), ""), Ok(None));
    let not_in_use = Settings { dsse: None, ..settings() };
    assert_eq!(judge_with(&not_in_use, &signers(), &with_material(&plain_event(&[]), "?"), None), Ok(None));
}

#[test]
fn any_change_of_a_covered_part_breaks_the_signature() {
    let event = plain_event(&[("exta", "value1")]);
    let encoded = signed(&event, &["exta"]);
    assert!(judge(&event, &encoded).unwrap().is_some());
    let changes: [fn(&mut Event<'_>); 14] = [
        |event| event.event_type = "com.shop.order.Cancelled".into(),
        |event| event.id = Some("e-2".into()),
        |event| event.id = None,
        |event| event.source = Some("/shop/cart".into()),
        |event| event.subject = Some("s".into()),
        |event| event.spec_version = Some("0.3".into()),
        |event| event.data_content_type = None,
        |event| event.data_schema = Some("a".into()),
        |event| event.time = None,
        |event| event.time.as_mut().unwrap().at = Timestamp::parse("2026-11-23T07:59:59Z").unwrap(),
        |event| event.data = Data::Absent,
        |event| event.data = Data::Json(r#"{"orderId": "order-789","trackingNumber":"TRK123456789"}"#.into()),
        |event| event.extensions[0].value = "value2".into(),
        |event| event.extensions.clear(),
    ];
    for (index, change) in changes.iter().enumerate() {
        let mut changed = event.clone();
        change(&mut changed);
        let judged = judge(&changed, &encoded);
        assert!(matches!(judged, Err(SignatureError::Digest(_))), "change {index}: {judged:?}");
    }
    let payload = STANDARD.decode(&encoded).unwrap();
    for place in 0..payload.len() {
        let mut changed = payload.clone();
        changed[place] ^= 1;
        assert!(judge(&event, &STANDARD.encode(changed)).is_err(), "byte {place}");
    }
}

#[test]
fn the_topic_is_the_routes_and_not_signed() {
    let mut event = plain_event(&[]);
    let encoded = signed(&event, &[]);
    event.topic = None;
    assert!(judge(&event, &encoded).unwrap().is_some());
}

#[test]
fn dsse_unsigned_extensions_are_refused_or_named() {
    let event = plain_event(&[("exta", "1"), ("traceparent", "2")]);
    let exempt = judge(&event, &signed(&event, &["exta"]));
    assert_eq!(exempt.unwrap().unwrap().uncovered(), ["traceparent"]);
    let unsigned = signed(&event, &[]);
    assert_eq!(judge(&event, &unsigned), Err(SignatureError::Uncovered("exta".to_owned())));
    let passthrough =
        judge_with(&settings_in(DsseMode::Passthrough), &signers(), &with_material(&event, &unsigned), Some(SHIPPING));
    assert_eq!(passthrough.unwrap().unwrap().uncovered(), ["exta", "traceparent"]);
}

/// Case 8 of the test vectors, and its neighbours.
#[test]
fn dsse_repeated_or_core_names_in_signedextattrs_and_ext_without_the_list_are_malformed() {
    let digest = STANDARD.encode([0; 32]);
    let with = |members: &str| envelope(&format!(r#"{{"core":"{digest}"{members}}}"#));
    let ext = format!(r#","ext":"{digest}""#);
    for members in [
        format!(r#"{ext},"signedextattrs":["exta","exta"]"#),
        format!(r#"{ext},"signedextattrs":["exta","id"]"#),
        format!(r#"{ext},"signedextattrs":["time"]"#),
        format!(r#"{ext},"signedextattrs":["dssematerial"]"#),
        format!(r#"{ext},"signedextattrs":[]"#),
        format!(r#"{ext},"signedextattrs":[1]"#),
        format!(r#"{ext},"signedextattrs":"exta""#),
        format!(r#"{ext},"signedextattrs":null"#),
        r#","signedextattrs":["exta"]"#.to_owned(),
        ext.clone(),
        r#","ext":"AAAA","signedextattrs":["exta"]"#.to_owned(),
        format!(r#","core":"{digest}""#),
    ] {
        let judged = judge(&plain_event(&[]), &STANDARD.encode(with(&members)));
        assert!(is_malformed(&judged), "{members}: {judged:?}");
    }
    let judged = judge(&plain_event(&[]), &STANDARD.encode(with("")));
    assert!(matches!(judged, Err(SignatureError::Digest(_))));
    for refused in [names(&["a", "a"]), names(&["subject"]), names(&["dssematerial"])] {
        assert!(is_malformed(&material(&plain_event(&[]), &refused, "test-ed", &sign_ed25519)));
    }
}

#[test]
fn an_envelope_of_another_form_is_malformed() {
    let event = plain_event(&[]);
    let good = String::from_utf8(STANDARD.decode(signed(&event, &[])).unwrap()).unwrap();
    let value: serde_json::Value = serde_json::from_str(&good).unwrap();
    let signature = value["signatures"][0].to_string();
    let lines: [String; 12] = [
        good.replace("v0.1", "v0.2"),
        good.replace("payloadType", "payloadtype"),
        good.replace("\"keyid\"", "\"kid\""),
        good.replace("\"sig\"", "\"signature\""),
        good.replace(&signature, ""),
        good.replace(&signature, &[signature.as_str(); 5].join(",")),
        good.replace(&format!("[{signature}]"), &signature),
        good.replace("==\"", "=\""),
        format!("{good} x"),
        format!("[{good}]"),
        good.replacen('{', r#"{"payloadType":"","#, 1),
        "\u{feff}{}".to_owned(),
    ];
    for (index, line) in lines.iter().enumerate() {
        let judged = judge(&event, &STANDARD.encode(line));
        assert!(is_malformed(&judged), "line {index}: {judged:?}");
    }
    assert!(is_malformed(&judge(&event, "?")));
    assert!(is_malformed(&judge(&event, &STANDARD.encode(b"\xff"))));
    assert!(is_malformed(&judge(&event, &"A".repeat((16 << 10) + 1))));
    // Members that are not known are ignored, and the other alphabet of base64 is read.
    let more = good.replacen('{', r#"{"more":[{}],"#, 1).replace('+', "-").replace('/', "_");
    let more = more.replace("https:__cloudevents.io_verifiability_dsse_v0.1", "https://cloudevents.io/verifiability/dsse/v0.1");
    assert!(judge(&event, &STANDARD.encode(more)).unwrap().is_some());
}

#[test]
fn every_signature_by_a_known_key_must_verify_and_one_key_must_be_known() {
    let event = plain_event(&[]);
    let good: serde_json::Value = serde_json::from_slice(&STANDARD.decode(signed(&event, &[])).unwrap()).unwrap();
    let judge_signatures = |change: &dyn Fn(&mut Vec<serde_json::Value>)| {
        let mut envelope = good.clone();
        change(envelope["signatures"].as_array_mut().unwrap());
        judge(&event, &STANDARD.encode(envelope.to_string()))
    };
    let other = |key_id: &str| serde_json::json!({ "keyid": key_id, "sig": STANDARD.encode([1; 64]) });
    let unknown = judge_signatures(&|list| *list = vec![other("nobody")]);
    assert_eq!(unknown, Err(SignatureError::UnknownKey("nobody".to_owned())));
    assert!(judge_signatures(&|list| list.insert(0, other("nobody"))).unwrap().is_some());
    assert_eq!(judge_signatures(&|list| list.push(other("shipping-ed"))), Err(SignatureError::Invalid));
    assert_eq!(judge_signatures(&|list| list.insert(0, other("shipping-ed"))), Err(SignatureError::Invalid));
}

#[test]
fn another_owner_is_refused() {
    let event = plain_event(&[]);
    let encoded = signed(&event, &[]);
    let judged = judge_with(&settings(), &signers(), &with_material(&event, &encoded), Some("cart-service"));
    assert_eq!(judged, Err(SignatureError::Signer { owner: SHIPPING.to_owned() }));
}

#[test]
fn a_shared_secret_signs_too() {
    let event = plain_event(&[]);
    let encoded = material(&event, &[], "test-hmac", &sign_hmac).unwrap();
    assert_eq!(judge(&event, &encoded).unwrap().unwrap().scheme(), Scheme::Dsse);
}
