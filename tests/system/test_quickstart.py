"""The quick start as a newcomer runs it, with a real outage in the middle."""
import datetime
import json
import os
import pathlib
import re
import signal
import subprocess
import time

import pytest

from conftest import RELEASE, ROOT, get, wait_until

MINUTES = 3
DOWN_SECONDS = 60


def instant(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """One run for all tests of this file: slapd is stopped for a minute in the middle."""
    folder = tmp_path_factory.mktemp("quickstart") / "kept"
    # The programs are built by tests/run already; everything else is as in the README.
    process = subprocess.Popen(
        [ROOT / "deploy/quickstart", "--minutes", str(MINUTES), "--directory", folder, "--programs", RELEASE],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    said = []
    try:
        for line in process.stdout:
            said.append(line)
            if "Ends by itself" in line:
                break
        text = "".join(said)
        address = re.search(r"Lights:\s+(http://\S+)", text)
        assert address, text
        url = address.group(1).rstrip("/")
        time.sleep(50)
        slapd = int((folder / "slapd" / "pid").read_text())
        command = pathlib.Path(f"/proc/{slapd}/cmdline").read_bytes().decode().split("\0")[:-1]
        os.kill(slapd, signal.SIGTERM)
        wait_until(lambda: not pathlib.Path(f"/proc/{slapd}").exists(), 10, "slapd ends")
        down_from = time.time()
        time.sleep(DOWN_SECONDS - 15)
        during = json.loads(get(url + "/api/v1/status")[1])
        page_during = get(url + "/")[1]
        pages = {path: get(url + path) for path in
                 ("/", "/services/directory", "/services/portal", "/report", "/metrics", "/healthz", "/api/v1/status")}
        time.sleep(max(0, DOWN_SECONDS - (time.time() - down_from)))
        again = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                 stderr=subprocess.DEVNULL, start_new_session=True)
        down_to = time.time()
        rest = process.communicate(timeout=MINUTES * 60 + 60)[0]
        again.wait(15)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait(30)
    text += rest
    report = subprocess.run(
        [RELEASE / "reporter/slimtax-reporter", "report", "--config", folder / "reporter/slimtax.toml", "--format",
         "json", "--from", datetime.datetime.fromtimestamp(down_from - 30, datetime.timezone.utc).isoformat(),
         "--to", datetime.datetime.fromtimestamp(down_to + 20, datetime.timezone.utc).isoformat()],
        capture_output=True, text=True)
    assert report.returncode == 0, report.stderr
    return {"folder": folder, "exit": process.returncode, "text": text, "down": (down_from, down_to),
            "during": during, "page_during": page_during, "pages": pages, "report": json.loads(report.stdout)}


def objective(report, service, name):
    return next(o for s in report["services"] if s["id"] == service for o in s["objectives"] if o["id"] == name)


def test_it_ends_by_itself_with_exit_0_and_prints_the_report(run):
    assert run["exit"] == 0, run["text"]
    assert "slimtax-ledger-1" in run["text"]


def test_every_level_has_runs_in_the_report(run):
    runs = {}
    for service in run["report"]["services"]:
        for one in service["objectives"]:
            runs[one["level"]] = runs.get(one["level"], 0) + one["runs"]["ok"]
    assert set(runs) == {"A0", "A1", "A2", "A3", "A4"}
    assert all(count > 0 for count in runs.values()), runs


def test_the_stopped_directory_is_an_outage_of_its_objectives_whose_bounds_hold_the_truth(run):
    true_minutes = (run["down"][1] - run["down"][0]) / 60
    for name in ("server-process", "answers-locally", "sign-in", "search"):
        outages = objective(run["report"], "directory", name)["outages"]
        assert len(outages) == 1, (name, outages)
        outage = outages[0]
        assert outage["at_least"] <= true_minutes <= outage["at_most"], (name, outage, true_minutes)
        assert outage["at_least"] <= outage["minutes"] <= outage["at_most"]
        assert instant(outage["from"]) >= run["down"][0] - 1


def test_the_reason_names_the_server_and_the_cause(run):
    reason = objective(run["report"], "directory", "sign-in")["outages"][0]["reason"]
    assert "ldap1.campus.test" in reason and "refused" in reason


def test_other_services_stay_green_during_the_outage(run):
    lights = {s["id"]: {o["id"]: o["light"]["colour"] for o in s["objectives"]} for s in run["during"]["services"]}
    assert set(lights["directory"].values()) == {"red"}, lights
    for service, its in lights.items():
        if service != "directory":
            assert set(its.values()) == {"green"}, (service, its)
    for service in run["report"]["services"]:
        if service["id"] != "directory":
            for one in service["objectives"]:
                assert one["outages"] == [], (service["id"], one["id"], one["outages"])


def test_the_minutes_of_every_objective_add_up_to_the_period(run):
    for service in run["report"]["services"]:
        for one in service["objectives"]:
            minutes = dict(one["minutes"])
            period = minutes.pop("period")
            assert sum(minutes.values()) == pytest.approx(period, abs=1e-5)


def test_every_page_answers(run):
    for path, (status, text) in run["pages"].items():
        assert status == 200, (path, status, text[:300])
    assert "down" in run["page_during"]


def test_no_secret_appears_in_any_log_page_or_store(run):
    secrets = [path.read_text() for path in (run["folder"] / "secrets").iterdir() if path.name != "pseudonyms"]
    secrets.append((run["folder"] / "secrets" / "pseudonyms").read_text())
    assert len(secrets) >= 6
    # The servers' own accounts are theirs; everything that slimtax wrote or said is searched.
    places = {"output": run["text"].encode()}
    for path, (_, text) in run["pages"].items():
        places[path] = text.encode()
    ours = [p for name in ("reporter", "prober-server-room", "prober-medical-centre", "definitions")
            for p in (run["folder"] / name).rglob("*")] + list(run["folder"].glob("*.log"))
    for path in ours:
        if path.is_file():
            places[str(path)] = path.read_bytes()
    assert any("sqlite" in name for name in places)
    for name, content in places.items():
        for secret in secrets:
            assert secret.encode() not in content, f"a secret stands in {name}"


def test_user_names_are_stored_as_pseudonyms_only(run):
    """The portal's users are u001 to u006; no stored result may know them (I8)."""
    export = subprocess.run([RELEASE / "reporter/slimtax-reporter", "export", "--store",
                             run["folder"] / "reporter/results.sqlite"], capture_output=True)
    assert export.returncode == 0
    work = objective(run["report"], "portal", "reading")
    assert work["runs"]["ok"] > 0
    store = b"".join(p.read_bytes() for p in (run["folder"] / "reporter").glob("results.sqlite*"))
    for n in range(2, 7):  # u001 is also the probes' own account
        assert f"u{n:03}".encode() not in store


def test_nothing_is_left_running(run):
    left = []
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes()
        except OSError:
            continue
        if str(run["folder"]).encode() in command:
            left.append(command)
    assert left == []
