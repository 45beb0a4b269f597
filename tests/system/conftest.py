"""What whole-program tests stand on: the built programs, the campus servers, free ports, folders of their own."""
import csv
import io
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
# The sanitized build by default; the clock tests need one without (libfaketime and ASan do not go together).
DEV = pathlib.Path(os.environ.get("SLIMTAX_BUILD", ROOT / "build" / "dev"))
RELEASE = ROOT / "build" / "release"


class Programs:
    def __init__(self, build):
        self.build = build
        self.prober = build / "prober" / "slimtax-prober"
        self.reporter = build / "reporter" / "slimtax-reporter"


@pytest.fixture(scope="session")
def programs():
    return Programs(DEV)


@pytest.fixture(scope="session")
def release():
    return Programs(RELEASE)


def free_ports(count):
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in held]
    for s in held:
        s.close()
    return ports


def wait_until(condition, seconds, what):
    """Polls until `condition()` is true and returns its value; fails with `what` when it does not become so."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            pytest.fail(f"not within {seconds} s: {what}")
        time.sleep(0.05)


def accepts(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


def get(url, timeout=10):
    """(status, text) of a page; (0, reason) when there is no answer."""
    try:
        with urllib.request.urlopen(url, timeout=timeout) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError as error:
        return 0, str(error)


class Process:
    """A process that the test started: its output goes to a file, and it is gone when the test is."""

    def __init__(self, command, log, **options):
        self.log = pathlib.Path(log)
        self.command = [str(part) for part in command]
        with open(self.log, "ab") as out:
            self.popen = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, **options)

    @property
    def pid(self):
        return self.popen.pid

    def running(self):
        return self.popen.poll() is None

    def output(self):
        return self.log.read_text(errors="replace")

    def kill(self):
        """kill -9."""
        if self.running():
            self.popen.kill()
        self.popen.wait()

    def stop(self, seconds=20):
        """SIGTERM; returns the exit status."""
        if self.running():
            self.popen.send_signal(signal.SIGCONT)
            self.popen.terminate()
            try:
                self.popen.wait(seconds)
            except subprocess.TimeoutExpired:
                self.popen.kill()
                self.popen.wait()
                raise AssertionError(f"did not end within {seconds} s of SIGTERM: {self.command}\n{self.output()}")
        return self.popen.returncode


@pytest.fixture
def processes():
    """`processes(command, log, **popen_options)` starts one; all end with the test."""
    started = []

    def start(command, log, **options):
        process = Process(command, log, **options)
        started.append(process)
        return process

    yield start
    for process in reversed(started):
        process.kill()


class Campus:
    """Private instances of real servers, started on demand, one of a kind."""

    def __init__(self, folder):
        self.folder = folder
        self.servers = {}
        self.ports = {}
        self.certificates = folder / "certificates"
        subprocess.run([ROOT / "deploy/campus/make-certificates", self.certificates], check=True, capture_output=True)

    def start(self, kind, **options):
        if "port" not in options:
            options["port"] = self.ports.get(kind) or free_ports(1)[0]
        port = self.ports[kind] = options["port"]
        if kind in ("nginx", "slapd", "prosody"):
            options.setdefault("certificates", self.certificates)
        command = [ROOT / "deploy/campus/serve", kind, self.folder / kind]
        command += [f"{key}={value}" for key, value in options.items()]
        server = Process(command, self.folder / f"{kind}.log", start_new_session=True)
        self.servers[kind] = server
        wait_until(lambda: accepts(port) or not server.running(), 30, f"{kind} accepts on port {port}")
        assert server.running(), f"{kind} did not start:\n{server.output()}"
        return port

    def stop(self, kind):
        self.servers.pop(kind).stop()

    def close(self):
        for kind in list(self.servers):
            self.stop(kind)


@pytest.fixture
def campus(tmp_path):
    (tmp_path / "campus").mkdir()
    servers = Campus(tmp_path / "campus")
    yield servers
    servers.close()


class Site:
    """A reporter and its probers in a folder of their own, with the settings that the test wants."""

    def __init__(self, folder, programs, start):
        self.folder = pathlib.Path(folder)
        self.programs = programs
        self.start_process = start
        self.port, = free_ports(1)
        self.url = f"http://127.0.0.1:{self.port}"
        self.locations = []
        self.more_settings = ""  # of the reporter
        self.definitions = self.folder / "definitions"
        self.secrets = self.folder / "secrets"
        for part in (self.folder, self.definitions, self.secrets, self.folder / "reporter"):
            part.mkdir(parents=True, exist_ok=True)
        self.store = self.folder / "reporter" / "results.sqlite"

    def secret(self, name, value):
        path = self.secrets / name
        path.write_text(value)
        path.chmod(0o600)

    def define(self, name, text):
        (self.definitions / f"{name}.toml").write_text(text)

    def add_location(self, location, **settings):
        """Settings of a prober at `location`; further keys of [prober] as they are."""
        self.locations.append(location)
        self.secret(f"{location}-token", f"token-of-{location}-0123456789")
        folder = self.folder / f"prober-{location}"
        folder.mkdir(exist_ok=True)
        keys = dict(name=f"{location}-1", location=location, reporter=self.url, token=f"${{secret:{location}-token}}",
                    spool="spool")
        keys.update(settings)

        def toml(value):
            return "[" + ", ".join(map(toml, value)) + "]" if isinstance(value, list) else f'"{value}"'

        lines = "\n".join(f"{key} = {toml(value)}" for key, value in keys.items())
        (folder / "slimtax.toml").write_text(
            f'definitions = "../definitions"\n[secrets]\ndirectory = "../secrets"\n[prober]\n{lines}\n')

    def write_reporter_settings(self, store="results.sqlite"):
        probers = "".join(
            f'[[reporter.prober]]\nname = "{name}-1"\nlocation = "{name}"\ntoken = "${{secret:{name}-token}}"\n'
            for name in self.locations)
        (self.folder / "reporter" / "slimtax.toml").write_text(
            f'definitions = "../definitions"\n[secrets]\ndirectory = "../secrets"\n'
            f'[reporter]\nstore = "{store}"\nlisten = "127.0.0.1:{self.port}"\n{probers}{self.more_settings}')
        self.store = self.folder / "reporter" / store

    def start_reporter(self, store="results.sqlite", **options):
        self.write_reporter_settings(store)
        process = self.start_process(
            [self.programs.reporter, "serve", "--config", self.folder / "reporter" / "slimtax.toml"],
            self.folder / "reporter.log", **options)
        wait_until(lambda: get(self.url + "/healthz")[0] == 200 or not process.running(), 30, "the reporter answers")
        assert process.running(), process.output()
        return process

    def start_prober(self, location, **options):
        return self.start_process(
            [self.programs.prober, "run", "--config", self.folder / f"prober-{location}" / "slimtax.toml"],
            self.folder / f"prober-{location}.log", **options)

    def export(self):
        """Every stored result as a list of dictionaries."""
        out = subprocess.run([self.programs.reporter, "export", "--store", self.store], capture_output=True, text=True)
        assert out.returncode == 0, out.stderr
        return list(csv.DictReader(io.StringIO(out.stdout)))

    def report(self, *arguments):
        out = subprocess.run([self.programs.reporter, "report", "--store", self.store, "--definitions",
                              self.definitions, "--format", "json", *arguments], capture_output=True, text=True)
        assert out.returncode == 0, out.stderr
        return json.loads(out.stdout)


@pytest.fixture
def site(tmp_path, programs, processes):
    return Site(tmp_path / "site", programs, processes)


@pytest.fixture(scope="session")
def chromium():
    """A real browser without a window; webdriver is loaded only by tests that want it."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    folder = tempfile.mkdtemp(prefix="slimtax-chromium-")
    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for flag in ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                 "--disable-background-networking", "--disable-component-update", "--disable-sync",
                 "--disable-dev-shm-usage", f"--user-data-dir={folder}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)
    driver.set_page_load_timeout(60)
    yield driver
    driver.quit()
    shutil.rmtree(folder, ignore_errors=True)


def look(driver, width=1200, dark=False):
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride",
                           dict(width=width, height=900, deviceScaleFactor=1, mobile=width < 500))
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", dict(
        media="", features=[dict(name="prefers-color-scheme", value="dark" if dark else "light")]))


@pytest.fixture(scope="session")
def axe():
    made = subprocess.run([ROOT / "tests" / "axe" / "set-up"], capture_output=True, text=True, timeout=600)
    assert made.returncode == 0, made.stdout + made.stderr
    return (ROOT / "tests" / "axe" / "node_modules" / "axe-core" / "axe.min.js").read_text()


def violations(driver, axe):
    """What breaks WCAG 2.1 A or AA, as "rule: element"."""
    driver.execute_script(axe)
    found = driver.execute_async_script("""
        const done = arguments[0];
        axe.run({runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa']})
            .then(r => done({bad: r.violations.flatMap(v => v.nodes.map(n => v.id + ': ' + n.html.slice(0, 120) + ' '
                                                                         + n.failureSummary.slice(0, 200))),
                             good: r.passes.length}))""")
    assert found["good"] > 5, "axe has looked at nothing"
    return found["bad"]
