"""What a task of MiniWoB wants, read from what is asked and what is seen: pure functions, for the scripts and for the count of progress."""

import re
from collections.abc import Sequence
from itertools import pairwise

from prm_gym.web import Item, Sight

_QUOTED = re.compile(r'"([^"]*)"')


def quoted_in(said: str) -> list[str]:
    """What is said in quotes."""
    return _QUOTED.findall(said)


def places_in(said: str) -> list[int]:
    """The places that are said as 1st, 2nd and so on, from 0 on.

    >>> places_in("Check the 1st radio button and enter the number into the 3rd textbox.")
    [0, 2]
    """
    return [int(place) - 1 for place in re.findall(r"(\d+)(?:st|nd|rd|th)\b", said)]


def numbers_in(said: str) -> list[int]:
    """The numbers that sliders and spinners are to be set to.

    >>> numbers_in("Set the sliders to the combination [7,0,10] and submit."), numbers_in("Select -3 with the slider, click the 1st checkbox")
    ([7, 0, 10], [-3])
    """
    found = re.search(r"(?:Select|combination) (\[.*?\]|-?\d+)", said)
    return [int(number) for number in re.findall(r"-?\d+", found[1])] if found else []


def names_to_select(said: str) -> list[str]:
    """The names that are to be selected.

    >>> names_to_select("Select 1b, CXjt and click Submit."), names_to_select("Select nothing and click Submit.")
    (['1b', 'CXjt'], [])
    """
    found = re.match(r"Select (.*?)(?: from the (?:scroll )?list)? and click Submit", said)
    names = found[1].split(", ") if found else []
    return [] if names == ["nothing"] else names


def text_to_enter(said: str) -> str:
    """The text in quotes, in the letters that are asked for.

    >>> text_to_enter('Type "NATHALIE" in all lower case letters in the text input and press Submit.')
    'nathalie'
    """
    text = next(iter(quoted_in(said)), "")
    return text.lower() if "lower case" in said else text.upper() if "upper case" in said else text


def date_to_enter(said: str) -> str:
    """The date as a field of dates holds it.

    >>> date_to_enter("Enter 10/16/2012 as the date and hit submit.")
    '2012-10-16'
    """
    found = re.search(r"(\d\d)/(\d\d)/(\d{4})", said)
    return f"{found[3]}-{found[1]}-{found[2]}" if found else ""


def time_to_enter(said: str) -> str:
    """The time as a field of times holds it.

    >>> time_to_enter("Enter 10:15 PM as the time and press submit.")
    '22:15'
    """
    found = re.search(r"(\d+):(\d\d) ([AP]M)", said)
    return f"{int(found[1]) % 12 + 12 * (found[3] == 'PM'):02}:{found[2]}" if found else ""


def lines_of(sight: Sight) -> list[str]:
    """The lines of text."""
    return [item.name for item in sight.items if not item.ref]


def fields_of(sight: Sight) -> list[Item]:
    """The fields that texts are typed into."""
    return [item for item in sight.items if item.role in ("textbox", "searchbox")]


def result_of(lines: Sequence[str]) -> str:
    """The result of a sum, a difference or a product; or what x must be in one. Empty where there is none.

    >>> result_of(["2 x 3 ="]), result_of(["x - 2 = 75", "x ="]), result_of(["9 - x = 4"])
    ('6', '77', '5')
    """
    found = next((found for line in lines if (found := re.match(r"(-?\w+) ([-+x]) (-?\w+) = ?(-?\d*)$", line))), None)
    if found is None:
        return ""
    one, sign, other, result = found.groups()
    if not result:
        return str({"+": int(one) + int(other), "-": int(one) - int(other), "x": int(one) * int(other)}[sign])
    if one == "x":
        return str(int(result) - int(other) if sign == "+" else int(result) + int(other))
    return str(int(result) - int(one) if sign == "+" else int(one) - int(result))


def table_values(said: str, lines: Sequence[str]) -> list[str]:
    """The values of a table that are asked for, in the order of their fields.

    >>> table_values("Enter the value of Religion into the text field", ["Country | Bahrain", "Religion | Hinduism"])
    ['Hinduism']
    """
    rows = dict(line.split(" | ", 1) for line in lines if " | " in line)
    found = re.search(r"value of (.+?) into", said)
    asked = [found[1]] if found else [line[:-1] for line in lines if line.endswith(":")]
    return [rows.get(name, "") for name in asked]


def word_to_find(said: str, lines: Sequence[str]) -> str:
    """The word of a paragraph that is asked for, without its comma or full stop.

    >>> word_to_find("Find the 2nd word in the paragraph", ["Mauris, duis. in"])
    'duis'
    """
    words, places = " ".join(lines[:1]).split(), places_in(said)
    return words[places[0]].strip(".,") if places and places[0] < len(words) else ""


def film_wanted(said: str) -> dict[str, str]:
    """What is known of the films that are searched for, by the word that the label of its field begins with.

    >>> film_wanted("Search for fantasy movies directed by Banks from year 2010.")
    {'Genre': 'fantasy', 'Director': 'Banks', 'Year': '2010'}
    """
    found = re.search(r"for (.+?) movies directed by (.+?) from year (\d+)", said)
    return {"Genre": found[1], "Director": found[2], "Year": found[3]} if found else {}


def labelled_fields(sight: Sight) -> dict[str, Item]:
    """Fields by the line of text before them; where a field comes first of all, by the line after them."""
    parts = [item for item in sight.items if not item.ref or item.role == "textbox"]
    if parts and parts[0].ref:
        parts.reverse()
    return {one.name: other for one, other in pairwise(parts) if not one.ref and other.ref}


def field_of(fields: dict[str, Item], word: str) -> Item | None:
    """The field whose label has a word of a film; a year may be called that of the release."""
    return next((item for label, item in fields.items() if word in label or (word == "Year" and "Released" in label)), None)


def is_generated(said: str, number: int) -> bool:
    """Whether a number is one of those that are asked for.

    >>> is_generated("Generate a number greater than 2, then press submit.", 2), is_generated("Generate an even number, then press submit.", 4)
    (False, True)
    """
    bound = re.search(r"(greater|less) than (-?\d+)", said)
    parity = re.search(r"(even|odd) number", said)
    fits = bound is None or (number > int(bound[2]) if bound[1] == "greater" else number < int(bound[2]))
    return fits and (parity is None or (number % 2 == 1) == (parity[1] == "odd"))


def number_shown(lines: Sequence[str]) -> int | None:
    """The number that stands alone in a line."""
    return next((int(line) for line in lines if re.fullmatch(r"-?\d+", line)), None)


def slider_numbers(sight: Sight) -> list[int]:
    """The numbers of sliders, each in the line after its handle."""
    found: list[int] = []
    handles = 0
    for item in sight.items:
        if item.ref and "slider-handle" in item.name:
            handles += 1
        elif not item.ref and len(found) < handles and re.fullmatch(r"-?\d+", item.name):
            found.append(int(item.name))
    return found
