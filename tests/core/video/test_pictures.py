"""Pictures and masks of any kind mean what one sees."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from flashmotion_core.video.pictures import picture_files, read_image, read_labels, read_mask
from tests.support.sentences import refuses

SHAPE = np.zeros((48, 64), dtype=bool)
SHAPE[10:30, 20:50] = True
RAMP = np.linspace(0, 65535, 256 * 256).reshape(256, 256)


def colours(seed: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (48, 64, 3), dtype=np.uint8)


def saved(folder: Path, picture: Image.Image, name: str = "picture.png", **options: object) -> Path:
    picture.save(folder / name, **options)
    return folder / name


def test_pictures_of_a_clip_are_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    names = ["f2.png", "f10.PNG", "f010.png", "f11.png", "g1.png"]
    for name in (*reversed(names), ".f1.png", "f3.txt", "f4.jpg"):
        (tmp_path / name).touch()
    assert [path.name for path in picture_files(tmp_path)] == ["f2.png", "f010.png", "f10.PNG", "f11.png", "g1.png"]
    assert picture_files(tmp_path / "nowhere") == []


def test_unreadable_files_are_named(tmp_path: Path) -> None:
    with refuses(key="no file", value="none.png", remedy="check the name and folder"):
        read_image(tmp_path / "none.png")
    (tmp_path / "text.png").write_text("no picture")
    with refuses(key="text.png", value="cannot be read as a picture", remedy="choose an undamaged picture file"):
        read_image(tmp_path / "text.png")


@pytest.mark.parametrize(("orientation", "turns"), [(6, 1), (3, 2), (8, 3)])
def test_a_phones_picture_is_upright(tmp_path: Path, orientation: int, turns: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = saved(tmp_path, Image.fromarray(np.rot90(colours(), turns)), exif=exif)
    assert np.array_equal(read_image(file), colours())
    mask = saved(tmp_path, Image.fromarray(np.rot90(SHAPE, turns).astype(np.uint8) * 255), "mask.png", exif=exif)
    assert np.array_equal(read_mask(mask), SHAPE)


@pytest.mark.parametrize("name", ["ramp.png", "ramp.tif"])
def test_grey_of_16_bits_keeps_its_levels(tmp_path: Path, name: str) -> None:
    file = saved(tmp_path, Image.fromarray(RAMP.astype(np.uint16)), name)
    picture = read_image(file)
    assert picture.shape == (256, 256, 3)
    assert picture.mean() == pytest.approx(127.5, abs=1)
    np.testing.assert_allclose(picture[..., 0], RAMP / 257, atol=0.51)
    np.testing.assert_array_equal(read_mask(file), RAMP / 257 > 127)


def test_decimal_grey_is_read_from_0_to_1_and_refused_beyond(tmp_path: Path) -> None:
    file = saved(tmp_path, Image.fromarray((RAMP / 65535).astype(np.float32)), "grey.tif")
    assert read_image(file).mean() == pytest.approx(127.5, abs=1)
    file = saved(tmp_path, Image.fromarray(RAMP.astype(np.float32)), "far.tif")
    with refuses(key="far.tif", value=65535, remedy="save it as a PNG of 8 or 16 bits"):
        read_image(file)


def test_other_kinds_look_as_in_comfyui(tmp_path: Path) -> None:
    picture = Image.fromarray(colours())
    flat = Image.new("RGB", (64, 48), (200, 30, 60))
    assert np.array_equal(
        read_image(saved(tmp_path, flat.convert("CMYK"), "cmyk.tif")), np.asarray(flat.convert("CMYK").convert("RGB"))
    )
    few = picture.quantize(16)
    assert np.array_equal(read_image(saved(tmp_path, few, "palette.png")), np.asarray(few.convert("RGB")))
    clear = picture.copy()
    clear.putalpha(Image.fromarray(SHAPE.astype(np.uint8) * 255))
    # LoadImage drops the transparency and does not composite: hidden pixels keep their colour.
    assert np.array_equal(read_image(saved(tmp_path, clear, "alpha.png")), colours())
    moving = [Image.new("RGB", (64, 48), colour) for colour in ("red", "blue")]
    file = saved(tmp_path, moving[0], "moving.webp", save_all=True, append_images=moving[1:], lossless=True)
    assert read_image(file)[0, 0].tolist() == [255, 0, 0]


def test_a_mask_is_true_where_bright(tmp_path: Path) -> None:
    file = saved(tmp_path, Image.fromarray(np.array([[0, 127], [128, 255]], np.uint8)))
    assert read_mask(file).tolist() == [[False, False], [True, True]]


def palette_mask() -> Image.Image:
    picture = Image.fromarray(SHAPE.astype(np.uint8)).convert("P")
    picture.putpalette([0, 0, 0, 128, 0, 0])
    return picture


def cut_out() -> Image.Image:
    picture = Image.fromarray(colours())
    picture.putalpha(Image.fromarray(SHAPE.astype(np.uint8) * 255))
    return picture


def black_on_nothing() -> Image.Image:
    return Image.fromarray(np.dstack([np.zeros((48, 64, 3), np.uint8), SHAPE.astype(np.uint8) * 255]))


def drawn_with_round_corners() -> Image.Image:
    opaque = np.full((48, 64), 255, np.uint8)
    opaque[:3, :3] = 0
    return Image.fromarray(np.dstack([np.repeat(SHAPE.astype(np.uint8)[..., None] * 255, 3, axis=2), opaque]))


def transparent_colour() -> Image.Image:
    picture = Image.fromarray(SHAPE.astype(np.uint8)).convert("P")
    picture.putpalette([255, 255, 255, 10, 10, 10])
    picture.info["transparency"] = 0
    return picture


@pytest.mark.parametrize(
    "picture",
    [
        *(Image.fromarray(SHAPE.astype(np.uint8) * high) for high in (1, 7, 255)),
        *(Image.fromarray(SHAPE.astype(np.uint16) * high) for high in (1, 255, 65535)),
        Image.fromarray(SHAPE),
        Image.fromarray(SHAPE.astype(np.uint8) * 255).convert("RGB"),
        Image.fromarray(SHAPE.astype(np.uint8) * 255).convert("RGBA"),
        palette_mask(),
        cut_out(),
        black_on_nothing(),
        drawn_with_round_corners(),
        transparent_colour(),
    ],
    ids=[
        *("0-1", "0-7", "0-255", "deep-0-1", "deep-0-255", "deep-0-65535", "one-bit", "rgb", "rgba-opaque", "palette"),
        *("cut-out", "silhouette", "rounded", "tRNS"),
    ],
)
def test_a_mask_is_the_shape_that_one_sees(tmp_path: Path, picture: Image.Image) -> None:
    assert np.array_equal(read_mask(saved(tmp_path, picture)), SHAPE)


def test_uniform_masks_are_full_or_empty_and_dark_ones_refused(tmp_path: Path) -> None:
    for value, full in ((0, False), (1, True), (255, True)):
        file = saved(tmp_path, Image.new("L", (64, 48), value))
        assert read_mask(file).all() == full
        assert read_mask(file).any() == full
    dark = Image.fromarray((np.arange(64 * 48).reshape(48, 64) % 90).astype(np.uint8))
    with refuses(key="dark.png", value="up to 89 of 255", remedy="one white shape on black"):
        read_mask(saved(tmp_path, dark, "dark.png"))


def test_labels_are_stored_numbers(tmp_path: Path) -> None:
    labels = SHAPE.astype(np.uint8) * 2
    for picture in (
        Image.fromarray(labels),
        Image.fromarray(labels.astype(np.uint16)),
        Image.fromarray(labels).convert("RGB"),
    ):
        found = read_labels(saved(tmp_path, picture))
        assert found is not None
        assert np.array_equal(found, labels)
    found = read_labels(saved(tmp_path, palette_mask()))
    assert found is not None
    assert np.array_equal(found, SHAPE)
    for picture in (Image.fromarray(colours()), cut_out()):
        assert read_labels(saved(tmp_path, picture)) is None


def test_of_an_animation_the_first_picture_is_used_and_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    frames = [Image.new("RGB", (8, 6), colour) for colour in ("red", "blue", "lime")]
    frames[0].save(tmp_path / "moving.png", save_all=True, append_images=frames[1:])
    assert read_image(tmp_path / "moving.png")[0, 0].tolist() == [255, 0, 0]
    assert "moving.png is an animation of 3 pictures; its first one is used." in caplog.text
    caplog.clear()
    frames[0].save(tmp_path / "still.png")
    read_image(tmp_path / "still.png")
    assert not caplog.text
