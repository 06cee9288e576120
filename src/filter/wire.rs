//! The forms in which the proxy hands over header maps and route metadata: bytes into values, never a panic.

use crate::call::HeaderMap;

/// Reads the ABI's list of pairs: a count, the sizes of each name and value, then names and values, a NUL behind each. All
/// numbers are 32 bits, little-endian. `None` where the bytes are anything else, or a name is not text.
#[must_use]
pub fn read_pairs(bytes: Vec<u8>) -> Option<HeaderMap> {
    let (count, rest) = read_u32(&bytes)?;
    let (mut sizes, content) = rest.split_at_checked(count.checked_mul(8)?)?;
    let mut at = bytes.len() - content.len();
    let mut places = Vec::with_capacity(count);
    for _ in 0..count {
        let (name_size, after) = read_u32(sizes)?;
        let (value_size, after) = read_u32(after)?;
        sizes = after;
        let name = at..at.checked_add(name_size)?;
        let start = name.end.checked_add(1)?;
        let value = start..start.checked_add(value_size)?;
        at = value.end.checked_add(1)?;
        places.push((name, value));
    }
    // The last value's NUL is there too: what is cut was not written whole.
    (at <= bytes.len()).then(|| HeaderMap::new(bytes, places)).flatten()
}

fn read_u32(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (number, rest) = bytes.split_first_chunk::<4>()?;
    Some((usize::try_from(u32::from_le_bytes(*number)).ok()?, rest))
}

/// Writes the ABI's list of pairs.
#[must_use]
pub fn write_pairs(pairs: &[(&str, &str)]) -> Vec<u8> {
    let length = |text: &str| u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes();
    let content: usize = pairs.iter().map(|(name, value)| name.len() + value.len() + 10).sum();
    let mut bytes = Vec::with_capacity(4 + content);
    bytes.extend_from_slice(&u32::try_from(pairs.len()).unwrap_or(u32::MAX).to_le_bytes());
    for (name, value) in pairs {
        bytes.extend_from_slice(&length(name));
        bytes.extend_from_slice(&length(value));
    }
    for (name, value) in pairs {
        for text in [name, value] {
            bytes.extend_from_slice(text.as_bytes());
            bytes.push(0);
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_read_as_written() {
        let pairs = [(":method", "POST"), ("", ""), ("x", "é")];
        let read = read_pairs(write_pairs(&pairs)).unwrap();
        assert!(read.iter().eq(pairs.map(|(name, value)| (name, value.as_bytes()))));
        assert_eq!(read_pairs(write_pairs(&[])).unwrap().iter().count(), 0);
    }

    proptest::proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
            let _ = read_pairs(bytes);
        }

        #[test]
        fn every_cut_is_noticed(keep in 0_usize..42) {
            let whole = write_pairs(&[(":method", "POST"), (":path", "/")]);
            proptest::prop_assume!(keep < whole.len());
            proptest::prop_assert_eq!(read_pairs(whole[..keep].to_vec()), None);
        }
    }
}
