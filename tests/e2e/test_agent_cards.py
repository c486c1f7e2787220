"""The card half of ymgr-agentd: every endpoint through the real agent, pcscd and virtual YubiKeys."""

import base64
import contextlib
import os
import pathlib
import re
import shutil
import signal
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from agent import AGENT, SANITIZED_AGENT, THREAD_AGENT, Agent, Caller, Issuer
from card import MANAGEMENT_KEY, PIN, PUK, Readers
from harness import listening, openssl, wait_for
from test_agent_session import DOCUMENT, check_answer, check_asleep

NEW_KEY = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"


@contextlib.contextmanager
def plugged(box, *firmwares, program=AGENT, **options):
    """An agent and keys 1001, 1002, … in the readers of its pcscd: (caller, keys)."""
    folder = tempfile.mkdtemp(prefix="ymgr-card-")
    try:
        with contextlib.ExitStack() as stack:
            readers = stack.enter_context(Readers(f"{folder}/pcsc", count=max(1, len(firmwares))))
            keys = [
                stack.enter_context(readers.key(index, serial=1001 + index, firmware=firmware, **options))
                for index, firmware in enumerate(firmwares)
            ]
            env = {"PCSCLITE_CSOCK_NAME": readers.env["PCSCLITE_CSOCK_NAME"]}
            agent = stack.enter_context(Agent(box, program=program, env=env))
            caller = Caller(agent, Issuer(box))
            caller.readers = readers
            wait_for(lambda: len(devices(caller)) == len(keys), "the keys")
            yield caller, keys
    finally:
        shutil.rmtree(folder)


def devices(caller):
    return [device for device in caller.get("/discover").json["devices"] if device["state"] == "ready"]


@pytest.fixture
def one(empty_box):
    """A caller and the key 1001 with firmware 5.7.4."""
    with plugged(empty_box, "5.7.4") as (caller, keys):
        yield caller, keys[0]


def code(answer):
    assert answer.status >= 400, answer
    return answer.json["code"]


def good(answer):
    assert answer.status == 200, answer
    return answer.json


def checked(method, path, answer):
    check_answer(method, path, answer)
    return answer


def sent(key, instruction):
    """How many APDUs with it, in hex, the card has had."""
    return key.status()["instructions"].get(instruction, 0)


def csr_body(slot="9a", **more):
    return {
        "serial": "1001", "slot": slot, "key": "new", "algorithm": "ec-p256", "pin_policy": "once", "touch_policy": "never",
        "common_name": "alice", "sans": ["dns:alice.example.com"], **more,
    }  # fmt: skip


def sign_certificate(box, csr):
    """A self-made CA's certificate for the request."""
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", box.work / "ca.key",
            "-subj", "/CN=ca", "-out", box.work / "ca.pem")  # fmt: skip
    request = box.file("request.pem", csr)
    return openssl("x509", "-req", "-in", request, "-CA", box.work / "ca.pem", "-CAkey", box.work / "ca.key").stdout


# ---- each endpoint, as the client uses it


@pytest.mark.parametrize("built", [AGENT, SANITIZED_AGENT], ids=["release", "sanitized"])
@pytest.mark.parametrize("firmware", ["4.3.5", "5.4.3", "5.7.4"])
def test_a_whole_life(empty_box, firmware, built):
    metadata, modern = firmware != "4.3.5", firmware == "5.7.4"
    with plugged(empty_box, firmware, program=built) as (caller, (key,)):

        def get(path):
            return good(checked("GET", path.partition("?")[0], caller.get(path)))

        def post(path, body=None, **secrets):
            return good(checked("POST", path, caller.post(path, {"serial": "1001", **(body or {})}, **secrets)))

        (device,) = get("/discover")["devices"]
        assert (device["serial"], device["firmware"], device["form_factor"]) == ("1001", firmware, "usb-a-keychain")
        info = get("/piv/info")
        assert (info["serial"], info["firmware"], info["reset_refused"]) == ("1001", firmware, None)
        assert info["pin_tries"] == {"left": 3, "max": 3 if metadata else None}
        assert info["management_algorithm"] == ("aes-192" if modern else "tdes")
        known = True if metadata else None
        assert get("/piv/check-defaults?serial=1001") == {
            "serial": "1001", "default_pin": known, "default_puk": known, "default_management_key": known,
        }  # fmt: skip
        assert get("/piv/slots")["slots"] == []
        compared = {instruction: sent(key, instruction) for instruction in ("24", "2c")}
        assert compared == {"24": 0, "2c": 0}

        # credentials
        post("/piv/verify", {"at_least_tries": 3}, pin=PIN)
        post("/piv/verify", puk=PUK)
        post("/piv/verify", management_key=MANAGEMENT_KEY)
        post("/piv/set-retries", {"pin_tries": 5, "puk_tries": 4}, pin=PIN, management_key=MANAGEMENT_KEY)
        assert get("/piv/info")["pin_tries"]["left"] == 5
        post("/piv/set-pin", pin="11223344", current_pin=PIN)
        post("/piv/set-puk", puk="87654321", current_puk=PUK)
        post("/piv/unblock-pin", puk="87654321", pin="998877")
        algorithm, size = ("tdes", 48) if firmware == "4.3.5" else ("aes-256", 64)
        post("/piv/rotate-management-key", {"algorithm": algorithm}, management_key=NEW_KEY[:size],
             current_management_key=MANAGEMENT_KEY)  # fmt: skip
        assert code(caller.post("/piv/verify", {}, management_key=MANAGEMENT_KEY)) in (
            "wrong-management-key", "usage")  # fmt: skip
        management_key = NEW_KEY[:size]

        # a key and its certificate
        made = post("/piv/generate-csr", csr_body(), management_key=management_key, pin="998877")
        assert (made["pin_policy"], made["touch_policy"]) == ("once", "never")
        request = openssl("req", "-verify", "-noout", "-pubkey", input=made["csr"])
        assert request.stdout == made["public_key"]
        attested = openssl("x509", "-noout", "-pubkey", input=made["attestation"]).stdout
        assert attested == made["public_key"]
        (empty_box.work / "f9.pem").write_text(made["attestation_certificate"])
        root = empty_box.file("root.pem", key.root.read_text())
        openssl("verify", "-CAfile", root, "-untrusted", empty_box.work / "f9.pem", empty_box.file("leaf.pem", made["attestation"]))
        assert code(caller.post("/piv/generate-csr", csr_body(), management_key=management_key, pin="998877")) == "slot-used"
        certificate = sign_certificate(empty_box, made["csr"])
        body = {"slot": "9a", "certificate": certificate, "overwrite": False}
        assert post("/piv/import-certificate", body, management_key=management_key, pin="998877")["checked"] == "signature"
        assert post("/piv/import-certificate", body, management_key=management_key)["checked"] == "public-key"
        (slot,) = get("/piv/slots")["slots"]
        assert (slot["slot"], slot["certificate"]) == ("9a", certificate)
        if metadata:
            assert slot["key"]["public_key"] == made["public_key"] and slot["key"]["generated"]
        else:
            assert slot["key"] is None and slot["key_known"] is False
        assert get("/piv/slots?serial=1001&slot=9c")["slots"][0]["certificate"] is None
        again = csr_body(key="existing", common_name="bob")
        renewed = post("/piv/generate-csr", again, pin="998877")
        assert renewed["public_key"] == made["public_key"]
        assert "CN = bob" in openssl("req", "-verify", "-noout", "-subject", input=renewed["csr"]).stdout
        assert post("/piv/attest", {"slot": "9a"})["attestation_certificate"] == made["attestation_certificate"]

        # another one's certificate
        other = sign_certificate(empty_box, post("/piv/generate-csr", csr_body("9d"), management_key=management_key, pin="998877")["csr"])
        body = {"serial": "1001", "slot": "9a", "certificate": other}
        answer = caller.post("/piv/import-certificate", {**body, "overwrite": False}, management_key=management_key)
        assert code(answer) == "slot-used"
        assert code(caller.post("/piv/import-certificate", body, management_key=management_key)) == "pair-mismatch"
        assert get("/piv/slots?slot=9a")["slots"][0]["certificate"] == certificate

        # the end
        post("/piv/delete-certificate", {"slot": "9d"}, management_key=management_key)
        post("/piv/delete-certificate", {"slot": "9a", "key": "destroy"}, management_key=management_key)
        left = get("/piv/slots?slot=9a")["slots"][0]
        assert left["certificate"] is None and (left["key"] is None) == (modern or not metadata)
        post("/piv/reset")
        assert get("/piv/info")["pin_tries"]["left"] == 3
        post("/piv/verify", pin=PIN)
        assert get("/piv/slots")["slots"] == []
        seen = set(re.findall(r"\w+: (/piv/\S+) on", caller.agent.log()))
        assert {f"/{path}" for path in DOCUMENT["paths"] if path.startswith("piv/")} <= seen


def test_wrong_credentials_are_told_with_the_tries_that_are_left(one):
    caller, key = one
    wrong = caller.post("/piv/set-pin", {}, pin="11223344", current_pin="000000")
    assert (wrong.status, code(wrong), wrong.json["tries_left"]) == (403, "wrong-pin", "2")
    assert "outcome" not in wrong.json
    few = caller.post("/piv/verify", {"at_least_tries": 3}, pin="000000")
    assert (code(few), few.json["tries_left"]) == ("few-tries", "2")
    assert caller.post("/piv/verify", {"at_least_tries": 2}, pin=PIN).status == 200
    for left in ("2", "1", "0"):
        answer = caller.post("/piv/verify", {}, pin="000000")
        assert answer.json["tries_left"] == left
    assert code(answer) == "pin-blocked"
    assert code(caller.post("/piv/verify", {}, pin=PIN)) == "pin-blocked"
    wrong = caller.post("/piv/unblock-pin", {}, puk="00000000", pin=PIN)
    assert (code(wrong), wrong.json["tries_left"]) == ("wrong-puk", "2")
    assert caller.post("/piv/unblock-pin", {}, puk=PUK, pin=PIN).status == 200
    for bad in ("12345", "123456789"):
        assert code(caller.post("/piv/set-pin", {}, pin=bad, current_pin=PIN)) == "pin-unusable"
    wrong = caller.post("/piv/verify", {}, management_key="00" * 24)
    assert code(wrong) == "wrong-management-key"
    assert caller.get("/piv/info").json["pin_tries"]["left"] == 3


def test_a_wrong_pin_costs_no_key(one):
    caller, key = one
    secrets = {"management_key": MANAGEMENT_KEY}
    made = good(caller.post("/piv/generate-csr", csr_body(), pin=PIN, **secrets))["public_key"]
    wrong = caller.post("/piv/generate-csr", csr_body(overwrite=True), pin="000000", **secrets)
    assert (code(wrong), wrong.json["tries_left"]) == ("wrong-pin", "2") and "outcome" not in wrong.json
    assert good(caller.get("/piv/slots?slot=9a"))["slots"][0]["key"]["public_key"] == made
    assert sent(key, "47") == 1


def test_tries_that_nobody_tells_are_too_few(empty_box):
    with plugged(empty_box, "4.3.5") as (caller, (key,)):
        assert code(caller.post("/piv/verify", {"at_least_tries": 1}, puk=PUK)) == "few-tries"
        assert sent(key, "24") == 0
        assert caller.post("/piv/verify", {"at_least_tries": 3}, pin=PIN).status == 200
        assert code(caller.post("/piv/verify", {"at_least_tries": 4}, pin=PIN)) == "few-tries"


def test_a_touch_is_asked_for_and_waited_for(one):
    caller, key = one
    body = csr_body("9e", pin_policy="never", touch_policy="always")
    with ThreadPoolExecutor(1) as pool:
        key.control("touch asked")
        waiting = pool.submit(caller.post, "/piv/generate-csr", body, management_key=MANAGEMENT_KEY)
        key.wait_waiting("touch")
        assert wait_for(lambda: caller.get("/touch").json["waiting"], "the request for a touch") == ["1001"]
        assert caller.get("/discover").json["devices"][0]["touch"] is True
        key.control("touch given")
        assert good(waiting.result())["touch_policy"] == "always"
    assert caller.get("/touch").json == {"waiting": []}
    key.control("touch refused")
    refused = caller.post("/piv/generate-csr", {**body, "key": "existing"})
    assert code(refused) == "touch-timeout"


# ---- which key


def test_of_two_keys_one_must_be_named(empty_box):
    with plugged(empty_box, "5.7.4", "4.3.5") as (caller, keys):
        for answer in (caller.get("/piv/info"), caller.post("/piv/attest", {"slot": "9a"})):
            assert (code(answer), answer.json["serials"]) == ("device-ambiguous", "1001,1002")
        assert caller.get("/piv/info?serial=1002").json["firmware"] == "4.3.5"
        absent = caller.get("/piv/info?serial=1003")
        assert (absent.status, code(absent)) == (409, "device-not-found")
        keys[0].unplug()
        wait_for(lambda: len(devices(caller)) == 1, "the end of the first")
        assert caller.get("/piv/info").json["serial"] == "1002"
        assert code(caller.get("/piv/info?serial=1001")) == "device-not-found"


def test_without_keys_and_without_pcscd(empty_box):
    with plugged(empty_box) as (caller, _):
        assert caller.get("/discover").json == {"devices": []}
        assert code(caller.get("/piv/info")) == "device-not-found"
    with Agent(empty_box, env={"PCSCLITE_CSOCK_NAME": "/nonexistent/pcscd.comm"}) as agent:
        caller = Caller(agent, Issuer(empty_box))
        assert caller.get("/discover").json == {"devices": []}
        assert code(caller.get("/piv/info?serial=1001")) == "device-not-found"


def test_another_program_that_holds_the_key_is_waited_for_and_told(one):
    caller, key = one
    with key.connect() as card:
        card.send("!begin", want="9000")
        busy = caller.get("/piv/info")
        assert (busy.status, code(busy)) == (409, "device-busy")
        assert key.reader in busy.json["detail"] and "scdaemon" in busy.json["hint"]
    assert caller.get("/piv/info").status == 200


# ---- several things at once


def test_discovery_is_answered_while_a_key_is_made(one):
    caller, key = one
    key.control("fault hold ins=47")
    with ThreadPoolExecutor(2) as pool:
        making = pool.submit(caller.post, "/piv/generate-csr", csr_body(), management_key=MANAGEMENT_KEY, pin=PIN)
        key.wait_waiting("hold")
        queued = pool.submit(caller.get, "/piv/info")
        assert caller.get("/discover").json["devices"][0]["serial"] == "1001"
        assert caller.get("/touch").json == {"waiting": []}
        assert not making.done() and not queued.done()
        key.control("release")
        assert making.result().status == 200 and queued.result().status == 200


def test_a_key_that_is_busy_delays_no_other(empty_box):
    with plugged(empty_box, "5.7.4", "5.7.4") as (caller, keys), ThreadPoolExecutor(1) as pool:
        keys[0].control("fault hold ins=47")
        making = pool.submit(caller.post, "/piv/generate-csr", csr_body(), management_key=MANAGEMENT_KEY, pin=PIN)
        keys[0].wait_waiting("hold")
        assert caller.get("/piv/info?serial=1002").json["serial"] == "1002"
        assert not making.done()
        keys[0].control("release")
        assert making.result().status == 200


def test_operations_of_two_sessions_never_mix_on_the_card(one):
    caller, key = one
    callers = [caller, Caller(caller.agent, Issuer(caller.agent.box))]
    with ThreadPoolExecutor(4) as pool:
        jobs = [pool.submit(callers[i % 2].post, "/piv/verify", {}, management_key=MANAGEMENT_KEY) for i in range(6)]
        jobs += [pool.submit(callers[i % 2].get, "/piv/check-defaults") for i in range(4)]
        assert {job.result().status for job in jobs} == {200}
    headers = [line["apdu"] if isinstance(line, dict) else line for line in key.trace()]
    # the two halves of an authentication stand side by side, whoever asked for it
    halves = [index for index, line in enumerate(headers) if re.match(r"00 ?87", str(line))]
    assert len(halves) == 12 and all(b == a + 1 for a, b in zip(halves[::2], halves[1::2], strict=True)), headers


def test_a_key_that_is_pulled_out_in_the_middle_leaves_it_open_what_happened(one):
    caller, key = one
    key.control("fault removed-after ins=24")
    answer = caller.post("/piv/set-pin", {}, pin="11223344", current_pin=PIN)
    assert (code(answer), answer.json["outcome"]) == ("device-removed", "unknown")
    wait_for(lambda: devices(caller) == [], "the removal")
    assert code(caller.get("/piv/info")) == "device-not-found"
    key.plug()
    wait_for(lambda: len(devices(caller)) == 1, "the return")
    assert caller.post("/piv/verify", {}, pin="11223344").status == 200


def test_what_was_queued_for_a_key_that_is_pulled_out_is_answered(one):
    caller, key = one
    key.control("fault hold ins=47")
    with ThreadPoolExecutor(2) as pool:
        making = pool.submit(caller.post, "/piv/generate-csr", csr_body(), management_key=MANAGEMENT_KEY, pin=PIN)
        key.wait_waiting("hold")
        queued = pool.submit(caller.post, "/piv/set-pin", {}, pin="11223344", current_pin=PIN)
        time.sleep(0.2)
        key.unplug()
        assert code(queued.result()) in ("device-removed", "device-not-found") and "outcome" not in queued.result().json
        made = making.result()
        assert (code(made), made.json["outcome"]) == ("device-removed", "unknown")
    key.plug()
    wait_for(lambda: len(devices(caller)) == 1, "the return")
    assert caller.post("/piv/verify", {}, pin=PIN).status == 200


def test_what_fails_after_a_change_leaves_it_open_too(one):
    caller, key = one
    key.control("fault removed-before ins=20")  # the proof after the change
    answer = caller.post("/piv/set-pin", {}, pin="11223344", current_pin=PIN)
    assert (code(answer), answer.json["outcome"]) == ("device-removed", "unknown")
    key.plug()
    wait_for(lambda: len(devices(caller)) == 1, "the return")
    assert "outcome" not in caller.post("/piv/set-pin", {}, pin=PIN, current_pin="000000").json  # nothing was changed


def test_a_card_that_says_so_and_does_not_is_found_out(one):
    caller, key = one
    key.control("fault stores-nothing ins=24")
    answer = caller.post("/piv/set-pin", {}, pin="11223344", current_pin=PIN)
    assert (code(answer), answer.json["outcome"], answer.json["tries_left"]) == ("device-failed", "unknown", "2")


@pytest.mark.parametrize("built", [AGENT, SANITIZED_AGENT], ids=["release", "sanitized"])
def test_the_end_waits_for_what_runs_and_answers_what_waits(empty_box, built):
    with plugged(empty_box, "5.7.4", program=built) as (caller, (key,)), ThreadPoolExecutor(2) as pool:
        key.control("fault hold ins=24")
        running = pool.submit(caller.post, "/piv/set-pin", {}, pin="11223344", current_pin=PIN)
        key.wait_waiting("hold")
        queued = pool.submit(caller.get, "/piv/info")
        time.sleep(0.3)
        caller.agent.process.terminate()
        assert (queued.result().status, code(queued.result())) == (503, "agent-stopping")
        assert not running.done()
        key.control("release")
        assert running.result().json == {"success": True}
        assert caller.agent.process.wait(20) == 0


def test_the_next_agent_has_its_place_while_the_last_one_ends(empty_box):
    with plugged(empty_box, "5.7.4") as (caller, (key,)), ThreadPoolExecutor(1) as pool:
        last = caller.agent
        key.control("fault hold ins=24")
        running = pool.submit(caller.post, "/piv/set-pin", {}, pin="11223344", current_pin=PIN)
        key.wait_waiting("hold")
        last.process.terminate()
        wait_for(lambda: not last.socket.exists() and not listening(last.port), "the free place")
        following = Agent(empty_box)
        following.argv, following.log_path = last.argv, empty_box.root / "following.log"
        with following:
            assert "is taken" not in following.log()
            key.control("release")
            assert running.result().json == {"success": True}
            assert last.process.wait(20) == 0
            assert following.get("/health").status == 200


def test_threads_never_race(empty_box):
    """The agent with ThreadSanitizer, which ends it at the first race: two keys at work, discovery, plugging, touch, the end."""
    empty_box.env["TSAN_OPTIONS"] = "halt_on_error=1:second_deadlock_stack=1"
    with plugged(empty_box, "5.7.4", "5.4.3", program=THREAD_AGENT) as (caller, keys), ThreadPoolExecutor(8) as pool:
        second = Caller(caller.agent, Issuer(empty_box))
        jobs = [pool.submit(caller.post, "/piv/verify", {"serial": "1001"}, pin=PIN) for _ in range(3)]
        jobs += [pool.submit(second.get, "/piv/check-defaults?serial=1002") for _ in range(3)]
        jobs += [pool.submit(caller.get, "/discover") for _ in range(6)]
        assert {job.result().status for job in jobs} == {200}
        keys[0].control("touch asked")
        body = csr_body("9e", pin_policy="never", touch_policy="always")
        touching = pool.submit(caller.post, "/piv/generate-csr", body, management_key=MANAGEMENT_KEY)
        keys[1].control("fault removed-before ins=20")
        pulled = pool.submit(second.post, "/piv/verify", {"serial": "1002"}, pin=PIN)
        wait_for(lambda: second.get("/touch").json["waiting"], "the request for a touch")
        keys[0].control("touch given")
        assert good(touching.result()) and code(pulled.result()) == "device-removed"
        keys[1].plug()
        wait_for(lambda: len(devices(caller)) == 2, "the return")
        keys[0].control("fault hold ins=20")
        running = pool.submit(caller.post, "/piv/verify", {"serial": "1001"}, pin=PIN)
        keys[0].wait_waiting("hold")
        caller.agent.process.terminate()
        keys[0].control("release")
        assert running.result().status == 200
        assert caller.agent.process.wait(30) == 0, caller.agent.log()
    assert "WARNING: ThreadSanitizer" not in caller.agent.log()


def test_it_sleeps_beside_a_key_that_is_plugged_in(one):
    caller, key = one
    caller.post("/piv/generate-csr", csr_body(), management_key=MANAGEMENT_KEY, pin=PIN)
    assert caller.get("/piv/info").status == 200
    caller.agent.get("/pubkey")
    time.sleep(1)
    check_asleep(caller.agent)


# ---- secrets


def test_a_sealed_secret_serves_its_own_request_only(one):
    caller, key = one
    path, body = "/piv/set-pin", {"serial": "1001"}
    for change in (
        lambda text: text.replace('"1001"', '"1002"'),
        lambda text: text.replace("current_pin", "curent_pin"),
        lambda text: text.replace('"encrypted": true', '"encrypted": false'),
    ):
        text = caller.seal(path, body, pin="11223344", current_pin=PIN)
        assert code(caller.agent.post(path, change(text), caller.session)) in ("sealed-invalid", "request-invalid")
    moved = caller.seal(path, body, pin="11223344", current_pin=PIN)
    assert code(caller.agent.post("/piv/verify", moved, caller.session)) == "request-invalid"
    text = caller.seal("/piv/verify", body, pin=PIN)
    assert caller.agent.post("/piv/verify", text, caller.session).status == 200
    assert code(caller.agent.post("/piv/verify", text, caller.session)) == "sealed-invalid"  # the nonce is spent
    other = Caller(caller.agent, Issuer(caller.agent.box))
    text = caller.seal("/piv/verify", body, pin=PIN)
    assert code(caller.agent.post("/piv/verify", text, other.session)) == "sealed-invalid"
    for plain in ({"pin": PIN}, {"pin": PIN, "encrypted": True}, {"pin": PIN, "encrypted": False, "nonce": "x"}):
        assert code(caller.post("/piv/verify", plain)) == "sealed-invalid"
    assert sent(key, "24") == 0
    assert sent(key, "20") == 1


def test_what_must_not_come_over_tcp_is_refused(one):
    caller, key = one
    tcp = Caller(caller.agent, Issuer(caller.agent.box), over="tcp")
    for path in ("/piv/set-puk", "/piv/set-retries", "/piv/rotate-management-key", "/piv/reset"):
        assert code(tcp.post(path, {"serial": "1001"})) == "endpoint-unknown"
    assert tcp.post("/piv/set-pin", {}, pin="11223344", current_pin=PIN).status == 200


def test_bodies_and_queries_that_are_not_understood_are_refused_before_the_card_is_asked(one):
    caller, key = one
    before = key.status()["apdus"]
    queries = ("serial=", "serial=x", "serial=-1", "serial=1001&serial=1001", "x=1", "serial=1001&slot=9a", "slot=9a", "serial=01001")
    for query in queries:
        assert code(caller.get(f"/piv/info?{query}")) == "request-invalid", query
    for query in ("slot=f9", "slot=9A", "slot=", "slot=9a&slot=9c"):
        assert code(caller.get(f"/piv/slots?{query}")) == "request-invalid", query
    assert code(caller.get("/discover?serial=1001")) == "request-invalid"
    bodies = [
        ("/piv/attest", {}), ("/piv/attest", {"slot": "f9"}), ("/piv/attest", {"slot": 9}), ("/piv/attest", {"slot": "9a", "x": 1}),
        ("/piv/attest", {"slot": "9a", "serial": 1001}), ("/piv/reset", {"serial": "1001", "pin": PIN}),
        ("/piv/generate-csr", csr_body()), ("/piv/generate-csr", csr_body(key="both")), ("/piv/generate-csr", csr_body(key="existing", sans=["ip"])),
        ("/piv/verify", {"serial": "1001"}), ("/piv/set-pin", {"serial": "1001"}),
    ]  # fmt: skip
    for path, body in bodies:
        answer = caller.post(path, body)
        assert answer.status in (400, 403), (path, body, answer)
    answer = caller.post("/piv/verify", {}, pin=PIN, puk=PUK)
    assert code(answer) == "request-invalid"
    assert code(caller.post("/piv/verify", {}, management_key="0G" * 24)) == "request-invalid"
    assert key.status()["apdus"] - before < 8  # the last one alone opened the card


CANARIES = {
    "pin": "7C4N4RY1", "puk": "8C4N4RY2", "first key": "c4" * 23 + "01", "second key": "c5" * 31 + "02",
}  # fmt: skip


@pytest.mark.parametrize("built", [AGENT, SANITIZED_AGENT], ids=["release", "sanitized"])
def test_secrets_are_found_nowhere(empty_box, built):
    """PIN, PUK and management keys through every endpoint that takes some, also where it fails."""
    pin, puk, first, second = CANARIES.values()
    heard = []
    with plugged(empty_box, "5.7.4", program=built) as (caller, (key,)):

        def post(path, body=None, **secrets):
            answer = caller.post(path, {"serial": "1001", **(body or {})}, **secrets)
            heard.append(answer.body + str(answer.headers))
            return answer

        aes = {"algorithm": "aes-192", "touch_policy": "never"}
        good(post("/piv/set-pin", pin=pin, current_pin=PIN))
        good(post("/piv/set-puk", puk=puk, current_puk=PUK))
        good(post("/piv/rotate-management-key", aes, management_key=first, current_management_key=MANAGEMENT_KEY))
        good(post("/piv/rotate-management-key", {**aes, "algorithm": "aes-256"}, management_key=second, current_management_key=first))
        key.ykman("piv", "access", "change-management-key", "-a", "AES256", "-m", second, "-n", second, "-P", pin, "--protect")
        protected = {"protected": True, "algorithm": "aes-256", "touch_policy": "never"}
        made = good(post("/piv/generate-csr", {**csr_body(), "slot": "82", "protected": True}, pin=pin))
        good(post("/piv/delete-certificate", {"slot": "82", "key": "destroy", "protected": True}, pin=pin))
        good(post("/piv/rotate-management-key", protected, management_key=second, pin=pin))
        assert code(post("/piv/rotate-management-key", protected, management_key=second, pin=pin)) == "credentials-unknown"
        assert code(post("/piv/rotate-management-key", protected, management_key=second)) == "request-invalid"
        both = {"management_key": second, "current_management_key": second, "pin": pin}
        assert code(post("/piv/rotate-management-key", protected, **both)) == "request-invalid"
        good(post("/piv/verify", pin=pin)), good(post("/piv/verify", puk=puk)), good(post("/piv/verify", management_key=second))
        good(post("/piv/unblock-pin", puk=puk, pin=pin))
        made = good(post("/piv/generate-csr", csr_body(), management_key=second, pin=pin))
        body = {"slot": "9a", "certificate": sign_certificate(empty_box, made["csr"])}
        good(post("/piv/import-certificate", body, management_key=second, pin=pin))
        good(post("/piv/delete-certificate", {"slot": "9a", "key": "destroy"}, management_key=second))
        for path, secrets in {
            "/piv/set-pin": {"pin": pin, "current_pin": pin + "9"},
            "/piv/verify": {"management_key": first},
            "/piv/set-puk": {"puk": pin, "current_puk": pin},
            "/piv/unblock-pin": {"puk": pin, "pin": puk},
        }.items():
            assert post(path, **secrets).status in (400, 403)
        good(post("/piv/set-retries", {"pin_tries": 3, "puk_tries": 3}, pin=pin, management_key=second))
        process = pathlib.Path(f"/proc/{caller.agent.process.pid}")
        heard += [caller.agent.log(), (process / "cmdline").read_text()]
        assert (process / "environ").stat().st_uid == 0  # not dumpable: that belongs to root
        if os.geteuid() == 0:
            heard.append((process / "environ").read_text())
        caller.agent.process.send_signal(signal.SIGABRT)
        caller.agent.process.wait(30)
        assert not list(empty_box.root.rglob("core*"))
    for name, canary in CANARIES.items():
        for form in (canary, canary.encode().hex(), base64.b64encode(canary.encode()).decode()):
            assert not [text for text in heard if form.lower() in text.lower()], name
