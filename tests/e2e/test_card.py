"""The agent's card commands against the virtual YubiKey: each case of build/dev/tests/card_tests with a key fresh from the
factory, on each firmware, behind a private pcscd."""

import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from card import Readers
from harness import BUILD, run

PROGRAM = BUILD / "dev/tests/card_tests"


def cases():
    listed = run([PROGRAM, "--list-test-cases", "--no-intro", "--no-version"]).stdout
    return [line for line in listed.splitlines() if line and not line.startswith(("[doctest]", "==="))]


def outcome(case, firmware):
    """What is wrong, or nothing."""
    folder = tempfile.mkdtemp(prefix="ymgr-card-")  # a short path: sockets stand in it
    try:
        with ExitStack() as stack:
            readers = stack.enter_context(Readers(f"{folder}/pcsc", count=2))
            key = stack.enter_context(readers.key(serial=1001, firmware=firmware))
            if "two keys" in case:
                stack.enter_context(readers.key(1, serial=1002, firmware=firmware))
            env = {
                **readers.env,
                "YMGR_CARD_READER": key.reader,
                "YMGR_CARD_CONTROL": str(key.socket),
                "YMGR_CARD_FIRMWARE": firmware,
            }
            name = case.replace(",", r"\,")
            done = run([PROGRAM, "--no-intro", "--no-version", f"--test-case={name}"], env=env, exit=None)
            if done.exit == 0 and "1 passed" in done.stdout:
                return ""
            trace = "\n".join(key.trace()[-20:])
            return f"{case}\n{done.stdout}{done.stderr}\n{trace}"
    finally:
        shutil.rmtree(folder)


@pytest.mark.parametrize("firmware", ["4.3.5", "5.2.7", "5.4.3", "5.7.4"])
def test_card_commands(firmware):
    with ThreadPoolExecutor(2) as pool:  # most of the time is pcscd's, which looks for a card twice a second
        failed = [text for text in pool.map(lambda case: outcome(case, firmware), cases()) if text]
    assert not failed, "\n\n".join(failed)
