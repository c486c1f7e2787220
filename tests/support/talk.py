"""The program on a terminal."""

import os
import pty
import termios

from harness import wait_for


class Talk:
    """The program on a terminal of its own: say() answers a question, the end is awaited by finish()."""

    def __init__(self, ymgr, *words):
        self.output = b""
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.chdir(ymgr.box.work)
            os.execve(ymgr.program, [str(ymgr.program), *words], ymgr.env)

    def read_until(self, text):
        while text not in self.output:
            self.output += os.read(self.terminal, 1024)

    def say(self, question, answer):
        self.read_until(question.encode())
        wait_for(lambda: not self.echoes() or "ssw" not in question and "assphrase" not in question, "no echo")
        self.output = b""
        os.write(self.terminal, answer.encode() + b"\n")

    def echoes(self):
        return bool(termios.tcgetattr(self.terminal)[3] & termios.ECHO)

    def finish(self):
        try:
            while chunk := os.read(self.terminal, 1024):
                self.output += chunk
        except OSError:
            pass
        _, status = os.waitpid(self.pid, 0)
        os.close(self.terminal)
        return os.waitstatus_to_exitcode(status), self.output.decode()
