"""Named LoRAs: which one is active, what is trained, and what is exported."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

pytest.importorskip("peft")

from flashmotion_core.acceleration.fp8 import store_as_fp8
from train.engine import lora
from train.engine.checkpointing import checkpoint_blocks

from ...support.sentences import refuses


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.stem = nn.Linear(24, 24)
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.Linear(24, 48), nn.GELU(), nn.Linear(48, 24, bias=False), nn.LayerNorm(24)) for _ in "ab"
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for block in self.blocks:
            x = x + block(x)
        return x


X = torch.linspace(-1, 1, 3 * 24).reshape(3, 24)


def with_loras(*names: str, dtype: torch.dtype = torch.float32) -> Net:
    """A net whose LoRAs are not zero."""
    net = Net().to(dtype)
    for seed, name in enumerate(names):
        torch.manual_seed(100 + seed)
        for _, parameter in lora.add_lora(net, name, 4, 8.0):
            nn.init.normal_(parameter, std=0.2)
    return net


def test_a_new_lora_changes_nothing_yet_and_is_all_that_is_trained() -> None:
    net = Net()
    before = net(X)
    added = lora.add_lora(net, "a", 4, 8.0)
    assert torch.equal(net(X), before)
    assert len(added) == 2 * 4  # A and B of 4 layers
    assert {name for name, p in net.named_parameters() if p.requires_grad} == {name for name, _ in added}
    assert {p.shape for _, p in added} == {(4, 24), (48, 4), (4, 48), (24, 4)}
    with refuses(AssertionError, key="there is a LoRA", value="'a' already"):
        lora.add_lora(net, "a", 4, 8.0)


def test_a_second_lora_leaves_the_first_as_it_is() -> None:
    net = with_loras("a")
    first = {key: value.clone() for key, value in lora.lora_state_dict(net, "a").items()}
    with_first = net(X)
    second = lora.add_lora(net, "b", 2, 2.0)
    assert all(p.requires_grad for _, p in [*second, *lora.trainable(net, "a")])
    assert not {id(p) for _, p in second} & {id(p) for _, p in lora.trainable(net, "a")}
    assert sum(p.requires_grad for p in net.parameters()) == 16
    for key, value in lora.lora_state_dict(net, "a").items():
        assert torch.equal(value, first[key])
    with lora.active(net, "a"):
        assert torch.equal(net(X), with_first)
    assert torch.equal(net(X), Net()(X))  # b is active now, and zero


def test_active_may_be_nested_and_restores() -> None:
    net = with_loras("a", "b")
    trained = [p.requires_grad for p in net.parameters()]
    outs = {}
    for name in ("a", "b", None):
        with lora.active(net, name):
            outs[name] = net(X)
    assert torch.equal(outs[None], Net()(X))
    assert not torch.allclose(outs["a"], outs["b"])
    with lora.active(net, "a"):
        with lora.active(net, None):
            with lora.active(net, "b"):
                assert torch.equal(net(X), outs["b"])
            assert torch.equal(net(X), outs[None])
        with pytest.raises(KeyError), lora.active(net, "b"):
            raise KeyError
        with lora.active(net, "a"):
            pass
        assert torch.equal(net(X), outs["a"])
    assert torch.equal(net(X), outs["b"])  # added last
    assert [p.requires_grad for p in net.parameters()] == trained
    with refuses(AssertionError, key="no LoRA", value="'c' was added"), lora.active(net, "c"):
        pass


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_merged_weights_are_the_same_function_under_the_original_names(dtype: torch.dtype) -> None:
    net = with_loras("a", "b", dtype=dtype)
    original = Net().to(dtype)
    base = original.state_dict()
    below = {key.replace(".base_layer.", "."): value for key, value in net.state_dict().items() if ".lora_" not in key}
    assert list(below) == list(base)
    for key, value in base.items():
        assert torch.equal(below[key], value)
    merged = lora.merged(base, net, "a")
    assert list(merged) == list(base)
    assert all(value.dtype == dtype for value in merged.values())
    changed = {key for key in merged if not torch.equal(merged[key], base[key])}
    assert changed == {f"blocks.{block}.{layer}.weight" for block in range(2) for layer in (0, 2)}
    down, up = (lora.lora_state_dict(net, "a")[f"blocks.1.2.lora_{half}.weight"] for half in "AB")
    expected = base["blocks.1.2.weight"].float() + 8.0 / 4 * up @ down
    assert torch.equal(merged["blocks.1.2.weight"], expected.to(dtype))
    original.load_state_dict(merged)
    with lora.active(net, "a"):
        tolerance = {"rtol": 1e-5, "atol": 1e-5} if dtype == torch.float32 else {"rtol": 0.05, "atol": 0.1}
        torch.testing.assert_close(original(X.to(dtype)), net(X.to(dtype)), **tolerance)


@pytest.mark.parametrize("checkpointed", [False, True])
def test_backward_repeats_forward_with_its_own_lora(checkpointed: bool) -> None:
    net = with_loras("a", "b")
    plain = copy.deepcopy(net)
    if checkpointed:
        checkpoint_blocks(net.blocks, contexts=lora.contexts(net))
    for network in (net, plain):
        x = X.clone().requires_grad_()
        with lora.active(network, "a"):
            student = network(x)
        with lora.active(network, None):
            base = network(student)
        with lora.active(network, "b"):
            loss = (network(x) * base).sum() + student.square().sum()
            loss.backward(retain_graph=True)
        loss.backward()  # walked twice, under another LoRA
        assert x.grad is not None
        assert lora._current(list(lora._layers(network).values())) == "b"
    ours, theirs = ({name: p.grad for name, p in network.named_parameters()} for network in (net, plain))
    for name, gradient in ours.items():
        expected = theirs[name]
        assert (gradient is None) == (expected is None) == (".lora_" not in name)
        assert gradient is None or expected is None or torch.equal(gradient, expected)
        assert gradient is None or gradient.abs().max() > 0


def test_loading_under_another_name() -> None:
    net = with_loras("a")
    state = copy.deepcopy(lora.lora_state_dict(net, "a"))
    other = with_loras("c", "d")
    with lora.active(other, "d"):
        assert not torch.allclose(other(X), net(X))
    lora.load_lora(other, "d", state)
    with lora.active(other, "d"):
        assert torch.equal(other(X), net(X))
    key = next(iter(state))
    with refuses(key=repr(key), value=f"(5, 24), not {tuple(state[key].shape)}", remedy="same rank and network"):
        lora.load_lora(other, "d", state | {key: torch.zeros(5, 24)})
    missing = min(state.keys() - {key})
    with refuses(key="the LoRA weights", value=f"{missing!r} is on one side only", remedy="those of this generator"):
        lora.load_lora(other, "d", {key: state[key]})


def test_a_new_lora_is_drawn_in_its_own_type_whatever_the_base_is_stored_in() -> None:
    drawn = []
    for store in (lambda net: net, lambda net: net.bfloat16(), store_as_fp8):
        net = Net().requires_grad_(False)
        store(net)
        torch.manual_seed(7)
        lora.add_lora(net, "a", 4, 8.0)
        lora.add_lora(net, "b", 4, 8.0)
        drawn.append(
            {f"{name}.{key}": value for name in "ab" for key, value in lora.lora_state_dict(net, name).items()}
        )
    for other in drawn[1:]:
        assert other.keys() == drawn[0].keys()
        for key, value in other.items():
            assert torch.equal(value, drawn[0][key]), key
    first = drawn[0]["a.blocks.0.0.lora_A.weight"]
    assert len(first.unique()) > 0.9 * first.numel()


def test_a_lora_on_a_base_in_8_bits() -> None:
    net = Net().bfloat16().requires_grad_(False)
    assert store_as_fp8(net) > 0
    x = X.bfloat16()
    before = net(x)
    added = lora.add_lora(net, "a", 4, 8.0)
    assert torch.equal(net(x), before)
    assert {p.dtype for _, p in added} == {torch.float32}
    net(x).float().square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for _, p in added)
    nn.init.normal_(added[1][1], std=0.2)
    exported = Net().bfloat16()
    exported.load_state_dict(lora.merged(exported.state_dict(), net, "a"))
    torch.testing.assert_close(exported(x), net(x), rtol=0.2, atol=0.2)
    assert not torch.equal(exported(x), Net().bfloat16()(x))
