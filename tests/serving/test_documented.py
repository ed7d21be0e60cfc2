"""What docs/serving.md says can be done as it stands there."""

import json
import re
from pathlib import Path

import pytest

pytest.importorskip("uvicorn")
pytest.importorskip("starlette")

from serving_tools import ask

from prm_gym.serving.offer import Offer
from prm_gym.serving.problems import CODES
from prm_gym.serving.server import Server

PAGE = Path(__file__).parents[2] / "docs" / "serving.md"
pytestmark = pytest.mark.skipif(not PAGE.is_file(), reason="the tests run without the checkout around them")


@pytest.fixture(scope="module")
def documented():
    """The server that the page starts."""
    envs, option, verifier = re.search(r"prm-gym serve --env (.*) --client-option (\S+) --verifier (\S+)\n", PAGE.read_text()).groups()
    with Server(Offer.of(envs.split(), client_options=[option], verifiers=[verifier]), port=0) as running:
        yield running


def test_the_trainers_lines(documented):
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    names = {}
    exec(code.replace("http://127.0.0.1:8000", documented.url), names)
    assert names["env"].reset(seed=3)[1]["verdicts"] == {}
    assert len(names["envs"].reset(seed=3)[0]) == 64
    names["env"].close()
    names["envs"].close()


def test_the_requests_of_any_other_language(documented):
    session, said = "", {}
    for line in re.findall(r"^.*curl -s (.*)$", PAGE.read_text(), re.MULTILINE):
        path = re.search(r"\$url(\S+)", line)[1].replace("$session", session)
        body = re.search(r"-d '(.*?)'", line)
        status, _, said[path] = ask(documented.url, "DELETE" if "-X DELETE" in line else "POST", path, json.loads(body[1]) if body else None)
        assert status == 200, said
        session = said.get("/v1/sessions", {}).get("session", "")
    assert said[f"/v1/sessions/{session}/step"]["terminated"] is True
    assert said["/v1/verify"]["verdicts"][0]["label"] == "correct"  # from {A} -> {B} and {A} follows {B}


def test_every_refusal_is_in_the_table():
    table = {code: int(status) for row in re.findall(r"^\| (`.*?) \| ([\d, ]+) \|", PAGE.read_text(), re.MULTILINE) for code, status in paired(*row)}
    assert table == {code: int(status) for code, status in CODES.items()}


def paired(codes, statuses):
    """Codes with their statuses; where there is one status, it is that of all."""
    names, numbers = re.findall(r"`(\w+)`", codes), re.findall(r"\d+", statuses)
    return zip(names, numbers * len(names) if len(numbers) == 1 else numbers, strict=True)
