"""Bad input gets the place, the reason and a hint, and changes nothing."""

import sqlite3
import subprocess

import pytest

from harness import ADMIN, RELEASE, Ymgr, openssl
from invariants import rows


def counts(box):
    tables = ("certificates", "operations", "secrets", "audit_events", "users", "ca_issued")
    return [rows(box, f"SELECT count(*) FROM {table}")[0][0] for table in tables]


@pytest.fixture
def refused(ymgr, box):
    """refused(args…, exit, code, words): the command fails so, its texts hold the words, and nothing was changed."""

    def check(*args, exit, code, words=(), input=None):
        before = counts(box)
        result = ymgr(*args, "--json", exit=exit, input=input)
        document = result.json
        assert document["success"] is False and document["code"] == code and document["exit"] == exit, result
        told = document["error"] + " " + document["suggestion"]
        for word in words:
            assert word in told, f"{word!r} is missing\n{result}"
        assert document["suggestion"], f"no hint\n{result}"
        assert counts(box) == before
        text = ymgr(*args, exit=exit, input=input).stderr
        assert text.startswith("ymgr: error: ") and "\nymgr: hint: " in text
        return document

    return check


NAMES = [
    ("bücher.example.com", "name-invalid", ["xn--bcher-kva.example.com"]),
    ("xn--a.example.com", "name-invalid", ["xn--a"]),
    ("a..example.com", "name-invalid", []),
    ("a-.example.com", "name-invalid", []),
    ("a_b.example.com", "name-invalid", []),
    ("*.*.example.com", "name-invalid", []),
    ("a*.example.com", "name-invalid", []),
    ("*.com", "name-invalid", []),
    ("a" * 64 + ".example.com", "name-invalid", []),
    ("api-{1..", "usage", ["column"]),
    ("api-{}", "usage", ["column"]),
    ("api-{1..1000000}.example.com", "usage", ["100000"]),
]


@pytest.mark.parametrize("name, code, words", NAMES, ids=[row[0][:20] for row in NAMES])
def test_names_that_cannot_stand_in_a_certificate(refused, name, code, words):
    refused("issue", name, exit=2, code=code, words=words)


SANS = [
    ("dns:10.0.0.1", ["ip:10.0.0.1"]),
    ("ip:example.com", []),
    ("email:example.com", []),
    ("uri:example.com", []),
    ("example.com", ["dns:example.com"]),
    ("ip:10.0.0.256", []),
    ("upn:alice", []),
    ("xmpp:a@b", []),
]


@pytest.mark.parametrize("san, words", SANS, ids=[row[0] for row in SANS])
def test_sans_of_the_wrong_kind(refused, san, words):
    refused("issue", "a.example.com", "--san", san, exit=2, code="name-invalid", words=words)


VALUES = [
    (["--validity", "90"], "duration-invalid", 2),
    (["--validity", "3M"], "duration-invalid", 2),
    (["--validity", "-1d"], "duration-invalid", 2),
    (["--renew-before", "100%"], "duration-invalid", 2),
    (["--key", "rsa-3027"], "usage", 2),
    (["--key-store", "tpm"], "usage", 2),
    (["--profile", "tls-srever"], "profile-unknown", 2),
    (["--label", "team"], "usage", 2),
    (["--file-mode", "0666"], "usage", 2),
    (["--out", "tls", "--file-mode", "0644"], "usage", 2),
    (["--key-store", "file"], "usage", 2),
    (["--deploy-hook", "true"], "usage", 2),
    (["--pkcs12", "a.p12"], "usage", 2),
    (["--csr", "missing.pem"], "file-not-found", 3),
    (["--ensure", "--another"], "usage", 2),
    (["--jobs", "0"], "usage", 2),
    (["--validity", "400d"], "policy-violation", 5),
]


@pytest.mark.parametrize("args, code, exit", VALUES, ids=[" ".join(row[0]) for row in VALUES])
def test_values_that_mean_nothing(ymgr, box, args, code, exit):
    before = rows(box, "SELECT count(*) FROM certificates")
    document = ymgr.json("issue", "a.example.com", *args, exit=exit)
    assert document["code"] == code and document["suggestion"]
    assert rows(box, "SELECT count(*) FROM certificates") == before


REQUEST_IDS = ["", "-x", "a b", "a\tb", "a/b", "a" * 65, "ü", "resume-20260101000000-abcdefabcdef"]


@pytest.mark.parametrize("command", [["issue"], ["renew"], ["revoke", "--yes"]], ids=lambda command: command[0])
@pytest.mark.parametrize("id", REQUEST_IDS)
def test_a_request_id_that_is_none(refused, ymgr, command, id):
    ymgr("issue", "www.example.com")
    refused(command[0], "www.example.com", *command[1:], f"--request-id={id}", exit=2, code="usage")


BATCHES = [
    ("b.csv", "name,sans\na.example.com,dns:a.example.com\nb.example.com\n", "batch-invalid", ["3"]),
    ("b.csv", 'name\n"a.example.com\n', "csv-invalid", ["2"]),
    ("b.csv", "nmae\na.example.com\n", "batch-invalid", ["1", "name"]),
    ("b.csv", "name\na.example.com\na.example.com\n", "batch-invalid", ["2", "3"]),
    ("b.jsonl", '{"name": "a.example.com"}\n{"name": "b.example.com"\n', "json-invalid", ["2"]),
    ("b.jsonl", '{"name": "a.example.com", "profil": "x"}\n', "batch-invalid", ["1", "profile"]),
    ("b.yaml", "- name: a.example.com\n- nme: b.example.com\n", "batch-invalid", ["2", "name"]),
    ("b.csv", "name,validity\na.example.com,90\n", "duration-invalid", ["line 2"]),
]


@pytest.mark.parametrize("file, text, code, words", BATCHES, ids=[f"{row[0]}-{i}" for i, row in enumerate(BATCHES)])
def test_batches_name_the_line(refused, box, file, text, code, words):
    refused("issue", "--batch", box.file(file, text), exit=2, code=code, words=words)


def request(box, *args, subject="/CN=a.example.com", san="DNS:a.example.com"):
    path = box.work / "request.pem"
    openssl("req", "-new", "-nodes", "-keyout", box.work / "k.pem", "-subj", subject, "-addext", f"subjectAltName={san}", "-out", path, *args)
    return path


def test_a_request_with_a_broken_signature(refused, box):
    path = request(box, "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-outform", "DER")
    path.write_bytes(path.read_bytes()[:-1] + bytes([path.read_bytes()[-1] ^ 1]))
    refused("issue", "--csr", path, exit=2, code="csr-bad-signature")


def test_a_request_that_is_none(refused, box):
    refused("issue", "--csr", box.file("request.pem", "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n"),
            exit=2, code="csr-invalid")


def test_a_request_with_a_weak_key(ymgr, box):
    document = ymgr.json("issue", "--csr", request(box, "-newkey", "rsa:2048"), exit=5)
    assert document["error"] == "Policy violation: Key size 2048 below minimum 3072"


def test_a_request_for_a_key_that_was_compromised(ymgr, box):
    path = request(box, "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256")
    ymgr("issue", "--csr", path)
    ymgr("revoke", "a.example.com", "--reason", "keyCompromise", "--yes")
    document = ymgr.json("issue", "b.example.com", "--csr", path, exit=5)
    assert document["code"] == "key-denied"


def test_revocation_reasons_that_do_not_exist(refused, ymgr):
    ymgr("issue", "a.example.com")
    for reason in ("8", "removeFromCRL"):
        refused("revoke", "a.example.com", "--yes", f"--reason={reason}", exit=2, code="reason-invalid", words=["--unhold"])
    for reason in ("7", "keycompromised", "11"):
        refused("revoke", "a.example.com", "--yes", f"--reason={reason}", exit=2, code="reason-invalid", words=["keyCompromise"])
    refused("revoke", "a.example.com", "--yes", "--invalidity-date", "2026-02-30", exit=2, code="time-invalid")
    refused("revoke", "0A:0B", "--yes", exit=3, code="certificate-not-found")
    refused("revoke", "a.example.com", exit=2, code="input-needed", words=["--yes"])


def test_unknown_configuration_keys_have_a_place(ymgr, box):
    config = box.file("ymgr.yaml", "jobs: 2\ntimout: 5s\n")
    document = ymgr.json("-c", config, "whoami", exit=2)
    assert document["code"] == "config-invalid" and "2:1" in document["error"] and "timeout" in document["suggestion"]


def test_a_profile_that_others_can_read(ymgr, box):
    box.profile.chmod(0o755)
    document = ymgr.json("whoami", exit=2)
    assert document["code"] == "profile-unsafe" and "chmod" in document["suggestion"]


def test_a_database_of_a_newer_version(ymgr, box):
    database = sqlite3.connect(box.profile / "ymgr.db")
    with database:
        columns = [row[1] for row in database.execute("PRAGMA table_info(schema_migrations)")]
        last = dict(zip(columns, database.execute("SELECT * FROM schema_migrations ORDER BY number DESC").fetchone()))
        last.update(number=999, min_client=999)
        database.execute(f"INSERT INTO schema_migrations ({','.join(columns)}) VALUES ({','.join('?' * len(columns))})",
                         [last[name] for name in columns])
    database.close()
    assert ymgr.json("whoami", exit=2)["code"] == "database-newer"


def test_a_database_that_is_none(ymgr, box):
    for name in ("ymgr.db", "ymgr.db-wal", "ymgr.db-shm"):
        (box.profile / name).unlink(missing_ok=True)
    (box.profile / "ymgr.db").write_bytes(b"this is no database" * 100)
    (box.profile / "ymgr.db").chmod(0o600)
    assert ymgr.json("whoami", exit=1)["code"] == "database-corrupt"


def test_no_profile(bare):
    assert bare.json("whoami", exit=3)["code"] == "profile-missing"


def test_two_inits_at_once_make_one_profile(bare):
    box = bare.box
    command = ["init", "--admin", "alice", "--password-file", box.password_file, "--json"]
    running = [Ymgr(RELEASE, box).start(*command) for _ in range(4)]
    exits = []
    for process in running:
        process.communicate(timeout=60)
        exits.append(process.returncode)
    assert sorted(exits)[0] == 0 and exits.count(0) == 1 and set(exits) <= {0, 1}, exits
    bare.login()
    bare("issue", "a.example.com")


def test_wrong_password_and_lock_out(bare):
    bare.init()
    wrong = bare.box.secret("wrong.password", "not the right one at all")
    for _ in range(5):
        assert bare.login(password_file=wrong, exit=4)["code"] == "wrong-password"
    assert bare.login(exit=4)["code"] == "locked-out"
    assert bare.login(user="nobody", password_file=wrong, exit=4)["code"] == "wrong-password"


def test_an_expired_session_and_a_clock_set_back(failpoint):
    assert failpoint.armed(clock="2099-01-01T00:00:00Z").json("whoami", exit=4)["code"] == "session-expired"


def test_a_clock_set_back(failpoint):
    assert failpoint.armed(clock="2020-01-01T00:00:00Z").json("issue", "a.example.com", exit=4)["code"] == "clock-set-back"


def test_a_clock_that_was_ahead_is_accepted_by_an_admin(failpoint):
    ahead, early = failpoint.armed(clock="2031-01-01T00:00:00Z"), failpoint.armed(clock="2029-01-01T00:00:00Z")
    ahead.login()
    failpoint.box.secret("oscar.password", "another horse and battery")
    ahead("user", "add", "oscar", "--role", "operator", "--password-file", failpoint.box.work / "oscar.password")
    late = failpoint.armed(clock="2030-01-01T00:00:00Z")
    refused = late.login(exit=4)
    assert refused["code"] == "clock-set-back" and "--accept-clock" in refused["suggestion"]
    oscar = ["login", "--user", "oscar", "--password-file", failpoint.box.work / "oscar.password", "--accept-clock"]
    assert late.json(*oscar, exit=4)["code"] == "role-denied"
    assert [path for path in (failpoint.box.runtime / "ymgr").iterdir() if path.is_file()] == []  # no session
    assert late.json("report", exit=4)["code"] == "clock-set-back"
    accept = ["login", "--user", ADMIN, "--password-file", failpoint.box.password_file, "--accept-clock"]
    late(*accept)
    late("issue", "a.example.com")
    assert late.json("audit", "verify")["success"]
    (told,) = late.json("doctor", "--check", "trail-clock", exit=None)["checks"]
    assert told["state"] == "warning" and f"accepted by {ADMIN}" in told["finding"]
    early.login(exit=4)
    for again in (late, ahead):  # nothing is wrong with the clock any more
        again(*accept)
    assert len(ahead.json("audit", "list", "--event", "clock.accepted")["events"]) == 1


def test_a_session_of_a_time_to_come_is_begun_again(failpoint):
    ahead, late = failpoint.armed(clock="2031-01-01T00:00:00Z"), failpoint.armed(clock="2030-01-01T00:00:00Z")
    ahead.login()
    (session,) = [path for path in (failpoint.box.runtime / "ymgr").iterdir() if path.is_file()]
    of_then = session.read_bytes()
    session.unlink()  # as that of another user, which nobody ends
    late("login", "--user", ADMIN, "--password-file", failpoint.box.password_file, "--accept-clock")
    session.write_bytes(of_then)
    refused = late.json("whoami", exit=4)
    assert refused["code"] == "clock-set-back" and "log in again: ymgr login" in refused["suggestion"]
    late.login()
    late("whoami")


def test_a_password_file_that_others_can_read(bare):
    bare.box.password_file.chmod(0o644)
    assert bare.init(exit=2)["code"] == "file-unsafe"


def test_a_short_password(bare):
    short = bare.box.secret("short.password", "too short")
    assert bare.json("init", "--admin", "alice", "--password-file", short, exit=2)["code"] == "password-weak"
    assert not bare.box.profile.exists()


@pytest.mark.needs_user
def test_a_read_only_profile(ymgr, box):
    for path in [*box.profile.rglob("*"), box.profile]:
        path.chmod(0o500 if path.is_dir() else 0o400)
    try:
        document = ymgr.json("issue", "a.example.com", exit=8)
        assert document["code"] == "disk-unusable"
    finally:
        for path in [box.profile, *box.profile.rglob("*")]:
            path.chmod(0o700 if path.is_dir() else 0o600)


def test_a_closed_standard_output_is_no_success(ymgr, box):
    with open("/dev/full", "w") as full:
        done = subprocess.run([RELEASE, "version"], stdout=full, stderr=subprocess.PIPE, env=ymgr.env)
    assert done.returncode == 8
