"""report: counts, windows, compliance."""

import csv
import io

import pytest
import yaml
from desk import Desk
from harness import FAILPOINT, Ymgr
from receivers import MailServer, make_certificate
from test_doctor import in_days


def test_an_empty_inventory_complies(ymgr):
    report = ymgr.json("report")
    assert report["active"] == 0 and report["policy_compliance_percent"] == 100
    assert report["policy_version"]


@pytest.mark.sanitized
def test_report_counts_what_is_there(ymgr):
    ymgr("issue", "a.example.com")
    ymgr("issue", "b.example.com", "--validity", "20d")
    ymgr("issue", "c.example.com")
    ymgr("revoke", "c.example.com", "--yes", "--reason", "superseded")
    report = ymgr.json("report")
    assert (report["active"], report["expiring"], report["revoked"], report["offending"]) == (2, 1, 1, 0)
    assert [item["name"] for item in report["expiring_certificates"]] == ["b.example.com"]
    (revoked,) = report["revoked_certificates"]
    assert revoked["name"] == "c.example.com" and revoked["reason"] == "superseded"
    assert report["policy_compliance_percent"] == 100
    text = ymgr("report").stdout
    for window in ("expiring_window", "revoked_window"):
        assert report[window]["from"][:10] in text and report[window]["to"][:10] in text
    assert "100%" in text


def test_what_waits_for_a_yubikey_is_counted_apart(demo):
    with Desk(demo, "5.7.4") as desk:
        desk.ymgr("enroll", "--device", "1001")
        desk.ymgr("issue", "alice", "--device", "1001", "--slot", "9a")
        desk.ymgr("issue", "www.example.com")
        assert (desk.ymgr.json("report")["due"], desk.ymgr.json("report")["due_on_devices"]) == (0, 0)
        env = {**desk.ymgr.env, "YMGR_USER": "alice", "YMGR_PASSWORD_FILE": str(demo.password_file)}
        later = Ymgr(FAILPOINT, demo, env).armed(clock=in_days(3000))
        report = later.json("report")
        assert (report["due"], report["due_on_devices"]) == (2, 1)
        assert "1 with a key in a YubiKey" in later("report").stdout


def test_windows_can_be_named(ymgr):
    ymgr("issue", "a.example.com", "--validity", "20d")
    ymgr("revoke", "a.example.com", "--yes")
    report = ymgr.json("report", "--from", "2020-01-01", "--to", "2020-04-01")
    assert report["revoked"] == 0 and report["expiring"] == 0
    assert report["revoked_window"] == report["expiring_window"]
    assert report["revoked_window"] == {"from": "2020-01-01T00:00:00Z", "to": "2020-04-01T00:00:00Z"}
    assert ymgr.json("report", "--from", "2020-01-01")["revoked"] == 1
    assert ymgr.json("report", "--from", "2020-04-01", "--to", "2020-01-01", exit=2)["code"] == "usage"
    assert ymgr.json("report", "--from", "yesterday", exit=2)["code"] == "time-invalid"


def test_csv_has_one_row_a_certificate(ymgr):
    ymgr("issue", "a.example.com", "--validity", "20d")
    ymgr("issue", "b.example.com", "--validity", "21d")
    rows = list(csv.DictReader(io.StringIO(ymgr("report", "-o", "csv").stdout)))
    assert {row["kind"] for row in rows} == {"expiring"}
    assert [row["name"] for row in rows] == ["a.example.com", "b.example.com"]
    rows = list(csv.DictReader(io.StringIO(ymgr("report", "-o", "csv", "--limit", "1").stdout)))
    assert len(rows) == 1
    assert "and 1 more" in ymgr("report", "--limit", "1").stdout


@pytest.fixture
def mail(tmp_path, box):
    """A mail server that the configuration names."""
    pair = make_certificate(tmp_path / "mail")
    server = MailServer(pair)
    server.start()
    settings = {"host": "localhost", "port": server.port, "ca_file": str(pair[0]), "from": "ymgr@example.com", "to": ["ops@example.com"]}
    folder = box.root / "config/ymgr"
    folder.mkdir(parents=True, exist_ok=True)
    text = yaml.safe_dump({"notify": {"mail": settings, "timeout": "3s"}, "report": {"to": ["security@example.com"]}})
    (folder / "ymgr.yaml").write_text(text)
    yield server
    server.stop()


def test_the_week_is_mailed_as_text_page_and_table(ymgr, mail):
    ymgr("issue", "a.example.com", "--validity", "20d")
    assert ymgr.json("report", "--weekly", "--dry-run")["mailed_to"] == ["security@example.com"]
    assert mail.take() == []
    assert ymgr.json("report", "--weekly")["mailed_to"] == ["security@example.com"]
    (message,) = mail.take()
    assert message["To"] == "security@example.com" and message["Subject"].startswith("Certificates, week of ")
    parts = {part.get_content_type(): part for part in message.walk() if not part.is_multipart()}
    assert "a.example.com" in parts["text/plain"].get_content()
    assert "<svg" in parts["text/html"].get_content() and "<script" not in parts["text/html"].get_content()
    table = parts["text/csv"]
    assert table.get_filename().endswith(".csv") and "a.example.com" in table.get_content()
    assert "mailed_to" not in ymgr.json("report") or ymgr.json("report")["mailed_to"] is None


def test_a_week_that_no_server_takes_is_recorded_and_mailed_later(ymgr, mail):
    mail.login = True
    assert ymgr.json("report", "--weekly", exit=None)["code"] == "channel-refused"
    mail.login = False
    answer = ymgr.json("report", "--weekly")
    assert answer["recorded"] is False and len(mail.take()) == 1
