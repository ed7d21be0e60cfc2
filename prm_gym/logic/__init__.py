"""Formal logic: formulas, their notation, their semantics, and entailment by Z3."""
