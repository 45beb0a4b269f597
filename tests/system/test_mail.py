"""Reports by mail: through a real mail server, and through one that dies, hangs and refuses."""
import datetime
import email
import email.policy
import pathlib
import re
import socketserver
import sqlite3
import subprocess
import tempfile
import threading

import pytest

from conftest import Campus, free_ports, get, wait_until

DEFINITION = """
[service]
id = "portal"
title = "Portal für alle"
[[objective]]
id = "pages"
level = "A2"
budget = "50 min per week"
[[probe]]
id = "pages"
level = "A2"
every = "60s"
timeout = "20s"
from = ["noc"]
[[probe.step]]
do = "tcp.connect"
host = "www.example"
port = 80
"""


class Mailboxes:
    """Takes mail by LMTP or SMTP and keeps it. `script(line, connection)` answers a line instead; "hang" never does."""

    def __init__(self, script=lambda line, connection: None):
        self.messages, self.recipients, self.lines, self.connections = [], [], [], 0
        mailboxes = self

        class Handler(socketserver.StreamRequestHandler):
            def answer(self, line, usual, number):
                words = script(line, number) or usual
                if words == "hang":
                    self.rfile.read()
                    return False
                self.wfile.write(words.encode() + b"\r\n")
                return True

            def handle(self):
                mailboxes.connections += 1
                number = mailboxes.connections
                self.wfile.write(b"220 mailboxes\r\n")
                for raw in self.rfile:
                    line = raw.decode().rstrip("\r\n")
                    mailboxes.lines.append(line)
                    usual = {"DATA": "354 go on", "QUIT": "221 bye"}.get(line, "250 OK")
                    if not self.answer(line, usual, number) or line == "QUIT":
                        return
                    if line.startswith("RCPT"):
                        recipient = line
                    if line == "DATA":
                        body = b""
                        for part in self.rfile:
                            if part == b".\r\n":
                                break
                            body += part[1:] if part.startswith(b"..") else part
                        if not self.answer("(message)", "250 kept", number):
                            return
                        mailboxes.messages.append(email.message_from_bytes(body, policy=email.policy.default))
                        mailboxes.recipients.append(re.search("<(.*)>", recipient).group(1))

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = allow_reuse_address = True
            block_on_close = False

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def mailboxes():
    made = []

    def make(*arguments):
        made.append(Mailboxes(*arguments))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def campus():
    """In a folder that others may enter: Exim gives up its rights, and pytest's folders are closed to all."""
    with tempfile.TemporaryDirectory() as folder:
        pathlib.Path(folder).chmod(0o755)
        servers = Campus(pathlib.Path(folder))
        yield servers
        servers.close()


@pytest.fixture
def office(site):
    """A site whose portal has an hour of results in the week before this one."""
    site.define("portal", DEFINITION)
    site.add_location("noc")
    site.secret("mail", "pw-u001")
    site.write_reporter_settings()
    start = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=7)
    rows = ["intended_start,service,probe,target,location,verdict,response_ms,reason"]
    for minute in range(60):
        at = (start + datetime.timedelta(minutes=minute)).strftime("%Y-%m-%dT%H:%M:%SZ")
        rows.append(f"{at},portal,pages,,noc,ok,20,")
    results = site.folder / "results.csv"
    results.write_text("\n".join(rows) + "\n")
    done = subprocess.run([site.programs.reporter, "import", results, "--store", site.store], capture_output=True,
                          text=True)
    assert done.returncode == 0, done.stderr
    year, week, _ = start.isocalendar()
    site.week = f"{year}-W{week:02}"
    return site


def mail_table(port, *lines, security="none", to=("boss@campus.test",)):
    return "\n".join(["", "[[reporter.mail]]", 'id = "managers"', f'server = "smtp://127.0.0.1:{port}"',
                      f'security = "{security}"', 'from = "Service reports <reports@campus.test>"',
                      "to = [" + ", ".join(f'"{one}"' for one in to) + "]", *lines, ""])


def send(site, *arguments):
    settings = site.folder / "reporter" / "slimtax.toml"
    site.write_reporter_settings()
    return subprocess.run([site.programs.reporter, "send", "--config", settings, *arguments], capture_output=True,
                          text=True, timeout=240)


def due_now(site):
    """The lines of a list whose turn was two minutes ago, and which has been there for long."""
    at = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(minutes=2)
    return [f'when = "{at.strftime("%a").lower()} {at.strftime("%H:%M")}"', 'timezone = "UTC"']


def has_been_there(site):
    """Makes the store know the list since 1970."""
    store = sqlite3.connect(site.store, timeout=30)
    store.execute("INSERT OR REPLACE INTO mail_list (list, turn) VALUES ('managers', 0)")
    store.commit()
    store.close()


def test_a_report_goes_out_once_over_starttls_with_a_login_and_again_only_when_a_person_says_so(
        office, campus, mailboxes):
    inbox = mailboxes()
    port = campus.start("exim", certificates=campus.certificates, lmtp_port=inbox.port)
    office.more_settings = mail_table(
        port, 'user = "u001"', 'password = "${secret:mail}"', f'ca_file = "{campus.certificates}/ca.pem"',
        'attach = ["html", "csv"]', security="starttls", to=("boss@campus.test", "Frau Müller <mueller@campus.test>"))

    dry = send(office, "--week", office.week, "--dry-run")
    assert dry.returncode == 0, dry.stderr
    assert email.message_from_string(dry.stdout)["From"] == '"Service reports" <reports@campus.test>'

    first = send(office, "--week", office.week)
    assert first.returncode == 0, first.stdout + first.stderr
    assert first.stdout.count("accepted by mail server") == 2
    wait_until(lambda: len(inbox.messages) == 2, 60, "both get it")
    assert sorted(inbox.recipients) == ["boss@campus.test", "mueller@campus.test"]
    message = inbox.messages[0]
    assert re.fullmatch(r"slimtax: .+, week \d+ of \d{4}", message["Subject"])
    assert message["To"] == 'boss@campus.test, Frau Müller <mueller@campus.test>'
    assert message.get_body(("plain",)).get_content().startswith(message["Subject"].split(": ")[1].split(",")[0][:10])
    assert "Portal für alle" in message.get_body(("plain",)).get_content()
    assert "Portal für alle" in message.get_body(("html",)).get_content()
    files = {part.get_filename(): part.get_content() for part in message.iter_attachments()}
    assert set(files) == {f"report-{office.week}.html", f"report-{office.week}.csv"}
    assert "Portal für alle" in files[f"report-{office.week}.html"]

    second = send(office, "--week", office.week)
    assert second.returncode == 0
    assert second.stdout.count("was sent on") == 2 and "--again" in second.stdout
    again = send(office, "--week", office.week, "--again", "--mail-to", "boss@campus.test")
    assert again.returncode == 0, again.stdout + again.stderr
    wait_until(lambda: len(inbox.messages) == 3, 60, "the boss gets it again")
    assert inbox.recipients[2] == "boss@campus.test"
    assert inbox.messages[2]["Message-ID"] != message["Message-ID"] == inbox.messages[1]["Message-ID"]

    office.secret("mail", "not-the-password")
    wrong = send(office, "--week", office.week, "--again")
    assert wrong.returncode == 1
    assert "refused the log-in of u001: 535" in wrong.stdout
    assert "not-the-password" not in wrong.stdout + wrong.stderr
    assert len(inbox.messages) == 3


def test_a_report_that_was_on_its_way_when_the_daemon_was_killed_is_not_sent_again_and_said_so(office, mailboxes):
    silent = mailboxes(lambda line, connection: "hang" if line == "(message)" else None)
    has_been_there(office)
    office.more_settings = mail_table(silent.port, *due_now(office), to=("boss@campus.test", "dean@campus.test"))
    daemon = office.start_reporter()

    def state():
        store = sqlite3.connect(f"file:{office.store}?mode=ro", uri=True, timeout=30)
        rows = store.execute("SELECT address, state FROM mail ORDER BY address").fetchall()
        store.close()
        return rows

    wait_until(lambda: silent.connections and ("boss@campus.test", "sending") in state(), 60,
               "the message is on its way")
    daemon.kill()
    inbox = mailboxes()
    office.more_settings = mail_table(inbox.port, *due_now(office), to=("boss@campus.test", "dean@campus.test"))
    daemon = office.start_reporter()
    wait_until(lambda: inbox.recipients == ["dean@campus.test"], 60, "the dean, whose turn had not come, gets it")
    wait_until(lambda: state() == [("boss@campus.test", "uncertain"), ("dean@campus.test", "accepted")], 30, "so noted")
    assert "whether it arrived is not known" in daemon.output()
    metrics = wait_until(lambda: re.search(r'slimtax_mails_uncertain\{list="managers"\} 1\n',
                                           get(office.url + "/metrics")[1]), 30, "/metrics says so")
    assert metrics
    wait_until(lambda: re.search(r'slimtax_mails_sent_total\{list="managers"\} 1\n', get(office.url + "/metrics")[1]),
               30, "and what was sent")
    period = inbox.messages[0]["Message-ID"].split("-managers")[0].split("-", 2)[2]
    told = send(office, "--week", period)
    assert told.returncode == 1
    assert "boss@campus.test: the program ended while this was being sent" in told.stdout
    again = send(office, "--week", period, "--again", "--mail-to", "boss@campus.test")
    assert again.returncode == 0, again.stdout + again.stderr
    assert inbox.recipients == ["dean@campus.test", "boss@campus.test"]
    assert daemon.stop() == 0


def test_a_server_that_has_no_time_now_is_asked_again_until_it_takes_the_report(office, mailboxes):
    busy = mailboxes(lambda line, number: "451 greylisted" if line.startswith("RCPT") and number == 1 else None)
    office.more_settings = mail_table(busy.port)
    failed = send(office, "--week", office.week, "--mail-to", "dean@campus.test")
    assert failed.returncode == 1
    assert "451 greylisted" in failed.stdout
    assert not busy.messages
    busy.connections = 0
    patient = send(office, "--week", office.week, "--retry", "2 min")
    assert patient.returncode == 0, patient.stdout + patient.stderr
    assert "451 greylisted" in patient.stdout and "trying again in 15 s" in patient.stdout
    assert busy.recipients == ["boss@campus.test"]


def test_what_cannot_be_sent_is_said_in_a_sentence(office):
    port, = free_ports(1)
    nothing = send(office)
    assert nothing.returncode == 1 and "there is no [[reporter.mail]]" in nothing.stderr
    office.more_settings = mail_table(port)
    refused = send(office, "--week", office.week)
    assert refused.returncode == 1
    assert f"mail server 127.0.0.1:{port} cannot be reached: Connection refused" in refused.stdout
    assert "--mail-to: expected a mail address" in send(office, "--mail-to", "x").stderr
    assert 'id = "nobody"' in send(office, "--list", "nobody").stderr
    office.more_settings = mail_table(port, 'services = ["portals"]')
    assert "'portals', which is not defined" in send(office).stderr
    office.more_settings = mail_table(port, 'when = "monday"')
    wrong = send(office)
    assert wrong.returncode == 1
    assert re.search(r"slimtax\.toml:\d+:8: error: when: expected a time such as", wrong.stderr)
