"""What a job may see of the host: modules imported beforehand, and files that may be read."""

import os
import sysconfig
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, TypeAlias

import msgspec

from prm_gym.sandbox.result import Tier

Profile: TypeAlias = Literal["bare", "sci", "sql", "duckdb"]

PACKAGES = ("numpy", "sympy", "mpmath")


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_COMMON = _names("""
abc ast bisect cmath collections contextlib copy dataclasses datetime decimal enum fractions functools
heapq io itertools json keyword math numbers operator random re statistics string struct textwrap threading time traceback types typing
""")
# At tier C no file can be opened, so that nothing can be imported later.
_REST = _names("""
argparse array base64 calendar csv hashlib asyncio.events binascii bz2 codecs collections.abc colorsys concurrent.futures configparser contextvars
copyreg difflib dis email.message encodings.ascii encodings.latin_1 encodings.utf_16 fnmatch getpass glob graphlib gzip hmac html html.parser
importlib.resources inspect ipaddress linecache locale logging lzma marshal opcode optparse pathlib pickle platform posixpath pprint queue reprlib
secrets selectors shlex shutil signal stat stringprep symtable tempfile timeit token tokenize tomllib trace unicodedata unittest unittest.mock
urllib.parse uuid warnings weakref xml.etree.ElementTree zipfile zlib zoneinfo
""")
_SCIENCE = _names("numpy numpy.linalg numpy.random sympy mpmath")
_DATABASE = _names("json sqlite3")
_DUCKDB = _names("json decimal duckdb")


class Readable(msgspec.Struct, frozen=True):
    """Files and folders of the host that a job may read.

    Attributes:
        trees: Python's standard library, the system's shared libraries, the time zones; whole.
        covers: folders in them that hold packages, which are to look empty.
        rules: the same without those folders.
        listings: folders whose names may be listed.
        packages: folders of packages that may be read.
        folders: where those packages lie, for the import path.
    """

    trees: tuple[str, ...]
    covers: tuple[str, ...]
    rules: tuple[str, ...]
    listings: tuple[str, ...]
    packages: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()


def described(tier: Tier, profile: Profile, scratch_mb: int) -> dict[str, Any]:
    """What a zygote is told when it starts, as JSON values."""
    preload = {"sql": _DATABASE, "duckdb": _DUCKDB}.get(profile, _COMMON)
    preload += (_REST if tier == "C" else ()) + (_SCIENCE if profile == "sci" else ())
    readable = msgspec.to_builtins(_readable(profile == "sci"))
    if profile == "duckdb":  # imported before the walls stand, and not readable behind them
        readable["folders"] = _folders(("duckdb",))
    return {"tier": tier, "preload": preload, "sql": profile == "sql", "duckdb": profile == "duckdb", "scratch_mb": scratch_mb, **readable}


@lru_cache(maxsize=2)
def _readable(science: bool) -> Readable:
    standard = tuple(dict.fromkeys(os.path.realpath(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib")))
    covers, rules = list[str](), list(_libraries())
    for folder in standard:
        for entry in sorted(os.listdir(folder)):
            (covers if entry in ("site-packages", "dist-packages") else rules).append(os.path.join(folder, entry))
    folders = _folders(PACKAGES) if science else ()
    places = (f"{folder}/{name}{ending}" for folder in folders for name in PACKAGES for ending in ("", ".libs"))
    packages = tuple(path for path in places if os.path.exists(path))
    return Readable((*_libraries(), *standard), tuple(covers), (*rules, *packages), standard, packages, folders)


@lru_cache(maxsize=1)
def _libraries() -> tuple[str, ...]:
    found = [path for path in ("/usr/share/zoneinfo", "/etc/ld.so.cache") if os.path.exists(path)]
    machines = [f"{root}/{machine}-linux-gnu" for root in ("/lib", "/usr/lib") for machine in ("x86_64", "aarch64")]
    for folder in dict.fromkeys([sysconfig.get_config_var("LIBDIR") or "", *machines, "/lib64", "/usr/lib64"]):
        if folder in machines and os.path.isdir(folder):
            found.append(folder)
        elif os.path.isdir(folder):  # other things live there too, packages of Python among them
            found += sorted(entry.path for entry in os.scandir(folder) if ".so" in entry.name and entry.is_file())
    return tuple(found)


@lru_cache(maxsize=2)
def _folders(packages: tuple[str, ...]) -> tuple[str, ...]:
    """Where packages lie, without importing them."""
    specs = [find_spec(name) for name in packages]
    return tuple(dict.fromkeys(str(Path(spec.origin).parents[1]) for spec in specs if spec is not None and spec.origin is not None))
