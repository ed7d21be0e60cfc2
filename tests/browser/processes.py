"""Our descendants among the processes, from /proc."""

import os
from pathlib import Path


def descendants(pid=None):
    """(pid, command line) of all processes below one, those that have ended but were not waited for left out."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text()
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
            state, parent = stat.rpartition(")")[2].split()[:2]
            if state != "Z":
                parents[int(entry.name)] = (int(parent), line)
    found, below = [], {pid or os.getpid()}
    while below:
        below = {child for child, (parent, _) in parents.items() if parent in below}
        found += [(child, parents[child][1]) for child in below]
    return found


def browsers(pid=None):
    return [(child, line) for child, line in descendants(pid) if "chrom" in line and "--type=" not in line and "/node" not in line]


def renderers(pid=None):
    return [(child, line) for child, line in descendants(pid) if "--type=renderer" in line]


def drivers(pid=None):
    return [(child, line) for child, line in descendants(pid) if "/driver/node" in line]
