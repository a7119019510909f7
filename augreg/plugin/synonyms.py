"""Names that other libraries use, and what is written for them here.

Keras's layers, torchvision, Albumentations, tf.image, imgaug and Keras's old ImageDataGenerator.
Capitals, underscores and a module in front (`A.`, `tf.image.`) do not count, nor do the prefixes
`stateless_`, `random_` and `adjust_` where the rest of the name is in the table.
"""

from __future__ import annotations

import re
from functools import lru_cache

_PREFIXES = ("stateless", "random", "adjust")

_FLIP = '{"op": "flip", "p": 0.5}'
_MOVE = '{"op": "translate", "x": [-0.1, 0.1], "y": [-0.1, 0.1]}'
_ALWAYS = "always applied without p"

# names; what is written here, or nothing; what else there is to know
ROWS = (
    ("RandomFlip", _FLIP, "one axis per step; Keras makes one draw for both axes"),
    ("HorizontalFlip hflip fliplr flip_left_right mirror", _FLIP, _ALWAYS),
    (
        "VerticalFlip vflip flipud flip_up_down",
        '{"op": "flip", "axis": "vertical", "p": 0.5}',
        _ALWAYS,
    ),
    (
        "Rotate90 rot_90 D4",
        '{"op": "rot90", "k": [0, 3]}',
        "a random quarter turn needs square images",
    ),
    (
        "Rotation rotate_image SafeRotate rotation_range",
        '{"op": "rotate", "degrees": [-30, 30]}',
        "in degrees; Keras counts full turns, its 0.2 is [-72, 72]",
    ),
    (
        "RandomZoom zoom_range ScaleJitter scale scale_x scale_y ZoomOut",
        '{"op": "zoom", "factor": [0.8, 1.25]}',
        "above 1 zooms in; Keras's positive factors zoom out",
    ),
    (
        "Translation width_shift height_shift width_shift_range height_shift_range translate_x "
        "translate_y",
        _MOVE,
        "in fractions of the width and height; shift takes pixels",
    ),
    (
        "RandomShear shear_range shear_x shear_y",
        '{"op": "shear", "x_degrees": [-10, 10]}',
        "in degrees, about the centre",
    ),
    (
        "Affine ShiftScaleRotate affine_transform",
        '{"sequence": [{"op": "rotate", "degrees": [-10, 10]}, ' + _MOVE + "]}",
        "rotate, zoom, shear and translate are separate steps that share one resample",
    ),
    ("RandomPerspective PerspectiveTransform", '{"op": "perspective", "distortion": [0, 0.3]}', ""),
    (
        "RandomCrop CropToBoundingBox",
        '{"op": "crop", "height": 180, "width": 180}',
        "its position is drawn per sample",
    ),
    (
        "AtLeastOneBBoxRandomCrop RandomCropNearBBox",
        '{"op": "crop", "height": 180, "width": 180, "keep": "any"}',
        "its position is drawn among those that hold a box",
    ),
    (
        "RandomSizedBBoxSafeCrop BBoxSafeRandomCrop",
        '{"op": "resized_crop", "height": 224, "width": 224, "keep": "all"}',
        "its position is drawn among those that hold all boxes",
    ),
    (
        "CopyPaste CopyAndPaste SimpleCopyPaste",
        '{"op": "copy_paste", "share": 0.5}',
        "it needs boxes, and masks that say which pixels are each box's own",
    ),
    (
        "CenterCrop CentralCrop",
        '{"op": "crop", "height": 180, "width": 180, "position": "center"}',
        "central_crop takes a fraction of each side instead",
    ),
    (
        "ResizedCrop RandomSizedCrop CropAndResize sample_distorted_bounding_box JitteredResize",
        '{"op": "resized_crop", "height": 224, "width": 224}',
        'changes the size, so it takes no "p"',
    ),
    (
        "Pad PadIfNeeded ZeroPadding2D resize_with_crop_or_pad resize_image_with_crop_or_pad "
        "pad_to_bounding_box CropAndPad CropOrPad CenterPad",
        '{"op": "pad_or_crop", "height": 200, "width": 200}',
        "takes the output size",
    ),
    (
        "Resizing RandomResize SmallestMaxSize RandomShortestSize resize_images "
        "resize_with_pad RandomHeight RandomWidth",
        '"prepare": [{"op": "resize", "height": 180, "width": 180}]',
        'one size for all; "fit" is stretch, crop or pad',
    ),
    (
        "LongestMaxSize LetterBoxing",
        '"prepare": [{"op": "letterbox", "height": 640, "width": 640, "fill_value": 0.447}]',
        "one size for all; the rest is padded",
    ),
    (
        "RandomBrightness brightness_range multiply_brightness",
        '{"op": "brightness", "delta": [-0.2, 0.2]}',
        "is added, in 0..1; enhance multiplies",
    ),
    (
        "RandomContrast LinearContrast",
        '{"op": "contrast", "factor": [0.8, 1.2]}',
        "1 changes nothing",
    ),
    (
        "RandomSaturation",
        '{"op": "saturation", "factor": [0.5, 1.5]}',
        "1 changes nothing; Keras's neutral value is 0.5",
    ),
    (
        "RandomHue",
        '{"op": "hue", "delta": [-0.1, 0.1]}',
        "in full turns of the hue circle; Keras's factor f is a delta of -f/2 or f/2",
    ),
    (
        "ColorJitter RandomBrightnessContrast HueSaturationValue Jitter PhotometricDistort "
        "AddToHueAndSaturation ColourJitter",
        '{"op": "color_jitter", "brightness": 0.4, "contrast": 0.4, "saturation": 0.4, "hue": 0.1}',
        "",
    ),
    (
        "ColorDegeneration Color Colour",
        '{"op": "enhance", "kind": "color", "factor": [0.5, 1]}',
        "1 changes nothing, 0 is grey",
    ),
    (
        "Greyscale ToGray ToGrey rgb_to_grayscale RandomGrayscale gray grey",
        '{"op": "grayscale"}',
        'three equal channels; "channels": 1 gives one',
    ),
    ("InvertImg Inversion negative", '{"op": "invert"}', ""),
    ("Solarization", '{"op": "solarize", "threshold": 0.5}', "thresholds are 0..1, not 0..255"),
    ("Posterization", '{"op": "posterize", "bits": 4}', ""),
    ("Equalization HistogramEqualization", '{"op": "equalize"}', ""),
    ("AutoContrast", '{"op": "autocontrast"}', ""),
    (
        "RandomGamma GammaContrast GammaCorrection",
        '{"op": "gamma", "gamma": [0.8, 1.25]}',
        "1 changes nothing; Albumentations counts in hundredths",
    ),
    (
        "RGBShift ChannelShift channel_shift_range",
        '{"op": "rgb_shift", "red": [-0.1, 0.1]}',
        "in 0..1",
    ),
    ("ChannelPermutation", '{"op": "channel_shuffle"}', ""),
    (
        "AdjustSharpness RandomSharpness Sharpen UnsharpMask",
        '{"op": "sharpness", "factor": [1, 2]}',
        "1 changes nothing; Keras's factor f is 2f here",
    ),
    (
        "Blur GaussianBlur BoxBlur AverageBlur AdvancedBlur",
        '{"op": "gaussian_blur", "kernel_size": 5, "sigma": [0.1, 2]}',
        "",
    ),
    (
        "ImageCompression JpegCompression jpeg_quality RandomJPEG",
        '{"op": "jpeg", "quality": [40, 95]}',
        "100 loses least",
    ),
    ("Pixelate", '{"op": "downscale", "scale": [0.25, 0.5]}', "1 changes nothing"),
    (
        "GaussNoise GaussianNoise AdditiveGaussianNoise MultiplicativeNoise noise AddNoise",
        '{"op": "gaussian_noise", "std": [0, 0.05]}',
        "std is in 0..1, not 0..255; Albumentations 1 gives a variance",
    ),
    (
        "ISONoise CameraSensorNoise",
        '{"op": "iso_noise", "luminance": [0, 0.1], "hue": [0, 0.05]}',
        "standard deviations, of the lightness in 0..1 and of the hue in full turns",
    ),
    (
        "ShotNoise PoissonNoise AdditivePoissonNoise",
        '{"op": "shot_noise", "scale": [0, 0.1]}',
        "scale is the value of one photon",
    ),
    (
        "SaltAndPepper ImpulseNoise SaltPepper PixelDropout",
        '{"op": "salt_and_pepper", "amount": [0, 0.05]}',
        "all channels of a pixel together",
    ),
    (
        "Cutout Erasing MaskDropout XYMasking",
        '{"op": "erase", "p": 0.5}',
        "areas are fractions of the image",
    ),
    (
        "CoarseDropout",
        '{"op": "coarse_dropout", "count": [4, 12]}',
        'sides are fractions of the image\'s; "targets": "hide" for masks and boxes',
    ),
    ("GridDropout GridMask", '{"op": "grid_mask", "ratio": 0.5}', "ratio is of the hidden side"),
    ("ToSepia", '{"op": "sepia"}', "0 changes nothing"),
    (
        "RandomToneCurve",
        '{"op": "tone_curve", "low_y": [0.15, 0.4], "high_y": [0.6, 0.85]}',
        "1/3 and 2/3 change nothing",
    ),
    ("RandomFog", '{"op": "fog", "density": [0.2, 0.6]}', ""),
    ("RandomRain", '{"op": "rain", "amount": [0, 0.2]}', "lengths are fractions of the image"),
    ("RandomShadow", '{"op": "shadow", "strength": [0.2, 0.6]}', ""),
    ("MixUp", '{"op": "mixup", "classes": 10}', "needs the number of classes"),
    ("CutMix", '{"op": "cutmix", "classes": 10}', "needs the number of classes"),
    ("RandAug RandAugment", '{"op": "rand_augment", "n": 2, "magnitude": 9}', ""),
    ("AutoAug AutoAugment", '{"op": "auto_augment", "dataset": "imagenet"}', ""),
    ("TrivialAugment TrivialAugmentWide", '{"op": "trivial_augment_wide"}', ""),
    ("AugMix", '{"op": "aug_mix"}', ""),
    (
        "Normalize Normalization per_image_standardization Standardize featurewise_center "
        "image_normalize",
        '"output": {"normalize": {"mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25]}}',
        "not a step but a key of the policy; in 0..1 units, with std, not the variance",
    ),
    (
        "Rescaling Rescale ToFloat FromFloat ConvertImageDtype ToDtype ToTensor ToTensorV2 ToImage "
        "ToPILImage PILToTensor image_to_tensor cast",
        '"output": {"dtype": "float32", "range": [0, 1]}',
        "not a step but a key of the policy; images are 0..1 inside; [-1, 1] and [0, 255] "
        "are other ranges",
    ),
    (
        "OneOf RandomChoice",
        '{"one_of": [{"op": "invert"}, {"op": "grayscale"}]}',
        'a group; a branch\'s own "p" is not its weight: "weights" are',
    ),
    ("SomeOf", '{"some_of": [{"op": "invert"}, {"op": "flip"}], "n": 1}', "a group"),
    (
        "Compose Sequential Sequence Sometimes RandomApply Pipeline ReplayCompose",
        '{"sequence": [{"op": "flip"}, {"op": "invert"}], "p": 0.5}',
        'a group; "augment" itself is a sequence',
    ),
    ("RandomOrder", '{"random_order": [{"op": "invert"}, {"op": "flip"}]}', "a group"),
    (
        "ElasticTransform ElasticTransformation RandomElasticTransform",
        '{"op": "elastic", "amount": [0, 0.3]}',
        "amount is a fraction of a cell of its grid, and never folds",
    ),
    ("GridDistortion", '{"op": "grid_distortion", "amount": [0, 0.3]}', "its edges stay"),
    ("OpticalDistortion FishEye", '{"op": "optical_distortion", "k": [-0.2, 0.2]}', ""),
    ("NoOp Identity", '{"op": "clip"}', "an empty list of steps changes nothing"),
    (
        "PiecewiseAffine ThinPlateSpline Emboss FancyPCA ChannelDropout RandomSnow "
        "RandomSunFlare Superpixels PlanckianJitter RandomIoUCrop Mosaic Lambda FiveCrop TenCrop "
        "Dropout",
        "",
        "",
    ),
)


def pointer(name: str) -> str:
    """What is written here for another library's `name`; empty if it is not known.

    >>> pointer("RandomHorizontalFlip")
    'in augreg it is {"op": "flip", "p": 0.5} (always applied without p)'
    """
    return next((_table()[key] for key in keys(name) if key in _table()), "")


def keys(name: str) -> list[str]:
    """What a name is compared by: its letters and digits, then without what stands before it."""
    if len(name) > 60:
        return []
    found = [re.sub(r"[^a-z0-9]", "", name.rpartition(".")[2].lower())]
    for prefix in _PREFIXES:
        if found[-1].startswith(prefix) and found[-1] != prefix:
            found.append(found[-1].removeprefix(prefix))
    return found


@lru_cache(maxsize=1)
def _table() -> dict[str, str]:
    texts = {name: _text(written, note) for names, written, note in ROWS for name in names.split()}
    found = {keys(name)[0]: text for name, text in texts.items()}
    for name, text in texts.items():  # "adjust_hue" finds "RandomHue" by what both are without
        for key in keys(name):
            found.setdefault(key, text)
    return found


def _text(written: str, note: str) -> str:
    if not written:
        return "augreg has no such op yet; docs/write-an-op.md explains how to add one"
    return f"in augreg it is {written}" + (f" ({note})" if note else "")
