"""report: counts, windows, compliance."""

import csv
import io

import pytest


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
