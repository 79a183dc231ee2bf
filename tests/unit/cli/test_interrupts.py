"""Ctrl-C and its like: while commands are imported, at a prompt, in the background, twice."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from tests.polling import until

SAID = "mailweir: stopped; nothing is damaged and what is stored stays: run the same command again"
IMPORTING = """
import sys, time
class Slow:
    def find_spec(self, name, *_):
        if name == "services.cli.main":
            print("busy", flush=True)
            time.sleep(60)
sys.meta_path.insert(0, Slow())
from services.cli.start import main
main()
"""
WAITING = """
import threading, time, click
from services.cli import main
def busy():
    threading.Thread(target=time.sleep, args=(60,)).start()
    print("busy", flush=True)
    {then}
main.cli = click.command()(busy)
main.main()
"""
GONE = """
import os, sys, time, click
from services.cli import main
def busy():
    print("busy", flush=True)
    try:
        time.sleep(60)
    finally:
        os.close(2)
        os.open("/dev/full", os.O_WRONLY)
        sys.stderr.write("what nobody can read\\n")
        sys.stderr.flush()
main.cli = click.command()(busy)
main.main()
"""


def ended(
    tmp_path: Path,
    code: str,
    sent: signal.Signals,
    before: Callable[[], object] | None = None,
    ready: Callable[[int], bool] = lambda _: True,
    **more: str,
) -> tuple[int, str]:
    """How a process ends that is sent a signal when it says that it is busy, and is ready; and what it says."""
    said = tmp_path / "said"
    environment = {**os.environ, "LC_ALL": "C.UTF-8", **more}
    with said.open("wb") as file:
        words = [sys.executable, "-c", code]
        process = subprocess.Popen(words, env=environment, stdout=file, stderr=file, preexec_fn=before)  # noqa: PLW1509
        try:
            until(lambda: "busy" in said.read_text())
            until(lambda: ready(process.pid))
            process.send_signal(sent)
            return process.wait(30), said.read_text()
        finally:
            with suppress(ProcessLookupError):
                process.kill()
                process.wait()


def test_ctrl_c_while_commands_are_imported_is_the_end_without_a_word(tmp_path: Path) -> None:
    assert ended(tmp_path, IMPORTING, signal.SIGINT) == (-signal.SIGINT, "busy\n")


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_command_dies_of_the_signal_and_waits_for_no_thread(tmp_path: Path, sent: signal.Signals) -> None:
    code, told = ended(tmp_path, WAITING.format(then="time.sleep(60)"), sent)
    assert (code, told.split("\n\n")) == (-sent, ["busy", f"{SAID}\n"])


def test_it_is_told_in_chinese(tmp_path: Path) -> None:
    _, told = ended(tmp_path, WAITING.format(then="time.sleep(60)"), signal.SIGINT, LC_ALL="zh_CN.UTF-8")
    assert "已停止" in told


def test_in_the_background_of_a_script_sigterm_ends_it_although_ctrl_c_is_ignored(tmp_path: Path) -> None:
    ignored = partial(signal.signal, signal.SIGINT, signal.SIG_IGN)
    code, told = ended(tmp_path, WAITING.format(then="time.sleep(60)"), signal.SIGTERM, ignored)
    assert (code, SAID in told) == (-signal.SIGTERM, True)


def test_nohup_keeps_it_alive(tmp_path: Path) -> None:
    ignored = partial(signal.signal, signal.SIGHUP, signal.SIG_IGN)
    code = WAITING.format(then="time.sleep(60)").replace(
        'print("busy"', 'import signal; print("busy", signal.getsignal(signal.SIGHUP) is signal.SIG_IGN'
    )
    _, told = ended(tmp_path, code, signal.SIGTERM, ignored)
    assert told.startswith("busy True\n")


def test_ctrl_c_while_threads_are_waited_for_at_the_end_is_no_traceback(tmp_path: Path) -> None:
    seen = ended(
        tmp_path,
        WAITING.format(then="pass"),
        signal.SIGINT,
        ready=lambda process: not catches(process, signal.SIGINT),
    )
    assert seen == (-signal.SIGINT, "busy\n")


def catches(process: int, number: signal.Signals) -> bool:
    """Whether a process has a handler for a signal, as Linux tells (proc(5), SigCgt)."""
    said = Path(f"/proc/{process}/status").read_text()
    (mask,) = (line.split()[1] for line in said.splitlines() if line.startswith("SigCgt:"))
    return bool(int(mask, 16) & 1 << (number - 1))


def test_a_terminal_that_is_gone_keeps_no_command(tmp_path: Path) -> None:
    assert ended(tmp_path, GONE, signal.SIGHUP) == (-signal.SIGHUP, "busy\n")


def test_a_shell_sees_128_and_the_number(tmp_path: Path) -> None:
    kill = "main.cli = lambda **_: os.kill(os.getpid(), signal.SIGINT)"
    (tmp_path / "code.py").write_text(f"import os, signal\nfrom services.cli import main\n{kill}\nmain.main()\n")
    words = ["/bin/sh", "-c", f"'{sys.executable}' '{tmp_path / 'code.py'}'; echo $?"]
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd())}
    done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "130\n"
