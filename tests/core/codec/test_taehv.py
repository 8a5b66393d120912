"""The TAEHV-layout codec: layout, frame grouping, streaming, error sentences."""

import pytest
import torch
from safetensors.torch import save_file

from flashmotion_core.cli.convert_file import convert
from flashmotion_core.codec.taehv import TAEHV, encode_clip
from flashmotion_core.codec.taehv_blocks import MemoryBlock
from flashmotion_core.codec.taehv_file import from_state_dict, load_taehv

from ...support.sentences import refuses


@pytest.fixture
def codec():
    torch.manual_seed(0)
    return TAEHV(encoder_width=8, decoder_widths=(16, 12, 8, 8)).requires_grad_(False).eval()


def clip(frames, seed=1):
    return torch.rand(1, 3, frames, 32, 48, generator=torch.Generator().manual_seed(seed))


def test_default_layout_has_the_published_tensors_and_parameters():
    with torch.device("meta"):
        shapes = {key: tuple(value.shape) for key, value in TAEHV().state_dict().items()}
    assert len(shapes) == 128
    assert sum(torch.Size(shape).numel() for shape in shapes.values()) == 11_418_108
    assert shapes["encoder.12.conv.weight"] == (64, 64, 1, 1)
    assert shapes["decoder.13.conv.weight"] == (256, 128, 1, 1)
    assert shapes["decoder.22.bias"] == (12,)


def test_the_super_decoder_has_the_published_tensors_and_parameters():
    """Counted on madebyollin's class with ``arch_variant="super"``."""
    with torch.device("meta"):
        shapes = {key: tuple(value.shape) for key, value in TAEHV(is_super=True).state_dict().items()}
    assert len(shapes) == 112
    assert sum(torch.Size(shape).numel() for shape in shapes.values()) == 20_487_996
    assert shapes["decoder.0.weight"] == (512, 48, 1, 1)
    assert shapes["decoder.1.conv.0.weight"] == (1024, 1, 7, 7)
    assert shapes["decoder.14.conv.weight"] == (256, 128, 1, 1)


@pytest.mark.parametrize("is_super", [False, True])
def test_a_file_with_a_decoder_alone_only_decodes(is_super, tmp_path):
    torch.manual_seed(0)
    whole = TAEHV(encoder_width=8, decoder_widths=(16, 12, 8, 8), is_super=is_super).requires_grad_(False).eval()
    state = {key: value for key, value in whole.state_dict().items() if key.startswith("decoder.")}
    save_file(state, tmp_path / "decoder.safetensors")
    loaded = load_taehv(tmp_path / "decoder.safetensors")
    latent = torch.randn(1, 48, 3, 2, 3)
    assert torch.equal(loaded.decode(latent), whole.decode(latent))
    torch.testing.assert_close(whole.decode(latent, 3), whole.decode(latent), rtol=0, atol=1e-6)
    with refuses(key="this VAE", value="a decoder alone", remedy="encode with the full VAE"):
        loaded.encode(clip(4))


def test_the_name_says_which_latents_a_file_takes(codec):
    taken = {
        name: from_state_dict(codec.state_dict(), name).normalised
        for name in (
            "taew2_2.safetensors",
            "TAEW2_2_bf16.safetensors",
            "lighttaew2_2.safetensors",
            "tiny_vae.safetensors",
        )
    }
    assert list(taken.values()) == [True, True, False, False]
    large = TAEHV(encoder_width=8, decoder_widths=(16, 12, 8, 8), is_super=True)
    assert from_state_dict(large.state_dict(), "any.safetensors").normalised


def test_a_pickle_is_converted_under_a_name_that_keeps_its_colours(codec, tmp_path):
    torch.save(codec.state_dict(), tmp_path / "taew2_2.pth")
    with refuses(key="taew2_2.pth", value="pickled checkpoint", remedy="convert it with python convert.py"):
        load_taehv(tmp_path / "taew2_2.pth")
    assert "wrong" not in convert(tmp_path / "taew2_2.pth", tmp_path / "taew2_2.safetensors")
    assert "keep taew2_2" in convert(tmp_path / "taew2_2.pth", tmp_path / "small.safetensors")
    latent = torch.randn(1, 48, 2, 2, 2)
    assert torch.equal(load_taehv(tmp_path / "taew2_2.safetensors").decode(latent), codec.decode(latent))


def test_a_picture_and_a_clip_have_the_wan_vae_latent_sizes(codec):
    assert codec.encode(clip(1)).shape == (1, 48, 1, 2, 3)
    latent = encode_clip(codec, clip(9))
    assert latent.shape == (1, 48, 3, 2, 3)
    assert codec.decode(latent).shape == (1, 3, 9, 32, 48)


def test_a_single_picture_is_the_same_either_way(codec):
    assert torch.equal(codec.encode(clip(1)), encode_clip(codec, clip(1)))


def test_clip_frames_are_grouped_one_four_four(codec):
    before = encode_clip(codec, clip(9))
    for frame, first_changed in ((0, 0), (1, 1), (4, 1), (5, 2), (8, 2)):
        pixels = clip(9)
        pixels[:, :, frame] = 1 - pixels[:, :, frame]
        after = encode_clip(codec, pixels)
        changed = [index for index in range(3) if not torch.equal(before[:, :, index], after[:, :, index])]
        assert changed[0] == first_changed, frame


def test_plain_encode_repeats_the_last_frame(codec):
    pixels = clip(6)
    padded = torch.cat([pixels, pixels[:, :, -1:], pixels[:, :, -1:]], dim=2)
    assert torch.equal(codec.encode(pixels), codec.encode(padded))


@pytest.mark.parametrize("latents_per_chunk", [2, 5])
def test_chunk_size_does_not_change_the_result(codec, latents_per_chunk):
    pixels = torch.cat([clip(17), clip(17, seed=2)])
    latent = codec.encode(pixels)
    torch.testing.assert_close(codec.encode(pixels, latents_per_chunk), latent, rtol=0, atol=1e-6)
    torch.testing.assert_close(codec.decode(latent, latents_per_chunk), codec.decode(latent), rtol=0, atol=1e-6)


def test_decoding_streams(codec):
    calls = []
    codec.decoder[22].register_forward_hook(lambda *_: calls.append(1))
    stream = codec.decode_stream(torch.randn(1, 48, 6, 2, 2))
    assert calls == []
    assert next(stream).shape[2] == 1
    assert len(calls) == 1
    assert [chunk.shape[2] for chunk in stream] == [4] * 5


def test_blocks_that_only_lift_are_not_computed_and_change_no_bit(codec):
    blocks = [layer for layer in codec.encoder if isinstance(layer, MemoryBlock)]
    for block in blocks[:4]:
        block.last.weight.zero_()
    plain = encode_clip(codec, clip(9))
    loaded = from_state_dict(codec.state_dict(), "codec")
    skipping = [layer for layer in loaded.encoder if isinstance(layer, MemoryBlock)]
    assert [block.only_lifts for block in skipping] == [True] * 4 + [False] * 5
    calls = []
    skipping[0].conv.register_forward_hook(lambda *_: calls.append(1))
    assert torch.equal(encode_clip(loaded, clip(9)), plain)
    assert calls == []


def test_gradients_reach_every_weight():
    codec = TAEHV(encoder_width=8, decoder_widths=(8, 8, 8, 8))
    codec.decode(codec.encode(clip(8), latents_per_chunk=2), latents_per_chunk=2).square().mean().backward()
    assert [key for key, value in codec.named_parameters() if value.grad is None] == []


def test_widths_are_read_off_the_file(codec, tmp_path):
    path = tmp_path / "narrow.safetensors"
    save_file(codec.state_dict(), path)
    loaded = load_taehv(path)
    assert torch.equal(loaded.encode(clip(4)), codec.encode(clip(4)))
    assert torch.equal(loaded.decode(torch.ones(1, 48, 2, 2, 2)), codec.decode(torch.ones(1, 48, 2, 2, 2)))


def test_wrong_files_are_named(codec, tmp_path):
    with refuses(key="other.safetensors", value="16 latent channels, but 48", remedy="choose a file for Wan 2.2"):
        from_state_dict(TAEHV(16, 8, (8, 8, 8, 8), patch=1).state_dict(), "other.safetensors")
    with refuses(key="x is", value="1 tensors of an unknown model, such as 'a'", remedy="choose another file"):
        from_state_dict({"a": torch.zeros(1)}, "x")
    damaged = codec.state_dict() | {"extra": torch.zeros(1)}
    del damaged["encoder.4.conv.2.bias"]
    with refuses(key="x does not fit", value="encoder.4.conv.2.bias, extra)", remedy="choose another file"):
        from_state_dict(damaged, "x")
    with refuses(key="no file", value="none.safetensors", remedy="check the name and folder"):
        load_taehv(tmp_path / "none.safetensors")


def test_sides_must_be_multiples_of_16(codec):
    with refuses(key="picture", value="40 x 32", remedy="multiples of 16"):
        codec.encode(torch.zeros(1, 3, 1, 32, 40))
