"""Thin adapters to other projects. Each module needs the package that it is named after, and is imported by whoever uses it; importing this needs none."""
