"""Finding a browser, and the command line that closes its network and keeps it deterministic."""

import functools
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec

from prm_gym.browser.faults import NoBrowserError
from prm_gym.browser.options import BrowserOptions
from prm_gym.errors import OptionError

VARIABLE = "PRM_GYM_CHROMIUM"
SHELL, FULL = "/usr/lib/chromium/chromium-headless-shell", "/usr/lib/chromium/chromium"  # not /usr/bin: that is a script, which outlives signals
HOW_TO_GET = "apt-get install chromium-headless-shell (Debian), or: playwright install chromium-headless-shell; or name one in " + VARIABLE
FLAGS = (
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-component-extensions-with-background-pages",
    "--disable-default-apps",
    "--disable-domain-reliability",
    "--disable-extensions",
    "--disable-sync",
    "--disable-breakpad",
    "--disable-client-side-phishing-detection",
    "--disable-back-forward-cache",
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
    "--disable-hang-monitor",
    "--disable-ipc-flooding-protection",
    "--disable-popup-blocking",
    "--disable-prompt-on-repost",
    "--disable-search-engine-choice-screen",
    "--disable-site-isolation-trials",  # a page is one process, frames and all
    "--disable-features=IsolateOrigins,site-per-process,Translate,OptimizationHints,MediaRouter,AcceptCHFrame,HttpsUpgrades,DialMediaRouteProvider,"
    "DeferRendererTasksAfterInput,PaintHolding,ThirdPartyStoragePartitioning,Prerender2,SpeculationRulesPrefetchFuture,AutofillServerCommunication,CertificateTransparencyComponentUpdater",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--mute-audio",
    "--metrics-recording-only",
    "--no-service-autorun",
    "--password-store=basic",
    "--use-mock-keychain",
    "--no-pings",
    "--hide-scrollbars",
    "--lang=en-US",
    "--force-color-profile=srgb",
    "--force-device-scale-factor=1",
    "--force-prefers-reduced-motion",
    "--font-render-hinting=none",
    "--blink-settings=primaryHoverType=2,availableHoverTypes=2,primaryPointerType=4,availablePointerTypes=4",  # a mouse is there
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--no-proxy-server",
)
_VERSION_SECONDS = 20


class Found(msgspec.Struct, frozen=True):
    """A browser, or why there is none.

    Attributes:
        path: of the executable; empty where there is none.
        version: as it tells.
        reason: why there is none, and how to get it.
    """

    path: str
    version: str = ""
    reason: str = ""


def find_browser(executable: str = "", *, headed: bool = False) -> Found:
    """The browser that would be launched: the one that is named, that of the environment variable, Debian's, or Playwright's own download.

    Args:
        executable: its path, where it is named.
        headed: one that has windows is needed; the headless shell has none.
    """
    named = executable or os.environ.get(VARIABLE, "")
    if named:
        if not (os.path.isfile(named) and os.access(named, os.X_OK)):
            return Found("", reason=f"{named} is no program that can be run ({'the option executable' if executable else VARIABLE}); {HOW_TO_GET}")
        return _told(named)
    candidates = [FULL] if headed else [SHELL, FULL]
    for path in [*candidates, *_downloads(headed)]:
        if os.access(path, os.X_OK):
            return _told(path)
    if headed:
        return Found("", reason="no Chromium with windows is here: apt-get install chromium, or: playwright install chromium")
    return Found("", reason=f"no Chromium is here: {HOW_TO_GET}")


def required_browser(options: BrowserOptions) -> str:
    """Path of the browser for these options.

    Raises:
        NoBrowserError: there is none, or it does not start.
    """
    found = find_browser(options.executable, headed=options.headed)
    if not found.path:
        raise NoBrowserError(f"This needs a browser: {found.reason}")
    return found.path


def command_flags(options: BrowserOptions) -> list[str]:
    """What the browser is launched with.

    Raises:
        OptionError: a host is none, or leads nowhere.
    """
    kept = [flag for flag in FLAGS if not (options.headed and flag == "--hide-scrollbars")]  # people scroll
    flags = [*kept, f"--window-size={options.width},{options.height}", f"--js-flags=--max-old-space-size={options.heap_mb}"]
    flags.append(f"--host-resolver-rules={_resolver_rules(options.hosts)}")
    if is_root():
        flags.append("--no-sandbox")
    if not options.frames:
        flags.append("--disable-threaded-compositing")
    return flags


def is_root() -> bool:
    """Whether we are root, under whom Chromium's own sandbox does not start."""
    return hasattr(os, "geteuid") and os.geteuid() == 0


def browser_environment() -> dict[str, str]:
    """The variables of the browser: ours without proxies, in UTC."""
    return {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")} | {"TZ": "UTC", "LANG": "en_US.UTF-8"}


def _resolver_rules(hosts: dict[str, str]) -> str:
    rules: list[str] = []
    for host, address in sorted(hosts.items()):
        if not re.fullmatch(r"(\*\.)?[a-z0-9]([a-z0-9.-]*[a-z0-9])?", host):
            raise OptionError(f"hosts are names in lower case, such as shop.test; not {host!r}")
        if address and not re.fullmatch(r"[a-z0-9.-]+(:\d{1,5})?|\[[0-9a-f:]+\](:\d{1,5})?", address):
            raise OptionError(f"a host leads to an address such as 127.0.0.1:8000, or to '' where it is looked up; not to {address!r}")
        rules.append(f"MAP {host} {address}" if address else f"EXCLUDE {host}")
    return ", ".join([*rules, "MAP * ~NOTFOUND"])


def _downloads(headed: bool) -> list[str]:
    """Where Playwright keeps the browsers that it downloads, the newest first."""
    named = os.environ.get("PLAYWRIGHT_BROWSERS_PATH")
    home = Path.home()
    default = {"darwin": home / "Library/Caches/ms-playwright", "win32": home / "AppData/Local/ms-playwright"}.get(sys.platform, home / ".cache/ms-playwright")
    folder = Path(named) if named else default
    shells = [] if headed else ["chromium_headless_shell-*/chrome-*/*headless*shell*"]
    full = ["chromium-*/chrome-linux*/chrome", "chromium-*/chrome-mac*/*.app/Contents/MacOS/*", "chromium-*/chrome-win*/chrome.exe"]
    found = [sorted(folder.glob(pattern), key=lambda path: _number(str(path)), reverse=True) for pattern in (*shells, *full)]
    return [str(path) for paths in found for path in paths if path.is_file() and not path.suffix]


def _number(path: str) -> int:
    found = re.search(r"-(\d+)", path)
    return int(found[1]) if found else 0


@functools.lru_cache(maxsize=16)
def _told(path: str) -> Found:
    """A browser with the version that it tells; one that does not start is none."""
    flags = ["--no-sandbox"] if is_root() else []
    resolved = shutil.which(path) or path
    try:
        run = subprocess.run([resolved, *flags, "--version"], capture_output=True, text=True, timeout=_VERSION_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return Found("", reason=f"{path} does not start ({error}); {HOW_TO_GET}")
    version = re.search(r"\d+(\.\d+){1,3}", run.stdout)
    if run.returncode or not version:
        return Found("", reason=f"{path} does not start ({(run.stderr or run.stdout).strip()[-200:]}); {HOW_TO_GET}")
    return Found(path, version[0])
