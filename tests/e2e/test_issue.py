"""What ymgr issue refuses before it makes a key, how a bulk is stopped by a signal, and PKCS#12."""

import signal

import pytest

from harness import openssl, wait_for
from invariants import rows


def request_file(box, name):
    key, csr = box.work / "own.key", box.work / "own.csr"
    openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key,
            "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}", "-out", csr)
    return csr


def test_pkcs12_holds_key_certificate_and_chain(ymgr, box):
    password = box.secret("p12.password", "a password of its own")
    answer = ymgr.json("issue", "p12.example.com", "--pkcs12", "a.p12", "--pkcs12-password-file", password)
    assert answer["files"]["pkcs12"] == str(box.work / "a.p12")
    text = openssl("pkcs12", "-in", box.work / "a.p12", "-passin", f"file:{password}", "-nodes").stdout
    assert text.count("BEGIN CERTIFICATE") == 3 and text.count("BEGIN PRIVATE KEY") == 1


def test_pkcs12_without_a_key_makes_no_certificate(ymgr, box):
    password = box.secret("p12.password", "a password of its own")
    pkcs12 = ["--pkcs12", "a.p12", "--pkcs12-password-file", password]
    for more in (["--key-store", "sealed"], ["--csr", request_file(box, "a.example.com")]):
        assert ymgr.json("issue", "a.example.com", *pkcs12, *more, exit=2)["code"] == "usage"
    assert rows(box, "SELECT 1 FROM certificates UNION SELECT 1 FROM operations") == []


BATCHES = [
    (["--csr", "own.csr"], "name\na.example.com\n"),
    (["--pkcs12", "a.p12", "--pkcs12-password-file", "p12.password"], "name\na.example.com\n"),
    (["--deploy-hook", "true"], "name,out\na.example.com,a\nb.example.com,\n"),
    ([], "name,out\na.example.com,both\nb.example.com,both\n"),
]


@pytest.mark.parametrize("args, batch", BATCHES, ids=["csr", "pkcs12", "hook without out", "one folder for two"])
def test_options_that_a_batch_would_ignore(ymgr, box, args, batch):
    request_file(box, "a.example.com")
    box.secret("p12.password", "a password of its own")
    assert ymgr.json("issue", "--batch", box.file("batch.csv", batch), *args, exit=2)["code"] == "usage"
    assert rows(box, "SELECT 1 FROM operations") == []


def test_a_row_without_a_name_has_a_folder_of_its_own(ymgr, box):
    request_file(box, "named-by-its-request.example.com")
    ymgr.json("issue", "--batch", box.file("batch.csv", "name,csr\n,own.csr\n"), "--out", "tls")
    assert (box.work / "tls/named-by-its-request.example.com/cert.pem").exists()
    assert not (box.work / "tls/cert.pem").exists()


def test_files_in_use_keep_their_certificate(ymgr, box):
    tls = box.work / "tls"
    first = ymgr.json("issue", "www.example.com", "--san", "dns:example.com", "--out", tls)
    for more in (["--ensure"], ["--ensure", "--key", "rsa-3072"], ["--another", "--out", tls]):
        refused = ymgr.json("issue", "www.example.com", *more, exit=None)
        assert refused["code"] == "installation-exists", refused
    assert rows(box, "SELECT cert_id FROM certificates WHERE status = 'active'") == [(first["cert_id"],)]
    second = ymgr.json("issue", "www.example.com", "--ensure", "--out", tls)
    assert rows(box, "SELECT status FROM certificates WHERE cert_id = '" + first["cert_id"] + "'") == [("superseded",)]
    assert (tls / "cert.pem").read_text() in second["certificate"]
    assert ymgr.json("issue", "www.example.com", "--ensure")["cert_id"] == second["cert_id"]  # it is what is asked for
    assert ymgr.json("issue", "www.example.com", "--another")["cert_id"] != second["cert_id"]


def test_one_beside_another_is_made_once_for_its_request_id(ymgr, box):
    words = ["issue", "www.example.com", "--another", "--out", box.work / "tls", "--request-id"]
    first = ymgr.json(*words, "req-a")
    assert ymgr.json(*words, "req-a")["cert_id"] == first["cert_id"]
    assert ymgr.json(*words, "req-b", exit=None)["code"] == "installation-exists"
    assert rows(box, "SELECT cert_id FROM certificates") == [(first["cert_id"],)]


def test_a_refusal_names_its_audit_reference(ymgr):
    refused = ymgr.json("issue", "a.example.com", "--key", "rsa-2048", exit=5)
    assert ymgr.json("audit", "list", "--request-id", refused["audit_reference"])["events"]


@pytest.mark.parametrize("number, exit", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_bulk_stopped_by_a_signal_says_so_and_is_resumed(ymgr, box, number, exit):
    process = ymgr.start("issue", "n{1..40}.example.com", "--key", "rsa-4096", "--jobs", "1", "--json")
    wait_for(lambda: rows(box, "SELECT 1 FROM operations"), "the plan")
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode == exit
    assert ymgr.json("operation", "list")["operations"][0]["state"] == "open"
