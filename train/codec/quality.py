"""How well a codec preserves clips: the losses of training, and measurements at the end."""

from __future__ import annotations

from torch import Tensor

LATENTS_AT_ONCE = 5


def reconstruction(decoded_BCTHW: Tensor, pixels_BCTHW: Tensor) -> tuple[Tensor, Tensor]:
    """(mean squared error on a scale of -1..1; mean absolute error of the differences to the right and lower neighbours)."""
    error = decoded_BCTHW - pixels_BCTHW
    across, down = error.diff(dim=-1), error.diff(dim=-2)
    return 4 * error.square().mean(), across.abs().mean() + down.abs().mean()


def spread(normalised_BCFHW: Tensor) -> Tensor:
    """How far the channels are from mean 0 and deviation 1: squared mean plus squared log variance, averaged."""
    channels = normalised_BCFHW.transpose(0, 1).flatten(1)
    variances = channels.var(dim=1) + 1e-4
    return (channels.mean(dim=1).square() + variances.log().square()).mean()
<<<<<<< HEAD
=======


@torch.no_grad()
def evaluate_codec(codec: TAEHV, clips: Iterable[Clip]) -> dict[str, float]:
    """Measurements on clips that went through the codec.

    Returns:
        psnr and psnr_sprites (inside the boxes of visible sprites), in dB of the mean squared error over all clips. latent_mean (absolute) and
        latent_std, averaged over channels, and latent_max, all in the normalised space. box_iou and lost (share of sprites not found), as
        the world's tracker finds visible sprites after frame 0.
    """
    squares, inside, latents = [], [], []
    ious: list[NDArray[np.float64]] = []
    device = next(codec.parameters()).device
    for clip in clips:
        pixels = torch.from_numpy(clip.frames_THWC).to(device).movedim(-1, 0)[None].float() / 255
        latent = encode_clip(codec, pixels, LATENTS_AT_ONCE)
        decoded = codec.decode(latent, LATENTS_AT_ONCE).clamp(0, 1)
        latents.append(normalise(latent)[0].flatten(1))
        error_THW = (decoded - pixels).square().mean(dim=1)[0].cpu().numpy()
        squares.append(error_THW.ravel())
        inside.append(error_THW[_in_boxes(clip)])
        frames = (decoded[0].movedim(0, -1) * 255).round().byte().cpu().numpy()
        tracks = track(frames, clip.sprites, clip.poses_TN4[0])
        ious.append(box_iou(tracks.boxes_TN4, clip.boxes_TN4)[1:][clip.visible_TN[1:]])
    values = torch.cat(latents, dim=1)
    found = np.concatenate(ious)
    return {
        "psnr": _decibels(squares),
        "psnr_sprites": _decibels(inside),
        "latent_mean": values.mean(dim=1).abs().mean().item(),
        "latent_std": values.std(dim=1).mean().item(),
        "latent_max": values.abs().max().item(),
        "box_iou": float(found.mean()),
        "lost": float((found == 0).mean()),
    }


def _in_boxes(clip: Clip) -> NDArray[np.bool_]:
    frames, height, width, _ = clip.frames_THWC.shape
    mask = np.zeros((frames, height, width), dtype=np.bool_)
    for t, n in zip(*np.nonzero(clip.visible_TN), strict=True):
        x, y, w, h = clip.boxes_TN4[t, n]
        mask[t, max(round(y), 0) : max(round(y + h), 0), max(round(x), 0) : max(round(x + w), 0)] = True
    return mask


def _decibels(errors: list[NDArray[np.float32]]) -> float:
    return float(-10 * np.log10(np.concatenate(errors).mean()))
>>>>>>> train1
