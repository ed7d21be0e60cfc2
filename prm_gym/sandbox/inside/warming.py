"""What sympy makes ready when it is first used, before the jobs are forked: the modules that it imports late, and its caches. Runs inside the sandbox."""

import sympy


def warm() -> None:
    """Do some of everything."""
    x, y = sympy.symbols("x y")
    n = sympy.Symbol("n", integer=True, positive=True)
    sympy.expand((x + 1) ** 2)
    sympy.factor(x**2 - 5 * x + 6)
    sympy.solve(x**2 - 5 * x + 6, x)
    sympy.solve([x + y - 3, x - y - 1], [x, y])
    sympy.simplify(sympy.sin(x) ** 2 + sympy.cos(x) ** 2)
    sympy.diff(x**3 * sympy.exp(x), x)
    sympy.integrate(x**2, (x, 0, 1))
    sympy.limit(sympy.sin(x) / x, x, 0)
    sympy.summation(n, (n, 1, y))
    sympy.Matrix([[1, 2], [3, 4]]).det()
    sympy.factorint(360)
    sympy.N(sympy.sqrt(2) + sympy.Rational(1, 3))
    str(sympy.sympify("x**2 + 1"))
