"""The virtual YubiKey goes wrong on demand, does what its control socket says, and refuses bad options."""

import pytest

from card import PIN, SANITIZED_KEY, apdu, padded
from harness import run


@pytest.fixture
def key_program():
    return SANITIZED_KEY


def change_pin(new="11223344"):
    return apdu("00240080", padded(PIN) + padded(new))


@pytest.mark.parametrize(("when", "pin"), [("before", PIN), ("after", "11223344")])
def test_removed_at_an_apdu(key, card, when, pin):
    key.control(f"fault removed-{when} ins=24")
    card.verify()
    with pytest.raises(ConnectionError):
        card.send(change_pin())
    assert not key.status()["plugged"]
    key.plug()
    card.send("!reconnect", want="9000")
    card.select().verify(pin)


@pytest.mark.parametrize(("when", "pin"), [("before", PIN), ("after", "11223344")])
def test_reset_at_an_apdu(key, card, when, pin):
    key.control(f"fault reset-{when} ins=24")
    with pytest.raises(ConnectionError):
        card.send(change_pin())
    key.wait_powered()
    card.send("!reconnect", want="9000")
    card.select().send("00200080", want="63c3")
    card.verify(pin)


def test_garbage_is_answered_and_the_command_run(key, card):
    key.control("fault garbage ins=24")
    try:
        assert card.send(change_pin()) != (b"", "9000")
    except ConnectionError:
        pass  # a single byte is no answer for pcscd
    card.send("!reconnect", want="9000")
    card.select().verify("11223344")


def test_success_is_said_and_nothing_stored(key, card):
    key.control("fault stores-nothing ins=24")
    card.send(change_pin(), want="9000")
    card.verify("11223344", want="63c2")
    card.verify()


def test_an_answer_of_ones_own_counted_and_repeated(key, card):
    key.control("fault answer hex=0102036a84 ins=fd nth=2 times=2")
    assert [card.send("00fd0000")[1] for _ in range(4)] == ["9000", "6a84", "6a84", "9000"]
    key.control("fault answer hex=6f00")
    key.control("clear")
    card.send("00fd0000", want="9000")


def test_a_key_that_is_broken_from_the_start(readers):
    with readers.key(serial=1, fault="answer hex=6f00 ins=fd") as key, key.connect() as card:
        card.select().send("00fd0000", want="6f00")
        card.send("00fd0000", want="9000")


def test_an_apdu_is_held_back(key, card):
    key.control("fault hold ins=fd")
    card.start("00fd0000")
    key.wait_waiting("hold")
    key.control("release")
    assert card.finish()[1] == "9000"


def test_the_trace_counts_apdus(key, card):
    card.verify("00000000", want="63c2")
    card.verify()
    assert key.trace()[-2:] == ["0020008008 63c2", "0020008008 9000"]
    assert key.status()["instructions"]["20"] == 2


@pytest.mark.parametrize("line", ["fly", "touch maybe", "fault sadness", "fault answer hex=1", "set it on", "fault hold ins=xx"])
def test_the_control_socket_refuses(key, line):
    with pytest.raises(AssertionError, match="'ok': False"):
        key.control(line)


def virtual_yubikey(*args, exit):
    return run([SANITIZED_KEY, *args], exit=exit, env={"PATH": "/nonexistent"})


def test_help_names_every_option_and_fault():
    shown = virtual_yubikey("--help", exit=0).stdout
    for word in ("--vpcd", "--firmware", "--serial", "--state", "--control", "--fault", "stores-nothing", "reset-blocked"):
        assert word in shown


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--state", "s"], "--vpcd and --state are needed"),
        (["--state", "s", "--vpcd", "here"], "HOST:PORT"),
        (["--state", "s", "--vpcd", "h:1", "--firmware", "6.0.0"], "firmware is 4.3.5"),
        (["--state", "s", "--vpcd", "h:1", "--serial", "0"], "out of range"),
        (["--state", "s", "--vpcd", "h:1", "--fault", "none"], "no such fault"),
        (["--fly"], "--help"),
    ],
)
def test_bad_options_are_refused(args, said):
    assert said in virtual_yubikey(*args, exit=2).stderr


def test_a_state_belongs_to_one_key_at_a_time(key):
    reader = ("--vpcd", "127.0.0.1:1", "--state", key.state)
    assert "another process has" in virtual_yubikey(*reader, exit=1).stderr
    key.__exit__()
    assert "is of another key" in virtual_yubikey(*reader, "--firmware", "5.4.3", exit=2).stderr
    key.state.write_text("{}")
    assert "is not the state of a virtual YubiKey" in virtual_yubikey(*reader, exit=1).stderr
