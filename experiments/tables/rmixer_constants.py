"""RMixer's assumed job types and utilisations, which we measure instead.

Source: the scheduler of the RMixer repository (github.com/Gardenia-Tian/RMixer, MIT), for the
figures of Tian et al., IEEE TPDS 2024, doi 10.1109/TPDS.2024.3432620: the utilisations of its
``arithmetic_intensity_dict``, in percent there, and its three sets of names: high-arithmetic,
high-memory and both-low. They are of PaddlePaddle 2.4.2 on an unnamed GPU at unnamed batch sizes.
``criteo_flen`` and all models that are not RMixer's have no constants.
"""

from __future__ import annotations

from dataclasses import dataclass

from rmixer.model_profile.model_profile import JobType


@dataclass(frozen=True)
class RMixerConstant:
    """One model's type, and its assumed utilisation of a GPU (0 to 1)."""

    job_type: JobType
    utilisation: float


RMIXER_CONSTANTS = {
    "criteo_widedeep": RMixerConstant("compute", 0.27),
    "criteo_deepfm": RMixerConstant("low", 0.0447),
    "criteo_dcn": RMixerConstant("low", 0.059),
    "criteo_dcn2": RMixerConstant("compute", 0.25),
    "criteo_difm": RMixerConstant("compute", 0.395),
    "criteo_dlrm": RMixerConstant("compute", 0.23),
    "avazu_flen": RMixerConstant("memory", 0.05),
    "avazu_widedeep": RMixerConstant("compute", 0.55),
    "alidisplay_dmr": RMixerConstant("compute", 0.18),
    "amazon_din": RMixerConstant("low", 0.048),
    "amazon_dien": RMixerConstant("memory", 0.072),
    "amazon_bst": RMixerConstant("memory", 0.068),
    "kdd_dpin": RMixerConstant("compute", 0.15),
    "beauty_bert4rec": RMixerConstant("compute", 0.22),
}
