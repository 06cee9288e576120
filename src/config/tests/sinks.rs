//! What the log cluster speaks.

use super::*;
use crate::policy::{Compression, Sink};

fn audit(more: Value) -> Value {
    let mut audit = json!({"cluster": "logs"});
    audit.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    with("/audit", audit)
}

#[test]
fn every_sink_has_its_path() {
    for (sink, expected, path) in [
        ("otlp", Sink::Otlp, "/v1/logs"),
        ("otlp-grpc", Sink::OtlpGrpc, "/opentelemetry.proto.collector.logs.v1.LogsService/Export"),
        ("loki", Sink::Loki, "/loki/api/v1/push"),
        ("ndjson", Sink::Ndjson, "/"),
        ("cloudevents", Sink::CloudEvents, "/"),
    ] {
        let found = compiled(audit(json!({"sink": sink}))).audit;
        assert_eq!((found.sink, found.path.as_str(), found.compression), (expected, path, Compression::None));
        assert_eq!(compiled(audit(json!({"sink": sink, "path": "/other"}))).audit.path, "/other");
    }
}

#[test]
fn elasticsearch_has_an_index_or_a_path_and_answers_shortly() {
    let path = |more| compiled(audit(more)).audit.path.clone();
    let short = "filter_path=errors,items.*.status";
    assert_eq!(path(json!({"sink": "elasticsearch", "index": "audit-events"})), format!("/audit-events/_bulk?{short}"));
    assert_eq!(path(json!({"sink": "elasticsearch", "path": "/es/x/_bulk"})), format!("/es/x/_bulk?{short}"));
    assert_eq!(path(json!({"sink": "elasticsearch", "path": "/x/_bulk?pipeline=p"})), format!("/x/_bulk?pipeline=p&{short}"));
    for more in [
        json!({"sink": "elasticsearch"}),
        json!({"sink": "elasticsearch", "index": "x", "path": "/x"}),
        json!({"index": "x"}),
        json!({"sink": "loki", "path": "/x", "index": "x"}),
    ] {
        let error = "audit.index: `sink: elasticsearch` has it, or else a `path`, and no other sink does";
        assert_eq!(errors(audit(more)), [error]);
    }
    for index in ["Audit", "a/b", "_all", "-x", "", "a,b", "a*", "ä"] {
        let found = errors(audit(json!({"sink": "elasticsearch", "index": index})));
        assert!(found[0].starts_with("audit.index: an index has lower-case letters"), "{index}: {found:?}");
    }
}

#[test]
fn headers_go_with_every_batch_and_their_values_are_not_shown() {
    let headers = json!({"X-Scope-OrgID": "shop", "Authorization": {"env": "LOGS"}});
    let found = compiled(audit(json!({"headers": headers, "compression": "gzip"}))).audit;
    let pairs: Vec<_> = found.headers.iter().map(|header| (header.name.as_str(), header.value.as_str())).collect();
    assert_eq!(pairs, [("authorization", "Bearer of-logs"), ("x-scope-orgid", "shop")]);
    assert_eq!(found.compression, Compression::Gzip);
    assert!(!format!("{found:?}").contains("of-logs"));
}

#[test]
fn what_cannot_be_a_header_is_told_without_its_value() {
    let unfit = "the value is not visible ASCII with blanks between it";
    for (headers, error) in [
        (json!({}), "audit.headers: is empty".to_owned()),
        (json!({"a b": "x"}), "audit.headers[\"a b\"]: `a b` is not the name of a header".to_owned()),
        (json!({":path": "x"}), "audit.headers[\":path\"]: `:path` is not the name of a header".to_owned()),
        (
            json!({"Content-Type": "x"}),
            "audit.headers.Content-Type: this header is there already, or is not to be chosen".to_owned(),
        ),
        (json!({"a": "x", "A": "y"}), "audit.headers.a: this header is there already, or is not to be chosen".to_owned()),
        (json!({"a": ""}), format!("audit.headers.a: {unfit}")),
        (json!({"a": "x\r\nb: y"}), format!("audit.headers.a: {unfit}")),
        (json!({"a": {"env": "TWO_LINES"}}), format!("audit.headers.a: {unfit}")),
        (json!({"a": {"env": "NONE"}}), "audit.headers.a.env: the environment variable `NONE` is not set".to_owned()),
        (json!({"a": 1}), "audit.headers.a: found a number, expected a text, or a map with `env` alone".to_owned()),
        (
            json!({"a": {"env": "LOGS", "b": 1}}),
            "audit.headers.a: found a map, expected a text, or a map with `env` alone".to_owned(),
        ),
    ] {
        assert_eq!(errors(audit(json!({"headers": headers}))), [error]);
    }
    assert_eq!(errors(audit(json!({"compression": "zstd"}))), ["audit.compression: `zstd` is not one of `none` or `gzip`"]);
}
