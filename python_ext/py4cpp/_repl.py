"""The worker's end of `py4cpp repl`: an interactive console whose lines come from C++."""

import builtins
import code
import io
import sys


def start(read, write):
    """read(prompt) gives a line, None at the end or False for an interrupt; write(text) is for errors, in order."""
    import __main__

    sys.stderr = _Errors(write)

    def read_input(prompt="", /):
        line = read(str(prompt))
        if line is None:
            raise EOFError("EOF when reading a line")
        if line is False:
            raise KeyboardInterrupt
        return line

    builtins.input = read_input
    return Console(__main__.__dict__, "<stdin>")


class Console(code.InteractiveConsole):
    """One per worker. What it raises is SystemExit alone; all else it has shown."""

    def take(self, line):
        """Runs the line, or with those before it the statement that it completes. Whether more lines are to follow."""
        try:
            return self.push(line)
        finally:
            sys.stdout.flush()

    def cut_short(self):
        """What was begun is forgotten."""
        self.resetbuffer()

    def banner(self):
        version = sys.version.split()[0]
        return f"Python {version} in a worker of py4cpp, {sys.executable}\nCtrl-D ends, Ctrl-C interrupts."


class _Errors(io.TextIOBase):
    def __init__(self, write):
        self._write = write

    def writable(self):
        return True

    def write(self, text):
        sys.stdout.flush()
        self._write(text)
        return len(text)
