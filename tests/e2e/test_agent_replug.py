"""What changes under the agent between two operations: the key in a reader, pcscd, and the client that goes."""

import json
import os
import socket

import pytest

from agent import sealed_body
from card import PIN, Readers
from harness import wait_for
from test_agent_cards import code, devices, one, plugged, sent  # noqa: F401 - `one` is a fixture

SECRET_BEARING = ("20", "24", "2c", "87")


def set_pin(caller, new="11223344", serial="1001"):
    return caller.post("/piv/set-pin", {"serial": serial}, pin=new, current_pin=PIN)


def untouched(key):
    return all(sent(key, instruction) == 0 for instruction in SECRET_BEARING)


def test_another_key_in_the_same_reader_gets_no_secret(one):  # noqa: F811
    caller, key = one
    assert caller.get("/piv/info?serial=1001").status == 200
    key.__exit__()
    with caller.readers.key(0, serial=1002, firmware="5.7.4") as other:
        answer = set_pin(caller)
        assert code(answer) == "device-not-found" and "outcome" not in answer.json
        wait_for(lambda: [device["serial"] for device in devices(caller)] == ["1002"], "the other key")
        assert code(set_pin(caller)) == "device-not-found"
        assert untouched(other)
        assert set_pin(caller, serial="1002").status == 200


def test_a_key_that_became_another_unseen_gets_no_secret(one):  # noqa: F811
    caller, key = one
    state = json.loads(key.state.read_text())
    assert state["serial"] == 1001
    key.state.write_text(json.dumps({**state, "serial": 1002}))
    key.control("reload")
    assert [device["serial"] for device in devices(caller)] == ["1001"]  # nothing has told of it
    answer = set_pin(caller)
    assert code(answer) == "device-not-found" and "outcome" not in answer.json
    assert untouched(key)


def test_with_the_same_serial_in_two_readers_nothing_is_done(empty_box):
    with plugged(empty_box, "5.7.4") as (caller, (key,)):
        second = caller.readers.key(1, state=key.state.with_name("twin.json"), serial=1001, firmware="5.7.4")
        with second as twin:
            wait_for(lambda: len(devices(caller)) == 2, "the second")
            assert code(caller.get("/piv/info?serial=1001")) == "device-ambiguous"
            assert code(set_pin(caller)) == "device-ambiguous"
            assert untouched(key) and untouched(twin)
        wait_for(lambda: len(devices(caller)) == 1, "the end of the second")
        assert set_pin(caller).status == 200


def test_after_a_new_start_of_pcscd_the_agent_goes_on(one):  # noqa: F811
    caller, key = one
    assert caller.get("/piv/info").status == 200
    key.__exit__()
    caller.readers.__exit__()
    wait_for(lambda: caller.get("/discover").json["devices"] == [], "the end of pcscd")
    assert code(set_pin(caller)) == "device-not-found"
    with Readers(caller.readers.folder) as again, again.key(serial=1001, firmware="5.7.4"):
        wait_for(lambda: len(devices(caller)) == 1, "the return")
        assert set_pin(caller).status == 200


@pytest.mark.needs_root  # who else may look at a process that can't be dumped
def test_a_client_that_says_early_that_it_is_done_leaves_nothing_behind(one):  # noqa: F811
    caller, key = one
    agent = caller.agent

    def open_files():
        return len(os.listdir(f"/proc/{agent.process.pid}/fd"))

    assert caller.post("/piv/verify", {}, pin=PIN).status == 200
    before = open_files()
    key.control("fault hold ins=24")
    nonce = caller.post("/nonce").json["nonce"]
    secrets = {"pin": "11223344", "current_pin": PIN}
    body = sealed_body(agent.box, "/piv/set-pin", {"serial": "1001"}, secrets, nonce, caller.public_key)
    head = f"Authorization: Bearer {caller.session}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    with agent.connect() as client:
        client.sendall(f"POST /piv/set-pin HTTP/1.1\r\nHost: localhost\r\n{head}\r\n{body}".encode())
        client.shutdown(socket.SHUT_WR)
        key.wait_waiting("hold")
        assert agent.get("/health").status == 200  # nobody waits for it
        key.control("release")
        client.recv(65536)  # the answer, or the end
    assert caller.post("/piv/verify", {}, pin="11223344").status == 200  # it was done to its end, and once
    assert sent(key, "24") == 1
    wait_for(lambda: open_files() <= before, "the end of the connection")
    with agent.connect() as client:
        client.sendall(b"POST /piv/set-pin HTTP/1.1\r\nHost: loc")
        client.shutdown(socket.SHUT_WR)
        assert agent.get("/health").status == 200
    wait_for(lambda: open_files() <= before, "the end of the connection")
