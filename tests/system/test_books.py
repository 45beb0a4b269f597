"""The reporter's commands as a new service owner uses them, with what must come out worked out by hand."""
import datetime
import json
import pathlib
import subprocess

import pytest

UTC = datetime.timezone.utc
HEADER = "intended_start,service,probe,target,location,verdict,response_ms,reason\n"


def at(text):
    return datetime.datetime.fromisoformat(text).replace(tzinfo=UTC)


def definition(service="s", objective='budget = "50 min per week"', window="", level="A2", every="60s", more=""):
    return f"""
[service]
id = "{service}"
[window]
{window}
[[objective]]
id = "o"
level = "{level}"
{objective}
[[probe]]
id = "p"
level = "{level}"
every = "{every}"
timeout = "20s"
from = ["noc"]
[[probe.step]]
do = "tcp.connect"
host = "h"
port = 1
{more}
"""


CONTROL = """
[[probe]]
id = "known-good"
level = "A2"
control = true
every = "60s"
timeout = "20s"
from = ["noc"]
[[probe.step]]
do = "tcp.connect"
host = "h"
port = 1
"""


def runs(begin, end, verdict, service="s", probe="p", target="", location="noc", step=60, milliseconds=20):
    """One row a `step` seconds; `verdict(datetime)` gives a verdict, or None for a run that never came."""
    out = []
    moment = at(begin)
    while moment < at(end):
        word = verdict(moment)
        if word:
            good = word in ("ok", "slow")
            out.append(f"{moment.isoformat().replace('+00:00', 'Z')},{service},{probe},{target},{location},{word},"
                       f"{milliseconds if good else ''},{'' if good else 'refused'}\n")
        moment += datetime.timedelta(seconds=step)
    return "".join(out)


def failing(begin, end):
    """Failed from `begin` to `end`, else ok."""
    return lambda moment: "failed" if at(begin) <= moment < at(end) else "ok"


class Desk:
    """A folder with definitions and a store, and the reporter over both."""

    def __init__(self, folder, programs):
        self.folder = pathlib.Path(folder)
        self.definitions = self.folder / "definitions"
        self.definitions.mkdir()
        self.programs = programs

    def define(self, *texts):
        for number, text in enumerate(texts):
            (self.definitions / f"{number}.toml").write_text(text)

    def run(self, *arguments, text=None, status=0):
        out = subprocess.run([self.programs.reporter, *arguments, "--store", self.folder / "results.sqlite",
                              "--definitions", self.definitions], input=text, capture_output=True, text=True,
                             timeout=300)
        assert out.returncode == status, out.stdout + out.stderr
        return out.stdout if status == 0 else out.stderr

    def take(self, *texts):
        return self.run("import", "-", text=HEADER + "".join(texts))

    def report(self, *arguments):
        return json.loads(self.run("report", *arguments, "--format", "json"))

    def objective(self, *arguments, service=0, objective=0):
        return self.report(*arguments)["services"][service]["objectives"][objective]


@pytest.fixture
def desk(tmp_path, programs):
    return Desk(tmp_path, programs)


def test_an_outage_that_began_while_the_service_was_closed_is_amended_by_the_name_that_outages_shows(desk):
    desk.define(definition(window='open = ["mon-fri 09:00-17:00"]'))
    desk.take(runs("2026-11-09", "2026-11-23", failing("2026-11-13T20:00", "2026-11-16T10:00")))
    name = desk.run("outages", "--week", "2026-W47").splitlines()[0]
    assert name == "s/o@2026-11-13T20:00:00Z"  # Friday evening; it counts from Monday 9:00 on
    assert desk.objective("--week", "2026-W47")["budget"]["spent"] == 60
    desk.run("amend", name, "--planned", "--note", "a new roof")
    assert desk.objective("--week", "2026-W47")["budget"]["spent"] == 0


def test_amend_knows_of_controls_in_another_definition_as_a_report_does(desk):
    desk.define(definition(), definition("controls", more=CONTROL))
    desk.take(runs("2026-11-09", "2026-11-16", failing("2026-11-10T10:00", "2026-11-10T12:00")),
              runs("2026-11-09", "2026-11-16", failing("2026-11-10T10:00", "2026-11-10T11:00"), "controls",
                   "known-good"))
    name = desk.run("outages", "--week", "2026-W46").splitlines()[0]
    assert name == "s/o@2026-11-10T11:01:00Z"  # until then the location itself was in trouble
    desk.run("amend", name, "--not-an-outage", "--note", "the probe's account had expired")
    assert desk.objective("--week", "2026-W46")["budget"]["spent"] == 0


def test_export_takes_a_month_and_the_days_of_the_service_s_own_time_zone(desk):
    desk.define(definition(window='timezone = "America/New_York"'))
    desk.take(runs("2026-10-31", "2026-11-03", failing("2026-10-31", "2026-10-31"), step=3600))
    assert desk.run("export", "--month", "2026-09").count("\n") == 1
    lines = desk.run("export", "--month", "2026-10").splitlines()
    assert lines[-1].startswith("2026-11-01T03:00:00Z") and len(lines) == 1 + 28
    # A day of 25 hours, from 4:00 to 5:00 UTC.
    lines = desk.run("export", "--week", "2026-11-01").splitlines()
    assert lines[1].startswith("2026-11-01T04:00:00Z") and len(lines) == 1 + 25


def test_a_report_that_could_not_be_written_was_not_given_out(desk):
    desk.define(definition())
    desk.take(runs("2026-11-09", "2026-11-16", failing("2026-11-10T10:00", "2026-11-10T10:30")))
    said = desk.run("report", "--week", "2026-W46", "--issue", "--out", desk.folder / "nowhere" / "week.txt", status=1)
    assert "could not be written" in said
    desk.take(runs("2026-11-11T10:00:30", "2026-11-11T10:05:30", lambda moment: "failed"))
    assert desk.objective("--week", "2026-W46")["revised"] is None


@pytest.mark.parametrize("arguments, status, says", [
    (["report", "--week", "2999-W01"], 1, "2999-W01 has not begun yet"),
    (["outages", "--week", "2999-W01"], 1, "2999-W01 has not begun yet"),
    (["report", "--week", ""], 2, "--week: nothing is given"),
    (["report", "--from", "2026-11-20", "--to", "2026-11-20T02:00:00Z"], 1, "ends before it begins in America/New_York"),
    (["amend", "--undo", "two", "--note", "x"], 2, "'two' is no amendment's number, as `amend --list` shows it"),
    (["amend", "s/o@2026-11-10", "--planned", "--note", "  "], 1, "why?"),
    (["amend", "s/o@2026-11-10", "--cause", " ", "--note", "x"], 1, "say one thing at a time"),
    (["import", "/"], 1, "/ cannot be read: it is not there, not a file"),
    (["export", "--month", "2026-13"], 1, "'2026-13' is no period"),
])
def test_what_cannot_be_done_is_said_with_what_to_do(desk, arguments, status, says):
    desk.define(definition(window='timezone = "America/New_York"'))
    desk.take(runs("2026-11-09", "2026-11-10", failing("2026-11-09", "2026-11-09"), step=3600))
    assert says in desk.run(*arguments, status=status)


def test_where_nothing_was_measured_no_promise_was_kept(desk):
    desk.define(definition("one"), definition("two"))
    desk.take(runs("2026-11-09", "2026-11-10", failing("2026-11-09", "2026-11-09"), "one"))
    report = desk.report("--week", "2026-W40")
    assert report["headline"]["text"] == "Unknown. Nothing was measured of any of the 2 services."
    assert [s["objectives"][0]["judgement"] for s in report["services"]] == ["not_measured"] * 2
    assert [s["objectives"][0]["met"] for s in report["services"]] == [False] * 2
