"""yubico-piv-tool, libykpiv and OpenSC take the virtual YubiKey for a real one. libykpiv 2.2 knows 3DES management keys only, so a
key of 5.7.4 is given one first."""

import hashlib

import pytest

from card import MANAGEMENT_KEY, PIN, PUK, SANITIZED_KEY, TDES
from harness import openssl

OTHER_KEY = "a1b2c3d4e5f60718293a4b5c6d7e8f901122334455667788"


@pytest.fixture
def key_program():
    return SANITIZED_KEY


@pytest.fixture(params=["5.4.3", "5.7.4"])
def key(request, readers):
    with readers.key(serial=1001, firmware=request.param) as key:
        key.firmware = request.param
        if request.param == "5.7.4":
            with key.connect() as card:
                card.select().authenticate()
                card.send(f"00ffffff1b{TDES}9b18{MANAGEMENT_KEY}", want="9000")
                card.send("!reset")  # or whoever comes next would find it authenticated
        yield key


@pytest.fixture
def certify(tmp_path):
    """certify(public key file, name) gives a certificate of a test CA."""
    ca = (tmp_path / "ca.pem", tmp_path / "ca.key")
    new = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", ca[1])
    openssl("req", "-x509", *new, "-subj", "/CN=Test CA", "-days", 2, "-out", ca[0])

    def make(public, name="bob"):
        made = tmp_path / f"{name}.pem"
        subject = ("-new", "-force_pubkey", public, "-subj", f"/CN={name}")
        openssl("x509", *subject, "-CA", ca[0], "-CAkey", ca[1], "-days", 1, "-out", made)
        return made

    return make


def provision(key, certify, folder, slot, algorithm):
    """A key and its certificate, both made with yubico-piv-tool."""
    public = folder / f"{slot}.pub"
    key.tool("-a", "generate", "-s", slot, "-A", algorithm, "-o", public)
    made = certify(public, f"holder-{slot}")
    key.tool("-a", "import-certificate", "-s", slot, "-i", made)
    return public, made


# yubico-piv-tool.


def test_the_tool_counts_pins_and_puks(key):
    key.tool("-a", "verify-pin", "-P", PIN)
    assert "2 tries left" in key.tool("-a", "verify-pin", "-P", "00000000", exit=1).stderr
    key.tool("-a", "change-pin", "-P", PIN, "-N", "11223344")
    key.tool("-a", "change-puk", "-P", PUK, "-N", "87654321")
    for _ in range(3):
        key.tool("-a", "verify-pin", "-P", "00000000", exit=1)
    assert "PIN tries left:\t0" in key.tool("-a", "status").stdout
    key.tool("-a", "unblock-pin", "-P", PUK, "-N", "11223344", exit=1)
    key.tool("-a", "unblock-pin", "-P", "87654321", "-N", "11223344")
    key.tool("-a", "verify-pin", "-P", "11223344")


@pytest.mark.parametrize("algorithm", ["RSA1024", "RSA2048", "ECCP256", "ECCP384"])
def test_the_tool_signs_and_decrypts(key, certify, tmp_path, algorithm):
    _, made = provision(key, certify, tmp_path, "9a", algorithm)
    assert key.tool("-a", "read-certificate", "-s", "9a").stdout == made.read_text()
    pin = ("-a", "verify-pin", "-P", PIN, "-s", "9a", "-i", made)
    assert "Successful" in key.tool(*pin, "-a", "test-signature").stderr
    assert "Successful" in key.tool(*pin, "-a", "test-decipher").stderr
    assert f"Algorithm:\t{algorithm}" in key.tool("-a", "status").stdout
    key.tool("-a", "delete-certificate", "-s", "9a")
    assert "Slot 9a" not in key.tool("-a", "status").stdout


def test_the_tool_attests(key, tmp_path):
    key.tool("-a", "generate", "-s", "82", "-A", "ECCP384", "-o", tmp_path / "pub.pem")
    key.tool("-a", "attest", "-s", "82", "-o", tmp_path / "leaf.pem")
    key.tool("-a", "read-certificate", "-s", "f9", "-o", tmp_path / "f9.pem")
    openssl("verify", "-CAfile", key.root, "-untrusted", tmp_path / "f9.pem", tmp_path / "leaf.pem")
    attested = openssl("x509", "-in", tmp_path / "leaf.pem", "-noout", "-pubkey").stdout
    assert attested == (tmp_path / "pub.pem").read_text()


@pytest.mark.parametrize("algorithm", ["RSA2048", "ECCP256"])
def test_the_tool_imports_keys(key, certify, tmp_path, algorithm):
    kind = ["RSA"] if algorithm == "RSA2048" else ["EC", "-pkeyopt", "ec_paramgen_curve:P-256"]
    openssl("genpkey", "-algorithm", *kind, "-out", tmp_path / "key.pem")
    openssl("pkey", "-in", tmp_path / "key.pem", "-pubout", "-out", tmp_path / "pub.pem")
    key.tool("-a", "import-key", "-s", "9d", "-i", tmp_path / "key.pem")
    pin = ("-a", "verify-pin", "-P", PIN, "-s", "9d", "-i", certify(tmp_path / "pub.pem"))
    assert "Successful" in key.tool(*pin, "-a", "test-signature").stderr
    assert "Failed" in key.tool("-a", "attest", "-s", "9d", exit=1).stderr


def test_the_tool_sets_retries_the_management_key_and_resets(key):
    key.tool("-a", "verify-pin", "-a", "pin-retries", "--pin-retries", 5, "--puk-retries", 6, "-P", PIN)
    assert "PIN tries left:\t5" in key.tool("-a", "status").stdout
    key.tool("-a", "set-mgm-key", "-n", OTHER_KEY)
    key.tool("-a", "set-chuid", exit=1)
    key.tool("-a", "set-chuid", f"-k{OTHER_KEY}")
    key.tool("-a", "reset", exit=1)
    for _ in range(5):
        key.tool("-a", "verify-pin", "-P", "00000000", exit=1)
    for _ in range(6):
        key.tool("-a", "unblock-pin", "-P", "00000000", "-N", "11223344", exit=1)
    key.tool("-a", "reset")
    assert "PIN tries left:\t3" in key.tool("-a", "status").stdout


def test_the_tool_stores_objects(key):
    for action in ("set-chuid", "set-ccc"):
        key.tool("-a", action)
    content = "c10203" * 400
    key.tool("-a", "write-object", "--id", "0x5fc10c", "-f", "hex", "-i", "-", input=content)
    assert key.tool("-a", "read-object", "--id", "0x5fc10c", "-f", "hex").stdout.strip() == content
    status = key.tool("-a", "status").stdout
    assert "CHUID:\t3019" in status and "CCC:\tf015" in status


# libykpiv.


def test_libykpiv_reads_and_counts(key):
    with key.ykpiv() as yk:
        assert yk.greeting[0] == "OK" and yk("get_version") == key.firmware and yk("get_serial") == 1001
        assert yk("verify", "00000000", want="WRONG_PIN") == 2
        assert yk("get_pin_retries") == 2
        yk("verify", PIN)
        assert yk("get_pin_retries") == 3
        yk("change_pin", PIN, "11223344")
        assert yk("change_puk", "00000000", "11223344", want="WRONG_PIN") == 2
        for left in (2, 1, 0):
            assert yk("verify", PIN, want="WRONG_PIN") == left
        yk("verify", PIN, want="PIN_LOCKED")
        yk("unblock_pin", PUK, "11223344")
        yk("verify", "11223344")


def test_libykpiv_makes_and_uses_a_key(key):
    digest = hashlib.sha256(b"hello").hexdigest()
    with key.ykpiv() as yk:
        yk("generate_key", 0x9A, 0x11, 2, 1, want="AUTHENTICATION_ERROR")
        yk("authenticate", OTHER_KEY, want="AUTHENTICATION_ERROR")
        yk("authenticate", MANAGEMENT_KEY)
        point = yk("generate_key", 0x9A, 0x11, 2, 1)
        assert yk("get_metadata", 0x9A) == f"0101110202020103010104438641{point}"
        yk("sign", digest, 0x11, 0x9A, want="AUTHENTICATION_ERROR")
        yk("verify", PIN)
        assert yk("sign", digest, 0x11, 0x9A).startswith("30")
        assert len(yk("decipher", point, 0x11, 0x9A)) == 64
        assert yk("attest", 0x9A).startswith("30")
        yk("attest", 0x9C, want="KEY_ERROR")
        yk("get_metadata", 0x9C, want="KEY_ERROR")
        yk("generate_key", 0x9B, 0x11, 2, 1, want="KEY_ERROR")
        yk("import_ec", 0x9D, 0x11, "11" * 32)
        yk("attest", 0x9D, want="ARGUMENT_ERROR")


def test_libykpiv_stores_objects_in_chains(key):
    with key.ykpiv() as yk:
        yk("authenticate", MANAGEMENT_KEY)
        for size in (1, 127, 128, 255, 256, 1000, 3000):
            yk("save_object", 0x5F0001, "5a" * size)
            assert yk("fetch_object", 0x5F0001) == "5a" * size
        yk("fetch_object", 0x5F0002, want="INVALID_OBJECT")
        yk("fetch_object", 0x5FC109, want="AUTHENTICATION_ERROR")


def test_libykpiv_sets_retries_and_resets(key):
    with key.ykpiv() as yk:
        yk("authenticate", MANAGEMENT_KEY)
        yk("set_pin_retries", 1, 1, want="AUTHENTICATION_ERROR")
        yk("verify", PIN)
        yk("set_pin_retries", 1, 1)
        yk("set_mgmkey", OTHER_KEY)
        yk("reset", want="GENERIC_ERROR")
        assert yk("verify", "00000000", want="WRONG_PIN") == 0
        yk("unblock_pin", "00000000", "11223344", want="WRONG_PIN")
        yk("reset")
        yk("verify", PIN)
        assert yk("get_pin_retries") == 3


def test_libykpiv_survives_a_key_that_is_plugged_in_again(key):
    with key.ykpiv() as yk:
        yk("verify", PIN)
        key.unplug()
        key.plug()
        assert yk.process.poll() is None
    with key.ykpiv() as yk:
        assert yk.greeting[0] == "OK" and yk("get_pin_retries") == 3


# OpenSC.


def test_opensc_lists_what_is_there(key, certify, tmp_path):
    provision(key, certify, tmp_path, "9a", "ECCP256")
    provision(key, certify, tmp_path, "9c", "RSA2048")
    key.tool("-a", "set-chuid")
    objects = key.pkcs11("-O").stdout
    assert "DN: CN=holder-9a" in objects and "DN: CN=holder-9c" in objects
    slots = key.pkcs11("-L").stdout
    assert "token label        : holder-9a" in slots and "PKCS#15 emulated" in slots
    dump = key.pkcs15("--dump").stdout
    assert "Key ref        : 154 (0x9A)" in dump and "Key ref        : 156 (0x9C)" in dump
    assert key.pkcs15("-c").stdout.count("X.509 Certificate") == 2
    read = key.pkcs15("--read-certificate", "01").stdout
    assert read == (tmp_path / "holder-9a.pem").read_text()


@pytest.mark.parametrize("algorithm", ["RSA1024", "RSA2048", "ECCP256", "ECCP384"])
def test_opensc_logs_in_and_signs(key, certify, tmp_path, algorithm):
    public, _ = provision(key, certify, tmp_path, "9a", algorithm)
    data, signature = tmp_path / "data", tmp_path / "signature"
    data.write_bytes(b"hello")
    mechanism = "SHA256-RSA-PKCS" if algorithm.startswith("RSA") else "ECDSA-SHA256"
    sign = ("--sign", "-m", mechanism, "--id", "01", "-f", "openssl", "-i", data, "-o", signature)
    key.pkcs11("-l", "-p", PIN, *sign)
    openssl("dgst", "-sha256", "-verify", public, "-signature", signature, data)
    key.pkcs11("-l", "-p", "00000000", *sign, exit=1)


def test_opensc_tests_every_key(key, certify, tmp_path):
    provision(key, certify, tmp_path, "9d", "RSA2048")
    tested = key.pkcs11("-l", "-p", PIN, "--test")
    assert "No errors" in tested.stdout


def test_opensc_decrypts(key, certify, tmp_path):
    public, _ = provision(key, certify, tmp_path, "9d", "RSA2048")
    (tmp_path / "plain").write_bytes(b"secret")
    encrypt = ("-encrypt", "-pubin", "-inkey", public, "-in", tmp_path / "plain", "-out", tmp_path / "encrypted")
    openssl("pkeyutl", *encrypt)
    files = ("-i", tmp_path / "encrypted", "-o", tmp_path / "decrypted")
    key.pkcs11("-l", "-p", PIN, "--decrypt", "-m", "RSA-PKCS", "--id", "03", *files)
    assert (tmp_path / "decrypted").read_bytes() == b"secret"


def test_opensc_changes_and_unblocks_the_pin(key):
    key.pkcs11("-l", "-p", PIN, "--change-pin", "--new-pin", "11223344")
    key.tool("-a", "verify-pin", "-P", "11223344")
    for _ in range(3):
        key.tool("-a", "verify-pin", "-P", "00000000", exit=1)
    key.pkcs15("--unblock-pin", "-a", "01", "--puk", PUK, "--new-pin", PIN)
    key.tool("-a", "verify-pin", "-P", PIN)
