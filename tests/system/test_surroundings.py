"""Broken surroundings lose nothing: kill -9, a reporter that is away, a full disk, a clock that jumps."""
import datetime
import json
import os
import pathlib
import random
import subprocess
import time

import pytest

from conftest import Site, get, wait_until

PORTAL = """
[service]
id = "portal"
[[objective]]
id = "pages"
level = "A2"
budget = "50 min per week"
[[probe]]
id = "pages"
level = "A2"
targets = [{targets}]
every = "{every}"
timeout = "900ms"
[[probe.step]]
do = "tcp.connect"
port = {port}
"""


def define(site, port, every="200ms", targets=5):
    names = ", ".join(f'"127.0.0.{n + 1}"' for n in range(targets))
    site.define("portal", PORTAL.format(port=port, every=every, targets=names))


def identities(rows):
    return [(r["service"], r["probe"], r["target"], r["location"], r["intended_start"]) for r in rows]


def due_between(rows, series):
    return sorted(r["intended_start"] for r in rows if r["target"] == series)


@pytest.fixture
def listener():
    """Accepts and drops connections on 0.0.0.0-free loopback: all of 127.0.0.0/8."""
    import socket
    import threading
    sockets = []
    first = socket.create_server(("127.0.0.1", 0))
    port = first.getsockname()[1]
    sockets.append(first)
    for n in range(2, 6):
        sockets.append(socket.create_server((f"127.0.0.{n}", port)))

    def serve(server):
        while True:
            try:
                server.accept()[0].close()
            except OSError:
                return

    for server in sockets:
        threading.Thread(target=serve, args=(server,), daemon=True).start()
    yield port
    for server in sockets:
        server.close()


def test_kill_9_of_either_program_in_mid_batch_loses_and_doubles_nothing(site, listener):
    define(site, listener)
    site.add_location("noc")
    reporter = site.start_reporter()
    prober = site.start_prober("noc")
    dice = random.Random(7)
    for round_ in range(6):
        time.sleep(dice.uniform(1.0, 2.0))
        if round_ % 2:
            reporter.kill()
            time.sleep(dice.uniform(0.0, 1.0))
            reporter = site.start_reporter()
        else:
            prober.kill()
            prober = site.start_prober("noc")
    time.sleep(2)
    assert prober.stop() == 0
    prober = site.start_prober("noc")  # ships what was left

    def spooled():
        # Everything is stored when the spool has nothing more to ship and nothing new starts.
        return len(site.export())

    time.sleep(2)
    assert prober.stop() == 0
    before = -1
    while spooled() != before:
        before = spooled()
        time.sleep(0.5)
    rows = site.export()
    found = identities(rows)
    assert len(found) == len(set(found))
    assert len(rows) > 100
    assert reporter.stop() == 0


def test_results_survive_a_reporter_that_is_away(site, listener):
    define(site, listener)
    site.add_location("noc")
    site.write_reporter_settings()
    prober = site.start_prober("noc")
    time.sleep(4)
    prober.kill()  # and a prober that is killed while it holds them
    prober = site.start_prober("noc")
    time.sleep(2)
    reporter = site.start_reporter()
    rows = wait_until(lambda: (lambda r: r if len(r) > 100 else None)(site.export()), 90, "the spooled results arrive")
    assert {r["verdict"] for r in rows} <= {"ok", "not_run"}
    starts = due_between(rows, "127.0.0.1")
    first = datetime.datetime.fromisoformat(starts[0].replace("Z", "+00:00")).timestamp()
    assert first < time.time() - 5  # the earliest are from before the kill
    assert prober.stop() == 0
    assert reporter.stop() == 0


def test_a_wrong_token_keeps_the_results_and_says_so(site, listener):
    define(site, listener)
    site.add_location("noc")
    reporter = site.start_reporter()
    good = (site.secrets / "noc-token").read_text()
    site.secret("noc-token", "somebody-else")
    prober = site.start_prober("noc")
    wait_until(lambda: "token" in prober.output(), 20, "the prober says that its token was refused")
    assert "somebody-else" not in prober.output()
    assert site.export() == []
    assert prober.stop() == 0
    site.secret("noc-token", good)
    prober = site.start_prober("noc")
    wait_until(lambda: len(site.export()) > 10, 30, "the kept results arrive")
    assert prober.stop() == 0
    assert reporter.stop() == 0


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small file system needs root")


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 4 MB; `fill()` takes all that is free, `free()` gives it back."""
    place = tmp_path / "small"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", place], check=True)

    class Disk:
        path = place

        def fill(self):
            with open(place / "filler", "ab", buffering=0) as filler:
                for size in (65536, 4096, 512, 1):
                    try:
                        while True:
                            filler.write(b"x" * size)
                    except OSError:
                        pass

        def free(self):
            (place / "filler").unlink()

    yield Disk()
    subprocess.run(["umount", "-l", place], check=True)


@needs_root
def test_a_full_disk_of_the_store_delays_results_and_loses_none(site, listener, small_disk):
    define(site, listener, every="100ms")
    site.add_location("noc")
    (site.folder / "reporter" / "data").symlink_to(small_disk.path)
    reporter = site.start_reporter(store="data/results.sqlite")
    prober = site.start_prober("noc")
    wait_until(lambda: len(site.export()) > 50, 30, "results are stored")
    small_disk.fill()
    wait_until(lambda: "full" in reporter.output().lower() or "full" in prober.output().lower(), 30,
               "somebody says that the disk is full")
    assert get(site.url + "/healthz")[0] != 0  # it lives
    full = time.time()
    time.sleep(2)
    small_disk.free()
    wait_until(lambda: any(datetime.datetime.fromisoformat(r["intended_start"].replace("Z", "+00:00")).timestamp()
                           > full + 2 for r in site.export()), 90, "results are stored again")
    # What was due while the disk was full is there too: nothing is missing between first and last.
    starts = [datetime.datetime.fromisoformat(s.replace("Z", "+00:00")).timestamp()
              for s in due_between(site.export(), "127.0.0.1")]
    gaps = [b - a for a, b in zip(starts, starts[1:])]
    assert max(gaps) < 0.16, max(gaps)
    assert prober.stop() == 0
    assert reporter.stop() == 0


@needs_root
def test_a_full_disk_of_the_spool_is_survived_and_said(site, listener, small_disk):
    define(site, listener, every="100ms")
    site.add_location("noc", spool=str(small_disk.path / "spool"))
    site.write_reporter_settings()
    prober = site.start_prober("noc")
    time.sleep(1)
    small_disk.fill()
    wait_until(lambda: "full" in prober.output().lower() or "no space" in prober.output().lower(), 30,
               "the prober says that the disk is full")
    time.sleep(1)
    assert prober.running(), prober.output()
    small_disk.free()
    reporter = site.start_reporter()
    rows = wait_until(lambda: (lambda r: r if len(r) > 150 else None)(site.export()), 90, "results arrive")
    found = identities(rows)
    assert len(found) == len(set(found))
    assert prober.stop() == 0
    assert reporter.stop() == 0


def faked(offset_file):
    """The environment of a process whose wall clock follows `offset_file`; its monotonic clock stays true."""
    library = next(pathlib.Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    return dict(os.environ, LD_PRELOAD=str(library), FAKETIME_TIMESTAMP_FILE=str(offset_file), FAKETIME_NO_CACHE="1",
                FAKETIME_DONT_FAKE_MONOTONIC="1", DONT_FAKE_MONOTONIC="1", FAKETIME_XRESET="1")


@pytest.mark.parametrize("step", ["+3600", "-3600"])
def test_a_clock_stepped_by_an_hour_neither_stops_nor_doubles_nor_bursts(tmp_path, release, processes, listener, step):
    site = Site(tmp_path / "site", release, processes)
    define(site, listener, every="500ms", targets=1)
    site.add_location("noc")
    reporter = site.start_reporter()
    clock = tmp_path / "clock"
    clock.write_text("+0")
    prober = site.start_prober("noc", env=faked(clock))
    wait_until(lambda: len(site.export()) > 6, 30, "results before the step")
    replacement = tmp_path / "clock.new"
    replacement.write_text(step)
    stepped = time.time()
    replacement.rename(clock)
    time.sleep(6)
    assert prober.stop() == 0
    rows = site.export()
    found = identities(rows)
    assert len(found) == len(set(found))
    ran = [r for r in rows if r["verdict"] != "not_run"]
    at = [datetime.datetime.fromisoformat(r["intended_start"].replace("Z", "+00:00")).timestamp() for r in ran]
    shifted = [t for t in at if abs(t - (stepped + int(step))) < 60]
    before = [t for t in at if t <= stepped + 1]
    assert len(before) > 6
    # It goes on by the new clock: about 12 runs in 6 s, and no burst of an hour's 7200.
    assert 6 <= len(shifted) <= 20, (len(shifted), len(rows))
    assert {r["verdict"] for r in ran} == {"ok"}
    assert reporter.stop() == 0


def test_a_bad_definition_never_replaces_a_good_running_one(site, listener):
    define(site, listener)
    site.add_location("noc")
    reporter = site.start_reporter()
    prober = site.start_prober("noc")
    wait_until(lambda: len(site.export()) > 5, 30, "results")
    site.define("portal", '[service]\nid = "portal"\n[[probe]]\nid = "x"\nlevle = "A2"\n')
    import signal
    prober.popen.send_signal(signal.SIGHUP)
    reporter.popen.send_signal(signal.SIGHUP)
    for process in (prober, reporter):
        wait_until(lambda: "levle" in process.output(), 20, "the mistake is named")
    count = len(site.export())
    wait_until(lambda: len(site.export()) > count + 10, 20, "the old definition goes on")
    status = json.loads(get(site.url + "/api/v1/status")[1])
    assert [s["id"] for s in status["services"]] == ["portal"]
    assert prober.stop() == 0
    assert reporter.stop() == 0
