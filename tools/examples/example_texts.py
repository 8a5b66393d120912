"""What the notes of the example workflows say, and the names and addresses of their files."""

from __future__ import annotations

REPOSITORY = "https://github.com/flashmotion/flashmotion"
WAN_21 = "https://huggingface.co/Comfy-Org/Wan_2.1_ComfyUI_repackaged/resolve/main/split_files"
WAN_22 = "https://huggingface.co/Comfy-Org/Wan_2.2_ComfyUI_Repackaged/resolve/main/split_files"
LIGHTX2V = "https://huggingface.co/lightx2v/Autoencoders/resolve/main"
SAM3 = "https://huggingface.co/Comfy-Org/sam3.1/resolve/main/checkpoints"
SDPOSE = "https://huggingface.co/Comfy-Org/SDPose/resolve/main"
KIJAI = "https://huggingface.co/Kijai/WanVideo_comfy/resolve/main"
AUTHORS = "https://huggingface.co/quanhaol/FlashMotion"
SMALL_VAE_FILE = "lighttaew2_2.safetensors"
VIDEO_FILE = "video.mp4"  # ComfyUI brings none: everybody chooses another
# The English of Wan's own, in short.
NEGATIVE = (
    "overexposed, static, blurred details, subtitles, worst quality, low quality, jpeg artifacts, ugly, deformed, extra fingers, poorly "
    "drawn hands, poorly drawn face, fused fingers, three legs, walking backwards"
)
VAE_FILE, TEXT_FILE = "wan2.2_vae.safetensors", "umt5_xxl_fp8_e4m3fn_scaled.safetensors"
BASE_FILE, TURBO_LORA = "wan2.2_ti2v_5B_fp16.safetensors", "Wan22_TI2V_5B_Turbo_lora_rank_64_fp16.safetensors"
ADAPTER_FILE = "flashmotion_resnet.safetensors"
TURBO_FILES = (BASE_FILE, VAE_FILE, ADAPTER_FILE, TURBO_LORA)
DETECTOR_FILE, TRACKER_FILE = "rt_detr_v4-x-hgnet_fp16.safetensors", "sam3.1_multiplex_fp16.safetensors"
# Where a file can be downloaded. ComfyUI offers that for pages of Hugging Face and Civitai only, so a file elsewhere has a note instead.
URLS = {
    BASE_FILE: f"{WAN_22}/diffusion_models/{BASE_FILE}",
    TURBO_LORA: f"{KIJAI}/LoRAs/Wan22-Turbo/{TURBO_LORA}",
    VAE_FILE: f"{WAN_22}/vae/{VAE_FILE}",
    TEXT_FILE: f"{WAN_21}/text_encoders/{TEXT_FILE}",
    SMALL_VAE_FILE: f"{LIGHTX2V}/{SMALL_VAE_FILE}",
    DETECTOR_FILE: f"{SDPOSE}/diffusion_models/{DETECTOR_FILE}",
    TRACKER_FILE: f"{SAM3}/{TRACKER_FILE}",
}
FILES_WAN = f"""## diffusion_models: [{BASE_FILE}]({URLS[BASE_FILE]}), 10 GB, Apache-2.0.
## loras: [{TURBO_LORA}]({URLS[TURBO_LORA]}), 0.3 GB, makes it a four-step generator. CC BY-NC-SA 4.0: no commercial use. For others, see [Models]({REPOSITORY}#models).
## model_patches: no public {ADAPTER_FILE} exists. [Train one]({REPOSITORY}/blob/main/docs/training.md), or try [the authors']({AUTHORS}), which nobody has tried here. Without one, bypass Apply Fast Adapter (Ctrl+B): the video then ignores the boxes.
## vae: [{VAE_FILE}]({URLS[VAE_FILE]})
## text_encoders: [{TEXT_FILE}]({URLS[TEXT_FILE]})"""
FILES_GUIDED = f"""## diffusion_models: [{BASE_FILE}]({URLS[BASE_FILE]}), 10 GB, Apache-2.0.
## loras: [{TURBO_LORA}]({URLS[TURBO_LORA]}), 0.3 GB, makes it a four-step generator. CC BY-NC-SA 4.0: no commercial use. With *Stock model* on it is not used.
## vae: [{VAE_FILE}]({URLS[VAE_FILE]}), Apache-2.0.
## text_encoders: [{TEXT_FILE}]({URLS[TEXT_FILE]}), Apache-2.0."""
FILES_DETECTOR = f"""{FILES_WAN}
## diffusion_models: [{DETECTOR_FILE}]({URLS[DETECTOR_FILE]}), the detector. It needs ComfyUI 0.30 or newer."""
FILES_VIDEO = f"""## Those of flashmotion_plus_adapter, whose note says where they come from, and:
## checkpoints: [{TRACKER_FILE}]({URLS[TRACKER_FILE]}), the tracker, under Meta's SAM licence. It needs ComfyUI 0.30 or newer. Without a GPU, the editor's own *Take motion from a video* (menu Motion) needs no model."""
FILES_FAST = f"""## Those of flashmotion_plus_adapter, whose note says where they come from, and:
## vae_approx: [{SMALL_VAE_FILE}]({URLS[SMALL_VAE_FILE]}), Apache-2.0, the small decoder. ComfyUI shows taew2_2 in wrong colours."""
FILES_TINY = f"""## There is nothing to put in place: FlashMotion brings these models, and Load Image finds the picture among ComfyUI's temporary files.
## If a model is missing from its list, the archive was unpacked in part: install FlashMotion again.
## To make another video, choose another picture in Load Image and draw its boxes.
## The models know drawn scenes like this one, of 128 x 128 pixels and 17 frames, and nothing else. For photographs, see flashmotion_no_adapter and [the README]({REPOSITORY}#models)."""
STEPS_5B = """# 1. Get the files (see Files).
# 2. Choose a picture. Write a prompt.
# 3. Drag the box. At another frame, drag it to where it should be.
# 4. Run: 121 frames in four steps."""
STEPS_GUIDED = """# 1. Get the files (see Files).
# 2. Choose a picture. Write a prompt.
# 3. Drag the box. At the last frame, drag it elsewhere.
# 4. Run. Too loose? Raise *follow*."""
STEPS_FAST = """# 1. Draw. Run: a quick look, by a small decoder.
# 2. Another take? Change the seed.
# 3. Switch on, run again: the same clip by the full VAE."""
STEPS_DETECTOR = """# 1. Get the files (see Files).
# 2. Choose a photograph. Run: what is found stays where it is.
# 3. To move it, choose Use connected objects as keyframes in the ... menu."""
STEPS_BEST = """# 1. Run: four clips, each of other noise.
# 2. The best one plays; the score says which and why.
# 3. Draw, and run again."""
FILES_BEST = """## There is nothing to put in place.
## Four clips take four times the memory: batch_size."""
STEPS_VIDEO = """# 1. Get the files (see Files).
# 2. Choose a picture, and a video.
# 3. Say what moves in the video, as in "dog".
# 4. Run: the object in your picture follows its path."""
STEPS_TINY = """# 1. Run. A CPU is enough.
# 2. At the last frame, drag the boxes elsewhere.
# 3. Run again: the objects follow."""
