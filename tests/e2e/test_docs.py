"""Manual pages, schemas and completions are those of the program."""

import json
import re
import subprocess

import jsonschema
import pytest

import privileges
from documents import check_items, schemas
from harness import FAILPOINT, RELEASE, TOP, Ymgr, run


def test_the_committed_manual_is_the_programs(bare, tmp_path):
    folder = tmp_path / "man"
    bare("_docs", "man", folder)
    made = {path.name: path.read_text() for path in folder.iterdir()}
    kept = {path.name: path.read_text() for path in (TOP / "man").glob("*.[15]")}
    assert sorted(made) == sorted(kept), "run: build/release/bin/ymgr _docs man man"
    for name, text in made.items():
        assert text == kept[name], f"{name} has drifted; run: build/release/bin/ymgr _docs man man"


def test_readme_has_every_privilege_of_the_review(bare):
    kept = (TOP / "README.md").read_text().partition(privileges.BEGIN)[2].partition(privileges.END)[0]
    assert kept == privileges.table(bare.program), "README has drifted; run: python3 tests/support/privileges.py"
    of_vault, of_postgresql = privileges.privileges(privileges.review(bare.program))
    assert len(of_vault) > 200 and len(of_postgresql) > 60
    for who, what, why in of_vault:
        path = re.sub(r"serial\d", "serial0…9", what.partition(" on ")[2].partition(";")[0])
        path = re.sub(r"-(ec|rsa|ed25519)$", "-(ec, rsa, ed25519)", path)
        rows = [line for line in kept.splitlines() if f"`{path}`" in line and line.endswith(f"| {why} |")]
        assert any(privileges.role(who) in row or "everybody" in row for row in rows), (who, what)


def test_the_agents_manual_has_every_option_and_no_other(bare):
    said = run([RELEASE.with_name("ymgr-agentd"), "--help"]).stdout
    page = (TOP / "man/ymgr-agentd.8").read_text().replace("\\-", "-")
    options = page.partition(".SH OPTIONS")[2].partition(".SH")[0]
    assert options_of(said) and options_of(said) == options_of(options)


def options_of(text):
    return set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", text))


def test_groff_has_nothing_to_say_about_the_manual():
    pages = sorted((TOP / "man").glob("*.[158]"))
    assert len(pages) > 20
    for page in pages:
        done = run(["groff", "-man", "-ww", "-Tutf8", page])
        assert done.stderr == "", page


def test_schemas_are_schemas(bare, tmp_path):
    folder = tmp_path / "schemas"
    bare("_docs", "schema", folder)
    files = list(folder.iterdir())
    assert len(files) > 20
    for file in files:
        schema = json.loads(file.read_text())
        jsonschema.Draft202012Validator.check_schema(schema)
        assert schema["$id"] == f"urn:ymgr:schema:{file.stem}"
    listed = {row["name"] for row in bare.json("schema")["schemas"]}
    assert listed == {file.stem for file in files}
    assert json.loads(bare("schema", "user", "list").stdout) == json.loads((folder / "ymgr.user-list.v1.json").read_text())
    assert bare.json("schema", "error")["json_schema"]["$id"] == "urn:ymgr:schema:ymgr.error.v1"
    for name in sorted(listed):  # as a document names its own
        assert json.loads(bare("schema", name).stdout) == json.loads((folder / f"{name}.json").read_text())
    assert "Did you mean" in bare("schema", "usr", "list", exit=2).stderr


def command_paths(bare):
    """As the program lists them: "cert list"."""
    rows = bare.json("schema")["schemas"]
    return [row["command"].removeprefix("ymgr ") for row in rows if row["command"].startswith("ymgr ")]


def test_every_command_has_a_page_a_schema_an_example_and_is_completed(bare):
    paths = command_paths(bare)
    assert len(paths) > 70
    for path in paths:
        page = (TOP / f"man/ymgr-{path.replace(' ', '-')}.1").read_text()
        example = page.partition(".SH EXAMPLES")[2].partition(".SH")[0]
        assert "\\fBymgr" in example or "ymgr " in example, path
        assert bare.json("schema", *path.split())["json_schema"]["properties"]["schema"] == {"const": f"ymgr.{path.replace(' ', '-')}.v1"}
        offered = bare("__complete", "bash", "--", *path.split()).stdout.split()
        assert path.split()[-1] in offered, path
        assert f"\\fBymgr {path}".replace("-", "\\-") in (TOP / "man/ymgr.1").read_text()


def test_some_test_holds_each_command_against_its_schema(bare):
    """`….json("cert", "list")` does, wherever it stands."""
    text = "\n".join(path.read_text() for path in (TOP / "tests/e2e").glob("*.py"))
    called = set()
    for words in re.findall(r"(?:json\(|words = \[)\s*((?:\"[a-z-]+\",?\s*)+)", text):
        words = re.findall(r"[a-z-]+", words)
        called |= {words[0], " ".join(words[:2])}
    assert [path for path in command_paths(bare) if path not in called] == []


def test_documents_that_little_else_looks_at(ymgr, box):
    assert ymgr.json("version")["version"]
    assert "complete -F" in ymgr.json("completion", "bash")["script"]
    assert "Usage" in ymgr.json("help", "issue")["help"]
    assert ymgr.json("audit", "checkpoint", "--out", box.work / "checkpoint.json")["success"] is True
    assert ymgr.json("audit", "export", "--out", box.work / "trail.jsonl")["success"] is True
    policy = (box.profile / "policy.yaml").read_text().replace("version: v", "version: v9", 1)
    assert ymgr.json("policy", "set", box.file("policy.yaml", policy))["version"].startswith("v9")
    Ymgr(FAILPOINT, box).armed("kill@6")("issue", "web1.example.com", exit=-9)
    (stopped,) = ymgr.json("operation", "list")["operations"]
    assert ymgr.json("operation", "abandon", stopped["request_id"], "--yes")["success"] is True


LISTS = [
    ["cert", "list"], ["user", "list"], ["device", "list"], ["operation", "list"], ["audit", "list"], ["ca", "show"],
    ["config", "show"], ["explain"], ["schema"], ["doctor"], ["issue", "web[2-4].example.com"], ["cert", "explain", "web1.example.com"],
]  # fmt: skip


def test_lines_of_json_are_items_of_the_schema(ymgr):
    ymgr("issue", "web1.example.com")
    for words in LISTS:
        lines = ymgr(*words, "-o", "jsonl", exit=None).stdout.splitlines()
        command = next(path for path in (" ".join(words[:2]), words[0]) if f"ymgr.{path.replace(' ', '-')}.v1" in schemas(ymgr.program))
        assert lines or command in ("device list", "operation list"), words
        check_items(ymgr.program, command, [json.loads(line) for line in lines])


def test_markdown_is_written(bare, tmp_path):
    bare("_docs", "markdown", tmp_path)
    assert (tmp_path / "ymgr-issue.md").read_text().startswith("# ymgr-issue\n")


@pytest.mark.parametrize("shell, file", [("bash", "ymgr.bash"), ("zsh", "_ymgr"), ("fish", "ymgr.fish")])
def test_completion_prints_the_script_that_is_packaged(bare, shell, file):
    assert bare("completion", shell).stdout == (TOP / "completions" / file).read_text()


def complete_in_bash(ymgr, line):
    script = """
      compopt() { :; }
      source "$1"
      COMP_LINE=$2 COMP_POINT=${#2}
      COMP_WORDS=() COMP_CWORD=0
      _ymgr
      printf '%s\\n' "${COMPREPLY[@]}"
    """
    path = f"{ymgr.program.parent}:{ymgr.env['PATH']}"
    done = subprocess.run(
        ["bash", "-c", script, "bash", TOP / "completions/ymgr.bash", line],
        capture_output=True, text=True, cwd=ymgr.box.work, env={**ymgr.env, "PATH": path}, check=True,
    )  # fmt: skip
    assert done.stderr == ""
    return done.stdout.split()


def test_bash_completes_commands_options_and_what_the_profile_knows(ymgr):
    ymgr("issue", "web1.example.com")
    ymgr("issue", "api.example.com")
    ymgr("logout")  # names are no secret of the session
    assert complete_in_bash(ymgr, "ymgr vers") == ["version"]
    assert complete_in_bash(ymgr, "ymgr user set-") == ["set-role", "set-names", "set-password"]
    assert complete_in_bash(ymgr, "ymgr cert show w") == ["web1.example.com"]
    assert complete_in_bash(ymgr, "ymgr issue x --profile tls-c") == ["tls-client"]
    assert complete_in_bash(ymgr, "ymgr issue x --profile=tls-c") == ["tls-client"]
    assert complete_in_bash(ymgr, "ymgr user disable ") == ["alice"]
    ymgr.box.file("a-file", "")
    assert complete_in_bash(ymgr, "ymgr init --policy a-f") == ["a-file"]
    assert complete_in_bash(ymgr, "ymgr nonsense ") == []


def test_completion_without_a_profile_offers_what_it_can(bare):
    assert complete_in_bash(bare, "ymgr vers") == ["version"]
    assert complete_in_bash(bare, "ymgr cert show w") == []


def test_zsh_and_fish_get_explanations(ymgr):
    for shell in ("zsh", "fish"):
        assert ymgr("__complete", shell, "--", "vers").stdout == "version\tshow the version\n"
        assert ymgr("__complete", shell, "--", "user", "disable", "").stdout == "alice\tadmin\n"
