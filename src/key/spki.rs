//! A public key's numbers as SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7), DER: four fixed forms. The general encoders of the crates
//! below cost 43 KB of the module; tests compare with them.

/// `rsaEncryption` with its NULL (RFC 3279 section 2.3.1).
const RSA_ALGORITHM: [u8; 15] = [0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];
/// `id-ecPublicKey` with `secp256r1` (RFC 5480 section 2.1.1), up to the point.
const P256_PREFIX: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03,
    0x01, 0x07, 0x03, 0x42, 0x00,
];
/// The same with `secp384r1`.
const P384_PREFIX: [u8; 23] = [
    0x30, 0x76, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22, 0x03,
    0x62, 0x00,
];

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const SEQUENCE: u8 = 0x30;

/// Of an RSA key: modulus and exponent, big-endian.
pub(super) fn rsa(modulus: &[u8], exponent: &[u8]) -> Vec<u8> {
    let key = tagged(SEQUENCE, &[integer(modulus), integer(exponent)].concat());
    let bits = tagged(BIT_STRING, &[&[0], key.as_slice()].concat());
    tagged(SEQUENCE, &[RSA_ALGORITHM.as_slice(), &bits].concat())
}

/// Of a P-256 key: its point, uncompressed (65 bytes).
pub(super) fn p256(point: &[u8]) -> Vec<u8> {
    [P256_PREFIX.as_slice(), point].concat()
}

/// Of a P-384 key: its point, uncompressed (97 bytes).
pub(super) fn p384(point: &[u8]) -> Vec<u8> {
    [P384_PREFIX.as_slice(), point].concat()
}

/// A number that is not negative: no zero in front but the one that keeps the sign.
fn integer(number: &[u8]) -> Vec<u8> {
    let significant = number.iter().position(|byte| *byte != 0).and_then(|start| number.get(start..)).unwrap_or_default();
    let sign: &[u8] = if significant.first().is_none_or(|byte| *byte >= 0x80) { &[0] } else { &[] };
    tagged(INTEGER, &[sign, significant].concat())
}

fn tagged(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let length = length.iter().position(|byte| *byte != 0).and_then(|start| length.get(start..)).unwrap_or(&[0]);
    let mut encoded = vec![tag];
    match (length, u8::try_from(length.len())) {
        ([short @ ..=0x7f], _) => encoded.push(*short),
        (long, Ok(count)) => {
            encoded.push(0x80 | count);
            encoded.extend_from_slice(long);
        }
        // A length has eight bytes at most.
        (_, Err(_)) => {}
    }
    encoded.extend_from_slice(content);
    encoded
}

#[cfg(test)]
mod tests {
    use jwt_simple::prelude::*;

    use super::*;

    #[test]
    fn the_forms_are_those_of_the_general_encoders() {
        for bits in [2048, 3072] {
            let key = RS256KeyPair::generate(bits).unwrap().public_key();
            let numbers = key.to_components();
            assert_eq!(rsa(&numbers.n, &numbers.e), key.to_der().unwrap());
            assert_eq!(rsa(&[&[0], numbers.n.as_slice()].concat(), &numbers.e), key.to_der().unwrap());
        }
        let key = ES256KeyPair::generate().public_key();
        assert_eq!(p256(&key.public_key().to_bytes_uncompressed()), key.to_der().unwrap());
        let key = ES384KeyPair::generate().public_key();
        assert_eq!(p384(&key.public_key().to_bytes_uncompressed()), key.to_der().unwrap());
    }

    #[test]
    fn lengths_have_their_shortest_form() {
        for (length, start) in [(0, vec![2, 0]), (127, vec![2, 127]), (128, vec![2, 0x81, 128]), (256, vec![2, 0x82, 1, 0])] {
            assert!(tagged(INTEGER, &vec![1; length]).starts_with(&start), "{length}");
        }
        assert_eq!(integer(&[0, 0]), [2, 1, 0]);
        assert_eq!(integer(&[0x80]), [2, 2, 0, 0x80]);
    }
}
