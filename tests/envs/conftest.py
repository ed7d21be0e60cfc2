"""What the tests of several environments measure with: an independent reading of formulas, and a guesser that reads nothing."""

import re

import numpy as np
import pytest
import z3

_TOKEN = re.compile(r"\s*(\{[A-Z]+\}(?:\{[a-z]+\}|[xyzuw])?|\([xyzuw]\):|\(E[xyzuw]\):|->|[&v¬()])")


class Reading:
    """An independent reading of the notation into plain Z3: one sort, predicates as functions, quantifiers as quantifiers."""

    def __init__(self):
        self.context = z3.Context()
        self.sort = z3.DeclareSort("Thing", self.context)

    def read(self, text):
        tokens = _TOKEN.findall(text)
        assert "".join(tokens) == text.replace(" ", ""), text
        formula, rest = self._implication(tokens)
        assert not rest
        return formula

    def _implication(self, tokens):
        left, tokens = self._or(tokens)
        if tokens and tokens[0] == "->":
            right, tokens = self._implication(tokens[1:])
            return z3.Implies(left, right), tokens
        return left, tokens

    def _or(self, tokens):
        left, tokens = self._and(tokens)
        while tokens and tokens[0] == "v":
            right, tokens = self._and(tokens[1:])
            left = z3.Or(left, right)
        return left, tokens

    def _and(self, tokens):
        left, tokens = self._unary(tokens)
        while tokens and tokens[0] == "&":
            right, tokens = self._unary(tokens[1:])
            left = z3.And(left, right)
        return left, tokens

    def _unary(self, tokens):
        token, rest = tokens[0], tokens[1:]
        if token == "¬":
            body, rest = self._unary(rest)
            return z3.Not(body), rest
        if token == "(":
            body, rest = self._implication(rest)
            assert rest[0] == ")"
            return body, rest[1:]
        if token.startswith("("):
            body, rest = self._implication(rest)
            variable = z3.Const("var_" + token[-3], self.sort)
            return (z3.Exists if token[1] == "E" else z3.ForAll)([variable], body), rest
        name, argument = re.fullmatch(r"\{([A-Z]+)\}(.*)", token).groups()
        if not argument:
            return z3.Bool("prop_" + name, self.context), rest
        kind = "const_" if argument[0] == "{" else "var_"
        predicate = z3.Function("pred_" + name, self.sort, z3.BoolSort(self.context))
        return predicate(z3.Const(kind + argument.strip("{}"), self.sort)), rest

    def satisfiable(self, formulas):
        solver = z3.Solver(ctx=self.context)
        solver.add(*formulas)
        answer = solver.check()
        assert answer in (z3.sat, z3.unsat)
        return answer == z3.sat

    def entails(self, premises, conclusion):
        return not self.satisfiable([*premises, z3.Not(conclusion)])


@pytest.fixture(scope="session")
def new_reading():
    """Makes a `Reading`."""
    return Reading


def _guessed(features, labels, rounds=400):
    """Held-out accuracy of softmax regression on the features and their squares; the second half is held out."""
    half = len(labels) // 2
    scaled = (features - features[:half].mean(0)) / (features[:half].std(0) + 1e-9)
    inputs = np.hstack([scaled, scaled**2, np.ones((len(labels), 1))])
    classes = labels.max() + 1
    weights, wanted = np.zeros((inputs.shape[1], classes)), np.eye(classes)[labels[:half]]
    for _ in range(rounds):
        scores = inputs[:half] @ weights
        odds = np.exp(scores - scores.max(1, keepdims=True))
        weights -= 0.3 * (inputs[:half].T @ (odds / odds.sum(1, keepdims=True) - wanted) / half + 1e-3 * weights)
    return float(np.mean((inputs[half:] @ weights).argmax(1) == labels[half:]))


@pytest.fixture(scope="session")
def guessed():
    """Accuracy of a guess from features: `guessed(features [N, K], labels [N] of 0, 1, ...)`."""
    return _guessed


@pytest.fixture
def earned():
    """What actions earn in the episode that runs, or in that of a seed; those after its end are not taken."""

    def total(env, actions, seed=None):
        if seed is not None:
            env.reset(seed=seed)
        rewards = []
        for action in actions:
            _, reward, terminated, truncated, _ = env.step(action)
            rewards.append(reward)
            if terminated or truncated:
                break
        return sum(rewards)

    return total
