"""Nagios' side: a folder with a configuration and the logs that Nagios would have written, and what its availability
report says of them."""
import csv
import io
import os
import pathlib
import subprocess

AVAIL = pathlib.Path("/usr/lib/cgi-bin/nagios4/avail.cgi")
NAMES = {"mon": "monday", "tue": "tuesday", "wed": "wednesday", "thu": "thursday", "fri": "friday", "sat": "saturday",
         "sun": "sunday"}
MAX_ATTEMPTS = 3  # as in the generic-service template that Debian brings
STALE = 180  # seconds, where results that stay away are looked for: freshness_threshold

# What an administrator chooses who wants to see every minute. "hours" stands for the report timeperiod; the initial
# state 0 is "unspecified".
INFORMED = {"assumeinitialstates": "yes", "assumestateretention": "yes", "assumestatesduringnotrunning": "no",
            "includesoftstates": "yes", "showscheduleddowntime": "yes", "initialassumedservicestate": "0",
            "backtrack": "4", "hours": "yes"}
# Each of them turned over. The first two are what the report's form has chosen when it opens.
FLIPS = {"includesoftstates": "no", "assumestatesduringnotrunning": "yes", "initialassumedservicestate": "6",
         "assumeinitialstates": "no", "assumestateretention": "no", "backtrack": "0", "hours": "no"}

# Debian's nagios.cfg where it matters to logs: daily rotation, retries and current states logged, initial states not.
MAIN = """log_file={folder}/nagios.log
cfg_file={folder}/objects.cfg
object_cache_file={folder}/objects.cache
precached_object_file={folder}/objects.precache
resource_file={folder}/resource.cfg
status_file={folder}/status.dat
state_retention_file={folder}/retention.dat
command_file={folder}/nagios.cmd
query_socket={folder}/nagios.qh
lock_file={folder}/nagios.pid
temp_file={folder}/nagios.tmp
temp_path={folder}
check_result_path={folder}/results
log_archive_path={folder}/archives
log_rotation_method=d
use_syslog=0
log_service_retries=1
log_initial_states=0
log_current_states=1
check_external_commands=1
check_for_updates=0
use_timezone={zone}
date_format=iso8601
"""

OBJECTS = """define timeperiod {{
    timeperiod_name 24x7
    alias           always
    sunday 00:00-24:00
    monday 00:00-24:00
    tuesday 00:00-24:00
    wednesday 00:00-24:00
    thursday 00:00-24:00
    friday 00:00-24:00
    saturday 00:00-24:00
}}
define timeperiod {{
    timeperiod_name hours
    alias           when the service has to be available
{hours}
}}
define command {{
    command_name check
    command_line /bin/true
}}
define contact {{
    contact_name                  nobody
    host_notifications_enabled    0
    service_notifications_enabled 0
    host_notification_period      24x7
    service_notification_period   24x7
    host_notification_options     n
    service_notification_options  n
    host_notification_commands    check
    service_notification_commands check
}}
define host {{
    host_name             files
    address               127.0.0.1
    max_check_attempts    1
    check_period          24x7
    contacts              nobody
    active_checks_enabled 0
}}
define service {{
    host_name             files
    service_description   sign-in
    check_command         check
    check_period          24x7
    check_interval        1
    retry_interval        1
    max_check_attempts    {attempts}
    contacts              nobody
    active_checks_enabled 0
}}
"""


PLANNED_BEGINS = "SERVICE DOWNTIME ALERT: files;sign-in;STARTED; Service has entered a period of scheduled downtime"
PLANNED_ENDS = "SERVICE DOWNTIME ALERT: files;sign-in;STOPPED; Service has exited from a period of scheduled downtime"
STOPS = "Caught SIGTERM, shutting down..."


class Machine:
    """A service's state as Nagios keeps it: soft until the last attempt, then hard; what it logs of each result."""

    def __init__(self):
        self.state, self.kind, self.attempt, self.output = "OK", "HARD", 1, "(null)"  # as of a service never checked

    def result(self, state):
        """The SERVICE ALERT that this result causes, or None."""
        self.output = "all is well" if state == "OK" else "refused" if state == "CRITICAL" else "no result came"
        before = self.state, self.kind
        was_bad = self.state != "OK"
        if state == "OK":
            if not was_bad:
                self.kind, self.attempt = "HARD", 1
                return None
            self.state = "OK"
            self.attempt += self.kind == "SOFT"  # so Nagios counts: the good look after a soft failure is one more try
            line = self.line("SERVICE ALERT")  # a recovery is as soft or hard as what it ends
            self.kind, self.attempt = "HARD", 1
            return line
        if not was_bad:
            self.attempt = 1
        elif self.kind == "SOFT":
            self.attempt += 1
        hard = was_bad and before[1] == "HARD" or self.attempt >= MAX_ATTEMPTS
        self.state, self.kind = state, "HARD" if hard else "SOFT"
        if before == (self.state, self.kind) and hard:
            return None
        return self.line("SERVICE ALERT")

    def line(self, what):
        return f"{what}: files;sign-in;{self.state};{self.kind};{self.attempt};{self.output}"


class Logs:
    """The lines of a case, each in the file in which Nagios' daily rotation leaves it."""

    def __init__(self, case):
        self.case, self.machine, self.lines = case, Machine(), []

    def write(self, second, text):
        self.lines.append((second, text))

    def running(self, second):
        return not self.case.within(second, self.case.off)

    def events(self):
        """(second, order, action) of everything that happens, in the order in which it does."""
        case, out = self.case, []
        for words in [sign + day + " 00:00" for sign in ("-", "", "+") for day in NAMES]:
            second = case.at(words)
            if case.at("-sun 00:00") < second <= case.at("+mon 00:00") and self.running(second - 1):
                out.append((second, 0, self.rotation))
        for begin, to, how in case.off:
            if how == "stopped":
                out.append((case.at(begin), 1, self.stop))
            out.append((case.at(to), 1, self.start))
        for begin, to, _ in case.planned:
            out.append((case.at(begin), 2, lambda at: self.write(at, PLANNED_BEGINS)))
            out.append((case.at(to), 2, lambda at: self.write(at, PLANNED_ENDS)))
        for k, (_, good, arrival) in enumerate(case.looks()):
            out.append((arrival, 3 + k, lambda at, good=good: self.result(at, "OK" if good else "CRITICAL")))
        if case.freshness:
            for begin, to in case.cut:
                # The last result came a minute before the cut. Each stale result is followed by one of Nagios' own.
                for at in range(case.at(begin) - 60 + STALE, case.at(to), STALE):
                    out.append((at, 3, lambda at: self.result(at, "UNKNOWN")))
        return sorted(out, key=lambda one: one[:2])

    def rotation(self, at):
        self.write(at, "LOG ROTATION: DAILY")
        self.write(at, "LOG VERSION: 2.0")
        self.write(at, "CURRENT HOST STATE: files;UP;HARD;1;")
        self.write(at, self.machine.line("CURRENT SERVICE STATE"))

    def stop(self, at):
        self.write(at, STOPS)
        self.write(at, "Successfully shutdown... (PID=4711)")

    def start(self, at):
        self.write(at, "Nagios 4.4.6 starting... (PID=4712)")
        self.write(at, "LOG VERSION: 2.0")

    def result(self, at, state):
        line = self.machine.result(state)
        if line:
            self.write(at, line)

    def make(self, folder):
        case = self.case
        self.start(case.at("-sun 00:00"))
        for second, _, act in self.events():
            act(second)
        rotations = sorted({second for second, text in self.lines if text.startswith("LOG ROTATION")})
        files = {}
        for second, text in self.lines:
            later = next((r for r in rotations if r > second), None)
            name = case.local(later).strftime("archives/nagios-%m-%d-%Y-%H.log") if later else "nagios.log"
            files.setdefault(name, []).append(f"[{second}] {text}\n")
        for name, lines in files.items():
            (folder / name).write_text("".join(lines))


def make_site(case, folder):
    for name in (".", "archives", "results"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    hours = case.day_hours() or {day: "00:00-24:00" for day in NAMES}
    objects = OBJECTS.format(hours="\n".join(f"    {NAMES[d]} {h}" for d, h in hours.items()), attempts=MAX_ATTEMPTS)
    (folder / "nagios.cfg").write_text(MAIN.format(folder=folder, zone=case.zone))
    (folder / "objects.cfg").write_text(objects)
    (folder / "objects.cache").write_text(objects)
    (folder / "status.dat").write_text("")
    (folder / "resource.cfg").write_text("")
    (folder / "cgi.cfg").write_text(
        f"main_config_file={folder}/nagios.cfg\nphysical_html_path=/usr/share/nagios4/htdocs\nurl_html_path=/nagios4\n"
        "use_authentication=0\nuse_pending_states=1\n")
    Logs(case).make(folder)


def avail(case, folder, **changed):
    """One run of avail.cgi: minutes, and the shares as it prints them."""
    options = INFORMED | changed
    hours = options.pop("hours")
    query = {"host": "files", "service": "sign-in", "t1": case.begin, "t2": case.end} | options
    if hours == "yes" and case.open:
        query["rpttimeperiod"] = "hours"
    words = "&".join(f"{k}={v}" for k, v in query.items()) + "&csvoutput="
    made_at = case.local(case.at("+mon 07:00")).strftime("%Y-%m-%d %H:%M:%S")
    # The report's own clock stands at Monday morning, seven o'clock: it finds archives by their age.
    out = subprocess.run(["faketime", made_at, str(AVAIL)], capture_output=True, text=True, timeout=60, env={
        "PATH": os.environ["PATH"], "TZ": case.zone, "REQUEST_METHOD": "GET", "QUERY_STRING": words,
        "REMOTE_USER": "nagiosadmin", "NAGIOS_CGI_CONFIG": str(folder / "cgi.cfg")})
    body = out.stdout.split("\n\n", 1)[-1].strip()
    try:
        names, values = list(csv.reader(io.StringIO(body), skipinitialspace=True))[:2]
    except ValueError:
        raise SystemExit(f"avail.cgi gave no table for '{case.key}': {out.stdout[:2000]} {out.stderr[:500]}")
    row = dict(zip(names, values))
    seconds = {name: int(value) for name, value in row.items() if name.startswith(("TIME_", "TOTAL_TIME"))}
    return {
        "critical": seconds["TOTAL_TIME_CRITICAL"] // 60,
        "critical_scheduled": seconds["TIME_CRITICAL_SCHEDULED"] // 60,
        "critical_unscheduled": seconds["TIME_CRITICAL_UNSCHEDULED"] // 60,  # what spends the budget
        "scheduled": sum(seconds[f"TIME_{state}_SCHEDULED"] for state in ("OK", "WARNING", "UNKNOWN", "CRITICAL")) // 60,
        "unknown": seconds["TOTAL_TIME_UNKNOWN"] // 60,
        "undetermined": seconds["TOTAL_TIME_UNDETERMINED"] // 60,
        "ok": seconds["TOTAL_TIME_OK"] // 60,
        "percent_ok": row["PERCENT_TOTAL_TIME_OK"].strip(),
        "percent_known_ok": row["PERCENT_KNOWN_TIME_OK"].strip(),
    }
