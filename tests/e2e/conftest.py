"""End-to-end tests run the real programs, each test in a box of its own (tests/support/harness.py).

    def test_a_certificate_is_issued(ymgr, box):          # ymgr: the release program, logged in as admin of a new profile
        answer = ymgr.json("issue", "web1.example.com", "--out", "web1")
        assert openssl("verify", "-x509_strict", …)       # from harness import openssl, curl, pkilint, free_port, wait_for

    def test_without_a_profile(bare): …                   # bare: the same program, no profile yet
    def test_killed(failpoint): failpoint.armed("kill@3")("issue", "web1", exit=-9)

    ymgr(…) returns .exit, .stdout, .stderr, .json and fails on another exit status than `exit=` (0; None: any);
    ymgr.json(…) adds --json and returns the document; box.profile, box.work (the working folder), box.file(), box.secret(),
    box.snapshot(). `@pytest.mark.sanitized` runs a test a second time with the sanitized program. `needs_root` tests run
    only as root (disk(kib) is a small file system of its own), `needs_user` never do. A missing program is a failure.

    def test_with_a_yubikey(readers):                     # a private pcscd (tests/support/card.py)
        with readers.key(serial=1001, firmware="5.7.4") as key: key.ykman("piv", "info")
"""

import os
import pathlib
import shutil
import tempfile

import pytest

from card import RELEASE_KEY, Readers
from desk import Desk
from harness import FAILPOINT, RELEASE, SANITIZED, Box, Ymgr, run


def pytest_generate_tests(metafunc):
    if "program" in metafunc.fixturenames:
        programs = [RELEASE, SANITIZED] if metafunc.definition.get_closest_marker("sanitized") else [RELEASE]
        metafunc.parametrize("program", programs, ids=["release", "sanitized"][: len(programs)])


@pytest.fixture(scope="session")
def _template(tmp_path_factory):
    """A profile with an admin and an open session, made once and copied by each test."""
    box = Box(tmp_path_factory.mktemp("template"))
    ymgr = Ymgr(RELEASE, box)
    ymgr.init()
    ymgr.login()
    yield box
    box.remove()


@pytest.fixture
def empty_box(tmp_path):
    box = Box(tmp_path)
    yield box
    box.remove()


@pytest.fixture
def box(empty_box, _template):
    empty_box.copy_from(_template)
    return empty_box


@pytest.fixture(scope="session")
def _demo_template(tmp_path_factory):
    """A demo profile with an open session, made once and copied by each test."""
    box = Box(tmp_path_factory.mktemp("demo"))
    ymgr = Ymgr(RELEASE, box)
    ymgr.init("--demo")
    ymgr.login()
    yield box
    box.remove()


@pytest.fixture
def demo(empty_box, _demo_template):
    empty_box.copy_from(_demo_template)
    return empty_box


@pytest.fixture
def desk(demo):
    """A person's desk (tests/support/desk.py) with a YubiKey of firmware 5.7.4."""
    with Desk(demo, "5.7.4") as desk:
        yield desk


@pytest.fixture
def bare(program, empty_box):
    return Ymgr(program, empty_box)


@pytest.fixture
def ymgr(program, box):
    return Ymgr(program, box)


@pytest.fixture
def failpoint(box):
    return Ymgr(FAILPOINT, box)


@pytest.fixture
def disk():
    """disk(kib) mounts a file system of that size and returns its folder."""
    mounted = []

    def mount(kib):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="ymgr-disk-"))
        run(["mount", "-t", "tmpfs", "-o", f"size={kib}k,mode=0700", "tmpfs", folder])
        mounted.append(folder)
        return folder

    yield mount
    for folder in mounted:
        run(["umount", "-l", folder])
        os.rmdir(folder)


@pytest.fixture
def key_program():
    """The virtual YubiKey that `readers` holds; a module may name another."""
    return RELEASE_KEY


@pytest.fixture
def readers(key_program):
    """One reader of a private pcscd."""
    folder = tempfile.mkdtemp(prefix="ymgr-card-")  # a short path: sockets stand in it
    try:
        with Readers(f"{folder}/pcsc", program=key_program) as readers:
            yield readers
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def key(readers):
    """A virtual YubiKey in it; a module may choose another firmware."""
    with readers.key(serial=1001, firmware="5.7.4") as key:
        yield key


@pytest.fixture
def card(key):
    """A connection to its PIV application."""
    with key.connect() as card:
        yield card.select()
