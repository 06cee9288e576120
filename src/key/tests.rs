use jwt_simple::algorithms::{ES256PublicKey, ES384KeyPair, ES384PublicKey};

use super::*;

/// Of the reference policy's issuer.
const RSA_N: &str = "lNyE4k3D8OohfQ_pLHwJMkNmoUDRu2oPz3E8x_OjK1YMa9fMGQGgXrmIaFalg6LgHflvfMdi2optQNuXSyp513_cYGd0E64HgQ1GaKF2coPL6GLx493OnHmAP_tmB4ZxISFXXNZo4LvSSMF1LILprpfXl0nz8prE0HClbCDQDgI0D2vnfnLiC7F5yU1mkK_JPCXV0aqFi1PWICICwo5RH7rDtrLhSTj1_hpWRNuatC_gfBQ_c6XlWvJXGXYeZCeZPUqpbu7spk2fGxe6h5V1reqRKGR73VRN5S5osy6d-z5Da0Wiz-mHnLgsSSQYlkeSR89PKWpQnMjSGQblwd09uQ";
const EC_X: &str = "RqAA-V91WOk5hZ6ANs3MAfKr6yb133fsGThdLqtlxec";
const EC_Y: &str = "NzvmvNRTXqJIdovHOHdyl1bCmHTVlLtLB-AKOGxvCsU";
const ED_X: &str = "MhChMiWqdJwoQeZtcrVrFetOMF9QE8fT-poPmItrVfY";

fn jwk(json: serde_json::Value) -> Jwk {
    serde_json::from_value(json).unwrap()
}

fn rsa_jwk() -> Jwk {
    jwk(serde_json::json!({"kty": "RSA", "n": RSA_N, "e": "AQAB", "kid": "rsa-1"}))
}

fn ec_jwk() -> Jwk {
    jwk(serde_json::json!({"kty": "EC", "crv": "P-256", "x": EC_X, "y": EC_Y, "kid": "ec-1"}))
}

fn p384_jwk() -> Jwk {
    serde_json::from_str(&ES384KeyPair::generate().public_key().to_jwk()).unwrap()
}

fn ed_jwk() -> Jwk {
    jwk(serde_json::json!({"kty": "OKP", "crv": "Ed25519", "x": ED_X, "kid": "ed-1"}))
}

/// What becomes of a good key with one thing changed.
fn changed(mut jwk: Jwk, change: impl FnOnce(&mut Jwk)) -> Option<KeyError> {
    change(&mut jwk);
    PublicKey::from_jwk(&jwk).err()
}

fn text(bytes: &[u8]) -> Option<String> {
    Some(URL_SAFE_NO_PAD.encode(bytes))
}

#[test]
fn a_key_makes_the_algorithms_of_its_type_or_the_one_that_it_names() {
    use Algorithm::{EdDsa, Es256, Es384, Ps256, Ps384, Ps512, Rs256, Rs384, Rs512};
    let all = [Rs256, Rs384, Rs512, Ps256, Ps384, Ps512, Es256, Es384, EdDsa];
    let made = |jwk: &Jwk| {
        let key = PublicKey::from_jwk(jwk).unwrap();
        all.into_iter().filter(|algorithm| key.makes(*algorithm)).collect::<Vec<_>>()
    };
    assert_eq!(made(&rsa_jwk()), [Rs256, Rs384, Rs512, Ps256, Ps384, Ps512]);
    assert_eq!(made(&ec_jwk()), [Es256]);
    assert_eq!(made(&p384_jwk()), [Es384]);
    assert_eq!(made(&ed_jwk()), [EdDsa]);
    assert_eq!(made(&Jwk { alg: Some("PS384".to_owned()), ..rsa_jwk() }), [Ps384]);
    assert_eq!(made(&Jwk { alg: Some("Ed25519".to_owned()), ..ed_jwk() }), [EdDsa]);
}

#[test]
fn names_are_read_back_and_nothing_else_is_a_name() {
    for name in ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"] {
        assert_eq!(Algorithm::parse(name).map(Algorithm::name), Some(name));
    }
    assert_eq!(Algorithm::parse("Ed25519"), Some(Algorithm::EdDsa));
    for name in ["", "none", "None", "HS256", "rs256", "ES512", "ES256K", "EDDSA", "Ed448", "RS256 ", "ed25519"] {
        assert_eq!(Algorithm::parse(name), None, "{name}");
    }
    assert_eq!(Algorithm::parse_http_message("rsa-pss-sha512"), Some(Algorithm::Ps512));
    for name in ["RS256", "hmac-sha256", "ecdsa-p521-sha512", "Ed25519"] {
        assert_eq!(Algorithm::parse_http_message(name), None, "{name}");
    }
}

#[test]
fn the_der_form_is_what_the_key_crates_read() {
    let der = |jwk: &Jwk| PublicKey::from_jwk(jwk).unwrap().spki_der().to_vec();
    assert_eq!(RS256PublicKey::from_der(&der(&rsa_jwk())).unwrap().to_components().e, [1, 0, 1]);
    assert_eq!(der(&ec_jwk()).len(), 26 + 65);
    assert_eq!(ES256PublicKey::from_der(&der(&ec_jwk())).unwrap().to_bytes()[1..], coordinate::<32>("x", Some(EC_X)).unwrap());
    let p384 = p384_jwk();
    let x = coordinate::<48>("x", p384.x.as_deref()).unwrap();
    assert_eq!(ES384PublicKey::from_der(&der(&p384)).unwrap().to_bytes()[1..], x);
    assert_eq!(Ed25519PublicKey::from_der(&der(&ed_jwk())).unwrap().to_bytes(), coordinate::<32>("x", Some(ED_X)).unwrap());
}

#[test]
fn a_key_for_another_purpose_is_refused() {
    let names = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect());
    assert_eq!(changed(ec_jwk(), |jwk| jwk.use_ = Some("enc".to_owned())), Some(KeyError::Use("enc".to_owned())));
    assert_eq!(changed(ec_jwk(), |jwk| jwk.use_ = Some("sig".to_owned())), None);
    assert_eq!(changed(ec_jwk(), |jwk| jwk.key_ops = names(&["sign"])), Some(KeyError::Operations));
    assert_eq!(changed(ec_jwk(), |jwk| jwk.key_ops = names(&[])), Some(KeyError::Operations));
    assert_eq!(changed(ec_jwk(), |jwk| jwk.key_ops = names(&["sign", "verify"])), None);
    for (jwk, alg) in [(rsa_jwk(), "ES256"), (ec_jwk(), "RS256"), (ed_jwk(), "ES256"), (rsa_jwk(), "HS256"), (rsa_jwk(), "none")]
    {
        assert_eq!(changed(jwk, |jwk| jwk.alg = Some(alg.to_owned())), Some(KeyError::Algorithm(alg.to_owned())));
    }
    assert_eq!(changed(ec_jwk(), |jwk| jwk.kid = Some(String::new())), Some(KeyError::EmptyKeyId));
}

#[test]
fn a_type_or_curve_that_is_not_read_is_refused() {
    for kty in ["oct", "rsa", "AKP", ""] {
        assert_eq!(changed(rsa_jwk(), |jwk| jwk.kty = kty.to_owned()), Some(KeyError::Type(kty.to_owned())));
    }
    for (jwk, curve) in
        [(ec_jwk(), "P-521"), (ec_jwk(), "secp256k1"), (ec_jwk(), "Ed25519"), (ed_jwk(), "Ed448"), (ed_jwk(), "X25519")]
    {
        assert_eq!(changed(jwk, |jwk| jwk.crv = Some(curve.to_owned())), Some(KeyError::Curve(curve.to_owned())));
    }
    assert_eq!(changed(ed_jwk(), |jwk| jwk.crv = None), Some(KeyError::Absent("crv")));
    assert_eq!(changed(rsa_jwk(), |jwk| jwk.n = None), Some(KeyError::Absent("n")));
    assert_eq!(changed(ec_jwk(), |jwk| jwk.y = None), Some(KeyError::Absent("y")));
}

#[test]
fn base64url_is_read_strictly() {
    for wrong in [format!("{ED_X}="), format!("{ED_X} "), ED_X.replace('-', "+"), ED_X.replace("VfY", "VfZ"), "é".to_owned()] {
        assert_eq!(changed(ed_jwk(), |jwk| jwk.x = Some(wrong.clone())), Some(KeyError::Base64("x")), "{wrong}");
    }
    assert_eq!(changed(ed_jwk(), |jwk| jwk.x = text(&[1; 31])), Some(KeyError::Length { member: "x", found: 31 }));
    assert_eq!(changed(ec_jwk(), |jwk| jwk.y = text(&[0; 33])), Some(KeyError::Length { member: "y", found: 33 }));
    assert_eq!(changed(p384_jwk(), |jwk| jwk.y = text(&[0; 32])), Some(KeyError::Length { member: "y", found: 32 }));
}

#[test]
fn weak_and_dear_rsa_keys_are_refused() {
    let modulus = |bits: usize| {
        let mut bytes = vec![0xff; bits.div_ceil(8)];
        bytes[0] = 0xff >> (bytes.len() * 8 - bits);
        text(&bytes)
    };
    for (bits, error) in [
        (512, Some(KeyError::ModulusSize { bits: 512 })),
        (2047, Some(KeyError::ModulusSize { bits: 2047 })),
        (2048, None),
        (2049, None),
        (4096, None),
        (4097, Some(KeyError::ModulusSize { bits: 4097 })),
        (16384, Some(KeyError::ModulusSize { bits: 16384 })),
    ] {
        assert_eq!(changed(rsa_jwk(), |jwk| jwk.n = modulus(bits)), error);
    }
    assert_eq!(changed(rsa_jwk(), |jwk| jwk.n = text(&[])), Some(KeyError::ModulusSize { bits: 0 }));
    let even = [vec![0xff; 255], vec![0xfe]].concat();
    assert_eq!(changed(rsa_jwk(), |jwk| jwk.n = text(&even)), Some(KeyError::Rsa));
    for exponent in [[].as_slice(), &[0], &[1], &[2], &[3], &[17], &[1, 0, 0], &[1, 0, 2], &[1, 0, 0, 0, 1], &[0xff; 256]] {
        assert_eq!(changed(rsa_jwk(), |jwk| jwk.e = text(exponent)), Some(KeyError::Rsa), "{exponent:?}");
    }
}

#[test]
fn zeros_in_front_of_a_modulus_are_no_part_of_it() {
    let padded = [vec![0], URL_SAFE_NO_PAD.decode(RSA_N).unwrap()].concat();
    let key = PublicKey::from_jwk(&Jwk { n: text(&padded), ..rsa_jwk() }).unwrap();
    assert_eq!(key.spki_der(), PublicKey::from_jwk(&rsa_jwk()).unwrap().spki_der());
    assert!(matches!(key.material(), Material::Rsa { modulus_bytes: 256, .. }));
}

#[test]
fn points_that_are_not_on_the_curve_are_refused() {
    let mut off = coordinate::<32>("y", Some(EC_Y)).unwrap();
    off[31] ^= 1;
    assert_eq!(changed(ec_jwk(), |jwk| jwk.y = text(&off)), Some(KeyError::Point("P-256")));
    assert_eq!(changed(ec_jwk(), |jwk| (jwk.x, jwk.y) = (text(&[0; 32]), text(&[0; 32]))), Some(KeyError::Point("P-256")));
    assert_eq!(changed(ec_jwk(), |jwk| jwk.x = text(&[0xff; 32])), Some(KeyError::Point("P-256")));
    // y = 2 is no point of edwards25519.
    let mut none = [0; 32];
    none[0] = 2;
    assert_eq!(changed(ed_jwk(), |jwk| jwk.x = text(&none)), Some(KeyError::Point("Ed25519")));
}

/// In the module the proxy looks at them: see `src/key/p384.rs`.
#[cfg(feature = "cli")]
#[test]
fn points_that_are_not_on_p384_are_refused() {
    assert_eq!(changed(p384_jwk(), |jwk| jwk.y = text(&[1; 48])), Some(KeyError::Point("P-384")));
}

#[test]
fn ed25519_keys_of_small_order_are_refused() {
    // y of the eight points whose order divides 8; the two of order 8 have two signs.
    let order_8 = [
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    ];
    let mut points: Vec<[u8; 32]> = order_8
        .iter()
        .map(|hex| std::array::from_fn(|at| u8::from_str_radix(hex.get(2 * at..2 * at + 2).unwrap(), 16).unwrap()))
        .collect();
    let mut minus_one = [0xff; 32];
    (minus_one[0], minus_one[31]) = (0xec, 0x7f);
    let mut one = [0; 32];
    one[0] = 1;
    points.extend([[0; 32], one, minus_one]);
    for mut point in points {
        for sign in [0, 0x80] {
            point[31] |= sign;
            assert_eq!(changed(ed_jwk(), |jwk| jwk.x = text(&point)), Some(KeyError::Point("Ed25519")), "{point:02x?}");
        }
    }
}

#[test]
fn ed25519_keys_that_are_not_canonical_are_refused() {
    // y from p = 2^255 - 19 up to 2^255 - 1, with either sign: other readers take them for y - p.
    for low in 0xed..=0xff {
        for high in [0x7f, 0xff] {
            let mut point = [0xff; 32];
            (point[0], point[31]) = (low, high);
            assert_eq!(changed(ed_jwk(), |jwk| jwk.x = text(&point)), Some(KeyError::Point("Ed25519")), "{point:02x?}");
        }
    }
}

#[test]
fn everything_wrong_with_a_set_is_said_at_once() {
    let errors = KeySet::from_jwks(&[ec_jwk(), ec_jwk(), Jwk { kid: None, ..ed_jwk() }, Jwk { crv: None, ..ed_jwk() }]);
    assert_eq!(
        errors.err(),
        Some(vec![
            KeySetError::DuplicateId { index: 1, id: "ec-1".to_owned() },
            KeySetError::Unreachable { index: 2 },
            KeySetError::Key { index: 3, error: KeyError::Absent("crv") },
        ])
    );
    assert_eq!(KeySet::from_jwks(&[]).err(), Some(vec![KeySetError::Empty]));
}

#[test]
fn a_key_is_found_by_its_id_and_without_one_only_where_it_stands_alone() {
    let found = |jwks: &[Jwk], id| KeySet::from_jwks(jwks).unwrap().find(id).map(|key| key.id().map(str::to_owned));
    let (both, one) = ([ec_jwk(), ed_jwk()], [ec_jwk()]);
    assert_eq!(found(&both, Some("ed-1")), Some(Some("ed-1".to_owned())));
    for id in [None, Some(""), Some("ED-1"), Some("ed-1 "), Some("ed")] {
        assert_eq!(found(&both, id), None, "{id:?}");
    }
    assert_eq!(found(&one, None), Some(Some("ec-1".to_owned())));
    assert_eq!(found(&one, Some("")), None);
    assert_eq!(found(&[Jwk { kid: None, ..ec_jwk() }], Some("")), None);
    assert_eq!(found(&[Jwk { kid: None, ..ec_jwk() }], None), Some(None));
}

#[test]
fn short_secrets_are_refused_and_none_is_shown() {
    assert_eq!(Secret::new(vec![7; 15]).err(), Some(ShortSecret { found: 15 }));
    assert_eq!(format!("{:?}", Secret::new(vec![7; 16]).unwrap()), "Secret(16 bytes)");
}
