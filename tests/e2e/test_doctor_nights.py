"""`ymgr doctor`, of what nobody would notice: notices that reach nobody, nights without renewals, old files in use, open YubiKeys."""

import pathlib
import shutil

import pytest

from card import apdu, padded
from desk import Desk
from harness import TOP, Ymgr
from test_doctor import finds, in_days, later, look
from test_notify import by_program, change, configure, expires_in

UNITS = TOP / "cli/systemd/user"


# ---- notices


def test_notices_that_nobody_gets_are_no_failure(ymgr):
    finds(ymgr, "notices", "skipped", "no channel is set up", exit=0)


def test_notices_that_are_owed_for_more_than_a_day(ymgr, box):
    configure(box, exec=by_program(box, "#!/bin/sh\nexit 1\n"))
    finds(ymgr, "notices", "ok", "channels: exec", exit=0)
    ymgr("issue", "www.example.com")
    expires_in(box, 6, "www.example.com")
    ymgr("notify", "send", exit=None)
    finds(ymgr, "notices", "ok", "nothing is owed for more than a day", exit=0)
    line = finds(later(box, in_days(3)), "notices", "warning", "1 notices by exec", exit=0)
    assert "ymgr notify test" in line["hint"]
    configure(box, exec=by_program(box))
    ymgr("notify", "send")
    finds(later(box, in_days(3)), "notices", "ok", "nothing is owed", exit=0)


# ---- nights


def test_certificates_of_this_host_that_no_schedule_renews(ymgr, box):
    ymgr("issue", "www.example.com", "--out", box.work / "www")
    finds(ymgr, "heartbeat", "skipped", "never run here", exit=0)
    line = finds(later(box, in_days(3)), "heartbeat", "failed", "certificates of this host wait for one: 1", exit=1)
    assert "timer or cron" in line["hint"]
    ymgr("renew", "--due")
    finds(ymgr, "heartbeat", "ok", "ended", exit=0)


def test_certificates_of_another_host_wait_for_nobody_here(ymgr, box):
    ymgr("issue", "www.example.com", "--out", box.work / "www")
    change(box, "UPDATE certificates SET host = 'elsewhere'")
    finds(later(box, in_days(3)), "heartbeat", "skipped", "never run here", exit=0)


def test_a_timer_whose_service_has_nobody_to_log_in(ymgr, box):
    units = pathlib.Path(box.env["XDG_CONFIG_HOME"]) / "systemd/user"
    (units / "timers.target.wants").mkdir(parents=True)
    for unit in UNITS.glob("ymgr-renew.*"):
        shutil.copy(unit, units)
    (units / "timers.target.wants/ymgr-renew.timer").symlink_to(units / "ymgr-renew.timer")
    login = pathlib.Path(box.env["XDG_CONFIG_HOME"]) / "ymgr/renew.env"
    line = finds(ymgr, "timers", "failed", f"there is no {login}", exit=1)
    assert "who logs in" in line["hint"]
    login.parent.mkdir(exist_ok=True)
    login.write_text("YMGR_USER=alice\n")
    finds(ymgr, "timers", "ok", "systemd runs renewals")


# ---- files


def test_a_revoked_certificate_that_is_still_installed(ymgr, box):
    ymgr("issue", "www.example.com", "--out", box.work / "www")
    assert look(ymgr, "installations")["state"] == "ok"
    ymgr("revoke", "www.example.com", "--yes")
    line = finds(ymgr, "installations", "failed", f"what is installed in {box.work / 'www'} is revoked since", exit=1)
    assert "ymgr issue www.example.com" in line["hint"]


def test_an_older_certificate_that_is_still_installed(ymgr, box):
    www = box.work / "www"
    ymgr("issue", "www.example.com", "--out", www)
    before = {part: (www / part).read_bytes() for part in ("cert.pem", "chain.pem", "fullchain.pem", "privkey.pem")}
    ymgr("renew", "www.example.com", "--force")
    finds(ymgr, "installations", "ok", "", exit=0)
    for part, was in before.items():
        (www / part).write_bytes(was)
    line = finds(ymgr, "installations", "warning", "is an older certificate than the inventory has there", exit=0)
    assert "ymgr renew www.example.com --force" in line["hint"]
    ymgr("renew", "www.example.com", "--force")
    finds(ymgr, "installations", "ok", "", exit=0)


@pytest.mark.parametrize(
    "channel, name, more",
    [
        ("mail", "password_file", {"host": "localhost", "from": "a@example.com", "to": ["b@example.com"], "user": "a"}),
        ("webhook", "url_file", {}),
        ("webhook", "header_file", {"url": "https://localhost/x", "header": "Authorization"}),
    ],
)
def test_secrets_of_channels_that_others_can_read(ymgr, box, channel, name, more):
    secret = box.secret("secret-of-it", "https://localhost/hook" if name == "url_file" else "secret")
    configure(box, **{channel: {**more, name: str(secret)}})
    finds(ymgr, "secret-files", "ok", "secret-of-it")
    secret.chmod(0o644)
    finds(ymgr, "secret-files", "failed", "chmod go-rwx", exit=1)


# ---- YubiKeys


def test_yubikeys_with_what_everybody_knows_and_a_puk_that_is_nearly_gone(demo):
    with Desk(demo, "5.7.4") as desk:
        ymgr = Ymgr(desk.ymgr.program, demo, {**desk.ymgr.env, "PCSCLITE_CSOCK_NAME": desk.readers.env["PCSCLITE_CSOCK_NAME"]})
        line = finds(ymgr, "cards", "warning", "has the factory's PIN, PUK, management key", exit=0)
        assert line["hint"].startswith("ymgr enroll --device 1001")
        desk.ymgr.json("enroll", "--device", "1001")
        finds(ymgr, "cards", "ok", "", exit=0)
        for left in (1, 0):
            tries_left_of_puk(desk.keys[0], left)
            finds(ymgr, "cards", "warning", "takes one more wrong PUK" if left else "PUK of YubiKey 1001 is blocked", exit=0)


def tries_left_of_puk(key, left):
    """Wrong ones, until so many are left."""
    with key.connect() as card:
        card.select()
        status = ""
        while status not in (f"63c{left}", "6983"):
            status = card.send(apdu("002c0080", padded("00000000") + padded("12345678")))[1]
            assert status.startswith("63c") or status == "6983", status
