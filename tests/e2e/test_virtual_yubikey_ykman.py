"""ykman, Yubico's own manager, takes the virtual YubiKey for a real one: 5.4.3 and 5.7.4 whole, a little on older firmware."""

import contextlib
import re
import tempfile

import pytest

from card import MANAGEMENT_KEY, PIN, PUK, SANITIZED_KEY, Readers
from harness import openssl

OTHER_KEY = "a1b2c3d4e5f60718293a4b5c6d7e8f901122334455667788"
OLD_ALGORITHMS = ("rsa1024", "rsa2048", "eccp256", "eccp384")
NEW_ALGORITHMS = ("rsa3072", "rsa4096", "ed25519", "x25519")
GENERATED = [
    *[("5.4.3", algorithm) for algorithm in OLD_ALGORITHMS],
    *[("5.7.4", algorithm) for algorithm in OLD_ALGORITHMS + NEW_ALGORITHMS],
]


@pytest.fixture
def key_program():
    return SANITIZED_KEY


@pytest.fixture(params=["5.4.3", "5.7.4"])
def key(request, readers):
    with readers.key(serial=20240001, firmware=request.param) as key:
        key.firmware = request.param
        yield key


@pytest.fixture
def key_of(readers):
    """key_of(firmware): for tests that choose it themselves."""
    opened = []

    def open_key(firmware, **options):
        opened.append(readers.key(serial=20240001, firmware=firmware, **options).__enter__())
        return opened[-1]

    yield open_key
    for key in opened:
        key.__exit__()


def access(key, *args, **how):
    return key.ykman("piv", "access", *args, **how)


def generate(key, slot, path, *args, management_key=MANAGEMENT_KEY):
    return key.ykman("piv", "keys", "generate", "-m", management_key, *args, slot, path)


def info(key):
    return key.ykman("piv", "info").stdout


def test_change_pin(key):
    access(key, "change-pin", "-P", PIN, "-n", "87654321")
    assert "default PIN" not in info(key)
    refused = access(key, "change-pin", "-P", PIN, "-n", "11223344", exit=1)
    assert "2 tries left" in refused.stderr
    assert "PIN tries remaining:      2/3" in info(key)
    access(key, "change-pin", "-P", "87654321", "-n", PIN)
    assert "PIN tries remaining:      3/3" in info(key)


def test_change_puk(key):
    access(key, "change-puk", "-p", PUK, "-n", "11223344")
    assert "default PUK" not in info(key)
    assert "2 tries left" in access(key, "change-puk", "-p", PUK, "-n", "11223344", exit=1).stderr


def test_a_blocked_pin_is_unblocked_with_the_puk(key):
    for _ in range(3):
        access(key, "change-pin", "-P", "00000000", "-n", "11223344", exit=1)
    assert "blocked" in access(key, "change-pin", "-P", PIN, "-n", "11223344", exit=1).stderr
    assert "PIN tries remaining:      0/3" in info(key)
    access(key, "unblock-pin", "-p", PUK, "-n", "55667788")
    access(key, "change-pin", "-P", "55667788", "-n", PIN)


def test_a_blocked_puk_unblocks_nothing(key):
    for _ in range(3):
        access(key, "unblock-pin", "-p", "00000000", "-n", "55667788", exit=1)
    assert "PUK tries remaining:      0/3" in info(key)
    access(key, "unblock-pin", "-p", PUK, "-n", "55667788", exit=1)


def test_set_retries(key):
    access(key, "change-pin", "-P", PIN, "-n", "87654321")
    access(key, "set-retries", "-m", MANAGEMENT_KEY, "-P", "87654321", "-f", 5, 7)
    shown = info(key)
    assert "PIN tries remaining:      5/5" in shown and "PUK tries remaining:      7/7" in shown
    assert "Using default PIN" in shown and "Using default PUK" in shown


@pytest.mark.parametrize(
    ("algorithm", "length"), [("tdes", 48), ("aes128", 32), ("aes192", 48), ("aes256", 64)], ids=lambda value: str(value)
)
def test_change_management_key(key, algorithm, length):
    new = (OTHER_KEY * 2)[:length]
    access(key, "change-management-key", "-m", MANAGEMENT_KEY, "-a", algorithm.upper(), "-n", new)
    shown = info(key)
    assert f"Management key algorithm: {algorithm.upper()}" in shown and "default Management key" not in shown
    access(key, "set-retries", "-m", MANAGEMENT_KEY, "-P", PIN, "-f", 4, 4, exit=1)
    access(key, "set-retries", "-m", new, "-P", PIN, "-f", 4, 4)


def test_a_management_key_protected_by_the_pin(key):
    access(key, "change-management-key", "-m", MANAGEMENT_KEY, "-P", PIN, "-a", "AES256", "-p")
    assert "Management key is stored on the YubiKey, protected by PIN" in info(key)
    key.ykman("piv", "keys", "generate", "-P", PIN, "-a", "eccp256", "9a", "-")


def test_a_touch_before_the_management_key_is_good(key):
    access(key, "change-management-key", "-m", MANAGEMENT_KEY, "-n", OTHER_KEY, "-a", "AES192", "-t")
    key.control("touch refused")
    access(key, "set-retries", "-m", OTHER_KEY, "-P", PIN, "-f", 4, 4, exit=1)
    key.control("touch given")
    access(key, "set-retries", "-m", OTHER_KEY, "-P", PIN, "-f", 4, 4)


def test_reset(key):
    generate(key, "9a", "-", "-a", "eccp256")
    access(key, "change-pin", "-P", PIN, "-n", "87654321")
    access(key, "change-management-key", "-m", MANAGEMENT_KEY, "-a", "AES192", "-n", OTHER_KEY)
    before = key.ykman("piv", "certificates", "export", "f9", "-").stdout
    key.ykman("piv", "reset", "-f")
    shown = info(key)
    assert shown.count("WARNING: Using default") == 3 and "Slot 9A" not in shown
    assert f"algorithm: {'AES192' if key.firmware == '5.7.4' else 'TDES'}" in shown
    assert key.ykman("piv", "certificates", "export", "f9", "-").stdout == before


def verify_attestation(key, folder, slot):
    """The chain leaf, F9, root, judged by OpenSSL; the leaf's text."""
    leaf, above = folder / "leaf.pem", folder / "f9.pem"
    key.ykman("piv", "keys", "attest", slot, leaf)
    key.ykman("piv", "certificates", "export", "f9", above)
    openssl("verify", "-x509_strict", "-CAfile", key.root, above)
    openssl("verify", "-CAfile", key.root, "-untrusted", above, leaf)
    return openssl("x509", "-in", leaf, "-noout", "-text", "-ext", "1.3.6.1.4.1.41482.3.3").stdout


@pytest.mark.parametrize(("firmware", "algorithm"), GENERATED)
def test_keys_are_generated_told_of_and_attested(key_of, tmp_path, firmware, algorithm):
    key = key_of(firmware)
    generate(key, "9a", tmp_path / "pub.pem", "-a", algorithm)
    told = key.ykman("piv", "keys", "info", "9a").stdout
    assert re.search(rf"Algorithm:\s+{algorithm.upper()}", told) and re.search(r"Origin:\s+GENERATED", told)
    assert re.search(r"PIN required for use:\s+ONCE", told) and re.search(r"Touch required for use:\s+NEVER", told)
    key.ykman("piv", "keys", "export", "9a", tmp_path / "again.pem")
    assert (tmp_path / "again.pem").read_text() == (tmp_path / "pub.pem").read_text()
    text = verify_attestation(key, tmp_path, "9a")
    assert "CN = YubiKey PIV Attestation 9a" in text and "Version: 3" in text
    attested = openssl("x509", "-in", tmp_path / "leaf.pem", "-noout", "-pubkey").stdout
    assert attested == (tmp_path / "pub.pem").read_text()


@pytest.mark.parametrize("algorithm", NEW_ALGORITHMS)
def test_older_firmware_makes_no_new_keys(key_of, algorithm):
    key = key_of("5.4.3")
    generated = key.ykman("piv", "keys", "generate", "-m", MANAGEMENT_KEY, "-a", algorithm, "9a", "-", exit=1)
    assert "5.7" in generated.stderr or "not supported" in generated.stderr


def extension(path, arc):
    """The bytes of one of Yubico's extensions, in hex."""
    dump = openssl("asn1parse", "-in", path).stdout.splitlines()
    at = next(number for number, line in enumerate(dump) if f":1.3.6.1.4.1.41482.3.{arc}" in line)
    return dump[at + 1].split("[HEX DUMP]:")[1]


def test_an_attestation_says_firmware_serial_policies_and_form_factor(key, tmp_path):
    generate(key, "9c", "-", "-a", "eccp384", "--touch-policy", "cached")
    verify_attestation(key, tmp_path, "9c")
    said = {arc: extension(tmp_path / "leaf.pem", arc) for arc in (3, 7, 8, 9)}
    firmware = bytes(int(part) for part in key.firmware.split(".")).hex().upper()
    assert said == {3: firmware, 7: f"0204{20240001:08X}", 8: "0303", 9: "01"}


def make_key(path, algorithm):
    kinds = {
        "rsa2048": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
        "rsa4096": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:4096"],
        "eccp256": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
        "eccp384": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"],
        "ed25519": ["-algorithm", "ED25519"],
        "x25519": ["-algorithm", "X25519"],
    }
    openssl("genpkey", *kinds[algorithm], "-out", path)
    return openssl("pkey", "-in", path, "-pubout").stdout


IMPORTED = [
    *[("5.4.3", algorithm) for algorithm in ("rsa2048", "eccp256", "eccp384")],
    *[("5.7.4", algorithm) for algorithm in ("rsa2048", "rsa4096", "eccp256", "eccp384", "ed25519", "x25519")],
]


@pytest.mark.parametrize(("firmware", "algorithm"), IMPORTED)
def test_keys_are_imported_and_never_attested(key_of, tmp_path, firmware, algorithm):
    key = key_of(firmware)
    public = make_key(tmp_path / "key.pem", algorithm)
    key.ykman("piv", "keys", "import", "-m", MANAGEMENT_KEY, "9d", tmp_path / "key.pem")
    told = key.ykman("piv", "keys", "info", "9d").stdout
    assert re.search(r"Origin:\s+IMPORTED", told) and re.search(rf"Algorithm:\s+{algorithm.upper()}", told)
    key.ykman("piv", "keys", "export", "9d", tmp_path / "pub.pem")
    assert (tmp_path / "pub.pem").read_text() == public
    key.ykman("piv", "keys", "attest", "9d", "-", exit=1)


def test_keys_move_and_go(key_of, tmp_path):
    key = key_of("5.7.4")
    generate(key, "9a", tmp_path / "pub.pem", "-a", "ed25519")
    key.ykman("piv", "keys", "move", "-m", MANAGEMENT_KEY, "9a", "82")
    assert key.ykman("piv", "keys", "info", "9a", exit=1)
    key.ykman("piv", "keys", "export", "82", tmp_path / "moved.pem")
    assert (tmp_path / "moved.pem").read_text() == (tmp_path / "pub.pem").read_text()
    generate(key, "9a", "-", "-a", "eccp256")
    key.ykman("piv", "keys", "move", "-m", MANAGEMENT_KEY, "82", "9a", exit=1)  # not onto another key
    key.ykman("piv", "keys", "delete", "-m", MANAGEMENT_KEY, "82")
    key.ykman("piv", "keys", "info", "82", exit=1)


def test_older_firmware_moves_and_deletes_nothing(key_of):
    key = key_of("5.4.3")
    generate(key, "9a", "-", "-a", "eccp256")
    assert "5.7" in key.ykman("piv", "keys", "move", "-m", MANAGEMENT_KEY, "9a", "82", exit=1).stderr
    key.ykman("piv", "keys", "delete", "-m", MANAGEMENT_KEY, "9a", exit=1)
    assert "Slot 9A" in info(key)


SIGNING = [
    *[("5.4.3", algorithm) for algorithm in ("rsa2048", "eccp256", "eccp384")],
    *[("5.7.4", algorithm) for algorithm in ("rsa2048", "rsa3072", "eccp256", "eccp384", "ed25519")],
]


@pytest.mark.parametrize(("firmware", "algorithm"), SIGNING)
def test_certificates_and_requests_are_signed_by_the_key(key_of, tmp_path, firmware, algorithm):
    key = key_of(firmware)
    public, made, csr = tmp_path / "pub.pem", tmp_path / "cert.pem", tmp_path / "csr.pem"
    generate(key, "9c", public, "-a", algorithm)
    signed = ("-P", PIN, "-s", "CN=alice")
    key.ykman("piv", "certificates", "request", *signed, "9c", public, csr)
    assert "verify OK" in openssl("req", "-in", csr, "-noout", "-verify").stderr
    key.ykman("piv", "certificates", "generate", "-m", MANAGEMENT_KEY, *signed, "9c", public)
    key.ykman("piv", "certificates", "export", "9c", made)
    openssl("verify", "-CAfile", made, "-check_ss_sig", made)
    assert re.search(r"Subject DN:\s+CN=alice", info(key))
    wrong = key.ykman("piv", "certificates", "request", "-P", "00000000", "-s", "CN=a", "9c", public, csr, exit=1)
    assert "2 tries left" in wrong.stderr


def test_certificates_are_imported_exported_and_deleted(key, tmp_path):
    generate(key, "9a", tmp_path / "pub.pem", "-a", "eccp256")
    issuer = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", tmp_path / "ca.key")
    openssl("req", "-x509", *issuer, "-subj", "/CN=Test CA", "-days", 2, "-out", tmp_path / "ca.pem")
    ca = ("-CA", tmp_path / "ca.pem", "-CAkey", tmp_path / "ca.key", "-days", 1)
    public = ("-new", "-force_pubkey", tmp_path / "pub.pem", "-subj", "/CN=bob")
    openssl("x509", *public, *ca, "-out", tmp_path / "cert.pem")
    put = ("piv", "certificates", "import", "-m", MANAGEMENT_KEY, "-P", PIN)
    key.ykman(*put, "-v", "9a", tmp_path / "cert.pem")  # -v signs with the key to see that they belong together
    assert key.ykman("piv", "certificates", "export", "9a", "-").stdout == (tmp_path / "cert.pem").read_text()
    key.ykman(*put, "-v", "9a", tmp_path / "ca.pem", exit=1)
    key.ykman(*put, "-c", "82", tmp_path / "cert.pem")  # compressed
    assert key.ykman("piv", "certificates", "export", "82", "-").stdout == (tmp_path / "cert.pem").read_text()
    key.ykman("piv", "certificates", "delete", "-m", MANAGEMENT_KEY, "9a")
    key.ykman("piv", "certificates", "export", "9a", "-", exit=1)


def test_objects_are_stored_and_read(key, tmp_path):
    path = tmp_path / "object"
    for size in (1, 200, 256, 3000):
        path.write_bytes(bytes(range(256))[:1] * size)
        key.ykman("piv", "objects", "import", "-m", MANAGEMENT_KEY, "5f0001", path)
        key.ykman("piv", "objects", "export", "5f0001", tmp_path / "read")
        assert (tmp_path / "read").read_bytes() == path.read_bytes()
    key.ykman("piv", "objects", "generate", "-m", MANAGEMENT_KEY, "chuid")
    key.ykman("piv", "objects", "generate", "-m", MANAGEMENT_KEY, "ccc")
    assert "CHUID: No data" not in info(key) and "CCC:   No data" not in info(key)


def test_fingerprints_are_read_with_the_pin_only(key, tmp_path):
    (tmp_path / "data").write_bytes(b"\x01\x02\x03")
    key.ykman("piv", "objects", "import", "-m", MANAGEMENT_KEY, "fingerprints", tmp_path / "data")
    key.ykman("piv", "objects", "export", "-P", PIN, "fingerprints", tmp_path / "read")
    assert (tmp_path / "read").read_bytes() == b"\x01\x02\x03"


def test_everything_is_remembered_while_pulled_out(key, tmp_path):
    generate(key, "9e", tmp_path / "pub.pem", "-a", "eccp256")
    access(key, "change-pin", "-P", "00000000", "-n", "11223344", exit=1)
    key.unplug()
    key.plug()
    key.ykman("piv", "keys", "export", "9e", tmp_path / "again.pem")
    assert (tmp_path / "again.pem").read_text() == (tmp_path / "pub.pem").read_text()
    assert "PIN tries remaining:      2/3" in info(key)


@pytest.fixture
def four_readers(key_program):
    with tempfile.TemporaryDirectory(prefix="ymgr-card-") as folder:
        with Readers(f"{folder}/pcsc", count=4, program=key_program) as readers:
            yield readers


def test_several_keys_are_told_apart(four_readers, tmp_path):
    with contextlib.ExitStack() as stack:
        firmwares = ("5.7.4", "5.4.3", "5.2.7", "4.3.5")
        keys = [
            stack.enter_context(four_readers.key(index, serial=index + 1, firmware=firmware))
            for index, firmware in enumerate(firmwares)
        ]
        listed = keys[0].ykman_all("list").stdout
        for number, firmware in enumerate(firmwares, start=1):
            assert f"({firmware}) [CCID] Serial: {number}\n" in listed
        generate(keys[0], "9a", tmp_path / "pub.pem", "-a", "ed25519")
        assert ["Slot 9A" in info(key) for key in keys] == [True, False, False, False]
        assert keys[0].ykman_all("--device", 2, "piv", "info").stdout == info(keys[1])
        assert len({key.ykman("piv", "certificates", "export", "f9", "-").stdout for key in keys}) == 4
        assert len({key.root for key in keys}) == 1


@pytest.mark.parametrize("firmware", ["4.3.5", "5.2.7"])
def test_older_firmware_generates_signs_and_resets(key_of, tmp_path, firmware):
    key = key_of(firmware)
    generate(key, "9a", tmp_path / "pub.pem", "-a", "eccp384")
    signed = ("-P", PIN, "-s", "CN=alice", "9a", tmp_path / "pub.pem", tmp_path / "csr.pem")
    key.ykman("piv", "certificates", "request", *signed)
    assert "verify OK" in openssl("req", "-in", tmp_path / "csr.pem", "-noout", "-verify").stderr
    verify_attestation(key, tmp_path, "9a")
    assert extension(tmp_path / "leaf.pem", 3) == bytes(int(part) for part in firmware.split(".")).hex().upper()
    access(key, "change-management-key", "-m", MANAGEMENT_KEY, "-a", "AES192", "-n", OTHER_KEY, exit=1)
    access(key, "set-retries", "-m", MANAGEMENT_KEY, "-P", PIN, "-f", 5, 5)
    key.ykman("piv", "reset", "-f")
    assert "algorithm: TDES" in info(key)
