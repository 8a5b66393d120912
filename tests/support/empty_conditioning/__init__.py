"""A node for the tests: the conditioning of a generator trained without text, for ComfyUI's own samplers."""

import torch
from comfy_api.latest import ComfyExtension, io


class TestEmptyConditioning(io.ComfyNode):
    """512 empty tokens of the tiny generator's text width."""

    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="TestEmptyConditioning", category="test", inputs=[], outputs=[io.Conditioning.Output()]
        )

    @classmethod
    def execute(cls):
        return io.NodeOutput([[torch.zeros(1, 512, 64), {}]])


class Extension(ComfyExtension):
    """Its only node."""

    async def get_node_list(self):
        return [TestEmptyConditioning]


async def comfy_entrypoint():
    return Extension()
