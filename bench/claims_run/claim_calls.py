"""The paper's claims as calls on differences between rows, fixed before anything ran."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .claim_statistics import FRECHET

FULL, GAN, DIFFUSION, MORE = "full, linear lambda", "GAN only", "diffusion only", "more stage 1"
ON_FAST, MANY, FEW, UNGUIDED = "slow_on_fast", "slow_many", "slow_few", "slow_unguided"
RESNET, CONTROLNET = "resnet", "controlnet"
NOT_BELOW = 0.02

Key = tuple[str, str]


@dataclass(frozen=True)
class Call:
    """One condition: row `a` minus row `b` in a measure lies above `margin` (or, with `below`, under it).

    The interval decides: wholly on the right side it holds, wholly on the other it fails, else it is open.
    """

    a: Key
    b: Key
    measure: str
    below: bool = False
    margin: float = 0.0


@dataclass(frozen=True)
class Claim:
    """A claim of the paper.

    Attributes:
        title: where it stands.
        says: what it says, in our terms.
        gates: without which it cannot be judged here.
        calls: all must hold; one that fails refutes it.
        either: of these one must hold; if even the estimates of all are on the wrong side, the claim is refuted.
    """

    title: str
    says: str
    gates: tuple[str, ...]
    calls: tuple[Call, ...] = ()
    either: tuple[Call, ...] = ()


NAMES: Mapping[str, str] = {
    "real": "real clips",
    "codec": "real clips through the codec",
    "static": "frame 0, standing still",
    "paste": "copy and paste",
    MANY: "SlowAdapter, many steps",
    FEW: "SlowAdapter on the SlowGenerator, four steps",
    UNGUIDED: "SlowAdapter, many steps, no guidance",
    ON_FAST: "SlowAdapter on the FastGenerator (b)",
    DIFFUSION: "diffusion only (c)",
    FULL: "full, linear lambda (e)",
}


def _r(name: str) -> Key:
    return name, RESNET


def _c(name: str) -> Key:
    return name, CONTROLNET


ALWAYS = ("world", "gap")
WITH_GAN = (*ALWAYS, "discriminator")


def _ablation(title: str, says: str, name: str, measure: str, *, worse_is_more: bool) -> Claim:
    return Claim(title, says, WITH_GAN, (Call(_r(name), _r(FULL), measure, below=not worse_is_more),))


CLAIMS: Sequence[Claim] = (
    Claim(
        "Fig. 1 (a)",
        "the SlowAdapter follows its boxes, with many steps",
        ("world", "steps"),
        (Call(_r(MANY), ("static", ""), "box_iou"),),
    ),
    Claim(
        "Fig. 1 (b)",
        "on the FastGenerator it follows less closely or looks worse",
        ALWAYS,
        either=(Call(_r(ON_FAST), _r(MANY), "box_iou", below=True), Call(_r(ON_FAST), _r(MANY), FRECHET)),
    ),
    Claim(
        "Fig. 1 (c)",
        "the diffusion loss alone brings box IoU and costs sharpness",
        ALWAYS,
        (Call(_r(DIFFUSION), _r(ON_FAST), "box_iou"), Call(_r(DIFFUSION), _r(ON_FAST), "sharpness", below=True)),
    ),
    Claim(
        "Fig. 1 (d)",
        "distilling the adapter by LCM or DMD is farther from real clips than the full method",
        WITH_GAN,
        (Call(_r("LCM"), _r(FULL), FRECHET), Call(_r("DMD"), _r(FULL), FRECHET)),
    ),
    Claim(
        "Fig. 1 (e)",
        f"the full method keeps (c)'s box IoU but for {NOT_BELOW:g}, is closer to real clips than (b) and (c), and better than more stage 1",
        WITH_GAN,
        (
            Call(_r(FULL), _r(DIFFUSION), "box_iou", margin=-NOT_BELOW),
            Call(_r(FULL), _r(ON_FAST), FRECHET, below=True),
            Call(_r(FULL), _r(DIFFUSION), FRECHET, below=True),
        ),
        (Call(_r(FULL), _r(MORE), "box_iou"), Call(_r(FULL), _r(MORE), FRECHET, below=True)),
    ),
    Claim(
        "Main table, four steps against many",
        "the full method with four steps beats the SlowAdapter with many in box IoU and Frechet",
        WITH_GAN,
        (Call(_r(FULL), _r(MANY), "box_iou"), Call(_r(FULL), _r(MANY), FRECHET, below=True)),
    ),
    Claim(
        "Main table, against LCM and DMD",
        "the full method has the higher box IoU",
        WITH_GAN,
        (Call(_r(FULL), _r("LCM"), "box_iou"), Call(_r(FULL), _r("DMD"), "box_iou")),
    ),
    Claim(
        "Main table, ControlNet against ResNet",
        "the ControlNet follows more closely and is closer to real clips",
        (*WITH_GAN, "same loss"),
        (Call(_c(FULL), _r(FULL), "box_iou"), Call(_c(FULL), _r(FULL), FRECHET, below=True)),
    ),
    Claim(
        "Fig. 4, methods side by side",
        "the full method is sharper than LCM and DMD",
        WITH_GAN,
        (Call(_r(FULL), _r("LCM"), "sharpness"), Call(_r(FULL), _r("DMD"), "sharpness")),
    ),
    Claim(
        "Fig. 5, losses side by side",
        "the full method is sharper than the diffusion loss alone and follows more closely than the GAN alone",
        WITH_GAN,
        (Call(_r(FULL), _r(DIFFUSION), "sharpness"), Call(_r(FULL), _r(GAN), "box_iou")),
    ),
    _ablation("Ablation, no diffusion loss", "it costs box IoU", GAN, "box_iou", worse_is_more=False),
    _ablation("Ablation, no GAN loss", "it costs Frechet", DIFFUSION, FRECHET, worse_is_more=True),
    _ablation("Ablation, lambda 1", "it costs Frechet", "lambda 1", FRECHET, worse_is_more=True),
    _ablation(
        "Ablation, inverse lambda", "it costs Frechet against linear", "inverse lambda", FRECHET, worse_is_more=True
    ),
    _ablation(
        "Ablation, gradient balance", "it costs Frechet against linear", "gradient balance", FRECHET, worse_is_more=True
    ),
    *(
        _ablation(
            f"Ablation, no {name} attention",
            "it costs Frechet",
            f"without {name} attention",
            FRECHET,
            worse_is_more=True,
        )
        for name in ("semantic", "trajectory", "video")
    ),
    Claim(
        "ControlNet without stage 3",
        "it is farther from real clips",
        WITH_GAN,
        (Call(_c(ON_FAST), _c(FULL), FRECHET),),
    ),
    Claim(
        "ControlNet without diffusion loss",
        "it costs box IoU",
        WITH_GAN,
        (Call(_c(GAN), _c(FULL), "box_iou", below=True),),
    ),
    Claim(
        "ControlNet without GAN loss",
        "it costs Frechet",
        WITH_GAN,
        (Call(_c(DIFFUSION), _c(FULL), FRECHET),),
    ),
)
