"""Plain language: sentences become commands, through the real program, at a terminal, and with a program that answers."""

import http.server
import json
import os
import threading

import pytest

from harness import TOP
from talk import Talk

BULK = "Issue certificates for api-1 through api-3, all RSA 4096, 90 days"


def program(box, body):
    """An ask.command that is this shell script; the sentences that it got stand in work/asked."""
    path = box.file("answers.sh", f"#!/bin/sh\ncat >>asked\n{body}\n")
    path.chmod(0o700)
    folder = box.root / "config/ymgr"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "ymgr.yaml").write_text(f"ask:\n  command: [{path}, 'two words']\n")
    return path


def answering(box, answer):
    return program(box, f"printf '%s' '{answer if isinstance(answer, str) else json.dumps(answer)}'")


@pytest.mark.sanitized
def test_a_sentence_becomes_a_command_that_is_printed(bare):
    assert bare("ask", BULK).stdout == "ymgr issue 'api-{1..3}' --key rsa-4096 --validity 90d\n"
    assert bare("ask", "renew", "what", "is", "due").stdout == "ymgr renew --due\n"
    answer = bare.json("ask", "Revoke certificate cert-5678 - reason: key compromise")
    assert answer["argv"] == ["revoke", "cert-5678", "--reason", "keyCompromise"]
    assert answer["command"] == "ymgr revoke cert-5678 --reason keyCompromise"
    assert {"words": "key compromise", "means": "--reason keyCompromise"} in answer["understood"]
    assert (answer["questions"], answer["source"]) == ([], "grammar")
    assert not bare.box.profile.exists()  # nothing was opened


def test_the_printed_command_means_the_same_profile(bare):
    file = bare.box.file("other.yaml", "contexts: {prod: {home: /srv/prod}}\n")
    said = bare("-c", file, "ask", "--context", "prod", "renew web-1").stdout
    assert said == f"ymgr renew web-1 --config {file} --context prod\n"


def test_what_is_not_clear_is_asked_back(bare):
    said = bare("ask", "issue api.example.com with RSA, quickly", exit=2)
    assert said.stdout == ""
    assert "how many bits" in said.stderr and "'quickly'" in said.stderr and "hint:" in said.stderr
    answer = bare.json("ask", "issue api.example.com with RSA, quickly", exit=2)
    assert (answer["command"], answer["argv"], answer["code"]) == (None, None, "sentence-unclear")
    assert len(answer["questions"]) == 2 and answer["error"] == answer["questions"][0]
    for sentence in ("delete everything", "don't revoke api-1", "issue for ;rm", "set my PIN to 123456"):
        assert bare.json("ask", sentence, exit=2)["success"] is False


def test_flags_of_running_need_run(bare):
    for flag in ("--yes", "--dry-run", "--detailed-exitcode"):
        assert f"{flag} goes with --run" in bare("ask", flag, BULK, exit=2).stderr
    assert bare.json("ask", "--run", "--fields", "command", BULK, exit=2)["code"] == "usage"
    assert bare.json("ask", exit=2)["code"] == "usage"


def test_a_command_runs_as_if_it_had_been_typed(ymgr):
    answer = ymgr.json("ask", "--run", "--yes", BULK)
    assert answer["schema"] == "ymgr.issue.v1"
    assert [item["name"] for item in answer["items"]] == ["api-1", "api-2", "api-3"]
    listed = ymgr.json("ask", "--run", "--yes", "list certificates with RSA 4096")
    assert len(listed["certificates"]) == 3
    events = ymgr.json("audit", "list", "--request-id", answer["audit_reference"])["events"]
    assert "issue.intent" in {event["event"] for event in events} or events
    refused = ymgr.json("ask", "--run", "--yes", "issue weak-1 with RSA 2048", exit=5)
    assert refused["code"] == "policy-violation"


def test_dry_runs_and_exit_statuses_are_the_commands(ymgr):
    assert ymgr.json("ask", "--run", "--dry-run", "issue web-1")["schema"] == "ymgr.issue.v1"
    assert ymgr.json("cert", "list")["certificates"] == []
    assert ymgr.json("ask", "--run", "issue web-1 as a dry run")["schema"] == "ymgr.issue.v1"
    ymgr("ask", "--run", "--yes", "--detailed-exitcode", "issue web-1", exit=20)
    assert ymgr.json("ask", "--run", "--yes", "show certificate nobody-1", exit=3)["code"] == "certificate-not-found"


def test_without_a_terminal_a_yes_must_be_given(ymgr):
    answer = ymgr.json("ask", "--run", "issue web-1", exit=2)
    assert answer["code"] == "input-needed" and "--yes" in answer["suggestion"]
    assert ymgr.json("cert", "list")["certificates"] == []


@pytest.mark.parametrize(
    "sentence, command",
    [
        ("revoke web-1", "ymgr revoke web-1"),
        ("YubiKey 12345678 is lost", "ymgr device lost 12345678"),
        ("retire yubikey 12345678", "ymgr device retire 12345678"),
        ("reset yubikey 12345678", "ymgr device reset 12345678"),
        ("take web-1 off hold", "ymgr revoke web-1 --unhold"),
        ("disable user bob", "ymgr user disable bob"),
        ("approve req-1234", "ymgr operation approve req-1234"),
        ("deny req-1234", "ymgr operation deny req-1234"),
    ],
)
def test_some_commands_are_never_run_by_a_flag(bare, sentence, command):
    answer = bare.json("ask", "--run", "--yes", sentence, exit=2)
    assert answer["code"] == "input-needed"
    assert answer["suggestion"] == f"Run it yourself: {command}"


def test_a_person_at_a_terminal_says_yes(ymgr):
    talk = Talk(ymgr, "ask", "--run", "issue web-1")
    talk.say("Run: ymgr issue web-1 [y/N]", "n")
    exit, output = talk.finish()
    assert exit == 2 and "nothing was changed" in output
    talk = Talk(ymgr, "ask", "--run", "issue web-1")
    talk.say("[y/N]", "y")
    assert talk.finish()[0] == 0
    talk = Talk(ymgr, "ask", "--run", "--yes", "revoke web-1 as superseded")  # --yes is not heard
    talk.say("Run: ymgr revoke web-1 --reason superseded [y/N]", "y")
    talk.say("Revoke 1 certificate (web-1) for superseded? [y/N]", "y")
    assert talk.finish()[0] == 0
    assert ymgr.json("cert", "show", "web-1")["revocation_reason"] == "superseded"


def test_a_program_is_asked_what_the_grammar_does_not_know(ymgr):
    answering(ymgr.box, {"argv": ["issue", "shop.example.com", "--validity", "30d"]})
    answer = ymgr.json("ask", "The shop wants a cert, a month will do")
    assert (answer["command"], answer["source"]) == ("ymgr issue shop.example.com --validity 30d", "program")
    assert (ymgr.box.work / "asked").read_text() == "The shop wants a cert, a month will do\n"
    done = ymgr.json("ask", "--run", "--yes", "The shop wants a cert")
    assert done["schema"] == "ymgr.issue.v1" and done["name"] == "shop.example.com"
    (ymgr.box.work / "asked").unlink()
    ymgr("ask", BULK)  # the grammar comes first
    for sentence in ("set my PIN to 123456", "issue for $(reboot)", "issue web-1 --yes"):
        ymgr("ask", sentence, exit=2)
    assert not (ymgr.box.work / "asked").exists()


def test_a_program_may_ask_back(bare):
    answering(bare.box, {"question": "Which shop\u001b[2J?", "argv": []})
    answer = bare.json("ask", "The shop wants a cert", exit=2)
    assert (answer["questions"], answer["source"]) == (["Which shop?[2J?"], "program")
    assert "Which shop" in bare("ask", "The shop wants a cert", exit=2).stderr


def test_a_program_gets_nothing_but_the_sentence(bare):
    program(bare.box, "env >environment; printf '%s' \"$# $1\" >words; printf '{\"argv\":[\"whoami\"]}'")
    bare("ask", "sing", env={"VAULT_TOKEN": "secret", "PGPASSWORD": "secret", "YMGR_PASSWORD_FILE": "x", "MINE": "1", "CREDENTIALS_DIRECTORY": "/secret"})
    environment = (bare.box.work / "environment").read_text()
    assert "MINE=1" in environment and "secret" not in environment and "YMGR_" not in environment
    assert (bare.box.work / "words").read_text() == "1 two words"


@pytest.mark.parametrize(
    "answer, why",
    [
        ({"argv": ["issue", "a", "--yes"]}, "'--yes'"),
        ({"argv": ["issue", "a", "-c", "/tmp/x"]}, "'--config'"),
        ({"argv": ["issue", "a", "--context", "prod"]}, "'--context'"),
        ({"argv": ["issue", "a", "--out", "/etc"]}, "'--out'"),
        ({"argv": ["issue", "a", "--deploy-hook", "reboot"]}, "'--deploy-hook'"),
        ({"argv": ["issue", "a", "--nonsense"]}, "unknown option"),
        ({"argv": ["issue", "--", "--yes"]}, "'--' can"),
        ({"argv": ["issue", "--", "a"]}, "'--' can"),
        ({"argv": ["issue", "a", "--owner=-x"]}, "'-x' can"),
        ({"argv": ["set-pin", "--pin-file", "/tmp/pin"]}, "'--pin-file'"),
        ({"argv": ["device", "reveal", "1", "--what", "pin"]}, "no command for a sentence"),
        ({"argv": ["reconcile", "--revoke-orphans"]}, "'--revoke-orphans'"),
        ({"argv": ["whoami", "--identity-token"]}, "'--identity-token'"),
        ({"argv": ["ask", "--run", "x"]}, "no command for a sentence"),
        ({"argv": ["_docs", "man", "x"]}, "no command for a sentence"),
        ({"argv": ["nonsense"]}, "unknown command"),
        ({"argv": ["issue", "--help"]}, "no command for a sentence"),
        ({"argv": ["issue", "a\u001b[2J"]}, "can't stand"),
        ({"argv": "issue a"}, "no array"),
        ({"argv": [1]}, "no text"),
        ({"argv": ["whoami"], "question": "and?"}, "or both"),
        ({}, "neither"),
        ({"argv": ["whoami"], "run": True}, "member"),
        ([], "no object"),
        ("ymgr issue a", "can't be read"),
    ],
)
def test_an_answer_is_not_trusted(bare, answer, why):
    box = bare.box
    box.file("answer", answer if isinstance(answer, str) else json.dumps(answer))
    program(box, "cat answer")
    failure = bare.json("ask", "--run", "--yes", "The shop wants a cert", exit=1)
    assert failure["code"] == "ask-answer-invalid"
    assert why in failure["error"], failure


def test_a_program_that_fails_is_told(bare):
    for body, why in (
        ("exit 3", "exit status 3"),
        ("head -c 100000 /dev/zero", "wrote more than 65536 bytes"),
        ("sleep 60", "took longer than 1s"),
    ):
        program(bare.box, body)
        failure = bare.json("ask", "--timeout", "1s", "The shop wants a cert", exit=1)
        assert why in failure["error"], failure
    program(bare.box, "").unlink()
    assert "can't be started" in bare.json("ask", "The shop wants a cert", exit=1)["error"]


def test_the_setting_is_a_path_and_words(bare):
    path = bare.box.file("c.yaml", "ask:\n  command: [answers.sh]\n")
    assert "absolute" in bare.json("config", "validate", path, exit=2)["error"]
    path = bare.box.file("c.yaml", "ask:\n  command: [/bin/x, 'two words']\n")
    shown = {row["key"]: row["value"] for row in bare.json("-c", path, "config", "show")["settings"]}
    assert shown["ask.command"] == "/bin/x 'two words'"


class Api(http.server.BaseHTTPRequestHandler):
    """Plays the Claude API: keeps what was asked and answers what the test has laid down."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.append((self.path, dict(self.headers), json.loads(body)))
        self.server.written += [path for path in self.server.folder.glob("tmp.*/*") if b"sk-test" in path.read_bytes()]
        status, answer = self.server.answer
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

    def log_message(self, *_):
        pass


@pytest.fixture
def api(bare):
    server = http.server.HTTPServer(("127.0.0.1", 0), Api)
    server.asked, server.written, server.folder = [], [], bare.box.root
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_example_asks_a_language_model(bare, api):
    """ask-claude.sh against a local server that plays the API."""
    box = bare.box
    program(box, "").write_text(f'#!/bin/sh\nexec {TOP}/examples/ask-claude.sh\n')
    key = box.secret("key", "sk-test-4711\n")
    env = {"ANTHROPIC_BASE_URL": f"http://127.0.0.1:{api.server_port}", "ASK_CLAUDE_KEY_FILE": str(key), "ASK_CLAUDE_MODEL": "m-1"}
    command = {"type": "tool_use", "name": "answer", "input": {"argv": ["issue", "shop.example.com"]}}
    api.answer = 200, {"content": [{"type": "text", "text": "well"}, command]}
    sentence = 'The "shop" wants a cert, soon'
    assert bare.json("ask", sentence, env=env)["argv"] == ["issue", "shop.example.com"]
    path, headers, body = api.asked.pop()
    headers = {name.lower(): value for name, value in headers.items()}
    assert path == "/v1/messages"
    assert (headers["x-api-key"], headers["anthropic-version"]) == ("sk-test-4711", "2023-06-01")
    assert (body["model"], body["messages"]) == ("m-1", [{"role": "user", "content": sentence + "\n"}])
    assert body["tool_choice"] == {"type": "tool", "name": "answer"}

    command["input"] = {"question": "Which shop?"}
    assert bare.json("ask", sentence, env=env, exit=2)["questions"] == ["Which shop?"]
    command["input"] = {"argv": ["issue", "a", "--yes"]}
    assert bare.json("ask", sentence, env=env, exit=1)["code"] == "ask-answer-invalid"
    api.answer = 529, {"error": {"message": "Overloaded"}}
    assert "the API answers 529: Overloaded" in bare("ask", sentence, env=env, exit=1).stderr
    key.chmod(0o644)
    assert "chmod 600" in bare("ask", sentence, env=env, exit=1).stderr
    assert not any(name.startswith("tmp.") for name in os.listdir(box.root))
    assert api.written == []  # who is killed leaves no key behind


def test_a_program_that_others_could_have_named_is_not_run(bare):
    answering(bare.box, {"question": "which one?"})
    (bare.box.root / "config/ymgr/ymgr.yaml").chmod(0o664)
    answer = bare.json("ask", "tell me a story", exit=None)
    assert answer["code"] == "file-unsafe" and answer["suggestion"].startswith("chmod 0644 ")
    assert not (bare.box.root / "work/asked").exists()
    assert bare("ask", "renew what is due").stdout == "ymgr renew --due\n"
