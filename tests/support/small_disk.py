"""A file system of a few MiB, to be full when a test wants it: a tmpfs in a namespace of its own, which needs no rights.

    with SmallDisk(folder, "64m") as disk:      # over an empty folder; `user`: words that come first, for another user than ours
        subprocess.run([*disk.inside, …])       # a program that finds it there
        disk.root                               # where we see the same files
        with disk.full(): …                     # not a byte is left meanwhile
"""

import contextlib
import os
import pathlib
import subprocess
import sys

MOUNT = """
import ctypes, os, signal, sys
libc = ctypes.CDLL(None, use_errno=True)
if libc.mount(b"disk", sys.argv[1].encode(), b"tmpfs", 0, f"size={sys.argv[2]},mode=700".encode()):
    sys.exit(os.strerror(ctypes.get_errno()))
print("there", flush=True)
signal.pause()
"""
UNSHARE = ["unshare", "--user", "--map-current-user", "--keep-caps", "--mount"]
DIES_WITH_US = ["setpriv", "--pdeathsig", "KILL"]


class SmallDisk:
    def __init__(self, folder, size, user=()):
        words = [*user, *UNSHARE, *DIES_WITH_US, sys.executable, "-c", MOUNT, folder, size]
        self.keeper = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert self.keeper.stdout.readline() == "there\n", self.keeper.stderr.read()
        # In the folder above: nsenter would begin in the root of all.
        self.inside = [*user, "nsenter", "-t", str(self.keeper.pid), "-U", "-m", "--preserve-credentials", f"--wd={pathlib.Path(folder).parent}"]
        self.folder = folder
        self.root = pathlib.Path(f"/proc/{self.keeper.pid}/root{folder}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.keeper.kill()
        self.keeper.communicate()

    @contextlib.contextmanager
    def full(self):
        filler = self.folder / "filler"
        try:
            subprocess.run([*self.inside, "sh", "-c", 'cat /dev/zero >"$0"', filler], stderr=subprocess.DEVNULL)
            assert os.statvfs(self.root).f_bavail == 0
            yield
        finally:
            subprocess.run([*self.inside, "rm", "-f", filler], check=True)
