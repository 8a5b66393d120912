"""What the figures of clips are called in every report, in the order of its columns."""

TITLES = {
    "box_iou": "box IoU",
    "mask_iou": "mask IoU",
    "frechet": "Frechet",
    "centre_error": "centre error",
    "lost": "lost",
    "lost_objects": "lost objects",
    "endpoint_error": "endpoint error",
    "endpoint_pixels": "endpoint px",
    "lost_points": "lost points",
    "psnr": "PSNR",
    "sharpness": "sharpness",
    "motion": "motion",
    "flicker": "flicker",
    "dynamic_degree": "dynamic",
    "first_frame_jump": "jump",
    "seconds": "s per clip",
}
