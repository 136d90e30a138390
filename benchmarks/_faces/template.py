"""MobileFaceNet's vector of one photo to a face; the adversary has photos of 20 other people."""

from collections.abc import Sequence

import numpy as np

from reticent.attacks.inversion.template import TemplateInversion
from reticent.targets.torch import TorchModel

from .cnn import public_people
from .data import PICTURES, Photos, two_groups
from .judging import Judges
from .targets import mobile_face_net
from .white_box import attacked, mean_row

ATTACK = TemplateInversion()


def templates(
    train: Photos, held: Photos, judges: Sequence[Judges], walls: dict[str, list[np.ndarray]]
) -> dict[str, float]:
    """Print the section; return the bar. The line-up holds all 40 people."""
    print("\n3. Template of one photo (MobileFaceNet), 20 people, prior from the 20 others")
    network = TorchModel(
        module=mobile_face_net(), answers="embedding", images=PICTURES, name="MobileFaceNet"
    )
    ours, themselves, times = [], [], []
    for seed, judge in enumerate(judges):
        private, others = two_groups(seed)
        photo = np.stack([train.x[train.y == p][0] for p in private])
        claim, spent = attacked(
            ATTACK,
            network,
            public_people(train, held, others),
            np.arange(len(private)),
            seed,
            observed=network.answer(photo),
        )
        themselves.append(judge.judge(photo, private))
        ours.append(judge.judge(claim.images, private))
        times.append(spent)
        if seed == 0:
            walls["template"] = [photo[:12], claim.images[:12]]
    mean_row("the photo itself", themselves, None)
    figures = mean_row("template: ours", ours, float(np.median(times)))
    return {"template_dlib1": figures["dlib1"]}
