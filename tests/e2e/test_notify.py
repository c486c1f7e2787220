"""Notices: a real mail server, a real HTTPS server and a program are told, once, whatever happens to them or to ymgr."""

import datetime
import json
import shutil
import sqlite3
import time

import jsonschema
import pytest
import yaml

from documents import schemas
from harness import FAILPOINT, RELEASE, Box, Ymgr, free_port
from receivers import PASSWORD, USER, MailServer, WebServer, make_certificate, silent_server
from test_track import foreign

NAME = "www.example.com"
DAY = datetime.timedelta(days=1)
TELL = "#!/bin/sh\ncat >> told.jsonl\n"


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    return make_certificate(tmp_path_factory.mktemp("server"))


@pytest.fixture(scope="module")
def other_pair(tmp_path_factory):
    return make_certificate(tmp_path_factory.mktemp("other"), "other.example.com")


@pytest.fixture
def mail(pair):
    server = MailServer(pair)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def web(pair):
    server = WebServer(pair)
    yield server
    server.stop()


def configure(box, **channels):
    """Writes `notify` of the user's configuration."""
    folder = box.root / "config/ymgr"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "ymgr.yaml").write_text(yaml.safe_dump({"notify": {"timeout": "2s", **channels}}))


def by_mail(box, server, pair, **more):
    settings = {"host": "localhost", "port": server.port, "ca_file": str(pair[0]), "from": "ymgr@example.com"}
    return {**settings, "to": ["ops@example.com", "security@example.com"], **more}


def by_web(server, pair, **more):
    return {"url": f"https://localhost:{server.port}/hook?of=ymgr", "ca_file": str(pair[0]), **more}


def by_program(box, text=TELL):
    program = box.file("tell", text)
    program.chmod(0o755)
    return {"command": [str(program)]}


def program_told(box):
    """The digests that the program got, in order."""
    path = box.work / "told.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def change(box, statement, *values):
    with sqlite3.connect(box.profile / "ymgr.db") as database:
        database.execute(statement, values)
    database.close()


def expires_in(box, days, name=NAME):
    """The certificate has so many days left, and its renewal is overdue."""
    now = time.time_ns() // 1000
    end = now + int(days * 86400e6)
    change(box, "UPDATE certificates SET expires_at = ?, renew_at = ? WHERE name = ?", end, min(now, end) - int(4e11), name)


def ids(digest):
    return [notice["id"] for notice in digest["notices"]]


def test_a_test_message_goes_over_every_channel(bare, empty_box, mail, web, pair):
    mail.login = True
    secret = empty_box.secret("mail.password", PASSWORD + "\n")
    token = empty_box.secret("token", "Bearer abc")
    configure(
        empty_box,
        mail=by_mail(empty_box, mail, pair, user=USER, password_file=str(secret)),
        webhook=by_web(web, pair, header="Authorization", header_file=str(token)),
        exec=by_program(empty_box),
    )
    answer = bare.json("notify", "test")
    assert [(one["channel"], one["success"]) for one in answer["channels"]] == [
        ("mail", True),
        ("webhook", True),
        ("exec", True),
    ]
    (sent,) = mail.take()
    assert mail.handler.logins == [True]
    assert sent["Subject"].startswith("ymgr: test message from ") and sent["To"].count("@") == 2
    assert sent["Auto-Submitted"] == "auto-generated" and sent["Date"] and sent["Message-ID"].endswith("@example.com>")
    assert "Nothing has failed" in sent.get_content()
    ((path, headers, posted),) = web.take()
    assert path == "/hook?of=ymgr" and headers["Authorization"] == "Bearer abc"
    assert headers["Content-Type"] == "application/json" and headers["Idempotency-Key"] == posted["id"]
    for document in (posted, *program_told(empty_box)):
        jsonschema.validate(document, schemas(RELEASE)["ymgr.notice.v1"])
        assert document["test"] and document["notices"] == []
    assert bare.json("notify", "test", "--channel", "exec")["channels"][0]["channel"] == "exec"
    assert len(program_told(empty_box)) == 2 and not mail.take() and not web.take()


@pytest.mark.parametrize("tls, port_of", [("tls", "tls"), ("none", "none")])
def test_mail_with_tls_from_the_first_byte_and_none_on_this_host(bare, empty_box, pair, tls, port_of):
    server = MailServer(pair, tls)
    server.start()
    try:
        configure(empty_box, mail=by_mail(empty_box, server, pair, tls=tls))
        bare("notify", "test")
        assert len(server.take()) == 1
    finally:
        server.stop()


def test_a_credential_of_systemd_is_a_password(bare, empty_box, mail, pair):
    mail.login = True
    empty_box.secret("credentials/smtp", PASSWORD)
    configure(empty_box, mail=by_mail(empty_box, mail, pair, user=USER, password_file="credential:smtp"))
    bare("notify", "test", env={"CREDENTIALS_DIRECTORY": str(empty_box.work / "credentials")})
    assert bare.json("notify", "test", exit=2)["channels"][0]["code"] == "config-invalid"
    empty_box.secret("credentials/smtp", "wrong")
    refused = bare.json("notify", "test", env={"CREDENTIALS_DIRECTORY": str(empty_box.work / "credentials")}, exit=1)
    assert refused["channels"][0]["code"] == "channel-refused" and len(mail.take()) == 1


def result_of(ymgr, exit):
    (one,) = ymgr.json("notify", "test", exit=exit)["channels"]
    assert not one["success"] and one["suggestion"]
    return one["code"], one["error"]


def test_mail_servers_that_fail_say_why(bare, empty_box, mail, pair, other_pair):
    plain = MailServer(pair, "none")
    plain.start()
    cases = [
        ({"port": free_port()}, 8, "channel-unreachable", "connect"),
        ({"host": "127.0.0.2"}, 8, "channel-unreachable", ""),
        ({"ca_file": str(other_pair[0])}, 8, "channel-untrusted", "certificate"),
        ({"ca_file": "/nowhere.pem"}, 3, "file-not-found", "/nowhere.pem"),
        ({"port": plain.port}, 8, "channel-untrusted", "STARTTLS"),
    ]
    with silent_server() as port:
        for more, exit, code, words in [*cases, ({"port": port}, 8, "channel-unreachable", "time")]:
            configure(empty_box, timeout="1s", mail=by_mail(empty_box, mail, pair, **more))
            told = result_of(bare, exit)
            assert told[0] == code and words in told[1], (more, told)
    plain.stop()
    configure(empty_box, mail=by_mail(empty_box, mail, pair))
    for answer, exit, code in [("451 later", 8, "channel-unreachable"), ("554 no", 1, "channel-refused")]:
        mail.handler.answers.append(answer)
        told = result_of(bare, exit)
        assert told[0] == code and answer[:3] in told[1]
    assert not mail.take()


def test_webhooks_that_fail_say_why(bare, empty_box, web, pair, other_pair):
    for status, exit, code in [(500, 8, "unreachable"), (429, 8, "unreachable"), (404, 1, "refused"), (302, 1, "refused")]:
        web.status = status
        configure(empty_box, webhook=by_web(web, pair))
        told = result_of(bare, exit)
        assert told[0] == f"channel-{code}" and f"{status}: said the server" in told[1] and "hook?" not in told[1]
    other = WebServer(other_pair)
    configure(empty_box, webhook=by_web(other, other_pair))
    assert result_of(bare, 8)[0] == "channel-untrusted"
    configure(empty_box, webhook=by_web(other, pair))
    assert result_of(bare, 8)[0] == "channel-untrusted"
    other.stop()
    assert not web.take() and not other.take()
    with silent_server() as port:
        configure(empty_box, timeout="1s", webhook={"url": f"http://127.0.0.1:{port}/"})
        assert result_of(bare, 8)[0] == "channel-unreachable"


def test_programs_that_fail_say_why(bare, empty_box):
    for text, exit, code, words in [
        ("#!/bin/sh\nexit 3\n", 1, "channel-refused", "exit status 3"),
        ("#!/bin/sh\nsleep 60\n", 8, "channel-unreachable", "took longer"),
    ]:
        configure(empty_box, timeout="1s", exec=by_program(empty_box, text))
        told = result_of(bare, exit)
        assert told[0] == code and words in told[1]
    configure(empty_box, exec={"command": "/nowhere/program --now"})
    assert result_of(bare, 8)[0] == "channel-unreachable"


def test_slack_gets_text_and_the_url_may_be_a_secret(bare, empty_box, web, pair):
    url = empty_box.secret("url", f"https://localhost:{web.port}/services/SECRET\n")
    configure(empty_box, webhook={"url_file": str(url), "kind": "slack", "ca_file": str(pair[0])})
    result = bare("notify", "test", "--verbose")
    ((path, _, document),) = web.take()
    assert path == "/services/SECRET" and list(document) == ["text"]
    assert document["text"].startswith("ymgr: test message")
    assert "SECRET" not in result.stdout + result.stderr + bare("config", "show").stdout
    url.chmod(0o644)
    assert result_of(bare, 2)[0] == "file-unsafe"


def test_some_channels_fail(bare, empty_box, web, pair):
    configure(empty_box, webhook=by_web(web, pair), exec=by_program(empty_box, "#!/bin/sh\nexit 1\n"))
    answer = bare.json("notify", "test", exit=9)
    assert [one["success"] for one in answer["channels"]] == [True, False]


@pytest.mark.parametrize(
    "settings, words",
    [
        ({}, "no channel for notices"),
        ({"mail": {"host": "localhost"}}, "lacks from"),
        ({"mail": {"host": "a.example", "from": "a@b.c", "to": "a@b.c", "tls": "none"}}, "on this host"),
        ({"mail": {"host": "localhost", "from": "a@b.c", "to": "a@b.c", "user": "u"}}, "lacks password_file"),
        ({"mail": {"from": "a@b.c\r\nBcc: x@y.z"}}, "no mail address"),
        ({"mail": {"to": ["a@b.c", "a b@c"]}}, "no mail address"),
        ({"mail": {"password": "secret"}}, "password"),
        ({"webhook": {"url": "http://example.com/"}}, "URL of the webhook"),
        ({"webhook": {"url": "https://user:secret@example.com/"}}, "URL of the webhook"),
        ({"webhook": {"url": "https://a.example/", "url_file": "/x"}}, "url and url_file"),
        ({"webhook": {"url": "https://a.example/", "header": "Authorization"}}, "lacks header_file"),
        ({"windows": [30, 0]}, "list of days"),
        ({"exec": {"command": "'open"}}, "quote"),
    ],
)
def test_settings_that_are_wrong(bare, empty_box, settings, words):
    configure(empty_box, **settings)
    failure = bare.json("notify", "test", exit=2)
    assert words in failure["error"] and failure["suggestion"] and "secret" not in failure["error"]


def days_later(count):
    return (datetime.datetime.now(datetime.timezone.utc) + count * DAY).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_each_window_once_over_moved_time(failpoint, box, mail, pair):
    failpoint("issue", NAME, "--validity", "90d")
    configure(box, mail=by_mail(box, mail, pair), exec=by_program(box))
    login = {"YMGR_USER": "alice", "YMGR_PASSWORD_FILE": str(box.password_file)}
    told = {}
    for day in (59, 61.5, 62, 77, 78, 84, 89.5, 91, 92):
        failpoint.armed(clock=days_later(day)).json("notify", "send", env=login)
        for sent in mail.take():
            told[day] = sent["Subject"], sent.get_content()
    assert list(told) == [61.5, 77, 84, 89.5, 91]
    assert [one["notices"][0]["window_days"] for one in program_told(box)] == [30, 14, 7, 1, 0]
    assert told[84][0] == "ymgr: 1 certificate not renewed" and f"{NAME} expires in" in told[84][1]
    assert f"{NAME} has expired" in told[91][1]
    for digest in program_told(box):
        jsonschema.validate(digest, schemas(RELEASE)["ymgr.notice.v1"])


def test_hosts_that_fall_silent_are_told_of_and_many_of_them_once(failpoint, box):
    configure(box, exec=by_program(box))
    moment = int((time.time() - 3 * 86400) * 1e6)

    def falls_silent(count):
        for number in range(count):
            change(box, "INSERT OR IGNORE INTO heartbeats VALUES (?, 'alice', ?, ?, 0, NULL, ?)", f"web{number}", moment, moment, moment)
        failpoint("notify", "send")
        return [(notice["kind"], notice["name"]) for notice in program_told(box)[-1]["notices"]]

    assert falls_silent(2) == [("failure", "renew --due on web0"), ("failure", "renew --due on web1")]
    assert falls_silent(300) == [("failure", "renew --due on 300 hosts")]
    change(box, "DELETE FROM heartbeats WHERE host <> 'web0'")
    assert falls_silent(0) == [("recovery", "renew --due on 300 hosts"), ("recovery", "renew --due on web1")]
    for digest in program_told(box):
        jsonschema.validate(digest, schemas(RELEASE)["ymgr.notice.v1"])


def test_certificates_from_elsewhere_are_told_of_in_each_window(failpoint, box, mail, pair):
    foreign(box.work, "vendor.example.com", days=90)
    failpoint("cert", "track", "vendor.example.com.pem")
    configure(box, mail=by_mail(box, mail, pair), exec=by_program(box))
    login = {"YMGR_USER": "alice", "YMGR_PASSWORD_FILE": str(box.password_file)}
    told = {}
    for day in (59, 61.5, 62, 77, 84, 89.5, 91, 92):
        failpoint.armed(clock=days_later(day)).json("notify", "send", env=login)
        for sent in mail.take():
            told[day] = sent.get_content()
    assert list(told) == [61.5, 77, 84, 89.5, 91]
    assert "vendor.example.com expires in 12 days" in told[77]
    assert "seen at file:" in told[77] and "not our CA's" in told[77] and "has expired" in told[91]
    foreign(box.work, "vendor.example.com", days=98)
    failpoint("cert", "track", "vendor.example.com.pem")
    for _ in range(2):
        failpoint.armed(clock=days_later(92)).json("notify", "send", env=login)
    digests = program_told(box)
    assert [one["notices"][0]["window_days"] for one in digests] == [30, 14, 7, 1, 0, 7]
    assert all(one["notices"][0]["cert_id"].startswith("track-") for one in digests)
    assert len({one["notices"][0]["id"] for one in digests}) == 6
    for digest in digests:
        jsonschema.validate(digest, schemas(RELEASE)["ymgr.notice.v1"])


def test_a_successor_that_can_not_be_issued_is_told_of_once(failpoint, box, web, pair):
    foreign(box.work, "moving.corp.test", days=40)
    wish = ["cert", "track", "moving.corp.test.pem", "--renew", "--out", box.work / "ours"]
    failpoint(*wish)
    configure(box, webhook=by_web(web, pair))
    (place,) = (box.profile / "install.d").iterdir()
    kept = place.read_text()
    place.unlink()
    login = {"YMGR_USER": "alice", "YMGR_PASSWORD_FILE": str(box.password_file)}
    night = failpoint.armed(clock=days_later(28))
    night.json("renew", "--due", env=login, exit=None)
    ((_, _, digest),) = web.take()
    assert [(one["kind"], one["name"]) for one in digest["notices"]] == [
        ("failure", "renewal of moving.corp.test"),
        ("expiry", "moving.corp.test"),
    ]
    night.json("notify", "send", env=login)
    night.json("renew", "--due", env=login, exit=None)
    assert not web.take()
    place.write_text(kept)
    night.json("renew", "--due", env=login)
    ((_, _, digest),) = web.take()
    assert [one["kind"] for one in digest["notices"]] == ["recovery"]


def test_what_its_offset_left_to_the_next_run_is_no_failure(failpoint, box):
    configure(box, exec=by_program(box))
    due = failpoint.json("issue", NAME, "--validity", "90d")["renew_at"]
    moment = datetime.datetime.fromisoformat(due.replace("Z", "+00:00")) + datetime.timedelta(seconds=1)
    login = {"YMGR_USER": "alice", "YMGR_PASSWORD_FILE": str(box.password_file)}
    for hours, renewed in ((0, 0), (2, 1)):
        at = (moment + datetime.timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ")
        assert len(failpoint.armed(clock=at).json("renew", "--due", env=login)["items"]) == renewed
    assert [one['text'] for digest in program_told(box) for one in digest['notices']] == []


def test_what_else_ends_is_told_when_it_is_due_and_in_each_window(failpoint, box):
    configure(box, exec=by_program(box))
    login = {"YMGR_USER": "alice", "YMGR_PASSWORD_FILE": str(box.password_file)}
    for day in (1000, 1500, 1501, 5 * 365 - 20, 5 * 365 - 19):
        failpoint.armed(clock=days_later(day))("renew", "--due", env=login, exit=None)
        failpoint.armed(clock=days_later(day))("notify", "send", env=login, exit=None)
    told = [one for digest in program_told(box) for one in digest["notices"] if one["name"].startswith("issuing-ca ")]
    assert [one["kind"] for one in told] == ["expiry", "expiry"] and told[0]["window_days"] > 300
    assert told[1]["window_days"] == 30 and "ymgr ca rotate" in told[1]["text"]


def test_renewal_tells_of_hooks_and_of_what_it_could_not_renew(ymgr, box, web, pair):
    configure(box, webhook=by_web(web, pair))
    ymgr("issue", NAME, "--validity", "48h", "--out", "tls", "--deploy-hook", "test -e good")
    due = ["renew", "--due", "--renew-before", "47h59m", "--json"]
    ymgr.json(*due[:-1], exit=10)
    ((_, _, digest),) = web.take()
    assert [(one["kind"], one["code"]) for one in digest["notices"]] == [("failure", "hook-failed")]
    assert digest["notices"][0]["message"] == "the deploy hook failed: exit status 1"
    ymgr.json("renew", "--due", exit=10)
    assert not web.take()
    box.file("good", "")
    ymgr.json("renew", "--due")
    ((_, _, digest),) = web.take()
    assert digest["summary"] == {"failure": 0, "expiry": 0, "recovery": 1}
    ymgr.json("renew", "--due")
    assert not web.take()
    listed = ymgr.json("notify", "list")["notices"]
    assert [(one["kind"], one["state"]) for one in listed] == [("recovery", "sent"), ("failure", "sent")]
    assert ymgr.json("notify", "list", "--state", "owed")["notices"] == []


def test_a_channel_that_is_down_holds_nothing_up_and_is_told_later(ymgr, box, pair):
    ymgr("issue", NAME, "--validity", "48h", "--out", "tls", "--deploy-hook", "false")
    with silent_server() as port:
        silent = {"url": f"http://127.0.0.1:{port}/"}
        configure(box, timeout="1s", webhook=silent, exec=by_program(box))
        result = ymgr("renew", "--due", "--renew-before", "47h59m", exit=10)
    assert "notices are owed by webhook" in result.stderr
    assert ymgr.json("cert", "show", NAME)["renewed_from"]
    (owed,) = ymgr.json("notify", "list", "--state", "owed")["notices"]
    assert owed["channel"] == "webhook" and owed["attempts"] == 1 and owed["repeated"] and owed["error"]
    server = WebServer()
    configure(box, webhook={"url": f"http://localhost:{server.port}/"}, exec=by_program(box))
    answer = ymgr.json("notify", "send")
    ((_, _, digest),) = server.take()
    assert [(one["channel"], one["count"]) for one in answer["channels"]] == [("webhook", 1)]
    assert digest["notices"][0]["repeated"] and len(program_told(box)) == 1
    server.stop()


def test_what_is_renewed_or_revoked_is_not_told(ymgr, box):
    configure(box, exec=by_program(box))
    for name in ("renewed.example.com", "revoked.example.com", "missed.example.com"):
        ymgr("issue", name, "--validity", "90d")
    ymgr("renew", "renewed.example.com", "--force")
    ymgr("revoke", "revoked.example.com", "--yes")
    change(box, "UPDATE certificates SET renew_at = 0, expires_at = ? WHERE renewed_from IS NULL", expiry_in_days(6))
    planned = ymgr.json("notify", "send", "--dry-run")["channels"]
    assert [one["count"] for one in planned] == [1] and not program_told(box)
    assert not ymgr.json("notify", "list")["notices"]
    ymgr.json("notify", "send", "--detailed-exitcode", exit=20)
    ymgr.json("notify", "send", "--detailed-exitcode")
    assert [[one["name"] for one in digest["notices"]] for digest in program_told(box)] == [["missed.example.com"]]


def expiry_in_days(days):
    return time.time_ns() // 1000 + int(days * 86400e6)


def test_two_processes_tell_once(ymgr, box):
    ymgr("issue", NAME)
    expires_in(box, 6)
    configure(box, timeout="20s", exec=by_program(box, "#!/bin/sh\nsleep 0.5\ncat >> told.jsonl\n"))
    runs = [ymgr.start("notify", "send") for _ in range(3)]
    for run in runs:
        out, err = run.communicate(timeout=60)
        assert run.returncode == 0, out + err
    assert len(program_told(box)) == 1


def told_after_kill(base, root, number):
    """(the killed run went on to its end, what the program got before, what it got afterwards)"""
    box = Box(root)
    try:
        box.copy_from(base)
        configure(box, timeout="20s", exec=by_program(box))
        killed = Ymgr(FAILPOINT, box).armed(f"kill@{number}")("notify", "send", exit=None)
        before = program_told(box)
        Ymgr(RELEASE, box)("notify", "send")
        Ymgr(RELEASE, box)("notify", "send")
        return killed.exit == 0, before, program_told(box)[len(before) :]
    finally:
        box.remove()


def test_killed_anywhere_nothing_is_lost_and_what_comes_twice_says_so(ymgr, box, tmp_path):
    ymgr("issue", NAME)
    expires_in(box, 6)
    twice = 0
    for number in range(1, 40):
        through, before, after = told_after_kill(box, tmp_path / f"kill{number}", number)
        assert len(before) <= 1 and len(after) <= 1 and before + after, number
        if before and after:
            twice += 1
            assert ids(before[0]) == ids(after[0]) and after[0]["notices"][0]["repeated"]
        if through:
            break
        shutil.rmtree(tmp_path / f"kill{number}")
    assert through and number > 5
    assert 1 <= twice <= 3, "only between the answer and its mark"


def test_a_mark_that_can_not_be_written_is_no_loss(ymgr, box, failpoint):
    ymgr("issue", NAME)
    expires_in(box, 6)
    configure(box, exec=by_program(box))
    for number in range(1, 12):
        failpoint.armed(f"full@{number}")("notify", "send", exit=None)
    ymgr("notify", "send")
    digests = program_told(box)
    assert digests and sum(not digest["notices"][0]["repeated"] for digest in digests) <= 1
    assert ymgr.json("notify", "list")["notices"][0]["state"] == "sent"
