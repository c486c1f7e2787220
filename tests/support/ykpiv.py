"""Yubico's libykpiv on the card in the named reader. One JSON list [function, argument…] a line on stdin, byte strings in hex;
on stdout [error name, result]. The library is connected when the first answer, to nothing, has come."""

import ctypes
import json
import sys

library = ctypes.CDLL("libykpiv.so.2")
library.ykpiv_strerror_name.restype = ctypes.c_char_p
state = ctypes.c_void_p()


def call(name, *args):
    code = getattr(library, f"ykpiv_{name}")(state, *args)
    return library.ykpiv_strerror_name(code).decode().removeprefix("YKPIV_")


def pin_call(name, *pins):
    """Functions of PINs with their lengths that count tries."""
    tries = ctypes.c_int(-1)
    sized = [part for pin in pins for part in (pin.encode(), ctypes.c_size_t(len(pin)))]
    return call(name, *sized, ctypes.byref(tries)), tries.value


def read(name, *args, length=ctypes.c_size_t):
    """Functions that fill a buffer."""
    buffer, size = ctypes.create_string_buffer(4096), length(4096)
    error = call(name, *args, buffer, ctypes.byref(size))
    return error, buffer.raw[: size.value].hex() if error == "OK" else None


def verify(pin):
    tries = ctypes.c_int(-1)
    return call("verify", pin.encode(), ctypes.byref(tries)), tries.value


def get_pin_retries():
    tries = ctypes.c_int(0)
    return call("get_pin_retries", ctypes.byref(tries)), tries.value


def get_serial():
    serial = ctypes.c_uint32()
    return call("get_serial", ctypes.byref(serial)), serial.value


def get_version():
    text = ctypes.create_string_buffer(32)
    return call("get_version", text, ctypes.c_size_t(32)), text.value.decode()


def generate_key(slot, algorithm, pin_policy, touch_policy):
    """The point, or the modulus."""
    parts = [(ctypes.POINTER(ctypes.c_ubyte)(), ctypes.c_size_t()) for _ in range(3)]
    pointers = [ctypes.byref(value) for part in parts for value in part]
    policies = [ctypes.c_ubyte(value) for value in (slot, algorithm, pin_policy, touch_policy)]
    error = call("util_generate_key", *policies, *pointers)
    modulus, _, point = (bytes(data[: size.value]).hex() if data else "" for data, size in parts)
    return error, point or modulus


def use_key(name, data, algorithm, slot):
    buffer, size = ctypes.create_string_buffer(1024), ctypes.c_size_t(1024)
    given = bytes.fromhex(data)
    algorithm_slot = (ctypes.c_ubyte(algorithm), ctypes.c_ubyte(slot))
    error = call(name, given, ctypes.c_size_t(len(given)), buffer, ctypes.byref(size), *algorithm_slot)
    return error, buffer.raw[: size.value].hex() if error == "OK" else None


def import_ec(slot, algorithm, scalar):
    none = (None, ctypes.c_size_t(0)) * 5
    key = bytes.fromhex(scalar)
    policies = (ctypes.c_ubyte(0), ctypes.c_ubyte(0))
    slots = (ctypes.c_ubyte(slot), ctypes.c_ubyte(algorithm))
    return call("import_private_key", *slots, *none, key, ctypes.c_ubyte(len(key)), *policies), None


FUNCTIONS = {
    "verify": verify,
    "get_pin_retries": get_pin_retries,
    "get_serial": get_serial,
    "get_version": get_version,
    "generate_key": generate_key,
    "import_ec": import_ec,
    "change_pin": lambda *pins: pin_call("change_pin", *pins),
    "change_puk": lambda *pins: pin_call("change_puk", *pins),
    "unblock_pin": lambda *pins: pin_call("unblock_pin", *pins),
    "authenticate": lambda key: (call("authenticate", bytes.fromhex(key)), None),
    "set_mgmkey": lambda key: (call("set_mgmkey", bytes.fromhex(key)), None),
    "set_pin_retries": lambda pin, puk: (call("set_pin_retries", pin, puk), None),
    "reset": lambda: (call("util_reset"), None),
    "save_object": lambda number, data: (call("save_object", number, bytes.fromhex(data), len(data) // 2), None),
    "fetch_object": lambda number: read("fetch_object", number, length=ctypes.c_ulong),
    "get_metadata": lambda slot: read("get_metadata", ctypes.c_ubyte(slot)),
    "attest": lambda slot: read("attest", ctypes.c_ubyte(slot)),
    "sign": lambda *args: use_key("sign_data", *args),
    "decipher": lambda *args: use_key("decipher_data", *args),
}


def main():
    assert library.ykpiv_init(ctypes.byref(state), 0) == 0
    print(json.dumps([call("connect", f"@{sys.argv[1]}".encode()), None]), flush=True)
    for line in sys.stdin:
        name, *args = json.loads(line)
        print(json.dumps(FUNCTIONS[name](*args)), flush=True)
    library.ykpiv_done(state)


if __name__ == "__main__":
    main()
