"""A person's desk: a profile, an agent, and virtual YubiKeys plugged in.

    with Desk(box, "5.7.4", "5.4.3") as desk:           # keys 1001 and 1002, firmware of each
        desk.ymgr.json("enroll", "--device", "1001")    # box: a demo profile with an open session
        desk.keys[0].unplug()
"""

import contextlib
import shutil
import tempfile

from agent import AGENT, agent_of_login
from card import Readers, apdu, padded
from harness import BUILD, FAILPOINT, Ymgr, wait_for

RELEASE = BUILD / "release/bin/ymgr"


class Desk:
    def __init__(self, box, *firmwares, program=RELEASE, agent_program=AGENT, **options):
        self.box, self.firmwares, self.options = box, firmwares, options
        self.program, self.agent_program = program, agent_program

    def __enter__(self):
        self.folder = tempfile.mkdtemp(prefix="ymgr-desk-")  # a short path: sockets stand in it
        self.stack = contextlib.ExitStack()
        try:
            self._fill()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _fill(self):
        enter = self.stack.enter_context
        self.readers = enter(Readers(f"{self.folder}/pcsc", count=max(1, len(self.firmwares))))
        self.keys = [
            enter(self.readers.key(index, serial=1001 + index, firmware=firmware, **self.options))
            for index, firmware in enumerate(self.firmwares)
        ]
        self.ymgr = Ymgr(self.program, self.box, {"YMGR_AGENT_SOCKET": str(self.box.runtime / "agent/agent.sock")})
        self.ymgr.login()  # writes the keys that the agent checks tokens with
        self.agent = enter(agent_of_login(self.box, self.readers, program=self.agent_program, tcp=False))
        self.configure()
        wait_for(lambda: self.plugged() == len(self.keys), "the keys")

    def __exit__(self, *_):
        self.stack.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def configure(self, roots=True, **secrets):
        """The user's configuration file: whether the virtual root is trusted, and `secrets` (pin="user")."""
        path = self.box.root / "config/ymgr/ymgr.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = [f"attestation:\n  roots: {self.keys[0].root}\n"] if roots and self.keys else []
        lines += ["secrets:\n", *(f"  {name}: {value}\n" for name, value in secrets.items())] if secrets else []
        path.write_text("".join(lines))

    def plugged(self):
        devices = self.ymgr.json("device", "list")["devices"]
        return sum(device["state"] == "ready" for device in devices)

    def events(self, serial):
        """The names of what the audit trail has of a YubiKey."""
        return [row["event"] for row in self.ymgr.json("audit", "list", "--target", serial)["events"]]


def enrolled(desk, *options, serial="1001"):
    answer = desk.ymgr.json("enroll", "--device", serial, *options)
    assert answer["result"] in ("enrolled", "adopted"), answer
    return answer


def reveal(desk, what, serial="1001"):
    return desk.ymgr.json("device", "reveal", serial, "--what", what, "--note", "for the test")["value"]


def pin_opens(key, pin):
    with key.connect() as card:
        return card.select().send(apdu("00200080", padded(pin)))[1] == "9000"


def kept_pin_opens(desk, number=None):
    assert pin_opens(desk.keys[0], reveal(desk, "pin")), number
    assert desk.ymgr.json("device", "show", "1001")["secrets"]["pending"] == [], number


def sent(desk, instruction, key=0):
    """How many commands with this instruction byte the card has had."""
    return desk.keys[key].status()["instructions"].get(instruction, 0)


def killed_where(desk, reached, *words, env=None):
    """Runs the command until a kill leaves `reached()` true; its request id."""
    for number in range(1, 80):
        armed = Ymgr(FAILPOINT, desk.box, {**desk.ymgr.env, **(env or {}), "YMGR_FAILPOINT": f"kill@{number}"})
        assert armed(*words, exit=None).exit == -9
        stopped = desk.ymgr.json("operation", "list")["operations"]
        if stopped and reached():
            return stopped[0]["request_id"]
    raise AssertionError("never reached")
