"""What must hold after every fault: read from the database and the files, not from what ymgr says of them."""

import json
import sqlite3

from harness import openssl


def rows(box, query, *args):
    database = sqlite3.connect(box.profile / "ymgr.db")
    try:
        return database.execute(query, args).fetchall()
    finally:
        database.close()


def public_key(*args):
    return openssl(*args).stdout


def check_pair(folder):
    """Certificate and key that stand in `folder` belong together; one without the other only where none was delivered."""
    key, certificate = folder / "privkey.pem", folder / "cert.pem"
    if not certificate.exists() or not key.exists():
        return
    if key.read_bytes().startswith(b"\0"):  # its destruction was begun
        return
    assert public_key("pkey", "-in", key, "-pubout") == public_key("x509", "-in", certificate, "-noout", "-pubkey")


def check_rows(box):
    """Every certificate has its CA row, its intent and its audit trail; none is there twice."""
    certificates = rows(box, "SELECT cert_id, name, serial_number, status, key_reference, request_id FROM certificates")
    issued = rows(box, "SELECT cert_id, serial_number FROM ca_issued")
    assert sorted((row[0], row[2]) for row in certificates) == sorted(issued)
    events = rows(box, "SELECT seq, request_id, event, target, data FROM audit_events ORDER BY seq")
    for cert_id, name, serial, status, reference, request_id in certificates:
        made = [row for row in events if row[2] == "issued" and json.loads(row[4]).get("cert_id") == cert_id]
        assert len(made) == 1, f"{cert_id}: {len(made)} audit events of its issue"
        intents = [row for row in events if row[1] == request_id and row[2].endswith(".requested") and row[3] == name]
        assert intents and intents[0][0] < made[0][0], f"{cert_id}: no intent before its issue"
        if reference.startswith("sealed:") and status == "active":
            path = "keys/" + reference.removeprefix("sealed:")
            assert rows(box, "SELECT 1 FROM secrets WHERE path = ? AND box IS NOT NULL", path), f"{reference} is lost"
    names = [row[1] for row in certificates if row[3] == "active"]
    assert len(names) == len(set(names)), f"two active certificates of one name: {names}"
    superseded = {row[0] for row in certificates if row[3] == "superseded"}
    successors = {row[0] for row in rows(box, "SELECT renewed_from FROM certificates WHERE renewed_from IS NOT NULL")}
    assert superseded == successors


def check_end(ymgr, box):
    """After recovery: nothing is open, the chain holds, revocations are on the CRL."""
    check_rows(box)
    assert rows(box, "SELECT request_id FROM operations WHERE state IN ('open', 'waiting')") == []
    assert rows(box, "SELECT target FROM operation_items WHERE status IN ('open', 'waiting')") == []
    verified = ymgr.json("audit", "verify")
    assert verified["findings"] == [] and verified["unsigned_rows"] == 0
    revoked = rows(box, "SELECT serial_number FROM certificates WHERE status = 'revoked'")
    listed = rows(box, "SELECT serial_number FROM ca_revocations")
    assert sorted(revoked) == sorted(listed)
    if revoked:
        crl = box.profile / "crl.pem"
        crl.write_text(rows(box, "SELECT crl FROM issuers WHERE kind = 'issuing' AND status = 'active'")[0][0])
        text = openssl("crl", "-in", crl, "-noout", "-text").stdout
        for (serial,) in revoked:
            assert serial.replace(":", "") in text, f"{serial} is not on the CRL"
