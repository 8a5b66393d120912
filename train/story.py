"""The phases of a run and what each depends on. `narrative` does them in order, or those that the command picks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from .codec.codec_phase import codec_digest, train_codec_phase, train_decoder_phase
from .config.data_settings import Videos
from .config.phases import PhaseName, phases_of
from .config.schema import Config
from .config.settings import Adapter
from .data.clip_index import INDEX
from .data.encoded import what_is_wrong
from .data.gather import mark as videos_mark
from .evaluation.evaluate import evaluate
from .files import digest, file_digest
from .parallel import broadcast_object, together
from .prepare.phase import PAGE, preparation_mark, prepare
from .prepare.video_marks import VideoMarks
from .publish.export import export
from .run_folder.artifacts import BASE, FAST, SLOW, Artifacts
from .run_folder.encoding import encode
from .run_folder.phase_digest import phase_digest
from .run_folder.run import Phase, Run
from .stages import base_generator, stage1, stage2, stage3


def run_phases(run: Run) -> list[Phase]:
    """All phases of a run, in order; see ``config.phases.phases_of``."""
    return _Story(run).phases()


def fingerprints_before(run: Run, phases: Sequence[Phase], before: Sequence[Config]) -> dict[str, frozenset[str]]:
    """By phase, the fingerprints that it had with earlier configurations, where these differ in its own settings only."""
    now = {phase.name: phase for phase in phases}
    found: dict[str, set[str]] = {}
    for config in before:
        for phase in run_phases(Run(config, run.folder, run.world, run.console)):
            same = now.get(phase.name)
            if same is not None and phase.basis is not None and phase.basis == same.basis:
                found.setdefault(phase.name, set()).add(phase.fingerprint)
    return {name: frozenset(marks - {now[name].fingerprint}) for name, marks in found.items()}


class _Story:
    """Gives each phase its fingerprint (a hash of everything that its result depends on), the phases that it needs, and its work."""

    def __init__(self, run: Run) -> None:
        self.run, self.config, self.artifacts = run, run.config, Artifacts(run)
        self.made: dict[str, Phase] = {}

    def phases(self) -> list[Phase]:
        make: dict[str, Callable[[PhaseName], Phase]] = {
            "prepare": self._prepare,
            "codec": self._codec,
            "data": self._data,
            "base": self._base,
            "stage1": self._stage1,
            "stage2": self._stage2,
            "stage3": self._stage3,
            "decoder": self._decoder,
            "evaluate": self._evaluate,
            "export": self._export,
        }
        for phase in phases_of(self.config):
            self.made[phase.name] = make[phase.stage](phase)
        return list(self.made.values())

    def _prepare(self, phase: PhaseName) -> Phase:
        title, outputs = "clips, objects and captions from your videos", [self.artifacts.prepared_folder / PAGE]
        marks = VideoMarks(self.run.phase_folder("prepare") / "videos.txt", self.run.world)
        mark, work = preparation_mark(self.run, marks), partial(prepare, self.run, marks)
        return Phase(phase.name, title, mark, outputs, [], work, renews=True)

    def _codec(self, phase: PhaseName) -> Phase:
        title, outputs = "a small codec for the synthetic world", [self.artifacts.codec_path]
        return Phase(phase.name, title, self._codec_mark, outputs, [], partial(train_codec_phase, self.run), alone=True)

    def _decoder(self, phase: PhaseName) -> Phase:
        title, outputs = "the codec's decoder, alone", [self.artifacts.decoder_path]
        mark, work = digest("decoder", self._codec_mark), partial(train_decoder_phase, self.run)
        return Phase(phase.name, title, mark, outputs, self._done("codec"), work, alone=True)

    def _data(self, phase: PhaseName) -> Phase:
        folders = [self.artifacts.clips_folder(split) for split in ("train", "eval")]
        return Phase(
            phase.name,
            "clips and control maps, encoded once",
            self._data_mark,
            [folder / INDEX for folder in folders],
            self._done("prepare", "codec"),
            partial(encode, self.run),
            renews=True,
            lacks=lambda: next(filter(None, map(what_is_wrong, folders)), None),
        )

    def _base(self, phase: PhaseName) -> Phase:
        models = self.config.models
        depends = (digest(models.sizes), digest(models.base_adapter), self._data_mark)
        mark = phase_digest(self.run, "base", self.config.base, *depends)
        path = self.artifacts.adapter_path(BASE, models.base_adapter.kind)
        outputs, work = [self.artifacts.generator_path(SLOW), path], partial(base_generator.train, self.run, mark)
        title, basis = "a small SlowGenerator", digest(*depends)
        return Phase(phase.name, title, mark, outputs, self._done("data"), work, basis=basis)

    def _stage1(self, phase: PhaseName) -> Phase:
        adapter = self._adapter(phase)
        begun = [file_digest(adapter.start)] if adapter.start else []
        depends = (digest(adapter), self._slow_mark, self._data_mark, *begun)
        mark = phase_digest(self.run, "stage1", self.config.stage1, *depends)
        title = f"the SlowAdapter ({adapter.kind}) on the SlowGenerator"
        outputs = [self.artifacts.adapter_path(SLOW, adapter.kind)]
        work = partial(stage1.train, self.run, adapter, mark)
        return Phase(phase.name, title, mark, outputs, self._done("data", "base"), work, basis=digest(*depends))

    def _stage2(self, phase: PhaseName) -> Phase:
        settings = self.config.stage2
        start = self.config.models.fast_start
        begun = () if start is None else (file_digest(start),)
        depends = (digest(self.config.steps), self._slow_mark, self._data_mark, *begun)
        mark = phase_digest(self.run, "stage2", settings, *depends)
        outputs = [self.artifacts.generator_path(FAST), *([self.artifacts.lora_path] if settings.lora else [])]
        work = partial(stage2.train, self.run, mark)
        title, needs = "the FastGenerator, distilled", self._done("data", "base")
        return Phase(phase.name, title, mark, outputs, needs, work, basis=digest(*depends))

    def _stage3(self, phase: PhaseName) -> Phase:
        adapter = self._adapter(phase)
        below = PhaseName("stage1", adapter).name
        given = None if adapter.slow is None else digest(file_digest(adapter.slow), adapter)
        slow_adapter = given or self.made[below].fingerprint
        depends = (slow_adapter, self._fast_mark, self._slow_mark)
        mark = phase_digest(self.run, "stage3", self.config.stage3, *depends)
        title = f"the FastAdapter ({adapter.kind}) on the FastGenerator"
        outputs = [self.artifacts.adapter_path(FAST, adapter.kind)]
        needs = [*(self._done(below) or self._done("data", "base")), *self._done("stage2")]
        work = partial(stage3.train, self.run, adapter, mark)
        return Phase(phase.name, title, mark, outputs, needs, work, basis=digest(*depends))

    def _evaluate(self, phase: PhaseName) -> Phase:
        settings = self.config.evaluate.model_dump(mode="json", exclude={"workers", "batch"})
        mark = digest("evaluate", settings, *(last.fingerprint for last in self._last()))
        outputs = [self.run.folder / "report/metrics.json"]
        title, work = "what the adapters do on held-out clips", partial(evaluate, self.run)
        return Phase(phase.name, title, mark, outputs, self._last(), work)

    def _export(self, phase: PhaseName) -> Phase:
        mark = digest("export", self.config.export, *(last.fingerprint for last in self._last()))
        outputs: Sequence[Path] = [self.run.folder / "export" / "model_patches"]
        return Phase(
            phase.name, "files for ComfyUI", mark, outputs, self._last(), partial(export, self.run), alone=True
        )

    def _last(self) -> list[Phase]:
        """The phases that no training depends on: stage 3 and the decoder."""
        adapters = self.config.models.adapters
        return self._done(*(PhaseName("stage3", adapter).name for adapter in adapters), "decoder")

    def _done(self, *names: str) -> list[Phase]:
        """Those of these phases that the run has."""
        return [self.made[name] for name in names if name in self.made]

    @staticmethod
    def _adapter(phase: PhaseName) -> Adapter:
        assert phase.adapter is not None
        return phase.adapter

    # What a phase depends on: a given file, or the phase that makes it.

    @property
    def _codec_mark(self) -> str:
        given = self.config.models.vae
        return codec_digest(self.config) if given is None else file_digest(given)

    @cached_property
    def _data_mark(self) -> str:
        data, models = self.config.data, self.config.models
        settings = data.model_dump(mode="json", exclude={"workers", "share", "prepare"})
        prepared = self.made.get("prepare")
        clips = self._videos_marks() if prepared is None else [prepared.fingerprint]
        return digest("data", settings, self._codec_mark, models.text_encoder, models.negative_prompt, *clips)

    def _videos_marks(self) -> list[Any]:
        """What changes with the videos; only rank 0 looks, as there may be many."""
        data, marks = self.config.data, list[Any]()
        with together(self.run.world):
            for split, source in (("train", data.train), ("eval", data.evaluation)) if self.run.world.is_main else ():
                if isinstance(source, Videos):
                    marks.append(videos_mark(source.places, self.artifacts.looks_file(split)))
        return broadcast_object(self.run.world, marks)

    @property
    def _slow_mark(self) -> str:
        given = self.config.models.generator
        return self.made["base"].fingerprint if given is None else file_digest(given)

    @property
    def _fast_mark(self) -> str:
        given = self.config.models.fast_generator
        return self.made["stage2"].fingerprint if given is None else file_digest(given)
