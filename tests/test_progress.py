from prm_gym.progress import bars, progress


def test_off_a_terminal_it_is_a_line_at_the_end(capsys):
    with progress("solutions") as report:
        report("judging", 1, 3)
        report("judging", 3, 3, ", loss 0.500")
        report("probing", 2, 2)
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "judging: 3/3 solutions, loss 0.500 (0 s)\nprobing: 2/2 solutions (0 s)\n"


def test_off_a_terminal_long_work_says_a_line_now_and_then(capsys, monkeypatch):
    monkeypatch.setattr("prm_gym.progress.SECONDS", -1.0)  # any time at all is long
    with progress("updates") as report:
        report("training", 1, 3)
        report("training", 2, 3)
    assert capsys.readouterr().err == "training: 1/3 updates (0 s)\ntraining: 2/3 updates (0 s)\n"


def test_quiet_is_quiet(capsys):
    with progress("solutions", quiet=True) as report:
        report("judging", 3, 3)
    assert capsys.readouterr() == ("", "")


def test_bars_show_every_work_and_what_is_known(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    with bars("solutions") as report:
        report("judging", 1, 3)
        report("judging", 2, 3, ", loss 0.500")
        report("probing", 4, 4)
    shown = capsys.readouterr().err
    for part in ("judging", "2/3 solutions, loss 0.500", "probing", "4/4 solutions"):
        assert part in shown
    assert "1/3" not in shown  # a bar goes on, it is not drawn anew
