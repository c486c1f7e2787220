"""YubiKeys that are in use are taken over: what they have is kept, what is the factory's of it is changed, and a management key
that ykman keeps under the PIN serves once and is gone from there."""

import json

import pytest

from card import MANAGEMENT_KEY, PIN, PUK
from desk import Desk, enrolled, killed_where, pin_opens, reveal

OWN = {"pin": "27182818", "puk": "31415926", "management-key": "a1b2c3d4e5f607181122334455667788" "99aabbccddeeff00"}
FACTORY = {"pin": PIN, "puk": PUK, "management-key": MANAGEMENT_KEY}
PRINTED = str(0x5FC109)


def use_by_hand(key, own, algorithm="AES192"):
    """Gives the key those of its own values that `own` names."""
    if "pin" in own:
        key.ykman("piv", "access", "change-pin", "-P", PIN, "-n", OWN["pin"])
    if "puk" in own:
        key.ykman("piv", "access", "change-puk", "-p", PUK, "-n", OWN["puk"])
    if "management-key" in own:
        key.ykman("piv", "access", "change-management-key", "-a", algorithm, "-m", MANAGEMENT_KEY, "-n", OWN["management-key"], "-f")


def protect(key, pin):
    key.ykman("piv", "access", "change-management-key", "-a", "AES256", "-m", MANAGEMENT_KEY, "-P", pin, "--protect")


def files(desk, values):
    return [word for name, value in values.items() for word in (f"--{name}-file", desk.box.secret(f"{name}-{value}", value))]


def values_of(key):
    card = json.loads(key.state.read_text())
    pin, puk = (bytes.fromhex(card[name]["value"]).rstrip(b"\xff").decode() for name in ("pin", "puk"))
    return {"pin": pin, "puk": puk, "management-key": card["management_key"]["value"]}


def objects_of(key):
    return json.loads(key.state.read_text())["objects"]


def sent_pins(key):
    """Answers to VERIFY with a PIN."""
    return [line.split()[-1] for line in key.trace() if line.startswith("0020008008")]


def check_adopted(desk, key, given, serial="1001", puk_is_kept=True):
    now = values_of(key)
    for name, value in now.items():
        assert value == given[name] if name in given else value not in (FACTORY[name], OWN[name]), name
    assert reveal(desk, "pin", serial) == now["pin"]
    if puk_is_kept:
        assert reveal(desk, "puk", serial) == now["puk"]
        assert desk.ymgr.json("device", "rotate-secrets", serial)["result"] == "changed"
        assert pin_opens(key, reveal(desk, "pin", serial))


def test_what_is_the_factorys_is_changed_and_the_rest_kept(demo):
    mixtures = [("pin",), ("puk",), ("management-key",), ("puk", "management-key"), ("pin", "management-key")]
    with Desk(demo, *["5.7.4"] * len(mixtures)) as desk:
        for serial, (own, key) in enumerate(zip(mixtures, desk.keys, strict=True), 1001):
            use_by_hand(key, own)
            given = {name: OWN[name] for name in own}
            before = len(sent_pins(key))
            if own == ("management-key",):
                refused = desk.ymgr.json("enroll", "--adopt", "--device", str(serial), exit=2)
                assert refused["code"] == "input-needed" and "--management-key-file" in refused["suggestion"]
            answer = desk.ymgr.json("enroll", "--adopt", "--device", str(serial), *files(desk, given))
            assert answer["result"] == "adopted" and answer["default_pin_at_enroll"] is ("pin" not in own)
            assert all(status == "9000" for status in sent_pins(key)[before:])
            check_adopted(desk, key, given, str(serial))


def test_a_new_pin_needs_the_puk(desk):
    key = desk.keys[0]
    use_by_hand(key, ["puk"])
    refused = desk.ymgr.json("enroll", "--adopt", exit=2)
    assert refused["code"] == "input-needed" and "--puk-file" in refused["suggestion"]
    wrong = desk.ymgr.json("enroll", "--adopt", *files(desk, {"puk": PUK}), exit=7)
    assert wrong["code"] == "credentials-unknown" and values_of(key)["puk"] == OWN["puk"]
    assert not desk.events("1001")


def test_a_key_of_the_factory_is_not_adopted(desk):
    refused = desk.ymgr.json("enroll", "--adopt", exit=1)
    assert refused["code"] == "device-state" and "without --adopt" in refused["suggestion"]


def test_a_person_chooses_the_pin_that_takes_the_place_of_the_factorys(desk):
    desk.configure(pin="user")
    key = desk.keys[0]
    use_by_hand(key, ["puk", "management-key"])
    given = {name: OWN[name] for name in ("puk", "management-key")}
    for more in ({}, {"pin": PIN}):
        assert desk.ymgr.json("enroll", "--adopt", *files(desk, {**given, **more}), exit=2)["code"] == "input-needed"
    assert desk.ymgr.json("enroll", "--adopt", *files(desk, {**given, "pin": "111111"}), exit=2)["code"] == "pin-unusable"
    enrolled(desk, "--adopt", *files(desk, {**given, "pin": "16180339"}))
    assert values_of(key) == {**given, "pin": "16180339"}
    assert desk.ymgr.json("device", "show", "1001")["secrets"]["pin"] is False


@pytest.mark.parametrize("firmware", ["4.3.5", "5.2.7"])
def test_older_firmware_takes_the_persons_word(demo, firmware):
    with Desk(demo, firmware) as desk:
        key = desk.keys[0]
        use_by_hand(key, ["puk"], "TDES")
        told = {"pin": PIN, "puk": OWN["puk"], "management-key": MANAGEMENT_KEY}
        assert desk.ymgr.json("enroll", "--adopt", *files(desk, {**told, "puk": PUK}), exit=1)["code"] == "device-state"
        enrolled(desk, "--adopt", *files(desk, told))
        check_adopted(desk, key, {"puk": OWN["puk"]})


def test_a_management_key_under_the_pin_is_used_and_removed(demo):
    with Desk(demo, "5.7.4", "5.4.3") as desk:
        for serial, key in zip(("1001", "1002"), desk.keys, strict=True):
            use_by_hand(key, ["pin", "puk"])
            protect(key, OWN["pin"])
            protected = values_of(key)["management-key"]
            assert PRINTED in objects_of(key) and "protected by PIN" in key.ykman("piv", "info").stdout
            adopt = ["enroll", "--adopt", "--device", serial]
            refused = desk.ymgr.json(*adopt, exit=2)
            assert refused["code"] == "input-needed" and "--pin-file" in refused["suggestion"]
            before = len(sent_pins(key))
            assert desk.ymgr.json(*adopt, *files(desk, {"pin": "00000000"}), exit=7)["code"] == "wrong-pin"
            assert sent_pins(key)[before:] == ["63c2"]
            desk.ymgr.json(*adopt, *files(desk, {"pin": "00000000"}), exit=7)
            assert desk.ymgr.json(*adopt, *files(desk, {"pin": OWN["pin"]}), exit=7)["code"] == "few-tries"
            assert sent_pins(key)[before:] == ["63c2", "63c1"]
            key.ykman("piv", "access", "change-pin", "-P", OWN["pin"], "-n", OWN["pin"])  # fills the tries
            desk.ymgr.json(*adopt, *files(desk, {"pin": OWN["pin"], "puk": OWN["puk"]}))
            assert PRINTED not in objects_of(key)
            shown = key.ykman("piv", "info").stdout
            assert "protected by PIN" not in shown and "stored on the YubiKey" not in shown
            check_adopted(desk, key, {"pin": OWN["pin"], "puk": OWN["puk"]}, serial)
            assert values_of(key)["management-key"] != protected


def test_a_key_under_the_factorys_pin(desk):
    key = desk.keys[0]
    protect(key, PIN)
    enrolled(desk, "--adopt")
    check_adopted(desk, key, {})
    assert PRINTED not in objects_of(key)


def test_what_is_printed_is_left_alone(desk):
    key = desk.keys[0]
    use_by_hand(key, ["pin", "puk", "management-key"])
    enrolled(desk, "--adopt", *files(desk, OWN))
    key.ykman("piv", "objects", "import", "-m", OWN["management-key"], "0x5fc109", desk.box.secret("printed", "what is printed on it"))
    admin = desk.box.work / "admin"
    admin.write_bytes(bytes.fromhex("8003810101"))  # the PUK is blocked on purpose, and no key is kept
    key.ykman("piv", "objects", "import", "-m", OWN["management-key"], "0x5fff00", admin)
    desk.ymgr.json("device", "rotate-secrets", "1001")
    assert PRINTED in objects_of(key)


def test_a_fips_key_is_attested_with_the_pin_that_is_kept(demo):
    with Desk(demo, "5.7.4", fips=True) as desk:
        key = desk.keys[0]
        enrolled(desk)
        kept = reveal(desk, "pin")
        desk.ymgr.json("device", "retire", "1001", "--yes")
        before = len(sent_pins(key))
        enrolled(desk)
        assert set(sent_pins(key)[before:]) == {"9000"}
        desk.ymgr.json("device", "retire", "1001", "--yes")
        kept = reveal(desk, "pin")
        key.ykman("piv", "access", "change-pin", "-P", kept, "-n", OWN["pin"])
        before = len(sent_pins(key))
        assert desk.ymgr.json("enroll", exit=7)["code"] == "wrong-pin"
        assert desk.ymgr.json("enroll", exit=7)["code"] == "credentials-unknown"  # that one is not tried again
        assert sent_pins(key)[before:] == ["63c4"]
        enrolled(desk, "--adopt", *files(desk, {"pin": OWN["pin"]}))
        assert reveal(desk, "pin") == OWN["pin"]


@pytest.mark.parametrize("reached", ["puk_promoted", "pin_sent"])
def test_an_adoption_after_one_that_was_given_up_keeps_what_that_one_set(desk, reached):
    key = desk.keys[0]
    use_by_hand(key, ["management-key"])
    given = files(desk, {"management-key": OWN["management-key"]})
    stopped = killed_where(desk, lambda: reached in desk.events("1001"), "enroll", "--adopt", *given)
    desk.ymgr("operation", "abandon", stopped, "--yes")
    enrolled(desk, "--adopt", *given)
    check_adopted(desk, key, {"management-key": OWN["management-key"]})
