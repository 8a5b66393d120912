"""Which keys of a file are the network that is wanted, and what stands in front of them.

One rule for every door (LoadFastGenerator, ApplyFastAdapter, the converter, headless generation): wrappers of training code and of
ComfyUI's savers put names in front of a network's own keys (``model.diffusion_model.``, ``module.``, ``generator_ema.model.``) or into them
(``blocks.0._fsdp_wrapped_module.``), and a file may hold more than one network.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

ANCHOR = "patch_embedding.weight"
"""A key that every Wan generator and every ControlNet has, in either layout: what stands in front of it is the prefix."""
RESIDUE = frozenset({"_fsdp_wrapped_module", "_checkpoint_wrapped_module", "_orig_mod", "_forward_module"})
"""Parts that FSDP, checkpointing, ``torch.compile`` and DeepSpeed leave anywhere in a key."""
WRAPPERS = frozenset(
    {
        "model",
        "module",
        "diffusion_model",
        "generator",
        "generator_ema",
        "ema",
        "ema_model",
        "model_ema",
        "student",
        "transformer",
    }
    | {"dit", "net", "unet", "adapter", "controlnet", "state_dict", "app", "weights", "params"}
)
"""Names that stand in front of a network's keys; what has no anchor loses them one by one."""
PREFERRED = ("generator_ema", "ema", "ema_model", "model_ema", "generator", "student", "adapter", "controlnet")
"""Of several networks in one file the first of these is taken."""
COMPANIONS = frozenset(("critic", "fake_score", "real_score", "teacher", "discriminator", "optimizer"))
"""Networks of training that are taken only when they are asked for."""


@dataclass(frozen=True)
class FoundNetwork:
    """One network in a file.

    Attributes:
        prefix: what stands in front of its keys, with a final dot; empty where nothing does.
        keys: ``{the network's own key: key in the file}``.
        others: the file's other keys, as they stand there.
    """

    prefix: str
    keys: dict[str, str]
    others: tuple[str, ...]

    def bare(self, key: str) -> str:
        """A key (or a layer's name) of the file as the network's own."""
        return without_residue(key).removeprefix(self.prefix) if self.prefix else strip_wrappers(key)


def find_network(keys: Iterable[str], take: str | None = None, prefer: Sequence[str] = PREFERRED) -> FoundNetwork:
    """Find the network in a file by its keys alone.

    Args:
        keys: all keys of the file.
        take: a part of the prefix (such as ``generator``) that names the network; None takes the first of ``prefer``.
        prefer: see ``PREFERRED``.

    Raises:
        ValueError: ``take`` names nothing; there are several networks and no way to choose; or two keys become one.
    """
    keys = list(keys)
    clean = {key: without_residue(key) for key in keys}
    prefixes = {name.removesuffix(ANCHOR) for name in clean.values() if name == ANCHOR or name.endswith(f".{ANCHOR}")}
    if not prefixes:
        prefixes = {_wrappers(name) for name in clean.values()}
        main = {prefix for prefix in prefixes if not set(prefix.split(".")) & COMPANIONS} or prefixes
        bare = {key: strip_wrappers(key) for key, name in clean.items() if _wrappers(name) in main}
        if take is None and len(set(bare.values())) == len(bare):
            return _network("", bare, keys)
    prefix = _choose(sorted(prefixes), take, prefer)
    # A network inside another one's prefix (a ControlNet beside a bare generator) is not part of it.
    inner = tuple(other for other in prefixes if other != prefix and other.startswith(prefix))
    own = {
        key: name.removeprefix(prefix)
        for key, name in clean.items()
        if name.startswith(prefix) and not (inner and name.startswith(inner))
    }
    return _network(prefix, own, keys)


def without_residue(key: str) -> str:
    """A key without what wrappers leave in its middle; see ``RESIDUE``."""
    if not any(part in key for part in RESIDUE):
        return key
    return ".".join(part for part in key.split(".") if part not in RESIDUE)


def strip_wrappers(key: str) -> str:
    """A key without residue and without any name of ``WRAPPERS`` in front."""
    name = without_residue(key)
    return name.removeprefix(_wrappers(name))


def _wrappers(name: str) -> str:
    """The part of a key that consists of wrappers' names, with its final dot."""
    parts = name.split(".")
    count = next((index for index, part in enumerate(parts) if part not in WRAPPERS | COMPANIONS), 0)
    return "".join(f"{part}." for part in parts[:count])


def _choose(prefixes: Sequence[str], take: str | None, prefer: Sequence[str]) -> str:
    parts = {prefix: set(prefix.split(".")) for prefix in prefixes}
    if take is not None:
        found = [prefix for prefix in prefixes if take in parts[prefix]]
        if not found:
            raise ValueError(f"the file has no entry {take!r}, but {_listed(prefixes)}; take one of these.")
    else:
        found = [prefix for prefix in prefixes if not parts[prefix] & COMPANIONS] or list(prefixes)
        best = next((name for name in prefer if any(name in parts[prefix] for prefix in found)), None)
        found = [prefix for prefix in found if best is None or best in parts[prefix]]
    if len(found) > 1:
        raise ValueError(
            f"the file holds {len(found)} networks ({_listed(found)}); choose one of them by name with the converter."
        )
    return found[0]


def _listed(prefixes: Sequence[str]) -> str:
    return ", ".join(prefix.removesuffix(".") or "keys without a prefix" for prefix in prefixes)


def _network(prefix: str, own: dict[str, str], keys: Sequence[str]) -> FoundNetwork:
    found: dict[str, str] = {}
    for key, name in own.items():
        if name in found:
            raise ValueError(f"the file's keys {found[name]!r} and {key!r} are both {name!r}; export it again.")
        found[name] = key
    return FoundNetwork(prefix, found, tuple(key for key in keys if key not in own))
