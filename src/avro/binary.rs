//! Data in the binary encoding ("Data Serialization and Deserialization").

use super::{Broken, DEPTH, Kind, Node, Path, Problem, Scalar, Schema, steps};
use crate::json::repeated;

impl Schema {
    /// Whether bytes are one value of this schema and nothing else, nested so deep at most.
    ///
    /// # Errors
    ///
    /// [`Broken`]: the first place where they are not.
    pub fn check_binary(&self, bytes: &[u8], depth: usize) -> Result<(), Broken> {
        let depth = depth.min(DEPTH);
        let mut reader = Reader { schema: self, rest: bytes, steps: steps(bytes.len()), depth };
        reader.value(0, depth, Path::Root)?;
        if reader.rest.is_empty() { Ok(()) } else { Err(self.node(0).broken(Path::Root, Problem::Surplus)) }
    }
}

struct Reader<'s, 'a> {
    schema: &'s Schema,
    rest: &'a [u8],
    steps: usize,
    depth: usize,
}

impl<'s, 'a> Reader<'s, 'a> {
    fn value(&mut self, at: usize, levels: usize, path: Path<'_>) -> Result<(), Broken> {
        let node = self.schema.node(at);
        let levels = levels.checked_sub(1).ok_or_else(|| node.broken(path, Problem::TooDeep(self.depth)))?;
        self.steps = self.steps.checked_sub(1).ok_or_else(|| node.broken(path, Problem::TooDear))?;
        match &node.kind {
            Kind::Array(items) => self.blocks(node, *items, levels, path, None),
            Kind::Map(values) => {
                let mut keys = Vec::new();
                self.blocks(node, *values, levels, path, Some(&mut keys))?;
                match repeated(&mut keys.into_iter()) {
                    Some(_) => Err(node.broken(path, Problem::Twice)),
                    None => Ok(()),
                }
            }
            Kind::Union(branches) => {
                let branch = self.index().and_then(|index| branches.get(index));
                self.value(*branch.ok_or_else(|| node.broken(path, Problem::Type("branch")))?, levels, path)
            }
            Kind::Record(fields) => {
                fields.iter().try_for_each(|(name, inner)| self.value(*inner, levels, Path::Field(&path, name)))
            }
            Kind::Scalar(scalar) => self.scalar(scalar).map_err(|problem| node.broken(path, problem)),
        }
    }

    fn scalar(&mut self, kind: &Scalar) -> Result<(), Problem> {
        let (read, name) = match kind {
            Scalar::Null => (Some(()), "null"),
            Scalar::Boolean => (self.take(1)?.first().filter(|byte| **byte <= 1).map(|_| ()), "boolean"),
            Scalar::Int => (self.long().filter(|number| i32::try_from(*number).is_ok()).map(|_| ()), "int"),
            Scalar::Long => (self.long().map(|_| ()), "long"),
            Scalar::Float => (Some(self.take(4).map(|_| ())?), "float"),
            Scalar::Double => (Some(self.take(8).map(|_| ())?), "double"),
            Scalar::Bytes => (self.bytes().map(|_| ()), "bytes"),
            Scalar::Fixed(size) => (Some(self.take(*size).map(|_| ())?), "fixed"),
            Scalar::String => (self.text().map(|_| ()), "string"),
            Scalar::Enum(symbols) => (self.index().filter(|index| *index < symbols.len()).map(|_| ()), "enum"),
        };
        read.ok_or(Problem::Type(name))
    }

    /// Items, or with `keys` keys and values, in blocks: a count and so many of them, up to a count of zero. A negative count is followed
    /// by the block's length, over which some readers leap.
    fn blocks(
        &mut self,
        node: &Node,
        inner: usize,
        levels: usize,
        path: Path<'_>,
        mut keys: Option<&mut Vec<&'a str>>,
    ) -> Result<(), Broken> {
        let mut index = 0;
        loop {
            let wrong = || node.broken(path, Problem::Type("block"));
            let count = self.long().ok_or_else(wrong)?;
            let length = if count < 0 { Some(self.index().ok_or_else(wrong)?) } else { None };
            let before = self.rest.len();
            for _ in 0..count.unsigned_abs() {
                if let Some(keys) = &mut keys {
                    keys.push(self.text().ok_or_else(|| node.broken(path, Problem::Type("string")))?);
                }
                self.value(inner, levels, Path::Item(&path, index))?;
                index += 1;
            }
            if length.is_some_and(|length| length != before - self.rest.len()) {
                return Err(wrong());
            }
            if count == 0 {
                return Ok(());
            }
        }
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Problem> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(Problem::Cut)?;
        self.rest = rest;
        Ok(taken)
    }

    /// Seven bits a byte, the lowest first, at most 64; then 0, -1, 1, -2...
    fn long(&mut self) -> Option<i64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.rest.split_first()?;
            self.rest = rest;
            let bits = u64::from(byte & 0x7f);
            if (bits << shift) >> shift != bits {
                return None;
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Some((value >> 1).cast_signed() ^ -(value & 1).cast_signed());
            }
        }
        None
    }

    /// A `long` that counts or is a place.
    fn index(&mut self) -> Option<usize> {
        usize::try_from(self.long()?).ok()
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = self.index()?;
        self.take(length).ok()
    }

    fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.bytes()?).ok()
    }
}
