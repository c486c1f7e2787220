"""Writes the certificates of tests/unit/x509/golden/attestation/ anew: `python3 tests/support/attestations.py FOLDER`.

A root that no one trusts by itself, the certificate of a YubiKey's F9 under it, a statement that is right, and for each way
to be wrong one that differs from it in that alone. Needs the Python package cryptography."""

import datetime
import pathlib
import sys

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

ARC = "1.3.6.1.4.1.41482.3."
BEGIN, END = datetime.datetime(2016, 3, 14), datetime.datetime(2052, 4, 17)
SERIAL = bytes.fromhex("02030F4240")  # 1000000


def name(text):
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])


def builder(subject, issuer, key, begin=BEGIN, end=END):
    made = x509.CertificateBuilder(name(issuer), name(subject), key.public_key(), 0x4A3F2B, begin, end)
    return made


def authority(subject, issuer, key, signer, is_ca=True):
    made = builder(subject, issuer, key)
    if is_ca:
        made = made.add_extension(x509.BasicConstraints(True, None), critical=True)
    return made.sign(signer, hashes.SHA256())


def element(tag, content):
    size = len(content)
    length = bytes([size]) if size < 128 else bytes([0x82]) + size.to_bytes(2, "big")
    return bytes([tag]) + length + content


def statement(key, signer, subject="YubiKey PIV Attestation 9a", issuer="F9", twice=None, extra=(), dates=(BEGIN, END), **changes):
    """`twice`: that extension stands there a second time, which no certificate builder makes: another one is renamed."""
    values = {"3": bytes([5, 7, 4]), "7": SERIAL, "8": bytes([2, 1]), "9": bytes([1]), **changes}
    made = builder(subject, issuer, key, *dates)
    for arc, value in values.items():
        if value is not None:
            made = made.add_extension(x509.UnrecognizedExtension(x509.ObjectIdentifier(ARC + arc.strip("_")), value), critical=False)
    for extension, critical in extra:
        made = made.add_extension(extension, critical=critical)
    if twice is None:
        return made.sign(signer, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()
    spare = x509.ObjectIdentifier(ARC + "77")
    made = made.add_extension(x509.UnrecognizedExtension(spare, values[twice]), critical=False).sign(signer, hashes.SHA256())
    head = bytes.fromhex("060A2B0601040182C40A03")
    tbs = made.tbs_certificate_bytes.replace(head + bytes([77]), head + bytes([int(twice)]))
    algorithm = bytes.fromhex("300A06082A8648CE3D040302")
    der = element(0x30, tbs + algorithm + element(0x03, b"\0" + signer.sign(tbs, ec.ECDSA(hashes.SHA256()))))
    return x509.load_der_x509_certificate(der).public_bytes(serialization.Encoding.PEM).decode()


def main(folder):
    root, f9, key, other = (ec.generate_private_key(ec.SECP256R1()) for _ in range(4))
    old = rsa.generate_private_key(65537, 2048)
    unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\5\0")
    for path, made in {
        "root": authority("Test Root", "Test Root", root, root),
        "virtual_root": authority("Virtual YubiKey PIV Root CA", "Virtual YubiKey PIV Root CA", root, root),
        "device": authority("F9", "Test Root", f9, root),
        "device_no_ca": authority("F9", "Test Root", f9, root, is_ca=False),
        "device_virtual": authority("F9", "Virtual YubiKey PIV Root CA", f9, root),
        "device_old": authority("F9", "Test Root", old, root, is_ca=False),
        "device_yubico": authority("F9", "Yubico PIV Root CA Serial 263751", f9, root),
        "device_of_leaf": authority("F9", "YubiKey PIV Attestation 9a", f9, key),
    }.items():
        (folder / f"{path}.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    for path, text in {
        "good": statement(key, f9),
        "old": statement(key, old, **{"3": bytes([4, 3, 5]), "9": None}),
        "other_signer": statement(key, other),
        "other_issuer": statement(key, f9, issuer="F8"),
        "ca": statement(key, f9, extra=[(x509.BasicConstraints(True, None), True)]),
        "critical": statement(key, f9, extra=[(unknown, True)]),
        "expired": statement(key, f9, dates=(BEGIN, datetime.datetime(2020, 1, 1))),
        "early": statement(key, f9, dates=(datetime.datetime(2051, 1, 1), END)),
        "no_firmware": statement(key, f9, **{"3": None}),
        "no_serial": statement(key, f9, **{"7": None}),
        "no_policy": statement(key, f9, **{"8": None}),
        "no_form_factor": statement(key, f9, **{"9": None}),
        "long_firmware": statement(key, f9, **{"3": bytes([5, 7, 4, 0])}),
        "short_policy": statement(key, f9, **{"8": bytes([2])}),
        "wrapped_policy": statement(key, f9, **{"8": bytes([4, 2, 2, 1])}),
        "negative_serial": statement(key, f9, **{"7": bytes.fromhex("0204FF000000")}),
        "long_serial": statement(key, f9, **{"7": bytes.fromhex("02050100000000")}),
        "raw_serial": statement(key, f9, **{"7": bytes.fromhex("000F4240")}),
        "trailing_serial": statement(key, f9, **{"7": SERIAL + b"\0"}),
        "twice_serial": statement(key, f9, twice="7"),
        "twice_policy": statement(key, f9, twice="8"),
        "twice_firmware": statement(key, f9, twice="3"),
        "no_slot": statement(key, f9, subject="YubiKey PIV Attestation"),
        "long_slot": statement(key, f9, subject="YubiKey PIV Attestation 9a9c"),
        "word_slot": statement(key, f9, subject="YubiKey PIV Attestation xy"),
    }.items():
        (folder / f"{path}.pem").write_text(text)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
