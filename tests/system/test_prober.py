"""The prober as people meet it: check, try, list, and the daemon's signals, status pages and last words."""
import json
import os
import pathlib
import pty
import re
import signal
import socket
import subprocess
import termios
import threading
import time

import pytest

from conftest import free_ports, get, wait_until

HEAD = '[service]\nid = "web"\n[[objective]]\nid = "o"\nlevel = "A2"\nbudget = "50 min per week"\nrecovery = "15 min"\n'


def probe(name, step, every="1s", timeout="2s", more=""):
    return (f'[[probe]]\nid = "{name}"\nlevel = "A2"\nevery = "{every}"\ntimeout = "{timeout}"\n{more}'
            f'[[probe.step]]\ndo = "tcp.connect"\nhost = "127.0.0.1"\n{step}\n')


class Talker:
    """A server that says `hello` after `delay` seconds; never, when that is None."""

    def __init__(self, delay=0.0):
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        self.delay = delay
        self.open = []
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                peer = self.server.accept()[0]
            except OSError:
                return
            self.open.append(peer)
            threading.Thread(target=self.talk, args=(peer,), daemon=True).start()

    def talk(self, peer):
        try:
            if self.delay is not None:
                time.sleep(self.delay)
                peer.sendall(b"hello\r\n")
                time.sleep(5)
        except OSError:
            pass

    def close(self):
        self.server.close()
        for peer in self.open:
            peer.close()


@pytest.fixture
def talker():
    made = []

    def make(delay=0.0):
        made.append(Talker(delay))
        return made[-1].port

    yield make
    for server in made:
        server.close()


@pytest.fixture
def command(programs, tmp_path):
    def call(*arguments, **options):
        environment = dict(os.environ, **options.pop("env", {}))
        return subprocess.run([programs.prober, *map(str, arguments)], capture_output=True, text=True, timeout=60,
                              cwd=tmp_path, env=environment, **options)
    return call


def test_try_ends_with_the_status_of_the_worst_run(command, tmp_path, talker):
    port, slow, silent = talker(), talker(0.3), talker(None)
    closed, = free_ports(1)
    parts = {
        "ok": probe("ok", f'port = {port}\nmatch = "hello"'),
        "slow": probe("slow", f'port = {slow}\nmatch = "hello"\nwithin = "100ms"'),
        "failed": probe("failed", f"port = {closed}"),
        "timeout": probe("timeout", f'port = {silent}\nmatch = "hello"', timeout="500ms"),
        "prober_fault": probe("prober_fault", f'port = {port}\nsend = "${{secret:cellar}}"'),
    }
    file = tmp_path / "web.toml"
    file.write_text(HEAD + "".join(parts.values()))
    for name, status in (("ok", 0), ("slow", 1), ("failed", 2), ("timeout", 2), ("prober_fault", 3)):
        out = command("try", file, name, "--format", "json")
        assert out.returncode == status, out.stdout + out.stderr
        answer = json.loads(out.stdout)
        assert answer["verdict"] == answer["runs"][0]["verdict"] == name
        assert bool(answer["runs"][0]["steps"][0]["advice"]) == (name != "ok")
    assert command("try", file).returncode == 3
    said = command("try", file).stdout
    assert f"connection to 127.0.0.1:{closed} refused" in said
    assert "longer than 100 ms" in said
    assert "SLIMTAX_SECRET_CELLAR" in said
    assert "\x1b" not in said  # no terminal, no colours
    for advice in (f"'sport = :{closed}'", "lengthen timeout", "'within' says", "SLIMTAX_SECRET_CELLAR='…'"):
        assert advice in said


def test_try_on_a_terminal_shows_colours_unless_they_are_unwanted(programs, tmp_path, talker):
    file = tmp_path / "web.toml"
    file.write_text(HEAD + probe("ok", f"port = {talker()}"))

    def on_terminal(**env):
        leader, follower = pty.openpty()
        process = subprocess.Popen([programs.prober, "try", file], stdout=follower, stdin=subprocess.DEVNULL,
                                   env={**os.environ, "TERM": "xterm", **env})
        os.close(follower)
        seen = b""
        try:
            while part := os.read(leader, 4096):
                seen += part
        except OSError:
            pass
        assert process.wait() == 0
        os.close(leader)
        return seen.decode()

    os.environ.pop("NO_COLOR", None)
    assert "\x1b[1;32mok" in on_terminal()
    plain = on_terminal(NO_COLOR="1")
    assert "\x1b[1;32m" not in plain and "\x1b[2m" not in plain and " ok " in plain


@pytest.mark.parametrize("columns", [100, 60, 20])
def test_try_on_a_terminal_draws_the_steps_while_they_run(programs, tmp_path, talker, columns):
    file = tmp_path / "web.toml"
    closed, = free_ports(1)
    file.write_text(HEAD + probe("p", f'port = {talker(0.5)}\nmatch = "hello"')
                    + f'[[probe.step]]\ndo = "tcp.connect"\nhost = "127.0.0.1"\nport = {closed}\n')
    leader, follower = pty.openpty()
    termios.tcsetwinsize(follower, (24, columns))
    process = subprocess.Popen([programs.prober, "try", file], stdout=follower, stdin=subprocess.DEVNULL,
                               env={**os.environ, "TERM": "xterm", "NO_COLOR": "1"})
    os.close(follower)
    seen = b""
    try:
        while part := os.read(leader, 4096):
            seen += part
    except OSError:
        pass
    os.close(leader)
    assert process.wait() == 2
    frames = re.split(r"\x1b\[\d+A", seen.decode())
    assert len(frames) >= 4, "it is drawn again while the first step waits"
    assert any("running" in frame for frame in frames[1:])
    assert "\x1b[0" not in seen.decode() and "\x1b[1;" not in seen.decode()
    last = [line for line in frames[-1].replace("\x1b[K", "").splitlines() if line]
    assert last[0].split()[0] == "ok" and last[1].split()[0] == "failed"
    if columns >= 60:
        assert "ffff" in last[0] and "f first_byte" in last[2]
    assert f"ss -ltn 'sport = :{closed}'" in " ".join(frames[-1].split())


def test_try_load_says_what_is_asked_of_whom_and_asks_nobody(command, tmp_path):
    folder = tmp_path / "definitions"
    folder.mkdir()
    for name in ("web", "mail"):
        (folder / f"{name}.toml").write_text(HEAD.replace('"web"', f'"{name}"') + probe(
            name, "port = 1", every="500ms", timeout="2s", more='targets = ["server.invalid"]\nfrom = ["noc"]\n'))
    out = command("try", "--load", folder)
    assert out.returncode == 0 and "from 1 location" in out.stdout
    assert out.stdout.splitlines()[3].split() == ["server.invalid", "240", "240", "0", "10"]
    table = json.loads(command("try", "--load", folder, "--format", "json").stdout)
    assert table["locations"] == ["noc"] and table["sum"]["runs_per_minute"] == 240
    assert table["by_target"][0]["target"] == "server.invalid"
    assert json.loads(command("try", "--load", folder, "web", "--format", "json").stdout)["sum"]["runs_per_minute"] == 120
    wrong = command("try", "--load", folder, "wbe")
    assert wrong.returncode == 64 and "did you mean 'web'?" in wrong.stderr
    hard = command("check", "-", input=(folder / "web.toml").read_text().replace("500ms", "50ms"))
    assert hard.returncode == 0 and "advice: target 'server.invalid' gets 1200 runs a minute" in hard.stdout


def test_a_secret_reaches_the_server_and_no_eye(command, tmp_path):
    heard = []
    server = socket.create_server(("127.0.0.1", 0))

    def serve():
        peer = server.accept()[0]
        heard.append(peer.recv(100))
        peer.sendall(b"you said: " + heard[0])
        peer.close()

    threading.Thread(target=serve, daemon=True).start()
    file = tmp_path / "web.toml"
    file.write_text(HEAD + probe("p", f'port = {server.getsockname()[1]}\nsend = "${{secret:door}}\\n"\nmatch = "welcome"'))
    out = command("try", file, env={"SLIMTAX_SECRET_DOOR": "open-sesame-1001"})
    server.close()
    assert heard == [b"open-sesame-1001\n"]
    assert out.returncode == 2
    assert "sesame" not in out.stdout + out.stderr


def test_check_reads_standard_input_and_says_all_in_json(command):
    bad = HEAD + probe("p", "prot = 80")
    out = command("check", "-", "--format", "json", input=bad)
    assert out.returncode == 1
    answer = json.loads(out.stdout)
    assert answer["errors"] >= 1
    assert any(p["line"] == 16 and "prot" in p["message"] for p in answer["problems"])
    good = command("check", "-", input=HEAD + probe("p", "port = 80"))
    assert good.returncode == 0, good.stdout
    assert "0 errors" in good.stdout


def test_list_knows_every_operation_in_every_format(command):
    names = [row["name"] for row in json.loads(command("list", "--format", "json").stdout)]
    assert {"process.exists", "command.run", "http.get", "http.post", "ldap.bind", "ldap.search", "ssh.login",
            "dns.query", "tcp.connect", "xmpp.login", "xmpp.roster", "xmpp.logout", "log.count"} <= set(names)
    text, markdown = command("list").stdout, command("list", "--format", "markdown").stdout
    for name in names:
        assert name in text and f"## {name}" in markdown
    json.loads(command("list", "--format", "schema").stdout)
    wrong = command("list", "ldap.bnd")
    assert wrong.returncode == 1 and "did you mean 'ldap.bind'" in wrong.stderr


def test_list_explains_one_operation_and_lists_those_with_a_word(command):
    one = command("list", "tcp.connect").stdout
    assert "whole number, 1 to 65535; required" in one and "[[probe.step]]" in one and "For expect and save" in one
    several = command("list", "http").stdout.splitlines()
    named = {line.split()[0] for line in several if line and not line.startswith(" ")}
    assert {"http.get", "http.post", "counter.http"} <= named and "ldap.bind" not in named
    described = json.loads(command("list", "tcp.connect", "--format", "json").stdout)
    port = next(row for row in described[0]["parameters"] if row["name"] == "port")
    assert len(described) == 1 and (port["least"], port["most"]) == (1, 65535)
    section = command("list", "tcp.connect", "--format", "markdown").stdout
    assert section.startswith("## tcp.connect") and section.count("## ") == 1


def test_new_writes_a_definition_that_check_takes_and_try_runs(command, tmp_path, talker):
    made = command("new", "tcp.connect", "--target", "127.0.0.1", "--id", "door", "--out", "door.toml")
    assert made.returncode == 0 and "slimtax-prober try door.toml" in made.stdout
    checked = command("check", "door.toml")
    assert checked.returncode == 0 and "0 errors, 0 pieces of advice" in checked.stdout, checked.stdout
    file = tmp_path / "door.toml"
    changed = file.read_text().replace("port  = 25", f"port  = {talker()}").replace("'^220 '", "'hello'")
    assert changed != file.read_text()
    again = command("new", "tcp.connect", "--out", "door.toml")
    assert again.returncode == 1 and "is there already" in again.stderr
    file.write_text(changed)
    assert command("try", "door.toml").returncode == 0
    assert command("new", "http.get").stdout == command("new", "http.get", "--out", "-").stdout


@pytest.mark.parametrize("arguments, status, says", [
    (("ldap.bnd",), 1, "did you mean 'ldap.bind'?"),
    (("http.get", "--id", "a b"), 64, "cannot be an id"),
    (("http.get", "--level", "A4"), 64, "at home at A1 A2 A3"),
    (("http.get", "--target", "a b"), 1, "cannot be a target"),
    (("http.get", "--out", "nowhere/x.toml"), 1, "cannot be written"),
])
def test_new_refuses_what_makes_no_definition(command, arguments, status, says):
    out = command("new", *arguments)
    assert out.returncode == status and says in out.stderr and out.stdout == ""


@pytest.mark.parametrize("arguments, says", [
    ((), "subcommand"),
    (("tray",), "did you mean 'try'"),
    (("check",), "name a definition file"),
    (("check", "--format", "xml", "x"), "xml"),
    (("try",), "FILE"),
    (("run", "--log", "loud"), "no log level"),
])
def test_a_wrong_command_line_is_64_and_says_what_to_write(command, arguments, says):
    out = command(*arguments)
    assert out.returncode == 64
    assert says in out.stdout + out.stderr


def test_help_shows_an_example_of_every_command(command):
    for words in ([], ["new"], ["check"], ["try"], ["list"], ["run"]):
        out = command(*words, "--help")
        assert out.returncode == 0 and "Example: slimtax-prober" in out.stdout
    assert command("--version").stdout.startswith("slimtax-prober ")


@pytest.mark.parametrize("change, says", [
    (("listen = \"127.0.0.1:0\"", "listen = \"0.0.0.0:9\""), "this machine only"),
    (("definitions = \"../definitions\"", "definitions = \"empty\""), "no definition in"),
    (("location = \"noc\"", "location = 7"), "location"),
    (("[prober]", "[prober]\nspol = \"x\""), "did you mean 'spool'"),
])
def test_a_prober_that_cannot_start_says_why(site, programs, change, says):
    site.define("web", HEAD + probe("p", "port = 80"))
    site.add_location("noc", listen="127.0.0.1:0")
    settings = site.folder / "prober-noc" / "slimtax.toml"
    (settings.parent / "empty").mkdir()
    text = settings.read_text()
    assert change[0] in text
    settings.write_text(text.replace(*change))
    out = subprocess.run([programs.prober, "run", "--config", settings], capture_output=True, text=True, timeout=60)
    assert out.returncode == 1
    assert says in out.stderr


@pytest.fixture
def daemon(site, talker, tmp_path):
    """A prober that runs, with its status pages and somebody who listens to what it tells systemd."""
    class Daemon:
        pass

    made = Daemon()
    made.site = site
    made.port = talker()
    site.define("web", HEAD + probe("p", f"port = {made.port}", every="200ms"))
    status, = free_ports(1)
    made.url = f"http://127.0.0.1:{status}"
    site.add_location("noc", listen=f"127.0.0.1:{status}")
    made.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    made.notify.bind(str(tmp_path / "notify"))
    made.notify.settimeout(20)
    made.process = site.start_prober("noc", env={**os.environ, "NOTIFY_SOCKET": str(tmp_path / "notify"),
                                                 "WATCHDOG_USEC": "400000"})

    def metric(name):
        for line in get(made.url + "/metrics")[1].splitlines():
            if line.startswith(name + " "):
                return float(line.split()[-1])
        return 0.0

    def heard(word):
        while True:
            said = made.notify.recv(1000).decode()
            if said.startswith(word):
                return said

    made.metric, made.heard = metric, heard
    made.heard("READY=1")
    yield made
    made.notify.close()


def test_systemd_hears_that_the_prober_is_ready_alive_reloading_and_stopping(daemon):
    daemon.heard("WATCHDOG=1")
    daemon.heard("WATCHDOG=1")
    daemon.process.popen.send_signal(signal.SIGHUP)
    assert "MONOTONIC_USEC=" in daemon.heard("RELOADING=1")
    daemon.heard("READY=1")
    daemon.process.popen.terminate()
    daemon.heard("STOPPING=1")
    assert daemon.process.stop() == 0


def test_metrics_count_runs_and_a_reload_answers_with_the_mistakes(daemon):
    ran = 'slimtax_prober_runs_total{verdict="ok"}'
    wait_until(lambda: daemon.metric(ran) >= 3, 20, "three good runs")
    assert get(daemon.url + "/healthz") == (200, "ok\n")
    assert get(daemon.url + "/-/reload")[0] == 405
    assert get(daemon.url + "/nothing")[0] == 404

    def reload():
        out = subprocess.run(["curl", "-s", "-w", "\n%{http_code}", "-X", "POST", daemon.url + "/-/reload"],
                             capture_output=True, text=True, check=True).stdout
        return int(out.splitlines()[-1]), out

    assert reload()[0] == 200
    daemon.site.define("web", HEAD.replace("budget", "budgte"))
    status, text = reload()
    assert status == 400 and "did you mean 'budget'" in text
    assert daemon.metric("slimtax_prober_definitions_good") == 0
    before = daemon.metric(ran)
    wait_until(lambda: daemon.metric(ran) > before + 2, 20, "the running definitions go on")
    daemon.site.define("web", HEAD + probe("p", f"port = {daemon.port}", every="200ms") + probe("q", "port = 1"))
    status, text = reload()
    assert status == 200 and "1 series go on, 1 are new" in text
    assert daemon.metric("slimtax_prober_definitions_good") == 1
    assert daemon.process.stop() == 0


def test_a_stopped_prober_accuses_no_service(daemon):
    wait_until(lambda: daemon.metric('slimtax_prober_runs_total{verdict="ok"}') >= 2, 20, "runs")
    daemon.process.popen.send_signal(signal.SIGSTOP)
    time.sleep(3)
    daemon.process.popen.send_signal(signal.SIGCONT)
    wait_until(lambda: daemon.metric('slimtax_prober_runs_total{verdict="not_run"}') >= 8, 20, "the skipped runs")
    assert daemon.metric("slimtax_prober_stood_still_seconds_total") >= 2
    for verdict in ("failed", "timeout", "slow"):
        assert daemon.metric(f'slimtax_prober_runs_total{{verdict="{verdict}"}}') == 0
    assert daemon.process.stop() == 0


def test_a_run_that_hangs_at_the_end_does_not_hold_the_prober(site, talker):
    site.define("web", HEAD + probe("p", f'port = {talker(None)}\nmatch = "hello"', every="1s", timeout="50s"))
    site.add_location("noc")
    site.write_reporter_settings()
    prober = site.start_prober("noc")
    time.sleep(2.5)
    began = time.monotonic()
    assert prober.stop(25) == 0
    assert time.monotonic() - began < 20
    reporter = site.start_reporter()
    prober = site.start_prober("noc")
    rows = wait_until(lambda: [r for r in site.export() if r["verdict"] == "not_run"], 30, "the runs that were cut short")
    assert "stopped" in rows[0]["reason"]
    assert prober.stop(25) == 0
    assert reporter.stop() == 0


def test_what_is_spooled_is_shipped_before_an_orderly_end(site, talker):
    site.define("web", HEAD + probe("p", f"port = {talker()}", every="100ms"))
    site.add_location("noc")
    reporter = site.start_reporter()
    prober = site.start_prober("noc")
    wait_until(lambda: len(site.export()) > 5, 30, "results")
    assert prober.stop() == 0
    assert "every result is shipped" in prober.output()
    assert reporter.stop() == 0


def test_two_probers_do_not_share_a_spool(daemon, programs):
    out = subprocess.run([programs.prober, "run", "--config", daemon.site.folder / "prober-noc" / "slimtax.toml"],
                         capture_output=True, text=True, timeout=60)
    assert out.returncode == 1
    assert "spool" in out.stderr
    assert daemon.process.stop() == 0
