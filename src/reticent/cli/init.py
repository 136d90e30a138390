"""`reticent init`: a reticent.toml from a model and its data."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from reticent.cli.paths import put_text


class Modality(StrEnum):
    """What the model takes."""

    TABLE = "table"
    IMAGE = "image"


def init(
    model: Annotated[
        str, typer.Argument(help="Model file, recorded query log, or package.module:function.")
    ],
    data: Annotated[
        Path,
        typer.Argument(
            help="The training data (CSV, Parquet, Arrow), or one file with everybody and a column "
            "such as in_training."
        ),
    ],
    non_members: Annotated[
        Path | None, typer.Option(help="Records that the model was not trained on.")
    ] = None,
    owner: Annotated[str, typer.Option(help="The person or team who answers for it.")] = "TODO",
    modality: Annotated[
        Modality,
        typer.Option(
            help="image: DATA and --non-members are folders (or .npz files) of labelled pictures."
        ),
    ] = Modality.TABLE,
    public: Annotated[
        Path | None, typer.Option(help="With image: pictures of other people, the adversary's.")
    ] = None,
    out: Annotated[Path, typer.Option(help="File to write.")] = Path("reticent.toml"),
    force: Annotated[bool, typer.Option("--force", help="Overwrite an existing file.")] = False,
    trust_model_file: Annotated[
        bool,
        typer.Option(
            "--trust-model-file",
            help="Load a pickle or joblib file. Such a file runs any code its author put in.",
        ),
    ] = False,
) -> None:
    """Write a commented reticent.toml from a model and its data.

    Asks nothing that it can infer. What it guessed is marked GUESS in the file: confirm it.
    """
    from reticent.cli.image_config import image_configuration
    from reticent.cli.inspecting import configuration
    from reticent.cli.measuring import warn_of_code
    from reticent.core import BadInput

    if out.exists() and not force:
        raise BadInput(
            f"{out} exists already.", way_out="Choose another --out, or overwrite it with --force."
        )
    if trust_model_file:
        warn_of_code(model)
    text, to_do = (
        image_configuration(model, data, non_members, public, owner=owner, beside=out.parent)
        if modality is Modality.IMAGE
        else configuration(
            model,
            data,
            non_members=non_members,
            owner=owner,
            beside=out.parent,
            trust_model_file=trust_model_file,
        )
    )
    put_text(out, text)
    typer.echo(out)
    for line in to_do:
        typer.echo(f"  to do: {line}", err=True)
