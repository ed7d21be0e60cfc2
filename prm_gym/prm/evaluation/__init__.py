"""How good are the scores of steps? Metrics of the public benchmarks, calibration, best-of-n and length bias, each beside what a constant and an oracle reach.

The metrics are pure functions of labels and scores; `prm_gym.prm.evaluation.evaluate` runs a verifier over data and makes the tables. `prm-gym eval-prm` is the
command.
"""
