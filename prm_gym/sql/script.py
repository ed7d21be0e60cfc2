"""SQL text made on the host of values: literals and tables."""

from collections.abc import Iterable, Sequence

from prm_gym.claims import Json


def literal(value: Json) -> str:
    """A value of the database, in the encoding of `prm_gym.sandbox.values`, as SQL writes it.

    >>> literal("O'Hara"), literal(None), literal(2.5), literal({"bytes": "00ff"})
    ("'O''Hara'", 'NULL', '2.5', "X'00ff'")
    """
    if value is None:
        return "NULL"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'" if "\0" not in value else f"CAST(X'{value.encode('utf-8', 'surrogatepass').hex()}' AS TEXT)"
    if isinstance(value, dict):
        ((tag, body),) = value.items()
        if body == "nan":  # DuckDB has it; SQLite takes it for NULL
            return "NULL"
        if tag == "float":
            return "-9e999" if str(body).startswith("-") else "9e999"
        return str(int(str(body), 16)) if tag == "int" else f"X'{bytes.fromhex(str(body)).hex()}'"
    if value == -(1 << 63):  # SQLite reads the digits before the sign
        return "(-9223372036854775807 - 1)"
    return repr(int(value) if isinstance(value, bool) else value)


def name_text(name: str) -> str:
    """A name of a table or column in quotation marks."""
    return '"' + name.replace('"', '""') + '"'


def table_script(table: str, columns: Sequence[str], rows: Iterable[Sequence[Json]]) -> str:
    """The statements that make a table with these rows; the columns have no type, so that each value keeps its own.

    Args:
        table: its name.
        columns: their names, all different.
        rows: values as `Rows` holds them.
    """
    lines = [f"CREATE TABLE {name_text(table)} ({', '.join(map(name_text, columns))});"]
    values = [f"({', '.join(map(literal, row))})" for row in rows]
    lines += [f"INSERT INTO {name_text(table)} VALUES {', '.join(values[place : place + 200])};" for place in range(0, len(values), 200)]
    return "\n".join(lines)
