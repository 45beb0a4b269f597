"""Definitions in an editor: the schema under taplo, the TOML linter and language server that many editors use.

Nothing here needs the network but the first call of tests/taplo/set-up.
"""
import json
import pathlib
import re
import subprocess
import tomllib

import pytest

from test_schema import BAD, BEYOND_A_SCHEMA, EXAMPLES, ROOT

TAPLO = ROOT / "tests" / "taplo"
# Of what no schema can see, some is not even TOML: that the linter tells, too. Dates it has, JSON has none.
NO_TOML = ("not-toml-", "not-utf8", "nul-byte", "json-instead-of-toml", "missing-closing-brace")


@pytest.fixture(scope="session")
def taplo():
    made = subprocess.run([TAPLO / "set-up"], capture_output=True, text=True, timeout=600)
    assert made.returncode == 0, made.stdout + made.stderr
    return TAPLO / "node_modules" / ".bin" / "taplo"


@pytest.fixture(scope="session")
def schema_file(programs, tmp_path_factory):
    file = tmp_path_factory.mktemp("editor") / "definitions.schema.json"
    listed = subprocess.run([programs.prober, "list", "--format", "schema"], capture_output=True, text=True, timeout=60)
    assert listed.returncode == 0, listed.stderr
    file.write_text(listed.stdout)
    return file


def refused(taplo, schema_file, files):
    """What the linter says of each file it refuses. `--schema` stands above the files' own #:schema lines."""
    said = subprocess.run([taplo, "lint", "--no-auto-config", "--colors", "never", "--schema", schema_file.as_uri(),
                           *files], capture_output=True, text=True, errors="replace", timeout=300)
    text = said.stdout + said.stderr
    assert f"found files total={len(files)}" in text, text
    faults = {}
    for part in re.split(r"^(?=error: )", text, flags=re.M)[1:]:
        place = re.search(r"┌─ (.*?):\d+:\d+$", part, flags=re.M)
        if place:
            faults.setdefault(pathlib.Path(place[1]).name, []).append(part)
    for path in re.findall(r'invalid file error=.* path="(.*?)"', text):
        faults.setdefault(pathlib.Path(path).name, [])
    assert (said.returncode != 0) == bool(faults), text
    return faults


@pytest.fixture(scope="session")
def faults(taplo, schema_file):
    return refused(taplo, schema_file, [*EXAMPLES, *BAD])


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_taplo_takes_an_example(faults, path):
    assert path.name not in faults, "\n".join(faults.get(path.name, []))


@pytest.mark.parametrize("path", [path for path in BAD if not path.stem.startswith(BEYOND_A_SCHEMA)],
                         ids=lambda path: path.stem)
def test_taplo_marks_a_mistake_of_structure(faults, path):
    assert path.name in faults


def test_taplo_marks_the_line_where_a_word_is_wrong(faults):
    for name, marked in (("unknown-parameter", "unknown-parameter.toml:"), ("bad-unit-m", "does not match"),
                         ("unknown-key-in-probe", "Additional properties are not allowed")):
        assert any(marked in said for said in faults[f"{name}.toml"]), faults[f"{name}.toml"]


def test_taplo_takes_what_new_writes_for_every_operation(programs, taplo, schema_file, tmp_path):
    names = [row["name"] for row in json.loads(subprocess.run([programs.prober, "list", "--format", "json"],
                                                              capture_output=True, text=True, timeout=60).stdout)]
    files = []
    for name in names:
        files.append(tmp_path / f"{name}.toml")
        made = subprocess.run([programs.prober, "new", name, "--out", files[-1]], capture_output=True, text=True,
                              timeout=60)
        assert made.returncode == 0, made.stderr
    assert refused(taplo, schema_file, files) == {}


@pytest.fixture(scope="session")
def ask(taplo, schema_file):
    """Asks the language server about the place of the | in a definition."""
    def asks(*questions):
        asked = []
        for kind, text in questions:
            text = f"#:schema {schema_file.as_uri()}\n{text}"
            before, after = text.split("|")
            asked.append({"ask": kind, "text": before + after, "line": before.count("\n"),
                          "column": len(before) - before.rfind("\n") - 1})
        said = subprocess.run(["node", TAPLO / "editor.cjs"], input=json.dumps(asked), capture_output=True, text=True,
                              timeout=120)
        assert said.returncode == 0, said.stderr[-2000:]
        answers = json.loads(said.stdout)
        assert all("error" not in answer for answer in answers), answers
        return [answer["result"] for answer in answers]
    return asks


SERVICE = '[service]\nid = "x"\n'
PROBE = SERVICE + '[[probe]]\nid = "p"\n'
STEP = PROBE + 'level = "A2"\n[[probe.step]]\n'


def test_the_editor_completes_keys_and_choices(ask):
    # Within [[probe.step]] this version of the server completes nothing: in a table below an array of tables it panics
    # (taplo-lsp, query.rs:259) before it looks at any schema, with the schema {} too.
    service, probe, level, objective = ask(
        ("completion", SERVICE + "|\n"),
        ("completion", PROBE + "|\n"),
        ("completion", PROBE + 'level = "|"\n'),
        ("completion", SERVICE + '[[objective]]\nid = "o"\n|\n'))
    assert {"title", "owner", "about", "definition", "tags"} <= {item["label"] for item in service}
    assert {"level", "targets", "every", "timeout", "step"} <= {item["label"] for item in probe}
    assert {"budget", "recovery", "bands", "users"} <= {item["label"] for item in objective}
    assert [item["label"] for item in level] == [f'"A{n}"' for n in range(5)]
    every = next(item for item in probe if item["label"] == "every")
    assert every["documentation"]["value"] == "The time from run to run."  # not only what a duration is


def test_the_editor_explains_what_the_mouse_is_on(ask):
    identity, operation, match, timeout, budget = ask(
        ("hover", '[service]\ni|d = "x"\n'),
        ("hover", STEP + 'do = "http|.get"\n'),
        ("hover", STEP + 'do = "http.get"\nmatch = "wo|rds"\n'),
        ("hover", STEP + 'do = "http.get"\ntimeout = "1|s"\n'),
        ("hover", SERVICE + '[[objective]]\nbudget = "50 min| per week"\n'))
    text = [answer["contents"]["value"] for answer in (identity, operation, match, timeout, budget)]
    assert "history hangs on it" in text[0]
    assert text[1].startswith("fetches a page over HTTP or HTTPS")
    assert "http.get" in text[2] and "found in the body" in text[2]
    assert "How long this step may take" in text[3]
    assert "Minutes of outage allowed" in text[4]


def test_the_linter_of_the_tests_is_pinned_and_names_no_registry():
    lock = json.loads((TAPLO / "package-lock.json").read_text())
    wanted = json.loads((TAPLO / "package.json").read_text())["dependencies"]
    for name, version in wanted.items():
        assert lock["packages"][f"node_modules/{name}"]["version"] == version
    for name, package in lock["packages"].items():
        assert not name or package["integrity"].startswith("sha512-")
    assert "http" not in (TAPLO / "package-lock.json").read_text()


def test_an_unreadable_definition_is_marked_where_it_breaks(faults):
    for path in BAD:
        if path.stem.startswith(NO_TOML):
            try:
                tomllib.loads(path.read_bytes().decode())
            except (tomllib.TOMLDecodeError, UnicodeDecodeError):
                assert path.name in faults, path.name
