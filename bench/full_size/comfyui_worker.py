"""Inside ComfyUI, in a separate process: its stock graph and ours on the same random weights. Started by ``comfyui.py``.

python comfyui_worker.py COMFYUI SHAPES SIZE RUNS PATIENCE        rows as one line of JSON on stdout
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SEED = 11


def start(comfyui: str) -> Any:
    """Import ComfyUI, then the pack under its own name; returns the pack."""
    # ComfyUI in front and ours at the end: the top-level name `nodes` is ComfyUI's.
    sys.path.insert(0, comfyui)
    sys.path.append(str(ROOT))
    import torch

    from bench.inside_comfyui import load_pack, start_comfyui

    start_comfyui(Path(comfyui), cpu=not torch.cuda.is_available())
    import nodes

    assert Path(nodes.__file__).parent == Path(comfyui)
    return load_pack()


class Graphs:
    """Both graphs on one set of models."""

    def __init__(self, pack: Any, shapes: Any, clip: Any) -> None:
        import comfy.sd
        import torch

        from bench.full_size import models
        from flashmotion_core.adapters import save_adapter

        self.pack, self.clip = pack, clip
        cuda = torch.cuda.is_available()
        self.device = torch.device("cuda" if cuda else "cpu")
        dtype = torch.bfloat16 if cuda else torch.float32
        self.dtype = "bf16" if cuda else "float32"
        weights = models.made("generator", shapes, self.device, dtype).state_dict()
        config = {"text_dim": shapes.generator.text_dim, "num_heads": shapes.generator.num_heads}
        self.model = comfy.sd.load_diffusion_model_state_dict(
            {key: value.cpu() for key, value in weights.items()},
            model_options={"dtype": dtype},
            metadata={"config": json.dumps({"transformer": config})},
        )
        self.vae = comfy.sd.VAE(sd=self._vae_weights(shapes, dtype))
        wan_patch = sys.modules["flashmotion_pack.nodes.wan_patch"]
        adapter_loading = sys.modules["flashmotion_pack.nodes.adapter_loading"]
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "resnet.safetensors"
            save_adapter(path, models.adapter("resnet", shapes, torch.device("cpu"), dtype))
            file = adapter_loading.read_adapter(str(path))
            file.state_dict.update({key: value.clone() for key, value in file.state_dict.items()})
        self.adapter = adapter_loading.load_adapter(file, wan_patch.wan_config(self.model))
        width = shapes.generator.text_dim
        self.text = [[torch.randn(1, 512, width, generator=torch.Generator().manual_seed(1)), {}]]

    def _vae_weights(self, shapes: Any, dtype: Any) -> dict[str, Any]:
        """The Wan 2.2 VAE of the real shape; for tiny shapes the small codec, the only other one that ComfyUI loads."""
        import comfy.ldm.wan.vae2_2
        import torch

        from bench.full_size import models
        from flashmotion_core.codec.taehv import TAEHV

        with torch.device("meta"):
            vae: Any = TAEHV()
            if shapes.name == "real":
                vae = comfy.ldm.wan.vae2_2.WanVAE(z_dim=48, temperal_downsample=[False, True, True])
        models.fill(vae, self.device, dtype)
        models.calm(vae)
        return {key: value.cpu() for key, value in vae.state_dict().items()}

    def latent(self) -> dict[str, Any]:
        """Wan22ImageToVideoLatent with a start picture."""
        import torch
        from comfy_extras.nodes_wan import Wan22ImageToVideoLatent

        from bench.full_size.clip_job import picture

        start = torch.from_numpy(picture(self.clip))[None].float() / 255
        size = (self.clip.width, self.clip.height, self.clip.frames)
        found: dict[str, Any] = Wan22ImageToVideoLatent.execute(self.vae, *size, 1, start_image=start).args[0]
        return found

    def stock(self, latent: dict[str, Any]) -> dict[str, Any]:
        """KSampler with lcm, four steps, CFG 1."""
        import nodes

        found: dict[str, Any] = nodes.KSampler().sample(
            self.model, SEED, 4, 1.0, "lcm", "simple", self.text, self.text, latent, 1.0
        )[0]
        return found

    def ours(self, latent: dict[str, Any], model: Any = None) -> dict[str, Any]:
        """FewStepSampler."""
        found: dict[str, Any] = self.pack.nodes.FewStepSampler.execute(
            model=model or self.model, latent=latent, seed=SEED, preset="turbo", steps=4, positive=self.text
        ).args[0]
        return found

    def controlled(self) -> Any:
        """The model under a ResNet adapter, as ApplyFastAdapter makes it; draws and encodes the map."""
        import torch

        from bench.full_size.clip_job import control_map

        wan_patch = sys.modules["flashmotion_pack.nodes.wan_patch"]
        encode_control = sys.modules["flashmotion_pack.nodes.control_encoding"].encode_control
        control = encode_control(self.vae, self.model, torch.from_numpy(control_map(self.clip)))
        return wan_patch.apply_adapter(self.model, self.adapter, control, 1.0, 1.0, 0.0)

    def finish(self, latent: dict[str, Any]) -> None:
        """VAEDecode and the file."""
        import torch

        import nodes
        from bench.full_size.clip_job import FPS, a_file
        from flashmotion_core.video.mp4 import write_mp4

        (images,) = nodes.VAEDecode().decode(self.vae, latent)
        frames = (images.float() * 255).round_().clamp_(0, 255).to(torch.uint8).cpu().numpy()
        with a_file() as path:
            write_mp4(path, frames, FPS)


def main() -> None:
    """Command line."""
    comfyui, shapes_name, size, runs, patience = sys.argv[1:6]
    sys.argv[1:] = []  # ComfyUI would parse them as its own
    pack = start(comfyui)
    import torch

    from bench.full_size import models
    from bench.full_size.clip_job import ClipSize
    from bench.full_size.clock import Clock
    from bench.full_size.rows import Recorder, SpeedRow

    shapes = models.REAL if shapes_name == "real" else models.TINY
    with torch.inference_mode():  # as ComfyUI runs nodes
        graphs = Graphs(pack, shapes, ClipSize.parse(size))
        recorder = Recorder(
            Clock(graphs.device, 1, int(runs), float(patience)), lambda line: print(line, file=sys.stderr)
        )
        latent = graphs.latent()
        vae = "full" if shapes.name == "real" else "small"

        def row(group: str, name: str, adapter: str, **more: str) -> SpeedRow:
            return SpeedRow(
                group,
                name,
                size,
                {"dtype": graphs.dtype, "mode": "eager", "adapter": adapter, "host": "ComfyUI", **more},
            )

        model = graphs.controlled()
        recorder.measure(row("comfyui", "KSampler, four steps", "none"), lambda: lambda _: graphs.stock(latent))
        recorder.measure(row("comfyui", "FewStepSampler, four steps", "none"), lambda: lambda _: graphs.ours(latent))
        recorder.measure(
            row("comfyui", "FewStepSampler, four steps", "resnet"), lambda: lambda _: graphs.ours(latent, model)
        )
        recorder.measure(
            row("peers", "ComfyUI, picture to mp4", "none", vae=vae),
            lambda: lambda _: graphs.finish(graphs.stock(graphs.latent())),
        )
        recorder.measure(
            row("comfyui", "picture and boxes to mp4", "resnet", vae=vae),
            lambda: lambda _: graphs.finish(graphs.ours(graphs.latent(), graphs.controlled())),
        )
    print(json.dumps([found.as_json() for found in recorder.rows]))


if __name__ == "__main__":
    main()
