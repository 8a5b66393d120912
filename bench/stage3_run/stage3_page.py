"""The page: the answers, then the tables and pictures behind them, from a folder of results alone."""

from __future__ import annotations

from pathlib import Path

from bench.claims_run.claim_statistics import MeasuredRow, interval_of
from flashmotion_core.files.whole_file import write_whole

from .stage3_calls import NAMES, calls
from .stage3_jobs import ARMS
from .stage3_pairs import FINAL, KINDS
from .stage3_plots import plot_arms, plot_judges
from .stage3_results import LEVELS, MEASURES, Stage3Results, rate
from .stage3_sees import TRAINED
from .stage3_sizes import AT_START

COLUMNS = (*MEASURES, "motion")


def write_stage3_page(folder: Path, page: Path) -> None:
    """Write the page and, into a folder of its name beside it, its pictures.

    Args:
        folder: of the experiments, or of its results alone.
        page: the Markdown file.
    """
    kept = folder / "results" if (folder / "results").is_dir() else folder
    if not (kept / "sizes.json").is_file():
        raise SystemExit(f"{folder} holds no results of bench/stage3_checks.py; give the folder that it was run with.")
    results, pictures = Stage3Results(kept), page.with_suffix("")
    pictures.mkdir(parents=True, exist_ok=True)
    seen, learnt = plot_judges(results, pictures / "judges.png"), plot_arms(results, pictures / "arms.png")
    lines = ["# Stage 3 in the tiny world: our implementation, or the world?", "", *_answers(results), *_about(results)]
    if seen:
        lines += [
            "## What can be told apart",
            "",
            f"![Right judgements of each judge by noise]({pictures.name}/judges.png)",
            "",
        ]
        lines += _judges(results)
    if learnt:
        lines += [
            "## Learning curves",
            "",
            f"![Each arm's measures by updates]({pictures.name}/arms.png)",
            "",
            *_arms(results),
        ]
    if len(results.lengths()) > 1:
        lines += ["## Stage 2 continues", "", *_lengths(results)]
    write_whole(page, "\n".join(lines).rstrip() + "\n")


def _answers(results: Stage3Results) -> list[str]:
    found = calls(results)
    if not found:
        return ["Too little has been measured for an answer; run it again.", ""]
    return [
        "| question | answer | figures |",
        "|---|---|---|",
        *(f"| {what} | **{answer}** | {figures} |" for what, answer, figures in found),
        "",
    ]


def _about(results: Stage3Results) -> list[str]:
    sizes, told = results.sizes, results.told
    text = (
        f"`python bench/stage3_checks.py` ({told['machine']} CPU, torch {told['torch']}): the embedded generators, SlowAdapter (ResNet) and "
        "codec in the world `simple`, the settings of `tiny_cpu` with an average of decay 0.9; one seed. "
        f"{sizes['clips']} clips to learn from; {sizes['held_out']} held out for the judges, {sizes['measured']} of them "
        "for all other measures; intervals of 95 % over these (in pairs). "
        "Changes are those from the SlowAdapter on the embedded FastGenerator. The questions were asked beforehand; the first one's rule was "
        "changed after its data was seen: it compared the judges at their best noise levels, now at each."
    )
    lines = [text, ""]
    return lines + (["**A rehearsal: no figure here means anything.**", ""] if told["rehearsal"] else [])


def _judges(results: Stage3Results) -> list[str]:
    sizes = results.sizes
    text = (
        f"A judge sees one noised clip and says real or sample. The probes learn from {sizes['pairs']} pairs: a ridge regression on means and "
        "deviations of the frozen taps, one for each noise level, and one network of three convolutions, which sees neither trajectory nor text."
    )
    lines = [
        text,
        "",
        f"| real clips or | judge | {' | '.join(LEVELS)} | as it is trained |",
        "|---|---|" + "---|" * (len(LEVELS) + 1),
    ]
    asked = [(kind, kind, results.judges()) for kind in KINDS]
    asked.append((FINAL, f"{FINAL}: which of a pair is real", results.judges(ranked=True)))
    for kind, shown, everyone in asked:
        for name, judgements in everyone.items():
            if kind in judgements:
                found = [
                    rate(judgements[kind][level]) if level in judgements[kind] else None for level in (*LEVELS, TRAINED)
                ]
                cells = ["" if one is None else f"{one.value:.2f} ({one.low:.2f} to {one.high:.2f})" for one in found]
                lines.append(f"| {shown} | {name} | {' | '.join(cells)} |")
    return [*lines, ""]


def _arms(results: Stage3Results) -> list[str]:
    heads = " | ".join(NAMES[measure] for measure in MEASURES)
    lines = [
        f"| rate | arm | updates | {heads} | its discriminator, right about its own final samples |",
        "|---|---|---|" + "---|" * (len(MEASURES) + 1),
    ]
    for lr in results.sizes["rates"]:
        for name in ARMS:
            for count in results.sizes["updates"]:
                changes = [results.change(name, lr, count, measure) for measure in MEASURES]
                if None in changes:
                    continue
                own = results.fooled(name, lr, count).get(FINAL, {}).get(TRAINED)
                lines.append(
                    f"| {lr:g} | {name} | {count} | {' | '.join(map(str, changes))} | {'' if own is None else f'{rate(own).value:.2f}'} |"
                )
    return [*lines, ""]


def _lengths(results: Stage3Results) -> list[str]:
    real = results.rows["real", ""]

    def cells(row: MeasuredRow) -> str:
        found = [interval_of(row, measure, real) for measure in COLUMNS]
        return " | ".join(f"{one.value:.3f} ({one.low:.3f} to {one.high:.3f})" for one in found)

    heads = " | ".join(NAMES.get(measure, measure) for measure in COLUMNS)
    lines = [
        f"The embedded FastGenerator had {AT_START} updates of its student; it continues with a fresh fake score.",
        "",
        f"| updates of the student, adapter | {heads} |",
        "|---|" + "---|" * len(COLUMNS),
    ]
    return [*lines, *(f"| {row.name} | {cells(row)} |" for row in results.lengths()), ""]
