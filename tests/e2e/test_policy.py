"""policy show, check, validate; what a changed policy means for certificates that stand."""

import pytest

from harness import FAILPOINT, Ymgr, openssl


def tighten(box, version="v2.4", **changes):
    """Another version of the profile's policy: each keyword is a text to be replaced by another."""
    path = box.profile / "policy.yaml"
    text = path.read_text().replace("version: v2.3", f"version: {version}")
    for old, new in changes.values():
        assert old in text
        text = text.replace(old, new)
    path.write_text(text)


ONLY_P384 = {
    "algorithms": ("algorithms: [ec-p256, ec-p384, ed25519, rsa-3072, rsa-4096]", "algorithms: [ec-p384]"),
    "default": ("default_key: ec-p256", "default_key: ec-p384"),
}


def snapshot_of(ymgr):
    return ymgr.json("audit", "list", "--limit", "1")["events"][-1]["seq"]


def test_show_prints_the_rules(ymgr, box):
    shown = ymgr.json("policy", "show")
    assert shown["version"] == "v2.3" and shown["preset"] == "internal"
    assert shown["file"] == str(box.profile / "policy.yaml")
    assert shown["profiles"]["tls-server"]["validity"] == {"max": "397d", "default": "90d"}
    text = ymgr("policy", "show").stdout
    assert text.startswith("policy v2.3, preset internal\n")
    assert "90d unless asked, at most 397d" in text and "tls-client" in text


def test_check_says_what_issue_would(ymgr):
    before = snapshot_of(ymgr)
    good = ymgr.json("policy", "check", "www.example.com", "--san", "ip:192.0.2.1")
    assert good["approved"] and good["violations"] == []
    assert good["sans"] == ["dns:www.example.com", "ip:192.0.2.1"] and good["validity"] == "90d"
    args = ("www.example.com", "--key", "rsa-2048", "--validity", "400d")
    refused = ymgr.json("policy", "check", *args, exit=5)
    assert refused["error"] == "Policy violation: Key size 2048 below minimum 3072"
    assert refused["policy_version"] == "v2.3" and refused["suggestion"] == "Use RSA key size ≥ 3072 bits"
    assert refused["code"] == "policy-violation" and not refused["success"]
    assert [violation["rule"] for violation in refused["violations"]] == ["key.min_rsa_bits", "validity.max"]
    assert snapshot_of(ymgr) == before  # nothing was audited

    def plain(answer):
        return [{k: v for k, v in violation.items() if k != "name"} for violation in answer["violations"]]

    assert plain(refused) == plain(ymgr.json("issue", *args, exit=5))


def test_check_reads_requests(ymgr, box):
    key = ("-newkey", "rsa:2048", "-nodes", "-keyout", box.work / "key.pem")
    openssl("req", "-new", *key, "-subj", "/CN=csr.example.com", "-out", box.work / "request.pem")
    refused = ymgr.json("policy", "check", "--csr", "request.pem", exit=5)
    assert refused["violations"][0]["rule"] == "key.min_rsa_bits"
    ymgr.json("policy", "check", exit=2)
    assert ymgr.json("policy", "check", "a.example.com", "--profile", "tls-sever", exit=2)["suggestion"] == (
        "did you mean tls-server?"
    )


def test_check_asks_for_other_roles(ymgr, box):
    assert ymgr.json("policy", "check", "a.example.com", "--role", "user", exit=5)["violations"][0]["rule"] == "roles"
    password = box.secret("audrey.password", "audrey's long password")
    ymgr("user", "add", "audrey", "--role", "auditor", "--password-file", password)
    ymgr("user", "add", "ursula", "--role", "user", "--password-file", password)
    auditor = Ymgr(ymgr.program, box, env={"YMGR_USER": "audrey", "YMGR_PASSWORD_FILE": str(password)})
    assert auditor.json("policy", "check", "a.example.com")["role"] == "operator"
    assert auditor.json("policy", "show")["version"] == "v2.3"
    user = Ymgr(ymgr.program, box, env={"YMGR_USER": "ursula", "YMGR_PASSWORD_FILE": str(password)})
    assert user.json("policy", "show", exit=4)["code"] == "role-denied"


def test_validate_names_line_and_column(ymgr, box):
    box.file("bad.yaml", (box.profile / "policy.yaml").read_text().replace("\nvalidity:", "\nvalidty:"))
    answer = ymgr.json("policy", "validate", "bad.yaml", exit=2)
    line = (box.work / "bad.yaml").read_text().splitlines().index("validty:") + 1
    assert answer["code"] == "policy-invalid"
    assert f"bad.yaml:{line}:1: " in answer["error"] and "validity" in answer["error"] + answer["suggestion"]
    box.file("bad.yaml", "version: [v1\n")
    assert ymgr.json("policy", "validate", "bad.yaml", exit=2)["success"] is False


def test_validate_compares_with_the_policy_in_force(ymgr, bare, box):
    text = (box.profile / "policy.yaml").read_text()
    box.file("same.yaml", text)
    assert ymgr.json("policy", "validate", "same.yaml")["change"] == "unchanged"
    box.file("new.yaml", text.replace("v2.3", "v2.4"))
    answer = ymgr.json("policy", "validate", "new.yaml")
    assert (answer["change"], answer["version"], answer["in_force"]) == ("new", "v2.4", "v2.3")
    box.file("unversioned.yaml", text.replace("max_key_age: 2y", "max_key_age: 1y"))
    assert ymgr.json("policy", "validate", "unversioned.yaml", exit=2)["code"] == "policy-unversioned"
    outside = bare.json("policy", "validate", "new.yaml", env={"YMGR_HOME": str(box.root / "nowhere")})
    assert outside["valid"] and outside["in_force"] is None


@pytest.mark.sanitized
def test_a_tighter_policy_shows_offenders(ymgr, box):
    ymgr("issue", "good.example.com", "--key", "ec-p384")
    ymgr("issue", "bad-{1..3}.example.com")
    ymgr("issue", "client", "--profile", "tls-client", "--key", "ec-p384")
    assert ymgr.json("report")["policy_compliance_percent"] == 100
    tighten(box, **ONLY_P384, client=("  tls-client:", "  tls-clients:"))
    report = ymgr.json("report")
    assert report["policy_version"] == "v2.4"
    assert (report["active"], report["offending"], report["policy_compliance_percent"]) == (5, 4, 20)
    assert {item["name"]: item["violations"] for item in report["offending_certificates"]} == {
        "client": "Profile tls-client does not exist any more",
        **{f"bad-{n}.example.com": "Key algorithm ec-p256 not allowed in profile tls-server" for n in (1, 2, 3)},
    }
    shown = ymgr.json("cert", "show", "bad-1.example.com")
    assert shown["policy_version"] == "v2.4" and shown["violations"][0]["rule"] == "key.algorithms"
    assert ymgr.json("cert", "show", "good.example.com")["policy_version"] == "v2.4"
    assert any("Key algorithm" in sentence for sentence in ymgr.json("cert", "explain", "bad-1.example.com")["because"])

    path = box.profile / "policy.yaml"  # and back
    path.write_text(path.read_text().replace("v2.4", "v2.5").replace("[ec-p384]", "[ec-p384, ec-p256]"))
    assert ymgr.json("report")["offending"] == 1
    events = ymgr.json("audit", "list", "--event", "policy.changed")["events"]
    assert [event["target"] for event in events] == ["v2.4", "v2.5"]


def test_a_changed_policy_needs_a_version_and_an_admin(ymgr, box):
    password = box.secret("oscar.password", "oscar's long password")
    ymgr("user", "add", "oscar", "--role", "operator", "--password-file", password)
    oscar = Ymgr(ymgr.program, box, env={"YMGR_USER": "oscar", "YMGR_PASSWORD_FILE": str(password)})
    tighten(box, "v2.3", **ONLY_P384)
    assert ymgr.json("policy", "show", exit=2)["code"] == "policy-unversioned"
    path = box.profile / "policy.yaml"
    path.write_text(path.read_text().replace("v2.3", "v2.4"))
    assert oscar.json("policy", "show", exit=4)["code"] == "role-denied"
    assert oscar.json("report")["policy_version"] == "v2.3"
    assert ymgr.json("policy", "show")["version"] == "v2.4"
    assert oscar.json("policy", "show")["version"] == "v2.4"


@pytest.mark.parametrize("step", range(1, 8))
def test_measuring_goes_on_after_a_kill(ymgr, failpoint, box, step):
    ymgr("issue", "bad-{1..3}.example.com")
    tighten(box, **ONLY_P384)
    failpoint.armed(f"kill@{step}")("report", exit=None)
    assert ymgr.json("report")["offending"] == 3
    assert ymgr.json("audit", "verify")["findings"] == []
    assert len(ymgr.json("audit", "list", "--event", "policy.changed")["events"]) == 1


def test_simulate_tells_what_another_policy_would_refuse(ymgr, box):
    ymgr("issue", "good.example.com", "--key", "ec-p384")
    ymgr("issue", "bad-{1..3}.example.com")
    ymgr("issue", "soon.example.com", "--validity", "20d")
    ymgr("issue", "client", "--profile", "tls-client", "--key", "ec-p384")
    before, same = snapshot_of(ymgr), box.profile / "policy.yaml"
    told = ymgr.json("policy", "simulate", same)
    assert (told["checked"], told["failing"], told["rules"], told["first_failure_at"]) == (6, 0, [], None)
    assert "would renew all of 6 certificates" in ymgr("policy", "simulate", same).stdout
    text = same.read_text().replace("v2.3", "v3")
    for old, new in (*ONLY_P384.values(), ("  tls-client:", "  tls-clients:")):
        assert old in text
        text = text.replace(old, new)
    known = box.file("known.yaml", text.replace("version: v3", "version: v2.3"))
    assert "give this one a new version" in ymgr("policy", "simulate", known, exit=11).stderr
    stricter = box.file("stricter.yaml", text)
    told = ymgr.json("policy", "simulate", stricter, exit=11)
    assert (told["success"], told["policy_version"], told["in_force"]) == (True, "v3", "v2.3")
    assert (told["checked"], told["failing"], told["already_failing"], told["truncated"]) == (6, 5, 0, False)
    assert {rule["rule"]: rule["certificates"] for rule in told["rules"]} == {"key.algorithms": 4, "profile": 1}
    assert told["rules"][0]["message"] == "Key algorithm ec-p256 not allowed in profile tls-server"
    items = told["certificates"]
    assert items[0]["name"] == "soon.example.com" and items[0]["renew_at"] == told["first_failure_at"]
    assert [item["renew_at"] for item in items] == sorted(item["renew_at"] for item in items)
    assert {item["name"] for item in items} == {f"bad-{n}.example.com" for n in (1, 2, 3)} | {
        "soon.example.com",
        "client",
    }
    limited = ymgr("policy", "simulate", stricter, "--limit", "2", exit=11).stdout
    assert "would refuse 5 of 6" in limited and "and 3 more" in limited
    assert ymgr.json("policy", "simulate", stricter, "--limit", "2", exit=11)["truncated"]
    only = ymgr.json("policy", "simulate", "-", "--select", "name=client", input=text, exit=11)
    assert (only["checked"], only["failing"]) == (1, 1)
    rows = ymgr("policy", "simulate", stricter, "-o", "csv", exit=11).stdout.splitlines()
    assert rows[0].startswith("renew_at,name,owner,profile,rules") and len(rows) == 6
    assert snapshot_of(ymgr) == before and ymgr.json("policy", "show")["version"] == "v2.3"
    tighten(box, **ONLY_P384)
    told = ymgr.json("policy", "simulate", stricter, exit=11)
    assert (told["failing"], told["already_failing"]) == (5, 4)


def test_simulate_asks_on_the_day_of_the_renewal(ymgr, box):
    """A key is made anew where it is ours; whoever holds another has to bring a new request."""
    key = ("-newkey", "rsa:3072", "-nodes", "-keyout", box.work / "key.pem")
    openssl("req", "-new", *key, "-subj", "/CN=csr.example.com", "-out", box.work / "request.pem")
    ymgr("issue", "--csr", "request.pem")
    ymgr("issue", "ours.example.com")
    ymgr("issue", "denied.example.com")
    text = (box.profile / "policy.yaml").read_text()
    ours = ymgr.json("cert", "show", "denied.example.com")["public_key_sha256"]
    assert "  denied: []\n" in text
    box.file("denied.yaml", text.replace("  denied: []\n", f"  denied: [{ours}]\n", 1))
    assert ymgr.json("policy", "simulate", "denied.yaml")["failing"] == 0
    box.file("no-reuse.yaml", text.replace("key: true", "key: false"))
    told = ymgr.json("policy", "simulate", "no-reuse.yaml", exit=11)
    assert [(item["name"], item["rules"]) for item in told["certificates"]] == [("csr.example.com", ["reuse.key"])]
    box.file("old-keys.yaml", text.replace("max_key_age: 2y", "max_key_age: 30d"))
    told = ymgr.json("policy", "simulate", "old-keys.yaml", exit=11)  # due in 60 days
    assert [(item["name"], item["rules"]) for item in told["certificates"]] == [
        ("csr.example.com", ["reuse.max_key_age"])
    ]
    assert ymgr.json("policy", "simulate", "missing.yaml", exit=None)["code"] == "file-not-found"
