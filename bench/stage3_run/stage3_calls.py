"""What each experiment was to show, and what it showed: one line each. Fixed before anything ran, except `_seen`, see the page."""

from __future__ import annotations

from bench.claims_run.claim_arms import DIFFUSION, FULL, GAN, MORE
from bench.claims_run.claim_statistics import FRECHET, Difference

from .stage3_jobs import ARMS, WITH
from .stage3_pairs import FINAL
from .stage3_results import LEVELS, MEASURES, NET, TAPS, Stage3Results, best_level, rate
from .stage3_sizes import AT_START

NOTHING = 0.6
"""A network that is right less often leaves nothing to learn."""
NAMES = {"box_iou": "box IoU", "sharpness": "sharpness", FRECHET: "Frechet"}


def calls(results: Stage3Results) -> list[tuple[str, str, str]]:
    """Question, answer and figures of each call that can be decided."""
    return [*_seen(results), *_curves(results), *_length(results)]


def _seen(results: Stage3Results) -> list[tuple[str, str, str]]:
    everyone = {name: one[FINAL] for name, one in results.judges().items() if FINAL in one}
    own = [name for name in everyone if name not in (NET, TAPS)]
    if NET not in everyone or not own:
        return []
    more = {other: _levels_above(results, other, own[-1]) for other in (TAPS, NET)}
    answer = "; ".join(
        f"the {other} is right more often at {', '.join(levels)}" for other, levels in more.items() if levels
    )
    if not answer:
        nothing = best_level(everyone[NET])[1].high < NOTHING
        answer = "no: nothing is left to learn" if nothing else "no"
    figures = "; ".join(
        f"{name} {' / '.join(f'{rate(one[level]).value:.2f}' for level in LEVELS)}" for name, one in everyone.items()
    )
    return [
        ("Is there more in final samples than the discriminator sees?", answer, f"{figures} at {' / '.join(LEVELS)}")
    ]


def _levels_above(results: Stage3Results, a: str, b: str) -> list[str]:
    """The noise levels at which a is right more often than b about final samples, the whole interval above zero."""
    found = {level: results.apart(a, b, FINAL, level) for level in LEVELS}
    return [level for level, one in found.items() if one is not None and one.low > 0]


def _curves(results: Stage3Results) -> list[tuple[str, str, str]]:
    found = []
    counts = results.sizes["updates"]
    for lr in results.sizes["rates"]:
        last = {name: count for count in counts for name in ARMS if results.arm(name, lr, count) is not None}
        if not last:
            continue
        changes = {
            (name, measure): results.change(name, lr, count, measure)
            for name, count in last.items()
            for measure in MEASURES
        }
        found += [
            (
                f"{what} Rate {lr:g}, {last[name]} updates",
                _holds(results, changes, name, conditions),
                _figures(changes, name),
            )
            for what, name, conditions in (
                (
                    "(c) more box IoU and less sharpness by the diffusion loss alone?",
                    DIFFUSION,
                    (("box_iou", 1), ("sharpness", -1)),
                ),
                ("Nearer to real clips by the GAN alone?", GAN, ((FRECHET, -1),)),
                ("More box IoU and nearer to real clips by both?", FULL, (("box_iou", 1), (FRECHET, -1))),
                ("And by as much more of stage 1?", MORE, (("box_iou", 1), (FRECHET, -1))),
            )
            if name in last
        ]
    return found


def _holds(
    results: Stage3Results,
    changes: dict[tuple[str, str], Difference | None],
    name: str,
    conditions: tuple[tuple[str, int], ...],
) -> str:
    words = []
    for measure, sign in conditions:
        found = changes[name, measure]
        assert found is not None
        words.append(
            f"{NAMES[measure]} {'yes' if _apart(found) == sign else 'no change' if not _apart(found) else 'the opposite'}"
        )
    return ", ".join(words)


def _apart(found: Difference) -> int:
    """1 or -1 if the whole interval lies above or below zero."""
    return 1 if found.low > 0 else -1 if found.high < 0 else 0


def _figures(changes: dict[tuple[str, str], Difference | None], name: str) -> str:
    return ", ".join(f"{NAMES[measure]} {changes[name, measure]}" for measure in MEASURES)


def _length(results: Stage3Results) -> list[tuple[str, str, str]]:
    gaps = {(gap.updates, gap.measure): gap.found for gap in results.gaps() if gap.adapter == WITH}
    lengths = sorted({updates for updates, _ in gaps})
    if len(lengths) < 2 or lengths[0] != AT_START:
        return []
    last = lengths[-1]
    worse = [NAMES[measure] for measure, sign in (("box_iou", -1), (FRECHET, 1)) if _apart(gaps[last, measure]) == sign]
    answer = f"yes, in {' and '.join(worse)}" if worse else f"no, not after {last} updates either"
    figures = "; ".join(
        f"{updates}: box IoU {gaps[updates, 'box_iou']}, Frechet {gaps[updates, FRECHET]}" for updates in lengths
    )
    return [("Does a gap (b) open when stage 2 continues?", answer, figures)]
