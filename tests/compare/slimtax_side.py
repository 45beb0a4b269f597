"""slimtax's side: the same looks as imported results, a definition file, and what the report says."""
import datetime
import json
import subprocess

DEFINITION = """
[service]
id = "files"
title = "Files"
[window]
timezone = "{zone}"
{open}
{planned}
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
PLANNED = """[[window.maintenance]]
from = {begin}
to = {to}
why = "{why}"
announced = {announced}
"""
HEADER = "intended_start,service,probe,target,location,verdict,response_ms,reason\n"


def stamp(second):
    return datetime.datetime.fromtimestamp(second, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def wall(case, second):
    return case.local(second).strftime("%Y-%m-%dT%H:%M:%S")


def make_site(case, folder):
    (folder / "definitions").mkdir(parents=True, exist_ok=True)
    hours = ", ".join(f'"{part}"' for part in filter(None, case.open.split(", ")))
    planned = "".join(PLANNED.format(begin=wall(case, case.at(begin)), to=wall(case, case.at(to)), why=why,
                                     announced=wall(case, case.at("-" + begin)))
                      for begin, to, why in case.planned)
    (folder / "definitions" / "files.toml").write_text(
        DEFINITION.format(zone=case.zone, open=f"open = [{hours}]" if hours else "", planned=planned))
    rows = [HEADER]
    for second, good, _ in sorted(case.looks(), key=lambda look: look[2]):  # in the order in which they arrive
        tail = "ok,20," if good else "failed,,refused"
        rows.append(f"{stamp(second)},files,sign-in,,noc,{tail}\n")
    (folder / "results.csv").write_text("".join(rows))


def report(case, folder, reporter):
    """The objective as the week's report has it in JSON."""
    common = ["--store", folder / "results.sqlite", "--definitions", folder / "definitions"]
    for words in (["import", folder / "results.csv"], ["report", "--week", case.week, "--format", "json"]):
        out = subprocess.run([reporter, *words, *common], capture_output=True, text=True, timeout=300)
        if out.returncode != 0:
            raise SystemExit(f"slimtax-reporter {words[0]} of '{case.key}': {out.stderr or out.stdout}")
    return json.loads(out.stdout)["services"][0]["objectives"][0]
