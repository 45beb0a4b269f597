"""The comparison with Nagios' availability report: slimtax says what was worked out by hand, the page says what the
comparison finds, and the logs that Nagios is given are such as Nagios writes."""
import importlib
import json
import os
import re
import signal
import subprocess
import sys

import pytest

from conftest import DEV, ROOT

COMPARE = ROOT / "tests" / "compare"
PAGE = ROOT / "docs" / "beside-nagios.md"


@pytest.fixture(scope="module")
def compared():
    out = subprocess.run([COMPARE / "nagios", "--format", "json"], capture_output=True, text=True, timeout=600,
                         env=os.environ | {"SLIMTAX_BUILD": str(DEV)})
    assert out.returncode in (0, 1) and out.stdout, out.stderr
    said = json.loads(out.stdout)
    return said | {"by_key": {row["key"]: row for row in said["rows"]}}


@pytest.fixture(scope="module")
def compare_modules():
    sys.path.insert(0, str(COMPARE))
    yield {name: importlib.import_module(name) for name in ("cases", "nagios_site", "daemon")}
    sys.path.remove(str(COMPARE))


# Minutes in the window, down, planned, unmeasured: written down here once more, so that a slip in a case shows.
@pytest.mark.parametrize("key, window, down, planned, unmeasured", [
    ("four-hours", 2400, 240, 0, 0),
    ("prober-stopped", 2400, 60, 0, 120),
    ("prober-crashed", 2400, 60, 0, 120),
    ("planned-inside", 2400, 60, 120, 0),
    ("planned-evening", 2400, 30, 60, 0),
    ("spring", 3360, 120, 0, 0),
    ("autumn", 3360, 120, 0, 0),
    ("midnight", 5400, 135, 0, 0),
    ("edge", 10080, 210, 0, 0),
    ("retries", 2400, 80, 0, 0),
    ("flapping", 2400, 60, 0, 0),
    ("late", 2400, 60, 0, 0),
    ("late-fresh", 2400, 60, 0, 0),
    ("no-data-off", 2400, 0, 0, 2400),
    ("no-data-pending", 2400, 0, 0, 2400),
])
def test_slimtax_says_what_was_worked_out_by_hand(compared, key, window, down, planned, unmeasured):
    row = compared["by_key"][key]
    said = row["slimtax"]
    assert (row["truth"]["window"], row["truth"]["down"], row["truth"]["planned"], row["truth"]["unmeasured"]) == (
        window, down, planned, unmeasured)
    assert said["window"] == pytest.approx(window, abs=1e-4)
    assert said["down"] == pytest.approx(down, abs=1e-4)
    assert said["spent"] == pytest.approx(down, abs=1e-4)
    assert said["planned"] == pytest.approx(planned, abs=1e-4)
    assert said["unmeasured"] == pytest.approx(unmeasured, abs=1e-4)
    assert said["at_least"] <= down <= said["at_most"]
    assert row["slimtax_right"]


def test_an_outage_over_midnight_is_one_outage(compared):
    assert compared["by_key"]["midnight"]["slimtax"]["outages"] == 1


def test_nagios_agrees_where_the_page_says_so(compared):
    agrees = {row["key"] for row in compared["rows"] if row["nagios_right"]}
    assert agrees == {"four-hours", "prober-stopped", "planned-inside", "midnight", "edge", "retries", "flapping",
                      "no-data-off"}


def test_the_page_s_table_is_what_the_comparison_prints_now(compared):
    assert compared["table"] in PAGE.read_text(), "tests/compare/nagios prints another table than docs/beside-nagios.md has"


def without_stamp(line):
    return re.sub(r"^\[\d+\] ", "", line)


def stamp(line):
    return int(re.match(r"\[(\d+)\]", line).group(1))


def test_nagios_itself_logs_what_the_comparison_hands_to_its_report(compare_modules, tmp_path):
    case = compare_modules["cases"].CASES[0]
    site, module = compare_modules["nagios_site"], compare_modules["daemon"]
    daemon = module.Daemon(case, tmp_path)
    try:
        daemon.start()
        begin = stamp(daemon.text())
        daemon.command(f"SCHEDULE_SVC_DOWNTIME;files;sign-in;{begin + 8};{begin + 10};1;0;0;me;work", begin)
        for state in module.STATES:
            daemon.result(state, begin)
        for k, state in enumerate(module.LATE):
            daemon.result(state, begin - 10000 + 3000 * k)
        daemon.wait(lambda: daemon.lines("DOWNTIME ALERT: files;sign-in;STOPPED") and daemon.lines("STATE: files;never"))
        daemon.end(signal.SIGTERM)
        stopped = len(daemon.text().splitlines())
        daemon.start()
        daemon.end(signal.SIGKILL)
    finally:
        daemon.end(signal.SIGKILL)

    # The alerts, and the state that the rotation repeats, are those of the comparison's rules.
    machine, states = site.Machine(), iter(module.STATES + module.LATE)
    seen = daemon.lines("SERVICE ALERT: files;sign-in", "CURRENT SERVICE STATE: files;sign-in")
    assert len([line for line in seen if "ALERT" in line]) == 13
    for line in seen:
        if "CURRENT" in line:
            assert without_stamp(line) == machine.line("CURRENT SERVICE STATE")
        else:
            assert without_stamp(line) == next(alert for alert in map(machine.result, states) if alert)
    assert not any(map(machine.result, states))
    # What is handed in late is logged when it is handed in.
    alerts = daemon.lines("SERVICE ALERT: files;sign-in")
    assert min(map(stamp, alerts)) >= begin
    # A service that was never checked is logged as good at midnight.
    never = daemon.lines("SERVICE STATE: files;never")
    assert [without_stamp(line) for line in never] == [
        site.Machine().line("CURRENT SERVICE STATE").replace("sign-in", "never")]
    assert ";OK;HARD;" in never[0] and stamp(never[0]) == module.MIDNIGHT
    assert [without_stamp(line) for line in daemon.lines("LOG ROTATION", "LOG VERSION", "HOST STATE")
            if stamp(line) == module.MIDNIGHT] == ["LOG ROTATION: DAILY", "LOG VERSION: 2.0",
                                            "CURRENT HOST STATE: files;UP;HARD;1;"]
    assert (tmp_path / "archives" / "nagios-11-12-2025-00.log").exists()
    # Planned work, the end in good order, and the end without a word.
    assert list(map(without_stamp, daemon.lines("DOWNTIME ALERT"))) == [site.PLANNED_BEGINS, site.PLANNED_ENDS]
    before, after = daemon.text().splitlines()[:stopped], daemon.text().splitlines()[stopped:]
    assert [without_stamp(line) for line in before if "shutting down..." in line] == [site.STOPS]
    assert any(" starting..." in line for line in after)
    assert not any("shut" in line.lower() or "Bailing out" in line for line in after)
