//! What the proxy compresses into gzip: the module brings nothing that compresses, which would be a tenth of it, and the proxy is faster.

use flate2::Crc;

/// RFC 1952 section 2.3.1: gzip, deflate, no flags, no time, nothing said of the effort or the system.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];

/// `bytes` as gzip, from their form in zlib's format (RFC 1950): the deflated data is the same, what stands around it is not. `None` where it
/// is not in that format.
#[must_use]
pub fn from_zlib(zlib: &[u8], bytes: &[u8]) -> Option<Vec<u8>> {
    let ([method, flags], rest) = zlib.split_first_chunk()?;
    let (deflated, _checksum) = rest.split_last_chunk::<4>()?;
    let has_dictionary = flags & 0x20 != 0;
    if method & 0x0f != 8 || has_dictionary {
        return None;
    }
    let mut crc = Crc::new();
    crc.update(bytes);
    Some([HEADER.as_slice(), deflated, &crc.sum().to_le_bytes(), &crc.amount().to_le_bytes()].concat())
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use flate2::Compression;
    use flate2::read::GzDecoder;
    use flate2::write::ZlibEncoder;

    use super::*;

    fn zlib(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn what_zlib_has_compressed_is_read_as_gzip() {
        for bytes in [b"".to_vec(), b"record".to_vec(), b"record ".repeat(20_000)] {
            let mut read = Vec::new();
            GzDecoder::new(from_zlib(&zlib(&bytes), &bytes).unwrap().as_slice()).read_to_end(&mut read).unwrap();
            assert!(read == bytes);
        }
    }

    #[test]
    fn what_is_not_zlib_is_not_made_gzip() {
        for bytes in [&[][..], &[0x78], &[0x78, 0x9c, 0, 0, 0], &[0x77, 0x9c, 0, 0, 0, 0, 0], &[0x78, 0x20, 0, 0, 0, 0, 0]] {
            assert_eq!(from_zlib(bytes, b""), None);
        }
    }
}
