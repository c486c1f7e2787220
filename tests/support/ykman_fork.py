"""ykman, loaded once and forked for each command: loading takes longer than what it then does.

A line of JSON on stdin: {"args": […], "env": {…}}; one on stdout: [exit status, what it wrote to stdout, to stderr].
"""

import json
import os
import sys
import tempfile
import traceback

from ykman._cli.__main__ import main as ykman


def child(args, env):
    os.environ.clear()
    os.environ.update(env)
    sys.argv = ["ykman", *args]
    try:
        ykman()
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    except BaseException:
        traceback.print_exc()
        status = 70
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def run(args, env):
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, open(os.devnull) as nothing:
        pid = os.fork()
        if pid == 0:
            for number, file in enumerate((nothing, out, err)):
                os.dup2(file.fileno(), number)
            child(args, env)
        _, status = os.waitpid(pid, 0)
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read().decode())
    return [os.waitstatus_to_exitcode(status), *texts]


for line in iter(sys.stdin.readline, ""):
    print(json.dumps(run(**json.loads(line))), flush=True)
