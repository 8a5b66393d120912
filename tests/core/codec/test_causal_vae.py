"""The cheaper ways through diffusers' Wan VAE give every bit of the plain ones, and are really taken; working ahead changes nothing."""

import threading

import numpy as np
import pytest
import torch

from flashmotion_core.acceleration.compile import plain_blocks
from flashmotion_core.acceleration.switches import contiguous_weights, faster_decoder
from flashmotion_core.codec.causal_vae import decode_stream, decoder_parts
from flashmotion_core.codec.taehv import TAEHV
from flashmotion_core.codec.vae import TinyVae, WanVae
from flashmotion_core.video.mp4 import ahead

from ...support.sentences import refuses

SIDE = 32


def random_vae(num_res_blocks):
    from diffusers import AutoencoderKLWan

    torch.manual_seed(2)
    return AutoencoderKLWan(
        base_dim=8,
        decoder_base_dim=8,
        z_dim=48,
        num_res_blocks=num_res_blocks,
        temperal_downsample=[False, True, True],
        is_residual=True,
        in_channels=12,
        out_channels=12,
        patch_size=2,
        scale_factor_spatial=16,
    ).requires_grad_(False)


@pytest.fixture(scope="module")
def model():
    return random_vae(2)


def control_map(*positions):
    """Black frames with one white box at each frame's place."""
    frames = np.zeros((len(positions), SIDE, SIDE, 3), np.uint8)
    for frame, left in zip(frames, positions, strict=True):
        frame[8:20, left : left + 6] = 255
    return frames


MAPS = {
    "moving": control_map(*range(17)),
    "still for long": control_map(0, *[3] * 128),
    "moving, still, moving on": control_map(*range(9), *[9] * 40, *range(9, 17)),
    "back and forth by whole chunks": control_map(0, *([1] * 4 + [2] * 4) * 4),
    "one picture": control_map(4),
}


@pytest.mark.parametrize("frames", MAPS.values(), ids=list(MAPS))
def test_an_encoded_clip_has_every_bit_of_the_plain_one(model, frames):
    assert torch.equal(WanVae(model).encode(frames), WanVae(model, plain=True).encode(frames))


def calls_of(module, work):
    calls = []
    handle = module.register_forward_hook(lambda *_: calls.append(1))
    work()
    handle.remove()
    return len(calls)


def test_parts_of_the_encoder_come_to_rest_one_after_another(model):
    frames, encoder = MAPS["still for long"], model.encoder
    counts = [
        calls_of(part, lambda: WanVae(model).encode(frames))
        for part in (encoder.conv_in, *encoder.down_blocks, encoder.mid_block, encoder.conv_out)
    ]
    # Of 33 chunks. A part works on for as long as its own carried frames change, after the part before it has come to rest.
    assert counts == sorted(counts)
    assert counts[0] == 3
    assert counts[1] <= 6
    assert counts[2] <= 9
    assert counts[-1] < 33
    assert calls_of(encoder.conv_in, lambda: WanVae(model, plain=True).encode(frames)) == 33


def test_a_moving_clip_is_encoded_chunk_by_chunk(model):
    assert calls_of(model.encoder.conv_in, lambda: WanVae(model).encode(MAPS["moving"])) == 5


def test_decoding_as_a_stream_gives_every_bit_of_the_whole(model):
    latent = torch.randn(1, 48, 5, 2, 2, generator=torch.Generator().manual_seed(1))
    streamed, whole = (np.stack(list(WanVae(model, plain=plain).decode(latent))) for plain in (False, True))
    assert streamed.shape == (17, SIDE, SIDE, 3)
    assert np.array_equal(streamed, whole)


def test_the_first_frame_is_there_before_the_others_are_computed(model):
    latent = torch.randn(1, 48, 5, 2, 2, generator=torch.Generator().manual_seed(1))
    stream = WanVae(model).decode(latent)
    assert calls_of(model.decoder.conv_in, lambda: next(stream)) == 1
    assert torch.is_grad_enabled()
    assert calls_of(model.decoder.conv_in, lambda: list(stream)) == 4


def test_tiled_encoding_stays_diffusers_own(model):
    frames = control_map(*range(5))
    model.enable_tiling(tile_sample_min_height=8, tile_sample_min_width=8)
    try:
        assert torch.equal(WanVae(model).encode(frames), WanVae(model, plain=True).encode(frames))
    finally:
        model.use_tiling = False


# Switches of the decoder


def latent_of(frames, side=2):
    return torch.randn(1, 48, frames, side, side, generator=torch.Generator().manual_seed(1))


@pytest.mark.slow
def test_a_compiled_decoder_gives_every_bit_and_is_compiled_once_for_all_later_frames():
    model = random_vae(1)
    plain = list(WanVae(model).decode(latent_of(6)))
    from torch._dynamo.testing import CompileCounter  # takes 2 s to import

    torch._dynamo.reset()
    counter = CompileCounter()
    parts = decoder_parts(model)
    faster_decoder(WanVae(model), channels_last=False, compiled=True, backend=counter)
    stream = WanVae(model).decode(latent_of(6))
    compiled = [next(stream) for _ in range(1 + 4 + 4)]
    # One program for each part: without carried frames, with the first ones, and with all.
    assert counter.frame_count == 3 * len(parts)
    compiled += stream
    assert np.array_equal(np.stack(compiled), np.stack(plain))
    list(WanVae(model).decode(latent_of(3)))
    assert counter.frame_count == 3 * len(parts)
    plain_blocks(parts)
    assert np.array_equal(np.stack(list(WanVae(model).decode(latent_of(6)))), np.stack(plain))
    assert counter.frame_count == 3 * len(parts)


def test_channels_last_gives_the_same_pixels_and_can_be_undone(model):
    latent = latent_of(4, side=4)
    plain = torch.cat(list(decode_stream(model, latent)), dim=2)
    weights = {key: value.clone() for key, value in model.state_dict().items()}
    faster_decoder(WanVae(model), channels_last=True, compiled=False)
    conv = model.decoder.up_blocks[0].resnets[0].conv1.weight
    try:
        assert conv.is_contiguous(memory_format=torch.channels_last_3d)
        assert not conv.is_contiguous()
        found = torch.cat(list(decode_stream(model, latent)), dim=2)
        torch.testing.assert_close(found, plain, rtol=0, atol=1e-5)
        assert plain.abs().mean() > 0.1
        assert all(torch.equal(value, weights[key]) for key, value in model.state_dict().items())
    finally:
        contiguous_weights(model.decoder)
    assert conv.is_contiguous()
    assert torch.equal(torch.cat(list(decode_stream(model, latent)), dim=2), plain)


def test_the_small_codec_has_no_such_switches():
    small = TinyVae(TAEHV(encoder_width=8, decoder_widths=(16, 12, 8, 8)))
    faster_decoder(small, channels_last=False, compiled=False)
    for switch in ("channels_last", "compiled"):
        with refuses(key="decoder of the full Wan 2.2 VAE", value="another", remedy="leave it off"):
            faster_decoder(small, **{"channels_last": False, "compiled": False, switch: True})


# Working ahead


@pytest.mark.parametrize("depth", [0, 1, 16])
def test_ahead_gives_the_same_items(depth):
    assert list(ahead(iter(range(50)), depth)) == list(range(50))


def test_ahead_works_while_the_reader_does():
    computed, third = [], threading.Event()

    def items():
        for index in range(10):
            computed.append(index)
            if index == 3:
                third.set()
            yield index

    reader = ahead(items(), 3)
    assert next(reader) == 0
    assert third.wait(10)
    assert list(reader) == list(range(1, 10))


@pytest.mark.parametrize("depth", [0, 2])
def test_an_error_comes_after_the_items_before_it(depth):
    def items():
        yield 1
        raise ValueError("the disk is full")

    reader = ahead(items(), depth)
    assert next(reader) == 1
    with pytest.raises(ValueError) as raised:
        next(reader)
    assert str(raised.value) == "the disk is full"


def test_closing_early_ends_the_thread_and_the_items():
    closed = []

    def items():
        try:
            yield from range(1000)
        finally:
            closed.append(True)

    reader = ahead(items(), 2)
    next(reader)
    reader.close()
    assert closed == [True]
    assert not [thread for thread in threading.enumerate() if thread.name == "ahead"]
