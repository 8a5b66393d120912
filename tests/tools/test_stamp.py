"""A stamp is current for the request it was written for, and for no other."""

from __future__ import annotations

from pathlib import Path

from tools.setup.stamp import Stamp


def test_a_stamp_answers_for_its_request_alone(tmp_path: Path) -> None:
    path = tmp_path / "steps" / "torch.stamp"
    stamp = Stamp(path, "torch==1")
    assert not stamp.is_current()
    stamp.write()
    assert stamp.is_current()
    assert not Stamp(path, "torch==2").is_current()


def test_a_stamp_that_was_cut_off_is_not_current(tmp_path: Path) -> None:
    stamp = Stamp(tmp_path / "torch.stamp", "torch==1")
    stamp.write()
    stamp.path.write_text(stamp.path.read_text(encoding="utf-8")[:20], encoding="utf-8")
    assert not stamp.is_current()
