"""What an evaluation came to: tables, curves, and what is needed to make them again."""

from typing import Literal, TypeAlias

import msgspec

from prm_gym.prm.evaluation.calibration import Reliability
from prm_gym.prm.evaluation.data import Source
from prm_gym.prm.evaluation.ranking import Curve
from prm_gym.report.statistics import Interval

Cell: TypeAlias = Interval | float | int | str | None
"""A share with its interval, a share, a count, a text; None where there is no figure."""

Kind: TypeAlias = Literal["verifier", "baseline"]


class Row(msgspec.Struct, frozen=True):
    """A row of a table.

    Attributes:
        cells: its name first.
        kind: of the verifier, or of what it stands beside.
    """

    cells: tuple[Cell, ...]
    kind: Kind = "verifier"


class Table(msgspec.Struct, frozen=True):
    """A table.

    Attributes:
        name: of the metric it belongs to.
        title: what it shows.
        columns: headings.
        rows: as many cells each as there are columns.
        note: what the figures mean; a sentence or two.
    """

    name: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    note: str = ""


class Figures(msgspec.Struct, frozen=True):
    """What is drawn; None or empty where there is nothing to draw.

    Attributes:
        width: reliability over bins of equal width.
        mass: over bins of equal mass.
        roc: hits against false alarms in finding wrong steps.
        precision_recall: precision against recall, likewise.
        risk: risk against coverage.
        wrong_share: share of wrong steps: what chance reaches in precision.
        lengths: mean score of solutions by their number of steps: (steps, mean score, solutions).
    """

    width: Reliability | None = None
    mass: Reliability | None = None
    roc: Curve | None = None
    precision_recall: Curve | None = None
    risk: Curve | None = None
    wrong_share: float = 0.0
    lengths: tuple[tuple[int, float, int], ...] = ()


class Evaluation(msgspec.Struct, frozen=True, kw_only=True):
    """An evaluation.

    Attributes:
        verifier: id.
        version: of the verifier.
        specification: what it was made of.
        threshold: a step that scores below it counts as wrong.
        threshold_from: where it comes from: given, the verifier's own, tuned on other data.
        undecided: what steps without a score come to.
        aggregation: by which the scores of steps become that of a solution, where one is meant.
        aggregation_from: where it comes from.
        sources: of the data.
        solutions: how many chains.
        steps: of all of them.
        pairs: how many.
        judged: steps that were asked about in this run.
        kept: steps whose scores were there already.
        failures: reasons of errors and timeouts, with how often each came.
        silences: reasons why there was no score, with how often each came; the most frequent ones.
        tables: what was measured.
        figures: what is drawn.
        notes: what a reader has to know.
        command: that made it.
        versions: of packages.
        created: UTC time.
        library_version: of prm_gym.
    """

    verifier: str
    version: str
    specification: str
    threshold: float
    threshold_from: str
    undecided: str
    aggregation: str
    aggregation_from: str
    sources: tuple[Source, ...]
    solutions: int
    steps: int
    pairs: int
    judged: int
    kept: int
    failures: dict[str, int]
    silences: dict[str, int]
    tables: tuple[Table, ...]
    figures: Figures
    notes: tuple[str, ...] = ()
    command: str = ""
    versions: dict[str, str] = {}
    created: str = ""
    library_version: str = ""
