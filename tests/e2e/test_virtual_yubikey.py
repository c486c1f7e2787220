"""The virtual YubiKey behaves as independent clients expect of a real one: ykman, yubico-piv-tool, OpenSC, libykpiv, raw APDUs."""

import pytest

from card import SANITIZED_KEY, SELECT_PIV

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
