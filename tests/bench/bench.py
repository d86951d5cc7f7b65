# SPDX-License-Identifier: MIT
"""bench.py - timing whole commands side by side, for the programs in this folder.

A figure is what the kernel accounts to the finished process and its children: CPU seconds (user
and system), wall seconds, and the peak memory of the largest process. Rows are compared by ratio,
in one run on one machine; absolute figures drift.
"""
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass


@dataclass
class Figures:
    wall: float
    cpu: float
    peak_mib: float
    size: int = 0  # bytes of what the command made


class Failed(Exception):
    """A measured command that did not end with one of the statuses it may end with."""


def measure(argv, cwd=None, env=None, stdout=subprocess.DEVNULL, good=(0,)):
    """Runs argv to its end. Raises Failed, so that no figure of a broken run is ever printed."""
    started = time.monotonic()
    process = subprocess.Popen(argv, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=stdout,
                               stderr=subprocess.PIPE)
    message = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stderr.close()
    if process.returncode not in good:
        raise Failed(f"{argv[0]}: exit status {process.returncode}: "
                     f"{message.decode(errors='replace').strip()[-400:]}")
    return Figures(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def median(figures):
    """The run with the median wall time."""
    return sorted(figures, key=lambda f: f.wall)[len(figures) // 2]


def have(program, package):
    """Says which rival is missing, so that a table with a row less is never taken for a whole one."""
    if shutil.which(program):
        return True
    print(f"not measured: {program} is not installed (Debian package {package})", file=sys.stderr)
    return False


def drop_caches():
    """Cold caches, where this process may ask for them."""
    subprocess.run(["sync"], check=True)
    with open("/proc/sys/vm/drop_caches", "w", encoding="ascii") as control:
        control.write("3\n")


def read_tree(path):
    """Warms the page cache, so that every rival reads from memory."""
    for folder, _, names in os.walk(path):
        for name in names:
            full = os.path.join(folder, name)
            if not os.path.islink(full):
                with open(full, "rb") as file:
                    while file.read(1 << 20):
                        pass


def size_of(path):
    """Bytes of a file, or of all files below a folder."""
    if os.path.isfile(path):
        return os.path.getsize(path)
    return sum(os.path.getsize(os.path.join(folder, name))
               for folder, _, names in os.walk(path) for name in names)


class Table:
    """Rows of figures, printed as they come."""

    def __init__(self, title):
        self.rows = {}
        print(f"\n{title}\n{'':34}{'wall s':>9}{'CPU s':>9}{'MB':>10}{'peak MiB':>10}", flush=True)

    def add(self, name, figures):
        self.rows[name] = figures
        size = f"{figures.size / 1e6:10.1f}" if figures.size else " " * 10
        print(f"{name:34}{figures.wall:9.2f}{figures.cpu:9.2f}{size}{figures.peak_mib:10.0f}",
              flush=True)

    def ratio(self, what, ours, theirs, field, limit):
        """Prints one target: ours / theirs against the most it may be."""
        if ours not in self.rows or theirs not in self.rows:
            return
        value = getattr(self.rows[ours], field) / getattr(self.rows[theirs], field)
        verdict = "reached" if value <= limit else "MISSED"
        print(f"  {what:58}{value:8.4f}  (at most {limit:.4f})  {verdict}", flush=True)

    def bound(self, what, ours, field, limit):
        """Prints one target that is a figure of ours alone."""
        if ours in self.rows:
            value = getattr(self.rows[ours], field)
            verdict = "reached" if value <= limit else "MISSED"
            print(f"  {what:58}{value:8.1f}  (at most {limit:.1f})  {verdict}", flush=True)
