"""Nagios itself, over a midnight: its log is the measure for the logs that nagios_site writes."""
import grp
import os
import pathlib
import pwd
import re
import signal
import subprocess
import time

import nagios_site

STARTS_AT = "2025-11-11 23:59:45"  # UTC
MIDNIGHT = 1762905600
STATES = ["CRITICAL", "CRITICAL", "CRITICAL", "CRITICAL", "OK", "OK", "CRITICAL", "CRITICAL", "OK", "CRITICAL", "UNKNOWN",
          "UNKNOWN", "OK"]
LATE = ["CRITICAL", "OK"]  # handed in with stamps of hours ago
CODES = {"OK": 0, "CRITICAL": 2, "UNKNOWN": 3}
OUTPUTS = {"OK": "all is well", "CRITICAL": "refused", "UNKNOWN": "no result came"}


class Daemon:
    def __init__(self, case, folder):
        self.folder = pathlib.Path(folder)
        self.log = self.folder / "nagios.log"
        nagios_site.make_site(case, self.folder)
        for made in [self.log, *self.folder.glob("archives/*")]:
            made.unlink()
        with open(self.folder / "nagios.cfg", "a") as main:
            main.write(f"nagios_user={pwd.getpwuid(os.getuid()).pw_name}\n"
                       f"nagios_group={grp.getgrgid(os.getgid()).gr_name}\n")
        objects = self.folder / "objects.cfg"
        service = objects.read_text().rpartition("define service")[2]
        objects.write_text(objects.read_text() + "define service" + service.replace("sign-in", "never"))
        self.wrapper = self.pid = None

    def start(self):
        before = self.text().count(" starting...")
        with open(self.folder / "output", "ab") as out:
            self.wrapper = subprocess.Popen(
                ["faketime", "-f", f"@{STARTS_AT}", "nagios4", str(self.folder / "nagios.cfg")], stdin=subprocess.DEVNULL,
                stdout=out, stderr=out,
                env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "TZ": "UTC", "FAKETIME_DONT_FAKE_MONOTONIC": "1"})
        self.wait(lambda: self.text().count("Successfully launched command file worker") > before)
        self.pid = int(re.findall(r" starting\.\.\. \(PID=(\d+)\)", self.text())[-1])

    def end(self, how):
        """Ends it with the signal; what it had started ends too. No other process is touched."""
        if self.pid is None:
            return
        started = [int(pid) for pid in pathlib.Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()]
        os.kill(self.pid, how)
        self.wrapper.wait(30)
        for pid in started:
            try:
                if b"nagios4" in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes():
                    os.kill(pid, signal.SIGKILL)
            except OSError:
                pass  # gone already
        self.pid = None

    def text(self):
        return "".join(path.read_text() for path in [*sorted(self.folder.glob("archives/*")), self.log] if path.exists())

    def lines(self, *words):
        return [line for line in self.text().splitlines() if any(word in line for word in words)]

    def wait(self, condition, seconds=90):
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                raise AssertionError("nagios4 did not come so far: " + self.text()[-3000:]
                                     + (self.folder / "output").read_text()[-1000:])
            time.sleep(0.05)

    def command(self, text, stamp):
        done = self.text().count("EXTERNAL COMMAND")
        with open(self.folder / "nagios.cmd", "w") as pipe:
            pipe.write(f"[{stamp}] {text}\n")
        self.wait(lambda: self.text().count("EXTERNAL COMMAND") > done)

    def result(self, state, stamp):
        done = self.text().count("PASSIVE SERVICE CHECK")
        self.command(f"PROCESS_SERVICE_CHECK_RESULT;files;sign-in;{CODES[state]};{OUTPUTS[state]}", stamp)
        self.wait(lambda: self.text().count("PASSIVE SERVICE CHECK") > done)
