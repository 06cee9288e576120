//! `eventguard audit sink` as a sender sees it: over a socket, byte for byte; and what `audit verify` says of what it wrote.
#![cfg(feature = "cli")]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "a test")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use std::{env, fs, process};

use eventguard::audit::form::{Form, Response};
use eventguard::audit::{Circumstances, Integrity, Queue, Record, Settings, WhenFull};
use eventguard::decision::Refusal;
use eventguard::inspect;
use eventguard::rules::Mode;
use eventguard::time::Timestamp;
use flate2::Compression;
use flate2::write::GzEncoder;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use prost::Message;
use serde_json::{Value, json};

struct Sink {
    child: Child,
    address: String,
    output: std::path::PathBuf,
}

impl Sink {
    fn start(name: &str, format: &str) -> Self {
        Self::start_with(name, format, &[])
    }

    fn start_with(name: &str, format: &str, more: &[&str]) -> Self {
        let output = env::temp_dir().join(format!("eventguard-{}-{name}", process::id()));
        let mut child = Command::new(env!("CARGO_BIN_EXE_eventguard"))
            .args(["audit", "sink", "--listen", "127.0.0.1:0", "--format", format, "--output"])
            .arg(&output)
            .args(more)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stderr.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on ").unwrap().to_owned();
        Self { child, address, output }
    }

    fn send(&self, head: &str, body: &[u8]) -> (u16, Vec<u8>) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let length = body.len();
        write!(stream, "{head}\r\nhost: sink\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n").unwrap();
        // Where the body is refused before it is read, the connection may end under our hands.
        let _ = stream.write_all(body);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        let end = answer.windows(4).position(|window| window == b"\r\n\r\n").expect("an answer");
        let status = String::from_utf8_lossy(&answer[9..12]).parse().unwrap();
        (status, answer.split_off(end + 4))
    }

    fn post(&self, body: &[u8]) -> (u16, Vec<u8>) {
        self.send("POST /v1/logs HTTP/1.1\r\ncontent-type: application/x-protobuf", body)
    }

    fn written(&self) -> String {
        fs::read_to_string(&self.output).unwrap()
    }

    /// Asks it to end (SIGTERM); its exit code.
    fn end(mut self) -> Option<i32> {
        assert!(Command::new("kill").arg(self.child.id().to_string()).status().unwrap().success());
        self.child.wait().unwrap().code()
    }
}

impl Drop for Sink {
    /// Nothing stays behind, also where a test fails.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_file(&self.output);
    }
}

fn text(text: &str) -> Option<AnyValue> {
    Some(AnyValue { value: Some(any_value::Value::StringValue(text.to_owned())) })
}

fn request(event_name: &str, body: &str, attributes: &[(&str, &str)]) -> Vec<u8> {
    let attributes =
        attributes.iter().map(|(key, value)| KeyValue { key: (*key).to_owned(), value: text(value), ..KeyValue::default() });
    let record = LogRecord {
        time_unix_nano: 1_795_420_800_000_000_000,
        body: text(body),
        event_name: event_name.to_owned(),
        attributes: attributes.collect(),
        ..LogRecord::default()
    };
    let scope_logs = vec![ScopeLogs { log_records: vec![record], ..ScopeLogs::default() }];
    let resource_logs = vec![ResourceLogs { scope_logs, ..ResourceLogs::default() }];
    ExportLogsServiceRequest { resource_logs }.encode_to_vec()
}

/// A record of a refused event of that type, as whoever sends may have written it.
fn refused(event_type: &str) -> Vec<u8> {
    let record = json!({"class_uid": 6003, "resources": [{"name": event_type}], "status_code": "rule.topic",
                        "time": 1_795_420_800_000_u64, "unmapped": {"verdict": "refuse"}});
    request("eventguard.verdict", &record.to_string(), &[])
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A span of an event that was refused, as whoever sends may have written it.
fn span(name: &str) -> Vec<u8> {
    let attributes = vec![KeyValue { key: "error.type".to_owned(), value: text("rule.topic"), ..KeyValue::default() }];
    let span = Span {
        trace_id: vec![0xab; 16],
        span_id: vec![1; 8],
        name: name.to_owned(),
        kind: 4,
        start_time_unix_nano: 1_795_420_800_000_000_000,
        end_time_unix_nano: 1_795_420_800_000_150_000,
        attributes,
        status: Some(Status { code: 2, ..Status::default() }),
        ..Span::default()
    };
    let scope_spans = vec![ScopeSpans { spans: vec![span], ..ScopeSpans::default() }];
    let resource_spans = vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }];
    ExportTraceServiceRequest { resource_spans }.encode_to_vec()
}

const TRACES: &str = "POST /v1/traces HTTP/1.1\r\ncontent-type: application/x-protobuf";

#[test]
fn spans_are_written_into_a_file_of_their_own() {
    let file = env::temp_dir().join(format!("eventguard-{}-spans.ndjson", process::id()));
    let sink = Sink::start_with("spans", "ndjson", &["--spans", file.to_str().unwrap()]);
    assert_eq!(sink.send(TRACES, &span("publish \u{1b}[31m")), (200, Vec::new()));
    assert_eq!(sink.send(TRACES, b"\xff").0, 400);
    let line: Value = serde_json::from_str(fs::read_to_string(&file).unwrap().trim_end()).unwrap();
    fs::remove_file(&file).unwrap();
    let expected = json!({
        "time": "2026-11-23T08:00:00.000Z", "durationMicros": 150, "name": "publish \\u{1b}[31m", "kind": "producer", "status": "error",
        "traceId": "ab".repeat(16), "spanId": "01".repeat(8), "parentSpanId": "", "attributes": {"error.type": "rule.topic"},
    });
    assert_eq!(line, expected);
    assert_eq!(sink.written(), "", "records are others");
    assert_eq!(sink.end(), Some(0));
}

#[test]
fn spans_that_nobody_asked_for_are_taken_and_counted() {
    let sink = Sink::start("uncounted", "ndjson");
    assert_eq!(sink.send(TRACES, &span("a")).0, 200);
    assert_eq!(sink.written(), "");
    assert_eq!(sink.end(), Some(0));
}

const GZIP: &str = "POST /v1/logs HTTP/1.1\r\ncontent-type: application/x-protobuf\r\ncontent-encoding: gzip";

#[test]
fn a_record_is_written_as_it_was_sent() {
    let sink = Sink::start("keys", "ndjson");
    let now = Timestamp::parse("2026-11-23T08:00:00Z").unwrap();
    let mut queue = queue();
    push_refused(&mut queue, now);
    let batch = queue.drain(now).unwrap();
    let (status, body) = sink.post(&batch.body);
    queue.answered(batch.id, &Response { status, header: &|_| None, body: &body }, now, 0);
    assert_eq!((status, queue.counters().sent), (200, 1));
    let request = ExportLogsServiceRequest::decode(batch.body.as_slice()).unwrap();
    let records = &request.resource_logs[0].scope_logs[0].log_records;
    let sent: String = records.iter().map(|record| string(record.body.as_ref()) + "\n").collect();
    assert_eq!(sink.written(), sent);
    assert_eq!(records.len(), 3);
    assert_eq!(sink.end(), Some(0));
}

#[test]
fn a_record_of_somebody_else_is_cleaned_and_keeps_its_name() {
    let sink = Sink::start("others", "ndjson");
    let attributes = [("else.where", "b\u{1b}[2J\u{202e}")];
    for (event_name, body) in
        [("other", "a body"), ("eventguard.verdict", "{\"a\":\"\u{1b}\"}"), ("eventguard.verdict", "{}\n{}")]
    {
        assert_eq!(sink.post(&request(event_name, body, &attributes)).0, 200);
    }
    let written = sink.written();
    let lines: Vec<Value> = written.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 3);
    assert!(!written.contains(['\u{1b}', '\u{202e}']));
    let (time, other) = ("2026-11-23T08:00:00.000Z", r"b\u{1b}[2J\u{202e}");
    assert_eq!(lines[0], json!({"time": time, "event": "other", "body": "a body", "else.where": other}));
    assert_eq!(sink.end(), Some(0));
}

#[test]
fn a_record_that_an_access_logger_sends_is_a_record_and_an_array_of_them_is_one_each() {
    let sink = Sink::start("logger", "ndjson");
    let named = [("event.name", "eventguard.verdict")];
    for (body, attributes) in [
        ("{\"b\":1,\"a\":2}", named.as_slice()),
        ("[{\"a\":3},{\"a\":4}]", &named),
        ("[{\"a\":5},6]", &named),
        ("[{\"a\":\"\\u202e\"}]", &named),
        ("-", &named),
        ("[]", &named),
        ("[{\"a\":7}]", &[]),
    ] {
        assert_eq!(sink.post(&request("", body, attributes)).0, 200);
    }
    let written = sink.written();
    let lines: Vec<&str> = written.lines().collect();
    assert_eq!(lines[..3], ["{\"b\":1,\"a\":2}", "{\"a\":3}", "{\"a\":4}"]);
    let bodies: Vec<Value> = lines[3..].iter().map(|line| serde_json::from_str::<Value>(line).unwrap()["body"].take()).collect();
    assert_eq!(bodies, ["[{\"a\":5},6]", "[{\"a\":\"\\u202e\"}]", "-", "[]", "[{\"a\":7}]"]);
    assert_eq!(sink.end(), Some(0));
}

#[test]
fn what_was_sent_and_written_is_found_to_be_whole() {
    let sink = Sink::start("whole", "ndjson");
    let now = Timestamp::parse("2026-11-23T08:00:00Z").unwrap();
    let mut queue = queue();
    push_refused(&mut queue, now);
    push_refused(&mut queue, now);
    let batch = queue.drain(now).unwrap();
    assert_eq!(sink.post(&batch.body).0, 200);
    let (code, printed) = verify(&[&sink.output], &["--ended"]);
    assert_eq!(code, Some(0), "{printed}");
    assert!(printed.contains("4 records up to 4, ended; tells of 0 lost and 0 dropped"), "{printed}");
    let written = sink.written();
    let changed = sink.output.with_extension("changed");
    fs::write(&changed, written.replacen("\"status_id\":2", "\"status_id\":1", 1)).unwrap();
    let (code, printed) = verify(&[&changed], &[]);
    assert_eq!(code, Some(1));
    assert!(printed.contains(":2: changed: record 2 of chain 0707"), "{printed}");
    fs::write(&changed, written.lines().take(3).map(|line| line.to_owned() + "\n").collect::<String>()).unwrap();
    assert_eq!(verify(&[&changed], &[]).0, Some(0), "an open end may be one that is not written yet");
    assert_eq!(verify(&[&changed], &["--ended"]).0, Some(1));
    let (code, printed) = verify(&[&changed, &sink.output], &["--json"]);
    let report: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!((code, &report["wrong"], &report["lines"]), (Some(1), &json!(3), &json!(7)));
    assert_eq!(
        report["findings"][0],
        json!({"wrong": "doubled", "file": sink.output, "line": 1, "chain": "07".repeat(12), "first": 1, "last": 1})
    );
    fs::remove_file(&changed).unwrap();
    assert_eq!(verify(&[&changed], &[]).0, Some(2));
    assert_eq!(sink.end(), Some(0));
}

fn verify(files: &[&std::path::Path], options: &[&str]) -> (Option<i32>, String) {
    let output =
        Command::new(env!("CARGO_BIN_EXE_eventguard")).args(["audit", "verify"]).args(options).args(files).output().unwrap();
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

fn queue() -> Queue {
    let settings = Settings {
        form: Form::Otlp,
        batch_records: 10,
        interval: std::time::Duration::ZERO,
        queue_records: 10,
        queue_bytes: 1 << 20,
        when_full: WhenFull::DropNewest,
        ends: eventguard::audit::Ends::Recorded,
        patience: Duration::from_secs(10),
        longest_backoff: Duration::from_secs(30),
        integrity: Integrity::Chain,
        checkpoint: None,
    };
    Queue::new(settings, "ab12", [7; 16])
}

fn push_refused(queue: &mut Queue, now: Timestamp) {
    let outcome = inspect::refuse(Mode::Enforce, None, Refusal::UnmatchedRoute);
    let circumstances =
        Circumstances { authority: "bus", request_id: None, traceparent: None, policy: "ab12", now, untrue: None };
    for record in Record::of_call(&outcome, &circumstances) {
        let written = queue.write(&record);
        queue.push(&record, written, now);
    }
}

fn string(value: Option<&AnyValue>) -> String {
    let Some(any_value::Value::StringValue(text)) = value.and_then(|value| value.value.clone()) else { panic!("{value:?}") };
    text
}

#[test]
fn what_is_no_request_for_records_is_refused_with_its_reason() {
    let sink = Sink::start("refused", "ndjson");
    let good = request("e", "", &[]);
    let bomb = gzip(&vec![0; (16 << 20) + 1]);
    for (head, body, expected) in [
        ("GET /v1/logs HTTP/1.1", b"".as_slice(), 405),
        ("POST /v1/metrics HTTP/1.1\r\ncontent-type: application/x-protobuf", &good, 404),
        ("POST /v1/logs HTTP/1.1", &good, 415),
        ("POST /v1/logs HTTP/1.1\r\ncontent-type: application/json", b"{}", 415),
        ("POST /v1/logs HTTP/1.1\r\ncontent-type: application/x-protobuf\r\ncontent-encoding: br", &good, 415),
        ("POST /v1/logs HTTP/1.1\r\ncontent-type: application/x-protobuf", b"\x0a\xff", 400),
        (GZIP, &good, 400),
        (GZIP, &bomb, 413),
        ("POST /v1/logs HTTP/1.1\r\ncontent-type: Application/X-Protobuf; charset=x", &good, 200),
        (GZIP, &gzip(&good), 200),
    ] {
        assert_eq!(sink.send(head, body).0, expected, "{head}");
    }
    assert_eq!(sink.written().lines().count(), 2);
    assert_eq!(sink.end(), Some(0));
}

#[test]
fn a_table_has_a_line_for_each_record() {
    let sink = Sink::start("table", "table");
    let now = Timestamp::parse("2026-11-23T08:00:00Z").unwrap();
    let mut queue = queue();
    push_refused(&mut queue, now);
    assert_eq!(sink.post(&queue.drain(now).unwrap().body).0, 200);
    assert_eq!(sink.post(&request("other", "a body", &[])).0, 200);
    let written = sink.written();
    let lines: Vec<_> = written.lines().collect();
    assert!(lines[0].starts_with("time ") && lines[0].ends_with(" type"));
    assert_eq!(lines[1], "2026-11-23T08:00:00.000Z  the log: start");
    assert_eq!(
        lines[2].split_whitespace().collect::<Vec<_>>(),
        ["2026-11-23T08:00:00.000Z", "refuse", "route.unmatched", "-", "-", "-"]
    );
    assert_eq!(lines[4], "2026-11-23T08:00:00.000Z  other: a body");
    assert_eq!(sink.end(), Some(0));
}

/// A sink with a page: what it prints on stderr says where both are.
fn start_with_page(arguments: &[&str]) -> (Sink, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_eventguard"))
        .args(["audit", "sink", "--listen", "127.0.0.1:0", "--web", "127.0.0.1:0"])
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut said = |start: &str| lines.next().unwrap().unwrap().strip_prefix(start).unwrap().to_owned();
    let (address, page) = (said("listening on "), said("showing them on http://"));
    (Sink { child, address, output: std::path::PathBuf::new() }, page)
}

fn get(address: &str, target: &str) -> BufReader<TcpStream> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(std::time::Duration::from_secs(20))).unwrap();
    write!(stream, "GET {target} HTTP/1.1\r\nhost: {address}\r\n\r\n").unwrap();
    BufReader::new(stream)
}

#[test]
fn a_page_shows_each_record_as_it_comes_and_can_run_nothing_else() {
    let (sink, page) = start_with_page(&["--live"]);
    let mut head = String::new();
    let mut reader = get(&page, "/");
    while !head.ends_with("\r\n\r\n") {
        reader.read_line(&mut head).unwrap();
    }
    assert!(
        head.starts_with("HTTP/1.1 200 ") && head.contains("content-security-policy: default-src 'none'; script-src 'sha256-"),
        "{head}"
    );

    let mut events = get(&page, "/events").lines();
    let mut next =
        || events.by_ref().map(Result::unwrap).find_map(|line| line.strip_prefix("data: ").map(str::to_owned)).unwrap();
    assert!(next().contains("\"recent\":[]"));
    assert_eq!(sink.post(&refused("</script><script>alert(1)\u{1b}")).0, 200);
    let record: Value = serde_json::from_str(&next()).unwrap();
    assert_eq!((&record["verdict"], &record["code"]), (&json!("refuse"), &json!("rule.topic")));
    assert_eq!(record["type"], r"</script><script>alert(1)\u{1b}");
    let now = Timestamp::parse("2026-11-23T08:00:00Z").unwrap();
    let mut queue = queue();
    push_refused(&mut queue, now);
    assert_eq!(sink.post(&queue.drain(now).unwrap().body).0, 200);
    let told = std::iter::from_fn(|| Some(next())).find(|data| data.contains("\"chains\":[{")).unwrap();
    let told: Value = serde_json::from_str(&told).unwrap();
    let chain = (&told["chains"][0]["chain"], &told["chains"][0]["last"], &told["chains"][0]["state"]);
    assert_eq!(chain, (&json!("07".repeat(12)), &json!(3), &json!("ended")));
    assert_eq!(told["besides"], "1 records are of no chain");
    assert_eq!(sink.end(), Some(0));
}

#[test]
fn the_live_view_counts_and_names_the_last_refusals() {
    let (mut sink, _) = start_with_page(&["--live"]);
    let mut output = BufReader::new(sink.child.stdout.take().unwrap()).lines();
    assert_eq!(sink.post(&refused("com.shop.x")).0, 200);
    let mut is_told = |words: &str| {
        output.by_ref().map(Result::unwrap).any(|line| line.split_whitespace().collect::<Vec<_>>().join(" ").contains(words))
    };
    assert!(is_told("rule.topic 1"));
    assert!(is_told("refuse rule.topic - - com.shop.x"));
    let now = Timestamp::parse("2026-11-23T08:00:00Z").unwrap();
    let mut queue = queue();
    push_refused(&mut queue, now);
    assert_eq!(sink.post(&queue.drain(now).unwrap().body).0, 200);
    let chain = "07".repeat(12);
    assert!(is_told(&format!("{chain} 1 to 3, 0 checkpoints, signed up to 0, 0 lost and 0 dropped: ended")));
    assert_eq!(sink.end(), Some(0));
}
