"""What can be told apart: by the discriminator as it is trained, by a linear probe of its taps, and by a small convolutional network."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from bench.claims_run.claim_rows import SIGMAS
from bench.claims_run.claim_training import judge
from flashmotion_core.files.whole_file import write_whole
from flashmotion_core.losses.adversarial import discriminator_gan_loss
from flashmotion_core.wan.conditioning import frame_timesteps
from train.config.method_settings import HybridSettings
from train.data.encoded import Batch
from train.engine.roles import Discriminator
from train.methods.hybrid import Hybrid

from .stage3_pairs import KINDS, level, noisy, read_pairs
from .stage3_place import Stage3Place
from .stage3_sizes import KIND, SEED

TRAINED = "trained"
"""The levels that the discriminator is trained with, spread evenly over the clips."""
RIDGES = (1e-3, 1e-2, 1e-1, 1.0, 10.0, 100.0)
"""Penalties of the linear probe, of which a fifth of the pairs chooses one."""
WIDTH, PAIRS_AT_ONCE, NET_RATE = 48, 32, 2e-3

Scores = Callable[[Tensor, Tensor], Tensor]
"""(noised clips, sigma of each) -> a score of each, positive for real."""


def ask_judge(place: Stage3Place, ahead: int) -> None:
    """Train the discriminator until so many iterations, and ask it about held-out pairs."""
    method = judge(place.at(ahead=ahead), KIND, SEED)
    assert isinstance(method, Hybrid)
    batch, samples = read_pairs(place, "ask")
    write_scores(place, f"sees_judge_{ahead}", {kind: judged(method, batch, samples[kind]) for kind in KINDS})


@torch.no_grad()
def judged(method: Hybrid, batch: Batch, sample_BCFHW: Tensor) -> dict[str, list[list[float]]]:
    """The discriminator's logits of real clips and of samples beside them, by noise level."""
    assert method.adversary is not None
    role, many = method.adversary.role, len(sample_BCFHW)

    def scores(x: Tensor, sigma_B: Tensor) -> Tensor:
        return role(x, sigma_B, batch.context_BMT, batch.control_box_BCFHW)

    spread = method.adversary.law.sigma((torch.arange(many) + 0.5) / many)
    return {
        **_by_level(batch.latent_BCFHW, sample_BCFHW, scores),
        TRAINED: _asked(batch.latent_BCFHW, sample_BCFHW, scores, spread.float()),
    }


def _by_level(real: Tensor, sample: Tensor, scores: Scores) -> dict[str, list[list[float]]]:
    return {f"{sigma:g}": _asked(real, sample, scores, level(sigma, len(real))) for sigma in SIGMAS}


def _asked(real: Tensor, sample: Tensor, scores: Scores, sigma_B: Tensor) -> list[list[float]]:
    found = [scores(noisy(one, sigma_B, "ask"), sigma_B) for one in (real, sample)]
    return [[round(value, 4) for value in one.tolist()] for one in found]


def write_scores(place: Stage3Place, name: str, found: object) -> None:
    """Keep scores of held-out pairs."""
    write_whole(place.result(name), json.dumps(found))


def ask_taps(place: Stage3Place) -> None:
    """Fit a linear probe on the means and deviations of the discriminator's taps, for each kind of sample and noise level."""
    builder, slow, settings = place.artifacts.builder, place.slow, place.config.stage3
    assert isinstance(settings, HybridSettings)
    network = builder.discriminator(builder.generator(slow.sizes, slow.weights), settings.gan)
    (learn, samples), (ask, asked) = read_pairs(place, "learn"), read_pairs(place, "ask")
    found: dict[str, dict[str, list[list[float]]]] = {kind: {} for kind in KINDS}
    for sigma in SIGMAS:
        real, real_ask = (
            tap_statistics(network, b, b.latent_BCFHW, sigma, s) for b, s in ((learn, "learn"), (ask, "ask"))
        )
        for kind in KINDS:
            fake = tap_statistics(network, learn, samples[kind], sigma, "learn")
            fake_ask = tap_statistics(network, ask, asked[kind], sigma, "ask")
            weights, bias = linear_probe(real, fake)
            scores = [(one @ weights + bias).tolist() for one in (real_ask, fake_ask)]
            found[kind][f"{sigma:g}"] = [[round(value, 4) for value in one] for one in scores]
    write_scores(place, "sees_taps", found)


@torch.no_grad()
def tap_statistics(network: Discriminator, batch: Batch, latent_BCFHW: Tensor, sigma: float, split: str) -> Tensor:
    """Mean and deviation of each tap's channels over the generated frames' tokens, ``[B, taps * 2 * D]``."""
    sigma_B = level(sigma, len(latent_BCFHW))
    x, found = noisy(latent_BCFHW, sigma_B, split), []
    for rows in torch.arange(len(x)).split(64):
        timesteps = frame_timesteps(1000 * sigma_B[rows], x.shape[2], True)
        taps, (_, height, width) = network.backbone.features(x[rows], timesteps, batch.context_BMT[rows], network.taps)
        tokens = [tap[:, height * width :] for tap in taps]
        found.append(torch.cat([part for tap in tokens for part in (tap.mean(1), tap.std(1))], dim=1))
    return torch.cat(found)


def linear_probe(real_ND: Tensor, fake_ND: Tensor) -> tuple[Tensor, float]:
    """Weights and bias of the ridge regression to +1 and -1, whose penalty is the best of `RIDGES` on every fifth pair; scores above 0 are real."""
    held = torch.arange(len(real_ND)) % 5 == 4

    def fitted(rows: Tensor, ridge: float) -> tuple[Tensor, float]:
        x, y = torch.cat([real_ND[rows], fake_ND[rows]]).double(), torch.ones(2 * int(rows.sum())).double()
        y[len(y) // 2 :] = -1
        mean, scale = x.mean(0), x.std(0) + 1e-6
        z = (x - mean) / scale
        gram = z @ z.T + ridge * len(z) * torch.eye(len(z)).double()
        weights = z.T @ torch.linalg.solve(gram, y) / scale
        return weights.float(), -float(mean @ weights)

    def right(ridge: float) -> float:
        weights, bias = fitted(~held, ridge)
        return float(((real_ND[held] @ weights + bias > 0).float() + (fake_ND[held] @ weights + bias < 0)).mean())

    best = max(RIDGES, key=right)
    return fitted(torch.ones_like(held), best)


class LatentNet(nn.Module):
    """A small convolutional network on noised latents: no frozen features, nothing of trajectory or text. It is told the noise level."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv3d(channels + 1, WIDTH, (1, 3, 3), padding=(0, 1, 1))
        self.second = nn.Conv3d(WIDTH, WIDTH, 3, padding=1)
        self.third = nn.Conv3d(WIDTH, WIDTH, (1, 3, 3), padding=(0, 1, 1))
        self.norms = nn.ModuleList(nn.GroupNorm(6, WIDTH) for _ in range(2))
        self.head = nn.Linear(2 * WIDTH, 1)

    def forward(self, x_BCFHW: Tensor, sigma_B: Tensor) -> Tensor:
        """Scores ``[B]``."""
        told = sigma_B.view(-1, 1, 1, 1, 1).expand(-1, 1, *x_BCFHW.shape[2:])
        x = functional.silu(self.first(torch.cat([x_BCFHW, told], dim=1)))
        x = functional.silu(self.second(self.norms[0](x)))
        x = functional.silu(self.third(self.norms[1](x)))[:, :, 1:].flatten(2)
        score: Tensor = self.head(torch.cat([x.mean(2), x.std(2)], dim=1))
        return score.squeeze(1)


def ask_net(place: Stage3Place, kind: str) -> None:
    """Train a network on pairs of one kind, and ask it about held-out ones."""
    (learn, samples), (ask, asked) = read_pairs(place, "learn"), read_pairs(place, "ask")
    net = train_net(learn.latent_BCFHW, samples[kind], place.counts.net_steps).eval()
    with torch.no_grad():
        found = _by_level(ask.latent_BCFHW, asked[kind], net)
    write_scores(place, f"sees_net_{KINDS.index(kind)}", {kind: found})


def train_net(real_BCFHW: Tensor, fake_BCFHW: Tensor, steps: int) -> LatentNet:
    """A network that has learnt to tell noised real clips from noised samples, at all of `SIGMAS`."""
    generator = torch.Generator().manual_seed(SEED)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        net = LatentNet(real_BCFHW.shape[1])
    optimizer = torch.optim.AdamW(net.parameters(), NET_RATE, weight_decay=0.05)
    falling = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    levels = torch.tensor(SIGMAS)
    for rows in _rows(len(real_BCFHW), steps, generator):
        sigma_B = levels[torch.randint(len(levels), (len(rows),), generator=generator)]
        share = sigma_B.view(-1, 1, 1, 1, 1)
        real, fake = real_BCFHW[rows], fake_BCFHW[rows]
        noise = torch.randn(real.shape, generator=generator)
        noise[:, :, 0] = real[:, :, 0]  # frame 0 stays clean
        x = torch.cat([(1 - share) * one + share * noise for one in (real, fake)])
        scores = net(x, sigma_B.repeat(2))
        optimizer.zero_grad(set_to_none=True)
        discriminator_gan_loss(*scores.chunk(2)).mean().backward()
        optimizer.step()
        falling.step()
    return net


def _rows(many: int, steps: int, generator: torch.Generator) -> Iterator[Tensor]:
    for _ in range(steps):
        yield torch.randperm(many, generator=generator)[:PAIRS_AT_ONCE]
