"""cert list, show, export, check, explain."""

import json
import shutil

import pytest

from harness import FAILPOINT, Ymgr, openssl


def issue(ymgr, name, *args):
    return ymgr.json("issue", name, *args)


def names(answer):
    return [item["name"] for item in answer["certificates"]]


def test_list_shows_what_fits(ymgr):
    issue(ymgr, "a.example.com", "--owner", "bob", "--label", "team=web")
    issue(ymgr, "b.example.com", "--validity", "10d")
    issue(ymgr, "c.example.com", "--validity", "20d")
    ymgr("revoke", "c.example.com", "--yes")
    issue(ymgr, "b.example.com", "--validity", "5d", "--another")

    assert names(ymgr.json("cert", "list")) == [
        "b.example.com",
        "b.example.com",
        "c.example.com",
        "a.example.com",
    ]  # soonest expiry first
    assert names(ymgr.json("cert", "list", "--status", "revoked")) == ["c.example.com"]
    assert names(ymgr.json("cert", "list", "--expiring", "7d")) == ["b.example.com"]
    assert names(ymgr.json("cert", "list", "--select", "owner=bob,label.team=web")) == ["a.example.com"]
    assert names(ymgr.json("cert", "list", "--select", "!owner=bob,name=a*")) == []
    assert names(ymgr.json("cert", "list", "--expired")) == []

    short = ymgr("cert", "list", "--limit", "2", "--json")
    assert short.json["truncated"] and len(short.json["certificates"]) == 2
    assert "--limit 0" in short.stderr
    assert not ymgr.json("cert", "list", "--limit", "4")["truncated"]


def test_list_has_every_form(ymgr):
    made = issue(ymgr, "a.example.com")
    table = ymgr("cert", "list").stdout.splitlines()
    assert table[0].split() == ["NAME", "STATUS", "EXPIRES", "OWNER", "PROFILE"]
    assert table[1].split() == ["a.example.com", "active", made["expires_at"], "alice", "tls-server"]
    wide = ymgr("cert", "list", "-o", "wide").stdout
    assert made["cert_id"] in wide and made["serial_number"] in wide and "sealed:a-example-com" in wide
    head, row = ymgr("cert", "list", "-o", "csv").stdout.splitlines()
    assert head.startswith("name,status,expires_at,owner,profile,cert_id,serial_number")
    assert row.startswith("a.example.com,active,")
    (line,) = ymgr("cert", "list", "-o", "jsonl").stdout.splitlines()
    assert json.loads(line)["cert_id"] == made["cert_id"]
    assert ymgr("cert", "list", "-o", "name").stdout == "a.example.com\n"


def test_list_refuses_what_goes_not_together(ymgr):
    for args in (["--expired", "--status", "revoked"], ["--expiring", "1d", "--status", "revoked"]):
        assert ymgr.json("cert", "list", *args, exit=2)["code"] == "usage"
    answer = ymgr.json("cert", "list", "--select", "ownr=bob", exit=2)
    assert "owner" in answer["suggestion"]


@pytest.fixture
def carol(ymgr, box):
    """A session of a user with the role user, who owns one of two certificates."""
    password = box.secret("carol.password", "carol's long password")
    ymgr("user", "add", "carol", "--role", "user", "--password-file", password)
    issue(ymgr, "carol", "--owner", "carol", "--profile", "tls-client")
    issue(ymgr, "other.example.com")
    return Ymgr(ymgr.program, box, env={"YMGR_USER": "carol", "YMGR_PASSWORD_FILE": str(password)})


def test_users_see_their_own(carol):
    assert names(carol.json("cert", "list")) == ["carol"]
    assert names(carol.json("cert", "list", "--select", "owner=alice")) == []
    assert carol.json("cert", "show", "carol")["owner"] == "carol"
    for command in ("show", "export", "check", "explain"):
        assert carol.json("cert", command, "other.example.com", exit=4)["code"] == "role-denied"
    assert carol.json("report", exit=4)["code"] == "role-denied"


def test_show_has_everything_and_the_lineage(ymgr):
    first = issue(ymgr, "web.example.com", "--label", "team=web", "--san", "dns:www.example.com")
    second = ymgr.json("renew", "web.example.com")
    shown = ymgr.json("cert", "show", "web.example.com")
    assert shown["cert_id"] == second["cert_id"]
    assert shown["certificate"].startswith("-----BEGIN CERTIFICATE-----")
    assert shown["sans"] == ["dns:web.example.com", "dns:www.example.com"]
    assert shown["labels"] == {"team": "web"} and shown["eku"] == ["serverAuth"]
    assert [(row["cert_id"], row["status"]) for row in shown["lineage"]] == [
        (second["cert_id"], "active"),
        (first["cert_id"], "superseded"),
    ]
    old = ymgr.json("cert", "show", first["serial_number"].replace(":", "").lower())
    assert old["cert_id"] == first["cert_id"] and len(old["lineage"]) == 2
    text = ymgr("cert", "show", "web.example.com").stdout
    assert "dns:web.example.com, dns:www.example.com" in text and first["cert_id"] in text
    assert ymgr.json("cert", "show", "web.example.con", exit=3)["suggestion"] == "did you mean web.example.com?"


def test_another_of_the_same_name_is_another_lineage(ymgr):
    issue(ymgr, "web.example.com")
    second = issue(ymgr, "web.example.com", "--another")
    assert [row["cert_id"] for row in ymgr.json("cert", "show", second["cert_id"])["lineage"]] == [second["cert_id"]]
    assert ymgr.json("cert", "show", "web.example.com", exit=2)["code"] == "certificate-ambiguous"


def test_export_writes_what_openssl_reads(ymgr, box):
    made = issue(ymgr, "web.example.com", "--out", "web")
    pem = ymgr("cert", "export", "web.example.com").stdout
    assert pem == made["certificate"] == (box.work / "web/cert.pem").read_text()
    for form in ("chain", "fullchain"):
        assert ymgr("cert", "export", "web.example.com", "--format", form).stdout == (
            box.work / f"web/{form}.pem"
        ).read_text()
    ymgr("cert", "export", "web.example.com", "--format", "der", "--out", "web.der")
    serial = openssl("x509", "-inform", "der", "-in", box.work / "web.der", "-noout", "-serial").stdout.strip()
    assert serial == "serial=" + made["serial_number"].replace(":", "")
    assert (box.work / "web.der").stat().st_mode & 0o777 == 0o644
    assert ymgr.json("cert", "export", "web.example.com", "--out", "web.der", exit=1)["code"] == "file-exists"
    answer = ymgr.json("cert", "export", "web.example.com", "--out", "web.der", "--force")
    assert answer["file"] == "web.der" and answer["content"] is None
    assert (box.work / "web.der").read_text() == pem
    assert ymgr.json("cert", "export", "web.example.com", "--out", "-")["content"] == pem


def test_check_tells_good_due_and_revoked(ymgr):
    issue(ymgr, "web.example.com", "--validity", "80d")
    good = ymgr.json("cert", "check", "web.example.com")
    assert good["state"] == "good" and good["reasons"] == [] and good["success"]
    due = ymgr.json("cert", "check", "web.example.com", "--renew-before", "81d", exit=11)
    assert due["state"] == "due" and "due since" in due["reasons"][0]
    assert ymgr.json("cert", "check", "web.example.com", "--renew-before", "99%", exit=0)["state"] == "good"
    ymgr("revoke", "web.example.com", "--yes", "--reason", "certificateHold")
    held = ymgr("cert", "check", "web.example.com", exit=12)
    assert "certificateHold" in held.stdout
    ymgr.json("cert", "check", "nothing.example.com", exit=3)
    ymgr.json("cert", "check", exit=2)


def test_check_tells_superseded(ymgr):
    first = issue(ymgr, "web.example.com")
    second = ymgr.json("renew", "web.example.com")
    answer = ymgr.json("cert", "check", first["cert_id"], exit=11)
    assert answer["reasons"] == ["superseded by " + second["cert_id"]]
    assert ymgr.json("cert", "check", "web.example.com")["state"] == "good"


@pytest.mark.sanitized
def test_check_compares_what_is_installed(ymgr, box):
    issue(ymgr, "web.example.com", "--out", "web")
    assert ymgr.json("cert", "check", "web.example.com")["files"]["key"] == str(box.work / "web/privkey.pem")
    folder = (box.work / "web/current").resolve()

    def reasons():
        (reason,) = ymgr.json("cert", "check", "web.example.com", exit=11)["reasons"]
        return reason

    key = (folder / "privkey.pem").read_text()
    (folder / "privkey.pem").write_text("no key")
    assert reasons().endswith("privkey.pem holds no private key")
    openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", folder / "privkey.pem")
    assert reasons().endswith("privkey.pem is not the key of the certificate")
    (folder / "privkey.pem").write_text(key)
    assert ymgr.json("cert", "check", "web.example.com")["state"] == "good"
    issue(ymgr, "other.example.com", "--out", "other")
    (folder / "cert.pem").write_text((box.work / "other/cert.pem").read_text())
    assert reasons().endswith("cert.pem is another certificate")
    shutil.rmtree(box.work / "web")
    assert "there is no" in reasons()


def test_check_of_a_file_needs_no_profile(bare, box, ymgr):
    made = issue(ymgr, "web.example.com", "--validity", "60d")
    box.file("web.pem", made["certificate"])
    elsewhere = {"YMGR_HOME": str(box.root / "nowhere")}
    answer = bare.json("cert", "check", "--file", "web.pem", env=elsewhere)
    assert answer["state"] == "good" and answer["name"] == "web.example.com" and answer["cert_id"] is None
    bare.json("cert", "check", "--file", "web.pem", "--renew-before", "61d", exit=11, env=elsewhere)
    bare.json("cert", "check", "--file", "-", input=made["certificate"], env=elsewhere)
    later = Ymgr(FAILPOINT, box, env=elsewhere).armed(clock="2100-01-01T00:00:00Z")
    assert later.json("cert", "check", "--file", "web.pem", exit=12)["state"] == "expired"
    box.file("broken.pem", "nothing")
    assert bare.json("cert", "check", "--file", "broken.pem", exit=2)["code"] == "certificate-invalid"


@pytest.mark.sanitized
def test_explain_tells_why(ymgr, box):
    made = issue(ymgr, "web.example.com", "--out", "web", "--renew-before", "20d", "--deploy-hook", "false")
    told = ymgr.json("cert", "explain", "web.example.com")
    assert told["renewed_by_due"] and told["threshold"] == "20d left" and told["state"] == "good"
    assert "not due yet by its dates, so nothing renews it" in told["because"]
    assert any(sentence.startswith("a run that nobody watches takes it ") for sentence in told["because"])
    assert told["next_step"].startswith("none: `ymgr renew --due` renews it from")
    assert [event["event"] for event in told["events"]][:2] == ["issue.requested", "policy.approved"]

    ymgr("renew", "web.example.com", exit=10)
    told = ymgr.json("cert", "explain", "web.example.com")
    assert told["hook_state"] == "pending" and told["next_step"] == "ymgr renew --due tries the hook again"
    assert any("its deploy hook is still owed" in sentence for sentence in told["because"])
    assert any(sentence.startswith("renewed less than") for sentence in told["because"])
    old = ymgr.json("cert", "explain", made["cert_id"])
    assert old["status"] == "superseded" and old["next_step"] == "none: use its successor"
    text = ymgr("cert", "explain", "web.example.com").stdout
    assert "hook.failed" in text and "(due)" in text

    issue(ymgr, "files.example.com", "--out", "files")
    issue(ymgr, "files.example.com", "--another")
    (box.work / "files/cert.pem").unlink()
    for row in ymgr.json("cert", "list", "--select", "name=files.example.com")["certificates"]:
        told = ymgr.json("cert", "explain", row["cert_id"])
        differs = any(sentence.startswith("installed files differ") for sentence in told["because"])
        assert differs == (told["state"] == "due")
        if differs:
            assert told["next_step"] == f"ymgr renew {row['cert_id']} --force"

    issue(ymgr, "sealed.example.com")
    told = ymgr.json("cert", "explain", "sealed.example.com")
    assert told["renewed_by_due"] and any("lives in this profile" in sentence for sentence in told["because"])


def test_explain_has_the_timeline(ymgr, box):
    first = issue(ymgr, "web.example.com", "--out", "web", "--deploy-hook", "test -e ready")["cert_id"]
    second = ymgr.json("renew", "web.example.com", exit=10)["cert_id"]
    ymgr("issue", "web.example.com", "--another", "--key", "rsa-2048", exit=5)
    box.file("ready", "")
    ymgr("renew", "--due")
    told = ymgr.json("cert", "explain", second)
    happened = [(one["what"], one["cert_id"], one["ahead"]) for one in told["timeline"]]
    assert happened == [
        ("issued", first, False),
        ("renewed", second, False),
        ("hook.failed", second, False),
        ("policy.refused", None, False),
        ("hook.done", second, False),
        ("(due)", second, True),
        ("(expires)", second, True),
    ]
    details = {one["what"]: one["detail"] for one in told["timeline"]}
    assert "status 1" in details["hook.failed"]
    assert "below minimum 3072" in details["policy.refused"]
    assert [one["at"] for one in told["timeline"]] == sorted(one["at"] for one in told["timeline"])
    assert any("the last scheduled renewal on" in sentence for sentence in told["because"])
    ymgr("revoke", second, "--yes", "--reason", "cessationOfOperation")
    told = ymgr.json("cert", "explain", second)
    revoked = [(one["cert_id"], one["detail"]) for one in told["timeline"] if one["what"] == "revoked"]
    assert revoked == [(second, "cessationOfOperation")] and not told["timeline"][-1]["ahead"]
    unseen = ymgr.json("cert", "explain", second, "--limit", "1")["timeline"]  # as for somebody who may not see the trail
    hooks = [(one["what"], one["cert_id"]) for one in unseen if one["what"].startswith("hook.")]
    assert hooks == [("hook.done", second)] and [one["what"] for one in unseen][:2] == ["issued", "renewed"]


def test_explain_names_an_interrupted_operation(ymgr, failpoint):
    issue(ymgr, "web.example.com")
    failpoint.armed("kill@2")("renew", "web.example.com", exit=-9)
    told = ymgr.json("cert", "explain", "web.example.com")
    assert told["next_step"].startswith("ymgr resume resume-")
    ymgr("resume", told["operation"])
    assert ymgr.json("cert", "explain", "web.example.com")["operation"] is None


def test_a_hook_gets_neither_tokens_nor_credentials(ymgr, box):
    hook = box.file("hook.sh", f"#!/bin/sh\nenv >{box.work}/hook-env\n")
    hook.chmod(0o755)
    ymgr("issue", "web.example.com", "--out", "web", "--deploy-hook", hook)
    ymgr("renew", "web.example.com", "--force", env={"CREDENTIALS_DIRECTORY": "/secret", "VAULT_TOKEN": "secret", "MINE": "1"})
    environment = (box.work / "hook-env").read_text()
    assert "MINE=1" in environment and "secret" not in environment
