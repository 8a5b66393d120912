"""What stage 3 is worth: the paper's claims in a world that can show them, arm by arm with equal updates, behind gates.

    python bench/claims.py FOLDER [--scale 0.38] [--minutes 8.4] [--workers 12] [--device cuda] [--pack DIR]     (needs the extra [train])
    python bench/claims.py FOLDER --rehearse        everything once in small, on a CPU
    python bench/claims.py FOLDER --list            what there is to do, what is done, and how long it took
    python bench/claims.py --report FOLDER|TAR      verdicts, tables and plots of these results, to bench/results/claims.md

Run it again to continue where it stopped: each part is done once, and a training that was cut off continues from its checkpoint. The most decisive
parts come first, so a run that ends early still says something. What counts as reproduced was fixed before anything ran (`claim_verdicts`).
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tarfile
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

PAGE = Path(__file__).resolve().parent / "results" / "claims.md"
PACKED = "claims_results.tar.gz"
FOREVER = 1e6


def parser() -> argparse.ArgumentParser:
    """The options."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("folder", type=Path, nargs="?", help="of the experiment")
    options.add_argument("--scale", type=float, default=1.0, help="factor on all numbers of iterations")
    options.add_argument("--seeds", type=int, default=3, choices=(1, 2, 3), help="of each arm")
    options.add_argument("--minutes", type=float, help="stop after so many")
    options.add_argument("--workers", type=int, default=max(1, (os.cpu_count() or 2) * 3 // 4), help="processes")
    options.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"), help="that trains and samples")
    options.add_argument("--pack", type=Path, metavar="DIR", help=f"in the end, pack the results into DIR/{PACKED}")
    options.add_argument("--rehearse", action="store_true", help="everything once in small, on a CPU")
    options.add_argument("--only", default="", metavar="REGEX", help="only these parts, and what they wait for")
    options.add_argument("--list", action="store_true", help="say what there is to do, and stop")
    options.add_argument(
        "--report", type=Path, metavar="FOLDER", help="write the page of results, of a folder or packed, and stop"
    )
    options.add_argument("--page", type=Path, default=PAGE, help="where --report writes")
    options.add_argument("--worker", type=int, help=argparse.SUPPRESS)
    options.add_argument("--until", type=float, help=argparse.SUPPRESS)
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; 0, or 1 if a part failed."""
    options = parser().parse_args(arguments)
    if options.report is not None:
        return _report(options.report, options.page)
    if options.folder is None:
        parser().error("give the folder of the experiment.")
    folder = options.folder.resolve()
    from bench.claims_run.claim_sizes import FULL, REHEARSAL

    sizes = REHEARSAL if options.rehearse else FULL.scaled(options.scale)
    if options.rehearse:
        options.device = "cpu"
    seeds = tuple(range(options.seeds))
    if options.worker is not None:
        return _work(options, folder, sizes, seeds)
    if options.list:
        return _list(options, folder, sizes, seeds)
    began = time.time()
    until = began + 60 * (options.minutes or FOREVER)
    _remember(folder, options, sizes)
    from bench.claims_run.claim_workers import FAILED, GRACE_SECONDS, marks, run_workers

    command = [str(Path(__file__).resolve()), str(folder), "--scale", str(options.scale), "--seeds", str(options.seeds)]
    command += ["--device", options.device, "--until", str(until - GRACE_SECONDS)]
    command += ["--minutes", str(options.minutes)] if options.minutes else []
    command += ["--rehearse"] if options.rehearse else []
    command += ["--only", options.only] if options.only else []
    died = run_workers(folder, command, options.workers, until - GRACE_SECONDS)
    from bench.claims_run.claim_curves import write_curves

    write_curves(folder)
    if options.pack is not None:
        options.pack.mkdir(parents=True, exist_ok=True)
        with tarfile.open(options.pack / PACKED, "w:gz") as packed:
            packed.add(folder / "results", "results")
            packed.add(folder / "logs", "logs")
    print(f"{len(marks(folder, 'done'))} parts are done, {time.time() - began:.0f} s.")
    for name in sorted(marks(folder, FAILED)):
        last = (folder / FAILED / name).read_text(encoding="utf-8").strip().splitlines()[-1]
        print(f"{name} failed: {last}")
    print(*died, sep="\n", end="\n" if died else "")
    return 1 if died or marks(folder, FAILED) else 0


def _report(results: Path, page: Path) -> int:
    from bench.claims_run.claim_page import write_page

    with tempfile.TemporaryDirectory() as kept:
        if results.is_file():
            with tarfile.open(results) as packed:
                packed.extractall(kept, filter="data")
        write_page(Path(kept) if results.is_file() else results, page)
    print(f"{page} is written.")
    return 0


def _work(options: argparse.Namespace, folder: Path, sizes: object, seeds: tuple[int, ...]) -> int:
    import torch

    from bench.claims_run.claim_jobs import jobs, only
    from bench.claims_run.claim_place import ClaimPlace
    from bench.claims_run.claim_sizes import Sizes
    from bench.claims_run.claim_workers import work_until

    assert isinstance(sizes, Sizes)
    torch.set_num_threads(1)
    place = ClaimPlace(folder, sizes, options.device, options.minutes)
    found = {job.name: job for job in only(jobs(sizes, seeds), options.only)}
    needs = {name: job.needs for name, job in found.items()}
    work_until(folder, list(found), needs, options.until, lambda name: found[name].work(place))
    return 0


def _list(options: argparse.Namespace, folder: Path, sizes: object, seeds: tuple[int, ...]) -> int:
    from bench.claims_run.claim_jobs import jobs, only
    from bench.claims_run.claim_sizes import Sizes

    assert isinstance(sizes, Sizes)
    for job in only(jobs(sizes, seeds), options.only):
        file = folder / "done" / job.name
        took = f"{file.read_text(encoding='utf-8')} s" if file.is_file() else ""
        print(f"{job.name:55}{took}")
    return 0


def _remember(folder: Path, options: argparse.Namespace, sizes: object) -> None:
    """Write the sizes into the results; a folder of other sizes is refused."""
    from dataclasses import asdict

    import torch

    from flashmotion_core.files.whole_file import write_whole

    file = folder / "results" / "sizes.json"
    cuda = options.device != "cpu" and torch.cuda.is_available()
    now = {
        "sizes": asdict(sizes),  # type: ignore[call-overload]
        "scale": options.scale,
        "rehearsal": options.rehearse,
        "device": torch.cuda.get_device_name() if cuda else "CPU",
        "torch": torch.__version__,
    }
    if file.is_file():
        before = json.loads(file.read_text(encoding="utf-8"))
        if before["sizes"] != now["sizes"]:
            raise SystemExit(
                f"{folder} holds an experiment of other sizes (--scale {before['scale']}); choose another folder."
            )
    (folder / "results").mkdir(parents=True, exist_ok=True)
    write_whole(file, json.dumps(now))


if __name__ == "__main__":
    sys.exit(main())
