//! Schemas and values of any kind, written by `apache-avro`.
#![expect(deprecated, reason = "what it is replaced with says no more")]

use std::collections::HashMap;

use apache_avro::rabin::Rabin;
use apache_avro::types::Value;
use apache_avro::{from_avro_datum, to_avro_datum};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::*;

/// Draws schemas and values of them from random bytes.
struct Draw {
    bytes: Vec<u8>,
    /// Types that were named, by their full names.
    named: Vec<(String, Json)>,
}

impl Draw {
    fn below(&mut self, limit: u8) -> u8 {
        self.bytes.pop().unwrap_or(0) % limit
    }

    fn name(&self) -> String {
        let namespace = ["a.", "shop.", "shop.v1."][self.named.len() % 3];
        format!("{namespace}T{}", self.named.len())
    }

    fn schema(&mut self, depth: usize) -> Json {
        let kind = if depth == 0 { self.below(8) } else { self.below(16) };
        match kind {
            0..8 => json!(["null", "boolean", "int", "long", "float", "double", "bytes", "string"][usize::from(kind)]),
            8 => json!({"type": "array", "items": self.schema(depth - 1)}),
            9 => json!({"type": "map", "values": self.schema(depth - 1)}),
            10 => {
                let branches: Vec<Json> =
                    ["null", "int", "string"].iter().take(usize::from(self.below(3)) + 1).map(|name| json!(name)).collect();
                json!([branches, vec![json!({"type": "array", "items": self.schema(depth - 1)})]].concat())
            }
            11 => {
                let symbols = &["A", "B", "_c1"][..usize::from(self.below(3)) + 1];
                self.keep(json!({"type": "enum", "name": self.name(), "symbols": symbols, "doc": "x"}))
            }
            12 => {
                let size = self.below(4);
                self.keep(json!({"type": "fixed", "name": self.name(), "size": size}))
            }
            13 if !self.named.is_empty() => {
                let at = usize::from(self.below(255)) % self.named.len();
                json!(self.named[at].0)
            }
            _ => {
                let name = self.name();
                self.named.push((name.clone(), Json::Null));
                let at = self.named.len() - 1;
                let mut fields: Vec<Json> = (0..self.below(4))
                    .map(|index| json!({"name": format!("f{index}"), "type": self.schema(depth - 1)}))
                    .collect();
                fields.push(json!({"name": "next", "type": ["null", name]}));
                let record = json!({"name": name, "fields": fields, "type": "record"});
                self.named[at].1 = record.clone();
                record
            }
        }
    }

    fn keep(&mut self, schema: Json) -> Json {
        self.named.push((schema["name"].as_str().unwrap().to_owned(), schema.clone()));
        schema
    }

    fn number(&mut self) -> i64 {
        let high = i64::from(self.below(255));
        (high << (self.below(8) * 7)) - i64::from(self.below(255))
    }

    /// A value; `None` where a record would have no end.
    fn value(&mut self, schema: &Json, depth: usize) -> Option<Value> {
        let depth = depth.checked_sub(1)?;
        if let Json::Array(branches) = schema {
            let at = if depth < 4 { 0 } else { usize::from(self.below(255)) % branches.len() };
            return Some(Value::Union(u32::try_from(at).unwrap(), Box::new(self.value(&branches[at], depth)?)));
        }
        let kind = schema.as_str().or(schema["type"].as_str()).unwrap();
        Some(match kind {
            "null" => Value::Null,
            "boolean" => Value::Boolean(self.below(2) == 1),
            "int" => Value::Int(i32::try_from(self.number().clamp(i32::MIN.into(), i32::MAX.into())).unwrap()),
            "long" => Value::Long(self.number()),
            "float" => Value::Float(f32::from(self.below(255))),
            "double" => Value::Double(f64::from(self.below(255)) / 3.0),
            "bytes" => Value::Bytes(vec![255; usize::from(self.below(4))]),
            "string" => Value::String("é".repeat(usize::from(self.below(4)))),
            "array" => Value::Array((0..self.below(4)).map(|_| self.value(&schema["items"], depth)).collect::<Option<_>>()?),
            "map" => Value::Map(
                (0..self.below(4))
                    .map(|at| Some((at.to_string(), self.value(&schema["values"], depth)?)))
                    .collect::<Option<HashMap<_, _>>>()?,
            ),
            "enum" => {
                let symbols = schema["symbols"].as_array().unwrap();
                let at = usize::from(self.below(255)) % symbols.len();
                Value::Enum(u32::try_from(at).unwrap(), symbols[at].as_str().unwrap().to_owned())
            }
            "fixed" => {
                let size = usize::try_from(schema["size"].as_u64().unwrap()).unwrap();
                Value::Fixed(size, vec![7; size])
            }
            "record" => {
                let mut fields = Vec::new();
                for field in schema["fields"].as_array().unwrap() {
                    fields.push((field["name"].as_str().unwrap().to_owned(), self.value(&field["type"], depth)?));
                }
                Value::Record(fields)
            }
            name => {
                let (_, named) = self.named.iter().find(|(known, _)| known == name).unwrap().clone();
                self.value(&named, depth)?
            }
        })
    }
}

/// What a whole text of bytes is to the other reader.
fn reads(schema: &apache_avro::Schema, bytes: &[u8]) -> bool {
    let mut rest = bytes;
    from_avro_datum(schema, &mut rest, None).is_ok() && rest.is_empty()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(3000) })]

    #[test]
    fn apache_avro_reads_what_is_admitted_and_what_it_writes_is_admitted(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
    ) {
        let mut draw = Draw { bytes, named: Vec::new() };
        let schema = draw.schema(4);
        let theirs = apache_avro::Schema::parse(&schema).unwrap();
        let ours = compile(&schema.to_string()).unwrap();
        prop_assert_eq!(ours.fingerprint().to_le_bytes().to_vec(), theirs.fingerprint::<Rabin>().bytes);
        let Some(value) = draw.value(&schema, 30) else { return Ok(()) };
        let mut written = to_avro_datum(&theirs, value).unwrap();
        prop_assert_eq!(ours.check_binary(&written, 100), Ok(()), "{}", schema);
        for (at, flip) in flips {
            if !written.is_empty() {
                let at = at.index(written.len());
                written[at] ^= flip;
            }
            if ours.check_binary(&written, 100).is_ok() {
                prop_assert!(reads(&theirs, &written), "{} {:?}", schema, written);
            }
        }
    }
}
