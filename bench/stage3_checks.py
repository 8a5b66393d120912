"""Why stage 3 brings nothing in the tiny world: our implementation, or the world? Three cheap experiments with the embedded networks, on a CPU.

    python bench/stage3_checks.py FOLDER [EXPERIMENT ...] [--minutes 60] [--workers 2]     (needs the extra [train])
    python bench/stage3_checks.py FOLDER --rehearse        everything once in small
    python bench/stage3_checks.py --report FOLDER          tables and plots of these results, to bench/results/stage3.md

sees    what the discriminator could see: it, a linear probe of its taps and a small network on latents tell samples from real clips
curves  learning curves of stage 3: diffusion loss alone, GAN alone, both, and as much more of stage 1
length  stage 2 continues: does the SlowAdapter get worse on a FastGenerator that was distilled for longer?

Run it again to continue where it stopped: each part is done once, and a training that was cut off continues from its checkpoint.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

PAGE = Path(__file__).resolve().parent / "results" / "stage3.md"
FOREVER = 1e6


def parser() -> argparse.ArgumentParser:
    """The options."""
    from bench.stage3_run.stage3_jobs import EXPERIMENTS

    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("folder", type=Path, nargs="?", help="of the experiments")
    options.add_argument(
        "experiments", nargs="*", metavar="EXPERIMENT", help=f"{', '.join(EXPERIMENTS)}; all by default"
    )
    options.add_argument("--minutes", type=float, default=FOREVER, help="stop after so many")
    options.add_argument("--workers", type=int, default=max(1, (os.cpu_count() or 2) // 2), help="processes")
    options.add_argument("--rehearse", action="store_true", help="everything once in small")
    options.add_argument("--report", type=Path, metavar="FOLDER", help="write the page of results, and stop")
    options.add_argument("--page", type=Path, default=PAGE, help="where --report writes")
    options.add_argument("--worker", type=int, help=argparse.SUPPRESS)
    options.add_argument("--until", type=float, default=0.0, help=argparse.SUPPRESS)
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; 0, or 1 if a part failed."""
    options = parser().parse_args(arguments)
    if options.report is not None:
        from bench.stage3_run.stage3_page import write_stage3_page

        write_stage3_page(options.report, options.page)
        print(f"{options.page} is written.")
        return 0
    from bench.stage3_run.stage3_jobs import EXPERIMENTS

    unknown = sorted(set(options.experiments) - set(EXPERIMENTS))
    if options.folder is None or unknown:
        parser().error(
            f"the experiment is {unknown[0]!r}; choose {', '.join(EXPERIMENTS)}." if unknown else "give a folder."
        )
    return _work(options) if options.worker is not None else _start(options)


def _work(options: argparse.Namespace) -> int:
    import torch

    from bench.claims_run.claim_workers import work_until
    from bench.stage3_run.stage3_jobs import EXPERIMENTS, stage3_jobs
    from bench.stage3_run.stage3_place import Stage3Place
    from bench.stage3_run.stage3_sizes import FULL, REHEARSAL

    torch.set_num_threads(1)
    sizes = REHEARSAL if options.rehearse else FULL
    place = Stage3Place(options.folder.resolve(), sizes)
    found = {job.name: job for job in stage3_jobs(sizes, options.experiments or EXPERIMENTS)}
    needs = {name: job.needs for name, job in found.items()}
    work_until(place.folder, list(found), needs, options.until, lambda name: found[name].work(place))
    return 0


def _start(options: argparse.Namespace) -> int:
    from bench.claims_run.claim_curves import write_curves
    from bench.claims_run.claim_workers import FAILED, GRACE_SECONDS, marks, run_workers

    began, folder = time.time(), options.folder.resolve()
    until = began + 60 * options.minutes - GRACE_SECONDS
    _remember(folder, options.rehearse)
    command = [str(Path(__file__).resolve()), str(folder), *options.experiments, "--until", str(until)]
    command += ["--rehearse"] if options.rehearse else []
    died = run_workers(folder, command, options.workers, until)
    write_curves(folder)
    failed = sorted(marks(folder, FAILED))
    print(f"{len(marks(folder, 'done'))} parts are done, {time.time() - began:.0f} s.")
    for name in failed:
        print(f"{name} failed: {(folder / FAILED / name).read_text(encoding='utf-8').strip().splitlines()[-1]}")
    print(*died, sep="\n", end="\n" if died else "")
    return 1 if died or failed else 0


def _remember(folder: Path, rehearsal: bool) -> None:
    """Write the sizes and the machine into the results; a folder of other sizes is refused."""
    import json
    import platform
    from dataclasses import asdict

    import torch

    from bench.stage3_run.stage3_sizes import FULL, REHEARSAL
    from flashmotion_core.files.whole_file import write_whole

    file = folder / "results" / "sizes.json"
    sizes = json.loads(json.dumps(asdict(REHEARSAL if rehearsal else FULL)))
    if file.is_file() and json.loads(file.read_text(encoding="utf-8"))["sizes"] != sizes:
        raise SystemExit(f"{folder} holds experiments of other sizes; choose another folder.")
    file.parent.mkdir(parents=True, exist_ok=True)
    machine = {"rehearsal": rehearsal, "machine": platform.machine(), "torch": torch.__version__}
    write_whole(file, json.dumps({"sizes": sizes, **machine}))


if __name__ == "__main__":
    sys.exit(main())
