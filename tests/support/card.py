"""Virtual YubiKeys behind a private pcscd: the real PC/SC stack without hardware, without root, beside the system's own.

    with Readers(folder) as readers, readers.key(serial=1001, firmware="5.7.4") as key:            # plugged in, powered
        key.ykman("piv", "info")                        # key.tool(…): yubico-piv-tool; key.pkcs11(…), key.pkcs15(…): OpenSC
        key.control("touch asked"); key.status()["waiting"]; key.control("fault removed-after ins=24"); key.unplug()
        with key.connect() as card:                     # raw APDUs
            data, status = card.send("00fd0000")        # bytes and text: (b"\\x05\\x07\\x04", "9000")

Every program that is to see the readers runs with `readers.env`. pcscd and keys die with the test, also when that is killed.
"""

import functools
import json
import pathlib
import shutil
import socket
import subprocess

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from harness import BUILD, PATH, Result, run, wait_for

RELEASE_KEY = BUILD / "release/tests/virtual-yubikey"
SANITIZED_KEY = BUILD / "dev/tests/virtual-yubikey"
PYTHON = BUILD / "venv/bin/python"
DRIVER = "/usr/lib/pcsc/drivers/serial/libifdvpcd.so"
FIRST_PORT = 35963  # in a network namespace of its own: never taken
PIN, PUK = "123456", "12345678"
MANAGEMENT_KEY = "010203040506070801020304050607080102030405060708"
SELECT_PIV = "00a4040005a000000308"

# In a namespace where it is root: a network with nothing but itself, a folder of ours as /run/pcscd, and pcscd on the socket
# that it is handed, so that a client that comes early waits.
PCSCD = """
exec 3<&0 </dev/null
ip link set lo up
[ -d /run/pcscd ] || { mount -t tmpfs none /run && mkdir /run/pcscd; }
mount --bind "$1/run" /run/pcscd
polkit=$(/usr/sbin/pcscd --help | grep -o -m 1 -e --disable-polkit || true)  # newer ones would ask it, and none is here
LISTEN_PID=$$ exec setpriv --pdeathsig KILL /usr/sbin/pcscd --foreground $polkit --config "$1/readers"
"""


AES192, TDES = "0a", "03"


def tlv(tag, value):
    size = len(value)
    length = bytes([size]) if size < 128 else b"\x81" + bytes([size]) if size < 256 else b"\x82" + size.to_bytes(2)
    return bytes.fromhex(tag) + length + value


def padded(pin):
    """A PIN or PUK as the card wants it."""
    return pin.encode().ljust(8, b"\xff")


def apdu(header, data=b""):
    """A short APDU without Le, in bytes. `header`: CLA INS P1 P2 in hex."""
    return bytes.fromhex(header) + (bytes([len(data)]) + data if data else b"")


def extended(header, data):
    return bytes.fromhex(header) + b"\0" + len(data).to_bytes(2) + data + b"\0\0"


def _cipher(algorithm, key):
    return Cipher((TripleDES if algorithm == TDES else algorithms.AES)(bytes.fromhex(key)), modes.ECB())


def encrypt_block(algorithm, key, block):
    encryptor = _cipher(algorithm, key).encryptor()
    return encryptor.update(block) + encryptor.finalize()


def decrypt_block(algorithm, key, block):
    decryptor = _cipher(algorithm, key).decryptor()
    return decryptor.update(block) + decryptor.finalize()


@functools.cache
def _ykman_process():
    """One for all tests of this process; it ends with it."""
    script = pathlib.Path(__file__).with_name("ykman_fork.py")
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "bufsize": 1}
    return subprocess.Popen([PYTHON, script], env={"PATH": "/nonexistent", "LANG": "C.UTF-8"}, **pipes)


def ykman(*args, env, exit=0):
    args = [str(arg) for arg in args]
    process = _ykman_process()
    process.stdin.write(json.dumps({"args": args, "env": env}) + "\n")
    result = Result(["ykman", *args], *json.loads(process.stdout.readline()))
    assert exit is None or result.exit == exit, f"expected exit {exit}\n{result}"
    return result


class Readers:
    """The readers of one pcscd. vpcd makes them in pairs: "Yubico YubiKey CCID 00 00" and "… 00 01", then "Yubico YubiKey CCID 1
    00 00" and so on. There are `count` of them, and one more, always empty, when that is odd."""

    def __init__(self, folder, count=1, program=RELEASE_KEY):
        self.folder = pathlib.Path(folder)
        self.count = count
        self.program = pathlib.Path(program)
        socket_path = self.folder / "run/pcscd.comm"
        self.env = {
            "PATH": "/nonexistent",  # ykman kills scdaemon and yubikey-agent by name when it finds pkill
            "HOME": str(self.folder),
            "LANG": "C.UTF-8",
            "PCSCLITE_CSOCK_NAME": str(socket_path),
        }

    def name(self, index):
        return "Yubico YubiKey CCID" + (f" {index // 2}" if index > 1 else "") + f" 00 0{index % 2}"

    def port(self, index):
        return FIRST_PORT + index

    def __enter__(self):
        shutil.rmtree(self.folder / "run", ignore_errors=True)  # of a pcscd that ended
        for name in ("run", "readers", "keys"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        for index in range(0, self.count, 2):
            driver = shutil.copy(DRIVER, self.folder / f"driver{index}.so")  # loaded once, two pairs would share their cards
            name, port = self.name(index).removesuffix(" 00 00"), hex(self.port(index))
            (self.folder / f"readers/{index}").write_text(
                f'FRIENDLYNAME "{name}"\nDEVICENAME /dev/null:{port}\nLIBPATH {driver}\nCHANNELID {port}\n'
            )
        namespaces = ["unshare", "--user", "--map-root-user", "--mount", "--net"]
        with socket.socket(socket.AF_UNIX) as listener, open(self.folder / "pcscd.log", "wb") as log:
            listener.bind(self.env["PCSCLITE_CSOCK_NAME"])
            listener.listen(16)
            self.pcscd = subprocess.Popen(
                [*namespaces, "sh", "-euc", PCSCD, "pcscd", self.folder],
                stdin=listener,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={"PATH": PATH, "LISTEN_FDS": "1"},
            )
        wait_for((self.folder / "run/pcscd.pid").exists, "pcscd")
        return self

    def __exit__(self, *_):
        self.pcscd.kill()
        self.pcscd.wait()

    def start_inside(self, argv, **how):
        """Starts a program where the readers' ports are; it dies with this process."""
        enter = ["nsenter", "-t", self.pcscd.pid, "--user", "--net", "--preserve-credentials"]
        argv = [str(word) for word in [*enter, "setpriv", "--pdeathsig", "KILL", *argv]]
        return subprocess.Popen(argv, env={"PATH": PATH}, stdin=subprocess.DEVNULL, **how)

    def key(self, index=0, **options):
        return Key(self, index, **options)


class Key:
    """A virtual YubiKey in the reader `index`, its state in a file that outlives it. Options are the program's own, with
    underscores: serial=1001, firmware="5.4.3", touch="asked", fips=True, fault="garbage ins=fd"."""

    def __init__(self, readers, index, state=None, **options):
        self.readers, self.index = readers, index
        self.reader = readers.name(index)
        folder = readers.folder / "keys"
        self.state = pathlib.Path(state or folder / f"{options.get('serial', index)}.json")
        self.root = self.state.parent / "virtual-yubikey-root.pem"
        self.socket = folder / f"{index}.control"
        self.options = []
        for name, value in options.items():
            self.options += [f"--{name.replace('_', '-')}"] + ([] if value is True else [value])

    def __enter__(self):
        reader = f"127.0.0.1:{self.readers.port(self.index)}"
        command = [self.readers.program, "--vpcd", reader, "--state", self.state, "--control", self.socket]
        with open(self.readers.folder / f"key{self.index}.log", "ab") as log:
            self.process = self.readers.start_inside([*command, *self.options], stdout=log, stderr=log)
        wait_for(lambda: self.process.poll() is not None or self._answers(), "the virtual YubiKey")
        assert self.process.poll() is None, f"{command} ended: see {log.name}"
        self.wait_powered()
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.socket.unlink(missing_ok=True)

    def _answers(self):
        try:
            return self.status()
        except OSError:
            return None

    def control(self, line):
        """One command to the person beside the key, and the answer."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(20)
            connection.connect(str(self.socket))
            connection.sendall(line.encode() + b"\n")
            answer = json.loads(connection.makefile().readline())
        assert answer["ok"], f"{line}: {answer}"
        return answer

    def status(self):
        return self.control("status")

    def trace(self):
        """Each APDU so far: its header with the length, and its status word."""
        return self.control("trace")["trace"]

    def apdus(self):
        """The same with the data of each."""
        return self.control("apdus")["apdus"]

    def wait_powered(self):
        """A busy pcscd may miss that a card has come: it is then taken out and put in again."""
        for _ in range(6):
            try:
                return wait_for(lambda: self.status()["powered"], "power", 10)
            except AssertionError:
                self.control("unplug")
                self.control("plug")
        return wait_for(lambda: self.status()["powered"], "power")

    def wait_waiting(self, what):
        """Until the key blinks ("touch") or holds an APDU back ("hold")."""
        wait_for(lambda: self.status()["waiting"] == what, what)

    def unplug(self):
        self.control("unplug")

    def plug(self):
        self.control("plug")
        self.wait_powered()

    def ykman(self, *args, **how):
        return ykman("-r", self.reader, *args, env=self.readers.env, **how)

    def ykman_all(self, *args, **how):
        """ykman with every reader before it."""
        return ykman(*args, env=self.readers.env, **how)

    def tool(self, *args, **how):
        return run(["/usr/bin/yubico-piv-tool", "-r", f"@{self.reader}", *args], env=self.readers.env, **how)

    def pkcs11(self, *args, **how):
        return run(["/usr/bin/pkcs11-tool", *args], env=self.readers.env, **how)

    def pkcs15(self, *args, **how):
        return run(["/usr/bin/pkcs15-tool", "-r", self.reader, *args], env=self.readers.env, **how)

    def connect(self):
        return Connection(self)

    def ykpiv(self):
        return Ykpiv(self)


class _Helper:
    """A program of this folder that speaks to the card, line by line. (pcsclite takes its socket from the environment once, so
    each private pcscd needs processes of its own.)"""

    def __init__(self, script, key):
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "bufsize": 1}
        argv = [PYTHON, pathlib.Path(__file__).with_name(script), key.reader]
        self.process = subprocess.Popen(argv, env=key.readers.env, **pipes)

    def __enter__(self):
        self.greeting = self._read()
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


class Ykpiv(_Helper):
    """libykpiv: `yk("verify", "123456")` returns what ykpiv.py says: [error name, result]."""

    def __init__(self, key):
        super().__init__("ykpiv.py", key)

    def _read(self):
        return json.loads(self.process.stdout.readline())

    def __call__(self, *call, want="OK"):
        self.process.stdin.write(json.dumps(call) + "\n")
        error, result = self._read()
        assert error == want, f"{call}: {error} {result}"
        return result


class Connection(_Helper):
    """An open connection to the card for raw APDUs; `atr` in hex."""

    def __init__(self, key):
        super().__init__("apdus.py", key)

    @property
    def atr(self):
        return self.greeting

    def _read(self):
        line = self.process.stdout.readline().strip()
        if not line or line.startswith("!"):
            raise ConnectionError(line or "the process that speaks to the card died")
        return line

    def start(self, apdu):
        self.process.stdin.write((apdu if isinstance(apdu, str) else apdu.hex()) + "\n")

    def finish(self):
        answer = bytes.fromhex(self._read())
        return answer[:-2], answer[-2:].hex()

    def send(self, apdu, *, want=None):
        """One APDU (hex or bytes): the answer's data and status word; 61xx is not followed. ConnectionError: no answer."""
        self.start(apdu)
        data, status = self.finish()
        assert want is None or status == want, f"{apdu}: {status}, not {want}"
        return data, status

    def select(self):
        self.send(SELECT_PIV, want="9000")
        return self

    def verify(self, pin=PIN, want="9000"):
        return self.send(apdu("00200080", padded(pin)), want=want)

    def authenticate(self, key=MANAGEMENT_KEY, algorithm=AES192, want="9000"):
        """With the management key; the card alone asks."""
        challenge, _ = self.send(f"0087{algorithm}9b047c028100", want="9000")
        answer = tlv("7c", tlv("82", encrypt_block(algorithm, key, challenge[4:])))
        return self.send(apdu(f"0087{algorithm}9b", answer), want=want)

    def generate(self, slot, algorithm, policies="", want="9000"):
        """The public key's template. `policies`: AA and AB elements in hex."""
        inside = tlv("80", bytes.fromhex(algorithm)) + bytes.fromhex(policies)
        return self.send(extended(f"004700{slot}", tlv("ac", inside)), want=want)[0]

    def use(self, slot, algorithm, data, *, tag="81", want="9000"):
        """A signature, or what else the key makes of `data`."""
        inside = tlv("82", b"") + tlv(tag, data)
        answer, _ = self.send(extended(f"0087{algorithm}{slot}", tlv("7c", inside)), want=want)
        return value_of(value_of(answer)) if answer else b""


def value_of(element):
    """The value of a TLV with a tag of one byte."""
    skip = 2 if element[1] < 128 else 3 if element[1] == 0x81 else 4
    return element[skip:]
