"""Whether an English label names several things, such as "the two dogs": by its number word, else by its noun's ending."""

from __future__ import annotations

import re

MANY = frozenset(
    (
        *("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
        *("these", "those", "both", "few", "several", "many", "dozens", "hundreds"),
    )
)
ONE = frozenset(("a", "an", "one", "this", "that", "every", "each", "another"))
AFTER_THE_NOUN = frozenset(
    (
        *("of", "in", "on", "with", "without", "at", "from", "by", "near", "behind", "under", "over", "before", "beside", "between"),
        *("for", "to", "who", "that", "which", "wearing", "holding", "carrying", "riding", "playing", "walking", "running", "sitting"),
        "standing",
    )
)  # fmt: skip
"""What describes a noun from behind: "the girl in red shoes" is one girl."""
IRREGULAR = frozenset(
    ("people", "men", "women", "children", "feet", "teeth", "geese", "mice", "oxen", "police", "cattle", "folk")
)
ENDS_LIKE_ONE = re.compile("(ss|us|is|ous)$")
ONE_DESPITE_S = frozenset(
    ("gas", "canvas", "atlas", "pancreas", "lens", "series", "news", "chaos", "cosmos", "rhinoceros")
)
MANY_DESPITE_ENDING = frozenset(("skis", "taxis", "kiwis", "yetis", "menus", "emus", "gnus"))


def is_plural(label: str) -> bool:
    """Whether a verb after the label is in the plural.

    Args:
        label: English, on one line. A name ("James", "Mercedes") is one, whatever its ending.
    """
    words = re.findall(r"[^\W_]+(?:['-][^\W_]+)*", label)
    noun = next((index for index, word in enumerate(words) if index and word.lower() in AFTER_THE_NOUN), len(words))
    words = words[:noun]
    lowered = [word.lower() for word in words]
    counted = lowered[1:] if lowered[:1] == ["the"] else lowered
    first = counted[0] if counted else ""
    if first in MANY or (first.isdecimal() and len(counted) > 1 and int(first) != 1):
        return True
    if lowered[:2] == ["a", "few"] or re.search(r"\band (the|a|an|my|his|her)\b", label.lower()):
        return True
    if first in ONE or not words:
        return False
    last = lowered[-1]
    if last in IRREGULAR or last in MANY_DESPITE_ENDING:
        return True
    name = words[-1][0].isupper()
    return not name and last.endswith("s") and not ENDS_LIKE_ONE.search(last) and last not in ONE_DESPITE_S
