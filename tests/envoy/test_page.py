"""The page of `audit sink --web` in a real browser that reaches nothing but this machine: what it shows of records of a proxy, of records
that somebody made up, and of chains that are not whole."""

import json
import subprocess
import urllib.request

import pytest

import browser as browsers
import clients
import local
from conftest import STRUCTURED, bearer, publish, reference_policy
from local import wait_until
from log_cluster import Chain, LogCluster, note, record

pytestmark = pytest.mark.skipif(browsers.find() is None, reason=browsers.MISSING)
# No name but that of this machine resolves: what a page would load from elsewhere is not there.
OFFLINE = ["--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with_end = browsers.Browser(tmp_path_factory.mktemp("browser"), OFFLINE)
    yield with_end
    with_end.close()


@pytest.fixture
def cluster(tmp_path):
    with_end = LogCluster(tmp_path)
    yield with_end
    with_end.stop()


@pytest.fixture
def page(browser, cluster):
    opened = Seen(browser.open(cluster.address))
    opened.wait("live", opened.state)
    yield opened
    # It loaded itself and its records, from where it came, and nothing that it did was refused.
    addresses = opened.page.requests()
    assert {address.removeprefix(cluster.address) for address in addresses} == {"", "events"}, addresses
    assert opened.page.happened("Page.javascriptDialogOpening") == []
    opened.page.close()


class Seen:
    """What a person sees of the page, and does with it."""

    def __init__(self, page):
        self.page = page

    def state(self):
        return self.page.run("document.getElementById('state').innerText")

    def rows(self, table="records"):
        return self.page.run(f"[...document.getElementById('{table}').tBodies[0].rows].map(row => [...row.cells].map(cell => cell.innerText))")

    def column(self, index, table="records"):
        return [row[index] for row in self.rows(table)]

    def chains(self):
        """The chains by their ids, each as the table says it."""
        names = ["chain", "records", "first", "last", "checkpoints", "signed", "lost", "dropped", "state"]
        return {row[0]: dict(zip(names, row)) for row in self.rows("chains")}

    def type_into(self, field, text):
        """As somebody at the keyboard: what was there is replaced."""
        self.page.run(f"document.getElementById('{field}').focus(); document.getElementById('{field}').select?.()")
        if text:
            self.page.call("Input.insertText", text=text)
        else:
            for kind in ("keyDown", "keyUp"):
                self.page.call("Input.dispatchKeyEvent", type=kind, key="Delete", code="Delete", windowsVirtualKeyCode=46)

    def choose(self, verdict):
        self.page.run(f"get('verdict').value = {verdict!r}; get('verdict').dispatchEvent(new Event('input', {{bubbles: true}}))")

    def wait(self, expected, seen, *arguments, seconds=10):
        try:
            wait_until(lambda: seen(*arguments) == expected, seconds, "the page")
        except TimeoutError:
            assert seen(*arguments) == expected


def test_records_of_a_proxy_are_shown_as_they_come_and_their_chain_is_verified(start_once, browser, tmp_path):
    pair = json.loads(subprocess.run([local.COMMAND, "keygen", "--kid", "audit-1"], check=True, capture_output=True, text=True).stdout)
    key = tmp_path / "key.json"
    key.write_text(json.dumps(pair["public"]))
    cluster = LogCluster(tmp_path, ["--key", key])
    policy = {**reference_policy(), "audit": {"cluster": "logs", "batch": {"records": 1}, "checkpoint": {"interval": "1s", "key": {"env": "AUDIT_KEY"}}}}
    try:
        page = Seen(browser.open(cluster.address))
        page.wait("live", page.state)
        proxy = start_once(policy, logs=cluster, environment={"AUDIT_KEY": json.dumps(pair["private"])})
        admitted = publish(proxy, clients.H1, headers=[STRUCTURED, bearer()])
        assert admitted.response.status == 200
        page.wait([admitted.id], lambda: [row[6] for row in page.rows() if row[1] == "admit"])
        [shown] = [row for row in page.rows() if row[1] == "admit"]
        assert shown[2:6] == ["-", "cart-service", "carts", "com.shop.cart.ItemAdded"]
        publish(proxy, clients.H1, path="/events/orders")
        page.wait([["admit", "-", "1"], ["refuse", "rule.topic", "1"]], page.rows, "counts")
        assert page.column(2, "refusals") == ["rule.topic"]

        def is_signed():
            return all(chain["signed"] != "-" for chain in page.chains().values()) and page.chains()
        [chain] = wait_until(is_signed, 15, "a checkpoint").values()
        assert (chain["first"], chain["state"]) == ("1", "open") and int(chain["checkpoints"]) >= 1
        assert int(chain["records"]) == int(chain["last"]) >= int(chain["signed"]) >= 2
    finally:
        cluster.stop()


def test_records_can_be_filtered_by_each_field_and_all_together(page, cluster):
    cluster.send(*(json.dumps(made) for made in [
        record(event_type="com.shop.cart.ItemAdded", publisher="cart-service"),
        record(event_type="com.shop.order.Placed", publisher="order-service"),
        record("refuse", "rule.topic", "com.shop.order.ItemShipped", "order-service"),
        record("observe", "rule.publisher", "com.shop.shipping.Sent", "cart-service"),
    ]))
    page.wait(4, lambda: len(page.rows()))
    # The newest is on top.
    everything = ["Sent", "ItemShipped", "Placed", "ItemAdded"]

    def types():
        return [event_type.rsplit(".", 1)[1] for event_type in page.column(5)]
    assert types() == everything
    for field, text, expected in [("publisher", "ORDER", ["ItemShipped", "Placed"]), ("type", "shop.order", ["ItemShipped", "Placed"]),
                                  ("code", "rule.t", ["ItemShipped"]), ("code", "nothing", [])]:
        page.type_into(field, text)
        page.wait(expected, types)
        page.type_into(field, "")
        page.wait(everything, types)
    for verdict, expected in [("admit", ["Placed", "ItemAdded"]), ("refuse", ["ItemShipped"]), ("observe", ["Sent"])]:
        page.choose(verdict)
        page.wait(expected, types)
    page.choose("")
    page.type_into("publisher", "cart")
    page.type_into("type", "cart")
    page.wait(["ItemAdded"], types)
    # What comes while a filter is set is filtered as well, and counted all the same.
    cluster.send(json.dumps(record(event_id="e-2")), json.dumps(record(publisher="order-service")))
    page.wait(["e-2", "e-1"], page.column, 6)
    page.wait([["admit", "-", "4"], ["observe", "rule.publisher", "1"], ["refuse", "rule.topic", "1"]], page.rows, "counts")
    assert page.page.run("get('shown').innerText") == "2 of 2 that match; 6 of 6 records are kept here"


def test_a_page_finds_its_way_back_to_a_sink_that_was_started_again(page, cluster):
    chain = Chain("07" * 12)
    cluster.send(*(chain.link(record(event_id=f"e-{number}")) for number in range(3)))
    page.wait(["e-2", "e-1", "e-0"], page.column, 6)
    page.wait(["open"], page.column, 8, "chains")
    cluster.stop()
    page.wait("the sink does not answer", page.state)
    cluster.start()
    page.wait("live", page.state, seconds=30)
    page.wait([], page.rows)
    cluster.send(chain.link(record(event_id="e-3")))
    page.wait(["e-3"], page.column, 6)
    page.wait([("4", "4", "open")], lambda: [(chain["first"], chain["last"], chain["state"]) for chain in page.chains().values()])


HOSTILE = [
    "<script>window.harmed = 1; alert(1)</script>",
    "<img src=x onerror='window.harmed = 1; alert(1)'>",
    "</td></table><script>alert(1)</script>",
    "<svg/onload=alert(1)>",
    "javascript:alert(1)",
    "\"'><iframe srcdoc='<script>alert(1)</script>'>",
    "<style>body { display: none }</style>",
    "{{constructor.constructor('alert(1)')()}}",
    "__proto__",
]


def test_what_callers_sent_is_text_and_nothing_else(page, cluster):
    cluster.send(*(json.dumps(record("refuse", hostile, hostile, hostile, hostile, hostile)) for hostile in HOSTILE))
    cluster.send(*(json.dumps({**note(hostile), "time": hostile}) for hostile in HOSTILE))
    cluster.send(*(json.dumps({**record(hostile, hostile), "attestation_list": hostile}) for hostile in HOSTILE))
    cluster.send(*(Chain(hostile.replace('"', "")).link(record()) for hostile in HOSTILE))
    cluster.send(*HOSTILE, event_name="<b>other</b>")
    page.wait(5 * len(HOSTILE), lambda: len(page.rows()))
    page.wait(len(HOSTILE), lambda: len(page.rows("chains")))
    by_id = [row[6] for row in page.rows() if row[1] == "refuse"]
    assert by_id == HOSTILE[::-1]
    assert sorted(page.chains()) == sorted(hostile.replace('"', "") for hostile in HOSTILE)
    assert {hostile for hostile in HOSTILE} <= set(page.column(1, "counts")), "codes"
    page.type_into("type", HOSTILE[0])
    page.wait([HOSTILE[0]], page.column, 5)
    page.type_into("type", "")
    # The page has the elements that it was made with, and rows of text.
    assert page.page.run("[...new Set([...document.body.querySelectorAll('table *')].map(element => element.tagName))].sort().join()") == "TBODY,TD,TH,THEAD,TR"
    assert page.page.run("document.querySelectorAll('script, style, img, svg, iframe').length") == 2
    assert page.page.run("typeof window.harmed") == "undefined" and page.page.complaints() == []


def test_nothing_else_would_run_or_load_even_if_it_were_in_the_page(page, cluster):
    """Should a text ever become markup: what the browser then makes of the page's policy. What it refuses is a complaint of its own."""
    with urllib.request.urlopen(cluster.address) as answer:
        policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'sha256-") and "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    with pytest.raises(AssertionError, match="TrustedHTML"):
        page.page.run("document.body.innerHTML = '<img src=x onerror=alert(1)>'")
    with pytest.raises(AssertionError, match="TrustedScript"):
        page.page.run("document.head.append(Object.assign(document.createElement('script'), {text: 'window.harmed = 1'}))")
    elsewhere = local.free_port()
    for script in ["fetch('http://127.0.0.1:%d/').then(() => 'sent', error => error.name)", "fetch('http://shop.example/').then(() => 'sent', error => error.name)"]:
        assert page.page.run(script % elsewhere if "%d" in script else script) == "TypeError"
    page.page.run("document.body.append(Object.assign(document.createElement('img'), {src: '/picture'}))")
    wait_until(lambda: sum("Content Security Policy" in complaint for complaint in page.page.complaints()) >= 3, 5, "what the browser refused")
    assert page.page.run("typeof window.harmed") == "undefined"


def test_a_chain_that_is_not_whole_is_seen_to_be(page, cluster):
    whole, changed, missing, ended = (Chain(f"{number:02}" * 12) for number in range(4))
    cluster.send(*(whole.link(record()) for _ in range(5)), whole.link(note("checkpoint")))
    lines = [changed.link(record(event_id=f"e-{number}")) for number in range(5)]
    cluster.send(*(line.replace('"e-2"', '"e-9"') for line in lines))
    lines = [missing.link(record()) for _ in range(9)]
    cluster.send(*lines[:4], *lines[7:], lines[0])
    cluster.send(ended.link(note("start")), ended.link(note("stop")))
    expected = {whole.uid: ("6", "1", "open"), changed.uid: ("5", "0", "1 changed"), missing.uid: ("6", "0", "1 doubled, 3 missing"),
                ended.uid: ("2", "0", "ended")}

    def seen():
        return {uid: (chain["records"], chain["checkpoints"], chain["state"]) for uid, chain in page.chains().items()}
    page.wait(expected, seen)
    assert page.page.run("[...document.querySelectorAll('#chains td.wrong')].map(cell => cell.innerText)") == ["1 changed", "1 doubled, 3 missing"]
    # What is missing comes late: it is told as that.
    cluster.send(*lines[4:7])
    page.wait("1 doubled, 3 reordered", lambda: page.chains()[missing.uid]["state"])


def test_however_much_comes_the_page_stays_small(page, cluster):
    for batch in range(10):
        cluster.send(*(json.dumps(record("refuse", f"made-up-{batch}-{number}")) for number in range(600)))
        cluster.send(*(Chain(f"{batch}-{number}").link(record()) for number in range(20)))
    page.wait("300 of", lambda: page.page.run("get('shown').innerText.slice(0, 6)"))
    page.wait("6200", lambda: page.page.run("get('shown').innerText.match(/of (\\d+) records/)[1]"))
    counts = page.rows("counts")
    assert len(counts) <= 202 and sum(int(row[2]) for row in counts) == 6200
    assert len(page.rows("chains")) == 64 and len(page.rows("refusals")) == 10
    page.wait("6000 records are of no chain; 136 chains are not shown any more", lambda: page.page.run("get('besides').innerText"))
    assert int(page.page.run("records.length")) <= 2000
