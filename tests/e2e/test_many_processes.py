"""Many processes at the same work: everything is done, and nothing twice."""

import json
import sqlite3

import pytest

from invariants import check_end, check_pair, rows

DUE = 12


def run_at_once(ymgr, box, count, *args):
    """Starts them as close together as can be; their exit statuses and documents."""
    outputs = [open(box.root / f"out-{n}", "w+") for n in range(count)]
    processes = [ymgr.start(*args, "--json", stdout=out, stderr=out) for out in outputs]
    exits = [process.wait(timeout=240) for process in processes]
    texts = []
    for out in outputs:
        out.seek(0)
        texts.append(out.read())
        out.close()
    return list(zip(exits, texts))


def documents(results, *allowed):
    for exit, text in results:
        assert exit in allowed, f"exit {exit}\n{text}"
    return [json.loads(text[text.index("{"):]) for _, text in results]  # fmt: skip


def names_of(answers, result):
    return [item["name"] for answer in answers for item in answer["items"] if item.get("result") == result]


@pytest.mark.parametrize("count", [2, 8, 32])
def test_a_due_set_is_renewed_once_by_all_of_them(ymgr, box, count):
    ymgr.json("issue", f"api-{{1..{DUE}}}.example.com", "--validity", "48h")
    ymgr.json("issue", "www.example.com", "--validity", "48h", "--out", "tls")
    before = rows(box, "SELECT cert_id FROM certificates")
    results = run_at_once(ymgr, box, count, "renew", "--due", "--renew-before", "47h59m59s")
    answers = documents(results, 0)
    renewed = names_of(answers, "renewed")
    wanted = [f"api-{n}.example.com" for n in range(1, DUE + 1)] + ["www.example.com"]
    assert sorted(renewed) == sorted(wanted)
    assert all(answer["success"] for answer in answers)
    assert len(rows(box, "SELECT cert_id FROM certificates WHERE renewed_from IS NOT NULL")) == DUE + 1
    assert {row[0] for row in rows(box, "SELECT cert_id FROM certificates WHERE status = 'superseded'")} == {
        row[0] for row in before
    }
    check_pair(box.work / "tls")
    assert (box.work / "tls/cert.pem").read_text() == rows(
        box, "SELECT pem FROM certificates WHERE status = 'active' AND name = 'www.example.com'"
    )[0][0]
    check_end(ymgr, box)


def test_eight_run_each_deploy_hook_once(ymgr, box):
    log, ready = box.root / "hooks", box.root / "ready"
    hook = f"sh -c 'test -e {ready} || exit 1; echo $YMGR_HOOK_NAME >> {log}; sleep 0.2'"
    ymgr.json("issue", "api-{1..4}.example.com", "--validity", "48h", "--out", "tls", "--deploy-hook", hook)
    wanted = [f"api-{n}.example.com" for n in range(1, 5)]
    ready.touch()
    answers = documents(run_at_once(ymgr, box, 8, "renew", "--due", "--renew-before", "47h59m59s"), 0)
    assert sorted(names_of(answers, "renewed")) == wanted
    assert sorted(log.read_text().split()) == wanted
    log.unlink()
    ready.unlink()
    for name in wanted:
        ymgr("renew", name, "--force", exit=10)
    ready.touch()
    answers = documents(run_at_once(ymgr, box, 8, "renew", "--due"), 0)
    assert sorted(log.read_text().split()) == wanted
    assert sum(answer["hooks"]["run"] for answer in answers) == 4
    assert rows(box, "SELECT DISTINCT hook_state FROM certificates WHERE status = 'active'") == [("ok",)]
    check_end(ymgr, box)


def test_one_of_eight_issues_a_name(ymgr, box):
    results = run_at_once(ymgr, box, 8, "issue", "www.example.com")
    answers = documents(results, 0, 1)
    assert [exit for exit, _ in results].count(0) == 1
    assert {answer["code"] for answer in answers if not answer["success"]} <= {"name-active", "operation-running"}
    assert rows(box, "SELECT count(*) FROM certificates") == [(1,)]
    check_end(ymgr, box)


def test_with_ensure_all_of_them_are_content(ymgr, box):
    results = run_at_once(ymgr, box, 8, "issue", "www.example.com", "--ensure")
    answers = documents(results, 0, 1)
    for exit, answer in zip((exit for exit, _ in results), answers):
        assert exit == 0 or answer["code"] == "operation-running"
    assert rows(box, "SELECT count(*) FROM certificates") == [(1,)]
    check_end(ymgr, box)


def test_two_bulks_of_the_same_names_issue_each_once(ymgr, box):
    results = run_at_once(ymgr, box, 2, "issue", "api-{1..60}.example.com")
    documents(results, 0, 1, 9)
    ymgr.json("issue", "api-{1..60}.example.com", "--ensure")
    assert len(rows(box, "SELECT DISTINCT name FROM certificates")) == 60
    assert rows(box, "SELECT count(*) FROM certificates") == [(60,)]
    check_end(ymgr, box)


def test_bulks_that_overlap_issue_each_once(ymgr, box):
    outputs = [open(box.root / f"bulk-{n}", "w+") for n in range(3)]
    ranges = ["{1..40}", "{21..60}", "{41..80}"]
    processes = [
        ymgr.start("issue", f"api-{names}.example.com", "--json", stdout=out, stderr=out)
        for names, out in zip(ranges, outputs)
    ]
    assert {process.wait(timeout=240) for process in processes} <= {0, 1, 9}
    for out in outputs:
        out.close()
    for names in ranges:
        ymgr.json("issue", f"api-{names}.example.com", "--ensure")
    assert rows(box, "SELECT count(*), count(DISTINCT name) FROM certificates") == [(80, 80)]
    check_end(ymgr, box)


def test_revoked_by_eight_at_once(ymgr, box):
    ymgr.json("issue", "www.example.com")
    results = run_at_once(ymgr, box, 8, "revoke", "www.example.com", "--yes", "--reason", "superseded")
    answers = documents(results, 0, 1)
    assert any(answer["success"] for answer in answers)
    for exit, answer in zip((exit for exit, _ in results), answers):
        assert exit == 0 or answer["code"] == "operation-running"
    assert rows(box, "SELECT count(*) FROM ca_revocations") == [(1,)]
    check_end(ymgr, box)


def test_reconciled_by_eight_at_once(ymgr, box):
    ymgr.json("issue", "api-{1..30}.example.com")
    database = sqlite3.connect(box.profile / "ymgr.db")
    database.execute("DELETE FROM ca_issued")
    database.commit()
    database.close()
    answers = documents(run_at_once(ymgr, box, 8, "reconcile"), 0)
    repaired = [item["subject"] for answer in answers for item in answer["items"]]
    assert sorted(repaired) == [row[0] for row in rows(box, "SELECT cert_id FROM certificates ORDER BY cert_id")]
    check_end(ymgr, box)
