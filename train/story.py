"""The phases of a run in order, with what each stands on; `run_all` tells the story, the stage scripts pick from it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from . import stage1_slow_adapter, stage2_fast_generator, stage3_fast_adapter
from .codec.codec_phase import codec_digest, train_codec_phase, train_decoder_phase
from .config.settings import Adapter
from .evaluation import evaluate
from .files import digest, file_digest
from .publish import export
from .run_folder import encoding as encode_data
from .run_folder.artifacts import BASE, FAST, SLOW, Parts, phase_digest
from .run_folder.run import Phase, Run
from .stages import base_generator


class Story:
    """Collects the phases of a configuration; those whose result is given (a generator, a VAE) are not among them."""

    def __init__(self, run: Run) -> None:
        self.run, self.config, self.parts = run, run.config, Parts(run)
        self.phases: list[Phase] = []

    def told(self) -> list[Phase]:
        """All phases, in order."""
        codec, codec_phase = self._codec()
        data, data_phase = self._data(codec, codec_phase)
        slow, base_phase = self._base(data, data_phase)
        ground = [*data_phase, *base_phase]
        slow_adapters = [self._stage1(adapter, slow, data, ground) for adapter in self.config.models.adapters]
        fast, fast_phase = self._stage2(slow, data, ground)
        last = [
            self._stage3(adapter.kind, below, [*(phase or ground), *fast_phase], fast, slow)
            for adapter, (below, phase) in zip(self.config.models.adapters, slow_adapters, strict=True)
        ]
        last += self._decoder(codec, codec_phase)
        marks = [phase.fingerprint for phase in last]
        settings = self.config.evaluate.model_dump(mode="json", exclude={"workers", "batch"})
        metrics = self.run.folder / "report/metrics.json"
        self._add(
            "evaluate", "what the adapters do on held-out clips", digest("evaluate", settings, *marks), [metrics], last,
            partial(evaluate.evaluate, self.run),
        )  # fmt: skip
        exported = [self.run.folder / "export" / "model_patches"]
        self._add(
            "export", "files for ComfyUI", digest("export", self.config.export, *marks), exported, last,
            partial(export.export, self.run), alone=True,
        )  # fmt: skip
        return self.phases

    def _codec(self) -> tuple[str, list[Phase]]:
        given = self.config.models.vae
        if given is not None:
            return file_digest(given), []
        mark = codec_digest(self.config)
        work = partial(train_codec_phase, self.run)
        title = "a small codec for the synthetic world"
        return mark, [self._add("codec", title, mark, [self.parts.codec_path], [], work, alone=True)]

    def _decoder(self, codec: str, needs: Sequence[Phase]) -> list[Phase]:
        if not self.parts.has_decoder_phase:
            return []
        work, outputs = partial(train_decoder_phase, self.run), [self.parts.decoder_path]
        mark = digest("decoder", codec)
        return [self._add("decoder", "the codec's decoder, alone", mark, outputs, needs, work, alone=True)]

    def _data(self, codec: str, needs: Sequence[Phase]) -> tuple[str, list[Phase]]:
        data, models = self.config.data, self.config.models
        settings = data.model_dump(mode="json", exclude={"workers", "share"})
        mark = digest("data", settings, codec, models.text_encoder, models.negative_prompt)
        outputs = [self.parts.clips_folder(split) / "complete.json" for split in ("train", "eval")]
        work = partial(encode_data.encode, self.run)
        return mark, [self._add("data", "clips and control maps, encoded once", mark, outputs, needs, work, alone=True)]

    def _base(self, data: str, needs: Sequence[Phase]) -> tuple[str, list[Phase]]:
        models = self.config.models
        if models.generator is not None:
            return file_digest(models.generator), []
        depends = (digest(models.sizes), digest(models.base_adapter), data)
        mark = phase_digest(self.run, "base", self.config.base, *depends)
        work = partial(base_generator.train, self.run, mark)
        outputs = [self.parts.generator_path(SLOW), self.parts.adapter_path(BASE, models.base_adapter.kind)]
        return mark, [self._add("base", "a small SlowGenerator", mark, outputs, needs, work)]

    def _stage1(self, adapter: Adapter, slow: str, data: str, needs: Sequence[Phase]) -> tuple[str, list[Phase]]:
        if adapter.slow is not None:
            return digest(file_digest(adapter.slow), adapter), []
        kind, begun = adapter.kind, [file_digest(adapter.start)] if adapter.start else []
        mark = phase_digest(self.run, "stage1", self.config.stage1, digest(adapter), slow, data, *begun)
        title = f"the SlowAdapter ({kind}) on the SlowGenerator"
        work = partial(stage1_slow_adapter.train, self.run, kind, mark)
        return mark, [self._add(f"stage1_{kind}", title, mark, [self.parts.adapter_path(SLOW, kind)], needs, work)]

    def _stage2(self, slow: str, data: str, needs: Sequence[Phase]) -> tuple[str, list[Phase]]:
        given, settings = self.config.models.fast_generator, self.config.stage2
        if given is not None:
            return file_digest(given), []
        mark = phase_digest(self.run, "stage2", settings, digest(self.config.steps), slow, data)
        outputs = [self.parts.generator_path(FAST), *([self.parts.lora_path] if settings.lora else [])]
        work = partial(stage2_fast_generator.train, self.run, mark)
        return mark, [self._add("stage2", "the FastGenerator, distilled", mark, outputs, needs, work)]

    def _stage3(self, kind: str, below: str, needs: Sequence[Phase], fast: str, slow: str) -> Phase:
        mark = phase_digest(self.run, "stage3", self.config.stage3, below, fast, slow)
        title = f"the FastAdapter ({kind}) on the FastGenerator"
        work = partial(stage3_fast_adapter.train, self.run, kind, mark)
        return self._add(f"stage3_{kind}", title, mark, [self.parts.adapter_path(FAST, kind)], needs, work)

    def _add(
        self,
        name: str,
        title: str,
        fingerprint: str,
        outputs: Sequence[Path],
        needs: Sequence[Phase],
        work: Callable[[], None],
        alone: bool = False,
    ) -> Phase:
        phase = Phase(name, title, fingerprint, outputs, needs, work, alone)
        self.phases.append(phase)
        return phase


def phases_of(run: Run) -> list[Phase]:
    """All phases that this configuration has, in order."""
    return Story(run).told()
