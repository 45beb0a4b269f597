"""Imported results and the report made of them, against figures worked out by hand."""
import csv
import datetime
import io
import json
import subprocess

import pytest

UTC = datetime.timezone.utc
MONDAY = datetime.datetime(2026, 11, 9, tzinfo=UTC)  # of 2026-W46; no clock changes
HEADER = "intended_start,service,probe,target,location,verdict,response_ms,reason\n"

OFFICE = """
[service]
id = "office"
title = "Office files"
[window]
timezone = "UTC"
open = ["mon-fri 09:00-17:00"]
[[window.maintenance]]
from = 2026-11-12T09:00:00
to = 2026-11-12T10:00:00
why = "new disks"
[[objective]]
id = "sign-in"
level = "A2"
budget = "50 min per week"
recovery = "15 min"
[[probe]]
id = "sign-in"
level = "A2"
every = "60s"
timeout = "20s"
from = ["noc"]
[[probe.step]]
do = "tcp.connect"
host = "files.example"
port = 445
"""


def rows(verdict_at, step=60, begin=MONDAY, days=7):
    """One row a `step` seconds; `verdict_at(datetime)` gives a verdict, or None for a run that never came."""
    out = [HEADER]
    for k in range(int(days * 86400 / step)):
        at = begin + datetime.timedelta(seconds=k * step)
        verdict = verdict_at(at)
        if verdict:
            good = verdict in ("ok", "slow")
            reason = "" if good else '"connection to files.example:445 refused"'
            out.append(f"{at.isoformat().replace('+00:00', 'Z')},office,sign-in,,noc,{verdict},{20 if good else ''},"
                       f"{reason}\n")
    return "".join(out)


def between(day, begin, end):
    begin = MONDAY + datetime.timedelta(days=day, hours=begin)
    end = MONDAY + datetime.timedelta(days=day, hours=end)
    return begin, end


@pytest.fixture
def week(tmp_path, programs):
    """`week(verdict_at)` imports and returns the report's objective and the whole report."""
    (tmp_path / "definitions").mkdir()
    (tmp_path / "definitions" / "office.toml").write_text(OFFICE)
    store = tmp_path / "results.sqlite"

    def run(*arguments, text=None):
        return subprocess.run([programs.reporter, *arguments, "--store", store, "--definitions",
                               tmp_path / "definitions"], input=text, capture_output=True, text=True)

    def make(verdict_at):
        out = run("import", "-", text=rows(verdict_at))
        assert out.returncode == 0, out.stderr
        out = run("report", "--week", "2026-W46", "--format", "json")
        assert out.returncode == 0, out.stderr
        report = json.loads(out.stdout)
        return report["services"][0]["objectives"][0], report

    make.run = run
    return make


def test_a_4_hour_outage_in_a_40_hour_week_is_240_minutes_of_2400(week):
    begin, end = between(1, 10, 14)
    one, report = week(lambda at: "failed" if begin <= at < end else "ok")
    minutes = one["minutes"]
    assert report["period"]["name"] == "2026-W46"
    assert minutes["period"] == 10080
    assert minutes["outside"] == 10080 - 2400
    assert minutes["planned"] == 60
    assert minutes["down"] == 240
    assert minutes["up"] == 2400 - 60 - 240
    assert minutes["unmeasured"] == 0 and minutes["degraded"] == 0
    assert one["budget"] == {"minutes": 50, "spent": 240, "spent_at_least": pytest.approx(239, abs=0.01),
                             "spent_at_most": pytest.approx(241, abs=0.01), "remaining": -190} or (
        one["budget"]["minutes"], one["budget"]["spent"], one["budget"]["remaining"]) == (50, 240, -190)
    assert one["budget"]["spent_at_least"] == pytest.approx(239, abs=0.01)
    assert one["budget"]["spent_at_most"] == pytest.approx(241, abs=0.01)
    assert one["met"] is False
    assert len(one["outages"]) == 1
    outage = one["outages"][0]
    assert outage["from"] == "2026-11-10T10:00:00Z" and outage["to"] == "2026-11-10T14:00:00Z"
    assert outage["reason"] == "connection to files.example:445 refused"


def test_an_outage_at_night_and_one_in_planned_work_spend_nothing(week):
    night = between(1, 20, 23)
    planned = between(3, 9, 10)
    one, _ = week(lambda at: "failed" if night[0] <= at < night[1] or planned[0] <= at < planned[1] else "ok")
    assert one["minutes"]["down"] == 0
    assert one["budget"]["spent"] == 0
    assert one["outages"] == []
    assert one["met"] is True


def test_hours_without_the_prober_are_unmeasured_neither_up_nor_down(week):
    begin, end = between(2, 11, 13)
    one, _ = week(lambda at: None if begin <= at < end else "ok")
    assert one["minutes"]["unmeasured"] == 120
    assert one["minutes"]["up"] == 2400 - 60 - 120
    assert one["budget"]["spent"] == 0


def test_prober_faults_are_unmeasured(week):
    begin, end = between(2, 11, 13)
    one, _ = week(lambda at: "prober_fault" if begin <= at < end else "ok")
    assert one["minutes"]["unmeasured"] == 120
    assert one["minutes"]["down"] == 0


def test_no_data_at_all_is_unmeasured_not_100_percent(week):
    one, _ = week(lambda at: "ok" if at == MONDAY else None)
    assert one["minutes"]["up"] == 0
    assert one["minutes"]["unmeasured"] == 2400 - 60


def test_the_sum_of_all_bookings_is_the_period(week):
    one, _ = week(lambda at: ["ok", "slow", "failed", "timeout", "prober_fault", "not_run", None][
        (at.hour * 7 + at.minute * at.day) % 7])
    minutes = dict(one["minutes"])
    period = minutes.pop("period")
    assert sum(minutes.values()) == pytest.approx(period, abs=1e-5)
    assert min(minutes.values()) >= 0


def test_importing_twice_in_any_order_changes_nothing(week):
    begin, end = between(1, 10, 14)
    first, _ = week(lambda at: "failed" if begin <= at < end else "ok")
    head, *lines = rows(lambda at: "failed" if begin <= at < end else "ok").splitlines(keepends=True)
    out = week.run("import", "-", text=head + "".join(reversed(lines)))
    assert out.returncode == 0, out.stderr
    out = week.run("report", "--week", "2026-W46", "--format", "json")
    assert json.loads(out.stdout)["services"][0]["objectives"][0] == first


def test_export_gives_back_what_was_imported(week):
    begin, end = between(1, 10, 14)
    week(lambda at: "failed" if begin <= at < end else "ok")
    out = week.run("export")
    assert out.returncode == 0, out.stderr
    back = list(csv.reader(io.StringIO(out.stdout)))
    want = list(csv.reader(io.StringIO(rows(lambda at: "failed" if begin <= at < end else "ok"))))
    assert back[0] == want[0]
    assert [r[:6] + r[7:] for r in back[1:]] == [r[:6] + r[7:] for r in want[1:]]


@pytest.mark.parametrize("text, says", [
    ("", "header"),
    ("a,b,c\n", "header"),
    (HEADER + "yesterday,office,sign-in,,noc,ok,20,\n", "2"),
    (HEADER + "2026-11-09T00:00:00Z,office,sign-in,,noc,good,20,\n", "verdict"),
    (HEADER + "2026-11-09T00:00:00Z,office,sign-in,,noc,ok,fast,\n", "response_ms"),
    (HEADER + "2026-11-09T00:00:00Z,office\n", "2"),
    (HEADER + '2026-11-09T00:00:00Z,office,sign-in,,noc,ok,20,"open\n', "quote"),
])
def test_a_bad_import_names_the_line_and_stores_nothing(week, text, says):
    out = week.run("import", "-", text=text)
    assert out.returncode == 1, out.stderr
    assert says in out.stderr
    assert week.run("export").stdout.count("\n") <= 1


@pytest.mark.parametrize("form", ["html", "text", "json", "csv"])
def test_every_format_speaks_of_the_service_and_its_level(week, form):
    begin, end = between(1, 10, 14)
    week(lambda at: "failed" if begin <= at < end else "ok")
    out = week.run("report", "--week", "2026-W46", "--format", form)
    assert out.returncode == 0, out.stderr
    assert "Office files" in out.stdout and "A2" in out.stdout
    assert "240" in out.stdout or "4 h" in out.stdout  # of outage
    assert "<script" not in out.stdout


def test_a_closed_period_is_made_again_byte_for_byte(week):
    begin, end = between(1, 10, 14)
    week(lambda at: "failed" if begin <= at < end else "ok")
    for form in ("html", "text", "json", "csv"):
        one = week.run("report", "--week", "2026-W46", "--format", form).stdout
        assert one and one == week.run("report", "--week", "2026-W46", "--format", form).stdout


def test_outages_and_status_answer_too(week):
    begin, end = between(1, 10, 14)
    week(lambda at: "failed" if begin <= at < end else "ok")
    out = week.run("outages", "--from", "2026-11-09", "--to", "2026-11-16")
    assert out.returncode == 0, out.stderr
    assert "files.example:445 refused" in out.stdout
    out = week.run("status")
    assert out.returncode == 0, out.stderr
    assert "office" in out.stdout.lower()
