"""Manual pages, schemas and completions are those of the program."""

import json
import subprocess

import jsonschema
import pytest

from harness import TOP, run


def test_the_committed_manual_is_the_programs(bare, tmp_path):
    folder = tmp_path / "man"
    bare("_docs", "man", folder)
    made = {path.name: path.read_text() for path in folder.iterdir()}
    kept = {path.name: path.read_text() for path in (TOP / "man").glob("*.[15]")}
    assert sorted(made) == sorted(kept), "run: build/release/bin/ymgr _docs man man"
    for name, text in made.items():
        assert text == kept[name], f"{name} has drifted; run: build/release/bin/ymgr _docs man man"


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
    assert "Did you mean" in bare("schema", "usr", "list", exit=2).stderr


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
