//! A `traceparent` into the trace that a call is part of.

use super::json::read_hex;

/// The trace that a call is part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TraceContext {
    pub trace_id: [u8; 16],
    pub span_id: [u8; 8],
    pub flags: u8,
}

impl TraceContext {
    /// Reads a `traceparent` (W3C Trace Context section 3.2): `00-` trace id `-` span id `-` flags, in lower-case hexadecimal. A later
    /// version may say more behind that. `None` where it is not one, or one of its ids is zero.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let [version] = read_hex(parts.next()?)?;
        let parsed = Self {
            trace_id: read_hex(parts.next()?)?,
            span_id: read_hex(parts.next()?)?,
            flags: read_hex::<1>(parts.next()?)?[0],
        };
        let is_complete = version != 0xff && (version != 0 || parts.next().is_none());
        (is_complete && parsed.trace_id != [0; 16] && parsed.span_id != [0; 8]).then_some(parsed)
    }
}

/// Whether a text is a `traceparent` in the form that everybody reads: that of version 00.
#[must_use]
pub fn is_traceparent(text: &str) -> bool {
    text.starts_with("00-") && TraceContext::parse(text).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_everybody_reads_is_handed_on() {
        assert!(is_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"));
        assert!(!is_traceparent("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-later"));
        assert!(!is_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more"));
    }

    #[test]
    fn a_traceparent_is_read_strictly() {
        let parsed = TraceContext::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01").unwrap();
        assert_eq!((parsed.trace_id[0], parsed.span_id[7], parsed.flags), (0x4b, 0xb7, 1));
        assert!(TraceContext::parse("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-later").is_some());
        for text in [
            "",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473é-00f067aa0ba902b7-01",
        ] {
            assert_eq!(TraceContext::parse(text), None, "{text}");
        }
    }
}
