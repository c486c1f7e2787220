"""The virtual YubiKey behaves as independent clients expect of a real one: ykman, yubico-piv-tool, OpenSC, libykpiv, raw APDUs."""

import random

import pytest

from card import (
    AES192,
    MANAGEMENT_KEY,
    PIN,
    PUK,
    SANITIZED_KEY,
    SELECT_PIV,
    TDES,
    apdu,
    decrypt_block,
    encrypt_block,
    extended,
    padded,
    tlv,
    value_of,
)
from harness import openssl

FIRMWARES = ("4.3.5", "5.2.7", "5.4.3", "5.7.4")


@pytest.fixture
def key_program():
    return SANITIZED_KEY


@pytest.mark.parametrize("firmware", FIRMWARES)
def test_version_and_serial(readers, firmware):
    with readers.key(serial=1001, firmware=firmware) as key, key.connect() as card:
        card.send("00fd0000", want="6d00")  # nothing is selected
        data, _ = card.send(SELECT_PIV, want="9000")
        assert data.hex() == "61114f0600001000010079074f05a000000308"
        assert list(card.send("00fd0000", want="9000")[0]) == [int(part) for part in firmware.split(".")]
        assert card.send("00f80000") == ((b"", "6d00") if firmware == "4.3.5" else ((1001).to_bytes(4), "9000"))
        card.send("00a4040005a000000527", want="6a82")
        card.send("00fd0000", want="6d00")  # an unknown application leaves none selected


@pytest.mark.parametrize("firmware", FIRMWARES)
def test_status_as_the_tools_print_it(readers, firmware):
    with readers.key(serial=1001, firmware=firmware) as key:
        info = key.ykman("piv", "info").stdout
        assert f"PIV version:              {firmware}" in info
        assert f"algorithm: {'AES192' if firmware == '5.7.4' else 'TDES'}" in info
        if firmware >= "5.3":
            assert "PIN tries remaining:      3/3" in info and "PUK tries remaining:      3/3" in info
            assert info.count("WARNING: Using default") == 3
        status = key.tool("-a", "status").stdout
        assert f"Version:\t{firmware}" in status and "PIN tries left:\t3" in status
        assert "Serial number: 1001" in key.ykman("info").stdout


def put(object_id, data):
    return tlv("5c", bytes.fromhex(object_id)) + tlv("53", data)


def get(card, object_id, want="9000"):
    data, _ = card.send(extended("00cb3fff", tlv("5c", bytes.fromhex(object_id))), want=want)
    return value_of(data) if data else b""


def test_long_commands_and_answers_come_in_pieces(card):
    card.authenticate()
    content = random.Random(1).randbytes(1000)
    command = put("5f0001", content)
    pieces = [command[at : at + 255] for at in range(0, len(command), 255)]
    for piece in pieces[:-1]:
        card.send(apdu("10db3fff", piece), want="9000")
    card.send(apdu("00db3fff", pieces[-1]), want="9000")
    assert get(card, "5f0001") == content  # extended: whole
    name = apdu("00cb3fff", tlv("5c", bytes.fromhex("5f0001")))
    data, status = card.send(name)
    assert len(data) == 256 and status == "6100"  # more than 255 are left
    for le, want in (("00", "6100"), ("", "61ec"), ("ec", "9000")):
        more, status = card.send("00c00000" + le, want=want)
        data += more
    assert value_of(data) == content and status == "9000"
    card.send("00c00000", want="6985")  # nothing is left


def test_another_command_drops_a_chain_and_an_answer(card):
    card.authenticate()
    command = put("5f0001", b"x" * 300)
    card.send(apdu("10db3fff", command[:255]), want="9000")
    card.send("00200080", want="63c3")  # without the data before it
    card.send(apdu("00db3fff", command[255:]), want="6a80")  # the rest alone is no object
    get(card, "5f0001", want="6a82")
    card.send(extended("00db3fff", command), want="9000")
    card.send(apdu("00cb3fff", tlv("5c", bytes.fromhex("5f0001"))), want="6130")
    card.send("00fd0000", want="9000")
    card.send("00c00000", want="6985")


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("00fd0000", "9000"),
        ("00fd000000", "9000"),
        ("00fd0000000000", "9000"),  # extended Le
        ("00fd00000141", "9000"),
        ("00200080084141", "6700"),
        ("0020008000000841", "6700"),
        ("80fd0000", "6e00"),
        ("00010000", "6d00"),
        ("00a4010005a000000308", "6a86"),
        ("0020008103313233", "6a88"),
        ("0020008003313233", "6a80"),
        ("00cb3fff045c025f00", "6a80"),
        ("00cb0000055c035fc105", "6a86"),
        ("0047009a", "6982"),
        ("00fa0505", "6982"),
        ("00fb0000", "6985"),
        ("00f79600", "6a86"),
        ("00f70096", "6a88"),
        ("00f7009a", "6a88"),
        ("00f99a00", "6a88"),
        ("00f99b00", "6b00"),
        ("0087119a047c028200", "6a80"),
        ("0087119b047c028100", "6a80"),
        ("00f6829a", "6982"),
    ],
)
def test_status_words(card, text, want):
    card.send(text, want=want)


def test_pin_counters(card):
    card.send("00200080", want="63c3")
    for want in ("63c2", "63c1"):
        card.verify("00000000", want=want)
    card.verify()
    card.send("00200080", want="9000")
    card.send("0020ff80", want="9000")  # log out
    card.send("00200080", want="63c3")
    for want in ("63c2", "63c1", "63c0", "6983"):
        card.verify("00000000", want=want)
    card.verify(want="6983")
    card.send("00200080", want="6983")
    card.send(apdu("00240080", padded(PIN) + padded("11223344")), want="6983")
    for want in ("63c2", "63c1"):
        card.send(apdu("002c0080", padded("00000000") + padded("11223344")), want=want)
    card.send(apdu("002c0080", padded(PUK) + padded("11223344")), want="9000")
    card.verify("11223344")
    assert card.send("00f70080", want="9000")[0].hex() == "0101ff05010006020303"


def test_more_than_fifteen_tries_show_as_fifteen(card):
    card.authenticate()
    card.verify()
    card.send("00faff14", want="9000")
    card.send("00200080", want="63cf")
    card.verify("00000000", want="63cf")
    assert card.send("00f70080")[0].hex() == "0101ff0501010602fffe"
    assert card.send("00f70081")[0].hex() == "0101ff05010106021414"


def test_what_ends_a_session(key, card):
    def begin():
        card.select().verify()
        card.authenticate()

    def gone():
        card.select()
        return card.send("00200080")[1] == "63c3" and card.send("00fa0303")[1] == "6982"

    begin()
    assert not gone()  # selecting PIV again keeps it
    for end in ("!reset", "00a4040008a000000527471117", "00a4040005a000000999"):
        begin()
        card.send(end)
        assert gone()
    begin()
    key.unplug()
    with pytest.raises(ConnectionError):
        card.send("00200080")
    key.plug()
    card.send("!reconnect", want="9000")
    assert gone()


def test_a_pin_for_each_use(card):
    card.authenticate()
    card.generate("9c", "11")
    card.use("9c", "11", b"\1" * 32, want="6982")
    card.verify()
    card.use("9c", "11", b"\1" * 32)
    card.use("9c", "11", b"\1" * 32, want="6982")
    card.verify()
    get(card, "7e")  # anything in between spends it
    card.use("9c", "11", b"\1" * 32, want="6982")


def test_pin_policies(card):
    card.authenticate()
    card.generate("9a", "11")
    card.generate("9e", "11")
    card.generate("82", "11", "aa0101")
    card.generate("83", "11", "aa0104", want="6a80")  # for fingerprints
    card.use("9a", "11", b"\1" * 32, want="6982")
    card.use("9e", "11", b"\1" * 32)
    card.use("82", "11", b"\1" * 32)
    card.verify()
    for _ in range(2):
        card.use("9a", "11", b"\1" * 32)


@pytest.mark.parametrize(("firmware", "algorithm"), [("5.4.3", TDES), ("5.7.4", AES192)])
def test_authentication_with_the_management_key(readers, firmware, algorithm):
    wrong = MANAGEMENT_KEY.replace("01", "f1")
    with readers.key(serial=1, firmware=firmware) as key, key.connect() as card:
        card.select().authenticate(wrong, algorithm, want="6982")
        card.send(apdu(f"0087{algorithm}9b", tlv("7c", tlv("82", bytes(8)))), want="6982")  # no challenge is open
        challenge = card.send(f"0087{algorithm}9b047c028100", want="9000")[0][4:]
        for guess, key_used in (("wrong", wrong), ("too late", MANAGEMENT_KEY)):  # a challenge is good once
            answer = tlv("7c", tlv("82", encrypt_block(algorithm, key_used, challenge)))
            assert card.send(apdu(f"0087{algorithm}9b", answer))[1] == "6982", guess
        card.send(f"0087{AES192 if algorithm == TDES else TDES}9b047c028100", want="6a80")
        card.authenticate(algorithm=algorithm)
        card.send(apdu("00db3fff", put("5f0001", b"1")), want="9000")
        card.send(SELECT_PIV)
        witness = card.send(f"0087{algorithm}9b047c028000", want="9000")[0][4:]
        challenge = bytes(range(len(witness)))
        plain = decrypt_block(algorithm, MANAGEMENT_KEY, witness)
        answer = card.send(apdu(f"0087{algorithm}9b", tlv("7c", tlv("80", plain) + tlv("81", challenge))), want="9000")
        assert answer[0][4:] == encrypt_block(algorithm, MANAGEMENT_KEY, challenge)


def public_pem(path, prefix, point):
    """A public key file: the DER up to the key's bits, and these."""
    der = path.with_suffix(".der")
    der.write_bytes(bytes.fromhex(prefix) + point)
    openssl("pkey", "-pubin", "-inform", "DER", "-in", der, "-out", path)
    return path


P256_PREFIX = "3059301306072a8648ce3d020106082a8648ce3d030107034200"
P384_PREFIX = "3076301006072a8648ce3d020106052b81040022036200"
X25519_PREFIX = "302a300506032b656e032100"


@pytest.mark.parametrize(
    ("algorithm", "prefix", "kind"),
    [
        ("11", P256_PREFIX, ["EC", "-pkeyopt", "ec_paramgen_curve:P-256"]),
        ("14", P384_PREFIX, ["EC", "-pkeyopt", "ec_paramgen_curve:P-384"]),
        ("e1", X25519_PREFIX, ["X25519"]),
    ],
    ids=["p256", "p384", "x25519"],
)
def test_key_agreement_gives_what_openssl_gives(card, tmp_path, algorithm, prefix, kind):
    card.authenticate()
    card.verify()
    point = value_of(card.generate("9d", algorithm)[1:])[2:]
    own = public_pem(tmp_path / "card.pem", prefix, point)
    openssl("genpkey", "-algorithm", *kind, "-out", tmp_path / "peer.key")
    openssl("pkey", "-in", tmp_path / "peer.key", "-pubout", "-outform", "DER", "-out", tmp_path / "peer.der")
    peer = (tmp_path / "peer.der").read_bytes()[len(bytes.fromhex(prefix)) :]
    secret = card.use("9d", algorithm, peer, tag="85")
    openssl("pkeyutl", "-derive", "-inkey", tmp_path / "peer.key", "-peerkey", own, "-out", tmp_path / "secret")
    assert secret == (tmp_path / "secret").read_bytes()
    card.use("9d", algorithm, peer[:-1], tag="85", want="6a80")
    if algorithm != "e1":
        card.use("9d", algorithm, peer[:-1] + bytes([peer[-1] ^ 1]), tag="85", want="6a80")  # not on the curve


def test_a_short_digest_is_signed_as_a_number(card, tmp_path):
    card.authenticate()
    own = public_pem(tmp_path / "card.pem", P384_PREFIX, value_of(card.generate("9e", "14")[1:])[2:])
    digest = bytes(range(1, 33))
    (tmp_path / "digest").write_bytes(digest)
    (tmp_path / "signature").write_bytes(card.use("9e", "14", digest))
    verify = ("-verify", "-pubin", "-inkey", own, "-sigfile", tmp_path / "signature", "-in", tmp_path / "digest")
    openssl("pkeyutl", *verify)
    card.use("9e", "14", bytes(49), want="6a80")


def test_rsa_decrypts_what_openssl_encrypted(card, tmp_path):
    card.authenticate()
    card.verify()
    modulus = value_of(value_of(card.generate("9d", "07")[1:]))[:256]
    number = int.from_bytes(modulus)
    assert pow(int.from_bytes(card.use("9d", "07", bytes(255) + b"\2")), 65537, number) == 2
    card.use("9d", "07", bytes(255), want="6a80")
    card.use("9d", "07", modulus, want="6a80")  # not below the modulus
    card.use("9d", "11", bytes(32), want="6a80")


def test_a_touch_is_waited_for(key, card):
    card.authenticate()
    card.generate("9e", "11", "ab0102")
    card.use("9e", "11", b"\1" * 32)  # a finger at once
    key.control("touch refused")
    card.use("9e", "11", b"\1" * 32, want="6982")
    for finger, want in (("given", "9000"), ("refused", "6982")):
        key.control("touch asked")
        card.start(extended("0087119e", tlv("7c", bytes.fromhex("8200") + tlv("81", b"\1" * 32))))
        key.wait_waiting("touch")
        key.control(f"touch {finger}")
        assert card.finish()[1] == want
        assert key.status()["waiting"] is None


def test_a_cached_touch_is_asked_for_once(key, card):
    card.authenticate()
    card.generate("9e", "11", "ab0103")
    card.use("9e", "11", b"\1" * 32)
    key.control("touch refused")
    card.use("9e", "11", b"\1" * 32)
    card.send("!reset")
    card.select().use("9e", "11", b"\1" * 32, want="6982")


def test_a_touch_that_never_comes(readers):
    with readers.key(serial=1, touch="asked", touch_timeout=1) as key, key.connect() as card:
        card.select().authenticate()
        card.generate("9e", "11", "ab0102")
        card.use("9e", "11", b"\1" * 32, want="6982")


def test_pulled_out_while_it_waits_for_a_touch(key, card):
    card.authenticate()
    card.generate("9e", "11", "ab0102")
    key.control("touch asked")
    card.start(extended("0087119e", tlv("7c", bytes.fromhex("8200") + tlv("81", b"\1" * 32))))
    key.wait_waiting("touch")
    key.unplug()
    with pytest.raises(ConnectionError):
        card.finish()


@pytest.mark.parametrize("pin", ["123456", "12345678", "654321", "111111", "aaaaaaaa", "abc123", "password", "123123"])
def test_trivial_pins_are_refused_where_complexity_is_on(readers, pin):
    with readers.key(serial=1, firmware="5.7.4", complexity=True) as key, key.connect() as card:
        card.select().send(apdu("00240080", padded(PIN) + padded(pin)), want="6985")
        card.verify()  # unchanged
        card.send(apdu("002c0080", padded(PUK) + padded(pin)), want="6985")
        card.send(apdu("00240080", padded(PIN) + padded("83620174")), want="9000")
        assert "PIN complexity" in key.ykman("info").stdout


def test_lengths_of_new_pins(card):
    def change(new):
        return card.send(apdu("00240080", padded(PIN) + new.ljust(8, b"\xff")))[1]

    assert change(b"12345") == "6985"
    assert change(b"123\xff45") == "6a80"
    assert change("äöüß".encode()) == "6985"  # eight bytes, four characters
    assert card.send(apdu("00240081", padded(PUK) + "äbcdefg".encode()))[1] == "6985"  # PUKs are ASCII
    assert change("äbcdef".encode()) == "9000"
    card.send(apdu("00240080", b"1" * 14), want="6a80")


def test_reset_needs_both_blocked_and_may_be_forbidden(key, card):
    for _ in range(3):
        card.verify("00000000", want=None)
    card.send("00fb0000", want="6985")
    for _ in range(3):
        card.send(apdu("00240081", padded("00000000") + padded("11111111")))
    key.control("set reset-blocked on")
    card.send("00fb0000", want="6985")
    key.control("set reset-blocked off")
    card.send("00fb0000", want="9000")
    card.verify()


def test_a_fips_key(readers):
    with readers.key(serial=1, firmware="5.7.4", fips=True) as key, key.connect() as card:
        card.select().authenticate()
        for algorithm in ("06", "e1"):
            card.generate("9a", algorithm, want="6a80")
        card.generate("9e", "11", "aa0101", want="6a80")  # never without a PIN
        card.generate("9e", "11")
        card.use("9e", "11", b"\1" * 32, want="6982")
        card.send(apdu("00240080", padded(PIN) + padded("1234567")), want="6985")
        assert "FIPS" in key.ykman("info").stdout


@pytest.mark.parametrize("firmware", ["4.3.5", "5.2.7"])
def test_older_firmware_lacks_metadata_aes_and_moving(readers, firmware):
    with readers.key(serial=1, firmware=firmware) as key, key.connect() as card:
        card.select().authenticate(algorithm=TDES)
        card.send("00f70080", want="6d00")
        card.send("00f6829a", want="6d00")
        card.send(apdu("00ffffff", bytes.fromhex(f"0a9b18{MANAGEMENT_KEY}")), want="6a80")
        card.send(apdu("00ffffff", bytes.fromhex(f"039b18{MANAGEMENT_KEY}")), want="9000")
        card.generate("9a", "16", want="6a80")
        card.generate("9a", "11")
        atr = "597562696b657934" if firmware == "4.3.5" else "597562694b6579"
        assert atr in card.atr


def test_objects_fill_the_card(card):
    card.authenticate()
    for number in range(16):
        card.send(extended("00db3fff", put(f"5f00{number:02x}", bytes(3052))), want="9000")
    card.send(extended("00db3fff", put("5f0020", bytes(3052))), want="6a84")
    card.send(extended("00db3fff", put("5f0003", b"")), want="9000")
    get(card, "5f0003", want="6a82")
    card.send(extended("00db3fff", put("5f0020", bytes(3052))), want="9000")
    card.send(extended("00db3fff", put("5f0021", bytes(3064))), want="6700")  # more than the buffer
    card.send(extended("00db3fff", put("7e", b"1")), want="6a80")


def test_the_discovery_object_comes_bare(card):
    told = "7e124f0ba0000003080000100001005f2f024000"
    assert card.send("00cb3fff035c017e", want="9000")[0].hex() == told


def test_objects_for_which_a_pin_is_asked(card):
    get(card, "5fc109", want="6982")
    card.verify()
    get(card, "5fc109", want="6a82")
