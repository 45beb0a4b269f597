"""Definitions against the editor's JSON Schema, and the bad collection against the real registry of operations."""
import datetime
import json
import pathlib
import subprocess
import tomllib

import jsonschema
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
EXAMPLES = sorted((ROOT / "docs" / "examples").glob("*.toml"))
BAD = sorted((ROOT / "tests" / "bad-definitions").glob("*.toml"))

# Mistakes that no schema can see: what is no TOML at all, what only sums, other tables or the file system can tell,
# and dates, which JSON has none of. All others the editor must show, too.
BEYOND_A_SCHEMA = (
    "not-toml-", "not-utf8", "nul-byte", "json-instead-of-toml",
    "bad-budget-longer-than-period", "bad-closed-date", "bad-duration-zero", "bad-interval-too-short",
    "bad-expect-function", "bad-expect-json-", "bad-expect-or", "bad-expect-pattern", "bad-expect-reference",
    "bad-repeat-until", "bad-set-name", "bad-when-", "collect-bad-expect", "collect-duplicate-id",
    "collect-unknown-output", "bad-expect-regex", "bad-expect-syntax", "bad-expect-type", "bad-save-", "function-without-text",
    "bad-hours-over-midnight", "bad-maintenance-", "bad-pattern", "bad-share", "bad-think-", "bad-within-",
    "unknown-layer", "unknown-time-zone", "unknown-reference", "unknown-output",
    "missing-closing-brace", "missing-target", "wrong-type-maintenance-",
    "save-", "target-without-targets", "roster-before-login", "duplicate-probe", "duplicate-objective",
    "objective-", "recovery-", "agree-more-", "exclude-", "need-more-", "bands-overlap", "bands-impossible",
    "band-empty", "band-contradicts-itself", "causes-", "budget-longer-", "too-few-runs-", "rate-out-of-reach",
)


def for_json(value):
    if isinstance(value, dict):
        return {key: for_json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [for_json(item) for item in value]
    if isinstance(value, (datetime.date, datetime.time)):  # a datetime is a date, too
        return value.isoformat()
    return value


@pytest.fixture(scope="session")
def schema(programs):
    listed = subprocess.run([programs.prober, "list", "--format", "schema"], capture_output=True, text=True, timeout=60)
    assert listed.returncode == 0, listed.stderr
    schema = json.loads(listed.stdout)
    jsonschema.Draft202012Validator.check_schema(schema)
    return schema


def mistakes(schema, path):
    return [f"{'/'.join(map(str, error.absolute_path))}: {error.message}"
            for error in jsonschema.Draft202012Validator(schema).iter_errors(for_json(tomllib.loads(path.read_text())))]


def check(programs, *paths):
    return subprocess.run([programs.prober, "check", *paths], capture_output=True, text=True, timeout=60)


def test_the_schema_has_a_case_for_every_operation(schema):
    operations = schema["$defs"]["step"]["properties"]["do"]["enum"]
    for name in ("command.run", "dns.query", "http.get", "http.post", "ldap.bind", "ldap.search", "log.count",
                 "process.exists", "ssh.login", "tcp.connect", "xmpp.login", "xmpp.logout", "xmpp.roster"):
        assert name in operations
    for name in operations:
        assert f"step {name}" in schema["$defs"]


def test_no_operation_has_a_parameter_called_like_a_key_of_every_step(schema):
    steps = {name: step["properties"] for name, step in schema["$defs"].items() if name.startswith("step ")}
    for key in ("timeout", "within", "expect", "save", "think", "always"):
        descriptions = {json.dumps(step[key]) for step in steps.values() if step[key] is not False}
        assert len(descriptions) == 1, key


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_fits_the_schema(schema, path):
    assert mistakes(schema, path) == []


def test_there_is_an_example_of_every_kind_of_operation(schema):
    used = {step["do"] for path in EXAMPLES for probe in tomllib.loads(path.read_text()).get("probe", [])
            for step in probe["step"]}
    kinds = {name.split(".")[0] for name in schema["$defs"]["step"]["properties"]["do"]["enum"]}
    assert kinds == {name.split(".")[0] for name in used}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_check_has_no_word_to_say_about_an_example(programs, path):
    checked = check(programs, path)
    said = [line for line in (checked.stdout + checked.stderr).splitlines() if "error:" in line or "advice:" in line]
    assert said == []
    assert checked.returncode == 0


def test_every_operation_describes_itself_with_a_step_that_works(programs, tmp_path):
    operations = json.loads(subprocess.run([programs.prober, "list", "--format", "json"], capture_output=True,
                                           text=True, timeout=60).stdout)
    for operation in operations:
        steps = [operation["example"]]
        while operation["after"]:
            operation = next(other for other in operations if other["name"] == operation["after"])
            steps.insert(0, operation["example"])
        definition = tmp_path / "example.toml"
        definition.write_text('[service]\nid = "x"\n[[probe]]\nid = "x"\nlevel = "A2"\npurpose = "diagnostic"\n'
                              'targets = ["server.example"]\nevery = "60s"\ntimeout = "50s"\n'
                              + "".join(f"[[probe.step]]\n{step}\n" for step in steps))
        checked = check(programs, definition)
        assert checked.returncode == 0, f"{operation['name']}: {checked.stdout}{checked.stderr}"


def test_the_reference_page_is_what_the_program_says(programs):
    listed = subprocess.run([programs.prober, "list", "--format", "markdown"], capture_output=True, text=True, timeout=60)
    assert listed.returncode == 0
    assert (ROOT / "docs" / "operations.md").read_text() == listed.stdout, \
        "build/dev/prober/slimtax-prober list --format markdown > docs/operations.md"


def toml_of(path):
    try:
        return tomllib.loads(path.read_bytes().decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        return None


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_the_editor_sees_a_mistake_of_structure(schema, path):
    if path.stem.startswith(BEYOND_A_SCHEMA):
        if (toml := toml_of(path)) is not None:  # the list above must not hold more than it needs to
            if not path.stem.startswith(("bad-closed", "wrong-type-maintenance", "bad-maintenance")):
                assert jsonschema.Draft202012Validator(schema).is_valid(for_json(toml)), \
                    "the schema sees this mistake: take it off the list"
        return
    assert mistakes(schema, path) != []


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_check_refuses_a_bad_definition_with_places_and_reasons(programs, path):
    expected = []
    for line in path.read_bytes().decode(errors="replace").splitlines():
        if not line.startswith("# expect: "):
            break
        place, fragment = line.removeprefix("# expect: ").split(" ", 1)
        expected.append((place, fragment))
    assert expected
    checked = check(programs, path)
    assert checked.returncode == 1
    errors = [line for line in (checked.stdout + checked.stderr).splitlines() if ": error: " in line]
    assert len(errors) == len(expected), errors
    for error, (place, fragment) in zip(errors, expected):
        assert f"{path.name}:{place}: error: " in error
        assert fragment in error


REPORT_SCHEMA = json.loads((ROOT / "schemas" / "report.schema.json").read_text())
HEADER = "intended_start,service,probe,target,location,verdict,response_ms,reason\n"


def imported_week():
    """A week of chat and library pages: good, slow and failed runs, a gap, and our own side at fault."""
    rows = [HEADER]
    monday = datetime.datetime(2026, 11, 16, tzinfo=datetime.timezone.utc)
    verdicts = {3: "failed", 4: "failed", 9: "slow", 20: "timeout", 30: "prober_fault", 31: "not_run"}
    for k in range(0, 7 * 24 * 60, 2):
        if 3000 < k < 3200:
            continue
        at = (monday + datetime.timedelta(minutes=k)).isoformat().replace("+00:00", "Z")
        verdict = verdicts.get(k % 700 // 2, "ok")
        reason = "" if verdict in ("ok", "slow") else "connection to im1 refused"
        for service, probe, target, location in (("campus-im", "sign-in", "im1.campus.example", "noc"),
                                                 ("campus-im", "sign-in", "im2.campus.example", "noc"),
                                                 ("campus-im", "buddy-list", "im1.campus.example", "noc"),
                                                 ("campus-im", "messages", "", "im1"),
                                                 ("library-portal", "front-page", "www.campus.example", "noc"),
                                                 ("library-portal", "sign-in", "www.campus.example", "noc")):
            rows.append(f"{at},{service},{probe},{target},{location},{verdict},{9000 if verdict == 'slow' else 40},{reason}\n")
    return "".join(rows)


def report_of(programs, store, *period):
    made = subprocess.run([programs.reporter, "report", "--store", store, "--definitions", ROOT / "docs" / "examples",
                           "--format", "json", *period], capture_output=True, text=True, timeout=120)
    assert made.returncode == 0, made.stderr
    return json.loads(made.stdout)


def test_the_report_fits_its_schema(programs, tmp_path):
    jsonschema.Draft202012Validator.check_schema(REPORT_SCHEMA)
    store = tmp_path / "results.sqlite"
    imported = subprocess.run([programs.reporter, "import", "-", "--store", store, "--definitions",
                               ROOT / "docs" / "examples"], input=imported_week(), capture_output=True, text=True,
                              timeout=120)
    assert imported.returncode == 0, imported.stderr
    validator = jsonschema.Draft202012Validator(REPORT_SCHEMA)
    for week in ("2026-W47", "2026-W45"):  # the second without a single result
        report = report_of(programs, store, "--week", week)
        assert [f"{'/'.join(map(str, e.absolute_path))}: {e.message}" for e in validator.iter_errors(report)] == []
        assert len(report["services"]) == len(EXAMPLES)
    report = report_of(programs, store, "--week", "2026-W47")
    objectives = {(s["id"], o["id"]): o for s in report["services"] for o in s["objectives"]}
    assert objectives["campus-im", "sign-in"]["outages"], "the week was made with outages"
    assert objectives["campus-im", "buddy-list"]["bands"], "an A3 objective shows its bands"
