"""The page: verdicts, gates, all rows, and the pictures, from a folder of results alone."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from flashmotion_core.files.whole_file import write_whole

from .claim_calls import CLAIMS, CONTROLNET, FEW, MANY, ON_FAST, RESNET, UNGUIDED
from .claim_plots import plot_clips, plot_curves, plot_rows, title_of
from .claim_statistics import FRECHET, MeasuredRow, interval_of
from .claim_verdicts import REFUTED, UNMEASURED, Results, listed

BOUNDS = ("real", "codec", "paste", "static")
REFERENCES = (MANY, UNGUIDED, FEW, ON_FAST)
MARKS = {True: "met", False: "**not met**", None: "not measured"}
COLUMNS = ("box_iou", "sharpness", FRECHET, "psnr", "motion", "lost")


def write_page(folder: Path, page: Path) -> None:
    """Write the page and, into a folder of its name beside it, its pictures.

    Args:
        folder: of the experiment, or of its results alone.
        page: the Markdown file.
    """
    results_folder = folder / "results" if (folder / "results").is_dir() else folder
    results, pictures = Results(results_folder), page.with_suffix("")
    if ("real", "") not in results.rows:
        raise SystemExit(f"{folder} holds no row of real clips yet, so nothing can be compared; run it again.")
    rows = _ordered(results)
    pictures.mkdir(parents=True, exist_ok=True)
    plot_rows(results, [row for row in rows if row.name != "real"], pictures / "rows.png")
    curves = plot_curves(results_folder, pictures / "curves.png")
    found = [(row, _clip(results_folder, row)) for row in rows]
    shown = [(row, file) for row, file in found if file is not None]
    if shown:
        plot_clips([row for row, _ in shown], [file for _, file in shown], pictures / "clips.png")
    name = pictures.name
    lines = [
        "# What stage 3 is worth",
        "",
        *_summary(results),
        *_too_little(results),
        _about(results_folder, rows),
        "",
        *_verdicts(results),
        "",
        *_gates(results),
        "",
        f"![Box IoU, sharpness and Frechet distance of every row]({name}/rows.png)",
        "",
        *_table(results, rows),
        "",
        *([f"![Curves of training, seed 0]({name}/curves.png)", ""] if curves else []),
        *([f"![The first held-out clip in every row]({name}/clips.png)", ""] if shown else []),
        *_failed(results_folder),
    ]
    write_whole(page, "\n".join(lines).rstrip() + "\n")


def _clip(folder: Path, row: MeasuredRow) -> Path | None:
    for file in sorted(folder.glob("row_*.json")):
        one = json.loads(file.read_text(encoding="utf-8"))
        picture = file.with_suffix(".png")
        if (one["name"], one["kind"]) == (row.name, row.kind) and picture.is_file():
            return picture
    return None


def _ordered(results: Results) -> list[MeasuredRow]:
    first = [(name, "") for name in BOUNDS] + [(name, kind) for kind in (RESNET, CONTROLNET) for name in REFERENCES]
    arms = [key for kind in (RESNET, CONTROLNET) for key in results.rows if key[1] == kind and key not in first]
    return [results.rows[key] for key in (*first, *arms) if key in results.rows]


def _about(folder: Path, rows: Sequence[MeasuredRow]) -> str:
    file = folder / "sizes.json"
    told = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else None
    clips = rows[0].features_SND.shape[1]
    text = (
        f"`python bench/claims.py`: the world `unsettled`, {clips} held-out clips, intervals of 95 % over clips and seeds (paired "
        "clips). The generators are trained once, the arms with up to three seeds. Every arm makes as many adapter updates as the "
        "others, at one learning rate, mask share, average and batch, on the same clips. The calls were fixed before anything ran. "
        "Of the paper's figures only descriptions are known: Fig. 4 is taken as the methods side by side, Fig. 5 as the losses."
    )
    if told is not None:
        sizes = told["sizes"]
        text += (
            f"\n\n{told['device']}, torch {told['torch']}: {sizes['clips']} clips of {sizes['side']} x {sizes['side']} and "
            f"{sizes['frames']} frames; a generator of {sizes['layers']} blocks, width {sizes['dim']}. At most {sizes['base']} iterations "
            f"of the base, {sizes['stage1']} of stage 1 (ControlNet {sizes['controlnet']}), {sizes['stage2']} of stage 2 (fewer where "
            f"the time was shared out); {sizes['updates']} updates in every arm, the discriminator {sizes['ahead']} iterations ahead."
        )
        if told["rehearsal"]:
            text += "\n\n**A rehearsal: no figure here means anything.**"
    return text


def _summary(results: Results) -> list[str]:
    """How many claims came out how, and which gates are not met."""
    found = [results.verdict(claim) for claim in CLAIMS]
    counts = ", ".join(f"{count} {verdict}" for verdict, count in Counter(one.verdict for one in found).items())
    missing = sum(any(figure.startswith(UNMEASURED) for figure in one.figures) for one in found)
    unmet = [gate.name for gate in results.gates.values() if gate.met is False]
    text = f"Of {len(found)} claims: {counts}."
    if unmet:
        text += (
            f" *Premise absent* means that a gate is not met, here {listed(unmet)}: what the claim is about does not occur in this world, so "
            "it is neither reproduced nor refuted, whatever its figures."
        )
    if missing:
        text += f" {missing} claims also lack a row that was not measured."
    return [text, ""]


def _too_little(results: Results) -> list[str]:
    """A warning if even the adapter with many steps stays below a clip that stands still."""
    there = (MANY, RESNET) in results.rows and ("static", "") in results.rows
    found = results.between((MANY, RESNET), ("static", ""), "box_iou") if there else None
    if found is None or found.high > 0:
        return []
    text = "**Trained too little to judge the paper: with many steps the SlowAdapter follows its boxes less than a picture that stands still (box IoU"
    refuted = results.verdict(CLAIMS[0]).verdict == REFUTED
    alone = 'So "refuted" in the first line below is said of this run alone. ' if refuted else ""
    return [f"{text} {found}). {alone}Give it more time: a larger `--scale` and more `--minutes`.**", ""]


def _verdicts(results: Results) -> list[str]:
    lines = ["| claim | says | verdict | figures |", "|---|---|---|---|"]
    for claim in CLAIMS:
        found = results.verdict(claim)
        lines.append(f"| {claim.title} | {claim.says} | **{found.verdict}** | {'; '.join(found.figures)} |")
    return lines


def _gates(results: Results) -> list[str]:
    lines = ["| gate | asks | | figures |", "|---|---|---|---|"]
    for gate in results.gates.values():
        lines.append(f"| {gate.name} | {gate.asks} | {MARKS[gate.met]} | {gate.figures} |")
    guided = results.between((UNGUIDED, RESNET), (MANY, RESNET), FRECHET)
    if guided is not None:
        lines += ["", f"What the teacher's guidance is worth (Frechet without it minus with it): {guided}."]
    return lines


def _table(results: Results, rows: Sequence[MeasuredRow]) -> list[str]:
    real = results.rows["real", ""]
    heads = [
        name.replace("_", " ").replace("iou", "IoU").replace("psnr", "PSNR").replace("frechet", "Frechet")
        for name in COLUMNS
    ]
    lines = [f"| row | seeds | {' | '.join(heads)} |", "|---|---|" + "---|" * len(heads)]
    for row in rows:
        cells = []
        for measure in COLUMNS:
            found = interval_of(row, measure, real)
            there = np.isfinite(found.value)
            cells.append(f"{found.value:.3f} ({found.low:.3f} to {found.high:.3f})" if there else "")
        lines.append(f"| {title_of(row)} | {row.seeds} | {' | '.join(cells)} |")
    return lines


def _failed(folder: Path) -> list[str]:
    file = folder / "parts.json"
    failed = json.loads(file.read_text(encoding="utf-8"))["failed"] if file.is_file() else {}
    return [f"- {name} failed: {text.strip().splitlines()[-1]}" for name, text in failed.items()]
