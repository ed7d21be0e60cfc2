"""Every program of the attack suite, at every tier that this machine offers, as the user who runs the tests; as root, as an ordinary user too."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from prm_gym.errors import SandboxError
from prm_gym.sandbox import Sandbox

sys.path.insert(0, str(Path(__file__).parent))
from attack_suite import Range, attacks

sys.path.pop(0)
ORDINARY_USER = 65534
NOT_POSSIBLE = 77  # the code with which `as_user.py` says that it cannot change the user here


class Grounds:
    """The sandbox under fire: one tier after the other."""

    def __init__(self, folders):
        self.folders, self.tier, self.ground, self.missing = folders, None, None, ""

    def at(self, tier):
        if tier != self.tier:
            self.close()
            self.tier, self.missing = tier, ""
            try:
                with Sandbox(workers=1, tier=tier, allow_unsafe=tier == "D") as sandbox:
                    sandbox.run("")
            except SandboxError as error:
                self.missing = f"this machine does not offer tier {tier}: {error}"
            else:
                self.ground = Range(tier, self.folders.mktemp("host"))
        if self.missing:
            pytest.skip(self.missing)
        return self.ground

    def close(self):
        if self.ground is not None:
            self.ground.close()
        self.ground = None


@pytest.fixture(scope="module")
def grounds(tmp_path_factory):
    made = Grounds(tmp_path_factory)
    yield made
    made.close()


TRIED = [pytest.param(tier, attack, id=f"{tier}-{attack.category}-{attack.name}") for tier in "ABCD" for attack in attacks() if attack.tried_at(tier)]


@pytest.mark.parametrize(("tier", "attack"), TRIED)
def test_the_attack_is_withstood(grounds, tier, attack):
    assert grounds.at(tier).fire(attack) == []


def test_the_suite_is_a_suite():
    suite = attacks()
    assert len(suite) >= 150
    assert len({attack.name for attack in suite}) == len(suite)
    assert not [attack.name for attack in suite if attack.dangerous and "D" in attack.tiers]


@pytest.mark.slow
@pytest.mark.timeout(280)
@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="the suite has just been run as an ordinary user")
def test_the_attacks_are_withstood_as_an_ordinary_user():
    root = Path(__file__).parents[2]
    command = [sys.executable, str(Path(__file__).parent / "as_user.py"), str(ORDINARY_USER), str(root)]
    arguments = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-n",
        "0",
        "--deselect",
        f"{__file__}::test_the_attacks_are_withstood_as_an_ordinary_user",
    ]
    done = subprocess.run([*command, *arguments, __file__], capture_output=True, text=True, timeout=270, check=False, cwd=root)
    if done.returncode == NOT_POSSIBLE and not os.environ.get("CI"):
        pytest.skip(f"THE ATTACKS WERE NOT TRIED AS AN ORDINARY USER: {done.stderr.strip()}")
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    assert " passed" in done.stdout
