"""A trajectory in words, for the prompt: its named objects and what they do, in English or Chinese."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, Literal

from ..model import Trajectory
from ..sample import sample
from .legs import Motion
from .motions import motions_of, shortened
from .plurals import is_plural

Language = Literal["en", "zh"]

# Motions told per object: all that one reads in a sentence, and fewer while the text is longer than half of what the text encoder reads
# (512 tokens, of about four characters in English and one and a half in Chinese), because the rest of the prompt is the picture's.
DETAILS = (6, 3, 1)
LENGTHS = {"en": 1000, "zh": 400}
_CHINESE = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
# What the editor calls a new object (in either language) and what importers call one without a name.
_NAMELESS = re.compile("(object|\u7269\u4f53|o)?[\\W\\d_]*", re.IGNORECASE)


def language_of(trajectory: Trajectory) -> Language:
    """Chinese as soon as one label holds a Chinese character, else English."""
    named = (_clean(tracked.label) for tracked in trajectory.objects)
    return "zh" if any(re.search(f"[{_CHINESE}]", label) for label in named) else "en"


def describe(trajectory: Trajectory, language: Language | None = None) -> str:
    """The named objects and their motions in the frame, such as "The brown dog moves from left to right, then stops.".

    Args:
        trajectory: a parsed document.
        language: "en", "zh", or None for `language_of`.

    Objects without a name are left out (no label, or only the editor's "object 3"), and so are those never seen. Objects that do the same
    share a sentence. Empty when nothing is left. Many objects are told in fewer words each; none is dropped, so at most 64 sentences.
    """
    chosen = language or language_of(trajectory)
    sampled = sample(trajectory)
    seen = [
        (label, tellings)
        for n, tracked in enumerate(trajectory.objects)
        if (label := _clean(tracked.label))
        and (tellings := motions_of(sampled.boxes_TN4[:, n], sampled.visible_TN[:, n], sampled.size, trajectory.fps))
    ]
    text = ""
    for limit in DETAILS:
        text = _text([(label, shortened(tellings, limit)) for label, tellings in seen], chosen)
        if len(text) <= LENGTHS[chosen]:
            break
    return text


def _clean(label: str) -> str:
    """The label on one line, without a full stop; empty where it names nothing."""
    line = " ".join("".join(char if char.isprintable() else " " for char in label).split())
    line = line.strip(" ,.;:!?\u3001\u3002\uff0c\uff1b\uff1a\uff01\uff1f")
    return "" if _NAMELESS.fullmatch(line) else line


@cache
def _phrases(language: Language) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path(__file__).with_name("phrases.json").read_text(encoding="utf-8"))[language]
    return found


def _text(told: Sequence[tuple[str, tuple[Motion, ...]]], language: Language) -> str:
    """One sentence per group of objects that do the same, in the order of each group's first."""
    words = _phrases(language)
    groups: dict[tuple[Motion, ...], list[tuple[str, str, tuple[Motion, ...]]]] = {}
    for name, (label, motions) in zip(_names([label for label, _ in told], words), told, strict=True):
        groups.setdefault(tuple(replace(motion, across=False) for motion in motions), []).append((name, label, motions))
    sentences = []
    for members in groups.values():
        # The group goes across only if every one of it does.
        shared = [
            replace(same[0], across=all(motion.across for motion in same))
            for same in zip(*(motions for *_, motions in members), strict=True)
        ]
        phrases = [_phrase(motion, words) for motion in shared]
        if language == "en":
            singular = len(members) == 1 and not is_plural(members[0][1])
            phrases = _inflected(phrases, shared, singular=singular)
        names = _listed([name for name, *_ in members], words)
        sentence = words["sentence"].format(names=names, motions=_joined(phrases, words))
        sentences.append(_spaced(sentence) if language == "zh" else sentence[0].upper() + sentence[1:])
    gap: str = words["gap"]
    return gap.join(sentences)


def _names(labels: Sequence[str], words: dict[str, Any]) -> list[str]:
    """What each object is called; those of one label are counted."""
    counts = Counter(label.casefold() for label in labels)
    used: Counter[str] = Counter()
    names = []
    for label in labels:
        key = label.casefold()
        used[key] += 1
        first, _, rest = label.partition(" ")
        has_determiner = bool(rest) and first.lower() in words["determiners"]
        if counts[key] > 1:
            stem, number = rest if has_determiner else label, used[key]
            ordinals = words["ordinals"]
            names.append(_put(ordinals[number - 1], stem) if number <= len(ordinals) else f"{stem} {number}")
        elif has_determiner:
            names.append(_put(words["determined"].replace("{determiner}", first), rest))
        elif label[0].isupper() or label[-1].isdigit() or re.search(f"[{_CHINESE}]", label):
            names.append(label)
        else:
            names.append(_put(words["article"], label))
    return names


def _put(pattern: str, label: str) -> str:
    """Labels may hold braces, so no `format`."""
    return pattern.replace("{label}", label)


def _phrase(motion: Motion, words: dict[str, Any]) -> str:
    kinds, way = words["motions"], motion.way
    if way is None:
        nearer = {1: f"{motion.kind} nearer", -1: f"{motion.kind} farther"}.get(motion.depth, motion.kind)
        plain: str = kinds[nearer]
        return plain
    kind = f"{motion.kind} across" if motion.kind == "move" and motion.across else motion.kind
    phrase: str = kinds[kind].format(**{name: words[name][way] for name in ("to", "across", "side", "out")})
    if motion.depth:
        phrase = words["nearer" if motion.depth > 0 else "farther"].format(motion=phrase)
    return phrase


def _inflected(phrases: Sequence[str], motions: Sequence[Motion], *, singular: bool) -> list[str]:
    """English verbs, which come first: in the singular, and "moves up, then down" in place of "moves up, then moves down"."""
    inflected = []
    moves_before = False
    for phrase, motion in zip(phrases, motions, strict=True):
        verb, space, rest = phrase.partition(" ")
        moves = motion.kind in ("move", "return") and motion.way is not None
        if moves and moves_before:
            inflected.append(rest)
        else:
            inflected.append(f"{verb}{'es' if verb.endswith('s') else 's'}{space}{rest}" if singular else phrase)
        moves_before = moves
    return inflected


def _joined(phrases: Sequence[str], words: dict[str, Any]) -> str:
    """In order of time."""
    if len(phrases) == 2:
        pair: str = words["pair"]
        return pair.join(phrases)
    between = words["between"]
    text = phrases[0]
    for index, phrase in enumerate(phrases[1:]):
        text += (words["last"] if index == len(phrases) - 2 else between[index % len(between)]) + phrase
    return text


def _listed(names: Sequence[str], words: dict[str, Any]) -> str:
    separator, last = words["names"], words["last_name"]
    return separator.join(names[:-1]) + last + names[-1] if len(names) > 1 else names[0]


def _spaced(sentence: str) -> str:
    """A space between Chinese and Latin, as printers set it."""
    pattern = f"(?<=[{_CHINESE}])(?=[A-Za-z0-9])|(?<=[A-Za-z0-9])(?=[{_CHINESE}])"
    return re.sub(pattern, " ", sentence)
