import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("ray", reason="Ray is not installed: workers inside actors are not tested here")


@pytest.mark.slow
def test_workers_do_their_work_inside_ray_actors_and_end_with_them():
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    script = Path(__file__).with_name("in_ray.py")
    done = subprocess.run([sys.executable, str(script)], env=environment, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == {
        "hang": [["ok", "timeout", "ok"]] * 2,
        "step": ["correct"] * 2,
        "task": [["timeout", "ok"]] * 2,
        "left behind": [],
    }
