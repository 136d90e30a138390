"""What `reticent init --modality image` writes."""

import json
import os
from collections.abc import Sequence
from pathlib import Path

TEMPLATE = """\
# An audit of a model of pictures. docs/images.md explains it; docs/configuration.md has every key.
modality = "image"

[model]
path = {model}
owner = {owner}
{call}
# answers = "embedding"         # a face network that answers with vectors
# range = [0, 255]              # black and white, in the numbers that the model takes
# layout = "channels_first"     # or "channels_last", "flat"; default: flat for scikit-learn

[data]
training = {training}   # photos it was trained on: the truth, no attack sees them
held_out = {held_out}   # photos of the same people that it was not trained on: for the judges
{public}
# show_names = true             # digits or products: no pseudonyms

[adversary]
query_budget = 16000            # pictures that one attack may ask about, all people together

[exposure]
channels = ["label", "scores"]  # add "weights" if the model file itself gets into other hands
# explainer = "saliency"        # with "explanation" among the channels; or attribution, prototype
# layer = "features.3"          # with "intermediate" among the channels

[[policy]]                      # the first is the one in force
name = "open"
defences = []

[[policy]]
name = "round-2"
defences = [{{ kind = "round", digits = 2 }}]

[[policy]]
name = "hard-label"
defences = [{{ kind = "hard_label" }}]

[audit]
seed = 0
"""


def image_configuration(
    model: str,
    training: Path,
    held_out: Path | None,
    public: Path | None,
    *,
    owner: str,
    beside: Path,
) -> tuple[str, Sequence[str]]:
    """Return the text of a reticent.toml for a model of pictures, and what is left to do.

    Args:
        model: its file.
        training: folder or .npz file of training photos.
        held_out: the same of held-out photos; None leaves a place for it.
        public: the same of the adversary's pictures; None leaves it out.
        owner: who answers for the model.
        beside: the folder that the file will lie in.
    """

    def named(path: str | Path) -> str:
        return json.dumps(Path(os.path.relpath(path, beside)).as_posix(), ensure_ascii=False)

    to_do = []
    if held_out is None:
        to_do.append("name held-out photos of the same people in data.held_out (--non-members)")
    if owner.strip().casefold() in ("", "todo"):
        to_do.append("name the owner of the model in model.owner")
    call = '# recipe = "network:train"    # how such a model is trained, for twins'
    if Path(model).suffix.lower() == ".safetensors":
        call = (
            f'call = "TODO"   # module:function that returns the module without its weights\n{call}'
        )
        to_do.append("name the function that builds the module in model.call")
    line = '# public = "public"             # pictures of other people, for attacks with a prior'
    if public is not None:
        line = f"public = {named(public)}   # pictures of other people, which the adversary owns"
    text = TEMPLATE.format(
        model=named(model),
        call=call,
        owner=json.dumps(owner, ensure_ascii=False),
        training=named(training),
        held_out='"TODO"' if held_out is None else named(held_out),
        public=line,
    )
    return text, to_do
