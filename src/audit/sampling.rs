//! Which calls become spans, and where in a trace. Ids come from a number that is random once, the rest follows from it.

use std::num::NonZeroU32;

use super::trace::TraceContext;

/// The flag of a trace whose caller keeps its spans (W3C Trace Context section 3.2.2.5.1).
const SAMPLED: u8 = 1;

/// The part of a trace's id that is random (Trace Context Level 2): its last seven bytes.
const RANDOM: u64 = (1 << 56) - 1;

/// Which calls become spans beside those whose caller has sampled its trace: one of how many.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sampling {
    /// Of those whose caller has a trace and has not sampled it.
    pub unsampled: Option<NonZeroU32>,
    /// Of those that come without a trace, and begin one.
    pub roots: Option<NonZeroU32>,
}

/// Where a span stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub trace_id: [u8; 16],
    /// The span of the caller.
    pub parent: Option<[u8; 8]>,
    pub flags: u8,
}

impl Sampling {
    /// Where the span of a call with this `traceparent` stands; `None` where it becomes none. One that cannot be read is none (Trace Context
    /// section 4.3).
    pub(super) fn place(self, traceparent: Option<&str>, ids: &mut Ids) -> Option<Place> {
        if let Some(TraceContext { trace_id, span_id, flags }) = traceparent.and_then(TraceContext::parse) {
            let is_sampled = flags & SAMPLED != 0 || self.unsampled.is_some_and(|one_in| is_one_of(one_in, trace_id));
            return is_sampled.then_some(Place { trace_id, parent: Some(span_id), flags: flags | SAMPLED });
        }
        let one_in = self.roots?;
        let trace_id = ids.trace();
        is_one_of(one_in, trace_id).then_some(Place { trace_id, parent: None, flags: SAMPLED })
    }
}

/// By the trace's id alone, so that whoever keeps the same share keeps the same traces.
fn is_one_of(one_in: NonZeroU32, trace_id: [u8; 16]) -> bool {
    let [.., a, b, c, d, e, f, g] = trace_id;
    u64::from_be_bytes([0, a, b, c, d, e, f, g]) <= RANDOM / u64::from(one_in.get())
}

/// Ids that no other worker gives, and that need not be secret.
#[derive(Debug)]
pub(super) struct Ids {
    state: u64,
    own: u64,
}

impl Ids {
    pub fn new(seed: [u8; 16]) -> Self {
        let [state, own] = halves(u128::from_le_bytes(seed));
        Self { state, own }
    }

    /// The id of a span, which is never zero.
    pub fn span(&mut self) -> [u8; 8] {
        self.next().max(1).to_be_bytes()
    }

    /// The id of a trace, which is never zero.
    pub fn trace(&mut self) -> [u8; 16] {
        (u128::from(self.next()) << 64 | u128::from(self.next().max(1))).to_be_bytes()
    }

    /// SplitMix64 (Steele, Lea and Flood, 2014), and what is the worker's own.
    const fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31) ^ self.own
    }
}

fn halves(number: u128) -> [u64; 2] {
    [number, number >> 64].map(|part| u64::try_from(part & u128::from(u64::MAX)).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    const SAMPLED_CALL: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    const UNSAMPLED_CALL: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-02";

    fn place(sampling: Sampling, traceparent: Option<&str>) -> Option<Place> {
        sampling.place(traceparent, &mut Ids::new([7; 16]))
    }

    #[test]
    fn a_span_is_the_callers_child_where_it_has_sampled_its_trace_or_the_share_says_so() {
        let child = place(Sampling::default(), Some(SAMPLED_CALL)).unwrap();
        assert_eq!((child.trace_id[..2].to_vec(), child.parent.map(|id| id[7]), child.flags), (vec![0x4b, 0xf9], Some(0xb7), 1));
        assert_eq!(place(Sampling::default(), Some(UNSAMPLED_CALL)), None);
        let all = Sampling { unsampled: Some(NonZeroU32::MIN), roots: None };
        let child = place(all, Some(UNSAMPLED_CALL)).unwrap();
        assert_eq!(
            (child.parent.map(|id| id[7]), child.flags),
            (Some(0xb7), 3),
            "it is sampled now, and what else is said stays"
        );
    }

    #[test]
    fn a_call_without_a_trace_begins_one_only_where_that_is_asked_for() {
        for none in [None, Some(""), Some("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01")] {
            assert_eq!(place(Sampling { unsampled: Some(NonZeroU32::MIN), roots: None }, none), None, "{none:?}");
            let root = place(Sampling { unsampled: None, roots: Some(NonZeroU32::MIN) }, none).unwrap();
            assert_eq!((root.parent, root.flags), (None, 1));
            assert_ne!(root.trace_id, [0; 16]);
        }
    }

    #[test]
    fn one_of_so_many_is_taken_and_the_same_one_everywhere() {
        let ten = NonZeroU32::new(10).unwrap();
        let mut ids = Ids::new([7; 16]);
        let traces: Vec<_> = (0..10_000).map(|_| ids.trace()).collect();
        let taken = traces.iter().filter(|trace| is_one_of(ten, **trace)).count();
        assert!((800..1200).contains(&taken), "{taken}");
        let (mut first, mut last) = ([0xff; 16], [0; 16]);
        first[9..].fill(0);
        last[9..].fill(0xff);
        assert!(is_one_of(ten, first) && !is_one_of(ten, last), "the first nine bytes do not count");
        assert!(is_one_of(NonZeroU32::MIN, last), "one of one is all");
    }

    #[test]
    fn ids_are_never_given_twice_nor_by_two_workers() {
        let (mut one, mut other) = (Ids::new([7; 16]), Ids::new([8; 16]));
        let spans: HashSet<_> = (0..1000).flat_map(|_| [one.span(), other.span()]).collect();
        assert_eq!(spans.len(), 2000);
        // Where a worker's own number takes the mixed one to zero.
        let mut zero = Ids { state: 0, own: 0 };
        zero.own = zero.next();
        zero.state = 0;
        assert_eq!(zero.span(), 1_u64.to_be_bytes());
    }
}
