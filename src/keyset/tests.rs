//! Key servers and workers with a simulated clock, and documents as servers might answer with.

mod documents;

use std::cell::RefCell;
use std::collections::HashMap;

use serde_json::{Value as Json, json};

use super::*;

const START: i64 = 1_795_420_800;

/// What the workers of one proxy share.
#[derive(Default)]
struct Memory(RefCell<HashMap<String, Vec<u8>>>);

impl Board for Memory {
    fn change(&self, name: &str, change: &mut dyn FnMut(&[u8]) -> Option<Vec<u8>>) -> Result<(), NoBoard> {
        let old = self.0.borrow().get(name).cloned().unwrap_or_default();
        if let Some(new) = change(&old) {
            self.0.borrow_mut().insert(name.to_owned(), new);
        }
        Ok(())
    }
}

/// A board that does nothing.
struct Broken;

impl Board for Broken {
    fn change(&self, _: &str, _: &mut dyn FnMut(&[u8]) -> Option<Vec<u8>>) -> Result<(), NoBoard> {
        Err(NoBoard)
    }
}

const SET: SetId = SetId(0);

fn settings() -> Settings {
    Settings {
        name: "shop".to_owned(),
        kind: Kind::Keys,
        cluster: "idp".to_owned(),
        location: Location::parse("https://idp.example/certs").unwrap(),
        discovery: None,
        timeout: Duration::from_secs(5),
        refresh: Duration::from_secs(600),
        max_stale: Duration::from_secs(3600),
    }
}

fn key(id: &str) -> Json {
    json!({"kty": "OKP", "crv": "Ed25519", "x": "MhChMiWqdJwoQeZtcrVrFetOMF9QE8fT-poPmItrVfY", "kid": id})
}

fn set(ids: &[&str]) -> String {
    json!({"keys": ids.iter().map(|id| key(id)).collect::<Vec<_>>()}).to_string()
}

/// Workers of one proxy, their clock, and a key server.
struct Proxy {
    now: Timestamp,
    board: Box<dyn Board>,
    workers: Vec<Store>,
    server: Result<String, Failure>,
    cache_control: Option<&'static str>,
    /// How often the server was asked.
    asked: usize,
}

impl Proxy {
    fn of(workers: usize, settings: &Settings) -> Self {
        let new = |number: usize| Store::new(std::slice::from_ref(settings), u64::try_from(number).unwrap() * 2);
        Self {
            now: Timestamp::from_unix_seconds(START).unwrap(),
            board: Box::<Memory>::default(),
            workers: (0..workers).map(new).collect(),
            server: Ok(set(&["a"])),
            cache_control: None,
            asked: 0,
        }
    }

    fn update(&mut self, worker: usize, event: &Event<'_>) -> Vec<Command> {
        let random = u64::try_from(self.asked * 389 + 17).unwrap();
        self.workers[worker].update(event, Circumstances { now: self.now, random, board: &*self.board })
    }

    /// A tick of every worker, what it asks for answered at once; the commands of all.
    fn tick(&mut self) -> Vec<Command> {
        self.now = self.now.after(Duration::from_millis(250));
        let mut all = Vec::new();
        for worker in 0..self.workers.len() {
            let mut commands = self.update(worker, &Event::Tick);
            while let Some(at) = commands.iter().position(|command| matches!(command, Command::Fetch(_))) {
                commands.remove(at);
                self.asked += 1;
                let server = self.server.clone();
                let cache_control = self.cache_control;
                let answer =
                    server.as_ref().map(|body| Answer { body: body.as_bytes(), cache_control }).map_err(|failure| *failure);
                commands.extend(self.update(worker, &Event::Answer(SET, answer)));
            }
            all.extend(commands);
        }
        all
    }

    fn pass(&mut self, seconds: u64) {
        for _ in 0..seconds * 4 {
            self.tick();
        }
    }

    /// The ids of the keys that each worker uses; `None` where one has no set.
    fn used(&self) -> Vec<Option<Vec<&str>>> {
        fn ids(content: &Content) -> Vec<&str> {
            content.keys().iter().map(|listed| listed.key.id().unwrap()).collect()
        }
        self.workers.iter().map(|worker| worker.content(SET).map(ids)).collect()
    }

    fn ask(&mut self, want: Want<'_>, since: Timestamp) -> Asked {
        self.workers[0].ask(want, since, self.now)
    }
}

#[test]
fn one_worker_fetches_for_all() {
    let mut proxy = Proxy::of(4, &settings());
    assert_eq!(proxy.used(), vec![None; 4]);
    proxy.tick();
    proxy.tick();
    assert_eq!((proxy.asked, proxy.used()), (1, vec![Some(vec!["a"]); 4]));
    let board: &dyn Board = &*proxy.board;
    let mut late = Store::new(&[settings()], 99);
    let commands = late.update(&Event::Tick, Circumstances { now: proxy.now, random: 0, board });
    assert_eq!(commands, [Command::Changed, Command::Ended(SET)], "a new worker, or a new policy, takes what is there");
}

#[test]
fn a_set_is_fetched_again_before_it_is_too_old_and_not_at_the_same_time_everywhere() {
    let mut intervals = Vec::new();
    for random in [0, 500, 1023] {
        let status = status::Status::fetched(&settings(), Timestamp::from_unix_seconds(START).unwrap(), None, random);
        intervals.push((status.due - status.fetched) / 1_000_000_000);
    }
    assert!(intervals.iter().all(|seconds| (450..=570).contains(seconds)), "{intervals:?}");
    assert!(intervals.windows(2).all(|pair| pair[1] < pair[0] - 30), "{intervals:?}");

    let mut proxy = Proxy::of(2, &settings());
    proxy.pass(440);
    assert_eq!(proxy.asked, 1);
    proxy.server = Ok(set(&["b"]));
    proxy.pass(160);
    assert_eq!((proxy.asked, proxy.used()), (2, vec![Some(vec!["b"]); 2]), "what is gone is trusted no more");
}

#[test]
fn a_server_may_ask_for_more_but_not_for_less() {
    for (cache_control, least, most) in [
        (None, 1, 2),
        (Some("public, max-age=120"), 5, 8),
        (Some("max-age=\"120\""), 5, 8),
        (Some("max-age=1"), 10, 16),
        (Some("max-age=86400"), 1, 2),
        (Some("no-store"), 1, 2),
        (Some("max-age=-1, max-age=x"), 1, 2),
        (Some("s-maxage=1"), 1, 2),
    ] {
        let mut proxy = Proxy::of(1, &settings());
        proxy.cache_control = cache_control;
        proxy.pass(599);
        assert!((least..=most + 1).contains(&proxy.asked), "{cache_control:?}: {}", proxy.asked);
    }
}

#[test]
fn a_failing_server_is_asked_less_and_less_often() {
    let mut proxy = Proxy::of(3, &settings());
    proxy.server = Err(Failure::NoAnswer);
    proxy.pass(60);
    assert!((6..=9).contains(&proxy.asked), "{}", proxy.asked);
    let before = proxy.asked;
    proxy.pass(600);
    assert!((10..=21).contains(&(proxy.asked - before)), "{}", proxy.asked - before);
    proxy.server = Ok(set(&["a"]));
    proxy.pass(61);
    assert_eq!(proxy.used(), vec![Some(vec!["a"]); 3]);
}

#[test]
fn an_outage_of_ten_minutes_is_not_noticed_and_a_longer_one_ends_in_no_keys() {
    let mut proxy = Proxy::of(2, &settings());
    proxy.pass(1);
    proxy.server = Err(Failure::NoAnswer);
    proxy.pass(600 + 600);
    assert_eq!(proxy.used(), vec![Some(vec!["a"]); 2]);
    proxy.pass(3600 - 600 - 2);
    assert_eq!(proxy.used(), vec![Some(vec!["a"]); 2], "until `refresh` and `maxStale` are over");
    proxy.pass(2);
    assert_eq!(proxy.used(), vec![None; 2]);
    proxy.server = Ok(set(&["b"]));
    proxy.pass(61);
    assert_eq!(proxy.used(), vec![Some(vec!["b"]); 2]);
}

#[test]
fn what_is_no_set_never_replaces_one() {
    let many: Vec<String> = (0..201).map(|number| number.to_string()).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let wrong = ["", "<html>", "{}", r#"{"keys":[]}"#, r#"{"keys":{}}"#, "[]", &set(&many), &" ".repeat(MAX_BYTES + 1)]
        .map(str::to_owned);
    for answer in wrong.map(Ok).into_iter().chain([Err(Failure::Status), Err(Failure::NoAnswer)]) {
        let mut proxy = Proxy::of(2, &settings());
        proxy.pass(1);
        proxy.server = answer.clone();
        proxy.pass(700);
        assert!(proxy.asked > 2, "{answer:?}");
        assert_eq!(proxy.used(), vec![Some(vec!["a"]); 2], "{answer:?}");
    }
}

#[test]
fn a_key_that_is_missing_is_fetched_once_and_then_believed_to_be_missing() {
    let mut proxy = Proxy::of(2, &settings());
    proxy.pass(60);
    let since = proxy.now;
    assert!(matches!(proxy.ask(Want::Key(SET, "b"), since), Asked::Wait(_)));
    let commands = proxy.tick();
    assert_eq!((proxy.asked, commands.contains(&Command::Ended(SET))), (2, true));
    assert_eq!(proxy.ask(Want::Key(SET, "b"), since), Asked::Refuse);
    proxy.pass(10);
    let later = proxy.now;
    assert_eq!(proxy.ask(Want::Key(SET, "b"), later), Asked::Refuse, "remembered");
    proxy.pass(10);
    assert_eq!(proxy.asked, 2);
    proxy.pass(41);
    let much_later = proxy.now;
    assert!(matches!(proxy.ask(Want::Key(SET, "b"), much_later), Asked::Wait(_)), "and forgotten");
}

#[test]
fn a_key_that_was_missing_is_found_once_the_set_changes() {
    let mut proxy = Proxy::of(1, &settings());
    proxy.pass(60);
    let since = proxy.now;
    proxy.ask(Want::Key(SET, "b"), since);
    proxy.tick();
    assert_eq!(proxy.ask(Want::Key(SET, "b"), since), Asked::Refuse);
    proxy.server = Ok(set(&["a", "c"]));
    proxy.pass(10);
    let other = proxy.now;
    proxy.ask(Want::Key(SET, "c"), other);
    proxy.tick();
    assert_eq!(proxy.used(), [Some(vec!["a", "c"])]);
    let later = proxy.now.after(Duration::from_millis(1));
    assert!(matches!(proxy.ask(Want::Key(SET, "b"), later), Asked::Wait(_)), "what was missing in another set may be there");
}

#[test]
fn whoever_asks_for_keys_that_do_not_exist_a_server_is_asked_no_more_than_once_in_five_seconds() {
    let mut proxy = Proxy::of(2, &settings());
    proxy.pass(60);
    let before = proxy.asked;
    for number in 0..240 {
        let (since, key) = (proxy.now, number.to_string());
        proxy.ask(Want::Key(SET, &key), since);
        proxy.tick();
    }
    assert!((11..=13).contains(&(proxy.asked - before)), "{}", proxy.asked - before);
}

#[test]
fn a_call_waits_for_a_fetch_that_began_after_it_came() {
    let mut proxy = Proxy::of(1, &settings());
    proxy.pass(60);
    let first = proxy.now;
    proxy.ask(Want::Key(SET, "b"), first);
    let fetch = proxy.update(0, &Event::Tick);
    assert!(matches!(fetch.as_slice(), [Command::Fetch(_)]));
    let second = proxy.now.after(Duration::from_millis(10));
    assert!(matches!(proxy.ask(Want::Key(SET, "c"), second), Asked::Wait(_)));
    let body = set(&["a"]);
    proxy.update(0, &Event::Answer(SET, Ok(Answer { body: body.as_bytes(), cache_control: None })));
    assert_eq!(proxy.ask(Want::Key(SET, "b"), first), Asked::Refuse);
    assert!(matches!(proxy.ask(Want::Key(SET, "c"), second), Asked::Wait(_)), "the answer may be older than the key");
    proxy.server = Ok(set(&["a", "c"]));
    proxy.pass(6);
    assert_eq!(proxy.used(), [Some(vec!["a", "c"])]);
}

#[test]
fn a_call_waits_no_longer_than_it_may_and_not_at_all_where_nothing_will_come_in_time() {
    let mut proxy = Proxy::of(1, &settings());
    let since = proxy.now;
    assert_eq!(proxy.ask(Want::Set(SET), since), Asked::Wait(since.after(Duration::from_secs(10))));
    proxy.server = Err(Failure::NoAnswer);
    proxy.pass(2);
    assert_eq!(proxy.ask(Want::Set(SET), since), Asked::Wait(since.after(Duration::from_secs(10))), "the next try comes in time");
    proxy.pass(8);
    assert_eq!(proxy.ask(Want::Set(SET), since), Asked::Refuse);
    proxy.pass(300);
    let mut refused = 0;
    for _ in 0..240 {
        let now = proxy.now;
        refused += usize::from(proxy.ask(Want::Set(SET), now) == Asked::Refuse);
        proxy.tick();
    }
    assert!(refused > 120, "most calls of an outage do not wait in vain: {refused}");
    assert_eq!(proxy.ask(Want::Set(SetId(7)), since), Asked::Refuse, "there is no such set");
}

#[test]
fn a_worker_that_dies_while_it_fetches_is_relieved() {
    let mut proxy = Proxy::of(2, &settings());
    assert!(matches!(proxy.update(0, &Event::Tick).as_slice(), [Command::Fetch(_)]));
    proxy.workers.remove(0);
    proxy.pass(9);
    assert_eq!((proxy.asked, proxy.used()), (0, vec![None]));
    proxy.pass(2);
    assert_eq!((proxy.asked, proxy.used()), (1, vec![Some(vec!["a"])]));
}

#[test]
fn an_answer_that_comes_too_late_changes_nothing() {
    let mut proxy = Proxy::of(1, &settings());
    assert!(matches!(proxy.update(0, &Event::Tick).as_slice(), [Command::Fetch(_)]));
    proxy.server = Err(Failure::NoAnswer);
    proxy.pass(11);
    let body = set(&["b"]);
    let late = proxy.update(0, &Event::Answer(SET, Ok(Answer { body: body.as_bytes(), cache_control: None })));
    assert_eq!((late, proxy.used()), (vec![], vec![None]));
    assert_eq!(proxy.update(0, &Event::Answer(SetId(7), Err(Failure::NoAnswer))), []);
}

#[test]
fn a_clock_that_is_set_keeps_no_old_keys_in_use() {
    for back in [1_u64, 300, 86_400, 86_400 * 365] {
        let mut proxy = Proxy::of(2, &settings());
        proxy.pass(30);
        proxy.now = proxy.now.before(Duration::from_secs(back));
        proxy.server = Ok(set(&["b"]));
        proxy.pass(600 + 600);
        assert_eq!(proxy.used(), vec![Some(vec!["b"]); 2], "{back} s back");
    }
    let mut proxy = Proxy::of(2, &settings());
    proxy.pass(30);
    proxy.now = proxy.now.after(Duration::from_secs(86_400));
    proxy.server = Ok(set(&["b"]));
    proxy.pass(2);
    assert_eq!(proxy.used(), vec![Some(vec!["b"]); 2], "a day forward");
    let since = proxy.now.after(Duration::from_secs(60));
    assert_eq!(proxy.workers[0].ask(Want::Set(SET), since.before(Duration::from_secs(86_400)), proxy.now), Asked::Refuse);
}

#[test]
fn without_a_board_each_worker_fetches_for_itself() {
    let mut proxy = Proxy::of(3, &settings());
    proxy.board = Box::new(Broken);
    proxy.pass(10);
    assert_eq!((proxy.asked, proxy.used()), (3, vec![Some(vec!["a"]); 3]));
    proxy.server = Err(Failure::NoAnswer);
    proxy.pass(1200);
    assert_eq!(proxy.used(), vec![Some(vec!["a"]); 3]);
}

#[test]
fn sets_that_meet_on_the_board_do_not_take_each_other_for_their_own() {
    let mut proxy = Proxy::of(1, &settings());
    proxy.tick();
    let found = (0..1000).map(|number| {
        let location = Location { path: format!("/{number}"), ..settings().location };
        Settings { location, ..settings() }
    });
    let other = found.into_iter().find(|other| other.source()[0] % 64 == settings().source()[0] % 64).unwrap();
    proxy.workers.push(Store::new(&[other], 7));
    for _ in 0..10 {
        proxy.tick();
    }
    assert_eq!(
        (proxy.asked, proxy.used()),
        (2, vec![Some(vec!["a"]); 2]),
        "each fetched once, though one has overwritten the other"
    );
    proxy.pass(600);
    assert!(proxy.asked <= 4, "and neither all the time: {}", proxy.asked);
}

#[test]
fn what_is_on_the_board_is_read_as_strictly_as_what_is_fetched() {
    let proxy = Proxy::of(1, &settings());
    let board: &dyn Board = &*proxy.board;
    let source = settings().source();
    let status = status::Status::fetched(&settings(), proxy.now, None, 0);
    for bytes in [b"".as_slice(), b"{}", b"\xff", &[source.as_slice(), b"{}"].concat()] {
        let place = source[0] % 64;
        board.change(&format!("{place}.status"), &mut |_| Some(status.write(source))).unwrap();
        board.change(&format!("{place}.set"), &mut |_| Some(bytes.to_vec())).unwrap();
        let mut store = Store::new(&[settings()], 5);
        store.update(&Event::Tick, Circumstances { now: proxy.now, random: 0, board });
        assert!(store.content(SET).is_none(), "{bytes:?}");
    }
    assert_eq!(status::Status::read(&[source.as_slice(), &[1]].concat(), source), Some(status::Status::default()));
    assert_eq!(status::Status::read(&status.write(source), source), Some(status));
    assert_eq!(status::Status::read(b"other", source), None);
}

mod discovery {
    use super::*;

    const ISSUER: &str = "https://idp.example/realms/shop";

    fn discovered() -> Settings {
        let host = |authority: &str, cluster: &str| Host { authority: authority.to_owned(), cluster: cluster.to_owned() };
        let hosts = vec![host("keys.example:8443", "keys"), host("idp.example", "idp")];
        Settings { discovery: Some(Discovery { issuer: ISSUER.to_owned(), hosts }), ..settings() }
    }

    /// What is asked for after these metadata, or what came of the fetch.
    fn after(metadata: &str) -> Result<(String, Location), Failure> {
        let mut proxy = Proxy::of(1, &discovered());
        assert!(matches!(proxy.update(0, &Event::Tick).as_slice(), [Command::Fetch(_)]));
        let answer = Answer { body: metadata.as_bytes(), cache_control: None };
        match proxy.update(0, &Event::Answer(SET, Ok(answer))).swap_remove(0) {
            Command::Fetch(fetch) => Ok((fetch.cluster, fetch.location)),
            Command::Fetched(SET, Err(failure)) => Err(failure),
            other @ (Command::Changed | Command::Ended(_) | Command::Fetched(..)) => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_keys_are_where_the_metadata_say_and_the_policy_allows() {
        let at = |uri: &str| after(&json!({"issuer": ISSUER, "jwks_uri": uri}).to_string());
        let location = |uri| Location::parse(uri).unwrap();
        let good = "https://idp.example/realms/shop/certs?x=1";
        assert_eq!(at(good), Ok(("idp".to_owned(), location(good))));
        assert_eq!(at("https://idp.example:443/c").map(|found| found.0), Ok("idp".to_owned()));
        assert_eq!(at("https://KEYS.example:8443/c").map(|found| found.0), Ok("keys".to_owned()));
        for elsewhere in [
            "https://keys.example/c",
            "https://evil.example/c",
            "https://idp.example.evil.example/c",
            "https://idp.example@evil.example/c",
            "https://idp.example\\@evil.example/c",
            "file:///etc/passwd",
            "//idp.example/c",
            "/c",
            "",
        ] {
            assert_eq!(at(elsewhere), Err(Failure::Address), "{elsewhere}");
        }
    }

    #[test]
    fn the_metadata_are_exactly_this_issuers() {
        for issuer in ["https://idp.example/realms/shop/", "https://IDP.example/realms/shop", "https://evil.example", ""] {
            let metadata = json!({"issuer": issuer, "jwks_uri": "https://idp.example/c"}).to_string();
            assert_eq!(after(&metadata), Err(Failure::Issuer), "{issuer}");
        }
        for malformed in
            ["", "{", "[]", r#"{"jwks_uri": "https://idp.example/c"}"#, r#"{"issuer": 1, "jwks_uri": "https://idp.example/c"}"#]
        {
            assert_eq!(after(malformed), Err(Failure::Malformed), "{malformed}");
        }
        assert_eq!(after(&json!({"issuer": ISSUER}).to_string()), Err(Failure::Malformed));
        let twice =
            format!(r#"{{"issuer": "{ISSUER}", "jwks_uri": "https://idp.example/c", "jwks_uri": "https://idp.example/d"}}"#);
        assert_eq!(after(&twice), Err(Failure::Malformed));
    }

    #[test]
    fn both_documents_make_the_set() {
        let mut proxy = Proxy::of(2, &discovered());
        proxy.update(0, &Event::Tick);
        let metadata = json!({"issuer": ISSUER, "jwks_uri": "https://idp.example/c"}).to_string();
        proxy.update(0, &Event::Answer(SET, Ok(Answer { body: metadata.as_bytes(), cache_control: Some("max-age=1") })));
        assert_eq!(proxy.used(), [None, None]);
        let keys = set(&["a"]);
        let commands = proxy.update(0, &Event::Answer(SET, Ok(Answer { body: keys.as_bytes(), cache_control: None })));
        assert_eq!(commands, [Command::Changed, Command::Fetched(SET, Ok(())), Command::Ended(SET)]);
        proxy.update(1, &Event::Tick);
        assert_eq!(proxy.used(), vec![Some(vec!["a"]); 2]);
    }
}

#[test]
fn an_address_has_a_host_and_a_path_and_nothing_else() {
    let parsed = |uri: &str| Location::parse(uri).map(|location| (location.authority, location.path));
    for (uri, authority, path) in [
        ("https://idp.example/certs", "idp.example", "/certs"),
        ("http://idp.example:80/a?b=c", "idp.example", "/a?b=c"),
        ("http://idp.example:443/", "idp.example:443", "/"),
        ("https://IdP.example:8443", "idp.example:8443", "/"),
        ("https://[::1]:8443/x", "[::1]:8443", "/x"),
        ("https://idp.example?x", "idp.example", "/?x"),
    ] {
        assert_eq!(parsed(uri), Ok((authority.to_owned(), path.to_owned())), "{uri}");
    }
    for uri in [
        "",
        "idp.example",
        "ftp://idp.example/",
        "https:///certs",
        "https://a@b/",
        "https://a/#f",
        "https://a/ b",
        "https://a/\r\nx:y",
        "https://é/",
    ] {
        assert_eq!(parsed(uri), Err(NotALocation), "{uri}");
    }
}
