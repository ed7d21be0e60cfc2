import subprocess
import sys
from itertools import combinations

import numpy as np
import pytest

from prm_gym.errors import MissingExtraError
from prm_gym.report.curves import draw_curves
from prm_gym.report.palette import DARK, DARK_PAPER, LIGHT, LIGHT_PAPER, colour_index, line_style, marker


def pixels(path):
    """[height, width, 3] uint8."""
    from PIL import Image

    return np.asarray(Image.open(path).convert("RGB"))


def rgb(colour):
    return np.array([int(colour[index : index + 2], 16) for index in (1, 3, 5)])


def test_a_png_with_every_series_in_its_colour(synthetic, tmp_path):
    path = tmp_path / "curves.png"
    draw_curves(synthetic(), path)
    assert path.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    image = pixels(path)
    assert image.shape[0] > 600
    assert image.shape[1] > 1200
    for index in range(3):
        assert np.count_nonzero(np.all(image == rgb(LIGHT[index]), axis=-1)) > 500
    assert not np.any(np.all(image == rgb(LIGHT[3]), axis=-1))


def test_same_results_same_bytes(synthetic, tmp_path):
    for name in ("a.png", "b.png"):
        draw_curves(synthetic(), tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


@pytest.mark.parametrize(
    "odd",
    [
        {"seeds": (1,)}, {"credits": ("gigpo",), "rewards": ("dense",)}, {"points": 0}, {"points": 1}, {"runs": ()}, {"references": ()},
        {"rewards": ("a", "b", "c", "d")}, {"credits": tuple("abcdefgh")}, {"budget_env_steps": 0, "points": 0}, {"jitter": 90},
    ],
)  # fmt: skip
def test_odd_comparisons_are_drawn(synthetic, tmp_path, odd):
    draw_curves(synthetic(**odd), tmp_path / "curves.png")
    assert pixels(tmp_path / "curves.png").std() > 5.0


def test_names_are_no_mathtext_and_need_no_care(synthetic, hostile, tmp_path):
    # Unbalanced mathtext raises where it is parsed; a label with a leading underscore vanishes from a legend.
    draw_curves(synthetic(credits=(hostile, "_hidden"), rewards=("$x",), title=hostile), tmp_path / "curves.png")


def test_other_formats_by_their_suffix(synthetic, tmp_path):
    draw_curves(synthetic(seeds=(0, 1)), tmp_path / "curves.svg")
    assert "<svg" in (tmp_path / "curves.svg").read_text()
    draw_curves(synthetic(seeds=(0, 1)), tmp_path / "curves.pdf")
    assert (tmp_path / "curves.pdf").read_bytes().startswith(b"%PDF")


def test_no_pyplot_and_no_global_setting():
    # In a process of its own: others of this one may have imported pyplot.
    program = """
import sys, io, pathlib, tempfile
from prm_gym.report.comparison import Comparison
from prm_gym.report.curves import draw_curves
assert "matplotlib" not in sys.modules, "matplotlib is imported before it is needed"
import matplotlib
def settings():
    return {key: matplotlib.rcParams[key] for key in matplotlib.rcParams if key != "backend"}  # looking that one up would load pyplot
before = settings()
record = Comparison(title="t", env_id="e", env_options={}, agent="a", credits=("a",), rewards=("x",), command="c", library_version="0", versions={},
                    machine="m", created="now", budget_env_steps=10, attempts=1, eval_tasks=1, runs=())
with tempfile.TemporaryDirectory() as folder:
    draw_curves(record, pathlib.Path(folder) / "curves.png")
assert settings() == before
assert "matplotlib.pyplot" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], check=True)


def test_missing_matplotlib_names_the_extra(synthetic, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.backends.backend_agg", None)
    with pytest.raises(MissingExtraError, match=r"prm-gym\[report\]"):
        draw_curves(synthetic(), tmp_path / "curves.png")


# The palette. Simulations of colour-vision deficiency: Machado, Oliveira and Fernandes (2009), severity 1, on linear RGB.

SIGHT = {
    "normal": np.eye(3),
    "protanopia": np.array([[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]),
    "deuteranopia": np.array([[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]),
    "tritanopia": np.array([[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]),
}


def linear(colour):
    values = rgb(colour) / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def oklab(values):
    """Björn Ottosson, A perceptual color space for image processing (2020)."""
    cones = np.array([[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566], [0.0883024619, 0.2817188376, 0.6299787005]])
    opponent = np.array([[0.2104542553, 0.7936177850, -0.0040720468], [1.9779984951, -2.4285922050, 0.4505937099], [0.0259040371, 0.7827717662, -0.8086757660]])
    return opponent @ np.cbrt(cones @ np.clip(values, 0.0, 1.0))


def contrast(a, b):
    """WCAG 2.2, relative luminance and contrast ratio."""
    low, high = sorted(linear(colour) @ [0.2126, 0.7152, 0.0722] for colour in (a, b))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("sight", SIGHT)
@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_every_pair_of_colours_can_be_told_apart(colours, sight):
    for a, b in combinations(colours, 2):
        assert 100 * np.linalg.norm(oklab(SIGHT[sight] @ linear(a)) - oklab(SIGHT[sight] @ linear(b))) > 12, (a, b)


@pytest.mark.parametrize(("colours", "paper"), [(LIGHT, LIGHT_PAPER), (DARK, DARK_PAPER)], ids=["light", "dark"])
def test_every_colour_stands_out_from_the_paper(colours, paper):
    assert min(contrast(colour, paper) for colour in colours) >= 3.0


def test_series_differ_in_colour_or_marker():
    assert len({(colour_index(series), marker(series)) for series in range(42)}) == 42


def test_lines_of_one_colour_differ_between_their_markers():
    # Six colours and four kinds of line: 24 pairs.
    assert len({(colour_index(series), line_style(series)) for series in range(24)}) == 24
