"""What the reading commands answer is what their published schemas say, no member more."""

import json

import jsonschema
import pytest

from documents import undeclared


@pytest.fixture
def fits(ymgr):
    def check(command, *args, **how):
        answer = ymgr.json(*command.split(), *args, **how)
        schema = json.loads(ymgr("schema", *command.split()).stdout)
        jsonschema.Draft202012Validator(schema).validate(answer)
        assert undeclared(answer, schema) == []
        return answer

    return check


def test_answers_about_certificates(ymgr, fits):
    ymgr("issue", "web.example.com", "--out", "web", "--deploy-hook", "false", "--renew-before", "20d")
    ymgr("renew", "web.example.com", exit=10)
    ymgr("issue", "old.example.com", "--validity", "20d")
    ymgr("revoke", "old.example.com", "--yes", "--reason", "certificateHold")
    fits("cert list")
    for name in ("web.example.com", "old.example.com"):
        fits("cert show", name)
        fits("cert export", name)
        fits("cert check", name, exit=None)
        fits("cert explain", name)
    fits("cert check", "--file", "web/cert.pem")
    fits("cert export", "web.example.com", "--out", "exported.pem")


def test_answers_about_the_whole(ymgr, box, fits):
    ymgr("issue", "a.example.com", "--validity", "20d")
    ymgr("issue", "b.example.com")
    ymgr("revoke", "b.example.com", "--yes")
    policy = box.profile / "policy.yaml"
    policy.write_text(policy.read_text().replace("v2.3", "v2.4").replace("san_kinds: [dns, ip]", "san_kinds: [ip]"))
    assert fits("report")["offending"] == 1
    fits("cert show", "a.example.com")
    fits("policy show")
    fits("policy check", "192.0.2.1")
    fits("policy validate", policy)


def test_answers_about_the_ca(box, fits):
    root = ("--root-passphrase-file", box.password_file)
    fits("ca show")
    fits("ca export")
    fits("ca export", "--out", "chain.pem")
    fits("ca crl", "--refresh")
    fits("ca crl", "--root", *root)
    fits("ca rotate", *root, "--dry-run")
    fits("ca rotate", *root)
    fits("ca show")
