"""Tiny random models of transformers' own classes, saved as real ones are: detectors, SAM 2, and a captioner."""

from __future__ import annotations

import json
from pathlib import Path

import torch
import transformers as hf
from transformers.models.sam2.configuration_sam2 import Sam2HieraDetConfig, Sam2VisionConfig

LETTERS = [chr(code) for code in range(97, 123)]


def save_owlv2(folder: Path) -> Path:
    """OWLv2 for pictures of 64 x 64 and words of single letters."""
    folder.mkdir(parents=True)
    torch.manual_seed(0)
    marks = ["!", "<|startoftext|>", "<|endoftext|>"]
    vocabulary = {token: number for number, token in enumerate([*marks, *LETTERS, *(f"{one}</w>" for one in LETTERS)])}
    (folder / "vocab.json").write_text(json.dumps(vocabulary))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    tokenizer = hf.CLIPTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=16)
    small = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    text = {
        "vocab_size": len(vocabulary),
        "max_position_embeddings": 16,
        "pad_token_id": 0,
        "bos_token_id": 1,
        "eos_token_id": 2,
    }
    vision = {**small, "image_size": 64, "patch_size": 16}
    model = hf.Owlv2ForObjectDetection(
        hf.Owlv2Config(text_config={**small, **text}, vision_config=vision, projection_dim=32)
    )
    for weight in model.box_head.parameters():
        weight.data.mul_(0.05)  # boxes stay near their patches, as after training
    model.save_pretrained(folder)
    hf.Owlv2Processor(hf.Owlv2ImageProcessor(size={"height": 64, "width": 64}), tokenizer).save_pretrained(folder)
    return folder


def save_grounding_dino(folder: Path) -> Path:
    """Grounding DINO with a Swin backbone of four stages and a BERT of one layer."""
    folder.mkdir(parents=True)
    torch.manual_seed(0)
    known = {
        "[PAD]": 0,
        "[UNK]": 100,
        "[CLS]": 101,
        "[SEP]": 102,
        "[MASK]": 103,
        "a": 200,
        "dog": 201,
        "cat": 202,
        ".": 1012,
        "?": 1029,
    }
    words = {number: word for word, number in known.items()}
    (folder / "vocab.txt").write_text("\n".join(words.get(number, f"[unused{number}]") for number in range(1030)))
    tokenizer = hf.BertTokenizer(str(folder / "vocab.txt"))
    stages = ["stage2", "stage3", "stage4"]
    swin = hf.SwinConfig(
        image_size=64, embed_dim=8, depths=[1, 1, 1, 1], num_heads=[1, 2, 2, 2], window_size=4, out_features=stages
    )
    small = {"num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32, "max_position_embeddings": 64}
    half = {"layers": 2, "ffn_dim": 32, "attention_heads": 2}
    config = hf.GroundingDinoConfig(
        backbone_config=swin,
        text_config=hf.BertConfig(vocab_size=1030, hidden_size=32, **small),
        num_queries=20,
        d_model=32,
        max_text_len=64,
        **{f"{part}_{name}": value for part in ("encoder", "decoder") for name, value in half.items()},
    )
    hf.GroundingDinoForObjectDetection(config).save_pretrained(folder)
    pictures = hf.GroundingDinoImageProcessor(size={"shortest_edge": 64, "longest_edge": 96})
    hf.GroundingDinoProcessor(pictures, tokenizer).save_pretrained(folder)
    return folder


def save_sam2(folder: Path, side: int = 128) -> Path:
    """SAM 2 for videos of 128 x 128."""
    torch.manual_seed(0)
    hiera = Sam2HieraDetConfig(
        hidden_size=12,
        num_attention_heads=1,
        image_size=[side, side],
        blocks_per_stage=[1, 1, 2, 1],
        embed_dim_per_stage=[12, 24, 48, 96],
        num_attention_heads_per_stage=[1, 2, 4, 8],
        window_size_per_stage=[4, 4, 4, 4],
        global_attention_blocks=[3],
    )
    vision = Sam2VisionConfig(
        backbone_config=hiera,
        backbone_channel_list=[96, 48, 24, 12],
        backbone_feature_sizes=[[side // 4] * 2, [side // 8] * 2, [side // 16] * 2],
        fpn_hidden_size=128,
    )
    config = hf.Sam2VideoConfig(
        vision_config=vision,
        prompt_encoder_config={"hidden_size": 128, "image_size": side},
        mask_decoder_config={"hidden_size": 128, "mlp_dim": 32, "num_attention_heads": 2, "iou_head_hidden_dim": 32},
        image_size=side,
        memory_attention_hidden_size=128,
        memory_attention_feed_forward_hidden_size=32,
        memory_attention_num_layers=1,
        memory_attention_rope_feat_sizes=[side // 16, side // 16],
        memory_encoder_hidden_size=128,
        memory_encoder_output_channels=64,
        mask_downsampler_embed_dim=128,
        memory_fuser_embed_dim=128,
        memory_fuser_intermediate_dim=32,
    )
    hf.Sam2VideoModel(config).save_pretrained(folder)
    return folder


def save_sam3(folder: Path, side: int = 112) -> Path:
    """The tracker of SAM 3 for videos, with a backbone of two layers."""
    torch.manual_seed(0)
    patches = side // 14
    backbone = {
        **{"model_type": "sam3_vit_model", "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2},
        **{"num_attention_heads": 2, "image_size": side, "pretrain_image_size": side, "window_size": 4},
        "global_attn_indexes": [1],
    }
    vision = {
        **{"model_type": "sam3_vision_model", "backbone_config": backbone, "fpn_hidden_size": 128},
        "backbone_feature_sizes": [[patches * 4] * 2, [patches * 2] * 2, [patches] * 2],
    }
    config = hf.Sam3TrackerVideoConfig(
        vision_config=vision,
        prompt_encoder_config={"hidden_size": 128, "image_size": side},
        mask_decoder_config={"hidden_size": 128, "mlp_dim": 32, "num_attention_heads": 2, "iou_head_hidden_dim": 32},
        image_size=side,
        memory_attention_hidden_size=128,
        memory_attention_feed_forward_hidden_size=32,
        memory_attention_num_layers=1,
        memory_attention_rope_feat_sizes=[patches, patches],
        memory_encoder_hidden_size=128,
        memory_encoder_output_channels=64,
        mask_downsampler_embed_dim=128,
        memory_fuser_embed_dim=128,
        memory_fuser_intermediate_dim=32,
    )
    hf.Sam3TrackerVideoModel(config).save_pretrained(folder)
    return folder


def save_blip(folder: Path) -> Path:
    """BLIP for pictures of 32 x 32 and a vocabulary of letters."""
    folder.mkdir(parents=True)
    torch.manual_seed(0)
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *LETTERS]
    (folder / "vocab.txt").write_text("\n".join(words))
    tokenizer = hf.BertTokenizer(str(folder / "vocab.txt"))
    small = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    tokens = {"pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 3, "sep_token_id": 3}
    text = {**small, **tokens, "vocab_size": len(words), "encoder_hidden_size": 32, "max_position_embeddings": 160}
    config = hf.BlipConfig(
        text_config=text, vision_config={**small, "image_size": 32, "patch_size": 16}, projection_dim=16
    )
    hf.BlipForConditionalGeneration(config).save_pretrained(folder)
    hf.BlipProcessor(hf.BlipImageProcessor(size={"height": 32, "width": 32}), tokenizer).save_pretrained(folder)
    return folder
