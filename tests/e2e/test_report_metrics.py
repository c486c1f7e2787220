"""report --textfile: what Prometheus' own tool says of the metrics and of the alerts in examples/."""

import json
import os
import re
import shutil
import sqlite3
import stat
import sys

import yaml

from harness import TOP, run
from test_doctor import in_days, later
from test_notify import by_program, configure, expires_in
from test_track import foreign

ALERTS = TOP / "examples/prometheus-alerts.yml"
PROMTOOL = shutil.which("promtool") or os.path.join(os.path.dirname(sys.executable), "promtool")  # ymgr-dev brings it
SAMPLE = re.compile(r"^(\w+)(?:\{(.*)\})? (\S+)$")
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
DAY = 86_400


def samples(text):
    """{name: [(labels, value)]}"""
    found = {}
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        name, labels, value = SAMPLE.match(line).groups()
        found.setdefault(name, []).append((dict(LABEL.findall(labels or "")), float(value)))
    return found


def seconds(answer, member):
    return float(run(["date", "-u", "-d", answer[member], "+%s"]).stdout)


def test_metrics_of_everything(ymgr, box):
    file = box.work / "ymgr.prom"
    file.write_text("what stood there")
    ymgr("issue", "web-{1..2}.example.com", "--owner", "alice")
    gone = ymgr.json("issue", "gone.example.com")
    foreign(box.work, "vendor.example.com")
    (box.work / "copy.pem").write_text((box.work / "vendor.example.com.pem").read_text())
    ymgr("cert", "track", "vendor.example.com.pem", "copy.pem")
    ymgr("revoke", "gone.example.com", "--yes")
    ymgr("renew", "web-1.example.com")
    ymgr("renew", "--due")
    assert ymgr("report", "--quiet", "--textfile", "ymgr.prom").stdout == ""
    text = file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o644
    assert run([PROMTOOL, "check", "metrics"], input=text).stderr == ""
    found = samples(text)
    assert ymgr("report", "--textfile", "-").stdout.splitlines()[0] == text.splitlines()[0]
    shown = ymgr.json("cert", "show", "web-1.example.com")
    for name, member in (("not_after", "expires_at"), ("renew_at", "renew_at")):
        of_certificates = found[f"ymgr_certificate_{name}_timestamp_seconds"]
        elsewhere = [labels for labels, _ in of_certificates if "source" in labels]
        assert sorted(labels["source"] for labels in elsewhere) == [f"file:{box.work}/{name}.pem" for name in ("copy", "vendor.example.com")]
        assert {labels["name"] for labels in elsewhere} == {"vendor.example.com"}
        of_certificates = [one for one in of_certificates if "source" not in one[0]]
        assert sorted(labels["name"] for labels, _ in of_certificates) == ["web-1.example.com", "web-2.example.com"]
        (labels, value), *_ = [one for one in of_certificates if one[0]["name"] == "web-1.example.com"]
        assert value == seconds(shown, member) and labels["serial"] == shown["serial_number"] != gone["serial_number"]
        assert (labels["profile"], labels["owner"], labels["ca"]) == ("tls-server", "alice", shown["ca_name"])
    states = {labels["state"]: value for labels, value in found["ymgr_certificates"]}
    assert states == {"good": 2, "due": 0, "expired": 0, "superseded": 1, "revoked": 1}
    ((labels, ratio),) = found["ymgr_policy_compliance_ratio"]
    assert ratio == 1 and labels == {"policy_version": "v2.3"}
    assert [value for _, value in found["ymgr_renewal_stale"]] == [0]
    assert [value for _, value in found["ymgr_renewal_last_exit_status"]] == [0]
    cas = {ca["name"]: ca for ca in ymgr.json("ca", "show")["cas"]}
    for labels, value in found["ymgr_ca_not_after_timestamp_seconds"]:
        assert value == seconds(cas[labels["ca"]], "expires_at") and labels["kind"] == cas[labels["ca"]]["kind"]
    issuing = [(labels, value) for labels, value in found["ymgr_crl_next_update_timestamp_seconds"] if labels["kind"] == "issuing"]
    ((labels, value),) = issuing
    assert value == seconds(cas[labels["ca"]], "crl_next_update")


def metric(ymgr, name):
    return [value for _, value in samples(ymgr("report", "--textfile", "-").stdout)[name]]


def test_renewals_that_stopped_and_notices_that_are_owed_are_told(ymgr, box):
    configure(box, exec=by_program(box, "#!/bin/sh\nexit 1\n"))
    ymgr("issue", "www.example.com")
    expires_in(box, 6, "www.example.com")
    ymgr("notify", "send", exit=None)
    assert metric(ymgr, "ymgr_notices_owed")[0] > 0
    configure(box, exec=by_program(box))
    ymgr("notify", "send")
    assert metric(ymgr, "ymgr_notices_owed") == [0]
    ymgr("renew", "--due")
    assert metric(ymgr, "ymgr_renewal_stale") == [0]
    stopped = later(box, in_days(3))
    stopped.env |= {"YMGR_USER": "alice", "YMGR_PASSWORD_FILE": str(box.password_file)}
    assert metric(stopped, "ymgr_renewal_stale") == [1]


def test_labels_can_say_anything(ymgr, box):
    nasty = 'a"} 1\\\n# TYPE x counter \u202e'
    ymgr("issue", "web.example.com")
    with sqlite3.connect(box.profile / "ymgr.db") as database:
        database.execute("UPDATE certificates SET owner = ?, violations = '[]'", (nasty,))
    text = ymgr("report", "--textfile", "-").stdout
    assert run([PROMTOOL, "check", "metrics"], input=text).stderr == ""
    labels = samples(text)["ymgr_certificate_not_after_timestamp_seconds"][0][0]
    assert labels["owner"] == r"a\"} 1\\?# TYPE x counter ?"
    assert samples(text)["ymgr_policy_compliance_ratio"][0][1] == 0
    assert "ymgr_renewal_stale" not in samples(text)  # installed nowhere, and none ever ran


def test_words_that_go_not_together(ymgr, box):
    assert ymgr.json("report", "--textfile", "-", exit=2)["code"] == "usage"
    assert ymgr.json("report", "--textfile", "x", "--from", "2026-01-01", exit=2)["code"] == "usage"
    ymgr("report", "--textfile", "-", "--html", "-", exit=2)
    assert ymgr.json("report", "--textfile", "nowhere/x", exit=None)["exit"] in (1, 3)
    assert ymgr.json("report", "--html", "x.html", "--textfile", "x.prom")["files"] == ["x.html", "x.prom"]


def alert_test(name, series, at, wanted):
    """What promtool shall find at `at`: {alert: how many}."""
    rules = yaml.safe_load(ALERTS.read_text())["groups"][0]["rules"]
    return {
        "interval": "10m",
        "name": name,
        "input_series": [{"series": what, "values": f"{value}x600"} for what, value in series.items()],
        "promql_expr_test": [
            {
                "expr": f'count(ALERTS{{alertname="{rule["alert"]}", alertstate="firing"}}) or vector(0)',
                "eval_time": at,
                "exp_samples": [{"labels": "{}", "value": wanted.get(rule["alert"], 0)}],
            }
            for rule in rules
        ],
    }


def test_alerts_fire_when_they_should(box):
    """The clock of promtool begins at 0."""
    run([PROMTOOL, "check", "rules", ALERTS])

    def certificate(name, not_after, renew_at):
        labels = f'{{name="{name}",serial="{name}"}}'
        return {
            f"ymgr_certificate_not_after_timestamp_seconds{labels}": not_after,
            f"ymgr_certificate_renew_at_timestamp_seconds{labels}": renew_at,
        }

    fine = {
        **certificate("fine", 90 * DAY, 60 * DAY),
        "ymgr_metrics_timestamp_seconds": "0+600",
        'ymgr_renewal_stale{host="web1"}': 0,
        'ymgr_renewal_last_success_timestamp_seconds{host="web1"}': "0+600",
        'ymgr_ca_not_after_timestamp_seconds{kind="issuing",status="active"}': 1000 * DAY,
        'ymgr_crl_next_update_timestamp_seconds{kind="issuing"}': 20 * DAY,
        'ymgr_crl_next_update_timestamp_seconds{kind="root"}': 90 * DAY,
        "ymgr_notices_owed": 0,
        "ymgr_certificates_offending": 0,
        "ymgr_hooks_pending": 0,
    }
    bad = {
        **certificate("gone", 1 * DAY, 0),
        **certificate("soon", 6 * DAY, 2 * DAY),
        **certificate("short", 5 * DAY, 4 * DAY),
        "ymgr_metrics_timestamp_seconds": 0,
        'ymgr_renewal_stale{host="never"}': 1,
        'ymgr_renewal_stale{host="web1"}': 0,
        'ymgr_renewal_last_success_timestamp_seconds{host="web1"}': 1 * DAY,
        'ymgr_ca_not_after_timestamp_seconds{kind="issuing",status="active"}': 80 * DAY,
        'ymgr_ca_not_after_timestamp_seconds{kind="issuing",status="retired"}': 80 * DAY,
        'ymgr_crl_next_update_timestamp_seconds{kind="issuing"}': 4 * DAY,
        'ymgr_crl_next_update_timestamp_seconds{kind="root"}': 20 * DAY,
        "ymgr_notices_owed": 2,
        "ymgr_certificates_offending": 3,
        "ymgr_hooks_pending": 1,
    }
    wanted = {
        "CertificateExpired": 1,
        "CertificateExpiresSoon": 1,
        "RenewalOverdue": 1,
        "ScheduledRenewalStopped": 1,  # renew.heartbeat says when, not the rule
        "CaExpires": 1,
        "CrlExpires": 1,
        "RootCrlExpires": 1,
        "NoticesOwed": 1,
        "PolicyViolated": 1,
        "DeployHooksOwed": 1,
        "MetricsOld": 1,
    }
    tests = [alert_test("nothing to tell", fine, "3d", {}), alert_test("all of it", bad, "3d", wanted)]
    box.file("alerts.yml", ALERTS.read_text())
    box.file("test.yml", json.dumps({"rule_files": ["alerts.yml"], "evaluation_interval": "10m", "tests": tests}))
    said = run([PROMTOOL, "test", "rules", "test.yml"], cwd=box.work, exit=None)
    assert said.exit == 0, said
