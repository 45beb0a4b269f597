"""Results come in over HTTP: as any tool can send them, and as no one may."""
import json
import re
import time
import urllib.error
import urllib.request

import pytest

from conftest import get

DEFINITION = """
[service]
id = "portal"
[[objective]]
id = "pages"
level = "A2"
budget = "50 min per week"
[[probe]]
id = "pages"
level = "A2"
every = "60s"
timeout = "20s"
from = ["noc"]
[[probe.step]]
do = "tcp.connect"
host = "www.example"
port = 80
"""


def result(seconds_ago=60, **changes):
    one = {"service": "portal", "probe": "pages", "location": "noc",
           "intended_us": int((time.time() - seconds_ago) * 1e6), "every_us": 60_000_000, "response_us": 20_000,
           "length_us": 20_000, "verdict": "OK"}
    one.update(changes)
    return one


@pytest.fixture
def reporter(site):
    site.define("portal", DEFINITION)
    site.add_location("noc")
    site.add_location("clinic")
    process = site.start_reporter()

    def post(body, token=None, kind="application/json"):
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        request = urllib.request.Request(site.url + "/api/v1/results", data=body, headers={"Content-Type": kind})
        request.add_header("Authorization", f"Bearer {token or (site.secrets / 'noc-token').read_text()}")
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            text = error.read()
            return error.code, json.loads(text) if text.startswith(b"{") else {"error": text.decode()}

    post.site = site
    post.process = process
    yield post
    assert process.stop() == 0


def batch(*results):
    return {"prober": "noc-1", "location": "noc", "results": list(results)}


def test_any_tool_can_post_results_as_json_and_what_is_answered_is_stored_once(reporter):
    one, other = result(120), result(60, verdict="FAILED", reason="connection to www.example:80 refused")
    assert reporter(batch(one, other)) == (200, {"stored": 2, "repeated": 0})
    assert reporter(batch(other, one)) == (200, {"stored": 0, "repeated": 2})
    rows = reporter.site.export()
    assert [r["verdict"] for r in rows] == ["ok", "failed"]
    assert rows[1]["reason"] == "connection to www.example:80 refused"


def test_the_lights_follow_what_was_posted(reporter):
    reporter(batch(result(5, verdict="FAILED", reason="connection to www.example:80 refused")))
    from conftest import wait_until
    def light():
        return json.loads(get(reporter.site.url + "/api/v1/status")[1])["services"][0]["objectives"][0]["light"]["colour"]
    wait_until(lambda: light() == "red", 15, "the light turns red")
    assert "connection to www.example:80 refused" in get(reporter.site.url + "/")[1]


@pytest.mark.parametrize("body, kind, status, says", [
    (b"{", "application/json", 400, ""),
    (b"\x00\x01\x02", "application/x-protobuf", 400, ""),
    (b"x=1", "application/x-www-form-urlencoded", 415, "Content-Type"),
    (batch(result(location="clinic")), "application/json", 403, "clinic"),
    (batch(result(-3 * 86400)), "application/json", 400, "in the future"),
    (batch(result(verdict="SPLENDID")), "application/json", 400, ""),
    (batch(result(probe="")), "application/json", 400, "probe"),
    (batch(result(response_us=-5)), "application/json", 400, "response"),
])
def test_what_cannot_be_taken_is_refused_with_a_reason_and_nothing_is_stored(reporter, body, kind, status, says):
    got, answer = reporter(body, kind=kind)
    assert got == status, answer
    assert says in answer["error"] and len(answer["error"]) > 5
    assert reporter.site.export() == []


def test_one_bad_result_of_a_batch_refuses_the_whole_batch(reporter):
    assert reporter(batch(result(60), result(120, probe="")))[0] == 400
    assert reporter.site.export() == []


def test_a_wrong_token_is_401_and_a_right_one_of_another_location_403(reporter):
    assert reporter(batch(result()), token="guess")[0] == 401
    clinic = (reporter.site.secrets / "clinic-token").read_text()
    status, answer = reporter(batch(result()), token=clinic)
    assert status == 403 and "clinic" in answer["error"]
    assert reporter.site.export() == []


def test_a_body_beyond_the_limit_is_413(reporter):
    status, _ = reporter(b"x" * (33 << 20), kind="application/x-protobuf")
    assert status in (413, 0)
    assert get(reporter.site.url + "/healthz")[0] == 200


def test_metrics_tell_of_results_probers_and_objectives(reporter):
    reporter(batch(result()))
    status, text = get(reporter.site.url + "/metrics")
    assert status == 200
    assert re.search(r'slimtax_results_stored_total\{.*prober="noc-1".*\} 1\n', text), text
    assert re.search(r'slimtax_results_stored_total\{.*prober="clinic-1".*\} 0\n', text), text
    assert re.search(r'slimtax_\w*\{.*service="portal".*objective="pages".*\}', text), text


def test_unknown_pages_say_so_and_hostile_paths_find_nothing(reporter):
    for path in ("/nothing", "/services/nobody", "/assets/../../etc/passwd", "/services/%3Cscript%3E", "/%00",
                 "/api/v1/services/nobody", "/report?week=soon", "/report?from=yesterday&to=2026-01-01"):
        status, text = get(reporter.site.url + path)
        assert status in (400, 404), (path, status)
        assert "root:" not in text and "<script>" not in text
    assert get(reporter.site.url + "/healthz")[0] == 200
