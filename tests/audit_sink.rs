//! `eventguard audit sink` as a sender sees it: over a socket, byte for byte.
#![cfg(feature = "cli")]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::{env, fs, process};

use eventguard::audit::{Answer, Queue, Settings, WhenFull, otlp};
use eventguard::time::Timestamp;
use flate2::Compression;
use flate2::write::GzEncoder;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use prost::Message;
use serde_json::{Value, json};

struct Sink {
    child: Child,
    address: String,
    output: std::path::PathBuf,
}

impl Sink {
    fn start(name: &str, format: &str) -> Self {
        let output = env::temp_dir().join(format!("eventguard-{}-{name}", process::id()));
        let mut child = Command::new(env!("CARGO_BIN_EXE_eventguard"))
            .args(["audit", "sink", "--listen", "127.0.0.1:0", "--format", format, "--output"])
            .arg(&output)
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

fn request(event_name: &str, attributes: &[(&str, &str)]) -> Vec<u8> {
    let attributes =
        attributes.iter().map(|(key, value)| KeyValue { key: (*key).to_owned(), value: text(value), ..KeyValue::default() });
    let record = LogRecord {
        time_unix_nano: 1_795_420_800_000_000_000,
        body: text("a body"),
        event_name: event_name.to_owned(),
        attributes: attributes.collect(),
        ..LogRecord::default()
    };
    let scope_logs = vec![ScopeLogs { log_records: vec![record], ..ScopeLogs::default() }];
    let resource_logs = vec![ResourceLogs { scope_logs, ..ResourceLogs::default() }];
    ExportLogsServiceRequest { resource_logs }.encode_to_vec()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

const GZIP: &str = "POST /v1/logs HTTP/1.1\r\ncontent-type: application/x-protobuf\r\ncontent-encoding: gzip";

#[test]
fn a_record_is_written_with_the_keys_of_its_json_form() {
    let sink = Sink::start("keys", "ndjson");
    let attributes = [("eventguard.verdict", "refuse"), ("cloudevents.event_type", "a"), ("else.where", "b\u{1b}[2J\u{202e}")];
    let (status, body) = sink.post(&request(otlp::VERDICT_EVENT, &attributes));
    let now = Timestamp::from_unix_seconds(0).unwrap();
    assert_eq!((status, Answer::read(status, None, &body, now)), (200, Answer::Accepted));
    let written = sink.written();
    assert!(written.ends_with('\n') && !written.trim_end().contains(['\n', '\u{1b}', '\u{202e}']));
    let read: Value = serde_json::from_str(&written).unwrap();
    let expected =
        json!({"time": "2026-11-23T08:00:00.000Z", "verdict": "refuse", "type": "a", "else.where": r"b\u{1b}[2J\u{202e}"});
    assert_eq!(read, expected);
    assert_eq!(sink.end(), Some(0));
}

#[test]
fn a_gap_in_the_stream_is_seen() {
    let sink = Sink::start("gap", "ndjson");
    let now = Timestamp::parse("2026-11-23T08:00:00Z").unwrap();
    let settings = Settings {
        batch_records: 1,
        interval: std::time::Duration::ZERO,
        queue_records: 0,
        queue_bytes: 0,
        when_full: WhenFull::DropNewest,
    };
    let mut queue = Queue::new(settings);
    let outcome = refused();
    let circumstances =
        eventguard::audit::Circumstances { authority: "bus", request_id: None, traceparent: None, policy: "", now };
    for record in eventguard::audit::Record::of_call(&outcome, &circumstances) {
        queue.push(&record, now);
    }
    let batch = queue.poll(now).unwrap();
    assert_eq!(sink.post(&batch.body).0, 200);
    let read: Value = serde_json::from_str(&sink.written()).unwrap();
    assert_eq!(
        (&read["event"], &read["dropped"], &read["droppedQueueFull"]),
        (&json!("eventguard.dropped"), &json!(1), &json!(1))
    );
    assert_eq!(read["body"], "dropped 1 records");
    assert_eq!(sink.end(), Some(0));
}

fn refused() -> eventguard::decision::Outcome {
    eventguard::decision::Outcome {
        verdict: eventguard::decision::Verdict::Refuse,
        refusal: Some(eventguard::decision::Refusal::UnmatchedRoute),
        mode: eventguard::rules::Mode::Enforce,
        route: None,
        path_template: None,
        protocol: None,
        publisher: None,
        peer: None,
        events: Vec::new(),
        rest: None,
        shadow: None,
        shadow_grants: Vec::new(),
    }
}

#[test]
fn what_is_no_request_for_records_is_refused_with_its_reason() {
    let sink = Sink::start("refused", "ndjson");
    let good = request("e", &[]);
    let bomb = gzip(&vec![0; (16 << 20) + 1]);
    for (head, body, expected) in [
        ("GET /v1/logs HTTP/1.1", b"".as_slice(), 405),
        ("POST /v1/traces HTTP/1.1\r\ncontent-type: application/x-protobuf", &good, 404),
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
    let attributes =
        [("eventguard.verdict", "admit"), ("user.id", "cart-service"), ("cloudevents.event_type", "com.shop.cart\nx")];
    assert_eq!(sink.post(&request(otlp::VERDICT_EVENT, &attributes)).0, 200);
    let written = sink.written();
    let lines: Vec<_> = written.lines().collect();
    assert!(lines[0].starts_with("time ") && lines[0].ends_with(" type"));
    assert!(lines[1].contains("  admit    -  ") && lines[1].ends_with(r"com.shop.cart\u{a}x"), "{written}");
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
    let attributes = [
        ("eventguard.verdict", "refuse"),
        ("eventguard.code", "rule.topic"),
        ("cloudevents.event_type", "</script><script>alert(1)\u{1b}"),
    ];
    assert_eq!(sink.post(&request(otlp::VERDICT_EVENT, &attributes)).0, 200);
    let record: Value = serde_json::from_str(&next()).unwrap();
    assert_eq!((&record["verdict"], &record["code"]), (&json!("refuse"), &json!("rule.topic")));
    // Cleaned when it came, and again: whoever sends may have written what cleaning makes of a character.
    assert_eq!(record["type"], r"</script><script>alert(1)\u{5c}u{1b}");
    assert_eq!(sink.end(), Some(0));
}

#[test]
fn the_live_view_counts_and_names_the_last_refusals() {
    let (mut sink, _) = start_with_page(&["--live"]);
    let mut output = BufReader::new(sink.child.stdout.take().unwrap()).lines();
    let attributes =
        [("eventguard.verdict", "refuse"), ("eventguard.code", "rule.topic"), ("cloudevents.event_type", "com.shop.x")];
    assert_eq!(sink.post(&request(otlp::VERDICT_EVENT, &attributes)).0, 200);
    let mut is_told = |words: &str| {
        output.by_ref().map(Result::unwrap).any(|line| line.split_whitespace().collect::<Vec<_>>().join(" ").contains(words))
    };
    assert!(is_told("rule.topic 1"));
    assert!(is_told("refuse rule.topic - - com.shop.x"));
    assert_eq!(sink.end(), Some(0));
}
