use super::*;

const PAYLOAD: &str = r#"{"specversion":"1.0","id":"e-1","source":"/shop/shipping","type":"com.shop.order.ItemShipped","time":"2026-11-23T07:59:58Z","level":3,"data":{"orderId": "order-789"},"datacontenttype":"application/json"}"#;

fn event(jws: &str) -> Event<'_> {
    Event {
        event_type: "com.shop.order.ItemShipped".into(),
        id: Some("e-1".into()),
        source: Some("/shop/shipping".into()),
        time: Some(EventTime { text: "2026-11-23T07:59:58Z".into(), at: Timestamp::parse("2026-11-23T07:59:58Z").unwrap() }),
        subject: None,
        topic: Some("orders".into()),
        data_content_type: Some("application/json".into()),
        data_schema: None,
        spec_version: Some("1.0".into()),
        extensions: vec![
            Extension { name: "level".into(), value: "3".into() },
            Extension { name: "jws".into(), value: jws.into() },
        ],
        data: Data::Json(r#"{"orderId": "order-789"}"#.into()),
        declared: Declared::Nothing,
    }
}

fn embedded(header: &str, payload: &str) -> String {
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(sign_ed25519(signed.as_bytes())))
}

const HEADER: &str = r#"{"alg":"EdDSA","kid":"test-ed"}"#;

fn judge_in(unsigned_attributes: UnsignedAttributes, event: &Event<'_>) -> Result<Vec<VerifiedSignature>, SignatureError> {
    let event_jws = Some(EventJws { attribute: "jws".to_owned(), unsigned_attributes });
    let settings = Settings { event_jws, dsse: None, ..settings() };
    verify_event(&settings, &signers(), event, Some(SHIPPING), seconds(NOW), &RustCrypto)
}

fn judge(event: &Event<'_>) -> Result<Vec<VerifiedSignature>, SignatureError> {
    judge_in(UnsignedAttributes::Refuse, event)
}

#[test]
fn an_event_that_says_what_its_jws_says_is_signed_whole() {
    let jws = embedded(HEADER, PAYLOAD);
    let verified = judge(&event(&jws)).unwrap();
    assert_eq!((verified[0].scheme(), verified[0].key_id()), (Scheme::EventJws, "test-ed"));
    assert!(verified[0].uncovered().is_empty());
    assert_eq!(judge(&event("")), Ok(Vec::new()), "an empty attribute is none");
    let mut none = event("");
    none.extensions.pop();
    assert_eq!(judge(&none), Ok(Vec::new()));
}

#[test]
fn any_change_of_the_event_is_noticed() {
    let jws = embedded(HEADER, PAYLOAD);
    let changes: [fn(&mut Event<'_>); 11] = [
        |event| event.event_type = "com.shop.order.Cancelled".into(),
        |event| event.id = Some("e-2".into()),
        |event| event.source = None,
        |event| event.spec_version = Some("0.3".into()),
        |event| event.time.as_mut().unwrap().text = "2026-11-23T07:59:58.0Z".into(),
        |event| event.time = None,
        |event| event.data_content_type = None,
        |event| event.data = Data::Json(r#"{"orderId":"order-789"}"#.into()),
        |event| event.data = Data::Absent,
        |event| event.extensions[0].value = "4".into(),
        |event| drop(event.extensions.remove(0)),
    ];
    for (index, change) in changes.iter().enumerate() {
        let mut changed = event(&jws);
        change(&mut changed);
        assert!(matches!(judge(&changed), Err(SignatureError::Digest(_))), "change {index}");
    }
    type Change = fn(&mut Event<'_>);
    let additions: [(&str, Change); 3] = [
        ("subject", |event| event.subject = Some("s".into())),
        ("dataschema", |event| event.data_schema = Some("d".into())),
        ("extra", |event| event.extensions.push(Extension { name: "extra".into(), value: "1".into() })),
    ];
    for (name, add) in additions {
        let mut changed = event(&jws);
        add(&mut changed);
        assert_eq!(judge(&changed), Err(SignatureError::Uncovered(name.to_owned())));
    }
    let place = jws.len() - 4;
    let flipped: String =
        jws.char_indices().map(|(at, letter)| if at == place { if letter == 'A' { 'B' } else { 'A' } } else { letter }).collect();
    assert_eq!(judge(&event(&flipped)), Err(SignatureError::Invalid));
}

#[test]
fn what_the_payload_says_beyond_the_event_is_another_event() {
    for payload in [
        PAYLOAD.replace(r#""level":3,"#, r#""level":3,"more":"x","#),
        PAYLOAD.replace(r#""level":3,"#, r#""level":3,"jws":"x","#),
        PAYLOAD.replace(r#""level":3,"#, r#""level":"3 ","#),
        PAYLOAD.replace(r#""level":3,"#, r#""level":null,"#),
        PAYLOAD.replace(r#""data":{"#, r#""data_base64":"e30=","data":{"#),
        PAYLOAD.replace(r#""data":{"orderId": "order-789"}"#, r#""data_base64":"eyJvcmRlcklkIjogIm9yZGVyLTc4OSJ9""#),
    ] {
        assert!(matches!(judge(&event(&embedded(HEADER, &payload))), Err(SignatureError::Digest(_))), "{payload}");
    }
    for payload in ["", "[]", "{", "5", &PAYLOAD.replace(r#""id":"e-1","#, r#""id":"e-1","id":"e-1","#)] {
        let judged = judge(&event(&embedded(HEADER, payload)));
        assert!(is_malformed(&judged) || payload.is_empty(), "{payload} {judged:?}");
    }
    let text = r#""level":"3","#;
    assert!(
        judge(&event(&embedded(HEADER, &PAYLOAD.replace(r#""level":3,"#, text)))).is_ok(),
        "an event in a header has texts alone"
    );
}

#[test]
fn data_of_every_form_is_compared_byte_for_byte() {
    let judge_data = |data: Data<'static>, member: &str| {
        let payload = PAYLOAD.replace(r#""data":{"orderId": "order-789"}"#, member);
        let jws = embedded(HEADER, &payload);
        judge(&Event { data, ..event(&jws) }).is_ok()
    };
    assert!(judge_data(Data::Binary(Cow::Borrowed(&[0, 1])), r#""data_base64":"AAE=""#));
    assert!(!judge_data(Data::Binary(Cow::Borrowed(&[0, 2])), r#""data_base64":"AAE=""#));
    assert!(judge_data(Data::Binary(Cow::Borrowed(b"[1, 2]")), r#""data":[1, 2]"#), "a body of binary mode");
    assert!(!judge_data(Data::Binary(Cow::Borrowed(b"[1,2]")), r#""data":[1, 2]"#));
    assert!(judge_data(Data::Text("a".into()), r#""data":"\u0061""#));
    assert!(!judge_data(Data::Text("b".into()), r#""data":"a""#));
    let payload = PAYLOAD.replace(r#","data":{"orderId": "order-789"}"#, "");
    assert!(judge(&Event { data: Data::Absent, ..event(&embedded(HEADER, &payload)) }).is_ok());
}

#[test]
fn a_jws_over_the_data_alone_says_nothing_of_the_type_unless_the_policy_lets_it_pass() {
    use crate::signature::jws::{Payload, sign};

    let data = r#"{"orderId": "order-789"}"#;
    for form in [Payload::Base64url, Payload::AsItIs] {
        let jws = sign("EdDSA", "test-ed", form, data.as_bytes(), &sign_ed25519);
        assert_eq!(judge(&event(&jws)), Err(SignatureError::Uncovered("type".to_owned())));
        let passed = judge_in(UnsignedAttributes::Pass, &event(&jws)).unwrap();
        let names = ["specversion", "id", "source", "type", "time", "datacontenttype", "level"];
        assert_eq!(passed[0].uncovered(), names);
        let other = Event { data: Data::Json("{}".into()), ..event(&jws) };
        assert_eq!(judge_in(UnsignedAttributes::Pass, &other), Err(SignatureError::Invalid));
        let none = Event { data: Data::Absent, ..event(&jws) };
        assert_eq!(judge_in(UnsignedAttributes::Pass, &none), Err(SignatureError::Uncovered("data".to_owned())));
    }
    let unencoded = embedded(r#"{"alg":"EdDSA","kid":"test-ed","b64":false,"crit":["b64"]}"#, PAYLOAD);
    assert!(is_malformed(&judge(&event(&unencoded))));
}

#[test]
fn form_key_and_owner_are_those_of_every_jws() {
    for wrong in ["x", "a.b", "a.b.c.d", "..", "!..AA", &format!("{}..", URL_SAFE_NO_PAD.encode(HEADER)).repeat(1200)] {
        assert!(is_malformed(&judge(&event(wrong))), "{wrong}");
    }
    let by = |key_id: &str| embedded(&format!(r#"{{"alg":"EdDSA","kid":"{key_id}"}}"#), PAYLOAD);
    assert_eq!(judge(&event(&by("nobody"))), Err(SignatureError::UnknownKey("nobody".to_owned())));
    assert_eq!(judge(&event(&by("cart-ed"))), Err(SignatureError::Invalid));
    assert!(is_malformed(&judge(&event(&by("shipping-ec")))));
    let event_jws = Some(EventJws { attribute: "jws".to_owned(), unsigned_attributes: UnsignedAttributes::Refuse });
    let settings = Settings { event_jws, dsse: None, ..settings() };
    let jws = by("test-ed");
    let judged = verify_event(&settings, &signers(), &event(&jws), Some("cart-service"), seconds(NOW), &RustCrypto);
    assert_eq!(judged, Err(SignatureError::Signer { owner: SHIPPING.to_owned() }));
}
