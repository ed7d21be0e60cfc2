import io

import pytest
from rich.console import Console

from prm_gym.report.terminal import comparison_table, plain_text, print_comparison


def test_the_table_fits_100_columns_and_cuts_no_figure(synthetic):
    text = plain_text(synthetic())
    lines = text.splitlines()
    assert max(map(len, lines)) <= 100
    assert "…" not in text
    (row,) = [line for line in lines if line.split()[:2] == ["gigpo", "dense"]]
    assert row.split()[2] == "5"
    assert row.endswith("1 min 10 s")
    assert "20,000" in row


PIPELINES = ("grpo", "zero_variance|reinforce_pp_baseline", "posterior_gate|gigpo?gamma=0.9&step_weight=0.5|aem?strength=0.5", "prof|grpo|clip?limit=2")


@pytest.mark.parametrize("width", [80, 100, 120, 200])
def test_the_names_of_pipelines_are_broken_at_bars_and_options(synthetic, width):
    rewards = ("outcome", "dense?verifier=z3&penalty=0.5")
    lines = plain_text(synthetic(credits=PIPELINES, rewards=rewards), width).splitlines()
    assert max(map(len, lines)) <= width
    assert "\N{HORIZONTAL ELLIPSIS}" not in "".join(lines)
    first = next(number for number, line in enumerate(lines) if set(line.strip()) == {"-"}) + 1
    begin = lines[first].index("outcome")  # where the second column stands
    names = "".join(line[:begin].strip() for line in lines[first : first + 40] if line.strip() and set(line.strip()) != {"-"})
    assert names.startswith("".join(PIPELINES))  # nothing is lost, in whatever lines it stands
    beginnings = [line.split()[0] for line in lines if line.strip()]
    whole = {80: "|reinforce_", 100: "|reinforce_pp_baseline", 120: "|reinforce_pp_baseline", 200: PIPELINES[1]}
    assert whole[width] in beginnings
    assert all(figure in "".join(lines) for figure in ("1 min 10 s", "20,000"))


def test_short_names_stay_whole_in_80_columns(synthetic):
    lines = plain_text(synthetic(), width=80).splitlines()
    assert max(map(len, lines)) <= 80
    (row,) = [line for line in lines if line.split()[:2] == ["gigpo", "dense"]]
    assert row.endswith("1 min 10 s")


def test_floor_and_ceiling_stand_below_a_rule(synthetic):
    lines = plain_text(synthetic()).splitlines()
    rules = [number for number, line in enumerate(lines) if line.strip() and set(line.strip()) == {"-"}]
    assert len(rules) == 2
    assert lines[rules[1] + 1].split()[:4] == ["random", "(floor)", "-", "0.060"]
    assert lines[rules[1] + 2].split()[:2] == ["scripted", "(ceiling)"]


def test_plain_text_is_ascii_without_control_codes(synthetic):
    text = plain_text(synthetic())
    assert text.isascii()
    assert "\x1b" not in text


def test_console_markup_in_names_is_not_obeyed(synthetic, hostile):
    text = plain_text(synthetic(credits=("[red]a[/red]", "[bold"), title=hostile))
    assert len([line for line in text.splitlines() if line.startswith(" [red]a[/red] outcome")]) == 1
    assert " [bold" in text
    assert "[red]$\\frac{1$" in text


@pytest.mark.parametrize("odd", [{"seeds": (1,)}, {"points": 0}, {"runs": ()}, {"references": ()}, {"credits": ("gigpo",), "rewards": ("dense",)}])
def test_odd_comparisons_have_a_table(synthetic, odd):
    text = plain_text(synthetic(**odd))
    assert "final success" in text
    assert "nan" not in text
    assert "None" not in text


def test_one_seed_says_so_in_place_of_an_interval(synthetic):
    assert "(one seed)" in plain_text(synthetic(seeds=(1,)))


def test_a_pipe_gets_plain_text_and_a_terminal_gets_colours(synthetic):
    pipe, terminal = io.StringIO(), io.StringIO()
    print_comparison(synthetic(), Console(file=pipe, force_terminal=False, width=60))
    assert pipe.getvalue() == plain_text(synthetic())
    print_comparison(synthetic(), Console(file=terminal, force_terminal=True, width=120, color_system="standard"))
    assert "\x1b[" in terminal.getvalue()
    assert "0.060 [0.030, 0.090]" in terminal.getvalue()


def test_the_table_is_richs(synthetic):
    table = comparison_table(synthetic())
    assert table.row_count == 8
    assert [column.header for column in table.columns][:3] == ["credit", "reward", "seeds"]
