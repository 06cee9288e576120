//! What has come so far, for whoever looks on: counts, the last records, how their chains stand, and what tells lookers-on of each new one. A value; bounded,
//! whatever is sent.

use std::collections::{BTreeMap, VecDeque};

use hyper::body::Bytes;
use serde_json::json;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::chains::Chains;
use super::shown::Shown;

/// Records that a page gets when it is opened.
const RECENT: usize = 500;
/// Refusals that are shown besides.
const REFUSALS: usize = 10;
/// Counts that are told apart: codes are few, but a sender may make some up.
const COUNTS: usize = 200;
/// Records that may wait for a page. One that is slower is cut off, asks again and gets the last ones.
const BEHIND: usize = 1024;
/// A page that was cut off asks again after so many milliseconds.
const RETRY: &str = "retry: 1000\n";
/// Pages that are served at a time.
const WATCHERS: usize = 64;

/// What has come so far.
#[derive(Default)]
pub struct Live {
    /// By verdict and code.
    counts: BTreeMap<(String, String), u64>,
    total: u64,
    recent: VecDeque<Shown>,
    refusals: VecDeque<Shown>,
    /// What the stream told of itself last.
    told: Option<Shown>,
    chains: Chains,
    watchers: Vec<Sender<Bytes>>,
}

impl Live {
    /// Nothing yet.
    pub fn new(chains: Chains) -> Self {
        Self { chains, ..Self::default() }
    }

    /// Adds the records of lines of NDJSON.
    pub fn add(&mut self, lines: &str) {
        for line in lines.lines() {
            self.chains.add(line);
            if let Some(shown) = Shown::read(line) {
                self.add_one(shown);
            }
        }
    }

    fn add_one(&mut self, shown: Shown) {
        self.total += 1;
        if shown.verdict.is_empty() {
            self.told = Some(shown.clone());
        } else {
            self.count(&shown);
        }
        if shown.is_refused() {
            keep(&mut self.refusals, shown.clone(), REFUSALS);
        }
        if !self.watchers.is_empty() {
            self.tell("record", &json!(shown));
        }
        keep(&mut self.recent, shown, RECENT);
    }

    fn count(&mut self, shown: &Shown) {
        let key = (shown.verdict.clone(), shown.code.clone());
        let is_known = self.counts.contains_key(&key) || self.counts.len() < COUNTS;
        *self.counts.entry(if is_known { key } else { ("other".to_owned(), String::new()) }).or_default() += 1;
    }

    /// Messages for a new page: at first what has come so far, then each record. `None` where too many look on already.
    pub fn watch(&mut self) -> Option<Receiver<Bytes>> {
        self.watchers.retain(|watcher| !watcher.is_closed());
        let (sender, receiver) = channel(BEHIND);
        let counts: Vec<_> = self.counts.iter().map(|((verdict, code), count)| json!([verdict, code, count])).collect();
        let so_far = json!({"total": self.total, "counts": counts, "recent": self.recent, "refusals": self.refusals, "chains": self.chains()});
        let start = [RETRY.as_bytes(), &message("start", &so_far)].concat();
        let has_room = self.watchers.len() < WATCHERS && sender.try_send(start.into()).is_ok();
        has_room.then(|| {
            self.watchers.push(sender);
            receiver
        })
    }

    /// Tells lookers-on how the chains stand. That is a table, and not for every record.
    pub fn tell_chains(&mut self) {
        if !self.watchers.is_empty() {
            self.tell("chains", &self.chains());
        }
    }

    fn chains(&self) -> serde_json::Value {
        json!({"chains": self.chains.rows(), "besides": self.chains.besides()})
    }

    fn tell(&mut self, event: &str, data: &serde_json::Value) {
        let message = message(event, data);
        self.watchers.retain(|watcher| watcher.try_send(message.clone()).is_ok());
    }

    /// How much has come: what tells whether there is something new to draw.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The view of a terminal, in lines.
    pub fn view(&self) -> String {
        let mut view = format!("{} records\n", self.total);
        for verdict in ["admit", "observe", "refuse", "other"] {
            let codes = || self.counts.iter().filter(|((found, _), _)| found == verdict);
            let sum: u64 = codes().map(|(_, count)| count).sum();
            if sum > 0 {
                view += &format!("\n{verdict:<10}{sum:>10}\n");
            }
            for ((_, code), count) in codes().filter(|((_, code), _)| !code.is_empty()) {
                view += &format!("  {code:<26}{count:>10}\n");
            }
        }
        if !self.refusals.is_empty() {
            view += "\nlast refusals\n";
        }
        for Shown { time, verdict, code, publisher, topic, event_type, detail, .. } in &self.refusals {
            let words =
                [time, verdict, code, publisher, topic, event_type, detail].map(|word| if word.is_empty() { "-" } else { word });
            view += &format!("  {}\n", words.join("  "));
        }
        let chains = self.chains.view();
        if !chains.is_empty() {
            view += &format!("\nchains of records\n{chains}");
        }
        if let Some(Shown { time, told, .. }) = &self.told {
            view += &format!("\n{time}  {told}\n");
        }
        view
    }
}

/// Keeps the last ones.
fn keep(last: &mut VecDeque<Shown>, shown: Shown, most: usize) {
    if last.len() >= most {
        last.pop_front();
    }
    last.push_back(shown);
}

/// A server-sent event (HTML, section 9.2.5): JSON in one line, which has no line end in it.
fn message(event: &str, data: &serde_json::Value) -> Bytes {
    format!("event: {event}\ndata: {data}\n\n").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(verdict: &str, code: &str) -> String {
        format!(
            r#"{{"resources":[{{"name":"a\u001b[2Jb"}},{{"name":"carts"}}],"status_code":"{code}","time":1795420800000,"unmapped":{{"verdict":"{verdict}"}}}}"#
        )
    }

    #[test]
    fn the_view_of_a_terminal_tells_counts_and_the_last_refusals_and_moves_no_cursor() {
        let mut live = Live::default();
        live.add(
            &[line("admit", ""), line("refuse", "rule.topic"), line("refuse", "rule.topic"), "no JSON".to_owned()].join("\n"),
        );
        live.add(r#"{"time":"2026-11-23T08:00:01.000Z","event":"eventguard.dropped","body":"dropped 3 records"}"#);
        let refusal = r"  2026-11-23T08:00:00.000Z  refuse  rule.topic  -  carts  a\u{1b}[2Jb  -";
        let expected = [
            "4 records",
            "",
            "admit              1",
            "",
            "refuse             2",
            "  rule.topic                         2",
            "",
            "last refusals",
            refusal,
            refusal,
            "",
            "chains of records",
            "  5 records are of no chain",
            "",
            "2026-11-23T08:00:01.000Z  dropped 3 records",
            "",
        ];
        assert_eq!(live.view(), expected.join("\n"));
    }

    #[test]
    fn what_is_kept_is_bounded_whatever_is_sent() {
        let mut live = Live::default();
        for number in 0..2000 {
            live.add(&line("refuse", &format!("made-up-{number}")));
        }
        assert_eq!((live.total, live.recent.len(), live.refusals.len(), live.counts.len()), (2000, RECENT, REFUSALS, COUNTS + 1));
        assert_eq!(live.counts.values().sum::<u64>(), 2000);
    }

    #[test]
    fn a_page_gets_what_has_come_and_then_each_record_and_a_slow_one_is_cut_off() {
        let mut live = Live::default();
        live.add(&line("admit", ""));
        let mut page = live.watch().unwrap();
        live.add(&line("refuse", "rule.topic"));
        let [start, record] =
            [page.try_recv().unwrap(), page.try_recv().unwrap()].map(|bytes| String::from_utf8(bytes.to_vec()).unwrap());
        assert!(
            start.starts_with(
                r#"retry: 1000
event: start
data: {"chains":{"besides":"1 records are of no chain","chains":[]},"counts":[["admit","",1]],"recent":["#
            ),
            "{start}"
        );
        assert!(record.starts_with("event: record\ndata: {") && record.ends_with("}\n\n"));
        for _ in 0..=BEHIND {
            live.add(&line("admit", ""));
        }
        assert!(live.watchers.is_empty());
        let others: Vec<_> = (0..=WATCHERS).map_while(|_| live.watch()).collect();
        assert_eq!(others.len(), WATCHERS);
    }
}
