"""The reporter's commands as a new service owner uses them, with what must come out worked out by hand."""
import datetime
import json
import pathlib
import subprocess
import urllib.request

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


def test_what_is_said_of_an_outage_stands_on_one_line_and_a_promise_says_its_unit_once(desk):
    desk.define(definition(objective='max_failures = "5 per day"'))
    desk.take(runs("2026-11-09", "2026-11-16", failing("2026-11-10T10:00", "2026-11-10T10:30")))
    desk.run("amend", "s/o@2026-11-10", "--cause", "network", "--note", "a switch\n2  s/o@forged", "--who", "ada\teve")
    assert "   a switch 2  s/o@forged\n" in desk.run("amend", "--list").replace("the cause was network: ", "")
    assert desk.objective("--week", "2026-W46")["promise"].endswith("At most 5 failed runs per day.")


def test_where_nothing_was_measured_no_promise_was_kept(desk):
    desk.define(definition("one"), definition("two"))
    desk.take(runs("2026-11-09", "2026-11-10", failing("2026-11-09", "2026-11-09"), "one"))
    report = desk.report("--week", "2026-W40")
    assert report["headline"]["text"] == "Unknown. Nothing was measured of any of the 2 services."
    assert [s["objectives"][0]["judgement"] for s in report["services"]] == ["not_measured"] * 2
    assert [s["objectives"][0]["met"] for s in report["services"]] == [False] * 2


def test_runs_before_the_first_result_were_due_and_leave_a_number_of_failures_unproven(desk):
    desk.define(definition(objective='max_failures = "5 per week"'))
    desk.take(runs("2026-11-11", "2026-11-16", failing("2026-11-09", "2026-11-09")))
    one = desk.objective("--week", "2026-W46")
    assert one["minutes"]["unmeasured"] == 2 * 1440
    assert one["runs"]["due"] == 10080 and one["runs"]["ok"] == 5 * 1440
    assert one["judgement"] == "not_proven"
    assert one["note"] == "Not proven: 2880 runs that were due brought no answer, more than what is left of the budget."


@pytest.mark.parametrize("allowed, judgement, note", [
    (9, "missed", "10 failed runs; 9 allowed."),
    (10, "met", "10 failed runs; 0 of 10 left."),
    (11, "met", "10 failed runs; 1 of 11 left."),
])
def test_failures_are_counted_at_the_exact_edge(desk, allowed, judgement, note):
    desk.define(definition(objective=f'max_failures = "{allowed} per week"'))
    desk.take(runs("2026-11-09", "2026-11-16", failing("2026-11-10T10:00", "2026-11-10T10:10")))
    one = desk.objective("--week", "2026-W46")
    assert (one["judgement"], one["note"]) == (judgement, note)


def test_figures_that_differ_from_the_promise_are_told_apart_from_it_in_words(desk):
    desk.define(definition(level="A3", objective='budget = "60 min per week"\nrate = "60 per hour"\nmean = "1s"\n'
                           'bands = [ { up_to = "1s", at_least = "98%" }, { from = "2s", at_most = "1%" } ]'))
    desk.take(runs("2026-11-09", "2026-11-16", failing("2026-11-10T10:00", "2026-11-10T10:01"), milliseconds=1001))
    note = desk.objective("--week", "2026-W46")["note"]
    assert "Transactions took 1001 ms on average, 1 s was promised." in note
    assert "59.99405 transactions an hour completed, 60 were promised." in note
    # One failure of 10080 lies in the last band, which has up to 1 %.
    assert "0 % of the transactions completed within 1 s, at least 98 % was promised." in note


@pytest.mark.parametrize("slow, says, met", [
    (201, "98.01 % of the transactions completed within 1 s, at least 98 % was promised; not proven", True),
    (202, "97.996 % of the transactions completed within 1 s, at least 98 % was promised; not proven", False),
])
def test_a_share_at_the_edge_of_its_promise_says_on_which_side_it_is(desk, slow, says, met):
    desk.define(definition(level="A3", objective='budget = "50 h per week"\nbands = [ { up_to = "1s", at_least = "98%" } ]'))
    edge = at("2026-11-09") + datetime.timedelta(minutes=slow)
    desk.take(runs("2026-11-09", edge.strftime("%Y-%m-%dT%H:%M"), lambda moment: "ok", milliseconds=2000),
              runs(edge.strftime("%Y-%m-%dT%H:%M"), "2026-11-16", lambda moment: "ok"))
    one = desk.objective("--week", "2026-W46")
    assert says in one["note"] and one["met"] is met
    assert one["bands"][0]["share"] == pytest.approx(1 - slow / 10080, abs=1e-6)


def test_an_outage_that_lasts_beyond_the_period_is_not_said_to_go_on_now(desk):
    desk.define(definition())
    desk.take(runs("2026-11-09", "2026-11-17", failing("2026-11-15T23:40", "2026-11-16T00:30")))
    listed = desk.run("outages", "--week", "2026-W46")
    assert "2026-11-15T23:40:00Z to 2026-11-16T00:00:00Z (and on, after this period): 20 min" in listed
    assert "still going on" not in desk.run("report", "--week", "2026-W46")
    one = desk.objective("--week", "2026-W47")["outages"][0]
    assert (one["from"], one["to"], one["minutes"]) == ("2026-11-16T00:00:00Z", "2026-11-16T00:30:00Z", 30)


def test_import_says_what_will_not_count(desk):
    desk.define(definition())
    out = subprocess.run([desk.programs.reporter, "import", "-", "--store", desk.folder / "results.sqlite",
                          "--definitions", desk.definitions], capture_output=True, text=True,
                         input=HEADER + "2026-11-09T00:00:00Z,s,p,,moon,ok,20,\n2026-11-09T00:00:00Z,s,p,,noc,ok,,\n"
                         "2026-11-09T00:00:00Z,z,p,,noc,failed,,refused\n")
    assert out.returncode == 0 and "3 results imported" in out.stdout
    assert "note: no definition has s/p@moon and z/p@noc" in out.stderr
    assert "note: 1 of the completed runs has no response_ms" in out.stderr
    said = desk.run("import", "-", status=1, text=HEADER + "2999-11-09T00:00:00Z,s,p,,noc,ok,20,\n")
    assert "standard input:2:1: error: intended_start is '2999-11-09T00:00:00Z': the store takes the years" in said


def check(desk, text):
    file = desk.folder / "checked.toml"
    file.write_text(text)
    return subprocess.run([desk.programs.prober, "check", file], capture_output=True, text=True)


def test_the_interval_that_check_proposes_is_accepted_also_with_two_probes(desk):
    second = """
[[probe]]
id = "quick"
level = "A3"
every = "8 min"
timeout = "20s"
from = ["noc"]
[[probe.step]]
do = "tcp.connect"
host = "h"
port = 1
"""
    text = definition(level="A3", every="10 min", more=second, objective='budget = "50 min per day"\n'
                      'bands = [ { up_to = "8s", at_least = "99%" } ]')
    out = check(desk, text)
    # 368 runs a day are needed; 'quick' has 180 of them, so 188 are left: one each 7.65 minutes.
    assert out.returncode == 1 and "(every = \"7min\" of probe 'p' would do)" in out.stdout + out.stderr
    assert check(desk, text.replace('"10 min"', '"7min"')).returncode == 0


@pytest.mark.parametrize("objective", ['max_failures = "12000 per week"', 'budget = "1 h per week"\nrate = "100 per hour"'])
def test_what_two_locations_can_do_is_not_refused_where_the_number_of_locations_is_unknown(desk, objective):
    level = "A3" if "rate" in objective else "A2"
    text = definition(level=level, objective=objective)
    assert "can never be" in check(desk, text).stdout + check(desk, text).stderr
    assert check(desk, text.replace('from = ["noc"]\n', "")).returncode == 0


WORK = """
[service]
id = "s"
[[objective]]
id = "work"
level = "A4"
users = "3 active within 15 min"
work = "20 per user per hour"
budget = "24 min per week"
[[probe]]
id = "log"
level = "A4"
every = "60s"
timeout = "20s"
from = ["noc"]
[[probe.step]]
do = "log.count"
file = "/var/log/chat.log"
match = 'message from=(?<user>\\S+) '
"""


def post(site, results):
    body = json.dumps({"prober": "noc-1", "location": "noc", "results": results}).encode()
    request = urllib.request.Request(site.url + "/api/v1/results", data=body,
                                     headers={"Content-Type": "application/json"})
    request.add_header("Authorization", f"Bearer {(site.secrets / 'noc-token').read_text()}")
    with urllib.request.urlopen(request, timeout=60) as answer:
        assert answer.status == 200


def test_work_that_users_do_not_get_done_is_an_outage_with_user_minutes(site):
    site.define("s", WORK)
    site.add_location("noc")
    reporter = site.start_reporter()
    readings = []
    for minute in range(-60, 1440 + 60):
        moment = at("2026-11-10") + datetime.timedelta(minutes=minute)
        silent = at("2026-11-10T10:00") <= moment < at("2026-11-10T10:30")
        users = [] if silent else [{"user": name, "units": 1} for name in ("ada", "bob", "eve")]
        readings.append({"service": "s", "probe": "log", "location": "noc", "verdict": "OK", "every_us": 60_000_000,
                         "intended_us": int(moment.timestamp() * 1e6), "work": len(users), "work_span_us": 60_000_000,
                         "users": users})
    post(site, readings)
    assert reporter.stop() == 0
    one = site.report("--week", "2026-11-10")["services"][0]["objectives"][0]
    # 60 units an hour are promised: 15 in 15 minutes, which five readings of three hold. Ten silent readings leave five,
    # the eleventh (10:10) four; after the silence the fifth good one (10:34) makes it up.
    assert [(o["from"], o["to"], o["minutes"], o["at_least"], o["at_most"]) for o in one["outages"]] == [
        ("2026-11-10T10:10:00Z", "2026-11-10T10:34:00Z", 24, 23, 25)]
    assert one["outages"][0]["user_minutes"] == 24 * 3
    assert one["outages"][0]["reason"] == "48 units of work an hour by 3 active users, 60 an hour were promised"
    assert one["work"]["user_minutes_lost"] == 72
    assert one["work"]["peak_active_users"] == 3
    assert one["work"]["units"] == (1440 - 30) * 3
    assert one["minutes"]["up"] == 1440 - 24 and one["minutes"]["unmeasured"] == 0
    assert one["judgement"] == "not_proven" and one["met"] is True  # 24 of 24 counted, 25 at most
    out = subprocess.run([site.programs.reporter, "export", "--store", site.store], capture_output=True, text=True)
    assert out.returncode == 0 and "note: what users got done (A4) has no column here" in out.stderr


def test_an_excused_outage_takes_all_its_failed_runs_along_though_they_start_after_they_were_due(site):
    site.define("s", definition(objective='max_failures = "5 per week"'))
    site.add_location("noc")
    reporter = site.start_reporter()
    results = []
    for minute in range(-60, 1440 + 60):
        moment = at("2026-11-10") + datetime.timedelta(minutes=minute)
        down = at("2026-11-10T10:00") <= moment < at("2026-11-10T10:20")
        due = int(moment.timestamp() * 1e6)
        results.append({"service": "s", "probe": "p", "location": "noc", "every_us": 60_000_000, "intended_us": due,
                        "started_us": due + 40_000, "length_us": 20_000, "response_us": 0 if down else 20_000,
                        "verdict": "FAILED" if down else "OK", "reason": "refused" if down else ""})
    post(site, results)
    assert reporter.stop() == 0
    day = ["--week", "2026-11-10"]
    assert site.report(*day)["services"][0]["objectives"][0]["budget"]["spent"] == 20
    out = subprocess.run([site.programs.reporter, "amend", "s/o@2026-11-10T10:00", "--planned", "--note", "moved",
                          "--store", site.store, "--definitions", site.definitions], capture_output=True, text=True)
    assert out.returncode == 0, out.stderr
    one = site.report(*day)["services"][0]["objectives"][0]
    assert one["budget"]["spent"] == 0 and one["runs"]["failed"] == 0
    assert one["runs"]["ok"] == 1440 - 20
    assert one["minutes"]["planned"] == 20
