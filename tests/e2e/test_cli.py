"""What every command keeps to: help, errors as text and JSON, output that can't be written, terminals and colours."""

import os
import signal
import subprocess

import pytest

from harness import wait_for
from talk import Talk


@pytest.mark.sanitized
@pytest.mark.parametrize(
    "words", [[], ["--help"], ["-h"], ["help"], ["user"], ["user", "--help"], ["help", "user", "add"], ["init", "--help"]]
)
def test_help_is_on_stdout_and_no_error(bare, words):
    answer = bare(*words)
    assert "Usage: ymgr" in answer.stdout
    assert answer.stderr == ""


def test_help_of_a_command_comes_before_its_missing_arguments(bare):
    assert bare("user", "add", "--help").stdout == bare("help", "user", "add").stdout


@pytest.mark.sanitized
@pytest.mark.parametrize(
    "words, message, hint",
    [
        (["isue", "web1"], "unknown command 'isue'", "Did you mean 'ymgr issue'? Run 'ymgr --help'"),
        (["user", "lst"], "unknown command 'user lst'", "Did you mean 'ymgr user list'? Run 'ymgr user --help'"),
        (["whoami", "--jsn"], "unknown option '--jsn'", "Did you mean '--json'? Run 'ymgr whoami --help'"),
        (["user", "add"], "missing argument NAME", "Run 'ymgr user add --help'"),
        (["version", "x\x1b[31m"], "unexpected argument 'x?[31m'", "Run 'ymgr version --help'"),
    ],
)
def test_a_usage_error_is_two_lines_or_one_document(bare, words, message, hint):
    text = bare(*words, exit=2)
    assert text.stdout == ""
    assert text.stderr == f"ymgr: error: {message}\nymgr: hint: {hint}\n"
    answer = bare.json(*words, exit=2)
    assert answer["schema"] == "ymgr.error.v1"
    assert answer["success"] is False
    assert (answer["code"], answer["exit"], answer["retryable"]) == ("usage", 2, False)
    assert answer["suggestion"] == hint
    lines = bare(*words, "-o", "jsonl", exit=2)
    assert lines.stdout.count("\n") == 1 and lines.json["code"] == "usage"
    assert lines.stderr == ""


def test_the_environment_chooses_the_form_of_errors_too(bare):
    assert bare("isue", env={"YMGR_OUTPUT": "json"}, exit=2).json["code"] == "usage"
    assert bare("version", env={"YMGR_OUTPUT": "json"}).json["version"]
    assert bare("version", "-o", "table", env={"YMGR_OUTPUT": "json"}).stdout.startswith("ymgr ")


@pytest.mark.parametrize("words", [["version"], ["version", "--json"], ["explain", "-o", "csv"], ["isue", "--json"]])
def test_an_answer_that_does_not_fit_on_the_disk_is_no_success(bare, words):
    with open("/dev/full", "w") as full:
        done = subprocess.run([bare.program, *words], stdout=full, stderr=subprocess.PIPE, env=bare.env, text=True)
    assert done.returncode == (2 if words[0] == "isue" else 8)
    assert "cannot write standard output: no space left on device" in done.stderr


def test_an_answer_that_nobody_reads_is_no_success(bare):
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run([bare.program, "version"], stdout=write, stderr=subprocess.PIPE, env=bare.env, text=True)
    os.close(write)
    assert done.returncode == 1
    assert "write standard output: broken pipe" in done.stderr.lower()


def test_a_broken_configuration_stops_what_needs_it_and_nothing_else(bare):
    file = bare.box.file("bad.yaml", "timeout: 5s\nhom: /x\n")
    env = {"YMGR_CONFIG": str(file)}
    assert bare("version", env=env).stdout.startswith("ymgr ")
    answer = bare("whoami", "--json", env=env, exit=2).json
    assert answer["code"] == "config-invalid"
    assert f"{file}:2:1" in answer["error"]


def test_colour_is_for_terminals_and_for_those_who_insist(bare):
    plain = bare("isue", exit=2).stderr
    assert "\x1b" not in plain
    assert "\x1b[1;31m" in bare("isue", exit=2, env={"CLICOLOR_FORCE": "1"}).stderr
    assert "\x1b" not in bare("isue", exit=2, env={"CLICOLOR_FORCE": "1", "NO_COLOR": "1"}).stderr
    assert "\x1b[1;31m" in bare("isue", "--color", "always", exit=2, env={"NO_COLOR": "1"}).stderr
    assert "\x1b" not in bare("isue", "--color=never", exit=2, env={"CLICOLOR_FORCE": "1"}).stderr


def test_fields_are_checked_before_anything_is_done(ymgr):
    answer = ymgr.json("user", "disable", "alice", "--fields", "nme", exit=2)
    assert answer["code"] == "usage"
    assert answer["suggestion"].endswith("The fields are user, role, changed")
    assert ymgr.json("user", "list", "--fields", "name,role")["users"] == [{"name": "alice", "role": "admin"}]
    assert ymgr("user", "list", "--fields", "role,name").stdout == "ROLE   NAME\nadmin  alice\n"


def test_explain_knows_every_code_and_its_exit_status(bare):
    codes = bare.json("explain")["codes"]
    assert len(codes) > 50
    assert {code["exit"] for code in codes} <= {1, 2, 3, 4, 5, 6, 7, 8, 10, 130}
    exits = {code["code"]: code["exit"] for code in codes}
    assert (exits["hook-failed"], exits["interrupted"]) == (10, 130)
    assert bare.json("explain", "policy-violation")["codes"][0]["exit"] == 5
    assert "Did you mean 'name-active'?" in bare("explain", "nameactive", exit=2).stderr


def test_init_asks_on_a_terminal_and_shows_no_password(bare):
    secrets = ["a password of words", "another one for the root"]
    talk = Talk(bare, "init")
    seen = b""
    talk.say("Name of the first admin", "carol")
    for question, answer in [
        ("Password of carol", secrets[0]),
        ("Once more:", secrets[0]),
        ("Passphrase of the root key:", secrets[1]),
        ("Once more:", secrets[1]),
    ]:
        talk.say(question, answer)
        seen += talk.output
    exit, output = talk.finish()
    assert exit == 0, output
    assert "The profile is made." in output
    for secret in secrets:
        assert secret not in seen.decode() + output
    password = bare.box.secret("carol.password", secrets[0])
    assert bare.login("carol", password)["role"] == "admin"


def test_two_different_answers_make_nothing(bare):
    talk = Talk(bare, "init", "--admin", "carol")
    talk.say("Password of carol", "a password of words")
    talk.say("Once more:", "a password of birds")
    exit, output = talk.finish()
    assert exit == 2 and "the two answers differ" in output
    assert not bare.box.profile.exists()


@pytest.mark.parametrize("number, status", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_at_the_password_prompt_brings_the_echo_back(ymgr, number, status):
    talk = Talk(ymgr, "login", "--user", "alice")
    talk.read_until(b"Password of alice:")
    wait_for(lambda: not talk.echoes(), "no echo")
    os.kill(talk.pid, number)
    _, ended = os.waitpid(talk.pid, 0)
    echoes = talk.echoes()
    os.close(talk.terminal)
    assert os.waitstatus_to_exitcode(ended) == status
    assert echoes


def test_without_a_terminal_the_missing_flag_is_named(ymgr):
    for words, flag in [
        (["login", "--user", "alice"], "--password-file FILE"),
        (["login"], "--user NAME"),
        (["user", "add", "bob"], "--password-file FILE"),
    ]:
        answer = ymgr.json(*words, exit=2)
        assert answer["code"] == "input-needed"
        assert answer["suggestion"] == f"Give {flag}"


def test_no_input_is_heeded_on_a_terminal(ymgr):
    exit, output = Talk(ymgr, "login", "--user", "alice", "--no-input").finish()
    assert exit == 2 and "--password-file" in output


@pytest.mark.parametrize("more, drawn", [([], True), (["--quiet"], False), (["--no-progress"], False)])
def test_a_bulk_draws_its_bar_on_a_terminal(ymgr, more, drawn):
    exit, output = Talk(ymgr, "issue", "web-{1..60}.example.com", *more).finish()
    assert exit == 0 and ("[##############################] 60/60" in output) is drawn, output
    assert ("\r\033[K" in output) is drawn, output  # and wipes it


def test_a_bulk_without_a_terminal_draws_no_bar(ymgr):
    assert ymgr("issue", "web-{1..60}.example.com").stderr == ""


def test_the_process_is_private(ymgr):
    talk = Talk(ymgr, "login", "--user", "alice")
    talk.read_until(b"Password of alice:")
    status = dict(line.split(":\t", 1) for line in open(f"/proc/{talk.pid}/status").read().splitlines())
    limits = open(f"/proc/{talk.pid}/limits").read()
    os.kill(talk.pid, signal.SIGKILL)
    talk.finish()
    assert status["Umask"] == "0077"
    assert int(status["SigIgn"], 16) & 1 << (signal.SIGPIPE - 1)
    core = next(line.split() for line in limits.splitlines() if line.startswith("Max core file size"))
    assert core[4:6] == ["0", "0"]


def test_detail_and_times_are_told_with_verbose_only(ymgr):
    quiet = ymgr("issue", "a.example.com")
    assert quiet.stderr == ""
    told = ymgr("issue", "b.example.com", "--verbose")
    assert "ymgr: time: " in told.stderr
    assert told.stdout != ""
    assert ymgr("issue", "c.example.com", "--quiet").stdout == ""
    assert ymgr("report", "--quiet").stdout != ""  # what a command reads is its output, not a summary
