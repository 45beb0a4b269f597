"""What people say of outages afterwards, and reports that were given out: through the whole program."""
import json
import re
import subprocess

import pytest

from test_import_report import OFFICE, between, rows

WEEK = ["--week", "2026-W46"]
OUTAGE = "office/sign-in@2026-11-10T10:00"


@pytest.fixture
def office(tmp_path, programs):
    """Runs the reporter over a week with one outage of an hour, on Tuesday from 10 to 11."""
    (tmp_path / "definitions").mkdir()
    (tmp_path / "definitions" / "office.toml").write_text(OFFICE)

    def run(*arguments, text=None, status=0):
        out = subprocess.run([programs.reporter, *arguments, "--store", tmp_path / "results.sqlite", "--definitions",
                              tmp_path / "definitions"], input=text, capture_output=True, text=True)
        assert out.returncode == status, out.stdout + out.stderr
        return out.stdout + out.stderr

    begin, end = between(1, 10, 11)
    run("import", "-", text=rows(lambda at: "failed" if begin <= at < end else "ok"))
    return run


def objective(office):
    return json.loads(office("report", *WEEK, "--format", "json"))["services"][0]["objectives"][0]


def test_an_outage_is_amended_and_the_amendment_undone(office):
    assert objective(office)["budget"]["spent"] == 60
    listed = office("outages", *WEEK)
    assert "office/sign-in@2026-11-10T10:00:00Z" in listed

    said = office("amend", OUTAGE, "--planned", "--note", "announced by mail", "--who", "ada")
    number = re.search(r"--undo (\d+)", said).group(1)
    after = objective(office)
    assert after["budget"]["spent"] == 0
    assert after["minutes"]["planned"] == 120  # the hour of the definition, and this one
    assert after["outages"][0]["excused"] == "planned"
    assert after["outages"][0]["minutes"] == 60
    assert after["outages"][0]["amendments"][0]["who"] == "ada"
    page = office("report", *WEEK, "--format", "html")
    assert "announced by mail" in page and "ada" in page
    assert "announced by mail" in office("amend", "--list")

    office("amend", "--undo", number, "--note", "the mail was never sent")
    assert objective(office)["budget"]["spent"] == 60
    assert "is undone already" in office("amend", "--undo", number, "--note", "again", status=1)


def test_what_amend_cannot_do_is_said(office):
    for arguments, sentence in [
        (["office/sign-in@2026-11-11T10:00", "--planned", "--note", "x"],
         "no outage of office/sign-in began at 2026-11-11T10:00; there are:"),
        (["office/sign-in@2026-11-13", "--planned", "--note", "x"], "nor within a day of it"),
        (["files/sign-in@2026-11-10", "--planned", "--note", "x"], "there is no service 'files'"),
        (["office/log-in@2026-11-10", "--planned", "--note", "x"], "service office has no objective 'log-in'"),
        (["sign-in", "--planned", "--note", "x"], "'sign-in' names no outage"),
        ([OUTAGE, "--planned"], "why?"),
        ([OUTAGE, "--note", "x"], "say one thing at a time"),
        ([OUTAGE, "--planned", "--cause", "network", "--note", "x"], "say one thing at a time"),
        (["--planned", "--note", "x"], "which outage?"),
        (["--undo", "7", "--note", "x"], "there is no amendment 7"),
    ]:
        assert sentence in office("amend", *arguments, status=1), arguments
    assert "No outage was amended." in office("amend", "--list")


def test_a_report_that_says_something_else_than_one_given_out_is_marked(office):
    office("report", *WEEK, "--issue", "--format", "json")
    first = office("report", *WEEK, "--format", "html")
    assert objective(office)["revised"] is None
    # Late results of another prober, half a minute after the others: it saw failures on Wednesday.
    begin, end = between(2, 14, 15)
    late = rows(lambda at: "failed" if begin <= at < end else None)
    assert "60 results imported" in office("import", "-", text=late.replace(":00Z,office", ":30Z,office"))
    revised = objective(office)["revised"]
    assert revised["spent"] == 60
    assert revised["why"] == "results came in after it, or its definition was changed"
    page = office("report", *WEEK, "--format", "html")
    assert page != first and "evised" in page
    # Given out again, it is the same report byte for byte each time, and still says what changed.
    office("report", *WEEK, "--issue", "--format", "json")
    assert office("report", *WEEK, "--format", "html") == office("report", *WEEK, "--format", "html")
    assert objective(office)["revised"]["spent"] == 60
    assert "is not over yet" in office("report", "--from", "2026-11-09", "--to", "2999-01-01", "--issue", status=1)
