"""ca show, export, crl, serve, import, rotate; OpenSSL, curl and pkilint judge."""

import base64
import re
import signal
import socket

import pytest

from harness import Ymgr, curl, openssl, pkilint


def issuing(shown):
    (ca,) = [ca for ca in shown["cas"] if ca["kind"] == "issuing" and ca["status"] == "active"]
    return ca


def revoked_serials(path, form="pem"):
    text = openssl("crl", "-in", path, "-inform", form, "-noout", "-text").stdout
    return re.findall(r"Serial Number: ([0-9A-F]+)", text)


def test_show_tells_all_and_how_the_root_key_is_kept(ymgr):
    shown = ymgr.json("ca", "show")
    root = next(ca for ca in shown["cas"] if ca["kind"] == "root")
    assert root["root_key"] == "sealed-admin-password" and root["crl_number"] > 0
    assert issuing(shown)["name"] == "ymgr Issuing CA 1" and issuing(shown)["root_key"] is None
    assert issuing(shown)["crl_next_update"] > issuing(shown)["crl_this_update"]
    assert shown["ocsp_signer_expires_at"]
    text = ymgr("ca", "show").stdout
    assert "sealed under the password that the first admin had at init" in text
    assert "OCSP signer valid until" in text
    assert ymgr("ca", "show", "-o", "csv").stdout.startswith("name,kind,status,expires_at")


def test_export_gives_what_clients_and_servers_need(ymgr, bare, box):
    ymgr("issue", "web.example.com", "--out", "web")
    ymgr("logout")
    for what in ("root", "issuing", "chain"):  # public: without a session
        ymgr("ca", "export", "--what", what, "--out", f"{what}.pem")
    assert bare("ca", "export").stdout == (box.work / "chain.pem").read_text()
    files = ("-CAfile", box.work / "root.pem", "-untrusted", box.work / "issuing.pem")
    openssl("verify", "-x509_strict", *files, box.work / "web/cert.pem")
    assert (box.work / "root.pem").read_text() in (box.work / "chain.pem").read_text()
    assert ymgr.json("ca", "export", "--out", "root.pem", exit=1)["code"] == "file-exists"
    assert ymgr.json("ca", "export", "--what", "root")["content"] == (box.work / "root.pem").read_text()
    for name in ("root", "issuing"):
        assert pkilint("pkix_cert", box.work / f"{name}.pem") == ""
    assert pkilint("pkix_cert", box.work / "web/cert.pem") == ""


def test_crl_is_printed_refreshed_and_lists_what_is_revoked(ymgr, box):
    first = ymgr.json("ca", "crl")
    assert first["entries"] == 0 and not first["refreshed"]
    made = ymgr.json("issue", "web.example.com")
    revoked = ymgr.json("revoke", "web.example.com", "--reason", "superseded", "--yes")
    ymgr("ca", "crl", "--out", "crl.pem")
    assert revoked_serials(box.work / "crl.pem") == [made["serial_number"].replace(":", "")]
    second = ymgr.json("ca", "crl", "--refresh")
    assert second["refreshed"] and second["number"] > first["number"] and second["entries"] == 1
    ymgr("ca", "crl", "--der", "--out", "crl.der")
    ymgr("ca", "export", "--out", "chain.pem")
    args = ("-inform", "der", "-CAfile", box.work / "chain.pem", "-noout", "-verify", "-crlnumber")
    checked = openssl("crl", "-in", box.work / "crl.der", *args)
    assert "verify OK" in checked.stderr
    assert int(checked.stdout.split("=")[1], 16) == second["number"]
    assert base64.b64decode(ymgr.json("ca", "crl", "--der")["content"]) == (box.work / "crl.der").read_bytes()
    for path in ("crl.pem", "crl.der"):
        assert pkilint("crl", box.work / path) == ""
    events = ymgr.json("audit", "list", "--event", "ca.crl_signed")["events"]
    assert [event["data"]["crl_number"] for event in events] == [revoked["crl_number"], second["number"]]


def test_a_dry_run_signs_nothing(ymgr, box):
    before = ymgr.json("ca", "crl")
    assert ymgr.json("ca", "crl", "--refresh", "--dry-run")["number"] == before["number"]
    args = ("--root", "--root-passphrase-file", box.password_file)
    number = ymgr.json("ca", "crl", "--root")["number"]
    assert ymgr.json("ca", "crl", *args, "--dry-run")["number"] == number
    planned = ymgr.json("ca", "rotate", "--root-passphrase-file", box.password_file, "--dry-run")
    assert planned["issuer_id"] is None and planned["replaces"] == "ymgr Issuing CA 1"
    assert len(ymgr.json("ca", "show")["cas"]) == 2
    assert ymgr.json("audit", "list", "--event", "ca.*")["events"][1:] == []


def test_the_root_crl_needs_the_root_key(ymgr, box):
    first = ymgr.json("ca", "crl", "--root")
    assert not first["refreshed"]
    assert "--root-passphrase-file" in ymgr.json("ca", "crl", "--root", "--refresh", exit=2)["suggestion"]
    wrong = box.secret("wrong.pass", "not the passphrase")
    refused = ymgr.json("ca", "crl", "--root", "--root-passphrase-file", wrong, exit=4)
    assert refused["code"] == "wrong-password" and "first admin" in refused["suggestion"]
    second = ymgr.json("ca", "crl", "--root", "--root-passphrase-file", box.password_file)
    assert second["refreshed"] and second["number"] > first["number"]
    ymgr("ca", "crl", "--root", "--out", "root-crl.pem")
    ymgr("ca", "export", "--what", "root", "--out", "root.pem")
    openssl("crl", "-in", box.work / "root-crl.pem", "-CAfile", box.work / "root.pem", "-noout", "-verify")
    assert pkilint("crl", box.work / "root-crl.pem") == ""
    assert ymgr.json("ca", "crl", "--root-passphrase-file", wrong, exit=2)["code"] == "usage"


def test_a_root_key_in_a_file_of_ones_own(bare, empty_box):
    box = empty_box
    bare.init("--root-key-out", "root.key")
    bare.login()
    assert (box.work / "root.key").stat().st_mode & 0o777 == 0o600
    assert bare.json("ca", "rotate", exit=1)["code"] == "root-key-missing"
    other = box.secret("other.key", openssl("genpkey", "-algorithm", "ed25519").stdout)
    assert bare.json("ca", "rotate", "--root-key", other, exit=1)["code"] == "pair-mismatch"
    assert bare.json("ca", "rotate", "--root-key", "root.key")["name"] == "ymgr Issuing CA 2"
    assert bare.json("ca", "crl", "--root", "--root-key", "root.key")["refreshed"]


@pytest.fixture
def root_of_own(bare, empty_box):
    passphrase = empty_box.secret("root.pass", "the root's own passphrase")
    bare.init("--root-passphrase-file", passphrase)
    bare.login()
    return bare, passphrase


def test_rotation_keeps_old_and_new_certificates_good(root_of_own, empty_box):
    box = empty_box
    ymgr, passphrase = root_of_own
    assert ymgr.json("ca", "rotate", "--root-passphrase-file", box.password_file, exit=4)["code"] == "wrong-password"
    old = ymgr.json("issue", "old.example.com", "--out", "old")
    rotated = ymgr.json("ca", "rotate", "--root-passphrase-file", passphrase)
    assert rotated["replaces"] == "ymgr Issuing CA 1"
    new = ymgr.json("issue", "new.example.com", "--out", "new")
    assert (old["ca_name"], new["ca_name"]) == ("ymgr Issuing CA 1", "ymgr Issuing CA 2")
    ymgr("ca", "export", "--what", "root", "--out", "root.pem")
    ymgr("revoke", "old.example.com", "--yes")
    shown = ymgr.json("ca", "show")
    crls = {ca["name"]: box.profile / "ca" / f"{ca['issuer_id']}.crl" for ca in shown["cas"] if ca["kind"] == "issuing"}
    assert revoked_serials(crls["ymgr Issuing CA 1"], "der") == [old["serial_number"].replace(":", "")]
    assert revoked_serials(crls["ymgr Issuing CA 2"], "der") == []
    for name in ("old", "new"):
        folder = box.work / name
        files = ("-CAfile", box.work / "root.pem", "-untrusted", folder / "chain.pem", folder / "cert.pem")
        openssl("verify", "-x509_strict", *files)
        exported = ymgr("cert", "export", f"{name}.example.com", "--format", "chain").stdout
        assert exported == (folder / "chain.pem").read_text()
    (event,) = ymgr.json("audit", "list", "--event", "ca.rotated")["events"]
    assert event["target"] == "CN=ymgr Issuing CA 2,O=ymgr" and event["data"]["issuer_id"] == rotated["issuer_id"]
    signed = len(ymgr.json("audit", "list", "--event", "ca.crl_signed")["events"])
    ymgr("ca", "crl", "--refresh")
    events = ymgr.json("audit", "list", "--event", "ca.crl_signed")["events"]
    assert len(events) == signed + 2
    assert {event["target"] for event in events} == {f"CN=ymgr Issuing CA {n},O=ymgr" for n in (1, 2)}


USAGE = "keyUsage=critical,keyCertSign,cRLSign\n"


def sign_ca_request(box, csr, extensions="basicConstraints=critical,CA:TRUE,pathlen:0\n" + USAGE):
    """An outside root made with OpenSSL signs the request; returns the PEM of both."""
    key, root = box.work / "outside.key", box.work / "outside.pem"
    if not root.exists():
        args = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-days", "3650")
        usage = ("-addext", "keyUsage=keyCertSign,cRLSign")
        openssl("req", "-x509", *args, "-subj", "/CN=Outside Root", *usage, "-out", root)
    config = box.file("ca.ext", extensions + "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n")
    args = ("-CA", root, "-CAkey", key, "-days", "1000", "-extfile", config)
    return openssl("x509", "-req", "-in", csr, *args).stdout + root.read_text()


@pytest.mark.sanitized
def test_an_outside_root_signs_the_request(bare, empty_box):
    box = empty_box
    bare.init("--ca-csr", "ca.csr")
    bare.login()
    assert bare.json("issue", "web.example.com", exit=1)["code"] == "ca-not-ready"
    assert issuing_status(bare) == ["pending"]
    csr = box.work / "ca.csr"
    for extensions in ("basicConstraints=CA:FALSE\n", "basicConstraints=critical,CA:TRUE\n" + USAGE):
        box.file("bad.pem", sign_ca_request(box, csr, extensions))
        for dry in ([], ["--dry-run"]):
            assert bare.json("ca", "import", "bad.pem", *dry, exit=2)["code"] == "certificate-invalid"
    box.file("stranger.pem", (box.work / "outside.pem").read_text())
    assert bare.json("ca", "import", "stranger.pem", exit=1)["code"] == "pair-mismatch"
    box.file("issuing.pem", sign_ca_request(box, csr))
    planned = bare.json("ca", "import", "issuing.pem", "--dry-run")
    assert planned["issuer_id"] is None and issuing_status(bare) == ["pending"]
    imported = bare.json("ca", "import", "issuing.pem")
    assert imported["fingerprint"] == planned["fingerprint"] and issuing_status(bare) == ["active"]
    bare("issue", "web.example.com", "--out", "web")
    files = ("-CAfile", box.work / "outside.pem", "-untrusted", box.work / "web/chain.pem", box.work / "web/cert.pem")
    openssl("verify", "-x509_strict", *files)
    assert bare.json("ca", "crl")["number"] > 0
    assert bare.json("ca", "rotate", exit=1)["code"] == "root-key-missing"
    assert len(bare.json("audit", "list", "--event", "ca.imported")["events"]) == 1
    again = box.file("again.pem", sign_ca_request(box, csr))  # the same request, signed once more
    assert bare.json("ca", "import", again)["serial_number"] != imported["serial_number"]
    bare("renew", "web.example.com")
    openssl("verify", "-x509_strict", *files)


def issuing_status(ymgr):
    return [ca["status"] for ca in ymgr.json("ca", "show")["cas"] if ca["kind"] == "issuing"]


def test_only_admins_change_the_ca(ymgr, box):
    password = box.secret("oscar.password", "oscar's long password")
    ymgr("user", "add", "oscar", "--role", "operator", "--password-file", password)
    oscar = Ymgr(ymgr.program, box, env={"YMGR_USER": "oscar", "YMGR_PASSWORD_FILE": str(password)})
    assert oscar.json("ca", "show")["cas"]
    for args in (["crl", "--refresh"], ["rotate", "--root-passphrase-file", password], ["import", password]):
        assert oscar.json("ca", *args, exit=4)["code"] == "role-denied"
    ymgr("logout")
    assert ymgr.json("ca", "crl", "--refresh", exit=4)["code"] == "not-logged-in"


class Served:
    def __init__(self, process, url, box):
        self.process, self.url, self.box = process, url, box

    def ocsp(self, serial, *args, issuer="issuing.pem"):
        """What `openssl ocsp` says of a serial number."""
        where = ("-url", self.url + "ocsp", "-CAfile", self.box.work / "chain.pem")
        what = ("-issuer", self.box.work / issuer, "-serial", "0x" + serial.replace(":", ""))
        return openssl("ocsp", *where, *what, *args)


@pytest.fixture
def served(ymgr, box):
    """`ca serve` of the box, and its CA's certificates in the working folder."""
    for what in ("root", "issuing", "chain"):
        ymgr("ca", "export", "--what", what, "--out", f"{what}.pem")
    process = ymgr.start("ca", "serve", "--listen", "127.0.0.1:0", "--json")
    line = process.stderr.readline()
    url = re.search(r"serving (http://127\.0\.0\.1:\d+/)", line)[1]
    yield Served(process, url, box)
    if process.poll() is None:
        process.kill()
    process.communicate()


@pytest.mark.sanitized
def test_ocsp_answers_good_revoked_and_unknown(ymgr, box, served):
    made = ymgr.json("issue", "web.example.com")
    good = served.ocsp(made["serial_number"], "-resp_text")
    assert ": good" in good.stdout and "Response verify OK" in good.stderr
    assert "WARNING: no nonce" not in good.stderr and "OCSP Nonce" in good.stdout
    ymgr("revoke", "web.example.com", "--reason", "keyCompromise", "--yes")
    revoked = served.ocsp(made["serial_number"])  # at once
    assert ": revoked" in revoked.stdout and "Reason: keyCompromise" in revoked.stdout
    assert ": unknown" in served.ocsp("4A3F2B").stdout
    out = box.work / "answer.der"
    served.ocsp(made["serial_number"], "-no_nonce", "-respout", out)
    assert pkilint("ocsp_response", out) == ""


def test_ocsp_by_get(ymgr, box, served):
    made = ymgr.json("issue", "web.example.com")
    serial = "0x" + made["serial_number"].replace(":", "")
    request, answer = box.work / "request.der", box.work / "answer.der"
    issuer = box.work / "issuing.pem"
    openssl("ocsp", "-issuer", issuer, "-serial", serial, "-no_nonce", "-reqout", request)
    text = base64.b64encode(request.read_bytes()).decode()
    escaped = text.replace("/", "%2F").replace("+", "%2B").replace("=", "%3D")
    headers = curl("-D", "-", "-o", answer, served.url + "ocsp/" + escaped).stdout
    assert "application/ocsp-response" in headers and "max-age=" in headers
    args = ("-issuer", issuer, "-serial", serial, "-respin", answer, "-CAfile", box.work / "chain.pem")
    checked = openssl("ocsp", *args)
    assert ": good" in checked.stdout and "Response verify OK" in checked.stderr
    plain = curl("-o", answer, "-w", "%{http_code}", "--path-as-is", served.url + "ocsp/" + text)
    assert plain.stdout == "200" and ": good" in openssl("ocsp", *args).stdout


def test_lists_and_certificates_are_served_as_they_are_now(ymgr, box, served):
    def crl():
        curl("-o", box.work / "crl.der", served.url + "crl")
        return revoked_serials(box.work / "crl.der", "der")

    assert crl() == []
    made = ymgr.json("issue", "web.example.com")
    ymgr("revoke", "web.example.com", "--yes")
    assert crl() == [made["serial_number"].replace(":", "")]
    for name in ("root.pem", "chain.pem"):
        assert curl(served.url + name).stdout == (box.work / name).read_text()
    assert curl(served.url + "ca.pem").stdout == (box.work / "issuing.pem").read_text()
    issuer_id = issuing(ymgr.json("ca", "show"))["issuer_id"]
    curl("-o", box.work / "ca.crt", served.url + f"ca/{issuer_id}.crt")
    openssl("x509", "-inform", "der", "-in", box.work / "ca.crt", "-noout", "-checkend", "0")


@pytest.mark.parametrize(
    ("args", "status"),
    [
        (["nothing"], "404"),
        (["-X", "DELETE", "crl"], "405"),
        (["ocsp"], "405"),
        (["ocsp/%%%"], "200"),  # an OCSP error says what is wrong
        (["--data-binary", "nothing", "ocsp"], "200"),
        (["--data-binary", "x" * 100_000, "ocsp"], "413"),
        (["--path-as-is", "../../etc/passwd"], "404"),
        (["-I", "crl"], "200"),
    ],
)
def test_odd_requests_are_answered(served, args, status):
    *options, path = args
    answer = curl("-o", "/dev/null", "-w", "%{http_code}", *options, served.url + path)
    assert answer.stdout.endswith(status)
    assert curl("-o", "/dev/null", "-w", "%{http_code}", served.url + "crl").stdout == "200"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serving_ends_tidily(served, number):
    curl("-o", "/dev/null", served.url + "crl")
    served.process.send_signal(number)
    out, err = served.process.communicate(timeout=20)
    assert served.process.returncode == 0 and err == ""
    assert f'"address": "{served.url}"' in out and '"requests": 1' in out


def test_serving_needs_no_session_and_writes_nothing(ymgr, box, served):
    ymgr("logout")
    before = (box.profile / "ymgr.db").read_bytes()
    assert ": unknown" in served.ocsp("01").stdout
    assert (box.profile / "ymgr.db").read_bytes() == before


def test_a_taken_address_is_an_error(ymgr):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        answer = ymgr.json("ca", "serve", "--listen", f"127.0.0.1:{taken.getsockname()[1]}", exit=1)
    assert answer["code"] == "address-in-use"
    assert ymgr.json("ca", "serve", "--listen", "somewhere", exit=2)["code"] == "usage"


def test_a_retired_ca_is_still_answered_for(ymgr, box, served):
    old = ymgr.json("issue", "old.example.com")
    ymgr("ca", "rotate", "--root-passphrase-file", box.password_file)
    assert ": good" in served.ocsp(old["serial_number"]).stdout
    new = ymgr.json("issue", "new.example.com")
    ymgr("ca", "export", "--what", "issuing", "--out", "new-issuing.pem")
    box.file("chain.pem", (box.work / "chain.pem").read_text() + (box.work / "new-issuing.pem").read_text())
    assert ": good" in served.ocsp(new["serial_number"], issuer="new-issuing.pem").stdout


@pytest.mark.parametrize("fault", ["kill", "error", "full"])
def test_a_change_of_the_ca_is_whole_or_not_at_all(ymgr, failpoint, box, fault):
    """Rotation and a new CRL, stopped at each failpoint: afterwards the CA works, and the trail tells what was done."""
    for command in (["rotate"], ["crl", "--root"]):
        steps = 0
        while failpoint.armed(f"{fault}@{steps + 1}")(
            "ca", *command, "--root-passphrase-file", box.password_file, exit=None
        ).exit:
            steps += 1
            assert steps < 40
            ymgr("renew", "--due")  # what comes by every day makes good what is missing
            name = f"{command[0]}{steps}.example.com"
            ymgr("issue", name, "--out", name)
            ymgr("ca", "export", "--what", "root", "--out", "root.pem", "--force")
            files = ("-CAfile", box.work / "root.pem", "-untrusted", box.profile / "ca/chain.pem")
            openssl("verify", "-x509_strict", *files, box.work / name / "cert.pem", box.profile / "ca/ocsp.pem")
            crl = ("-in", box.profile / "ca/ca.crl", "-inform", "der", "-noout", "-verify", "-CAfile", files[3])
            assert "verify OK" in openssl("crl", *crl).stderr
        assert steps > 1
    cas = [ca for ca in ymgr.json("ca", "show")["cas"] if ca["kind"] == "issuing"]
    assert [ca["status"] for ca in cas].count("active") == 1
    rotated = ymgr.json("audit", "list", "--event", "ca.rotated")["events"]
    assert {event["data"]["issuer_id"] for event in rotated} | {cas[-1]["issuer_id"]} == {ca["issuer_id"] for ca in cas}
    assert ymgr.json("audit", "verify")["findings"] == []
